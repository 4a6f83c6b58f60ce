/* test_fs_sim_in_place.c - what the simulated disk may lose of a file that is written in place or
 * cut: every legal outcome is seen among the seeds, and no other. */
#include "tests/unit/base/fs_sim_rig.h"

/* A durable file of len bytes 'A', opened to be changed. */
static int file_of_a(struct world *w, size_t len)
{
	int fd = create(w, "f");
	write_fill(w, fd, 'A', len, 0);
	MUST(*w, fs_sync(w->fs, fd, &w->e));
	MUST(*w, fs_close(w->fs, &fd, &w->e));
	MUST(*w, fs_sync_dir(w->fs, ".", &w->e));
	MUST(*w, fs_open(w->fs, "f", FS_WRITE, &fd, &w->e));
	return fd;
}

TEST(bytes_that_were_not_touched_survive_a_write_in_place)
{
	struct world w;
	unsigned old = 0, new = 0, part = 0;
	EACH_SEED(w, seed) {
		int fd = file_of_a(&w, 3 * 4096);
		write_fill(&w, fd, 'B', 4096, 4096);
		cut(&w);
		size_t len;
		uint8_t *data = content(&w, "f", &len);
		size_t b = count_of(data + 4096, 4096, 'B');
		EXPECT(len == 3 * 4096 && count_of(data, 4096, 'A') == 4096);
		EXPECT(count_of(data + 8192, 4096, 'A') == 4096);
		EXPECT(count_of(data + 4096, 4096, 'A') == 4096 - b);
		old += b == 0;
		new += b == 4096;
		part += b > 0 && b < 4096;
		mem_put(&w.mem, data);
	}
	EXPECT(old && new && part);
}

TEST(an_append_may_be_longer_than_its_bytes)
{
	struct world w;
	unsigned old = 0, new = 0, zeros = 0;
	EACH_SEED(w, seed) {
		int fd = file_of_a(&w, 5000);
		write_fill(&w, fd, 'B', 9000, 5000);
		cut(&w);
		size_t len;
		uint8_t *data = content(&w, "f", &len);
		EXPECT(len >= 5000 && len <= 14000 && count_of(data, 5000, 'A') == 5000);
		size_t b = count_of(data + 5000, len - 5000, 'B');
		EXPECT(b + count_of(data + 5000, len - 5000, 0) == len - 5000);
		old += len == 5000;
		new += b == 9000;
		zeros += len > 5000 && b < len - 5000;
		mem_put(&w.mem, data);
	}
	EXPECT(old && new && zeros);
}

TEST(a_cut_is_done_or_not_or_half_until_it_is_synced)
{
	struct world w;
	unsigned old = 0, new = 0, between = 0;
	EACH_SEED(w, seed) {
		int fd = file_of_a(&w, BIG);
		MUST(w, fs_truncate(w.fs, fd, 5000, &w.e));
		cut(&w);
		size_t len;
		uint8_t *data = content(&w, "f", &len);
		EXPECT(len >= 5000 && len <= BIG && count_of(data, 5000, 'A') == 5000);
		EXPECT(count_of(data, len, 'A') + count_of(data, len, 0) == len);
		old += len == BIG && count_of(data, len, 'A') == len;
		new += len == 5000;
		between += len > 5000 && len < BIG;
		mem_put(&w.mem, data);
	}
	EXPECT(old && new && between);
	EACH_SEED(w, seed) {
		int fd = file_of_a(&w, BIG);
		MUST(w, fs_truncate(w.fs, fd, 5000, &w.e));
		MUST(w, fs_sync(w.fs, fd, &w.e));
		cut(&w);
		size_t len;
		uint8_t *data = content(&w, "f", &len);
		EXPECT(len == 5000 && count_of(data, len, 'A') == len);
		mem_put(&w.mem, data);
	}
}

