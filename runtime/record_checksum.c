/* record_checksum.c - see record_checksum.h. A column at a time over an array of running hashes:
 * multiplications of neighbouring rows overlap, and nothing is decided per record but its nulls. */
#include "runtime/record_checksum.h"

#include "base/check.h"
#include "base/hash_lanes.h"

#include <math.h>

#define SEED 0x7363657272696577u /* "weirrecs", little-endian */

#define SHORT_0 0x9E3779B97F4A7C15u
#define SHORT_1 0xD6E8FEB86659FD93u

static uint64_t of_double(double d)
{
	uint64_t bits;
	if (d == 0)
		d = 0;
	memcpy(&bits, &d, sizeof bits);
	return isnan(d) ? 0x7FF8000000000000u : bits;
}

/* --- v(string) of many rows, v[row]. All are taken as short first: which are not comes unforeseen,
 * and a wrong guess costs more than the hash. Those are listed, and done afterwards. --- */

static inline uint64_t of_short(const struct strview *text)
{
	uint64_t w[2];
	memcpy(w, text, sizeof w);
	return hash_fold(w[0] ^ SHORT_0, w[1] ^ SHORT_1);
}

static uint32_t short_values(const struct strview *text, const uint16_t *sel, uint32_t n,
			     uint64_t *v, uint16_t *list)
{
	uint32_t others = 0;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t row = sel ? sel[k] : k;
		v[row] = of_short(&text[row]);
		list[others] = (uint16_t)row;
		others += text[row].len > STRVIEW_INLINE;
	}
	return others;
}

/* Reads and writes up to three rows beyond n: there is room for BATCH_ROWS. */
TARGET_V3 static uint32_t short_values_v3(const struct strview *text, uint32_t n, uint64_t *v,
					  uint16_t *list)
{
	uint32_t others = 0;
	for (uint32_t at = 0; at < n; at += 64) {
		uint64_t is_long = 0;
		uint32_t some = n - at < 64 ? n - at : 64;
		for (uint32_t k = 0; k < some; k += HASH_LANES) {
			hash_x4 w0, w1;
			hash_x4_words(&text[at + k], &w0, &w1);
			*(hash_x4 *)&v[at + k] = hash_x4_fold(w0 ^ SHORT_0, w1 ^ SHORT_1);
			is_long |= hash_x4_long(w0) << k;
		}
		others = hash_list_bits(is_long & ~0ull >> (64 - some), at, list, others);
	}
	return others;
}

static void text_values(enum simd simd, const struct column *c, const uint16_t *sel, uint32_t n,
			uint64_t *v)
{
	uint16_t list[BATCH_ROWS];
	const uint8_t *base[COLUMN_TEXTS_MAX];
	uint32_t others = simd >= SIMD_V3 && !sel ? short_values_v3(c->str, n, v, list)
						  : short_values(c->str, sel, n, v, list);
	if (!others)
		return;
	for (uint32_t t = 0; t < c->n_texts; t++)
		base[t] = c->text[t]->data;
	for (uint32_t k = 0; k < others; k++) /* another thread has them in its cache */
		__builtin_prefetch(column_str(c, &c->str[list[k]]));
	hash_views(simd, HASH_XXH3_64, c->str, base, list, others, v);
}

/* --- any fields, a column at a time --- */

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
		CHECK(!"add_text");
	}
}

/* A null's view is anything. */
static void add_text(enum simd simd, uint64_t *h, uint32_t n, const struct column *c,
		     const uint16_t *sel)
{
	_Alignas(64) uint64_t v[BATCH_ROWS];
	uint16_t valid[BATCH_ROWS];
	bool nulls = c->has_valid;
	uint32_t n_valid = 0;
	for (uint32_t k = 0; nulls && k < n; k++) {
		uint32_t row = sel ? sel[k] : k;
		valid[n_valid] = (uint16_t)row;
		n_valid += bit_get(c->valid, row);
	}
	text_values(simd, c, nulls ? valid : sel, nulls ? n_valid : n, v);
	EACH(v[row])
}

/* --- a key and a number, all rows, no nulls: what keyed_sum sends --- */

static bool is_pair(const struct batch *b)
{
	const struct column *x = b->col[0], *y = b->col[1];
	return !b->selected && !x->has_valid && !y->has_valid &&
	       (x->type == T_STRING || x->type == T_INT64) && y->type == T_INT64;
}

static inline uint64_t of_pair(uint64_t key, uint64_t number)
{
	return hash_fold64(hash_fold64(SEED ^ key) ^ number);
}

static uint64_t pairs_plain(const uint64_t *key, const uint64_t *number, uint32_t from, uint32_t n)
{
	uint64_t sum = 0;
	for (uint32_t k = from; k < n; k++)
		sum += of_pair(key[k], number[k]);
	return sum;
}

TARGET_V3 static uint64_t pairs_v3(const uint64_t *key, const uint64_t *number, uint32_t n)
{
	hash_x4 sums = {0};
	uint64_t sum = 0;
	uint32_t k = 0;
	for (; k + 2 * HASH_LANES <= n; k += 2 * HASH_LANES) {
		hash_x4 h = hash_x4_fold64(*(const hash_x4 *)&key[k] ^ SEED);
		sums += hash_x4_fold64(h ^ *(const hash_x4 *)&number[k]);
		for (uint32_t i = 0; i < HASH_LANES; i++)
			sum += of_pair(key[k + HASH_LANES + i], number[k + HASH_LANES + i]);
	}
	return sum + hash_x4_sum(sums) + pairs_plain(key, number, k, n);
}

static uint64_t of_pairs(enum simd simd, const struct batch *b)
{
	const struct column *x = b->col[0];
	const uint64_t *key = (const uint64_t *)x->i64, *number = (const uint64_t *)b->col[1]->i64;
	_Alignas(64) uint64_t v[BATCH_ROWS]; /* a quartet across two cache lines costs twice */
	if (x->type == T_STRING) {
		text_values(simd, x, NULL, b->rows, v);
		key = v;
	}
	return simd >= SIMD_V3 ? pairs_v3(key, number, b->rows)
			       : pairs_plain(key, number, 0, b->rows);
}

uint64_t record_checksum_at(enum simd simd, const struct batch *b)
{
	if (b->n_cols == 2 && is_pair(b))
		return of_pairs(simd, b);
	uint64_t h[BATCH_ROWS], sum = 0;
	uint32_t n = batch_count(b);
	const uint16_t *sel = b->selected ? b->sel : NULL;
	for (uint32_t k = 0; k < n; k++)
		h[k] = SEED;
	for (uint32_t i = 0; i < b->n_cols; i++) {
		const struct column *c = b->col[i];
		if (c->type == T_STRING)
			add_text(simd, h, n, c, sel);
		else if (c->has_valid)
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
