/* test_sim_import.c - a job that was killed goes on in another directory, from the first one's
 * newest checkpoint, and the start that brings it over is killed at each file operation: whatever
 * the next start finds, the output is exact in the end. With and without taking the first directory
 * over. */
#include "tests/sim/scenario.h"

#include "checkpoint/slots.h"
#include "base/check.h"
#include "tests/lib/proof.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEED 83
#define MOVED "moved"

/* A disk of which another directory's parts are too far for a link. */
struct far {
	struct fs_ops ops;
	const struct fs_ops *real;
};

struct fix {
	struct scenario s;
	struct world w;
	uint64_t newest; /* id of the first directory's newest checkpoint */
	bool pending;    /* it has prepared what is not committed */
	char uuid[UUID_TEXT];
	struct far far;
};

static enum rc far_link(struct fs *fs, const char *from, const char *to, struct err *e)
{
	const struct far *far = CONTAINER_OF(fs->ops, struct far, ops);
	if (strstr(to, ".part"))
		return ERR(e, E_UNREACHABLE, "link '%s' to '%s'", from, to);
	return far->real->link(fs, from, to, e);
}

static void move_far(struct fix *f)
{
	f->far.real = f->w.fs->ops;
	f->far.ops = *f->far.real;
	f->far.ops.link = far_link;
	f->w.fs->ops = &f->far.ops;
}

/* What stands newest in a directory's log; false: nothing does. */
static bool newest(struct fix *f, const char *dir, struct manifest *top)
{
	struct world *w = &f->w;
	struct storage log = slots_in(w->fs, dir);
	struct slot_list l;
	struct err e = {0};
	WORLD_CHECK(w, slots_list(log, &w->mem, &l, &e) == OK);
	bool there = l.n;
	if (there)
		WORLD_CHECK(w, slots_read(log, &w->mem, l.slot[l.n - 1], top, &e) == OK);
	slot_list_close(&l);
	return there;
}

/* Killed in the middle before that operation, with some checkpoints committed and perhaps one that
 * is not. */
static void open_fix(struct fix *f, uint64_t operation)
{
	struct rng r;
	struct world *w = &f->w;
	struct manifest m;
	rng_seed(&r, SEED);
	scenario_open(&f->s, SCENARIO_KEYS, &r, (struct scenario_size){.lines_a_second = 1200});
	world_open(w, SEED, f->s.job);
	w->draws_chaining = false;
	scenario_files(&f->s, w);
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	while (w->completed < 4)
		WORLD_CHECK(w, world_run(w, 50) == WORLD_PAUSED);
	fs_sim_crash_at(w->disk, fs_sim_count(w->disk) + operation);
	WORLD_CHECK(w, world_run(w, UINT64_MAX) == WORLD_CRASHED);
	world_crash(w, false);
	WORLD_CHECK(w, newest(f, WORLD_DIR, &m));
	f->newest = m.id;
	f->pending = false;
	memcpy(f->uuid, m.uuid, UUID_TEXT);
	for (uint32_t i = 0; i < m.n_intents; i++) {
		struct fs_stat st;
		f->pending |= fs_stat(w->fs, m.intent[i].from, &st, NULL) == OK;
	}
	manifest_close(&m);
	w->dir = MOVED;
	w->import.path = WORLD_DIR;
}

static void close_fix(struct fix *f)
{
	world_close(&f->w);
	scenario_close(&f->s);
}

/* What the first job prepared for a checkpoint that it never took is its own to drop: it may be
 * alive. */
static void drop_orphans(struct fix *f)
{
	struct world *w = &f->w;
	struct fs_names l;
	struct err e = {0};
	char folder[LAYOUT_PATH_MAX], path[LAYOUT_PATH_MAX];
	layout_path(folder, WORLD_OUT, ".weir-pending", f->uuid);
	WORLD_CHECK(w, fs_list(w->fs, folder, &l, &e) == OK);
	for (size_t i = 0; i < l.n; i++) {
		layout_path(path, folder, NULL, l.name[i]);
		WORLD_CHECK(w, fs_unlink(w->fs, path, &e) == OK);
	}
	fs_names_close(&l);
}

/* The next start asks for the same once more, or, where it was promised, for nothing at all. */
static void finish(struct fix *f, bool asks, uint64_t *redone)
{
	struct world *w = &f->w;
	struct manifest top;
	if (newest(f, MOVED, &top)) {
		*redone += top.todo.kind == TODO_IMPORT;
		WORLD_CHECK(w, top.top_id >= f->newest || top.slot_kind == SLOT_FENCE);
		manifest_close(&top);
		if (!asks)
			w->import.path = NULL;
	}
	enum world_end end = world_process(&f->w, 2);
	if (end != WORLD_FINISHED)
		world_fail(w, "ended %d: %s", (int)end, w->error.text);
	drop_orphans(f);
	scenario_check_end(&f->s, w);
	check_directory(w);
	world_exit(w);
}

