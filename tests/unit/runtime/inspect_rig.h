/* inspect_rig.h - a job's directory on a simulated disk, made by the store as a job would make it:
 * a fence, checkpoints whose chains share their runs, a source's state inline, a sink's pieces. The
 * oracle is an array: what each key's value was at each checkpoint. */
#pragma once
#include "base/check.h"
#include "base/fs_sim.h"
#include "base/hash.h"
#include "checkpoint/store.h"
#include "runtime/inspect_dir.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define RIG_DIR "jobs/wc"
#define RIG_JOB "{\"name\":\"wc\",\"pipeline\":[]}\n"
#define RIG_OUT "out"
#define RIG_PENDING RIG_OUT "/.weir-pending/x"
enum { RIG_CHECKPOINTS = 16, RIG_ABSENT = -1 };

struct rig {
	struct mem mem;
	struct rng rng;
	struct fs_sim *sim;
	struct fs *fs;
	struct env env;
	struct store *store;
	struct store_start start;
	bool text;           /* keys are texts, not numbers */
	uint32_t keys;
	int64_t *value;      /* of each key now; RIG_ABSENT: it is not there */
	int64_t *at[RIG_CHECKPOINTS]; /* as of each checkpoint */
	struct manifest last;
	uint64_t id;
	struct err e;
};

struct rig_row {
	uint64_t hash;
	uint32_t key;
};

static inline uint32_t rig_key(const struct rig *r, uint32_t key, uint8_t to[32])
{
	uint64_t number = splitmix64(key) >> 1;
	if (r->text && !key)
		return 0; /* one without bytes, as states without key fields have it */
	if (r->text)
		return (uint32_t)snprintf((char *)to, 32, "key-%u-%.*s", key, (int)(key % 12),
					  "abcdefghijkl");
	memcpy(to, &number, 8);
	return 8;
}

static inline struct keyed_shape rig_shape(const struct rig *r)
{
	return (struct keyed_shape){.form = r->text ? KEY_BYTES : KEY_FIX8, .value_bytes = 8};
}

static inline void rig_schemas(const struct rig *r, struct schema *key, struct schema *value)
{
	struct err e = {OK};
	*key = *value = (struct schema){0};
	EXPECT_OK(schema_add(key, "word", r->text ? T_STRING : T_INT64, false, &e), &e);
	EXPECT_OK(schema_add(value, "sum", T_INT64, false, &e), &e);
}

static inline int rig_by_hash(const void *a, const void *b)
{
	uint64_t x = ((const struct rig_row *)a)->hash, y = ((const struct rig_row *)b)->hash;
	return (x > y) - (x < y); /* numbers and short texts here: no two hashes are equal */
}

static inline void rig_own(struct rig *r, uint32_t retain)
{
	struct store_options o = {.dir = RIG_DIR, .retain = retain, .job_text = RIG_JOB,
				  .job_len = strlen(RIG_JOB), .new_lineage = 0xfeed0001, .pid = 1,
				  .new_uuid = "01234567-89ab-4cde-8f01-23456789abcd",
				  .verify = VERIFY_LENGTHS};
	EXPECT_OK(store_open(&r->store, r->fs, &r->mem, &o, &r->start, &r->e), &r->e);
	EXPECT_OK(store_own(r->store, &r->start, &r->e), &r->e);
}

static inline void rig_open(struct rig *r, bool text, uint32_t keys, uint32_t retain)
{
	memset(r, 0, sizeof *r);
	mem_init(&r->mem, 0);
	rng_seed(&r->rng, keys);
	EXPECT_OK(fs_sim_open(&r->sim, &r->mem, &r->e), &r->e);
	r->fs = fs_sim_fs(r->sim);
	r->env = (struct env){.clock = clock_real(), .fs = r->fs, .mem = &r->mem, .rng = &r->rng};
	r->text = text;
	r->keys = keys;
	r->value = malloc(keys * sizeof *r->value);
	for (uint32_t k = 0; k < keys; k++)
		r->value[k] = RIG_ABSENT;
	manifest_init(&r->last, &r->mem);
	EXPECT_OK(fs_mkdir_all(r->fs, RIG_PENDING, &r->e), &r->e);
	rig_own(r, retain);
}

