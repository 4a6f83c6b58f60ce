/* lazy.h - a keyed state that works before it is all there: a restored table is filled stretch by
 * stretch of its hashes, in any order, while records flow.
 * Why: reading ten million keys takes longer than anybody wants to wait for the first record, and
 * that record needs one key of them.
 *
 *     hashes  lo |---- 0 ----|---- 1 ----|---- 2 ----| ... hi      equal widths, a bit each:
 *                  loaded      missing     loaded                  may its keys be used?
 *
 * What is promised: a key may be looked for, changed or deleted once its stretch is loaded, and
 * not before (CHECKed): one that is changed first would stand there twice. Rows are loaded clean:
 * a lazy restore counts as freezing its checkpoint with empty lists, as any restore does, so what
 * changes while others are still missing is in the next delta. No freeze before all is there.
 * Pure over bytes: who reads the rows is runtime/lazy_restore.h's business.
 * Threads: the table's owner. A struct key_stretches is a plain value: anybody's. */
#pragma once
#include "state/keyed.h"

#define LAZY_STRETCHES_MAX (1u << 20) /* 128 KiB of bits; by feel */

/* How a range of hashes falls into stretches. */
struct key_stretches {
	uint64_t lo, hi; /* both inclusive */
	uint32_t shift, n;
};

/* At most `most` stretches, or two (and at least half as many, if there are so many hashes). */
struct key_stretches key_stretches_of(uint64_t lo, uint64_t hi, uint32_t most);
static inline uint32_t key_stretch(const struct key_stretches *s, uint64_t hash)
{
	return (uint32_t)((hash - s->lo) >> s->shift);
}
/* The hashes of stretch i, both inclusive. */
void key_stretch_hashes(const struct key_stretches *s, uint32_t i, uint64_t *lo, uint64_t *hi);

/* Instead of keyed_restore_begin .. end: k, which is empty, goes on from this checkpoint, and all
 * stretches are missing. expected: keys, a hint for the size. stretches: at most so many. */
RC keyed_lazy_begin(struct keyed *k, uint64_t expected, uint64_t checkpoint, uint32_t stretches,
		    struct err *e);
struct key_stretches keyed_stretches(const struct keyed *k); /* while it is not whole */
/* The first of rows [from, n) whose stretch is missing, and which one that is; n: none. */
uint32_t keyed_ready(const struct keyed *k, const struct key_rows *r, uint32_t from,
		     uint32_t *missing);
/* Rows [from, to) of a decoded block, ascending, of missing stretches (CHECKed); each row of the
 * state once. Deletions are skipped. E_CORRUPT: out of order or range. On error k is to be given
 * up. */
RC keyed_load_rows(struct keyed *k, const struct run_block *b, uint32_t from, uint32_t to,
		   struct err *e);
/* All rows of this stretch are there; a second call changes nothing. */
void keyed_loaded(struct keyed *k, uint32_t stretch);
bool keyed_is_whole(const struct keyed *k); /* nothing is missing (any more) */
