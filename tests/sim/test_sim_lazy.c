/* test_sim_lazy.c - exactly once where state comes back while records flow: small jobs killed or
 * cut from power at random moments, recovery and the loading of their state included, and started
 * again. SIM_SEED=n runs one seed with every file operation on standard error. */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEEDS 160

struct totals {
	uint64_t runs, crashes, lazy, crashes_loading, stops;
};

/* One process, for a while: most crashes come soon, while state is being loaded. */
static enum world_end run_until_crash(struct world *w, unsigned parallelism, struct totals *t)
{
	bool at_operation = rng_below(&w->rng, 2);
	if (at_operation)
		fs_sim_crash_at(w->disk, fs_sim_count(w->disk) + 1 +
						 rng_below(&w->rng, rng_below(&w->rng, 2) ? 60 : 300));
	enum world_end end = world_start(w, parallelism);
	if (end != WORLD_RUNNING)
		return end;
	t->lazy += job_recovery(w->job)->mode == RESTORE_LAZY;
	uint64_t steps = 1 + rng_below(&w->rng, rng_below(&w->rng, 2) ? 150 : 4000);
	end = world_run(w, at_operation ? UINT64_MAX : steps);
	if (end == WORLD_PAUSED && rng_below(&w->rng, 4) == 0) {
		world_stop(w);
		t->stops++;
		end = world_run(w, rng_below(&w->rng, 2) ? UINT64_MAX : rng_below(&w->rng, 1000));
	}
	struct attempt *a = w->job ? job_attempt(w->job) : NULL;
	t->crashes_loading += a && attempt_is_loading(a) &&
			      (end == WORLD_CRASHED || end == WORLD_PAUSED);
	return end;
}

static void run_seed(uint64_t seed, struct totals *t)
{
	struct world *w = malloc(sizeof *w);
	struct scenario s;
	struct rng r;
	rng_seed(&r, seed);
	scenario_open(&s, seed % 8 == 7 ? SCENARIO_KEYS : (enum scenario_kind)(seed % 3), &r,
		      (struct scenario_size){.lines = 20 + (uint32_t)rng_below(&r, 60),
					     .lines_a_second = 200 + (uint32_t)rng_below(&r, 2000)});
	scenario_checkpoint(&s, "\"restore\":\"lazy\"");
	world_open(w, seed, s.job);
	scenario_files(&s, w);
	unsigned parallelism = 1 + (unsigned)rng_below(&w->rng, 3); /* another one is a changed plan */
	enum world_end end = WORLD_CRASHED;
	for (uint64_t crashes = 1 + rng_below(&w->rng, 4); crashes; crashes--) {
		end = run_until_crash(w, parallelism, t);
		if (end == WORLD_CRASHED || end == WORLD_PAUSED) {
			world_crash(w, rng_below(&w->rng, 2));
			t->crashes++;
		} else {
			WORLD_CHECK(w, end == WORLD_FINISHED || end == WORLD_STOPPED);
			world_exit(w);
			if (fs_sim_crashed(w->disk)) /* by the very last operation: a close */
				world_crash(w, true);
			fs_sim_crash_at(w->disk, 0);
		}
		scenario_check_now(&s, w);
	}
	end = world_start(w, parallelism);
	if (end == WORLD_RUNNING)
		end = world_run(w, UINT64_MAX);
	if (end != WORLD_FINISHED)
		world_fail(w, "it ended as %d: %s", end, w->error.text);
	scenario_check_end(&s, w);
	world_exit(w);
	world_close(w);
	scenario_close(&s);
	free(w);
	t->runs++;
}

TEST(inv28_inv33_output_is_exact_however_often_loading_is_cut_short)
{
	const char *asked = getenv("SIM_SEED");
	struct totals t = {0};
	if (asked) {
		run_seed(strtoull(asked, NULL, 10), &t);
		return;
	}
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run_seed(seed, &t);
	printf("%" PRIu64 " jobs, %" PRIu64 " crashes, %" PRIu64 " of them while state was loaded; "
	       "%" PRIu64 " lazy starts, %" PRIu64 " stops\n",
	       t.runs, t.crashes, t.crashes_loading, t.lazy, t.stops);
	EXPECT(t.lazy > SEEDS / 8 && t.crashes_loading > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv28_inv33_output_is_exact_however_often_loading_is_cut_short),
	};
	return RUN(tests);
}
