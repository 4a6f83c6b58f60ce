/* look_long.h - the first look for keys too long for a slot, which stand in two places of memory:
 * long_keys.c finds them, here they are added to. Part of upsert.c. */
#pragma once
#include "state/long_keys.h"
#include "state/looks.h"

INLINE void take_places(struct rows *r, struct late *late, const struct key_place *place,
			enum act act)
{
	/* A late row's number goes unchanged to where its sum is to stand: it may stand there, too. */
	uint64_t spare[2] = {act == ADD_F64 ? 1ull << 63 : 0}; /* -0.0 + x is x, whatever x is */
	uint32_t n_late = 0, bad = UINT32_MAX;
	for (uint32_t i = 0; i < r->n; i++) {
		void *value = place[i].value;
		late->row[n_late] = (uint16_t)(i | (uint32_t)place[i].likely << FOUND_SHIFT);
		late->slot[n_late] = place[i].slot;
		n_late += !value;
		if (!act_on(r, i, value ? value : spare, value ? value : spare + 1, act))
			bad = i < bad ? i : bad;
	}
	r->bad = bad;
	late->n = n_late;
}

INLINE void look_long(const struct keyed *k, struct rows *r, struct late *late, enum act act)
{
	const struct long_rows rows = {r->n, r->last, r->hash, r->view, r->bases};
	struct key_place place[LONG_KEYS_BLOCK];
	CHECK(r->n <= LONG_KEYS_BLOCK);
	long_keys_find(k, &rows, place);
	take_places(r, late, place, act);
}
