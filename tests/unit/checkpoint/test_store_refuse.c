/* test_store_refuse.c - a directory that is not what was written: refused, named, never cleared. */
#include "life.h"

#include <stdlib.h>
#include <unistd.h>

static void newest_slot_path(struct disk *d, char path[LAYOUT_PATH_MAX])
{
	struct slot_list l;
	char name[LAYOUT_NAME_MAX + 1];
	EXPECT_OK(slots_list(slots_in(d->fs, DIR), &d->mem, &l, &d->e), &d->e);
	layout_slot(name, l.slot[l.n - 1]);
	layout_path(path, DIR, LAYOUT_MANIFEST, name);
	slot_list_close(&l);
}

TEST(inv16_a_corrupt_newest_manifest_is_exit_6_and_named)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 3);
	char path[LAYOUT_PATH_MAX];
	newest_slot_path(&d, path);
	struct fs_stat st;
	EXPECT_OK(fs_stat(d.fs, path, &st, &d.e), &d.e);
	for (uint64_t at = 0; at < st.size_bytes; at += 37) {
		struct store *s;
		struct store_start start;
		struct err e = {OK};
		EXPECT_OK(fs_sim_flip(d.sim, path, at * 8, &d.e), &d.e);
		EXPECT(look_at(&d, false, &s, &start, &e) == E_CORRUPT);
		EXPECT(strstr(e.text, strrchr(path, '/') + 1) && err_exit_code(e.code) == 6);
		EXPECT_OK(fs_sim_flip(d.sim, path, at * 8, &d.e), &d.e);
	}
	expect_sound(d.fs, &d.mem, &d.w);
	disk_close(&d);
}

TEST(inv33_a_flipped_or_missing_part_is_exit_6_and_named)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 3);
	struct store *s;
	struct store_start start;
	struct part_file f[CHAIN];
	EXPECT_OK(look_at(&d, false, &s, &start, &d.e), &d.e);
	EXPECT(start.chosen->n_files == CHAIN);
	for (int i = 0; i < CHAIN; i++)
		f[i] = start.chosen->file[i];
	store_close(s);
	for (int i = 0; i < CHAIN; i++) {
		char path[LAYOUT_PATH_MAX];
		layout_path(path, DIR, LAYOUT_PARTS, f[i].name);
		for (uint64_t at = 0; at < f[i].length; at += 173) {
			struct err e = {OK};
			EXPECT_OK(fs_sim_flip(d.sim, path, at * 8 + 3, &d.e), &d.e);
			EXPECT(look_at(&d, false, &s, &start, &e) == E_CORRUPT && strstr(e.text, f[i].name));
			EXPECT_OK(fs_sim_flip(d.sim, path, at * 8 + 3, &d.e), &d.e);
		}
	}
	char path[LAYOUT_PATH_MAX];
	struct err e = {OK};
	layout_path(path, DIR, LAYOUT_PARTS, f[1].name);
	EXPECT_OK(fs_unlink(d.fs, path, &d.e), &d.e);
	EXPECT(look_at(&d, false, &s, &start, &e) == E_CORRUPT);
	EXPECT(strstr(e.text, "missing") && strstr(e.text, f[1].name));
	disk_close(&d);
}

TEST(inv16_fresh_over_a_corrupt_newest_deletes_no_evidence)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 3);
	char path[LAYOUT_PATH_MAX];
	struct fs_names before, after;
	newest_slot_path(&d, path);
	EXPECT_OK(fs_sim_flip(d.sim, path, 999, &d.e), &d.e);
	EXPECT_OK(fs_list(d.fs, DIR "/parts", &before, &d.e), &d.e);
	struct owner o;
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, true, &d.e), &d.e);
	EXPECT(!o.start.chosen && o.start.next_id == 4 && !strcmp(o.start.uuid, TEST_UUID));
	EXPECT_OK(live(&o, &d.w, 5, &d.e), &d.e);
	EXPECT(o.last.n_quarantined == 1 && o.last.quarantined[0] == 4);
	owner_close(&o);
	EXPECT_OK(fs_list(d.fs, DIR "/parts", &after, &d.e), &d.e);
	for (size_t i = 0; i < before.n; i++) {
		bool there = false;
		for (size_t j = 0; j < after.n; j++)
			there |= !strcmp(before.name[i], after.name[j]);
		EXPECT(there);
	}
	fs_names_close(&before);
	fs_names_close(&after);
	struct fs_stat st;
	EXPECT_OK(fs_stat(d.fs, path, &st, &d.e), &d.e);
	/* And the new lineage can be started from, with the corrupt slot still there. */
	EXPECT_OK(owner_begin(&o, d.fs, &d.mem, false, &d.e), &d.e);
	EXPECT(o.last.id == 8 && o.start.chosen->quarantined[0] == 4);
	EXPECT_OK(live(&o, &d.w, 2, &d.e), &d.e);
	EXPECT(o.last.n_quarantined == 1);
	owner_close(&o);
	EXPECT_OK(fs_stat(d.fs, path, &st, &d.e), &d.e);
	disk_close(&d);
}

