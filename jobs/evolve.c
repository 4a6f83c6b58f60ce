/* evolve.c - see evolve.h. */
#include "jobs/evolve.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *fate_name(enum fate_of_state f)
{
	static const char *const names[] = {"restored", "started empty", "dropped", "does not fit"};
	return names[f];
}

/* ---- does it fit ---- */

static void misfit(struct evolve_row *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void misfit(struct evolve_row *r, const char *fmt, ...)
{
	size_t n = r->fate == STATE_MISFIT ? strlen(r->why) : 0;
	va_list ap;
	va_start(ap, fmt);
	if (n)
		n += (size_t)snprintf(r->why + n, sizeof r->why - n, "; ");
	if (n < sizeof r->why)
		vsnprintf(r->why + n, sizeof r->why - n, fmt, ap);
	va_end(ap);
	r->fate = STATE_MISFIT;
}

static void fit_keyed(struct evolve_row *r, const struct plan_stage *st,
		      const struct manifest_op *op)
{
	char before[256], now[256];
	if (!op->n_keyed)
		return;
	const struct manifest_keyed *k = &op->keyed[0];
	if (!st->p.keyed) {
		misfit(r, "stage '%s' has keyed state, which the job now has no use for", op->id);
		return;
	}
	if (!schema_equal(&k->key, &st->p.key_schema)) {
		schema_text(&k->key, before, sizeof before);
		schema_text(&st->p.key_schema, now, sizeof now);
		misfit(r, "stage '%s' was keyed by (%s), now by (%s)", op->id, before, now);
	}
	if (!schema_equal(&k->value, &st->p.value_schema)) {
		schema_text(&k->value, before, sizeof before);
		schema_text(&st->p.value_schema, now, sizeof now);
		misfit(r, "stage '%s' kept (%s), now (%s)", op->id, before, now);
	}
	if (!shape_hash_fits(st->p.key.form, k->hash_id))
		misfit(r, "stage '%s' has keys placed by hash %u, which is not for keys of its kind",
		       op->id, k->hash_id);
	if (op->max_parallelism != st->p.max_parallelism)
		misfit(r, "max_parallelism was %u and is now %u: it is fixed for the life of the state",
		       op->max_parallelism, st->p.max_parallelism);
}

static void fit(struct evolve_row *r, const struct plan_stage *st, const struct manifest_op *op)
{
	if (!st && r->has_state)
		misfit(r, "stage '%s' has state, and the job has no stage of this id any more", op->id);
	else if (!st)
		r->fate = STATE_DROPPED;
	else if (strcmp(st->ops->name, op->type))
		misfit(r, "stage '%s' was a %s and is now a %s", op->id, op->type, st->ops->name);
	else if (r->has_state && op->state_version > st->p.state_version)
		misfit(r, "stage '%s' has state of version %u, this weir knows %u", op->id,
		       op->state_version, st->p.state_version);
	else
		fit_keyed(r, st, op);
}

/* ---- what there is of it ---- */

static void count_ref(struct evolve_row *r, const struct section_ref *ref, uint8_t *seen)
{
	r->bytes += ref->bytes;
	if (ref->file == SECTION_INLINE || seen[ref->file])
		return;
	seen[ref->file] = 1;
	r->files++;
}

/* Older checkpoints say only how many keys the whole job had: known of the one stage that has
 * any. */
static bool known_keys(const struct manifest *m, const struct manifest_op *op, uint64_t *keys)
{
	uint32_t keyed = 0;
	for (uint32_t i = 0; i < m->n_ops; i++)
		keyed += m->op[i].n_keyed > 0;
	*keys = !op->n_keyed ? 0 : op->counted ? op->keys : m->figures.keys;
	return !op->n_keyed || op->counted || keyed == 1;
}

static void count_state(struct evolve_row *r, const struct manifest *m,
			const struct manifest_op *op, uint8_t *seen)
{
	memset(seen, 0, m->n_files);
	for (uint32_t k = 0; k < op->n_keyed; k++)
		for (uint32_t i = 0; i < op->keyed[k].n_runs; i++) {
			count_ref(r, &op->keyed[k].run[i].ref, seen);
			r->rows += op->keyed[k].run[i].ref.rows;
		}
	for (uint32_t i = 0; i < op->n_sections; i++)
		count_ref(r, &op->section[i].ref, seen);
	r->has_state = op->n_keyed || op->n_sections;
	r->keys_known = known_keys(m, op, &r->keys);
}

/* ---- the table ---- */

static bool is_dropped(const char *id, const char *const *drops, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(drops[i], id))
			return true;
	return false;
}

