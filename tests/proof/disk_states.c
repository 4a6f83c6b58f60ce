/* disk_states.c - see disk_states.h. */
#include "tests/proof/disk_states.h"

#include "base/check.h"
#include "base/hash.h"
#include "checkpoint/listing.h"
#include "checkpoint/verify.h"
#include "jobs/export.h"
#include "tests/lib/test.h"

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
	return x->l.s.kind != SCENARIO_ONE_FILE && !strncmp(name, "part-", 5);
}

static void keep_files(struct disk_states *x, struct verdict *d)
{
	struct world *v = &x->v.w;
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
	if (!x->st)
		return;
	fprintf(to, "operation %" PRIu64 " was done, then the power failed; state %" PRIu64 ":\n",
		x->op, x->state);
	fs_sim_states_tell(x->st, to);
	fprintf(to, "told: checkpoint %" PRIu64 "%s, %u files\n", x->told.acked,
		x->told.savepoint ? ", a savepoint" : "", x->told.n_files);
	fprintf(to, "again: WEIR_CASE=%" PRIu64 ":%" PRIu64 ":%" PRIu64 " WEIR_SEED=%" PRIu64
		" proof_disk_states %s\n", x->life, x->op, x->state, proof_seed(),
		x->part->shape->name);
}

/* Its owner is as far as he was at the cut. */
static void open_life(struct disk_states *x, uint64_t hash)
{
	struct life *v = &x->v;
	v->shape = x->part->shape;
	v->s = x->l.s;
	v->crashes = v->came = 1;
	v->chance = hash;
	v->processes = 0;
	v->phase = x->l.phase;
	v->note = x->l.note;
	v->untidy = false;
	world_open(&v->w, splitmix64(hash), v->s.job);
	v->w.tells = tell;
	v->w.tells_arg = x;
	if (x->only_op)
		world_trace(&v->w);
	fs_sim_copy(v->w.disk, x->disk);
	v->begun = fs_sim_count(v->w.disk);
	v->w.clock.now_us = x->l.w.clock.now_us + 1000;
}

static void judge(struct disk_states *x, struct verdict *d)
{
	struct life *v = &x->v;
	struct world *w = &v->w;
	open_life(x, d->hash);
	if (x->part->asks) {
		d->savepoint = savepoint_is_whole(w);
		d->pinned = pinned_there(w);
	}
	world_directory(w, &v->dir);
	fs_sim_watch(w->disk, directory_saw, &v->dir);
	directory_look(&v->dir);
	scenario_check_now(&v->s, w);
	if (life_go_on(v) != WORLD_FINISHED)
		world_fail(w, "it does not finish: %s", w->error.text);
	if (w->fell_back)
		world_fail(w, "it fell back: %s", w->fell_back);
	d->from = w->went_on_from;
	scenario_check_end(&v->s, w);
	directory_look(&v->dir);
	if (w->completed && !v->untidy)
		directory_tidy(&v->dir);
	if (v->shape->end)
		v->shape->end(v);
	if (x->told.savepoint)
		WORLD_CHECK(w, savepoint_is_whole(w));
	keep_files(x, d);
	world_exit(w);
	fs_sim_watch(w->disk, NULL, NULL);
	directory_close(&v->dir);
	world_close(w);
	d->judged = true;
}

/* ---- what was told is there ---- */

static void expect_told(struct disk_states *x, const struct verdict *d)
{
	const struct told *t = &x->told;
	if (d->from < t->acked)
		world_fail(&x->l.w, "checkpoint %" PRIu64 " was told to be complete, and a start goes on "
			   "from %" PRIu64, t->acked, d->from);
	if (t->savepoint && !d->savepoint)
		world_fail(&x->l.w, "a savepoint was answered, and is not there");
	if (t->pinned && d->pinned != t->pinned)
		world_fail(&x->l.w, "a pin of %" PRIu64 " was answered, and it is not pinned", t->pinned);
}

static void expect_files(struct disk_states *x, const struct verdict *d)
{
	for (uint32_t i = 0; i < x->told.n_files; i++)
		if (!has_file(x, d, x->told.file[i]))
			world_fail(&x->l.w, "a committed file (%u) is gone, or another", i);
}

