/* test_kernels.c - numeric kernels: each level of vector instructions gives the plain one's bits,
 * and integers are what wider integers say, at every edge. */
#include "operators/expr_node.h"
#include "tests/unit/operators/expr_rig.h"

#include "base/rng.h"

#include <math.h>

static int64_t edge_i64(struct rng *rng)
{
	static const int64_t edges[] = {0,
					1,
					-1,
					2,
					INT64_MIN,
					INT64_MIN + 1,
					INT64_MAX,
					INT32_MAX,
					INT32_MIN,
					(int64_t)INT32_MAX + 1,
					(int64_t)INT32_MIN - 1,
					(1ll << 51) - 1,
					1ll << 51,
					-(1ll << 51),
					(1ll << 52) + 1,
					3037000500};
	if (rng_below(rng, 3) == 0)
		return edges[rng_below(rng, sizeof edges / sizeof *edges)];
	return (int64_t)rng_next(rng) >> rng_below(rng, 64);
}

static double edge_f64(struct rng *rng)
{
	static const double edges[] = {0.0, -0.0,    1.0,	 -1.5,	    INFINITY, -INFINITY,
				       NAN, 1.7e308, -1.7e308, 2.3e-308, 5e-324,   1e-200};
	if (rng_below(rng, 3) == 0)
		return edges[rng_below(rng, sizeof edges / sizeof *edges)];
	return ((double)(int64_t)rng_next(rng)) / 4096;
}

/* What a round's numbers are like: all kinds, or such that few results are errors. */
static void fill_column(struct rng *rng, struct column *c, bool wild)
{
	for (uint32_t i = 0; i < BATCH_ROWS; i++) {
		if (c->type == T_BOOL)
			bit_set(c->bits, i); /* below */
		else if (c->type == T_FLOAT64)
			c->f64[i] = wild ? edge_f64(rng) : 1 + (double)rng_below(rng, 1000) / 8;
		else
			c->i64[i] = wild ? edge_i64(rng) : (int64_t)rng_below(rng, 2000) - 999;
	}
	for (uint32_t w = 0; c->type == T_BOOL && w < VALID_WORDS; w++)
		c->bits[w] = rng_next(rng);
	uint64_t kind = rng_below(rng, 4);
	c->has_valid = kind != 0;
	for (uint32_t w = 0; w < VALID_WORDS; w++)
		c->valid[w] = kind == 1 ? ~0ull : kind == 2 ? rng_next(rng) : rng_next(rng) | ~1ull << 7;
}

static void fill(struct rng *rng, struct rig *r)
{
	uint64_t odds = 1 + rng_below(rng, 8);
	r->b->rows = rng_below(rng, 3) ? 1 + (uint32_t)rng_below(rng, BATCH_ROWS) : BATCH_ROWS;
	bool wild = rng_below(rng, 2);
	for (uint32_t i = 0; i < r->b->n_cols; i++) {
		fill_column(rng, r->b->col[i], wild);
		r->b->col[i]->rows = r->b->rows;
	}
	r->b->selected = rng_below(rng, 2);
	r->b->n_sel = 0;
	for (uint32_t i = 0; r->b->selected && i < r->b->rows; i++)
		if (rng_below(rng, odds) == 0)
			r->b->sel[r->b->n_sel++] = (uint16_t)i;
}

static bool same_value(const struct column *a, const struct column *b, uint32_t i)
{
	switch (a->type) {
	case T_BOOL:
		return bit_get(a->bits, i) == bit_get(b->bits, i);
	case T_FLOAT64:
		return (isnan(a->f64[i]) && isnan(b->f64[i])) || a->i64[i] == b->i64[i];
	default:
		return a->i64[i] == b->i64[i];
	}
}

static void expect_same(const struct rig *r, const char *text, const struct column *a,
			const struct column *b)
{
	for (uint32_t k = 0; k < batch_count(r->b); k++) {
		uint32_t i = r->b->selected ? r->b->sel[k] : k;
		bool null = column_is_null(a, i);
		if (null != column_is_null(b, i) || (!null && !same_value(a, b, i)))
			fail_msg("%s: row %u of %u differs", text, i, r->b->rows);
	}
}

