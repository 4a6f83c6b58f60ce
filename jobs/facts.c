/* facts.c - facts taken of a job: see facts.h. As JSON: facts_json.c. */
#include "jobs/facts_in.h"

#include "base/check.h"

#include <unistd.h>

void facts_put_text(char *to, size_t size, const char *text, size_t len)
{
	size_t n = len < size ? len : size - 1;
	while (n < len && n && ((unsigned char)text[n] & 0xC0) == 0x80)
		n--;
	memcpy(to, text, n);
	to[n] = '\0';
}

#define PUT(to, text) facts_put_text((to), sizeof(to), (text), strlen(text))

static void take_checkpoint(struct facts_checkpoint *c, const struct checkpoint_record *r)
{
	*c = (struct facts_checkpoint){
		.id = r->id, .bytes_written = r->bytes_written, .state_bytes = r->state_bytes,
		.keys_changed = r->keys_changed, .align_us = r->align_us, .sync_us_max = r->sync_us_max,
		.total_us = r->total_us, .wall_us = r->wall_us, .full = r->full};
	PUT(c->kind, co_kind_name(r->kind));
}

static void take_checkpoints(struct facts *f, const struct job *j)
{
	size_t n;
	const struct checkpoint_record *r = job_history(j, &n);
	f->completed = job_completed(j);
	f->failed = job_failed_checkpoints(j);
	while (n-- && !f->full.id) {
		if (!r[n].completed)
			continue;
		if (!f->last.id)
			take_checkpoint(&f->last, &r[n]);
		if (r[n].full)
			take_checkpoint(&f->full, &r[n]);
	}
}

static void take_subtask(struct facts_subtask *s, const struct job_task_totals *t)
{
	*s = (struct facts_subtask){
		.records_in = t->records_in, .records_out = t->records_out, .busy_us = t->busy_us,
		.idle_us = t->idle_us, .backpressured_us = t->backpressured_us, .keys = t->keys,
		.state_bytes = t->state_bytes};
}

/* each: of every subtask; NULL: they are too many. */
static void take_tasks(struct facts_stage *s, struct facts_subtask *each, const struct job *j,
		       const struct plan_stage *st)
{
	for (uint32_t i = 0; i < st->parallelism; i++) {
		struct job_task_totals t;
		job_task_totals(j, st->first_task + i, &t);
		if (each)
			take_subtask(&each[i], &t);
		s->records_in += t.records_in;
		s->records_out += t.records_out;
		s->records_skipped += t.records_skipped;
		s->busy_us += t.busy_us;
		s->idle_us += t.idle_us;
		s->backpressured_us += t.backpressured_us;
		if (t.busy_us > s->busy_us_max)
			s->busy_us_max = t.busy_us;
		s->keys += t.keys;
		s->state_bytes += t.state_bytes;
		s->work_done += t.work_done;
		s->work_total += t.work_total;
	}
}

/* at[i]: where stage i of the plan stands among the facts. */
static void take_stage(struct facts *f, uint32_t i, const struct job *j,
		       const struct plan_stage *st, const uint32_t *at)
{
	struct facts_stage *s = &f->stage[i];
	PUT(s->id, st->spec->id);
	PUT(s->type, st->ops->name);
	s->role = st->ops->role;
	s->parallelism = st->parallelism;
	s->keyed = st->p.keyed;
	s->paced = s->role == OP_SOURCE && opt_has(st->spec->json, "rate");
	s->n_inputs = st->spec->n_inputs;
	for (uint32_t k = 0; k < s->n_inputs && k < FACTS_INPUTS_MAX; k++)
		s->input[k] = at[st->spec->inputs[k].stage];
	take_tasks(s, facts_subtasks(f, i), j, st);
	if (st->p.latency)
		latency_figures(st->p.latency, st->parallelism, &s->latency);
}

/* Whatever a stage emits goes down every edge it has. */
static void take_edges(struct facts *f, const struct job *j, const uint32_t *at)
{
	const struct plan *p = job_plan(j);
	for (uint32_t i = 0; i < f->n_edges; i++) {
		struct facts_edge *g = &f->edge[i];
		*g = (struct facts_edge){.from = at[p->edge[i].from], .to = at[p->edge[i].to]};
		g->records = f->stage[g->from].records_out;
		job_edge_fill(j, i, &g->queued, &g->room);
	}
}

