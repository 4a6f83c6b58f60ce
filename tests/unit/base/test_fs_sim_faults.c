/* test_fs_sim_faults.c - what a planned fault of the simulated disk hits, what it leaves done, and
 * that a file whose sync failed is remembered (inv 32). */
#include "tests/unit/base/fs_sim_rig.h"

static void plan(struct world *w, unsigned on, enum rc code, bool persistent, enum fs_sim_how how)
{
	struct fs_sim_fault f = {.at = fs_sim_count(w->sim) + 1, .persistent = persistent, .on = on,
				 .code = code, .how = how};
	fs_sim_fault(w->sim, &f);
}

TEST(a_fault_finds_only_operations_of_its_kinds)
{
	struct world w;
	struct fs_names l;
	int fd;
	world_begin(&w, 1);
	MUST(w, fs_mkdir_all(w.fs, "d", &w.e));
	plan(&w, FS_SIM_OPENS, E_LIMIT, true, FAULT_FAILS);
	EXPECT(fs_open(w.fs, "d/a", FS_CREATE, &fd, NULL) == E_LIMIT && fd < 0 && !is_there(&w, "d/a"));
	EXPECT(fs_list(w.fs, "d", &l, NULL) == E_LIMIT);
	EXPECT(fs_sync_dir(w.fs, "d", NULL) == E_LIMIT);
	MUST(w, fs_mkdir(w.fs, "d/e", NULL, &w.e));
	EXPECT(fs_sim_faults(w.sim) == 3);
	plan(&w, FS_SIM_NAMES, E_PERMISSION, false, FAULT_FAILS);
	EXPECT(fs_rmdir(w.fs, "d/e", NULL) == E_PERMISSION && is_there(&w, "d/e")); /* once */
	plan(&w, FS_SIM_LINKS, E_EXISTS, true, FAULT_FAILS);
	fd = create(&w, "d/a");
	uint64_t n = fs_sim_count(w.sim);
	EXPECT(fs_sim_kinds(w.sim, n) == (FS_SIM_SPACE | FS_SIM_OPENS | FS_SIM_NAMES));
	EXPECT(fs_link(w.fs, "d/a", "d/b", NULL) == E_EXISTS && !is_there(&w, "d/b"));
	plan(&w, FS_SIM_CLOSES, E_IO, true, FAULT_FAILS);
	EXPECT(fs_close(w.fs, &fd, NULL) == E_IO && fd == -1);
	fs_sim_fault(w.sim, &(struct fs_sim_fault){0});
	MUST(w, fs_unlink(w.fs, "d/a", &w.e));
	world_end(&w);
}

TEST(a_write_that_fails_has_written_half_and_one_whose_answer_is_lost_all)
{
	struct world w;
	size_t len;
	world_begin(&w, 1);
	for (int after = 0; after < 2; after++) {
		int fd = create(&w, after ? "b" : "a");
		plan(&w, FS_SIM_WRITES, E_IO, false, after ? FAULT_AFTER : FAULT_FAILS);
		EXPECT(fs_pwrite(w.fs, fd, "12345678", 8, 0, NULL) == E_IO);
		uint8_t *data = content(&w, after ? "b" : "a", &len);
		EXPECT(len == (after ? 8 : 4) && !memcmp(data, "12345678", len));
		mem_put(&w.mem, data);
		MUST(w, fs_close(w.fs, &fd, &w.e));
	}
	world_end(&w);
}

TEST(a_short_read_is_half_and_a_success)
{
	struct world w;
	char to[8];
	size_t got;
	world_begin(&w, 1);
	int fd = create(&w, "a");
	MUST(w, fs_pwrite(w.fs, fd, "12345678", 8, 0, &w.e));
	plan(&w, FS_SIM_READS, OK, false, FAULT_SHORT);
	MUST(w, fs_pread(w.fs, fd, to, 8, 0, &got, &w.e));
	EXPECT(got == 4 && !memcmp(to, "1234", 4) && fs_sim_faults(w.sim) == 1);
	MUST(w, fs_pread(w.fs, fd, to, 8, 0, &got, &w.e));
	EXPECT(got == 8);
	MUST(w, fs_close(w.fs, &fd, &w.e));
	world_end(&w);
}

