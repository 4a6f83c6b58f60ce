/* words.c - see words.h. */
#include "words.h"

#include <stdlib.h>

/* Percent of the places that are taken before the table doubles. */
#ifndef FULL
#define FULL 80
#endif

void words_open(struct words *t, unsigned bits, bool huge)
{
	*t = (struct words){.bits = bits, .huge = huge};
	t->line = pages(sizeof *t->line << bits, huge);
}

static bool words_same(struct word a, struct word b)
{
	if (a.lo != b.lo || word_len(a) != word_len(b))
		return false;
	if (word_len(a) != WORD_LONG)
		return a.hi == b.hi;
	const struct long_word *x = word_long(a), *y = word_long(b);
	return x->len == y->len && !memcmp(x->text, y->text, x->len);
}

/* The place of w in the table: where it is, or the first free one behind its home. */
static struct word_line *place_of(const struct words *t, struct word w, uint64_t hash, uint32_t *j)
{
	uint64_t mask = (1ull << t->bits) - 1;
	for (uint64_t at = words_home(t, hash);; at = (at + 1) & mask)
		for (*j = 0; *j < 2; ++*j) {
			const struct word *have = &t->line[at].word[*j];
			if (!have->hi || words_same(*have, w))
				return &t->line[at];
		}
}

static void words_grow(struct words *t)
{
	struct words old = *t;
	words_open(t, old.bits + 1, old.huge);
	t->used = old.used;
	for (uint64_t i = 0; i < 2ull << old.bits; i++) {
		const struct word_line *from = &old.line[i / 2];
		struct word w = from->word[i % 2];
		uint32_t j;
		if (!w.hi)
			continue;
		struct word_line *to = place_of(t, w, slot_hash(w), &j);
		to->word[j] = w;
		to->count[j] = from->count[i % 2];
	}
	pages_free(old.line, sizeof *old.line << old.bits);
}

static struct word own_copy(struct word w)
{
	const struct long_word *from = word_long(w);
	struct long_word *own = malloc(sizeof *own + from->len);
	if (!own)
		die("no memory for a word of %u bytes", from->len);
	memcpy(own, from, sizeof *own + from->len);
	return (struct word){w.lo, (uint64_t)(uintptr_t)own | (uint64_t)WORD_LONG << 56};
}

uint64_t *words_find(struct words *t, struct word *w, uint64_t hash)
{
	uint32_t j;
	struct word_line *l = place_of(t, *w, hash, &j);
	if (!l->word[j].hi) {
		if (t->used++ >= (2ull << t->bits) * FULL / 100) {
			words_grow(t);
			l = place_of(t, *w, hash, &j);
		}
		l->word[j] = word_len(*w) == WORD_LONG ? own_copy(*w) : *w;
	}
	*w = l->word[j];
	return &l->count[j];
}

/* v(word) of the definition: weir has up to 12 bytes in a view, and hashes others. */
static inline uint64_t v_of_short(struct word w)
{
	uint32_t len = word_len(w);
	return checksum_short(w.lo << 32 | len, w.lo >> 32 | w.hi << 32);
}

/* XXH3_64bits of 13 to 15 bytes that stand in a register: the branch for 9 to 16 of it. */
static inline uint64_t v_of_13_to_15(struct word w)
{
	const unsigned char *secret = XXH3_kSecret;
	uint32_t len = word_len(w), shift = 8 * (len - 8);
	uint64_t flip1 = XXH_readLE64(secret + 24) ^ XXH_readLE64(secret + 32);
	uint64_t flip2 = XXH_readLE64(secret + 40) ^ XXH_readLE64(secret + 48);
	uint64_t text_hi = w.hi & ((1ull << 56) - 1);
	uint64_t lo = w.lo ^ flip1, hi = (w.lo >> shift | text_hi << (64 - shift)) ^ flip2;
	unsigned __int128 m = (unsigned __int128)lo * hi;
	uint64_t h = len + __builtin_bswap64(lo) + hi + ((uint64_t)m ^ (uint64_t)(m >> 64));
	h = (h ^ h >> 37) * 0x165667919E3779F9u;
	return h ^ h >> 32;
}

