/* kernels_compare.c - comparisons: bitmaps, a word of 64 rows at a time where all rows are wanted.
 * Text is compared by its bytes (PostgreSQL's collation "C"): the same on every machine, and UTF-8
 * keeps the order of code points. NaN equals itself and is above every number, as in PostgreSQL. */
#include "operators/kernels.h"
#include "operators/lanes.h"

/* --- single values --- */

bool view_equal(const struct val *a, const struct strview *x, const struct val *b,
		const struct strview *y)
{
	uint64_t head_x, head_y; /* length and prefix */
	memcpy(&head_x, x, 8);
	memcpy(&head_y, y, 8);
	if (head_x != head_y)
		return false;
	if (x->len <= STRVIEW_INLINE)
		return !memcmp(x->inl + 4, y->inl + 4, 8);
	return !memcmp(view_bytes(a, x), view_bytes(b, y), x->len);
}

static int view_compare(const struct val *a, const struct strview *x, const struct val *b,
			const struct strview *y)
{
	uint32_t px, py;
	memcpy(&px, x->prefix, 4);
	memcpy(&py, y->prefix, 4);
	if (px != py) /* shorter ones are padded with zeros: below everything that goes on */
		return __builtin_bswap32(px) < __builtin_bswap32(py) ? -1 : 1;
	uint32_t len = x->len < y->len ? x->len : y->len;
	int c = memcmp(view_bytes(a, x), view_bytes(b, y), len);
	return c ? c : (x->len > y->len) - (x->len < y->len);
}

INLINE bool f64_less(double x, double y)
{
	return (x < y) | ((y != y) & (x == x));
}

int val_compare(const struct val *a, uint32_t ia, const struct val *b, uint32_t ib)
{
	ia &= a->mask;
	ib &= b->mask;
	switch (a->type) {
	case T_BOOL:
		return (int)bit_get(a->bits, ia) - (int)bit_get(b->bits, ib);
	case T_FLOAT64:
		return (int)f64_less(b->f64[ib], a->f64[ia]) -
		       (int)f64_less(a->f64[ia], b->f64[ib]);
	case T_STRING:
		return view_compare(a, &a->str[ia], b, &b->str[ib]);
	default:
		return (a->i64[ia] > b->i64[ib]) - (a->i64[ia] < b->i64[ib]);
	}
}

/* --- numbers --- */

INLINE bool holds_i64(enum compare op, int64_t x, int64_t y)
{
	switch (op) {
	case CMP_EQ: return x == y;
	case CMP_NE: return x != y;
	case CMP_LT: return x < y;
	case CMP_LE: return x <= y;
	case CMP_GT: return x > y;
	default:     return x >= y;
	}
}

INLINE bool holds_f64(enum compare op, double x, double y)
{
	switch (op) {
	case CMP_EQ: return (x == y) | ((x != x) & (y != y));
	case CMP_NE: return !((x == y) | ((x != x) & (y != y)));
	case CMP_LT: return f64_less(x, y);
	case CMP_LE: return !f64_less(y, x);
	case CMP_GT: return f64_less(y, x);
	default:     return !f64_less(x, y);
	}
}

/* The same of four rows at a time. Below, NaN is what does not equal itself. */
#define LANES_EQ_I64(x, y) ((x) == (y))
#define LANES_LT_I64(x, y) ((x) < (y))
#define LANES_EQ_F64(x, y) (((x) == (y)) | (((x) != (x)) & ((y) != (y))))
#define LANES_LT_F64(x, y) (((x) < (y)) | (((y) != (y)) & ((x) == (x))))

/* A comparison of columns; `kind` is a constant: equal, x < y or y < x. */
enum kind { KIND_EQ, KIND_LT, KIND_GT };

/* Rows 0..n-1 by whole words (columns have room for them); flip: what does not hold. */
#define COMPARE_WORDS(name, T, lanes, EQ, LT)                                                      \
	TARGET_V3 INLINE void name##_quartets(enum kind kind, uint64_t *to, const T *a,            \
					      const T *b, uint32_t mb, uint32_t n, uint64_t flip)  \
	{                                                                                          \
		for (uint32_t w = 0; w * 64 < n; w++) {                                            \
			uint64_t word = 0;                                                         \
			for (uint32_t j = 0; j < 64; j += LANES) {                                 \
				lanes x = LANES_AT(lanes, a, w * 64 + j, ~0u);                     \
				lanes y = LANES_AT(lanes, b, w * 64 + j, mb);                      \
				lanes_i64 m = kind == KIND_EQ   ? EQ(x, y)                         \
					      : kind == KIND_LT ? LT(x, y)                         \
								: LT(y, x);                        \
				word |= (uint64_t)LANES_BITS(m) << j;                              \
			}                                                                          \
			to[w] = word ^ flip;                                                       \
		}                                                                                  \
	}                                                                                          \
	TARGET_V3 static void name##_v3(enum kind kind, uint64_t *to, const T *a, const T *b,      \
					uint32_t mb, uint32_t n, uint64_t flip)                    \
	{                                                                                          \
		switch (kind) {                                                                    \
		case KIND_EQ:                                                                      \
			return mb ? name##_quartets(KIND_EQ, to, a, b, ~0u, n, flip)               \
				  : name##_quartets(KIND_EQ, to, a, b, 0, n, flip);                \
		case KIND_LT:                                                                      \
			return mb ? name##_quartets(KIND_LT, to, a, b, ~0u, n, flip)               \
				  : name##_quartets(KIND_LT, to, a, b, 0, n, flip);                \
		case KIND_GT:                                                                      \
			return mb ? name##_quartets(KIND_GT, to, a, b, ~0u, n, flip)               \
				  : name##_quartets(KIND_GT, to, a, b, 0, n, flip);                \
		}                                                                                  \
	}
