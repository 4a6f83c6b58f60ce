/* step_view.c - see step_view.h. */
#include "jobs/step_view.h"

#include "jobs/attempt.h"

#include <inttypes.h>
#include <string.h>

/* ---- taking it ---- */

static void take_lane(const struct stepper *s, const struct task *t, uint32_t to, uint32_t input,
		      struct step_lane *l)
{
	const struct channel *ch = task_config(t)->inputs[input];
	*l = (struct step_lane){.from = stepper_pusher(s, ch), .to = to,
				.held = task_holds_input(t, input),
				.ended = task_input_ended(t, input)};
	for (const struct item *it; (it = channel_look(ch, l->n_items)); l->n_items++)
		if (l->n_items < STEP_ITEMS_SHOWN)
			l->item[l->n_items] = (struct step_item){
				.kind = it->kind,
				.rows = it->kind == ITEM_BATCH ? batch_count(it->batch) : 0,
				.id = it->kind == ITEM_BARRIER || it->kind == ITEM_CANCEL ? it->barrier.id
											  : 0};
}

static void name_missing(const struct stepper *s, const struct step_view *v, struct step_task *t)
{
	size_t n = 0, room = sizeof t->missing;
	for (uint32_t i = 0; i < t->n_lanes; i++) {
		const struct step_lane *l = &v->lane[t->first_lane + i];
		char name[sizeof t->name] = "?";
		if (l->held || n + sizeof name + 8 > room)
			continue;
		if (l->from != STEP_NOBODY)
			stepper_task_name(s, l->from, name, sizeof name);
		n += (size_t)snprintf(t->missing + n, room - n, "%s%s", n ? " and " : "", name);
	}
}

static uint32_t stage_of(const struct plan *p, uint32_t task)
{
	uint32_t i = 0;
	while (task - p->stage[i].first_task >= p->stage[i].parallelism)
		i++;
	return i;
}

static void take_task(const struct stepper *s, const struct attempt *a, uint32_t i,
		      struct step_view *v)
{
	const struct task *t = attempt_task(a, i);
	const struct task_stats *st = task_stats(t);
	uint32_t stage = stage_of(v->plan, i);
	struct step_task *to = &v->task[i];
	*to = (struct step_task){
		.stage = stage, .subtask = i - v->plan->stage[stage].first_task,
		.in = atomic_load_explicit(&st->records_in, memory_order_relaxed),
		.out = atomic_load_explicit(&st->records_out, memory_order_relaxed),
		.first_lane = v->n_lanes, .n_lanes = task_config(t)->n_inputs};
	stepper_task_name(s, i, to->name, sizeof to->name);
	task_look(t, v->published, &to->look);
	for (uint32_t k = 0; k < to->n_lanes; k++)
		take_lane(s, t, i, k, &v->lane[v->n_lanes++]);
	if (to->look.aligning)
		name_missing(s, v, to);
	if (v->pending && stepper_has_part(s, v->pending, i))
		to->part = STEP_PART_THERE;
	else if (v->pending && task_is_taking(t, v->pending))
		to->part = STEP_PART_TAKING;
}

static RC take_tasks(const struct stepper *s, const struct attempt *a, struct step_view *v,
		     struct err *e)
{
	uint32_t lanes = 0;
	v->n_tasks = attempt_tasks(a);
	for (uint32_t i = 0; i < v->n_tasks; i++)
		lanes += task_config(attempt_task(a, i))->n_inputs;
	v->task = mem_get(v->mem, v->n_tasks * sizeof *v->task);
	v->lane = mem_get(v->mem, (lanes + 1) * sizeof *v->lane);
	if (!v->task || !v->lane) {
		step_view_close(v);
		return ERR(e, E_NO_MEMORY, "no memory for the picture");
	}
	for (uint32_t i = 0; i < v->n_tasks; i++)
		take_task(s, a, i, v);
	return OK;
}

RC step_view_open(struct step_view *v, const struct stepper *s, struct mem *mem, struct err *e)
{
	const struct attempt *a = stepper_attempt(s);
	const struct job *j = stepper_job(s);
	*v = (struct step_view){.mem = mem, .plan = stepper_plan(s),
				.process = a ? STEP_RUNS : j ? STEP_WITHOUT : STEP_KILLED,
				.state = j ? job_state_name(job_state(j)) : NULL,
				.events = stepper_events(s), .at_us = stepper_now_us(s),
				.pending = stepper_pending(s), .published = stepper_published(s)};
	return a ? take_tasks(s, a, v, e) : OK;
}

void step_view_close(struct step_view *v)
{
	if (!v->mem)
		return;
	mem_put(v->mem, v->task);
	mem_put(v->mem, v->lane);
	*v = (struct step_view){0};
}

