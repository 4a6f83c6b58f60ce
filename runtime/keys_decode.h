/* keys_decode.h - the way back: canonical key bytes (keys.h) into the key's columns.
 * For what is emitted from the state itself, as sums at the end. Pure but for the pool. */
#pragma once
#include "runtime/keys.h"
#include "runtime/pool.h"

/* One field of a key. */
struct key_field {
	bool null;
	uint64_t bits;       /* of what is no string: its 8 canonical bytes */
	const uint8_t *text; /* of a string: borrowed from the key */
	uint32_t len;
};
/* The spec->n fields of a canonical key. False: bytes that no key has. */
bool key_fields(const struct key_spec *spec, const void *key, uint32_t len, struct key_field *to);

/* How many of the entries, at least one of them, have texts that fit into one standard buffer: so
 * that a batch of long keys stays small. n > 0. */
uint32_t keys_decodable(const struct keyed_entry *entry, uint32_t n);

/* Makes spec->n columns of n rows (at most BATCH_ROWS) in col. E_CORRUPT: bytes that no key has;
 * E_NO_MEMORY; then col holds nothing. */
RC keys_decode(const struct key_spec *spec, const struct keyed_entry *entry, uint32_t n,
	       struct pool *pool, struct column **col, struct err *e);