static uint64_t v_of(struct word w)
{
	if (word_len(w) != WORD_LONG)
		return v_of_13_to_15(w);
	return XXH3_64bits(word_long(w)->text, word_long(w)->len);
}

/* Of four words; their lengths as bits: which of them are longer than 12 bytes. */
static inline __m256i checksum_x4(const struct word *w, const uint64_t *count, uint32_t *is_long)
{
	__m256i a = _mm256_loadu_si256((const __m256i *)w);
	__m256i b = _mm256_loadu_si256((const __m256i *)(w + 2));
	__m256i lo = _mm256_unpacklo_epi64(a, b), hi = _mm256_unpackhi_epi64(a, b); /* 0 2 1 3 */
	__m256i n = _mm256_loadu_si256((const __m256i *)count);
	n = _mm256_permute4x64_epi64(n, 0xD8); /* 0 2 1 3 as well */
	__m256i len = _mm256_srli_epi64(hi, 56);
	__m256i longer = _mm256_cmpgt_epi64(len, x4(12));
	*is_long = (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(longer));
	__m256i w0 = _mm256_or_si256(_mm256_slli_epi64(lo, 32), len);
	__m256i w1 = _mm256_or_si256(_mm256_srli_epi64(lo, 32), _mm256_slli_epi64(hi, 32));
	__m256i h = mulfold_x4(_mm256_xor_si256(w0, x4(SHORT_0)), _mm256_xor_si256(w1, x4(SHORT_1)));
	h = fold64_x4(_mm256_xor_si256(h, x4(CHECKSUM_SEED)));
	return _mm256_andnot_si256(longer, fold64_x4(_mm256_xor_si256(h, n)));
}

static inline uint64_t checksum_one(struct word w, uint64_t count)
{
	uint64_t v = word_len(w) <= 12 ? v_of_short(w) : v_of(w);
	return fold64(fold64(CHECKSUM_SEED ^ v) ^ count);
}

/* Longer words come unforeseen: they are only noted, so that no branch guesses wrong, and done at
 * the end. */
uint64_t checksum_words(const struct word *w, const uint64_t *count, uint32_t n)
{
	uint64_t sum = 0;
	__m256i sums = x4(0);
	uint16_t other[BATCH + 8];
	uint32_t n_other = 0, i = 0;
	for (; i + 8 <= n; i += 8) {
		uint32_t is_long;
		sums = _mm256_add_epi64(sums, checksum_x4(w + i, count + i, &is_long));
		/* The lanes are rows 0, 2, 1 and 3. */
		other[n_other] = (uint16_t)i;
		n_other += is_long & 1;
		other[n_other] = (uint16_t)(i + 2);
		n_other += is_long >> 1 & 1;
		other[n_other] = (uint16_t)(i + 1);
		n_other += is_long >> 2 & 1;
		other[n_other] = (uint16_t)(i + 3);
		n_other += is_long >> 3;
		for (uint32_t j = i + 4; j < i + 8; j++) {
			uint64_t short_1 = (uint64_t)((int64_t)word_len(w[j]) - 13) >> 63;
			uint64_t h = fold64(fold64(CHECKSUM_SEED ^ v_of_short(w[j])) ^ count[j]);
			sum += h & -short_1;
			other[n_other] = (uint16_t)j;
			n_other += (uint32_t)(1 - short_1);
		}
	}
	for (; i < n; i++)
		sum += checksum_one(w[i], count[i]);
	for (uint32_t k = 0; k < n_other; k++)
		sum += fold64(fold64(CHECKSUM_SEED ^ v_of(w[other[k]])) ^ count[other[k]]);
	return sum + sum_x4(sums);
}
