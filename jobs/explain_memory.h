/* explain_memory.h - what a plan may take of the machine's memory, said before anything runs. */
#pragma once
#include "jobs/plan.h"

/* Upper bounds, in bytes, of what does not grow with the number of keys. */
struct plan_memory {
	uint32_t channels;
	uint64_t channel_bytes;  /* all of them full */
	uint32_t keyed_tasks;
	uint64_t snapshot_bytes; /* buffers of all keyed subtasks */
	uint64_t buffer_bytes;   /* of sinks */
};
/* Chunks of snapshot buffers that each keyed subtask may have. */
uint32_t plan_chunk_budget(const struct plan *p);
void plan_memory(const struct plan *p, struct plan_memory *m);
/* Of a stage's table for each key, beside the text of long ones: about; twice while it grows. */
uint32_t plan_key_bytes(const struct plan_stage *st);

void explain_memory_put(const struct plan *p, struct bytes *to);
void explain_memory_json(const struct plan *p, struct json_out *o);
