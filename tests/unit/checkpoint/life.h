/* life.h - an owner's life as the store's tests live it: look, own, then checkpoints, each followed
 * by a sweep; and what must be true of the directory whatever happened. */
#pragma once
#include "job.h"

#include "checkpoint/listing.h"
#include "checkpoint/retention.h"
#include "checkpoint/storage_mem.h"

#define DIR "jobs/wc"
enum { CHAIN = 3 }; /* runs a chain keeps in these lives: older files fall out of use */

/* Where a store lives: the log and the parts, in a directory or in a storage of its own. */
struct place {
	struct fs *fs;
	struct storage slots, parts;
};

static inline struct place place_of(struct fs *fs)
{
	return (struct place){fs, slots_in(fs, DIR), parts_in(fs, DIR)};
}

/* What the world outside knows: it outlives owners. */
struct witness {
	uint64_t acked;   /* highest id whose publish returned OK */
	uint64_t maybe;   /* highest id whose publish has no answer */
	uint64_t offered; /* highest id anybody tried to publish */
};

struct owner {
	struct place at;
	struct mem *mem;
	struct store *s;
	struct store_start start;
	struct manifest last; /* the newest of the line, or empty */
	uint64_t next_id;
	uint32_t attempt; /* that sweeps; parts here are all of attempt 1 */
};

static inline void owner_close(struct owner *o)
{
	store_close(o->s);
	if (o->mem)
		manifest_close(&o->last);
	o->s = NULL;
}

/* What a checkpoint of that id must say: enough that a mixture would be seen. */
static inline void expect_whole(const struct manifest *m)
{
	EXPECT(m->job_hash == 0x1122334455667788 && m->figures.bytes_written == 300 + m->id);
	EXPECT(m->wall_us == 1700000000000000 + (int64_t)m->id && m->n_ops == 3);
	EXPECT(m->op[1].keyed[0].n_runs >= 1 && m->op[1].keyed[0].n_runs <= CHAIN);
}

static inline struct store_options options_at(const struct place *at)
{
	struct store_options so = store_options_of(DIR);
	so.slots = at->slots;
	so.parts = at->parts;
	return so;
}

static inline enum rc owner_begin_at(struct owner *o, struct place at, struct mem *mem, bool fresh,
				     struct err *e)
{
	struct store_options so = options_at(&at);
	so.fresh = fresh;
	so.new_lineage += fresh;
	*o = (struct owner){.at = at, .mem = mem};
	manifest_init(&o->last, mem);
	enum rc rc = store_open(&o->s, at.fs, mem, &so, &o->start, e);
	if (rc != OK)
		return rc;
	do {
		struct err why = {OK};
		rc = store_own(o->s, &o->start, &why);
		if (rc != OK && rc != E_EXISTS)
			return ERR(e, rc, "%s", why.text);
	} while (rc != OK);
	o->next_id = o->start.next_id;
	return store_newest(o->s, &o->last, e);
}

static inline enum rc owner_begin(struct owner *o, struct fs *fs, struct mem *mem, bool fresh,
				  struct err *e)
{
	return owner_begin_at(o, place_of(fs), mem, fresh, e);
}

/* One checkpoint: a new part, the chain of before but its oldest. */
static inline enum rc owner_checkpoint(struct owner *o, struct witness *w, struct err *e)
{
	struct part_name n = {.lineage = o->start.lineage, .epoch = o->start.epoch, .attempt = 1,
			      .checkpoint_id = o->next_id++};
	struct part_file file;
	struct section_ref ref[1];
	w->offered = n.checkpoint_id > w->offered ? n.checkpoint_id : w->offered;
	enum rc rc = write_part_at(o->at.parts, o->mem, &n, CODEC_LZ4, 1, 2, &file,
				ref, e);
	if (rc != OK) {
		char name[LAYOUT_NAME_MAX + 1];
		layout_part(name, &n);
		if (store_discard(o->s, name, NULL) == E_CRASHED)
			return E_CRASHED;
		return rc;
	}
	struct manifest m;
	make_checkpoint(&m, o->mem, n.checkpoint_id, NULL, NULL, 0);
	struct manifest_keyed *k = &m.op[1].keyed[0];
	if (o->last.id) {
		const struct manifest_keyed *from = &o->last.op[1].keyed[0];
		for (uint32_t i = from->n_runs < CHAIN ? 0 : 1; i < from->n_runs && rc == OK; i++)
			rc = manifest_carry_run(&m, k, &o->last, &from->run[i], e);
	}
	struct manifest_run *run = manifest_add_run(&m, k);
	*run = (struct manifest_run){.ref = ref[0], .hash_last = UINT64_MAX, .delta = true};
	run->ref.file = manifest_file(&m, &file);
	rc = store_publish(o->s, &m, e);
	if (rc == OK) {
		EXPECT(n.checkpoint_id > w->acked); /* inv 10 */
		w->acked = n.checkpoint_id;
		manifest_close(&o->last);
		o->last = m;
		return OK;
	}
	if (rc == E_UNKNOWN_OUTCOME || rc == E_CRASHED)
		w->maybe = n.checkpoint_id;
	if (rc != E_FENCED && rc != E_UNKNOWN_OUTCOME && rc != E_CRASHED)
		(void)!store_discard(o->s, file.name, NULL);
	manifest_close(&m);
	return rc;
}

