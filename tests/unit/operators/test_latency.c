/* test_latency.c - what a histogram says is within one part in a hundred of what was measured. */
#include "base/rng.h"
#include "operators/latency.h"
#include "tests/lib/test.h"

#include "tests/lib/rows.h"

TEST(every_latency_has_a_bucket_whose_middle_is_near)
{
	uint32_t before = 0;
	for (uint64_t us = 0; us < LATENCY_LIMIT_US; us += 1 + us / 1000) {
		uint32_t k = latency_bucket(us);
		EXPECT(k < LATENCY_BUCKETS && k >= before && k <= before + 1);
		before = k;
		double off = (double)latency_middle(k) - (double)us;
		if ((off < 0 ? -off : off) > 0.008 * (double)us + (us < 128 ? 0 : 0.5))
			fail_msg("%llu us: bucket %u is about %llu", (unsigned long long)us, k,
				 (unsigned long long)latency_middle(k));
	}
	EXPECT(before == LATENCY_BUCKETS - 1);
	for (uint32_t k = 0; k < LATENCY_BUCKETS; k++)
		EXPECT(latency_bucket(latency_middle(k)) == k);
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static bool is_near(uint64_t says, int64_t is)
{
	double off = (double)says - (double)is;
	return (off < 0 ? -off : off) <= 0.008 * (double)is + 0.5;
}

struct world {
	struct mem mem;
	struct pool *pool;
	struct latency *l;
	struct err e;
};

static void world_open(struct world *w, uint32_t n)
{
	*w = (struct world){0};
	mem_init(&w->mem, 0);
	EXPECT_OK(pool_open(&w->pool, &w->mem, &w->e), &w->e);
	w->l = mem_get_aligned(&w->mem, 64, n * sizeof *w->l);
	memset(w->l, 0, n * sizeof *w->l);
}

static void world_close(struct world *w)
{
	mem_put(&w->mem, w->l);
	pool_close(w->pool);
	EXPECT(w->mem.used_bytes == 0);
}

static struct batch *made_at(struct world *w, const int64_t *at, uint32_t n)
{
	struct batch *b = pool_batch(w->pool);
	b->col[0] = pool_column(w->pool, T_TIMESTAMP);
	b->n_cols = 1;
	b->rows = b->col[0]->rows = n;
	memcpy(b->col[0]->i64, at, n * sizeof *at);
	return b;
}

/* The oracle sorts them all. Batches with nulls and selections among them. */
TEST(percentiles_are_those_of_the_sorted_latencies_whatever_subtask_saw_them)
{
	enum { MANY = 40000, SUBTASKS = 3 };
	static int64_t took[MANY];
	uint64_t seed = 20261121;
	struct rng r;
	rng_seed(&r, seed);
	for (int round = 0; round < 20; round++) {
		struct world w;
		struct latency_figures f;
		uint32_t n = 0, want = 1 + (uint32_t)rng_below(&r, round < 5 ? 5 : MANY);
		world_open(&w, SUBTASKS);
		while (n < want) {
			int64_t at[BATCH_ROWS], now = 1700000000000000;
			uint32_t most = want - n < BATCH_ROWS ? want - n : BATCH_ROWS;
			uint32_t rows = 1 + (uint32_t)rng_below(&r, most);
			for (uint32_t i = 0; i < rows; i++)
				at[i] = now - (int64_t)(rng_next(&r) >> (24 + rng_below(&r, 40)));
			struct batch *b = made_at(&w, at, rows);
			b->selected = rng_below(&r, 2);
			b->col[0]->has_valid = rng_below(&r, 2);
			for (uint32_t i = 0; i < rows; i++) {
				bool taken = !b->selected || rng_below(&r, 2);
				if (taken && b->selected)
					b->sel[b->n_sel++] = (uint16_t)i;
				(rng_below(&r, 8) ? bit_set : bit_clear)(b->col[0]->valid, i);
				if (taken && !column_is_null(b->col[0], i))
					took[n++] = now - at[i];
			}
			latency_count(&w.l[rng_below(&r, SUBTASKS)], b, 0, now);
			batch_drop(&b);
		}
		latency_figures(w.l, SUBTASKS, &f);
		qsort(took, n, sizeof *took, ascending);
		if (f.records != n || !is_near(f.p50_us, took[(n + 1) / 2 - 1]) ||
		    !is_near(f.p99_us, took[((uint64_t)n * 99 + 99) / 100 - 1]) ||
		    !is_near(f.p99_9_us, took[((uint64_t)n * 999 + 999) / 1000 - 1]) ||
		    f.max_us != (uint64_t)took[n - 1])
			fail_msg("seed %llu, round %d: %llu records %llu %llu %llu %llu",
				 (unsigned long long)seed, round, (unsigned long long)f.records,
				 (unsigned long long)f.p50_us, (unsigned long long)f.p99_us,
				 (unsigned long long)f.p99_9_us, (unsigned long long)f.max_us);
		world_close(&w);
	}
}

/* A clock that was set, or a field that is no creation time. */
TEST(times_to_come_count_as_now_and_the_dawn_of_time_as_the_longest)
{
	struct world w;
	struct latency_figures f;
	world_open(&w, 1);
	struct batch *b = made_at(&w, (const int64_t[]){100, 101, INT64_MAX}, 3);
	latency_count(w.l, b, 0, 100);
	latency_figures(w.l, 1, &f);
	EXPECT(f.records == 3 && f.max_us == 0 && f.p99_9_us == 0);
	batch_drop(&b);
	b = made_at(&w, (const int64_t[]){INT64_MIN}, 1);
	latency_count(w.l, b, 0, INT64_MAX);
	latency_figures(w.l, 1, &f);
	EXPECT(f.records == 4 && f.max_us == LATENCY_LIMIT_US - 1 && f.p50_us == 0);
	EXPECT(is_near(f.p99_us, LATENCY_LIMIT_US));
	batch_drop(&b);
	world_close(&w);
}

TEST(without_records_there_is_nothing_to_say)
{
	struct world w;
	struct latency_figures f;
	world_open(&w, 2);
	latency_figures(w.l, 2, &f);
	EXPECT(!f.records && !f.p50_us && !f.p99_us && !f.p99_9_us && !f.max_us);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_latency_has_a_bucket_whose_middle_is_near),
		T(percentiles_are_those_of_the_sorted_latencies_whatever_subtask_saw_them),
		T(times_to_come_count_as_now_and_the_dawn_of_time_as_the_longest),
		T(without_records_there_is_nothing_to_say),
	};
	return RUN(tests);
}
