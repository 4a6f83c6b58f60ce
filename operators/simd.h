/* simd.h - sixteen bytes of text at a time, in SSE2, which every x86-64 has.
 * Reads of a text may go up to 64 bytes beyond its end: a pool's text has that much readable room
 * behind its data (pool.c), and its head before it. Inline views are 16 bytes and are loaded
 * whole. */
#pragma once
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#else
#include "operators/simd_plain.h"
#endif

/* 0xFF where lo <= byte <= hi; both ASCII. */
static inline __m128i simd_between(__m128i v, char lo, char hi)
{
	return _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8((char)(lo - 1))),
			     _mm_cmplt_epi8(v, _mm_set1_epi8((char)(hi + 1))));
}

/* ASCII letters become lower (how < 0) or upper (how > 0) case; other bytes pass through. */
static inline __m128i simd_case(__m128i v, int how)
{
	__m128i letters = how < 0 ? simd_between(v, 'A', 'Z') : simd_between(v, 'a', 'z');
	return _mm_xor_si128(v, _mm_and_si128(letters, _mm_set1_epi8(0x20)));
}

/* Bit i: byte i is ASCII white space (space, \t \n \v \f \r). */
static inline uint32_t simd_spaces(__m128i v)
{
	__m128i blank = _mm_cmpeq_epi8(v, _mm_set1_epi8(' '));
	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(blank, simd_between(v, '\t', '\r')));
}

static inline __m128i simd_load(const void *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

static inline void simd_store(void *p, __m128i v)
{
	_mm_storeu_si128((__m128i *)p, v);
}
