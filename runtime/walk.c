/* walk.c - see walk.h. */
#include "runtime/walk.h"

#include "runtime/runs_in.h"

struct walk {
	struct walk_options o;
	struct keyed_shape shape;
	struct runs_in runs;
	struct merge *merge; /* of the strip that is open; NULL: none */
	uint64_t lo;         /* where the next strip begins */
	bool ended;          /* no further strips */
	uint64_t rows_read, bytes_read;
};

RC walk_open(struct walk **out, const struct walk_options *o, struct err *e)
{
	struct walk *w = *out = mem_get(o->mem, sizeof *w);
	if (!w)
		return ERR(e, E_NO_MEMORY, "no memory to read a keyed state");
	w->o = *o;
	w->shape = *o->shape;
	w->lo = o->hash_first;
	w->ended = o->hash_first > o->hash_last;
	runs_in_init(&w->runs, o->mem);
	return OK;
}

static void strip_close(struct walk *w)
{
	if (w->merge)
		w->rows_read += merge_rows_in(w->merge);
	for (uint32_t i = 0; i < w->runs.n; i++)
		w->bytes_read += w->runs.in[i].bytes;
	merge_close(w->merge);
	w->merge = NULL;
	runs_in_close(&w->runs);
}

void walk_close(struct walk *w)
{
	if (!w)
		return;
	strip_close(w);
	mem_put(w->o.mem, w);
}

static RC strip_open(struct walk *w, struct err *e)
{
	const struct manifest_keyed *k = w->o.state;
	uint64_t lo = w->lo, hi = runs_in_strip(k, lo, w->o.hash_last);
	w->ended = hi == w->o.hash_last;
	w->lo = hi + 1;
	for (uint32_t i = 0; i < k->n_runs; i++)
		if (runs_in_add(&w->runs, w->o.fs, w->o.parts_dir, w->o.m, &k->run[i], lo, hi, e) != OK)
			return e->code;
	return merge_open(&w->merge, &w->shape, w->runs.range, w->runs.n, true, w->o.mem, e);
}

RC walk_next(struct walk *w, struct merge_span *span, struct err *e)
{
	*span = (struct merge_span){0};
	for (;;) {
		if (!w->merge && w->ended)
			return OK;
		if (!w->merge && strip_open(w, e) != OK)
			return e->code;
		switch (merge_rows(w->merge, span, e)) {
		case MERGE_WANT:
			if (runs_in_feed(&w->runs, w->merge, span->input, e) != OK)
				return e->code;
			break;
		case MERGE_ROWS:
			return OK;
		case MERGE_END:
			strip_close(w);
			span->block = NULL;
			break;
		case MERGE_BLOCK:
		case MERGE_FAULT:
			return e->code;
		}
	}
}

uint64_t walk_rows_read(const struct walk *w)
{
	return w->rows_read + (w->merge ? merge_rows_in(w->merge) : 0);
}

uint64_t walk_bytes_read(const struct walk *w)
{
	uint64_t bytes = w->bytes_read;
	for (uint32_t i = 0; i < w->runs.n; i++)
		bytes += w->runs.in[i].bytes;
	return bytes;
}
