/* spec_graph.c - how stages read each other: names resolved, roles kept, cycles named, an order. */
#include "jobs/spec_parts.h"
#include "base/schema.h"

#include <stdio.h>

static bool is_role(const struct spec_stage *st, enum spec_role role)
{
	return st->type && st->type->role == role;
}

static bool reads_before(const struct spec_stage *st)
{
	return json_kind(st->json) == JSON_OBJECT && !json_get(st->json, "inputs") &&
	       !is_role(st, SPEC_SOURCE) && !(st->type && st->type->many_inputs);
}

/* The place that stands for a whole stage. */
static const struct json *face_of(const struct spec_stage *st)
{
	const struct json *id = json_kind(st->json) == JSON_OBJECT ? json_get(st->json, "id") : NULL;
	return id ? id : st->json;
}

static unsigned named_inputs(const struct spec_stage *st)
{
	const struct json *v = json_kind(st->json) == JSON_OBJECT ? json_get(st->json, "inputs")
								  : NULL;
	if (!v || is_role(st, SPEC_SOURCE))
		return 0;
	if (json_kind(v) == JSON_STRING)
		return 1;
	size_t n = json_kind(v) == JSON_ARRAY ? json_count(v) : 0;
	return n > SPEC_STAGES_MAX ? SPEC_STAGES_MAX : (unsigned)n;
}

static int stage_named(const struct spec *s, unsigned reader, const struct json *v,
		       struct opt_report *r)
{
	const char *name = json_string(v, NULL), *names[SPEC_STAGES_MAX];
	int at = spec_find(s, name);
	if (at == (int)reader) {
		opt_error(r, v, NULL, "reads itself");
		return -1;
	}
	if (at >= 0)
		return at;
	size_t n = 0;
	for (unsigned i = 0; i < s->n_stages; i++)
		if (i != reader && s->stages[i].id[0])
			names[n++] = s->stages[i].id;
	const char *close = closest_name(name, names, n);
	char hint[120];
	snprintf(hint, sizeof hint, "did you mean '%s'?", close ? close : "");
	opt_error(r, v, close ? hint : "ids of other stages", "no stage has the id '%.64s'",
		  json_written(v, NULL));
	return -1;
}

static void read_named(struct spec *s, unsigned i, unsigned n, struct opt_report *r)
{
	struct spec_stage *st = &s->stages[i];
	const struct json *list = json_get(st->json, "inputs");
	for (unsigned k = 0; k < n; k++) {
		const struct json *v = json_kind(list) == JSON_STRING ? list : json_item(list, k);
		if (json_kind(v) != JSON_STRING)
			continue; /* told by the table */
		struct spec_input *in = &st->inputs[st->n_inputs++];
		in->name = json_string(v, NULL);
		in->json = v;
		in->stage = stage_named(s, i, v, r);
	}
	if (n > 1 && st->type && !st->type->many_inputs)
		opt_error(r, list, "put a union before it", "reads one stage, not %u", n);
}

static void read_before(struct spec *s, unsigned i, struct opt_report *r)
{
	struct spec_stage *st = &s->stages[i];
	if (!i && st->type) {
		opt_error(r, face_of(st), "begin with a source, or name its inputs",
			  "no stage stands before it");
		return;
	}
	if (!i)
		return; /* its type is unknown: perhaps it is a source */
	st->inputs[st->n_inputs++] = (struct spec_input){.stage = (int)i - 1};
}

