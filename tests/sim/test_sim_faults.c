/* test_sim_faults.c - the n-th file operation fails, for every n (inv 32): the job restarts by
 * itself and ends exactly, or ends with a message and an exit code; once the fault is gone, and the
 * power was cut in between, the next start ends exactly. Nothing is lost. */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEED 99

struct fix {
	struct scenario s;
	struct world w;
};

static void open_fix(struct fix *f)
{
	struct rng r;
	rng_seed(&r, SEED);
	scenario_open(&f->s, SCENARIO_WORDS, &r,
		      (struct scenario_size){.lines = 16, .lines_a_second = 450});
	world_open(&f->w, SEED, f->s.job);
	scenario_files(&f->s, &f->w);
}

static void close_fix(struct fix *f)
{
	world_close(&f->w);
	scenario_close(&f->s);
}

struct outcomes {
	uint64_t finished, restarted, failed, halted, refused;
};

/* What may come of a fault: never a wrong output, never an end without a reason. */
static void judge(struct fix *f, enum world_end end, uint64_t n, struct outcomes *c)
{
	struct world *w = &f->w;
	switch (end) {
	case WORLD_FINISHED:
		scenario_check_end(&f->s, w);
		c->finished++;
		c->restarted += w->failed_attempts > 0;
		break;
	case WORLD_FAILED:
	case WORLD_HALTED:
		if (!w->error.text[0] || err_exit_code(w->error.code) == 0)
			world_fail(w, "operation %" PRIu64 ": ended as %s without a reason", n,
				   err_name(w->error.code));
		if (w->error.code == E_CORRUPT)
			world_fail(w, "operation %" PRIu64 ": taken for corruption: %s", n, w->error.text);
		c->refused += !w->job;
		c->failed += w->job && end == WORLD_FAILED;
		c->halted += end == WORLD_HALTED;
		break;
	default:
		world_fail(w, "operation %" PRIu64 ": ended as %d", n, (int)end);
	}
	world_exit(w);
}

/* The fault is gone. */
static void finish(struct fix *f, uint64_t n)
{
	world_crash(&f->w, n % 2);
	uint64_t completed = f->w.completed;
	scenario_check_now(&f->s, &f->w);
	enum world_end end = world_process(&f->w, 2);
	if (end != WORLD_FINISHED)
		world_fail(&f->w, "after a fault at operation %" PRIu64 " the next start failed: %s", n,
			   f->w.error.text);
	scenario_check_end(&f->s, &f->w);
	if (f->w.completed > completed)
		check_directory(&f->w);
	world_exit(&f->w);
}

enum how { ONCE, FROM_THEN_ON, DONE_BUT_REPORTED };

static struct outcomes every_operation(enum rc code, enum how how)
{
	struct outcomes c = {0};
	uint64_t given = 0;
	struct fix *f = malloc(sizeof *f);
	for (uint64_t k = 1;; k++) {
		open_fix(f);
		uint64_t n = fs_sim_count(f->w.disk) + k, before = fs_sim_faults(f->w.disk);
		if (how == DONE_BUT_REPORTED)
			fs_sim_fault_after(f->w.disk, n, code);
		else
			fs_sim_fault_at(f->w.disk, n, code, how == FROM_THEN_ON);
		enum world_end end = world_process(&f->w, 2);
		bool hit = fs_sim_faults(f->w.disk) > before, past = fs_sim_count(f->w.disk) < n;
		fs_sim_fault_at(f->w.disk, 0, OK, false);
		fs_sim_fault_after(f->w.disk, 0, OK);
		judge(f, end, n, &c);
		given += hit;
		if (hit)
			finish(f, n);
		close_fix(f);
		if (past)
			break;
	}
	free(f);
	printf("%s: %" PRIu64 " faults; %" PRIu64 " finished (%" PRIu64 " after a restart), %" PRIu64
	       " failed, %" PRIu64 " halted, %" PRIu64 " refused\n",
	       err_name(code), given, c.finished, c.restarted, c.failed, c.halted, c.refused);
	EXPECT(given > 100);
	return c;
}

TEST(inv32_one_read_or_write_error_anywhere_loses_nothing)
{
	struct outcomes c = every_operation(E_IO, ONCE);
	EXPECT(c.restarted > 20);
}

TEST(inv32_one_refusal_of_space_anywhere_loses_nothing)
{
	struct outcomes c = every_operation(E_NO_SPACE, ONCE);
	EXPECT(c.restarted > 20);
}

TEST(inv32_a_disk_that_stays_full_ends_the_job_with_a_message_and_loses_nothing)
{
	struct outcomes c = every_operation(E_NO_SPACE, FROM_THEN_ON);
	EXPECT(c.failed > 20);
}

TEST(inv19_an_operation_that_was_done_and_reported_as_failed_is_not_believed)
{
	struct outcomes c = every_operation(E_IO, DONE_BUT_REPORTED);
	EXPECT(c.finished > 20);
}

/* Every allocation of the first ones, then every so many: a run has thousands alike. */
TEST(inv31_an_allocation_that_fails_anywhere_loses_nothing)
{
	struct outcomes c = {0};
	uint64_t given = 0;
	struct fix *f = malloc(sizeof *f);
	for (uint64_t k = 1;; k += k < 100 ? 1 : 3) {
		open_fix(f);
		f->w.fail_allocation = k;
		enum world_end end = world_process(&f->w, 2);
		bool past = f->w.mem.calls < f->w.mem.fail_at;
		f->w.mem.fail_at = 0;
		judge(f, end, k, &c);
		given += !past;
		if (!past)
			finish(f, k);
		close_fix(f);
		if (past)
			break;
	}
	free(f);
	printf("%" PRIu64 " failed allocations; %" PRIu64 " finished (%" PRIu64 " after a restart), "
	       "%" PRIu64 " failed, %" PRIu64 " halted, %" PRIu64 " refused\n",
	       given, c.finished, c.restarted, c.failed, c.halted, c.refused);
	EXPECT(given > 100 && c.restarted > 20);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(inv32_one_read_or_write_error_anywhere_loses_nothing),
		T(inv32_one_refusal_of_space_anywhere_loses_nothing),
		T(inv32_a_disk_that_stays_full_ends_the_job_with_a_message_and_loses_nothing),
		T(inv31_an_allocation_that_fails_anywhere_loses_nothing),
		T(inv19_an_operation_that_was_done_and_reported_as_failed_is_not_believed),
	};
	return RUN(tests);
}
