/* crash_shapes.c - the lives that crash.c crashes: what each job is, and what is asked of it. Those
 * with a life of their own (several processes, owners or requests) stand first. */
#include "tests/proof/crash.h"

#include "base/check.h"
#include "checkpoint/listing.h"
#include "checkpoint/slots.h"
#include "checkpoint/verify.h"
#include "jobs/export.h"

/* ---- what is asked for ---- */

/* Until so many checkpoints are completed in all; false: it crashed, or came to its end before. */
static bool runs_to(struct life *l, uint64_t completed, enum world_end *end)
{
	*end = WORLD_PAUSED;
	while (l->w.completed < completed && *end == WORLD_PAUSED)
		*end = world_run(&l->w, 20);
	return *end == WORLD_PAUSED;
}

/* ---- a savepoint, and stop ---- */

static void savepoint_name(const struct life *l, char *name)
{
	snprintf(name, 24, "keep-%" PRIu64, l->note);
}

/* Who was not told that it has stopped asks the next process again, for another one. */
static enum world_end savepoint_and_stop(struct life *l)
{
	struct world *w = &l->w;
	struct err e = {0};
	enum world_end end = world_start(w, life_parallelism(l));
	if (end != WORLD_RUNNING)
		return end;
	if (l->phase == 0 && !runs_to(l, w->completed + 2, &end))
		return end;
	if (l->phase == 0) {
		l->note++;
		struct job_ask ask = {.kind = ASK_STOP, .savepoint = true};
		savepoint_name(l, ask.name);
		if (job_ask(w->job, &ask, &e) != OK)
			world_fail(w, "a stop was refused: %s", e.text);
	}
	end = world_run(w, UINT64_MAX);
	l->phase += end == WORLD_STOPPED;
	return end;
}

/* What was answered is there, whole. */
static void savepoint_stands(struct life *l)
{
	struct world *w = &l->w;
	struct err e = {0};
	uint64_t slot;
	struct manifest m;
	struct verify_result r;
	char name[24], folder[64];
	if (l->phase == 0)
		return; /* it came to its end before anybody could ask */
	l->met = true;
	savepoint_name(l, name);
	snprintf(folder, sizeof folder, WORLD_DIR "/" SAVEPOINTS "/%s", name);
	WORLD_CHECK(w, savepoint_slot(w->fs, &w->mem, WORLD_DIR, name, &slot, &e) == OK);
	WORLD_CHECK(w, slot != SLOT_NONE);
	WORLD_CHECK(w, slots_read(slots_in(w->fs, folder), &w->mem, slot, &m, &e) == OK);
	WORLD_CHECK(w, verify_manifest(storage_dir(w->fs, folder, "parts"), &w->mem, &m, VERIFY_HASHES,
				       &r, &e) == OK);
	WORLD_CHECK(w, r.verdict == VERIFY_INTACT && m.kind == CHECKPOINT_SAVEPOINT && !m.n_intents);
	manifest_close(&m);
}

/* ---- a rewind ---- */

/* Killed in the middle; its owner wants to go back by one. */
static void killed_in_the_middle(struct life *l)
{
	struct world *w = &l->w;
	struct slot_entries entries;
	struct err e = {0};
	enum world_end end = world_start(w, 2);
	WORLD_CHECK(w, end == WORLD_RUNNING && runs_to(l, 5, &end));
	world_crash(w, false);
	WORLD_CHECK(w, slots_read_all(slots_in(w->fs, WORLD_DIR), &w->mem, &entries, &e) == OK);
	for (size_t i = 0; i < entries.n && !l->note; i++) /* from the newest */
		if (entries.entry[i].m.slot_kind == SLOT_CHECKPOINT)
			l->note = entries.entry[i].m.id - 1;
	slot_entries_close(&entries);
}

/* He asks once; whoever comes after the crash finds what was promised. */
static enum world_end rewind_once(struct life *l)
{
	struct world *w = &l->w;
	w->rewind = !l->came;
	w->want = (struct store_want){.by = w->rewind ? WANT_ID : WANT_NEWEST, .id = l->note};
	return life_process(l);
}

/* ---- rescaled at restores ---- */

static enum world_end stopped_and_rescaled(struct life *l)
{
	static const unsigned ways[] = {3, 1, 4, 2};
	enum world_end end = world_start(&l->w, ways[(l->came + l->processes) % 4]);
	if (end != WORLD_RUNNING)
		return end;
	if (l->phase < 3 && !runs_to(l, l->w.completed + 2, &end))
		return end;
	if (l->phase < 3)
		world_stop(&l->w);
	l->met |= l->phase > 0;
	l->phase++;
	return world_run(&l->w, UINT64_MAX);
}

/* ---- an owner that stands still while its successors work ---- */

enum { FIRST_WORKS, SUCCESSOR_WORKS, FIRST_WAKES, THIRD_WORKS };

