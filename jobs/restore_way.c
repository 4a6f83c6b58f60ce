/* restore_way.c - see restore_way.h. */
#include "jobs/restore_way.h"

#include "base/waker.h"
#include "runtime/restore.h"

#define RUNS_LOOKED_AT 2048u /* more are too many anyway */

/* An estimate: the live keys of the whole job, as of that checkpoint, spread evenly. */
uint64_t restore_expected(const struct manifest *m, const struct manifest_keyed *k,
			  uint32_t parallelism)
{
	uint64_t rows = 0;
	for (uint32_t r = 0; r < k->n_runs; r++)
		rows += k->run[r].ref.rows;
	return (m->figures.keys < rows ? m->figures.keys : rows) / parallelism;
}

/* How many runs lie above one another where most do. */
static uint32_t chain_depth(const struct manifest_keyed *k)
{
	uint32_t most = 0;
	if (k->n_runs > RUNS_LOOKED_AT)
		return k->n_runs;
	for (uint32_t i = 0; i < k->n_runs; i++) {
		uint32_t n = 0;
		for (uint32_t r = 0; r < k->n_runs; r++)
			n += k->run[r].hash_first <= k->run[i].hash_first &&
			     k->run[r].hash_last >= k->run[i].hash_first;
		most = n > most ? n : most;
	}
	return most;
}

static void add_state(struct restore_facts *f, const struct plan_stage *st,
		      const struct manifest *m, const struct manifest_keyed *k)
{
	uint64_t expected = restore_expected(m, k, st->parallelism);
	uint32_t depth = chain_depth(k), width = 1;
	for (uint32_t i = 0; i < k->n_runs; i++) {
		f->rows += k->run[i].ref.rows;
		f->bytes += k->run[i].ref.bytes;
	}
	if (st->p.key.form == KEY_FIX8)
		width = restore_width(expected, st->parallelism, thread_cores());
	f->width = width > f->width ? width : f->width;
	f->runs = depth > f->runs ? depth : f->runs;
	f->subtasks += st->parallelism;
}

static enum restore_mode mode_of(enum spec_restore r)
{
	return r == SPEC_RESTORE_LAZY       ? RESTORE_LAZY
	       : r == SPEC_RESTORE_PARALLEL ? RESTORE_PARALLEL
					    : RESTORE_EAGER;
}

/* subtasks 0: nothing that could come later. */
static struct restore_facts facts_of(const struct plan *p, const struct manifest *m)
{
	enum spec_restore asked = p->spec->checkpoint.restore;
	struct restore_facts f = {.automatic = asked == SPEC_RESTORE_AUTO, .asked = mode_of(asked),
				  .width = 1, .cores = thread_cores()};
	for (uint32_t i = 0; m && i < p->n_stages; i++) {
		const struct plan_stage *st = &p->stage[i];
		const struct manifest_op *op = manifest_find_op(m, st->spec->id);
		if (st->p.shows)
			f.early_sink = st->spec->id;
		if (st->p.keyed && op && op->n_keyed)
			add_state(&f, st, m, &op->keyed[0]);
	}
	f.files = m ? m->n_files : 0;
	f.changed_plan = m && m->job_hash != p->job_hash;
	return f;
}

enum restore_mode restore_way(const struct plan *p, const struct manifest *m, bool goes_back,
			      char why[160])
{
	struct restore_facts f = facts_of(p, m);
	why[0] = '\0';
	f.goes_back = goes_back;
	return f.subtasks ? restore_choose(&f, why) : RESTORE_EAGER;
}

uint64_t restore_way_estimate_us(const struct plan *p, const struct manifest *m)
{
	struct restore_facts f = facts_of(p, m);
	return f.subtasks ? restore_estimate_us(&f) : 0;
}
