/* test_sim_flips.c - inv 33 for who runs: bytes of each file of a killed job changed, files cut,
 * files gone; then the job is started. It goes on and the output is exact, whether it fell back or
 * did not need the file; or it ends with E_CORRUPT (exit code 6), nothing is wrong in the output,
 * and mended, or repaired by what `weir fsck --repair` does, it is exact. Never anything else. What
 * fsck says of the same disk is asked too.
 * SIM_FLIPS=all: every byte and every length; else a slice of them, by a seed that is printed
 * (SIM_FLIPS=n: that seed). */
#include "tests/sim/disk_image.h"
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "checkpoint/listing.h"
#include "checkpoint/repair.h"
#include "runtime/inspect_dir.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define SEED 91
/* Of bytes and lengths, one in so many is tried unless all are. */
enum { SLICE = 100 };

/* ---- a job that was killed ---- */

/* Whether the newest checkpoint prepared something, which is all pending, or all committed; and has
 * a parent, and a file that its parent does not have. */
static bool is_wanted(struct world *w, bool committed)
{
	struct slot_list l;
	struct manifest m, p;
	struct err e = {0};
	bool good = false;
	WORLD_CHECK(w, slots_list(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK);
	uint64_t top = l.n ? l.slot[l.n - 1] : 0;
	slot_list_close(&l);
	if (!top || slots_read(slots_in(w->fs, WORLD_DIR), &w->mem, top, &m, &e) != OK)
		return false;
	if (m.slot_kind == SLOT_CHECKPOINT && !m.final && m.n_intents && m.n_files && m.parent &&
	    slots_read(slots_in(w->fs, WORLD_DIR), &w->mem, m.parent, &p, &e) == OK) {
		good = p.id && p.n_files;
		for (uint32_t i = 0; i < p.n_files; i++)
			good &= strcmp(p.file[i].name, m.file[m.n_files - 1].name) != 0;
		manifest_close(&p);
	}
	for (uint32_t i = 0; i < m.n_intents && good; i++) {
		struct fs_stat st;
		good = fs_stat(w->fs, committed ? m.intent[i].to : m.intent[i].from, &st, NULL) == OK;
	}
	manifest_close(&m);
	return good;
}

static void name_of(struct image *im, const char *end)
{
	for (size_t i = 0; i < im->n; i++) {
		size_t len = strlen(im->file[i].path), n = strlen(end);
		im->file[i].named |= len >= n && !strcmp(im->file[i].path + len - n, end);
	}
}

static void name_all(struct image *im, struct world *w)
{
	struct slot_entries l;
	struct err e = {0};
	WORLD_CHECK(w, slots_read_all(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK);
	for (size_t i = 0; i < l.n; i++) {
		const struct manifest *m = &l.entry[i].m;
		for (uint32_t f = 0; l.entry[i].live && f < m->n_files; f++)
			name_of(im, m->file[f].name);
		for (uint32_t f = 0; l.entry[i].live && f < m->n_intents; f++)
			name_of(im, m->intent[f].from);
	}
	slot_entries_close(&l);
}

static void make_images(const struct scenario *s, struct image *pending, struct image *committed)
{
	struct world w;
	world_open(&w, SEED, s->job);
	w.draws_chaining = false;
	WORLD_CHECK(&w, world_start(&w, 2) == WORLD_RUNNING);
	while (!committed->n) {
		WORLD_CHECK(&w, world_run(&w, 4) == WORLD_PAUSED);
		struct image *im = pending->n ? committed : pending;
		if (w.completed < 3 || !is_wanted(&w, pending->n > 0))
			continue;
		image_add(im, &w, WORLD_DIR);
		image_add(im, &w, WORLD_OUT);
		name_all(im, &w);
		im->committed = im == committed;
	}
	world_crash(&w, false);
	world_close(&w);
}

/* ---- what a start makes of it ---- */

enum kind { MANIFESTS, PARTS, PIECES, JOB, LEDGER, NOT_DATA, COMMITTED, KINDS };
static const char *const kind_names[KINDS] = {"manifests", "parts",   "prepared pieces", "job.json",
					      "ledger",    "not data", "committed files"};

static enum kind kind_of(const char *path)
{
	return strstr(path, "/manifest/")       ? MANIFESTS
	       : strstr(path, "/parts/")        ? PARTS
	       : strstr(path, ".weir-pending/") ? PIECES
	       : strstr(path, "/job.json")      ? JOB
	       : strstr(path, "/audit/")        ? LEDGER
	       : !strncmp(path, WORLD_OUT, 3)   ? COMMITTED
						: NOT_DATA; /* history, spans, the lock's text */
}

struct tally {
	uint64_t tried, went_on, fell_back, refused, repaired, rewound;
};

static void no_fault(void *arg, const struct inspect_fault *f)
{
	(void)arg, (void)f;
}

static void no_note(void *arg, const char *file, const char *what)
{
	(void)arg, (void)file, (void)what;
}

static void no_checkpoint(void *arg, const struct dir_checkpoint *c)
{
	(void)arg, (void)c;
}

static bool fsck_finds(struct world *w)
{
	struct dir_listener to = {NULL, no_fault, no_note, no_checkpoint};
	struct dir_result r;
	struct err e = {0};
	enum rc rc = inspect_dir_check(&w->env, WORLD_DIR, &to, &r, &e);
	WORLD_CHECK(w, rc == OK && !r.unreadable && !r.version);
	return r.corrupt || r.missing;
}

struct damage {
	const struct image *im;
	size_t file;
	enum { FLIPPED, CUT, GONE } how;
	size_t at; /* bit, or length */
};

/* ---- or repaired ---- */

struct bad {
	uint64_t slot[16];
	uint32_t n;
};

static void note_bad(void *arg, const struct dir_checkpoint *c)
{
	struct bad *b = arg;
	if (!c->intact && b->n < 16)
		b->slot[b->n++] = c->m->slot;
}

/* What `weir fsck --repair` does, and the run that follows; false: no checkpoint is left. */
static bool repair_and_run(struct world *w, enum world_end *end, struct tally *t)
{
	struct bad bad = {.n = 0};
	struct dir_listener to = {&bad, no_fault, no_note, note_bad};
	struct dir_result r;
	struct store *store;
	struct store_start ignored;
	struct repair_did did;
	struct err e = {0};
	struct store_options o = {.dir = WORLD_DIR, .repairs = true, .falls_back = true, .retain = 1,
				  .new_uuid = "01234567-89ab-4cde-8f01-23456789abcd", .pid = 1,
				  .verify = VERIFY_LENGTHS};
	WORLD_CHECK(w, inspect_dir_check(&w->env, WORLD_DIR, &to, &r, &e) == OK);
	struct repair_asked a = {.slot = bad.slot, .n = bad.n};
	WORLD_CHECK(w, store_open(&store, w->fs, &w->mem, &o, &ignored, &e) == OK);
	enum rc rc = store_repair(store, &a, &did, &e);
	store_close(store);
	WORLD_CHECK(w, rc == OK || rc == E_CORRUPT);
	if (rc != OK)
		return false;
	WORLD_CHECK(w, did.fence && !fsck_finds(w));
	t->repaired++;
	*end = world_process(w, 2);
	if (*end != WORLD_FAILED || w->error.code != E_REFUSED)
		return true;
	WORLD_CHECK(w, did.goes_back && strstr(w->error.text, "--rewind"));
	world_exit(w);
	t->rewound++;
	w->want = (struct store_want){.by = WANT_ID, .id = did.chosen};
	w->rewind = true;
	*end = world_process(w, 2);
	return true;
}

static void mend(struct world *w, const struct damage *d)
{
	struct err e = {0};
	const char *path = d->im->file[d->file].path;
	if (d->how != GONE)
		WORLD_CHECK(w, fs_unlink(w->fs, path, &e) == OK);
	WORLD_CHECK(w, fs_write_new(w->fs, path, d->im->file[d->file].data, d->im->file[d->file].len,
				    &e) == OK);
}

static void do_damage(struct world *w, const struct damage *d)
{
	struct err e = {0};
	const char *path = d->im->file[d->file].path;
	if (d->how == FLIPPED) {
		WORLD_CHECK(w, fs_sim_flip(w->disk, path, d->at, &e) == OK);
		return;
	}
	WORLD_CHECK(w, fs_unlink(w->fs, path, &e) == OK);
	if (d->how == CUT)
		WORLD_CHECK(w, fs_write_new(w->fs, path, d->im->file[d->file].data, d->at, &e) == OK);
}

static void try(const struct scenario *s, const struct damage *d, struct tally *t)
{
	static const char *const how[] = {"bit", "cut at", "gone"};
	struct world w;
	const char *path = d->im->file[d->file].path;
	enum kind k = kind_of(path);
	world_open(&w, SEED, s->job);
	w.draws_chaining = false;
	image_put(d->im, &w);
	do_damage(&w, d);
	bool data = k == PARTS || k == PIECES ? d->im->file[d->file].named : k != NOT_DATA;
	/* What is gone may have been retired, or taken away. */
	if (data && d->how != GONE && !fsck_finds(&w))
		world_fail(&w, "fsck does not see: %s %s %zu", path, how[d->how], d->at);
	enum world_end end = world_process(&w, 2);
	t[k].tried++;
	if (end == WORLD_FAILED) {
		if (w.error.code != E_CORRUPT || !w.error.text[0])
			world_fail(&w, "%s %s %zu: %s", path, how[d->how], d->at, w.error.text);
		t[k].refused++;
		scenario_check_now(s, &w);
		world_exit(&w);
		if (!(d->at & 8) || !repair_and_run(&w, &end, &t[k])) {
			mend(&w, d);
			end = world_process(&w, 2);
		}
	} else {
		t[k].went_on++;
	}
	if (end != WORLD_FINISHED)
		world_fail(&w, "%s %s %zu: ended %d: %s", path, how[d->how], d->at, (int)end,
			   w.error.text);
	t[k].fell_back += job_recovery(w.job)->fell_back;
	scenario_check_end(s, &w);
	world_exit(&w);
	world_close(&w);
}

/* ---- all of them ---- */

static void each(const struct scenario *s, const struct image *im, struct rng *r, bool all,
		 struct tally *t)
{
	for (size_t f = 0; f < im->n; f++) {
		const char *path = im->file[f].path;
		struct damage d = {.im = im, .file = f};
		if (!im->file[f].data || kind_of(path) == COMMITTED)
			continue; /* nobody reads what is committed, but for settling */
		for (size_t at = 0; at < im->file[f].len; at++) {
			bool ends = at < 2 || at + 2 > im->file[f].len;
			d.how = FLIPPED;
			d.at = at * 8 + (all ? at % 8 : rng_below(r, 8));
			if (all || ends || !rng_below(r, SLICE))
				try(s, &d, t);
			d.how = CUT;
			d.at = at;
			if (all || ends || !rng_below(r, SLICE))
				try(s, &d, t);
		}
		d.how = GONE;
		if (kind_of(path) == PARTS || kind_of(path) == JOB || kind_of(path) == LEDGER)
			try(s, &d, t);
	}
}

static void tell(const char *what, const struct tally *t)
{
	for (int k = 0; k < KINDS; k++)
		if (t[k].tried)
			printf("%s, %s: %" PRIu64 " damaged: %" PRIu64 " went on, %" PRIu64
			       " of them fell back; %" PRIu64 " exit 6, and went on mended, or repaired (%"
			       PRIu64 ", %" PRIu64 " of them by a rewind)\n", what, kind_names[k],
			       t[k].tried, t[k].went_on, t[k].fell_back, t[k].refused, t[k].repaired,
			       t[k].rewound);
}

TEST(inv33_a_changed_byte_anywhere_is_exit_6_or_exact_output)
{
	struct scenario s;
	struct rng r;
	struct image *im = calloc(2, sizeof *im);
	const char *asked = getenv("SIM_FLIPS");
	bool all = asked && !strcmp(asked, "all");
	uint64_t seed = asked && !all ? strtoull(asked, NULL, 10) : (uint64_t)time(NULL);
	rng_seed(&r, SEED);
	scenario_open(&s, SCENARIO_KEYS, &r,
		      (struct scenario_size){.rows = 900, .lines_a_second = 300});
	char *audit = strstr(s.job, "\"audit\":false");
	CHECK(audit);
	memcpy(audit, "\"audit\": true", strlen("\"audit\": true"));
	make_images(&s, &im[0], &im[1]);
	printf("SIM_FLIPS=%" PRIu64 "\n", seed);
	rng_seed(&r, seed);
	for (int i = 0; i < 2; i++) {
		struct tally t[KINDS] = {0};
		each(&s, &im[i], &r, all, t);
		tell(im[i].committed ? "committed" : "pending", t);
		EXPECT(t[MANIFESTS].refused > 10 && t[NOT_DATA].tried > 2 && !t[NOT_DATA].refused);
		/* Behind what is committed nobody goes back (inv 16). */
		EXPECT(im[i].committed ? t[PARTS].refused > 2 && !t[PARTS].fell_back
				       : t[PARTS].fell_back > 2);
		EXPECT(t[JOB].tried > 7 && !t[JOB].refused && !t[LEDGER].refused);
		EXPECT(im[i].committed || (t[PIECES].refused > 5 && t[PIECES].repaired));
		EXPECT(t[MANIFESTS].repaired && (!im[i].committed || t[MANIFESTS].rewound));
		image_close(&im[i]);
	}
	free(im);
	scenario_close(&s);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(inv33_a_changed_byte_anywhere_is_exit_6_or_exact_output),
	};
	return RUN(tests);
}
