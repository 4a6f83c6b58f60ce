/* build.c - the physical graph: channels, edges and tasks of an attempt.
 *
 *   plan edge A -> B (hash, 2 x 3)    = 6 channels, A/i's outlet has 3 of them, B/j's gate has 2
 *             A -> B (forward, 2 x 2) = 2 channels, one each */
#include "jobs/attempt_in.h"
#include "jobs/checks.h"
#include "jobs/explain_memory.h"

#include <stdio.h>

uint64_t subtask_hash_first(const struct plan_stage *st, uint32_t subtask)
{
	return hash_of_group(group_first(subtask, st->parallelism, st->p.max_parallelism),
			     st->p.max_parallelism);
}

uint64_t subtask_hash_last(const struct plan_stage *st, uint32_t subtask)
{
	return hash_of_group(group_first(subtask + 1, st->parallelism, st->p.max_parallelism),
			     st->p.max_parallelism) -
	       1;
}

static uint32_t edge_channels(const struct plan *p, const struct plan_edge *g)
{
	uint32_t from = p->stage[g->from].parallelism, to = p->stage[g->to].parallelism;
	return g->kind == EDGE_FORWARD ? from : from * to;
}

/* Channel of plan edge g from subtask i to subtask j; channels of one edge stand together. */
static uint32_t channel_at(const struct plan *p, const struct plan_edge *g, uint32_t first,
			   uint32_t i, uint32_t j)
{
	return g->kind == EDGE_FORWARD ? first + i : first + i * p->stage[g->to].parallelism + j;
}

static uint32_t readers_of(const struct plan *p, uint32_t stage)
{
	uint32_t n = 0;
	for (uint32_t g = 0; g < p->n_edges; g++)
		n += p->edge[g].from == stage;
	return n;
}

/* The task's inputs: for each plan edge into its stage, the channels that end at it. */
static uint32_t gather_inputs(struct attempt *a, const uint32_t *first, uint32_t stage, uint32_t j,
			      struct channel **to, uint32_t *edge_of, uint32_t *n_edges)
{
	const struct plan *p = a->c.plan;
	uint32_t n = 0;
	*n_edges = 0;
	for (uint32_t g = 0; g < p->n_edges; g++) {
		const struct plan_edge *x = &p->edge[g];
		if (x->to != stage)
			continue;
		for (uint32_t i = 0; i < p->stage[x->from].parallelism; i++)
			if (x->kind != EDGE_FORWARD || i == j) {
				edge_of[n] = *n_edges;
				to[n++] = &a->channel[channel_at(p, x, first[g], i, j)];
			}
		++*n_edges;
	}
	return n;
}

static uint32_t gather_edges(struct attempt *a, const uint32_t *first, uint32_t stage, uint32_t i,
			     struct edge *edges, struct channel **outs, uint32_t *n_outs)
{
	const struct plan *p = a->c.plan;
	uint32_t n = 0;
	for (uint32_t g = 0; g < p->n_edges; g++) {
		const struct plan_edge *x = &p->edge[g];
		if (x->from != stage)
			continue;
		const struct plan_stage *to = &p->stage[x->to];
		struct edge *y = &edges[n++];
		*y = (struct edge){.kind = x->kind, .to = outs + *n_outs, .key = &to->p.key,
				   .clips = to->p.skip, .number = g,
				   .audit = p->spec->checkpoint.audit, .max_parallelism = to->p.max_parallelism};
		y->hash_id = begin_shape(to, a->base ? &a->base->m : NULL).hash_id;
		y->n = x->kind == EDGE_FORWARD ? 1 : to->parallelism;
		for (uint32_t j = 0; j < y->n; j++)
			outs[(*n_outs)++] = &a->channel[channel_at(
				p, x, first[g], i, x->kind == EDGE_FORWARD ? i : j)];
	}
	return n;
}

static void keyed_section(const struct attempt *a, const struct plan_stage *st, uint32_t subtask,
			 struct section *s)
{
	*s = (struct section){
		.kind = SECTION_KEYED, .state_version = st->p.state_version, .subtask = subtask,
		.lineage = a->c.lineage, .attempt = a->c.attempt, .epoch = a->c.epoch,
		.key = st->p.key_schema, .value = st->p.value_schema,
		.codec = a->c.plan->spec->checkpoint.codec,
	};
	snprintf(s->stage, sizeof s->stage, "%s", st->spec->id);
	snprintf(s->op_type, sizeof s->op_type, "%s", st->ops->name);
}

