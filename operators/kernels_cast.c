/* kernels_cast.c - casts of columns. A text that is no value of the type is an error of its
 * record. */
#include "operators/expr_convert.h"
#include "operators/field_text.h"
#include "operators/kernels.h"
#include "operators/lanes.h"

#define CAST(name)                                                                                 \
	static enum rc name(struct run *r, const struct node *n, struct rows rows,                 \
			    const struct val *arg, struct column *out)

static const char *view_chars(const struct val *v, const struct strview *s)
{
	return (const char *)view_bytes(v, s);
}

static enum rc fail_text(struct run *r, uint32_t row, const struct val *v, const struct strview *s,
			 enum type to, enum convert why)
{
	int shown = s->len > 60 ? 60 : (int)s->len;
	const char *dots = s->len > 60 ? "..." : "";
	if (why == CONVERT_RANGE)
		return run_fail(r, row, "'%.*s%s' is out of range for %s", shown, view_chars(v, s),
				dots, type_name(to));
	return run_fail(r, row, "'%.*s%s' is no %s", shown, view_chars(v, s), dots, type_name(to));
}

CAST(bool_to_i64)
{
	(void)r, (void)n;
	FOR_ROWS(i, rows)
		out->i64[i] = bit_get(arg->bits, i & arg->mask);
	return OK;
}

CAST(i64_to_bool)
{
	(void)r, (void)n;
	FOR_ROWS(i, rows) {
		if (arg->i64[i & arg->mask])
			bit_set(out->bits, i);
		else
			bit_clear(out->bits, i);
	}
	return OK;
}

/* The upper and the lower 32 bits each become the lowest bits of a floating point number, and both
 * are added: one rounding, as the instruction for one number has it. The upper half is offset by
 * 2^31, so that it is never negative. */
TARGET_V3 static void floats_v3(double *to, const int64_t *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += LANES) {
		lanes_u64 x = *(const lanes_u64 *)&from[i];
		lanes_u64 upper = (x ^ 1ull << 63) >> 32 | LANES_TWO_84;
		lanes_u64 lower = (x & 0xFFFFFFFF) | LANES_TWO_52;
		*(lanes_f64 *)&to[i] = (lanes_f64)upper - LANES_OF(lanes_f64, 0x1p84 + 0x1p63 + 0x1p52) +
				       (lanes_f64)lower;
	}
}

CAST(i64_to_f64)
{
	(void)n;
	if (r->x->simd >= SIMD_V3 && !rows.idx && !val_is_const(arg)) {
		floats_v3(out->f64, arg->i64, rows.n);
		return OK;
	}
	FOR_ROWS(i, rows)
		out->f64[i] = (double)arg->i64[i & arg->mask];
	return OK;
}

CAST(i64_to_i64) /* int64 <-> timestamp: microseconds */
{
	(void)r, (void)n;
	FOR_ROWS(i, rows)
		out->i64[i] = arg->i64[i & arg->mask];
	return OK;
}

CAST(f64_to_i64)
{
	(void)n;
	FOR_ROWS(i, rows) {
		double d = arg->f64[i & arg->mask];
		if (!convert_f64_to_i64(d, &out->i64[i]))
			return run_fail(r, i, "%g is out of range for int64", d);
	}
	return OK;
}

CAST(str_to_i64)
{
	FOR_ROWS(i, rows) {
		const struct strview *s = &arg->str[i & arg->mask];
		enum convert c = convert_to_i64(view_chars(arg, s), s->len, &out->i64[i]);
		if (c != CONVERT_OK)
			return fail_text(r, i, arg, s, n->type, c);
	}
	return OK;
}

CAST(str_to_f64)
{
	FOR_ROWS(i, rows) {
		const struct strview *s = &arg->str[i & arg->mask];
		enum convert c = convert_to_f64(view_chars(arg, s), s->len, &out->f64[i]);
		if (c != CONVERT_OK)
			return fail_text(r, i, arg, s, n->type, c);
	}
	return OK;
}

CAST(str_to_timestamp)
{
	FOR_ROWS(i, rows) {
		const struct strview *s = &arg->str[i & arg->mask];
		enum convert c = convert_to_timestamp(view_chars(arg, s), s->len, &out->i64[i]);
		if (c != CONVERT_OK)
			return fail_text(r, i, arg, s, n->type, c);
	}
	return OK;
}

CAST(str_to_bool)
{
	FOR_ROWS(i, rows) {
		const struct strview *s = &arg->str[i & arg->mask];
		bool yes = false;
		enum convert c = convert_to_bool(view_chars(arg, s), s->len, &yes);
		if (c != CONVERT_OK)
			return fail_text(r, i, arg, s, n->type, c);
		if (yes)
			bit_set(out->bits, i);
		else
			bit_clear(out->bits, i);
	}
	return OK;
}

