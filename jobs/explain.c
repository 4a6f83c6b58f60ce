/* explain.c - see explain.h.
 *
 *   o  fast   generator_source  x2      a node; its lane is the leftmost of those that reach it
 *   |  o  slow                          other lanes run past it
 *   +--'                                lanes that meet in the next node
 *   o  both   union
 *   +--.                                lanes that part below a node
 */
#include "jobs/explain.h"
#include "jobs/explain_memory.h"
#include "jobs/when.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>

#define LANES_MAX 256 /* edges that run side by side; more are not drawn, only told */
#define LANE_NONE UINT32_MAX

struct drawing {
	const struct plan *p;
	struct bytes *to;
	uint32_t lane[LANES_MAX]; /* the edge that runs there, or LANE_NONE */
	uint32_t n;               /* lanes up to the last one in use */
	int id_width, type_width;
};

/* ---- gutter ---- */

static void lanes_trim(struct drawing *d)
{
	while (d->n && d->lane[d->n - 1] == LANE_NONE)
		d->n--;
}

static uint32_t lane_free(struct drawing *d, uint32_t from)
{
	for (uint32_t i = from; i < LANES_MAX; i++)
		if (i >= d->n || d->lane[i] == LANE_NONE) {
			if (i >= d->n) {
				for (uint32_t k = d->n; k <= i; k++)
					d->lane[k] = LANE_NONE;
				d->n = i + 1;
			}
			return i;
		}
	return LANES_MAX - 1; /* drawn on top of each other: told once, at the end */
}

/* The lanes with `mark` in the one called node (LANE_NONE: none), two blanks between. */
static void gutter(struct drawing *d, uint32_t node, char mark)
{
	uint32_t n = node != LANE_NONE && node >= d->n ? node + 1 : d->n;
	for (uint32_t i = 0; i < n; i++) {
		char c = i == node ? mark : i < d->n && d->lane[i] != LANE_NONE ? '|' : ' ';
		bytes_put_u8(d->to, (uint8_t)c);
		bytes_put_text(d->to, "  ");
	}
}

/* A row that ties the marked lanes to lane `node`: "+--|--'" passes under an unrelated one. */
static void gutter_tie(struct drawing *d, uint32_t node, const bool *tied, char corner)
{
	uint32_t last = node;
	for (uint32_t i = 0; i < d->n; i++)
		if (tied[i] && i > last)
			last = i;
	if (last == node)
		return;
	for (uint32_t i = 0; i < d->n; i++) {
		bool runs = d->lane[i] != LANE_NONE;
		char c = i == node ? '+' : tied[i] ? corner : runs ? '|' : i > node && i < last ? '-' : ' ';
		bytes_put_u8(d->to, (uint8_t)c);
		if (i + 1 < d->n)
			bytes_put_text(d->to, i >= node && i < last ? "--" : "  ");
	}
	bytes_put_u8(d->to, '\n');
}

/* Without the blanks before it. */
static void put_line_end(struct bytes *to)
{
	while (to->len && to->data[to->len - 1] == ' ')
		to->len--;
	bytes_put_u8(to, '\n');
}

/* ---- words ---- */

static void put_keys(const struct plan_stage *st, const char *between, struct bytes *to)
{
	if (!st->p.key.n)
		bytes_put_text(to, "nothing (one global value)");
	for (uint32_t i = 0; i < st->p.key.n; i++)
		bytes_printf(to, "%s%s", i ? between : "", st->p.in[0]->field[st->p.key.field[i]].name);
}

static uint32_t edge_channels(const struct plan *p, const struct plan_edge *e)
{
	uint32_t from = p->stage[e->from].parallelism, to = p->stage[e->to].parallelism;
	return e->kind == EDGE_FORWARD ? from : from * to;
}

static void put_exchange(const struct plan *p, const struct plan_edge *e, struct bytes *to)
{
	const struct plan_stage *a = &p->stage[e->from], *b = &p->stage[e->to];
	bytes_put_text(to, edge_kind_name(e->kind));
	if (e->kind == EDGE_HASH) {
		bytes_put_text(to, " of ");
		put_keys(b, ", ", to);
	}
	if (e->kind == EDGE_FORWARD)
		bytes_printf(to, ", %u channel%s", a->parallelism, a->parallelism == 1 ? "" : "s");
	else
		bytes_printf(to, ", %u x %u channels", a->parallelism, b->parallelism);
}

