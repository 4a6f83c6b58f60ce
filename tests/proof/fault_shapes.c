/* fault_shapes.c - see fault_shapes.h. */
#include "tests/proof/fault_shapes.h"

#include "base/check.h"
#include "checkpoint/listing.h"
#include "checkpoint/verify.h"
#include "jobs/export.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEED 4242
#define NAME "keep"
#define SAVED WORLD_DIR "/" SAVEPOINTS "/" NAME

#define SMALL {.lines = 16, .lines_a_second = 450}
/* Several slices and merges; the least that has them. */
#define KEYS {.rows = 500, .lines_a_second = 100}

const struct shape fault_shapes[] = {
	{"words", SCENARIO_WORDS, SMALL, .parallelism = 2},
	{"union", SCENARIO_UNION, SMALL, .parallelism = 2},
	{"end", SCENARIO_WORDS_END, SMALL, .parallelism = 2},
	{"single", SCENARIO_ONE_FILE, SMALL, .parallelism = 2},
	{"merges", SCENARIO_KEYS, KEYS, .parallelism = 2},
	{"restart", SCENARIO_WORDS, SMALL, .before = 2, .parallelism = 2, .cut = true},
	{"restart_single", SCENARIO_ONE_FILE, SMALL, .before = 2, .parallelism = 2},
	{"rescale", SCENARIO_KEYS, KEYS, .before = 1, .parallelism = 3},
	{"lazy", SCENARIO_KEYS, KEYS, "\"restore\":\"lazy\"", .before = 2, .parallelism = 2},
	{"again", SCENARIO_WORDS, SMALL, .parallelism = 2, .ask = SHAPE_AGAIN},
	{"savepoint", SCENARIO_WORDS, SMALL, .parallelism = 2, .ask = SHAPE_SAVEPOINT},
	{"stop", SCENARIO_WORDS, SMALL, .parallelism = 2, .ask = SHAPE_STOP},
};
const size_t fault_shapes_n = ARRAY_LEN(fault_shapes);

const struct shape *shape_find(const char *name)
{
	for (size_t i = 0; i < fault_shapes_n; i++)
		if (!strcmp(fault_shapes[i].name, name))
			return &fault_shapes[i];
	return NULL;
}

/* ---- up to where faults begin ---- */

static void run_until(struct world *w, uint64_t checkpoints)
{
	while (w->completed < checkpoints)
		WORLD_CHECK(w, world_run(w, 20) == WORLD_PAUSED);
}

static void killed_before(struct shape_fix *f)
{
	struct world *w = &f->w;
	WORLD_CHECK(w, world_start(w, f->shape->before) == WORLD_RUNNING);
	run_until(w, 3);
	WORLD_CHECK(w, world_run(w, 35) == WORLD_PAUSED); /* by feel: into the next one */
	world_crash(w, f->shape->cut);
	w->completed = 0;
}

static void ask(struct world *w, enum shape_ask what)
{
	struct err e = {0};
	bool stops = what == SHAPE_STOP;
	struct job_ask a = {.kind = stops ? ASK_STOP : ASK_SAVEPOINT, .request = !stops,
			    .savepoint = stops, .name = NAME};
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	run_until(w, 2);
	WORLD_CHECK(w, job_ask(w->job, &a, &e) == OK);
}

static void attempt_fails(struct world *w)
{
	struct fs_sim_fault f = {.on = FS_SIM_WRITES, .code = E_IO};
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	run_until(w, 2);
	while (!w->failed_attempts) { /* one write after the other, until one fails an attempt */
		f.at = fs_sim_count(w->disk) + 1;
		fs_sim_fault(w->disk, &f);
		WORLD_CHECK(w, world_run(w, 1) == WORLD_PAUSED);
	}
	fs_sim_fault_at(w->disk, 0, OK, false);
}

