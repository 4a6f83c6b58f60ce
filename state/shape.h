/* shape.h - what a keyed state's keys and values look like, and how a key becomes 64 bits.
 * Why: the table, the runs it writes and the merge of runs must agree on it, byte for byte (inv 6).
 * A plain value. Not here: columns, or how fields become canonical bytes (operators/). */
#pragma once
#include "base/hash.h"

#include <stdbool.h>

/* Names in the format (docs/FORMAT.md). */
enum key_form {
	KEY_FIX8 = 1,  /* exactly 8 canonical bytes; hash id HASH_FOLD64 */
	KEY_BYTES = 2, /* any canonical bytes up to KEY_MAX_BYTES; HASH_STRING or HASH_XXH3_64 */
};

#define KEY_MAX_BYTES 65536u
#define KEY_INLINE_BYTES 12u

struct keyed_shape {
	enum key_form form;
	uint32_t value_bytes; /* 8 or 16 */
	enum hash_id hash_id; /* 0: the one new states get. A state keeps its own for life */
	/* NULL: the frozen hash of the form. Tests put another here to force collisions. */
	uint64_t (*hash)(const void *key, size_t len);
};

static inline enum hash_id shape_hash_id(const struct keyed_shape *s)
{
	return s->hash_id ? s->hash_id : s->form == KEY_FIX8 ? HASH_FOLD64 : HASH_STRING;
}

/* Whether keys of this form may have been placed by that hash. */
static inline bool shape_hash_fits(enum key_form form, uint32_t id)
{
	return form == KEY_FIX8 ? id == HASH_FOLD64 : id == HASH_STRING || id == HASH_XXH3_64;
}

static inline uint64_t shape_hash(const struct keyed_shape *s, const void *key, size_t len)
{
	if (s->hash)
		return s->hash(key, len);
	if (s->form == KEY_BYTES)
		return s->hash_id == HASH_XXH3_64 ? hash_bytes(key, len) : hash_string(key, len);
	uint64_t v;
	__builtin_memcpy(&v, key, sizeof v);
	return hash_fold64(v);
}

/* The order of keys under one hash: shorter first, then by bytes. -1, 0 or 1. */
static inline int key_compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	int c = a_len ? __builtin_memcmp(a, b, a_len) : 0;
	return (c > 0) - (c < 0);
}