static void put_facts(const struct plan_stage *st, struct bytes *to)
{
	const char *before = "  ";
	if (st->p.keyed) {
		char fields[512];
		schema_text(&st->p.value_schema, fields, sizeof fields);
		bytes_printf(to, "%skeyed by ", before);
		put_keys(st, ", ", to);
		bytes_printf(to, "; keeps %s", fields);
		before = "; ";
	}
	if (st->ops->role == OP_SOURCE) {
		bytes_printf(to, "%s%s", before, st->p.bounded ? "ends by itself" : "never ends");
		before = "; ";
	}
	if (st->ops->role == OP_SINK) {
		bytes_printf(to, "%s%s", before,
			     st->p.commits ? "commits with each checkpoint (exactly once)"
					   : "commits nothing");
		before = "; ";
	}
	if (st->p.path)
		bytes_printf(to, "%s%s %s", before,
			     st->ops->role == OP_SOURCE ? "reads" : "writes to",
			     opt_string(st->spec->json, "path", st->p.path));
	if (st->order_dependent)
		bytes_printf(to, "%sorder-dependent", before);
}

/* ---- nodes ---- */

static uint32_t node_lane(struct drawing *d, uint32_t stage, bool *tied)
{
	uint32_t node = LANE_NONE;
	for (uint32_t i = 0; i < d->n; i++) {
		tied[i] = d->lane[i] != LANE_NONE && d->p->edge[d->lane[i]].to == stage;
		if (tied[i] && node == LANE_NONE)
			node = i;
	}
	return node;
}

static void draw_out_edges(struct drawing *d, uint32_t stage, uint32_t node)
{
	char fields[1024];
	const struct plan *p = d->p;
	bool tied[LANES_MAX] = {false};
	uint32_t out = 0;
	for (uint32_t i = 0; i < p->n_edges; i++)
		out += p->edge[i].from == stage;
	if (!out) {
		d->lane[node] = LANE_NONE;
		lanes_trim(d);
		gutter(d, LANE_NONE, ' ');
		put_line_end(d->to);
		return;
	}
	d->lane[node] = 0; /* any edge: the lane is in use from here on */
	schema_text(&p->stage[stage].p.out, fields, sizeof fields);
	gutter(d, LANE_NONE, ' ');
	bytes_printf(d->to, "  %s\n", fields);
	for (uint32_t i = 0; i < p->n_edges; i++)
		if (p->edge[i].from == stage) {
			gutter(d, LANE_NONE, ' ');
			bytes_printf(d->to, "  -> %s: ", p->stage[p->edge[i].to].spec->id);
			put_exchange(p, &p->edge[i], d->to);
			bytes_put_u8(d->to, '\n');
		}
	bool first = true;
	for (uint32_t i = 0; i < p->n_edges; i++) {
		if (p->edge[i].from != stage)
			continue;
		uint32_t lane = first ? node : lane_free(d, node + 1);
		d->lane[lane] = i;
		tied[lane] = !first;
		first = false;
	}
	gutter_tie(d, node, tied, '.');
}

static void draw_stage(struct drawing *d, uint32_t stage)
{
	const struct plan_stage *st = &d->p->stage[stage];
	bool tied[LANES_MAX] = {false};
	char times[32] = "";
	uint32_t node = node_lane(d, stage, tied);
	if (node == LANE_NONE) {
		node = lane_free(d, 0);
		d->lane[node] = LANE_NONE;
	} else {
		tied[node] = false;
		gutter_tie(d, node, tied, '\'');
		for (uint32_t i = 0; i < d->n; i++)
			if (tied[i])
				d->lane[i] = LANE_NONE;
	}
	lanes_trim(d);
	gutter(d, node, 'o');
	if (node >= d->n)
		d->n = node + 1;
	snprintf(times, sizeof times, "x%u", st->parallelism);
	bytes_printf(d->to, "%-*s  %-*s  %-4s", d->id_width, st->spec->id, d->type_width, st->ops->name,
		     times);
	put_facts(st, d->to);
	put_line_end(d->to);
	draw_out_edges(d, stage, node);
}