/* *unsure: some stage may have meant to read another one. */
static bool connect(struct spec *s, unsigned i, struct diags *ds, bool *unsure)
{
	struct spec_stage *st = &s->stages[i];
	struct diag_report dr;
	struct opt_report *r = spec_report(s, i, &dr, ds);
	bool before = reads_before(st);
	unsigned n = named_inputs(st);
	st->inputs = mem_get(s->mem, (n + 1) * sizeof *st->inputs);
	if (!st->inputs)
		return false;
	if (json_kind(st->json) == JSON_OBJECT && json_get(st->json, "inputs") &&
	    is_role(st, SPEC_SOURCE))
		opt_error(r, json_get(st->json, "inputs"), "remove it", "a source has no inputs");
	else if (n)
		read_named(s, i, n, r);
	else if (before)
		read_before(s, i, r);
	else if (st->type && st->type->many_inputs && !json_get(st->json, "inputs"))
		opt_error(r, face_of(st), "\"inputs\": [\"...\", \"...\"]", "'inputs' is missing");
	for (unsigned k = 0; k < st->n_inputs; k++) {
		struct spec_input *in = &st->inputs[k];
		if (in->stage < 0)
			continue;
		struct spec_stage *from = &s->stages[in->stage];
		from->n_readers++;
		if (!is_role(from, SPEC_SINK))
			continue;
		if (in->json)
			opt_error(r, in->json, NULL, "'%s' is a sink, which nothing can read",
				  from->id);
		else
			opt_error(r, face_of(st), "name its inputs",
				  "the stage before it is a sink, which nothing can read");
	}
	*unsure |= r->errors || !st->type;
	st->ok &= !r->errors;
	return true;
}

struct search {
	struct spec *s;
	struct diags *ds;
	unsigned char *color; /* 0: not seen, 1: on the path, 2: done */
	unsigned *path;
	unsigned depth, placed;
	bool cyclic;
};

/* The path leads from readers to what they read; records go the other way. */
static void tell_cycle(struct search *x, unsigned u, unsigned k)
{
	struct spec_input *in = &x->s->stages[u].inputs[k];
	const char *name = x->s->stages[in->stage].id;
	char text[400];
	size_t at = (size_t)snprintf(text, sizeof text, "%s", name);
	for (unsigned d = x->depth; d-- > 0 && at < sizeof text;) {
		at += (size_t)snprintf(text + at, sizeof text - at, " -> %s",
				       x->s->stages[x->path[d]].id);
		if (x->path[d] == (unsigned)in->stage)
			break;
	}
	struct diag_report dr;
	opt_error(spec_report(x->s, u, &dr, x->ds), in->json ? in->json : face_of(&x->s->stages[u]),
		  "a stage cannot read what comes of its own output", "a cycle: %s", text);
	x->s->stages[u].ok = false;
	x->cyclic = true;
}

/* At most SPEC_STAGES_MAX deep. */
static void visit(struct search *x, unsigned u)
{
	x->color[u] = 1;
	x->path[x->depth++] = u;
	const struct spec_stage *st = &x->s->stages[u];
	for (unsigned k = 0; k < st->n_inputs; k++) {
		int v = st->inputs[k].stage;
		if (v < 0)
			x->cyclic = true; /* unknown: no order either */
		else if (x->color[v] == 1)
			tell_cycle(x, u, k);
		else if (!x->color[v])
			visit(x, (unsigned)v);
	}
	x->depth--;
	x->color[u] = 2;
	x->s->order[x->placed++] = u;
}

static bool order(struct spec *s, struct diags *ds)
{
	struct search x = {.s = s, .ds = ds};
	x.color = mem_get(s->mem, s->n_stages);
	x.path = mem_get(s->mem, s->n_stages * sizeof *x.path);
	bool ok = x.color && x.path;
	for (unsigned i = 0; i < s->n_stages && ok; i++)
		if (!x.color[i])
			visit(&x, i);
	s->has_order = ok && s->n_stages && !x.cyclic;
	mem_put(s->mem, x.color);
	mem_put(s->mem, x.path);
	return ok;
}

bool spec_connect(struct spec *s, struct diags *ds)
{
	bool unsure = false;
	for (unsigned i = 0; i < s->n_stages; i++)
		if (!connect(s, i, ds, &unsure))
			return false;
	for (unsigned i = 0; i < s->n_stages && !unsure; i++) {
		struct spec_stage *st = &s->stages[i];
		struct diag_report dr;
		if (!st->type || is_role(st, SPEC_SINK) || st->n_readers)
			continue;
		opt_error(spec_report(s, i, &dr, ds), face_of(st),
			  "nothing reads it; add a sink", "its records go nowhere");
		st->ok = false;
	}
	return order(s, ds);
}
