/* history.h - history.jsonl as it is told: what became of a job's newest checkpoints. It reads a
 * file of some megabytes: aside (reads.h). */
#pragma once
#include "base/env.h"
#include "base/json.h"

/* {"checkpoints": [...]}, oldest first; empty where there is no such file. */
RC history_list(struct env *env, const char *dir, struct json_out *o, struct err *e);
/* The newest line of checkpoint id, without its end; *to stays empty where there is none. */
RC history_find(struct env *env, const char *dir, uint64_t id, struct bytes *to, struct err *e);