static inline void rig_close(struct rig *r)
{
	manifest_close(&r->last);
	store_close(r->store);
	free(r->value);
	for (size_t i = 0; i < ARRAY_LEN(r->at); i++)
		free(r->at[i]);
	fs_sim_close(&r->sim);
	EXPECT(r->mem.used_bytes == 0);
}

/* One run of the changed keys; delta: deletions too. */
static inline struct section_ref rig_run(struct rig *r, struct part_writer *w,
					 const struct section *head, const bool *changed, bool delta)
{
	struct rig_row *row = malloc((r->keys + 1) * sizeof *row);
	struct keyed_shape shape = rig_shape(r);
	struct run_writer *runs;
	struct run_out out;
	struct section_ref ref;
	uint8_t key[32];
	uint32_t n = 0, len;
	for (uint32_t k = 0; k < r->keys; k++)
		if (changed[k] && (delta || r->value[k] != RIG_ABSENT)) {
			len = rig_key(r, k, key);
			row[n++] = (struct rig_row){shape_hash(&shape, key, len), k};
		}
	qsort(row, n, sizeof *row, rig_by_hash);
	EXPECT_OK(run_writer_open(&runs, &shape, &r->mem, &r->e), &r->e);
	for (uint32_t i = 0; i <= n; i++) {
		enum run_did did;
		if (i < n) {
			int64_t *v = &r->value[row[i].key], zero = 0;
			len = rig_key(r, row[i].key, key);
			did = run_add(runs, row[i].hash, *v == RIG_ABSENT ? ROW_DELETE : ROW_PUT, key, len,
				      *v == RIG_ABSENT ? &zero : v, &out);
		} else {
			did = run_finish(runs, &out);
		}
		if (did == RUN_BLOCK)
			EXPECT_OK(part_append(w, 0, out.bytes, out.len, out.rows, out.first_hash,
					      out.last_hash, &r->e), &r->e);
	}
	run_writer_close(runs);
	free(row);
	EXPECT_OK(part_end_section(w, 0, head, &ref, &r->e), &r->e);
	return ref;
}

/* What the sink prepared: written as pending, and moved when it is committed. */
static inline void rig_piece(struct rig *r, struct manifest *m)
{
	char from[128], to[128], text[64];
	int len = snprintf(text, sizeof text, "word,n\nof,%llu\n", (unsigned long long)m->id);
	snprintf(from, sizeof from, RIG_PENDING "/2-1-out-0-%llu.csv", (unsigned long long)m->id);
	snprintf(to, sizeof to, RIG_OUT "/part-feed0001-%020llu-2-0-0.csv", (unsigned long long)m->id);
	EXPECT_OK(fs_write_new(r->fs, from, text, (size_t)len, &r->e), &r->e);
	*manifest_add_intent(m) = (struct manifest_intent){
		.sink = "out", .kind = "rename", .from = manifest_text(m, from),
		.to = manifest_text(m, to), .length = (uint64_t)len,
		.hash = checksum64(text, (size_t)len)};
}

static inline void rig_commit(struct rig *r)
{
	for (uint32_t i = 0; i < r->last.n_intents; i++)
		EXPECT_OK(fs_rename_new(r->fs, r->last.intent[i].from, r->last.intent[i].to, &r->e),
			  &r->e);
}

