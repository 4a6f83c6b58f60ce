/* test_sim_directory.c - the directory's checker (tests/lib/directory.h) finds each fault that is
 * planted in a directory of a real job, names the invariant, and finds nothing in a sound one. */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "base/hash.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

struct fix {
	struct scenario s;
	struct world w;
	struct directory d;
	char found[8][512]; /* the first faults */
	uint32_t faults;
};

static void on_fault(void *arg, const char *text)
{
	struct fix *f = arg;
	if (f->faults < ARRAY_LEN(f->found))
		snprintf(f->found[f->faults], sizeof f->found[0], "%s", text);
	f->faults++;
}

/* Killed with some checkpoints and merges behind it, and looked at: sound. */
static struct fix *open_fix(void)
{
	struct fix *f = calloc(1, sizeof *f);
	struct world *w = &f->w;
	struct rng r;
	rng_seed(&r, 7);
	scenario_open(&f->s, SCENARIO_WORDS, &r,
		      (struct scenario_size){.lines = 60, .lines_a_second = 450});
	world_open(w, 7, f->s.job);
	scenario_files(&f->s, w);
	directory_open(&f->d, w->disk, WORLD_DIR, WORLD_OUT, f->s.job, on_fault, f);
	fs_sim_watch(w->disk, directory_saw, &f->d);
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	while (w->completed < 4)
		WORLD_CHECK(w, world_run(w, 20) == WORLD_PAUSED);
	world_crash(w, false);
	directory_look(&f->d);
	if (f->faults)
		world_fail(w, "%s", f->found[0]);
	return f;
}

static void close_fix(struct fix *f)
{
	fs_sim_watch(f->w.disk, NULL, NULL);
	directory_close(&f->d);
	world_close(&f->w);
	scenario_close(&f->s);
	free(f);
}

static struct dir_manifest *newest(struct fix *f)
{
	for (uint32_t i = f->d.n; i-- > 0;)
		if (!f->d.m[i].is_fence)
			return &f->d.m[i];
	world_fail(&f->w, "no checkpoint");
}

struct slot_path {
	char text[64];
};

static struct slot_path slot_path(uint64_t slot)
{
	struct slot_path p;
	snprintf(p.text, sizeof p.text, WORLD_DIR "/manifest/%020" PRIu64, slot);
	return p;
}

static void part_path(const struct dir_manifest *m, uint32_t i, char path[256])
{
	snprintf(path, 256, WORLD_DIR "/parts/%s", m->file[i].name);
}

/* Looked at again: exactly this is found, or (tidy) is among what is. */
static void expect_found(struct fix *f, const char *words, const char *inv)
{
	bool found = false;
	for (uint32_t i = 0; i < f->faults && i < ARRAY_LEN(f->found); i++)
		found |= strstr(f->found[i], words) && strstr(f->found[i], inv);
	if (!found)
		fail_msg("not found: \"%s\" (%s); of %u faults the first is \"%s\"", words, inv, f->faults,
			 f->found[0]);
}

static void look_finds(struct fix *f, const char *words, const char *inv)
{
	f->faults = 0;
	directory_look(&f->d);
	expect_found(f, words, inv);
	close_fix(f);
}

static void must(struct fix *f, enum rc rc, const struct err *e)
{
	if (rc != OK)
		world_fail(&f->w, "%s", e->text);
}

/* ---- files ---- */

TEST(inv03_a_flipped_bit_of_a_part_is_found)
{
	char path[256];
	struct err e = {0};
	struct fix *f = open_fix();
	part_path(newest(f), 0, path);
	must(f, fs_sim_flip(f->w.disk, path, 8 * 100, &e), &e);
	look_finds(f, "has another hash", "inv 3");
}

TEST(inv03_a_shorter_part_is_found)
{
	char path[256];
	struct err e = {0};
	struct fs_stat st;
	int fd;
	struct fix *f = open_fix();
	part_path(newest(f), 0, path);
	must(f, fs_stat(f->w.fs, path, &st, &e), &e);
	must(f, fs_open(f->w.fs, path, FS_WRITE, &fd, &e), &e);
	must(f, fs_truncate(f->w.fs, fd, st.size_bytes - 1, &e), &e);
	must(f, fs_close(f->w.fs, &fd, &e), &e);
	expect_found(f, "is written to, and manifest", "inv 12");
	look_finds(f, "bytes, not", "inv 3");
}

TEST(inv12_a_part_that_is_gone_is_found)
{
	char path[256];
	struct err e = {0};
	struct fix *f = open_fix();
	part_path(newest(f), 0, path);
	must(f, fs_unlink(f->w.fs, path, &e), &e);
	expect_found(f, "names it", "inv 13");
	look_finds(f, "is named and missing", "inv 1, 12");
}

