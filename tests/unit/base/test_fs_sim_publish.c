/* test_fs_sim_publish.c - the protocol of a checkpoint in small, crashed at every operation: the
 * disk must let the careful one pass and catch the careless one, or all other crash tests prove
 * nothing. */
#include "tests/unit/base/fs_sim_rig.h"

/* The protocol of section 7 in small: a temporary, synced, linked into a slot, the directory
 * synced. With careless it forgets the first sync, which the disk must punish. */
static enum rc publish(struct fs *fs, bool careless)
{
	static const char text[] = "a whole manifest, long enough to be torn............";
	int fd;
	struct err e = {OK};
	enum rc rc = fs_open(fs, "tmp", FS_CREATE, &fd, &e);
	if (rc != OK)
		return rc;
	for (unsigned i = 0; i < 200 && rc == OK; i++)
		rc = fs_pwrite(fs, fd, text, sizeof text, i * sizeof text, &e);
	if (rc == OK && !careless)
		rc = fs_sync(fs, fd, &e);
	if (rc == OK)
		rc = fs_link(fs, "tmp", "slot", &e);
	if (rc == OK)
		rc = fs_sync_dir(fs, ".", &e);
	enum rc closed = fs_close(fs, &fd, NULL);
	return rc == OK ? closed : rc;
}

/* Crashes a publish at every operation, under several seeds. How often a broken state was seen. */
static unsigned broken_publishes(bool careless)
{
	unsigned broken = 0;
	bool reached = true;
	for (uint64_t n = 1; reached; n++) {
		for (uint64_t seed = 1; seed <= 10; seed++) {
			struct world w;
			world_begin(&w, seed * 1000 + n);
			if (seed % 2)
				fs_sim_crash_at(w.sim, n);
			else
				fs_sim_crash_after(w.sim, n);
			enum rc rc = publish(w.fs, careless);
			reached = fs_sim_crashed(w.sim);
			EXPECT(reached == (rc == E_CRASHED));
			cut(&w);
			size_t len = 0, zeros = 0;
			bool there = is_there(&w, "slot");
			if (there) {
				uint8_t *data = content(&w, "slot", &len);
				zeros = count_of(data, len, 0);
				mem_put(&w.mem, data);
			}
			bool whole = there && len == 200 * 53 && zeros == 200;
			broken += (there && !whole) || (rc == OK && !there);
			world_end(&w);
		}
	}
	return broken;
}

TEST(inv1_a_careful_publish_is_whole_or_absent_whenever_the_power_goes)
{
	EXPECT(broken_publishes(false) == 0);
}

TEST(a_publish_that_forgets_a_sync_is_caught)
{
	EXPECT(broken_publishes(true) > 0);
}

TEST(inv1_mkdir_all_leaves_no_name_unsynced_whoever_crashed_before)
{
	for (uint64_t n = 1, reached = 1; reached; n++)
		for (uint64_t seed = 1; seed <= 20; seed++) {
			struct world w;
			world_begin(&w, seed * 1000 + n);
			fs_sim_crash_at(w.sim, n);
			enum rc rc = fs_mkdir_all(w.fs, "/a/b/c", NULL);
			reached = fs_sim_crashed(w.sim);
			EXPECT(rc == (reached ? E_CRASHED : OK));
			fs_sim_kill(w.sim); /* the process dies; later, the power goes */
			MUST(w, fs_mkdir_all(w.fs, "/a/b/c", &w.e));
			MUST(w, fs_write_new(w.fs, "/a/b/c/f", "1", 1, &w.e));
			MUST(w, fs_sync_dir(w.fs, "/a/b/c", &w.e));
			cut(&w);
			if (!is_there(&w, "/a/b/c/f"))
				fail_msg("lost: operation %llu, seed %llu", (unsigned long long)n,
					 (unsigned long long)seed);
			world_end(&w);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv1_a_careful_publish_is_whole_or_absent_whenever_the_power_goes),
		T(a_publish_that_forgets_a_sync_is_caught),
		T(inv1_mkdir_all_leaves_no_name_unsynced_whoever_crashed_before),
	};
	return RUN(tests);
}
