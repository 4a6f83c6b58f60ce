/* json_put.c - values that change after parsing: given elsewhere, or rewritten. See json.h. */
#include "base/check.h"
#include "base/json_node.h"

static void *extra_get(struct json_doc *doc, size_t size_bytes)
{
	struct extra *x = mem_get(doc->mem, sizeof *x + size_bytes);
	if (!x)
		return NULL;
	x->next = doc->extras;
	doc->extras = x;
	return x->data;
}

RC json_set_string(struct json_doc *doc, const struct json *cv, const char *s, size_t len,
		   const uint32_t *from, struct err *e)
{
	struct json *v = (struct json *)(uintptr_t)cv;
	CHECK(v->kind == JSON_STRING && !v->s.old);
	char *copy = extra_get(doc, len + 1);
	struct rewritten *old = extra_get(doc, sizeof *old + (len + 1) * sizeof old->from[0]);
	if (!copy || !old)
		return ERR(e, E_NO_MEMORY, "no memory for a JSON text");
	memcpy(copy, s, len);
	old->p = v->s.p;
	old->len = v->s.len;
	memcpy(old->from, from, (len + 1) * sizeof old->from[0]);
	v->s.p = copy;
	v->s.len = len;
	v->s.old = old;
	return OK;
}

static enum rc parse_given(struct json_doc *doc, const struct json_given *g, struct json_at *at,
			   struct err *e)
{
	if (!g->as_string && !g->as_object)
		return json_parse_range(doc, g->value_offset, g->value_len, at, e);
	const char *text = doc->text.text;
	for (const char *p = text + g->value_offset, *end = p + g->value_len; p < end;) {
		unsigned n = utf8_len(p, end);
		if (!n)
			return ERR(e, E_INVALID, "not UTF-8");
		p += n;
	}
	doc->node = mem_get(doc->mem, sizeof *doc->node);
	doc->strings = mem_get(doc->mem, g->value_len + 1);
	if (!doc->node || !doc->strings)
		return ERR(e, E_NO_MEMORY, "no memory for a JSON text");
	memcpy(doc->strings, text + g->value_offset, g->value_len);
	*doc->node = (struct json){.doc = doc, .kind = JSON_STRING, .plain = true};
	doc->node->at = (struct json_text_at){1, 1, (uint32_t)g->value_offset,
					      (uint32_t)g->value_len};
	struct json_text_at first = {1, 1, 0, 0};
	json_at_advance(&first, text, text + g->value_offset);
	doc->node->at.line = first.line;
	doc->node->at.column = first.column;
	if (g->as_object) {
		doc->node->kind = JSON_OBJECT;
		return OK;
	}
	doc->node->s.p = doc->strings;
	doc->node->s.len = g->value_len;
	return OK;
}

/* Room for one child more; the old array stays with the document. */
static bool add_child(struct json_doc *doc, struct json *v, struct json *kid)
{
	struct json **more = extra_get(doc, (v->c.n + 1) * sizeof(struct json *));
	if (!more)
		return false;
	if (v->c.n)
		memcpy(more, v->c.kid, v->c.n * sizeof(struct json *));
	more[v->c.n++] = kid;
	v->c.kid = more;
	return true;
}

RC json_put(struct json_doc *doc, const struct json *cv, const char *key,
	    const struct json_given *g, struct json_at *at, struct err *e)
{
	struct json *v = (struct json *)(uintptr_t)cv;
	CHECK(v->kind == JSON_OBJECT);
	enum rc rc = OK;
	if (at)
		*at = (struct json_at){1, 1, g->value_offset, g->value_len};
	struct json_doc *given = json_doc_new(doc->mem, g->name, g->text, strlen(g->text));
	char *own_key = extra_get(doc, strlen(key) + 1);
	if (!given || !own_key) {
		rc = ERR(e, E_NO_MEMORY, "no memory for a JSON text");
		goto fail;
	}
	given->text.is_file = g->is_file;
	strcpy(own_key, key);
	rc = parse_given(given, g, at, e);
	if (rc != OK)
		goto fail;
	struct json *kid = &given->node[0];
	kid->key = own_key;
	struct json_text_at key_at = {1, 1, (uint32_t)g->key_offset, (uint32_t)g->key_len};
	json_at_advance(&key_at, given->text.text, given->text.text + g->key_offset);
	kid->key_at = key_at;
	size_t i = 0;
	while (i < v->c.n && strcmp(v->c.kid[i]->key, key) != 0)
		i++;
	if (i < v->c.n) {
		v->c.kid[i] = kid;
	} else if (!add_child(doc, v, kid)) {
		rc = ERR(e, E_NO_MEMORY, "no memory for a JSON text");
		goto fail;
	}
	given->next = doc->given;
	doc->given = given;
	return OK;
fail:
	json_close(given);
	return rc;
}
