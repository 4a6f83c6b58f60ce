/* w8.c - a filter, four expressions and a case over five columns, with SQL's checks: int64 overflow
 * is an error, so is float64 overflow, underflow and division by zero; null gives null.
 * One thread, batches of 1,024 rows of columns. All rows are worked out, four at a time and without
 * a branch; faults count only where the filter lets a row through. Products of int64 are 32-bit
 * multiplications as long as all factors of the batch fit; otherwise the batch is done over again
 * slowly. --generate-only makes the columns and does nothing with them. */
#include "checksum.h"
#include "ints.h"

#include <math.h>
#include <string.h>

#define JOB                                                                                        \
	"{\"fields\": {\"a\": \"splitmix64(i, 1000000)\", \"b\": \"i % 1000\", "                   \
	"\"c\": \"nullif(i % 64, 0)\", \"x\": \"cast(splitmix64(i, 4096) as double precision)\", " \
	"\"y\": \"cast(i % 10000 as double precision)\"}, "                                        \
	"\"filter\": \"b >= 100 and x < 4000.0\", "                                                \
	"\"select\": {\"t\": \"a * b + c\", \"u\": \"(a - b) * 3\", \"v\": \"x * y + 0.5\", "      \
	"\"w\": \"x / (y + 1.0)\", \"z\": "                                                        \
	"\"case when c is null then 0 when a > 500000 then a - b else b - a end\"}}"

struct in {
	_Alignas(64) int64_t a[BATCH], b[BATCH], c[BATCH];
	double x[BATCH], y[BATCH];
	uint64_t c_valid[BATCH / 64];
};

struct out {
	_Alignas(64) int64_t t[BATCH], u[BATCH], z[BATCH];
	double v[BATCH], w[BATCH];
	uint64_t t_valid[BATCH / 64], pass[BATCH / 64];
};

/* The columns of rows first .. first + BATCH - 1. */
static void make(struct in *in, uint64_t first, struct divider million)
{
	uint64_t b = first % 1000, y = first % 10000;
	memset(in->c_valid, 0, sizeof in->c_valid);
	for (uint32_t i = 0; i < BATCH; i++) {
		uint64_t m = mix(first + i), c = (first + i) % 64;
		in->a[i] = (int64_t)divider_rest(million, m);
		in->x[i] = (double)(int64_t)(m % 4096);
		in->c[i] = (int64_t)c;
		in->c_valid[i / 64] |= (uint64_t)(c != 0) << i % 64;
		in->b[i] = (int64_t)b;
		in->y[i] = (double)(int64_t)y;
		b = b == 999 ? 0 : b + 1;
		y = y == 9999 ? 0 : y + 1;
	}
}

/* ---- four rows ---- */

static inline __m256i bits_x4(uint32_t bits)
{
	__m256i lane = _mm256_set_epi64x(8, 4, 2, 1);
	return _mm256_cmpeq_epi64(_mm256_and_si256(x4(bits), lane), lane);
}

static inline __m256i load_x4(const int64_t *from)
{
	return _mm256_load_si256((const __m256i *)from);
}

static inline void store_x4(int64_t *to, __m256i v)
{
	_mm256_store_si256((__m256i *)to, v);
}

/* In the sign: whether it does not fit 32 bits. */
static inline __m256i wide_x4(__m256i v)
{
	__m256i up = _mm256_add_epi64(v, x4(1u << 31));
	return _mm256_cmpgt_epi64(_mm256_srli_epi64(up, 32), _mm256_setzero_si256());
}

static inline __m256i odd_x4(__m256d z)
{
	__m256d same = _mm256_cmp_pd(_mm256_sub_pd(z, z), _mm256_setzero_pd(), _CMP_EQ_OQ);
	return _mm256_xor_si256(_mm256_castpd_si256(same), x4(~0ull));
}

static inline __m256i is_zero_x4(__m256d z)
{
	return _mm256_castpd_si256(_mm256_cmp_pd(z, _mm256_setzero_pd(), _CMP_EQ_OQ));
}