static RC build_task(struct attempt *a, const uint32_t *first, uint32_t stage, uint32_t i,
		     uint32_t *at_in, uint32_t *at_out, uint32_t *at_edge, struct err *e)
{
	const struct plan *p = a->c.plan;
	const struct plan_stage *st = &p->stage[stage];
	const struct spec_checkpoint *cp = &p->spec->checkpoint;
	struct task_config c = {
		.number = st->first_task + i, .stage = st->spec->id, .subtask = i,
		.parallelism = st->parallelism, .max_parallelism = st->p.max_parallelism,
		.ops = st->ops, .conf = st->p.conf, .in = st->p.n_in ? st->p.in[0] : NULL,
		.out = &st->p.out, .record_limit_bytes = st->p.record_limit_bytes,
		.batch_rows = p->spec->limits.batch_records,
		.skip = st->p.skip, .exactly_once = !cp->at_least_once, .audit = cp->audit,
		.sums = checks_sums(p->checks, stage) | when_sums(p->when, stage),
		.wants_changed = cp->trigger.bytes || cp->trigger.when,
		.epoch = a->c.epoch, .attempt = a->c.attempt,
		.after_id = a->base ? a->base->m.id : 0, .lineage = a->c.lineage,
		.uuid = a->c.uuid, .chunk_budget = plan_chunk_budget(a->c.plan), .mem = a->mem,
		.io = a->c.io,
		.packing = a->packing, .control = a->c.control, .clock = a->c.env->clock,
		.waker = &a->group[p->thread[st->first_task + i]].waker,
		.put_out = progress_place(a->c.progress, p, stage, i),
	};
	c.inputs = a->ins + *at_in;
	c.edge_of_input = a->edge_of + *at_in;
	c.n_inputs = gather_inputs(a, first, stage, i, c.inputs, a->edge_of + *at_in, &c.n_in_edges);
	*at_in += c.n_inputs;
	c.edges = a->edges + *at_edge;
	c.n_edges = gather_edges(a, first, stage, i, c.edges, a->outs, at_out);
	*at_edge += c.n_edges;
	if (st->p.keyed) {
		c.key = &st->p.key;
		c.shape = begin_shape(st, a->base ? &a->base->m : NULL);
		keyed_section(a, st, i, &c.section);
		c.section.hash_id = shape_hash_id(&c.shape);
	}
	if (when_open_taps(a, stage, &c.tap, e) != OK)
		return e->code;
	if (c.n_inputs > ALIGNER_INPUTS_MAX)
		return ERR(e, E_INVALID, "stage '%s' has %u input channels a subtask; %u are possible",
			   st->spec->id, c.n_inputs, ALIGNER_INPUTS_MAX);
	return task_open(&a->task[c.number], &c, e);
}

/* Wakers exist only when both tasks do. */
static void build_wakers(struct attempt *a)
{
	for (uint32_t t = 0; t < a->n_tasks; t++) {
		const struct task_config *c = task_config(a->task[t]);
		for (uint32_t i = 0; i < c->n_inputs; i++)
			c->inputs[i]->popper = task_waker(a->task[t]);
		for (uint32_t g = 0; g < c->n_edges; g++)
			for (uint32_t k = 0; k < c->edges[g].n; k++)
				c->edges[g].to[k]->pusher = task_waker(a->task[t]);
	}
	for (uint32_t i = 0; i < a->n_channels; i++)
		if (a->channel[i].pusher == a->channel[i].popper &&
		    a->channel[i].slots > CHANNEL_SLOTS_WITHIN)
			a->channel[i].slots = CHANNEL_SLOTS_WITHIN;
}

static RC open_groups(struct attempt *a, struct err *e)
{
	const struct plan *p = a->c.plan;
	a->group = mem_get_aligned(a->mem, 64, p->n_threads * sizeof *a->group);
	if (!a->group)
		return ERR(e, E_NO_MEMORY, "no memory for the job's threads");
	memset(a->group, 0, p->n_threads * sizeof *a->group);
	for (; a->n_groups < p->n_threads; a->n_groups++) {
		uint32_t n = 0;
		for (uint32_t t = 0; t < p->n_tasks; t++)
			n += p->thread[t] == a->n_groups;
		if (group_open(&a->group[a->n_groups], n, a->mem, e) != OK)
			return e->code;
	}
	return OK;
}

static uint32_t place_in(const struct task_group *g, const struct task *t)
{
	uint32_t i = 0;
	while (g->task[i] != t)
		i++;
	return i;
}

