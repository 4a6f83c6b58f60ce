/* test_sim_schedules.c - some whole lives of jobs, each under a seed, with every fault there is
 * (schedule.h): the slice that the sanitizers see; tests/proof/test_proof_schedules.c lives many
 * more. SIM_SEED=n runs one seed with every file operation on standard error. */
#include "tests/sim/schedule.h"

#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEEDS 400

TEST(inv28_output_is_exactly_the_oracles_whatever_happens_in_whatever_order)
{
	struct schedule_totals t = {0};
	const char *one = getenv("SIM_SEED");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1, last = one ? first : SEEDS;
	for (uint64_t seed = first; seed <= last; seed++)
		schedule_run(seed, "", &t);
	schedule_say(&t);
	if (!one)
		schedule_expect_enough(&t);
}

TEST(inv38_the_same_seed_gives_the_same_trace)
{
	struct schedule_totals t = {0};
	for (uint64_t seed = 1; seed <= 16; seed++) {
		schedule_run(seed, "", &t);
		uint64_t once = t.trace_hash;
		schedule_run(seed, "", &t);
		EXPECT(once == t.trace_hash);
		schedule_run(seed + 1, "", &t);
		EXPECT(once != t.trace_hash);
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(inv28_output_is_exactly_the_oracles_whatever_happens_in_whatever_order),
		T(inv38_the_same_seed_gives_the_same_trace),
	};
	return RUN(tests);
}