static void hear_answers(struct disk_states *x)
{
	x->told.acked = x->l.w.acked > x->base ? x->l.w.acked : 0;
	if (!x->part->asks)
		return;
	for (uint32_t i = 0; i < x->l.w.answers; i++) {
		const struct world_answer *a = &x->l.w.answer[i];
		if (a->code != OK)
			world_fail(&x->l.w, "request %" PRIu64 ": %s", a->request, a->why);
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
	size_t len = strlen(x->l.w.out);
	if (!path || strncmp(path, x->l.w.out, len) || path[len] != '/' ||
	    !is_final(x, path + len + 1))
		return;
	WORLD_CHECK(&x->l.w, fs_sim_peek(x->l.w.disk, path, &l));
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

/* Who goes on with an equal disk does the same, if its owner is as far. */
static uint64_t key_of(const struct disk_states *x)
{
	uint64_t hash = fs_sim_hash(x->disk);
	return x->part->shape->process ? hash ^ splitmix64(x->l.phase + 8 * x->l.note) : hash;
}

static void one_state(struct disk_states *x)
{
	bool is_new;
	uint64_t hash = key_of(x);
	struct verdict *d = verdict_of(x, hash, &is_new);
	x->made++;
	if (is_new && is_sampled(x, hash)) {
		judge(x, d);
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
	x->cuts_n++;
	x->state = 0;
	x->least = (struct verdict){0};
	fs_sim_states_open(&x->st, x->l.w.disk, x->at_most, x->seed ^ x->op);
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

/* Nothing is cut before the life begins, but what is told then counts. */
static void on_change(void *arg, const struct fs_sim_change *c)
{
	struct disk_states *x = arg;
	if (x->st)
		end_of_cut(x);
	hear_file(x, c->to);
	x->op = c->n;
	bool wanted = !x->only_op || (x->op == x->only_op && x->life == x->only_life);
	if (x->cuts && wanted)
		one_cut(x);
}

/* ---- the lives ---- */

static void one_life(struct disk_states *x)
{
	struct life *l = &x->l;
	memset(l, 0, sizeof *l);
	x->told = (struct told){0};
	x->base = 0;
	x->cuts = false;
	l->note = x->life;
	life_open(l, x->part->shape);
	l->w.tells = tell;
	l->w.tells_arg = x;
	fs_sim_watch(l->w.disk, on_change, x);
	if (x->part->shape->before)
		x->part->shape->before(l);
	x->cuts = true;
	if (x->part->forgets) {
		x->base = l->w.acked;
		x->told.n_files = 0;
	}
	l->begun = fs_sim_count(l->w.disk);
	if (life_go_on(l) != WORLD_FINISHED)
		world_fail(&l->w, "it does not finish: %s", l->w.error.text);
	hear_answers(x);
	if (x->st)
		end_of_cut(x);
	fs_sim_watch(l->w.disk, NULL, NULL);
	scenario_check_end(&l->s, &l->w);
	WORLD_CHECK(&l->w, x->told.savepoint == x->part->asks && !x->told.pinned == !x->part->asks);
	world_exit(&l->w);
	directory_close(&l->dir); /* it saw nothing: mistakes are to be found in what a cut leaves */
	world_close(&l->w);
	scenario_close(&l->s);
}

static void open_run(struct disk_states *x, const struct disk_part *part)
{
	struct err e = {0};
	const char *name = part->shape->name, *only = getenv("WEIR_CASE");
	x->part = part;
	x->seed = splitmix64(proof_seed() ^ hash_bytes(name, strlen(name)));
	const struct disk_states_size *much = &part->much;
	uint64_t times = proof_times();
	x->one_in = proof_all() ? much->proof_one_in : much->one_in;
	x->at_most = much->at_most;
	if (proof_all() && times != 1) { /* more disks first, then more states */
		x->one_in = times ? 1 + (x->one_in - 1) / times : 1;
		x->at_most = proof_cap(much->at_most, much->at_most_of_all);
	}
	if (only)
		sscanf(only, "%" SCNu64 ":%" SCNu64 ":%" SCNu64, &x->only_life, &x->only_op,
		       &x->only_state);
	mem_init(&x->mem, 0);
	CHECK(fs_sim_open(&x->disk, &x->mem, &e) == OK);
}

static void say(const struct disk_states *x)
{
	char what[80];
	const char *name = x->part->shape->name;
	snprintf(what, sizeof what, "states of the disk after a power cut, %s", name);
	proof_line(what, x->done, x->all);
	printf("%s: %" PRIu64 " cuts, of %" PRIu64 " not all states; %" PRIu64 " made, %zu distinct, %"
	       PRIu64 " of those judged\n", name, x->cuts_n, x->sampled_cuts, x->made, x->seen_n,
	       x->judged);
}

void disk_states_run(const struct disk_part *part)
{
	struct disk_states *x = calloc(1, sizeof *x);
	CHECK(x);
	open_run(x, part);
	bool endless = proof_all() && !proof_times();
	uint32_t lives = endless ? part->much.lives_of_all : part->much.lives;
	for (x->life = 0; x->life < lives; x->life++)
		one_life(x);
	say(x);
	if (!x->only_op) { /* by feel: or the lives do hardly anything */
		EXPECT(x->cuts_n > 40 && x->judged > x->seen_n / (2 * x->one_in));
		EXPECT(x->one_in > 1 || x->done == x->made);
	}
	fs_sim_close(&x->disk);
	CHECK(x->mem.used_bytes == 0);
	free(x->seen);
	free(x->file);
	free(x);
}
