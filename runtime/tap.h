/* tap.h - somebody waits for a record as a stage puts it out (a checkpoint's trigger, say).
 * Why in the runtime: only the task sees its batches, once. What is looked for is its owner's: the
 * runtime knows no expressions.
 *
 *   op_emit -> look at the batch -> send it     a record is counted before anybody else can have it
 *
 * LETTER_PASSED says that the first one passed, and again only after tap_rearm: how often somebody
 * is woken is up to who is. The count is what is true.
 * Owns: nothing. Threads: look on the task's, `passed` read by anyone, rearm by who gets the
 * letter. */
#pragma once
#include "runtime/batch.h"

struct tap {
	struct tap *next;        /* another at the same task */
	/* How many of b's records it waits for. E_RECORD: *bad_row cannot be looked at. */
	RC (*look)(struct tap *tap, const struct batch *b, struct pool *pool, uint32_t *n,
		   uint32_t *bad_row, struct err *e);
	_Atomic uint64_t passed; /* such records in this attempt, relaxed */
	/* Of the first of a task's taps, for all of them. */
	_Atomic bool told;       /* the letter was put, and it was not rearmed since */
	bool heard;              /* who got it: it was taken */
};

/* Looks at b, with all of a task's taps; *found: one of them saw what it waits for and nobody was
 * told yet. tap may be NULL nowhere. */
RC taps_look(struct tap *first, const struct batch *b, struct pool *pool, bool *found,
	     uint32_t *bad_row, struct err *e);
/* From now on the next one is told again, if the letter was heard. Whoever reads the counts
 * afterwards has what was not told. */
void tap_rearm(struct tap *first);
