/* jsonl.c - records as one JSON object a line, fields in the order of the schema:
 *     {"word":"a \"b\"","n":3,"at":"2026-11-21T15:04:05.000001Z","none":null}
 * int64 as a number of all its digits; float64 as the shortest one that reads back, null for NaN
 * and the infinities, which JSON has no word for; timestamps as csv writes them. Of a string's
 * bytes each that is no UTF-8 becomes U+FFFD. Lines end "\n".
 * Why so: sixteen bytes at a time are looked at and copied, since most need no escape. */
#include "operators/field_text.h"
#include "operators/row_text.h"
#include "operators/simd.h"

#include "base/json.h"

#include <math.h>

/* ---- strings ---- */

/* Bit i: byte i cannot stand as it is: below space, a quote, a backslash, or not ASCII (which as a
 * signed number is below space too). */
static inline uint32_t specials(__m128i x)
{
	__m128i low = _mm_cmplt_epi8(x, _mm_set1_epi8(' '));
	__m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
	__m128i back = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, back)));
}

/* The special character at s; *len is how many bytes of it were used. */
static char *special_put(char *to, const char *s, const char *end, uint32_t *len)
{
	static const char short_escape[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',
						['\f'] = 'f', ['\r'] = 'r'};
	unsigned char c = (unsigned char)*s;
	*len = 1;
	if (c >= 0x80) {
		uint32_t n = utf8_len(s, end);
		*len = n ? n : 1;
		memcpy(to, n ? s : "\xEF\xBF\xBD", n ? n : 3);
		return to + (n ? n : 3);
	}
	*to++ = '\\';
	if (c >= ' ' || short_escape[c]) {
		*to++ = c >= ' ' ? (char)c : short_escape[c];
		return to;
	}
	memcpy(to, "u00", 3);
	to[3] = (char)('0' + (c >> 4));
	to[4] = "0123456789abcdef"[c & 15];
	return to + 5;
}

/* Reads and writes up to 15 bytes beyond the end: texts have that room (simd.h), and so has what
 * field_bound said. */
static char *string_put(char *to, const char *s, size_t len)
{
	const char *end = s + len;
	while (s < end) {
		__m128i x = simd_load(s);
		uint32_t left = end - s < 16 ? (uint32_t)(end - s) : 16, used;
		uint32_t bad = specials(x) & ((1u << left) - 1);
		simd_store(to, x);
		uint32_t plain = bad ? (uint32_t)__builtin_ctz(bad) : left;
		to += plain;
		s += plain;
		if (!bad)
			continue;
		to = special_put(to, s, end, &used);
		s += used;
	}
	return to;
}

static char *view_put(char *to, const struct column *c, const struct strview *v)
{
	*to++ = '"';
	if (v->len > STRVIEW_INLINE) {
		to = string_put(to, column_str(c, v), v->len);
	} else {
		char room[32];
		simd_store(room, simd_load(v)); /* its length, its bytes, zeros */
		to = string_put(to, room + 4, v->len);
	}
	*to++ = '"';
	return to;
}

/* At most 6 bytes come of one: \u001f. Of a long string it is worth counting. */
static size_t string_bound(const struct column *c, const struct strview *v)
{
	if (v->len <= 256)
		return 6 * (size_t)v->len;
	const char *s = column_str(c, v);
	size_t more = 0;
	for (uint32_t i = 0; i < v->len; i++) {
		unsigned char x = (unsigned char)s[i];
		more += (x < ' ' ? 5u : 0u) + (x == '"' || x == '\\') + (x >= 0x80 ? 2u : 0u);
	}
	return v->len + more;
}

/* ---- values ---- */

static char *float_put(char *to, double v)
{
	if (!isfinite(v)) {
		memcpy(to, "null", 4);
		return to + 4;
	}
	if (v == 0 && signbit(v)) { /* "-0" is a whole number to some, and then 0 */
		memcpy(to, "-0.0", 4);
		return to + 4;
	}
	return float64_put(to, v);
}

static char *time_put(char *to, int64_t us)
{
	*to++ = '"';
	to = timestamp_put(to, us);
	*to++ = '"';
	return to;
}

static char *field_put(char *to, const struct column *c, uint32_t row)
{
	if (column_is_null(c, row)) {
		memcpy(to, "null", 4);
		return to + 4;
	}
	switch (c->type) {
	case T_BOOL:
		return bool_put(to, bit_get(c->bits, row));
	case T_INT64:
		return int64_put(to, c->i64[row]);
	case T_FLOAT64:
		return float_put(to, c->f64[row]);
	case T_TIMESTAMP:
		return time_put(to, c->i64[row]);
	case T_STRING:
		return view_put(to, c, &c->str[row]);
	}
	return to;
}

/* Of any value but a long string: the longest float or time, quoted. */
#define FIELD_BOUND 36
_Static_assert(FIELD_BOUND >= FLOAT64_TEXT_MAX && FIELD_BOUND >= TIMESTAMP_TEXT_MAX + 2 &&
		       FIELD_BOUND >= INT64_TEXT_MAX, "every value fits");

static size_t jsonl_bound(const struct row_names *n, const struct batch *b, uint32_t row)
{
	size_t bound = n->text.len + b->n_cols * (size_t)FIELD_BOUND + 2 + 16;
	for (uint32_t i = 0; i < b->n_cols; i++)
		if (b->col[i]->type == T_STRING && !column_is_null(b->col[i], row))
			bound += string_bound(b->col[i], &b->col[i]->str[row]);
	return bound;
}

/* ---- lines ---- */

static void jsonl_names(struct row_names *n, const struct schema *s, struct mem *mem)
{
	bytes_init(&n->text, mem);
	for (uint32_t i = 0; i < s->n; i++) {
		struct json_out o;
		bytes_put_u8(&n->text, i ? ',' : '{');
		jout_begin(&o, &n->text, false);
		jout_string(&o, s->field[i].name);
		bytes_put_u8(&n->text, ':');
		n->end[i] = (uint32_t)n->text.len;
	}
	bytes_reserve(&n->text, NAME_ROOM);
}

static char *jsonl_put(const struct row_names *n, char *to, const struct batch *b, uint32_t row)
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < b->n_cols; i++) {
		uint32_t len = n->end[i] - at;
		for (uint32_t k = 0; k < len; k += 16)
			simd_store(to + k, simd_load(n->text.data + at + k));
		to = field_put(to + len, b->col[i], row);
		at = n->end[i];
	}
	memcpy(to, "}\n", 2);
	return to + 2;
}

const struct row_format jsonl_format = {.name = "jsonl", .ext = "jsonl", .names = jsonl_names,
					.bound = jsonl_bound, .put = jsonl_put};
