/* bridge.h - several subtasks' tables, packed into part files on a simulated disk and restored from
 * it: what the tests of pack, restore and merger share. The oracle is the state tests' model;
 * manifests are put together in memory, as jobs/ would, but plainly: one run after the other. */
#pragma once
#include "base/fs_sim.h"
#include "runtime/merger.h"
#include "runtime/pack.h"
#include "runtime/restore.h"
#include "tests/unit/state/model.h"

#define PARTS "parts"
#define SUBTASKS_MAX 4
#define GROUPS 128
enum { PACKED = 1, FINISHED, MERGED };

struct subtask {
	uint64_t lo, hi;
	struct chunk_pool chunks;
	struct keyed *k;
};

struct bridge {
	uint64_t seed;
	struct mem mem;
	struct rng r;
	struct fs_sim *disk;
	struct fs *fs;
	struct ioqueue *io;
	struct packing *packing;
	struct mailbox mb;
	struct model m;
	struct subtask t[SUBTASKS_MAX];
	uint32_t n;
	struct manifest newest; /* one op, one state */
	struct model_entry *published; /* the model as of newest */
	uint64_t id, merges;
	uint32_t attempt;
	struct err e;
};

static inline void bridge_packing(struct bridge *b)
{
	b->attempt++;
	struct packing_options o = {.mem = &b->mem, .fs = b->fs, .io = b->io, .parts_dir = PARTS,
				    .lineage = 1, .epoch = 2, .attempt = b->attempt,
				    .codec = (enum codec)(b->attempt % 3)};
	SAY(b, packing_open(&b->packing, &o, &b->e) == OK);
}

static inline void tables_open(struct bridge *b, uint32_t n)
{
	b->n = n;
	for (uint32_t i = 0; i < n; i++) {
		struct subtask *t = &b->t[i];
		t->lo = hash_of_group(group_first(i, n, GROUPS), GROUPS);
		t->hi = hash_of_group(group_first(i + 1, n, GROUPS), GROUPS) - 1;
		chunk_pool_init(&t->chunks, &b->mem, 4 + (uint32_t)rng_below(&b->r, 6));
		t->chunks.chunk_bytes = 16384; /* several of them even in a small state */
		struct keyed_config c = {b->m.shape, t->lo, t->hi, &t->chunks, &b->mem};
		SAY(b, keyed_open(&t->k, &c, &b->e) == OK);
	}
}

static inline void tables_close(struct bridge *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		keyed_close(b->t[i].k);
		chunk_pool_close(&b->t[i].chunks);
	}
	b->n = 0;
}

static inline void bridge_open(struct bridge *b, uint64_t seed, enum key_form form, uint32_t keys)
{
	memset(b, 0, sizeof *b);
	b->seed = seed;
	mem_init(&b->mem, 0);
	rng_seed(&b->r, seed);
	SAY(b, fs_sim_open(&b->disk, &b->mem, &b->e) == OK);
	b->fs = fs_sim_fs(b->disk);
	SAY(b, fs_mkdir_all(b->fs, PARTS, &b->e) == OK);
	SAY(b, ioqueue_open(&b->io, b->fs, &b->mem, &b->e) == OK);
	mailbox_init(&b->mb, NULL);
	bridge_packing(b);
	model_open(&b->m, model_shape(form, 8, MODEL_FROZEN), keys, 40, &b->r);
	b->published = calloc(keys, sizeof *b->published);
	manifest_init(&b->newest, &b->mem);
}

static inline void bridge_close(struct bridge *b)
{
	tables_close(b);
	packing_close(b->packing);
	ioqueue_close(b->io);
	manifest_close(&b->newest);
	model_close(&b->m);
	free(b->published);
	fs_sim_close(&b->disk);
	EXPECT(b->mem.used_bytes == 0);
}

