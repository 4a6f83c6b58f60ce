/* spec_stage.c - each stage of the pipeline by itself: its id, its type, its options. */
#include "jobs/spec_parts.h"
#include "base/check.h"
#include "base/schema.h"

#include <stdio.h>

#define STAGE_OPTIONS_MAX 48 /* more than any operator has; the rest is a bug of its table */

static const struct opt_def common[] = {
	{"id", OPT_STRING, .required = true,
	 .help = "names the stage and its state: letters, digits, '_' and '-'"},
	{"type", OPT_STRING, .required = true, .help = "what the stage does"},
	{"inputs", OPT_STRING | OPT_LIST, .help = "ids of the stages it reads; else the one before"},
	{"parallelism", OPT_INT | OPT_STRING, 1, SPEC_MAX_PARALLELISM, .one_of = "auto",
	 .help = "how many subtasks, or \"auto\"; else the job's"},
	{"on_error", OPT_STRING, .one_of = "fail skip",
	 .help = "a record that cannot be processed fails the job (the default), or is skipped"},
	{0},
};

static const struct opt_alias aliases[] = {
	{"name", "id"},	       {"uid", "id"},	       {"operator", "type"}, {"kind", "type"},
	{"input", "inputs"},   {"from", "inputs"},     {"expression", "expr"},
	{"condition", "expr"}, {"predicate", "expr"},  {"keys", "key"},	     {"by", "key"},
	{"group_by", "key"},   {"output", "as"},       {"alias", "as"},	     {0},
};

/* Stages the design has and this version does not. */
static const char *const later_types[] = {"kafka_source", "kafka_sink", "socket_source",
					  "socket_sink", NULL};

bool spec_name_ok(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	return len && len <= SPEC_NAME_MAX && !name[len];
}

static const char *string_at(const struct json *v, const char *key)
{
	const struct json *o = json_get(v, key);
	size_t len;
	const char *s = o && json_kind(o) == JSON_STRING ? json_string(o, &len) : NULL;
	return s && len && strlen(s) == len ? s : NULL;
}

struct opt_report *spec_report(const struct spec *s, unsigned i, struct diag_report *r,
			       struct diags *ds)
{
	if (s->stages[i].id[0])
		return diag_report(r, ds, "stage '%s'", s->stages[i].id);
	return diag_report(r, ds, "stage %u", i + 1);
}

static void check_id(struct spec *s, unsigned i, struct diags *ds)
{
	struct spec_stage *st = &s->stages[i];
	const char *id = string_at(st->json, "id");
	if (!id)
		return; /* told by the table */
	struct diag_report r;
	const struct json *where = json_get(st->json, "id");
	if (!spec_name_ok(id)) {
		opt_error(spec_report(s, i, &r, ds), where,
			  "letters, digits, '_' and '-', at most 64 of them", "not an id");
		return;
	}
	int first = spec_find(s, id);
	st->id = id;
	if (first < 0 || first >= (int)i)
		return;
	char hint[80] = "give it another id";
	if (!json_text_of(s->stages[first].json)->name)
		snprintf(hint, sizeof hint, "the first stands in line %u",
			 json_where(json_get(s->stages[first].json, "id")).line);
	opt_error(spec_report(s, i, &r, ds), where, hint, "the id is there twice");
	st->ok = false;
}

static const struct spec_type *type_called(const struct spec_type *types, const char *name)
{
	for (; types->name; types++)
		if (!strcmp(types->name, name))
			return types;
	return NULL;
}

static void unknown_type(const struct spec_type *types, const struct json *v, struct opt_report *r)
{
	const char *name = json_string(v, NULL), *names[STAGE_OPTIONS_MAX];
	for (const char *const *l = later_types; *l; l++) {
		if (!strcmp(*l, name)) {
			opt_error(r, v, NULL, "type '%s' comes with a later version", name);
			return;
		}
	}
	size_t n = 0;
	char hint[400];
	size_t at = (size_t)snprintf(hint, sizeof hint, "there are: ");
	for (; types->name && n < STAGE_OPTIONS_MAX; types++) {
		if (at < sizeof hint)
			at += (size_t)snprintf(hint + at, sizeof hint - at, "%s%s", n ? ", " : "",
					       types->name);
		names[n++] = types->name;
	}
	const char *close = closest_name(name, names, n);
	if (close)
		snprintf(hint, sizeof hint, "did you mean '%s'?", close);
	opt_error(r, v, hint, "unknown type '%.60s'", json_written(v, NULL));
}

