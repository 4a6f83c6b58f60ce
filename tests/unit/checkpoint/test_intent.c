/* test_intent.c - a prepared file becomes a final one: once, whatever was done before, whatever
 * fails. */
#include "checkpoint/intent.h"

#include "base/fs_sim.h"
#include "base/hash.h"
#include "tests/lib/test.h"

#include <string.h>

#define OUT "out"
#define PENDING OUT "/.weir-pending/u"
#define FROM PENDING "/1-1-s-0-0.csv"
#define TO OUT "/part-x.csv"
#define TEXT "word,n\na,1\n"

struct fix {
	struct mem mem;
	struct fs_sim *disk;
	struct fs *fs;
	struct intent in;
	struct err e;
};

static void put(struct fix *f, const char *path, const char *text)
{
	EXPECT_OK(fs_write_new(f->fs, path, text, strlen(text), &f->e), &f->e);
}

/* Prepared: the file is there and durable. */
static void open_fix(struct fix *f)
{
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	EXPECT_OK(fs_sim_open(&f->disk, &f->mem, &f->e), &f->e);
	f->fs = fs_sim_fs(f->disk);
	EXPECT_OK(fs_mkdir_all(f->fs, PENDING, &f->e), &f->e);
	put(f, FROM, TEXT);
	EXPECT_OK(fs_sync_dir(f->fs, PENDING, &f->e), &f->e);
	f->in = (struct intent){.sink = "s", .kind = INTENT_RENAME, .from = (char *)FROM,
				.to = (char *)TO, .length = strlen(TEXT),
			        .hash = checksum64(TEXT, strlen(TEXT))};
}

static void close_fix(struct fix *f)
{
	fs_sim_close(&f->disk);
	EXPECT(f->mem.used_bytes == 0);
}

static bool is_there(struct fix *f, const char *path)
{
	struct fs_stat st;
	return fs_stat(f->fs, path, &st, NULL) == OK;
}

static void expect_final(struct fix *f)
{
	uint8_t *text;
	size_t len;
	EXPECT_OK(fs_read_all(f->fs, TO, 1000, &text, &len, &f->e), &f->e);
	EXPECT(len == strlen(TEXT) && !memcmp(text, TEXT, len));
	mem_put(&f->mem, text);
	EXPECT(!is_there(f, FROM));
}

static enum intent_outcome settle(struct fix *f)
{
	enum intent_outcome out;
	EXPECT_OK(intent_settle(f->fs, &f->in, &out, &f->e), &f->e);
	return out;
}

TEST(inv17_settling_again_and_again_is_settling_once)
{
	struct fix f;
	open_fix(&f);
	EXPECT(settle(&f) == INTENT_COMMITTED);
	expect_final(&f);
	EXPECT(settle(&f) == INTENT_WAS_DONE);
	EXPECT(settle(&f) == INTENT_WAS_DONE);
	expect_final(&f);
	close_fix(&f);
}

TEST(inv17_a_final_file_that_was_taken_away_is_no_error_and_no_second_copy)
{
	struct fix f;
	open_fix(&f);
	EXPECT(settle(&f) == INTENT_COMMITTED);
	EXPECT_OK(fs_unlink(f.fs, TO, &f.e), &f.e);
	EXPECT(settle(&f) == INTENT_TAKEN);
	EXPECT(!is_there(&f, TO) && !is_there(&f, FROM));
	close_fix(&f);
}

TEST(inv33_a_prepared_file_that_was_changed_is_seen_before_anything_is_settled)
{
	struct fix f;
	open_fix(&f);
	EXPECT_OK(intent_verify(f.fs, &f.in, &f.e), &f.e);
	for (uint64_t bit = 0; bit < 8 * strlen(TEXT); bit++) {
		EXPECT_OK(fs_sim_flip(f.disk, FROM, bit, &f.e), &f.e);
		EXPECT(intent_verify(f.fs, &f.in, &f.e) == E_CORRUPT && strstr(f.e.text, FROM));
		EXPECT_OK(fs_sim_flip(f.disk, FROM, bit, &f.e), &f.e);
	}
	EXPECT(is_there(&f, FROM) && !is_there(&f, TO));
	f.in.length++;
	EXPECT(intent_verify(f.fs, &f.in, &f.e) == E_CORRUPT);
	EXPECT_OK(fs_unlink(f.fs, FROM, &f.e), &f.e);
	EXPECT_OK(intent_verify(f.fs, &f.in, &f.e), &f.e); /* done, or settling says why not */
	close_fix(&f);
}

