/* test_restore_choose.c - which way a state comes back, and the reason that is given. */
#include "runtime/restore_choose.h"
#include "tests/lib/test.h"

static const struct restore_facts large = {.automatic = true, .rows = 10000000, .bytes = 90000000,
					   .subtasks = 1, .width = 2, .cores = 8, .files = 3,
					   .runs = 3};

static void expect_way(struct restore_facts f, enum restore_mode want, const char *says)
{
	char why[160] = "";
	enum restore_mode got = restore_choose(&f, why);
	if (got != want || !strstr(why, says) || !why[0])
		fail_msg("%s, because %s; not %s, because %s", restore_mode_name(got), why,
			 restore_mode_name(want), says);
}

#define WITH(...)                                                                                  \
	({                                                                                         \
		struct restore_facts f = large;                                                    \
		__VA_ARGS__;                                                                       \
		f;                                                                                 \
	})

TEST(auto_is_lazy_where_everything_first_would_be_noticed)
{
	expect_way(large, RESTORE_LAZY, "about");
	expect_way(WITH(f.rows = 100000, f.bytes = 1 << 20, f.width = 1), RESTORE_EAGER, "about 6 ms");
	expect_way(WITH(f.rows = 1500000, f.bytes = 1 << 24), RESTORE_PARALLEL, "about");
	expect_way(WITH(f.rows = f.bytes = 0, f.width = 1), RESTORE_EAGER, "about 0 ms");
}

TEST(inv33_whoever_shows_records_early_gets_a_state_verified_as_a_whole)
{
	expect_way(WITH(f.early_sink = "screen"), RESTORE_PARALLEL, "'screen'");
	expect_way(WITH(f.early_sink = "screen", f.automatic = false, f.asked = RESTORE_LAZY),
		   RESTORE_PARALLEL, "not lazy as the job says: 'screen'");
	expect_way(WITH(f.changed_plan = true, f.width = 1), RESTORE_EAGER, "changed");
	expect_way(WITH(f.goes_back = true), RESTORE_PARALLEL, "newest");
}

TEST(a_lazy_one_keeps_few_files_and_runs_open)
{
	expect_way(WITH(f.files = RESTORE_FILES_MAX + 1), RESTORE_PARALLEL, "files");
	expect_way(WITH(f.files = 17, f.subtasks = 16, f.rows *= 100), RESTORE_PARALLEL, "16 subtasks");
	expect_way(WITH(f.runs = RESTORE_RUNS_MAX + 1), RESTORE_PARALLEL, "runs");
}

TEST(what_the_job_says_is_done)
{
	for (enum restore_mode m = RESTORE_EAGER; m <= RESTORE_LAZY; m++) {
		expect_way(WITH(f.automatic = false, f.asked = m), m, "the job says so");
		expect_way(WITH(f.automatic = false, f.asked = m, f.rows = 3, f.bytes = 80), m,
			   "the job says so");
	}
}

static uint64_t estimate(struct restore_facts f)
{
	return restore_estimate_us(&f);
}

TEST(the_estimate_goes_by_rows_bytes_and_threads)
{
	uint64_t one = estimate(WITH(f.width = 1));
	EXPECT(one > 300000 && one < 600000);
	EXPECT(estimate(WITH(f.width = 2)) == one / 2);
	EXPECT(estimate(WITH(f.subtasks = 4, f.width = 1)) == one / 4);
	EXPECT(estimate(WITH(f.subtasks = 64, f.cores = 2)) == one / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(auto_is_lazy_where_everything_first_would_be_noticed),
		T(inv33_whoever_shows_records_early_gets_a_state_verified_as_a_whole),
		T(a_lazy_one_keeps_few_files_and_runs_open),
		T(what_the_job_says_is_done),
		T(the_estimate_goes_by_rows_bytes_and_threads),
	};
	return RUN(tests);
}