static void take_life(struct facts *f, const struct job *j)
{
	const struct err *error = job_failure(j);
	PUT(f->name, job_plan(j)->spec->name);
	PUT(f->dir, job_dir(j));
	PUT(f->state, job_state_name(job_state(j)));
	if (error->code != OK)
		PUT(f->error, error->text);
	f->attempt = job_attempt_number(j);
	f->pid = (uint64_t)getpid();
	if (job_state(j) == JOB_WAITING && job_wait_until(j) > f->now_us)
		f->wait_us = job_wait_until(j) - f->now_us;
	f->bounded = job_plan(j)->bounded;
	f->restored = job_recovery(j)->restored;
	f->recovery_us = job_recovery_us(j);
}

RC facts_take(struct facts *f, const struct job *j, uint64_t started_us, struct clock *clock,
	      struct mem *mem, struct err *e)
{
	const struct plan *p = job_plan(j);
	*f = (struct facts){.mem = mem, .now_us = clock_mono_us(clock),
			    .wall_us = clock_wall_us(clock), .started_us = started_us};
	uint32_t *at = mem_get(mem, (p->n_stages + 1) * sizeof *at);
	f->stage = mem_get(mem, (p->n_stages + 1) * sizeof *f->stage);
	f->edge = mem_get(mem, (p->n_edges + 1) * sizeof *f->edge);
	if (p->n_tasks <= FACTS_SUBTASKS_MAX)
		f->subtask = mem_get(mem, (p->n_tasks + 1) * sizeof *f->subtask);
	if (!at || !f->stage || !f->edge || (p->n_tasks <= FACTS_SUBTASKS_MAX && !f->subtask)) {
		mem_put(mem, at);
		facts_close(f);
		return ERR(e, E_NO_MEMORY, "no memory for the facts of %u stages", p->n_stages);
	}
	f->n_stages = p->n_stages;
	f->n_edges = p->n_edges < FACTS_EDGES_MAX ? p->n_edges : FACTS_EDGES_MAX;
	for (uint32_t i = 0; i < p->n_stages; i++)
		at[p->order[i]] = i;
	for (uint32_t i = 0; i < p->n_stages; i++) /* what stands before a stage is known by then */
		take_stage(f, i, j, &p->stage[p->order[i]], at);
	take_edges(f, j, at);
	take_life(f, j);
	take_checkpoints(f, j);
	mem_put(mem, at);
	return OK;
}

struct facts_subtask *facts_subtasks(const struct facts *f, uint32_t stage)
{
	struct facts_subtask *t = f->subtask;
	for (uint32_t i = 0; t && i < stage; i++)
		t += f->stage[i].parallelism;
	return t;
}

static void *copy_of(const void *from, size_t bytes, struct mem *mem)
{
	void *to = mem_get(mem, bytes + 1);
	if (to && bytes)
		memcpy(to, from, bytes);
	return to;
}

RC facts_copy(struct facts *to, const struct facts *f, struct mem *mem, struct err *e)
{
	size_t n_subtasks = 0;
	*to = *f;
	to->mem = mem;
	for (uint32_t i = 0; f->subtask && i < f->n_stages; i++)
		n_subtasks += f->stage[i].parallelism;
	to->stage = copy_of(f->stage, f->n_stages * sizeof *f->stage, mem);
	to->edge = copy_of(f->edge, f->n_edges * sizeof *f->edge, mem);
	if (f->subtask)
		to->subtask = copy_of(f->subtask, n_subtasks * sizeof *f->subtask, mem);
	if (to->stage && to->edge && !to->subtask == !f->subtask)
		return OK;
	facts_close(to);
	return ERR(e, E_NO_MEMORY, "no memory for the facts of %u stages", f->n_stages);
}

void facts_close(struct facts *f)
{
	if (f->mem) {
		mem_put(f->mem, f->stage);
		mem_put(f->mem, f->subtask);
		mem_put(f->mem, f->edge);
	}
	*f = (struct facts){0};
}
