/* test_budget.c - what a budget lets pass in a while is its rate, however it is asked. */
#include "runtime/budget.h"

#include "base/rng.h"
#include "tests/lib/test.h"

TEST(without_a_rate_everything_may)
{
	struct budget b = {0};
	budget_spend(&b, UINT64_MAX);
	EXPECT(budget_may(&b, 1) && budget_wake_at(&b) == 0);
}

TEST(a_debt_is_paid_by_time_and_the_moment_is_known)
{
	struct budget b = {.rate_bytes = 1000000};
	EXPECT(budget_may(&b, 5000000));
	EXPECT(b.tokens == 100000); /* a tenth of a second's */
	budget_spend(&b, 600000);
	EXPECT(!budget_may(&b, 5000000));
	EXPECT(budget_wake_at(&b) == 5500000);
	EXPECT(!budget_may(&b, 5499999) && budget_may(&b, 5500000));
	EXPECT(budget_wake_at(&b) == 0);
	EXPECT(budget_may(&b, 9000000) && b.tokens == 100000);
	EXPECT(budget_may(&b, 8000000)); /* a clock that goes back pays nothing and breaks nothing */
}

TEST(what_passes_in_a_second_is_the_rate_however_often_it_is_asked)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct rng r;
		rng_seed(&r, seed);
		uint64_t rate = 1 + rng_below(&r, 1u << rng_below(&r, 31)), step = 1 + rate / 50;
		struct budget b = {.rate_bytes = rate};
		uint64_t now = 1 + rng_below(&r, 1000000), begin = now, spent = 0;
		while (now < begin + 20000000) {
			if (budget_may(&b, now)) {
				uint64_t n = rng_below(&r, 2 * step);
				budget_spend(&b, n);
				spent += n;
			}
			uint64_t wake = budget_wake_at(&b);
			now += 1 + rng_below(&r, 2000);
			if (wake > now && rng_below(&r, 2))
				now = wake;
		}
		uint64_t most = (now - begin) * rate / 1000000 + rate / 10 + 2 * step;
		if (spent > most)
			fail_msg("seed %llu: %llu, at most %llu", (unsigned long long)seed,
				 (unsigned long long)spent, (unsigned long long)most);
		if (rate > 1000 && spent < most / 2)
			fail_msg("seed %llu: only %llu of %llu", (unsigned long long)seed,
				 (unsigned long long)spent, (unsigned long long)most);
	}
}

TEST(ages_and_huge_numbers_do_not_overflow)
{
	struct budget b = {.rate_bytes = INT64_MAX};
	EXPECT(budget_may(&b, 1));
	budget_spend(&b, UINT64_MAX);
	EXPECT(!budget_may(&b, 2) && budget_wake_at(&b) > 2);
	EXPECT(budget_may(&b, UINT64_MAX));
	struct budget slow = {.rate_bytes = 1};
	EXPECT(budget_may(&slow, 1));
	budget_spend(&slow, UINT64_MAX);
	EXPECT(budget_wake_at(&slow) > UINT64_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_a_rate_everything_may),
		T(a_debt_is_paid_by_time_and_the_moment_is_known),
		T(what_passes_in_a_second_is_the_rate_however_often_it_is_asked),
		T(ages_and_huge_numbers_do_not_overflow),
	};
	return RUN(tests);
}
