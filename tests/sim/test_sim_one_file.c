/* test_sim_one_file.c - a job whose sink is one file that only ever grows goes back on purpose, and
 * is killed at each file operation of the way, and again while it goes back further: the file is
 * exact in the end, and what went aside is what was cut off (inv 12, 16, 28). */
#include "tests/sim/scenario.h"

#include "checkpoint/slots.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEED 87
#define ALL WORLD_OUT "/all.csv"
#define ASIDE WORLD_OUT "/.superseded"
enum { KEPT = 4 };

struct fix {
	struct scenario s;
	struct world w;
	uint64_t id[KEPT]; /* of the checkpoints that are kept, newest first */
	size_t n;
};

static void look(struct fix *f)
{
	struct world *w = &f->w;
	struct slot_list l;
	struct err e = {0};
	f->n = 0;
	WORLD_CHECK(w, slots_list(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK);
	for (size_t i = l.n; i-- > 0 && f->n < KEPT;) {
		struct manifest m;
		WORLD_CHECK(w, slots_read(slots_in(w->fs, WORLD_DIR), &w->mem, l.slot[i], &m, &e) == OK);
		if (m.slot_kind == SLOT_CHECKPOINT)
			f->id[f->n++] = m.id;
		manifest_close(&m);
	}
	slot_list_close(&l);
}

/* Killed in the middle, before that operation, with some checkpoints committed. */
static void open_fix(struct fix *f, uint64_t operation)
{
	struct rng r;
	struct world *w = &f->w;
	rng_seed(&r, SEED);
	scenario_open(&f->s, SCENARIO_ONE_FILE, &r,
		      (struct scenario_size){.lines = 260, .lines_a_second = 1200});
	char *retain = strstr(f->s.job, "\"retain\":2");
	retain[strlen("\"retain\":")] = '0' + KEPT;
	world_open(w, SEED, f->s.job);
	w->draws_chaining = false;
	scenario_files(&f->s, w);
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	while (w->completed < 7)
		WORLD_CHECK(w, world_run(w, 50) == WORLD_PAUSED);
	fs_sim_crash_at(w->disk, fs_sim_count(w->disk) + operation);
	WORLD_CHECK(w, world_run(w, UINT64_MAX) == WORLD_CRASHED);
	world_crash(w, operation % 2);
	look(f);
	WORLD_CHECK(w, f->n == KEPT);
}

static void close_fix(struct fix *f)
{
	world_close(&f->w);
	scenario_close(&f->s);
}

static void go_back_to(struct fix *f, uint64_t id)
{
	f->w.want = (struct store_want){.by = WANT_ID, .id = id};
	f->w.rewind = true;
}

static uint64_t size_of(struct fix *f, const char *path)
{
	struct fs_stat st;
	return fs_stat(f->w.fs, path, &st, NULL) == OK ? st.size_bytes : 0;
}

/* How many copies of the file's end stand aside; done: and nothing half made. */
static size_t put_aside(struct world *w, bool done)
{
	struct fs_names epochs, files;
	struct err e = {0};
	size_t n = 0;
	if (fs_list(w->fs, ASIDE, &epochs, &e) != OK)
		return 0;
	for (size_t i = 0; i < epochs.n; i++) {
		char path[256];
		snprintf(path, sizeof path, ASIDE "/%s", epochs.name[i]);
		WORLD_CHECK(w, fs_list(w->fs, path, &files, &e) == OK);
		for (size_t k = 0; k < files.n; k++) {
			n += !strncmp(files.name[k], "all.csv.from-", 13) &&
			     !strstr(files.name[k], ".unfinished");
			WORLD_CHECK(w, !done || !strstr(files.name[k], ".unfinished"));
		}
		fs_names_close(&files);
	}
	fs_names_close(&epochs);
	return n;
}

/* From here on nothing more happens to it, and nothing more is asked for. */
static void finish(struct fix *f)
{
	struct world *w = &f->w;
	w->want = (struct store_want){0};
	w->rewind = false;
	enum world_end end = world_process(w, 2);
	if (end != WORLD_FINISHED)
		world_fail(w, "ended %d: %s", (int)end, w->error.text);
	scenario_check_end(&f->s, w);
	check_directory(w);
	put_aside(w, true);
	world_exit(w);
}

/* A process until that operation. True: it was killed before a change. *far: it had gone on. */
static bool killed_at(struct fix *f, uint64_t operation, bool power_cut, bool *far)
{
	struct world *w = &f->w;
	uint64_t completed = w->completed, at = fs_sim_count(w->disk) + operation;
	fs_sim_crash_at(w->disk, at);
	enum world_end end = world_process(w, 2);
	bool change = end == WORLD_CRASHED && fs_sim_was_change(w->disk, at);
	*far = end != WORLD_CRASHED || w->completed > completed + 1;
	if (end != WORLD_CRASHED)
		world_exit(w);
	world_crash(w, power_cut);
	return change;
}

TEST(a_rewind_of_one_file_is_refused_unless_allowed_and_says_from_which_byte)
{
	struct fix *f = malloc(sizeof *f);
	struct world *w = &f->w;
	open_fix(f, 40);
	struct seen_files *s = calloc(1, sizeof *s);
	seen_look(s, w);
	go_back_to(f, f->id[2]);
	w->rewind = false;
	WORLD_CHECK(w, world_start(w, 2) == WORLD_FAILED && w->error.code == E_REFUSED);
	WORLD_CHECK(w, strstr(w->error.text, "--rewind"));
	WORLD_CHECK(w, strstr(w->error.text, "all.csv from byte "));
	seen_look(s, w);
	finish(f);
	free(s);
	close_fix(f);
	free(f);
}

TEST(what_went_aside_of_one_file_is_what_was_cut_off_it)
{
	struct fix *f = malloc(sizeof *f);
	struct world *w = &f->w;
	struct err e = {0};
	struct fs_names epochs, files;
	char path[512], dir[256];
	uint8_t *before, *cut, *aside;
	size_t before_len, cut_len, aside_len;
	open_fix(f, 40);
	WORLD_CHECK(w, fs_read_all(w->fs, ALL, 1 << 20, &before, &before_len, &e) == OK);
	go_back_to(f, f->id[2]);
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	WORLD_CHECK(w, job_recovery(w->job)->moved && job_recovery(w->job)->rewound);
	WORLD_CHECK(w, put_aside(w, true) == 1);
	WORLD_CHECK(w, fs_list(w->fs, ASIDE, &epochs, &e) == OK && epochs.n == 1);
	snprintf(dir, sizeof dir, ASIDE "/%s", epochs.name[0]);
	WORLD_CHECK(w, fs_list(w->fs, dir, &files, &e) == OK);
	for (size_t i = 0; i < files.n; i++)
		if (!strncmp(files.name[i], "all.csv.from-", 13))
			snprintf(path, sizeof path, "%s/%s", dir, files.name[i]);
	WORLD_CHECK(w, fs_read_all(w->fs, ALL, 1 << 20, &cut, &cut_len, &e) == OK);
	WORLD_CHECK(w, fs_read_all(w->fs, path, 1 << 20, &aside, &aside_len, &e) == OK);
	WORLD_CHECK(w, aside_len && cut_len + aside_len == before_len);
	WORLD_CHECK(w, !memcmp(before, cut, cut_len));
	WORLD_CHECK(w, !memcmp(before + cut_len, aside, aside_len));
	WORLD_CHECK(w, strtoull(strrchr(path, '-') + 1, NULL, 10) == cut_len);
	mem_put(&w->mem, before);
	mem_put(&w->mem, cut);
	mem_put(&w->mem, aside);
	fs_names_close(&files);
	fs_names_close(&epochs);
	WORLD_CHECK(w, world_run(w, UINT64_MAX) == WORLD_FINISHED);
	scenario_check_end(&f->s, w);
	world_exit(w);
	close_fix(f);
	free(f);
}

/* At each operation until the first checkpoint after it; the next start asks for nothing, and
 * finishes what was promised. */
TEST(inv12_a_rewind_of_one_file_that_is_killed_anywhere_ends_with_exact_output)
{
	struct fix *f = malloc(sizeof *f);
	uint64_t runs = 0, moved = 0, m;
	bool far = false;
	for (m = 1; !far; m++) {
		open_fix(f, 1 + m * 7 % 80);
		go_back_to(f, f->id[1 + m % (KEPT - 1)]);
		if (killed_at(f, m, m % 2, &far)) {
			moved += put_aside(&f->w, false) > 0;
			finish(f);
			runs++;
		}
		close_fix(f);
	}
	free(f);
	printf("%" PRIu64 " rewinds killed, %" PRIu64 " had moved something, %" PRIu64 " operations\n",
	       runs, moved, m);
	EXPECT(runs > 20 && moved > 10 && moved < runs);
}

/* Killed while it goes back, then while it goes back further: both ends are cut, in turn. */
TEST(inv12_who_goes_back_further_after_a_kill_ends_with_exact_output)
{
	struct fix *f = malloc(sizeof *f);
	uint64_t runs = 0, twice = 0;
	for (uint64_t first = 70; first < 170; first += 11) { /* about where the moves are made */
		bool far = false;
		for (uint64_t m = 60 + first % 9; !far; m += 9) {
			bool ignored;
			open_fix(f, 40);
			uint64_t last = f->id[2];
			go_back_to(f, f->id[1]);
			if (killed_at(f, first, first % 3 == 0, &ignored)) {
				look(f);
				go_back_to(f, last);
				if (killed_at(f, m, m % 2, &far)) {
					twice += put_aside(&f->w, false) == 2;
					finish(f);
					runs++;
				}
			} else {
				far = true;
			}
			close_fix(f);
		}
	}
	free(f);
	printf("%" PRIu64 " killed twice, %" PRIu64 " had moved two ends\n", runs, twice);
	EXPECT(runs > 15 && twice > 3);
}

/* Nothing at all of the file is the checkpoint's: the first one is gone back to. */
TEST(one_file_is_gone_back_over_to_its_beginning)
{
	struct fix *f = malloc(sizeof *f);
	struct world *w = &f->w;
	open_fix(f, 40);
	go_back_to(f, f->id[KEPT - 1]);
	uint64_t size = size_of(f, ALL);
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING && size_of(f, ALL) < size);
	WORLD_CHECK(w, world_run(w, UINT64_MAX) == WORLD_FINISHED);
	scenario_check_end(&f->s, w);
	world_exit(w);
	close_fix(f);
	free(f);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(a_rewind_of_one_file_is_refused_unless_allowed_and_says_from_which_byte),
		T(what_went_aside_of_one_file_is_what_was_cut_off_it),
		T(inv12_a_rewind_of_one_file_that_is_killed_anywhere_ends_with_exact_output),
		T(inv12_who_goes_back_further_after_a_kill_ends_with_exact_output),
		T(one_file_is_gone_back_over_to_its_beginning),
	};
	return RUN(tests);
}
