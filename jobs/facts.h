/* facts.h - what is known of a running job at an instant, as plain data: the one source of truth
 * behind the screen of `weir run`, of `submit --wait`, `weir show`, REST and, later, page and
 * metrics. Counters are totals; rates are the difference of two facts (facts_rate...).
 * Why plain data: a job process fills it, its server passes it on as JSON, and a screen in a third
 * process draws it, all without knowing what a job is made of.
 * Threads: facts_take on the control thread; the rest is pure. */
#pragma once
#include "jobs/job.h"
#include "operators/latency.h"

#define FACTS_ID_MAX 64     /* SPEC_NAME_MAX */
#define FACTS_INPUTS_MAX 16 /* a union of more is drawn with its first ones: by feel */
#define FACTS_SUBTASKS_MAX 256 /* a job of more tells sums only: 40 kB of JSON, by feel */
#define FACTS_EDGES_MAX 4096   /* the first ones of a plan: by feel */

struct facts_stage {
	char id[FACTS_ID_MAX + 1];
	char type[32];            /* "keyed_sum" */
	uint32_t role;            /* enum op_role */
	uint32_t parallelism;
	uint32_t n_inputs;        /* stages it reads ... */
	uint32_t input[FACTS_INPUTS_MAX]; /* ... by index in stage[], each before it; the first ones */
	uint64_t records_in, records_out, records_skipped;   /* of this process, all subtasks */
	uint64_t busy_us, idle_us, backpressured_us;         /* sums over subtasks */
	uint64_t busy_us_max;     /* of the busiest subtask */
	bool keyed;
	bool paced;               /* a source that is held to a rate */
	uint64_t keys, state_bytes;
	uint64_t work_done, work_total; /* of a bounded source, in its own unit (bytes, rows); total 0:
					 * unknown or unbounded */
	struct latency_figures latency; /* of a sink with latency_of; records 0: nothing */
};

struct facts_subtask {
	uint64_t records_in, records_out;
	uint64_t busy_us, idle_us, backpressured_us;
	uint64_t keys, state_bytes;
};

struct facts_edge {
	uint32_t from, to;      /* index in stage[], from before to */
	uint64_t records;       /* of this process */
	uint32_t queued, room;  /* batches that stand in its channels now, and places for them; room 0:
				 * no attempt runs */
};

struct facts_checkpoint {
	uint64_t id;              /* 0: none yet */
	char kind[16];            /* "periodic" */
	uint64_t bytes_written, state_bytes, keys_changed;
	uint64_t align_us, sync_us_max, total_us;
	int64_t wall_us;          /* when it was complete */
	bool full;                /* it had no base */
};

struct facts {
	struct mem *mem;
	char name[FACTS_ID_MAX + 1];
	char dir[4096];
	char state[16];           /* job_state_name */
	uint32_t attempt;
	uint64_t pid;
	uint64_t now_us;          /* monotonic, when these were taken */
	int64_t wall_us;          /* the same instant */
	uint64_t started_us;      /* monotonic: when the process began */
	uint64_t wait_us;         /* WAITING: how long until the next attempt */
	bool bounded, restored;
	uint64_t recovery_us;     /* from start or failure to the first new record; 0: none yet */
	uint64_t completed, failed; /* checkpoints of this process */
	struct facts_checkpoint last, full; /* newest; newest that wrote everything */
	char error[1024];         /* of the last failed attempt, or "" */
	struct facts_stage *stage; /* in the plan's order: inputs first */
	uint32_t n_stages;
	struct facts_subtask *subtask; /* of the first stage, then of the next, ...; NULL: too many */
	struct facts_edge *edge;
	uint32_t n_edges;
};

/* E_NO_MEMORY. *f is filled; close it (on error there is nothing to close). */
RC facts_take(struct facts *f, const struct job *j, uint64_t started_us, struct clock *clock,
	      struct mem *mem, struct err *e);
/* As one JSON object (no line feed). */
void facts_write(const struct facts *f, struct json_out *o);
/* Of that object; E_INVALID when it is none, or makes no sense as a graph. Members it does not know
 * are passed over. On error there is nothing to close. Texts may hold anything but NUL, and are
 * cut where they are too long. */
RC facts_read(struct facts *f, const struct json *v, struct mem *mem, struct err *e);
/* Of stage[i]: as many as its parallelism; NULL: they are not told. */
struct facts_subtask *facts_subtasks(const struct facts *f, uint32_t stage);
/* E_NO_MEMORY. The copy is the caller's to close. */
RC facts_copy(struct facts *to, const struct facts *f, struct mem *mem, struct err *e);
void facts_close(struct facts *f); /* legal on the empty value */
