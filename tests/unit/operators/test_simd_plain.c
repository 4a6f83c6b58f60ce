/* test_simd_plain.c - SSE2's stand-ins for other processors, beside SSE2: the same bits. */
#include "operators/simd.h"
#include "base/rng.h"
#include "tests/lib/test.h"

#ifdef __SSE2__
#define _mm_loadu_si128 plain_loadu
#define _mm_storeu_si128 plain_storeu
#define _mm_setzero_si128 plain_setzero
#define _mm_set1_epi8 plain_set1
#define _mm_set1_epi16 plain_set1_16
#define _mm_set_epi32 plain_set
#define _mm_cvtsi32_si128 plain_from_32
#define _mm_cvtsi128_si64 plain_to_64
#undef _mm_extract_epi16
#define _mm_extract_epi16 plain_extract
#define _mm_and_si128 plain_and
#define _mm_andnot_si128 plain_andnot
#define _mm_or_si128 plain_or
#define _mm_xor_si128 plain_xor
#define _mm_sub_epi8 plain_sub
#define _mm_add_epi32 plain_add_32
#define _mm_cmpeq_epi8 plain_cmpeq
#define _mm_cmpgt_epi8 plain_cmpgt
#define _mm_cmplt_epi8 plain_cmplt
#define _mm_movemask_epi8 plain_movemask
#undef _mm_slli_si128
#define _mm_slli_si128 plain_slli
#undef _mm_srli_si128
#define _mm_srli_si128 plain_srli
#define _mm_sad_epu8 plain_sad
#include "operators/simd_plain.h"
#undef _mm_loadu_si128
#undef _mm_storeu_si128
#undef _mm_setzero_si128
#undef _mm_set1_epi8
#undef _mm_set1_epi16
#undef _mm_set_epi32
#undef _mm_cvtsi32_si128
#undef _mm_cvtsi128_si64
#undef _mm_and_si128
#undef _mm_andnot_si128
#undef _mm_or_si128
#undef _mm_xor_si128
#undef _mm_sub_epi8
#undef _mm_add_epi32
#undef _mm_cmpeq_epi8
#undef _mm_cmpgt_epi8
#undef _mm_cmplt_epi8
#undef _mm_movemask_epi8
#undef _mm_sad_epu8
/* These are macros of immediate operands where nothing is optimised. */
#define REAL_SLLI(v, n) ((__m128i)__builtin_ia32_pslldqi128((v), (n) * 8))
#define REAL_SRLI(v, n) ((__m128i)__builtin_ia32_psrldqi128((v), (n) * 8))

#define SAME(real, plain)                                                                          \
	do {                                                                                       \
		__m128i real_ = (real), plain_ = (plain);                                          \
		EXPECT(!memcmp(&real_, &plain_, sizeof real_));                                    \
	} while (0)

/* Each side's registers are its own: bytes go in and come out through memory. */
static void compare_all(const uint8_t *x, const uint8_t *y)
{
	__m128i a = _mm_loadu_si128((const __m128i *)x), b = _mm_loadu_si128((const __m128i *)y);
	uint8_t stored[16];
	int few;
	memcpy(&few, x, sizeof few);
	SAME(a, plain_loadu((const __m128i *)x));
	plain_storeu((__m128i *)stored, a);
	EXPECT(!memcmp(stored, x, sizeof stored));
	SAME(_mm_and_si128(a, b), plain_and(a, b));
	SAME(_mm_andnot_si128(a, b), plain_andnot(a, b));
	SAME(_mm_or_si128(a, b), plain_or(a, b));
	SAME(_mm_xor_si128(a, b), plain_xor(a, b));
	SAME(_mm_sub_epi8(a, b), plain_sub(a, b));
	SAME(_mm_add_epi32(a, b), plain_add_32(a, b));
	SAME(_mm_cmpeq_epi8(a, b), plain_cmpeq(a, b));
	SAME(_mm_cmpgt_epi8(a, b), plain_cmpgt(a, b));
	SAME(_mm_cmplt_epi8(a, b), plain_cmplt(a, b));
	SAME(_mm_sad_epu8(a, b), plain_sad(a, b));
	SAME(_mm_set1_epi8((char)x[0]), plain_set1((char)x[0]));
	SAME(_mm_set1_epi16((short)few), plain_set1_16((short)few));
	SAME(_mm_set_epi32(few, -few, 7, ~few), plain_set(few, -few, 7, ~few));
	SAME(_mm_cvtsi32_si128(few), plain_from_32(few));
	SAME(_mm_setzero_si128(), plain_setzero());
	EXPECT(_mm_cvtsi128_si64(a) == plain_to_64(a));
	EXPECT(_mm_movemask_epi8(a) == plain_movemask(a));
	for (int i = 0; i < 8; i++)
		EXPECT(((int)x[2 * i] | (int)x[2 * i + 1] << 8) == plain_extract(a, i));
	SAME(REAL_SLLI(a, 0), plain_slli(a, 0));
	SAME(REAL_SLLI(a, 4), plain_slli(a, 4));
	SAME(REAL_SLLI(a, 15), plain_slli(a, 15));
	SAME(REAL_SRLI(a, 0), plain_srli(a, 0));
	SAME(REAL_SRLI(a, 8), plain_srli(a, 8));
	SAME(REAL_SRLI(a, 15), plain_srli(a, 15));
}

TEST(stand_ins_give_the_bits_of_sse2)
{
	struct rng rng;
	rng_seed(&rng, 5);
	print_message("seed 5\n");
	for (int round = 0; round < 2000; round++) {
		uint64_t x[2] = {rng_next(&rng), rng_next(&rng)}, y[2] = {rng_next(&rng), x[1]};
		if (round % 4 == 0)
			y[0] = x[0] ^ (1ull << rng_below(&rng, 64));
		compare_all((const uint8_t *)x, (const uint8_t *)y);
	}
}
#else
TEST(stand_ins_give_the_bits_of_sse2)
{
	/* Here they are what there is; the kernels' tests try them. */
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {T(stand_ins_give_the_bits_of_sse2)};
	return RUN(tests);
}
