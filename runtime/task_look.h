/* task_look.h - what a task is about, for somebody who stands beside it: the step mode.
 * Why apart from task.h: nothing that runs needs it. Threads: the one that steps the task; nobody
 * may push to or pop from a channel while it is looked at. */
#pragma once
#include "runtime/task.h"

struct task_look {
	const char *phase;      /* "flows", "has ended", ... */
	uint32_t batch_rows;    /* of the batch it has in hand; 0: none */
	uint64_t aligning;      /* the barrier that came on some inputs and not on all; 0: none */
	uint64_t passed;        /* the newest one that it passed on; 0: none */
	bool preparing;         /* it has the barrier, and what it still holds goes out first */
	bool slicing;           /* rows of its frozen state are not handed over yet */
	bool keyed;
	uint64_t keys, changed; /* changed since `base`; UINT64_MAX: all, there is no base */
};

/* base: id of the newest published checkpoint; 0: none. */
void task_look(const struct task *t, uint64_t base, struct task_look *l);
/* Its i-th input: nothing may be taken from it now; it has ended. */
bool task_holds_input(const struct task *t, uint32_t i);
bool task_input_ended(const struct task *t, uint32_t i);
/* Its part of the cut is taken, and not acknowledged yet. */
bool task_is_taking(const struct task *t, uint64_t id);

/* The i-th item that stands in a channel, oldest first; NULL: there are not that many. */
const struct item *channel_look(const struct channel *ch, uint32_t i);
