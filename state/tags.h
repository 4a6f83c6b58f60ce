/* tags.h - all tags of a group at once: a bit a slot.
 * Why apart: the only place of state/ with vector instructions (SSE2, which every x86-64 has). */
#pragma once
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
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
