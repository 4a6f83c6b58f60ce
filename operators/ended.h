/* ended.h - for which keys the end of the input was already dealt with: hash ranges, as state.
 * Why: what is emitted "at the end" must be emitted once in the life of the job. A checkpoint taken
 * after the end is restored by subtasks whose input ends at once, again; each skips the keys whose
 * end was emitted before that checkpoint (inv 5, 20). Ranges, not a flag, so that the answer is
 * right for each key at any later parallelism, even if only some subtasks had got there.
 * State, little-endian: u32 ranges, then for each u64 first, u64 last (both included). No ranges:
 * no bytes at all. Pure. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

struct hash_range {
	uint64_t first, last;
};

struct ended {
	struct mem *mem;
	struct hash_range *range; /* ascending, apart */
	uint32_t n;
};

void ended_init(struct ended *d, struct mem *mem);
void ended_close(struct ended *d); /* legal on the empty value */
/* Joins with what is there. E_NO_MEMORY. */
RC ended_add(struct ended *d, uint64_t first, uint64_t last, struct err *e);
bool ended_has(const struct ended *d, uint64_t hash);
bool ended_covers(const struct ended *d, uint64_t first, uint64_t last);
void ended_encode(const struct ended *d, struct bytes *to);
/* Adds what is encoded. E_CORRUPT, E_NO_MEMORY. */
RC ended_decode(struct ended *d, const void *state, size_t len, struct err *e);
