/* test_planes.c - columns as byte planes: the bytes FORMAT.md says, at every level, and back. */
#include "base/rng.h"
#include "state/planes.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define ROWS_MAX 4096u

/* By the words of FORMAT.md. */
static size_t by_hand(uint8_t *to, const uint64_t *v, uint32_t stride, uint32_t n)
{
	size_t len = 0;
	for (unsigned p = 0; p < 8; p++) {
		bool same = true;
		for (uint32_t i = 0; i < n; i++)
			same &= (uint8_t)(v[i * stride] >> 8 * p) == (uint8_t)(v[0] >> 8 * p);
		to[len++] = !same;
		for (uint32_t i = 0; i < (same ? 1 : n); i++)
			to[len++] = (uint8_t)(v[i * stride] >> 8 * p);
	}
	return len;
}

TEST(planes_are_the_same_bytes_at_every_level_and_come_back)
{
	struct mem mem;
	struct bytes b;
	mem_init(&mem, 0);
	bytes_init(&b, &mem);
	EXPECT(bytes_reserve(&b, 8 * (ROWS_MAX + 1)));
	uint64_t *v = calloc(2 * ROWS_MAX, 8), *back = calloc(2 * ROWS_MAX, 8);
	uint8_t *want = malloc(8 * (ROWS_MAX + 1));
	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct rng r;
		rng_seed(&r, seed);
		uint32_t stride = 1 + seed % 2, n = 1 + (uint32_t)rng_below(&r, seed % 7 ? 150 : ROWS_MAX);
		uint64_t differ = 0, same = rng_next(&r);
		for (unsigned p = 0; p < 8; p++) /* which bytes differ: often only low ones */
			if (p < seed % 9 && rng_below(&r, 4))
				differ |= 0xFFull << 8 * p;
		for (uint32_t i = 0; i < n * stride; i++)
			v[i] = (rng_next(&r) & differ) | (same & ~differ);
		size_t len = by_hand(want, v, stride, n);
		for (int level = SIMD_BASE; level <= (int)simd_have(); level++) {
			bytes_clear(&b);
			planes_put(&b, v, stride, n, (enum simd)level);
			if (b.len != len || memcmp(b.data, want, len))
				fail_msg("seed %llu level %d", (unsigned long long)seed, level);
			struct reader in = reader_of(b.data, b.len);
			memset(back, 0xFF, 2 * ROWS_MAX * 8);
			EXPECT(planes_take(&in, back, stride, n, 8) && reader_left(&in) == 0);
			for (uint32_t i = 0; i < n; i++)
				EXPECT(back[i * stride] == v[i * stride]);
		}
	}
	free(v);
	free(back);
	free(want);
	bytes_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(planes_are_the_same_bytes_at_every_level_and_come_back),
	};
	return RUN(tests);
}