/* What a batch has shown: in the signs. */
struct faults {
	__m256i wide, bad;
};

static inline void rows_x4(const struct in *in, uint32_t i, struct out *to, struct faults *f)
{
	__m256i a = load_x4(in->a + i), b = load_x4(in->b + i), c = load_x4(in->c + i);
	__m256d x = _mm256_load_pd(in->x + i), y = _mm256_load_pd(in->y + i);
	uint32_t valid_bits = in->c_valid[i / 64] >> i % 64 & 15;
	__m256i valid = bits_x4(valid_bits);
	__m256i low = _mm256_cmpgt_epi64(x4(100), b);
	__m256i less = _mm256_castpd_si256(_mm256_cmp_pd(x, _mm256_set1_pd(4000), _CMP_LT_OQ));
	__m256i pass = _mm256_andnot_si256(low, less);
	__m256i d = _mm256_sub_epi64(a, b), e = _mm256_sub_epi64(b, a);
	__m256i d_bad = _mm256_and_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(a, d));
	__m256i e_bad = _mm256_and_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(b, e));
	/* t = a * b + c */
	__m256i ab = _mm256_mul_epi32(a, b), t = _mm256_add_epi64(ab, c);
	__m256i t_bad = _mm256_and_si256(_mm256_xor_si256(ab, t), _mm256_xor_si256(c, t));
	__m256i bad = _mm256_or_si256(_mm256_and_si256(t_bad, valid), d_bad);
	store_x4(to->t + i, t);
	/* u = (a - b) * 3 */
	store_x4(to->u + i, _mm256_mul_epi32(d, x4(3)));
	__m256i wide = _mm256_or_si256(_mm256_or_si256(wide_x4(a), wide_x4(b)), wide_x4(d));
	/* v = x * y + 0.5 */
	__m256d xy = _mm256_mul_pd(x, y), v = _mm256_add_pd(xy, _mm256_set1_pd(0.5));
	__m256i x_is_0 = is_zero_x4(x), under = _mm256_andnot_si256(x_is_0, is_zero_x4(xy));
	bad = _mm256_or_si256(bad, _mm256_andnot_si256(is_zero_x4(y), under));
	bad = _mm256_or_si256(bad, odd_x4(v));
	_mm256_store_pd(to->v + i, v);
	/* w = x / (y + 1) */
	__m256d w = _mm256_div_pd(x, _mm256_add_pd(y, _mm256_set1_pd(1)));
	bad = _mm256_or_si256(bad, _mm256_andnot_si256(x_is_0, is_zero_x4(w)));
	bad = _mm256_or_si256(bad, odd_x4(w));
	_mm256_store_pd(to->w + i, w);
	/* z = case when c is null then 0 when a > 500000 then a - b else b - a end */
	__m256i first = _mm256_cmpgt_epi64(a, x4(500000));
	__m256i z = _mm256_and_si256(_mm256_blendv_epi8(e, d, first), valid);
	bad = _mm256_or_si256(bad, _mm256_and_si256(_mm256_andnot_si256(first, e_bad), valid));
	store_x4(to->z + i, z);
	f->bad = _mm256_or_si256(f->bad, _mm256_and_si256(bad, pass));
	f->wide = _mm256_or_si256(f->wide, _mm256_and_si256(wide, pass));
	uint64_t passes = (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(pass));
	to->pass[i / 64] |= passes << i % 64;
	to->t_valid[i / 64] |= (uint64_t)valid_bits << i % 64;
}

