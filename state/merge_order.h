/* merge_order.h - the order of the rows of a few sorted arrays of hashes, found without guessing.
 * Why: runs whose rows alternate at random make a merge that asks "whose row is next?" guess wrong
 * once a row, which costs more than all else it does. Here arrays are merged two at a time, from
 * the newest down, by loops without a branch that depends on a hash, two places of them at once.
 * Pure. Threads: one owner. */
#pragma once
#include "base/mem.h"
#include "state/run.h"

#define ORDER_ROWS RUN_BLOCK_ROWS
#define ORDER_INPUTS 16u /* each costs a pass over those above it, so that more are not worth it */

/* A row: input and place within its array. */
#define ORDER_REF(input, at) ((uint32_t)(input) << 16 | (uint32_t)(at))
#define ORDER_INPUT(ref) ((ref) >> 16)
#define ORDER_AT(ref) ((ref) & 0xFFFFu)

struct merge_order {
	uint64_t hash[2][ORDER_ROWS];
	uint32_t ref[2][ORDER_ROWS];
};

/* hash[i]: n[i] hashes of input i, ascending; ORDER_ROWS in all at most, 1 to ORDER_INPUTS inputs.
 * The rows of all, ascending, of equal hashes those of lower inputs first: *hashes and *refs have
 * as many as there are, and are o's until the next call. */
void merge_order(struct merge_order *o, const uint64_t *const *hash, const uint32_t *n,
		 uint32_t inputs, const uint64_t **hashes, const uint32_t **refs);
