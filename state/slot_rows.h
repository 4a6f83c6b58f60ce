/* slot_rows.h - entries of a table as rows of a chunk: what slices and saves write.
 * Threads: the table's owner. */
#pragma once
#include "state/keyed_in.h"

/* Bytes its row takes in a chunk. */
uint32_t slot_row_size(const struct keyed *k, const uint8_t *slot);
/* Appends the row. The chunk has room for it. */
void slot_row_put(const struct keyed *k, struct chunk *c, const uint8_t *slot, uint8_t tag);
/* Appends those of n slots of t, as many as there is room for: returns how many. Their lines are
 * in the cache, or will be soon. */
uint32_t slot_rows_put(const struct keyed *k, struct chunk *c, const struct table *t,
		       const uint64_t *slots, uint32_t n);

static inline uint32_t chunk_room(const struct chunk *c)
{
	return c->size_bytes - c->used_bytes;
}
