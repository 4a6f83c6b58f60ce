/* batches.h - small batches for the runtime's tests: made from plain arrays, read back as plain
 * values. Why apart: what a test claims should not drown in pool calls. */
#pragma once
#include "base/check.h"
#include "runtime/batch.h"
#include "runtime/pool.h"
#include "tests/lib/test.h"

static inline struct column *ints(struct pool *p, const int64_t *v, uint32_t n)
{
	struct column *c = pool_column(p, T_INT64);
	CHECK(c && n <= BATCH_ROWS);
	memcpy(c->i64, v, n * sizeof *v);
	c->rows = n;
	return c;
}

static inline struct column *doubles(struct pool *p, const double *v, uint32_t n)
{
	struct column *c = pool_column(p, T_FLOAT64);
	CHECK(c && n <= BATCH_ROWS);
	memcpy(c->f64, v, n * sizeof *v);
	c->rows = n;
	return c;
}

/* NULL in v is a null row. Text longer than 12 bytes goes into one text buffer. */
static inline struct column *strings(struct pool *p, const char *const *v, uint32_t n)
{
	struct column *c = pool_column(p, T_STRING);
	struct text *t = pool_text(p, 0);
	CHECK(c && t && n <= BATCH_ROWS);
	c->rows = n;
	memset(c->valid, 0xFF, sizeof c->valid);
	int number = column_text_add(c, t);
	for (uint32_t i = 0; i < n; i++) {
		if (!v[i]) {
			c->has_valid = true;
			bit_clear(c->valid, i);
			c->str[i] = (struct strview){0};
			continue;
		}
		uint32_t len = (uint32_t)strlen(v[i]);
		memcpy(t->data + t->used, v[i], len);
		c->str[i] = strview_of(t->data, (uint32_t)number, t->used, len);
		t->used += len;
	}
	text_drop(t);
	return c;
}

static inline struct batch *batch_of(struct pool *p, struct column *a, struct column *b)
{
	struct batch *x = pool_batch(p);
	CHECK(x);
	x->rows = a->rows;
	x->col[x->n_cols++] = a;
	if (b)
		x->col[x->n_cols++] = b;
	return x;
}

static inline struct batch *int_batch(struct pool *p, const int64_t *v, uint32_t n)
{
	return batch_of(p, ints(p, v, n), NULL);
}

static inline struct batch *one_int(struct pool *p, int64_t v)
{
	return int_batch(p, &v, 1);
}

/* The column row of the i-th record. */
static inline uint32_t row_of(const struct batch *b, uint32_t i)
{
	return b->selected ? b->sel[i] : i;
}
