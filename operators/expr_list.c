/* expr_list.c - split(): the elements of a batch's texts, as columns of up to pool_rows elements.
 * Elements are views into the texts that are split; only words longer than a view whose case is
 * changed are copied, once a column, into a text of its own. */
#include "operators/kernels.h"
#include "operators/simd.h"

/* A column that is the same in every row, for a constant. */
static enum rc spread(const struct val *v, uint32_t rows, struct pool *pool, struct column **out,
		      struct err *e)
{
	struct column *c = pool_column(pool, T_STRING);
	if (!c)
		return ERR(e, E_NO_MEMORY, "no memory for the texts to be split");
	c->rows = rows;
	c->has_valid = val_is_null(v, 0);
	if (c->has_valid)
		memset(c->valid, 0, sizeof c->valid);
	texts_share(c, v);
	for (uint32_t i = 0; i < rows; i++)
		c->str[i] = v->str[0];
	*out = c;
	return OK;
}

RC expr_list_begin(struct expr_list *l, struct expr *x, const struct batch *b, bool parents,
		   struct pool *pool, uint32_t *bad_row, struct err *e)
{
	struct val v;
	*l = (struct expr_list){.x = x, .b = b, .parents = parents};
	CHECK(x->is_list);
	enum rc rc = expr_run(x, x->root, b, pool, &v, bad_row, e);
	if (rc == OK && val_is_const(&v)) {
		rc = spread(&v, b->rows, pool, &l->arg, e);
		val_drop(&v);
	} else if (rc == OK) {
		l->arg = v.col;
	}
	if (rc == OK && x->list_sep)
		rc = expr_run(x, x->list_sep, b, pool, &x->list_by, bad_row, e);
	if (rc != OK)
		expr_list_end(l);
	return rc;
}

static uint32_t row_of(const struct expr_list *l, uint32_t i)
{
	return l->b->selected ? l->b->sel[i] : i;
}

/* Which rows elements [n, out->rows) came from; they end somewhere before l->span.at, and begin
 * somewhere from `from` on. */
static void words_parents(struct expr_list *l, uint32_t from, uint32_t n, const struct column *out,
			  uint16_t *parent)
{
	struct text_span *s = &l->span;
	if (l->parents) { /* the span is one row */
		uint16_t row = text_span_row_from(s, l->b, from);
		for (uint32_t i = n; i < out->rows; i++)
			parent[i] = row;
		return;
	}
	if (!n)
		parent[0] = text_span_row_from(s, l->b, from);
	parent[out->rows - 1] = text_span_row_before(s, l->b, s->at);
}

/* Words of the rows from l->next_sel on, and of those before it that were begun. */
static void words_of(struct expr_list *l, uint32_t rows, uint32_t most, struct column *out,
		     uint16_t *parent)
{
	struct text_span *s = &l->span;
	while (out->rows < most) {
		if (s->at == s->len) {
			while (l->next_sel < rows && column_is_null(l->arg, row_of(l, l->next_sel)))
				l->next_sel++;
			if (l->next_sel == rows)
				break;
			text_span_begin(s, l->arg, l->b, l->next_sel, !l->parents);
			l->next_sel = s->end;
		}
		uint32_t from = s->at, n = out->rows;
		out->rows = split_words(l->x->simd, s->p, s->len, &s->at, s->like, l->x->list_case,
					out->str, n, most);
		if (out->rows > n)
			words_parents(l, from, n, out, parent);
	}
	l->done = l->next_sel == rows && s->at == s->len;
}

/* The bytes of a row's text, with room around it that may be read: inline ones are copied. */
static const uint8_t *row_bytes(const struct expr_list *l, const struct strview *s, uint8_t *room)
{
	if (s->len > STRVIEW_INLINE)
		return l->arg->text[s->text]->data + s->off;
	memcpy(room + 4, s->inl, STRVIEW_INLINE);
	return room + 4;
}
#define ROOM (4 + STRVIEW_INLINE + 16 + 16)

/* One row's pieces between separators, from l->next_off on: one more than there are separators;
 * true when the row is done. */
