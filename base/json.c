/* json.c - what a document says, and where: see json.h. */
#include "base/check.h"
#include "base/json_node.h"

#include <stdlib.h>

const struct json *json_root(const struct json_doc *doc)
{
	return &doc->node[0];
}

const char *json_source(const struct json_doc *doc, size_t *len)
{
	if (len)
		*len = doc->text.len;
	return doc->text.text;
}

enum json_kind json_kind(const struct json *v)
{
	return v->kind;
}

const char *json_kind_name(enum json_kind k)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	    [JSON_BOOL] = "true or false",
		[JSON_INT] = "a whole number", [JSON_REAL] = "a number with a fraction",
		[JSON_STRING] = "a string", [JSON_ARRAY] = "a list",
		[JSON_OBJECT] = "an object",
	};
	return names[k];
}

bool json_bool(const struct json *v)
{
	CHECK(v->kind == JSON_BOOL);
	return v->b;
}

int64_t json_int(const struct json *v)
{
	CHECK(v->kind == JSON_INT);
	return v->i;
}

double json_real(const struct json *v)
{
	CHECK(v->kind == JSON_INT || v->kind == JSON_REAL);
	return v->kind == JSON_INT ? (double)v->i : v->d;
}

const char *json_string(const struct json *v, size_t *len)
{
	CHECK(v->kind == JSON_STRING);
	if (len)
		*len = v->s.len;
	return v->s.p;
}

static bool is_container(const struct json *v)
{
	return v->kind == JSON_ARRAY || v->kind == JSON_OBJECT;
}

size_t json_count(const struct json *v)
{
	CHECK(is_container(v));
	return v->c.n;
}

const struct json *json_item(const struct json *v, size_t i)
{
	CHECK(is_container(v) && i < v->c.n);
	return v->c.kid[i];
}

const struct json *json_get(const struct json *v, const char *key)
{
	CHECK(v->kind == JSON_OBJECT);
	for (size_t i = 0; i < v->c.n; i++)
		if (!strcmp(v->c.kid[i]->key, key))
			return v->c.kid[i];
	return NULL;
}

const char *json_key(const struct json *v, size_t i)
{
	CHECK(v->kind == JSON_OBJECT && i < v->c.n);
	return v->c.kid[i]->key;
}

const struct json *json_value(const struct json *v, size_t i)
{
	CHECK(v->kind == JSON_OBJECT && i < v->c.n);
	return v->c.kid[i];
}

static struct json_at public_at(const struct json_text_at *t)
{
	return (struct json_at){t->line, t->column, t->offset, t->len};
}

struct json_at json_where(const struct json *v)
{
	return public_at(&v->at);
}

struct json_at json_key_where(const struct json *v, size_t i)
{
	CHECK(v->kind == JSON_OBJECT && i < v->c.n);
	return public_at(&v->c.kid[i]->key_at);
}

const struct json_text *json_text_of(const struct json *v)
{
	return &v->doc->text;
}

/* How many bytes of text the character at p takes, and how many of the value it gives. */
static size_t escape_len(const char *p, size_t *gives)
{
	if (*p != '\\') {
		*gives = 1;
		return 1;
	}
	*gives = 1;
	if (p[1] != 'u')
		return 2;
	char hex[5] = {p[2], p[3], p[4], p[5], '\0'};
	unsigned long u = strtoul(hex, NULL, 16);
	*gives = u < 0x80 ? 1 : u < 0x800 ? 2 : u < 0xD800 || u > 0xDFFF ? 3 : 4;
	return *gives == 4 ? 12 : 6;
}

struct json_at json_where_in_string(const struct json *v, size_t offset, size_t len)
{
	CHECK(v->kind == JSON_STRING);
	const char *text = v->doc->text.text;
	size_t end = offset + len;
	const struct rewritten *old = v->s.old;
	if (old) {
		bool empty = end <= offset;
		offset = old->from[offset < v->s.len ? offset : v->s.len];
		end = old->from[end < v->s.len ? end : v->s.len];
		if (!empty && end <= offset)
			end = offset + 1;
	}
	const char *p = text + v->at.offset + (v->plain ? 0 : 1);
	const char *stop = text + v->at.offset + v->at.len - (v->plain ? 0 : 1);
	const char *from = NULL;
	for (size_t at = 0; p < stop && at < end;) {
		size_t gives = 1;
		size_t takes = v->plain ? 1 : escape_len(p, &gives);
		if (!from && at + gives > offset)
			from = p;
		at += gives;
		p += takes;
	}
	if (!from)
		from = p;
	struct json_text_at t = v->at;
	json_at_advance(&t, text + v->at.offset, from);
	return (struct json_at){t.line, t.column, (size_t)(from - text), (size_t)(p - from)};
}

const char *json_written(const struct json *v, size_t *len)
{
	CHECK(v->kind == JSON_STRING);
	if (len)
		*len = v->s.old ? v->s.old->len : v->s.len;
	return v->s.old ? v->s.old->p : v->s.p;
}
