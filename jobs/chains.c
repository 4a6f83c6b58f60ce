/* chains.c - keeping the chains short while the job runs: which merges to start after a
 * publication, what of theirs goes into the next manifest, and who is told to write everything next
 * time. */
#include "jobs/attempt_in.h"
#include "jobs/stale.h"

#include "state/merge.h"

#define LINKS_MAX 512

static struct merging *merging_of(struct attempt *a, uint32_t stage, uint32_t subtask)
{
	for (struct merging *g = a->merging; g; g = g->next)
		if (g->stage == stage && g->subtask == subtask)
			return g;
	return NULL;
}

static void merging_close(struct attempt *a, struct merging *g)
{
	for (struct merging **at = &a->merging; *at; at = &(*at)->next)
		if (*at == g) {
			*at = g->next;
			break;
		}
	merger_close(g->g);
	mem_put(a->mem, g);
}

static void merge_start(struct attempt *a, const struct manifest_keyed *k, const uint32_t *link,
			uint32_t first, uint32_t count, uint32_t stage, uint32_t subtask)
{
	const struct plan_stage *st = &a->c.plan->stage[stage];
	const struct manifest_run *run[LINKS_MAX];
	struct err e = {0};
	struct merging *g = mem_get(a->mem, sizeof *g);
	if (!g)
		return;
	for (uint32_t i = 0; i < count; i++)
		run[i] = &k->run[link[first + i]];
	struct merger_options o = {
		.fs = a->c.env->fs, .mem = a->mem, .parts_dir = a->c.parts_dir, .stage = st->spec->id,
		.name = {.lineage = a->c.lineage, .attempt = a->c.attempt, .epoch = a->c.epoch,
			 .checkpoint_id = a->base->m.id, .merge = ++a->merge_seq},
		.head = task_config(a->task[st->first_task + subtask])->section,
		.shape = task_config(a->task[st->first_task + subtask])->shape,
		.hash_first = subtask_hash_first(st, subtask),
		.hash_last = subtask_hash_last(st, subtask), .at_bottom = first == 0,
	};
	o.head.hash_first = o.hash_first;
	o.head.hash_last = o.hash_last;
	o.head.checkpoint_id = a->base->m.id;
	o.head.row_ops = o.at_bottom ? ROWS_PUT : ROWS_PUT | ROWS_DELETE;
	if (merger_open(&g->g, &o, &a->base->m, run, count, a->c.control, JOB_MERGED, &e) != OK) {
		mem_put(a->mem, g);
		return; /* merging is never owed: the chain's bound is kept by writing everything */
	}
	g->stage = stage;
	g->subtask = subtask;
	g->next = a->merging;
	a->merging = g;
	a->jobs_out++;
	merger_submit(g->g, a->c.io);
}

/* Checkpoints since a run was written, as its file's name tells; 0 where it does not. */
static uint64_t run_age(const struct attempt *a, const struct manifest_run *r)
{
	const struct manifest *m = &a->base->m;
	struct part_name name;
	if (r->ref.file == SECTION_INLINE || !layout_part_parse(m->file[r->ref.file].name, &name))
		return 0;
	/* Another line of history counted its checkpoints for itself. */
	return name.lineage == a->c.lineage && name.checkpoint_id < m->id ? m->id - name.checkpoint_id
									   : 0;
}

/* Returns the rows of all. */
static uint64_t links_weigh(const struct attempt *a, const struct manifest_keyed *k,
			    const uint32_t *link, uint32_t n, struct merge_weight *weight)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct manifest_run *r = &k->run[link[i]];
		weight[i] = (struct merge_weight){.rows = r->ref.rows, .age = run_age(a, r)};
		sum += r->ref.rows;
	}
	return sum;
}

static uint32_t runs_within(const struct manifest_keyed *k, uint64_t lo, uint64_t hi,
			    uint32_t *link)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < k->n_runs && n < LINKS_MAX; i++)
		if (k->run[i].hash_last >= lo && k->run[i].hash_first <= hi)
			link[n++] = i;
	return n;
}

static void tell_chain(struct attempt *a, uint32_t task, uint64_t rows, uint32_t runs)
{
	struct task_letter *l = mem_get(a->mem, sizeof *l);
	if (!l)
		return;
	l->mail.kind = LETTER_CHAIN;
	l->chain_rows = rows;
	l->chain_runs = runs;
	mailbox_put(task_mailbox(a->task[task]), &l->mail);
}

/* Which of a subtask's runs to merge now, if any. */
static bool choose(const struct attempt *a, const struct stale *dead,
		   const struct manifest_keyed *k, const uint32_t *link,
		   const struct merge_weight *weight, uint32_t n, uint32_t *first, uint32_t *count)
{
	/* More than a merge can read, after a rescale: the next freeze writes everything. */
	if (a->closing || n > MERGE_INPUTS)
		return false;
	bool wanted = merge_choose(weight, n, first, count);
	return stale_widen(dead, k, link, n, wanted, first, count);
}

