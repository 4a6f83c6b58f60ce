/* test_sim_fenced.c - a process whose directory was taken over while it was about to tidy up: it
 * removes nothing any more, what sinks left over included (inv 27). */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "checkpoint/slots.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

struct fix {
	struct scenario s;
	struct world w;
};

/* Files that stood there at one moment. */
struct standing {
	char path[256][256];
	size_t n;
};

static void stand(struct world *w, const char *folder, struct standing *s)
{
	struct fs_names names;
	struct err e = {0};
	WORLD_CHECK(w, fs_list(w->fs, folder, &names, &e) == OK);
	for (size_t i = 0; i < names.n; i++) {
		if (!strncmp(names.name[i], "tmp-", 4))
			continue; /* of a slot that is being put */
		CHECK(s->n < ARRAY_LEN(s->path));
		snprintf(s->path[s->n++], sizeof s->path[0], "%s/%s", folder, names.name[i]);
	}
	fs_names_close(&names);
}

static size_t pending(struct world *w, struct standing *s)
{
	struct fs_names jobs;
	struct err e = {0};
	size_t before = s->n;
	WORLD_CHECK(w, fs_list(w->fs, WORLD_OUT "/.weir-pending", &jobs, &e) == OK);
	for (size_t i = 0; i < jobs.n; i++) {
		char path[256];
		snprintf(path, sizeof path, WORLD_OUT "/.weir-pending/%s", jobs.name[i]);
		stand(w, path, s);
	}
	fs_names_close(&jobs);
	return s->n - before;
}

/* By name: their number says nothing while new ones are written. */
static void all_stand(struct world *w, const struct standing *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (fs_stat(w->fs, s->path[i], &(struct fs_stat){0}, NULL) != OK)
			world_fail(w, "%s was removed by who does not own it", s->path[i]);
}

