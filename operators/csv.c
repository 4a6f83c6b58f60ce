/* csv.c - records as RFC 4180 lines: fields with a comma, a quote or a line break are quoted,
 * quotes doubled; null is empty and an empty string is "", so that one can tell them apart. Lines
 * end "\n". */
#include "operators/field_text.h"
#include "operators/row_text.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* Of a view that holds its text. Most words are one: no loop, no call. */
#ifdef __SSE2__
static inline bool short_needs_quotes(const struct strview *v)
{
	__m128i x = _mm_loadu_si128((const __m128i *)v);
	__m128i quotes = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
	__m128i commas = _mm_cmpeq_epi8(x, _mm_set1_epi8(','));
	__m128i lines = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n')),
				     _mm_cmpeq_epi8(x, _mm_set1_epi8('\r')));
	/* The first four bytes are the length; behind the text there are zeros. */
	return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, commas), lines)) >> 4;
}
#else
static inline bool short_needs_quotes(const struct strview *v)
{
	return needs_quotes(v->inl, v->len);
}
#endif

static inline char *view_put(char *to, const struct column *c, const struct strview *v)
{
	if (v->len > STRVIEW_INLINE)
		return string_put(to, column_str(c, v), v->len);
	if (!v->len || short_needs_quotes(v))
		return string_put(to, v->inl, v->len);
	memcpy(to, v->inl, STRVIEW_INLINE); /* field_bound has room for it */
	return to + v->len;
}

/* With the comma or line end behind it. */
static size_t field_bound(const struct column *c, uint32_t row)
{
	switch (c->type) {
	case T_STRING:
		return 2 * (size_t)c->str[row].len + STRVIEW_INLINE + 3;
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

static char *field_put(char *to, const struct column *c, uint32_t row)
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
	.name = "csv", .ext = "csv", .bound = csv_bound, .put = csv_put};