/* One row, exactly; false: it is a fault. */
static bool row(const struct in *in, uint32_t i, struct out *to)
{
	int64_t d = 0, e = 0, ab = 0;
	double x = in->x[i], y = in->y[i], xy = x * y, y1 = y + 1;
	bool valid = in->c_valid[i / 64] >> i % 64 & 1, bad = false;
	bool d_bad = __builtin_sub_overflow(in->a[i], in->b[i], &d);
	bool e_bad = __builtin_sub_overflow(in->b[i], in->a[i], &e);
	bad |= __builtin_mul_overflow(in->a[i], in->b[i], &ab);
	bad |= __builtin_add_overflow(ab, in->c[i], &to->t[i]) && valid;
	bad |= d_bad || __builtin_mul_overflow(d, 3, &to->u[i]);
	to->v[i] = xy + 0.5;
	to->w[i] = x / y1;
	bad |= !isfinite(xy) || (xy == 0 && x != 0 && y != 0) || !isfinite(to->v[i]);
	bad |= !isfinite(to->w[i]) || (to->w[i] == 0 && x != 0);
	to->z[i] = !valid ? 0 : in->a[i] > 500000 ? d : e;
	return !bad && !(valid && in->a[i] <= 500000 && e_bad);
}

static void evaluate(const struct in *in, uint32_t n, struct out *to)
{
	struct faults f = {x4(0), x4(0)};
	memset(to->pass, 0, sizeof to->pass);
	memset(to->t_valid, 0, sizeof to->t_valid);
	for (uint32_t i = 0; i < BATCH; i += 4)
		rows_x4(in, i, to, &f);
	for (uint32_t i = n; i < BATCH; i++) /* of the last batch */
		to->pass[i / 64] &= ~(1ull << i % 64);
	__m256i fault = _mm256_or_si256(f.bad, f.wide);
	if (!_mm256_movemask_pd(_mm256_castsi256_pd(fault)))
		return;
	for (uint32_t i = 0; i < n; i++)
		if (to->pass[i / 64] >> i % 64 & 1 && !row(in, i, to))
			die("row %u of a batch is out of range", i);
}

static inline __m256i fold_in(__m256i h, const void *column)
{
	return fold64_x4(_mm256_xor_si256(h, _mm256_load_si256((const __m256i *)column)));
}

/* -0.0 counts as 0.0; there are no NaNs. */
static inline __m256i fold_in_float(__m256i h, const double *column)
{
	__m256d v = _mm256_add_pd(_mm256_load_pd(column), _mm256_setzero_pd());
	return fold64_x4(_mm256_xor_si256(h, _mm256_castpd_si256(v)));
}

/* Of the rows that passed: t u v w z, t with nulls. */
static uint64_t check(const struct out *o)
{
	__m256i sum = x4(0);
	for (uint32_t i = 0; i < BATCH; i += 4) {
		__m256i seed = x4(CHECKSUM_SEED), valid = bits_x4(o->t_valid[i / 64] >> i % 64 & 15);
		__m256i some = _mm256_xor_si256(seed, load_x4(o->t + i));
		__m256i h = fold64_x4(_mm256_blendv_epi8(x4(~CHECKSUM_SEED), some, valid));
		h = fold_in(h, o->u + i);
		h = fold_in_float(h, o->v + i);
		h = fold_in_float(h, o->w + i);
		h = fold_in(h, o->z + i);
		h = _mm256_and_si256(h, bits_x4(o->pass[i / 64] >> i % 64 & 15));
		sum = _mm256_add_epi64(sum, h);
	}
	return sum_x4(sum);
}

int work_w8(const struct options *o)
{
	struct in *in = pages(sizeof *in, true);
	struct out *out = pages(sizeof *out, true);
	struct answer a = {.records = o->rows};
	struct divider million = divider_of(1000000);
	struct began began = began_now();
	for (uint64_t first = 0; first < o->rows; first += BATCH) {
		uint64_t left = o->rows - first;
		make(in, first, million);
		__asm__ volatile("" ::: "memory"); /* they are made, used or not */
		if (o->generate_only)
			continue;
		evaluate(in, left < BATCH ? (uint32_t)left : BATCH, out);
		for (uint32_t i = 0; i < BATCH / 64; i++)
			a.distinct += (uint64_t)__builtin_popcountll(out->pass[i]);
		if (!o->no_checksum)
			a.checksum += check(out);
		__asm__ volatile("" ::: "memory");
	}
	answer_took(&a, began);
	answer_print("w8", o, &a);
	printf(", \"passed\": %llu, \"job\": %s", (unsigned long long)a.distinct, JOB);
	return 0;
}
