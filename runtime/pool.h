/* pool.h - columns, texts and batches, recycled: the steady state calls no allocator.
 * Why an owner: one task takes, everyone gives back; what comes back from other threads goes onto a
 * stack that the owner takes whole (no ABA, one atomic exchange).
 * Grows when it is empty, within the memory budget, and never shrinks before pool_close; so it is
 * never what alignment waits for (DESIGN 3).
 * Threads: get from the owner's thread only; column_drop, text_drop, batch_drop from anywhere.
 * Lifetime: pool_close only after every channel that may hold its things is closed. */
#pragma once
#include "base/mem.h"
#include "runtime/column.h"

struct batch;
struct pool;

#define TEXT_BYTES (256u << 10) /* a standard text buffer: one read of a source */

RC pool_open(struct pool **p, struct mem *mem, struct err *e);
/* How many rows a batch that is made of its columns has at most: whoever cuts a stream into batches
 * asks here. BATCH_ROWS, or what was set after opening (1 to BATCH_ROWS). */
uint32_t pool_rows(const struct pool *p);
void pool_set_rows(struct pool *p, uint32_t rows);
/* CHECKs that everything came back. Legal on NULL. */
void pool_close(struct pool *p);

/* A column of this type, refs 1, rows 0, has_valid false, no texts. NULL: no memory. */
struct column *pool_column(struct pool *p, enum type type);
/* A text with room for at least size bytes (TEXT_BYTES ones are recycled, larger ones freed), used
 * 0. */
struct text *pool_text(struct pool *p, uint32_t size);
/* An empty batch. */
struct batch *pool_batch(struct pool *p);
/* Things that are out: taken and not yet given back. */
uint64_t pool_out(const struct pool *p);
