/* fill_checkpoints.c - writes a job's directory with N checkpoints, for W10: as an owner would have
 * through the store, but without running a job. Each checkpoint has a part of its own and names
 * those of the CHAIN before it; `kept` of them stay, by count and, above its limit, by age. */
#include "base/check.h"
#include "base/hash.h"
#include "checkpoint/store.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHAIN = 3, BLOCK = 400, SWEEP_EVERY = 64, COUNT_MAX = 1000 };
#define FILLED_UUID "01234567-89ab-4cde-8f01-23456789abcd"
#define BEGAN_US 1700000000000000
#define APART_US 100000 /* between two checkpoints */

struct fill {
	struct fs_real real;
	struct mem mem;
	struct store *s;
	struct store_start start;
	struct manifest last;
};

static RC write_part(struct fill *f, uint64_t id, struct part_file *file, struct section_ref *ref,
		     struct err *e)
{
	struct part_writer_options o = {
		.parts = storage_dir(&f->real.fs, store_parts_dir(f->s), NULL), .codec = CODEC_LZ4,
		.name = {.lineage = f->start.lineage, .epoch = f->start.epoch, .attempt = 1,
			 .checkpoint_id = id}};
	struct section head = {.kind = SECTION_KEYED, .state_version = 1, .lineage = o.name.lineage,
			       .attempt = 1, .epoch = o.name.epoch, .checkpoint_id = id,
			       .hash_id = HASH_XXH3_64, .hash_last = UINT64_MAX,
			       .row_ops = ROWS_PUT, .codec = CODEC_LZ4, .stage = "count",
			       .op_type = "keyed_sum"};
	CHECK(schema_add(&head.key, "word", T_STRING, false, NULL) == OK);
	CHECK(schema_add(&head.value, "n", T_INT64, true, NULL) == OK);
	uint8_t raw[BLOCK];
	for (size_t i = 0; i < sizeof raw; i++)
		raw[i] = (uint8_t)(id * 31 + i * i);
	struct part_writer *w;
	enum rc rc = part_writer_open(&w, &f->mem, &o, e);
	if (rc == OK)
		rc = part_append(w, 0, raw, sizeof raw, 10, 0, UINT64_MAX, e);
	if (rc == OK)
		rc = part_end_section(w, 0, &head, ref, e);
	if (rc == OK)
		rc = part_finish(w, file, e);
	if (rc == OK)
		rc = part_seal(w, e);
	part_writer_close(w);
	return rc;
}

static RC checkpoint(struct fill *f, uint64_t id, struct err *e)
{
	struct part_file file;
	struct section_ref ref;
	struct manifest m;
	enum rc rc = write_part(f, id, &file, &ref, e);
	if (rc != OK)
		return rc;
	manifest_init(&m, &f->mem);
	m.id = id;
	m.attempt = 1;
	m.wall_us = BEGAN_US + (int64_t)id * APART_US;
	m.figures = (struct manifest_figures){.trigger = "interval", .bytes_written = file.length,
					      .state_bytes = CHAIN * BLOCK, .keys = 10, .keys_changed = 10};
	struct manifest_op *op = manifest_add_op(&m, "count", "keyed_sum", 1);
	CHECK(op);
	op->max_parallelism = 128;
	op->state_version = 1;
	struct manifest_keyed *k = manifest_add_keyed(&m, op);
	CHECK(k);
	k->hash_id = HASH_XXH3_64;
	CHECK(schema_add(&k->key, "word", T_STRING, false, NULL) == OK);
	CHECK(schema_add(&k->value, "n", T_INT64, true, NULL) == OK);
	const struct manifest_keyed *from = f->last.id ? &f->last.op[0].keyed[0] : NULL;
	for (uint32_t i = from && from->n_runs == CHAIN; from && i < from->n_runs && rc == OK; i++)
		rc = manifest_carry_run(&m, k, &f->last, &from->run[i], e);
	struct manifest_run *run = manifest_add_run(&m, k);
	CHECK(run);
	*run = (struct manifest_run){.ref = ref, .hash_last = UINT64_MAX, .delta = true};
	run->ref.file = manifest_file(&m, &file);
	if (rc == OK)
		rc = store_publish(f->s, &m, e);
	manifest_close(rc == OK ? &f->last : &m);
	if (rc == OK)
		f->last = m;
	return rc;
}

static RC sweep(struct fill *f, struct err *e)
{
	bool done = false;
	enum rc rc = store_sweep_begin(f->s, 1, e);
	while (rc == OK && !done)
		rc = store_sweep_step(f->s, &done, e);
	return rc;
}

int main(int argc, char **argv)
{
	struct fill f = {0};
	struct err e = {0};
	if (argc != 4) {
		fprintf(stderr, "usage: fill_checkpoints DIR CHECKPOINTS KEPT\n");
		return 2;
	}
	unsigned n = (unsigned)atoi(argv[2]), kept = (unsigned)atoi(argv[3]);
	mem_init(&f.mem, 0);
	fs_real_init(&f.real, &f.mem);
	manifest_init(&f.last, &f.mem);
	struct store_options o = {.dir = argv[1], .retain = kept < COUNT_MAX ? kept : COUNT_MAX,
				  .retain_age_us = kept > COUNT_MAX ? (uint64_t)kept * APART_US : 0,
				  .job_text = "{}", .job_len = 2, .new_uuid = FILLED_UUID,
				  .new_lineage = 1, .verify = VERIFY_LENGTHS};
	enum rc rc = store_open(&f.s, &f.real.fs, &f.mem, &o, &f.start, &e);
	if (rc == OK)
		rc = store_own(f.s, &f.start, &e);
	for (unsigned i = 1; i <= n && rc == OK; i++) {
		rc = checkpoint(&f, i, &e);
		if (rc == OK && (i % SWEEP_EVERY == 0 || i == n))
			rc = sweep(&f, &e);
	}
	manifest_close(&f.last);
	store_close(f.s);
	if (rc != OK)
		fprintf(stderr, "%s\n", e.text);
	return rc != OK;
}
