/* simd_plain.h - the SSE2 instructions that text kernels use, for processors that have others: the
 * compiler's 16-byte vectors under SSE2's names, so that a kernel is written once. Right before
 * fast. Included by simd.h only where there is no SSE2 (and by its test, beside the real ones). */
#pragma once
#include <stdint.h>
#include <string.h>

typedef long long __m128i __attribute__((vector_size(16), may_alias)); /* as SSE2's own */
typedef int8_t plain_i8 __attribute__((vector_size(16)));
typedef uint8_t plain_u8 __attribute__((vector_size(16)));
typedef uint32_t plain_u32 __attribute__((vector_size(16)));
typedef uint16_t plain_u16 __attribute__((vector_size(16)));

#define SIMD_PLAIN(type) static inline __attribute__((always_inline, unused)) type

/* --- loads, stores, constants --- */

SIMD_PLAIN(__m128i) _mm_loadu_si128(const __m128i *p)
{
	__m128i v;
	memcpy(&v, p, sizeof v);
	return v;
}
SIMD_PLAIN(void) _mm_storeu_si128(__m128i *p, __m128i v)
{
	memcpy(p, &v, sizeof v);
}
SIMD_PLAIN(__m128i) _mm_setzero_si128(void)
{
	return (__m128i){0, 0};
}
SIMD_PLAIN(__m128i) _mm_set1_epi8(char c)
{
	return (__m128i)((plain_u8){0} + (uint8_t)c);
}
SIMD_PLAIN(__m128i) _mm_set1_epi16(short c)
{
	return (__m128i)((plain_u16){0} + (uint16_t)c);
}
SIMD_PLAIN(__m128i) _mm_set_epi32(int d, int c, int b, int a)
{
	return (__m128i){(long long)((uint64_t)(uint32_t)b << 32 | (uint32_t)a),
			 (long long)((uint64_t)(uint32_t)d << 32 | (uint32_t)c)};
}
SIMD_PLAIN(__m128i) _mm_cvtsi32_si128(int a)
{
	return (__m128i){(uint32_t)a, 0};
}
SIMD_PLAIN(long long) _mm_cvtsi128_si64(__m128i v)
{
	return v[0];
}
SIMD_PLAIN(int) _mm_extract_epi16(__m128i v, int i)
{
	return (int)((uint64_t)v[i / 4] >> (16 * (i % 4)) & 0xFFFF);
}

/* --- bits and bytes --- */

SIMD_PLAIN(__m128i) _mm_and_si128(__m128i a, __m128i b)
{
	return a & b;
}
SIMD_PLAIN(__m128i) _mm_andnot_si128(__m128i a, __m128i b)
{
	return ~a & b;
}
SIMD_PLAIN(__m128i) _mm_or_si128(__m128i a, __m128i b)
{
	return a | b;
}
SIMD_PLAIN(__m128i) _mm_xor_si128(__m128i a, __m128i b)
{
	return a ^ b;
}
SIMD_PLAIN(__m128i) _mm_sub_epi8(__m128i a, __m128i b)
{
	return (__m128i)((plain_u8)a - (plain_u8)b);
}
SIMD_PLAIN(__m128i) _mm_add_epi32(__m128i a, __m128i b)
{
	return (__m128i)((plain_u32)a + (plain_u32)b);
}
SIMD_PLAIN(__m128i) _mm_cmpeq_epi8(__m128i a, __m128i b)
{
	return (__m128i)((plain_i8)a == (plain_i8)b);
}
SIMD_PLAIN(__m128i) _mm_cmpgt_epi8(__m128i a, __m128i b)
{
	return (__m128i)((plain_i8)a > (plain_i8)b);
}
SIMD_PLAIN(__m128i) _mm_cmplt_epi8(__m128i a, __m128i b)
{
	return (__m128i)((plain_i8)a < (plain_i8)b);
}

/* --- across the whole register; its lowest byte comes first, as in memory --- */

SIMD_PLAIN(int) _mm_movemask_epi8(__m128i v)
{
	int bits = 0;
	for (int i = 0; i < 16; i++)
		bits |= (((plain_u8)v)[i] >> 7) << i;
	return bits;
}
SIMD_PLAIN(__m128i) _mm_slli_si128(__m128i v, int bytes)
{
	plain_u8 from = (plain_u8)v, to = {0};
	for (int i = bytes; i < 16; i++)
		to[i] = from[i - bytes];
	return (__m128i)to;
}
SIMD_PLAIN(__m128i) _mm_srli_si128(__m128i v, int bytes)
{
	plain_u8 from = (plain_u8)v, to = {0};
	for (int i = bytes; i < 16; i++)
		to[i - bytes] = from[i];
	return (__m128i)to;
}
/* The sums of absolute differences of the lower and of the upper eight bytes. */
SIMD_PLAIN(__m128i) _mm_sad_epu8(__m128i a, __m128i b)
{
	__m128i sums = {0, 0};
	for (int i = 0; i < 16; i++) {
		int x = ((plain_u8)a)[i], y = ((plain_u8)b)[i];
		sums[i / 8] += x > y ? x - y : y - x;
	}
	return sums;
}