/* ---- below the graph ---- */

/* What begins one: the first of what is named. */
static void put_triggers(const struct plan *p, struct bytes *to)
{
	const struct spec_checkpoint *c = &p->spec->checkpoint;
	char a[UNIT_TEXT];
	const char *or = "";
	if (c->interval_us) {
		bytes_printf(to, "each %s", duration_text(c->interval_us, a));
		or = " or ";
	} else if (c->is_auto) {
		bytes_put_text(to, "as often as they cost one percent of the time");
		bytes_printf(to, ", a crash repeats at most %s", duration_text(c->max_replay_us, a));
		or = ", or ";
	}
	if (c->trigger.records) {
		bytes_printf(to, "%safter %" PRIu64 " records", or, c->trigger.records);
		or = " or ";
	}
	if (c->trigger.bytes) {
		bytes_printf(to, "%safter %s of changed state", or, size_text(c->trigger.bytes, a));
		or = " or ";
	}
	if (p->when) {
		bytes_printf(to, "%swhen %s", or, p->when->said);
		or = " or ";
	}
	if (!or[0])
		bytes_put_text(to, "only at the start, at a stop and at the end");
	else
		bytes_put_text(to, c->at_least_once ? ", not aligned (at least once)"
						    : ", aligned (exactly once)");
}

static void put_checkpoints(const struct plan *p, struct bytes *to)
{
	const struct spec *s = p->spec;
	char a[UNIT_TEXT];
	const struct spec_checkpoint *c = &s->checkpoint;
	bytes_put_text(to, "checkpoints  ");
	put_triggers(p, to);
	if (c->min_pause_us)
		bytes_printf(to, "; %s apart", duration_text(c->min_pause_us, a));
	if (c->max_concurrent > 1)
		bytes_printf(to, "; up to %u at once", c->max_concurrent);
	if (c->always_full)
		bytes_put_text(to, "; each writes everything");
	if (s->checkpoint.timeout_us)
		bytes_printf(to, "; given up after %s", duration_text(s->checkpoint.timeout_us, a));
	bytes_printf(to, "; %u kept; %u failed one%s in a row tolerated", s->checkpoint.retain,
		     s->checkpoint.tolerable_failures,
		     s->checkpoint.tolerable_failures == 1 ? "" : "s");
	if (s->checkpoint.dir)
		bytes_printf(to, "; in %s", s->checkpoint.dir);
	if (s->checkpoint.cancel_deletes)
		bytes_put_text(to, "; deleted by `weir cancel`");
	bytes_put_u8(to, '\n');
}

static void put_restart(const struct spec *s, struct bytes *to)
{
	char a[UNIT_TEXT], b[UNIT_TEXT];
	duration_text(s->restart.initial_us, a);
	bytes_put_text(to, "restart      ");
	switch (s->restart.strategy) {
	case RESTART_NONE:
		bytes_put_text(to, "none: the first failure ends the run");
		break;
	case RESTART_FIXED_DELAY:
		bytes_printf(to, "up to %u times in a row: at once, then each time after %s",
			     s->restart.attempts, a);
		break;
	case RESTART_EXPONENTIAL:
		bytes_printf(to,
			     "up to %u times in a row: at once, then after %s, each time x%g, at most %s",
			     s->restart.attempts, a, s->restart.multiplier,
			     duration_text(s->restart.max_us, b));
		break;
	case RESTART_FAILURE_RATE:
		bytes_printf(to,
			     "while at most %u failure%s fall%s within %s: at once, then each time after %s",
			     s->restart.attempts, s->restart.attempts == 1 ? "" : "s",
			     s->restart.attempts == 1 ? "s" : "",
			     duration_text(s->restart.reset_after_us, b), a);
		break;
	}
	bytes_put_u8(to, '\n');
}

#define THREADS_TOLD 8 /* of them their tasks are told; of more only the number */

