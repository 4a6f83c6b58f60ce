/* workers.h - the threads of an attempt: each loops the steps of its tasks, and waits when there is
 * nothing to do.
 *
 *   step: busy -> step
 *         idle, and full batches came or went a moment ago -> yield -> step
 *         idle -> prepare the waker, step once more -> sleep until woken or until the time named
 *
 * Which processor each keeps to is asked of jobs/spread.h now and then by whichever thread comes
 * first, and obeyed by each thread itself.
 * Owns: the threads; borrows the attempt, which outlives them. Threads: the control thread; what
 * task threads share is atomic or has one of them at a time. */
#pragma once
#include "base/env.h"
#include "jobs/attempt.h"

struct workers;
/* One for each thread of the attempt; none runs yet. E_NO_MEMORY: *w is NULL. */
RC workers_open(struct workers **w, struct attempt *a, struct clock *clock, struct mem *mem,
		struct err *e);
/* E_LIMIT: one could not be started. Those that were run: the attempt has to be failed, and
 * workers_close_threadless called after each of its steps. */
RC workers_start(struct workers *w, struct err *e);
/* The tasks of a thread that could not be started are closed by hand, once all were told to. NULL
 * is legal. */
void workers_close_threadless(struct workers *w);
/* Waits until all have ended, that is until the attempt is over. NULL is legal. */
void workers_close(struct workers *w);