/* Returns whether there was an error, the same on both levels. */
static bool compare_levels(struct rig *r, const char *text)
{
	struct expr *x = rig_compile(r, text);
	x->simd = SIMD_BASE;
	struct column *plain = rig_eval(r, x);
	char says[sizeof r->e.text];
	uint32_t bad_row = r->bad_row;
	strcpy(says, r->e.text);
	x->simd = simd_have();
	struct column *fast = rig_eval(r, x);
	EXPECT(!plain == !fast);
	if (plain)
		expect_same(r, text, plain, fast);
	else if (bad_row != r->bad_row || strcmp(says, r->e.text))
		fail_msg("%s: '%s' in row %u, not '%s' in row %u", text, r->e.text, r->bad_row, says,
			 bad_row);
	bool failed = !plain;
	column_drop(plain);
	column_drop(fast);
	expr_close(x);
	return failed;
}

static const char *const texts[] = {
	"x + y", "x - y", "x * y", "x + 7", "7 - x", "x * 3", "x * 5000000000", "3000000000 * x",
	"-x", "abs(x)", "x / 7", "x % 7", "x / -256", "x % 256", "x % 1000000007", "7 % x", "x / y",
	"splitmix64(x, 1000000)", "splitmix64(x, 1000)", "splitmix64(x, 4096)",
	"splitmix64(x, 5000000000)", "splitmix64(x, y)", "f + g", "f - g", "f * g", "f / g", "f * 2.5",
	"2.5 / f", "f + 1e308", "-f", "abs(f)", "x = y", "x <> 3", "x < y", "x <= 0", "0 < x",
	"x >= y", "f = g", "f <> 1.5", "f < g", "f <= g", "f > 2.5", "2.5 > f", "f >= g",
	"f = 'nan'::float8", "f < 'nan'::float8", "case when x > 0 then x else y end",
	"case when x > 0 then f when y < 5 then g + 1.0 end", "case when b then 1 when c then 2 end",
	"case when x <> 0 then y / x when y <> 0 then x % y else -1 end",
	"case x when 0 then y when 1 then -1 when y then x + 1 end", "coalesce(x, y, 0)",
	"coalesce(x, y)", "coalesce(x / nullif(y, 0), x - 1)", "nullif(x, y)", "nullif(x, 0)",
	"nullif(0, x)", "nullif(f, g)", "nullif(b, c)", "coalesce(b, c)", "greatest(x, y, 5)",
	"least(f, g)", "x::float8", "f::bigint", "x::bool", "b::int", "b and x > 0 or c",
	"case when b then c else x > y end", "case when x > y then null else x end",
};

TEST(every_level_gives_the_plain_ones_bits)
{
	struct rig r;
	struct rng rng;
	unsigned failed = 0, all = 0;
	rng_seed(&rng, 8);
	print_message("seed 8, level %d\n", (int)simd_have());
	rig_open(&r, "x int64, y int64, f float64, g float64, b bool, c bool");
	for (unsigned round = 0; round < 24; round++)
		for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
			fill(&rng, &r);
			failed += compare_levels(&r, texts[t]);
			all++;
		}
	print_message("%u batches, %u with an error\n", all, failed);
	EXPECT(failed > all / 50 && failed < all / 2);
	rig_close(&r);
}

/* --- integers against wider ones --- */

static const int64_t divisors[] = {1,	    -1,	     2,		  -2,	      3,	  -3,
				   7,	    10,	     -10,	  256,	      -1024,	  1000,
				   24575,   24576,   24577,	  1000000,    -1000000,	  INT32_MAX - 1,
				   INT32_MAX, 1ll << 31, (1ll << 31) + 1, 10000000000, 1ll << 62,
				   INT64_MAX, INT64_MIN, INT64_MIN + 1};

/* Near multiples of d, where a rounded quotient would be wrong; INT64_MIN / -1 is none. */
static int64_t near_multiple(struct rng *rng, int64_t d)
{
	int64_t x = edge_i64(rng);
	__int128 near = (__int128)(x / (d == -1 ? 1 : d)) * d + (int64_t)rng_below(rng, 3) - 1;
	if (rng_below(rng, 2) || near > INT64_MAX || near <= INT64_MIN)
		near = x;
	return near == INT64_MIN && d == -1 ? 0 : (int64_t)near;
}

