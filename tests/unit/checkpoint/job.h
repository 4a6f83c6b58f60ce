/* job.h - what the tests of this folder share: a small job's checkpoints, made of fixed input. */
#pragma once
#include "base/check.h"
#include "base/fs_sim.h"
#include "base/hash.h"
#include "checkpoint/store.h"
#include "tests/lib/test.h"

#define TEST_UUID "01234567-89ab-4cde-8f01-23456789abcd"

/* Row bytes that compress, or (salt odd) do not. */
static inline void fill_rows(uint8_t *to, size_t len, uint64_t salt)
{
	for (size_t i = 0; i < len; i++)
		to[i] = salt & 1 ? (uint8_t)(splitmix64(salt * 1000003 + i) >> 56)
				 : (uint8_t)("the quick brown fox "[(i + salt) % 20]);
}

static inline struct section head_of(const struct part_name *n, const char *stage, uint32_t subtask)
{
	struct section s = {.kind = SECTION_KEYED, .state_version = 1, .subtask = subtask,
			    .lineage = n->lineage, .attempt = n->attempt, .epoch = n->epoch,
			    .checkpoint_id = n->checkpoint_id, .hash_id = HASH_XXH3_64,
			    .hash_last = UINT64_MAX, .row_ops = ROWS_PUT, .codec = CODEC_LZ4};
	snprintf(s.stage, sizeof s.stage, "%s", stage);
	snprintf(s.op_type, sizeof s.op_type, "keyed_sum");
	CHECK(schema_add(&s.key, "word", T_STRING, false, NULL) == OK);
	CHECK(schema_add(&s.value, "n", T_INT64, true, NULL) == OK);
	return s;
}

/* Block i of section no of the fixed part: what was written, so that readers can compare. */
static inline size_t block_bytes(uint32_t no, uint32_t i, uint8_t *to)
{
	size_t len = 1 + (size_t)(splitmix64(no * 100 + i) % 3000);
	fill_rows(to, len, no * 7 + i);
	return len;
}
static inline uint64_t block_hash(uint32_t i)
{
	return (uint64_t)i << 40;
}

/* A part with n_sections sections of n_blocks interleaved blocks each; sealed. */
static inline enum rc write_part_at(struct storage parts, struct mem *mem,
				    const struct part_name *n, enum codec codec,
				    uint32_t n_sections, uint32_t n_blocks,
				    struct part_file *file, struct section_ref *ref, struct err *e)
{
	struct part_writer_options o = {.parts = parts, .name = *n, .codec = codec};
	struct part_writer *w;
	uint8_t raw[3001];
	enum rc rc = part_writer_open(&w, mem, &o, e);
	for (uint32_t i = 0; rc == OK && i < n_blocks; i++)
		for (uint32_t no = 0; rc == OK && no < n_sections; no++)
			rc = part_append(w, no, raw, block_bytes(no, i, raw), i + 1, block_hash(i),
					 block_hash(i + 1) - 1, e);
	for (uint32_t no = 0; rc == OK && no < n_sections; no++) {
		struct section head = head_of(n, "count", no);
		rc = part_end_section(w, no, &head, &ref[no], e);
	}
	if (rc == OK)
		rc = part_finish(w, file, e);
	if (rc == OK)
		rc = part_seal(w, e);
	part_writer_close(w);
	return rc;
}

static inline enum rc write_part(struct fs *fs, struct mem *mem, const char *parts_dir,
				 const struct part_name *n, enum codec codec, uint32_t n_sections,
				 uint32_t n_blocks, struct part_file *file, struct section_ref *ref,
				 struct err *e)
{
	return write_part_at(storage_dir(fs, parts_dir, NULL), mem, n, codec, n_sections, n_blocks,
			     file, ref, e);
}

/* A checkpoint of the job lines -> count -> out, parallelism 1, its chain of n_runs runs each in
 * files[i] at refs[i]; small sections inline, one intent. What the store fills in is not set. */
static inline void make_checkpoint(struct manifest *m, struct mem *mem, uint64_t id,
				   const struct part_file *files, const struct section_ref *refs,
				   uint32_t n_runs)
{
	manifest_init(m, mem);
	m->id = id;
	m->attempt = 1;
	m->wall_us = 1700000000000000 + (int64_t)id;
	m->job_hash = 0x1122334455667788;
	m->figures = (struct manifest_figures){.trigger = "interval", .bytes_written = 300 + id,
					       .state_bytes = 61234, .keys = 5204, .keys_changed = 12,
					       .align_us = 40, .sync_us_max = 17, .async_us = 1200,
					       .total_us = 3100};
	struct manifest_op *op = manifest_add_op(m, "lines", "file_source", 1);
	op->max_parallelism = 128;
	op->state_version = 1;
	struct manifest_section *s = manifest_add_section(m, op);
	s->kind = SECTION_SPLITS;
	s->ref = (struct section_ref){.file = SECTION_INLINE, .rows = 1, .bytes = 90};
	uint8_t *data = manifest_alloc(m, 90);
	fill_rows(data, 90, 1);
	s->data = data;
	op = manifest_add_op(m, "count", "keyed_sum", 1);
	op->max_parallelism = 128;
	op->state_version = 1;
	struct manifest_keyed *k = manifest_add_keyed(m, op);
	k->hash_id = HASH_XXH3_64;
	CHECK(schema_add(&k->key, "word", T_STRING, false, NULL) == OK);
	CHECK(schema_add(&k->value, "n", T_INT64, true, NULL) == OK);
	for (uint32_t i = 0; i < n_runs; i++) {
		uint32_t f = manifest_file(m, &files[i]);
		struct manifest_run *run = manifest_add_run(m, k);
		*run = (struct manifest_run){.ref = refs[i], .hash_last = UINT64_MAX, .delta = i > 0};
		run->ref.file = f;
	}
	op = manifest_add_op(m, "out", "file_sink", 1);
	op->max_parallelism = 128;
	struct manifest_intent *t = manifest_add_intent(m);
	*t = (struct manifest_intent){.sink = "out", .kind = "rename",
				      .from = "counts/.weir-pending/x/part-1-7",
				      .to = "counts/part-1-7.csv", .length = 1234, .hash = id};
}

static inline struct store_options store_options_of(const char *dir)
{
	return (struct store_options){.dir = dir, .commits = true, .retain = 3, .job_text = "{}",
				      .job_len = 2, .new_uuid = TEST_UUID, .new_lineage = 0xfeed0001, .pid = 4211,
				      .verify = VERIFY_HASHES,
				      .cut_bytes = 100}; /* parts go in many steps */
}
