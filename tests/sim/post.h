/* post.h - letters between the control thread and the tasks that come late, in another order or
 * twice. In a process a letter is there at once; the protocol does not rely on it (COORDINATOR 8,
 * 14, 19), and here that is tried.
 *   late    a letter is held back for some steps, and with it those of the same sender after it:
 *           letters of one sender keep their order, those of different senders do not
 *   twice   to a task: a trigger (which may be sent again), an abort, a note of a commit; to the
 *           control thread: an acknowledgement, FROZEN; the second one comes any time later, in the
 *           next attempt too, where it is of an attempt that is over
 *   lost    a note of a commit, for it is best effort; a trigger, which is sent again
 * Not the letters of the lanes: a lane that is not stepped is late, and what it put counts as
 * there.
 * Owns: what it holds back, and the copies it made. Threads: one. */
#pragma once
#include "tests/sim/world.h"

struct post_options {
	uint32_t late_in, twice_in, lost_in; /* one letter in so many; 0: none */
	uint32_t steps;                      /* held for so many at most, now and then ten times that */
};

struct post_seen {
	uint64_t letters, late, twice, lost, old; /* old: of an attempt that is over */
};

struct post;
struct post *post_open(struct world *w, const struct post_options *o, uint64_t seed);
void post_close(struct post *p); /* legal on NULL; its process has ended */
const struct post_seen *post_seen(const struct post *p);

/* As struct world_hooks has them. */
void post_before_step(struct post *p, uint32_t thread);
bool post_nobody_moves(struct post *p);
void post_attempt_ends(struct post *p);
void post_process_ends(struct post *p);