/* Whoever was killed while he removed it: the next start has done the rest. */
static void expect_retired(struct fix *f)
{
	struct world *w = &f->w;
	struct fs_names parts;
	struct slot_list l;
	struct err e = {0};
	WORLD_CHECK(w, fs_list(w->fs, WORLD_DIR "/parts", &parts, &e) == OK && !parts.n);
	fs_names_close(&parts);
	WORLD_CHECK(w, slots_list(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK && l.n);
	for (size_t i = 0; i < l.n; i++) {
		struct manifest m;
		WORLD_CHECK(w, slots_read(slots_in(w->fs, WORLD_DIR), &w->mem, l.slot[i], &m, &e) == OK);
		WORLD_CHECK(w, m.slot_kind == SLOT_FENCE);
		manifest_close(&m);
	}
	slot_list_close(&l);
}

static void expect_taken_over(struct fix *f)
{
	struct world *w = &f->w;
	expect_retired(f);
	w->import = (struct job_import_want){0};
	w->dir = WORLD_DIR;
	WORLD_CHECK(w, world_start(w, 2) == WORLD_FAILED && w->error.code == E_REFUSED);
	WORLD_CHECK(w, strstr(w->error.text, "taken over by the job in '" MOVED "'"));
	w->dir = "third"; /* nor from a third place */
	w->import.path = WORLD_DIR;
	WORLD_CHECK(w, world_start(w, 2) == WORLD_FAILED && w->error.code == E_REFUSED);
}

static void killed_at_each_operation(bool claim, bool is_far)
{
	struct fix *f = malloc(sizeof *f);
	uint64_t runs = 0, redone = 0, pending = 0;
	for (uint64_t m = 1;; m++) {
		struct world *w = &f->w;
		open_fix(f, 1 + m * 7 % 80);
		w->import.claim = claim;
		if (is_far)
			move_far(f);
		uint64_t completed = w->completed, at = fs_sim_count(w->disk) + m;
		fs_sim_crash_at(w->disk, at);
		enum world_end end = world_process(&f->w, 2);
		bool change = end == WORLD_CRASHED && fs_sim_was_change(w->disk, at);
		bool far = end != WORLD_CRASHED || w->completed > completed + 1;
		if (end != WORLD_CRASHED)
			world_exit(w);
		world_crash(w, m % 2);
		if (change) {
			runs++;
			pending += f->pending;
			finish(f, m % 4 < 2, &redone);
			if (claim)
				expect_taken_over(f);
		}
		close_fix(f);
		if (far)
			break;
	}
	free(f);
	printf("%" PRIu64 " imports killed, %" PRIu64 " done again, %" PRIu64
	       " of sources with output to commit\n", runs, redone, pending);
	proof_line(claim    ? "a crash, an import that claims"
		   : is_far ? "a crash, an import by copies"
			    : "a crash, an import",
		   runs, runs);
	/* By feel: or it does nothing. */
	EXPECT(runs > 20 && redone > 5 && redone < runs && pending > 2);
}

TEST(inv28_an_import_that_is_killed_anywhere_ends_with_exact_output)
{
	killed_at_each_operation(false, false);
}

TEST(inv28_an_import_by_copies_that_is_killed_anywhere_ends_with_exact_output)
{
	killed_at_each_operation(false, true);
}

TEST(inv26_a_claim_that_is_killed_anywhere_ends_with_exact_output_and_one_owner)
{
	killed_at_each_operation(true, false);
}

/* inv 10, 12, 40: the source is as it was, ids go on above its own, and who asks again goes on. */
TEST(an_import_leaves_its_source_alone_and_is_done_once)
{
	struct fix *f = malloc(sizeof *f);
	struct world *w = &f->w;
	struct manifest m;
	open_fix(f, 7);
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	const struct job_recovery *r = job_recovery(w->job);
	WORLD_CHECK(w, r->imported == f->newest && r->checkpoint > f->newest);
	WORLD_CHECK(w, r->linked && !r->copied);
	WORLD_CHECK(w, world_run(w, 3000) == WORLD_PAUSED);
	world_crash(w, true);
	WORLD_CHECK(w, newest(f, MOVED, &m) && m.todo.kind == TODO_NONE);
	WORLD_CHECK(w, m.origin.id == f->newest && m.n_accepts == 1);
	manifest_close(&m);
	WORLD_CHECK(w, world_start(w, 3) == WORLD_RUNNING && !job_recovery(w->job)->imported);
	WORLD_CHECK(w, world_run(w, UINT64_MAX) == WORLD_FINISHED);
	drop_orphans(f);
	scenario_check_end(&f->s, w);
	world_exit(w);
	/* The first directory's job has lost nothing but its place: it would write all that again. */
	w->import.path = NULL;
	w->dir = WORLD_DIR;
	w->out = "other";
	WORLD_CHECK(w, world_start(w, 2) == WORLD_FAILED); /* the folder has another line's files */
	close_fix(f);
	free(f);
}

TEST(inv15_a_source_that_goes_in_the_middle_is_refused_by_name)
{
	struct fix *f = malloc(sizeof *f);
	struct world *w = &f->w;
	uint64_t gone = 0;
	for (uint64_t m = 1; m < 60; m++) {
		struct manifest top;
		struct fs_names parts;
		open_fix(f, 5);
		fs_sim_crash_at(w->disk, fs_sim_count(w->disk) + m);
		enum world_end end = world_process(&f->w, 2);
		if (end != WORLD_CRASHED)
			world_exit(w);
		world_crash(w, false);
		bool begun = newest(f, MOVED, &top), promised = begun && top.todo.kind == TODO_IMPORT;
		if (begun)
			manifest_close(&top);
		struct err e = {0};
		WORLD_CHECK(w, fs_list(w->fs, WORLD_DIR "/parts", &parts, &e) == OK);
		for (size_t i = 0; i < parts.n; i++) {
			char path[LAYOUT_PATH_MAX];
			layout_path(path, WORLD_DIR, LAYOUT_PARTS, parts.name[i]);
			WORLD_CHECK(w, fs_unlink(w->fs, path, &e) == OK);
		}
		fs_names_close(&parts);
		if (promised) {
			w->import.path = NULL;
			WORLD_CHECK(w, world_start(w, 2) == WORLD_FAILED && w->error.code == E_CORRUPT);
			WORLD_CHECK(w, strstr(w->error.text, "--fresh") && strstr(w->error.text, WORLD_DIR));
			gone++;
		}
		close_fix(f);
	}
	free(f);
	EXPECT(gone > 2);
}

static bool is_claimed(struct fix *f)
{
	struct manifest top;
	WORLD_CHECK(&f->w, newest(f, WORLD_DIR, &top));
	bool claimed = top.todo.kind == TODO_CLAIMED;
	manifest_close(&top);
	return claimed;
}

/* Killed when it was promised, and then the first job goes on where it was: what that has published
 * and committed since is neither removed nor moved aside unasked. */
static void source_goes_on(bool claim, const char *says)
{
	struct fix *f = malloc(sizeof *f);
	struct world *w = &f->w;
	uint64_t refused = 0, redone = 0;
	for (uint64_t m = 30; m < 110; m++) {
		struct manifest top;
		open_fix(f, 5);
		w->import.claim = claim;
		struct job_import_want asked = w->import;
		fs_sim_crash_at(w->disk, fs_sim_count(w->disk) + m);
		enum world_end end = world_process(&f->w, 2);
		if (end != WORLD_CRASHED)
			world_exit(w);
		world_crash(w, false);
		bool begun = newest(f, MOVED, &top), promised = begun && top.todo.kind == TODO_IMPORT;
		if (begun)
			manifest_close(&top);
		if (end == WORLD_CRASHED && promised && !is_claimed(f)) {
			uint64_t completed = w->completed;
			w->import = (struct job_import_want){0};
			w->dir = WORLD_DIR;
			WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
			while (w->completed < completed + 2)
				WORLD_CHECK(w, world_run(w, 50) == WORLD_PAUSED);
			world_crash(w, false);
			w->dir = MOVED;
			end = world_start(w, 2);
			if (end != WORLD_FAILED || w->error.code != E_REFUSED || !strstr(w->error.text, says))
				world_fail(w, "ended %d: %s", (int)end, w->error.text);
			WORLD_CHECK(w, !is_claimed(f));
			refused++;
			w->import = asked;
			finish(f, true, &redone);
		}
		close_fix(f);
	}
	free(f);
	printf("%" PRIu64 " refused, %" PRIu64 " done again\n", refused, redone);
	EXPECT(refused && redone == refused);
}

TEST(inv13_a_claim_that_was_begun_takes_nothing_that_came_since)
{
	source_goes_on(true, "has gone on since");
}

TEST(inv28_an_import_that_was_begun_moves_nothing_aside_that_came_since)
{
	source_goes_on(false, "what was committed since");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(an_import_leaves_its_source_alone_and_is_done_once),
		T(inv28_an_import_that_is_killed_anywhere_ends_with_exact_output),
		T(inv28_an_import_by_copies_that_is_killed_anywhere_ends_with_exact_output),
		T(inv26_a_claim_that_is_killed_anywhere_ends_with_exact_output_and_one_owner),
		T(inv13_a_claim_that_was_begun_takes_nothing_that_came_since),
		T(inv28_an_import_that_was_begun_moves_nothing_aside_that_came_since),
		T(inv15_a_source_that_goes_in_the_middle_is_refused_by_name),
	};
	return RUN(tests);
}