void step_lane_why(const struct step_view *v, const struct step_lane *l, char *to, size_t room)
{
	const struct step_task *t = &v->task[l->to];
	snprintf(to, room, "barrier %" PRIu64 " came here and not from %s yet; what stands here "
			   "belongs after the cut", t->look.aligning, t->missing);
}

/* ---- as JSON ---- */

static void write_number(struct json_out *o, const char *key, uint64_t n, bool is)
{
	jout_key(o, key);
	if (is)
		jout_uint(o, n);
	else
		jout_null(o);
}

static void write_stages(const struct plan *p, struct json_out *o)
{
	jout_key(o, "stages");
	jout_array(o);
	for (uint32_t i = 0; i < p->n_stages; i++) {
		const struct plan_stage *st = &p->stage[i];
		jout_object(o);
		jout_kv_string(o, "id", st->spec->id);
		jout_kv_string(o, "type", st->spec->type->name);
		jout_kv_uint(o, "parallelism", st->parallelism);
		jout_key(o, "inputs");
		jout_array(o);
		for (uint32_t k = 0; k < p->n_edges; k++)
			if (p->edge[k].to == i)
				jout_uint(o, p->edge[k].from);
		jout_array_end(o);
		jout_object_end(o);
	}
	jout_array_end(o);
}

static void write_task(const struct step_task *t, struct json_out *o)
{
	static const char *const parts[] = {"none", "taking", "there"};
	const struct task_look *l = &t->look;
	jout_object(o);
	jout_kv_string(o, "name", t->name);
	jout_kv_uint(o, "stage", t->stage);
	jout_kv_uint(o, "subtask", t->subtask);
	jout_kv_string(o, "phase", l->phase);
	jout_kv_uint(o, "records_in", t->in);
	jout_kv_uint(o, "records_out", t->out);
	jout_kv_uint(o, "in_hand", l->batch_rows);
	write_number(o, "aligning", l->aligning, l->aligning);
	write_number(o, "passed", l->passed, l->passed);
	jout_kv_bool(o, "preparing", l->preparing);
	jout_kv_bool(o, "slicing", l->slicing);
	write_number(o, "keys", l->keys, l->keyed);
	write_number(o, "changed", l->changed == UINT64_MAX ? l->keys : l->changed, l->keyed);
	jout_kv_string(o, "part", parts[t->part]);
	jout_object_end(o);
}

static void write_item(const struct step_item *it, struct json_out *o)
{
	static const char *const marks[] = {[ITEM_WATERMARK] = "watermark", [ITEM_IDLE] = "idle",
					    [ITEM_END] = "end"};
	jout_object(o);
	if (it->kind == ITEM_BATCH)
		jout_kv_uint(o, "rows", it->rows);
	else if (it->kind == ITEM_BARRIER)
		jout_kv_uint(o, "barrier", it->id);
	else if (it->kind == ITEM_CANCEL)
		jout_kv_uint(o, "given_up", it->id);
	else
		jout_kv_string(o, "mark", marks[it->kind]);
	jout_object_end(o);
}

static void write_lane(const struct step_view *v, const struct step_lane *l, struct json_out *o)
{
	char why[400];
	jout_object(o);
	write_number(o, "from", l->from, l->from != STEP_NOBODY);
	jout_kv_uint(o, "to", l->to);
	jout_key(o, "held");
	if (l->held) {
		step_lane_why(v, l, why, sizeof why);
		jout_string(o, why);
	} else {
		jout_null(o);
	}
	jout_kv_bool(o, "ended", l->ended);
	jout_kv_uint(o, "items_all", l->n_items);
	jout_key(o, "items");
	jout_array(o);
	for (uint32_t i = 0; i < l->n_items && i < STEP_ITEMS_SHOWN; i++)
		write_item(&l->item[i], o);
	jout_array_end(o);
	jout_object_end(o);
}

void step_view_write(const struct step_view *v, struct json_out *o)
{
	jout_kv_string(o, "job", v->plan->spec->name);
	jout_key(o, "state");
	if (v->state)
		jout_string(o, v->state);
	else
		jout_null(o);
	jout_kv_uint(o, "events", v->events);
	jout_kv_uint(o, "at_us", v->at_us);
	write_number(o, "published", v->published, v->published);
	write_number(o, "pending", v->pending, v->pending);
	write_stages(v->plan, o);
	jout_key(o, "tasks");
	jout_array(o);
	for (uint32_t i = 0; i < v->n_tasks; i++)
		write_task(&v->task[i], o);
	jout_array_end(o);
	jout_key(o, "lanes");
	jout_array(o);
	for (uint32_t i = 0; i < v->n_lanes; i++)
		write_lane(v, &v->lane[i], o);
	jout_array_end(o);
}
