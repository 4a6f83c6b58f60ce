/* merge.h - many sorted runs into one stream of rows, the newest row of each key winning.
 * Why a step machine: the caller reads blocks from wherever they lie, one at a time; this file
 * never waits and holds one decoded block an input, whatever the runs' length.
 * Inputs are given bottom of the chain first: of equal keys the input with the highest number wins.
 * Each input is restricted to a hash range of its own, so runs of several old subtasks can stand
 * side by side after a rescale.
 * Threads: one owner.
 *
 *     while ((did = merge_rows(m, &span, e)) != MERGE_END)
 *             MERGE_WANT:  merge_feed(m, span.input, bytes, len) or merge_feed_end(m, span.input)
 *             MERGE_ROWS:  keyed_restore_rows(k, span.block, span.from, span.to)
 *             MERGE_FAULT: *e says what is corrupt
 * or, to write a run: merge_step instead of merge_rows, which yields MERGE_BLOCK. */
#pragma once
#include "base/err.h"
#include "state/run.h"

#define MERGE_INPUTS 256u /* by feel: 8 runs a chain, 32 old subtasks */

struct merge_input {
	uint64_t lo, hi; /* both inclusive; rows outside are skipped */
};

enum merge_did { MERGE_WANT, MERGE_ROWS, MERGE_BLOCK, MERGE_END, MERGE_FAULT };

struct merge_span {
	uint32_t input;                /* MERGE_WANT: who wants a block */
	const struct run_block *block; /* MERGE_ROWS: rows [from, to), valid until the next call */
	uint32_t from, to;
	struct run_out out;            /* MERGE_BLOCK: valid until the next call */
};

struct merge;

/* at_bottom: deletions are dropped, for nothing lies below. n may be 0. */
RC merge_open(struct merge **m, const struct keyed_shape *shape, const struct merge_input *inputs,
	      uint32_t n, bool at_bottom, struct mem *mem, struct err *e);
/* Another merge of n runs, which keeps what m has allocated: for many small ones, one after the
 * other. Not after merge_step. On error m is to be closed. */
RC merge_restart(struct merge *m, const struct merge_input *inputs, uint32_t n, struct err *e);
void merge_close(struct merge *m); /* legal on NULL */

/* Spans of rows in ascending (hash, key) order, each key once. */
enum merge_did merge_rows(struct merge *m, struct merge_span *span, struct err *e);
/* Blocks of the merged run. Do not mix with merge_rows. At most one block's work a call. */
enum merge_did merge_step(struct merge *m, struct merge_span *span, struct err *e);

/* Answers MERGE_WANT. bytes (an encoded block, exact length) are borrowed until this input is
 * wanted again or m is closed. E_CORRUPT: it is none, or does not ascend from the last. */
RC merge_feed(struct merge *m, uint32_t input, const uint8_t *bytes, size_t len, struct err *e);
/* The input has no more blocks (or none that touch its range). */
void merge_feed_end(struct merge *m, uint32_t input);

uint64_t merge_rows_in(const struct merge *m);  /* rows consumed, within their ranges */
uint64_t merge_rows_out(const struct merge *m); /* rows yielded */
