/* kernels_build.c - making text columns: appended bytes, shared parts, and rows merged from
 * several. Why two passes: a result's long texts go into one buffer whose size is known before it
 * is taken, so no result is ever moved. Short ones stand in their views. */
#include "operators/kernels.h"
#include "operators/lanes.h"

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

/* Eight bytes a row, whatever they mean. */
INLINE void pick(int64_t *restrict to, const int64_t *from, uint32_t mask, const uint64_t *chosen,
		 uint32_t n_rows)
{
	for (uint32_t w = 0; w * 64 < n_rows; w++) {
		uint64_t bits = chosen[w], but_one = bits & (bits - 1);
		if (!(but_one & (but_one - 1))) { /* two at most */
			for (; bits; bits &= bits - 1) {
				uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(bits);
				to[i] = from[i & mask];
			}
			continue;
		}
		for (uint32_t i = w * 64; i < w * 64 + 64; i += LANES, bits >>= LANES) {
			lanes_i64 *at = (lanes_i64 *)&to[i];
			lanes_i64 new = LANES_AT(lanes_i64, from, i, mask), m = LANES_FROM_BITS(bits);
			*at = LANES_PICK(m, new, *at);
		}
	}
}

TARGET_V3 static void pick_v3(int64_t *to, const struct val *v, const uint64_t *chosen,
			      uint32_t n_rows)
{
	if (val_is_const(v))
		pick(to, v->i64, 0, chosen, n_rows);
	else
		pick(to, v->i64, ~0u, chosen, n_rows);
}

static void pick_base(int64_t *to, const struct val *v, const uint64_t *chosen, uint32_t n_rows)
{
	if (val_is_const(v))
		pick(to, v->i64, 0, chosen, n_rows);
	else
		pick(to, v->i64, ~0u, chosen, n_rows);
}

/* Bits a row: of a bitmap of v, NULL for all ones. */
static void pick_bits(uint64_t *to, const struct val *v, const uint64_t *bits,
		      const uint64_t *chosen, uint32_t n_rows)
{
	bool one = val_is_const(v);
	uint64_t all = !bits || (one && bit_get(bits, 0)) ? ~0ull : 0;
	for (uint32_t w = 0; w * 64 < n_rows; w++) {
		uint64_t word = !bits || one ? all : bits[w];
		to[w] = (to[w] & ~chosen[w]) | (word & chosen[w]);
	}
}

enum rc merge_put(struct run *r, struct column *out, struct rows rows, const uint64_t *chosen,
		  const struct val *v)
{
	CHECK(out->type == v->type);
	if (out->has_valid)
		pick_bits(out->valid, v, v->valid, chosen, r->n_rows);
	switch (v->type) {
	case T_BOOL:
		pick_bits(out->bits, v, v->bits, chosen, r->n_rows);
		return OK;
	case T_STRING:
		return put_views(r, out, rows, v);
	default:
		if (r->x->simd >= SIMD_V3)
			pick_v3(out->i64, v, chosen, r->n_rows);
		else
			pick_base(out->i64, v, chosen, r->n_rows);
		return OK;
	}
}
