/* planes.c - see planes.h. put and take are neighbours, and so are their two forms.
 *
 * The transposition: 16 rows of 8 bytes are 8 registers of two rows. With the bits of a row's
 * number r3 r2 r1 r0 and of a plane's number c2 c1 c0, register r3r2r1 holds at place r0c2c1c0.
 * Interleaving the bytes of two registers whose numbers differ in the top bit moves that bit to
 * the end of the place, and the place's top bit to the end of the register's number. After four
 * rounds register c2c1c0 holds at place r3r2r1r0: a plane. From planes to rows it takes three.
 * Where only the low four bytes of numbers differ, which is so of most, AVX2 does 32 rows of four
 * planes in a third of that. */
#include "state/planes.h"

#ifdef __SSE2__
#include <emmintrin.h>

#define ROWS 16u /* at once */

static inline __attribute__((always_inline)) void interleave(__m128i *x)
{
	__m128i y[8];
	for (unsigned j = 0; j < 4; j++) {
		y[2 * j] = _mm_unpacklo_epi8(x[j], x[j + 4]);
		y[2 * j + 1] = _mm_unpackhi_epi8(x[j], x[j + 4]);
	}
	for (unsigned j = 0; j < 8; j++)
		x[j] = y[j];
}

/* Plane p of these rows to to[p] + at[p]; at[p] moves on by step[p]. Returns how many rows were
 * done: a multiple of 16. */
static uint32_t split_rows(const uint64_t *v, uint32_t stride, uint32_t n, uint8_t **to,
			   const uint32_t *step)
{
	uint32_t i = 0;
	for (; i + ROWS <= n; i += ROWS) {
		__m128i x[8];
		for (unsigned j = 0; j < 8; j++) {
			const uint64_t *at = v + (size_t)(i + 2 * j) * stride;
			x[j] = stride == 1 ? _mm_loadu_si128((const __m128i *)at)
					   : _mm_set_epi64x((int64_t)at[stride], (int64_t)at[0]);
		}
		for (unsigned round = 0; round < 4; round++)
			interleave(x);
		for (unsigned p = 0; p < 8; p++) {
			_mm_storeu_si128((__m128i *)to[p], x[p]);
			to[p] += step[p];
		}
	}
	return i;
}

static uint32_t join_rows(uint64_t *v, uint32_t stride, uint32_t n, const uint8_t *const *from,
			  const uint32_t *step)
{
	uint32_t i = 0;
	for (; i + ROWS <= n; i += ROWS) {
		__m128i x[8];
		for (unsigned p = 0; p < 8; p++)
			x[p] = _mm_loadu_si128((const __m128i *)(from[p] + (size_t)(i / ROWS) * step[p]));
		for (unsigned round = 0; round < 3; round++)
			interleave(x);
		for (unsigned j = 0; j < 8; j++) {
			uint64_t *at = v + (size_t)(i + 2 * j) * stride;
			_mm_storel_epi64((__m128i *)at, x[j]);
			_mm_storel_epi64((__m128i *)(at + stride), _mm_srli_si128(x[j], 8));
		}
	}
	return i;
}
#else
#define ROWS 1u

static uint32_t split_rows(const uint64_t *v, uint32_t stride, uint32_t n, uint8_t **to,
			   const uint32_t *step)
{
	for (unsigned p = 0; p < 8; p++) {
		for (uint32_t i = 0; step[p] && i < n; i++)
			to[p][i] = (uint8_t)(v[(size_t)i * stride] >> (8 * p));
		to[p] += (size_t)n * step[p];
	}
	return n;
}

static uint32_t join_rows(uint64_t *v, uint32_t stride, uint32_t n, const uint8_t *const *from,
			  const uint32_t *step)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t x = 0;
		for (unsigned p = 0; p < 8; p++)
			x |= (uint64_t)from[p][(size_t)i * step[p]] << (8 * p);
		v[(size_t)i * stride] = x;
	}
	return n;
}
#endif

#ifdef __x86_64__
#include <immintrin.h>

#define LOW_ROWS 32u

/* Planes 0 to 3, of which those with step[p] > 0 are stored, of numbers one behind the other.
 * Returns how many rows were done; to[p] stand behind them. */
