/* test_file_sink_single.c - one file that only ever grows holds exactly what came before the
 * barrier, in order, whatever crashes or fails; and it is never touched when somebody else wrote to
 * it. */
#include "tests/unit/operators/sink_world.h"

TEST(one_file_holds_each_record_once_behind_one_header)
{
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct world w;
		struct err e = {OK};
		world_open_with(&w, seed, SINGLE);
		EXPECT_OK(run(&w, &e), &e);
		EXPECT(w.rows >= ROWS_TOTAL);
		EXPECT(!strcmp(w.says, "a/out.csv from byte 0"));
		expect_committed(&w, "quiet", seed);
		expect_no_rest(&w);
		world_close(&w);
	}
}

TEST(inv4_inv17_a_crash_at_any_operation_loses_and_doubles_nothing)
{
	crash_everywhere(SINGLE);
}

TEST(inv32_an_operation_that_fails_ends_the_attempt_and_the_next_one_goes_on)
{
	fail_everywhere(SINGLE);
}

TEST(inv31_an_allocation_that_fails_ends_the_attempt_and_leaks_nothing)
{
	unsigned failures = 0;
	for (uint64_t n = 1;; n++) {
		struct world w;
		struct err e = {OK};
		world_open_with(&w, 5, SINGLE);
		w.mem.fail_at = w.mem.calls + n;
		enum rc rc = run(&w, &e);
		bool hit = w.mem.calls >= w.mem.fail_at;
		w.mem.fail_at = 0;
		failures += rc != OK;
		EXPECT(rc == OK || (hit && rc == E_NO_MEMORY));
		err_clear(&e);
		bytes_clear(&w.orphans);
		w.epoch++;
		EXPECT_OK(run(&w, &e), &e);
		expect_committed(&w, "after no memory", n);
		world_close(&w);
		if (!hit)
			break;
	}
	EXPECT(failures > 10);
}

/* A run of which some checkpoints are committed; the next start has not begun. */
static void committed_world(struct world *w)
{
	struct err e = {OK};
	world_open_with(w, 3, SINGLE);
	EXPECT_OK(attempt_open(w, &e), &e);
	EXPECT_OK(push(w, 6, &e), &e);
	EXPECT_OK(checkpoint(w, 1, false, &e), &e);
	EXPECT_OK(push(w, 6, &e), &e);
	EXPECT_OK(checkpoint(w, 2, false, &e), &e);
	attempt_close(w);
	w->epoch++;
}

static void change(struct world *w, uint64_t size, const char *more)
{
	struct err e = {OK};
	int fd;
	EXPECT_OK(fs_open(w->fs, SINGLE_FILE, FS_WRITE, &fd, &e), &e);
	if (more)
		EXPECT_OK(fs_pwrite(w->fs, fd, more, strlen(more), size, &e), &e);
	else
		EXPECT_OK(fs_truncate(w->fs, fd, size, &e), &e);
	EXPECT_OK(fs_close(w->fs, &fd, &e), &e);
}

static uint64_t size_of(struct world *w)
{
	struct fs_stat st;
	struct err e = {OK};
	EXPECT_OK(fs_stat(w->fs, SINGLE_FILE, &st, &e), &e);
	return st.size_bytes;
}

TEST(inv16_a_file_that_is_longer_than_what_was_written_is_refused_before_anything_is_touched)
{
	struct world w;
	struct err e = {OK};
	committed_world(&w);
	uint64_t size = size_of(&w);
	change(&w, size, "mine\n");
	uint64_t before = fs_sim_count(w.sim);
	EXPECT(attempt_open(&w, &e) == E_REFUSED);
	for (uint64_t n = before + 1; n <= fs_sim_count(w.sim); n++)
		EXPECT(!fs_sim_was_change(w.sim, n));
	EXPECT(strstr(e.text, SINGLE_FILE) && strstr(e.text, "somebody else wrote to it"));
	char cure[64];
	snprintf(cure, sizeof cure, "truncate -s %llu", (unsigned long long)size);
	EXPECT(strstr(e.text, cure));
	EXPECT(size_of(&w) == size + 5);
	change(&w, size, NULL);
	err_clear(&e);
	EXPECT_OK(run(&w, &e), &e);
	expect_committed(&w, "cut again", 0);
	world_close(&w);
}

