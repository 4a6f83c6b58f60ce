/* expressions.c - what expressions cost a row, beside a plain loop over the same columns: W8 of the
 * design, the generator's columns, and whatever expressions are given.
 * usage: bench_expressions [expression...]   over a, b, c, i int64 (c with nulls), x, y float64 */
#include "base/cpu.h"
#include "base/rng.h"
#include "operators/expr.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCHES 8 /* columns of several batches, as in a ring */

static const char *const fields[] = {"splitmix64(i, 1000000)", "i % 256"};
static const char *const condition = "b >= 100 and x < 4000.0";
static const char *const w8[] = {
	"a * b + c",
	"(a - b) * 3",
	"x * y + 0.5",
	"x / (y + 1.0)",
	"case when c is null then 0 when a > 500000 then a - b else b - a end",
};

struct world {
	struct mem mem;
	struct pool *pool;
	struct schema in;
	struct batch *b[BATCHES];
};

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* the machine may be busy */
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fill(struct batch *b, uint64_t first)
{
	struct column **c = b->col;
	memset(c[2]->valid, 0xFF, sizeof c[2]->valid);
	c[2]->has_valid = true;
	for (uint32_t k = 0; k < BATCH_ROWS; k++) {
		uint64_t i = first + k;
		c[0]->i64[k] = (int64_t)(splitmix64(i) % 1000000);
		c[1]->i64[k] = (int64_t)(i % 1000);
		c[2]->i64[k] = (int64_t)(i % 64);
		if (i % 64 == 0)
			bit_clear(c[2]->valid, k);
		c[3]->f64[k] = (double)(splitmix64(i) % 4096);
		c[4]->f64[k] = (double)(i % 10000);
		c[5]->i64[k] = (int64_t)i;
	}
}

static void die(const struct err *e)
{
	fprintf(stderr, "bench_expressions: %s\n", e->text);
	exit(1);
}

static void world_open(struct world *w)
{
	static const char *const names[] = {"a", "b", "c", "x", "y", "i"};
	struct err e = {0};
	mem_init(&w->mem, 0);
	if (pool_open(&w->pool, &w->mem, &e) != OK)
		die(&e);
	for (uint32_t f = 0; f < 6; f++)
		if (schema_add(&w->in, names[f], f == 3 || f == 4 ? T_FLOAT64 : T_INT64, f == 2, &e) !=
		    OK)
			die(&e);
	for (uint32_t k = 0; k < BATCHES; k++) {
		struct batch *b = w->b[k] = pool_batch(w->pool);
		b->rows = BATCH_ROWS;
		for (uint32_t f = 0; f < 6; f++) {
			b->col[b->n_cols++] = pool_column(w->pool, w->in.field[f].type);
			b->col[f]->rows = BATCH_ROWS;
		}
		fill(b, 1000000 + k * BATCH_ROWS);
	}
}

static struct expr *compile(struct world *w, const char *text)
{
	struct expr *x;
	struct err e = {0};
	if (expr_compile(&x, text, &w->in, EXPR_VALUE, &w->mem, NULL, &e) != OK)
		die(&e);
	return x;
}

/* n expressions over the selected rows of every batch; ns for each selected row. */
static double cost(struct world *w, const char *const *text, uint32_t n)
{
	struct expr *x[16];
	struct err e = {0};
	uint32_t bad_row;
	double best = 1e9;
	for (uint32_t i = 0; i < n; i++)
		x[i] = compile(w, text[i]);
	for (int round = 0; round < 5; round++) {
		uint64_t rows = 0;
		double t0 = now_ns();
		for (int turn = 0; turn < 500; turn++) {
			const struct batch *b = w->b[turn % BATCHES];
			struct column *c[16];
			for (uint32_t i = 0; i < n; i++)
				if (expr_eval(x[i], b, w->pool, &c[i], &bad_row, &e) != OK)
					die(&e);
			for (uint32_t i = n; i-- > 0;)
				column_drop(c[i]);
			rows += batch_count(b);
		}
		double ns = (now_ns() - t0) / (double)rows;
		best = ns < best ? ns : best;
	}
	for (uint32_t i = 0; i < n; i++)
		expr_close(x[i]);
	return best;
}

static double cost_filter(struct world *w)
{
	struct expr *x = compile(w, condition);
	struct err e = {0};
	uint32_t bad_row;
	double best = 1e9;
	for (int round = 0; round < 5; round++) {
		double t0 = now_ns();
		for (int turn = 0; turn < 500; turn++) {
			struct batch *b = w->b[turn % BATCHES];
			b->selected = false;
			if (expr_filter(x, b, w->pool, b->sel, &b->n_sel, &bad_row, &e) != OK)
				die(&e);
			b->selected = true;
		}
		double ns = (now_ns() - t0) / 500 / BATCH_ROWS;
		best = ns < best ? ns : best;
	}
	expr_close(x);
	return best;
}

