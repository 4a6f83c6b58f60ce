/* test_lines.c - chosen entries of lines: the same columns at every level, and nothing written
 * beyond what is promised. */
#include "base/rng.h"
#include "state/lines.h"
#include "state/table.h"
#include "tests/lib/test.h"

#define SPARE LINE_SLOTS

TEST(chosen_entries_are_put_one_after_the_other_at_every_level)
{
	_Alignas(64) uint8_t line[GROUP_SLOTS * LINED_BYTES];
	uint64_t key[GROUP_SLOTS + SPARE + 1], value[GROUP_SLOTS + SPARE + 1];
	struct rng r;
	rng_seed(&r, 5);
	for (int round = 0; round < 3000; round++) {
		uint64_t chosen = rng_next(&r);
		if (round % 4 == 1)
			chosen &= rng_next(&r) & rng_next(&r);
		if (round % 4 == 2)
			chosen |= rng_next(&r) | rng_next(&r);
		if (round < 18) /* each pattern of a line, none, all */
			chosen = round < 16 ? (uint64_t)round * 0x1111111111111111u : round == 16 ? 0 : ~0ull;
		for (uint32_t i = 0; i < GROUP_SLOTS; i++) {
			uint64_t v[2] = {rng_next(&r), rng_next(&r)};
			memcpy(line + slot_offset(i, LINED_BYTES), &v[0], 8);
			memcpy(line + slot_offset(i, LINED_BYTES) + LINE_SLOTS * 8, &v[1], 8);
		}
		for (int level = SIMD_BASE; level <= (int)simd_have(); level++) {
			memset(key, 0xAA, sizeof key);
			memset(value, 0xAA, sizeof value);
			uint32_t n = lines_put(line, chosen, key, value, (enum simd)level), at = 0;
			for (uint32_t i = 0; i < GROUP_SLOTS; i++) {
				if (!(chosen >> i & 1))
					continue;
				EXPECT(!memcmp(&key[at], line + slot_offset(i, LINED_BYTES), 8));
				EXPECT(!memcmp(&value[at],
					       line + slot_offset(i, LINED_BYTES) + LINE_SLOTS * 8, 8));
				at++;
			}
			EXPECT(n == at);
			for (uint32_t i = n + SPARE; i < GROUP_SLOTS + SPARE + 1; i++)
				EXPECT(key[i] == 0xAAAAAAAAAAAAAAAAu && value[i] == key[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(chosen_entries_are_put_one_after_the_other_at_every_level),
	};
	return RUN(tests);
}
