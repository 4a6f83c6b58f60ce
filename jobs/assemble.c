/* assemble.c - from acknowledgements to a manifest: chains carried on, states, intents, figures.
 * Pure over what the control thread holds; no file. */
#include "jobs/attempt_in.h"

#include "base/planted.h"

#include <stdio.h>

static RC no_memory(struct err *e)
{
	return ERR(e, E_NO_MEMORY, "no memory for a manifest");
}

static struct snap *snap_of(const struct attempt *a, const struct pending *p, uint32_t stage,
			    uint32_t i)
{
	return p->snap[a->c.plan->stage[stage].first_task + i];
}

/* ---- operators' own states: inline, or in the part ---- */

/* Small ones stand in the manifest, 2 KiB of them in all; the rest become sections of the part. */
static bool goes_inline(const struct bytes *state, size_t *inline_bytes)
{
	if (*inline_bytes + state->len > MANIFEST_INLINE_MAX)
		return false;
	*inline_bytes += state->len;
	return true;
}

static enum section_kind state_kind(const struct plan_stage *st)
{
	return st->ops->role == OP_SOURCE ? SECTION_SPLITS : SECTION_OPERATOR;
}

enum rc assemble_blobs(struct attempt *a, struct pending *p, struct err *e)
{
	size_t inline_bytes = 0;
	p->part.blob = mem_get(a->mem, a->n_tasks * sizeof *p->part.blob);
	if (!p->part.blob)
		return no_memory(e);
	for (uint32_t s = 0; s < a->c.plan->n_stages; s++) {
		const struct plan_stage *st = &a->c.plan->stage[s];
		for (uint32_t i = 0; i < st->parallelism; i++) {
			struct snap *x = snap_of(a, p, s, i);
			if (!x->state.len || goes_inline(&x->state, &inline_bytes))
				continue;
			struct pack_blob *b = &p->part.blob[p->part.n_blobs++];
			b->data = x->state.data;
			b->len = x->state.len;
			b->head = (struct section){
				.kind = state_kind(st), .state_version = st->p.state_version,
				.subtask = i, .lineage = a->c.lineage, .attempt = a->c.attempt,
				.epoch = a->c.epoch, .checkpoint_id = p->id,
				.codec = a->c.plan->spec->checkpoint.codec};
			snprintf(b->head.stage, sizeof b->head.stage, "%s", st->spec->id);
			snprintf(b->head.op_type, sizeof b->head.op_type, "%s", st->ops->name);
		}
	}
	return OK;
}

static RC add_state(struct attempt *a, struct pending *p, struct manifest *m,
		    struct manifest_op *op, uint32_t stage, uint32_t i,
		    uint32_t *next_blob, struct err *e)
{
	struct snap *x = snap_of(a, p, stage, i);
	if (!x->state.len)
		return OK;
	struct manifest_section *s = manifest_add_section(m, op);
	if (!s)
		return no_memory(e);
	s->subtask = i;
	s->kind = state_kind(&a->c.plan->stage[stage]);
	s->name = "";
	if (*next_blob < p->part.n_blobs && p->part.blob[*next_blob].data == x->state.data) {
		s->ref = p->part.blob[(*next_blob)++].ref;
		s->ref.file = manifest_file(m, &p->part.file);
		return s->ref.file == UINT32_MAX ? no_memory(e) : OK;
	}
	s->ref.file = SECTION_INLINE;
	s->ref.bytes = x->state.len;
	s->ref.rows = 1;
	s->data = manifest_copy(m, x->state.data, x->state.len);
	return s->data ? OK : no_memory(e);
}

/* ---- keyed state ---- */

static RC add_runs(struct attempt *a, struct pending *p, struct chain *c, uint32_t stage,
		   struct err *e)
{
	const struct plan_stage *st = &a->c.plan->stage[stage];
	for (uint32_t i = 0; i < st->parallelism; i++) {
		struct snap *x = snap_of(a, p, stage, i);
		uint64_t lo = subtask_hash_first(st, i), hi = subtask_hash_last(st, i);
		if ((x->full || (PLANTED(chain_cut_too_early) && c->n > 2)) &&
		    chain_cut(c, lo, hi, e) != OK)
			return e->code;
		for (uint32_t r = 0; r < x->n_runs; r++)
			if (chain_push(c, &x->run[r].ref, &p->part.file, lo, hi, x->run[r].delta, e) != OK)
				return e->code;
	}
	return OK;
}

