/* kernels_divide.c - int64 division and remainder, and splitmix64(i, n): by any divisor, and by a
 * constant one without dividing. The keys of a generated stream are remainders.
 *
 * By a constant d, for each row x (its sign is put back afterwards):
 *   d = 2^k            shift and mask
 *   with AVX2          q = x * (1 / d) in floating point, rounded to a whole number: off by at most
 *                      one, to the side on which the rest x - q d is negative. For d < 2^31.
 *   else               Granlund and Montgomery's multiplication by a reciprocal of 65 bits */
#include "base/rng.h"
#include "operators/kernels.h"
#include "operators/lanes.h"

/* d > 0. */
struct divider {
	uint64_t d, m;
	unsigned shift;
	double inverse;
};

/* Granlund and Montgomery 1994, figure 4.1. For d > 1. */
static struct divider divider_of(uint64_t d)
{
	struct divider k = {.d = d, .inverse = 1 / (double)d};
	if (d > 1) {
		unsigned l = 64 - (unsigned)__builtin_clzll(d - 1);
		unsigned __int128 two_l = (unsigned __int128)1 << l;
		k.m = (uint64_t)(((two_l - d) << 64) / d) + 1;
		k.shift = l - 1;
	}
	return k;
}

INLINE uint64_t divider_quotient(struct divider k, uint64_t v)
{
	uint64_t t = (uint64_t)(((unsigned __int128)k.m * v) >> 64);
	return (t + ((v - t) >> 1)) >> k.shift;
}

static bool is_power(uint64_t d)
{
	return !(d & (d - 1));
}

/* --- by floating point, four rows at a time --- */

#define TWO_52 0x1p52 /* from here to 2^53 the lowest bits are a whole number */
typedef int32_t lanes_i32 __attribute__((vector_size(32), may_alias));
#define LOW_52 0x000FFFFFFFFFFFFF
#define LOW_32 0xFFFFFFFF

/* The product of what the lanes hold in their low 32 bits; only in functions of TARGET_V3. */
#ifdef __x86_64__
#define LANES_MUL_32(x, y) ((lanes_u64)_mm256_mul_epu32((__m256i)(x), (__m256i)(y)))
#else
#define LANES_MUL_32(x, y) (((x) & LOW_32) * ((y) & LOW_32))
#endif

/* From v and v as a floating point number: q = v / d and rest = v - q d, exactly. v / d < 2^52,
 * d < 2^31, and v * (1 / d) is less than 3/8 off. */
#define LANES_DIVIDE(v, v_f64, inverse, d, q, rest)                                                \
	do {                                                                                       \
		q = (lanes_u64)((v_f64) * (inverse) + LANES_OF(lanes_f64, TWO_52)) & LOW_52;       \
		rest = (v) - LANES_MUL_32(q, d) - (LANES_MUL_32(q >> 32, d) << 32);                \
		lanes_u64 over_ = (lanes_u64)((lanes_i64)rest < 0);                                \
		rest += over_ & (d);                                                               \
		q += over_;                                                                        \
	} while (0)

#define STRETCH 128 /* rows tried before giving up on large numbers */

/* Numbers below 2^51 in absolute value are exact, and the quotient is off by 2 roundings of 2^-53:
 * less than 2^51 / d * 2^-52. Returns how many rows were done; the next ones are larger. */
TARGET_V3 INLINE uint32_t divide_lanes(struct divider k, bool want_rest, bool negative, int64_t *to,
				       const int64_t *from, uint32_t n)
{
	const lanes_f64 inverse = LANES_OF(lanes_f64, k.inverse);
	const lanes_u64 d = LANES_OF(lanes_u64, k.d);
	const lanes_u64 flip = LANES_OF(lanes_u64, negative && !want_rest ? ~0ull : 0);
	for (uint32_t i = 0; i < n; i += STRETCH) {
		lanes_u64 large = {0};
		uint32_t end = n - i < STRETCH ? n : i + STRETCH;
		for (uint32_t j = i; j < end; j += LANES) {
			lanes_i64 x = *(const lanes_i64 *)&from[j];
			lanes_u64 sign = (lanes_u64)(x < 0);
			lanes_u64 v = ((lanes_u64)x ^ sign) - sign, q, rest;
			lanes_f64 f = (lanes_f64)(v | LANES_TWO_52) - LANES_OF(lanes_f64, TWO_52);
			large |= v;
			LANES_DIVIDE(v, f, inverse, d, q, rest);
			sign ^= flip;
			*(lanes_u64 *)&to[j] = ((want_rest ? rest : q) ^ sign) - sign;
		}
		if ((large[0] | large[1] | large[2] | large[3]) >> 51)
			return i;
	}
	return n;
}

