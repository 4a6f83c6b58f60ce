/* torture_compare.c - see torture_compare.h. */
#include "cli/torture_compare.h"

#include "base/hash.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PASS_RECORDS /* a test compiles it with a small number */
#define PASS_RECORDS (UINT64_C(1) << 22) /* in the table at once, when it is looked for records */
#endif

/* ---- whether ---- */

struct sums {
	uint64_t records, one, two; /* of two hashes of each */
};

static void sum(void *arg, const char *record, size_t len, const struct torture_place *at)
{
	struct sums *s = arg;
	(void)at;
	s->records++;
	s->one += hash_bytes(record, len);
	s->two += checksum64(record, len);
}

/* ---- what ---- */

enum side { RIGHT, OTHER };

struct entry { /* a record, or a key with what came of it */
	uint64_t one, two;
	struct {
		uint64_t n;
		uint64_t steps; /* the sum of hashes of each step from value to value */
		double real;
		int64_t last;
		struct torture_place at;
	} of[2];
};

struct table {
	struct mem *mem;
	const struct torture_sink *sink;
	enum side side;
	struct entry *at;
	uint64_t n, cap; /* cap: a power of two */
	uint64_t pass, passes;
	bool failed; /* no memory */
};

static bool grow(struct table *t)
{
	uint64_t cap = t->cap ? t->cap * 2 : 1024;
	struct entry *fresh = mem_get(t->mem, cap * sizeof *fresh);
	if (!fresh)
		return false;
	for (uint64_t i = 0; i < t->cap; i++) {
		const struct entry *x = &t->at[i];
		uint64_t to = x->one & (cap - 1);
		if (!x->of[RIGHT].n && !x->of[OTHER].n)
			continue;
		while (fresh[to].of[RIGHT].n || fresh[to].of[OTHER].n)
			to = (to + 1) & (cap - 1);
		fresh[to] = *x;
	}
	mem_put(t->mem, t->at);
	t->at = fresh;
	t->cap = cap;
	return true;
}

/* NULL: no memory. */
static struct entry *find(struct table *t, uint64_t one, uint64_t two)
{
	if (t->n * 2 >= t->cap && !grow(t)) {
		t->failed = true;
		return NULL;
	}
	for (uint64_t i = one & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
		struct entry *x = &t->at[i];
		if (!x->of[RIGHT].n && !x->of[OTHER].n) {
			x->one = one;
			x->two = two;
			t->n++;
			return x;
		}
		if (x->one == one && x->two == two)
			return x;
	}
}

static bool by_key(const struct torture_sink *s)
{
	return s->judge == JUDGE_CHAINS || s->judge == JUDGE_LAST;
}

/* Behind the last separator; the whole record where there is none. */
static size_t value_begin(const struct torture_sink *s, const char *record, size_t len)
{
	while (len && record[len - 1] != s->separator)
		len--;
	return len;
}

static void put(void *arg, const char *record, size_t len, const struct torture_place *at)
{
	struct table *t = arg;
	size_t value = by_key(t->sink) ? value_begin(t->sink, record, len) : len;
	uint64_t one = hash_bytes(record, value);
	if (t->failed || one % t->passes != t->pass)
		return;
	struct entry *x = find(t, one, checksum64(record, value));
	if (!x)
		return;
	x->of[t->side].n++;
	x->of[t->side].at = *at;
	if (!by_key(t->sink))
		return;
	char text[64] = "";
	memcpy(text, record + value, len - value < sizeof text ? len - value : sizeof text - 1);
	int64_t now = strtoll(text, NULL, 10);
	uint64_t step = (uint64_t)now - (uint64_t)x->of[t->side].last;
	x->of[t->side].steps += hash_bytes(&step, sizeof step);
	x->of[t->side].last = now;
	x->of[t->side].real = strtod(text, NULL);
}

/* Sums of the same numbers in another order differ in their last digits. */
static bool near(double a, double b)
{
	double size = fabs(a) > fabs(b) ? fabs(a) : fabs(b);
	return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * (size > 1 ? size : 1);
}

