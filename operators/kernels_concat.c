/* kernels_concat.c - texts put one behind the other: concat(...) and ||.
 * In three passes over the rows: lengths; bytes, one row's behind the other's in one buffer, 32 at
 * a time and more than there are, which the next ones overwrite; views. So no branch asks how long
 * a text is: lengths come in any order. */
#include "operators/kernels.h"
#include "operators/simd.h"

#define STEP 32u

/* Of rows' texts put together, by rows' numbers in the list. Sums that are too large wrap; their
 * total does not. */
struct lengths {
	uint32_t len[BATCH_ROWS];
	uint64_t total;
	bool some_long;
};

static void lengths_add(struct lengths *l, const struct val *v, struct rows rows)
{
	for (uint32_t k = 0; k < rows.n; k++) {
		uint32_t i = rows_at(rows, k), len = val_is_null(v, i) ? 0 : v->str[i & v->mask].len;
		l->total += len;
		l->len[k] += len;
	}
}

static void lengths_of(struct lengths *l, const struct node *n, struct rows rows,
		       const struct val *arg)
{
	uint32_t longest = 0;
	l->total = 0;
	memset(l->len, 0, rows.n * sizeof *l->len);
	for (uint32_t a = 0; a < n->n; a++)
		lengths_add(l, &arg[a], rows);
	for (uint32_t k = 0; k < rows.n; k++)
		longest = l->len[k] > longest ? l->len[k] : longest;
	l->some_long = longest > STRVIEW_INLINE || l->total > UINT32_MAX;
}

/* Writes at least STEP bytes, of which the first len are the text's. */
static inline void put_part(uint8_t *to, const struct val *v, const struct strview *s)
{
	const bool is_long = s->len > STRVIEW_INLINE;
	const __m128i whole = _mm_set1_epi8(is_long ? -1 : 0);
	const __m128i short_text = _mm_srli_si128(simd_load(s), 4);
	const uint8_t *p = (const uint8_t *)s;
	if (v->n_texts) { /* else all are short; what is read instead of a short one's rest: itself */
		const uint8_t *text = v->texts[is_long ? s->text : 0]->data;
		p = is_long ? text + s->off : p;
		simd_store(to + 16, simd_load(p + (is_long ? 16 : 0)));
	}
	simd_store(to, _mm_or_si128(_mm_and_si128(whole, simd_load(p)),
				    _mm_andnot_si128(whole, short_text)));
	for (uint32_t at = STEP; at < s->len; at += 16)
		simd_store(to + at, simd_load(p + at));
}

/* Returns how many bytes. to: room for STEP more. */
static inline uint32_t put_row(uint8_t *to, const struct node *n, const struct val *arg, uint32_t i)
{
	uint32_t len = 0;
	for (uint32_t a = 0; a < n->n; a++) {
		if (val_is_null(&arg[a], i))
			continue;
		const struct strview *s = &arg[a].str[i & arg[a].mask];
		put_part(to + len, &arg[a], s);
		len += s->len;
	}
	return len;
}

static void all_short(const struct node *n, struct rows rows, const struct val *arg,
		      const struct lengths *l, struct column *out)
{
	uint8_t text[STRVIEW_INLINE + STEP];
	for (uint32_t k = 0; k < rows.n; k++) {
		uint32_t i = rows_at(rows, k);
		(void)put_row(text, n, arg, i);
		out->str[i] = text_view(text, l->len[k], 0, 0);
	}
}

/* concat(...): nulls count as empty (op 0); ||: there are none (op 1). */
enum rc kernel_concat(struct run *r, const struct node *n, struct rows rows,
		      const struct val *arg, struct column *out)
{
	struct lengths l;
	struct text_out t;
	uint32_t off = 0;
	if (!n->op)
		out->has_valid = false;
	lengths_of(&l, n, rows, arg);
	if (!l.some_long) {
		all_short(n, rows, arg, &l, out);
		return OK;
	}
	if (text_out_begin(r, &t, out, l.total + STEP) != OK)
		return r->e->code;
	for (uint32_t k = 0; k < rows.n; k++)
		off += put_row(t.text->data + off, n, arg, rows_at(rows, k));
	t.text->used = off;
	off = 0;
	for (uint32_t k = 0; k < rows.n; k++) {
		out->str[rows_at(rows, k)] = text_view(t.text->data + off, l.len[k], t.index, off);
		off += l.len[k];
	}
	return OK;
}
