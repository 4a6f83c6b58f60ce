/* pages.h - a table's memory, asked for ahead of the thread that fills it.
 * Why: a table of ten million keys is 270 MB that the kernel clears page by page as they are first
 * touched, which is a third of what a restore by one thread takes; another processor can do that.
 * Threads: keyed_pages_begin, the table's owner; steps, any one thread, while the table is filled:
 * they look at nothing of it, and only ask the kernel for addresses noted at the beginning. If the
 * table has moved meanwhile, that does no harm and soon ends. */
#pragma once
#include "state/keyed.h"

struct keyed_pages {
	uint8_t *slots, *tags; /* what comes next of each */
	size_t slots_left, tags_left;
};
/* Between keyed_restore_begin, with expected > 0, and the first row. */
void keyed_pages_begin(const struct keyed *k, struct keyed_pages *p);
/* The next megabytes. False: all is there, or this system does not do such a thing. */
bool keyed_pages_step(struct keyed_pages *p);