/* "2 for 4 tasks: lines words | count out" */
static void put_threads(const struct plan *p, struct bytes *to)
{
	bytes_printf(to, "threads      %u for %u tasks", p->n_threads, p->n_tasks);
	if (p->n_threads == p->n_tasks) {
		bytes_put_text(to, ": each has its own\n");
		return;
	}
	for (uint32_t t = 0; t < p->n_threads && p->n_threads <= THREADS_TOLD; t++) {
		bytes_put_text(to, t ? " |" : ":");
		for (uint32_t i = 0; i < p->n_stages; i++) {
			const struct plan_stage *st = &p->stage[p->order[i]];
			for (uint32_t k = 0; k < st->parallelism; k++)
				if (p->thread[st->first_task + k] == t)
					bytes_printf(to, st->parallelism > 1 ? " %s/%u" : " %s",
						     st->spec->id, k);
		}
	}
	bytes_put_u8(to, '\n');
}

static void put_limits(const struct spec *s, struct bytes *to)
{
	char a[UNIT_TEXT], b[UNIT_TEXT], c[UNIT_TEXT];
	bytes_printf(to, "limits       memory %s; a record %s; a stop takes at most %s\n",
		     s->limits.memory_bytes ? size_text(s->limits.memory_bytes, a) : "none",
		     size_text(s->limits.record_bytes, b), duration_text(s->limits.stop_us, c));
}

static void put_order(const struct plan *p, struct bytes *to)
{
	const char *stage, *why = plan_order_dependent(p, &stage);
	if (!why) {
		bytes_put_text(to, "order        not order-dependent: the output is a function of the "
				   "input\n");
		return;
	}
	if (plan_find(p, stage)->ops->role == OP_SOURCE) {
		bytes_printf(to,
			     "order        order-dependent: stage '%s' %s, so no two\n"
			     "             runs give the same output.\n",
			     stage, why);
		return;
	}
	if (plan_find(p, stage)->p.by_clock) {
		bytes_printf(to,
			     "order        order-dependent: stage '%s' %s: the last value\n"
			     "             of each key is right, which values stand between is not fixed.\n",
			     stage, why);
		return;
	}
	bytes_printf(to,
		     "order        order-dependent: stage '%s' %s, and its input arrives\n"
		     "             over several paths. After a crash the last value of each key is\n"
		     "             right; values in between may come in another order.\n",
		     stage, why);
}

void explain_draw(const struct plan *p, struct bytes *to)
{
	struct drawing d = {.p = p, .to = to};
	for (uint32_t i = 0; i < p->n_stages; i++) {
		int id = (int)strlen(p->stage[i].spec->id), type = (int)strlen(p->stage[i].ops->name);
		d.id_width = id > d.id_width ? id : d.id_width;
		d.type_width = type > d.type_width ? type : d.type_width;
	}
	bytes_printf(to, "%s: %u stages, %u tasks, %s\n\n", p->spec->name, p->n_stages, p->n_tasks,
		     p->bounded ? "ends when its input has ended" : "runs until it is stopped");
	for (uint32_t i = 0; i < p->n_stages; i++)
		draw_stage(&d, p->order[i]);
	if (bytes_ok(to) && to->len > 1 && to->data[to->len - 2] != '\n')
		bytes_put_u8(to, '\n');
	put_order(p, to);
	put_threads(p, to);
	put_checkpoints(p, to);
	put_restart(p->spec, to);
	put_limits(p->spec, to);
	explain_memory_put(p, to);
}

/* ---- JSON ---- */

static void json_fields(struct json_out *o, const char *key, const struct schema *s)
{
	jout_key(o, key);
	jout_array(o);
	for (uint32_t i = 0; i < s->n; i++) {
		jout_object(o);
		jout_kv_string(o, "name", s->field[i].name);
		jout_kv_string(o, "type", type_name(s->field[i].type));
		jout_kv_bool(o, "nullable", s->field[i].nullable);
		jout_object_end(o);
	}
	jout_array_end(o);
}

static const char *role_name(enum op_role r)
{
	static const char *const names[] = {"source", "transform", "sink"};
	return names[r];
}

