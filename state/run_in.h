/* run_in.h - what run.c (one block), sort.c (a chunk) and pack.c (rows to blocks) share. */
#pragma once
#include "base/check.h"
#include "state/run.h"
#include "state/words.h"

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
	uint8_t op_bits[RUN_BLOCK_ROWS / 8]; /* zero where no deletion stands */
	uint8_t text[RUN_TEXT_BYTES + CHUNK_SLACK];
};

/* b has at least RUN_BLOCK_BYTES reserved. Cannot fail. */
void run_encode(const struct run_columns *c, const struct keyed_shape *shape, struct bytes *b);

/* One row of a chunk that run_sort or run_order has seen; keys and values are borrowed from it. */
struct row {
	uint64_t hash;
	enum row_op op;
	const uint8_t *key, *value;
	uint32_t key_len, row_len; /* row_len: to the next one, in the unit of `at` */
};

/* at: KEY_FIX8: the row's number; KEY_BYTES: its offset in the chunk's data. */
static inline struct row row_at(const struct keyed_shape *s, const struct chunk *c, uint32_t at)
{
	struct row r;
	if (s->form == KEY_FIX8) {
		struct chunk_columns x = chunk_columns((struct chunk *)c, s->value_bytes);
		r.key = (const uint8_t *)(x.key + at);
		r.key_len = 8;
		r.value = (const uint8_t *)(x.value + (size_t)at * (s->value_bytes / 8));
		r.op = x.op[at];
		r.row_len = 1;
		r.hash = shape_hash(s, r.key, 8);
	} else {
		const uint8_t *data = c->data + at;
		uint32_t head = load_u32(data + 8);
		r.hash = load_u64(data);
		r.op = head >> 31;
		r.key = data + CHUNK_TEXT_HEAD;
		r.key_len = head & 0x7FFFFFFF;
		r.value = r.key + r.key_len;
		r.row_len = CHUNK_TEXT_HEAD + r.key_len + s->value_bytes;
	}
	return r;
}
