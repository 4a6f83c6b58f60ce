/* test_fs_sim.c - what the simulated disk loses and what it never loses. Where it may lose, both
 * outcomes must be seen among the seeds: a disk that is too kind proves nothing. */
#include "tests/unit/base/fs_sim_rig.h"

TEST(synced_bytes_survive_and_unsynced_ones_may_not)
{
	struct world w;
	unsigned old = 0, all = 0, between = 0, zeros = 0, torn = 0;
	EACH_SEED(w, seed) {
		int fd = create(&w, "f");
		write_fill(&w, fd, 'A', 10000, 0);
		MUST(w, fs_sync(w.fs, fd, &w.e));
		MUST(w, fs_sync_dir(w.fs, ".", &w.e));
		write_fill(&w, fd, 'B', 10000, 10000);
		cut(&w);
		size_t len;
		uint8_t *data = content(&w, "f", &len);
		EXPECT(len >= 10000 && len <= 20000 && count_of(data, 10000, 'A') == 10000);
		size_t b = count_of(data + 10000, len - 10000, 'B');
		EXPECT(b + count_of(data + 10000, len - 10000, 0) == len - 10000);
		old += len == 10000;
		all += len == 20000 && b == 10000;
		between += len > 10000 && len < 20000;
		zeros += len > 10000 && b == 0;
		torn += b > 0 && b % 4096 != 2288 && b < len - 10000; /* 2288 end the block begun */
		mem_put(&w.mem, data);
	}
	EXPECT(old && all && between && zeros && torn);
}

TEST(an_overwritten_block_is_old_or_new_or_torn_at_a_sector)
{
	struct world w;
	unsigned old = 0, new = 0, torn = 0;
	EACH_SEED(w, seed) {
		int fd = create(&w, "f");
		write_fill(&w, fd, 'A', 4096, 0);
		MUST(w, fs_sync(w.fs, fd, &w.e));
		MUST(w, fs_sync_dir(w.fs, ".", &w.e));
		write_fill(&w, fd, 'B', 4096, 0);
		cut(&w);
		size_t len;
		uint8_t *data = content(&w, "f", &len);
		size_t b = count_of(data, len, 'B');
		EXPECT(len == 4096 && b % 512 == 0 && count_of(data, b, 'B') == b);
		EXPECT(count_of(data, len, 'A') == len - b);
		old += b == 0;
		new += b == len;
		torn += b > 0 && b < len;
		mem_put(&w.mem, data);
	}
	EXPECT(old && new && torn);
}

TEST(a_name_is_safe_only_when_its_directory_was_synced)
{
	struct world w;
	unsigned kept = 0, lost = 0;
	EACH_SEED(w, seed) {
		MUST(w, fs_write_new(w.fs, "safe", "1", 1, &w.e));
		MUST(w, fs_sync_dir(w.fs, "/", &w.e));
		MUST(w, fs_write_new(w.fs, "new", "2", 1, &w.e));
		cut(&w);
		EXPECT(is_there(&w, "safe"));
		if (is_there(&w, "new")) {
			size_t len;
			uint8_t *data = content(&w, "new", &len);
			EXPECT(len == 1 && data[0] == '2'); /* its content was synced */
			mem_put(&w.mem, data);
			kept++;
		} else {
			lost++;
		}
	}
	EXPECT(kept && lost);
}

TEST(an_unsynced_removal_may_come_back)
{
	struct world w;
	unsigned back = 0, gone = 0;
	EACH_SEED(w, seed) {
		MUST(w, fs_write_new(w.fs, "f", "1", 1, &w.e));
		MUST(w, fs_sync_dir(w.fs, ".", &w.e));
		MUST(w, fs_unlink(w.fs, "f", &w.e));
		cut(&w);
		is_there(&w, "f") ? back++ : gone++;
	}
	EXPECT(back && gone);
	EACH_SEED(w, seed) {
		MUST(w, fs_write_new(w.fs, "f", "1", 1, &w.e));
		MUST(w, fs_sync_dir(w.fs, ".", &w.e));
		MUST(w, fs_unlink(w.fs, "f", &w.e));
		MUST(w, fs_sync_dir(w.fs, ".", &w.e));
		cut(&w);
		EXPECT(!is_there(&w, "f"));
	}
}

