/* openapi.c - see openapi.h. */
#include "server/openapi_in.h"

#include "base/check.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SHAPES "#/components/schemas/"

static void put_raw(struct json_out *o, const char *key, const char *json)
{
	jout_key(o, key);
	jout_raw(o, json, strlen(json));
}

/* ---- shapes ---- */

static const char *type_of(char kind)
{
	switch (kind) {
	case 's':
		return "string";
	case 'i':
		return "integer";
	case 'n':
		return "number";
	case 'b':
		return "boolean";
	case 'o':
		return "object";
	default:
		return NULL;
	}
}

/* kind: as in openapi_shape, without its * and ?. */
static void put_kind(struct json_out *o, const char *kind, size_t len, bool or_null)
{
	const char *type = type_of(*kind);
	jout_object(o);
	if (*kind == '#') {
		char ref[100];
		snprintf(ref, sizeof ref, SHAPES "%.*s", (int)len - 1, kind + 1);
		if (or_null) {
			jout_key(o, "anyOf");
			jout_array(o);
			jout_object(o);
		}
		jout_kv_string(o, "$ref", ref);
		if (or_null) {
			jout_object_end(o);
			jout_raw(o, "{\"type\":\"null\"}", 15);
			jout_array_end(o);
		}
	} else if (type && or_null) {
		jout_key(o, "type");
		jout_array(o);
		jout_string(o, type);
		jout_string(o, "null");
		jout_array_end(o);
	} else if (type) {
		jout_kv_string(o, "type", type);
	}
	jout_object_end(o);
}

static void put_member(struct json_out *o, const char *kind, size_t len)
{
	bool or_null = kind[len - 1] == '?';
	len -= or_null;
	if (kind[len - 1] != '*') {
		put_kind(o, kind, len, or_null);
		return;
	}
	jout_object(o);
	jout_kv_string(o, "type", "array");
	jout_key(o, "items");
	put_kind(o, kind, len - 1, false);
	jout_object_end(o);
}

/* The next "name:kind" of a shape; false: there is none. */
static bool next_member(const char **at, const char **name, size_t *n, const char **kind,
			size_t *len)
{
	*at += strspn(*at, " ");
	if (!**at)
		return false;
	*name = *at;
	*n = strcspn(*at, ":");
	*kind = *at + *n + 1;
	*len = strcspn(*kind, " ");
	*at = *kind + *len;
	return true;
}

static void put_shape(struct json_out *o, const struct openapi_shape *s)
{
	const char *at = s->members, *name, *kind;
	size_t n, len;
	char key[64];
	jout_key(o, s->name);
	jout_object(o);
	jout_kv_string(o, "type", "object");
	jout_key(o, "properties");
	jout_object(o);
	while (next_member(&at, &name, &n, &kind, &len)) {
		bool may_be = *name == '~';
		snprintf(key, sizeof key, "%.*s", (int)(n - may_be), name + may_be);
		jout_key(o, key);
		put_member(o, kind, len);
	}
	jout_object_end(o);
	jout_key(o, "required");
	jout_array(o);
	for (at = s->members; next_member(&at, &name, &n, &kind, &len);)
		if (*name != '~')
			jout_string_n(o, name, n);
	jout_array_end(o);
	jout_object_end(o);
}

/* ---- operations ---- */

static void put_param(struct json_out *o, const struct openapi_param *p, const struct route *r,
		      bool in_path)
{
	char name[64];
	size_t brace = p->name[0] == '{';
	snprintf(name, sizeof name, "%.*s", (int)(strlen(p->name) - 2 * brace), p->name + brace);
	jout_object(o);
	jout_kv_string(o, "name", name);
	jout_kv_string(o, "in", in_path ? "path" : "query");
	jout_kv_string(o, "description", p->says);
	if (in_path || openapi_is_needed(p, r))
		jout_kv_bool(o, "required", true);
	if (p->is_list) {
		jout_key(o, "schema");
		jout_object(o);
		jout_kv_string(o, "type", "array");
		put_raw(o, "items", p->schema);
		jout_object_end(o);
	} else {
		put_raw(o, "schema", p->schema);
	}
	jout_object_end(o);
}

/* Each name of a route's path and query, in turn. */
static bool next_param(const char **at, const char **name, size_t *len, bool in_path)
{
	*at = in_path ? strchr(*at, '{') : *at + strspn(*at, " ");
	if (!*at || !**at)
		return false;
	*name = *at;
	*len = in_path ? strcspn(*at, "}") + 1 : strcspn(*at, " ");
	*at += *len;
	return true;
}

static void put_params(struct json_out *o, const struct route *r)
{
	jout_key(o, "parameters");
	jout_array(o);
	for (int in_path = 1; in_path >= 0; in_path--) {
		const char *at = in_path ? r->path : r->query, *name;
		size_t len;
		while (next_param(&at, &name, &len, in_path)) {
			const struct openapi_param *p = openapi_param(name, len);
			CHECK(p);
			put_param(o, p, r, in_path);
		}
	}
	jout_array_end(o);
}

