/* hash_lanes.h - the multiplications of hash.h for four numbers at a time.
 * Why: a hash is bound by products of 64 bits to 128, of which a processor makes one every other
 * cycle or so. Four of the vector unit's (32 bits to 64) make one too, for four rows, while nobody
 * else uses that unit. Neither is faster alone; half of the rows this way and half the other are.
 * Only within functions of TARGET_V3 (base/cpu.h), and never as an argument of a real call. */
#pragma once
#include "base/cpu.h"
#include "base/hash.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

typedef uint64_t hash_x4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef int64_t hash_x4_int __attribute__((vector_size(32)));

#define HASH_LANES 4
#define HASH_X4_INLINE TARGET_V3 static inline __attribute__((always_inline))

HASH_X4_INLINE hash_x4 hash_x4_of(uint64_t x)
{
	return (hash_x4){x, x, x, x};
}

/* The product of what the lanes hold in their low 32 bits. */
HASH_X4_INLINE hash_x4 hash_x4_mul_32(hash_x4 a, hash_x4 b)
{
#ifdef __x86_64__
	return (hash_x4)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#else
	return (a & UINT32_MAX) * (b & UINT32_MAX);
#endif
}

/* A product of 128 bits. Its lower half is left in parts, since the next product takes parts: bits
 * 0 to 31 and 32 to 63 of it, each in the low half of a lane, with anything above. */
struct hash_x4_product {
	hash_x4 lo0, lo1, hi;
};

/* a0 and b0: bits 0 to 31 of the factors, a1 and b1: bits 32 to 63, with anything above. No sum
 * overflows. */
HASH_X4_INLINE struct hash_x4_product hash_x4_mul(hash_x4 a0, hash_x4 a1, hash_x4 b0, hash_x4 b1)
{
	hash_x4 low = hash_x4_mul_32(a0, b0);
	hash_x4 mid = hash_x4_mul_32(a0, b1) + (low >> 32);
	hash_x4 other = hash_x4_mul_32(a1, b0) + (mid & UINT32_MAX);
	hash_x4 hi = hash_x4_mul_32(a1, b1) + (mid >> 32) + (other >> 32);
	return (struct hash_x4_product){low, other, hi};
}

/* The halves of a product, folded into one. */
HASH_X4_INLINE hash_x4 hash_x4_folded(struct hash_x4_product p)
{
	return ((p.lo0 & UINT32_MAX) | p.lo1 << 32) ^ p.hi;
}

/* hash_fold of each lane. */
HASH_X4_INLINE hash_x4 hash_x4_fold(hash_x4 a, hash_x4 b)
{
	return hash_x4_folded(hash_x4_mul(a, a >> 32, b, b >> 32));
}

/* hash_fold(lo ^ by_lo, hi ^ by_hi) of the halves of a product. */
HASH_X4_INLINE hash_x4 hash_x4_fold_again(struct hash_x4_product p, uint64_t by_lo, uint64_t by_hi)
{
	hash_x4 hi = p.hi ^ by_hi;
	return hash_x4_folded(hash_x4_mul(p.lo0 ^ by_lo, p.lo1 ^ by_lo >> 32, hi, hi >> 32));
}

/* hash_fold64 of each lane. */
HASH_X4_INLINE hash_x4 hash_x4_fold64(hash_x4 key)
{
	hash_x4 k = key ^ 0x2D358DCCAA6C78A5u, by = hash_x4_of(0x8BB84B93962EACC9u);
	return hash_x4_fold_again(hash_x4_mul(k, k >> 32, by, by >> 32), 0x2D358DCCAA6C78A5u,
				  0x4B33A62ED433D4A3u);
}

/* hash_short of each lane. */
HASH_X4_INLINE hash_x4 hash_x4_short(hash_x4 w0, hash_x4 w1)
{
	hash_x4 a = w0 ^ 0x2D358DCCAA6C78A5u, b = w1 ^ 0x8BB84B93962EACC9u;
	return hash_x4_fold_again(hash_x4_mul(a, a >> 32, b, b >> 32), 0x4B33A62ED433D4A3u,
				  0x4D5A2DA51DE1AA47u);
}

/* The first and the second words of four views of 16 bytes. */
HASH_X4_INLINE void hash_x4_words(const void *views, hash_x4 *w0, hash_x4 *w1)
{
#ifdef __x86_64__
	const __m128i *v = views;
	__m256i a = _mm256_loadu2_m128i(v + 2, v), b = _mm256_loadu2_m128i(v + 3, v + 1);
	*w0 = (hash_x4)_mm256_unpacklo_epi64(a, b);
	*w1 = (hash_x4)_mm256_unpackhi_epi64(a, b);
#else
	hash_x4 a = *(const hash_x4 *)views, b = *((const hash_x4 *)views + 1);
	*w0 = (hash_x4){a[0], a[2], b[0], b[2]};
	*w1 = (hash_x4){a[1], a[3], b[1], b[3]};
#endif
}

/* Bits 0 to 3: which of four views, by their first words, are longer than HASH_SHORT_BYTES. */
HASH_X4_INLINE uint64_t hash_x4_long(hash_x4 w0)
{
	hash_x4_int is_long = (hash_x4_int)(w0 & UINT32_MAX) > HASH_SHORT_BYTES;
#ifdef __x86_64__
	return (uint64_t)_mm256_movemask_pd((__m256d)is_long);
#else
	return (uint64_t)((is_long[0] & 1) | (is_long[1] & 2) | (is_long[2] & 4) | (is_long[3] & 8));
#endif
}

/* The places of the bits of a word that are 1, as rows from `first` on; the list's new length. */
static inline uint32_t hash_list_bits(uint64_t bits, uint32_t first, uint16_t *list, uint32_t n)
{
	for (; bits; bits &= bits - 1)
		list[n++] = (uint16_t)(first + (uint32_t)__builtin_ctzll(bits));
	return n;
}

HASH_X4_INLINE uint64_t hash_x4_sum(hash_x4 x)
{
	return x[0] + x[1] + x[2] + x[3];
}