TEST(a_directory_that_was_not_synced_takes_its_files_along)
{
	struct world w;
	unsigned lost = 0, kept = 0;
	EACH_SEED(w, seed) {
		MUST(w, fs_mkdir(w.fs, "d", NULL, &w.e));
		MUST(w, fs_write_new(w.fs, "d/f", "1", 1, &w.e));
		MUST(w, fs_sync_dir(w.fs, "d", &w.e));
		cut(&w);
		EXPECT(is_there(&w, "d") == is_there(&w, "d/f"));
		is_there(&w, "d/f") ? kept++ : lost++;
	}
	EXPECT(kept && lost);
}

TEST(the_halves_of_a_rename_persist_together)
{
	struct world w;
	unsigned seen[3] = {0};
	EACH_SEED(w, seed) {
		MUST(w, fs_mkdir_all(w.fs, "x", &w.e));
		MUST(w, fs_mkdir_all(w.fs, "y", &w.e));
		MUST(w, fs_write_new(w.fs, "x/a", "1", 1, &w.e));
		MUST(w, fs_sync_dir(w.fs, "x", &w.e));
		MUST(w, fs_rename_new(w.fs, "x/a", "y/b", &w.e));
		MUST(w, fs_rename_new(w.fs, "y/b", "x/c", &w.e));
		cut(&w);
		bool at[3] = {is_there(&w, "x/a"), is_there(&w, "y/b"), is_there(&w, "x/c")};
		EXPECT(at[0] + at[1] + at[2] == 1); /* never twice, never nowhere */
		for (unsigned i = 0; i < 3; i++)
			seen[i] += at[i];
	}
	EXPECT(seen[0] && seen[1] && seen[2]);
}

TEST(syncing_either_directory_makes_a_rename_durable)
{
	struct world w;
	EACH_SEED(w, seed) {
		MUST(w, fs_mkdir_all(w.fs, "x", &w.e));
		MUST(w, fs_mkdir_all(w.fs, "y", &w.e));
		MUST(w, fs_write_new(w.fs, "x/a", "1", 1, &w.e));
		MUST(w, fs_rename_new(w.fs, "x/a", "y/b", &w.e));
		MUST(w, fs_sync_dir(w.fs, seed % 2 ? "x" : "y", &w.e));
		cut(&w);
		EXPECT(!is_there(&w, "x/a") && is_there(&w, "y/b"));
	}
}

TEST(inv32_a_failed_sync_is_not_repaired_by_the_next)
{
	struct world w;
	unsigned lost = 0, kept = 0;
	EACH_SEED(w, seed) {
		int fd = create(&w, "f");
		MUST(w, fs_sync_dir(w.fs, ".", &w.e));
		write_fill(&w, fd, 'A', 8192, 0);
		fs_sim_fault_at(w.sim, fs_sim_count(w.sim) + 1, E_IO, false);
		EXPECT(fs_sync(w.fs, fd, NULL) == E_IO);
		write_fill(&w, fd, 'B', 4096, 4096); /* dirty again, in part */
		MUST(w, fs_sync(w.fs, fd, &w.e));
		size_t len;
		uint8_t *data = content(&w, "f", &len); /* the cache shows nothing */
		EXPECT(count_of(data, 4096, 'A') == 4096);
		mem_put(&w.mem, data);
		cut(&w);
		data = content(&w, "f", &len);
		EXPECT(len == 8192 && count_of(data + 4096, 4096, 'B') == 4096);
		count_of(data, 4096, 'A') == 4096 ? kept++ : lost++;
		mem_put(&w.mem, data);
	}
	EXPECT(lost && kept);
}

