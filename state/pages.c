/* pages.c - see pages.h. */
#include "state/pages.h"

#include "state/keyed_in.h"

#include <sys/mman.h>

#define PAGE_BYTES ((uintptr_t)4096)
#define STEP_BYTES ((size_t)4 << 20) /* by feel: less than a millisecond, so an end is heard soon */

void keyed_pages_begin(const struct keyed *k, struct keyed_pages *p)
{
	const struct table *t = &k->t;
	*p = (struct keyed_pages){.slots = t->slots, .tags = t->tags,
				  .slots_left = t->cap * t->slot_bytes, .tags_left = t->cap};
}

static bool ask(uint8_t **at, size_t *left, size_t bytes)
{
	size_t n = *left < bytes ? *left : bytes;
	uintptr_t from = (uintptr_t)*at / PAGE_BYTES * PAGE_BYTES;
	uintptr_t to = ((uintptr_t)*at + n) / PAGE_BYTES * PAGE_BYTES;
	*at += n;
	*left -= n;
#ifdef MADV_POPULATE_WRITE
	return to <= from || madvise((void *)from, to - from, MADV_POPULATE_WRITE) == 0;
#else
	return false;
#endif
}

/* Tags in step with their slots. */
bool keyed_pages_step(struct keyed_pages *p)
{
	if (!p->slots_left)
		return false;
	double share = (double)STEP_BYTES / (double)p->slots_left;
	size_t tags = share < 1 ? (size_t)((double)p->tags_left * share) : p->tags_left;
	return ask(&p->tags, &p->tags_left, tags) && ask(&p->slots, &p->slots_left, STEP_BYTES);
}