TARGET_V3 static uint32_t divide_v3(struct divider k, bool want_rest, bool negative, int64_t *to,
				    const int64_t *from, uint32_t n)
{
	return want_rest ? divide_lanes(k, true, negative, to, from, n)
			 : divide_lanes(k, false, negative, to, from, n);
}

/* --- whole columns by a constant --- */

INLINE int64_t with_sign(uint64_t v, int64_t sign)
{
	return (int64_t)((v ^ (uint64_t)sign) - (uint64_t)sign);
}

INLINE void divide_power(uint64_t d, bool want_rest, bool negative, int64_t *restrict to,
			 const int64_t *from, uint32_t n)
{
	unsigned k = (unsigned)__builtin_ctzll(d);
	for (uint32_t i = 0; i < n; i++) {
		int64_t sign = from[i] >> 63;
		uint64_t v = ((uint64_t)from[i] ^ (uint64_t)sign) - (uint64_t)sign;
		to[i] = want_rest ? with_sign(v & (d - 1), sign)
				  : with_sign(v >> k, negative ? ~sign : sign);
	}
}

INLINE void divide_any(struct divider k, bool want_rest, bool negative, int64_t *restrict to,
		       const int64_t *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int64_t sign = from[i] >> 63;
		uint64_t v = ((uint64_t)from[i] ^ (uint64_t)sign) - (uint64_t)sign;
		uint64_t q = divider_quotient(k, v);
		to[i] = want_rest ? with_sign(v - q * k.d, sign)
				  : with_sign(q, negative ? ~sign : sign);
	}
}

INLINE void divide_ways(struct divider k, bool want_rest, bool negative, int64_t *to,
			const int64_t *from, uint32_t n)
{
	if (is_power(k.d) && want_rest)
		divide_power(k.d, true, negative, to, from, n);
	else if (is_power(k.d))
		divide_power(k.d, false, negative, to, from, n);
	else if (want_rest)
		divide_any(k, true, negative, to, from, n);
	else
		divide_any(k, false, negative, to, from, n);
}

static void divide_base(struct divider k, bool want_rest, bool negative, int64_t *to,
			const int64_t *from, uint32_t n)
{
	divide_ways(k, want_rest, negative, to, from, n);
}

TARGET_V3 static void divide_powers_v3(struct divider k, bool want_rest, bool negative, int64_t *to,
				       const int64_t *from, uint32_t n)
{
	divide_ways(k, want_rest, negative, to, from, n);
}

/* from[i] / y or from[i] % y: y is not 0, and -1 only where no row is INT64_MIN. */
static void divide_column(enum simd simd, int64_t y, bool want_rest, int64_t *to,
			  const int64_t *from, uint32_t n)
{
	struct divider k = divider_of(y < 0 ? -(uint64_t)y : (uint64_t)y);
	uint32_t done = 0;
	if (simd < SIMD_V3) {
		divide_base(k, want_rest, y < 0, to, from, n);
		return;
	}
	if (!is_power(k.d) && k.d < 1u << 31)
		done = divide_v3(k, want_rest, y < 0, to, from, n);
	if (done < n)
		divide_powers_v3(k, want_rest, y < 0, to + done, from + done, n - done);
}

/* --- the kernels --- */

static enum rc divide_rows(struct run *r, struct rows rows, bool want_rest, const struct val *a,
			   const struct val *b, struct column *out)
{
	FOR_ROWS(i, rows) {
		int64_t x = a->i64[i & a->mask], y = b->i64[i & b->mask];
		if (column_is_null(out, i))
			continue;
		if ((uint64_t)y + 1 > 1) { /* neither -1 nor 0 */
			out->i64[i] = want_rest ? x % y : x / y;
			continue;
		}
		if (y == 0)
			return run_fail(r, i, "division by zero");
		if (want_rest) {
			out->i64[i] = 0; /* INT64_MIN % -1 traps */
			continue;
		}
		if (x == INT64_MIN)
			return run_fail(r, i, "%lld / -1 is out of range for int64", (long long)x);
		out->i64[i] = -x;
	}
	return OK;
}

static enum rc divide(struct run *r, struct rows rows, bool want_rest, const struct val *a,
		      const struct val *b, struct column *out)
{
	if (rows.idx || val_is_const(a) || !val_is_const(b) || (uint64_t)b->i64[0] + 1 <= 1)
		return divide_rows(r, r->asked, want_rest, a, b, out);
	divide_column(r->x->simd, b->i64[0], want_rest, out->i64, a->i64, rows.n);
	return OK;
}