TEST(a_failed_sync_of_a_directory_leaves_its_names_to_the_next)
{
	struct world w;
	EACH_SEED(w, seed) {
		MUST(w, fs_write_new(w.fs, "f", "1", 1, &w.e));
		fs_sim_fault_at(w.sim, fs_sim_count(w.sim) + 1, E_IO, false);
		EXPECT(fs_sync_dir(w.fs, ".", NULL) == E_IO);
		MUST(w, fs_sync_dir(w.fs, ".", &w.e));
		cut(&w);
		EXPECT(is_there(&w, "f"));
	}
}

TEST(from_the_crash_on_nothing_changes_until_the_next_start)
{
	struct world w;
	world_begin(&w, 1);
	int fd = create(&w, "f"), other;
	uint64_t n = fs_sim_count(w.sim);
	fs_sim_crash_at(w.sim, n + 2);
	write_fill(&w, fd, 'A', 10, 0);
	EXPECT(!fs_sim_crashed(w.sim));
	EXPECT(fs_pwrite(w.fs, fd, "BB", 2, 0, &w.e) == E_CRASHED && w.e.code == E_CRASHED);
	EXPECT(fs_sim_crashed(w.sim));
	EXPECT(fs_unlink(w.fs, "f", NULL) == E_CRASHED);
	EXPECT(fs_mkdir(w.fs, "d", NULL, NULL) == E_CRASHED);
	EXPECT(fs_open(w.fs, "g", FS_CREATE, &other, NULL) == E_CRASHED && other == -1);
	EXPECT(fs_link(w.fs, "f", "g", NULL) == E_CRASHED);
	EXPECT(fs_rename_new(w.fs, "f", "g", NULL) == E_CRASHED);
	int stale = fd;
	fs_sim_kill(w.sim);
	EXPECT(fs_sim_count(w.sim) == n + 7 && atomic_load(&w.fs->count) == n + 7);
	EXPECT(is_there(&w, "f") && !is_there(&w, "d") && !is_there(&w, "g"));
	int again = create(&w, "h");
	EXPECT(again != stale);
	EXPECT(fs_pwrite(w.fs, stale, "C", 1, 0, NULL) == E_CRASHED);
	EXPECT(fs_close(w.fs, &stale, NULL) == E_CRASHED);
	size_t len;
	uint8_t *data = content(&w, "f", &len);
	EXPECT(len == 10 && count_of(data, len, 'A') == 10);
	mem_put(&w.mem, data);
	MUST(w, fs_close(w.fs, &again, &w.e));
	world_end(&w);
}

TEST(a_crash_after_an_operation_has_done_it)
{
	struct world w;
	world_begin(&w, 1);
	int fd;
	fs_sim_crash_after(w.sim, 1);
	EXPECT(fs_open(w.fs, "f", FS_CREATE, &fd, &w.e) == E_CRASHED && fd == -1);
	EXPECT(fs_mkdir(w.fs, "d", NULL, NULL) == E_CRASHED);
	fs_sim_kill(w.sim);
	EXPECT(is_there(&w, "f") && !is_there(&w, "d"));
	world_end(&w);
}

TEST(kill_9_loses_nothing_and_makes_nothing_durable)
{
	struct world w;
	unsigned lost = 0, kept = 0;
	EACH_SEED(w, seed) {
		int fd = create(&w, "f");
		write_fill(&w, fd, 'A', 5000, 0);
		fs_sim_kill(w.sim);
		size_t len;
		uint8_t *data = content(&w, "f", &len);
		EXPECT(len == 5000 && count_of(data, len, 'A') == 5000);
		mem_put(&w.mem, data);
		cut(&w);
		is_there(&w, "f") ? kept++ : lost++;
	}
	EXPECT(lost && kept);
}