static enum world_end taken_over(struct life *l)
{
	struct world *w = &l->w;
	enum world_end end;
	bool cut = l->came && l->crash[l->came - 1].variant >> 1;
	if (cut && l->phase < THIRD_WORKS) { /* which ended all of them */
		l->phase = FIRST_WORKS;
		world_host(w, 0);
	}
	if (l->phase == FIRST_WORKS) {
		end = world_start(w, life_parallelism(l));
		if (end != WORLD_RUNNING || !runs_to(l, w->completed + 3, &end))
			return end;
		end = world_run(w, rng_below(&w->rng, 300)); /* into what it does then */
		if (end != WORLD_PAUSED)
			return end;
		l->note = w->completed;
		l->phase++;
	}
	if (l->phase == SUCCESSOR_WORKS) {
		world_host(w, 1);
		end = world_start(w, life_parallelism(l));
		if (end != WORLD_RUNNING)
			return end;
		if (runs_to(l, w->completed + 2, &end)) {
			world_stop(w);
			end = world_run(w, UINT64_MAX);
		}
		if (end == WORLD_CRASHED)
			return end;
		WORLD_CHECK(w, end == WORLD_STOPPED || end == WORLD_FINISHED);
		world_exit(w);
		l->untidy = end == WORLD_FINISHED; /* nobody sweeps after who wakes last */
		l->phase++;
	}
	if (l->phase == FIRST_WAKES) {
		world_host(w, 0);
		/* Else its last checkpoint stood when it was left, and was settled by both. */
		bool behind = w->job && w->completed > l->note;
		l->met |= behind;
		end = w->job ? world_run(w, UINT64_MAX) : WORLD_HALTED;
		if (end == WORLD_CRASHED)
			return end;
		if (end != WORLD_HALTED && (behind || end != WORLD_FINISHED))
			world_fail(w, "who was taken over ended %d: %s", (int)end, w->error.text);
		world_exit(w);
		l->phase++;
	}
	world_host(w, 2);
	return life_process(l);
}

/* ---- attempts of one epoch ---- */

/* From some operation on nothing can be synced, until an attempt has failed of that; the process
 * begins another one. Or, where it may not (it does not know what became of what it published), it
 * ends, and is followed by another process. */
static enum world_end fails_once(struct life *l)
{
	struct world *w = &l->w;
	uint64_t failed = w->failed_attempts, faults = fs_sim_faults(w->disk);
	struct fs_sim_fault f = {.at = l->begun + 20 + (l->chance + w->seed) % 150, .code = E_IO,
				 .persistent = true, .on = FS_SIM_SYNCS};
	if (l->processes == 0)
		fs_sim_fault(w->disk, &f);
	enum world_end end = world_start(w, life_parallelism(l));
	if (end == WORLD_RUNNING)
		end = WORLD_PAUSED;
	while (end == WORLD_PAUSED && w->failed_attempts == failed)
		end = world_run(w, 20);
	if (end != WORLD_CRASHED)
		fs_sim_fault_at(w->disk, 0, OK, false);
	/* Maybe in the last commit: who settles it publishes nothing, and so sweeps nothing. */
	l->untidy |= fs_sim_faults(w->disk) > faults;
	l->met |= w->failed_attempts > failed;
	if (end == WORLD_PAUSED)
		end = world_run(w, UINT64_MAX);
	return l->processes == 0 && (end == WORLD_FAILED || end == WORLD_HALTED) ? WORLD_STOPPED : end;
}

/* ---- merges ---- */

static void end_of_merges(struct life *l)
{
	for (size_t i = 0; i < l->dir.made_n; i++)
		l->met |= strstr(l->dir.made[i].path, ".part") && strstr(l->dir.made[i].path, "-m");
}

/* ---- the list ---- */

#define WORDS .lines = 16, .lines_a_second = 450

const struct shape crash_shapes[] = {
	{.name = "words", .kind = SCENARIO_WORDS, .size = {WORDS}, .least_changes = 90},
	{.name = "map", .kind = SCENARIO_MAP, .size = {.lines = 60, .lines_a_second = 1500},
	 .least_changes = 90},
	{.name = "unequal_union", .kind = SCENARIO_UNION, .least_changes = 90,
	 .size = {.in_two = true, .lines = 20, .slow_lines = 7, .lines_a_second = 250}},
	{.name = "ended_early", .kind = SCENARIO_UNION, .least_changes = 90,
	 .size = {.in_two = true, .lines = 1, .slow_lines = 16, .lines_a_second = 400}},
	{.name = "empty", .kind = SCENARIO_WORDS, .least_changes = 30,
	 .size = {.lines = 0, .lines_a_second = 400}},
	{.name = "audit_at_the_end", .kind = SCENARIO_WORDS_END, .size = {WORDS}, .least_changes = 90},
	{.name = "single", .kind = SCENARIO_ONE_FILE, .size = {WORDS}, .least_changes = 90},
	{.name = "overlap", .kind = SCENARIO_WORDS, .size = {WORDS}, .least_changes = 90,
	 .checkpoint = "\"max_concurrent\":3"},
	{.name = "merges", .kind = SCENARIO_KEYS, .size = {.lines_a_second = 600},
	 .least_changes = 90, .end = end_of_merges, .meets = "a merge"},
	{.name = "savepoint_and_stop", .kind = SCENARIO_WORDS, .size = {WORDS}, .least_changes = 90,
	 .process = savepoint_and_stop, .end = savepoint_stands,
	 .meets = "a savepoint"},
	{.name = "rewind", .kind = SCENARIO_KEYS, .size = {.lines_a_second = 1200},
	 .least_changes = 60, .before = killed_in_the_middle, .process = rewind_once},
	{.name = "rescale", .kind = SCENARIO_KEYS, .size = {.rows = 2000, .lines_a_second = 300},
	 .least_changes = 90, .process = stopped_and_rescaled, .meets = "a restore by others"},
	{.name = "taken_over", .kind = SCENARIO_WORDS, .size = {WORDS}, .least_changes = 90,
	 .process = taken_over, .meets = "an owner that woke fenced"},
	{.name = "attempts", .kind = SCENARIO_WORDS, .size = {WORDS}, .least_changes = 90,
	 .process = fails_once, .meets = "a failed attempt"},
};
const size_t crash_shapes_n = sizeof crash_shapes / sizeof *crash_shapes;