/* Only what every stage may have; the other keys belong to a type nobody knows. False: no
 * memory. */
static bool check_common(struct spec *s, const struct json *v, struct opt_report *r)
{
	const char **keys = mem_get(s->mem, (json_count(v) + 1) * sizeof *keys);
	if (!keys)
		return false;
	for (size_t i = 0; i < json_count(v); i++)
		keys[i] = json_key(v, i);
	opt_check(common, v, keys, NULL, r);
	mem_put(s->mem, keys);
	return true;
}

static void check_options(const struct spec_type *type, const struct json *v, struct opt_report *r)
{
	struct opt_def all[STAGE_OPTIONS_MAX + ARRAY_LEN(common) + 1] = {0};
	size_t n = 0;
	for (const struct opt_def *d = common; d->name; d++)
		all[n++] = *d;
	for (const struct opt_def *d = type->options; d && d->name; d++) {
		CHECK(n < ARRAY_LEN(all) - 1);
		all[n++] = *d;
	}
	opt_check(all, v, NULL, aliases, r);
}

static void set_parallelism(struct spec *s, unsigned i, struct opt_report *r)
{
	struct spec_stage *st = &s->stages[i];
	int64_t p = spec_parallelism(s, st->json, s->parallelism);
	st->parallelism = s->parallelism;
	if (p < 1 || p > SPEC_MAX_PARALLELISM)
		return; /* told by the table */
	st->parallelism = (unsigned)p;
	if (p <= s->max_parallelism || !opt_has(st->json, "parallelism"))
		return;
	char hint[80];
	snprintf(hint, sizeof hint, "at most \"max_parallelism\", which is %u", s->max_parallelism);
	opt_error(r, opt_json(st->json, "parallelism"), hint, "'parallelism' is out of bounds");
}

static bool read_stage(struct spec *s, unsigned i, const struct spec_source *from,
		       struct diags *ds)
{
	struct spec_stage *st = &s->stages[i];
	struct diag_report dr;
	if (json_kind(st->json) != JSON_OBJECT) {
		opt_error(spec_report(s, i, &dr, ds), st->json, "an object with id and type",
			  "has the wrong type");
		return true;
	}
	st->ok = true;
	check_id(s, i, ds);
	st->ok &= st->id[0] != '\0';
	struct opt_report *r = spec_report(s, i, &dr, ds);
	const char *type = string_at(st->json, "type");
	st->type = type ? type_called(from->types, type) : NULL;
	if (type && !st->type)
		unknown_type(from->types, json_get(st->json, "type"), r);
	if (st->type)
		check_options(st->type, st->json, r);
	else if (!check_common(s, st->json, r))
		return false;
	set_parallelism(s, i, r);
	st->ok &= !r->errors;
	return true;
}

bool spec_read_stages(struct spec *s, const struct spec_source *from, struct diags *ds)
{
	const struct json *root = json_root(s->doc), *list = json_get(root, "pipeline");
	struct diag_report dr;
	struct opt_report *r = diag_report(&dr, ds, "%s", "");
	if (!list || json_kind(list) != JSON_ARRAY || !json_count(list)) {
		const char *hint = "a list of stages: {\"id\": ..., \"type\": ..., ...}";
		if (!list)
			opt_error(r, root, hint, "'pipeline' is missing");
		else if (json_kind(list) != JSON_ARRAY)
			opt_error(r, list, hint, "'pipeline' has the wrong type");
		else
			opt_error(r, list, "it wants a source and a sink", "'pipeline' is empty");
		return true;
	}
	size_t n = json_count(list);
	if (n > SPEC_STAGES_MAX) {
		opt_error(r, list, NULL, "'pipeline' has %zu stages; at most %d can be", n,
			  SPEC_STAGES_MAX);
		return true;
	}
	s->stages = mem_get(s->mem, n * sizeof *s->stages);
	s->order = mem_get(s->mem, n * sizeof *s->order);
	if (!s->stages || !s->order)
		return false;
	s->n_stages = (unsigned)n;
	for (unsigned i = 0; i < n; i++)
		s->stages[i] = (struct spec_stage){.id = "", .json = json_item(list, i)};
	for (unsigned i = 0; i < n; i++)
		if (!read_stage(s, i, from, ds))
			return false;
	return true;
}