COMPARE_WORDS(words_i64, int64_t, lanes_i64, LANES_EQ_I64, LANES_LT_I64)
COMPARE_WORDS(words_f64, double, lanes_f64, LANES_EQ_F64, LANES_LT_F64)

/* By row, and on processors without such vectors. */
#define COMPARE_LOOP(name, T, holds, words)                                                        \
	INLINE void name##_rows(enum compare op, uint64_t *to, const T *a, const T *b,             \
				uint32_t mb, struct rows rows)                                     \
	{                                                                                          \
		if (rows.idx) {                                                                    \
			for (uint32_t k = 0; k < rows.n; k++) {                                    \
				uint32_t i = rows.idx[k];                                          \
				uint64_t yes = holds(op, a[i], b[i & mb]);                         \
				to[i >> 6] = (to[i >> 6] & ~(1ull << (i & 63))) | yes << (i & 63); \
			}                                                                          \
			return;                                                                    \
		}                                                                                  \
		for (uint32_t w = 0; w * 64 < rows.n; w++) {                                       \
			uint64_t word = 0;                                                         \
			for (uint32_t j = 0; j < 64; j++)                                          \
				word |= (uint64_t)holds(op, a[w * 64 + j], b[(w * 64 + j) & mb])   \
					<< j;                                                      \
			to[w] = word;                                                              \
		}                                                                                  \
	}                                                                                          \
	static void name(enum simd simd, enum compare op, uint64_t *to, const struct val *a,       \
			 const struct val *b, struct rows rows)                                    \
	{                                                                                          \
		static const enum kind kinds[] = {KIND_EQ, KIND_EQ, KIND_LT,                       \
						  KIND_GT, KIND_GT, KIND_LT};                      \
		bool flip = op == CMP_NE || op == CMP_LE || op == CMP_GE;                          \
		if (simd >= SIMD_V3 && !rows.idx) {                                                \
			words##_v3(kinds[op], to, a->data, b->data, b->mask, rows.n,               \
				   flip ? ~0ull : 0);                                              \
			return;                                                                    \
		}                                                                                  \
		switch (op) {                                                                      \
		case CMP_EQ: name##_rows(CMP_EQ, to, a->data, b->data, b->mask, rows); break;      \
		case CMP_NE: name##_rows(CMP_NE, to, a->data, b->data, b->mask, rows); break;      \
		case CMP_LT: name##_rows(CMP_LT, to, a->data, b->data, b->mask, rows); break;      \
		case CMP_LE: name##_rows(CMP_LE, to, a->data, b->data, b->mask, rows); break;      \
		case CMP_GT: name##_rows(CMP_GT, to, a->data, b->data, b->mask, rows); break;      \
		case CMP_GE: name##_rows(CMP_GE, to, a->data, b->data, b->mask, rows); break;      \
		}                                                                                  \
	}
COMPARE_LOOP(compare_i64, int64_t, holds_i64, words_i64)
COMPARE_LOOP(compare_f64, double, holds_f64, words_f64)

/* --- text and booleans --- */

static void bit_put(uint64_t *to, uint32_t i, bool yes)
{
	to[i >> 6] = (to[i >> 6] & ~(1ull << (i & 63))) | (uint64_t)yes << (i & 63);
}

static void compare_str(enum compare op, uint64_t *to, const struct val *a, const struct val *b,
			struct rows rows)
{
	if (op == CMP_EQ || op == CMP_NE) {
		FOR_ROWS(i, rows) {
			bool equal = view_equal(a, &a->str[i & a->mask], b, &b->str[i & b->mask]);
			bit_put(to, i, equal == (op == CMP_EQ));
		}
		return;
	}
	FOR_ROWS(i, rows) {
		int c = view_compare(a, &a->str[i & a->mask], b, &b->str[i & b->mask]);
		bit_put(to, i, holds_i64(op, c, 0));
	}
}

static void compare_bool(enum compare op, uint64_t *to, const struct val *a, const struct val *b,
			 struct rows rows)
{
	FOR_ROWS(i, rows) {
		bool x = bit_get(a->bits, i & a->mask), y = bit_get(b->bits, i & b->mask);
		bit_put(to, i, holds_i64(op, x, y));
	}
}

