/* json_parse.c - a JSON text becomes a document: the scan's places and jansson's values, in step.
 * The only file that includes jansson. */
/* Names of jansson's that are ours too; none of its own is used here. */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_REAL JANSSON_REAL
#define JSON_NULL JANSSON_NULL
#define json_string jansson_string
#define json_real jansson_real
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_REAL
#undef JSON_NULL
#undef json_string
#undef json_real

#include "base/check.h"
#include "base/json_node.h"

/* The pieces of a document while it is made. */
struct making {
	struct json_doc *doc;
	const struct json_marks *m;
	char *strings; /* the next free byte */
	uint32_t i;    /* the next mark */
};

static const char *keep_string(struct making *k, const char *p, size_t len)
{
	char *to = k->strings;
	memcpy(to, p, len);
	to[len] = '\0';
	k->strings += len + 1;
	return to;
}

/* The next mark becomes a node with j's value; goes down j and the marks in step. Nesting is at
 * most JSON_DEPTH_MAX, so this may recurse. */
static struct json *make_node(struct making *k, const json_t *j)
{
	uint32_t at = k->i++;
	const struct json_mark *m = &k->m->mark[at];
	struct json *v = &k->doc->node[at];
	v->doc = k->doc;
	v->at = m->at;
	v->key_at = m->key;
	v->kind = m->kind;
	if (m->kind == JSON_BOOL) {
		v->b = json_is_true(j);
	} else if (m->kind == JSON_INT) {
		v->i = json_integer_value(j);
	} else if (m->kind == JSON_REAL) {
		v->d = json_real_value(j);
	} else if (m->kind == JSON_STRING) {
		v->s.len = json_string_length(j);
		v->s.p = keep_string(k, json_string_value(j), v->s.len);
	} else if (m->kind == JSON_ARRAY) {
		CHECK(json_array_size(j) == m->n);
		for (uint32_t i = 0; i < m->n; i++)
			v->c.kid[v->c.n++] = make_node(k, json_array_get(j, i));
	} else if (m->kind == JSON_OBJECT) {
		CHECK(json_object_size(j) == m->n);
		void *it = json_object_iter((json_t *)(uintptr_t)j); /* in the order of the text */
		for (; it; it = json_object_iter_next((json_t *)(uintptr_t)j, it)) {
			const char *key = json_object_iter_key(it);
			struct json *kid = make_node(k, json_object_iter_value(it));
			kid->key = keep_string(k, key, strlen(key));
			v->c.kid[v->c.n++] = kid;
		}
	}
	return v;
}

/* jansson found what the scan does not look for: equal keys, a number beyond a double. It says
 * where its token ended. */
static enum rc refused(const struct json_marks *m, const char *text, const json_error_t *je,
		       struct json_at *at, struct err *e)
{
	bool dup = json_error_code(je) == json_error_duplicate_key;
	const struct json_text_at *t = NULL;
	for (uint32_t i = 0; i < m->n; i++) {
		const struct json_text_at *c = dup ? &m->mark[i].key : &m->mark[i].at;
		if (c->len && c->offset < (uint32_t)je->position)
			t = c;
	}
	if (t && at)
		*at = (struct json_at){t->line, t->column, t->offset, t->len};
	if (dup && t)
		return ERR(e, E_INVALID, "key %.*s is there twice", (int)(t->len > 60 ? 60 : t->len),
			   text + t->offset);
	if (json_error_code(je) == json_error_numeric_overflow)
		return ERR(e, E_INVALID, "a number beyond the range of 64-bit floating point");
	if (json_error_code(je) == json_error_out_of_memory)
		return ERR(e, E_NO_MEMORY, "no memory for a JSON text");
	return ERR(e, E_INVALID, "%s", je->text);
}

static enum rc make_nodes(struct json_doc *doc, const struct json_marks *m, const json_t *root,
			  struct err *e)
{
	doc->node = mem_get(doc->mem, m->n * sizeof *doc->node);
	doc->kids = mem_get(doc->mem, m->n * sizeof *doc->kids);
	doc->strings = mem_get(doc->mem, doc->text.len + 2);
	if (!doc->node || !doc->kids || !doc->strings)
		return ERR(e, E_NO_MEMORY, "no memory for a JSON text");
	struct json **kid = doc->kids;
	for (uint32_t i = 0; i < m->n; i++) {
		doc->node[i].c.kid = NULL;
		if (m->mark[i].n) {
			doc->node[i].c.kid = kid;
			kid += m->mark[i].n;
		}
	}
	struct making k = {.doc = doc, .m = m, .strings = doc->strings};
	make_node(&k, root);
	CHECK(k.i == m->n);
	CHECK(k.strings <= doc->strings + doc->text.len + 2);
	return OK;
}

struct json_doc *json_doc_new(struct mem *mem, const char *name, const char *text, size_t len)
{
	struct json_doc *doc = mem_get(mem, sizeof *doc);
	if (!doc)
		return NULL;
	doc->mem = mem;
	doc->own_text = mem_get(mem, len + 1);
	if (name)
		doc->own_name = mem_string(mem, name);
	if (!doc->own_text || (name && !doc->own_name)) {
		json_close(doc);
		return NULL;
	}
	memcpy(doc->own_text, text, len);
	doc->text = (struct json_text){.name = doc->own_name, .text = doc->own_text, .len = len};
	return doc;
}

RC json_parse_range(struct json_doc *doc, size_t from, size_t len, struct json_at *at,
		    struct err *e)
{
	struct json_marks m = {.mem = doc->mem};
	json_t *root = NULL;
	enum rc rc = json_scan(&m, doc->text.text, from, len, at, e);
	if (rc == OK) {
		json_error_t je;
		root = json_loadb(doc->text.text + from, len,
				  JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &je);
		if (!root) {
			je.position += (int)from;
			rc = refused(&m, doc->text.text, &je, at, e);
		}
	}
	if (rc == OK)
		rc = make_nodes(doc, &m, root, e);
	json_decref(root);
	json_marks_close(&m);
	return rc;
}

RC json_parse(struct json_doc **out, const char *text, size_t len, struct mem *mem,
	      struct json_at *at, struct err *e)
{
	*out = NULL;
	if (at)
		*at = (struct json_at){1, 1, 0, 0};
	struct json_doc *doc = json_doc_new(mem, NULL, text, len);
	if (!doc)
		return ERR(e, E_NO_MEMORY, "no memory for a JSON text");
	enum rc rc = json_parse_range(doc, 0, len, at, e);
	if (rc != OK) {
		json_close(doc);
		return rc;
	}
	*out = doc;
	return OK;
}

void json_close(struct json_doc *doc)
{
	while (doc) {
		struct json_doc *given = doc->given, *next = doc->next;
		for (struct extra *x = doc->extras; x;) {
			struct extra *after = x->next;
			mem_put(doc->mem, x);
			x = after;
		}
		mem_put(doc->mem, doc->own_text);
		mem_put(doc->mem, doc->own_name);
		mem_put(doc->mem, doc->strings);
		mem_put(doc->mem, doc->node);
		mem_put(doc->mem, doc->kids);
		mem_put(doc->mem, doc);
		CHECK(!given || !next);
		doc = given ? given : next;
	}
}