/* The newest manifest that can be read; false: there is none. */
static bool newest(struct shape_fix *f, char uuid[UUID_TEXT], uint64_t *slot)
{
	struct world *w = &f->w;
	struct slot_entries l;
	struct err e = {0};
	bool found = false;
	if (slots_read_all(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) != OK)
		world_fail(w, "%s", e.text);
	for (size_t i = 0; i < l.n; i++) {
		if (l.entry[i].rc != OK)
			world_fail(w, "slot %" PRIu64 " cannot be read", l.entry[i].slot);
		if (found && l.entry[i].slot < *slot)
			continue;
		found = true;
		*slot = l.entry[i].slot;
		memcpy(uuid, l.entry[i].m.uuid, UUID_TEXT);
	}
	slot_entries_close(&l);
	return found;
}

struct shape_fix *shape_open(const struct shape *shape)
{
	struct shape_fix *f = calloc(1, sizeof *f);
	struct rng r;
	f->shape = shape;
	rng_seed(&r, SEED);
	scenario_open(&f->s, shape->kind, &r, shape->size);
	if (shape->keys)
		scenario_checkpoint(&f->s, shape->keys);
	world_open(&f->w, SEED, f->s.job);
	scenario_files(&f->s, &f->w);
	if (shape->before)
		killed_before(f);
	if (shape->ask == SHAPE_SAVEPOINT || shape->ask == SHAPE_STOP)
		ask(&f->w, shape->ask);
	if (shape->ask == SHAPE_AGAIN)
		attempt_fails(&f->w);
	f->w.failed_attempts = 0;
	(void)newest(f, f->uuid, &f->top);
	return f;
}

enum world_end shape_run(struct shape_fix *f)
{
	return f->w.job ? world_run(&f->w, UINT64_MAX) : world_process(&f->w, f->shape->parallelism);
}

void shape_close(struct shape_fix *f)
{
	world_close(&f->w);
	scenario_close(&f->s);
	free(f);
}

/* ---- what must hold ---- */

/* No manifest names a file whose sync failed, and nobody synced such a file again (inv 32). */
static void check_doubtful(struct shape_fix *f, const char *what)
{
	struct world *w = &f->w;
	struct slot_entries l;
	struct err e = {0};
	char path[LAYOUT_PATH_MAX];
	if (fs_sim_trusted_doubtful(w->disk))
		world_fail(w, "%s: a file whose sync failed was synced again or named", what);
	if (slots_read_all(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) != OK)
		world_fail(w, "%s: %s", what, e.text);
	for (size_t i = 0; i < l.n; i++) {
		const struct manifest *m = &l.entry[i].m;
		for (uint32_t k = 0; l.entry[i].rc == OK && k < m->n_files; k++) {
			CHECK(layout_path(path, WORLD_DIR, LAYOUT_PARTS, m->file[k].name));
			if (fs_sim_is_doubtful(w->disk, path))
				world_fail(w, "%s: slot %" PRIu64 " names '%s', whose sync failed", what,
					   l.entry[i].slot, path);
		}
		for (uint32_t k = 0; l.entry[i].rc == OK && k < m->n_intents; k++)
			if (strcmp(m->intent[k].kind, "append") &&
			    (fs_sim_is_doubtful(w->disk, m->intent[k].from) ||
			     fs_sim_is_doubtful(w->disk, m->intent[k].to)))
				world_fail(w, "%s: slot %" PRIu64 " names '%s', whose sync failed", what,
					   l.entry[i].slot, m->intent[k].from);
	}
	slot_entries_close(&l);
}

/* Nobody began anew, and nothing published is gone (inv 10, 15). */
static void check_same_job(struct shape_fix *f, const char *what)
{
	char uuid[UUID_TEXT] = "";
	uint64_t top = 0;
	if (!f->uuid[0])
		return;
	if (!newest(f, uuid, &top) || strcmp(uuid, f->uuid) || top < f->top)
		world_fail(&f->w, "%s: slot %" PRIu64 " of job %s, and now %" PRIu64 " of %s", what,
			   f->top, f->uuid, top, uuid);
}

