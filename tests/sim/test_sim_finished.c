/* test_sim_finished.c - a job that has finished stays finished: what a start finds as final is made
 * durable before it is believed, and final is said once. SIM_SEED=n: the world of that seed tells
 * its file operations (n is this file's SEED). */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "checkpoint/slots.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEED 78

struct fix {
	struct scenario s;
	struct world w;
};

static void open_fix(struct fix *f, enum scenario_kind k)
{
	struct rng r;
	rng_seed(&r, SEED);
	scenario_open(&f->s, k, &r, (struct scenario_size){.lines = 12, .lines_a_second = 900});
	world_open(&f->w, SEED, f->s.job);
	scenario_files(&f->s, &f->w);
}

static void close_fix(struct fix *f)
{
	world_close(&f->w);
	scenario_close(&f->s);
}

static void count_operations(enum scenario_kind k, uint64_t *first, uint64_t *last)
{
	struct fix *f = malloc(sizeof *f);
	open_fix(f, k);
	*first = fs_sim_count(f->w.disk) + 1;
	EXPECT(world_process(&f->w, 2) == WORLD_FINISHED);
	*last = fs_sim_count(f->w.disk);
	world_exit(&f->w);
	close_fix(f);
	free(f);
}

/* Killed before operation n; a start that finds the final checkpoint says so and exits; then the
 * power is cut, several ways. */
static bool finished_then_cut(struct fix *f, enum scenario_kind k, uint64_t n, uint64_t cut_seed)
{
	open_fix(f, k);
	fs_sim_crash_at(f->w.disk, n);
	WORLD_CHECK(&f->w, world_process(&f->w, 2) == WORLD_CRASHED);
	world_crash(&f->w, false);
	WORLD_CHECK(&f->w, world_start(&f->w, 2) == WORLD_RUNNING);
	bool found = world_run(&f->w, 0) == WORLD_FINISHED;
	if (found) {
		world_exit(&f->w);
		rng_seed(&f->w.rng, cut_seed);
		world_crash(&f->w, true);
		if (world_process(&f->w, 2) != WORLD_FINISHED)
			world_fail(&f->w, "after operation %" PRIu64 ": %s", n, f->w.error.text);
		scenario_check_end(&f->s, &f->w);
		world_exit(&f->w);
	} else {
		world_crash(&f->w, false);
	}
	close_fix(f);
	return found;
}

static void every_end(enum scenario_kind k)
{
	uint64_t first, last, found = 0;
	struct fix *f = malloc(sizeof *f);
	count_operations(k, &first, &last);
	for (uint64_t n = last; n >= first; n--) {
		if (!finished_then_cut(f, k, n, 0))
			break; /* before it, the final checkpoint does not stand yet */
		for (uint64_t seed = 1; seed < 8; seed++)
			EXPECT(finished_then_cut(f, k, n, seed));
		found++;
	}
	free(f);
	printf("%s: found finished after each of the last %" PRIu64 " operations\n", scenario_name(k),
	       found);
	EXPECT(found > 4);
}

TEST(inv01_a_final_checkpoint_is_made_durable_before_it_is_believed)
{
	every_end(SCENARIO_WORDS);
	every_end(SCENARIO_WORDS_END);
}

static unsigned count_finals(struct world *w)
{
	struct slot_list l;
	struct err e = {0};
	unsigned n = 0;
	WORLD_CHECK(w, slots_list(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK);
	for (size_t i = 0; i < l.n; i++) {
		struct manifest m;
		WORLD_CHECK(w, slots_read(slots_in(w->fs, WORLD_DIR), &w->mem, l.slot[i], &m, &e) == OK);
		n += m.final;
		manifest_close(&m);
	}
	slot_list_close(&l);
	return n;
}

/* The commit of the final checkpoint fails: the attempt after it finds all done but for that. */
TEST(inv20_a_restart_that_finds_the_final_checkpoint_publishes_nothing)
{
	uint64_t first, last, restarts = 0;
	struct fix *f = malloc(sizeof *f);
	count_operations(SCENARIO_WORDS, &first, &last);
	for (uint64_t n = last > first + 60 ? last - 60 : first; n <= last; n++) {
		open_fix(f, SCENARIO_WORDS);
		fs_sim_fault_at(f->w.disk, n, E_IO, false);
		enum world_end end = world_process(&f->w, 2);
		if (end == WORLD_FINISHED) {
			restarts += f->w.failed_attempts;
			scenario_check_end(&f->s, &f->w);
			if (count_finals(&f->w) != 1)
				world_fail(&f->w, "a fault at operation %" PRIu64 ": %u final checkpoints", n,
					   count_finals(&f->w));
		}
		world_exit(&f->w);
		close_fix(f);
	}
	free(f);
	EXPECT(restarts > 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(inv01_a_final_checkpoint_is_made_durable_before_it_is_believed),
		T(inv20_a_restart_that_finds_the_final_checkpoint_publishes_nothing),
	};
	return RUN(tests);
}
