/* out.h - standard output, written by the control loop: only as much as poll says it can take, so a
 * blocked pipe stops the print sink and nothing else.
 * Threads: control thread. */
#pragma once
#include "jobs/loop.h"
#include "runtime/operator.h"

struct out;
/* written (may be NULL) is called after some bytes went to fd. */
RC out_open(struct out **o, struct loop *loop, int fd, void (*written)(void *arg), void *arg,
	    struct mem *mem, struct err *e);
/* Takes the letter until it is written, or cannot be (its error); then it goes back to its
 * sender. */
void out_print(struct out *o, struct print_letter *l);
/* Nothing follows any more of a line that is only begun: others need not wait for its rest. */
void out_end_line(struct out *o);
/* Gives back every letter it has as one that could not be written; the next one is written again,
 * on a line of its own. */
void out_drop(struct out *o);
/* Gives back every letter as if it had been written, now and from now on; returns the bytes thrown
 * away so far. */
uint64_t out_give_up(struct out *o);
/* All letters are back. NULL is legal. */
void out_close(struct out *o);
