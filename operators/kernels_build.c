/* kernels_build.c - making text columns: appended bytes, shared parts, and rows merged from
 * several. Why two passes: a result's long texts go into one buffer whose size is known before it
 * is taken, so no result is ever moved. Short ones stand in their views. */
#include "operators/kernels.h"

enum rc text_out_begin(struct run *r, struct text_out *t, struct column *out, uint64_t total)
{
	*t = (struct text_out){.out = out};
	if (!total)
		return OK;
	if (total > UINT32_MAX - 64)
		return ERR(r->e, E_NO_MEMORY, "the texts of one batch would take %llu bytes",
			   (unsigned long long)total);
	t->text = pool_text(r->pool, (uint32_t)total);
	if (!t->text)
		return run_no_memory(r);
	int index = column_text_add(out, t->text);
	text_drop(t->text); /* the column has its own reference, if it could take one */
	CHECK(index >= 0);
	t->index = (uint32_t)index;
	return OK;
}

uint8_t *text_out_room(struct text_out *t, uint32_t len)
{
	CHECK(t->text && t->text->cap - t->text->used >= len);
	uint8_t *at = t->text->data + t->text->used;
	t->text->used += len;
	return at;
}

struct strview text_out_view(const struct text_out *t, uint32_t len)
{
	return strview_of(t->text->data, t->index, t->text->used - len, len);
}

struct strview view_inline(const uint8_t *from, uint32_t len)
{
	struct strview v = {.len = len};
	memcpy(v.inl, from, len);
	return v;
}

struct strview text_out_put(struct text_out *t, const uint8_t *from, uint32_t len)
{
	if (len <= STRVIEW_INLINE)
		return view_inline(from, len);
	memcpy(text_out_room(t, len), from, len);
	return text_out_view(t, len);
}

void texts_share(struct column *out, const struct val *v)
{
	CHECK(out->n_texts == 0);
	for (uint32_t i = 0; i < v->n_texts; i++)
		out->text[i] = text_share(v->texts[i]);
	out->n_texts = v->n_texts;
}

struct strview view_part(const struct val *v, const struct strview *s, uint32_t from, uint32_t len)
{
	const uint8_t *p = view_bytes(v, s) + from;
	if (len <= STRVIEW_INLINE)
		return view_inline(p, len);
	struct strview part = {.len = len, .text = s->text, .off = s->off + from};
	memcpy(part.prefix, p, sizeof part.prefix);
	return part;
}

/* --- merging --- */

enum rc merge_begin(struct run *r, enum type type, bool nulls, struct column **out)
{
	if (run_column(r, type, out) != OK)
		return r->e->code;
	(*out)->has_valid = nulls;
	if (nulls)
		memset((*out)->valid, 0, sizeof (*out)->valid);
	if (type == T_STRING) /* so that merge_own may look at every row */
		memset((*out)->str, 0, r->n_rows * sizeof(struct strview));
	return OK;
}

/* Copies rows' long texts into one new buffer, to be seen by out's rows. */
static enum rc copy_texts(struct run *r, struct column *out, struct rows rows, const struct val *v)
{
	uint64_t total = 0;
	FOR_ROWS(i, rows) {
		const struct strview *s = &v->str[i & v->mask];
		total += !val_is_null(v, i) && s->len > STRVIEW_INLINE ? s->len : 0;
	}
	struct text_out t;
	if (text_out_begin(r, &t, out, total) != OK)
		return r->e->code;
	FOR_ROWS(i, rows) {
		const struct strview *s = &v->str[i & v->mask];
		out->str[i] = val_is_null(v, i) ? (struct strview){0}
						: text_out_put(&t, view_bytes(v, s), s->len);
	}
	return OK;
}

/* Too many texts: what out has so far moves into one of its own. */
static enum rc merge_own(struct run *r, struct column *out)
{
	struct val old = val_of_column(out);
	struct text *texts[COLUMN_TEXTS_MAX];
	uint32_t n = out->n_texts;
	memcpy(texts, out->text, n * sizeof *texts);
	old.texts = texts;
	old.valid = NULL;
	out->n_texts = 0;
	enum rc rc = copy_texts(r, out, (struct rows){NULL, r->n_rows}, &old);
	for (uint32_t i = 0; i < n; i++)
		text_drop(texts[i]);
	return rc;
}

/* The numbers that out uses for v's texts; false if it has no room for them. */
static bool map_texts(struct column *out, const struct val *v, uint32_t *map)
{
	for (uint32_t i = 0; i < v->n_texts; i++) {
		int index = column_text_add(out, v->texts[i]);
		if (index < 0)
			return false;
		map[i] = (uint32_t)index;
	}
	return true;
}

static enum rc put_views(struct run *r, struct column *out, struct rows rows, const struct val *v)
{
	uint32_t map[COLUMN_TEXTS_MAX];
	if (!map_texts(out, v, map)) {
		if (merge_own(r, out) != OK)
			return r->e->code;
		if (!map_texts(out, v, map)) {
			/* Some of v's texts took room already: own them as well, then copy. */
			if (merge_own(r, out) != OK)
				return r->e->code;
			return copy_texts(r, out, rows, v);
		}
	}
	FOR_ROWS(i, rows) {
		struct strview s = {0};
		if (!val_is_null(v, i)) {
			s = v->str[i & v->mask];
			if (s.len > STRVIEW_INLINE)
				s.text = map[s.text];
		}
		out->str[i] = s;
	}
	return OK;
}

enum rc merge_put(struct run *r, struct column *out, struct rows rows, const struct val *v)
{
	CHECK(out->type == v->type);
	if (out->has_valid) {
		FOR_ROWS(i, rows) {
			uint64_t bit = 1ull << (i & 63);
			uint64_t *word = &out->valid[i >> 6];
			*word = val_is_null(v, i) ? *word & ~bit : *word | bit;
		}
	}
	switch (v->type) {
	case T_BOOL:
		FOR_ROWS(i, rows) {
			if (bit_get(v->bits, i & v->mask))
				bit_set(out->bits, i);
			else
				bit_clear(out->bits, i);
		}
		return OK;
	case T_STRING:
		return put_views(r, out, rows, v);
	default:
		FOR_ROWS(i, rows)
			out->i64[i] = v->i64[i & v->mask];
		return OK;
	}
}
