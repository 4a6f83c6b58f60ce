/* assemble_counts.c - what was counted on a checkpoint's cut: records of each stage, and of each
 * edge at both its ends. Totals since the lineage began are those of the checkpoint this attempt
 * was restored from and what its tasks counted since, which is additive: over subtasks, however
 * many they were, and over checkpoints that were given up between.
 * A line that began without counts goes on without: half of the truth would be none.
 * Pure over what the control thread holds. */
#include "jobs/attempt_in.h"

static RC no_memory(struct err *e)
{
	return ERR(e, E_NO_MEMORY, "no memory for a manifest");
}

static const struct snap_counts *counts_of(const struct pending *p, const struct plan_stage *st,
					   uint32_t subtask)
{
	return &p->snap[st->first_task + subtask]->counts;
}

/* Which of the edges out of its first stage (into its second) plan edge g is. */
static uint32_t place_out(const struct plan *p, uint32_t g)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < g; i++)
		n += p->edge[i].from == p->edge[g].from;
	return n;
}

static uint32_t place_in(const struct plan *p, uint32_t g)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < g; i++)
		n += p->edge[i].to == p->edge[g].to;
	return n;
}

static void add(struct manifest_total *to, const struct snap_count *c)
{
	to->n += c->n;
	to->hash += c->hash;
}

/* What this attempt counted: on one cut both ends must agree, or it is none (inv 4). */
static void add_attempt(const struct attempt *a, const struct pending *p, uint32_t g,
			struct manifest_edge *to)
{
	const struct plan *plan = a->c.plan;
	const struct plan_edge *x = &plan->edge[g];
	const struct plan_stage *from = &plan->stage[x->from], *into = &plan->stage[x->to];
	struct manifest_total sent = {0}, received = {0};
	uint32_t out = place_out(plan, g), in = place_in(plan, g);
	for (uint32_t i = 0; i < from->parallelism; i++)
		add(&sent, &counts_of(p, from, i)->sent[out]);
	for (uint32_t i = 0; i < into->parallelism; i++)
		add(&received, &counts_of(p, into, i)->received[in]);
	if (task_config(a->task[into->first_task])->exactly_once)
		CHECK(sent.n == received.n && sent.hash == received.hash);
	to->sent.n += sent.n;
	to->sent.hash += sent.hash;
	to->received.n += received.n;
	to->received.hash += received.hash;
}

static RC add_edge(struct attempt *a, const struct pending *p, struct manifest *m, uint32_t g,
		   struct err *e)
{
	const struct plan *plan = a->c.plan;
	const struct plan_edge *x = &plan->edge[g];
	const char *from = plan->stage[x->from].spec->id, *to = plan->stage[x->to].spec->id;
	const struct manifest_edge *before =
		a->restored ? manifest_find_edge(&a->restored->m, from, to, x->input) : NULL;
	struct manifest_edge *me = manifest_add_edge(m);
	if (!me)
		return no_memory(e);
	if (before)
		*me = *before;
	me->from = manifest_text(m, from);
	me->to = manifest_text(m, to);
	me->input = x->input;
	if (!me->from || !me->to)
		return no_memory(e);
	add_attempt(a, p, g, me);
	return OK;
}

static void add_stage(struct attempt *a, const struct pending *p, struct manifest_op *op,
		      const struct plan_stage *st)
{
	const struct manifest_op *before =
		a->restored ? manifest_find_op(&a->restored->m, st->spec->id) : NULL;
	op->counted = true;
	if (before) {
		op->in = before->in;
		op->out = before->out;
		op->skipped = before->skipped;
		op->kept = before->kept;
	}
	for (uint32_t i = 0; i < st->parallelism; i++) {
		const struct snap_counts *c = counts_of(p, st, i);
		op->in += c->in;
		op->out += c->out;
		op->skipped += c->skipped;
		add(&op->kept, &c->kept);
		op->keys += p->snap[st->first_task + i]->figures.keys;
	}
}

static bool counts_are_known(const struct attempt *a)
{
	for (uint32_t i = 0; a->restored && i < a->restored->m.n_ops; i++)
		if (!a->restored->m.op[i].counted)
			return false;
	return true;
}

enum rc assemble_counts(struct attempt *a, const struct pending *p, struct manifest *m,
			struct err *e)
{
	const struct plan *plan = a->c.plan;
	if (!counts_are_known(a))
		return OK;
	for (uint32_t s = 0; s < plan->n_stages; s++)
		add_stage(a, p, &m->op[s], &plan->stage[s]);
	for (uint32_t g = 0; g < plan->n_edges; g++)
		if (add_edge(a, p, m, g, e) != OK)
			return e->code;
	return OK;
}