TEST(a_reader_may_make_a_dead_writers_file_durable)
{
	struct world w;
	EACH_SEED(w, seed) {
		int fd = create(&w, "f");
		write_fill(&w, fd, 'A', 5000, 0);
		fs_sim_kill(w.sim);
		MUST(w, fs_open(w.fs, "f", FS_READ, &fd, &w.e));
		MUST(w, fs_sync(w.fs, fd, &w.e));
		MUST(w, fs_sync_dir(w.fs, ".", &w.e));
		cut(&w);
		size_t len;
		uint8_t *data = content(&w, "f", &len);
		EXPECT(len == 5000 && count_of(data, len, 'A') == 5000);
		mem_put(&w.mem, data);
	}
}

TEST(reading_is_no_change_and_the_rest_is)
{
	struct world w;
	world_begin(&w, 1);
	uint8_t *data;
	size_t len;
	static const char change[] = "yyynnnnnyy";
	MUST(w, fs_write_new(w.fs, "f", "1", 1, &w.e)); /* create, write, sync, close */
	MUST(w, fs_read_all(w.fs, "f", 9, &data, &len, &w.e)); /* open, fstat, read, close */
	mem_put(&w.mem, data);
	MUST(w, fs_unlink(w.fs, "f", &w.e));
	MUST(w, fs_sync_dir(w.fs, ".", &w.e));
	EXPECT(fs_sim_count(w.sim) == 10);
	for (uint64_t n = 1; n <= 10; n++)
		EXPECT(fs_sim_was_change(w.sim, n) == (change[n - 1] == 'y'));
	EXPECT(!fs_sim_was_change(w.sim, 0) && !fs_sim_was_change(w.sim, 11));
	world_end(&w);
}

TEST(locks_end_with_their_process)
{
	struct world w;
	world_begin(&w, 1);
	int fd, other;
	MUST(w, fs_lock(w.fs, "l", &fd, &w.e));
	MUST(w, fs_sync_dir(w.fs, ".", &w.e));
	EXPECT(fs_lock(w.fs, "l", &other, NULL) == E_REFUSED);
	fs_sim_kill(w.sim);
	MUST(w, fs_lock(w.fs, "l", &fd, &w.e));
	cut(&w);
	MUST(w, fs_lock(w.fs, "l", &fd, &w.e));
	MUST(w, fs_close(w.fs, &fd, &w.e));
	world_end(&w);
}

TEST(a_host_sees_no_lock_of_another_and_outlives_its_end)
{
	struct world w;
	world_begin(&w, 1);
	int fd, here, other;
	MUST(w, fs_lock(w.fs, "l", &fd, &w.e));
	fs_sim_host(w.sim, 1);
	MUST(w, fs_lock(w.fs, "l", &other, &w.e));
	EXPECT(fs_lock(w.fs, "l", &here, NULL) == E_REFUSED);
	fs_sim_kill(w.sim);
	MUST(w, fs_lock(w.fs, "l", &other, &w.e));
	fs_sim_host(w.sim, 0);
	EXPECT(fs_lock(w.fs, "l", &here, NULL) == E_REFUSED);
	MUST(w, fs_pwrite(w.fs, fd, "x", 1, 0, &w.e));
	cut(&w); /* of the disk's own power: nobody keeps a handle */
	EXPECT(fs_pwrite(w.fs, fd, "x", 1, 0, NULL) == E_CRASHED);
	EXPECT(fs_close(w.fs, &other, NULL) == E_CRASHED);
	world_end(&w);
}

