/* bundle.c - see bundle.h. */
#include "runtime/bundle.h"

#include "base/check.h"
#include "runtime/runs_in.h"

#include <stdio.h>

struct bundle {
	struct bundle_options o;
	struct mem *mem;
	struct manifest from;  /* a copy */
	struct manifest made;
	struct part_share *part;
	uint32_t section_no;
	bool done;
	/* where it is: the keyed states of an operator first, then its sections */
	uint32_t op, keyed, section;
	uint64_t lo, hi;       /* the strip under way; lo of the next one */
	bool all_strips;
	struct runs_in *runs;
	struct merge *merge;
	struct part_reader *reader;
	struct section_reader *blocks;
};

void bundle_shape(const struct manifest_keyed *k, struct keyed_shape *to)
{
	*to = (struct keyed_shape){.form = k->hash_id == HASH_FOLD64 ? KEY_FIX8 : KEY_BYTES,
				   .value_bytes = 8 * k->value.n, .hash_id = (enum hash_id)k->hash_id};
}

/* ---- opening ---- */

/* What only its own directory can mean. */
static void make_alone(struct manifest *m)
{
	m->kind = CHECKPOINT_SAVEPOINT;
	m->final = false;
	m->parent = SLOT_NONE;
	m->top_id = m->id;
	m->n_retained = m->n_pinned = m->n_quarantined = 0;
	m->n_intents = 0;
	m->ledger = (struct manifest_ledger){0}; /* the audit's files stay with the line they tell of */
	m->n_files = 0;
	for (uint32_t i = 0; i < m->n_ops; i++)
		for (uint32_t k = 0; k < m->op[i].n_keyed; k++)
			m->op[i].keyed[k].n_runs = 0;
}

RC bundle_open(struct bundle **out, const struct bundle_options *o, const struct manifest *from,
	       struct err *e)
{
	struct bundle *b = *out = mem_get(o->mem, sizeof *b);
	if (!b)
		return ERR(e, E_NO_MEMORY, "no memory for a savepoint");
	b->o = *o;
	b->mem = o->mem;
	struct part_writer_options w = {
		.parts = storage_dir(o->fs, o->to_dir, NULL), .codec = CODEC_LZ4,
		.name = {.lineage = from->lineage, .attempt = from->attempt, .epoch = from->epoch,
			 .checkpoint_id = from->id, .merge = o->merge}};
	b->runs = mem_get(b->mem, sizeof *b->runs);
	if (!b->runs) {
		ERR(e, E_NO_MEMORY, "no memory for a savepoint");
		goto fail;
	}
	runs_in_init(b->runs, b->mem);
	if (manifest_clone(&b->from, from, b->mem, e) != OK ||
	    manifest_clone(&b->made, from, b->mem, e) != OK ||
	    part_share_open(&b->part, b->mem, &w, e) != OK)
		goto fail;
	make_alone(&b->made);
	return OK;
fail:
	bundle_close(b);
	*out = NULL;
	return e->code;
}

static void input_close(struct bundle *b)
{
	merge_close(b->merge);
	b->merge = NULL;
	if (b->runs)
		runs_in_close(b->runs);
	section_close(b->blocks);
	b->blocks = NULL;
	part_reader_close(b->reader);
	b->reader = NULL;
}

void bundle_close(struct bundle *b)
{
	if (!b)
		return;
	input_close(b);
	mem_put(b->mem, b->runs);
	part_share_drop(b->part);
	manifest_close(&b->from);
	manifest_close(&b->made);
	mem_put(b->mem, b);
}

/* ---- a section's end ---- */

static void head_of(const struct bundle *b, const struct manifest_op *op, struct section *s)
{
	s->state_version = op->state_version;
	s->lineage = b->from.lineage;
	s->attempt = b->from.attempt;
	s->epoch = b->from.epoch;
	s->checkpoint_id = b->from.id;
	s->base_id = 0;
	s->codec = CODEC_LZ4;
	snprintf(s->stage, sizeof s->stage, "%s", op->id);
	snprintf(s->op_type, sizeof s->op_type, "%s", op->type);
}

static RC end_section(struct bundle *b, const struct section *head, struct section_ref *ref,
		      struct err *e)
{
	if (part_end_section(part_share_writer(b->part), b->section_no++, head, ref, e) != OK)
		return e->code;
	ref->file = 0; /* the one there will be */
	return OK;
}

/* ---- keyed states ---- */

static RC strip_begin(struct bundle *b, const struct manifest_keyed *k, struct err *e)
{
	struct keyed_shape shape;
	bundle_shape(k, &shape);
	b->hi = runs_in_strip(k, b->lo, UINT64_MAX);
	for (uint32_t i = 0; i < k->n_runs; i++)
		if (runs_in_add(b->runs, b->o.fs, b->o.from_dir, &b->from, &k->run[i], b->lo, b->hi,
				e) != OK)
			return e->code;
	return merge_open(&b->merge, &shape, b->runs->range, b->runs->n, true, b->mem, e);
}

