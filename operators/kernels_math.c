/* kernels_math.c - arithmetic: dense loops that note an error and look for its row only then.
 * Division of int64 is in kernels_divide.c.
 * int64: overflow and division by zero are errors of the record, as PostgreSQL's bigint has it.
 * float64: PostgreSQL's float8: a finite result's overflow and underflow are errors as well.
 * The loops are specialised for a constant on either side (its mask is 0). */
#include "operators/kernels.h"
#include "operators/lanes.h"

#include <float.h>

/* A loop over two arguments; BODY computes z from x and y and may set bad (its sign bit counts).
 * Rows by number are the plain level's: loads from anywhere are all they are. */
#define LOOP2(name, T, BODY)                                                                       \
	INLINE int64_t name##_dense(T *restrict to, const T *a, uint32_t ma, const T *b,           \
				    uint32_t mb, uint32_t n)                                       \
	{                                                                                          \
		int64_t bad = 0;                                                                   \
		for (uint32_t i = 0; i < n; i++) {                                                 \
			T x = a[i & ma], y = b[i & mb], z;                                         \
			BODY;                                                                      \
			to[i] = z;                                                                 \
		}                                                                                  \
		return bad;                                                                        \
	}                                                                                          \
	INLINE int64_t name##_ways(T *to, const T *a, uint32_t ma, const T *b, uint32_t mb,        \
				   uint32_t n)                                                     \
	{                                                                                          \
		if (ma && mb)                                                                      \
			return name##_dense(to, a, ~0u, b, ~0u, n);                                \
		if (ma)                                                                            \
			return name##_dense(to, a, ~0u, b, 0, n);                                  \
		return name##_dense(to, a, 0, b, ~0u, n); /* two constants: n is 1 */              \
	}                                                                                          \
	TARGET_V3 static int64_t name##_v3(T *to, const T *a, uint32_t ma, const T *b,             \
					   uint32_t mb, uint32_t n)                                \
	{                                                                                          \
		return name##_ways(to, a, ma, b, mb, n);                                           \
	}                                                                                          \
	static int64_t name##_base(T *to, const T *a, uint32_t ma, const T *b, uint32_t mb,        \
				   uint32_t n)                                                     \
	{                                                                                          \
		return name##_ways(to, a, ma, b, mb, n);                                           \
	}                                                                                          \
	static int64_t name(enum simd simd, T *to, const T *a, uint32_t ma, const T *b,            \
			    uint32_t mb, struct rows rows)                                         \
	{                                                                                          \
		int64_t bad = 0;                                                                   \
		if (!rows.idx)                                                                     \
			return simd >= SIMD_V3 ? name##_v3(to, a, ma, b, mb, rows.n)               \
					       : name##_base(to, a, ma, b, mb, rows.n);            \
		for (uint32_t k = 0; k < rows.n; k++) {                                            \
			uint32_t i = rows.idx[k];                                                  \
			T x = a[i & ma], y = b[i & mb], z;                                         \
			BODY;                                                                      \
			to[i] = z;                                                                 \
		}                                                                                  \
		return bad;                                                                        \
	}

LOOP2(add_i64, int64_t, z = (int64_t)((uint64_t)x + (uint64_t)y); bad |= (x ^ z) & (y ^ z))
LOOP2(sub_i64, int64_t, z = (int64_t)((uint64_t)x - (uint64_t)y); bad |= (x ^ y) & (x ^ z))
LOOP2(mul_wide, int64_t, bad |= -(int64_t)__builtin_mul_overflow(x, y, &z))

/* Whether a value does not fit into 32 bits shows in the high half of this. */
#define BEYOND_32(x) ((uint64_t)(x) + 0x80000000u)

/* No vector instruction multiplies 64-bit numbers, but one multiplies 32-bit ones into 64 bits: so
 * the product is taken as one of small numbers until a stretch of rows has others. Most columns
 * never do. Returns how many rows were done. */
