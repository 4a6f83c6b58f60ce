/* test_sim_overlap.c - three checkpoints in writing at once: on slow lanes they overlap, in any
 * order of what becomes of them, with a crash while three are under way, and the output is exact
 * (inv 28). SIM_SEED=n runs one seed with every file operation on standard error. */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEEDS 60

struct totals {
	uint64_t crashes, with_three, cuts, failed, completed;
};

/* Far slower lanes than tasks: what is frozen waits for them. */
static void slow_lanes(struct world *w)
{
	for (uint32_t i = 0; i < w->n_threads + 3; i++)
		w->weight[i] = 40;
	w->weight[w->n_threads] = 2;
	w->weight[w->n_threads + 1] = 1;
}

/* Until three are under way and a little on, or the end. */
static enum world_end run_to_three(struct world *w, bool *three)
{
	enum world_end end = WORLD_PAUSED;
	*three = false;
	uint64_t more = UINT64_MAX;
	while (end == WORLD_PAUSED && more) {
		end = world_run(w, 100);
		if (!w->began)
			continue;
		slow_lanes(w);
		if (more != UINT64_MAX)
			more--;
		else if (end == WORLD_PAUSED && attempt_pending(job_attempt(w->job)) >= 3) {
			*three = true;
			more = rng_below(&w->rng, 40);
		}
	}
	return end;
}

static void run_seed(uint64_t seed, const char *keys, struct totals *t)
{
	struct scenario s;
	struct world *w = malloc(sizeof *w);
	struct rng r;
	rng_seed(&r, seed);
	scenario_open(&s, seed % 2 ? SCENARIO_KEYS : SCENARIO_UNION, &r,
		      (struct scenario_size){.lines = 60, .lines_a_second = 200});
	scenario_checkpoint(&s, keys);
	world_open(w, seed, s.job);
	scenario_files(&s, w);
	for (uint32_t crashes = 3; crashes; crashes--) {
		bool three, cut = rng_below(&w->rng, 2);
		enum world_end end = world_start(w, 1 + (unsigned)rng_below(&w->rng, 3));
		if (end != WORLD_RUNNING)
			world_fail(w, "a start was refused: %s", w->error.text);
		end = run_to_three(w, &three);
		t->with_three += three;
		t->failed += w->failed_attempts;
		if (end != WORLD_PAUSED) {
			WORLD_CHECK(w, end == WORLD_FINISHED);
			world_exit(w);
			break;
		}
		world_crash(w, cut);
		t->crashes++;
		t->cuts += cut;
		scenario_check_now(&s, w);
	}
	if (world_start(w, 1 + (unsigned)rng_below(&w->rng, 3)) != WORLD_RUNNING)
		world_fail(w, "the last start was refused: %s", w->error.text);
	enum world_end end = world_run(w, UINT64_MAX);
	if (end != WORLD_FINISHED)
		world_fail(w, "ended as %d: %s", (int)end, w->error.text);
	scenario_check_end(&s, w);
	t->completed += w->completed;
	world_exit(w);
	world_close(w);
	scenario_close(&s);
	free(w);
}

static void run_all(const char *what, const char *keys, struct totals *t)
{
	const char *one = getenv("SIM_SEED");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1, last = one ? first : SEEDS;
	for (uint64_t seed = first; seed <= last; seed++)
		run_seed(seed, keys, t);
	printf("%s: %" PRIu64 " crashes (%" PRIu64 " power cuts), %" PRIu64 " with three under way, "
	       "%" PRIu64 " checkpoints\n", what, t->crashes, t->cuts, t->with_three, t->completed);
	EXPECT(one || t->with_three >= SEEDS / 2);
}

TEST(inv28_three_in_writing_at_once_and_a_kill_in_each)
{
	struct totals t = {0};
	run_all("three", "\"max_concurrent\":3", &t);
}

/* The later ones expire while the older ones are written: what they had prepared, and what merges
 * they would have used, must not be missed (inv 9, 12). */
TEST(inv12_some_expire_while_others_are_published)
{
	struct totals t = {0};
	run_all("expiring",
		"\"max_concurrent\":3,\"timeout\":\"30ms\",\"tolerable_failures\":1000", &t);
}

TEST(inv28_three_full_ones_at_once_of_any_codec)
{
	struct totals t = {0};
	run_all("full", "\"max_concurrent\":3,\"incremental\":false,\"compression\":\"none\"", &t);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(inv28_three_in_writing_at_once_and_a_kill_in_each),
		T(inv12_some_expire_while_others_are_published),
		T(inv28_three_full_ones_at_once_of_any_codec),
	};
	return RUN(tests);
}
