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

RC restore_keyed(struct fs *fs, struct mem *mem, const char *parts_dir, const struct manifest *m,
		 const struct manifest_keyed *s, const struct keyed_shape *shape, uint64_t hash_first,
		 uint64_t hash_last, uint64_t expected, struct keyed *k, struct restored *out,
		 struct err *e)
{
	*out = (struct restored){0};
	struct merge *merge = NULL;
	struct runs_in *runs = mem_get(mem, sizeof *runs);
	if (!runs)
		return ERR(e, E_NO_MEMORY, "no memory to restore");
	runs_in_init(runs, mem);
	enum rc rc = OK;
	for (uint32_t i = 0; i < s->n_runs && rc == OK; i++) {
		uint32_t before = runs->n;
		rc = runs_in_add(runs, fs, parts_dir, m, &s->run[i], hash_first, hash_last, e);
		if (runs->n > before)
			s->run[i].delta ? out->delta_runs++ : out->full_runs++;
	}
	if (rc == OK)
		rc = merge_open(&merge, shape, runs->range, runs->n, true, mem, e);
	if (rc == OK)
		rc = keyed_restore_begin(k, expected, e);
	if (rc == OK)
		rc = restore_merge(runs, merge, k, e);
	if (rc == OK) {
		keyed_restore_end(k, m->id);
		out->keys = keyed_count(k);
		out->rows_read = merge_rows_in(merge);
	}
	for (uint32_t i = 0; i < runs->n; i++)
		out->bytes_read += runs->in[i].bytes;
	merge_close(merge);
	runs_in_close(runs);
	mem_put(mem, runs);
	return rc;
}