TEST(inv01_a_part_that_was_not_synced_is_found_when_it_is_named)
{
	char path[256], other[300];
	struct err e = {0};
	uint8_t *data;
	size_t len;
	struct fix *f = open_fix();
	part_path(newest(f), 0, path);
	must(f, fs_read_all(f->w.fs, path, 1 << 24, &data, &len, &e), &e);
	snprintf(other, sizeof other, "%s.other", path);
	must(f, fs_write_new(f->w.fs, other, data, len, &e), &e);
	mem_put(&f->w.mem, data);
	must(f, fs_unlink(f->w.fs, path, &e), &e);
	must(f, fs_rename_new(f->w.fs, other, path, &e), &e);
	look_finds(f, "may be lost in a power cut", "inv 1");
}

/* ---- manifests ---- */

/* The newest checkpoint's body with other words behind that place, sealed again, in its place. */
static struct fix *with_body_after(const char *place, const char *words, const char *others)
{
	struct fix *f = open_fix();
	struct err e = {0};
	uint8_t *data;
	size_t len;
	char path[64];
	CHECK(strlen(words) == strlen(others));
	snprintf(path, sizeof path, "%s", slot_path(newest(f)->slot).text);
	must(f, fs_read_all(f->w.fs, path, 1 << 24, &data, &len, &e), &e);
	uint8_t *from = memmem(data, len, place, strlen(place));
	char *at = from ? memmem(from, len - (size_t)(from - data), words, strlen(words)) : NULL;
	if (!at)
		world_fail(&f->w, "no %s in %.*s", words, (int)len - 64, data + 64);
	memcpy(at, others, strlen(others));
	uint64_t sum = checksum64(data + 64, len - 64);
	memcpy(data + 24, &sum, 8);
	sum = checksum64(data, 56);
	memcpy(data + 56, &sum, 8);
	must(f, fs_unlink(f->w.fs, path, &e), &e);
	must(f, fs_write_new(f->w.fs, path, data, len, &e), &e);
	mem_put(&f->w.mem, data);
	return f;
}

static struct fix *with_body(const char *words, const char *others)
{
	return with_body_after("{", words, others);
}

TEST(inv02_a_missing_or_foreign_operator_is_found)
{
	look_finds(with_body("{\"id\":\"count\"", "{\"id\":\"cuont\""),
		   "'count' stands there 0 times", "inv 2");
	look_finds(with_body("{\"id\":\"lines\"", "{\"id\":\"words\""), "'words' stands there 2 times",
		   "inv 2");
}

TEST(inv02_a_missing_subtask_is_found)
{
	look_finds(with_body("\"sub\":1", "\"sub\":0"), "a subtask of", "inv 2");
	look_finds(with_body("\"sub\":1", "\"sub\":7"), "subtask 7 of 2", "inv 2");
}

TEST(inv03_a_wrong_length_hash_or_place_is_found)
{
	look_finds(with_body("\"hash\":\"", "\"hahs\":\""), "has another hash", "inv 3");
	look_finds(with_body("\"len\":", "\"lem\":"), "bytes, not 0", "inv 3");
	look_finds(with_body_after("\"chain\"", "\"at\"", "\"ta\""), "is not where it should be",
		   "inv 3");
	look_finds(with_body_after("\"chain\"", "\"sum\"", "\"smu\""), "has another checksum", "inv 3");
	look_finds(with_body_after("\"chain\"", "\"rows\"", "\"rosw\""), "has another number of rows",
		   "inv 3");
	look_finds(with_body("\"f\":1", "\"f\":9"), "names file 9", "inv 3");
}

TEST(inv03_each_flipped_bit_of_a_manifest_is_found)
{
	struct fix *f = open_fix();
	struct err e = {0};
	struct fs_stat st;
	uint64_t slot = newest(f)->slot, bits = 0;
	must(f, fs_stat(f->w.fs, slot_path(slot).text, &st, &e), &e);
	for (uint64_t bit = 0; bit < 8 * st.size_bytes; bit += 7, bits++) {
		f->faults = 0;
		must(f, fs_sim_flip(f->w.disk, slot_path(slot).text, bit, &e), &e);
		directory_look(&f->d);
		if (!f->faults)
			world_fail(&f->w, "bit %" PRIu64 " was not missed", bit);
		must(f, fs_sim_flip(f->w.disk, slot_path(slot).text, bit, &e), &e);
	}
	EXPECT(bits > 1000);
	close_fix(f);
}

TEST(inv12_a_retained_manifest_that_is_gone_is_found)
{
	struct err e = {0};
	struct fix *f = open_fix();
	uint64_t slot = newest(f)->parent;
	must(f, fs_unlink(f->w.fs, slot_path(slot).text, &e), &e);
	expect_found(f, "is removed, and counts", "inv 13");
	look_finds(f, "is kept and missing", "inv 12");
}

TEST(inv13_a_fence_that_is_removed_is_found)
{
	struct err e = {0};
	struct fix *f = open_fix();
	must(f, fs_unlink(f->w.fs, slot_path(newest(f)->epoch).text, &e), &e);
	expect_found(f, "is a fence, and removed", "inv 13");
	close_fix(f);
}

