/* clerk.h - one thread that does what the catalogue has to do, in order, so that the server's loop
 * never waits for a disk.
 * Why one: a catalogue has one owner at a time, and operations of a job must not overtake others.
 *
 *   control thread: clerk_put ... -> queue -> clerk's thread -> answered -> loop_waker -> callbacks
 *
 * inv 1  operations are performed in the order in which they were asked for
 * inv 2  each accepted one is answered exactly once, in that order, on the loop's thread, never
 *        from inside the call that asked, and never after clerk_close has returned
 * The queue has no bound of its own: a job has at most one operation under way (life.h, inv 5).
 * Threads: all calls and callbacks on the loop's thread. */
#pragma once
#include "jobs/loop.h"
#include "server/catalogue.h"

struct clerk;

struct clerk_answer {
	uint64_t version;   /* put: what to put next time with; raised even if it failed */
	struct err error;   /* code OK: done */
	struct entry entry; /* read: closed after the callback, unless it took it and emptied this */
};
/* May ask for more; not close. */
typedef void clerk_done(void *arg, struct clerk_answer *a);

/* Borrows cat, which is the clerk's alone until clerk_close (but for catalogue_is_free). loop NULL:
 * no thread; clerk_step does the work (simulation, tests). */
RC clerk_open(struct clerk **c, struct catalogue *cat, struct loop *loop, struct mem *mem,
	      struct err *e);
/* Performs what is queued, answers it, joins. What the callbacks ask for meanwhile is performed and
 * answered too. Legal on NULL. */
void clerk_close(struct clerk *c);

/* As in catalogue.h. E_NO_MEMORY: nothing was asked for. en, name are copied. done may be NULL. */
RC clerk_put(struct clerk *c, const struct entry *en, uint64_t version, clerk_done *done, void *arg,
	     struct err *e);
RC clerk_read(struct clerk *c, const char *name, uint64_t version, clerk_done *done, void *arg,
	      struct err *e);
RC clerk_erase(struct clerk *c, const char *name, bool logs, clerk_done *done, void *arg,
	       struct err *e);
RC clerk_drop(struct clerk *c, const char *name, clerk_done *done, void *arg, struct err *e);

/* Without a thread only: performs and answers the oldest; false: there was none. */
bool clerk_step(struct clerk *c);
/* Accepted and not yet answered. */
size_t clerk_pending(const struct clerk *c);
