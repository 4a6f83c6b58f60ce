/* test_intent_append.c - prepared bytes stand in their place in one file: once, whatever was done
 * before, whatever fails; and nothing is touched where somebody else wrote. */
#include "checkpoint/intent.h"

#include "base/fs_sim.h"
#include "base/hash.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define PENDING "out/.weir-pending/u"
#define TO "out/counts.csv"
#define LARGE (INTENT_SYNC_BYTES + INTENT_STEP_BYTES + 77)

/* Three pieces one behind the other; the first is committed and no longer listed. */
struct fix {
	struct mem mem;
	struct fs_sim *disk;
	struct fs *fs;
	struct rng r;
	struct intent in[2];
	char *whole;          /* what the file must become */
	size_t first, second, len;
	struct err e;
};

static void put(struct fix *f, const char *path, const char *data, size_t len)
{
	EXPECT_OK(fs_write_new(f->fs, path, data, len, &f->e), &f->e);
}

static void open_fix(struct fix *f, uint64_t seed, size_t one, size_t two)
{
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	rng_seed(&f->r, seed);
	EXPECT_OK(fs_sim_open(&f->disk, &f->mem, &f->e), &f->e);
	f->fs = fs_sim_fs(f->disk);
	EXPECT_OK(fs_mkdir_all(f->fs, PENDING, &f->e), &f->e);
	f->first = 5000;
	f->second = f->first + one;
	f->len = f->second + two;
	f->whole = malloc(f->len);
	for (size_t i = 0; i < f->len; i += 8) { /* no two places alike, and quickly */
		uint64_t word = (i + seed) * 0x9E3779B97F4A7C15u;
		memcpy(f->whole + i, &word, f->len - i < 8 ? f->len - i : 8);
	}
	put(f, TO, f->whole, f->first);
	put(f, PENDING "/1", f->whole + f->first, one);
	put(f, PENDING "/2", f->whole + f->second, two);
	EXPECT_OK(fs_sync_dir(f->fs, PENDING, &f->e), &f->e);
	EXPECT_OK(fs_sync_dir(f->fs, "out", &f->e), &f->e);
	for (int i = 0; i < 2; i++) {
		size_t from = i ? f->second : f->first, n = i ? two : one;
		f->in[i] = (struct intent){.sink = "s", .kind = INTENT_APPEND,
					   .from = (char *)(i ? PENDING "/2" : PENDING "/1"),
					   .to = (char *)TO, .offset = from, .length = n,
					   .hash = checksum64(f->whole + from, n), .file_end = f->len};
	}
}

static void close_fix(struct fix *f)
{
	free(f->whole);
	fs_sim_close(&f->disk);
	EXPECT(f->mem.used_bytes == 0);
}

static bool is_there(struct fix *f, const char *path)
{
	struct fs_stat st;
	return fs_stat(f->fs, path, &st, NULL) == OK;
}

static void expect_whole(struct fix *f)
{
	uint8_t *text;
	size_t len;
	EXPECT_OK(fs_read_all(f->fs, TO, 1 << 26, &text, &len, &f->e), &f->e);
	EXPECT(len == f->len && !memcmp(text, f->whole, len));
	mem_put(&f->mem, text);
	EXPECT(!is_there(f, PENDING "/1") && !is_there(f, PENDING "/2"));
}

static enum rc settle_all(struct fix *f, enum intent_outcome out[2])
{
	for (int i = 0; i < 2; i++)
		if (intent_settle(f->fs, &f->in[i], &out[i], &f->e) != OK)
			return f->e.code;
	return OK;
}

static void change(struct fix *f, size_t at, const char *more)
{
	int fd;
	EXPECT_OK(fs_open(f->fs, TO, FS_WRITE, &fd, &f->e), &f->e);
	if (more)
		EXPECT_OK(fs_pwrite(f->fs, fd, more, strlen(more), at, &f->e), &f->e);
	else
		EXPECT_OK(fs_truncate(f->fs, fd, at, &f->e), &f->e);
	EXPECT_OK(fs_close(f->fs, &fd, &f->e), &f->e);
}

TEST(inv17_settling_again_and_again_is_settling_once)
{
	struct fix f;
	enum intent_outcome out[2];
	open_fix(&f, 1, 100, 3000);
	EXPECT_OK(settle_all(&f, out), &f.e);
	EXPECT(out[0] == INTENT_COMMITTED && out[1] == INTENT_COMMITTED);
	expect_whole(&f);
	for (int again = 0; again < 2; again++) {
		EXPECT_OK(settle_all(&f, out), &f.e);
		EXPECT(out[0] == INTENT_WAS_DONE && out[1] == INTENT_WAS_DONE);
		expect_whole(&f);
	}
	close_fix(&f);
}

