/* arena.c - see arena.h. Blocks double from 4 KiB to 1 MiB: a small state stays small. */
#include "state/arena.h"

#include <string.h>

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
	size_t size = a->blocks ? a->blocks->size * 2 : 4096 - sizeof(struct arena_block);
	if (size > (1u << 20) - sizeof(struct arena_block))
		size = (1u << 20) - sizeof(struct arena_block);
	if (size < len)
		size = len;
	struct arena_block *b = mem_get_aligned(a->mem, 16, sizeof *b + size);
	if (!b)
		return NULL;
	b->used = 0;
	b->size = size;
	b->next = a->blocks;
	a->blocks = b;
	a->memory_bytes += sizeof *b + size;
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