/* --- what one would write in C: a loop over the columns for each result, all checks --- */

struct plain {
	int64_t t[BATCH_ROWS], u[BATCH_ROWS], z[BATCH_ROWS];
	double v[BATCH_ROWS], w[BATCH_ROWS];
	uint16_t sel[BATCH_ROWS];
	uint64_t t_valid[VALID_WORDS];
};

static inline bool infinite(double z)
{
	return !(fabs(z) <= DBL_MAX);
}

/* Results for all rows, whoever goes on: the compiler makes vectors of most of these loops. Returns
 * how many rows go on; bad is set if a result of one of all rows does not fit. */
TARGET_V3 static uint32_t plain_rows(const struct batch *in, struct plain *restrict out, bool *bad)
{
	const int64_t *a = in->col[0]->i64, *b = in->col[1]->i64, *c = in->col[2]->i64;
	const double *x = in->col[3]->f64, *y = in->col[4]->f64;
	const uint64_t *valid = in->col[2]->valid;
	uint32_t n = 0;
	int64_t odd = 0;
	for (uint32_t i = 0; i < BATCH_ROWS; i++) {
		out->sel[n] = (uint16_t)i;
		n += (b[i] >= 100) & (x[i] < 4000.0);
	}
	for (uint32_t i = 0; i < BATCH_ROWS; i++) {
		int64_t ab;
		odd |= __builtin_mul_overflow(a[i], b[i], &ab);
		odd |= __builtin_add_overflow(ab, c[i], &out->t[i]) & bit_get(valid, i);
	}
	memcpy(out->t_valid, valid, sizeof out->t_valid);
	for (uint32_t i = 0; i < BATCH_ROWS; i++) {
		int64_t u;
		odd |= __builtin_sub_overflow(a[i], b[i], &u);
		odd |= __builtin_mul_overflow(u, 3, &out->u[i]);
	}
	for (uint32_t i = 0; i < BATCH_ROWS; i++) {
		double xy = x[i] * y[i], v = xy + 0.5;
		odd |= infinite(xy) | infinite(v) | ((xy == 0) & (x[i] != 0) & (y[i] != 0));
		out->v[i] = v;
	}
	for (uint32_t i = 0; i < BATCH_ROWS; i++) {
		double y1 = y[i] + 1.0, w = x[i] / y1;
		odd |= infinite(y1) | infinite(w) | ((w == 0) & (x[i] != 0));
		out->w[i] = w;
	}
	for (uint32_t i = 0; i < BATCH_ROWS; i++) {
		int64_t d = (int64_t)((uint64_t)a[i] - (uint64_t)b[i]);
		odd |= ((a[i] ^ b[i]) & (a[i] ^ d)) < 0 || d == INT64_MIN;
		out->z[i] = !bit_get(valid, i) ? 0 : a[i] > 500000 ? d : -d;
	}
	*bad |= odd;
	return n;
}

static double cost_plain(struct world *w, struct plain *out)
{
	double best = 1e9;
	bool bad = false;
	for (int round = 0; round < 5; round++) {
		uint64_t rows = 0;
		double t0 = now_ns();
		for (int turn = 0; turn < 500; turn++)
			rows += plain_rows(w->b[turn % BATCHES], out, &bad);
		double ns = (now_ns() - t0) / (double)rows;
		best = ns < best ? ns : best;
	}
	if (bad) {
		fprintf(stderr, "bench_expressions: the plain loop met a result that does not fit\n");
		exit(1);
	}
	return best;
}

static struct plain plain_out;

int main(int argc, char **argv)
{
	struct world w = {0};
	world_open(&w);
	if (argc > 1) {
		for (int i = 1; i < argc; i++) {
			const char *text = argv[i];
			printf("%6.2f ns  %s\n", cost(&w, &text, 1), text);
		}
		return 0;
	}
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		printf("%6.2f ns  %s\n", cost(&w, &fields[i], 1), fields[i]);
	double filter = cost_filter(&w), kept = (double)w.b[0]->n_sel / BATCH_ROWS;
	printf("%6.2f ns  where %s (%.0f %% go on)\n", filter, condition, 100 * kept);
	for (size_t i = 0; i < sizeof w8 / sizeof *w8; i++)
		printf("%6.2f ns  %s\n", cost(&w, &w8[i], 1), w8[i]);
	double all = cost(&w, w8, sizeof w8 / sizeof *w8) + filter / kept;
	if (simd_have() < SIMD_V3) {
		printf("%6.2f ns  all of these, filtered\n", all);
		return 0; /* the plain loop is compiled for AVX2 */
	}
	double plain = cost_plain(&w, &plain_out);
	printf("%6.2f ns  all of these, filtered\n%6.2f ns  the plain loop: %.2fx\n", all, plain,
	       plain / all);
	return 0;
}
