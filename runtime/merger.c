/* merger.c - see merger.h. */
#include "runtime/merger.h"

#include "base/check.h"
#include "base/planted.h"
#include "runtime/runs_in.h"

#include <stdio.h>

/* Why cubed: k runs saved are room for k more, and what is merged within that room once more makes
 * room again, so room grows in value faster than in size. With the square, a thousand equal deltas
 * cost as much (5 times each row), 50,000 cost 86 times each row instead of 22.
 * Why the age: it is what the runs above have cost meanwhile that tells what leaving one alone is
 * worth. A run not touched for a hundred checkpoints may be rewritten at a hundredth of its price a
 * checkpoint, and is not before. So hot keys under the same few large runs do not pay, with each
 * checkpoint, for room that is wanted below; 50,000 equal deltas cost 14 times each row, where no
 * order of merging costs less than 12 (as many as runs stay within C(7 + r, r) checkpoints). */
bool merge_choose(const struct merge_weight *run, uint32_t n, uint32_t *first, uint32_t *count)
{
	if (n < MERGE_FROM_RUNS)
		return false;
	double sum = (double)run[n - 1].rows, best = 0;
	/* A checkpoint may bring two runs, changed rows and saved ones: then two are to be saved. */
	const uint32_t least = n < CHAIN_RUNS_MAX ? 2 : 3;
	for (uint32_t c = 2; c <= n; c++) {
		double saved = c - 1, age = (double)run[n - c].age, cube = saved * saved * saved;
		sum += (double)run[n - c].rows;
		double price = sum / (age > cube ? age : cube);
		if (c < least || (c > least && price > best))
			continue;
		best = price;
		*first = n - c;
		*count = c;
	}
	return true;
}

static RC merger_begin(struct merger *g, struct err *e)
{
	struct mem *mem = g->o.mem;
	const struct manifest_keyed *k = &g->inputs.op[0].keyed[0];
	g->runs = mem_get(mem, sizeof *g->runs);
	if (!g->runs)
		return ERR(e, E_NO_MEMORY, "no memory to merge");
	runs_in_init(g->runs, mem);
	for (uint32_t i = 0; i < k->n_runs; i++)
		if (runs_in_add(g->runs, g->o.fs, g->o.parts_dir, &g->inputs,
				&k->run[PLANTED(older_row_wins_a_merge) ? k->n_runs - 1 - i : i],
				g->o.hash_first, g->o.hash_last, e) != OK)
			return e->code;
	struct part_writer_options w = {.parts = storage_dir(g->o.fs, g->o.parts_dir, NULL),
					.name = g->o.name,
					.codec = g->o.head.codec};
	if (merge_open(&g->merge, &g->o.shape, g->runs->range, g->runs->n, g->o.at_bottom, mem,
		       e) != OK)
		return e->code;
	return part_share_open(&g->part, mem, &w, e);
}

static RC merger_end(struct merger *g, struct err *e)
{
	struct part_writer *w = part_share_writer(g->part);
	if (part_bytes(w) == 0)
		return OK;
	if (part_end_section(w, 0, &g->o.head, &g->ref, e) != OK)
		return e->code;
	return part_finish(w, &g->file, e);
}

/* At most one block is read or written. */
static RC merger_step(struct merger *g, bool *done, struct err *e)
{
	if (!g->merge)
		return merger_begin(g, e);
	struct merge_span span;
	switch (merge_step(g->merge, &span, e)) {
	case MERGE_WANT:
		return runs_in_feed(g->runs, g->merge, span.input, e);
	case MERGE_BLOCK:
		if (part_append(part_share_writer(g->part), 0, span.out.bytes, span.out.len,
				span.out.rows, span.out.first_hash, span.out.last_hash, e) != OK)
			return e->code;
		part_share_grew(g->part, g->io);
		g->job.bytes += span.out.len;
		return OK;
	case MERGE_END:
		*done = true;
		return merger_end(g, e);
	default:
		return e->code;
	}
}

static bool merger_job_step(struct io_job *job, struct fs *fs)
{
	(void)fs;
	struct merger *g = CONTAINER_OF(job, struct merger, job);
	bool done = false;
	if (atomic_load_explicit(&g->dropped, memory_order_relaxed))
		job->rc = ERR(&job->error, E_STOPPED, "the attempt ends");
	else
		job->rc = merger_step(g, &done, &job->error);
	if (job->rc != OK && g->part && part_exists(part_share_writer(g->part)))
		snprintf(g->file.name, sizeof g->file.name, "%s",
			 part_writer_name(part_share_writer(g->part)));
	return done || job->rc != OK;
}

static bool merger_seal_step(struct io_job *job, struct fs *fs)
{
	(void)fs;
	struct merger *g = CONTAINER_OF(job, struct merger, seal);
	if (g->file.length)
		job->rc = part_share_seal(g->part, &job->error);
	return true;
}

RC merger_open(struct merger **out, const struct merger_options *o, const struct manifest *m,
	       const struct manifest_run *const *run, uint32_t count, struct mailbox *reply, int kind,
	       struct err *e)
{
	struct merger *g = *out = mem_get(o->mem, sizeof *g);
	if (!g)
		return ERR(e, E_NO_MEMORY, "no memory to merge");
	g->o = *o;
	manifest_init(&g->inputs, o->mem);
	struct manifest_op *op = manifest_add_op(&g->inputs, o->stage, o->head.op_type, 1);
	struct manifest_keyed *k = op ? manifest_add_keyed(&g->inputs, op) : NULL;
	enum rc rc = k ? OK : ERR(e, E_NO_MEMORY, "no memory to merge");
	for (uint32_t i = 0; i < count && rc == OK; i++)
		rc = manifest_carry_run(&g->inputs, k, m, run[i], e);
	if (rc != OK) {
		merger_close(g);
		*out = NULL;
		return rc;
	}
	g->delta = !o->at_bottom;
	g->job.class = IO_MERGE;
	g->job.step = merger_job_step;
	g->job.then = &g->seal;
	g->seal.class = IO_SYNC;
	g->seal.step = merger_seal_step;
	g->seal.reply = reply;
	g->seal.mail.kind = kind;
	return OK;
}

void merger_submit(struct merger *g, struct ioqueue *q)
{
	g->io = q;
	ioqueue_submit(q, &g->job);
}

void merger_drop(struct merger *g)
{
	atomic_store_explicit(&g->dropped, true, memory_order_relaxed);
}

void merger_close(struct merger *g)
{
	if (!g)
		return;
	merge_close(g->merge);
	if (g->runs)
		runs_in_close(g->runs);
	mem_put(g->o.mem, g->runs);
	part_share_drop(g->part);
	manifest_close(&g->inputs);
	mem_put(g->o.mem, g);
}
