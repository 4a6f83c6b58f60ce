/* pace.h - how fast a job goes: what facts, one after the other, say of rates, busy shares, what
 * holds it up and the time that is left.
 * Why apart from the picture: figures are smoothed over time, a picture is of one instant.
 * Pure: facts in, no clock. Threads: one owner. */
#pragma once
#include "jobs/facts.h"

struct pace_stage {
	double in, out;       /* records a second */
	double busy;          /* of its busiest subtask, 0 to 1 */
	double held;          /* share of the time its subtasks waited for room downstream */
	double work;          /* work_done a second */
	struct {
		uint64_t in, out, busy_us, busy_us_max, held_us, work;
	} was;
};

/* What the job would need more of to go faster. */
enum pace_limit {
	PACE_UNKNOWN, /* nothing to go by yet, or it is not running */
	PACE_STAGE,   /* `slowest` works all the time */
	PACE_SINK,    /* `slowest` waits for what it writes to, and the others for it */
	PACE_RATE,    /* the rate that its sources were given; `slowest` is the first of them */
	PACE_INPUT,   /* nothing comes in */
	PACE_ENDING,  /* all is read; what is on its way goes through */
	PACE_NONE,    /* no stage is at its limit; `slowest` is the busiest */
};

struct pace {
	struct mem *mem;
	struct pace_stage *stage; /* as in the facts */
	uint32_t n_stages;
	uint64_t pid, now_us;
	uint32_t attempt;
	uint64_t seen_us, worked_us; /* how long rates, and progress, have been watched */
	bool known;               /* there are rates */
	enum pace_limit limit;
	uint32_t slowest;         /* a stage */
	uint32_t second;          /* another of them (PACE_STAGE, PACE_RATE), or n_stages */
	double done;              /* 0 to 1, of the source with the longest way to go; -1: unknown */
	uint64_t eta_us;          /* 0: none to be told */
};

void pace_init(struct pace *p, struct mem *mem);
/* E_NO_MEMORY: nothing is known then. */
RC pace_update(struct pace *p, const struct facts *f, struct err *e);
void pace_close(struct pace *p); /* legal on the empty value */
