/* generator_positions.h - which rows of a generator are still to come: pure, and its encoding.
 *
 *   rows    0 .. 65535 | 65536 .. 131071 | ...        block b has rows [b * 65536, (b + 1) * 65536)
 *   splits  0          | 1               | ...        split s has blocks s, s + n, s + 2n, ...
 *
 * n is max_parallelism: fixed for the life of the state, so a split means the same rows at any
 * parallelism. What is left of a split is said by its next row. Subtask i of p owns the splits
 * i, i + p, i + 2p, ...: so few blocks spread over all subtasks too.
 * State, version 1, little-endian; one a subtask:
 *
 *   OFFSET SIZE MEANING
 *   0      4    n, the number of splits
 *   4      4    first split of this list
 *   8      4    step from one split of the list to the next, at least 1
 *   12     4    how many subtasks had rows left when the splits were handed out: they share a rate
 *   16     4    number of groups
 *   20     16   a group: u32 splits in it, u32 rows done of their block, u64 blocks done: these are
 *               the next splits of the list, and all of them stand at the same place
 *
 * A subtask takes its lowest block first, so its splits stand at about one front: three groups. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

#define GENERATOR_BLOCK 65536u
#define GENERATOR_STATE_VERSION 1

struct positions {
	struct mem *mem;
	uint32_t n;      /* splits there are */
	uint32_t sharers; /* 0: not known yet */
	uint64_t *next;  /* of each split, its next row; POSITION_NONE: not known here */
};
#define POSITION_NONE UINT64_MAX

/* All n unknown. */
RC positions_open(struct positions *p, uint32_t n, struct mem *mem, struct err *e);
void positions_close(struct positions *p); /* legal on the empty value */
/* Every split at its first row. */
void positions_begin(struct positions *p);
/* Adds what one subtask knew. E_CORRUPT: malformed, or known already; E_REFUSED: another n. */
RC positions_decode(struct positions *p, const void *state, size_t len, struct err *e);
/* The splits first, first + step, ...: all must be known. */
void positions_encode(const struct positions *p, uint32_t first, uint32_t step, struct bytes *to);
bool positions_are_complete(const struct positions *p);
/* The known split whose next row is lowest; n: none is known. */
uint32_t positions_lowest(const struct positions *p);
/* The end of the block that `row` is in. */
static inline uint64_t position_block_end(uint64_t row)
{
	return (row / GENERATOR_BLOCK + 1) * GENERATOR_BLOCK;
}
/* Moves split s, whose next row is r, to row `to`, at most the end of r's block; there, on to the
 * split's next block. */
void positions_move(struct positions *p, uint32_t s, uint64_t to);
/* Of p subtasks, how many have a row below `rows` left; at least 1. All must be known. */
uint32_t positions_sharers(const struct positions *p, uint32_t subtasks, uint64_t rows);
/* Rows that were handed out, of the known splits; all that these have, if there are `rows`. */
uint64_t positions_done(const struct positions *p);
uint64_t positions_total(const struct positions *p, uint64_t rows);