enum rc kernel_compare(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		       struct column *out)
{
	static const enum compare mirror[] = {CMP_EQ, CMP_NE, CMP_GT, CMP_GE, CMP_LT, CMP_LE};
	static const uint16_t row_0 = 0;
	enum compare op = (enum compare)n->op;
	const struct val *a = &arg[0], *b = &arg[1];
	if (val_is_const(a) && val_is_const(b)) /* one value each: no words of rows to read */
		rows.idx = &row_0;
	if (val_is_const(a)) { /* the constant stands right */
		const struct val *swap = a;
		a = b;
		b = swap;
		op = mirror[op];
	}
	switch (a->type) {
	case T_BOOL:
		compare_bool(op, out->bits, a, b, rows);
		return OK;
	case T_FLOAT64:
		compare_f64(r->x->simd, op, out->bits, a, b, rows);
		return OK;
	case T_STRING:
		compare_str(op, out->bits, a, b, rows);
		return OK;
	default:
		compare_i64(r->x->simd, op, out->bits, a, b, rows);
		return OK;
	}
}

/* --- with nulls --- */

/* A null leaves no row equal. */
static void words_known(uint64_t *yes, const struct val *v, uint32_t n_rows)
{
	if (val_is_const(v) && val_is_null(v, 0))
		memset(yes, 0, VALID_WORDS * 8);
	else if (!val_is_const(v) && v->valid)
		for (uint32_t w = 0; w * 64 < n_rows; w++)
			yes[w] &= v->valid[w];
}

void rows_equal(struct run *r, struct rows rows, const struct val *a, const struct val *b,
		uint64_t *yes)
{
	struct rows all = {NULL, r->n_rows};
	if (val_is_const(a)) {
		const struct val *swap = a;
		a = b;
		b = swap;
	}
	if (val_is_const(a) || a->type == T_BOOL || a->type == T_STRING) {
		memset(yes, 0, VALID_WORDS * 8);
		FOR_ROWS(i, rows)
			if (!val_is_null(a, i) && !val_is_null(b, i) && val_compare(a, i, b, i) == 0)
				bit_set(yes, i);
		return;
	}
	if (a->type == T_FLOAT64)
		compare_f64(r->x->simd, CMP_EQ, yes, a, b, all);
	else
		compare_i64(r->x->simd, CMP_EQ, yes, a, b, all);
	words_known(yes, a, r->n_rows);
	words_known(yes, b, r->n_rows);
}

/* x is distinct from y (op 1), is not distinct from (op 0): null is a value like others. */
enum rc kernel_distinct(struct run *r, const struct node *n, struct rows rows,
			const struct val *arg, struct column *out)
{
	(void)r;
	out->has_valid = false;
	FOR_ROWS(i, rows) {
		bool null_a = val_is_null(&arg[0], i), null_b = val_is_null(&arg[1], i);
		bool distinct = null_a != null_b;
		if (!null_a && !null_b)
			distinct = val_compare(&arg[0], i, &arg[1], i) != 0;
		bit_put(out->bits, i, distinct == (n->op == 1));
	}
	return OK;
}

INLINE bool value_equal(enum type type, const struct val *a, const struct val *b, uint32_t i)
{
	uint32_t ia = i & a->mask, ib = i & b->mask;
	switch (type) {
	case T_STRING:
		return view_equal(a, &a->str[ia], b, &b->str[ib]);
	case T_FLOAT64:
		return holds_f64(CMP_EQ, a->f64[ia], b->f64[ib]);
	case T_BOOL:
		return bit_get(a->bits, ia) == bit_get(b->bits, ib);
	default:
		return a->i64[ia] == b->i64[ib];
	}
}

INLINE void in_rows(enum type type, const struct node *n, struct rows rows, const struct val *arg,
		    struct column *out)
{
	FOR_ROWS(i, rows) {
		bool found = false, unknown = val_is_null(&arg[0], i);
		for (uint32_t a = 1; a < n->n && !unknown && !found; a++)
			found = !val_is_null(&arg[a], i) && value_equal(type, &arg[0], &arg[a], i);
		for (uint32_t a = 1; a < n->n && !found && !unknown; a++)
			unknown = val_is_null(&arg[a], i);
		bit_put(out->bits, i, found);
		bit_put(out->valid, i, found || !unknown);
	}
}

/* x in (a, b, ...): true if one is equal, else null if x or one of them is null. */
enum rc kernel_in(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		  struct column *out)
{
	(void)r;
	out->has_valid = true;
	switch (arg[0].type) {
	case T_STRING:
		in_rows(T_STRING, n, rows, arg, out);
		return OK;
	case T_FLOAT64:
		in_rows(T_FLOAT64, n, rows, arg, out);
		return OK;
	case T_BOOL:
		in_rows(T_BOOL, n, rows, arg, out);
		return OK;
	default:
		in_rows(T_INT64, n, rows, arg, out);
		return OK;
	}
}