TEST(inv24_parts_without_manifests_are_no_fresh_start)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 2);
	struct slot_list l;
	EXPECT_OK(slots_list(slots_in(d.fs, DIR), &d.mem, &l, &d.e), &d.e);
	for (size_t i = 0; i < l.n; i++) {
		char name[LAYOUT_NAME_MAX + 1], path[LAYOUT_PATH_MAX];
		layout_slot(name, l.slot[i]);
		layout_path(path, DIR, LAYOUT_MANIFEST, name);
		EXPECT_OK(fs_unlink(d.fs, path, &d.e), &d.e);
	}
	slot_list_close(&l);
	struct store *s;
	struct store_start start;
	struct err e = {OK};
	EXPECT(look_at(&d, false, &s, &start, &e) == E_CORRUPT && strstr(e.text, "manifest"));
	EXPECT(look_at(&d, true, &s, &start, NULL) == E_CORRUPT);
	disk_close(&d);
}

TEST(inv15_a_read_error_is_never_a_fresh_start)
{
	struct disk d;
	disk_open(&d);
	live_once(&d, 3);
	for (uint64_t n = 1, hits = 0;; n++) {
		struct store *s;
		struct store_start start;
		struct err e = {OK};
		uint64_t faults = fs_sim_faults(d.sim);
		fs_sim_fault_at(d.sim, fs_sim_count(d.sim) + n, E_IO, false);
		enum rc rc = look_at(&d, n % 2, &s, &start, &e);
		bool hit = fs_sim_faults(d.sim) > faults;
		fs_sim_fault_at(d.sim, 0, OK, false);
		/* Only conveniences (who had the lock, since when) may fail silently. */
		EXPECT(rc == E_IO || (rc == OK && (n % 2 ? !start.chosen : start.chosen->id == 3)));
		EXPECT(start.next_id == (rc == OK ? 4 : start.next_id));
		hits += rc == E_IO;
		store_close(s);
		if (!hit) {
			EXPECT(hits > 10);
			break;
		}
	}
	expect_sound(d.fs, &d.mem, &d.w);
	disk_close(&d);
}

/* A file system that has everything but hard links. */
struct linkless {
	struct fs_real real;
	struct fs_ops ops;
};
static enum rc no_link(struct fs *fs, const char *from, const char *to, struct err *e)
{
	(void)fs;
	(void)to;
	return ERR(e, E_PERMISSION, "link '%s': Operation not permitted", from);
}

TEST(a_file_system_without_hard_links_is_refused_with_a_cure)
{
	struct mem mem;
	struct err e = {OK};
	struct linkless l;
	char dir[64] = "/tmp/weir-test-XXXXXX";
	mem_init(&mem, 0);
	fs_real_init(&l.real, &mem);
	l.ops = *l.real.fs.ops;
	l.ops.link = no_link;
	l.real.fs.ops = &l.ops;
	EXPECT(mkdtemp(dir));
	struct store_options so = store_options_of(dir);
	struct store *s;
	struct store_start start;
	EXPECT_OK(store_open(&s, &l.real.fs, &mem, &so, &start, &e), &e);
	EXPECT(store_own(s, &start, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "hard links") && strstr(e.text, "--dir") && strstr(e.text, dir));
	store_close(s);
	EXPECT(mem.used_bytes == 0);
	char cmd[128];
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	EXPECT(!system(cmd));
}

/* E_EXISTS would say that the log has moved: a start would look again for ever. */
TEST(a_file_where_a_folder_belongs_is_refused_and_named)
{
	static const char *const folders[] = {DIR "/manifest", DIR "/parts"};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		struct disk d;
		struct store *s;
		struct store_start start;
		struct err e = {OK};
		disk_open(&d);
		EXPECT_OK(fs_mkdir_all(d.fs, DIR, &d.e), &d.e);
		EXPECT_OK(fs_write_new(d.fs, folders[i], "", 0, &d.e), &d.e);
		enum rc rc = look_at(&d, false, &s, &start, &e);
		if (rc == OK)
			rc = store_own(s, &start, &e);
		EXPECT(rc != OK && rc != E_EXISTS && strstr(e.text, folders[i]));
		store_close(s);
		disk_close(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv16_a_corrupt_newest_manifest_is_exit_6_and_named),
		T(inv33_a_flipped_or_missing_part_is_exit_6_and_named),
		T(inv16_fresh_over_a_corrupt_newest_deletes_no_evidence),
		T(inv24_parts_without_manifests_are_no_fresh_start),
		T(inv15_a_read_error_is_never_a_fresh_start),
		T(a_file_system_without_hard_links_is_refused_with_a_cure),
		T(a_file_where_a_folder_belongs_is_refused_and_named),
	};
	return RUN(tests);
}
