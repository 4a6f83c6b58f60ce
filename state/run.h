/* run.h - rows to blocks and back: a sorted run is a sequence of blocks, columns apart.
 * Why columns: LZ4 does better and faster on them (PEERS.md). Pure over bytes: compression,
 * checksums and places in files belong to checkpoint/.
 * A run's rows ascend strictly by (hash, key). Hashes are not stored: they follow from the keys.
 * Threads: each object has one owner.
 *
 * Packing, as the lane drives it, one small step at a time:
 *     for each chunk: run_sort(&scratch, chunk); for the only one of its list: run_order
 *     run_feed(w, chunk or list)
 *     while ((did = run_step(w, &out)) != RUN_NEED)
 *             RUN_BLOCK: out's bytes go to the section     RUN_BREAK: close it, begin a new run
 *     chunk_put_list                                        at the end of the run: run_finish */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "state/chunk.h"
#include "state/shape.h"

#define RUN_BLOCK_ROWS 4096u
#define RUN_BLOCK_BYTES (256u * 1024u) /* an encoded block is never larger: the limit of inv 34 */
#define RUN_LISTS 64u                  /* chunks in one list fed at once */

/* Memory for run_sort and run_order: about 1/2 MiB. It fits every shape: the caller may set another
 * one. */
struct run_scratch {
	struct mem *mem;
	uint64_t *words; /* two arrays: one a row (words.h), and room to distribute them */
	uint8_t *rows;
	struct keyed_shape shape;
};
RC run_scratch_open(struct run_scratch *s, const struct keyed_shape *shape, struct mem *mem,
		    struct err *e);
void run_scratch_close(struct run_scratch *s); /* legal on the zeroed one */
/* Puts the rows of this one chunk into run order, in place. */
void run_sort(struct run_scratch *s, struct chunk *c);
/* Finds that order and leaves the rows where they are: c->order is set, and borrowed from s until
 * its next use. For a chunk that is fed alone: its rows are moved only once, into blocks. */
void run_order(struct run_scratch *s, struct chunk *c);

/* A finished block. bytes are borrowed from the writer until its next call. */
struct run_out {
	const uint8_t *bytes;
	size_t len;
	uint32_t rows;
	uint64_t first_hash, last_hash; /* for the index */
};

enum run_did {
	RUN_NEED,  /* all that was fed is consumed (a part of a block may wait inside) */
	RUN_BLOCK, /* *out is a block */
	RUN_BREAK, /* what was fed goes on with a row not above the last: *out (if rows > 0) is
	              the last block of this run; the next run_step begins another run */
};

struct run_writer;
RC run_writer_open(struct run_writer **w, const struct keyed_shape *shape, struct mem *mem,
		   struct err *e);
void run_writer_close(struct run_writer *w); /* legal on NULL */
/* One sorted chunk, or a list of at most RUN_LISTS sorted ones, merged. Borrowed until run_step
 * says RUN_NEED; the one before must have been consumed. */
void run_feed(struct run_writer *w, struct chunk *list);
enum run_did run_step(struct run_writer *w, struct run_out *out);
/* The last block of the run: RUN_BLOCK, or RUN_NEED when there is none. Then w begins a new run. */
enum run_did run_finish(struct run_writer *w, struct run_out *out);
/* One row at a time instead of chunks. RUN_BLOCK: *out was full and is now finished,
 * the row is in the next. RUN_NEED: taken. The caller keeps the order. */
enum run_did run_add(struct run_writer *w, uint64_t hash, enum row_op op, const uint8_t *key,
		     uint32_t key_len, const void *value, struct run_out *out);

/* A decoded block: arrays, owned, allocated once for RUN_BLOCK_ROWS. */
struct run_block {
	struct mem *mem;
	struct keyed_shape shape;
	uint32_t rows;
	uint64_t *hash;
	uint8_t *op;         /* enum row_op */
	uint64_t *fix8;      /* KEY_FIX8: the keys */
	uint32_t *key_at;    /* KEY_BYTES: rows + 1 places in text */
	const uint8_t *text; /* KEY_BYTES: borrowed from the bytes decoded */
	uint8_t *value;      /* rows * value_bytes; zero for deletions */
};
RC run_block_open(struct run_block *b, const struct keyed_shape *shape, struct mem *mem,
		  struct err *e);
void run_block_close(struct run_block *b); /* legal on the zeroed one */
/* Decodes and verifies: shape, bounds, order. len must be exact. KEY_BYTES: bytes are borrowed as
 * long as the keys are used. E_CORRUPT; then b has no rows. Any bytes are safe to pass (inv 34). */
RC run_decode(struct run_block *b, const uint8_t *bytes, size_t len, struct err *e);
/* Of n ascending hashes, how many are below one. */
uint32_t hashes_below(const uint64_t *hash, uint32_t n, uint64_t least);
/* The first row at or above hash; rows if there is none. */
uint32_t run_row_from(const struct run_block *b, uint64_t hash);
/* The row of this key, or -1. */
int run_find(const struct run_block *b, uint64_t hash, const void *key, uint32_t key_len);

/* Rows [*from, to), at least one, of a decoded block instead of chunks (the merge): takes at least
 * one, moves *from on. RUN_BLOCK and RUN_NEED as in run_add. */
enum run_did run_add_rows(struct run_writer *w, const struct run_block *b, uint32_t *from,
			  uint32_t to, struct run_out *out);

static inline const uint8_t *run_key(const struct run_block *b, uint32_t row, uint32_t *len)
{
	if (b->shape.form == KEY_FIX8) {
		*len = 8;
		return (const uint8_t *)&b->fix8[row];
	}
	*len = b->key_at[row + 1] - b->key_at[row];
	return b->text + b->key_at[row];
}
