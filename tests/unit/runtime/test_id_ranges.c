/* test_id_ranges.c - ids that are over, against a plain table of them. */
#include "runtime/id_ranges.h"

#include "base/rng.h"
#include "tests/lib/test.h"

#define IDS 3000

TEST(any_order_within_the_window_of_what_may_be_under_way_is_remembered_exactly)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct id_ranges r = {0};
		struct rng rng;
		bool over[IDS + 1] = {false};
		uint64_t floor = 1, first = 1 + seed * 7; /* an attempt begins anywhere */
		rng_seed(&rng, seed);
		for (floor = first; floor < IDS - CO_CONCURRENT_MAX;) {
			uint64_t id = floor + rng_below(&rng, CO_CONCURRENT_MAX);
			id_ranges_add(&r, id);
			over[id] = true;
			while (over[floor])
				floor++;
			uint64_t ask = 1 + rng_below(&rng, IDS);
			if (id_ranges_have(&r, ask) != over[ask])
				fail_msg("seed %llu: %llu", (unsigned long long)seed,
					 (unsigned long long)ask);
		}
		for (uint64_t id = 1; id <= IDS; id++)
			EXPECT(id_ranges_have(&r, id) == over[id]);
		EXPECT(r.n <= CO_CONCURRENT_MAX + 1);
	}
}

TEST(the_oldest_may_stay_under_way_for_ever)
{
	struct id_ranges r = {0};
	for (uint64_t id = 8; id < 100000; id++)
		id_ranges_add(&r, id);
	EXPECT(r.n == 1 && !id_ranges_have(&r, 7) && id_ranges_have(&r, 8));
	id_ranges_add(&r, 7);
	EXPECT(r.n == 1 && id_ranges_have(&r, 7) && !id_ranges_have(&r, 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(any_order_within_the_window_of_what_may_be_under_way_is_remembered_exactly),
		T(the_oldest_may_stay_under_way_for_ever),
	};
	return RUN(tests);
}