/* Some keys change or go; the ones for which a table has no room now are left alone. */
static inline void change_some(struct bridge *b, uint32_t most, bool deletes)
{
	for (uint32_t i = 0; i < b->n; i++) {
		struct subtask *t = &b->t[i];
		uint16_t sel[MODEL_BATCH];
		void *value[MODEL_BATCH];
		uint32_t n = 0, want = 1 + (uint32_t)rng_below(&b->r, most);
		uint64_t bytes = 0;
		for (uint32_t tries = 0; n < want && n < MODEL_BATCH && tries < 8 * want; tries++) {
			uint32_t k = (uint32_t)rng_below(&b->r, b->m.keys);
			if (b->m.hash[k] < t->lo || b->m.hash[k] > t->hi)
				continue;
			sel[n++] = (uint16_t)k;
			bytes += b->m.len[k];
		}
		struct key_rows rows = model_rows(&b->m, sel, n);
		if (deletes && rng_below(&b->r, 4) == 0) {
			SAY(b, keyed_delete(t->k, &rows, NULL, &b->e) == OK);
			for (uint32_t k = 0; k < n; k++)
				b->m.entry[sel[k]] = (struct model_entry){0};
			continue;
		}
		if (!keyed_can_change(t->k, n, bytes))
			continue;
		SAY(b, keyed_upsert(t->k, &rows, value, &b->e) == OK);
		for (uint32_t k = 0; k < n; k++) {
			struct model_entry *x = &b->m.entry[sel[k]];
			*x = (struct model_entry){.present = true, .value = {x->value[0] + 1 + k}};
			memcpy(value[k], x->value, 8);
		}
	}
}

static inline struct section section_of(const struct bridge *b, uint32_t i)
{
	return (struct section){.kind = SECTION_KEYED, .stage = "count", .op_type = "keyed_sum",
				.state_version = 1, .subtask = i, .lineage = 1, .attempt = b->attempt,
				.epoch = 2, .hash_id = shape_hash_id(&b->m.shape),
				.hash_first = b->t[i].lo, .hash_last = b->t[i].hi,
				.row_ops = ROWS_PUT | ROWS_DELETE, .codec = CODEC_LZ4};
}

static inline void lane_step(struct bridge *b)
{
	ioqueue_step(b->io, rng_below(&b->r, 4) ? LANE_BYTES : LANE_DURABILITY);
}

static inline struct mail *wait_for(struct bridge *b)
{
	struct mail *m;
	while (!(m = mailbox_take_all(&b->mb)))
		SAY(b, ioqueue_step(b->io, LANE_BYTES) | ioqueue_step(b->io, LANE_DURABILITY));
	SAY(b, !m->next);
	return m;
}

/* A checkpoint under way. */
struct taking {
	struct snap *snap[SUBTASKS_MAX];
	struct pack *pack[SUBTASKS_MAX];
	bool encoding[SUBTASKS_MAX], packed[SUBTASKS_MAX];
	struct model_entry *at; /* the model at the barrier */
	enum rc rc;             /* the first fault of packing */
};

static inline void take_begin(struct bridge *b, struct taking *g, uint64_t base, bool full)
{
	*g = (struct taking){0};
	b->id++;
	struct barrier barrier = {.id = b->id, .base_id = base};
	g->at = malloc(b->m.keys * sizeof *g->at);
	memcpy(g->at, b->m.entry, b->m.keys * sizeof *g->at);
	for (uint32_t i = 0; i < b->n; i++) {
		struct keyed_frozen f;
		struct snap *s = g->snap[i] = snap_open(&b->mem, &barrier);
		s->task = i;
		keyed_freeze(b->t[i].k, b->id, base, full, &f);
		s->full = f.full;
		s->head = section_of(b, i);
		s->head.checkpoint_id = b->id;
		g->pack[i] = pack_begin(b->packing, s, &b->m.shape, NULL);
		g->encoding[i] = true;
	}
}

/* One slice of one subtask, and its letters; true while something is owed. */
static inline bool take_step(struct bridge *b, struct taking *g)
{
	uint32_t i = (uint32_t)rng_below(&b->r, b->n);
	enum keyed_slice at;
	struct chunk *c;
	if (g->encoding[i]) {
		SAY(b, keyed_slice(b->t[i].k, 1 + (uint32_t)rng_below(&b->r, 300), &at, &b->e) == OK);
		while ((c = keyed_take(b->t[i].k)))
			SAY(b, pack_submit(g->pack[i], c, &b->e) == OK);
		if (at == KEYED_DONE) {
			g->encoding[i] = false;
			pack_end(g->pack[i], &b->mb, PACKED);
		}
	}
	lane_step(b);
	for (struct mail *m = mailbox_take_all(&b->mb), *next; m; m = next) {
		next = m->next;
		SAY(b, m->kind == PACKED);
		struct pack_done *d = CONTAINER_OF(m, struct pack_done, mail);
		g->packed[d->snap->task] = true;
		if (d->snap->rc != OK && g->rc == OK) {
			g->rc = d->snap->rc;
			b->e = d->snap->error;
		}
		pack_done_close(d);
	}
	for (i = 0; i < b->n; i++)
		if (!g->packed[i])
			return true;
	return false;
}