TEST(a_large_one_is_copied_in_steps_and_synced_as_it_is_written)
{
	struct fix f;
	open_fix(&f, 1, LARGE, 1);
	unsigned steps = 0;
	struct intent_work w = {0};
	uint64_t most = 0;
	for (bool done = false; !done; steps++) {
		uint64_t before = fs_sim_count(f.disk);
		EXPECT_OK(intent_step(f.fs, &f.in[0], &w, &done, &f.e), &f.e);
		uint64_t ops = fs_sim_count(f.disk) - before;
		most = ops > most ? ops : most;
	}
	EXPECT(w.out == INTENT_COMMITTED);
	EXPECT(steps > 2 * LARGE / INTENT_STEP_BYTES && most < 10);
	enum intent_outcome out[2];
	EXPECT_OK(settle_all(&f, out), &f.e);
	expect_whole(&f);
	close_fix(&f);
}

TEST(whoever_stops_in_the_middle_closes_and_loses_nothing)
{
	for (unsigned n = 0;; n++) {
		struct fix f;
		enum intent_outcome out[2];
		open_fix(&f, 1, 2 * INTENT_STEP_BYTES, 10);
		struct intent_work w = {0};
		bool done = false;
		for (unsigned i = 0; i < n && !done; i++)
			EXPECT_OK(intent_step(f.fs, &f.in[0], &w, &done, &f.e), &f.e);
		intent_work_close(f.fs, &w);
		EXPECT_OK(settle_all(&f, out), &f.e);
		expect_whole(&f);
		close_fix(&f);
		if (done)
			break;
	}
}

TEST(the_first_piece_makes_the_file)
{
	struct fix f;
	enum intent_outcome out;
	open_fix(&f, 1, 100, 100);
	EXPECT_OK(fs_unlink(f.fs, TO, &f.e), &f.e);
	f.in[0].offset = 0;
	f.in[0].file_end = 100;
	EXPECT_OK(intent_settle(f.fs, &f.in[0], &out, &f.e), &f.e);
	EXPECT(out == INTENT_COMMITTED);
	struct fs_stat st;
	EXPECT_OK(fs_stat(f.fs, TO, &st, &f.e), &f.e);
	EXPECT(st.size_bytes == 100);
	close_fix(&f);
}

TEST(inv17_a_file_that_was_taken_away_when_all_was_done_is_no_error_and_no_second_copy)
{
	struct fix f;
	enum intent_outcome out[2];
	open_fix(&f, 1, 100, 100);
	EXPECT_OK(settle_all(&f, out), &f.e);
	EXPECT_OK(fs_unlink(f.fs, TO, &f.e), &f.e);
	EXPECT_OK(settle_all(&f, out), &f.e);
	EXPECT(out[0] == INTENT_TAKEN && out[1] == INTENT_TAKEN && !is_there(&f, TO));
	close_fix(&f);
}

