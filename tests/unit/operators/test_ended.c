/* test_ended.c - hash ranges, joined, against a naive set. */
#include "base/rng.h"
#include "operators/ended.h"
#include "tests/lib/test.h"

TEST(ranges_say_what_a_set_of_hashes_says)
{
	struct rng r;
	struct mem mem;
	uint64_t seed = 3;
	rng_seed(&r, seed);
	mem_init(&mem, 0);
	for (int round = 0; round < 300; round++) {
		struct ended d;
		struct err e = {0};
		bool set[64] = {0};
		/* Small numbers, or the same at the far end of the hashes. */
		uint64_t base = round % 2 ? UINT64_MAX - 63 : 0;
		ended_init(&d, &mem);
		for (uint64_t n = rng_below(&r, 8); n; n--) {
			uint64_t first = rng_below(&r, 64), last = first + rng_below(&r, 64 - first);
			EXPECT_OK(ended_add(&d, base + first, base + last, &e), &e);
			for (uint64_t h = first; h <= last; h++)
				set[h] = true;
		}
		for (uint32_t h = 0; h < 64; h++)
			EXPECT(ended_has(&d, base + h) == set[h]);
		for (uint32_t i = 1; i < d.n; i++)
			EXPECT(d.range[i].first - d.range[i - 1].last > 1);
		for (uint64_t first = 0; first < 64; first += 5)
			for (uint64_t last = first; last < 64; last += 3) {
				bool all = true;
				for (uint64_t h = first; h <= last; h++)
					all = all && set[h];
				EXPECT(ended_covers(&d, base + first, base + last) == all);
			}
		ended_close(&d);
	}
	EXPECT(mem.used_bytes == 0);
}

TEST(what_was_encoded_is_decoded_and_no_range_is_no_byte)
{
	struct mem mem;
	struct ended d, back;
	struct bytes b;
	struct err e = {0};
	mem_init(&mem, 0);
	bytes_init(&b, &mem);
	ended_init(&d, &mem);
	ended_init(&back, &mem);
	ended_encode(&d, &b);
	EXPECT(b.len == 0);
	EXPECT_OK(ended_decode(&back, b.data, 0, &e), &e);
	EXPECT(back.n == 0);
	EXPECT_OK(ended_add(&d, 5, 9, &e), &e);
	EXPECT_OK(ended_add(&d, 20, UINT64_MAX, &e), &e);
	ended_encode(&d, &b);
	EXPECT_OK(ended_decode(&back, b.data, b.len, &e), &e);
	EXPECT(back.n == 2 && !memcmp(back.range, d.range, 2 * sizeof *d.range));
	for (size_t len = 1; len < b.len; len++)
		EXPECT(ended_decode(&back, b.data, len, NULL) == E_CORRUPT);
	b.data[4] = 10; /* first over last */
	EXPECT(ended_decode(&back, b.data, b.len, NULL) == E_CORRUPT);
	ended_close(&d);
	ended_close(&back);
	bytes_close(&b);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ranges_say_what_a_set_of_hashes_says),
		T(what_was_encoded_is_decoded_and_no_range_is_no_byte),
	};
	return RUN(tests);
}
