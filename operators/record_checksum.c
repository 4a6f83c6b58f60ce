/* record_checksum.c - see record_checksum.h. A column at a time over an array of running hashes:
 * multiplications of neighbouring rows overlap, and nothing is decided per record but its nulls. */
#include "operators/record_checksum.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <math.h>

#define SEED 0x7363657272696577u /* "weirrecs", little-endian */

static uint64_t of_short(uint64_t w0, uint64_t w1)
{
	return hash_fold(w0 ^ 0x9E3779B97F4A7C15u, w1 ^ 0xD6E8FEB86659FD93u);
}

static uint64_t of_view(const struct column *c, const struct strview *v)
{
	const char *at = (const char *)v;
	if (__builtin_expect(v->len <= STRVIEW_INLINE, 1))
		return of_short(load_u64(at), load_u64(at + 8));
	return hash_bytes(column_str(c, v), v->len);
}

static uint64_t of_double(double d)
{
	uint64_t bits;
	if (d == 0)
		d = 0;
	memcpy(&bits, &d, sizeof bits);
	return isnan(d) ? 0x7FF8000000000000u : bits;
}

/* for each of n rows: h[k] = fold(h[k] ^ value), or fold(~h[k]) where the row is null. */
#define EACH(value)                                                                                \
	for (uint32_t k = 0; k < n; k++) {                                                         \
		uint32_t row = sel ? sel[k] : k;                                                   \
		h[k] = nulls && !bit_get(c->valid, row) ? hash_fold64(~h[k])                       \
							: hash_fold64(h[k] ^ (value));             \
	}

/* Instantiated for each pair of sel == NULL and nulls, so that the common loops test neither. */
static inline __attribute__((always_inline)) void
add_column(uint64_t *h, uint32_t n, const struct column *c, const uint16_t *sel, bool nulls)
{
	switch (c->type) {
	case T_BOOL:
		EACH(bit_get(c->bits, row));
		return;
	case T_INT64:
	case T_TIMESTAMP:
		EACH((uint64_t)c->i64[row]);
		return;
	case T_FLOAT64:
		EACH(of_double(c->f64[row]));
		return;
	case T_STRING:
		EACH(of_view(c, &c->str[row]));
		return;
	}
}

/* What keyed_sum sends: a key and a number, all rows, no nulls. One pass, the hash in a register:
 * the processor overlaps the products of some records, which is what all the time goes into. */
static bool is_pair(const struct batch *b)
{
	const struct column *x = b->col[0], *y = b->col[1];
	return !b->selected && !x->has_valid && !y->has_valid &&
	       (x->type == T_STRING || x->type == T_INT64) && y->type == T_INT64;
}

static uint64_t of_pairs(const struct batch *b)
{
	const struct column *x = b->col[0];
	const int64_t *key = x->i64, *number = b->col[1]->i64;
	const struct strview *text = x->str;
	const uint32_t n = b->rows;
	uint64_t sum = 0;
	if (x->type == T_STRING)
		for (uint32_t k = 0; k < n; k++)
			sum += hash_fold64(hash_fold64(SEED ^ of_view(x, &text[k])) ^
					   (uint64_t)number[k]);
	else
		for (uint32_t k = 0; k < n; k++)
			sum += hash_fold64(hash_fold64(SEED ^ (uint64_t)key[k]) ^ (uint64_t)number[k]);
	return sum;
}

uint64_t record_checksum(const struct batch *b)
{
	if (b->n_cols == 2 && is_pair(b))
		return of_pairs(b);
	uint64_t h[BATCH_ROWS], sum = 0;
	uint32_t n = batch_count(b);
	const uint16_t *sel = b->selected ? b->sel : NULL;
	for (uint32_t k = 0; k < n; k++)
		h[k] = SEED;
	for (uint32_t i = 0; i < b->n_cols; i++) {
		const struct column *c = b->col[i];
		if (c->has_valid)
			add_column(h, n, c, sel, true);
		else if (sel)
			add_column(h, n, c, sel, false);
		else
			add_column(h, n, c, NULL, false);
	}
	for (uint32_t k = 0; k < n; k++)
		sum += h[k];
	return sum;
}
