/* test_proof_catalogue.c - every file operation of submit, stop, restart, replace, cancel, remove
 * as the last one its server reached, or as one that fails; and again inside the start after it.
 * What stands then is held against a model that knows only what it was told. */
#include "server/catalogue.h"

#include "base/check.h"
#include "base/fs_sim.h"
#include "tests/lib/proof.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdio.h>

enum { JOBS = 2, MAYBE_MAX = 64, PUTS_MAX = 256, SEEDS = 3 };
#define DATA "srv/data"

static const char *const job_names[JOBS] = {"a", "a-b"};
static const char *const job_files[] = {
	"job.json", "owner.lock", "manifest/00000000000000000001", "manifest/00000000000000000002",
	"parts/1", "parts/2", "history.jsonl",
};

/* What may stand of a job's directory. */
enum dir { DIR_NONE, DIR_WHOLE, DIR_WHOLE_OR_NONE, DIR_ANY };

struct model {
	uint64_t acked;            /* content that must be found, or a newer one; 0: no job */
	uint64_t maybe[MAYBE_MAX]; /* contents that may be found instead: of puts that failed */
	unsigned n_maybe;
	bool maybe_gone;           /* a drop did not return */
	enum dir dir;
	uint64_t version;          /* of the running server */
	struct entry found;        /* by the newest start: without texts */
	bool is_found;
};

struct world {
	struct mem mem;
	struct env env;
	struct fs_sim *sim;
	struct fs *fs;
	struct catalogue *cat;
	struct model job[JOBS];
	uint64_t puts;             /* contents so far; each has a number of its own */
	uint64_t description[PUTS_MAX]; /* of a content: the one that brought its description */
	unsigned tries;            /* of each step that fails */
	struct err e;
};

static void world_open(struct world *w)
{
	*w = (struct world){.tries = 1};
	mem_init(&w->mem, 0);
	EXPECT_OK(fs_sim_open(&w->sim, &w->mem, &w->e), &w->e);
	w->fs = fs_sim_fs(w->sim);
	w->env = (struct env){.fs = w->fs, .mem = &w->mem};
}