void chains_look(struct attempt *a)
{
	const struct plan *p = a->c.plan;
	uint32_t link[LINKS_MAX], first, count;
	struct merge_weight weight[LINKS_MAX];
	struct stale dead;
	(void)stale_open(&dead, &a->base->m, a->mem); /* without memory: chosen by size alone */
	for (uint32_t s = 0; s < p->n_stages; s++) {
		const struct plan_stage *st = &p->stage[s];
		const struct manifest_op *op = st->p.keyed ? manifest_find_op(&a->base->m, st->spec->id)
							    : NULL;
		for (uint32_t i = 0; op && op->n_keyed && i < st->parallelism; i++) {
			const struct manifest_keyed *k = &op->keyed[0];
			uint32_t n = runs_within(k, subtask_hash_first(st, i), subtask_hash_last(st, i),
						 link);
			tell_chain(a, st->first_task + i, links_weigh(a, k, link, n, weight), n);
			if (!merging_of(a, s, i) && choose(a, &dead, k, link, weight, n, &first, &count))
				merge_start(a, k, link, first, count, s, i);
		}
	}
	stale_close(&dead, a->mem);
}

/* Whether a file that g reads from is one that the newest checkpoint does not need any more: then
 * it may be gone, or shorter, and what is merged of it is of no use to anybody. */
static bool inputs_gone(const struct attempt *a, const struct merger *g)
{
	const struct manifest *m = a->base ? &a->base->m : NULL;
	for (uint32_t i = 0; m && i < g->inputs.n_files; i++) {
		uint32_t j = 0;
		while (j < m->n_files && strcmp(m->file[j].name, g->inputs.file[i].name))
			j++;
		if (j == m->n_files)
			return true;
	}
	return false;
}

void chains_merged(struct attempt *a, struct mail *m)
{
	struct merger *done = CONTAINER_OF(CONTAINER_OF(m, struct io_job, mail), struct merger, seal);
	a->jobs_out--;
	for (struct merging *g = a->merging; g; g = g->next) {
		if (g->g != done)
			continue;
		if (done->seal.rc == OK && !a->closing) {
			g->done = true;
			return;
		}
		if (done->seal.rc != OK && a->c.log && err_class_of(done->seal.rc) != CLASS_QUIET &&
		    !inputs_gone(a, done))
			log_line(a->c.log, LOG_WARN, "merge of stage '%s' given up: %s",
				 a->c.plan->stage[g->stage].spec->id, done->seal.error.text);
		discard_submit(a, done->file.name);
		merging_close(a, g);
		return;
	}
	CHECK(!"a merge nobody knows");
}

/* Only what the manifest's chain still has exactly is replaced; else the merge was for nothing. */
enum rc chains_apply(struct attempt *a, uint64_t id, uint32_t stage, struct chain *c,
		     struct err *e)
{
	for (struct merging *g = a->merging, *next; g; g = next) {
		next = g->next;
		if (g->stage != stage || !g->done)
			continue;
		const struct merger *x = g->g;
		bool done = false;
		g->tried = true;
		if (chain_replace(c, &x->inputs, &x->inputs.op[0].keyed[0],
				  x->file.length ? &x->ref : NULL, &x->file, x->o.hash_first,
				  x->o.hash_last, x->delta, &done, e) != OK)
			return e->code;
		g->used_by = done ? id : 0;
	}
	return OK;
}

/* Used, and yet not named: the same checkpoint wrote everything and cut it out again. */
static void merging_published(struct attempt *a, struct merging *g)
{
	discard_unnamed(a, g->g->file.name);
	merging_close(a, g);
}

/* Named by a manifest that was not published: what failed may have been the sync of its own name,
 * and that is not tried again (inv 32). */
static void merging_abandoned(struct attempt *a, struct merging *g)
{
	discard_submit(a, g->g->file.name);
	merging_close(a, g);
}

void chains_settle(struct attempt *a, uint64_t id, bool published)
{
	for (struct merging *g = a->merging, *next; g; g = next) {
		next = g->next;
		if (!g->done)
			continue;
		/* What came while the manifest was on its way waits for the next one. */
		if (published && g->tried)
			merging_published(a, g);
		else if (!published && g->used_by == id)
			merging_abandoned(a, g);
	}
}

void chains_over(struct attempt *a)
{
	for (struct merging *g = a->merging, *next; g; g = next) {
		next = g->next;
		if (g->done)
			merging_published(a, g);
	}
}

void chains_drop(struct attempt *a)
{
	for (struct merging *g = a->merging; g; g = g->next)
		if (!g->done)
			merger_drop(g->g);
}

void chains_close(struct attempt *a)
{
	while (a->merging)
		merging_close(a, a->merging);
}