enum rc kernel_div_i64(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		       struct column *out)
{
	(void)n;
	return divide(r, rows, false, &arg[0], &arg[1], out);
}

enum rc kernel_mod_i64(struct run *r, const struct node *n, struct rows rows, const struct val *arg,
		       struct column *out)
{
	(void)n;
	return divide(r, rows, true, &arg[0], &arg[1], out);
}

/* --- splitmix64(i, n) --- */

/* x % d for any 64-bit x and d of SPLIT_LANES_MIN and more, below 2^31. The quotient is taken of
 * the upper 52 bits, which are a floating point number at once: it is too small by up to 2^12 / d,
 * a sixth, and off by another twelfth, since 1 / d is rounded (2^64 / d * 2^-53). So, to a whole
 * number, it is off by at most one, and the rest lies between -d and d: its lower 32 bits say
 * everything, and no more of the quotient counts than those either. */
#define SPLIT_LANES_MIN 24576

TARGET_V3 INLINE lanes_u64 rest_lanes(lanes_u64 x, lanes_f64 inverse_4096, lanes_u64 d)
{
	lanes_f64 f = (lanes_f64)(x >> 12 | LANES_TWO_52) - LANES_OF(lanes_f64, TWO_52);
	lanes_u64 q = (lanes_u64)(f * inverse_4096 + LANES_OF(lanes_f64, TWO_52));
	lanes_i32 rest = (lanes_i32)(x - LANES_MUL_32(q, d));
	return (lanes_u64)(rest + (rest >> 31 & (lanes_i32)d)) & LOW_32;
}

/* In two loops: a processor looks a few dozen instructions ahead, which is less than one quartet's
 * chain of products; two short chains overlap with their neighbours'. */
TARGET_V3 static void split_lanes_v3(struct divider k, int64_t *to, const int64_t *from, uint32_t n)
{
	const lanes_f64 inverse = LANES_OF(lanes_f64, k.inverse * 4096);
	const lanes_u64 d = LANES_OF(lanes_u64, k.d);
	for (uint32_t at = 0; at < n; at += STRETCH) {
		uint32_t end = n - at < STRETCH ? n : at + STRETCH;
		for (uint32_t i = at; i < end; i += LANES) { /* splitmix64() */
			lanes_u64 x = *(const lanes_u64 *)&from[i] + 0x9E3779B97F4A7C15u;
			x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
			*(lanes_u64 *)&to[i] = x ^ (x >> 27);
		}
		for (uint32_t i = at; i < end; i += LANES) {
			lanes_u64 x = *(const lanes_u64 *)&to[i] * 0x94D049BB133111EBu;
			*(lanes_u64 *)&to[i] = rest_lanes(x ^ (x >> 31), inverse, d);
		}
	}
}

INLINE void split_ways(struct divider k, int64_t *restrict to, const int64_t *from, uint32_t n)
{
	if (is_power(k.d)) {
		for (uint32_t i = 0; i < n; i++)
			to[i] = (int64_t)(splitmix64((uint64_t)from[i]) & (k.d - 1));
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint64_t v = splitmix64((uint64_t)from[i]);
		to[i] = (int64_t)(v - divider_quotient(k, v) * k.d);
	}
}

TARGET_V3 static void split_v3(struct divider k, int64_t *to, const int64_t *from, uint32_t n)
{
	split_ways(k, to, from, n);
}

static void split_base(struct divider k, int64_t *to, const int64_t *from, uint32_t n)
{
	split_ways(k, to, from, n);
}

enum rc kernel_splitmix64(struct run *r, const struct node *n, struct rows rows,
			  const struct val *arg, struct column *out)
{
	(void)n;
	const struct val *a = &arg[0], *b = &arg[1];
	if (!rows.idx && !val_is_const(a) && val_is_const(b) && b->i64[0] > 0) {
		struct divider k = divider_of((uint64_t)b->i64[0]);
		if (r->x->simd < SIMD_V3)
			split_base(k, out->i64, a->i64, rows.n);
		else if (!is_power(k.d) && k.d >= SPLIT_LANES_MIN && k.d < 1u << 31)
			split_lanes_v3(k, out->i64, a->i64, rows.n);
		else
			split_v3(k, out->i64, a->i64, rows.n);
		return OK;
	}
	FOR_ROWS(i, r->asked) {
		int64_t m = b->i64[i & b->mask];
		if (column_is_null(out, i))
			continue;
		if (m <= 0)
			return run_fail(r, i, "splitmix64(i, %lld): the second argument must be "
					      "positive", (long long)m);
		out->i64[i] = (int64_t)(splitmix64((uint64_t)a->i64[i & a->mask]) % (uint64_t)m);
	}
	return OK;
}