/* A checkpoint: full, or of those keys on what the last one had. */
static inline void rig_checkpoint(struct rig *r, const bool *changed, bool full)
{
	struct part_name name = {.lineage = 0xfeed0001, .attempt = 1, .epoch = r->start.epoch,
				 .checkpoint_id = ++r->id};
	struct part_writer_options o = {.parts = parts_in(r->fs, RIG_DIR), .name = name,
					.codec = CODEC_LZ4};
	struct part_writer *w;
	struct part_file file;
	struct manifest m;
	struct section head = {.kind = SECTION_KEYED, .stage = "count", .op_type = "keyed_sum",
			       .state_version = 1, .lineage = name.lineage, .attempt = 1,
			       .epoch = name.epoch, .checkpoint_id = r->id, .base_id = full ? 0 : r->id - 1,
			       .hash_id = r->text ? HASH_STRING : HASH_FOLD64, .hash_last = UINT64_MAX,
			       .row_ops = full ? ROWS_PUT : ROWS_PUT | ROWS_DELETE, .codec = CODEC_LZ4};
	manifest_init(&m, &r->mem);
	m.id = r->id;
	m.attempt = 1;
	m.wall_us = 1700000000000000 + (int64_t)r->id;
	m.job_hash = checksum64(RIG_JOB, strlen(RIG_JOB));
	struct manifest_op *op = manifest_add_op(&m, "lines", "file_source", 1);
	op->max_parallelism = 128;
	struct manifest_section *s = manifest_add_section(&m, op);
	s->kind = SECTION_SPLITS;
	s->ref = (struct section_ref){.file = SECTION_INLINE, .rows = 1, .bytes = 5};
	s->data = manifest_copy(&m, "state", 5);
	op = manifest_add_op(&m, "count", "keyed_sum", 1);
	op->max_parallelism = 128;
	op->state_version = 1;
	struct manifest_keyed *k = manifest_add_keyed(&m, op);
	k->hash_id = head.hash_id;
	rig_schemas(r, &k->key, &k->value);
	head.key = k->key;
	head.value = k->value;
	const struct manifest_keyed *old = full || !r->last.id ? NULL : &r->last.op[1].keyed[0];
	for (uint32_t i = 0; old && i < old->n_runs; i++)
		EXPECT_OK(manifest_carry_run(&m, k, &r->last, &old->run[i], &r->e), &r->e);
	EXPECT_OK(part_writer_open(&w, &r->mem, &o, &r->e), &r->e);
	struct section_ref ref = rig_run(r, w, &head, changed, !full);
	EXPECT_OK(part_finish(w, &file, &r->e), &r->e);
	EXPECT_OK(part_seal(w, &r->e), &r->e);
	part_writer_close(w);
	ref.file = manifest_file(&m, &file);
	*manifest_add_run(&m, k) = (struct manifest_run){.ref = ref, .hash_last = UINT64_MAX,
							 .delta = !full};
	op = manifest_add_op(&m, "out", "file_sink", 1);
	op->max_parallelism = 128;
	rig_piece(r, &m);
	m.figures = (struct manifest_figures){.trigger = "interval"};
	for (uint32_t i = 0; i < r->keys; i++)
		m.figures.keys += r->value[i] != RIG_ABSENT;
	EXPECT_OK(store_publish(r->store, &m, &r->e), &r->e);
	manifest_close(&r->last);
	r->last = m;
	if (r->id < RIG_CHECKPOINTS) {
		r->at[r->id] = malloc(r->keys * sizeof *r->value);
		memcpy(r->at[r->id], r->value, r->keys * sizeof *r->value);
	}
}

/* Some keys get values, or go; then a checkpoint. */
static inline void rig_change(struct rig *r, uint32_t about, bool full)
{
	bool *changed = calloc(r->keys, sizeof *changed);
	for (uint32_t i = 0; i < about; i++) {
		uint32_t k = (uint32_t)rng_below(&r->rng, r->keys);
		changed[k] = true;
		r->value[k] = rng_below(&r->rng, 5) ? (int64_t)rng_below(&r->rng, 1000000) : RIG_ABSENT;
	}
	for (uint32_t k = 0; full && k < r->keys; k++)
		changed[k] = true;
	rig_checkpoint(r, changed, full);
	free(changed);
}

static inline struct inspect *rig_inspect(struct rig *r, const char *at, struct inspect_state *s)
{
	struct inspect *i;
	EXPECT_OK(inspect_open(&i, &r->env, RIG_DIR, at, &r->e), &r->e);
	EXPECT_OK(inspect_find(i, NULL, s, &r->e), &r->e);
	return i;
}
