/* progress.c - see progress.h. */
#include "jobs/progress.h"

#include "base/hash.h"
#include "runtime/operator.h"

#include <string.h>

static uint64_t hash_of(const char *id)
{
	return hash_bytes(id, strlen(id));
}

static bool is_source(const struct plan_stage *st)
{
	return st->ops->role == OP_SOURCE;
}

void progress_begin(struct progress *p, const struct plan *plan, const struct manifest *m,
		    uint32_t lineage)
{
	uint32_t n = 0;
	if (!p)
		return;
	atomic_store(&p->n, 0); /* a crash from here on leaves nothing known */
	p->lineage = lineage;
	for (uint32_t s = 0; s < plan->n_stages; s++) {
		const struct plan_stage *st = &plan->stage[s];
		const struct manifest_op *op = m ? manifest_find_op(m, st->spec->id) : NULL;
		if (!is_source(st))
			continue;
		if ((op && !op->counted) || st->parallelism > PROGRESS_PLACES - n)
			return;
		for (uint32_t i = 0; i < st->parallelism; i++) {
			struct progress_place *at = &p->place[n++];
			at->stage = hash_of(st->spec->id);
			at->before = op && i == 0 ? op->out : 0;
			atomic_store(&at->out, 0);
		}
	}
	atomic_store(&p->n, n);
}

_Atomic uint64_t *progress_place(struct progress *p, const struct plan *plan, uint32_t stage,
				 uint32_t i)
{
	uint32_t at = i;
	if (!p || !is_source(&plan->stage[stage]))
		return NULL;
	for (uint32_t s = 0; s < stage; s++)
		at += is_source(&plan->stage[s]) ? plan->stage[s].parallelism : 0;
	return at < PROGRESS_PLACES ? &p->place[at].out : NULL;
}

bool progress_beyond(const struct progress *p, const struct manifest *m, uint64_t *records)
{
	uint32_t n = p ? atomic_load(&p->n) : 0;
	uint64_t out = 0, had = 0;
	*records = 0;
	if (!n || n > PROGRESS_PLACES || p->lineage != m->lineage)
		return false;
	for (uint32_t i = 0; i < n; i++)
		out += p->place[i].before + atomic_load(&p->place[i].out);
	/* A stage that has left the job since is in neither. */
	for (uint32_t k = 0; k < m->n_ops; k++) {
		uint64_t id = hash_of(m->op[k].id);
		bool is = false;
		for (uint32_t i = 0; i < n; i++)
			is |= p->place[i].stage == id;
		if (is && !m->op[k].counted)
			return false;
		had += is ? m->op[k].out : 0;
	}
	*records = out > had ? out - had : 0;
	return true;
}