/* Each is refused, and neither the file nor what is staged is touched. */
TEST(what_somebody_else_did_to_the_file_is_refused_by_name)
{
	static const struct {
		int to;          /* length it is cut to; -1: gone; -2: text behind its end */
		const char *says;
	} cases[] = {
		{4999, "somebody cut it"}, {0, "somebody cut it"}, {-1, "put it back"},
		{-2, "somebody else wrote to it"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fix f;
		enum intent_outcome out;
		open_fix(&f, 1, 100, 100);
		if (cases[i].to == -1)
			EXPECT_OK(fs_unlink(f.fs, TO, &f.e), &f.e);
		else
			change(&f, cases[i].to == -2 ? f.len : (size_t)cases[i].to,
			       cases[i].to == -2 ? "x" : NULL);
		uint64_t before = fs_sim_count(f.disk);
		EXPECT(intent_settle(f.fs, &f.in[0], &out, &f.e) == E_REFUSED);
		if (!strstr(f.e.text, cases[i].says) || !strstr(f.e.text, TO))
			fail_msg("case %zu: %s", i, f.e.text);
		for (uint64_t n = before + 1; n <= fs_sim_count(f.disk); n++)
			EXPECT(!fs_sim_was_change(f.disk, n));
		close_fix(&f);
	}
}

TEST(a_file_that_was_cut_after_the_commit_is_refused)
{
	struct fix f;
	enum intent_outcome out[2];
	open_fix(&f, 1, 100, 100);
	EXPECT_OK(settle_all(&f, out), &f.e);
	change(&f, f.len - 1, NULL);
	EXPECT(settle_all(&f, out) == E_REFUSED);
	EXPECT(strstr(f.e.text, "somebody cut it"));
	close_fix(&f);
}

TEST(inv33_a_staged_piece_that_is_not_what_was_prepared_never_reaches_the_file)
{
	for (int how = 0; how < 3; how++) {
		struct fix f;
		enum intent_outcome out;
		int fd;
		open_fix(&f, 1, INTENT_STEP_BYTES + 100, 100);
		if (how == 0)
			EXPECT_OK(fs_sim_flip(f.disk, PENDING "/1", 8 * INTENT_STEP_BYTES + 3, &f.e), &f.e);
		EXPECT_OK(fs_open(f.fs, PENDING "/1", FS_WRITE, &fd, &f.e), &f.e);
		if (how == 1)
			EXPECT_OK(fs_truncate(f.fs, fd, f.in[0].length - 1, &f.e), &f.e);
		if (how == 2)
			EXPECT_OK(fs_pwrite(f.fs, fd, "x", 1, f.in[0].length, &f.e), &f.e);
		EXPECT_OK(fs_close(f.fs, &fd, &f.e), &f.e);
		EXPECT(intent_settle(f.fs, &f.in[0], &out, &f.e) == E_CORRUPT);
		EXPECT(strstr(f.e.text, PENDING "/1"));
		struct fs_stat st;
		EXPECT_OK(fs_stat(f.fs, TO, &st, &f.e), &f.e);
		EXPECT(st.size_bytes == f.first);
		close_fix(&f);
	}
	/* and when it is gone, the file itself must hold it */
	struct fix f;
	enum intent_outcome out[2];
	open_fix(&f, 1, 100, 100);
	EXPECT_OK(settle_all(&f, out), &f.e);
	change(&f, f.second - 1, "#");
	EXPECT(settle_all(&f, out) == E_CORRUPT);
	close_fix(&f);
}

TEST(inv19_a_folder_that_is_gone_tells_nothing)
{
	struct fix f;
	enum intent_outcome out;
	open_fix(&f, 1, 100, 100);
	EXPECT_OK(fs_unlink(f.fs, PENDING "/1", &f.e), &f.e);
	EXPECT_OK(fs_unlink(f.fs, PENDING "/2", &f.e), &f.e);
	EXPECT_OK(fs_rmdir(f.fs, PENDING, &f.e), &f.e);
	EXPECT(intent_settle(f.fs, &f.in[0], &out, &f.e) == E_REFUSED);
	EXPECT(strstr(f.e.text, "mkdir -p"));
	close_fix(&f);
}

TEST(inv34_a_place_that_no_file_has_is_corrupt)
{
	struct fix f;
	enum intent_outcome out;
	open_fix(&f, 1, 100, 100);
	f.in[0].offset = UINT64_MAX - 50;
	EXPECT(intent_settle(f.fs, &f.in[0], &out, &f.e) == E_CORRUPT);
	close_fix(&f);
}

/* Cut at each operation, then settled again by the next start: whole, once, and durable. */
TEST(inv28_a_power_cut_anywhere_in_a_commit_is_mended_by_the_next)
{
	for (uint64_t seed = 1; seed <= 8; seed++)
		for (uint64_t n = 1;; n++) {
			struct fix f;
			enum intent_outcome out[2];
			open_fix(&f, seed * 1000 + n, 9000, INTENT_STEP_BYTES + 5);
			fs_sim_crash_at(f.disk, fs_sim_count(f.disk) + n);
			enum rc rc = settle_all(&f, out);
			bool over = !fs_sim_crashed(f.disk);
			EXPECT(over == (rc == OK));
			fs_sim_crash(f.disk, &f.r);
			err_clear(&f.e);
			EXPECT_OK(settle_all(&f, out), &f.e);
			EXPECT(out[0] != INTENT_TAKEN && out[1] != INTENT_TAKEN);
			fs_sim_crash(f.disk, &f.r);
			expect_whole(&f);
			close_fix(&f);
			if (over)
				break;
		}
}

TEST(inv32_each_operation_that_fails_is_an_error_and_the_next_start_does_it_all_again)
{
	for (uint64_t n = 1;; n++) {
		struct fix f;
		enum intent_outcome out[2];
		open_fix(&f, n, 9000, 100);
		fs_sim_fault_at(f.disk, fs_sim_count(f.disk) + n, E_IO, false);
		enum rc rc = settle_all(&f, out);
		bool hit = fs_sim_faults(f.disk) > 0;
		EXPECT(rc == OK || (hit && rc == E_IO));
		err_clear(&f.e);
		fs_sim_fault_at(f.disk, 0, OK, false);
		EXPECT_OK(settle_all(&f, out), &f.e);
		fs_sim_crash(f.disk, &f.r);
		expect_whole(&f);
		close_fix(&f);
		if (!hit)
			break;
	}
}

TEST(inv31_each_allocation_that_fails_is_an_error_and_leaks_nothing)
{
	for (uint64_t n = 1;; n++) {
		struct fix f;
		enum intent_outcome out[2];
		open_fix(&f, n, 9000, 100);
		f.mem.fail_at = f.mem.calls + n;
		enum rc rc = settle_all(&f, out);
		bool hit = f.mem.calls >= f.mem.fail_at;
		f.mem.fail_at = 0;
		EXPECT(rc == (hit ? E_NO_MEMORY : OK));
		err_clear(&f.e);
		EXPECT_OK(settle_all(&f, out), &f.e);
		expect_whole(&f);
		close_fix(&f);
		if (!hit)
			break;
	}
}

/* An owner that was paused goes on with an old commit while its successor does the same. */
TEST(inv26_two_owners_at_once_write_the_same_bytes)
{
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct fix f;
		enum intent_outcome out[2];
		open_fix(&f, seed, 3 * INTENT_STEP_BYTES, 100);
		struct intent_work w[2] = {{0}, {0}};
		bool done[2] = {false, false};
		while (!done[0] || !done[1]) {
			int i = (int)rng_below(&f.r, 2);
			if (!done[i])
				EXPECT_OK(intent_step(f.fs, &f.in[0], &w[i], &done[i], &f.e), &f.e);
		}
		EXPECT_OK(settle_all(&f, out), &f.e);
		expect_whole(&f);
		close_fix(&f);
	}
}