static struct column *eval_at(struct rig *r, enum simd simd, const char *text)
{
	struct expr *x = rig_compile(r, text);
	x->simd = simd;
	struct column *c = rig_eval(r, x);
	if (!c)
		fail_msg("%s: %s", text, r->e.text);
	expr_close(x);
	return c;
}

static void check_divisor(struct rig *r, struct rng *rng, enum simd simd, int64_t d)
{
	struct column *x = r->b->col[0];
	char text[100];
	for (uint32_t i = 0; i < BATCH_ROWS; i++)
		x->i64[i] = near_multiple(rng, d);
	if (rng_below(rng, 2)) /* none is large */
		for (uint32_t i = 0; i < BATCH_ROWS; i++)
			x->i64[i] = x->i64[i] % (1ll << 51);
	snprintf(text, sizeof text, "x / (%lld)", (long long)d);
	if (d == INT64_MIN) /* a literal without its sign would not be one */
		snprintf(text, sizeof text, "x / '%lld'::bigint", (long long)d);
	struct column *q = eval_at(r, simd, text);
	*strchr(text, '/') = '%';
	struct column *rest = eval_at(r, simd, text);
	for (uint32_t i = 0; i < BATCH_ROWS; i++)
		if (q->i64[i] != (int64_t)((__int128)x->i64[i] / d) ||
		    rest->i64[i] != (int64_t)((__int128)x->i64[i] % d))
			fail_msg("%lld by %lld: %lld rest %lld", (long long)x->i64[i], (long long)d,
				 (long long)q->i64[i], (long long)rest->i64[i]);
	column_drop(q);
	column_drop(rest);
}

static void rig_whole(struct rig *r, const char *fields)
{
	rig_open(r, fields);
	r->b->rows = r->b->col[0]->rows = BATCH_ROWS;
}

TEST(quotients_and_rests_are_exact)
{
	struct rig r;
	struct rng rng;
	rng_seed(&rng, 21);
	print_message("seed 21\n");
	rig_whole(&r, "x int64");
	for (unsigned round = 0; round < 12; round++) {
		for (size_t k = 0; k < sizeof divisors / sizeof *divisors; k++)
			for (enum simd s = SIMD_BASE; s <= simd_have(); s++)
				check_divisor(&r, &rng, s, divisors[k]);
		for (enum simd s = SIMD_BASE; s <= simd_have(); s++)
			check_divisor(&r, &rng, s, edge_i64(&rng) | 1);
	}
	rig_close(&r);
}

/* v such that v ^ v >> k is x. */
static uint64_t unshift(uint64_t x, unsigned k)
{
	uint64_t v = x;
	for (unsigned i = k; i < 64; i += k)
		v = x ^ v >> k;
	return v;
}

/* The number whose splitmix64 is v. */
static uint64_t unsplit(uint64_t v)
{
	v = unshift(v, 31) * 0x319642B2D24D8EC3u; /* inverses modulo 2^64 */
	v = unshift(v, 27) * 0x96DE1B173F119089u;
	return unshift(v, 30) - 0x9E3779B97F4A7C15u;
}

TEST(rests_of_splitmix64_are_exact_near_multiples)
{
	struct rig r;
	struct rng rng;
	rng_seed(&rng, 34);
	print_message("seed 34\n");
	rig_whole(&r, "x int64");
	struct column *x = r.b->col[0];
	for (unsigned round = 0; round < 200; round++) {
		uint64_t d = round < 26 ? (uint64_t)divisors[round] : rng_next(&rng) >> rng_below(&rng, 63);
		d &= INT64_MAX;
		d += !d;
		for (uint32_t i = 0; i < BATCH_ROWS; i++) {
			uint64_t v = rng_next(&rng) >> (i % 4 ? 0 : rng_below(&rng, 64));
			x->i64[i] = (int64_t)unsplit(v / d * d + rng_below(&rng, 3) - 1);
		}
		EXPECT(splitmix64(unsplit(d)) == d);
		char text[100];
		snprintf(text, sizeof text, "splitmix64(x, %llu)", (unsigned long long)d);
		for (enum simd s = SIMD_BASE; s <= simd_have(); s++) {
			struct column *c = eval_at(&r, s, text);
			for (uint32_t i = 0; i < BATCH_ROWS; i++)
				if ((uint64_t)c->i64[i] != splitmix64((uint64_t)x->i64[i]) % d)
					fail_msg("%s of %lld: %lld", text, (long long)x->i64[i],
						 (long long)c->i64[i]);
			column_drop(c);
		}
	}
	rig_close(&r);
}

