/* kernels_math.c - arithmetic: dense loops that note an error and look for its row only then.
 * int64: overflow and division by zero are errors of the record, as PostgreSQL's bigint has it.
 * float64: PostgreSQL's float8: a finite result's overflow and underflow are errors as well.
 * The loops are specialised for a constant on either side (its mask is 0). */
#include "operators/kernels.h"
#include "base/rng.h"

#define INLINE static inline __attribute__((always_inline))

/* A loop over two arguments; BODY computes z from x and y and may set bad (its sign bit counts). */
#define LOOP2(name, T, BODY)                                                                       \
	INLINE int64_t name##_rows(T *restrict to, const T *a, uint32_t ma, const T *b,            \
				   uint32_t mb, struct rows rows)                                  \
	{                                                                                          \
		int64_t bad = 0;                                                                   \
		if (rows.idx) {                                                                    \
			for (uint32_t k = 0; k < rows.n; k++) {                                    \
				uint32_t i = rows.idx[k];                                          \
				T x = a[i & ma], y = b[i & mb], z;                                 \
				BODY;                                                              \
				to[i] = z;                                                         \
			}                                                                          \
			return bad;                                                                \
		}                                                                                  \
		for (uint32_t i = 0; i < rows.n; i++) {                                            \
			T x = a[i & ma], y = b[i & mb], z;                                         \
			BODY;                                                                      \
			to[i] = z;                                                                 \
		}                                                                                  \
		return bad;                                                                        \
	}                                                                                          \
	static int64_t name(T *to, const T *a, uint32_t ma, const T *b, uint32_t mb,               \
			    struct rows rows)                                                      \
	{                                                                                          \
		if (ma && mb)                                                                      \
			return name##_rows(to, a, ~0u, b, ~0u, rows);                              \
		if (ma)                                                                            \
			return name##_rows(to, a, ~0u, b, 0, rows);                                \
		if (mb)                                                                            \
			return name##_rows(to, a, 0, b, ~0u, rows);                                \
		return name##_rows(to, a, 0, b, 0, rows);                                          \
	}

LOOP2(add_i64, int64_t, z = (int64_t)((uint64_t)x + (uint64_t)y); bad |= (x ^ z) & (y ^ z))
LOOP2(sub_i64, int64_t, z = (int64_t)((uint64_t)x - (uint64_t)y); bad |= (x ^ y) & (x ^ z))
LOOP2(mul_i64, int64_t, bad |= -(int64_t)__builtin_mul_overflow(x, y, &z))

/* z - z is not 0 for infinities and NaN. A division by zero gives one of them. Infinite or NaN
 * arguments set bad as well, and underflow only where the result is 0: float_fault decides, row by
 * row. */
#define ODD(cond) ((cond) ? INT64_MIN : 0)
LOOP2(add_f64, double, z = x + y; bad |= ODD(z - z != 0))
LOOP2(sub_f64, double, z = x - y; bad |= ODD(z - z != 0))
LOOP2(mul_f64, double, z = x * y;
      bad |= ODD(z - z != 0) | (ODD(z == 0) & ODD(x != 0) & ODD(y != 0)))
LOOP2(div_f64, double, z = x / y; bad |= ODD(z - z != 0) | (ODD(z == 0) & ODD(x != 0)))

