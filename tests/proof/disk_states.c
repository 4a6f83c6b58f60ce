/* disk_states.c - see disk_states.h. */
#include "tests/proof/disk_states.h"

#include "base/check.h"
#include "base/hash.h"
#include "checkpoint/listing.h"
#include "checkpoint/verify.h"
#include "jobs/export.h"

#define SEED 77
#define NAME "keep"
#define FOLDER WORLD_DIR "/" SAVEPOINTS "/" NAME

/* ---- the table of disks ---- */

static struct verdict *place_of(struct disk_states *x, uint64_t hash)
{
	size_t i = (size_t)splitmix64(hash) & (x->seen_cap - 1);
	while (x->seen[i].hash && x->seen[i].hash != hash)
		i = (i + 1) & (x->seen_cap - 1);
	return &x->seen[i];
}

static void seen_grow(struct disk_states *x)
{
	struct verdict *old = x->seen;
	size_t cap = x->seen_cap;
	x->seen_cap = cap ? 2 * cap : 1024;
	x->seen = calloc(x->seen_cap, sizeof *x->seen);
	CHECK(x->seen);
	for (size_t i = 0; i < cap; i++)
		if (old[i].hash)
			*place_of(x, old[i].hash) = old[i];
	free(old);
}

/* *is_new: it stands there with its hash alone. */
static struct verdict *verdict_of(struct disk_states *x, uint64_t hash, bool *is_new)
{
	hash += !hash;
	if (2 * x->seen_n >= x->seen_cap)
		seen_grow(x);
	struct verdict *d = place_of(x, hash);
	*is_new = !d->hash;
	x->seen_n += *is_new;
	d->hash = hash;
	return d;
}

static bool has_file(const struct disk_states *x, const struct verdict *d, uint64_t hash)
{
	for (uint32_t i = 0; i < d->n_files; i++)
		if (x->file[d->files + i] == hash)
			return true;
	return false;
}

static uint64_t hash_file(const char *name, const void *data, size_t len)
{
	uint64_t both[] = {hash_bytes(name, strlen(name)), len ? hash_bytes(data, len) : 0};
	return hash_bytes(both, sizeof both);
}

/* ---- a start on one state ---- */

/* Committed for ever once seen: not so a single file, which grows. */
static bool is_final(const struct disk_states *x, const char *name)
{
	return x->s.kind != SCENARIO_ONE_FILE && !strncmp(name, "part-", 5);
}

static void keep_files(struct disk_states *x, struct verdict *d)
{
	struct world *v = &x->v;
	struct fs_names names;
	struct err e = {0};
	d->files = x->files;
	WORLD_CHECK(v, fs_list(v->fs, v->out, &names, &e) == OK);
	for (size_t i = 0; i < names.n; i++) {
		char path[256];
		struct fs_sim_look l;
		if (!is_final(x, names.name[i]))
			continue;
		snprintf(path, sizeof path, "%s/%s", v->out, names.name[i]);
		WORLD_CHECK(v, fs_sim_peek(v->disk, path, &l));
		if (x->files == x->files_cap) {
			x->files_cap = x->files_cap ? 2 * x->files_cap : 1024;
			x->file = realloc(x->file, x->files_cap * sizeof *x->file);
			CHECK(x->file);
		}
		x->file[x->files++] = hash_file(names.name[i], l.data, l.size);
		d->n_files++;
	}
	fs_names_close(&names);
}

/* Whole, or not there at all. */
static bool savepoint_is_whole(struct world *v)
{
	struct err e = {0};
	uint64_t slot;
	struct manifest m;
	struct verify_result r;
	WORLD_CHECK(v, savepoint_slot(v->fs, &v->mem, WORLD_DIR, NAME, &slot, &e) == OK);
	if (slot == SLOT_NONE)
		return false;
	WORLD_CHECK(v, slots_read(slots_in(v->fs, FOLDER), &v->mem, slot, &m, &e) == OK);
	WORLD_CHECK(v, verify_manifest(storage_dir(v->fs, FOLDER, "parts"), &v->mem, &m,
				       VERIFY_HASHES, &r, &e) == OK);
	manifest_close(&m);
	return r.verdict == VERIFY_INTACT;
}

/* The checkpoint that the newest manifest pins; 0: none. */
static uint64_t pinned_there(struct world *v)
{
	struct slot_entries l = {0};
	struct err e = {0};
	uint64_t id = 0;
	if (slots_read_all(slots_in(v->fs, v->dir), &v->mem, &l, &e) != OK)
		return 0;
	for (size_t i = 0; i < l.n; i++)
		if (l.entry[i].rc == OK && l.entry[i].pinned)
			id = l.entry[i].m.id;
	slot_entries_close(&l);
	return id;
}