/* The first row whose result does not fit, by 128-bit arithmetic; and every result before it. */
static void check_wide(struct rig *r, enum simd simd, const char *text, char op)
{
	struct expr *e = rig_compile(r, text);
	e->simd = simd;
	struct column *c = rig_eval(r, e);
	uint32_t bad = 0;
	for (; bad < r->b->rows; bad++) {
		__int128 x = r->b->col[0]->i64[bad], y = r->b->col[1]->i64[bad];
		__int128 z = op == '+' ? x + y : op == '-' ? x - y : x * y;
		if (z != (int64_t)z)
			break;
		if (c)
			EXPECT(c->i64[bad] == (int64_t)z);
	}
	EXPECT(c ? bad == r->b->rows : bad == r->bad_row);
	column_drop(c);
	expr_close(e);
}

TEST(overflow_is_found_where_it_is)
{
	static const struct {
		const char *text;
		char op;
	} ops[] = {{"x + y", '+'}, {"x - y", '-'}, {"x * y", '*'}};
	struct rig r;
	struct rng rng;
	rng_seed(&rng, 55);
	print_message("seed 55\n");
	rig_whole(&r, "x int64, y int64");
	for (unsigned round = 0; round < 600; round++) {
		int64_t *x = r.b->col[0]->i64, *y = r.b->col[1]->i64;
		unsigned shift = 31 + round % 3; /* products fit, but for one row perhaps */
		r.b->rows = r.b->col[0]->rows = r.b->col[1]->rows =
			1 + (uint32_t)rng_below(&rng, BATCH_ROWS);
		for (uint32_t i = 0; i < BATCH_ROWS; i++) {
			x[i] = (int64_t)rng_next(&rng) >> shift;
			y[i] = (int64_t)rng_next(&rng) >> (64 - shift + 1);
		}
		uint32_t odd = (uint32_t)rng_below(&rng, r.b->rows);
		x[odd] = edge_i64(&rng);
		y[odd] = edge_i64(&rng);
		for (enum simd s = SIMD_BASE; s <= simd_have(); s++)
			check_wide(&r, s, ops[round % 3].text, ops[round % 3].op);
	}
	rig_close(&r);
}

/* --- rows as bits and as lists --- */

TEST(a_list_of_rows_and_its_bits_are_the_same_rows)
{
	struct rng rng;
	rng_seed(&rng, 89);
	print_message("seed 89\n");
	for (unsigned round = 0; round < 300; round++) {
		uint64_t words[VALID_WORDS], back[VALID_WORDS];
		uint16_t sel[BATCH_ROWS];
		uint32_t n_rows = 1 + (uint32_t)rng_below(&rng, BATCH_ROWS), n = 0;
		for (uint32_t w = 0; w < VALID_WORDS; w++)
			words[w] = round % 3 == 0   ? ~0ull
				   : round % 3 == 1 ? rng_next(&rng)
						    : rng_next(&rng) & rng_next(&rng) & rng_next(&rng);
		struct rows rows = rows_of_words(words, n_rows, sel);
		for (uint32_t i = 0; i < n_rows; i++)
			if (bit_get(words, i))
				EXPECT(n < rows.n && rows.idx[n++] == i);
		EXPECT(n == rows.n);
		rows_words(rows, n_rows, back);
		for (uint32_t i = 0; i < n_rows; i++)
			EXPECT(bit_get(back, i) == bit_get(words, i));
		rows_words((struct rows){NULL, n_rows}, n_rows, back);
		for (uint32_t i = 0; i < (n_rows + 63) / 64 * 64; i++)
			EXPECT(bit_get(back, i) == (i < n_rows));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_level_gives_the_plain_ones_bits),
		T(quotients_and_rests_are_exact),
		T(rests_of_splitmix64_are_exact_near_multiples),
		T(overflow_is_found_where_it_is),
		T(a_list_of_rows_and_its_bits_are_the_same_rows),
	};
	return RUN(tests);
}