static RC add_keyed(struct attempt *a, struct pending *p, struct manifest *m,
		    struct manifest_op *op, uint32_t stage, struct err *e)
{
	const struct plan_stage *st = &a->c.plan->stage[stage];
	struct manifest_keyed *k = manifest_add_keyed(m, op);
	if (!k)
		return no_memory(e);
	k->name = "";
	k->key = st->p.key_schema;
	k->value = st->p.value_schema;
	k->hash_id = shape_hash_id(&task_config(a->task[st->first_task])->shape);
	const struct manifest_op *before = a->base ? manifest_find_op(&a->base->m, st->spec->id) : NULL;
	struct chain c;
	chain_init(&c, a->mem);
	enum rc rc = OK;
	if (before && before->n_keyed)
		rc = chain_carry(&c, &a->base->m, &before->keyed[0], e);
	if (rc == OK)
		rc = chains_apply(a, p->id, stage, &c, e);
	if (rc == OK)
		rc = add_runs(a, p, &c, stage, e);
	if (rc == OK)
		rc = chain_write(&c, m, k, e);
	chain_close(&c);
	return rc;
}

/* ---- what sinks prepared ---- */

static RC add_intents(struct manifest *m, const struct snap *x, struct err *e)
{
	struct reader r = reader_of(x->intents.data, x->intents.len);
	struct intent in;
	while (intent_next(&r, &in)) {
		struct manifest_intent *mi = manifest_add_intent(m);
		if (!mi)
			return no_memory(e);
		mi->sink = manifest_text(m, in.sink);
		mi->kind = intent_kind_name(in.kind);
		mi->from = manifest_text(m, in.from);
		mi->to = manifest_text(m, in.to);
		mi->offset = in.offset;
		mi->length = in.length;
		mi->hash = in.hash;
		if (!mi->sink || !mi->from || !mi->to)
			return no_memory(e);
	}
	CHECK(!r.failed);
	return OK;
}

/* ---- the whole ---- */

static enum checkpoint_kind manifest_kind(enum co_kind k)
{
	static const enum checkpoint_kind kinds[] = {
		[CO_INITIAL] = CHECKPOINT_INITIAL, [CO_PERIODIC] = CHECKPOINT_PERIODIC,
		[CO_MANUAL] = CHECKPOINT_MANUAL, [CO_SAVEPOINT] = CHECKPOINT_SAVEPOINT,
		[CO_STOP] = CHECKPOINT_STOP, [CO_FINAL] = CHECKPOINT_FINAL};
	return kinds[k];
}

static RC add_stage(struct attempt *a, struct pending *p, struct manifest *m, uint32_t stage,
		    uint32_t *next_blob, struct err *e)
{
	const struct plan_stage *st = &a->c.plan->stage[stage];
	struct manifest_op *op = manifest_add_op(m, st->spec->id, st->ops->name, st->parallelism);
	if (!op)
		return no_memory(e);
	op->state_version = st->p.state_version;
	op->max_parallelism = st->p.max_parallelism;
	if (st->p.keyed && add_keyed(a, p, m, op, stage, e) != OK)
		return e->code;
	for (uint32_t i = 0; i < st->parallelism; i++) {
		struct snap *x = snap_of(a, p, stage, i);
		op->ended[i] = x->ended;
		if (add_state(a, p, m, op, stage, i, next_blob, e) != OK || add_intents(m, x, e) != OK)
			return e->code;
	}
	return OK;
}

static const char *name_of(struct manifest *m, const struct pending *p)
{
	char text[48];
	snprintf(text, sizeof text, "savepoint-%llu", (unsigned long long)p->id);
	return manifest_text(m, strcmp(p->name, ATTEMPT_OWN_NAME) ? p->name : text);
}

enum rc assemble(struct attempt *a, struct pending *p, struct err *e)
{
	struct published *made = mem_get(a->mem, sizeof *made);
	if (!made)
		return no_memory(e);
	made->users = 1;
	struct manifest *m = &made->m;
	manifest_init(m, a->mem);
	m->slot_kind = SLOT_CHECKPOINT;
	m->attempt = a->c.attempt;
	m->id = p->id;
	m->kind = manifest_kind(p->kind);
	m->final = p->kind == CO_FINAL;
	if (p->name[0] && !(m->name = name_of(m, p))) {
		published_drop(made);
		return no_memory(e);
	}
	m->wall_us = clock_wall_us(a->c.env->clock);
	m->job_hash = a->c.plan->job_hash;
	uint32_t next_blob = 0;
	enum rc rc = OK;
	for (uint32_t s = 0; s < a->c.plan->n_stages && rc == OK; s++)
		rc = add_stage(a, p, m, s, &next_blob, e);
	if (rc != OK) {
		published_drop(made);
		return rc;
	}
	/* A part of which nothing is named (all keys were deleted) would be an orphan: it is named by
	 * nobody and swept like one. */
	manifest_prune_files(m);
	rc = assemble_counts(a, p, m, e);
	if (rc == OK)
		rc = assemble_checks(a, p, m, e);
	if (rc != OK) {
		published_drop(made);
		return rc;
	}
	assemble_figures(a, p, &m->figures);
	m->figures.trigger = manifest_text(m, m->figures.trigger); /* it outlives p */
	if (!m->figures.trigger) {
		published_drop(made);
		return no_memory(e);
	}
	p->made = made;
	return OK;
}
