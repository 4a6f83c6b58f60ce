/* keys_decode.h - the way back: canonical key bytes (keys.h) into the key's columns.
 * For what is emitted from the state itself, as sums at the end. Pure but for the pool. */
#pragma once
#include "runtime/keys.h"
#include "runtime/pool.h"

/* How many of the entries, at least one of them, have texts that fit into one standard buffer: so
 * that a batch of long keys stays small. n > 0. */
uint32_t keys_decodable(const struct keyed_entry *entry, uint32_t n);

/* Makes spec->n columns of n rows (at most BATCH_ROWS) in col. E_CORRUPT: bytes that no key has;
 * E_NO_MEMORY; then col holds nothing. */
RC keys_decode(const struct key_spec *spec, const struct keyed_entry *entry, uint32_t n,
	       struct pool *pool, struct column **col, struct err *e);