TEST(a_fault_hits_one_operation_or_all_from_it_on)
{
	struct world w;
	world_begin(&w, 1);
	uint64_t n = fs_sim_count(w.sim);
	fs_sim_fault_at(w.sim, n + 2, E_IO, false);
	MUST(w, fs_mkdir(w.fs, "a", NULL, &w.e));
	EXPECT(fs_mkdir(w.fs, "b", NULL, NULL) == E_IO);
	MUST(w, fs_mkdir(w.fs, "c", NULL, &w.e));
	EXPECT(!is_there(&w, "b") && fs_sim_faults(w.sim) == 1);
	fs_sim_fault_at(w.sim, fs_sim_count(w.sim) + 1, E_NO_SPACE, true);
	EXPECT(is_there(&w, "a")); /* a full disk can be read */
	MUST(w, fs_rmdir(w.fs, "a", &w.e));
	EXPECT(fs_mkdir(w.fs, "a", NULL, NULL) == E_NO_SPACE);
	EXPECT(fs_write_new(w.fs, "f", "x", 1, NULL) == E_NO_SPACE);
	fs_sim_fault_at(w.sim, 0, OK, false);
	MUST(w, fs_mkdir(w.fs, "a", NULL, &w.e));
	EXPECT(fs_sim_faults(w.sim) == 3);
	world_end(&w);
}

TEST(inv19_an_answer_may_be_lost_after_the_deed)
{
	struct world w;
	world_begin(&w, 1);
	struct fs_stat st;
	MUST(w, fs_write_new(w.fs, "tmp", "x", 1, &w.e));
	fs_sim_fault_after(w.sim, fs_sim_count(w.sim) + 1, E_IO);
	EXPECT(fs_link(w.fs, "tmp", "slot", NULL) == E_IO);
	MUST(w, fs_stat(w.fs, "tmp", &st, &w.e));
	EXPECT(st.links == 2);
	world_end(&w);
}

TEST(a_failing_write_has_written_its_first_half)
{
	struct world w;
	world_begin(&w, 1);
	int fd = create(&w, "f");
	fs_sim_fault_at(w.sim, fs_sim_count(w.sim) + 1, E_IO, false);
	EXPECT(fs_pwrite(w.fs, fd, "abcdef", 6, 0, NULL) == E_IO);
	MUST(w, fs_close(w.fs, &fd, &w.e));
	size_t len;
	uint8_t *data = content(&w, "f", &len);
	EXPECT(len == 3 && !memcmp(data, "abc", 3));
	mem_put(&w.mem, data);
	world_end(&w);
}

TEST(a_full_disk_takes_what_fits_and_no_more)
{
	struct world w;
	world_begin(&w, 1);
	fs_sim_capacity(w.sim, 3 * 4096);
	int fd = create(&w, "f"), other = create(&w, "g");
	write_fill(&w, fd, 'A', 4097, 0); /* two blocks */
	write_fill(&w, fd, 'A', 4095, 4097);
	EXPECT(fs_sim_used_bytes(w.sim) == 8192);
	static char big[8192];
	EXPECT(fs_pwrite(w.fs, other, big, sizeof big, 0, NULL) == E_NO_SPACE);
	struct fs_stat st;
	MUST(w, fs_fstat(w.fs, other, &st, &w.e));
	EXPECT(st.size_bytes == 4096 && fs_sim_used_bytes(w.sim) == 3 * 4096);
	MUST(w, fs_unlink(w.fs, "f", &w.e));
	EXPECT(fs_pwrite(w.fs, other, "x", 1, 4096, NULL) == E_NO_SPACE); /* f is open still */
	MUST(w, fs_close(w.fs, &fd, &w.e));
	MUST(w, fs_pwrite(w.fs, other, "x", 1, 4096, &w.e));
	MUST(w, fs_close(w.fs, &other, &w.e));
	world_end(&w);
}