/* op 1: as concat() shows it, "t" or "f". */
CAST(bool_to_str)
{
	(void)r;
	FOR_ROWS(i, rows) {
		const char *word = bit_get(arg->bits, i & arg->mask) ? "true" : "false";
		uint32_t len = n->op ? 1 : (uint32_t)strlen(word);
		out->str[i] = view_inline((const uint8_t *)word, len);
	}
	return OK;
}

/* One value's text; the buffer is taken when the first long one comes, for all that are left. */
static enum rc put_text(struct run *r, struct text_out *t, struct column *out, uint32_t i,
			const char *text, uint32_t len, uint32_t left)
{
	if (len > STRVIEW_INLINE && !t->text &&
	    text_out_begin(r, t, out, (uint64_t)left * CONVERT_TEXT_MAX) != OK)
		return r->e->code;
	out->str[i] = text_out_put(t, (const uint8_t *)text, len);
	return OK;
}

#define TO_TEXT(name, data, convert)                                                               \
	CAST(name)                                                                                 \
	{                                                                                          \
		struct text_out t = {.out = out};                                                  \
		(void)n;                                                                           \
		for (uint32_t k = 0; k < rows.n; k++) {                                            \
			char text[CONVERT_TEXT_MAX];                                               \
			uint32_t i = rows_at(rows, k);                                             \
			uint32_t len = convert(arg->data[i & arg->mask], text);                    \
			if (put_text(r, &t, out, i, text, len, rows.n - k) != OK)                  \
				return r->e->code;                                                 \
		}                                                                                  \
		return OK;                                                                         \
	}
TO_TEXT(f64_to_str, f64, convert_from_f64)
TO_TEXT(timestamp_to_str, i64, convert_from_timestamp)

#define SOME 64u /* rows: what they are written to stays in the first-level cache */

/* First the digits of some rows, then their views: read back at once, they would not have left the
 * processor's store buffer. */
CAST(i64_to_str)
{
	struct text_out t = {.out = out};
	char text[SOME][INT64_TEXT_MAX + 4];
	uint32_t len[SOME];
	(void)n;
	for (uint32_t from = 0; from < rows.n; from += SOME) {
		uint32_t some = rows.n - from < SOME ? rows.n - from : SOME;
		for (uint32_t k = 0; k < some; k++) {
			int64_t v = arg->i64[rows_at(rows, from + k) & arg->mask];
			len[k] = (uint32_t)(int64_put(text[k], v) - text[k]);
		}
		for (uint32_t k = 0; k < some; k++) {
			uint32_t i = rows_at(rows, from + k);
			out->str[i] = text_view((const uint8_t *)text[k], len[k], 0, 0);
			if (__builtin_expect(len[k] > STRVIEW_INLINE, 0) &&
			    put_text(r, &t, out, i, text[k], len[k], rows.n - from - k) != OK)
				return r->e->code;
		}
	}
	return OK;
}

kernel_fn *kernel_cast(enum type from, enum type to, uint8_t *flags)
{
	static const struct {
		enum type from, to;
		kernel_fn *kernel;
		uint8_t flags;
	} casts[] = {
		{T_BOOL, T_INT64, bool_to_i64, K_DENSE},
		{T_BOOL, T_STRING, bool_to_str, 0},
		{T_INT64, T_BOOL, i64_to_bool, K_DENSE},
		{T_INT64, T_FLOAT64, i64_to_f64, K_DENSE},
		{T_INT64, T_TIMESTAMP, i64_to_i64, K_DENSE},
		{T_INT64, T_STRING, i64_to_str, K_COSTLY},
		{T_FLOAT64, T_INT64, f64_to_i64, K_FAILS},
		{T_FLOAT64, T_STRING, f64_to_str, K_COSTLY},
		{T_STRING, T_BOOL, str_to_bool, K_FAILS},
		{T_STRING, T_INT64, str_to_i64, K_FAILS},
		{T_STRING, T_FLOAT64, str_to_f64, K_FAILS},
		{T_STRING, T_TIMESTAMP, str_to_timestamp, K_FAILS},
		{T_TIMESTAMP, T_INT64, i64_to_i64, K_DENSE},
		{T_TIMESTAMP, T_STRING, timestamp_to_str, K_COSTLY},
	};
	for (size_t i = 0; i < ARRAY_LEN(casts); i++)
		if (casts[i].from == from && casts[i].to == to) {
			*flags = casts[i].flags;
			return casts[i].kernel;
		}
	return NULL;
}
