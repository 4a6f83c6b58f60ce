/* mem.c - see mem.h. */
#include "base/mem.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void mem_init(struct mem *m, size_t limit_bytes)
{
	memset(m, 0, sizeof *m);
	m->limit_bytes = limit_bytes;
}

static bool mem_may(struct mem *m, size_t more_bytes)
{
	uint64_t call = atomic_fetch_add_explicit(&m->calls, 1, memory_order_relaxed) + 1;
	if (m->fail_at && call == m->fail_at)
		return false;
	size_t used = atomic_load_explicit(&m->used_bytes, memory_order_relaxed);
	return !m->limit_bytes || (more_bytes <= m->limit_bytes && used <= m->limit_bytes - more_bytes);
}

static void mem_count(struct mem *m, size_t plus_bytes)
{
	size_t used = atomic_fetch_add_explicit(&m->used_bytes, plus_bytes, memory_order_relaxed) +
		      plus_bytes;
	size_t peak = atomic_load_explicit(&m->peak_bytes, memory_order_relaxed);
	while (used > peak && !atomic_compare_exchange_weak_explicit(&m->peak_bytes, &peak, used,
								      memory_order_relaxed,
								      memory_order_relaxed))
		;
}

static void mem_uncount(struct mem *m, size_t minus_bytes)
{
	atomic_fetch_sub_explicit(&m->used_bytes, minus_bytes, memory_order_relaxed);
}

void *mem_get(struct mem *m, size_t size_bytes)
{
	if (!mem_may(m, size_bytes))
		return NULL;
	void *p = calloc(1, size_bytes ? size_bytes : 1);
	if (p)
		mem_count(m, malloc_usable_size(p));
	return p;
}

void *mem_get_aligned(struct mem *m, size_t align, size_t size_bytes)
{
	if (!mem_may(m, size_bytes))
		return NULL;
	void *p = NULL;
	if (posix_memalign(&p, align, size_bytes ? size_bytes : 1))
		return NULL;
	mem_count(m, malloc_usable_size(p));
	return p;
}

void *mem_resize(struct mem *m, void *p, size_t size_bytes)
{
	size_t old = p ? malloc_usable_size(p) : 0;
	if (size_bytes > old && !mem_may(m, size_bytes - old))
		return NULL;
	void *q = realloc(p, size_bytes ? size_bytes : 1);
	if (!q)
		return NULL;
	mem_uncount(m, old);
	mem_count(m, malloc_usable_size(q));
	return q;
}

char *mem_string(struct mem *m, const char *text)
{
	size_t n = strlen(text) + 1;
	char *s = mem_get(m, n);
	if (s)
		memcpy(s, text, n);
	return s;
}

bool mem_claim(struct mem *m, size_t size_bytes)
{
	if (!mem_may(m, size_bytes))
		return false;
	mem_count(m, size_bytes);
	return true;
}

void mem_unclaim(struct mem *m, size_t size_bytes)
{
	mem_uncount(m, size_bytes);
}

void mem_put(struct mem *m, void *p)
{
	if (!p)
		return;
	mem_uncount(m, malloc_usable_size(p));
	free(p);
}
