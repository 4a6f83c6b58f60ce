/* spec_set.c - `--set path=value`: values given on the command line stand in for those of the file.
 * A path goes through objects by key, and through `pipeline` by stage id. A value is JSON if it
 * reads as JSON, else plain text, so that nobody has to quote quotes: checkpoint.interval=100ms. */
#include "jobs/spec_parts.h"
#include "base/schema.h"

#include <stdio.h>

struct setting {
	struct spec *s;
	struct diags *ds;
	struct json_text arg;
	const char *equals;
};

static void wrong(struct setting *t, const char *from, size_t len, const char *hint,
		  const char *text)
{
	size_t at = (size_t)(from - t->arg.text);
	struct json_at place = {1, (uint32_t)at + 1, at, len};
	diag_add(t->ds, DIAG_ERROR, &t->arg, place, hint, "%s", text);
}

/* The stage with that id, as the text stands. */
static const struct json *stage_called(struct setting *t, const struct json *list, const char *id,
				       const char *from, size_t len)
{
	const char *names[SPEC_STAGES_MAX];
	size_t n = 0;
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *v = json_item(list, i);
		const struct json *its = json_kind(v) == JSON_OBJECT ? json_get(v, "id") : NULL;
		if (!its || json_kind(its) != JSON_STRING)
			continue;
		if (!strcmp(json_string(its, NULL), id))
			return v;
		if (n < SPEC_STAGES_MAX)
			names[n++] = json_string(its, NULL);
	}
	const char *close = closest_name(id, names, n);
	char hint[120] = "behind 'pipeline.' stands the id of a stage";
	if (close)
		snprintf(hint, sizeof hint, "did you mean '%.64s'?", close);
	wrong(t, from, len, hint, "no stage has this id");
	return NULL;
}

static bool looks_like_json(const char *p)
{
	return strchr("{[\"", *p) && *p;
}

static bool may_be_scalar(const char *p)
{
	return (*p >= '0' && *p <= '9') || *p == '-' || !strcmp(p, "true") ||
	       !strcmp(p, "false") || !strcmp(p, "null");
}

/* Puts the value, or an empty object on the way to it. False without memory. */
static bool put(struct setting *t, const struct json *in, const char *key, struct json_given g,
		bool is_last)
{
	struct err e = {0};
	struct json_at at;
	const char *value = t->equals + 1;
	g.name = t->arg.name;
	g.text = t->arg.text;
	if (!is_last) {
		g.as_object = true;
		g.value_offset = g.key_offset;
		g.value_len = g.key_len;
		return json_put(t->s->doc, in, key, &g, &at, &e) == OK;
	}
	g.value_offset = (size_t)(value - t->arg.text);
	g.value_len = strlen(value);
	enum rc rc = E_INVALID;
	if (looks_like_json(value) || may_be_scalar(value))
		rc = json_put(t->s->doc, in, key, &g, &at, &e);
	if (rc == E_INVALID && !looks_like_json(value)) {
		g.as_string = true;
		err_clear(&e);
		rc = json_put(t->s->doc, in, key, &g, &at, &e);
	}
	if (rc == E_INVALID)
		diag_add(t->ds, DIAG_ERROR, &t->arg, at, NULL, "the value is not JSON: %s", e.text);
	return rc != E_NO_MEMORY;
}

static bool apply(struct setting *t)
{
	const struct json *v = json_root(t->s->doc);
	const char *p = t->arg.text;
	t->equals = strchr(p, '=');
	if (!t->equals || t->equals == p) {
		wrong(t, p, strlen(p), "write path=value, as in checkpoint.interval=1s",
		      "not an assignment");
		return true;
	}
	for (;;) {
		size_t len = strcspn(p, ".=");
		char key[256];
		if (!len || len >= sizeof key) {
			wrong(t, p, len, "names, with '.' between them", "not a path");
			return true;
		}
		memcpy(key, p, len);
		key[len] = '\0';
		if (!utf8_is(key, len)) {
			wrong(t, p, len, "names, with '.' between them", "not UTF-8");
			return true;
		}
		bool is_last = p + len == t->equals;
		if (json_kind(v) == JSON_ARRAY && v == json_get(json_root(t->s->doc), "pipeline")) {
			const struct json *stage = stage_called(t, v, key, p, len);
			if (stage && is_last)
				wrong(t, p, len, "one option of it can: pipeline.ID.OPTION=value",
				      "a whole stage cannot be set");
			if (!stage || is_last)
				return true;
			v = stage;
			p += len + 1;
			continue;
		}
		if (json_kind(v) != JSON_OBJECT) {
			wrong(t, p, len, "a path goes through objects, and through the pipeline by id",
			      "what stands before it is no object");
			return true;
		}
		const struct json *next = json_get(v, key);
		struct json_given g = {.key_offset = (size_t)(p - t->arg.text), .key_len = len};
		if ((is_last || !next) && !put(t, v, key, g, is_last))
			return false;
		if (is_last)
			return true;
		v = json_get(v, key);
		p += len + 1;
	}
}

bool spec_apply_sets(struct spec *s, const struct spec_source *from, struct diags *ds)
{
	for (size_t i = 0; i < from->n_sets; i++) {
		const char *arg = from->sets[i];
		struct setting t = {.s = s, .ds = ds, .arg = {"--set", arg, strlen(arg)}};
		if (!apply(&t))
			return false;
	}
	return true;
}
