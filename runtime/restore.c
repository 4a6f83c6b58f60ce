/* restore.c - see restore.h. */
#include "runtime/restore.h"

#include "runtime/runs_in.h"

static RC restore_merge(struct runs_in *runs, struct merge *m, struct keyed *k, struct err *e)
{
	struct merge_span span;
	for (;;) {
		switch (merge_rows(m, &span, e)) {
		case MERGE_WANT:
			if (runs_in_feed(runs, m, span.input, e) != OK)
				return e->code;
			break;
		case MERGE_ROWS:
			if (keyed_restore_rows(k, span.block, span.from, span.to, e) != OK)
				return e->code;
			break;
		case MERGE_END:
			return OK;
		case MERGE_BLOCK:
		case MERGE_FAULT:
			return e->code;
		}
	}
}

/* The last hash up to which the runs that cover lo are those that cover it: after a rescale the
 * chains of old subtasks stand side by side, and only one of them is open at a time. */
static uint64_t strip_end(const struct manifest_keyed *s, uint64_t lo, uint64_t hash_last)
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

struct restore {
	struct fs *fs;
	struct mem *mem;
	const char *parts_dir;
	const struct manifest *m;
	const struct manifest_keyed *s;
	const struct keyed_shape *shape;
	struct runs_in *runs;
};

static RC restore_strip(struct restore *r, uint64_t lo, uint64_t hi, struct keyed *k,
			struct restored *out, struct err *e)
{
	struct merge *merge = NULL;
	enum rc rc = OK;
	for (uint32_t i = 0; i < r->s->n_runs && rc == OK; i++)
		rc = runs_in_add(r->runs, r->fs, r->parts_dir, r->m, &r->s->run[i], lo, hi, e);
	if (rc == OK)
		rc = merge_open(&merge, r->shape, r->runs->range, r->runs->n, true, r->mem, e);
	if (rc == OK)
		rc = restore_merge(r->runs, merge, k, e);
	if (rc == OK)
		out->rows_read += merge_rows_in(merge);
	for (uint32_t i = 0; i < r->runs->n; i++)
		out->bytes_read += r->runs->in[i].bytes;
	merge_close(merge);
	runs_in_close(r->runs);
	return rc;
}

RC restore_keyed(struct fs *fs, struct mem *mem, const char *parts_dir, const struct manifest *m,
		 const struct manifest_keyed *s, const struct keyed_shape *shape, uint64_t hash_first,
		 uint64_t hash_last, uint64_t expected, struct keyed *k, struct restored *out,
		 struct err *e)
{
	struct restore r = {fs, mem, parts_dir, m, s, shape, mem_get(mem, sizeof *r.runs)};
	*out = (struct restored){0};
	if (!r.runs)
		return ERR(e, E_NO_MEMORY, "no memory to restore");
	runs_in_init(r.runs, mem);
	for (uint32_t i = 0; i < s->n_runs; i++)
		if (s->run[i].hash_first <= hash_last && s->run[i].hash_last >= hash_first)
			s->run[i].delta ? out->delta_runs++ : out->full_runs++;
	enum rc rc = keyed_restore_begin(k, expected, e);
	for (uint64_t lo = hash_first, end; rc == OK; lo = end + 1) {
		end = strip_end(s, lo, hash_last);
		rc = restore_strip(&r, lo, end, k, out, e);
		if (end == hash_last)
			break;
	}
	if (rc == OK) {
		keyed_restore_end(k, m->id);
		out->keys = keyed_count(k);
	}
	mem_put(mem, r.runs);
	return rc;
}