/* Whole, or not there at all (inv 1). */
static bool has_savepoint(struct shape_fix *f)
{
	struct world *w = &f->w;
	struct err e = {0};
	uint64_t slot;
	struct manifest m;
	struct verify_result r;
	struct storage parts = storage_dir(w->fs, SAVED, LAYOUT_PARTS);
	WORLD_CHECK(w, savepoint_slot(w->fs, &w->mem, WORLD_DIR, NAME, &slot, &e) == OK);
	if (slot == SLOT_NONE)
		return false;
	WORLD_CHECK(w, slots_read(slots_in(w->fs, SAVED), &w->mem, slot, &m, &e) == OK);
	WORLD_CHECK(w, verify_manifest(parts, &w->mem, &m, VERIFY_HASHES, &r, &e) == OK);
	WORLD_CHECK(w, r.verdict == VERIFY_INTACT);
	manifest_close(&m);
	return true;
}

static void check_reason(struct shape_fix *f, bool may_be_corrupt, const char *what)
{
	const struct err *e = &f->w.error;
	if (!e->text[0] || err_exit_code(e->code) == 0)
		world_fail(&f->w, "%s: ended as %s without a reason", what, err_name(e->code));
	if (e->code == E_CORRUPT && !may_be_corrupt)
		world_fail(&f->w, "%s: taken for corruption: %s", what, e->text);
}

/* With the savepoint that was asked for, or a reason. */
static void check_stopped(struct shape_fix *f, const char *what)
{
	struct err why = job_savepoint_error(f->w.job);
	if (!has_savepoint(f) && (!err_exit_code(why.code) || !why.text[0]))
		world_fail(&f->w, "%s: stopped without its savepoint: %s %s", what, err_name(why.code),
			   why.text);
}

void shape_judge(struct shape_fix *f, enum world_end end, bool may_be_corrupt, const char *what,
		 struct shape_outcomes *c)
{
	struct world *w = &f->w;
	switch (end) {
	case WORLD_FINISHED:
		scenario_check_end(&f->s, w);
		c->finished++;
		c->restarted += w->failed_attempts > 0;
		break;
	case WORLD_STOPPED:
		WORLD_CHECK(w, f->shape->ask == SHAPE_STOP);
		c->stopped++;
		check_stopped(f, what);
		break;
	case WORLD_FAILED:
	case WORLD_HALTED:
		check_reason(f, may_be_corrupt, what);
		c->corrupt += w->error.code == E_CORRUPT;
		c->refused += !w->job;
		c->failed += w->job && end == WORLD_FAILED;
		c->halted += end == WORLD_HALTED;
		break;
	default:
		world_fail(w, "%s: ended as %d", what, (int)end);
	}
	world_exit(w);
	check_doubtful(f, what);
	check_same_job(f, what);
}

void shape_finish(struct shape_fix *f, bool power_cut, const char *what)
{
	struct world *w = &f->w;
	world_crash(w, power_cut);
	uint64_t completed = w->completed;
	check_same_job(f, what);
	bool kept = f->shape->ask && has_savepoint(f);
	scenario_check_now(&f->s, w);
	if (world_process(w, 2) != WORLD_FINISHED)
		world_fail(w, "after %s the next start failed: %s", what, w->error.text);
	scenario_check_end(&f->s, w);
	if (w->completed > completed)
		check_directory(w);
	world_exit(w);
	check_doubtful(f, what);
	WORLD_CHECK(w, !kept || has_savepoint(f));
}

void shape_tell(const char *what, const struct shape_outcomes *c)
{
	printf("%s: %" PRIu64 " faults: %" PRIu64 " finished (%" PRIu64 " after a restart), %" PRIu64
	       " stopped, %" PRIu64 " failed, %" PRIu64 " halted, %" PRIu64 " starts refused%s",
	       what, c->given, c->finished, c->restarted, c->stopped, c->failed, c->halted, c->refused,
	       c->corrupt ? "" : "\n");
	if (c->corrupt)
		printf("; %" PRIu64 " took a file for cut\n", c->corrupt);
}
