/* aside.h - one thread for what a request may take too long over for the loop: reading a job's
 * directory. Started for the first of them.
 * Why not the clerk's: what is read for somebody's curiosity must not hold up a submit.
 *
 *   loop: aside_ask -> queue -> thread: work -> loop: done
 *
 * inv 1  each that was accepted gets exactly one `done`, on the loop's thread, never from inside
 *        aside_ask, and never after aside_close has returned
 * inv 2  `work` runs before it, or, where the host closes first, never: done hears which
 * Threads: all calls and `done` on the loop's thread; `work` on its own. */
#pragma once
#include "base/mem.h"
#include "jobs/loop.h"

#define ASIDE_MAX 64 /* that wait: by feel, each may take some milliseconds */

struct aside;
struct aside_do {
	void (*work)(void *arg);
	void (*done)(void *arg, bool worked);
	void *arg;
};
RC aside_open(struct aside **a, struct loop *loop, struct mem *mem, struct err *e);
/* E_LIMIT: ASIDE_MAX wait already. */
RC aside_ask(struct aside *a, const struct aside_do *what, struct err *e);
/* Waits for the one under way; done of the others hears false. NULL is legal. */
void aside_close(struct aside *a);