#define STRETCH 128
INLINE uint32_t mul_small(int64_t *restrict to, const int64_t *a, uint32_t ma, const int64_t *b,
			  uint32_t mb, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += STRETCH) {
		uint64_t large = 0;
		uint32_t end = n - i < STRETCH ? n : i + STRETCH;
		for (uint32_t k = i; k < end; k++) {
			int64_t x = a[k & ma], y = b[k & mb];
			large |= BEYOND_32(x) | BEYOND_32(y);
			to[k] = (int64_t)(int32_t)x * (int32_t)y;
		}
		if (large >> 32)
			return i;
	}
	return n;
}

TARGET_V3 static uint32_t mul_small_v3(int64_t *to, const int64_t *a, uint32_t ma,
				       const int64_t *b, uint32_t mb, uint32_t n)
{
	if (ma && mb)
		return mul_small(to, a, ~0u, b, ~0u, n);
	return ma ? mul_small(to, a, ~0u, b, 0, n) : mul_small(to, a, 0, b, ~0u, n);
}

static int64_t mul_i64(enum simd simd, int64_t *to, const int64_t *a, uint32_t ma,
		       const int64_t *b, uint32_t mb, struct rows rows)
{
	uint32_t done = 0;
	if (!rows.idx && simd >= SIMD_V3)
		done = mul_small_v3(to, a, ma, b, mb, rows.n);
	if (done == rows.n)
		return 0;
	rows.n -= done;
	return mul_wide(simd, to + done, a + (done & ma), ma, b + (done & mb), mb, rows);
}

/* Infinite or NaN arguments set bad as well, and underflow only where the result is 0: float_fault
 * decides, row by row. (z - z would not do as a test: fused with the product before it, it is the
 * product's rounding.) */
#define ODD(cond) ((cond) ? INT64_MIN : 0)
#define INFINITE(z) (!(__builtin_fabs(z) <= DBL_MAX))
LOOP2(add_f64, double, z = x + y; bad |= ODD(INFINITE(z)))
LOOP2(sub_f64, double, z = x - y; bad |= ODD(INFINITE(z)))
LOOP2(mul_f64, double, z = x * y;
      bad |= ODD(INFINITE(z)) | (ODD(z == 0) & ODD(x != 0) & ODD(y != 0)))
LOOP2(div_f64, double, z = x / y; bad |= ODD(INFINITE(z)) | (ODD(z == 0) & ODD(x != 0)))

/* Some row was bad: the first one asked for, unless it was only garbage. */
#define INT_KERNEL(name, sign)                                                                     \
	enum rc kernel_##name(struct run *r, const struct node *n, struct rows rows,               \
			      const struct val *a, struct column *out)                             \
	{                                                                                          \
		const struct val *b = a + 1;                                                       \
		(void)n;                                                                           \
		if (name(r->x->simd, out->i64, a->i64, a->mask, b->i64, b->mask, rows) >= 0)       \
			return OK;                                                                 \
		FOR_ROWS(i, r->asked) {                                                            \
			int64_t x = a->i64[i & a->mask], y = b->i64[i & b->mask], z;               \
			if (!column_is_null(out, i) &&                                             \
			    name(SIMD_BASE, &z, &x, 0, &y, 0, (struct rows){NULL, 1}) < 0)         \
				return run_fail(r, i, "%lld " sign " %lld is out of range for "    \
						      "int64", (long long)x, (long long)y);        \
		}                                                                                  \
		return OK;                                                                         \
	}
INT_KERNEL(add_i64, "+")
INT_KERNEL(sub_i64, "-")
INT_KERNEL(mul_i64, "*")

/* What PostgreSQL's float8 operators refuse; NULL: nothing. */
static const char *float_fault(char sign, double x, double y, double z)
{
	bool finite = x - x == 0 && y - y == 0;
	if (sign == '/' && y == 0 && x == x)
		return "division by zero";
	if (finite && z - z != 0)
		return "the result is too large for float64";
	if (z == 0 && x != 0 && ((sign == '*' && y != 0) || (sign == '/' && finite)))
		return "the result is too small for float64";
	return NULL;
}

