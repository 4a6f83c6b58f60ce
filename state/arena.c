/* arena.c - see arena.h. Blocks double from 4 KiB to 1 MiB: a small state stays small. Then each is
 * a huge page: keys come in any order, and one in ten thousand small pages is one whose address has
 * to be looked up in memory first, which took half of the time of finding a key. */
#include "state/arena.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	uint8_t data[];
};

void arena_init(struct arena *a, struct mem *mem)
{
	*a = (struct arena){.mem = mem};
}

void arena_close(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;
		a->blocks = b->next;
		mem_put(a->mem, b);
	}
	arena_init(a, a->mem);
}

static struct arena_block *arena_grow(struct arena *a, uint32_t len)
{
	size_t bytes = a->blocks ? (a->blocks->size + sizeof(struct arena_block)) * 2 : 4096;
	if (bytes > HUGE_BYTES)
		bytes = HUGE_BYTES;
	if (bytes < sizeof(struct arena_block) + len)
		bytes = sizeof(struct arena_block) + len;
	bool huge = bytes == HUGE_BYTES;
	struct arena_block *b = mem_get_aligned(a->mem, huge ? HUGE_BYTES : 16, bytes);
	if (!b)
		return NULL;
	if (huge) /* without them it is only slower */
		(void)madvise(b, bytes, MADV_HUGEPAGE);
	b->used = 0;
	b->size = bytes - sizeof *b;
	b->next = a->blocks;
	a->blocks = b;
	a->memory_bytes += bytes;
	return b;
}

const uint8_t *arena_add(struct arena *a, const uint8_t *text, uint32_t len)
{
	struct arena_block *b = a->blocks;
	if (!b || b->size - b->used < len) {
		b = arena_grow(a, len);
		if (!b)
			return NULL;
	}
	uint8_t *at = b->data + b->used;
	memcpy(at, text, len);
	b->used += len;
	a->used_bytes += len;
	return at;
}

void arena_join(struct arena *a, struct arena *from)
{
	struct arena_block **end = &a->blocks;
	while (*end)
		end = &(*end)->next;
	*end = from->blocks;
	a->used_bytes += from->used_bytes;
	a->waste_bytes += from->waste_bytes;
	a->memory_bytes += from->memory_bytes;
	arena_init(from, from->mem);
}
