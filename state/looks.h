/* looks.h - the rows of one block on their way through upsert.c, and what its first looks share:
 * comparing a quartet of slots with a key, and adding. Part of upsert.c. */
#pragma once
#include "state/probe.h"
#include "state/tags.h"

#define BLOCK 1024u
#define AHEAD 64u /* rows */
#define LINE_BITS ((1u << LINE_SLOTS) - 1)

enum act { PLACES, ADD_I64, ADD_F64 };

/* One block of the caller's rows, without their selection. */
struct rows {
	uint32_t n, last;        /* the last one whose hash may be read: n - 1 or further */
	const uint64_t *hash;
	const uint64_t *key;         /* KEY_FIX8 */
	const struct key_view *view; /* KEY_BYTES */
	const uint8_t *const *bases;
	union {
		void **place; /* PLACES: of this block's first row; `before` others stand before it */
		int64_t *i64; /* the sums after each row */
		double *f64;
	};
	uint32_t before;
	union {
		const int64_t *add_i64;
		const double *add_f64;
	};
	uint32_t bad; /* ADD_I64: the first row whose sum does not fit, or UINT32_MAX */
};

/* Those that the first look did not settle: which rows, with a bit for each slot of their quartet
 * that has their key (or bytes that look like it: nothing need stand there), and from where on to
 * look again. */
struct late {
	uint32_t n;
	uint16_t row[BLOCK + 1];
	uint64_t slot[BLOCK + 1];
};
#define FOUND_SHIFT 10u /* row | found << FOUND_SHIFT */
_Static_assert(BLOCK == 1u << FOUND_SHIFT, "a row and four bits");

/* Which of the LINE_SLOTS at `at` hold the key of row i, as bits; a long text is none of them.
 * level: of the calling function's target, or less. */
INLINE uint32_t slots_match(const uint8_t *at, const struct rows *r, uint32_t i, enum key_form form,
			    uint32_t slot_bytes, enum simd level)
{
	uint32_t same = 0;
	if (slot_bytes == LINED_BYTES)
		return level >= SIMD_V3 ? line_match_v3(at, r->key[i]) : line_match(at, r->key[i]);
	if (form == KEY_BYTES && level >= SIMD_V3)
		same = pairs_match_v3(at, slot_bytes, (const uint8_t *)&r->view[i]);
	for (uint32_t w = 0; w < LINE_SLOTS; w++)
		if (form == KEY_FIX8)
			same |= (uint32_t)(load_u64(at + w * slot_bytes) == r->key[i]) << w;
		else if (level < SIMD_V3)
			same |= pair_match(at + w * slot_bytes, (const uint8_t *)&r->view[i]) << w;
	if (form == KEY_BYTES) /* a place in a buffer may look like a pointer */
		same &= (uint32_t)((int32_t)(r->view[i].len - KEY_INLINE_BYTES - 1) >> 31);
	return same & LINE_BITS;
}

/* Does with row i what is to be done, with what stands at from; the sum goes to `to`. False: all is
 * as it was. */
INLINE bool act_on(const struct rows *r, uint32_t i, void *from, void *to, enum act act)
{
	int64_t sum;
	if (act == PLACES)
		r->place[i] = from;
	if (act == ADD_F64)
		r->f64[i] = *(double *)to = *(double *)from + r->add_f64[i];
	if (act != ADD_I64)
		return true;
	if (__builtin_expect(__builtin_add_overflow(*(int64_t *)from, r->add_i64[i], &sum), 0))
		return false;
	r->i64[i] = *(int64_t *)to = sum;
	return true;
}
