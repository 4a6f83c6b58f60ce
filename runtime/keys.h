/* keys.h - the canonical key of a record: which bytes it is, and its hash.
 * Canonical bytes are part of the format (docs/FORMAT.md): little-endian, typed, null is a key,
 * -0.0 equals 0.0, one NaN. Two shapes:
 *   KEY_FIX8   one field, not nullable, not a string: its 8 bytes (bool: 0 or 1).
 *   KEY_BYTES  one string that is not nullable: its bytes as they are; else for each field a tag
 *              byte (0 null, 1 value), then 8 bytes, or a u32 length and the bytes. No fields: no
 *              bytes.
 * The hash is computed once, when the batch is routed, and travels with it as a column (inv 6). */
#pragma once
#include "runtime/batch.h"
#include "state/keyed.h"

#define KEY_FIELDS_MAX 16
#define KEY_BYTES_MAX (64u << 10)

struct key_spec {
	enum key_form form;
	uint32_t n;
	uint32_t field[KEY_FIELDS_MAX]; /* column numbers of the input */
	enum type type[KEY_FIELDS_MAX];
	bool nullable[KEY_FIELDS_MAX];
};

/* form follows from the fields. */
void key_spec_set(struct key_spec *k, const struct schema *s, const uint32_t *field, uint32_t n);

/* The 8 canonical bytes of a float64: -0.0 becomes 0.0 and every NaN one NaN, so that what compares
 * equal is one key. */
uint64_t key_canonical_f64(double d);

/* The keys of one batch as the keyed state takes them. fix8 for KEY_FIX8, views and bases for
 * KEY_BYTES; indexed by column row. Scratch belongs to the holder (one task). */
struct keys {
	struct mem *mem;
	bool clips; /* no key is too long: what is over KEY_BYTES_MAX is cut off */
	enum hash_id hash_id; /* of KEY_BYTES; 0: HASH_STRING */
	const uint64_t *fix8;
	const struct key_view *view;
	const uint8_t *base[COLUMN_TEXTS_MAX];
	/* scratch */
	uint64_t *fix8_made;
	struct key_view *view_made;
	struct bytes text;
};
void keys_init(struct keys *k, struct mem *mem);
void keys_close(struct keys *k); /* legal on the empty value */

/* Lays out the keys of b's selected rows; borrows from b. E_RECORD with *bad_row: a key is over
 * KEY_BYTES_MAX (and k does not clip). b->hash, if there, is of these keys: what it says of their
 * lengths is believed. */
RC keys_of(struct keys *k, const struct key_spec *spec, const struct batch *b, uint32_t *bad_row,
	   struct err *e);
/* Computes b->hash for the selected rows unless it is there already. It has nulls only where k
 * clips: rows whose key, one string, is too long and was hashed without its end. */
RC keys_hash(struct keys *k, const struct key_spec *spec, struct batch *b, struct pool *pool,
	     uint32_t *bad_row, struct err *e);