TEST(what_is_written_behind_a_cut_never_shows_what_was_cut_off)
{
	struct world w;
	unsigned shorter = 0, longer = 0;
	EACH_SEED(w, seed) {
		int fd = file_of_a(&w, 3 * 4096);
		MUST(w, fs_truncate(w.fs, fd, 100, &w.e));
		write_fill(&w, fd, 'B', 4096, 2 * 4096);
		size_t len;
		uint8_t *data = content(&w, "f", &len);
		EXPECT(len == 3 * 4096 && count_of(data + 100, 2 * 4096 - 100, 0) == 2 * 4096 - 100);
		mem_put(&w.mem, data);
		if (seed % 2) {
			MUST(w, fs_sync(w.fs, fd, &w.e));
			cut(&w);
			data = content(&w, "f", &len);
			EXPECT(len == 3 * 4096 && count_of(data, 100, 'A') == 100);
			EXPECT(count_of(data + 100, 2 * 4096 - 100, 0) == 2 * 4096 - 100);
			EXPECT(count_of(data + 2 * 4096, 4096, 'B') == 4096);
		} else {
			cut(&w);
			data = content(&w, "f", &len);
			EXPECT(len >= 100 && len <= 3 * 4096 && count_of(data, 100, 'A') == 100);
			shorter += len < 3 * 4096;
			longer += len == 3 * 4096;
		}
		mem_put(&w.mem, data);
	}
	EXPECT(shorter && longer);
}

TEST(a_file_cut_to_nothing_may_come_back)
{
	struct world w;
	unsigned back = 0, gone = 0;
	EACH_SEED(w, seed) {
		int fd = file_of_a(&w, 10000);
		MUST(w, fs_truncate(w.fs, fd, 0, &w.e));
		EXPECT(fs_sim_used_bytes(w.sim) == 0);
		cut(&w);
		size_t len;
		uint8_t *data = content(&w, "f", &len);
		back += len == 10000;
		gone += len == 0;
		mem_put(&w.mem, data);
	}
	EXPECT(back && gone);
}

TEST(a_cut_is_a_change_and_opening_to_write_is_none)
{
	struct world w;
	world_begin(&w, 1);
	int fd = file_of_a(&w, 10);
	uint64_t n = fs_sim_count(w.sim);
	EXPECT(!fs_sim_was_change(w.sim, n));
	MUST(w, fs_truncate(w.fs, fd, 5, &w.e));
	EXPECT(fs_sim_was_change(w.sim, n + 1));
	fs_sim_crash_at(w.sim, n + 2);
	EXPECT(fs_truncate(w.fs, fd, 1, NULL) == E_CRASHED);
	fs_sim_kill(w.sim);
	struct fs_stat st;
	MUST(w, fs_stat(w.fs, "f", &st, &w.e));
	EXPECT(st.size_bytes == 5);
	world_end(&w);
}

/* In-place writes, cuts, syncs and power cuts at random against the disk's own invariants
 * (disk_check) and against one claim: what was synced and not touched since is there. */
TEST(inv38_random_changes_in_place_keep_the_disk_whole)
{
	struct world w;
	EACH_SEED(w, seed) {
		int fd = file_of_a(&w, 20000);
		for (unsigned i = 0; i < 40; i++) {
			struct fs_stat st;
			MUST(w, fs_fstat(w.fs, fd, &st, &w.e));
			switch (rng_below(&w.rng, 5)) {
			case 0:
				MUST(w, fs_truncate(w.fs, fd, rng_below(&w.rng, st.size_bytes + 1),
						    &w.e));
				break;
			case 1:
				MUST(w, fs_sync(w.fs, fd, &w.e));
				break;
			case 2:
				MUST(w, fs_sync(w.fs, fd, &w.e));
				cut(&w);
				MUST(w, fs_open(w.fs, "f", FS_WRITE, &fd, &w.e));
				struct fs_stat after;
				MUST(w, fs_fstat(w.fs, fd, &after, &w.e));
				EXPECT(after.size_bytes == st.size_bytes);
				break;
			case 3:
				cut(&w);
				MUST(w, fs_open(w.fs, "f", FS_WRITE, &fd, &w.e));
				break;
			default:
				write_fill(&w, fd, 'C', 1 + rng_below(&w.rng, 9000),
					   rng_below(&w.rng, 30000));
			}
		}
		MUST(w, fs_close(w.fs, &fd, &w.e));
		cut(&w); /* checks the disk */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bytes_that_were_not_touched_survive_a_write_in_place),
		T(an_append_may_be_longer_than_its_bytes),
		T(a_cut_is_done_or_not_or_half_until_it_is_synced),
		T(what_is_written_behind_a_cut_never_shows_what_was_cut_off),
		T(a_file_cut_to_nothing_may_come_back),
		T(a_cut_is_a_change_and_opening_to_write_is_none),
		T(inv38_random_changes_in_place_keep_the_disk_whole),
	};
	return RUN(tests);
}
