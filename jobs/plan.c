/* plan.c - see plan.h. */
#include "jobs/plan.h"

#include "base/check.h"
#include "base/hash.h"
#include "checkpoint/coordinator.h"
#include "jobs/checks.h"
#include "jobs/placement.h"
#include "jobs/when.h"
#include "operators/registry.h"
#include "runtime/aligner.h"

struct spec_type *plan_types(struct mem *mem)
{
	const struct op_ops *const *all = registry_all();
	size_t n = 0;
	while (all[n])
		n++;
	struct spec_type *types = mem_get(mem, (n + 1) * sizeof *types);
	for (size_t i = 0; types && i < n; i++)
		types[i] = (struct spec_type){.name = all[i]->name,
					      .role = (enum spec_role)all[i]->role,
					      .many_inputs = all[i]->many_inputs,
					      .options = all[i]->opts};
	return types;
}

/* ---- one stage ---- */

/* Whether everything it reads was planned: then its own faults are worth telling. */
static bool inputs_are_planned(const struct plan *p, const struct spec_stage *s)
{
	for (unsigned i = 0; i < s->n_inputs; i++)
		if (s->inputs[i].stage < 0 || !p->stage[s->inputs[i].stage].planned)
			return false;
	return true;
}

/* Records that reach it came over more than one path: a union, several subtasks, or both. */
static bool has_several_paths(const struct plan *p, const struct spec_stage *s)
{
	if (s->n_inputs > 1)
		return true;
	for (unsigned i = 0; i < s->n_inputs; i++) {
		const struct plan_stage *in = &p->stage[s->inputs[i].stage];
		if (in->several_paths || in->parallelism > 1)
			return true;
	}
	return false;
}

static void stage_set_parallelism(struct plan_stage *st, struct opt_report *r)
{
	if (!st->p.one_subtask || st->parallelism == 1)
		return;
	if (opt_has(st->spec->json, "parallelism"))
		opt_error(r, opt_json(st->spec->json, "parallelism"), "write 1, or leave it out",
			  "works with parallelism 1 only");
	st->parallelism = 1;
}

static void stage_plan(struct plan *p, unsigned i, struct diags *ds)
{
	const struct spec *s = p->spec;
	struct plan_stage *st = &p->stage[i];
	struct diag_report dr;
	struct opt_report *r = spec_report(s, i, &dr, ds);
	st->parallelism = st->spec->parallelism;
	st->p = (struct op_plan){
		.mem = p->mem, .stage = st->spec->id, .options = st->spec->json, .report = r,
		.base_dir = s->folder, .n_in = st->spec->n_inputs, .parallelism = st->parallelism,
		.max_parallelism = s->max_parallelism, .record_limit_bytes = s->limits.record_bytes,
		.skip = opt_is(st->spec->json, "on_error", "skip"), .state_version = 1,
	};
	if (st->spec->n_inputs > OP_INPUTS_MAX) {
		opt_error(r, st->spec->json, NULL, "reads %u stages; %u are possible",
			  st->spec->n_inputs, OP_INPUTS_MAX);
		return;
	}
	for (unsigned n = 0; n < st->spec->n_inputs; n++)
		st->p.in[n] = &p->stage[st->spec->inputs[n].stage].p.out;
	st->planned = st->ops->plan(&st->p);
	st->p.report = NULL; /* lives on this stack */
	if (!st->planned)
		return;
	stage_set_parallelism(st, r);
	st->several_paths = has_several_paths(p, st->spec);
	if (st->p.order_dependent &&
	    (st->several_paths || st->p.by_clock || st->ops->role == OP_SOURCE))
		st->order_dependent = st->p.order_dependent;
	if (st->p.keyed)
		st->shape = (struct keyed_shape){.form = st->p.key.form,
						 .value_bytes = st->p.value_bytes};
}

/* ---- the graph ---- */

static RC plan_edges(struct plan *p, struct err *e)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < p->n_stages; i++)
		n += p->stage[i].spec->n_inputs;
	p->edge = mem_get(p->mem, (n + 1) * sizeof *p->edge);
	if (!p->edge)
		return ERR(e, E_NO_MEMORY, "no memory to plan the job");
	for (uint32_t i = 0; i < p->n_stages; i++)
		for (uint32_t k = 0; k < p->stage[i].spec->n_inputs; k++) {
			struct plan_stage *to = &p->stage[i];
			uint32_t from = (uint32_t)to->spec->inputs[k].stage;
			p->edge[p->n_edges++] = (struct plan_edge){
				.from = from, .to = i, .input = k,
				.kind = to->p.keyed ? EDGE_HASH
					: p->stage[from].parallelism == to->parallelism
						? EDGE_FORWARD
						: EDGE_REBALANCE};
		}
	return OK;
}