/* Some row was bad: the first one asked for, unless it was only garbage. */
#define INT_KERNEL(name, sign)                                                                     \
	enum rc kernel_##name(struct run *r, const struct node *n, struct rows rows,               \
			      const struct val *a, struct column *out)                             \
	{                                                                                          \
		const struct val *b = a + 1;                                                       \
		(void)n;                                                                           \
		if (name(out->i64, a->i64, a->mask, b->i64, b->mask, rows) >= 0)                   \
			return OK;                                                                 \
		FOR_ROWS(i, r->asked) {                                                            \
			int64_t x = a->i64[i & a->mask], y = b->i64[i & b->mask], z;               \
			if (!column_is_null(out, i) &&                                             \
			    name(&z, &x, 0, &y, 0, (struct rows){NULL, 1}) < 0)                    \
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
		if (name(out->f64, a->f64, a->mask, b->f64, b->mask, rows) >= 0)                   \
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

enum rc kernel_div_i64(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		       struct column *out)
{
	(void)n;
	FOR_ROWS(i, rows) {
		int64_t x = arg[0].i64[i & arg[0].mask], y = arg[1].i64[i & arg[1].mask];
		if ((uint64_t)y + 1 <= 1) { /* -1 or 0 */
			if (y == 0)
				return run_fail(r, i, "division by zero");
			if (x == INT64_MIN)
				return run_fail(r, i, "%lld / -1 is out of range for int64",
						(long long)x);
		}
		out->i64[i] = x / y;
	}
	return OK;
}

enum rc kernel_mod_i64(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		       struct column *out)
{
	(void)n;
	FOR_ROWS(i, rows) {
		int64_t x = arg[0].i64[i & arg[0].mask], y = arg[1].i64[i & arg[1].mask];
		if (y == 0)
			return run_fail(r, i, "division by zero");
		out->i64[i] = y == -1 ? 0 : x % y; /* INT64_MIN % -1 traps */
	}
	return OK;
}

enum rc kernel_neg_i64(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		       struct column *out)
{
	(void)n;
	FOR_ROWS(i, rows) {
		int64_t x = arg[0].i64[i & arg[0].mask];
		if (x == INT64_MIN)
			return run_fail(r, i, "-(%lld) is out of range for int64", (long long)x);
		out->i64[i] = -x;
	}
	return OK;
}

enum rc kernel_abs_i64(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		       struct column *out)
{
	(void)n;
	FOR_ROWS(i, rows) {
		int64_t x = arg[0].i64[i & arg[0].mask];
		if (x == INT64_MIN)
			return run_fail(r, i, "abs(%lld) is out of range for int64", (long long)x);
		out->i64[i] = x < 0 ? -x : x;
	}
	return OK;
}

enum rc kernel_neg_f64(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		       struct column *out)
{
	(void)r, (void)n;
	FOR_ROWS(i, rows)
		out->f64[i] = -arg[0].f64[i & arg[0].mask];
	return OK;
}

enum rc kernel_abs_f64(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		       struct column *out)
{
	(void)r, (void)n;
	FOR_ROWS(i, rows)
		out->f64[i] = __builtin_fabs(arg[0].f64[i & arg[0].mask]);
	return OK;
}

/* Unsigned division by an invariant d: q = (t + ((v - t) >> 1)) >> (l - 1) with t = high(m * v)
 * (Granlund and Montgomery 1994, figure 4.1). d > 1. */
struct divider {
	uint64_t m, d;
	unsigned shift;
};

static struct divider divider_of(uint64_t d)
{
	unsigned l = 64 - (unsigned)__builtin_clzll(d - 1);
	unsigned __int128 two_l = (unsigned __int128)1 << l;
	return (struct divider){(uint64_t)(((two_l - d) << 64) / d) + 1, d, l - 1};
}

INLINE uint64_t divider_rest(struct divider k, uint64_t v)
{
	uint64_t t = (uint64_t)(((unsigned __int128)k.m * v) >> 64);
	return v - ((t + ((v - t) >> 1)) >> k.shift) * k.d;
}

/* Pointers of its own: the compiler need not read them again after each store. */
static void divide_all(struct divider k, int64_t *restrict to, const int64_t *restrict from,
		       uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = (int64_t)divider_rest(k, splitmix64((uint64_t)from[i]));
}

enum rc kernel_splitmix64(struct run *r, const struct node *n, struct rows rows,
			  const struct val *arg, struct column *out)
{
	(void)n;
	const struct val *a = &arg[0], *b = &arg[1];
	if (val_is_const(b) && b->i64[0] > 1) {
		struct divider k = divider_of((uint64_t)b->i64[0]);
		if (!rows.idx && !val_is_const(a)) {
			divide_all(k, out->i64, a->i64, rows.n);
			return OK;
		}
		FOR_ROWS(i, rows) {
			uint64_t v = splitmix64((uint64_t)a->i64[i & a->mask]);
			out->i64[i] = (int64_t)divider_rest(k, v);
		}
		return OK;
	}
	FOR_ROWS(i, rows) {
		int64_t m = b->i64[i & b->mask];
		if (m <= 0)
			return run_fail(r, i, "splitmix64(i, %lld): the second argument must be "
					      "positive", (long long)m);
		out->i64[i] = (int64_t)(splitmix64((uint64_t)a->i64[i & a->mask]) % (uint64_t)m);
	}
	return OK;
}
