/* lines.c - see lines.h. */
#include "state/lines.h"

#include "state/table.h"

static uint32_t put_base(const uint8_t *line, uint64_t chosen, uint64_t *key, uint64_t *value)
{
	uint32_t n = 0;
	for (; chosen; chosen &= chosen - 1, n++) {
		uint64_t i = (uint64_t)__builtin_ctzll(chosen);
		const uint8_t *slot = line + slot_offset(i, LINED_BYTES);
		memcpy(&key[n], slot, 8);
		memcpy(&value[n], slot + LINE_SLOTS * 8, 8);
	}
	return n;
}

#ifdef __x86_64__
#include <immintrin.h>

#define FETCH_BYTES 2048u /* of lines, before they are copied */

/* By a line's bits: which of its numbers come first, as halves of them. */
#define PICK(a, b, c, d) {2 * a, 2 * a + 1, 2 * b, 2 * b + 1, 2 * c, 2 * c + 1, 2 * d, 2 * d + 1}
static const uint32_t picks[16][8] = {
	PICK(0, 1, 2, 3), PICK(0, 1, 2, 3), PICK(1, 0, 2, 3), PICK(0, 1, 2, 3),
	PICK(2, 0, 1, 3), PICK(0, 2, 1, 3), PICK(1, 2, 0, 3), PICK(0, 1, 2, 3),
	PICK(3, 0, 1, 2), PICK(0, 3, 1, 2), PICK(1, 3, 0, 2), PICK(0, 1, 3, 2),
	PICK(2, 3, 0, 1), PICK(0, 2, 3, 1), PICK(1, 2, 3, 0), PICK(0, 1, 2, 3),
};

TARGET_V3 static uint32_t put_v3(const uint8_t *line, uint64_t chosen, uint64_t *key,
				 uint64_t *value)
{
	uint32_t n = 0;
	for (unsigned l = 0; l < GROUP_SLOTS / LINE_SLOTS; l++, chosen >>= LINE_SLOTS) {
		__m256i pick = _mm256_loadu_si256((const __m256i *)picks[chosen & 15]);
		__m256i keys = _mm256_loadu_si256((const __m256i *)line);
		__m256i values = _mm256_loadu_si256((const __m256i *)(line + LINE_SLOTS * 8));
		__builtin_prefetch(line + FETCH_BYTES);
		_mm256_storeu_si256((__m256i *)(key + n), _mm256_permutevar8x32_epi32(keys, pick));
		_mm256_storeu_si256((__m256i *)(value + n), _mm256_permutevar8x32_epi32(values, pick));
		n += (uint32_t)__builtin_popcountll(chosen & 15);
		line += LINE_SLOTS * LINED_BYTES;
	}
	return n;
}
#endif

uint32_t lines_put(const uint8_t *line, uint64_t chosen, uint64_t *key, uint64_t *value,
		   enum simd level)
{
#ifdef __x86_64__
	if (level >= SIMD_V3)
		return put_v3(line, chosen, key, value);
#endif
	(void)level;
	return put_base(line, chosen, key, value);
}