static void plan_number_tasks(struct plan *p)
{
	p->bounded = true;
	for (uint32_t i = 0; i < p->n_stages; i++) {
		struct plan_stage *st = &p->stage[i];
		st->first_task = p->n_tasks;
		p->n_tasks += st->parallelism;
		p->commits |= st->p.commits;
		if (st->ops->role == OP_SOURCE && !st->p.bounded)
			p->bounded = false;
	}
}

static void plan_check_paths(struct plan *p, struct diags *ds)
{
	for (uint32_t i = 0; i < p->n_stages; i++)
		for (uint32_t k = 0; k < i; k++) {
			const struct plan_stage *a = &p->stage[k], *b = &p->stage[i];
			if (!a->planned || !b->planned || a->ops->role != OP_SINK ||
			    b->ops->role != OP_SINK || !a->p.path || !b->p.path ||
			    strcmp(a->p.path, b->p.path))
				continue;
			struct diag_report dr;
			opt_error(spec_report(p->spec, i, &dr, ds), opt_json(b->spec->json, "path"),
				  "give each sink a path of its own",
				  "stage '%s' writes to this path too", a->spec->id);
		}
}

/* What is shown cannot be taken back when a block that is read later turns out to be damaged. */
static void plan_check_restore(struct plan *p, struct diags *ds)
{
	for (uint32_t i = 0; i < p->n_stages; i++) {
		const struct plan_stage *st = &p->stage[i];
		struct diag_report dr;
		if (p->spec->checkpoint.restore == SPEC_RESTORE_LAZY && st->planned && st->p.shows)
			opt_error(spec_report(p->spec, i, &dr, ds), opt_json(st->spec->json, "type"),
				  "\"restore\": \"auto\"",
				  "it shows records at once, and \"restore\": \"lazy\" reads state after them");
	}
}

/* What goes by keyed state alone never begins where nothing is keyed. */
static void plan_check_trigger(struct plan *p, struct diags *ds)
{
	const struct spec_checkpoint *c = &p->spec->checkpoint;
	bool keyed = false, planned = true;
	for (uint32_t i = 0; i < p->n_stages; i++) {
		planned &= p->stage[i].planned;
		keyed |= p->stage[i].p.keyed;
	}
	if (keyed || !planned)
		return;
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "checkpoint.trigger");
	dr.level = DIAG_WARNING;
	const char *const cure = "records_since, say, counts what leaves the sources";
	if (c->trigger.bytes)
		opt_error(r, opt_json(c->trigger.json, "bytes"), "\"records\"",
			  "no stage keeps keyed state: its changes never begin a checkpoint");
	if (p->when && p->when->of_state && !p->when->of_records)
		opt_error(r, opt_json(c->trigger.json, "when"), cure,
			  "no stage keeps keyed state: what this speaks of never changes");
}

/* What a task can align and a coordinator can count is refused here, not after the fence. */
static void plan_check_width(struct plan *p, struct diags *ds)
{
	for (uint32_t i = 0; i < p->n_stages; i++) {
		uint32_t channels = 0;
		for (uint32_t g = 0; g < p->n_edges; g++)
			if (p->edge[g].to == i)
				channels += p->edge[g].kind == EDGE_FORWARD
						    ? 1
						    : p->stage[p->edge[g].from].parallelism;
		struct diag_report dr;
		if (channels > ALIGNER_INPUTS_MAX)
			opt_error(spec_report(p->spec, i, &dr, ds), p->stage[i].spec->json,
				  "fewer inputs, or a lower parallelism of what it reads",
				  "each subtask reads %u channels; %u are possible", channels,
				  ALIGNER_INPUTS_MAX);
	}
	if (p->n_tasks > CO_SUBTASKS_MAX) {
		struct diag_report dr;
		opt_error(spec_report(p->spec, 0, &dr, ds), p->stage[0].spec->json,
			  "a lower parallelism", "the job has %u subtasks in all; %u are possible",
			  p->n_tasks, CO_SUBTASKS_MAX);
	}
}

