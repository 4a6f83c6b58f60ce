/* spec_env.c - ${VAR} and ${VAR:default} inside strings become what the environment says.
 * Inside parsed strings, never in the text: no value can break out of its string. `$$` is a dollar
 * sign. What came out is not looked at again. The written string stays: json_written. */
#include "jobs/spec_parts.h"

#include <ctype.h>
#include <stdio.h>

struct expansion {
	const struct spec_source *from;
	struct json_doc *doc;
	struct opt_report *r;
	struct bytes text; /* the string's new value */
	struct bytes map;  /* for each of its bytes a uint32_t: the old byte it came from */
};

static void put(struct expansion *x, const char *p, size_t len, size_t old, bool one_to_one)
{
	bytes_put(&x->text, p, len);
	for (size_t i = 0; i < len; i++)
		bytes_put_u32(&x->map, (uint32_t)(one_to_one ? old + i : old));
}

static bool is_name(char c, bool first)
{
	return c == '_' || isalpha((unsigned char)c) || (!first && isdigit((unsigned char)c));
}

/* s[at] begins "${". Returns where it ends, or 0 after telling what is wrong. */
static size_t put_reference(struct expansion *x, const struct json *v, const char *s, size_t len,
			    size_t at)
{
	size_t name = at + 2, end = name;
	while (end < len && is_name(s[end], end == name))
		end++;
	const char *close = end < len ? memchr(s + end, '}', len - end) : NULL;
	if (!close || end == name || (s[end] != ':' && s[end] != '}')) {
		size_t till = close ? (size_t)(close - s) + 1 : at + 2;
		opt_error_in(x->r, v, at, till - at, "write ${NAME} or ${NAME:default}; $$ is a '$'",
			     "not a reference to the environment");
		return 0;
	}
	size_t after = (size_t)(close - s) + 1;
	char var[128];
	if (end - name >= sizeof var) {
		opt_error_in(x->r, v, at, after - at, NULL, "the name is too long");
		return 0;
	}
	memcpy(var, s + name, end - name);
	var[end - name] = '\0';
	const char *value = x->from->env ? x->from->env(x->from->env_arg, var) : NULL;
	if (value) {
		put(x, value, strlen(value), at, false);
	} else if (s[end] == ':') {
		put(x, s + end + 1, after - 1 - (end + 1), end + 1, true);
	} else {
		char hint[200];
		snprintf(hint, sizeof hint, "set it, or give a default: ${%s:...}", var);
		opt_error_in(x->r, v, at, after - at, hint, "'%s' is not set in the environment",
			     var);
		return 0;
	}
	return after;
}

static bool expand_string(struct expansion *x, const struct json *v)
{
	size_t len;
	const char *s = json_string(v, &len);
	if (!memchr(s, '$', len))
		return true;
	bytes_clear(&x->text);
	bytes_clear(&x->map);
	bool changed = false;
	for (size_t at = 0; at < len;) {
		bool two = s[at] == '$' && at + 1 < len;
		if (two && s[at + 1] == '{') {
			at = put_reference(x, v, s, len, at);
			if (!at)
				return true; /* told */
			changed = true;
		} else if (two && s[at + 1] == '$') {
			put(x, "$", 1, at, true);
			at += 2;
			changed = true;
		} else {
			put(x, s + at, 1, at, true);
			at++;
		}
	}
	if (!changed)
		return true;
	bytes_put_u32(&x->map, (uint32_t)len);
	if (!bytes_ok(&x->text) || !bytes_ok(&x->map))
		return false;
	return json_set_string(x->doc, v, bytes_text(&x->text), x->text.len,
			       (const uint32_t *)(const void *)x->map.data, NULL) == OK;
}

/* Nesting is bounded by the parser. */
static bool expand(struct expansion *x, const struct json *v)
{
	if (json_kind(v) == JSON_STRING)
		return expand_string(x, v);
	if (json_kind(v) != JSON_ARRAY && json_kind(v) != JSON_OBJECT)
		return true;
	for (size_t i = 0; i < json_count(v); i++)
		if (!expand(x, json_item(v, i)))
			return false;
	return true;
}

bool spec_expand(struct spec *s, const struct spec_source *from, struct diags *ds)
{
	struct diag_report r;
	struct expansion x = {.from = from, .doc = s->doc, .r = diag_report(&r, ds, "%s", "")};
	bytes_init(&x.text, s->mem);
	bytes_init(&x.map, s->mem);
	bool ok = expand(&x, json_root(s->doc));
	bytes_close(&x.text);
	bytes_close(&x.map);
	return ok;
}
