/* test_sim_refuses.c - a manifest that is whole but does not say what the job's state was is
 * refused before anything of it is output. */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "checkpoint/slots.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEED 79

struct fix {
	struct scenario s;
	struct world w;
};

/* A job in the middle of its input, killed after some checkpoints. */
static void open_fix(struct fix *f)
{
	struct rng r;
	rng_seed(&r, SEED);
	scenario_open(&f->s, SCENARIO_WORDS, &r,
		      (struct scenario_size){.lines = 40, .lines_a_second = 300});
	world_open(&f->w, SEED, f->s.job);
	f->w.draws_chaining = false; /* both starts are of one job text: what lacks is told by that */
	scenario_files(&f->s, &f->w);
	WORLD_CHECK(&f->w, world_start(&f->w, 2) == WORLD_RUNNING);
	while (f->w.completed < 4)
		WORLD_CHECK(&f->w, world_run(&f->w, 50) == WORLD_PAUSED);
	world_crash(&f->w, false);
}

static void close_fix(struct fix *f)
{
	world_close(&f->w);
	scenario_close(&f->s);
}

/* Writes the newest checkpoint's manifest again, changed. */
static void tamper(struct fix *f, void (*change)(struct manifest *m))
{
	struct world *w = &f->w;
	struct slot_list l;
	struct manifest m;
	struct bytes text;
	struct err e = {0};
	char path[256];
	WORLD_CHECK(w, slots_list(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK && l.n);
	uint64_t slot = l.slot[l.n - 1];
	slot_list_close(&l);
	WORLD_CHECK(w, slots_read(slots_in(w->fs, WORLD_DIR), &w->mem, slot, &m, &e) == OK);
	WORLD_CHECK(w, m.slot_kind == SLOT_CHECKPOINT && m.figures.keys > 1);
	change(&m);
	bytes_init(&text, &w->mem);
	WORLD_CHECK(w, manifest_encode(&m, &text, &e) == OK);
	snprintf(path, sizeof path, WORLD_DIR "/manifest/%020" PRIu64, slot);
	WORLD_CHECK(w, fs_unlink(w->fs, path, &e) == OK);
	WORLD_CHECK(w, fs_write_new(w->fs, path, text.data, text.len, &e) == OK);
	bytes_close(&text);
	manifest_close(&m);
}

static void expect_refused(void (*change)(struct manifest *m), const char *says)
{
	struct fix *f = malloc(sizeof *f);
	open_fix(f);
	tamper(f, change);
	enum world_end end = world_start(&f->w, 2);
	if (end == WORLD_RUNNING)
		end = world_run(&f->w, UINT64_MAX);
	if (end != WORLD_FAILED || f->w.error.code != E_CORRUPT || !strstr(f->w.error.text, says))
		world_fail(&f->w, "ended %d: %s", (int)end, f->w.error.text);
	world_exit(&f->w);
	close_fix(f);
	free(f);
}

static void nothing(struct manifest *m)
{
	(void)m;
}

static void one_key_more(struct manifest *m)
{
	m->figures.keys++;
}

static void one_stage_less(struct manifest *m)
{
	m->n_ops--;
	m->n_edges = 0; /* one to it would say so too */
}

static void one_run_less(struct manifest *m)
{
	for (uint32_t i = 0; i < m->n_ops; i++)
		if (m->op[i].n_keyed)
			m->op[i].keyed[0].n_runs = 0;
	manifest_prune_files(m);
}

static void one_subtask_less(struct manifest *m)
{
	m->op[1].parallelism--;
}

TEST(inv02_a_manifest_that_lacks_a_stage_or_a_subtask_is_refused)
{
	expect_refused(one_stage_less, "stage 'out'");
	expect_refused(one_subtask_less, "1 subtasks of stage");
}

TEST(a_restore_confirms_that_it_holds_as_many_keys_as_the_checkpoint_was_taken_of)
{
	expect_refused(one_key_more, "keys");
	expect_refused(one_run_less, "keys");
}

TEST(a_manifest_written_again_as_it_was_is_not_refused)
{
	struct fix *f = malloc(sizeof *f);
	open_fix(f);
	tamper(f, nothing);
	EXPECT(world_start(&f->w, 2) == WORLD_RUNNING);
	EXPECT(world_run(&f->w, UINT64_MAX) == WORLD_FINISHED);
	scenario_check_end(&f->s, &f->w);
	world_exit(&f->w);
	close_fix(f);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv02_a_manifest_that_lacks_a_stage_or_a_subtask_is_refused),
		T(a_restore_confirms_that_it_holds_as_many_keys_as_the_checkpoint_was_taken_of),
		T(a_manifest_written_again_as_it_was_is_not_refused),
	};
	return RUN(tests);
}
