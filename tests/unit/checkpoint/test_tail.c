/* test_tail.c - the end of a file goes aside and comes back: killed or cut off from power before
 * and after each operation, and done again, no byte of it is ever in neither place. */
#include "checkpoint/store_parts.h"
#include "tests/unit/base/fs_sim_rig.h"

#include <inttypes.h>

#define FILE_PATH "out/all.csv"
#define COPY_PATH "out/.superseded/12/all.csv.from-5000"
enum { AT = 5000, SIZE = 2 * 4096 + 3000, OPERATIONS = 48 /* a move has fewer */ };

static const struct manifest_move aside = {FILE_PATH, COPY_PATH, MOVE_TAIL, AT};
static const struct manifest_move back = {COPY_PATH, FILE_PATH, MOVE_BACK, AT};

static char byte_of(size_t i)
{
	return (char)('a' + i * 7 % 26);
}

static void make_file(struct world *w, size_t size)
{
	char data[SIZE];
	for (size_t i = 0; i < size; i++)
		data[i] = byte_of(i);
	MUST(*w, fs_mkdir_all(w->fs, "out", &w->e));
	MUST(*w, fs_write_new(w->fs, FILE_PATH, data, size, &w->e));
	MUST(*w, fs_sync_dir(w->fs, "out", &w->e));
}

/* How many bytes of the file from `at` on stand at path, up to the first wrong one. */
static size_t right(struct world *w, const char *path, size_t at, size_t *len)
{
	size_t n = 0;
	*len = 0;
	if (!is_there(w, path))
		return 0;
	uint8_t *data = content(w, path, len);
	while (n < *len && data[n] == (uint8_t)byte_of(at + n))
		n++;
	mem_put(&w->mem, data);
	return n;
}

/* Its length, each byte being the right one. */
static size_t stands(struct world *w, const char *path, size_t at)
{
	size_t len, n = right(w, path, at, &len);
	EXPECT(n == len);
	return len;
}

static void expect_moved(struct world *w)
{
	EXPECT(stands(w, FILE_PATH, 0) == AT && stands(w, COPY_PATH, AT) == SIZE - AT);
	EXPECT(!is_there(w, COPY_PATH ".unfinished"));
}

static void expect_whole(struct world *w)
{
	EXPECT(stands(w, FILE_PATH, 0) == SIZE && !is_there(w, COPY_PATH));
	EXPECT(!is_there(w, COPY_PATH ".unfinished"));
}

static void expect_nothing_lost(struct world *w)
{
	/* A power cut while it is cut, or written again, may leave zeros behind the place. */
	size_t len, n = right(w, FILE_PATH, 0, &len);
	EXPECT(n >= AT);
	EXPECT((n == SIZE && len == SIZE) || stands(w, COPY_PATH, AT) == SIZE - AT);
}

static enum rc make(struct world *w, const struct manifest_move *m)
{
	bool gone;
	err_clear(&w->e);
	return m->how == MOVE_TAIL ? tail_aside(w->fs, m, &gone, &w->e)
				   : tail_back(w->fs, m, &gone, &w->e);
}

/* The n-th operation of move m is the last one; false: it has fewer. */
static bool crash_in(struct world *w, const struct manifest_move *m, uint64_t n, unsigned how)
{
	uint64_t at = fs_sim_count(w->sim) + n;
	if (how & 1)
		fs_sim_crash_after(w->sim, at);
	else
		fs_sim_crash_at(w->sim, at);
	enum rc rc = make(w, m);
	EXPECT(rc == OK || rc == E_CRASHED);
	if (how & 2)
		cut(w);
	else
		fs_sim_kill(w->sim);
	return rc == E_CRASHED;
}

static void crash_everywhere(const struct manifest_move *m, void (*ready)(struct world *),
			     void (*expect)(struct world *))
{
	unsigned crashes = 0;
	for (unsigned how = 0; how < 4; how++) {
		for (uint64_t n = 1; n <= OPERATIONS; n++) {
			struct world w;
			world_begin(&w, n);
			make_file(&w, SIZE);
			ready(&w);
			crashes += crash_in(&w, m, n, how);
			expect_nothing_lost(&w);
			/* And in the middle of the second try, somewhere. */
			crash_in(&w, m, 1 + n * 5 % 11, how + 1);
			expect_nothing_lost(&w);
			MUST(w, make(&w, m));
			expect(&w);
			cut(&w); /* all of it durable */
			expect(&w);
			MUST(w, make(&w, m));
			expect(&w);
			world_end(&w);
		}
	}
	printf("%u crashes\n", crashes);
	EXPECT(crashes > 30); /* by feel: or it does nothing */
}