static bool may_have_begun(struct fix *f, int i)
{
	bool pending, committed;
	EXPECT_OK(intent_shows(f->fs, &f->in[i], &pending, &committed, &f->e), &f->e);
	return !pending || committed;
}

TEST(inv16_whether_it_may_have_begun_is_read_from_the_files)
{
	struct fix f;
	enum intent_outcome out[2];
	open_fix(&f, 1, 100, 100);
	EXPECT(!may_have_begun(&f, 0));
	change(&f, f.first, "a");
	EXPECT(may_have_begun(&f, 0));
	EXPECT(!may_have_begun(&f, 1));
	EXPECT_OK(settle_all(&f, out), &f.e);
	EXPECT(may_have_begun(&f, 1));
	f.in[1].kind = INTENT_RENAME;
	EXPECT(may_have_begun(&f, 1));
	close_fix(&f);
}

TEST(a_manifest_lists_the_end_of_each_file_and_a_kind_of_a_later_version_is_refused)
{
	struct mem mem;
	struct manifest m;
	static const struct manifest_intent listed[] = {
		{"s", "append", "p/1", "a", 10, 5, 1},  {"s", "append", "p/2", "a", 15, 7, 2},
		{"t", "append", "p/3", "b", 0, 100, 3}, {"u", "rename", "p/4", "a", 0, 100, 4},
		{"v", "upload", "p/5", "c", 0, 100, 5}};
	mem_init(&mem, 0);
	manifest_init(&m, &mem);
	for (size_t i = 0; i < 5; i++)
		*manifest_add_intent(&m) = listed[i];
	EXPECT(intent_of(&m, 0).file_end == 22 && intent_of(&m, 1).file_end == 22);
	EXPECT(intent_of(&m, 2).file_end == 100 && intent_of(&m, 2).kind == INTENT_APPEND);
	EXPECT(intent_of(&m, 3).kind == INTENT_RENAME);
	struct intent in = intent_of(&m, 4);
	struct err e = {OK};
	enum intent_outcome out;
	EXPECT(in.kind == INTENT_UNKNOWN);
	EXPECT(intent_settle(&(struct fs){.mem = &mem}, &in, &out, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "sink 'v'"));
	manifest_close(&m);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv17_settling_again_and_again_is_settling_once),
		T(a_large_one_is_copied_in_steps_and_synced_as_it_is_written),
		T(whoever_stops_in_the_middle_closes_and_loses_nothing),
		T(the_first_piece_makes_the_file),
		T(inv17_a_file_that_was_taken_away_when_all_was_done_is_no_error_and_no_second_copy),
		T(what_somebody_else_did_to_the_file_is_refused_by_name),
		T(a_file_that_was_cut_after_the_commit_is_refused),
		T(inv33_a_staged_piece_that_is_not_what_was_prepared_never_reaches_the_file),
		T(inv19_a_folder_that_is_gone_tells_nothing),
		T(inv34_a_place_that_no_file_has_is_corrupt),
		T(inv28_a_power_cut_anywhere_in_a_commit_is_mended_by_the_next),
		T(inv32_each_operation_that_fails_is_an_error_and_the_next_start_does_it_all_again),
		T(inv31_each_allocation_that_fails_is_an_error_and_leaks_nothing),
		T(inv26_two_owners_at_once_write_the_same_bytes),
		T(inv16_whether_it_may_have_begun_is_read_from_the_files),
		T(a_manifest_lists_the_end_of_each_file_and_a_kind_of_a_later_version_is_refused),
	};
	return RUN(tests);
}
