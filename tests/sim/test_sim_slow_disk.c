/* test_sim_slow_disk.c - a disk whose syncs and unlinks are far slower than the job: old
 * checkpoints do not pile up all the same (DESIGN 6, COORDINATOR 4). */
#include "checkpoint/slots.h"
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

/* Retained ones, those that wait, the one that is being published, and a fence; at the end one
 * more: the last one waits for none before it. */
#define SLOTS_MOST (2 + 3 + 1 + 1 + 1)

static size_t slots_now(struct world *w)
{
	struct slot_list l;
	struct err e = {0};
	WORLD_CHECK(w, slots_list(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK);
	size_t n = l.n;
	slot_list_close(&l);
	return n;
}

static void slow_run(uint64_t seed, size_t *most)
{
	struct scenario s;
	struct world *w = malloc(sizeof *w);
	struct rng r;
	rng_seed(&r, seed);
	scenario_open(&s, SCENARIO_KEYS, &r, (struct scenario_size){.lines = 0, .lines_a_second = 400});
	world_open(w, seed, s.job);
	enum world_end end = world_start(w, 2);
	WORLD_CHECK(w, end == WORLD_RUNNING);
	while (end == WORLD_RUNNING || end == WORLD_PAUSED) {
		end = world_run(w, 500);
		if (end == WORLD_FINISHED || !w->began)
			break;
		for (uint32_t i = 0; i < w->n_threads + 3; i++)
			w->weight[i] = 24;
		w->weight[w->n_threads + 1] = 1; /* the durability lane */
		size_t n = slots_now(w);
		*most = n > *most ? n : *most;
	}
	if (end == WORLD_RUNNING || end == WORLD_PAUSED)
		end = world_run(w, UINT64_MAX);
	if (end != WORLD_FINISHED)
		world_fail(w, "ended as %d: %s", (int)end, w->error.text);
	scenario_check_end(&s, w);
	world_exit(w);
	world_close(w);
	scenario_close(&s);
	free(w);
}

TEST(inv14_old_checkpoints_do_not_pile_up_on_a_slow_disk)
{
	size_t most = 0;
	for (uint64_t seed = 1; seed <= 60; seed++)
		slow_run(seed, &most);
	printf("at most %zu slots\n", most);
	EXPECT(most > 3 && most <= SLOTS_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {T(inv14_old_checkpoints_do_not_pile_up_on_a_slow_disk)};
	return RUN(tests);
}