TEST(inv12_a_manifest_that_is_written_to_is_found)
{
	struct err e = {0};
	int fd;
	struct fix *f = open_fix();
	must(f, fs_open(f->w.fs, slot_path(newest(f)->slot).text, FS_WRITE, &fd, &e), &e);
	must(f, fs_pwrite(f->w.fs, fd, "x", 1, 500, &e), &e);
	must(f, fs_close(f->w.fs, &fd, &e), &e);
	expect_found(f, "is written to", "inv 12");
	close_fix(f);
}

/* ---- names ---- */

TEST(inv11_a_name_that_is_used_twice_is_found)
{
	struct err e = {0};
	const char *path = WORLD_DIR "/parts/0000abcd-1-1-00000000000000000999.part";
	struct fix *f = open_fix();
	must(f, fs_write_new(f->w.fs, path, "x", 1, &e), &e);
	must(f, fs_unlink(f->w.fs, path, &e), &e);
	EXPECT(!f->faults);
	must(f, fs_write_new(f->w.fs, path, "x", 1, &e), &e);
	expect_found(f, "and was at", "inv 11");
	close_fix(f);
}

TEST(inv13_an_older_epoch_removes_nothing_of_a_newer_one)
{
	struct err e = {0};
	const char *path = WORLD_DIR "/parts/0000abcd-9-1-00000000000000000999.part";
	struct fix *f = open_fix();
	must(f, fs_write_new(f->w.fs, path, "x", 1, &e), &e);
	must(f, fs_unlink(f->w.fs, path, &e), &e);
	expect_found(f, "by an older epoch", "inv 13");
	close_fix(f);
}

static char *first_committed(struct fix *f)
{
	for (size_t i = 0; i < f->d.made_n; i++)
		if (f->d.made[i].hash)
			return f->d.made[i].path;
	world_fail(&f->w, "nothing is committed");
}

TEST(inv12_a_committed_file_that_changes_or_goes_is_found)
{
	struct err e = {0};
	struct fix *f = open_fix();
	must(f, fs_sim_flip(f->w.disk, first_committed(f), 3, &e), &e);
	look_finds(f, "is committed, and has changed", "inv 12");
	f = open_fix();
	must(f, fs_unlink(f->w.fs, first_committed(f), &e), &e);
	expect_found(f, "is committed, and removed", "inv 12");
	f->faults = 0;
	directory_tidy(&f->d);
	expect_found(f, "is committed, and gone", "inv 12");
	close_fix(f);
}

TEST(inv17_what_no_manifest_says_is_not_committed)
{
	struct err e = {0};
	struct fix *f = open_fix();
	must(f, fs_write_new(f->w.fs, "x", "word,n\n", 7, &e), &e);
	must(f, fs_rename_new(f->w.fs, "x", WORLD_OUT "/part-x.csv", &e), &e);
	expect_found(f, "no durable manifest says so", "inv 1, 17");
	close_fix(f);
}

/* ---- orphans ---- */

TEST(inv14_what_nobody_names_is_found)
{
	static const char *const paths[] = {
		WORLD_DIR "/parts/0000abcd-1-1-00000000000000000999.part",
		WORLD_DIR "/manifest/tmp-00000000000000000001-99",
		WORLD_OUT "/.weir-pending/x/1-1-out-0-1.csv",
	};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct err e = {0};
		char folder[128];
		struct fix *f = open_fix();
		WORLD_CHECK(&f->w, world_process(&f->w, 2) == WORLD_FINISHED);
		world_exit(&f->w);
		directory_look(&f->d);
		directory_tidy(&f->d);
		if (f->faults)
			world_fail(&f->w, "%s", f->found[0]);
		EXPECT(f->d.looks == 2 && f->d.files_read > 10 && f->d.sections_read > 10);
		fs_dirname(paths[i], folder, sizeof folder);
		must(f, fs_mkdir_all(f->w.fs, folder, &e), &e);
		must(f, fs_write_new(f->w.fs, paths[i], "x", 1, &e), &e);
		directory_look(&f->d);
		EXPECT(!f->faults);
		directory_tidy(&f->d);
		expect_found(f, i ? "left over" : "is an orphan", "inv 14");
		close_fix(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv03_a_flipped_bit_of_a_part_is_found),
		T(inv03_a_shorter_part_is_found),
		T(inv12_a_part_that_is_gone_is_found),
		T(inv01_a_part_that_was_not_synced_is_found_when_it_is_named),
		T(inv02_a_missing_or_foreign_operator_is_found),
		T(inv02_a_missing_subtask_is_found),
		T(inv03_a_wrong_length_hash_or_place_is_found),
		T(inv03_each_flipped_bit_of_a_manifest_is_found),
		T(inv12_a_retained_manifest_that_is_gone_is_found),
		T(inv13_a_fence_that_is_removed_is_found),
		T(inv12_a_manifest_that_is_written_to_is_found),
		T(inv11_a_name_that_is_used_twice_is_found),
		T(inv13_an_older_epoch_removes_nothing_of_a_newer_one),
		T(inv12_a_committed_file_that_changes_or_goes_is_found),
		T(inv17_what_no_manifest_says_is_not_committed),
		T(inv14_what_nobody_names_is_found),
	};
	return RUN(tests);
}