#define FLOAT_KERNEL(name, sign)                                                                   \
	enum rc kernel_##name(struct run *r, const struct node *n, struct rows rows,               \
			      const struct val *a, struct column *out)                             \
	{                                                                                          \
		const struct val *b = a + 1;                                                       \
		(void)n;                                                                           \
		if (name(r->x->simd, out->f64, a->f64, a->mask, b->f64, b->mask, rows) >= 0)       \
			return OK;                                                                 \
		FOR_ROWS(i, r->asked) {                                                            \
			double x = a->f64[i & a->mask], y = b->f64[i & b->mask];                   \
			const char *fault = float_fault(sign, x, y, out->f64[i]);                  \
			if (fault && !column_is_null(out, i))                                      \
				return run_fail(r, i, "%g %c %g: %s", x, sign, y, fault);          \
		}                                                                                  \
		return OK;                                                                         \
	}
FLOAT_KERNEL(add_f64, '+')
FLOAT_KERNEL(sub_f64, '-')
FLOAT_KERNEL(mul_f64, '*')
FLOAT_KERNEL(div_f64, '/')

/* A loop over one argument. */
#define LOOP1(name, T, BODY)                                                                       \
	INLINE int64_t name##_dense(T *restrict to, const T *a, uint32_t n)                        \
	{                                                                                          \
		int64_t bad = 0;                                                                   \
		for (uint32_t i = 0; i < n; i++) {                                                 \
			T x = a[i], z;                                                             \
			BODY;                                                                      \
			to[i] = z;                                                                 \
		}                                                                                  \
		return bad;                                                                        \
	}                                                                                          \
	TARGET_V3 static int64_t name##_v3(T *to, const T *a, uint32_t n)                          \
	{                                                                                          \
		return name##_dense(to, a, n);                                                     \
	}                                                                                          \
	static int64_t name##_base(T *to, const T *a, uint32_t n)                                  \
	{                                                                                          \
		return name##_dense(to, a, n);                                                     \
	}                                                                                          \
	static int64_t name(enum simd simd, T *to, const struct val *a, struct rows rows)          \
	{                                                                                          \
		int64_t bad = 0;                                                                   \
		if (!rows.idx)                                                                     \
			return simd >= SIMD_V3 ? name##_v3(to, a->data, rows.n)                    \
					       : name##_base(to, a->data, rows.n);                 \
		for (uint32_t k = 0; k < rows.n; k++)                                              \
			bad |= name##_base(to + rows.idx[k], (const T *)a->data + rows.idx[k], 1); \
		return bad;                                                                        \
	}
LOOP1(neg_i64, int64_t, z = (int64_t)-(uint64_t)x; bad |= x & z)
LOOP1(abs_i64, int64_t, z = (int64_t)(x < 0 ? -(uint64_t)x : (uint64_t)x); bad |= z)
LOOP1(neg_f64, double, z = -x)
LOOP1(abs_f64, double, z = __builtin_fabs(x))

#define INT_KERNEL1(name, shown)                                                                   \
	enum rc kernel_##name(struct run *r, const struct node *n, struct rows rows,               \
			      const struct val *a, struct column *out)                             \
	{                                                                                          \
		(void)n;                                                                           \
		if (name(r->x->simd, out->i64, a, rows) >= 0)                                      \
			return OK;                                                                 \
		FOR_ROWS(i, r->asked)                                                              \
			if (a->i64[i & a->mask] == INT64_MIN && !column_is_null(out, i))           \
				return run_fail(r, i, shown " is out of range for int64",          \
						(long long)INT64_MIN);                             \
		return OK;                                                                         \
	}
INT_KERNEL1(neg_i64, "-(%lld)")
INT_KERNEL1(abs_i64, "abs(%lld)")

#define FLOAT_KERNEL1(name)                                                                        \
	enum rc kernel_##name(struct run *r, const struct node *n, struct rows rows,               \
			      const struct val *a, struct column *out)                             \
	{                                                                                          \
		(void)n;                                                                           \
		(void)name(r->x->simd, out->f64, a, rows);                                         \
		return OK;                                                                         \
	}
FLOAT_KERNEL1(neg_f64)
FLOAT_KERNEL1(abs_f64)
