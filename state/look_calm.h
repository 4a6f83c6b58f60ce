/* look_calm.h - the first look while nearly all rows need nothing but adding: their keys are there,
 * marked, and near home. Part of upsert.c.
 * A row that is not settled at once is a branch here, and seldom guessed wrong: half of the other
 * look's instructions. Most of those stand in the quartet behind their home; it is on its way while
 * the block is gone through, and looked at then. The memory is as busy as with the other look. */
#pragma once
#include "state/looks.h"

#define CALM_SLOT_BYTES(form, value_bytes) (((form) == KEY_FIX8 ? 8u : 16u) + (value_bytes))
#define CALM_STEP(slot_bytes) ((slot_bytes) == LINED_BYTES ? 8u : (slot_bytes)) /* of values */

/* A quartet is called by its number here, from the first slot on. */
struct calm {
	uint8_t *slots;
	const uint8_t *marks;
};

INLINE struct calm calm_of(const struct keyed *k)
{
	return (struct calm){k->t.slots, (const uint8_t *)k->t.marks};
}

#define COLUMN_LINE 8u /* numbers of a column in a line of the cache */

/* Columns come out of another processor's cache: they are on their way while homes are worked out,
 * not when the table's lines are. */
INLINE void calm_fetch_rows(const struct rows *r, uint32_t i, enum key_form form, enum act act)
{
	if (form != KEY_FIX8) /* of views nothing was gained */
		return;
	__builtin_prefetch(r->key + i);
	if (act != PLACES)
		__builtin_prefetch(r->add_i64 + i);
}

/* The quartets of the block's rows, and of those after it that come next. */
INLINE void calm_homes(const struct keyed *k, const struct rows *r, uint64_t *home,
		       enum key_form form, enum act act)
{
	const uint64_t lo = k->lo, span = k->hi - k->lo, mult = k->t.mult;
	const uint32_t shift = k->t.shift, ahead = r->n + AHEAD;
	const uint32_t known = r->last < ahead - 1 ? r->last + 1 : ahead;
	bool outside = false;
	for (uint32_t from = 0, to; from < known; from = to) {
		to = known - from < COLUMN_LINE ? known : from + COLUMN_LINE;
		calm_fetch_rows(r, from, form, act);
		for (uint32_t i = from; i < to; i++) {
			uint64_t hash = r->hash[i] - lo;
			outside |= hash > span;
			home[i] = (uint64_t)((unsigned __int128)(hash << shift) * mult >> 64);
		}
	}
	CHECK(!outside);
	for (uint32_t i = known; i < ahead; i++)
		home[i] = home[known - 1];
}

INLINE void calm_fetch(const struct calm *c, uint64_t q, uint32_t quartet_bytes)
{
	__builtin_prefetch(c->slots + q * quartet_bytes, 1);
	if (quartet_bytes != LINE_SLOTS * LINED_BYTES) /* it lies in two lines */
		__builtin_prefetch(c->slots + (q + 1) * quartet_bytes - 1, 1);
	__builtin_prefetch(c->marks + q * LINE_SLOTS / 8);
}

/* Row i's key in quartet q: added to if an entry there is marked. *found: as slots_match has it.
 * Returns 1, or 0, or 2 if the sum does not fit. */
enum calm_found { CALM_NOT, CALM_DONE, CALM_BAD };
INLINE enum calm_found calm_add(const struct calm *c, const struct rows *r, uint32_t i, uint64_t q,
				uint32_t *found, enum key_form form, uint32_t value_bytes,
				enum act act, enum simd level)
{
	const uint32_t slot_bytes = CALM_SLOT_BYTES(form, value_bytes);
	uint8_t *at = c->slots + q * LINE_SLOTS * slot_bytes;
	*found = slots_match(at, r, i, form, slot_bytes, level);
	uint32_t same = *found & (uint32_t)c->marks[q / 2] >> (q % 2 * LINE_SLOTS);
	if (__builtin_expect(!same, 0))
		return CALM_NOT;
	uint8_t *value = at + value_offset(form, value_bytes);
	value += (uint32_t)__builtin_ctz(same) * CALM_STEP(slot_bytes);
	return __builtin_expect(act_on(r, i, value, value, act), 1) ? CALM_DONE : CALM_BAD;
}

/* Those in the quartet behind their home; late->row and slot of the others stay. */
INLINE void calm_behind(const struct calm *c, struct rows *r, struct late *late, enum key_form form,
			uint32_t value_bytes, enum act act, enum simd level)
{
	uint32_t n = 0, found;
	for (uint32_t l = 0; l < late->n; l++) {
		uint32_t row = late->row[l], i = row % BLOCK;
		uint64_t s = late->slot[l], q = s / LINE_SLOTS + 1;
		enum calm_found got = CALM_NOT;
		if (row < BLOCK) /* nothing like it at home */
			got = calm_add(c, r, i, q, &found, form, value_bytes, act, level);
		if (got == CALM_BAD && i < r->bad)
			r->bad = i;
		if (got != CALM_NOT)
			continue;
		late->row[n] = (uint16_t)row;
		late->slot[n++] = s;
	}
	late->n = n;
}

INLINE void look_calm(const struct keyed *k, struct rows *r, struct late *late, enum key_form form,
		      uint32_t value_bytes, enum act act, enum simd level)
{
	const uint32_t quartet_bytes = LINE_SLOTS * CALM_SLOT_BYTES(form, value_bytes);
	const struct calm c = calm_of(k);
	uint64_t home[BLOCK + AHEAD];
	uint32_t n_late = 0, bad = UINT32_MAX;
	calm_homes(k, r, home, form, act);
	for (uint32_t i = 0; i < AHEAD; i++)
		calm_fetch(&c, home[i], quartet_bytes);
	for (uint32_t i = 0; i < r->n; i++) {
		uint32_t found;
		calm_fetch(&c, home[i + AHEAD], quartet_bytes);
		enum calm_found got =
			calm_add(&c, r, i, home[i], &found, form, value_bytes, act, level);
		if (__builtin_expect(got == CALM_DONE, 1))
			continue;
		if (got == CALM_BAD) {
			bad = i < bad ? i : bad;
			continue;
		}
		late->row[n_late] = (uint16_t)(i | found << FOUND_SHIFT);
		late->slot[n_late++] = home[i] * LINE_SLOTS;
		calm_fetch(&c, home[i] + 1, quartet_bytes);
	}
	r->bad = bad;
	late->n = n_late;
	calm_behind(&c, r, late, form, value_bytes, act, level);
}