TARGET_V3 static uint32_t split_low_v3(const uint64_t *v, uint32_t n, uint8_t **to,
				       const uint32_t *step)
{
	/* The bytes of four rows, by planes. */
	const __m256i by_plane = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
	uint32_t i = 0;
	for (; i + LOW_ROWS <= n; i += LOW_ROWS) {
		__m256i d[4], p[4];
		for (unsigned j = 0; j < 4; j++) {
			__m256 a = _mm256_loadu_ps((const float *)(v + i + 8 * j));
			__m256 b = _mm256_loadu_ps((const float *)(v + i + 8 * j + 4));
			/* Low halves: rows 0 1 4 5, and 2 3 6 7 in the upper lane. */
			d[j] = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
			d[j] = _mm256_shuffle_epi8(d[j], by_plane);
		}
		__m256i even = _mm256_unpacklo_epi32(d[0], d[1]);
		__m256i odd = _mm256_unpacklo_epi32(d[2], d[3]);
		p[0] = _mm256_unpacklo_epi64(even, odd);
		p[1] = _mm256_unpackhi_epi64(even, odd);
		even = _mm256_unpackhi_epi32(d[0], d[1]);
		odd = _mm256_unpackhi_epi32(d[2], d[3]);
		p[2] = _mm256_unpacklo_epi64(even, odd);
		p[3] = _mm256_unpackhi_epi64(even, odd);
		for (unsigned j = 0; j < 4; j++) {
			if (!step[j])
				continue;
			__m128i low = _mm256_castsi256_si128(p[j]);
			__m128i high = _mm256_extracti128_si256(p[j], 1);
			_mm_storeu_si128((__m128i *)to[j], _mm_unpacklo_epi16(low, high));
			_mm_storeu_si128((__m128i *)(to[j] + 16), _mm_unpackhi_epi16(low, high));
			to[j] += LOW_ROWS;
		}
	}
	return i;
}

TARGET_V3 static uint64_t differ_v3(const uint64_t *v, uint32_t n)
{
	uint64_t differ = 0;
	for (uint32_t i = 0; i < n; i++)
		differ |= v[i] ^ v[0];
	return differ;
}
#endif

static uint64_t differ_base(const uint64_t *v, uint32_t stride, uint32_t n)
{
	uint64_t differ = 0;
	if (stride == 1)
		for (uint32_t i = 0; i < n; i++)
			differ |= v[i] ^ v[0];
	else
		for (uint32_t i = 0; i < n; i++)
			differ |= v[(size_t)i * stride] ^ v[0];
	return differ;
}

void planes_put(struct bytes *b, const uint64_t *v, uint32_t stride, uint32_t n, enum simd level)
{
	uint8_t spare[ROWS], *to[8]; /* spare: where planes go that are one byte */
	uint32_t step[8], done = 0;
#ifdef __x86_64__
	const bool wide = level >= SIMD_V3 && stride == 1;
	uint64_t differ = wide ? differ_v3(v, n) : differ_base(v, stride, n);
#else
	uint64_t differ = differ_base(v, stride, n);
	(void)level;
#endif
	for (unsigned p = 0; p < 8; p++) {
		bool same = !(differ >> (8 * p) & 0xFF);
		uint8_t *at = b->data + b->len;
		at[0] = !same;
		at[1] = (uint8_t)(v[0] >> (8 * p));
		to[p] = same ? spare : at + 1;
		step[p] = same ? 0 : ROWS;
		b->len += 1 + (same ? 1 : n);
	}
#ifdef __x86_64__
	if (wide && !(differ >> 32))
		done = split_low_v3(v, n, to, step);
#endif
	done += split_rows(v + (size_t)done * stride, stride, n - done, to, step);
	for (uint32_t i = done; i < n; i++)
		for (unsigned p = 0; p < 8; p++)
			if (step[p])
				*to[p]++ = (uint8_t)(v[(size_t)i * stride] >> (8 * p));
}

bool planes_take(struct reader *r, uint64_t *v, uint32_t stride, uint32_t n, unsigned planes)
{
	uint8_t same[8][ROWS]; /* planes that are one byte, as rows find them */
	const uint8_t *from[8];
	uint32_t step[8];
	for (unsigned p = 0; p < 8; p++) {
		uint8_t kind = p < planes ? reader_u8(r) : 0;
		const uint8_t *at = p < planes ? reader_take(r, kind ? n : 1) : (const uint8_t *)"";
		if (kind > 1 || !at)
			return false;
		memset(same[p], at[0], ROWS);
		from[p] = kind ? at : same[p];
		step[p] = kind ? ROWS : 0;
	}
	for (uint32_t i = join_rows(v, stride, n, from, step); i < n; i++) {
		uint64_t x = 0;
		for (unsigned p = 0; p < 8; p++)
			x |= (uint64_t)from[p][step[p] ? i : 0] << (8 * p);
		v[(size_t)i * stride] = x;
	}
	return true;
}