static void nothing(struct world *w)
{
	(void)w;
}

static void move_aside(struct world *w)
{
	MUST(*w, make(w, &aside));
	expect_moved(w);
}

static void move_aside_half(struct world *w)
{
	crash_in(w, &aside, 6 + rng_below(&w->rng, 28), 0);
}

TEST(inv12_what_goes_aside_of_a_file_is_there_after_a_crash_anywhere)
{
	crash_everywhere(&aside, nothing, expect_moved);
}

TEST(inv12_what_comes_back_is_all_there_after_a_crash_anywhere)
{
	crash_everywhere(&back, move_aside, expect_whole);
}

TEST(what_was_half_done_is_undone)
{
	crash_everywhere(&back, move_aside_half, expect_whole);
}

TEST(inv32_an_operation_that_fails_loses_nothing_and_may_be_tried_again)
{
	unsigned failures = 0;
	for (int i = 0; i < 2; i++) {
		bool hit = true;
		for (uint64_t n = 1; hit; n++) {
			struct world w;
			world_begin(&w, n);
			make_file(&w, SIZE);
			if (i)
				move_aside(&w);
			uint64_t last = fs_sim_count(w.sim) + n;
			fs_sim_fault_at(w.sim, last, n % 2 ? E_IO : E_NO_SPACE, false);
			enum rc rc = make(&w, i ? &back : &aside);
			hit = fs_sim_count(w.sim) >= last;
			fs_sim_fault_at(w.sim, 0, OK, false);
			failures += rc != OK;
			expect_nothing_lost(&w);
			fs_sim_kill(w.sim);
			MUST(w, make(&w, i ? &back : &aside));
			(i ? expect_whole : expect_moved)(&w);
			world_end(&w);
		}
	}
	EXPECT(failures > 15);
}

TEST(a_file_that_is_short_enough_or_gone_is_left_alone)
{
	struct world w;
	world_begin(&w, 1);
	bool gone;
	EXPECT_OK(tail_aside(w.fs, &aside, &gone, &w.e), &w.e);
	EXPECT(gone && !is_there(&w, "out"));
	make_file(&w, AT);
	EXPECT_OK(tail_aside(w.fs, &aside, &gone, &w.e), &w.e);
	EXPECT(!gone && stands(&w, FILE_PATH, 0) == AT && !is_there(&w, COPY_PATH));
	EXPECT_OK(tail_back(w.fs, &back, &gone, &w.e), &w.e);
	EXPECT(!gone && stands(&w, FILE_PATH, 0) == AT);
	world_end(&w);
}

TEST(a_file_that_somebody_else_changed_meanwhile_is_not_touched)
{
	struct world w;
	world_begin(&w, 1);
	make_file(&w, SIZE);
	move_aside(&w);
	int fd;
	MUST(w, fs_open(w.fs, FILE_PATH, FS_WRITE, &fd, &w.e));
	write_fill(&w, fd, 'x', SIZE - AT + 1, AT);
	EXPECT(make(&w, &aside) == E_REFUSED && strstr(w.e.text, COPY_PATH));
	EXPECT(make(&w, &back) == E_REFUSED && strstr(w.e.text, "somebody else"));
	MUST(w, fs_truncate(w.fs, fd, AT - 1, &w.e));
	EXPECT(make(&w, &back) == E_REFUSED && strstr(w.e.text, "somebody cut it"));
	EXPECT(stands(&w, COPY_PATH, AT) == SIZE - AT);
	MUST(w, fs_close(w.fs, &fd, &w.e));
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv12_what_goes_aside_of_a_file_is_there_after_a_crash_anywhere),
		T(inv12_what_comes_back_is_all_there_after_a_crash_anywhere),
		T(what_was_half_done_is_undone),
		T(inv32_an_operation_that_fails_loses_nothing_and_may_be_tried_again),
		T(a_file_that_is_short_enough_or_gone_is_left_alone),
		T(a_file_that_somebody_else_changed_meanwhile_is_not_touched),
	};
	return RUN(tests);
}