static bool pieces_of(struct expr_list *l, uint32_t row, uint32_t most, struct column *out,
		      uint16_t *parent)
{
	const struct val v = val_of_column(l->arg), *by = &l->x->list_by;
	if (val_is_null(by, row))
		return true;
	const struct strview *s = &l->arg->str[row], *sep = &by->str[row & by->mask];
	const uint8_t *p = view_bytes(&v, s), *sep_p = view_bytes(by, sep);
	if (sep->len == 1) {
		uint8_t room[ROOM];
		out->rows = split_byte(row_bytes(l, s, room), s->len, &l->next_off, *s, sep->inl[0],
				       (uint16_t)row, out->str, parent, out->rows, most);
		return l->next_off == UINT32_MAX;
	}
	while (out->rows < most) {
		uint32_t from = l->next_off, left = s->len - from;
		const uint8_t *at = sep->len && left >= sep->len
					    ? memmem(p + from, left, sep_p, sep->len)
					    : NULL;
		uint32_t len = at ? (uint32_t)(at - p) - from : left;
		parent[out->rows] = (uint16_t)row;
		out->str[out->rows++] = view_part(&v, s, from, len);
		l->next_off = from + len + (at ? sep->len : 0);
		if (!at)
			return true;
	}
	return false;
}

static void all_pieces(struct expr_list *l, uint32_t rows, uint32_t most, struct column *out,
		       uint16_t *parent)
{
	for (; l->next_sel < rows && out->rows < most; l->next_sel++) {
		uint32_t row = row_of(l, l->next_sel);
		if (!column_is_null(l->arg, row) && !pieces_of(l, row, most, out, parent))
			break; /* full within the row */
		l->next_off = 0;
	}
	l->done = l->next_sel == rows;
}

/* Of views that are not inline. */
static uint64_t long_bytes(const struct column *c)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < c->rows; i++)
		sum += c->str[i].len > STRVIEW_INLINE ? c->str[i].len : 0;
	return sum;
}

/* Long words are still as they were: copies them, in the case asked for, into a text of out's own.
 *  */
static enum rc map_long(struct expr_list *l, uint64_t total, struct pool *pool, struct column *out,
			struct err *e)
{
	struct text_out t;
	struct run r = {.x = l->x, .b = l->b, .pool = pool, .e = e, .n_rows = out->rows};
	if (text_out_begin(&r, &t, out, total + 16) != OK)
		return E_NO_MEMORY;
	for (uint32_t i = 0; i < out->rows; i++) {
		struct strview *s = &out->str[i];
		if (s->len <= STRVIEW_INLINE)
			continue;
		const uint8_t *from = l->arg->text[s->text]->data + s->off;
		uint8_t *to = text_out_room(&t, s->len); /* the last step may write 15 bytes more */
		for (uint32_t at = 0; at < s->len; at += 16)
			simd_store(to + at, simd_case(simd_load(from + at), l->x->list_case));
		*s = text_out_view(&t, s->len);
	}
	return OK;
}

RC expr_list_next(struct expr_list *l, struct pool *pool, struct column **out, uint16_t *parent,
		  uint32_t *bad_row, struct err *e)
{
	(void)bad_row;
	*out = NULL;
	if (l->done)
		return OK;
	struct column *c = pool_column(pool, T_STRING);
	if (!c)
		return ERR(e, E_NO_MEMORY, "no memory for the elements of a list");
	uint32_t rows = batch_count(l->b), most = pool_rows(pool);
	if (l->x->list_sep)
		all_pieces(l, rows, most, c, parent);
	else
		words_of(l, rows, most, c, parent);
	uint64_t longs = l->x->list_case ? long_bytes(c) : 0;
	if (longs && map_long(l, longs, pool, c, e) != OK) {
		column_drop(c);
		return E_NO_MEMORY;
	}
	if (!l->x->list_case) {
		struct val v = val_of_column(l->arg);
		texts_share(c, &v);
	}
	if (c->rows)
		*out = c;
	else
		column_drop(c);
	return OK;
}

void expr_list_end(struct expr_list *l)
{
	if (l->x)
		val_drop(&l->x->list_by);
	column_drop(l->arg);
	l->arg = NULL;
	l->done = true;
}