/* A successor's slot above the newest; whatever it says, it is not ours. */
static void take_over(struct world *w)
{
	struct slot_list l;
	struct err e = {0};
	char path[256];
	WORLD_CHECK(w, slots_list(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK && l.n);
	snprintf(path, sizeof path, WORLD_DIR "/manifest/%020" PRIu64, l.slot[l.n - 1] + 1);
	slot_list_close(&l);
	WORLD_CHECK(w, fs_write_new(w->fs, path, "a successor's", 13, &e) == OK);
}

/* Taken over before the first checkpoint of this attempt, and asked for a gc: true if so. */
static bool asked_for_a_gc(struct world *w, uint64_t before)
{
	struct err e = {0};
	take_over(w);
	while (job_ask(w->job, &(struct job_ask){.kind = ASK_GC, .request = 1}, &e) != OK) {
		enum world_end end = world_run(w, 1);
		if (end != WORLD_PAUSED || w->completed != before)
			return false;
		err_clear(&e);
	}
	return true;
}

/* Killed with prepared files that no manifest names; started again, and taken over as soon as its
 * first checkpoint is published: true if that was before its sweep. gc: before that checkpoint. */
static bool fenced_before_the_sweep(uint64_t seed, bool gc)
{
	struct fix *f = malloc(sizeof *f);
	struct rng r;
	bool looked = false;
	rng_seed(&r, seed);
	scenario_open(&f->s, SCENARIO_WORDS, &r,
		      (struct scenario_size){.lines = 60, .lines_a_second = 400});
	world_open(&f->w, seed, f->s.job);
	scenario_files(&f->s, &f->w);
	WORLD_CHECK(&f->w, world_start(&f->w, 2) == WORLD_RUNNING);
	while (f->w.completed < 2 || !pending(&f->w, &(struct standing){.n = 0}))
		WORLD_CHECK(&f->w, world_run(&f->w, 20) == WORLD_PAUSED);
	world_crash(&f->w, false);
	WORLD_CHECK(&f->w, world_start(&f->w, 2) == WORLD_RUNNING);
	uint64_t before = f->w.completed;
	size_t orphans = job_recovery(f->w.job)->orphans;
	struct standing *s = calloc(1, sizeof *s);
	WORLD_CHECK(&f->w, pending(&f->w, s) == orphans); /* the others were committed at the start */
	while (!gc && f->w.completed == before)
		WORLD_CHECK(&f->w, world_run(&f->w, 1) == WORLD_PAUSED);
	stand(&f->w, WORLD_DIR "/manifest", s);
	stand(&f->w, WORLD_DIR "/parts", s);
	if (orphans && (!gc || asked_for_a_gc(&f->w, before))) {
		looked = true;
		if (!gc)
			take_over(&f->w);
		WORLD_CHECK(&f->w, world_run(&f->w, UINT64_MAX) == WORLD_HALTED);
		WORLD_CHECK(&f->w, f->w.error.code == E_FENCED);
		all_stand(&f->w, s);
		world_exit(&f->w);
	} else {
		world_crash(&f->w, false);
	}
	world_close(&f->w);
	scenario_close(&f->s);
	free(s);
	free(f);
	return looked;
}

TEST(inv27_a_fenced_process_removes_nothing_that_sinks_left_over)
{
	int looked = 0;
	for (uint64_t seed = 1; seed <= 60; seed++)
		looked += fenced_before_the_sweep(seed, false);
	printf("%d of 60 were taken over between publication and sweep\n", looked);
	EXPECT(looked > 5);
}

TEST(inv27_a_fenced_process_that_is_asked_for_a_gc_removes_nothing)
{
	int looked = 0;
	for (uint64_t seed = 1; seed <= 60; seed++)
		looked += fenced_before_the_sweep(seed, true);
	printf("%d of 60 were asked before their first checkpoint\n", looked);
	EXPECT(looked > 5);
}

/* An owner stands still after so many steps; its successor goes on to the end, killed once on the
 * way; then the first one wakes. True if it was in the middle of its work. */
static bool woken_after_its_successor(uint64_t seed)
{
	struct fix *f = malloc(sizeof *f);
	struct world *w = &f->w;
	struct rng r;
	rng_seed(&r, seed);
	scenario_open(&f->s, SCENARIO_WORDS, &r,
		      (struct scenario_size){.lines = 30, .lines_a_second = 400});
	world_open(w, seed, f->s.job);
	scenario_files(&f->s, w);
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	bool half = world_run(w, rng_below(&w->rng, 6000)) == WORLD_PAUSED;
	uint64_t before = w->completed;
	world_host(w, 1);
	WORLD_CHECK(w, world_start(w, 1 + (unsigned)seed % 3) == WORLD_RUNNING);
	if (world_run(w, rng_below(&w->rng, 3000)) == WORLD_PAUSED)
		world_crash(w, false);
	else
		world_exit(w);
	if (world_process(w, 2) != WORLD_FINISHED)
		world_fail(w, "the successor: %s", w->error.text);
	scenario_check_end(&f->s, w);
	uint64_t completed = w->completed;
	half &= completed > before; /* else its last checkpoint stood, and its successor only settled */
	world_host(w, 0);
	enum world_end end = world_run(w, UINT64_MAX);
	if (half && (end != WORLD_HALTED || w->error.code != E_FENCED))
		world_fail(w, "who was taken over ended %d: %s", (int)end, w->error.text);
	world_exit(w);
	world_host(w, 1);
	world_exit(w);
	WORLD_CHECK(w, !half || w->completed == completed);
	scenario_check_end(&f->s, w);
	world_host(w, 2);
	if (world_process(w, 1) != WORLD_FINISHED)
		world_fail(w, "who came last: %s", w->error.text);
	scenario_check_end(&f->s, w);
	world_exit(w);
	world_close(w);
	scenario_close(&f->s);
	free(f);
	return half;
}

TEST(inv26_an_owner_that_wakes_after_its_successor_halts_and_harms_nothing)
{
	int half = 0;
	for (uint64_t seed = 1; seed <= 60; seed++)
		half += woken_after_its_successor(seed);
	printf("%d of 60 were woken in the middle of their work\n", half);
	EXPECT(half > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv26_an_owner_that_wakes_after_its_successor_halts_and_harms_nothing),
		T(inv27_a_fenced_process_removes_nothing_that_sinks_left_over),
		T(inv27_a_fenced_process_that_is_asked_for_a_gc_removes_nothing),
	};
	return RUN(tests);
}