static inline enum rc owner_sweep(struct owner *o, struct err *e)
{
	bool done = false;
	enum rc rc = store_sweep_begin(o->s, o->attempt ? o->attempt : 1, e);
	while (rc == OK && !done)
		rc = store_sweep_step(o->s, &done, e);
	return rc;
}

/* Checkpoints and sweeps; errors that a job survives are survived. Stops at the first other. */
static inline enum rc live(struct owner *o, struct witness *w, int checkpoints, struct err *e)
{
	for (int i = 0; i < checkpoints; i++) {
		struct err why = {OK};
		enum rc rc = owner_checkpoint(o, w, &why);
		if (rc == OK)
			rc = owner_sweep(o, &why);
		if (rc == E_CRASHED || rc == E_FENCED || rc == E_UNKNOWN_OUTCOME)
			return ERR(e, rc, "%s", why.text);
	}
	return OK;
}

/* Looks at the directory and gives the lock back. The newest must be what was acknowledged last, or
 * one whose answer was lost; whole; and everything it and its retained slots name intact. */
static inline void expect_sound_at(struct place at, struct mem *mem, const struct witness *w)
{
	struct store *s;
	struct store_start start;
	struct err e = {OK};
	struct store_options so = options_at(&at);
	EXPECT_OK(store_open(&s, at.fs, mem, &so, &start, &e), &e);
	uint64_t id = start.chosen ? start.chosen->id : 0;
	if (id != w->acked && !(id > w->acked && id == w->maybe))
		fail_msg("found %llu, acknowledged %llu, perhaps %llu", (unsigned long long)id,
			 (unsigned long long)w->acked, (unsigned long long)w->maybe);
	EXPECT(start.next_id > id);
	struct slot_entries l;
	EXPECT_OK(slots_read_all(at.slots, mem, &l, &e), &e);
	uint64_t below = UINT64_MAX;
	for (size_t i = 0; i < l.n; i++) {
		struct verify_result r;
		EXPECT(l.entry[i].rc == OK);
		if (l.entry[i].m.slot_kind == SLOT_FENCE || !l.entry[i].live)
			continue;
		expect_whole(&l.entry[i].m);
		EXPECT(l.entry[i].m.id < below); /* inv 10: ids rise with slots */
		below = l.entry[i].m.id;
		EXPECT_OK(verify_manifest(at.parts, mem, &l.entry[i].m, VERIFY_HASHES, &r, &e), &e);
		EXPECT(r.verdict == VERIFY_INTACT);
	}
	slot_entries_close(&l);
	store_close(s);
}

static inline void expect_sound(struct fs *fs, struct mem *mem, const struct witness *w)
{
	expect_sound_at(place_of(fs), mem, w);
}

/* inv 14: in parts/ stands what live slots name, and nothing else. */
static inline void expect_no_orphans_at(struct place at, struct mem *mem)
{
	struct slot_entries l;
	struct fs_names names;
	struct err e = {OK};
	EXPECT_OK(slots_read_all(at.slots, mem, &l, &e), &e);
	EXPECT_OK(storage_list(at.parts, &names, &e), &e);
	for (size_t i = 0; i < names.n; i++) {
		bool named = false;
		for (size_t j = 0; j < l.n; j++)
			for (uint32_t f = 0; l.entry[j].live && f < l.entry[j].m.n_files; f++)
				named |= !strcmp(l.entry[j].m.file[f].name, names.name[i]);
		if (!named)
			fail_msg("orphan: %s", names.name[i]);
	}
	fs_names_close(&names);
	size_t checkpoints = 0;
	for (size_t j = 0; j < l.n; j++)
		checkpoints += l.entry[j].m.slot_kind == SLOT_CHECKPOINT;
	EXPECT(checkpoints <= 3);
	slot_entries_close(&l);
	EXPECT_OK(storage_list(at.slots, &names, &e), &e);
	for (size_t i = 0; i < names.n; i++) {
		uint64_t slot;
		if (!layout_slot_parse(names.name[i], &slot))
			fail_msg("temporary left: %s", names.name[i]);
	}
	fs_names_close(&names);
}

