/* long_keys.h - finding the entries of many keys, most of which are too long for a slot.
 * Why apart from upsert.c's first look: such a key stands in two places of memory, neither in a
 * cache: its slot, then its text. Each is fetched some rows ahead, and no branch depends on what a
 * row's key is, how long it is, or where it was found.
 * Nothing is changed. Threads: the table's owner. */
#pragma once
#include "state/keyed_in.h"

/* Where a row's entry stands. */
struct key_place {
	void *value;   /* of an entry that is marked (K5); NULL: more is to be looked at */
	uint64_t slot; /* then: one that is likely to be it, or where to look from */
	bool likely;
};

/* Rows as upsert.c has them: n of them, without a selection; hash[last] may be read as well. */
struct long_rows {
	uint32_t n, last;
	const uint64_t *hash;
	const struct key_view *view;
	const uint8_t *const *bases;
};

/* Rows for one call: what was found of them stays in the first-level cache until it is used. */
#define LONG_KEYS_BLOCK 256u

/* Whether it is worth it, by a look at some. r: KEY_BYTES. */
bool long_keys_are_many(const struct key_rows *r);
void long_keys_find(const struct keyed *k, const struct long_rows *r, struct key_place *place);
