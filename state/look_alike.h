/* look_alike.h - the first look that takes every row alike: while a table grows or fills, or many
 * of its entries are to be marked. No branch depends on what was found, so none is guessed wrong
 * and no row waits for another's memory. Part of upsert.c. */
#pragma once
#include "state/looks.h"

#define MARKS_CACHED (64u << 10) /* bytes of marks that stay in the cache, measured */

/* What comes along with a row's slots: the mark where marks are too many to stay in the cache by
 * themselves; where many rows are first changes, whether it was marked before; where that does not
 * tell of most of them, the tag and its group's sum, too. */
enum beside { NOTHING, MARKS, BEFORE, TAGS };

INLINE void fetch(const struct table *t, uint64_t s, uint32_t slot_bytes, enum beside beside)
{
	const uint8_t *at = t->slots + home_offset(s, slot_bytes);
	__builtin_prefetch(at, 1);
	if (slot_bytes != LINED_BYTES) /* a quartet lies in two lines */
		__builtin_prefetch(at + LINE_SLOTS * slot_bytes - 1, 1);
	if (beside != NOTHING)
		__builtin_prefetch(&t->marks[s / GROUP_SLOTS]);
	if (beside >= BEFORE)
		__builtin_prefetch(&t->before[s / GROUP_SLOTS]);
	if (beside == TAGS) {
		__builtin_prefetch(t->tags + s);
		__builtin_prefetch(&t->sums[s / GROUP_SLOTS]);
	}
}

static enum beside beside_of(const struct keyed *k)
{
	if (k->marking)
		return TAGS;
	if (k->remarking)
		return BEFORE;
	return k->t.marks_words * sizeof *k->t.marks > MARKS_CACHED ? MARKS : NOTHING;
}

/* Homes of the block's rows, and of those after it that come next. */
INLINE void homes_of(const struct keyed *k, const struct table *t, const struct rows *r,
			 uint64_t *home)
{
	const uint64_t lo = k->lo, span = k->hi - k->lo;
	uint32_t known = r->last < r->n + AHEAD - 1 ? r->last + 1 : r->n + AHEAD;
	bool outside = false;
	for (uint32_t i = 0; i < known; i++) {
		uint64_t hash = r->hash[i];
		outside |= hash - lo > span;
		home[i] = table_home(t, hash);
	}
	CHECK(!outside);
	for (uint32_t i = known; i < r->n + AHEAD; i++)
		home[i] = home[known - 1]; /* fetched once more: nothing to ask in the loop */
}

/* Marks that of the four slots from s on, if any, that is one of `found` and need not be looked up.
 * known: `before` holds (nothing of this hash is owed, K6). Returns it; *n counts those newly
 * marked. */
INLINE uint32_t remark(const struct table *t, uint64_t s, uint32_t found, bool known, uint64_t *n)
{
	uint64_t *word = &t->marks[s / GROUP_SLOTS];
	uint32_t marks = (uint32_t)(*word >> (s % GROUP_SLOTS));
	uint32_t before = (uint32_t)(t->before[s / GROUP_SLOTS] >> (s % GROUP_SLOTS));
	uint32_t same = found & (marks | (before & (0u - known)));
	*word |= (uint64_t)same << (s % GROUP_SLOTS);
	*n += (same & ~marks) != 0;
	return same;
}

/* *n_marked: entries that it marked; their lists' counts are the caller's (lists_marked). */
INLINE void look_alike(const struct keyed *k, struct rows *r, struct late *late, uint64_t *n_marked,
		       enum key_form form, uint32_t value_bytes, enum act act, enum simd level)
{
	const bool freezing = k->f.running;
	const uint64_t cursor = k->f.cursor;
	uint64_t n_new = 0;
	const struct table t = k->t; /* as it is while nothing is inserted */
	const uint32_t slot_bytes = (form == KEY_FIX8 ? 8 : 16) + value_bytes;
	const uint32_t step = slot_bytes == LINED_BYTES ? 8 : slot_bytes;
	const enum beside beside = beside_of(k);
	uint64_t home[BLOCK + AHEAD];
	/* A late row's number goes unchanged to where its sum is to stand: it may stand there, too. */
	uint64_t spare[2] = {act == ADD_F64 ? 1ull << 63 : 0}; /* -0.0 + x is x, whatever x is */
	uint32_t n_late = 0, bad = UINT32_MAX;
	homes_of(k, &t, r, home);
	for (uint32_t i = 0; i < AHEAD; i++)
		fetch(&t, home[i], slot_bytes, beside);
	for (uint32_t i = 0; i < r->n; i++) {
		fetch(&t, home[i + AHEAD], slot_bytes, beside);
		uint64_t s = home[i];
		uint8_t *at = t.slots + home_offset(s, slot_bytes);
		uint32_t found = slots_match(at, r, i, form, slot_bytes, level);
		uint32_t same = remark(&t, s, found, !freezing | (r->hash[i] < cursor), &n_new);
		uint8_t *value = at + value_offset(form, value_bytes);
		value += (uint32_t)__builtin_ctz(same | 1u << LINE_SLOTS) * step;
		late->row[n_late] = (uint16_t)(i | found << FOUND_SHIFT);
		late->slot[n_late] = s;
		n_late += !same;
		if (slot_bytes == LINED_BYTES) /* most that are not at home stand there, or will */
			__builtin_prefetch(at + (found ? 0 : LINE_SLOTS * LINED_BYTES), 1);
		if (act != PLACES)
			value = same ? value : (uint8_t *)spare;
		if (!act_on(r, i, value, value + (same ? 0 : sizeof *spare), act))
			bad = i < bad ? i : bad;
	}
	r->bad = bad;
	late->n = n_late;
	*n_marked = n_new;
}
