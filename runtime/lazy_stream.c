/* lazy_stream.c - see lazy_stream.h. */
#include "runtime/lazy_stream.h"

#include "base/check.h"
#include "runtime/runs_in.h"

struct lazy_input {
	const struct lazy_run *run;
	size_t at;        /* the next block */
	uint64_t hi;
	struct bytes raw; /* the block being merged */
};

/* ---- files ---- */

static RC open_run(struct lazy_runs *r, struct fs *fs, const char *parts_dir,
		   const struct manifest *m, const struct manifest_run *run, uint64_t lo,
		   uint64_t hi, struct err *e)
{
	struct lazy_run *x = &r->run[r->n];
	uint32_t file = run->ref.file;
	x->lo = run->hash_first > lo ? run->hash_first : lo;
	x->hi = run->hash_last < hi ? run->hash_last : hi;
	if (x->lo > x->hi)
		return OK;
	r->n++;
	if (file == SECTION_INLINE)
		return section_open_inline(&x->section, r->mem, run->data, run->ref.bytes,
					   run->ref.rows, x->lo, x->hi, e);
	if (!r->part[file] && part_reader_open(&r->part[file], storage_dir(fs, parts_dir, NULL),
					       r->mem, &m->file[file], e) != OK)
		return e->code;
	return section_open(&x->section, r->part[file], &run->ref, x->lo, x->hi, e);
}

RC lazy_runs_open(struct lazy_runs *r, struct fs *fs, struct mem *mem, const char *parts_dir,
		  const struct manifest *m, const struct manifest_keyed *s, uint64_t lo, uint64_t hi,
		  struct err *e)
{
	*r = (struct lazy_runs){.mem = mem, .n_parts = m->n_files};
	r->part = mem_get(mem, (m->n_files + 1) * sizeof *r->part);
	r->run = mem_get(mem, (s->n_runs + 1) * sizeof *r->run);
	if (!r->part || !r->run)
		return ERR(e, E_NO_MEMORY, "no memory for %u runs", s->n_runs);
	for (uint32_t i = 0; i < s->n_runs; i++) {
		uint32_t n = r->n;
		if (open_run(r, fs, parts_dir, m, &s->run[i], lo, hi, e) != OK)
			return e->code;
		r->blocks += r->n > n ? section_blocks(r->run[n].section) : 0;
	}
	return OK;
}

void lazy_runs_close(struct lazy_runs *r)
{
	for (uint32_t i = 0; r->run && i < r->n; i++)
		section_close(r->run[i].section);
	for (uint32_t i = 0; r->part && i < r->n_parts; i++)
		part_reader_close(r->part[i]);
	if (r->mem) {
		mem_put(r->mem, r->run);
		mem_put(r->mem, r->part);
	}
	*r = (struct lazy_runs){0};
}

/* ---- rows ---- */

RC lazy_stream_open(struct lazy_stream *st, struct lazy_runs *runs, const struct manifest_keyed *s,
		    const struct keyed_shape *shape, struct err *e)
{
	*st = (struct lazy_stream){.runs = runs, .s = s, .shape = shape, .ended = true};
	st->input = mem_get(runs->mem, (runs->n + 1) * sizeof *st->input);
	if (!st->input)
		return ERR(e, E_NO_MEMORY, "no memory for %u runs", runs->n);
	for (uint32_t i = 0; i < runs->n; i++)
		bytes_init(&st->input[i].raw, runs->mem);
	return OK;
}

void lazy_stream_close(struct lazy_stream *st)
{
	merge_close(st->merge);
	for (uint32_t i = 0; st->input && i < st->runs->n; i++)
		bytes_close(&st->input[i].raw);
	if (st->input)
		mem_put(st->runs->mem, st->input);
	st->merge = NULL;
	st->input = NULL;
}

void lazy_stream_seek(struct lazy_stream *st, uint64_t lo, uint64_t hi)
{
	st->next = lo;
	st->last = hi;
	st->open = st->ended = false;
	st->span.from = st->span.to = 0;
}

/* The runs of the next strip: those of one old subtask's chain. */
static RC strip_open(struct lazy_stream *st, struct err *e)
{
	struct merge_input range[MERGE_INPUTS];
	const struct lazy_runs *r = st->runs;
	uint64_t lo = st->next;
	st->strip_last = runs_in_strip(st->s, lo, st->last);
	st->n = 0;
	for (uint32_t i = 0; i < r->n; i++) {
		const struct lazy_run *run = &r->run[i];
		if (run->lo > st->strip_last || run->hi < lo)
			continue;
		if (st->n == MERGE_INPUTS)
			return ERR(e, E_LIMIT, "a state of more than %u runs", MERGE_INPUTS);
		struct lazy_input *in = &st->input[st->n];
		struct merge_input *x = &range[st->n++];
		x->lo = run->lo > lo ? run->lo : lo;
		x->hi = run->hi < st->strip_last ? run->hi : st->strip_last;
		in->run = run;
		in->hi = x->hi;
		in->at = section_seek(run->section, x->lo);
	}
	st->open = true;
	if (st->merge)
		return merge_restart(st->merge, range, st->n, e);
	return merge_open(&st->merge, st->shape, range, st->n, true, r->mem, e);
}

static RC feed(struct lazy_stream *st, uint32_t input, struct err *e)
{
	struct lazy_input *in = &st->input[input];
	struct section_reader *s = in->run->section;
	struct block_view v;
	if (in->at >= section_blocks(s) || section_first_hash(s, in->at) > in->hi) {
		merge_feed_end(st->merge, input);
		return OK;
	}
	if (section_block(s, in->at++, &in->raw, &v, e) != OK)
		return e->code;
	st->bytes_read += v.len;
	return merge_feed(st->merge, input, v.raw, v.len, e);
}

RC lazy_stream_step(struct lazy_stream *st, enum lazy_did *did, struct err *e)
{
	*did = LAZY_MORE;
	st->span.from = st->span.to = 0;
	if (st->ended) {
		*did = LAZY_END;
		return OK;
	}
	if (!st->open)
		return strip_open(st, e);
	switch (merge_rows(st->merge, &st->span, e)) {
	case MERGE_WANT:
		st->span.from = st->span.to = 0;
		return feed(st, st->span.input, e);
	case MERGE_ROWS:
		*did = LAZY_ROWS;
		return OK;
	case MERGE_END:
		st->rows_read += merge_rows_in(st->merge);
		st->open = false;
		st->ended = st->strip_last == st->last;
		st->next = st->strip_last + 1;
		return OK;
	default:
		return e->code;
	}
}
