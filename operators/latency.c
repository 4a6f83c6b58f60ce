/* latency.c - see latency.h. */
#include "operators/latency.h"

#define LOAD(x) atomic_load_explicit(&(x), memory_order_relaxed)
#define STORE(x, v) atomic_store_explicit(&(x), (v), memory_order_relaxed)

static uint64_t took(int64_t made_us, int64_t now_us)
{
	if (made_us >= now_us)
		return 0;
	uint64_t us = (uint64_t)now_us - (uint64_t)made_us;
	return us < LATENCY_LIMIT_US ? us : LATENCY_LIMIT_US - 1;
}

void latency_count(struct latency *l, const struct batch *b, uint32_t field, int64_t now_us)
{
	const struct column *c = b->col[field];
	uint32_t n = batch_count(b);
	uint64_t max = LOAD(l->max_us);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = b->selected ? b->sel[i] : i;
		if (column_is_null(c, row))
			continue;
		uint64_t us = took(c->i64[row], now_us);
		_Atomic uint64_t *count = &l->bucket[latency_bucket(us)];
		STORE(*count, LOAD(*count) + 1);
		max = us > max ? us : max;
	}
	STORE(l->max_us, max);
}

/* Of all n histograms. */
static uint64_t count_of(const struct latency *l, uint32_t n, uint32_t bucket)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += LOAD(((struct latency *)&l[i])->bucket[bucket]);
	return sum;
}

/* The rank of the record that so many thousandths reach, from 1. */
static uint64_t rank(uint64_t records, uint64_t thousandths)
{
	uint64_t whole = records / 1000 * thousandths, rest = records % 1000 * thousandths;
	return whole + (rest + 999) / 1000;
}

void latency_figures(const struct latency *l, uint32_t n, struct latency_figures *f)
{
	*f = (struct latency_figures){0};
	for (uint32_t i = 0; i < n; i++) {
		uint64_t max = LOAD(((struct latency *)&l[i])->max_us);
		f->max_us = max > f->max_us ? max : f->max_us;
	}
	for (uint32_t k = 0; k < LATENCY_BUCKETS; k++)
		f->records += count_of(l, n, k);
	struct {
		uint64_t rank, *to;
	} want[] = {
		{rank(f->records, 500), &f->p50_us},
		{rank(f->records, 990), &f->p99_us},
		{rank(f->records, 999), &f->p99_9_us},
	};
	uint64_t seen = 0;
	uint32_t found = 0;
	for (uint32_t k = 0; k < LATENCY_BUCKETS && found < 3 && f->records; k++) {
		seen += count_of(l, n, k);
		uint64_t us = latency_middle(k) < f->max_us ? latency_middle(k) : f->max_us;
		for (; found < 3 && seen >= want[found].rank; found++)
			*want[found].to = us;
	}
}
