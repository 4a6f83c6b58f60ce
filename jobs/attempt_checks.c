/* attempt_checks.c - the job's invariants on a checkpoint's cut: what their values are, from its
 * acknowledgements and the checkpoint this attempt was restored from; and the sums of keyed state
 * that stand in its manifest, which a restore must come to again.
 * Pure over what the control thread holds; called when all have acknowledged. */
#include "jobs/attempt_in.h"
#include "jobs/checks.h"

#include <inttypes.h>

static RC no_memory(struct err *e)
{
	return ERR(e, E_NO_MEMORY, "no memory for a manifest");
}

struct cut {
	const struct attempt *a;
	const struct pending *p;
};

__int128 attempt_restored_count(const struct attempt *a, const struct plan_stage *st,
				enum check_what what)
{
	const struct manifest_op *op =
		a->restored ? manifest_find_op(&a->restored->m, st->spec->id) : NULL;
	if (!op)
		return 0;
	return what == CHECK_RECORDS_IN        ? op->in
	       : what == CHECK_RECORDS_OUT     ? op->out
	       : what == CHECK_RECORDS_SKIPPED ? op->skipped
					       : 0;
}

static __int128 value_of(void *arg, enum check_what what, uint32_t stage, uint32_t word)
{
	const struct cut *x = arg;
	const struct plan_stage *st = &x->a->c.plan->stage[stage];
	__int128 sum = attempt_restored_count(x->a, st, what);
	for (uint32_t i = 0; i < st->parallelism; i++) {
		const struct snap *s = x->p->snap[st->first_task + i];
		switch (what) {
		case CHECK_SUM:
			sum += s->totals.sum[word];
			break;
		case CHECK_COUNT:
			sum += s->totals.keys;
			break;
		case CHECK_RECORDS_IN:
			sum += s->counts.in;
			break;
		case CHECK_RECORDS_OUT:
			sum += s->counts.out;
			break;
		case CHECK_RECORDS_SKIPPED:
			sum += s->counts.skipped;
			break;
		case CHECK_POSITION:
			sum += s->counts.position;
			break;
		}
	}
	return sum;
}

enum rc attempt_check(const struct attempt *a, const struct pending *p, struct err *why)
{
	const struct checks *c = a->c.plan->checks;
	struct cut cut = {a, p};
	struct check_values v = {value_of, &cut};
	struct check_sides sides;
	for (uint32_t i = 0; i < checks_count(c); i++)
		if (!check_holds(c, i, &v, &sides, why))
			return why->code;
	return OK;
}

static RC add_sums(const struct attempt *a, const struct pending *p, struct manifest *m,
		   uint32_t stage, struct err *e)
{
	const struct plan_stage *st = &a->c.plan->stage[stage];
	uint32_t words = checks_sums(a->c.plan->checks, stage);
	struct cut cut = {a, p};
	for (uint32_t w = 0; w < st->p.value_bytes / 8; w++) {
		if (!(words >> w & 1))
			continue;
		struct manifest_sum *s = manifest_add_sum(m, &m->op[stage]);
		char *field = s ? manifest_text(m, st->p.value_schema.field[w].name) : NULL;
		if (!field)
			return no_memory(e);
		*s = (struct manifest_sum){field, value_of(&cut, CHECK_SUM, stage, w)};
	}
	return OK;
}

enum rc assemble_checks(const struct attempt *a, const struct pending *p, struct manifest *m,
			struct err *e)
{
	const struct checks *c = a->c.plan->checks;
	struct cut cut = {a, p};
	struct check_values v = {value_of, &cut};
	for (uint32_t s = 0; s < a->c.plan->n_stages && c; s++)
		if (m->op[s].counted && add_sums(a, p, m, s, e) != OK)
			return e->code;
	for (uint32_t i = 0; i < checks_count(c); i++) {
		struct check_sides sides;
		struct manifest_check *x = manifest_add_check(m);
		CHECK(check_holds(c, i, &v, &sides, e)); /* as when it was to be published */
		char *text = x ? manifest_text(m, sides.text) : NULL;
		if (!text)
			return no_memory(e);
		*x = (struct manifest_check){text, sides.left, sides.right};
	}
	return OK;
}

/* ---- a restore ---- */

static __int128 restored_sum(const struct attempt *a, const struct plan_stage *st, uint32_t word)
{
	__int128 sum = 0;
	for (uint32_t i = 0; i < st->parallelism; i++)
		sum += keyed_totals(task_keyed(a->task[st->first_task + i])).sum[word];
	return sum;
}

static RC confirm_stage(const struct attempt *a, uint32_t stage, struct err *e)
{
	const struct plan_stage *st = &a->c.plan->stage[stage];
	uint32_t words = checks_sums(a->c.plan->checks, stage);
	const struct manifest_op *op = manifest_find_op(&a->base->m, st->spec->id);
	for (uint32_t i = 0; op && i < op->n_sums; i++)
		for (uint32_t w = 0; w < st->p.value_bytes / 8; w++)
			if (words >> w & 1 && !strcmp(st->p.value_schema.field[w].name, op->sum[i].field) &&
			    restored_sum(a, st, w) != op->sum[i].sum)
				return ERR(e, E_CORRUPT, "stage '%s': the values of '%s' do not come to the sum "
					   "that checkpoint %" PRIu64 " was taken with", st->spec->id,
					   op->sum[i].field, a->base->m.id);
	return OK;
}

enum rc attempt_confirm_sums(const struct attempt *a, struct err *e)
{
	const struct checks *c = a->c.plan->checks;
	if (!a->base || !c)
		return OK;
	for (uint32_t s = 0; s < a->c.plan->n_stages; s++)
		if (confirm_stage(a, s, e) != OK)
			return e->code;
	return OK;
}
