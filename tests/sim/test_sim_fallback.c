/* test_sim_fallback.c - a job is killed at every file operation, its newest checkpoint is damaged,
 * and it is started again, and killed again inside that: whatever the start says (inv 16), it goes
 * back and the output is exact, or it refuses and everything is where it was; mended, it goes on.
 * The same for going back on purpose. */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "checkpoint/slots.h"
#include "tests/lib/proof.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEED 81
/* Of the damaged starts, one in so many is crashed at each of its operations. */
#define SECOND_EVERY 60

struct fix {
	struct scenario s;
	struct world w;
	char damaged[LAYOUT_PATH_MAX];
	uint64_t newest; /* id of the newest checkpoint when it was damaged */
};

static void open_fix(struct fix *f)
{
	struct rng r;
	rng_seed(&r, SEED);
	scenario_open(&f->s, SCENARIO_KEYS, &r, (struct scenario_size){.lines_a_second = 1200});
	world_open(&f->w, SEED, f->s.job);
	f->w.draws_chaining = false;
	scenario_files(&f->s, &f->w);
}

static void close_fix(struct fix *f)
{
	world_close(&f->w);
	scenario_close(&f->s);
}

/* The newest checkpoint, if it is published and its parent stands too. */
static bool newest(struct fix *f, struct manifest *m)
{
	struct world *w = &f->w;
	struct slot_list l;
	struct err e = {0};
	bool found = false;
	WORLD_CHECK(w, slots_list(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK);
	for (size_t i = l.n; i-- > 0 && !found;) {
		WORLD_CHECK(w, slots_read(slots_in(w->fs, WORLD_DIR), &w->mem, l.slot[i], m, &e) == OK);
		found = m->slot_kind == SLOT_CHECKPOINT;
		if (!found)
			manifest_close(m);
	}
	slot_list_close(&l);
	return found;
}

static bool names_file(const struct manifest *m, const char *name)
{
	for (uint32_t i = 0; i < m->n_files; i++)
		if (!strcmp(m->file[i].name, name))
			return true;
	return false;
}

/* Flips a bit in a file that only the newest checkpoint names. False: there is none. */
static bool damage(struct fix *f)
{
	struct world *w = &f->w;
	struct manifest m, p = {0};
	struct err e = {0};
	const char *only = NULL;
	if (!newest(f, &m))
		return false;
	manifest_init(&p, &w->mem);
	if (m.parent && slots_read(slots_in(w->fs, WORLD_DIR), &w->mem, m.parent, &p, &e) == OK)
		for (uint32_t i = 0; i < m.n_files && !only; i++)
			only = names_file(&p, m.file[i].name) ? NULL : m.file[i].name;
	f->newest = m.id;
	if (only) {
		snprintf(f->damaged, sizeof f->damaged, WORLD_DIR "/parts/%s", only);
		WORLD_CHECK(w, fs_sim_flip(w->disk, f->damaged, 700, &e) == OK);
	}
	manifest_close(&p);
	manifest_close(&m);
	return only != NULL;
}

static void mend(struct fix *f)
{
	struct err e = {0};
	WORLD_CHECK(&f->w, fs_sim_flip(f->w.disk, f->damaged, 700, &e) == OK);
}

struct tally {
	uint64_t runs, fell_back, refused, second, mended;
};

/* From here on nothing more happens to it: one of the two answers, and in the end all is exact. */
static void finish(struct fix *f, struct tally *t)
{
	struct world *w = &f->w;
	scenario_check_now(&f->s, w);
	enum world_end end = world_process(&f->w, 2);
	t->runs++;
	if (end == WORLD_FAILED) {
		WORLD_CHECK(w, w->error.code == E_CORRUPT && w->error.text[0]);
		struct seen_files *s = calloc(1, sizeof *s);
		seen_look(s, w);
		/* Never loops, never changes: once more, the same. */
		world_exit(w);
		WORLD_CHECK(w, world_process(&f->w, 2) == WORLD_FAILED && w->error.code == E_CORRUPT);
		world_exit(w);
		seen_look(s, w);
		free(s);
		t->refused++;
		scenario_check_now(&f->s, w);
		mend(f);
		t->mended++;
		end = world_process(&f->w, 2);
	} else {
		t->fell_back++;
	}
	if (end != WORLD_FINISHED)
		world_fail(w, "ended %d: %s", (int)end, w->error.text);
	scenario_check_end(&f->s, w);
	world_exit(w);
}

/* Killed before operation n, then damaged. False: there is nothing to damage. */
static bool prepare(struct fix *f, uint64_t n)
{
	open_fix(f);
	fs_sim_crash_at(f->w.disk, n);
	WORLD_CHECK(&f->w, world_process(&f->w, 2) == WORLD_CRASHED);
	bool changes = fs_sim_was_change(f->w.disk, n);
	world_crash(&f->w, false);
	return changes && damage(f);
}

static uint64_t operations(uint64_t *first)
{
	struct fix *f = malloc(sizeof *f);
	open_fix(f);
	*first = fs_sim_count(f->w.disk) + 1;
	EXPECT(world_process(&f->w, 2) == WORLD_FINISHED);
	uint64_t last = fs_sim_count(f->w.disk);
	world_exit(&f->w);
	close_fix(f);
	free(f);
	return last;
}

TEST(inv16_a_damaged_newest_checkpoint_is_gone_back_behind_or_refused_at_every_crash)
{
	struct tally t = {0};
	struct fix *f = malloc(sizeof *f);
	uint64_t first, last = operations(&first), damaged = 0;
	for (uint64_t n = first; n <= last; n++) {
		bool good = prepare(f, n);
		if (good)
			finish(f, &t);
		close_fix(f);
		if (!good || ++damaged % SECOND_EVERY)
			continue;
		/* Again inside the start that goes back, at each operation until it has made a
		 * checkpoint. */
		for (uint64_t m = 1;; m++) {
			EXPECT(prepare(f, n));
			uint64_t completed = f->w.completed, at = fs_sim_count(f->w.disk) + m;
			fs_sim_crash_at(f->w.disk, at);
			enum world_end end = world_process(&f->w, 2);
			bool change = end == WORLD_CRASHED && fs_sim_was_change(f->w.disk, at);
			bool far = end != WORLD_CRASHED || f->w.completed > completed + 1;
			if (end != WORLD_CRASHED)
				world_exit(&f->w);
			world_crash(&f->w, m % 2);
			if (change && f->w.completed == completed) {
				finish(f, &t);
				t.second++;
			}
			close_fix(f);
			if (far)
				break;
		}
	}
	free(f);
	printf("%" PRIu64 " damaged starts: %" PRIu64 " fell back, %" PRIu64
	       " were refused and mended; %" PRIu64 " crashed inside\n",
	       t.runs, t.fell_back, t.refused, t.second);
	proof_line("a crash, and the newest checkpoint damaged", t.runs - t.second, t.runs - t.second);
	proof_line("a second crash, on the way back behind it", t.second, t.second);
	EXPECT(t.fell_back > 20 && t.refused > 5 && t.second > 20); /* by feel: or it does nothing */
}

/* What stands in the sink's folder, its pieces put aside included: names only. */
static size_t put_aside(struct world *w)
{
	struct fs_names epochs, files;
	struct err e = {0};
	size_t n = 0;
	if (fs_list(w->fs, WORLD_OUT "/.superseded", &epochs, &e) != OK)
		return 0;
	for (size_t i = 0; i < epochs.n; i++) {
		char path[256];
		snprintf(path, sizeof path, WORLD_OUT "/.superseded/%s", epochs.name[i]);
		WORLD_CHECK(w, fs_list(w->fs, path, &files, &e) == OK);
		n += files.n;
		fs_names_close(&files);
	}
	fs_names_close(&epochs);
	return n;
}

/* Killed in the middle, with some checkpoints committed. Returns the newest's id. */
static uint64_t in_the_middle(struct fix *f)
{
	struct world *w = &f->w;
	struct manifest m;
	open_fix(f);
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	while (w->completed < 5)
		WORLD_CHECK(w, world_run(w, 50) == WORLD_PAUSED);
	world_crash(w, false);
	WORLD_CHECK(w, newest(f, &m));
	uint64_t id = m.id;
	manifest_close(&m);
	return id;
}

TEST(a_rewind_is_refused_unless_allowed_and_names_what_it_would_move)
{
	struct fix *f = malloc(sizeof *f);
	struct world *w = &f->w;
	uint64_t id = in_the_middle(f);
	struct seen_files *s = calloc(1, sizeof *s);
	seen_look(s, w);
	w->want = (struct store_want){.by = WANT_ID, .id = id - 1};
	WORLD_CHECK(w, world_start(w, 2) == WORLD_FAILED && w->error.code == E_REFUSED);
	WORLD_CHECK(w, strstr(w->error.text, "--rewind"));
	seen_look(s, w);
	w->want.id = 9999;
	w->rewind = true;
	WORLD_CHECK(w, world_start(w, 2) == WORLD_FAILED && w->error.code == E_NOT_FOUND);
	WORLD_CHECK(w, strstr(w->error.text, "kept"));
	w->want.by = WANT_NAME;
	w->want.name = "monday";
	WORLD_CHECK(w, world_start(w, 2) == WORLD_FAILED && w->error.code == E_NOT_FOUND);
	seen_look(s, w);
	w->want.by = WANT_NEWEST;
	WORLD_CHECK(w, world_process(&f->w, 2) == WORLD_FINISHED && !put_aside(w));
	scenario_check_end(&f->s, w);
	world_exit(w);
	free(s);
	close_fix(f);
	free(f);
}

/* At each operation until the first checkpoint after it; the next start asks for nothing, and
 * finishes what was promised. */
TEST(inv12_a_rewind_that_is_killed_anywhere_ends_with_exact_output)
{
	struct fix *f = malloc(sizeof *f);
	uint64_t runs = 0, moved = 0;
	for (uint64_t m = 1;; m++) {
		uint64_t id = in_the_middle(f);
		struct world *w = &f->w;
		w->want = (struct store_want){.by = WANT_ID, .id = id - 1};
		w->rewind = true;
		uint64_t completed = w->completed, at = fs_sim_count(w->disk) + m;
		fs_sim_crash_at(w->disk, at);
		enum world_end end = world_process(&f->w, 2);
		bool change = end == WORLD_CRASHED && fs_sim_was_change(w->disk, at);
		bool far = end != WORLD_CRASHED || w->completed > completed + 1;
		if (end != WORLD_CRASHED)
			world_exit(w);
		world_crash(w, m % 2);
		w->want.by = WANT_NEWEST;
		if (change) {
			runs++;
			WORLD_CHECK(w, world_process(&f->w, 2) == WORLD_FINISHED);
			scenario_check_end(&f->s, w);
			check_directory(w);
			world_exit(w);
			moved += put_aside(w) > 0;
		}
		close_fix(f);
		if (far)
			break;
	}
	free(f);
	printf("%" PRIu64 " rewinds killed, %" PRIu64 " had moved something\n", runs, moved);
	proof_line("a crash, a rewind that is allowed", runs, runs);
	EXPECT(runs > 20 && moved > 10 && moved < runs);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(inv16_a_damaged_newest_checkpoint_is_gone_back_behind_or_refused_at_every_crash),
		T(a_rewind_is_refused_unless_allowed_and_names_what_it_would_move),
		T(inv12_a_rewind_that_is_killed_anywhere_ends_with_exact_output),
	};
	return RUN(tests);
}