/* What the job says of its counts. */
static enum rc plan_conditions(struct plan *p, struct diags *ds, struct err *e)
{
	const struct spec_checkpoint *c = &p->spec->checkpoint;
	struct diag_report checks, trigger;
	const struct json *when = c->trigger.json ? opt_json(c->trigger.json, "when") : NULL;
	if (checks_parse(&p->checks, c->invariants, p,
			 diag_report(&checks, ds, "checkpoint.invariants"), p->mem, e) != OK ||
	    when_parse(&p->when, when, p,
		       diag_report(&trigger, ds, "checkpoint.trigger.when"), p->mem, e) != OK)
		return e->code;
	plan_check_trigger(p, ds);
	return OK;
}

RC plan_make(struct plan **out, const struct spec *s, struct diags *ds, struct mem *mem,
	     struct err *e)
{
	struct plan *p = *out = mem_get(mem, sizeof *p);
	if (!p)
		return ERR(e, E_NO_MEMORY, "no memory to plan the job");
	p->mem = mem;
	p->spec = s;
	p->n_stages = s->n_stages;
	p->order = s->order;
	bytes_init(&p->text, mem);
	enum rc rc = OK;
	p->stage = mem_get(mem, (s->n_stages + 1) * sizeof *p->stage);
	if (!p->stage) {
		rc = ERR(e, E_NO_MEMORY, "no memory to plan the job");
		goto fail;
	}
	for (uint32_t i = 0; i < s->n_stages; i++) {
		p->stage[i].spec = &s->stages[i];
		if (s->stages[i].type)
			p->stage[i].ops = registry_find(s->stages[i].type->name);
	}
	for (unsigned i = 0; s->has_order && i < s->n_stages; i++) {
		const struct spec_stage *st = &s->stages[s->order[i]];
		if (st->ok && inputs_are_planned(p, st))
			stage_plan(p, s->order[i], ds);
	}
	plan_check_paths(p, ds);
	plan_check_restore(p, ds);
	if ((rc = plan_conditions(p, ds, e)) != OK)
		goto fail;
	if (ds->errors || !s->has_order) {
		rc = ERR(e, E_INVALID, "the job has %u errors", ds->errors);
		goto fail;
	}
	for (uint32_t i = 0; i < s->n_stages; i++)
		CHECK(p->stage[i].planned);
	if ((rc = plan_edges(p, e)) != OK)
		goto fail;
	plan_number_tasks(p);
	plan_check_width(p, ds);
	p->thread = mem_get(mem, (p->n_tasks + 1) * sizeof *p->thread);
	if (!p->thread) {
		rc = ERR(e, E_NO_MEMORY, "no memory to plan the job");
		goto fail;
	}
	p->n_threads = placement_make(p, p->thread);
	if (ds->errors) {
		rc = ERR(e, E_INVALID, "the job has %u errors", ds->errors);
		goto fail;
	}
	spec_write(s, &p->text);
	if (!bytes_ok(&p->text)) {
		rc = ERR(e, E_NO_MEMORY, "no memory to plan the job");
		goto fail;
	}
	p->job_hash = checksum64(p->text.data, p->text.len);
	return OK;
fail:
	plan_close(p);
	*out = NULL;
	return rc;
}

void plan_close(struct plan *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; p->stage && i < p->n_stages; i++)
		if (p->stage[i].p.conf && p->stage[i].ops->conf_close)
			p->stage[i].ops->conf_close(p->stage[i].p.conf, p->mem);
	checks_close(p->checks);
	when_close(p->when);
	bytes_close(&p->text);
	mem_put(p->mem, p->thread);
	mem_put(p->mem, p->edge);
	mem_put(p->mem, p->stage);
	mem_put(p->mem, p);
}

const struct plan_stage *plan_find(const struct plan *p, const char *id)
{
	for (uint32_t i = 0; i < p->n_stages; i++)
		if (!strcmp(p->stage[i].spec->id, id))
			return &p->stage[i];
	return NULL;
}

const char *plan_order_dependent(const struct plan *p, const char **stage)
{
	for (uint32_t i = 0; i < p->n_stages; i++)
		if (p->stage[i].order_dependent) {
			*stage = p->stage[i].spec->id;
			return p->stage[i].order_dependent;
		}
	*stage = NULL;
	return NULL;
}