TEST(a_flipped_bit_is_on_the_medium)
{
	struct world w;
	world_begin(&w, 1);
	MUST(w, fs_write_new(w.fs, "f", "abc", 3, &w.e));
	MUST(w, fs_sync_dir(w.fs, ".", &w.e));
	MUST(w, fs_sim_flip(w.sim, "f", 8, &w.e));
	EXPECT(fs_sim_flip(w.sim, "f", 24, NULL) == E_INVALID);
	EXPECT(fs_sim_flip(w.sim, "g", 0, NULL) == E_NOT_FOUND);
	cut(&w);
	size_t len;
	uint8_t *data = content(&w, "f", &len);
	EXPECT(len == 3 && !memcmp(data, "acc", 3));
	mem_put(&w.mem, data);
	world_end(&w);
}

/* A little work with crashes, by a seed; the hash of everything it did and saw. */
static uint64_t busy_hash(uint64_t seed)
{
	struct world w;
	world_begin(&w, seed);
	for (unsigned round = 0; round < 60; round++) {
		char a[8], b[8];
		int fd;
		snprintf(a, sizeof a, "f%u", (unsigned)rng_below(&w.rng, 5));
		snprintf(b, sizeof b, "f%u", (unsigned)rng_below(&w.rng, 5));
		struct fs_names l;
		switch (rng_below(&w.rng, 8)) {
		case 0:
			cut(&w);
			break;
		case 1:
			(void)!fs_rename_new(w.fs, a, b, NULL);
			break;
		case 2:
			(void)!fs_link(w.fs, a, b, NULL);
			break;
		case 3:
			(void)!fs_unlink(w.fs, a, NULL);
			break;
		case 4:
			(void)!fs_sync_dir(w.fs, ".", NULL);
			break;
		case 5:
			fs_sim_kill(w.sim);
			break;
		default:
			if (fs_open(w.fs, a, FS_CREATE, &fd, NULL) == OK) {
				write_fill(&w, fd, a[1], 6000, rng_below(&w.rng, 9000));
				if (rng_below(&w.rng, 2))
					MUST(w, fs_sync(w.fs, fd, &w.e));
				MUST(w, fs_close(w.fs, &fd, &w.e));
			}
		}
		MUST(w, fs_list(w.fs, "/", &l, &w.e)); /* its length is part of the trace */
		for (size_t i = 0; i < l.n; i++) {
			size_t len;
			mem_put(&w.mem, content(&w, l.name[i], &len));
		}
		fs_names_close(&l);
	}
	uint64_t hash = fs_sim_trace_hash(w.sim);
	world_end(&w);
	return hash;
}

TEST(inv38_the_same_seed_gives_the_same_trace)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint64_t hash = busy_hash(seed);
		if (hash != busy_hash(seed))
			fail_msg("seed %llu: another trace", (unsigned long long)seed);
		EXPECT(hash != busy_hash(seed + 1));
	}
}

struct told {
	unsigned n;
	enum fs_sim_did did[16];
	char path[16][16], to[16][16];
};

static void on_change(void *arg, const struct fs_sim_change *c)
{
	struct told *t = arg;
	t->did[t->n] = c->did;
	snprintf(t->path[t->n], sizeof t->path[0], "%s", c->path);
	snprintf(t->to[t->n++], sizeof t->to[0], "%s", c->to ? c->to : "");
}

