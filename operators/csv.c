/* csv.c - records as RFC 4180 lines: fields with a comma, a quote or a line break are quoted,
 * quotes doubled; null is empty and an empty string is "", so that one can tell them apart. Lines
 * end "\n". */
#include "operators/field_text.h"
#include "operators/row_text.h"

#include "operators/simd.h"

static bool needs_quotes(const char *s, size_t len)
{
	bool found = false;
	for (size_t i = 0; i < len; i++) /* without an early exit: 16 at a time are compared */
		found |= (s[i] == '"') | (s[i] == ',') | (s[i] == '\n') | (s[i] == '\r');
	return found;
}

static char *string_put(char *to, const char *s, size_t len)
{
	if (len && !needs_quotes(s, len)) {
		memcpy(to, s, len);
		return to + len;
	}
	*to++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"')
			*to++ = '"';
		*to++ = s[i];
	}
	*to++ = '"';
	return to;
}

/* Bit i: byte i must be quoted. */
static inline uint32_t quoted(__m128i x)
{
	__m128i marks = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')),
				     _mm_cmpeq_epi8(x, _mm_set1_epi8(',')));
	__m128i lines = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n')),
				     _mm_cmpeq_epi8(x, _mm_set1_epi8('\r')));
	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(marks, lines));
}

/* Bytes that are written behind the end of a text, at most. */
#define OVER 15

/* Most words stand in their view, behind their length, zeros behind them: no loop, no call. Long
 * ones go by sixteen; what lies behind them in their text is written, and written over. Room for
 * 2 * len + 2 + OVER. */
static inline char *view_put(char *to, const struct column *c, const struct strview *v)
{
	if (v->len <= STRVIEW_INLINE) {
		__m128i x = simd_load(v);
		if (__builtin_expect(!v->len || quoted(x) >> 4, 0))
			return string_put(to, v->inl, v->len);
		simd_store(to, _mm_srli_si128(x, 4));
		return to + v->len;
	}
	const char *s = (const char *)c->text[v->text]->data + v->off;
	uint32_t found = 0, at = 0;
	for (; at + 16 < v->len; at += 16) {
		__m128i x = simd_load(s + at);
		found |= quoted(x);
		simd_store(to + at, x);
	}
	__m128i x = simd_load(s + at);
	found |= quoted(x) & ((1u << (v->len - at)) - 1);
	simd_store(to + at, x);
	return __builtin_expect(found, 0) ? string_put(to, s, v->len) : to + v->len;
}

/* With the comma or line end behind it. */
static size_t field_bound(const struct column *c, uint32_t row)
{
	switch (c->type) {
	case T_STRING:
		return 2 * (size_t)c->str[row].len + 3 + OVER;
	case T_FLOAT64:
		return FLOAT64_TEXT_MAX + 1;
	case T_TIMESTAMP:
		return TIMESTAMP_TEXT_MAX + 1;
	case T_INT64:
	case T_BOOL:
		break;
	}
	return INT64_TEXT_MAX + 1;
}

static inline char *field_put(char *to, const struct column *c, uint32_t row)
{
	if (column_is_null(c, row))
		return to;
	switch (c->type) {
	case T_BOOL:
		return bool_put(to, bit_get(c->bits, row));
	case T_INT64:
		return int64_put(to, c->i64[row]);
	case T_FLOAT64:
		return float64_put(to, c->f64[row]);
	case T_TIMESTAMP:
		return timestamp_put(to, c->i64[row]);
	case T_STRING:
		return view_put(to, c, &c->str[row]);
	}
	return to;
}

static size_t csv_bound(const struct row_names *n, const struct batch *b, uint32_t row)
{
	(void)n;
	size_t bound = 0;
	for (uint32_t i = 0; i < b->n_cols; i++)
		bound += column_is_null(b->col[i], row) ? 1 : field_bound(b->col[i], row);
	return bound + 1;
}

static char *csv_put(const struct row_names *n, char *to, const struct batch *b, uint32_t row)
{
	(void)n;
	for (uint32_t i = 0; i < b->n_cols; i++) {
		to = field_put(to, b->col[i], row);
		*to++ = i + 1 < b->n_cols ? ',' : '\n';
	}
	return to;
}

/* Of a field of any type, a string without its bytes, and what stands behind it. */
#define FIELD_ROOM 40
_Static_assert(FIELD_ROOM > FLOAT64_TEXT_MAX && FIELD_ROOM > TIMESTAMP_TEXT_MAX &&
		       FIELD_ROOM > INT64_TEXT_MAX && FIELD_ROOM >= 3 + OVER,
	       "every value fits");

/* What a record's bytes are is not asked of each type in advance: its long strings are added to a
 * bound that holds for all others. */
static uint32_t csv_some(char **at, const char *end, const struct batch *b, uint32_t from)
{
	const struct column *string[FIELDS_MAX];
	uint32_t strings = 0, cols = b->n_cols, i = from, n = batch_count(b);
	char *to = *at;
	if (!cols)
		return 0;
	for (uint32_t f = 0; f < cols; f++)
		if (b->col[f]->type == T_STRING)
			string[strings++] = b->col[f];
	for (; i < n; i++) {
		uint32_t row = b->selected ? b->sel[i] : i;
		uint64_t room = cols * (uint64_t)FIELD_ROOM + 1;
		for (uint32_t f = 0; f < strings; f++)
			room += 2 * (uint64_t)string[f]->str[row].len;
		if (room > (uint64_t)(end - to))
			break;
		for (uint32_t f = 0; f < cols; f++) {
			to = field_put(to, b->col[f], row);
			*to++ = ',';
		}
		to[-1] = '\n';
	}
	*at = to;
	return i - from;
}

void csv_header_put(struct bytes *to, const struct schema *s)
{
	char name[2 * FIELD_NAME_MAX + 3];
	for (uint32_t i = 0; i < s->n; i++) {
		char *end = string_put(name, s->field[i].name, strlen(s->field[i].name));
		*end++ = i + 1 < s->n ? ',' : '\n';
		bytes_put(to, name, (size_t)(end - name));
	}
}

const struct row_format csv_format = {
	.name = "csv", .ext = "csv", .bound = csv_bound, .put = csv_put, .some = csv_some};