static void put_content(struct json_out *o, const char *type, const char *shape)
{
	char ref[100];
	jout_key(o, "content");
	jout_object(o);
	jout_key(o, type);
	jout_object(o);
	jout_key(o, "schema");
	jout_object(o);
	if (shape) {
		snprintf(ref, sizeof ref, SHAPES "%s", shape);
		jout_kv_string(o, "$ref", ref);
	} else {
		jout_kv_string(o, "type", "string");
	}
	jout_object_end(o);
	jout_object_end(o);
	jout_object_end(o);
}

static void put_response(struct json_out *o, unsigned status, const char *says, const char *type,
			 const char *shape)
{
	char key[16];
	snprintf(key, sizeof key, "%u", status);
	jout_key(o, key);
	jout_object(o);
	jout_kv_string(o, "description", says);
	put_content(o, type, shape);
	jout_object_end(o);
}

/* Each status by itself, no "default": one that is not written down is a fault (test_contract). */
static void put_responses(struct json_out *o, const struct route *r)
{
	const struct openapi_answer *a = openapi_answer(r), *f = openapi_answer_followed(r);
	const struct openapi_refusal *no;
	CHECK(a);
	jout_key(o, "responses");
	jout_object(o);
	put_response(o, a->status, r->says, a->type, a->schema);
	if (f)
		put_response(o, f->status, "with Accept: text/event-stream: its events", f->type,
			     f->schema);
	for (size_t i = 0; (no = openapi_refusal(r, i)); i++)
		put_response(o, no->status, no->says, "application/json", "error");
	jout_object_end(o);
}

static void put_operation(struct json_out *o, const struct route *r)
{
	char method[16] = "", id[120];
	size_t n = 0;
	for (; r->method[n] && n < sizeof method - 1; n++)
		method[n] = (char)tolower((unsigned char)r->method[n]);
	n = (size_t)snprintf(id, sizeof id, "%s", method);
	for (const char *p = r->path; *p && n < sizeof id - 1; p++)
		if (*p != '{' && *p != '}')
			id[n++] = isalnum((unsigned char)*p) ? *p : '_';
	id[n] = '\0';
	jout_key(o, method);
	jout_object(o);
	jout_kv_string(o, "operationId", id);
	jout_kv_string(o, "summary", r->says);
	put_params(o, r);
	if (openapi_has_body(r)) {
		jout_key(o, "requestBody");
		jout_object(o);
		jout_kv_bool(o, "required", r->what == API_SUBMIT);
		put_content(o, "application/json", "anything");
		jout_object_end(o);
	}
	put_responses(o, r);
	jout_object_end(o);
}

/* The page is for people: its paths are not told. */
static bool is_told(const struct route *r)
{
	return strcmp(r->path, "/") != 0 && !strstr(r->path, "{file}");
}

static void put_path(struct json_out *o, size_t first)
{
	const struct route *r, *path = route_at(first);
	for (size_t i = 0; i < first; i++)
		if (!strcmp(route_at(i)->path, path->path))
			return; /* told with that */
	jout_key(o, path->path);
	jout_object(o);
	for (size_t i = first; (r = route_at(i)); i++)
		if (!strcmp(r->path, path->path))
			put_operation(o, r);
	jout_object_end(o);
}

void openapi_write(const char *version, struct json_out *o)
{
	const struct openapi_shape *s;
	jout_object(o);
	jout_kv_string(o, "openapi", "3.1.0");
	jout_key(o, "info");
	jout_object(o);
	jout_kv_string(o, "title", "weir");
	jout_kv_string(o, "version", version);
	jout_kv_string(o, "description", "Jobs of a weir server: docs/REST.md says it for people.");
	jout_object_end(o);
	put_raw(o, "security", "[{\"token\":[]},{}]");
	jout_key(o, "paths");
	jout_object(o);
	for (size_t i = 0; route_at(i); i++)
		if (is_told(route_at(i)))
			put_path(o, i);
	jout_object_end(o);
	jout_key(o, "components");
	jout_object(o);
	put_raw(o, "securitySchemes", "{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}}");
	jout_key(o, "schemas");
	jout_object(o);
	for (size_t i = 0; (s = openapi_shape(i)); i++)
		put_shape(o, s);
	jout_object_end(o);
	jout_object_end(o);
	jout_object_end(o);
}

/* ---- whether all of it is there ---- */

bool openapi_is_whole(const char **missing)
{
	const struct route *r;
	for (size_t i = 0; (r = route_at(i)); i++) {
		*missing = r->path;
		if (is_told(r) && !openapi_answer(r))
			return false;
		for (int in_path = 1; is_told(r) && in_path >= 0; in_path--) {
			const char *at = in_path ? r->path : r->query, *name;
			size_t len;
			while (next_param(&at, &name, &len, in_path))
				if (!openapi_param(name, len))
					return false;
		}
	}
	*missing = NULL;
	return true;
}