/* Says what is wrong with it, "" where counts say it all; false: nothing is. */
static bool differs(const struct torture_sink *s, const struct entry *x, char says[120])
{
	uint64_t right = x->of[RIGHT].n, other = x->of[OTHER].n;
	says[0] = '\0';
	if (s->judge == JUDGE_AT_LEAST)
		return other < right;
	if (!by_key(s))
		return other != right;
	if (!right || !other) {
		snprintf(says, 120, right ? "this key is missing" : "there is no such key");
		return true;
	}
	if (s->judge == JUDGE_CHAINS && right != other)
		snprintf(says, 120, "%" PRIu64 " updates of this key instead of %" PRIu64, other, right);
	else if (s->real && !near(x->of[RIGHT].real, x->of[OTHER].real))
		snprintf(says, 120, "ends with %g instead of %g", x->of[OTHER].real, x->of[RIGHT].real);
	else if (!s->real && x->of[RIGHT].last != x->of[OTHER].last)
		snprintf(says, 120, "ends with %" PRId64 " instead of %" PRId64, x->of[OTHER].last,
			 x->of[RIGHT].last);
	else if (s->judge == JUDGE_CHAINS && !s->real && x->of[RIGHT].steps != x->of[OTHER].steps)
		snprintf(says, 120, "its updates are no unbroken chain");
	return says[0] != '\0';
}

static void tell(struct torture_comparison *c, struct fs *fs, const struct table *t,
		 const struct torture_output *const of[2])
{
	for (uint64_t i = 0; i < t->cap; i++) {
		const struct entry *x = &t->at[i];
		struct torture_difference d = {0};
		if ((!x->of[RIGHT].n && !x->of[OTHER].n) || !differs(t->sink, x, d.says))
			continue;
		c->differing++;
		if (c->told == DIFFERENCES)
			continue;
		enum side side = x->of[OTHER].n ? OTHER : RIGHT;
		d.by = (int64_t)(x->of[OTHER].n - x->of[RIGHT].n);
		torture_output_again(of[side], fs, &x->of[side].at, d.record, sizeof d.record);
		c->first[c->told++] = d;
	}
}

static enum rc look(struct torture_comparison *c, struct fs *fs, struct table *t,
		    const struct torture_output *const of[2], struct err *e)
{
	enum rc rc = OK;
	for (int side = RIGHT; rc == OK && side <= OTHER; side++) {
		t->side = (enum side)side;
		rc = torture_output_each(of[side], fs, &t->sink->format, put, t, e);
	}
	if (rc == OK && t->failed)
		rc = ERR(e, E_NO_MEMORY, "no memory to compare %" PRIu64 " records", t->n);
	if (rc == OK)
		tell(c, fs, t, of);
	return rc;
}

RC torture_compare(struct torture_comparison *c, struct fs *fs, const struct torture_sink *s,
		   const struct torture_output *right, const struct torture_output *other,
		   struct err *e)
{
	const struct torture_output *const of[2] = {right, other};
	struct sums sums[2] = {0};
	*c = (struct torture_comparison){0};
	for (int side = RIGHT; side <= OTHER; side++)
		if (torture_output_each(of[side], fs, &s->format, sum, &sums[side], e) != OK)
			return e->code;
	c->records = sums[RIGHT].records;
	if (!memcmp(&sums[RIGHT], &sums[OTHER], sizeof sums[RIGHT]) && !by_key(s))
		return OK;
	if (s->judge == JUDGE_NOTHING || s->judge == JUDGE_CHECKSUM)
		return OK;
	if (s->judge == JUDGE_COUNT) {
		c->differing = sums[RIGHT].records != sums[OTHER].records;
		c->first[0].by = (int64_t)(sums[OTHER].records - sums[RIGHT].records);
		snprintf(c->first[0].says, sizeof c->first[0].says, "the number of records");
		c->told = c->differing;
		return OK;
	}
	struct table t = {.mem = fs->mem, .sink = s, .passes = 1};
	if (!by_key(s)) /* keys are together, and fewer than records */
		t.passes = 1 + (sums[RIGHT].records + sums[OTHER].records) / PASS_RECORDS;
	enum rc rc = OK;
	for (; rc == OK && t.pass < t.passes; t.pass++) {
		mem_put(t.mem, t.at);
		t.at = NULL;
		t.n = t.cap = 0;
		rc = look(c, fs, &t, of, e);
	}
	mem_put(t.mem, t.at);
	return rc;
}
