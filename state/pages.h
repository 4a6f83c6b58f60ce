/* pages.h - a table's memory, asked for ahead of the rows that fill it, a piece at a time.
 * Why: a table of ten million keys is 270 MB that the kernel clears page by page as they are first
 * touched, which is a third of what a restore by one thread takes; another processor can do that.
 * Threads: keyed_pages_begin, the table's owner; the rest, any thread while the table is filled:
 * they look at nothing of it, and only ask the kernel for addresses noted at the beginning. If the
 * table has moved meanwhile, that does no harm. */
#pragma once
#include "state/keyed.h"
#include "state/table.h"

#define PAGES_PIECES_MAX 1024u /* by feel: 2 GB in pieces of a huge page */

struct keyed_pages {
	struct table t; /* as it was at the beginning: where it lay, and what its homes are */
	size_t slot_bytes, tag_bytes; /* of a piece */
	uint32_t pieces;
};
/* Between keyed_restore_begin, with expected > 0, and the first row. */
void keyed_pages_begin(const struct keyed *k, struct keyed_pages *p);
/* One piece of slots and the tags of as many. False: this system does not do such a thing. */
bool keyed_pages_ask(const struct keyed_pages *p, uint32_t piece);
/* The piece where a row of this hash will stand, or (where rows crowd) a little after it. */
uint32_t keyed_pages_of(const struct keyed_pages *p, uint64_t hash);