/* Each task after all it reads from, and who of its thread takes what it emits. */
static void fill_groups(struct attempt *a)
{
	const struct plan *p = a->c.plan;
	for (uint32_t s = 0; s < p->n_stages; s++) {
		const struct plan_stage *st = &p->stage[p->order[s]];
		for (uint32_t i = 0; i < st->parallelism; i++)
			group_add(&a->group[p->thread[st->first_task + i]],
				  a->task[st->first_task + i]);
	}
	for (uint32_t e = 0; e < p->n_edges; e++) {
		const struct plan_stage *from = &p->stage[p->edge[e].from],
					*to = &p->stage[p->edge[e].to];
		for (uint32_t i = 0; i < from->parallelism && i < to->parallelism; i++) {
			uint32_t x = from->first_task + i, y = to->first_task + i;
			struct task_group *g = &a->group[p->thread[x]];
			if (p->thread[x] == p->thread[y])
				group_link(g, place_in(g, a->task[x]), place_in(g, a->task[y]));
		}
	}
}

void attempt_edge_fill(const struct attempt *a, uint32_t edge, uint32_t *queued, uint32_t *room)
{
	const struct plan *p = a->c.plan;
	uint32_t at = 0, n = edge_channels(p, &p->edge[edge]);
	for (uint32_t g = 0; g < edge; g++)
		at += edge_channels(p, &p->edge[g]);
	for (uint32_t i = at; i < at + n; i++) {
		*queued += channel_fill(&a->channel[i]);
		*room += a->channel[i].slots;
	}
}

enum rc build_graph(struct attempt *a, struct err *e)
{
	const struct plan *p = a->c.plan;
	uint32_t n_edges = 0, at_in = 0, at_out = 0, at_edge = 0;
	uint32_t *first = mem_get(a->mem, (p->n_edges + 1) * sizeof *first);
	if (!first)
		goto no_memory;
	for (uint32_t g = 0; g < p->n_edges; g++) {
		first[g] = a->n_channels;
		a->n_channels += edge_channels(p, &p->edge[g]);
	}
	for (uint32_t s = 0; s < p->n_stages; s++)
		n_edges += readers_of(p, s) * p->stage[s].parallelism;
	a->n_tasks = p->n_tasks;
	a->channel = mem_get_aligned(a->mem, 64, (a->n_channels + 1) * sizeof *a->channel);
	for (uint32_t i = 0; a->channel && i < a->n_channels; i++) /* closable from here on */
		channel_init(&a->channel[i], p->spec->limits.channel_batches, CHANNEL_BYTES, NULL,
			     NULL);
	a->ins = mem_get(a->mem, (a->n_channels + 1) * sizeof *a->ins);
	a->edge_of = mem_get(a->mem, (a->n_channels + 1) * sizeof *a->edge_of);
	a->outs = mem_get(a->mem, (a->n_channels + 1) * sizeof *a->outs);
	a->edges = mem_get(a->mem, (n_edges + 1) * sizeof *a->edges);
	a->task = mem_get(a->mem, (p->n_tasks + 1) * sizeof *a->task);
	a->task_told = mem_get(a->mem, p->n_tasks + 1);
	if (!a->channel || !a->ins || !a->edge_of || !a->outs || !a->edges || !a->task || !a->task_told)
		goto no_memory;
	enum rc rc = open_groups(a, e);
	for (uint32_t s = 0; s < p->n_stages && rc == OK; s++)
		for (uint32_t i = 0; i < p->stage[s].parallelism && rc == OK; i++)
			rc = build_task(a, first, s, i, &at_in, &at_out, &at_edge, e);
	if (rc == OK) {
		build_wakers(a);
		fill_groups(a);
	}
	mem_put(a->mem, first);
	return rc;
no_memory:
	mem_put(a->mem, first);
	return ERR(e, E_NO_MEMORY, "no memory for the job's tasks");
}

/* Tasks first, then what stands in channels, then the pools all of it came from. */
void build_close(struct attempt *a)
{
	for (uint32_t i = 0; a->task && i < a->n_tasks; i++)
		task_close(a->task[i]);
	when_close_taps(a);
	for (uint32_t i = 0; a->channel && i < a->n_channels; i++)
		channel_close(&a->channel[i]);
	for (uint32_t i = 0; a->task && i < a->n_tasks; i++)
		task_free(a->task[i]);
	for (uint32_t i = 0; i < a->n_groups; i++)
		group_close(&a->group[i]);
	mem_put(a->mem, a->group);
	mem_put(a->mem, a->task_told);
	mem_put(a->mem, a->task);
	mem_put(a->mem, a->edges);
	mem_put(a->mem, a->outs);
	mem_put(a->mem, a->edge_of);
	mem_put(a->mem, a->ins);
	mem_put(a->mem, a->channel);
}