TEST(inv16_a_file_that_is_shorter_is_refused)
{
	struct world w;
	struct err e = {OK};
	committed_world(&w);
	uint64_t size = size_of(&w);
	change(&w, 10, NULL);
	EXPECT(attempt_open(&w, &e) == E_REFUSED);
	EXPECT(strstr(e.text, SINGLE_FILE " has 10 bytes") && strstr(e.text, "cut it"));
	EXPECT(size_of(&w) == 10 && size > 10);
	world_close(&w);
}

TEST(inv17_a_file_that_was_taken_away_between_two_runs_is_begun_anew)
{
	struct world w;
	struct err e = {OK};
	committed_world(&w);
	EXPECT_OK(fs_unlink(w.fs, SINGLE_FILE, &e), &e);
	EXPECT_OK(attempt_open(&w, &e), &e);
	EXPECT(strstr(w.says, "was taken away"));
	uint64_t first = w.pushed;
	EXPECT_OK(push(&w, 3, &e), &e);
	EXPECT_OK(checkpoint(&w, 3, false, &e), &e);
	attempt_close(&w);
	uint8_t *data;
	size_t len;
	char want[64];
	EXPECT_OK(fs_read_all(w.fs, SINGLE_FILE, 1 << 20, &data, &len, &e), &e);
	snprintf(want, sizeof want, "n,s\n%llu,", (unsigned long long)first);
	EXPECT(!strncmp((char *)data, want, strlen(want)));
	mem_put(w.fs->mem, data);
	world_close(&w);
}

TEST(a_folder_that_is_gone_says_nothing_of_what_was_in_it)
{
	struct world w;
	struct err e = {OK};
	committed_world(&w);
	EXPECT_OK(fs_unlink(w.fs, SINGLE_FILE, &e), &e);
	EXPECT_OK(fs_rename_new(w.fs, "a", "elsewhere", &e), &e);
	EXPECT(attempt_open(&w, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "mounted"));
	world_close(&w);
}

TEST(a_file_of_somebody_else_is_never_appended_to)
{
	struct world w;
	struct err e = {OK};
	world_open_with(&w, 1, SINGLE);
	EXPECT_OK(fs_mkdir_all(w.fs, "a", &e), &e);
	file_make(w.fs, SINGLE_FILE, "n,s\n", 4);
	EXPECT(attempt_open(&w, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "mv " SINGLE_FILE " ELSEWHERE"));
	change(&w, 0, NULL); /* an empty one is nobody's */
	err_clear(&e);
	EXPECT_OK(run(&w, &e), &e);
	expect_committed(&w, "an empty file", 0);
	world_close(&w);
	world_open_with(&w, 1, SINGLE);
	EXPECT_OK(fs_mkdir_all(w.fs, SINGLE_FILE, &e), &e);
	EXPECT(attempt_open(&w, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "is not a file"));
	world_close(&w);
}

TEST(a_state_that_cannot_be_read_is_corrupt_and_another_files_is_none)
{
	struct world w;
	struct err e = {OK};
	committed_world(&w);
	struct bytes whole = w.state;
	for (size_t len = 1; len < whole.len; len++) {
		w.state.len = len;
		err_clear(&e);
		EXPECT(attempt_open(&w, &e) == E_CORRUPT);
	}
	w.state.len = whole.len;
	w.state.data[w.state.len - 1] ^= 1; /* "a/out.csw" */
	err_clear(&e);
	EXPECT(attempt_open(&w, &e) == E_REFUSED); /* the file holds bytes of another */
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_file_holds_each_record_once_behind_one_header),
		T(inv4_inv17_a_crash_at_any_operation_loses_and_doubles_nothing),
		T(inv32_an_operation_that_fails_ends_the_attempt_and_the_next_one_goes_on),
		T(inv31_an_allocation_that_fails_ends_the_attempt_and_leaks_nothing),
		T(inv16_a_file_that_is_longer_than_what_was_written_is_refused_before_anything_is_touched),
		T(inv16_a_file_that_is_shorter_is_refused),
		T(inv17_a_file_that_was_taken_away_between_two_runs_is_begun_anew),
		T(a_folder_that_is_gone_says_nothing_of_what_was_in_it),
		T(a_file_of_somebody_else_is_never_appended_to),
		T(a_state_that_cannot_be_read_is_corrupt_and_another_files_is_none),
	};
	return RUN(tests);
}