TEST(who_watches_is_told_of_each_change_that_was_made_and_of_no_other)
{
	struct world w;
	struct told t = {0};
	struct fs_sim_look l;
	int fd;
	world_begin(&w, 1);
	fs_sim_watch(w.sim, on_change, &t);
	MUST(w, fs_open(w.fs, "a", FS_CREATE, &fd, &w.e));
	EXPECT(fs_sim_peek(w.sim, "a", &l) && l.size == 0 && l.content_is_safe && !l.name_is_safe);
	MUST(w, fs_pwrite(w.fs, fd, "xy", 2, 0, &w.e));
	EXPECT(fs_sim_peek(w.sim, "a", &l) && l.size == 2 && !l.content_is_safe);
	MUST(w, fs_sync(w.fs, fd, &w.e));
	EXPECT(fs_sim_peek(w.sim, "a", &l) && l.content_is_safe && !memcmp(l.data, "xy", 2));
	MUST(w, fs_close(w.fs, &fd, &w.e));
	MUST(w, fs_link(w.fs, "a", "b", &w.e));
	EXPECT(fs_link(w.fs, "a", "b", NULL) == E_EXISTS);
	fs_sim_fault_after(w.sim, fs_sim_count(w.sim) + 1, E_IO);
	EXPECT(fs_rename_new(w.fs, "b", "c", NULL) == E_IO); /* done all the same */
	MUST(w, fs_unlink(w.fs, "c", &w.e));
	MUST(w, fs_sync_dir(w.fs, ".", &w.e));
	EXPECT(fs_sim_peek(w.sim, "a", &l) && l.name_is_safe && !fs_sim_peek(w.sim, "c", &l));
	enum fs_sim_did want[] = {FS_SIM_MADE, FS_SIM_WROTE, FS_SIM_SYNCED, FS_SIM_LINKED, FS_SIM_TAKEN,
				  FS_SIM_RENAMED, FS_SIM_REMOVED, FS_SIM_DIR_SYNCED};
	EXPECT(t.n == sizeof want / sizeof want[0] && !memcmp(t.did, want, sizeof want));
	EXPECT(!strcmp(t.path[5], "b") && !strcmp(t.to[5], "c") && !strcmp(t.path[6], "c"));
	world_end(&w);
}

TEST(who_looks_aside_meets_no_fault_and_leaves_no_trace)
{
	struct world w;
	uint8_t *data;
	size_t len;
	world_begin(&w, 1);
	MUST(w, fs_write_new(w.fs, "a", "xy", 2, &w.e));
	uint64_t n = fs_sim_count(w.sim), hash = fs_sim_trace_hash(w.sim);
	fs_sim_crash_at(w.sim, n + 1);
	fs_sim_aside(w.sim, true);
	MUST(w, fs_read_all(w.fs, "a", 10, &data, &len, &w.e));
	mem_put(&w.mem, data);
	fs_sim_aside(w.sim, false);
	EXPECT(len == 2 && fs_sim_count(w.sim) == n && fs_sim_trace_hash(w.sim) == hash);
	EXPECT(fs_sync_dir(w.fs, ".", NULL) == E_CRASHED);
	cut(&w);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(synced_bytes_survive_and_unsynced_ones_may_not),
		T(an_overwritten_block_is_old_or_new_or_torn_at_a_sector),
		T(a_name_is_safe_only_when_its_directory_was_synced),
		T(an_unsynced_removal_may_come_back),
		T(a_directory_that_was_not_synced_takes_its_files_along),
		T(the_halves_of_a_rename_persist_together),
		T(syncing_either_directory_makes_a_rename_durable),
		T(inv32_a_failed_sync_is_not_repaired_by_the_next),
		T(a_failed_sync_of_a_directory_leaves_its_names_to_the_next),
		T(from_the_crash_on_nothing_changes_until_the_next_start),
		T(a_crash_after_an_operation_has_done_it),
		T(kill_9_loses_nothing_and_makes_nothing_durable),
		T(a_reader_may_make_a_dead_writers_file_durable),
		T(reading_is_no_change_and_the_rest_is),
		T(locks_end_with_their_process),
		T(a_host_sees_no_lock_of_another_and_outlives_its_end),
		T(a_fault_hits_one_operation_or_all_from_it_on),
		T(inv19_an_answer_may_be_lost_after_the_deed),
		T(a_failing_write_has_written_its_first_half),
		T(a_full_disk_takes_what_fits_and_no_more),
		T(a_flipped_bit_is_on_the_medium),
		T(who_looks_aside_meets_no_fault_and_leaves_no_trace),
		T(who_watches_is_told_of_each_change_that_was_made_and_of_no_other),
		T(inv38_the_same_seed_gives_the_same_trace),
	};
	return RUN(tests);
}
