/* runs_in.c - see runs_in.h. */
#include "runtime/runs_in.h"

void runs_in_init(struct runs_in *r, struct mem *mem)
{
	memset(r, 0, sizeof *r);
	r->mem = mem;
}

void runs_in_close(struct runs_in *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		section_close(r->in[i].section);
		part_reader_close(r->in[i].part);
	}
	r->n = 0;
}

RC runs_in_add(struct runs_in *r, struct fs *fs, const char *parts_dir, const struct manifest *m,
	       const struct manifest_run *run, uint64_t lo, uint64_t hi, struct err *e)
{
	if (run->hash_first > lo)
		lo = run->hash_first;
	if (run->hash_last < hi)
		hi = run->hash_last;
	if (lo > hi)
		return OK;
	if (r->n == MERGE_INPUTS)
		return ERR(e, E_LIMIT, "a state of more than %u runs", MERGE_INPUTS);
	struct run_in *in = &r->in[r->n];
	*in = (struct run_in){0};
	r->range[r->n++] = (struct merge_input){.lo = lo, .hi = hi};
	if (run->ref.file == SECTION_INLINE)
		return section_open_inline(&in->section, r->mem, run->data, run->ref.bytes,
					   run->ref.rows, lo, hi, e);
	if (part_reader_open(&in->part, storage_dir(fs, parts_dir, NULL), r->mem,
			     &m->file[run->ref.file], e) != OK)
		return e->code;
	return section_open(&in->section, in->part, &run->ref, lo, hi, e);
}

RC runs_in_feed(struct runs_in *r, struct merge *m, uint32_t i, struct err *e)
{
	struct run_in *in = &r->in[i];
	struct block_view v;
	if (section_next(in->section, &v, e) != OK)
		return e->code;
	if (!v.raw) {
		merge_feed_end(m, i);
		return OK;
	}
	in->bytes += v.len;
	return merge_feed(m, i, v.raw, v.len, e);
}

uint64_t runs_in_strip(const struct manifest_keyed *s, uint64_t lo, uint64_t hash_last)
{
	uint64_t end = hash_last;
	for (uint32_t i = 0; i < s->n_runs; i++) {
		const struct manifest_run *r = &s->run[i];
		if (r->hash_first > lo && r->hash_first - 1 < end)
			end = r->hash_first - 1;
		if (r->hash_first <= lo && r->hash_last >= lo && r->hash_last < end)
			end = r->hash_last;
	}
	return end;
}
