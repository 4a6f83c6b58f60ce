/* test_proof_snapshots.c - state that changes while it is being saved: tables of several slices, so
 * that records come in between, changes of what a snapshot still owes, and a crash whose next
 * start counts on it (inv 4, 28). Other scenarios' tables fit into one slice. SIM_SEED=n: one. */
#include "tests/lib/proof.h"
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "state/keyed.h"
#include "tests/lib/test.h"

struct totals {
	uint64_t saved, restored;
};

/* Rows that were saved before they changed, by the attempt that runs. */
static uint64_t saved_rows(struct world *w)
{
	const struct attempt *a = job_attempt(w->job);
	uint64_t n = 0;
	for (uint32_t i = 0; a && i < attempt_tasks(a); i++) {
		struct keyed *k = task_keyed(attempt_task(a, i));
		n += k ? keyed_saved_rows(k) : 0;
	}
	return n;
}

static void open_world(struct world *w, struct scenario *s, uint64_t seed)
{
	struct rng r;
	rng_seed(&r, seed);
	scenario_open(s, SCENARIO_KEYS, &r,
		      (struct scenario_size){.lines_a_second = 4000, .rows = 40000});
	if (seed % 2)
		scenario_checkpoint(s, "\"incremental\":false");
	world_open(w, seed, s->job);
}

/* Killed soon after a checkpoint that some rows were saved for. */
static void run_seed(uint64_t seed, struct totals *t)
{
	struct world *w = malloc(sizeof *w);
	struct scenario s;
	open_world(w, &s, seed);
	WORLD_CHECK(w, world_start(w, 1 + (unsigned)seed % 2) == WORLD_RUNNING);
	enum world_end end = WORLD_PAUSED;
	uint64_t saved = 0, completed = w->completed;
	while (end == WORLD_PAUSED && (!saved || w->completed < completed + 2)) {
		if (!saved)
			completed = w->completed;
		end = world_run(w, 50);
		saved = end == WORLD_PAUSED ? saved_rows(w) : saved;
	}
	t->saved += saved;
	if (end == WORLD_PAUSED) {
		world_crash(w, seed % 3 == 0);
		scenario_check_now(&s, w);
		WORLD_CHECK(w, world_start(w, 1 + (unsigned)seed / 2 % 3) == WORLD_RUNNING);
		t->restored++;
		end = world_run(w, UINT64_MAX);
	}
	if (end != WORLD_FINISHED)
		world_fail(w, "did not finish: %s", w->error.text);
	scenario_check_end(&s, w);
	world_exit(w);
	world_close(w);
	scenario_close(&s);
	free(w);
}

TEST(inv04_what_changes_during_a_snapshot_is_saved_as_it_was)
{
	const char *one = getenv("SIM_SEED");
	uint64_t first = one ? strtoull(one, NULL, 10) : proof_seed() % 100000;
	uint64_t n = one ? 1 : proof_many(16, 100, 400);
	struct totals t = {0};
	for (uint64_t seed = first; seed < first + n; seed++)
		run_seed(seed, &t);
	proof_line("kills after rows were saved before they changed", t.restored, n);
	if (!one)
		EXPECT(t.restored > n / 2 && t.saved > 10 * n); /* or it does hardly anything */
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(inv04_what_changes_during_a_snapshot_is_saved_as_it_was),
	};
	return RUN(tests);
}
