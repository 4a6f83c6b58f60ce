/* test_words.c - rows as words: their order is that of hashes, no word is ever lost, and what is a
 * few places out of order comes out right, at every level the machine has. */
#include "base/rng.h"
#include "state/words.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define NEAR 8 /* places that every level puts right */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

TEST(words_are_ordered_by_hash_then_place_as_numbers_and_as_doubles)
{
	struct rng r;
	rng_seed(&r, 11);
	for (int i = 0; i < 10000; i++) {
		uint64_t h = rng_next(&r) >> rng_below(&r, 64), g = rng_next(&r) >> rng_below(&r, 64);
		uint64_t a = word_of(h, rng_below(&r, WORD_AT_MASK + 1)), b = word_of(g, i);
		double x, y;
		memcpy(&x, &a, 8);
		memcpy(&y, &b, 8);
		EXPECT(word_at(b) == (uint32_t)i);
		EXPECT((a < b) == (x < y) && (a == b) == (x == y));
		if (a >> WORD_AT_BITS < b >> WORD_AT_BITS)
			EXPECT(h < g);
	}
	uint64_t most = word_of(UINT64_MAX, WORD_AT_MASK);
	double m;
	memcpy(&m, &most, 8);
	EXPECT(m == m && m < 2.0);
}

/* Ascending words, of which each stays within so many places of where it belongs. */
static void nearly(struct rng *r, uint64_t *word, uint32_t n, uint32_t places)
{
	uint64_t hash = rng_next(r) >> 20;
	for (uint32_t i = 0; i < n; i++) {
		hash += 1 + (rng_next(r) >> 30);
		word[i] = word_of(hash, i);
	}
	for (uint32_t from = 0; from + places < n; from += places + 1)
		for (uint32_t i = places; i > 0; i--) {
			uint32_t j = (uint32_t)rng_below(r, i + 1);
			uint64_t was = word[from + i];
			word[from + i] = word[from + j];
			word[from + j] = was;
		}
}

TEST(what_is_near_its_place_comes_out_right_at_every_level)
{
	struct rng r;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		rng_seed(&r, seed);
		uint32_t n = (uint32_t)rng_below(&r, seed % 3 ? 200 : 9000);
		uint64_t *in = calloc(n + 1, 8), *want = calloc(n + 1, 8), *got = calloc(n + 1, 8);
		nearly(&r, in, n, 1 + (uint32_t)rng_below(&r, NEAR));
		memcpy(want, in, n * 8);
		qsort(want, n, 8, compare);
		for (int level = SIMD_BASE; level <= (int)simd_have(); level++) {
			uint64_t out_of_order = 0;
			memcpy(got, in, n * 8);
			words_near(got, n, (enum simd)level);
			for (uint32_t i = 1; i < n; i++)
				out_of_order += got[i - 1] > got[i];
			/* Levels go through parts by themselves: where parts meet, some are left. */
			if (out_of_order > 3u * 2 * NEAR)
				fail_msg("seed %llu level %d", (unsigned long long)seed, level);
			qsort(got, n, 8, compare);
			EXPECT(memcmp(got, want, n * 8) == 0);
		}
		free(in);
		free(want);
		free(got);
	}
}

TEST(distribution_loses_nothing_and_sorts_by_high_bits)
{
	struct rng r;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		rng_seed(&r, seed);
		uint32_t n = 1 + (uint32_t)rng_below(&r, 9000);
		uint64_t *word = calloc(n, 8), *want = calloc(n, 8), *to = calloc(n, 8), far = 0;
		for (uint32_t i = 0; i < n; i++)
			want[i] = word[i] = word_of(rng_next(&r) >> (seed % 5 * 9), i);
		qsort(want, n, 8, compare);
		words_distribute(word, to, n);
		for (uint32_t i = 0; i < n; i++) {
			uint64_t *at = bsearch(&word[i], want, n, 8, compare);
			EXPECT(at);
			uint64_t place = (uint64_t)(at - want);
			far += place > i ? place - i : i - place;
		}
		EXPECT(far <= 4ull * n);
		qsort(word, n, 8, compare);
		EXPECT(memcmp(word, want, n * 8) == 0);
		free(word);
		free(want);
		free(to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(words_are_ordered_by_hash_then_place_as_numbers_and_as_doubles),
		T(what_is_near_its_place_comes_out_right_at_every_level),
		T(distribution_loses_nothing_and_sorts_by_high_bits),
	};
	return RUN(tests);
}
