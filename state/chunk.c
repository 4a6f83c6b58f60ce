/* chunk.c - see chunk.h. The return stack is taken whole by its one reader, so a plain exchange
 * suffices: nobody ever pops one element, and no address can come back under a reader (ABA). */
#include "state/chunk.h"

#include "base/check.h"

#include <string.h>

void chunk_pool_init(struct chunk_pool *p, struct mem *mem, uint32_t budget)
{
	memset(p, 0, sizeof *p);
	p->mem = mem;
	p->chunk_bytes = CHUNK_BYTES;
	p->budget = budget < 4 ? 4 : budget;
}

static void chunk_pool_collect(struct chunk_pool *p)
{
	struct chunk *c = atomic_exchange_explicit(&p->returned, NULL, memory_order_acquire);
	while (c) {
		struct chunk *next = c->next;
		if (c->overdraft) {
			mem_put(p->mem, c);
			p->overdrafts--;
		} else {
			c->next = p->free;
			p->free = c;
			p->free_count++;
		}
		c = next;
	}
}

void chunk_pool_close(struct chunk_pool *p)
{
	if (!p->mem)
		return;
	chunk_pool_collect(p);
	CHECK(p->free_count == p->made && p->overdrafts == 0);
	while (p->free) {
		struct chunk *c = p->free;
		p->free = c->next;
		mem_put(p->mem, c);
	}
	memset(p, 0, sizeof *p);
}

static struct chunk *chunk_lend(struct chunk_pool *p, struct chunk *c, bool overdraft)
{
	c->next = c->next_list = NULL;
	c->pool = p;
	c->checkpoint = 0;
	c->stream = CHUNK_ORDERED;
	c->rows = c->used_bytes = 0;
	c->order = NULL;
	c->size_bytes = p->chunk_bytes;
	c->overdraft = overdraft;
	p->overdrafts += overdraft;
	return c;
}

struct chunk *chunk_get(struct chunk_pool *p)
{
	if (!p->free)
		chunk_pool_collect(p);
	struct chunk *c = p->free;
	if (c) {
		p->free = c->next;
		p->free_count--;
		return chunk_lend(p, c, false);
	}
	if (p->made >= p->budget)
		return NULL;
	c = mem_get_aligned(p->mem, 64, sizeof *c + p->chunk_bytes + CHUNK_SLACK);
	if (!c)
		return NULL;
	p->made++;
	return chunk_lend(p, c, false);
}

struct chunk *chunk_get_overdraft(struct chunk_pool *p)
{
	struct chunk *c = chunk_get(p);
	if (c)
		return c;
	c = mem_get_aligned(p->mem, 64, sizeof *c + p->chunk_bytes + CHUNK_SLACK);
	return c ? chunk_lend(p, c, true) : NULL;
}

uint32_t chunk_available(struct chunk_pool *p)
{
	chunk_pool_collect(p);
	return p->free_count + (p->budget - p->made);
}

void chunk_put(struct chunk *c)
{
	if (!c)
		return;
	struct chunk_pool *p = c->pool;
	struct chunk *top = atomic_load_explicit(&p->returned, memory_order_relaxed);
	do
		c->next = top;
	while (!atomic_compare_exchange_weak_explicit(&p->returned, &top, c, memory_order_release,
						      memory_order_relaxed));
}

void chunk_put_list(struct chunk *c)
{
	while (c) {
		struct chunk *next = c->next;
		chunk_put(c);
		c = next;
	}
}
