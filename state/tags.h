/* tags.h - all tags of a group at once: a bit a slot.
 * The same for the keys of a line. Why apart: the only place of state/ with vector instructions
 * (SSE2, which every x86-64 has, and AVX2 where it was asked for). */
#pragma once
#include <stdint.h>

#include "base/cpu.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* Bit i: (tag[i] & mask) == want, for 64 tags. */
static inline uint64_t tags_match(const uint8_t *tag, uint8_t mask, uint8_t want)
{
	uint64_t bits = 0;
#ifdef __SSE2__
	const __m128i m = _mm_set1_epi8((char)mask), w = _mm_set1_epi8((char)want);
	for (unsigned i = 0; i < 4; i++) {
		__m128i t = _mm_loadu_si128((const __m128i *)(tag + 16 * i));
		__m128i eq = _mm_cmpeq_epi8(_mm_and_si128(t, m), w);
		bits |= (uint64_t)(uint16_t)_mm_movemask_epi8(eq) << (16 * i);
	}
#else
	for (unsigned i = 0; i < 64; i++)
		bits |= (uint64_t)((tag[i] & mask) == want) << i;
#endif
	return bits;
}

/* Bit i: the i-th of the four numbers at line (16-byte aligned) is key. */
static inline uint32_t line_match(const uint8_t *line, uint64_t key)
{
#ifdef __SSE2__
	const __m128i k = _mm_set1_epi64x((long long)key);
	__m128i a = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)line), k);
	__m128i b = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)(line + 16)), k);
	a = _mm_and_si128(a, _mm_shuffle_epi32(a, 0xB1)); /* both halves of a number */
	b = _mm_and_si128(b, _mm_shuffle_epi32(b, 0xB1));
	return (uint32_t)_mm_movemask_pd(_mm_castsi128_pd(a)) |
	       (uint32_t)_mm_movemask_pd(_mm_castsi128_pd(b)) << 2;
#else
	uint32_t bits = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t x;
		__builtin_memcpy(&x, line + 8 * i, 8);
		bits |= (uint32_t)(x == key) << i;
	}
	return bits;
#endif
}

/* The same with AVX2, for callers of that level; line 32-byte aligned. */
#ifdef __x86_64__
TARGET_V3 static inline uint32_t line_match_v3(const uint8_t *line, uint64_t key)
{
	__m256i same = _mm256_cmpeq_epi64(_mm256_load_si256((const __m256i *)line),
					  _mm256_set1_epi64x((long long)key));
	return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(same));
}
#else
#define line_match_v3 line_match
#endif

/* 1 if the 16 bytes at a and at b are equal, else 0. */
static inline uint32_t pair_match(const uint8_t *a, const uint8_t *b)
{
#ifdef __SSE2__
	__m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)a),
				      _mm_loadu_si128((const __m128i *)b));
	return ((uint32_t)_mm_movemask_epi8(same) + 1) >> 16;
#else
	return __builtin_memcmp(a, b, 16) == 0;
#endif
}

/* Bit i: the 16 bytes at first + i * stride are those at key; i of 0..3. AVX2, for callers of that
 * level. */
#ifdef __x86_64__
TARGET_V3 static inline uint32_t pairs_match_v3(const uint8_t *first, uint32_t stride,
						const uint8_t *key)
{
	const __m256i k = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)key));
	__m256i even = _mm256_loadu2_m128i((const __m128i *)(first + 2 * stride),
					   (const __m128i *)first);
	__m256i odd = _mm256_loadu2_m128i((const __m128i *)(first + 3 * stride),
					  (const __m128i *)(first + stride));
	__m256d a = _mm256_castsi256_pd(_mm256_cmpeq_epi64(even, k));
	__m256d b = _mm256_castsi256_pd(_mm256_cmpeq_epi64(odd, k));
	/* first words of 0, 1, 2, 3 and second words of them */
	return (uint32_t)_mm256_movemask_pd(
		_mm256_and_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b)));
}
#else
static inline uint32_t pairs_match_v3(const uint8_t *first, uint32_t stride, const uint8_t *key)
{
	uint32_t bits = 0;
	for (unsigned i = 0; i < 4; i++)
		bits |= pair_match(first + i * stride, key) << i;
	return bits;
}
#endif