static void tell(void *arg, FILE *to)
{
	const struct disk_states *x = arg;
	fprintf(to, "operation %" PRIu64 " was done, then the power failed; state %" PRIu64 ":\n",
		x->op, x->state);
	fs_sim_states_tell(x->st, to);
	fprintf(to, "told: checkpoint %" PRIu64 "%s, %u files\n", x->told.acked,
		x->told.savepoint ? ", a savepoint" : "", x->told.n_files);
	fprintf(to, "again: WEIR_CASE=%" PRIu64 ":%" PRIu64 " WEIR_SEED=%" PRIu64
		" proof_disk_states %s\n", x->op, x->state, proof_seed(), x->name);
}

static void judge(struct disk_states *x, struct verdict *d)
{
	struct world *v = &x->v;
	world_open(v, splitmix64(d->hash), x->s.job);
	v->tells = tell;
	v->tells_arg = x;
	if (x->only_op)
		world_trace(v);
	fs_sim_copy(v->disk, x->disk);
	v->clock.now_us = x->w.clock.now_us + 1000;
	if (x->asks) {
		d->savepoint = savepoint_is_whole(v);
		d->pinned = pinned_there(v);
	}
	scenario_check_now(&x->s, v);
	if (world_start(v, d->hash % 4 ? 2 : 1 + (unsigned)(d->hash >> 2) % 3) != WORLD_RUNNING)
		world_fail(v, "the start: %s", v->error.text);
	const struct store_start *from = job_start(v->job);
	d->from = from->chosen ? from->chosen->id : 0;
	if (from->fell_back)
		world_fail(v, "it fell back: %s", from->bad_why);
	if (world_run(v, UINT64_MAX) != WORLD_FINISHED)
		world_fail(v, "it does not finish: %s", v->error.text);
	scenario_check_end(&x->s, v);
	if (v->completed)
		check_directory(v);
	if (x->told.savepoint)
		WORLD_CHECK(v, savepoint_is_whole(v));
	keep_files(x, d);
	world_exit(v);
	world_close(v);
	d->judged = true;
}

/* ---- what was told is there ---- */

static void expect_told(struct disk_states *x, const struct verdict *d)
{
	const struct told *t = &x->told;
	if (d->from < t->acked)
		world_fail(&x->w, "checkpoint %" PRIu64 " was told to be complete, and a start goes on "
			   "from %" PRIu64, t->acked, d->from);
	if (t->savepoint && !d->savepoint)
		world_fail(&x->w, "a savepoint was answered, and is not there");
	if (t->pinned && d->pinned != t->pinned)
		world_fail(&x->w, "a pin of %" PRIu64 " was answered, and it is not pinned", t->pinned);
}

static void expect_files(struct disk_states *x, const struct verdict *d)
{
	for (uint32_t i = 0; i < x->told.n_files; i++)
		if (!has_file(x, d, x->told.file[i]))
			world_fail(&x->w, "a committed file (%u) is gone, or another", i);
}

static void hear_answers(struct disk_states *x)
{
	x->told.acked = x->w.acked;
	for (uint32_t i = 0; i < x->w.answers; i++) {
		const struct world_answer *a = &x->w.answer[i];
		if (a->code != OK)
			world_fail(&x->w, "request %" PRIu64 ": %s", a->request, a->why);
		if (a->request == 1)
			x->told.savepoint = true;
		else
			x->told.pinned = a->request;
	}
}

/* A name in the sink's folder: from now on a consumer may have read it. */
static void hear_file(struct disk_states *x, const char *path)
{
	struct fs_sim_look l;
	size_t len = strlen(x->w.out);
	if (!path || strncmp(path, x->w.out, len) || path[len] != '/' ||
	    !is_final(x, path + len + 1))
		return;
	WORLD_CHECK(&x->w, fs_sim_peek(x->w.disk, path, &l));
	CHECK(x->told.n_files < TOLD_FILES);
	x->told.file[x->told.n_files++] = hash_file(path + len + 1, l.data, l.size);
}

/* ---- the cuts ---- */

static bool is_sampled(const struct disk_states *x, uint64_t hash)
{
	return x->only_op || splitmix64(x->seed ^ hash) % x->one_in == 0;
}

static void least_of(struct disk_states *x, const struct verdict *d)
{
	if (!x->least.judged)
		x->least = *d;
	if (d->from < x->least.from)
		x->least.from = d->from;
	x->least.savepoint &= d->savepoint;
	if (d->pinned != x->least.pinned)
		x->least.pinned = 0;
}