static void json_stage(struct json_out *o, const struct plan *p, const struct plan_stage *st)
{
	jout_object(o);
	jout_kv_string(o, "id", st->spec->id);
	jout_kv_string(o, "type", st->ops->name);
	jout_kv_string(o, "role", role_name(st->ops->role));
	jout_kv_uint(o, "parallelism", st->parallelism);
	jout_kv_uint(o, "max_parallelism", st->p.max_parallelism);
	jout_key(o, "inputs");
	jout_array(o);
	for (unsigned i = 0; i < st->spec->n_inputs; i++)
		jout_string(o, p->stage[st->spec->inputs[i].stage].spec->id);
	jout_array_end(o);
	json_fields(o, "schema", &st->p.out);
	if (st->p.keyed) {
		json_fields(o, "keyed_by", &st->p.key_schema);
		json_fields(o, "keeps", &st->p.value_schema);
	}
	if (st->ops->role == OP_SOURCE)
		jout_kv_bool(o, "bounded", st->p.bounded);
	if (st->ops->role == OP_SINK)
		jout_kv_bool(o, "commits", st->p.commits);
	if (st->p.path)
		jout_kv_string(o, "path", st->p.path);
	jout_kv_bool(o, "order_dependent", st->order_dependent != NULL);
	jout_object_end(o);
}

static void json_edge(struct json_out *o, const struct plan *p, const struct plan_edge *e)
{
	jout_object(o);
	jout_kv_string(o, "from", p->stage[e->from].spec->id);
	jout_kv_string(o, "to", p->stage[e->to].spec->id);
	jout_kv_uint(o, "input", e->input);
	jout_kv_string(o, "exchange", edge_kind_name(e->kind));
	jout_kv_uint(o, "channels", edge_channels(p, e));
	jout_object_end(o);
}

static void json_settings(struct json_out *o, const struct spec *s)
{
	jout_key(o, "checkpoint");
	jout_object(o);
	jout_kv_uint(o, "interval_us", s->checkpoint.interval_us);
	jout_kv_uint(o, "timeout_us", s->checkpoint.timeout_us);
	jout_kv_uint(o, "retain", s->checkpoint.retain);
	jout_kv_uint(o, "tolerable_failures", s->checkpoint.tolerable_failures);
	jout_kv_string(o, "on_cancel", s->checkpoint.cancel_deletes ? "delete" : "retain");
	jout_object_end(o);
	jout_key(o, "restart");
	jout_object(o);
	jout_kv_string(o, "strategy", restart_strategy_name(s->restart.strategy));
	jout_kv_uint(o, "attempts", s->restart.attempts);
	jout_kv_uint(o, "initial_us", s->restart.initial_us);
	jout_kv_uint(o, "reset_after_us", s->restart.reset_after_us);
	jout_object_end(o);
	jout_key(o, "limits");
	jout_object(o);
	jout_kv_uint(o, "memory_bytes", s->limits.memory_bytes);
	jout_kv_uint(o, "record_bytes", s->limits.record_bytes);
	jout_kv_uint(o, "stop_us", s->limits.stop_us);
	jout_object_end(o);
}

void explain_json(const struct plan *p, struct bytes *to)
{
	struct json_out o;
	const char *stage, *why = plan_order_dependent(p, &stage);
	jout_begin(&o, to, true);
	jout_object(&o);
	jout_kv_string(&o, "name", p->spec->name);
	jout_kv_bool(&o, "bounded", p->bounded);
	jout_kv_uint(&o, "tasks", p->n_tasks);
	jout_kv_uint(&o, "threads", p->n_threads);
	jout_key(&o, "stages");
	jout_array(&o);
	for (uint32_t i = 0; i < p->n_stages; i++)
		json_stage(&o, p, &p->stage[i]);
	jout_array_end(&o);
	jout_key(&o, "edges");
	jout_array(&o);
	for (uint32_t i = 0; i < p->n_edges; i++)
		json_edge(&o, p, &p->edge[i]);
	jout_array_end(&o);
	jout_kv_bool(&o, "order_dependent", why != NULL);
	if (why) {
		jout_kv_string(&o, "order_dependent_stage", stage);
		jout_kv_string(&o, "why", why);
	}
	explain_memory_json(p, &o);
	json_settings(&o, p->spec);
	jout_object_end(&o);
	bytes_put_u8(to, '\n');
}