static enum rc check_drops(const struct evolution *ev, const struct manifest *m,
			   const char *const *drops, uint32_t n, struct err *e)
{
	char some[200] = "";
	size_t at = 0;
	for (uint32_t d = 0; d < n; d++) {
		bool found = false;
		for (uint32_t i = 0; i < m->n_ops; i++)
			found |= ev->row[i].has_state && !strcmp(m->op[i].id, drops[d]);
		if (found)
			continue;
		for (uint32_t i = 0; i < m->n_ops && at < sizeof some; i++)
			if (ev->row[i].has_state)
				at += (size_t)snprintf(some + at, sizeof some - at, "%s'%s'", at ? ", " : "",
						       m->op[i].id);
		return ERR(e, E_INVALID, "checkpoint %llu has no state of a stage '%s' that could be "
			   "dropped; it has state of %s", (unsigned long long)m->id, drops[d],
			   at ? some : "none");
	}
	return OK;
}

static void row_of_op(struct evolve_row *r, const struct plan *p, const struct manifest *m,
		      const struct manifest_op *op, const char *const *drops, uint32_t n_drops,
		      uint8_t *seen)
{
	const struct plan_stage *st = plan_find(p, op->id);
	r->stage = op->id;
	r->is_in_job = st != NULL;
	count_state(r, m, op, seen);
	if (is_dropped(op->id, drops, n_drops))
		r->fate = STATE_DROPPED;
	else
		fit(r, st, op);
}

RC evolve(struct evolution *ev, const struct plan *p, const struct manifest *m,
	  const char *const *drops, uint32_t n_drops, struct mem *mem, struct err *e)
{
	*ev = (struct evolution){.mem = mem};
	ev->row = mem_get(mem, ((size_t)m->n_ops + p->n_stages + 1) * sizeof *ev->row);
	uint8_t *seen = mem_get(mem, (size_t)m->n_files + 1);
	if (!ev->row || !seen) {
		mem_put(mem, seen);
		evolution_close(ev);
		return ERR(e, E_NO_MEMORY, "no memory to compare a job with a checkpoint");
	}
	for (; ev->n < m->n_ops; ev->n++)
		row_of_op(&ev->row[ev->n], p, m, &m->op[ev->n], drops, n_drops, seen);
	mem_put(mem, seen);
	for (uint32_t i = 0; i < p->n_stages; i++) {
		const char *id = p->stage[i].spec->id;
		if (!manifest_find_op(m, id))
			ev->row[ev->n++] = (struct evolve_row){.stage = id, .fate = STATE_EMPTY,
							       .is_in_job = true, .keys_known = true};
	}
	for (uint32_t i = 0; i < ev->n; i++)
		ev->misfits += ev->row[i].fate == STATE_MISFIT;
	if (check_drops(ev, m, drops, n_drops, e) == OK)
		return OK;
	evolution_close(ev);
	return e->code;
}

void evolution_close(struct evolution *ev)
{
	if (ev->mem)
		mem_put(ev->mem, ev->row);
	*ev = (struct evolution){0};
}

RC evolution_check(const struct evolution *ev, const struct manifest *m, struct err *e)
{
	struct bytes text;
	const char *first = NULL;
	if (!ev->misfits)
		return OK;
	bytes_init(&text, ev->mem);
	for (uint32_t i = 0; i < ev->n; i++)
		if (ev->row[i].fate == STATE_MISFIT) {
			bytes_printf(&text, "%s%s", first ? "; " : "", ev->row[i].why);
			first = first ? first : ev->row[i].stage;
		}
	enum rc rc = ERR(e, E_REFUSED,
			 "the state of checkpoint %llu does not fit the changed job: %s. Change the job "
			 "back, or begin anew with --fresh, or in another --dir, or without this state: "
			 "--drop-state %s",
			 (unsigned long long)m->id, bytes_text(&text), first);
	bytes_close(&text);
	return rc;
}

/* ---- without what was dropped ---- */

RC evolve_without(struct manifest *to, const struct manifest *from, const char *const *drops,
		  uint32_t n_drops, struct mem *mem, struct err *e)
{
	if (manifest_clone(to, from, mem, e) != OK)
		return e->code;
	uint32_t kept = 0;
	uint64_t keys;
	for (uint32_t i = 0; i < from->n_ops; i++)
		if (!is_dropped(to->op[i].id, drops, n_drops))
			to->op[kept++] = to->op[i];
		else if (!known_keys(from, &from->op[i], &keys))
			to->figures.keys = EVOLVE_KEYS_UNKNOWN;
		else if (to->figures.keys != EVOLVE_KEYS_UNKNOWN)
			to->figures.keys -= keys < to->figures.keys ? keys : to->figures.keys;
	to->n_ops = kept;
	/* What went to and from a stage that begins anew is counted anew. */
	kept = 0;
	for (uint32_t i = 0; i < to->n_edges; i++)
		if (!is_dropped(to->edge[i].from, drops, n_drops) &&
		    !is_dropped(to->edge[i].to, drops, n_drops))
			to->edge[kept++] = to->edge[i];
	to->n_edges = kept;
	manifest_prune_files(to);
	return OK;
}