static inline void take_drop(struct bridge *b, struct taking *g)
{
	for (uint32_t i = 0; i < b->n; i++)
		snap_close(g->snap[i]);
	free(g->at);
}


/* Subtask after subtask: what the newest manifest has of its range (unless it wrote everything),
 * then its new runs. */
static inline void take_assemble(struct bridge *b, struct taking *g, const struct part_file *file)
{
	struct manifest to;
	manifest_init(&to, &b->mem);
	to.id = b->id;
	struct manifest_keyed *k =
		manifest_add_keyed(&to, manifest_add_op(&to, "count", "keyed_sum", b->n));
	const struct manifest_keyed *old = b->newest.n_ops ? &b->newest.op[0].keyed[0] : NULL;
	for (uint32_t i = 0; i < b->n; i++) {
		const struct snap *s = g->snap[i];
		for (uint32_t r = 0; old && !s->full && r < old->n_runs; r++) {
			struct manifest_run x = old->run[r];
			x.hash_first = x.hash_first < b->t[i].lo ? b->t[i].lo : x.hash_first;
			x.hash_last = x.hash_last > b->t[i].hi ? b->t[i].hi : x.hash_last;
			if (x.hash_first <= x.hash_last)
				SAY(b, manifest_carry_run(&to, k, &b->newest, &x, &b->e) == OK);
		}
		for (uint32_t r = 0; r < s->n_runs; r++) {
			struct manifest_run *run = manifest_add_run(&to, k);
			*run = (struct manifest_run){.ref = s->run[r].ref, .hash_first = b->t[i].lo,
						     .hash_last = b->t[i].hi, .delta = s->run[r].delta};
			run->ref.file = manifest_file(&to, file);
		}
	}
	manifest_close(&b->newest);
	b->newest = to;
	memcpy(b->published, g->at, b->m.keys * sizeof *b->published);
}

/* The part's end, durable; the newest manifest is the new one. */
static inline void take_finish(struct bridge *b, struct taking *g, struct part_file *file)
{
	struct pack_finish f;
	pack_finish_init(&f, b->packing, b->id, &b->mb, FINISHED);
	ioqueue_submit(b->io, &f.job);
	SAY(b, wait_for(b)->kind == FINISHED);
	b->e = f.job.error;
	SAY(b, f.job.rc == OK);
	SAY(b, (f.part != NULL) == (f.file.length > 0));
	if (f.part)
		SAY(b, part_share_seal(f.part, &b->e) == OK);
	part_share_drop(f.part);
	take_assemble(b, g, &f.file);
	if (file)
		*file = f.file;
	take_drop(b, g);
}

/* A whole checkpoint with changes between its slices. */
static inline void checkpoint(struct bridge *b, uint64_t base, bool full, struct part_file *file)
{
	struct taking g;
	take_begin(b, &g, base, full);
	while (take_step(b, &g))
		if (rng_below(&b->r, 3) == 0)
			change_some(b, 20, true);
	SAY(b, g.rc == OK);
	take_finish(b, &g, file);
}

/* The tables are gone; n new ones are filled from the newest manifest, and hold what it should. */
static inline void restore_into(struct bridge *b, uint32_t n)
{
	tables_close(b);
	tables_open(b, n);
	memcpy(b->m.entry, b->published, b->m.keys * sizeof *b->published);
	for (uint32_t i = 0; i < n; i++) {
		struct restored out;
		uint32_t stretches = 1 + (uint32_t)rng_below(&b->r, 4);
		SAY(b, restore_stretches(stretches, false, b->fs, &b->mem, PARTS, &b->newest,
					 &b->newest.op[0].keyed[0], &b->m.shape, b->t[i].lo,
					 b->t[i].hi, rng_below(&b->r, 100), b->t[i].k, &out,
					 &b->e) == OK);
		const char *wrong = model_differs(&b->m, b->published, b->t[i].k, b->t[i].lo, b->t[i].hi);
		if (wrong)
			fail_msg("seed %llu, checkpoint %llu: %s", (unsigned long long)b->seed,
				 (unsigned long long)b->newest.id, wrong);
		SAY(b, out.keys == keyed_count(b->t[i].k) && out.rows_read >= out.keys);
	}
}

static inline uint32_t parts_on_disk(struct bridge *b)
{
	struct fs_names names;
	SAY(b, fs_list(b->fs, PARTS, &names, &b->e) == OK);
	uint32_t n = (uint32_t)names.n;
	fs_names_close(&names);
	return n;
}
