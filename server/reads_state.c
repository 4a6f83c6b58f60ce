/* reads_state.c - keys and their values as of a checkpoint: one key, found by the runs' indexes, or
 * the first of a stage. */
#include "server/reads_in.h"

#include "operators/keys_text.h"
#include "operators/state_lines.h"

#include <string.h>

/* Rows on their way into the answer. */
struct listing {
	struct state_lines lines;
	struct bytes text;  /* lines of JSON, each with its line feed */
	unsigned left;
	bool more;          /* there were more than were wanted */
	enum rc rc;
	struct err *e;
};

static enum rc to_text(void *to, const void *data, size_t len, struct err *e)
{
	struct bytes *text = to;
	bytes_put(text, data, len);
	return bytes_ok(text) ? OK : ERR(e, E_NO_MEMORY, "no memory for the rows");
}

static bool on_row(void *arg, const struct inspect_row *r)
{
	struct listing *l = arg;
	l->more = !l->left || l->text.len > READS_BYTES_MAX;
	if (l->more)
		return false;
	l->left--;
	l->rc = state_lines_put(&l->lines, DIFF_CHANGED, NULL, r, l->e);
	return l->rc == OK;
}

static RC get_key(const struct one_read *x, struct inspect *i, const struct inspect_state *s,
		  struct listing *l, struct err *e)
{
	struct bytes key;
	uint64_t value[2] = {0};
	bool found = false;
	bytes_init(&key, x->env->mem);
	enum rc rc = key_from_texts(&s->keyed->key, (const char *const *)x->key, x->n_keys, &key, e);
	if (rc == OK)
		rc = inspect_get(i, s, key.data, (uint32_t)key.len, value, &found, e);
	if (rc == OK && !found)
		rc = ERR(e, E_NOT_FOUND, "stage '%s' has no such key in checkpoint %llu", s->op->id,
			 (unsigned long long)inspect_manifest(i)->id);
	if (rc == OK) {
		struct inspect_row r = {.key = key.data, .key_len = (uint32_t)key.len,
					.value = (const uint8_t *)value};
		on_row(l, &r);
		rc = l->rc;
	}
	bytes_close(&key);
	return rc;
}

static RC collect(const struct one_read *x, struct inspect *i, const struct inspect_state *s,
		  struct listing *l, struct err *e)
{
	if (state_lines_open(&l->lines, x->env->mem, s, "jsonl", false, to_text, &l->text, e) != OK)
		return e->code;
	enum rc rc = x->n_keys ? get_key(x, i, s, l, e) : inspect_scan(i, s, NULL, 0, on_row, l, e);
	if (rc == OK)
		rc = l->rc;
	if (rc == OK)
		rc = state_lines_end(&l->lines, e);
	return rc;
}

/* Lines become the elements of a list. */
static void put_rows(struct bytes *text, struct json_out *o)
{
	jout_array(o);
	for (size_t at = 0, n; at < text->len; at += n + 1) {
		const uint8_t *eol = memchr(text->data + at, '\n', text->len - at);
		n = eol ? (size_t)(eol - text->data) - at : text->len - at;
		jout_raw(o, (const char *)text->data + at, n);
	}
	jout_array_end(o);
}

static RC answer(const struct one_read *x, struct inspect *i, struct json_out *o, struct err *e)
{
	struct inspect_state s;
	if (inspect_find(i, x->stage, &s, e) != OK)
		return e->code;
	struct listing *l = mem_get(x->env->mem, sizeof *l);
	if (!l)
		return ERR(e, E_NO_MEMORY, "no memory for the rows");
	l->left = x->n_keys ? 1 : x->limit;
	l->e = e;
	bytes_init(&l->text, x->env->mem);
	enum rc rc = collect(x, i, &s, l, e);
	if (rc == OK) {
		jout_object(o);
		jout_kv_string(o, "stage", x->stage);
		jout_kv_bool(o, "live", false);
		jout_kv_uint(o, "at", inspect_manifest(i)->id);
		jout_kv_int(o, "wall_us", inspect_manifest(i)->wall_us);
		jout_key(o, "rows");
		put_rows(&l->text, o);
		jout_kv_bool(o, "more", l->more);
		if (x->note[0])
			jout_kv_string(o, "note", x->note);
		jout_object_end(o);
	}
	state_lines_close(&l->lines);
	bytes_close(&l->text);
	mem_put(x->env->mem, l);
	return rc;
}

RC read_state(const struct one_read *x, struct json_out *o, struct err *e)
{
	struct inspect *i = NULL;
	struct err why = {0};
	enum rc rc = inspect_open(&i, x->env, x->dir, x->at[0] ? x->at : NULL, &why);
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	rc = answer(x, i, o, e);
	inspect_close(i);
	return rc;
}