static void one_state(struct disk_states *x)
{
	bool is_new;
	uint64_t hash = fs_sim_hash(x->disk);
	struct verdict *d = verdict_of(x, hash, &is_new);
	x->made++;
	if (is_new && is_sampled(x, hash)) {
		struct verdict made = *d; /* the table does not move meanwhile, but be plain */
		judge(x, &made);
		*d = made;
		x->judged++;
	}
	if (!d->judged)
		return;
	x->done++;
	least_of(x, d);
	expect_told(x, d);
	expect_files(x, d);
}

static void one_cut(struct disk_states *x)
{
	x->cuts++;
	x->state = 0;
	x->least = (struct verdict){0};
	fs_sim_states_open(&x->st, x->w.disk, x->at_most, x->seed ^ x->op);
	uint64_t all = fs_sim_states_all(x->st);
	x->all = x->all + all < all ? UINT64_MAX : x->all + all;
	x->sampled_cuts += all > x->at_most;
	while (fs_sim_states_next(x->st, x->disk)) {
		x->state++;
		if (!x->only_op || x->state == x->only_state)
			one_state(x);
	}
}

/* What is told after a change holds for every state that its cut could leave. */
static void end_of_cut(struct disk_states *x)
{
	hear_answers(x);
	if (x->least.judged)
		expect_told(x, &x->least);
	fs_sim_states_close(&x->st);
}

static void on_change(void *arg, const struct fs_sim_change *c)
{
	struct disk_states *x = arg;
	if (x->st)
		end_of_cut(x);
	hear_file(x, c->to);
	x->op = c->n;
	if (!x->only_op || x->op == x->only_op)
		one_cut(x);
}

/* ---- the run ---- */

void disk_states_open(struct disk_states *x, const char *name, enum scenario_kind k,
		      struct scenario_size size, bool asks, struct disk_states_size much)
{
	struct rng r;
	struct err e = {0};
	memset(x, 0, sizeof *x);
	x->name = name;
	x->asks = asks;
	x->seed = splitmix64(proof_seed() ^ hash_bytes(name, strlen(name)));
	x->one_in = proof_all() ? 1 : much.one_in;
	x->at_most = proof_all() ? much.at_most_of_all : much.at_most;
	const char *only = getenv("WEIR_CASE");
	if (only)
		sscanf(only, "%" SCNu64 ":%" SCNu64, &x->only_op, &x->only_state);
	rng_seed(&r, SEED);
	scenario_open(&x->s, k, &r, size);
	world_open(&x->w, SEED, x->s.job);
	x->w.tells = tell;
	x->w.tells_arg = x;
	x->w.draws_chaining = false;
	scenario_files(&x->s, &x->w);
	mem_init(&x->mem, 0);
	CHECK(fs_sim_open(&x->disk, &x->mem, &e) == OK);
}

void disk_states_close(struct disk_states *x)
{
	fs_sim_close(&x->disk);
	CHECK(x->mem.used_bytes == 0);
	world_close(&x->w);
	scenario_close(&x->s);
	free(x->seen);
	free(x->file);
}

/* A savepoint after the second checkpoint, a pin of that checkpoint after the fourth. */
static void ask(struct disk_states *x)
{
	struct err e = {0};
	struct job_ask a = {.kind = ASK_SAVEPOINT, .request = 1, .savepoint = true, .name = NAME};
	if (!x->asks || x->asked == 2 || x->w.completed < 2 * (x->asked + 1))
		return;
	if (x->asked == 1) /* its request is the checkpoint's number, which is above 1 */
		a = (struct job_ask){.kind = ASK_PIN, .request = x->w.acked, .id = x->w.acked};
	if (job_ask(x->w.job, &a, &e) != OK)
		world_fail(&x->w, "%s", e.text);
	x->asked++;
}

void disk_states_run(struct disk_states *x)
{
	enum world_end end = WORLD_PAUSED;
	char what[80];
	fs_sim_watch(x->w.disk, on_change, x);
	WORLD_CHECK(&x->w, world_start(&x->w, 2) == WORLD_RUNNING);
	for (; end == WORLD_PAUSED; ask(x))
		end = world_run(&x->w, 1);
	WORLD_CHECK(&x->w, end == WORLD_FINISHED && x->asked == 2u * x->asks);
	hear_answers(x);
	if (x->st)
		end_of_cut(x);
	fs_sim_watch(x->w.disk, NULL, NULL);
	scenario_check_end(&x->s, &x->w);
	WORLD_CHECK(&x->w, x->told.savepoint == x->asks && !x->told.pinned == !x->asks);
	world_exit(&x->w);
	snprintf(what, sizeof what, "states of the disk after a power cut, %s", x->name);
	proof_line(what, x->done, x->all);
	printf("%s: %" PRIu64 " cuts, of %" PRIu64 " not all states; %" PRIu64 " made, %zu distinct, %"
	       PRIu64 " of those judged\n", x->name, x->cuts, x->sampled_cuts, x->made, x->seen_n,
	       x->judged);
}
