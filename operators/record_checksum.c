/* record_checksum.c - see record_checksum.h. A column at a time over an array of running hashes:
 * multiplications of neighbouring rows overlap, and nothing is decided per record but its nulls. */
#include "operators/record_checksum.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <math.h>

#define SEED 0x7363657272696577u /* "weirrecs", little-endian */

static uint64_t of_short(uint64_t w0, uint64_t w1)
{
	unsigned __int128 m = w0 ^ 0x9E3779B97F4A7C15u;
	m *= w1 ^ 0xD6E8FEB86659FD93u;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
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

/* Every text is added as if it were short; h as it was before one that is not stands in a list, from
 * which those few are added again. So the loop has no branch but for nulls. */
static inline __attribute__((always_inline)) void
add_strings(uint64_t *h, uint32_t n, const struct column *c, const uint16_t *sel, bool nulls)
{
	uint64_t before[BATCH_ROWS];
	uint16_t longer[BATCH_ROWS];
	uint32_t count = 0;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t row = sel ? sel[k] : k;
		const char *at = (const char *)&c->str[row];
		if (nulls && !bit_get(c->valid, row)) {
			h[k] = hash_fold64(~h[k]);
			continue;
		}
		before[count] = h[k];
		longer[count] = (uint16_t)k;
		count += c->str[row].len > STRVIEW_INLINE;
		h[k] = hash_fold64(h[k] ^ of_short(load_u64(at), load_u64(at + 8)));
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t row = sel ? sel[longer[i]] : longer[i];
		const struct strview *v = &c->str[row];
		h[longer[i]] = hash_fold64(before[i] ^ hash_bytes(column_str(c, v), v->len));
	}
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
		add_strings(h, n, c, sel, nulls);
		return;
	}
}

uint64_t record_checksum(const struct batch *b)
{
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
