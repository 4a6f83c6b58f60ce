/* test_sim_final.c - the last checkpoint of a bounded job when a file operation near its end fails:
 * it is taken once; a restart in the process that finds it settles its intents and publishes
 * nothing (inv 20), as a new process would. */
#include "checkpoint/listing.h"
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEED 7
#define LAST 70 /* operations before the end: the final checkpoint's and its commits' */

struct fix {
	struct scenario s;
	struct world w;
};

static void open_fix(struct fix *f)
{
	struct rng r;
	rng_seed(&r, SEED);
	scenario_open(&f->s, SCENARIO_WORDS, &r,
		      (struct scenario_size){.lines = 12, .lines_a_second = 400});
	world_open(&f->w, SEED, f->s.job);
	scenario_files(&f->s, &f->w);
}

static void close_fix(struct fix *f)
{
	world_exit(&f->w);
	world_close(&f->w);
	scenario_close(&f->s);
}

static uint32_t finals(struct world *w)
{
	struct slot_entries l;
	struct err e = {0};
	uint32_t n = 0;
	WORLD_CHECK(w, slots_read_all(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK);
	for (size_t i = 0; i < l.n; i++)
		n += l.entry[i].rc == OK && l.entry[i].m.final;
	slot_entries_close(&l);
	return n;
}

static uint64_t operations_of_a_run(void)
{
	struct fix *f = malloc(sizeof *f);
	open_fix(f);
	WORLD_CHECK(&f->w, world_process(&f->w, 2) == WORLD_FINISHED && finals(&f->w) == 1);
	uint64_t n = fs_sim_count(f->w.disk);
	close_fix(f);
	free(f);
	return n;
}

TEST(inv20_one_final_checkpoint_whatever_fails_at_the_end)
{
	uint64_t all = operations_of_a_run(), restarted = 0;
	for (uint64_t n = all - LAST; n <= all; n++) {
		struct fix *f = malloc(sizeof *f);
		open_fix(f);
		fs_sim_fault_at(f->w.disk, n, E_IO, false);
		enum world_end end = world_process(&f->w, 2);
		fs_sim_fault_at(f->w.disk, 0, OK, false);
		if (end == WORLD_FINISHED) {
			restarted += f->w.failed_attempts > 0;
			scenario_check_end(&f->s, &f->w);
			if (finals(&f->w) != 1)
				world_fail(&f->w, "a fault at operation %" PRIu64 ": %u final checkpoints",
					   n, finals(&f->w));
		}
		close_fix(f);
		free(f);
	}
	printf("%" PRIu64 " of %d restarted\n", restarted, LAST);
	EXPECT(restarted > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {T(inv20_one_final_checkpoint_whatever_fails_at_the_end)};
	return RUN(tests);
}