static RC strip_finish(struct bundle *b, const struct manifest_op *op,
		       const struct manifest_keyed *k, struct err *e)
{
	struct manifest_keyed *to = &b->made.op[b->op].keyed[b->keyed];
	uint64_t rows = merge_rows_out(b->merge);
	input_close(b);
	if (rows) {
		struct section head = {.kind = SECTION_KEYED, .key = k->key, .value = k->value,
				       .hash_id = k->hash_id, .hash_first = b->lo,
				       .hash_last = b->hi, .row_ops = ROWS_PUT, .subtask = to->n_runs};
		head_of(b, op, &head);
		snprintf(head.state, sizeof head.state, "%s", k->name);
		struct manifest_run *run = manifest_add_run(&b->made, to);
		if (!run)
			return ERR(e, E_NO_MEMORY, "no memory for a manifest");
		if (end_section(b, &head, &run->ref, e) != OK)
			return e->code;
		run->hash_first = b->lo;
		run->hash_last = b->hi;
	}
	b->all_strips = b->hi == UINT64_MAX;
	b->lo = b->hi + 1;
	return OK;
}

static RC keyed_step(struct bundle *b, struct ioqueue *io, const struct manifest_op *op,
		     struct err *e)
{
	const struct manifest_keyed *k = &op->keyed[b->keyed];
	struct merge_span span;
	if (b->all_strips) {
		b->keyed++;
		b->lo = 0;
		b->all_strips = false;
		return OK;
	}
	if (!b->merge)
		return strip_begin(b, k, e);
	switch (merge_step(b->merge, &span, e)) {
	case MERGE_WANT:
		return runs_in_feed(b->runs, b->merge, span.input, e);
	case MERGE_BLOCK:
		if (part_append(part_share_writer(b->part), b->section_no, span.out.bytes,
				span.out.len, span.out.rows, span.out.first_hash,
				span.out.last_hash, e) != OK)
			return e->code;
		part_share_grew(b->part, io);
		return OK;
	case MERGE_END:
		return strip_finish(b, op, k, e);
	default:
		return e->code;
	}
}

/* ---- what is not keyed ---- */

static RC section_step(struct bundle *b, struct ioqueue *io, const struct manifest_op *op,
		       struct err *e)
{
	const struct manifest_section *s = &op->section[b->section];
	struct block_view v;
	if (s->ref.file == SECTION_INLINE) { /* stands in the manifest, and was copied with it */
		b->section++;
		return OK;
	}
	if (!b->blocks) {
		if (part_reader_open(&b->reader, storage_dir(b->o.fs, b->o.from_dir, NULL), b->mem,
				     &b->from.file[s->ref.file], e) != OK)
			return e->code;
		return section_open(&b->blocks, b->reader, &s->ref, 0, UINT64_MAX, e);
	}
	if (section_next(b->blocks, &v, e) != OK)
		return e->code;
	if (v.raw) {
		if (part_append(part_share_writer(b->part), b->section_no, v.raw, v.len, v.rows,
				v.first_hash, v.last_hash, e) != OK)
			return e->code;
		part_share_grew(b->part, io);
		return OK;
	}
	struct section head = *section_head(b->blocks);
	head_of(b, op, &head);
	input_close(b);
	b->section++;
	return end_section(b, &head, &b->made.op[b->op].section[b->section - 1].ref, e);
}

/* ---- the whole ---- */

static RC finish(struct bundle *b, struct err *e)
{
	struct part_file file = {0};
	b->done = true;
	if (!part_bytes(part_share_writer(b->part)))
		return OK;
	if (part_finish(part_share_writer(b->part), &file, e) != OK)
		return e->code;
	b->made.figures.bytes_written = file.length;
	return manifest_file(&b->made, &file) == UINT32_MAX
		       ? ERR(e, E_NO_MEMORY, "no memory for a manifest")
		       : OK;
}

RC bundle_step(struct bundle *b, struct ioqueue *io, bool *done, struct err *e)
{
	enum rc rc;
	if (b->op == b->from.n_ops) {
		rc = finish(b, e);
	} else {
		const struct manifest_op *op = &b->from.op[b->op];
		if (b->keyed < op->n_keyed) {
			rc = keyed_step(b, io, op, e);
		} else if (b->section < op->n_sections) {
			rc = section_step(b, io, op, e);
		} else {
			b->op++;
			b->keyed = b->section = 0;
			rc = OK;
		}
	}
	*done = b->done;
	return rc;
}

RC bundle_seal(struct bundle *b, struct err *e)
{
	CHECK(b->done);
	return b->made.n_files ? part_share_seal(b->part, e) : OK;
}

struct manifest *bundle_manifest(struct bundle *b)
{
	return &b->made;
}