static void world_close(struct world *w)
{
	catalogue_close(w->cat);
	fs_sim_close(&w->sim);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

/* --- steps, and what the model hears of them --- */
static void describe(uint64_t content, char text[64])
{
	snprintf(text, 64, "{\"description\": %" PRIu64 "}\n", content);
}

/* with_job: a new description; else that of before is carried over. */
static enum rc put_once(struct world *w, struct model *m, enum standing s, bool erase,
			bool with_job)
{
	char text[64];
	struct entry en = {.standing = s, .erase = erase};
	uint64_t before = m->version, content = ++w->puts;
	CHECK(content < PUTS_MAX && m->n_maybe < MAYBE_MAX);
	/* Descriptions differ only where a put brings one: so all that may stand have the same. */
	w->description[content] = with_job ? content : w->description[m->acked];
	describe(content, text);
	snprintf(en.name, sizeof en.name, "%s", job_names[m - w->job]);
	en.since_wall_us = (int64_t)content;
	en.job = with_job ? text : NULL;
	en.job_len = with_job ? strlen(text) : 0;
	enum rc rc = catalogue_put(w->cat, &en, &m->version, &w->e);
	if (rc == OK) {
		EXPECT(m->version > before);
		m->acked = content;
		m->n_maybe = 0;
		m->maybe_gone = false;
	} else if (m->version > before || fs_sim_crashed(w->sim)) {
		m->maybe[m->n_maybe++] = content;
	}
	return rc;
}

#define TRY(w, call)                                                                               \
	do {                                                                                       \
		enum rc try_rc_ = E_CRASHED;                                                       \
		for (unsigned try_ = 0; try_ < (w)->tries && try_rc_ != OK; try_++) {              \
			err_clear(&(w)->e);                                                        \
			try_rc_ = (call);                                                          \
		}                                                                                  \
		if (try_rc_ != OK)                                                                 \
			return try_rc_;                                                            \
	} while (0)

static enum rc put(struct world *w, int job, enum standing s, bool erase, bool with_job)
{
	TRY(w, put_once(w, &w->job[job], s, erase, with_job));
	return OK;
}

static enum rc erase_once(struct world *w, int job, bool logs)
{
	struct model *m = &w->job[job];
	if (m->dir == DIR_WHOLE)
		m->dir = DIR_WHOLE_OR_NONE;
	enum rc rc = catalogue_erase(w->cat, job_names[job], logs, &w->e);
	if (rc == OK)
		m->dir = DIR_NONE;
	return rc;
}

static enum rc drop_once(struct world *w, int job)
{
	struct model *m = &w->job[job];
	enum rc rc = catalogue_drop(w->cat, job_names[job], &w->e);
	m->maybe_gone = true;
	if (rc == OK) {
		m->acked = m->version = 0;
		m->n_maybe = 0;
	}
	return rc;
}

static void path_of(char to[256], int job, const char *file)
{
	EXPECT(catalogue_job_dir(DATA, job_names[job], to, 256));
	size_t n = strlen(to);
	snprintf(to + n, 256 - n, "/%s", file);
}

/* As a job process leaves it, durably. */
static enum rc make_dir_once(struct world *w, int job)
{
	static const char *const folders[] = {"manifest", "parts"};
	char path[256], dir[256];
	enum rc rc = OK;
	w->job[job].dir = DIR_ANY;
	for (size_t i = 0; rc == OK && i < ARRAY_LEN(folders); i++) {
		path_of(path, job, folders[i]);
		rc = fs_mkdir_all(w->fs, path, &w->e);
	}
	for (size_t i = 0; rc == OK && i < ARRAY_LEN(job_files); i++) {
		path_of(path, job, job_files[i]);
		fs_dirname(path, dir, sizeof dir);
		rc = fs_write_new(w->fs, path, "x", 1, &w->e);
		if (rc == E_EXISTS)
			rc = OK;
		if (rc == OK)
			rc = fs_sync_dir(w->fs, dir, &w->e);
	}
	if (rc == OK)
		w->job[job].dir = DIR_WHOLE;
	return rc;
}

static enum rc make_dir(struct world *w, int job)
{
	TRY(w, make_dir_once(w, job));
	return OK;
}

static enum rc erase_and_note(struct world *w, int job)
{
	TRY(w, erase_once(w, job, false));
	return put(w, job, STANDING_CANCELLED, false, false);
}

static enum rc remove_rest(struct world *w, int job)
{
	TRY(w, erase_once(w, job, true));
	TRY(w, drop_once(w, job));
	return OK;
}

/* --- a start --- */
static void on_found(void *arg, struct catalogue_found *f)
{
	struct world *w = arg;
	for (int i = 0; i < JOBS; i++) {
		struct model *m = &w->job[i];
		if (strcmp(f->entry.name, job_names[i]))
			continue;
		EXPECT(!m->is_found && !f->corrupt);
		m->is_found = true;
		m->found = f->entry;
		m->found.file = m->found.error = NULL;
		m->version = f->version;
		return;
	}
	fail_msg("found '%s', which nobody put", f->entry.name);
}

static void expect_one_of(struct world *w, struct model *m)
{
	uint64_t content = m->is_found ? (uint64_t)m->found.since_wall_us : 0;
	bool good = m->is_found ? content == m->acked : !m->acked || m->maybe_gone;
	for (unsigned i = 0; i < m->n_maybe; i++)
		good |= content == m->maybe[i];
	if (!good)
		fail_msg("job '%s': content %" PRIu64 " stands; %" PRIu64 " was durable",
			 job_names[m - w->job], content, m->acked);
}

/* What stands now is what every later start finds: the start has made it durable. */
static void believe(struct model *m)
{
	m->acked = m->is_found ? (uint64_t)m->found.since_wall_us : 0;
	m->version = m->is_found ? m->version : 0;
	m->n_maybe = 0;
	m->maybe_gone = false;
}

static void expect_dirs(struct world *w)
{
	for (int i = 0; i < JOBS; i++) {
		struct fs_stat st;
		char path[256];
		unsigned n = 0;
		for (size_t k = 0; k < ARRAY_LEN(job_files); k++) {
			path_of(path, i, job_files[k]);
			n += fs_stat(w->fs, path, &st, NULL) == OK;
		}
		enum dir d = w->job[i].dir;
		bool good = (n == 0 && d != DIR_WHOLE) ||
			    (n == ARRAY_LEN(job_files) && d != DIR_NONE) || d == DIR_ANY;
		if (!good)
			fail_msg("jobs/%s has %u of its files; %d", job_names[i], n, d);
	}
}

static enum rc start_once(struct world *w)
{
	for (int i = 0; i < JOBS; i++)
		w->job[i].is_found = false;
	return catalogue_open(&w->cat, &w->env, DATA, 4711, on_found, w, &w->e);
}

/* Opens, and completes what the entries say was begun: as the lives of jobs do. */
static enum rc start(struct world *w)
{
	TRY(w, start_once(w));
	for (int i = 0; i < JOBS; i++) {
		struct model *m = &w->job[i];
		expect_one_of(w, m);
		believe(m);
		if (!m->is_found)
			continue;
		struct entry en;
		char text[64];
		TRY(w, catalogue_read(w->cat, job_names[i], m->version, &en, &w->e));
		describe(w->description[m->acked], text);
		EXPECT(!strcmp(en.job, text) && en.standing == m->found.standing);
		entry_close(&en);
	}
	enum rc rc = OK;
	for (int i = 0; i < JOBS && rc == OK; i++) {
		struct model *m = &w->job[i];
		if (m->is_found && m->found.standing == STANDING_REMOVED)
			rc = remove_rest(w, i);
		else if (m->is_found && m->found.erase)
			rc = erase_and_note(w, i);
	}
	return rc;
}

/* --- what a server does in its time --- */
#define STEP(call)                                                                                 \
	do {                                                                                       \
		enum rc step_rc_ = (call);                                                         \
		if (step_rc_ != OK)                                                                \
			return step_rc_;                                                           \
	} while (0)

static enum rc submit_stop_restart_replace(struct world *w)
{
	STEP(start(w));
	STEP(put(w, 0, STANDING_RUNNING, false, true));
	STEP(put(w, 1, STANDING_RUNNING, false, true));
	STEP(put(w, 0, STANDING_STOPPED, false, false));
	STEP(put(w, 0, STANDING_RUNNING, false, false));
	STEP(put(w, 1, STANDING_FINISHED, false, false));
	STEP(put(w, 0, STANDING_RUNNING, false, true));
	return put(w, 0, STANDING_STOPPED, false, false);
}

static enum rc cancel_with_erase(struct world *w)
{
	STEP(start(w));
	STEP(put(w, 0, STANDING_RUNNING, false, true));
	STEP(make_dir(w, 0));
	STEP(put(w, 0, STANDING_CANCELLED, true, false));
	STEP(erase_and_note(w, 0));
	STEP(put(w, 0, STANDING_RUNNING, false, false));
	STEP(make_dir(w, 0));
	return put(w, 0, STANDING_STOPPED, false, false);
}

static enum rc remove_and_submit_again(struct world *w)
{
	STEP(start(w));
	STEP(put(w, 1, STANDING_STOPPED, false, true));
	STEP(put(w, 0, STANDING_RUNNING, false, true));
	STEP(make_dir(w, 0));
	STEP(put(w, 0, STANDING_FAILED, false, false));
	STEP(put(w, 0, STANDING_REMOVED, false, false));
	STEP(remove_rest(w, 0));
	STEP(put(w, 0, STANDING_RUNNING, false, true));
	STEP(make_dir(w, 0));
	STEP(put(w, 1, STANDING_REMOVED, false, false));
	return remove_rest(w, 1);
}

static const struct script {
	const char *name;
	enum rc (*run)(struct world *w);
} scripts[] = {
	{"submit, stop, restart, replace", submit_stop_restart_replace},
	{"cancel with erase", cancel_with_erase},
	{"remove, submit again", remove_and_submit_again},
};

/* The server is gone. */
static void leave(struct world *w, bool cut, uint64_t seed)
{
	struct rng r;
	rng_seed(&r, seed);
	catalogue_close(w->cat);
	w->cat = NULL;
	if (cut)
		fs_sim_crash(w->sim, &r);
	else
		fs_sim_kill(w->sim);
}

static void expect_names(struct world *w, const char *folder, size_t n)
{
	struct fs_names l;
	char path[256];
	snprintf(path, sizeof path, DATA "/%s", folder);
	EXPECT_OK(fs_list(w->fs, path, &l, &w->e), &w->e);
	if (l.n != n)
		fail_msg("%s has %zu names, the first '%s'; %zu wanted", folder, l.n, l.name[0], n);
	fs_names_close(&l);
}

/* A start without mishap finds what it must, and puts succeed; the one after it finds those, and
 * nothing is left over. */
static void expect_good_end(struct world *w)
{
	w->tries = 1;
	expect_dirs(w);
	EXPECT_OK(start(w), &w->e);
	expect_dirs(w);
	expect_names(w, "catalogue", (size_t)!!w->job[0].acked + !!w->job[1].acked);
	for (int i = 0; i < JOBS; i++)
		EXPECT_OK(put(w, i, STANDING_FAILED, false, !w->job[i].acked), &w->e);
	leave(w, true, 5);
	EXPECT_OK(start(w), &w->e);
	size_t dirs = 0;
	for (int i = 0; i < JOBS; i++) {
		char path[256];
		struct fs_stat st;
		EXPECT(w->job[i].is_found && w->job[i].found.standing == STANDING_FAILED);
		EXPECT(catalogue_job_dir(DATA, job_names[i], path, sizeof path));
		dirs += fs_stat(w->fs, path, &st, NULL) == OK;
	}
	expect_names(w, "catalogue", JOBS);
	expect_names(w, "jobs", dirs);
}

/* --- crashes --- */
/* False: operation n was no change, so what it leaves is what n + 1 leaves. *over: the script had
 * ended before it. */
static bool crash_in(struct world *w, const struct script *s, uint64_t n, bool after, bool cut,
		     uint64_t seed, bool *over)
{
	world_open(w);
	if (after)
		fs_sim_crash_after(w->sim, n);
	else
		fs_sim_crash_at(w->sim, n);
	(void)!s->run(w);
	*over = !fs_sim_crashed(w->sim);
	bool changes = !*over && fs_sim_was_change(w->sim, n);
	leave(w, cut, n * 1000 + seed);
	return changes;
}

/* Again at each operation of the start after it. */
static uint64_t second_crashes(const struct script *s, uint64_t n, bool after)
{
	uint64_t points = 0;
	for (uint64_t m = 1, more = 1; more; m++) {
		struct world w;
		bool over;
		crash_in(&w, s, n, after, m % 3 != 0, m, &over);
		uint64_t at = fs_sim_count(w.sim) + m;
		fs_sim_crash_at(w.sim, at);
		err_clear(&w.e);
		(void)!start(&w);
		more = fs_sim_crashed(w.sim);
		bool changes = more && fs_sim_was_change(w.sim, at);
		leave(&w, m % 4 != 0, m);
		if (changes)
			expect_good_end(&w);
		points += changes;
		world_close(&w);
	}
	return points;
}

/* Killed, or cut off from power with some choices of what survives; before the operation, and just
 * after it. */
static void every_crash(const struct script *s, uint64_t *firsts, uint64_t *all_seconds)
{
	uint64_t points = 0, seconds = 0, runs = 0;
	bool over = false;
	for (uint64_t n = 1; !over; n++) {
		struct world w;
		bool changes = true;
		for (uint64_t seed = 0; seed <= 2 * SEEDS && changes; seed++, runs++) {
			changes = crash_in(&w, s, n, seed > SEEDS, seed > 0, seed, &over);
			if (changes || over)
				expect_good_end(&w);
			world_close(&w);
		}
		points += changes;
		if (changes)
			seconds += second_crashes(s, n, n % 2);
	}
	printf("%s: %" PRIu64 " crash points, %" PRIu64 " second ones in the start after; %" PRIu64
	       " runs\n", s->name, points, seconds, runs + seconds);
	EXPECT(points > 40 && seconds > 200);
	*firsts += points * (2 * SEEDS + 1);
	*all_seconds += seconds;
}

TEST(a_crash_at_every_operation_leaves_old_or_new)
{
	uint64_t firsts = 0, seconds = 0;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		every_crash(&scripts[i], &firsts, &seconds);
	proof_line("a crash, the catalogue", firsts, firsts);
	proof_line("a second crash, the catalogue", seconds, seconds);
}

/* --- faults --- */
static void one_fault(const struct script *s, uint64_t n, enum rc code, bool after, uint64_t *hits,
		      bool *more)
{
	struct world w;
	world_open(&w);
	w.tries = 3;
	if (after)
		fs_sim_fault_after(w.sim, n, code);
	else
		fs_sim_fault_at(w.sim, n, code, false);
	err_clear(&w.e);
	enum rc rc = s->run(&w);
	if (rc != OK)
		fail_msg("%s: %s at operation %" PRIu64 "%s was not got over: %s", s->name, err_name(code),
			 n, after ? " (done)" : "", w.e.text);
	*hits += fs_sim_faults(w.sim);
	*more = fs_sim_count(w.sim) >= n;
	fs_sim_fault_at(w.sim, 0, OK, false);
	leave(&w, n % 2, n);
	expect_good_end(&w);
	world_close(&w);
}

TEST(any_operation_may_fail_once_and_the_step_succeeds_when_repeated)
{
	uint64_t hits = 0;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		bool more = true;
		for (uint64_t n = 1; more; n++) {
			one_fault(&scripts[i], n, E_IO, false, &hits, &more);
			one_fault(&scripts[i], n, E_IO, true, &hits, &more);
			one_fault(&scripts[i], n, E_NO_SPACE, false, &hits, &more);
		}
	}
	printf("%" PRIu64 " operations failed\n", hits);
	EXPECT(hits > 300);
}

/* A disk that is full or dying from operation n on; then the power is cut. */
TEST(when_all_fails_from_some_operation_on_the_next_start_finds_old_or_new)
{
	static const enum rc codes[] = {E_IO, E_NO_SPACE};
	uint64_t runs = 0;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		for (size_t c = 0; c < ARRAY_LEN(codes); c++)
			for (uint64_t n = 1, more = 1; more; n++, runs++) {
				struct world w;
				world_open(&w);
				w.tries = 2;
				fs_sim_fault_at(w.sim, n, codes[c], true);
				(void)!scripts[i].run(&w);
				more = fs_sim_count(w.sim) >= n;
				fs_sim_fault_at(w.sim, 0, OK, false);
				leave(&w, n % 3 != 0, n);
				expect_good_end(&w);
				world_close(&w);
			}
	EXPECT(runs > 300);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(a_crash_at_every_operation_leaves_old_or_new),
		T(any_operation_may_fail_once_and_the_step_succeeds_when_repeated),
		T(when_all_fails_from_some_operation_on_the_next_start_finds_old_or_new),
	};
	return RUN(tests);
}