static inline void expect_no_orphans(struct fs *fs, struct mem *mem)
{
	expect_no_orphans_at(place_of(fs), mem);
}

/* --- the disk most tests live on --- */
struct disk {
	struct storage_mem *objects; /* NULL: all of it stands on the files of sim */
	struct mem mem;
	struct fs_sim *sim;
	struct fs *fs;
	struct witness w;
	struct err e;
};

static inline void disk_open(struct disk *d)
{
	memset(d, 0, sizeof *d);
	mem_init(&d->mem, 0);
	EXPECT_OK(fs_sim_open(&d->sim, &d->mem, &d->e), &d->e);
	d->fs = fs_sim_fs(d->sim);
}

/* The log and the parts in memory; owner.lock and job.json on the files of sim. */
static inline void disk_open_objects(struct disk *d)
{
	disk_open(d);
	d->objects = storage_mem_open(&d->mem);
	EXPECT(d->objects);
}

static inline struct place disk_place(const struct disk *d)
{
	struct place at = place_of(d->fs);
	if (d->objects) {
		at.slots = storage_mem_at(d->objects, DIR, LAYOUT_MANIFEST);
		at.parts = storage_mem_at(d->objects, DIR, LAYOUT_PARTS);
	}
	return at;
}

/* The same on either: operations of the storage in place of file operations. */
static inline uint64_t disk_count(const struct disk *d)
{
	return d->objects ? storage_mem_count(d->objects) : fs_sim_count(d->sim);
}

/* At the n-th operation from now on; after: it is done, and its answer lost. */
static inline void disk_crash_in(struct disk *d, uint64_t n, bool after)
{
	if (d->objects)
		storage_mem_crash_at(d->objects, storage_mem_count(d->objects) + n, after);
	else if (after)
		fs_sim_crash_after(d->sim, fs_sim_count(d->sim) + n);
	else
		fs_sim_crash_at(d->sim, fs_sim_count(d->sim) + n);
}

static inline void disk_fault_in(struct disk *d, uint64_t n, enum rc code, bool after)
{
	if (d->objects)
		storage_mem_fault_at(d->objects, storage_mem_count(d->objects) + n, code, after);
	else if (after)
		fs_sim_fault_after(d->sim, fs_sim_count(d->sim) + n, code);
	else
		fs_sim_fault_at(d->sim, fs_sim_count(d->sim) + n, code, false);
}

static inline bool disk_crashed(const struct disk *d)
{
	return d->objects ? storage_mem_crashed(d->objects) : fs_sim_crashed(d->sim);
}

/* The power is cut. */
static inline void disk_crash(struct disk *d, struct rng *r)
{
	if (d->objects)
		storage_mem_crash(d->objects, r);
	fs_sim_crash(d->sim, r);
}

static inline void disk_kill(struct disk *d)
{
	if (d->objects)
		storage_mem_kill(d->objects);
	fs_sim_fault_at(d->sim, 0, OK, false);
	fs_sim_kill(d->sim);
}

static inline void disk_close(struct disk *d)
{
	storage_mem_close(d->objects);
	fs_sim_close(&d->sim);
	EXPECT(d->mem.used_bytes == 0);
}

/* A whole life that ends well. */
static inline void live_once(struct disk *d, int checkpoints)
{
	struct owner o;
	EXPECT_OK(owner_begin(&o, d->fs, &d->mem, false, &d->e), &d->e);
	for (int i = 0; i < checkpoints; i++) {
		EXPECT_OK(owner_checkpoint(&o, &d->w, &d->e), &d->e);
		EXPECT_OK(owner_sweep(&o, &d->e), &d->e);
	}
	owner_close(&o);
}

static inline enum rc look_at(struct disk *d, bool fresh, struct store **s,
			      struct store_start *start, struct err *e)
{
	struct store_options so = store_options_of(DIR);
	so.fresh = fresh;
	return store_open(s, d->fs, &d->mem, &so, start, e);
}
