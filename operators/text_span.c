/* text_span.c - see text_span.h. */
#include "operators/text_span.h"

#include "base/check.h"

static bool is_white(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static uint32_t column_row(const struct batch *b, uint32_t i)
{
	return b->selected ? b->sel[i] : i;
}

/* Where a row ends in text t if it stands behind `end`, with nothing but white space between; 0:
 * it does not. Rows without a byte stand anywhere. */
static uint32_t end_of_next(const struct column *c, uint32_t row, uint32_t text, uint32_t end)
{
	const struct strview *v = &c->str[row];
	const struct text *t = c->text[text];
	if (column_is_null(c, row) || !v->len)
		return end;
	if (v->len > STRVIEW_INLINE) {
		if (v->text != text || v->off <= end || v->off - end > SPAN_GAP)
			return 0;
		for (uint32_t i = end; i < v->off; i++)
			if (!is_white(t->data[i]))
				return 0;
		return v->off + v->len;
	}
	if (t->used - end < 2 + STRVIEW_INLINE || t->used < end || !is_white(t->data[end]))
		return 0;
	uint32_t at = end + (t->data[end] == '\r' && t->data[end + 1] == '\n' ? 2 : 1);
	return memcmp(t->data + at, v->inl, v->len) ? 0 : at + v->len;
}

static void span_in_text(struct text_span *s, const struct column *c, const struct batch *b,
			 uint32_t most)
{
	const struct strview *v = &c->str[column_row(b, s->first)];
	uint32_t end = v->off + v->len;
	s->like = *v;
	s->p = c->text[v->text]->data + v->off;
	s->ends[0] = v->len;
	for (s->end = s->first + 1; s->end < most; s->end++) {
		uint32_t next = end_of_next(c, column_row(b, s->end), v->text, end);
		if (!next)
			break;
		end = next;
		s->ends[s->end - s->first] = end - v->off;
	}
	s->len = end - v->off;
}

/* A view is copied whole: what is too much of it is written over, or of no account. */
static void span_copied(struct text_span *s, const struct column *c, const struct batch *b,
			uint32_t most)
{
	uint32_t at = 0;
	s->p = s->copied + SPAN_BEFORE;
	for (s->end = s->first; s->end < most; s->end++) {
		uint32_t row = column_row(b, s->end);
		const struct strview *v = &c->str[row];
		if (!column_is_null(c, row)) {
			if (v->len > STRVIEW_INLINE || at + STRVIEW_INLINE >= SPAN_BYTES)
				break;
			memcpy(s->copied + SPAN_BEFORE + at, v->inl, STRVIEW_INLINE);
			at += v->len;
			s->copied[SPAN_BEFORE + at++] = ' ';
		}
		s->ends[s->end - s->first] = at;
	}
	s->len = at;
}

void text_span_begin(struct text_span *s, const struct column *c, const struct batch *b,
		     uint32_t first, bool many)
{
	uint32_t most = many ? batch_count(b) : first + 1, row = column_row(b, first);
	CHECK(first < batch_count(b) && !column_is_null(c, row));
	s->first = s->row = first;
	s->at = 0;
	if (c->str[row].len > STRVIEW_INLINE)
		span_in_text(s, c, b, most);
	else
		span_copied(s, c, b, most);
}

static uint16_t row_at(struct text_span *s, const struct batch *b, uint32_t at)
{
	while (s->ends[s->row - s->first] <= at)
		s->row++;
	CHECK(s->row < s->end);
	return (uint16_t)column_row(b, s->row);
}

uint16_t text_span_row_from(struct text_span *s, const struct batch *b, uint32_t from)
{
	while (is_white(s->p[from]))
		from++;
	return row_at(s, b, from);
}

uint16_t text_span_row_before(struct text_span *s, const struct batch *b, uint32_t to)
{
	while (is_white(s->p[to - 1]))
		to--;
	return row_at(s, b, to - 1);
}
