/* test_table.c - where slots and homes are, and the marks, against their definitions. */
#include "base/rng.h"
#include "state/table.h"
#include "state/tags.h"
#include "tests/lib/test.h"

#include <stdlib.h>

static const struct keyed_shape shapes[] = {
	{.form = KEY_FIX8, .value_bytes = 8},
	{.form = KEY_FIX8, .value_bytes = 16},
	{.form = KEY_BYTES, .value_bytes = 8},
	{.form = KEY_BYTES, .value_bytes = 16},
};

static uint32_t bytes_of(const struct keyed_shape *s)
{
	return (s->form == KEY_FIX8 ? 8 : 16) + s->value_bytes;
}

/* WEIR_SEED repeats a run. */
static void seeded(struct rng *r)
{
	const char *given = getenv("WEIR_SEED");
	struct rng any;
	rng_seed_system(&any);
	uint64_t seed = given ? strtoull(given, NULL, 10) : rng_next(&any);
	printf("seed %llu\n", (unsigned long long)seed);
	rng_seed(r, seed);
}

TEST(no_two_keys_or_values_share_a_byte)
{
	struct mem mem;
	mem_init(&mem, 0);
	for (size_t x = 0; x < ARRAY_LEN(shapes); x++) {
		struct table t;
		uint32_t bytes = bytes_of(&shapes[x]), key = bytes - shapes[x].value_bytes;
		EXPECT(table_open(&t, &mem, bytes, 0, UINT64_MAX, 1021, 60));
		uint8_t *taken = calloc(t.total, bytes);
		for (uint64_t s = 0; s < t.total; s++) {
			uint64_t k = (uint64_t)(table_slot(&t, s) - t.slots);
			uint64_t v = (uint64_t)(slot_value(table_slot(&t, s), &shapes[x]) - t.slots);
			EXPECT(k + key <= t.total * bytes && v % 8 == 0);
			EXPECT(v + shapes[x].value_bytes <= t.total * bytes);
			for (uint32_t i = 0; i < key; i++)
				EXPECT(!taken[k + i]++);
			for (uint32_t i = 0; i < shapes[x].value_bytes; i++)
				EXPECT(!taken[v + i]++);
		}
		free(taken);
		table_close(&t);
	}
	EXPECT(atomic_load(&mem.used_bytes) == 0);
}

TEST(homes_ascend_with_hashes_and_hash_at_is_the_first_of_a_home)
{
	struct rng r;
	struct mem mem;
	seeded(&r);
	mem_init(&mem, 0);
	for (int round = 0; round < 400; round++) {
		const struct keyed_shape *x = &shapes[rng_below(&r, ARRAY_LEN(shapes))];
		struct table t;
		uint64_t a = rng_next(&r), b = rng_next(&r) >> rng_below(&r, 20), hash;
		uint64_t lo = round % 7 ? (a < b ? a : b) : 0;
		uint64_t hi = round % 5 ? (a < b ? b : a) : UINT64_MAX;
		uint64_t cap = 1 + rng_below(&r, 5000);
		if (hi - lo < 1u << 20)
			continue;
		EXPECT(table_open(&t, &mem, bytes_of(x), lo, hi, cap, 64));
		EXPECT(t.cap >= cap && table_home(&t, lo) == 0 && table_home(&t, hi) < t.cap);
		for (int i = 0; i < 50; i++) {
			uint64_t h = lo + rng_below(&r, hi - lo), slot = rng_below(&r, t.cap + 5);
			EXPECT(table_home(&t, h) <= table_home(&t, h + 1));
			EXPECT(table_home(&t, h) % LINE_SLOTS == 0);
			if (!table_hash_at(&t, hi, slot, &hash)) {
				EXPECT(table_home(&t, hi) < slot);
				continue;
			}
			EXPECT(hash >= lo && hash <= hi && table_home(&t, hash) >= slot);
			EXPECT(hash == lo || table_home(&t, hash - 1) < slot);
		}
		table_close(&t);
	}
}

TEST(four_keys_are_compared_as_one_by_one)
{
	struct rng r;
	_Alignas(16) uint64_t line[4];
	seeded(&r);
	for (int round = 0; round < 20000; round++) {
		uint64_t key = rng_next(&r) >> rng_below(&r, 64);
		uint32_t want = 0;
		for (unsigned i = 0; i < 4; i++) {
			uint64_t other[] = {key, key ^ 1ull << rng_below(&r, 64), rng_next(&r),
					    key << 32 | key >> 32, key & UINT32_MAX, ~key};
			line[i] = other[rng_below(&r, ARRAY_LEN(other))];
			want |= (uint32_t)(line[i] == key) << i;
		}
		EXPECT(line_match((const uint8_t *)line, key) == want);
	}
}

TEST(all_marks_fall_at_a_turn_however_much_was_tidied_and_the_last_are_known)
{
	static bool marked[120000];
	struct rng r;
	struct mem mem;
	struct table t;
	seeded(&r);
	mem_init(&mem, 0);
	EXPECT(table_open(&t, &mem, 16, 0, UINT64_MAX, 100000, 64));
	for (int turn = 0; turn < 50; turn++) {
		for (int i = 0; i < 300; i++) {
			uint64_t slot = rng_below(&r, t.total);
			bool on = rng_below(&r, 4) > 0;
			table_mark(&t, slot, on);
			EXPECT(table_marked(&t, slot) == on);
		}
		for (int i = 0; i < 300; i++) {
			uint64_t slot = rng_below(&r, t.total);
			bool was = table_was_marked(&t, slot);
			table_mark(&t, slot, i % 2);
			EXPECT(table_was_marked(&t, slot) == was);
			if (i % 3)
				continue;
			table_unmark(&t, slot);
			EXPECT(!table_was_marked(&t, slot) && !table_marked(&t, slot));
		}
		for (uint64_t n = rng_below(&r, 8); n; n--)
			table_marks_tidy(&t, rng_below(&r, 6000));
		if (turn % 10 == 3) { /* marks go along into the larger one */
			table_mark(&t, 77, true);
			bool was = table_was_marked(&t, 78);
			EXPECT(table_extend(&t) && table_marked(&t, 77));
			EXPECT(table_was_marked(&t, 78) == was);
		}
		EXPECT(t.total < ARRAY_LEN(marked));
		for (uint64_t s = 0; s <= t.total; s++)
			marked[s] = table_marked(&t, s);
		table_marks_turn(&t);
		for (uint64_t s = 0; s <= t.total; s++)
			EXPECT(!table_marked(&t, s) && table_was_marked(&t, s) == marked[s]);
	}
	table_close(&t);
	table_marks_turn(&t);
	EXPECT(atomic_load(&mem.used_bytes) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_two_keys_or_values_share_a_byte),
		T(homes_ascend_with_hashes_and_hash_at_is_the_first_of_a_home),
		T(four_keys_are_compared_as_one_by_one),
		T(all_marks_fall_at_a_turn_however_much_was_tidied_and_the_last_are_known),
	};
	return RUN(tests);
}