TEST(both_names_of_one_content_are_a_commit_that_was_cut_short)
{
	struct fix f;
	open_fix(&f);
	put(&f, TO, TEXT);
	EXPECT(settle(&f) == INTENT_WAS_DONE);
	expect_final(&f);
	close_fix(&f);
}

TEST(another_file_under_the_final_name_is_never_replaced)
{
	static const char *const others[] = {"word,n\na,2\n", "word,n\n", "word,n\na,1\nb,1\n", ""};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct fix f;
		enum intent_outcome out;
		open_fix(&f);
		put(&f, TO, others[i]);
		EXPECT(intent_settle(f.fs, &f.in, &out, &f.e) == E_CORRUPT);
		EXPECT(strstr(f.e.text, TO) && is_there(&f, FROM));
		close_fix(&f);
	}
}

TEST(inv19_a_folder_that_is_gone_tells_nothing)
{
	struct fix f;
	enum intent_outcome out;
	open_fix(&f);
	EXPECT_OK(fs_unlink(f.fs, FROM, &f.e), &f.e);
	EXPECT_OK(fs_rmdir(f.fs, PENDING, &f.e), &f.e);
	EXPECT(intent_settle(f.fs, &f.in, &out, &f.e) == E_REFUSED);
	EXPECT(strstr(f.e.text, "mkdir -p"));
	close_fix(&f);
}

/* Cut at each operation, then settled again by the next start: final, once, and durable. */
TEST(inv28_a_power_cut_anywhere_in_a_commit_is_mended_by_the_next)
{
	for (uint64_t seed = 1; seed <= 16; seed++)
		for (uint64_t n = 1;; n++) {
			struct fix f;
			struct rng r;
			enum intent_outcome out;
			open_fix(&f);
			rng_seed(&r, seed * 1000 + n);
			fs_sim_crash_at(f.disk, fs_sim_count(f.disk) + n);
			enum rc rc = intent_settle(f.fs, &f.in, &out, &f.e);
			bool over = !fs_sim_crashed(f.disk);
			EXPECT(over == (rc == OK));
			fs_sim_crash(f.disk, &r);
			EXPECT(is_there(&f, FROM) != is_there(&f, TO));
			EXPECT(settle(&f) != INTENT_TAKEN);
			fs_sim_crash(f.disk, &r);
			expect_final(&f);
			close_fix(&f);
			if (over)
				break;
		}
}

TEST(inv19_each_operation_that_fails_is_an_error_or_is_looked_at_again)
{
	for (uint64_t n = 1;; n++) {
		struct fix f;
		enum intent_outcome out;
		open_fix(&f);
		fs_sim_fault_at(f.disk, fs_sim_count(f.disk) + n, E_IO, false);
		enum rc rc = intent_settle(f.fs, &f.in, &out, &f.e);
		bool hit = fs_sim_faults(f.disk) > 0;
		EXPECT(rc == (hit ? E_IO : OK));
		err_clear(&f.e);
		fs_sim_fault_at(f.disk, 0, OK, false);
		EXPECT(settle(&f) != INTENT_TAKEN);
		expect_final(&f);
		close_fix(&f);
		if (!hit)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv17_settling_again_and_again_is_settling_once),
		T(inv17_a_final_file_that_was_taken_away_is_no_error_and_no_second_copy),
		T(inv33_a_prepared_file_that_was_changed_is_seen_before_anything_is_settled),
		T(both_names_of_one_content_are_a_commit_that_was_cut_short),
		T(another_file_under_the_final_name_is_never_replaced),
		T(inv19_a_folder_that_is_gone_tells_nothing),
		T(inv28_a_power_cut_anywhere_in_a_commit_is_mended_by_the_next),
		T(inv19_each_operation_that_fails_is_an_error_or_is_looked_at_again),
	};
	return RUN(tests);
}
