/* chunk.h - buffers of raw rows on their way from a table to the packing thread, and their budget.
 * Why: a snapshot may never hold more than its share of memory; what is spent stops the task's
 * input, not the process (inv 35).
 * Owns: a pool owns all its chunks; whoever holds a chunk gives it back with chunk_put.
 * Threads: chunk_get belongs to the pool's one owner (the task); chunk_put is safe from any. */
#pragma once
#include "base/mem.h"
#include "state/shape.h"

#include <stdatomic.h>
#include <stdbool.h>

#define CHUNK_BYTES (256u * 1024u) /* the I/O queue's step (DESIGN 2) */

enum chunk_stream {
	CHUNK_ORDERED, /* rows in table order: those of one freeze are one run, in this order */
	CHUNK_SAVED,   /* rows in any order: this list of chunks makes a run of its own */
};

#define CHUNK_TEXT_HEAD 12u /* of a row of KEY_BYTES: what stands before the key */
#define CHUNK_SLACK 32u     /* bytes behind a chunk's data that copies may run over */

enum row_op { ROW_PUT = 0, ROW_DELETE = 1 };

/* Rows as they lie in data:
 *   KEY_FIX8   columns (struct chunk_columns): keys, values, operations
 *   KEY_BYTES  packed, unaligned: hash u64 (run_sort fills it in) | length u32, top bit: op | key
 *              | value
 * used_bytes counts 8 + value + 1 a row of KEY_FIX8. */
struct chunk {
	struct chunk *next;      /* of one list: the chunks of a saved run */
	struct chunk *next_list; /* the table's own queue of lists */
	struct chunk_pool *pool;
	uint64_t checkpoint;
	enum chunk_stream stream;
	uint32_t rows, used_bytes, size_bytes;
	bool overdraft; /* beyond the budget: freed when put back */
	const uint64_t *order; /* of run_order: word_at(order[i]) is where row i stands, as row_at
	                          counts (run_in.h). NULL: rows stand one after the other */
	_Alignas(16) uint8_t data[];
};

/* KEY_FIX8: where the columns of a chunk stand. Room for as many rows as row sizes fit in it. */
struct chunk_columns {
	uint64_t *key, *value; /* values: value_bytes / 8 a row */
	uint8_t *op;           /* enum row_op */
	uint32_t room;         /* rows, those that are there included */
};

static inline struct chunk_columns chunk_columns(struct chunk *c, uint32_t value_bytes)
{
	struct chunk_columns x;
	x.room = c->size_bytes / (8 + value_bytes + 1);
	x.key = (uint64_t *)c->data;
	x.value = x.key + x.room;
	x.op = (uint8_t *)(x.value + (size_t)x.room * (value_bytes / 8));
	return x;
}

/* n bytes, up to 32 of them without a call: from and to may be run over by 16 bytes. */
static inline void chunk_copy(uint8_t *to, const uint8_t *from, uint32_t n)
{
	__builtin_memcpy(to, from, 16);
	if (__builtin_expect(n <= 16, 1))
		return;
	if (n <= 32)
		__builtin_memcpy(to + 16, from + 16, 16);
	else
		__builtin_memcpy(to + 16, from + 16, n - 16);
}

struct chunk_pool {
	struct mem *mem;
	uint32_t chunk_bytes;  /* CHUNK_BYTES; tests choose less: four of their largest rows */
	uint32_t budget;       /* chunks that may be out at once, overdrafts aside */
	uint32_t made;         /* allocated so far, at most budget */
	uint32_t overdrafts;   /* beyond it, not yet back */
	struct chunk *free;    /* the owner's */
	uint32_t free_count;
	/* Pushed by anyone, taken whole by the owner. */
	_Atomic(struct chunk *) returned;
};

/* budget: chunks, at least 4. Chunks are allocated when first needed. Cannot fail. */
void chunk_pool_init(struct chunk_pool *p, struct mem *mem, uint32_t budget);
/* All chunks must be back. Legal on a zeroed pool and twice. */
void chunk_pool_close(struct chunk_pool *p);
/* An empty chunk, or NULL when the budget is spent or memory is short. */
struct chunk *chunk_get(struct chunk_pool *p);
/* Beyond the budget if need be; NULL only when memory is short. For what must not wait. */
struct chunk *chunk_get_overdraft(struct chunk_pool *p);
/* How many chunk_get would give now (memory permitting). */
uint32_t chunk_available(struct chunk_pool *p);
/* Gives back one chunk (its next is not followed). Any thread. NULL is legal. */
void chunk_put(struct chunk *c);
/* The same for a whole list. */
void chunk_put_list(struct chunk *c);
