/* kernels.h - the leaves of expressions: typed loops over columns, and what they share.
 * Private to operators/. */
#pragma once
#include "operators/expr_node.h"

/* --- kernels_math.c: int64 with overflow as errors, float64 as PostgreSQL's float8 --- */
kernel_fn kernel_add_i64, kernel_sub_i64, kernel_mul_i64;
kernel_fn kernel_neg_i64, kernel_abs_i64;
kernel_fn kernel_add_f64, kernel_sub_f64, kernel_mul_f64, kernel_div_f64;
kernel_fn kernel_neg_f64, kernel_abs_f64;

/* --- kernels_divide.c --- */
kernel_fn kernel_div_i64, kernel_mod_i64, kernel_splitmix64;

/* --- kernels_compare.c: node->op is one of these --- */
enum compare { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };
kernel_fn kernel_compare, kernel_in, kernel_distinct;
/* <0, 0, >0. Rows must not be null. Text by its bytes, NaN above every number and equal to itself.
 *  */
int val_compare(const struct val *a, uint32_t ia, const struct val *b, uint32_t ib);
/* Bits of those rows where a = b and neither is null; nothing is said about others. */
void rows_equal(struct run *r, struct rows rows, const struct val *a, const struct val *b,
		uint64_t *yes);
bool view_equal(const struct val *a, const struct strview *x, const struct val *b,
		const struct strview *y);

/* --- kernels_logic.c --- */
kernel_fn kernel_not, kernel_is_null, kernel_is_bool;
control_fn control_and, control_or, control_case, control_coalesce, control_extreme, control_nullif;
/* Bits of "true" and "false" for rows 0..n_rows-1; what is null is neither. */
void bool_words(const struct val *v, uint32_t n_rows, uint64_t *is_true, uint64_t *is_false);

/* --- kernels_text.c --- */
kernel_fn kernel_case_map; /* op -1: lower, 1: upper */
kernel_fn kernel_length, kernel_octet_length, kernel_trim, kernel_substr, kernel_strpos;
kernel_fn kernel_split_part, kernel_replace, kernel_like;

/* --- kernels_concat.c --- */
kernel_fn kernel_concat;

/* --- kernels_split.c --- */
/* The words of p[*from..len): what white space is not. View n and on of out, until most;
 * returns the new n. *from becomes len, or where to go on once out is full: behind the last word
 * that was cut. like.text and like.off say where p stands, for long words; how: -1 lower, 1 upper,
 * 0 as it is (long words are left as they are). Reads up to 4 bytes before p and 64 behind len. */
uint32_t split_words(enum simd simd, const uint8_t *p, uint32_t len, uint32_t *from,
		     struct strview like, int how, struct strview *out, uint32_t n, uint32_t most);

/* The same for the pieces of one row between bytes sep, empty ones too; *from becomes UINT32_MAX at
 * the end, since an empty last piece may be left at len. */
uint32_t split_byte(const uint8_t *p, uint32_t len, uint32_t *from, struct strview like, char sep,
		    uint16_t row, struct strview *out, uint16_t *parent, uint32_t n, uint32_t most);

/* --- kernels_cast.c --- */
/* NULL: there is no such cast. *flags gets its flags. */
kernel_fn *kernel_cast(enum type from, enum type to, uint8_t *flags);

/* --- kernels_build.c: making text columns --- */

/* Appends texts to one buffer that out looks into. */
struct text_out {
	struct column *out;
	struct text *text;
	uint32_t index;
};
/* Makes room for total bytes of texts longer than STRVIEW_INLINE; none: no buffer. */
enum rc text_out_begin(struct run *r, struct text_out *t, struct column *out, uint64_t total);
/* len bytes to be written by the caller at once; only for len > STRVIEW_INLINE. */
uint8_t *text_out_room(struct text_out *t, uint32_t len);
/* The view of the len bytes last given out. */
struct strview text_out_view(const struct text_out *t, uint32_t len);
struct strview text_out_put(struct text_out *t, const uint8_t *from, uint32_t len);
struct strview view_inline(const uint8_t *from, uint32_t len);
/* out looks into what v looks into, under the same numbers. out has none yet. */
void texts_share(struct column *out, const struct val *v);
/* The view of the len bytes at p, which are at off in text number `text` (of no matter to a short
 * one). Lengths come in any order: no branch asks for them. Reads 16 bytes at p. */
static inline struct strview text_view(const uint8_t *p, uint32_t len, uint32_t text, uint32_t off)
{
#define KEEP(n) (n > 7 ? ~0ull : (1ull << 8 * (n & 7)) - 1)
	static const uint64_t keep_w0[STRVIEW_INLINE + 2] = {
		KEEP(4), KEEP(5), KEEP(6), KEEP(7), KEEP(8), KEEP(8), KEEP(8),
		KEEP(8), KEEP(8), KEEP(8), KEEP(8), KEEP(8), KEEP(8), KEEP(8),
	};
	static const uint64_t keep_w1[STRVIEW_INLINE + 2] = {
		KEEP(0), KEEP(0), KEEP(0), KEEP(0), KEEP(0), KEEP(1), KEEP(2),
		KEEP(3), KEEP(4), KEEP(5), KEEP(6), KEEP(7), KEEP(8), KEEP(0),
	};
#undef KEEP
	const bool is_long = len > STRVIEW_INLINE;
	const uint32_t k = is_long ? STRVIEW_INLINE + 1 : len;
	uint64_t lo;
	uint32_t hi;
	struct strview v;
	memcpy(&lo, p, 8);
	memcpy(&hi, p + 8, 4);
	/* In a register: what was stored as two words is not read as one soon. */
	typedef uint64_t words __attribute__((vector_size(16)));
	words w = {((lo << 32) & keep_w0[k]) | len,
		   ((lo >> 32 | (uint64_t)hi << 32) & keep_w1[k]) |
			   (is_long ? text | (uint64_t)off << 32 : 0)};
	memcpy(&v, &w, sizeof v);
	return v;
}
/* Part of a text without copying it: a view for a column that shares v's texts. */
struct strview view_part(const struct val *v, const struct strview *s, uint32_t from, uint32_t len);

/* A column put together from rows of several vals. begin: every row null. */
enum rc merge_begin(struct run *r, enum type type, bool nulls, struct column **out);
/* chosen: the rows by bits; only a text's are looked up in `rows`, the same ones as a list. */
enum rc merge_put(struct run *r, struct column *out, struct rows rows, const uint64_t *chosen,
		  const struct val *v);

/* The eight bytes at p, of which only n (0 to 8) may be read. */
static inline uint64_t load_few(const uint8_t *p, uint32_t n)
{
	uint64_t v = 0;
	memcpy(&v, p, n);
	return v;
}
