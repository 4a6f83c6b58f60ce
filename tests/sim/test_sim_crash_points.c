/* test_sim_crash_points.c - every file operation of a small job as the last one its process
 * reached: start, checkpoints, merges, commits, sweeps and the end; then the same inside the
 * recovery from it. SIM_SEED=n: the world of that seed tells its file operations (n is this file's
 * SEED). */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEED 77
/* Of the first crashes, one in so many is followed by a second at each operation. */
#define SECOND_EVERY 24

struct fix {
	struct scenario s;
	struct world w;
};

static void open_fix(struct fix *f, enum scenario_kind k)
{
	struct rng r;
	rng_seed(&r, SEED);
	scenario_open(&f->s, k, &r, (struct scenario_size){.lines = 16, .lines_a_second = 450});
	world_open(&f->w, SEED, f->s.job);
	scenario_files(&f->s, &f->w);
}

static void close_fix(struct fix *f)
{
	world_close(&f->w);
	scenario_close(&f->s);
}

/* The crash was the last: from here on the job ends with the oracle's output and a clean
 * directory. */
static void finish(struct fix *f, unsigned parallelism, const char *where, uint64_t n, uint64_t m)
{
	uint64_t completed = f->w.completed;
	scenario_check_now(&f->s, &f->w);
	if (world_process(&f->w, parallelism) != WORLD_FINISHED)
		world_fail(&f->w, "%s at operation %" PRIu64 ", then %" PRIu64 ": %s", where, n, m,
			   f->w.error.text);
	scenario_check_end(&f->s, &f->w);
	if (f->w.completed > completed)
		check_directory(&f->w);
	world_exit(&f->w);
}

/* The operations of a run without a crash: [*first, *last] are the job's. */
static void count_operations(enum scenario_kind k, uint64_t *first, uint64_t *last,
			     uint64_t *checkpoints)
{
	struct fix *f = malloc(sizeof *f);
	open_fix(f, k);
	*first = fs_sim_count(f->w.disk) + 1;
	EXPECT(world_process(&f->w, 2) == WORLD_FINISHED);
	*last = fs_sim_count(f->w.disk); /* what closing does afterwards changes nothing */
	world_exit(&f->w);
	*checkpoints = f->w.completed;
	close_fix(f);
	free(f);
}

/* Crashes before operation n. False: n was no change, so what it leaves is what n + 1 leaves. */
static bool crash_at(struct fix *f, enum scenario_kind k, uint64_t n, bool cut, uint64_t disk_seed)
{
	open_fix(f, k);
	fs_sim_crash_at(f->w.disk, n);
	WORLD_CHECK(&f->w, world_process(&f->w, 2) == WORLD_CRASHED);
	bool changes = fs_sim_was_change(f->w.disk, n);
	rng_seed(&f->w.rng, disk_seed);
	world_crash(&f->w, cut);
	return changes;
}

static void every_operation(enum scenario_kind k)
{
	uint64_t first, last, checkpoints, points = 0, runs = 0, second = 0;
	struct fix *f = malloc(sizeof *f);
	count_operations(k, &first, &last, &checkpoints);
	EXPECT(checkpoints >= 4);
	for (uint64_t n = first; n <= last; n++) {
		bool changes = crash_at(f, k, n, true, n);
		if (changes || n == last)
			finish(f, 1 + n % 3, "a power cut", n, 0);
		close_fix(f);
		runs++;
		points += changes;
		if (!changes)
			continue;
		crash_at(f, k, n, false, n);
		finish(f, 1 + (n + 1) % 3, "a kill", n, 0);
		close_fix(f);
		runs++;
		/* Again inside the recovery, at each operation until that start has made a checkpoint. */
		for (uint64_t m = 1; points % SECOND_EVERY == 0; m++) {
			crash_at(f, k, n, points % 48 == 0, n);
			uint64_t completed = f->w.completed, at = fs_sim_count(f->w.disk) + m;
			fs_sim_crash_at(f->w.disk, at);
			enum world_end end = world_process(&f->w, 1 + n % 3);
			bool was_change = end == WORLD_CRASHED && fs_sim_was_change(f->w.disk, at);
			bool far = end != WORLD_CRASHED || f->w.completed > completed + 1;
			if (end != WORLD_CRASHED)
				world_exit(&f->w);
			world_crash(&f->w, m % 2);
			if (was_change) {
				finish(f, 1 + m % 3, "two crashes", n, m);
				second++;
			}
			close_fix(f);
			runs++;
			if (far)
				break;
		}
	}
	free(f);
	printf("%s: %" PRIu64 " operations, %" PRIu64 " of them changes and so crash points; %" PRIu64
	       " second crashes inside recovery; %" PRIu64 " runs\n",
	       scenario_name(k), last - first + 1, points, second, runs);
	EXPECT(points > 90 && second > 100); /* by feel: or the scenario does hardly anything */
}

TEST(inv28_a_crash_at_every_file_operation_leaves_the_output_exact)
{
	every_operation(SCENARIO_WORDS);
}

TEST(inv28_so_it_does_when_everything_is_emitted_at_the_end)
{
	every_operation(SCENARIO_WORDS_END);
}

TEST(inv17_inv19_so_it_does_in_one_file_that_grows)
{
	every_operation(SCENARIO_ONE_FILE);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(inv28_a_crash_at_every_file_operation_leaves_the_output_exact),
		T(inv28_so_it_does_when_everything_is_emitted_at_the_end),
		T(inv17_inv19_so_it_does_in_one_file_that_grows),
	};
	return RUN(tests);
}
