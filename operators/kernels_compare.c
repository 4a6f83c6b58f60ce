/* kernels_compare.c - comparisons: bitmaps, a word of 64 rows at a time where all rows are wanted.
 * Text is compared by its bytes (PostgreSQL's collation "C"): the same on every machine, and UTF-8
 * keeps the order of code points. NaN equals itself and is above every number, as in PostgreSQL. */
#include "operators/kernels.h"

#define INLINE static inline __attribute__((always_inline))

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

/* Columns have room for BATCH_ROWS values, so whole words of rows may be read. */
#define COMPARE_LOOP(name, T, holds)                                                               \
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
	INLINE void name##_op(enum compare op, uint64_t *to, const struct val *a,                  \
			      const struct val *b, struct rows rows)                               \
	{                                                                                          \
		if (val_is_const(b))                                                               \
			name##_rows(op, to, a->data, b->data, 0, rows);                            \
		else                                                                               \
			name##_rows(op, to, a->data, b->data, ~0u, rows);                          \
	}                                                                                          \
	static void name(enum compare op, uint64_t *to, const struct val *a, const struct val *b,  \
			 struct rows rows)                                                         \
	{                                                                                          \
		switch (op) {                                                                      \
		case CMP_EQ: name##_op(CMP_EQ, to, a, b, rows); break;                             \
		case CMP_NE: name##_op(CMP_NE, to, a, b, rows); break;                             \
		case CMP_LT: name##_op(CMP_LT, to, a, b, rows); break;                             \
		case CMP_LE: name##_op(CMP_LE, to, a, b, rows); break;                             \
		case CMP_GT: name##_op(CMP_GT, to, a, b, rows); break;                             \
		case CMP_GE: name##_op(CMP_GE, to, a, b, rows); break;                             \
		}                                                                                  \
	}
COMPARE_LOOP(compare_i64, int64_t, holds_i64)
COMPARE_LOOP(compare_f64, double, holds_f64)

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
	(void)r;
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
		compare_f64(op, out->bits, a, b, rows);
		return OK;
	case T_STRING:
		compare_str(op, out->bits, a, b, rows);
		return OK;
	default:
		compare_i64(op, out->bits, a, b, rows);
		return OK;
	}
}

/* --- with nulls --- */

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
