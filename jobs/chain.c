/* chain.c - see chain.h. */
#include "jobs/chain.h"

#include "base/planted.h"

void chain_init(struct chain *c, struct mem *mem)
{
	*c = (struct chain){.mem = mem};
}

void chain_close(struct chain *c)
{
	if (c->mem)
		mem_put(c->mem, c->link);
	*c = (struct chain){.mem = c->mem};
}

static RC chain_insert(struct chain *c, uint32_t at, const struct chain_link *l, struct err *e)
{
	if (c->n == c->cap) {
		uint32_t cap = c->cap ? 2 * c->cap : 16;
		struct chain_link *link = mem_resize(c->mem, c->link, cap * sizeof *link);
		if (!link)
			return ERR(e, E_NO_MEMORY, "no memory for a chain of runs");
		c->link = link;
		c->cap = cap;
	}
	for (uint32_t i = c->n; i > at; i--)
		c->link[i] = c->link[i - 1];
	c->link[at] = *l;
	c->n++;
	return OK;
}

static void chain_remove(struct chain *c, uint32_t at)
{
	c->n--;
	for (uint32_t i = at; i < c->n; i++)
		c->link[i] = c->link[i + 1];
}

RC chain_carry(struct chain *c, const struct manifest *from, const struct manifest_keyed *k,
	       struct err *e)
{
	for (uint32_t i = 0; i < k->n_runs; i++) {
		const struct manifest_run *r = &k->run[i];
		bool in_file = r->ref.file != SECTION_INLINE;
		struct chain_link l = {.ref = r->ref, .file = in_file ? &from->file[r->ref.file] : NULL,
				       .from = from, .run = r, .lo = r->hash_first,
				       .hi = r->hash_last, .delta = r->delta};
		if (chain_insert(c, c->n, &l, e) != OK)
			return e->code;
	}
	return OK;
}

/* Takes [lo, hi] out of one link: *gone when nothing is left, else maybe another one behind it. */
static RC link_cut(struct chain *c, uint32_t at, uint64_t lo, uint64_t hi, bool *gone,
		   struct err *e)
{
	struct chain_link *l = &c->link[at];
	*gone = false;
	if (l->hi < lo || l->lo > hi)
		return OK;
	bool left = l->lo < lo, right = l->hi > hi;
	if (!left && !right) {
		chain_remove(c, at);
		*gone = true;
		return OK;
	}
	struct chain_link rest = *l;
	if (left)
		l->hi = lo - 1;
	else
		l->lo = hi + 1;
	if (!left || !right)
		return OK;
	rest.lo = hi + 1;
	return chain_insert(c, at + 1, &rest, e);
}

RC chain_cut(struct chain *c, uint64_t lo, uint64_t hi, struct err *e)
{
	for (uint32_t i = 0; i < c->n;) {
		bool gone;
		if (link_cut(c, i, lo, hi, &gone, e) != OK)
			return e->code;
		i += !gone;
	}
	return OK;
}

RC chain_push(struct chain *c, const struct section_ref *ref, const struct part_file *file,
	      uint64_t lo, uint64_t hi, bool delta, struct err *e)
{
	struct chain_link l = {.ref = *ref, .file = file, .lo = lo, .hi = hi, .delta = delta};
	return chain_insert(c, c->n, &l, e);
}

uint32_t chain_within(const struct chain *c, uint64_t lo, uint64_t hi, uint32_t *links,
		      uint32_t max)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < c->n; i++) {
		if (c->link[i].hi < lo || c->link[i].lo > hi)
			continue;
		if (n < max)
			links[n] = i;
		n++;
	}
	return n;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The same run, and within [lo, hi] still as much of it: what was cut out may not come back. */
static bool link_is_run(const struct chain_link *l, const struct manifest *m,
			const struct manifest_run *r, uint64_t lo, uint64_t hi)
{
	if (PLANTED(late_merge_is_used))
		return true;
	if (!l->file || r->ref.file == SECTION_INLINE)
		return false;
	if (larger(l->lo, lo) != larger(r->hash_first, lo) ||
	    smaller(l->hi, hi) != smaller(r->hash_last, hi))
		return false;
	return l->ref.offset == r->ref.offset && !strcmp(l->file->name, m->file[r->ref.file].name);
}

#define LINKS_MAX 512

RC chain_replace(struct chain *c, const struct manifest *inputs, const struct manifest_keyed *k,
		 const struct section_ref *ref, const struct part_file *file, uint64_t lo, uint64_t hi,
		 bool delta, bool *done, struct err *e)
{
	uint32_t at[LINKS_MAX], n = chain_within(c, lo, hi, at, LINKS_MAX), first = 0;
	*done = false;
	if (n > LINKS_MAX || n < k->n_runs)
		return OK;
	while (first + k->n_runs <= n && !link_is_run(&c->link[at[first]], inputs, &k->run[0], lo, hi))
		first++;
	if (first + k->n_runs > n)
		return OK;
	for (uint32_t i = 0; i < k->n_runs; i++)
		if (!link_is_run(&c->link[at[first + i]], inputs, &k->run[i], lo, hi))
			return OK;
	/* At the bottom deletions were dropped: then nothing may lie below now either. */
	if (!delta && first > 0)
		return OK;
	/* From the top down, so that the numbers below stay right; the new one stands where the topmost
	 * stood: above what is below the range, below what is above it. */
	uint32_t place = at[first + k->n_runs - 1] + 1;
	if (ref) {
		struct chain_link l = {.ref = *ref, .file = file, .lo = lo, .hi = hi, .delta = delta};
		if (chain_insert(c, place, &l, e) != OK)
			return e->code;
	}
	for (uint32_t i = k->n_runs; i-- > 0;) {
		bool gone;
		if (link_cut(c, at[first + i], lo, hi, &gone, e) != OK)
			return e->code;
	}
	*done = true;
	return OK;
}

uint64_t chain_rows(const struct chain *c)
{
	uint64_t rows = 0;
	for (uint32_t i = 0; i < c->n; i++)
		rows += c->link[i].ref.rows;
	return rows;
}

RC chain_write(const struct chain *c, struct manifest *m, struct manifest_keyed *k, struct err *e)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const struct chain_link *l = &c->link[i];
		if (l->from) {
			struct manifest_run run = *l->run;
			run.hash_first = l->lo;
			run.hash_last = l->hi;
			run.delta = l->delta;
			if (manifest_carry_run(m, k, l->from, &run, e) != OK)
				return e->code;
			continue;
		}
		uint32_t file = manifest_file(m, l->file);
		struct manifest_run *run = file == UINT32_MAX ? NULL : manifest_add_run(m, k);
		if (!run)
			return ERR(e, E_NO_MEMORY, "no memory for a manifest");
		*run = (struct manifest_run){.ref = l->ref, .hash_first = l->lo, .hash_last = l->hi,
					     .delta = l->delta};
		run->ref.file = file;
	}
	return OK;
}
