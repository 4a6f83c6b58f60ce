/* test_sim_seeds.c - exactly once under any schedule: 520 seeds, each a small job at parallelism 1
 * to 3, stopped, killed or cut from power up to three times at random moments, recovery included,
 * and started again at another parallelism. SIM_SEED=n runs one seed with every file operation on
 * standard error. */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEEDS 520

struct totals {
	uint64_t runs, crashes, crashes_in_recovery, power_cuts, stops;
	uint64_t checkpoints, steps, with_progress, merges;
};

static unsigned parallelism(struct world *w)
{
	return 1 + (unsigned)rng_below(&w->rng, 3);
}

/* One process that ends by a crash, or in order before it came. */
static enum world_end run_until_crash(struct world *w, struct totals *t)
{
	enum world_end end;
	uint64_t before = w->completed;
	if (rng_below(&w->rng, 3) == 0) {
		/* At a file operation, often one of recovery itself. */
		uint64_t op = 1 + rng_below(&w->rng, rng_below(&w->rng, 2) ? 60 : 600);
		fs_sim_crash_at(w->disk, fs_sim_count(w->disk) + op);
		end = world_start(w, parallelism(w));
		t->crashes_in_recovery += end == WORLD_CRASHED;
		if (end == WORLD_RUNNING)
			end = world_run(w, UINT64_MAX);
	} else {
		end = world_start(w, parallelism(w));
		if (end == WORLD_RUNNING)
			end = world_run(w, 1 + rng_below(&w->rng, rng_below(&w->rng, 2) ? 1000 : 8000));
	}
	if (end == WORLD_PAUSED && rng_below(&w->rng, 6) == 0) {
		world_stop(w);
		t->stops++;
		end = world_run(w, rng_below(&w->rng, 2) ? UINT64_MAX : rng_below(&w->rng, 1000));
	}
	t->with_progress += end == WORLD_CRASHED || end == WORLD_PAUSED ? w->completed > before + 1 : 0;
	return end;
}

static void run_seed(uint64_t seed, struct totals *t, uint64_t *trace_hash)
{
	struct world *w = malloc(sizeof *w);
	struct scenario s;
	struct seen_files *seen = calloc(1, sizeof *seen);
	struct rng r;
	rng_seed(&r, seed);
	/* Every eighth one lives long enough for merges of merges. */
	struct scenario_size size = {.lines = 20 + (uint32_t)rng_below(&r, 60),
				     .lines_a_second = 200 + (uint32_t)rng_below(&r, 2000)};
	if (seed % 8 == 0)
		size = (struct scenario_size){.lines = 80 + (uint32_t)rng_below(&r, 80),
					      .lines_a_second = 150 + (uint32_t)rng_below(&r, 100)};
	scenario_open(&s, seed % 16 == 15 ? SCENARIO_KEYS : (enum scenario_kind)(seed % 3), &r, size);
	if (seed % 5 == 2) /* conditions come true at any moment, and again after each crash */
		scenario_checkpoint(&s, "\"trigger\":{\"when\":\"passed(count, n = 3) or "
					"sum(count.n) % 50 > 40 or count(count) = 7\"}");
	world_open(w, seed, s.job);
	scenario_files(&s, w);
	enum world_end end = WORLD_CRASHED;
	for (uint64_t crashes = rng_below(&w->rng, 4); crashes; crashes--) {
		bool cut = rng_below(&w->rng, 2);
		end = run_until_crash(w, t);
		if (end != WORLD_CRASHED && end != WORLD_PAUSED) {
			WORLD_CHECK(w, end == WORLD_FINISHED || end == WORLD_STOPPED);
			world_exit(w);
			if (fs_sim_crashed(w->disk)) /* by the very last operation: a close */
				world_crash(w, cut);
			fs_sim_crash_at(w->disk, 0);
			continue;
		}
		world_crash(w, cut);
		t->crashes++;
		t->power_cuts += cut;
		scenario_check_now(&s, w);
	}
	uint64_t completed = w->completed;
	end = world_start(w, parallelism(w));
	if (end != WORLD_RUNNING)
		world_fail(w, "the last start was refused: %s", w->error.text);
	seen_look(seen, w);
	scenario_check_now(&s, w);
	end = world_run(w, UINT64_MAX);
	if (end != WORLD_FINISHED)
		world_fail(w, "did not finish: %s", w->error.text);
	scenario_check_end(&s, w);
	seen_look(seen, w);
	if (w->completed > completed) /* else it was finished, and a power cut may undo unlinks */
		check_directory(w);
	world_exit(w);
	/* A finished job run again changes nothing (inv 20). */
	completed = w->completed;
	WORLD_CHECK(w, world_start(w, 1) == WORLD_RUNNING && world_run(w, 10) == WORLD_FINISHED);
	WORLD_CHECK(w, w->completed == completed);
	world_exit(w);
	seen_look(seen, w);
	scenario_check_end(&s, w);
	*trace_hash = w->trace_hash ^ fs_sim_trace_hash(w->disk);
	t->runs++;
	t->checkpoints += w->completed;
	t->steps += w->steps;
	t->merges += w->merges;
	world_close(w);
	scenario_close(&s);
	free(seen);
	free(w);
}

TEST(inv28_output_is_exactly_the_oracles_whatever_the_schedule_and_the_crashes)
{
	struct totals t = {0};
	uint64_t hash;
	const char *one = getenv("SIM_SEED");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1, last = one ? first : SEEDS;
	for (uint64_t seed = first; seed <= last; seed++)
		run_seed(seed, &t, &hash);
	printf("%" PRIu64 " runs, %" PRIu64 " crashes (%" PRIu64 " power cuts, %" PRIu64
	       " during a start, %" PRIu64 " after a periodic checkpoint), %" PRIu64 " stops, %" PRIu64
	       " checkpoints, %" PRIu64 " merges, %" PRIu64 " steps\n",
	       t.runs, t.crashes, t.power_cuts, t.crashes_in_recovery, t.with_progress, t.stops,
	       t.checkpoints, t.merges, t.steps);
	if (!one)
		EXPECT(t.crashes > SEEDS / 2 && t.with_progress > SEEDS / 10);
}

TEST(inv38_the_same_seed_gives_the_same_trace)
{
	struct totals t = {0};
	for (uint64_t seed = 1; seed <= 12; seed++) {
		uint64_t a, b, c;
		run_seed(seed, &t, &a);
		run_seed(seed, &t, &b);
		run_seed(seed + 3, &t, &c);
		EXPECT(a == b);
		EXPECT(a != c);
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(inv28_output_is_exactly_the_oracles_whatever_the_schedule_and_the_crashes),
		T(inv38_the_same_seed_gives_the_same_trace),
	};
	return RUN(tests);
}
