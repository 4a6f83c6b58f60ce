/* test_sim_memory.c - an allocation that fails, or a budget that is too small, in a job whose state
 * has chunks, runs and merges (inv 31): it restarts or ends with a message; no crash, no leak, no
 * wrong output, and with memory again it ends exactly. Small jobs, each allocation:
 * proof/test_proof_memory.c. */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEED 4711
#define TRIES 60

struct fix {
	struct scenario s;
	struct world w;
};

static struct fix *open_fix(void)
{
	struct fix *f = malloc(sizeof *f);
	struct rng r;
	rng_seed(&r, SEED);
	scenario_open(&f->s, SCENARIO_KEYS, &r, (struct scenario_size){.lines_a_second = 400});
	world_open(&f->w, SEED, f->s.job);
	return f;
}

static void close_fix(struct fix *f)
{
	world_exit(&f->w);
	world_close(&f->w);
	scenario_close(&f->s);
	free(f);
}

/* What came of it is sound; then, with memory, the job ends exactly. True: it was over already. */
static bool sound(struct fix *f, enum world_end end)
{
	struct world *w = &f->w;
	if (end == WORLD_FINISHED) {
		scenario_check_end(&f->s, w);
		return true;
	}
	WORLD_CHECK(w, end == WORLD_FAILED && w->error.code == E_NO_MEMORY);
	world_exit(w);
	scenario_check_now(&f->s, w);
	end = world_process(&f->w, 2);
	if (end != WORLD_FINISHED)
		world_fail(w, "with memory again: %s", w->error.text);
	scenario_check_end(&f->s, w);
	return false;
}

static uint64_t calls_of_a_run(size_t *peak)
{
	struct fix *f = open_fix();
	uint64_t before = f->w.mem.calls;
	WORLD_CHECK(&f->w, world_process(&f->w, 2) == WORLD_FINISHED);
	uint64_t calls = f->w.mem.calls - before;
	*peak = f->w.mem.peak_bytes;
	close_fix(f);
	return calls;
}

TEST(inv31_one_allocation_of_a_large_job_that_fails_loses_nothing)
{
	size_t peak;
	uint64_t calls = calls_of_a_run(&peak), finished = 0, restarted = 0;
	struct rng r;
	rng_seed(&r, SEED);
	for (int i = 0; i < TRIES; i++) {
		struct fix *f = open_fix();
		f->w.fail_allocation = 1 + rng_below(&r, calls);
		enum world_end end = world_process(&f->w, 2);
		f->w.mem.fail_at = 0;
		finished += sound(f, end);
		restarted += f->w.failed_attempts > 0;
		close_fix(f);
	}
	printf("%d of %" PRIu64 " allocations: %" PRIu64 " finished, %" PRIu64 " with a restart\n",
	       TRIES, calls, finished, restarted);
	EXPECT(finished > TRIES / 2);
}

/* Not one allocation but all beyond a budget, again and again: restarts meet it too. */
TEST(inv31_a_budget_that_is_too_small_ends_the_job_and_loses_nothing)
{
	size_t peak;
	uint64_t finished = 0, tries = 0;
	calls_of_a_run(&peak);
	for (size_t part = 3; part <= 20; part++) {
		struct fix *f = open_fix();
		f->w.mem.limit_bytes = f->w.disk_bytes + (peak - f->w.disk_bytes) * part / 20;
		enum world_end end = world_process(&f->w, 2);
		f->w.mem.limit_bytes = 0;
		finished += sound(f, end);
		tries++;
		close_fix(f);
	}
	printf("%" PRIu64 " budgets: %" PRIu64 " sufficed\n", tries, finished);
	EXPECT(finished < tries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv31_one_allocation_of_a_large_job_that_fails_loses_nothing),
		T(inv31_a_budget_that_is_too_small_ends_the_job_and_loses_nothing),
	};
	return RUN(tests);
}
