/* ended.c - see ended.h. */
#include "operators/ended.h"

void ended_init(struct ended *d, struct mem *mem)
{
	*d = (struct ended){.mem = mem};
}

void ended_close(struct ended *d)
{
	if (d->mem)
		mem_put(d->mem, d->range);
	*d = (struct ended){0};
}

/* Whether a ends before b begins, with at least one hash between. */
static bool is_before(const struct hash_range *a, const struct hash_range *b)
{
	return a->last < b->first && b->first - a->last > 1;
}

RC ended_add(struct ended *d, uint64_t first, uint64_t last, struct err *e)
{
	struct hash_range r = {first, last};
	struct hash_range *more = mem_resize(d->mem, d->range, (d->n + 1) * sizeof *more);
	if (!more)
		return ERR(e, E_NO_MEMORY, "no memory for a list of hash ranges");
	d->range = more;
	uint32_t at = 0, after;
	while (at < d->n && is_before(&more[at], &r))
		at++;
	for (after = at; after < d->n && !is_before(&r, &more[after]); after++) {
		if (more[after].first < r.first)
			r.first = more[after].first;
		if (more[after].last > r.last)
			r.last = more[after].last;
	}
	memmove(more + at + 1, more + after, (d->n - after) * sizeof *more);
	more[at] = r;
	d->n = d->n - (after - at) + 1;
	return OK;
}

bool ended_covers(const struct ended *d, uint64_t first, uint64_t last)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (d->range[i].first <= first && last <= d->range[i].last)
			return true;
	return false;
}

bool ended_has(const struct ended *d, uint64_t hash)
{
	return ended_covers(d, hash, hash);
}

void ended_encode(const struct ended *d, struct bytes *to)
{
	if (!d->n)
		return;
	bytes_put_u32(to, d->n);
	for (uint32_t i = 0; i < d->n; i++) {
		bytes_put_u64(to, d->range[i].first);
		bytes_put_u64(to, d->range[i].last);
	}
}

RC ended_decode(struct ended *d, const void *state, size_t len, struct err *e)
{
	struct reader r = reader_of(state, len);
	uint32_t n = len ? reader_u32(&r) : 0;
	if (r.failed || reader_left(&r) != n * 16ull)
		return ERR(e, E_CORRUPT, "a list of hash ranges of %zu bytes is malformed", len);
	while (n--) {
		uint64_t first = reader_u64(&r), last = reader_u64(&r);
		if (first > last)
			return ERR(e, E_CORRUPT, "a hash range ends before it begins");
		if (ended_add(d, first, last, e) != OK)
			return e->code;
	}
	return OK;
}
