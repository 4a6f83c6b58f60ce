/* arena.h - the texts of keys longer than a slot holds, appended, never moved.
 * Why: slots point at them, so growth copies slots only; what deleted keys leave behind is counted,
 * and a rebuild into a fresh arena gets rid of it (grow.c).
 * Owns its blocks. One owner. */
#pragma once
#include "base/mem.h"

struct arena {
	struct mem *mem;
	struct arena_block *blocks; /* the newest first: the one that is filled */
	uint64_t used_bytes;        /* texts ever appended */
	uint64_t waste_bytes;       /* of them: no slot points at them any more */
	uint64_t memory_bytes;
};

void arena_init(struct arena *a, struct mem *mem);
void arena_close(struct arena *a); /* legal on the zeroed one; can be used again */
/* Where a copy of text stands, or NULL when memory is short. */
const uint8_t *arena_add(struct arena *a, const uint8_t *text, uint32_t len);
/* All of from's texts become a's, where they are; from is empty. */
void arena_join(struct arena *a, struct arena *from);
