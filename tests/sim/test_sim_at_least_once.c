/* test_sim_at_least_once.c - inputs that do not wait for each other's barriers: after a crash
 * nothing is lost, and some of what came before a barrier of the other input is counted twice;
 * without a crash nothing is. */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEEDS 80

static int64_t run_seed(uint64_t seed, uint32_t crashes)
{
	struct scenario s;
	struct world *w = malloc(sizeof *w);
	struct rng r;
	rng_seed(&r, seed);
	scenario_open(&s, SCENARIO_UNION, &r,
		      (struct scenario_size){.lines = 120, .lines_a_second = 300});
	scenario_at_least_once(&s);
	scenario_checkpoint(&s, "\"max_concurrent\":3");
	world_open(w, seed, s.job);
	scenario_files(&s, w);
	enum world_end end;
	for (; crashes; crashes--) {
		WORLD_CHECK(w, world_start(w, 1) == WORLD_RUNNING);
		end = world_run(w, 2000 + rng_below(&w->rng, 6000));
		if (end != WORLD_PAUSED) {
			WORLD_CHECK(w, end == WORLD_FINISHED);
			world_exit(w);
			break;
		}
		world_crash(w, rng_below(&w->rng, 2));
	}
	WORLD_CHECK(w, world_start(w, 1) == WORLD_RUNNING);
	end = world_run(w, UINT64_MAX);
	if (end != WORLD_FINISHED)
		world_fail(w, "ended as %d: %s", (int)end, w->error.text);
	int64_t more = check_at_least(w, &s.oracle);
	if (!w->failed_attempts && w->starts == 1)
		scenario_check_end(&s, w);
	world_exit(w);
	world_close(w);
	scenario_close(&s);
	free(w);
	return more;
}

TEST(at_least_once_loses_nothing_and_counts_some_twice)
{
	int64_t more = 0, seeds = 0;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		int64_t n = run_seed(seed, 3);
		more += n;
		seeds += n > 0;
	}
	printf("%" PRId64 " words counted twice, under %" PRId64 " of %d seeds\n", more, seeds, SEEDS);
	EXPECT(more > 0);
}

TEST(at_least_once_without_a_crash_counts_nothing_twice)
{
	for (uint64_t seed = 1; seed <= SEEDS / 4; seed++)
		EXPECT(run_seed(seed, 0) == 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(at_least_once_loses_nothing_and_counts_some_twice),
		T(at_least_once_without_a_crash_counts_nothing_twice),
	};
	return RUN(tests);
}
