/* words.c - see words.h.
 *
 * words_near: the WINDOW words that wait are sorted, and each new one pushes the least out: one
 * pass without a branch puts right what at most WINDOW greater words stand before. Vectors have no
 * least of 64-bit integers, but one of doubles, and words are ordered alike as either: four
 * quarters of the words go through side by side. */
#include "state/words.h"

#include <string.h>

#define BUCKETS 8192u
#define WINDOW 8u
#define WINDOW_V3 12u /* as many as there are registers for */

static void near_base(uint64_t *word, uint32_t n)
{
	uint64_t w[WINDOW] = {0};
	for (uint32_t i = 0; i < n + WINDOW; i++) {
		uint64_t x = i < n ? word[i] : UINT64_MAX;
		uint64_t least = x < w[0] ? x : w[0];
		x = x < w[0] ? w[0] : x;
#pragma GCC unroll 7
		for (unsigned j = 1; j < WINDOW; j++) {
			uint64_t other = w[j];
			w[j - 1] = x < other ? x : other;
			x = x < other ? other : x;
		}
		w[WINDOW - 1] = x;
		if (i >= WINDOW) /* before, what the window was filled with comes out */
			word[i - WINDOW] = least;
	}
}

#ifdef __x86_64__
#include <immintrin.h>

/* Pushes x in, returns the least. */
TARGET_V3 static inline __m256d window_push(__m256d *w, __m256d x)
{
	__m256d least = _mm256_min_pd(x, w[0]);
	x = _mm256_max_pd(x, w[0]);
#pragma GCC unroll 11
	for (unsigned j = 1; j < WINDOW_V3; j++) {
		w[j - 1] = _mm256_min_pd(x, w[j]);
		x = _mm256_max_pd(x, w[j]);
	}
	w[WINDOW_V3 - 1] = x;
	return least;
}

/* Where the quarters meet, words stay as they are; and so do the last n % 4. */
TARGET_V3 static void near_v3(uint64_t *word, uint32_t n)
{
	const uint32_t q = n / 4;
	double *a = (double *)(void *)word, *b = a + q, *c = b + q, *d = c + q;
	__m256d w[WINDOW_V3];
	if (q < WINDOW_V3) {
		near_base(word, n);
		return;
	}
	for (unsigned j = 0; j < WINDOW_V3; j++)
		w[j] = _mm256_setzero_pd();
	for (uint32_t i = 0; i < q + WINDOW_V3; i++) {
		__m256d x = i < q ? _mm256_set_pd(d[i], c[i], b[i], a[i])
				  : _mm256_castsi256_pd(_mm256_set1_epi64x(INT64_MAX >> 1));
		x = window_push(w, x);
		if (i < WINDOW_V3)
			continue;
		__m128d low = _mm256_castpd256_pd128(x), high = _mm256_extractf128_pd(x, 1);
		_mm_storel_pd(&a[i - WINDOW_V3], low);
		_mm_storeh_pd(&b[i - WINDOW_V3], low);
		_mm_storel_pd(&c[i - WINDOW_V3], high);
		_mm_storeh_pd(&d[i - WINDOW_V3], high);
	}
}

void words_near(uint64_t *word, uint32_t n, enum simd level)
{
	if (level >= SIMD_V3)
		near_v3(word, n);
	else
		near_base(word, n);
}
#else
void words_near(uint64_t *word, uint32_t n, enum simd level)
{
	(void)level;
	near_base(word, n);
}
#endif

void words_distribute(uint64_t *word, uint64_t *to, uint32_t n)
{
	uint32_t start[BUCKETS] = {0}, sum = 0;
	uint64_t lo = UINT64_MAX, hi = 0;
	for (uint32_t i = 0; i < n; i++) {
		lo = word[i] < lo ? word[i] : lo;
		hi = word[i] > hi ? word[i] : hi;
	}
	unsigned shift = 0;
	while ((hi - lo) >> shift >= BUCKETS)
		shift++;
	for (uint32_t i = 0; i < n; i++)
		start[(word[i] - lo) >> shift]++;
	for (uint32_t b = 0; b < BUCKETS; b++) {
		uint32_t count = start[b];
		start[b] = sum;
		sum += count;
	}
	for (uint32_t i = 0; i < n; i++)
		to[start[(word[i] - lo) >> shift]++] = word[i];
	memcpy(word, to, n * sizeof *word);
}