TEST(inv32_who_counts_on_a_file_whose_sync_failed_is_seen)
{
	struct world w;
	world_begin(&w, 1);
	int fd = create(&w, "a");
	plan(&w, FS_SIM_SYNCS, E_IO, false, FAULT_FAILS);
	EXPECT(fs_sync(w.fs, fd, NULL) == E_IO && !fs_sim_is_doubtful(w.sim, "a")); /* it was empty */
	write_fill(&w, fd, 'A', 100, 0);
	plan(&w, FS_SIM_SYNCS, E_IO, false, FAULT_FAILS);
	EXPECT(fs_sync(w.fs, fd, NULL) == E_IO && fs_sim_is_doubtful(w.sim, "a"));
	EXPECT(fs_sim_trusted_doubtful(w.sim) == 0);
	MUST(w, fs_sync(w.fs, fd, &w.e));
	EXPECT(fs_sim_trusted_doubtful(w.sim) == 1);
	MUST(w, fs_link(w.fs, "a", "b", &w.e));
	EXPECT(fs_sim_trusted_doubtful(w.sim) == 2);
	MUST(w, fs_rename_new(w.fs, "b", "c", &w.e));
	EXPECT(fs_sim_trusted_doubtful(w.sim) == 3 && fs_sim_is_doubtful(w.sim, "c"));
	write_fill(&w, fd, 'A', 100, 0); /* what is written again, the next sync takes along */
	MUST(w, fs_sync(w.fs, fd, &w.e));
	EXPECT(fs_sim_trusted_doubtful(w.sim) == 3);
	write_fill(&w, fd, 'B', 100, 0);
	plan(&w, FS_SIM_SYNCS, E_IO, false, FAULT_FAILS);
	EXPECT(fs_sync(w.fs, fd, NULL) == E_IO);
	MUST(w, fs_sync_dir(w.fs, ".", &w.e));
	cut(&w);
	EXPECT(is_there(&w, "a") && !fs_sim_is_doubtful(w.sim, "a"));
	world_end(&w);
}

TEST(inv1_so_is_who_counts_on_a_file_whose_close_failed)
{
	struct world w;
	world_begin(&w, 1);
	int fd = create(&w, "a");
	write_fill(&w, fd, 'A', 100, 0);
	MUST(w, fs_sync(w.fs, fd, &w.e));
	plan(&w, FS_SIM_CLOSES, E_IO, false, FAULT_FAILS);
	EXPECT(fs_close(w.fs, &fd, NULL) == E_IO && fs_sim_is_doubtful(w.sim, "a"));
	MUST(w, fs_link(w.fs, "a", "b", &w.e));
	EXPECT(fs_sim_trusted_doubtful(w.sim) == 1);
	MUST(w, fs_unlink(w.fs, "a", &w.e));
	fd = create(&w, "a");
	MUST(w, fs_close(w.fs, &fd, &w.e));
	MUST(w, fs_open(w.fs, "a", FS_READ, &fd, &w.e)); /* who only read loses nothing */
	plan(&w, FS_SIM_CLOSES, E_IO, false, FAULT_FAILS);
	EXPECT(fs_close(w.fs, &fd, NULL) == E_IO && !fs_sim_is_doubtful(w.sim, "a"));
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_fault_finds_only_operations_of_its_kinds),
		T(a_write_that_fails_has_written_half_and_one_whose_answer_is_lost_all),
		T(a_short_read_is_half_and_a_success),
		T(inv32_who_counts_on_a_file_whose_sync_failed_is_seen),
		T(inv1_so_is_who_counts_on_a_file_whose_close_failed),
	};
	return RUN(tests);
}
