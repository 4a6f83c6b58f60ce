/* mem.h - memory behind a seam: a budget that is counted, and the n-th allocation that fails.
 * Why: a job's state, pools and snapshots share one budget (inv 35), and every initialiser is run
 * under "fail the n-th allocation" (inv 31).
 * Threads: any thread may get and put; the counters are atomic. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem {
	size_t limit_bytes;            /* 0: no limit */
	_Atomic size_t used_bytes;     /* as the allocator sees it (malloc_usable_size) */
	_Atomic size_t peak_bytes;
	_Atomic uint64_t calls;        /* gets so far, in one global order */
	uint64_t fail_at;              /* the call number (from 1) that fails; 0: none */
};

/* An empty budget without a limit; nothing to close. */
void mem_init(struct mem *m, size_t limit_bytes);

/* Zeroed memory, 16-byte aligned, or NULL when the budget or the system has none. Owner: caller. */
void *mem_get(struct mem *m, size_t size_bytes);

/* The same, not zeroed and aligned to align (a power of two, at least 16). */
void *mem_get_aligned(struct mem *m, size_t align, size_t size_bytes);

/* Grows or shrinks; on NULL the old block stands. New bytes are not zeroed. p may be NULL. */
void *mem_resize(struct mem *m, void *p, size_t size_bytes);

/* A copy of a NUL-terminated string. */
char *mem_string(struct mem *m, const char *text);

/* For memory that is not the allocator's (room.c): counted and refused like any other. Given back
 * in the same amounts, in any order. */
bool mem_claim(struct mem *m, size_t size_bytes);
void mem_unclaim(struct mem *m, size_t size_bytes);

/* p may be NULL. */
void mem_put(struct mem *m, void *p);
