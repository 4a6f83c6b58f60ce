/* run_in.h - what run.c (one block) and pack.c (rows to blocks) share. */
#pragma once
#include "base/check.h"
#include "state/run.h"

/* A block closes before its texts exceed this (one longer key alone cannot: KEY_MAX_BYTES is
 * less). */
#define RUN_TEXT_BYTES (96u * 1024u)

_Static_assert(RUN_TEXT_BYTES >= KEY_MAX_BYTES, "the longest key fits");
_Static_assert(16 + RUN_BLOCK_ROWS / 8 + (4 + 16) * (RUN_BLOCK_ROWS + 1) + RUN_TEXT_BYTES <=
		       RUN_BLOCK_BYTES, "the largest block of texts fits");
_Static_assert(16 + RUN_BLOCK_ROWS / 8 + (8 + 16) * (RUN_BLOCK_ROWS + 1) <= RUN_BLOCK_BYTES,
	       "the largest block of numbers fits");

/* The rows of a block being filled. */
struct run_columns {
	uint32_t rows, deletions, text_bytes;
	uint64_t first_hash, last_hash;
	uint64_t fix8[RUN_BLOCK_ROWS];      /* KEY_FIX8 */
	uint32_t len[RUN_BLOCK_ROWS];       /* KEY_BYTES */
	uint64_t value[RUN_BLOCK_ROWS * 2]; /* rows * value_bytes / 8 of it */
	uint8_t op_bits[RUN_BLOCK_ROWS / 8];
	uint8_t text[RUN_TEXT_BYTES];
};

/* b has at least RUN_BLOCK_BYTES reserved. Cannot fail. */
void run_encode(const struct run_columns *c, const struct keyed_shape *shape, struct bytes *b);
