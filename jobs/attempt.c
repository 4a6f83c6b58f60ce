/* attempt.c - an attempt from its opening to its end. See attempt.h; what the coordinator asks for
 * is done in attempt_act.c, what others tell arrives in attempt_letters.c, what is asked from
 * outside in attempt_asks.c. */
#include "jobs/attempt_in.h"

#include "base/planted.h"
#include "base/waker.h"
#include "runtime/lazy_restore.h"

#include <inttypes.h>

/* ---- opening ---- */

/* One before the first record fixes the splits (COORDINATOR 7), and is of a changed plan. With no
 * record to come there is nothing to fix: the final one is the first. */
static bool begins_with_checkpoint(const struct attempt_config *c)
{
	return c->from ? c->from->job_hash != c->plan->job_hash : !begun_is_empty(c->begun, c->plan);
}

RC attempt_open(struct attempt **out, const struct attempt_config *c, struct err *e)
{
	struct attempt *a = *out = mem_get(c->env->mem, sizeof *a);
	if (!a)
		return ERR(e, E_NO_MEMORY, "no memory for an attempt");
	a->c = *c;
	a->mem = c->env->mem;
	ioqueue_hurry(c->io, false);
	if (c->from) {
		/* The restored manifest must last as long as chains are carried on from it: encoded and
		 * decoded, it is a copy of our own. */
		struct bytes text;
		bytes_init(&text, a->mem);
		a->base = mem_get(a->mem, sizeof *a->base);
		enum rc rc = a->base ? manifest_encode((struct manifest *)c->from, &text, e)
				     : ERR(e, E_NO_MEMORY, "no memory for a manifest");
		if (rc == OK)
			rc = manifest_decode(&a->base->m, a->mem, c->from->slot, text.data, text.len, e);
		bytes_close(&text);
		if (rc != OK) {
			mem_put(a->mem, a->base);
			a->base = NULL;
			goto fail;
		}
		a->base->users = 1;
		published_use(a->base);
		a->restored = a->base;
	}
	struct packing_options po = {.mem = a->mem, .fs = c->env->fs, .io = c->io,
				     .parts_dir = c->parts_dir, .lineage = c->lineage,
				     .attempt = c->attempt, .epoch = c->epoch,
				     .codec = c->plan->spec->checkpoint.codec};
	const struct spec *s = c->plan->spec;
	struct co_config co = {
		/* Not by its own clock: attempt_load.c says when. */
		.timeout_us = s->checkpoint.timeout_us, .min_pause_us = s->checkpoint.min_pause_us,
		.max_concurrent = s->checkpoint.max_concurrent, .full = s->checkpoint.always_full,
		.tolerable_failures = s->checkpoint.tolerable_failures,
		.violation_fails = s->checkpoint.violation_fails_job,
		.subtasks = c->plan->n_tasks, .epoch = c->epoch, .attempt = c->attempt,
		.next_id = c->next_id, .base_id = c->from ? c->from->id : 0,
		.initial = begins_with_checkpoint(c),
		.resend_us = 10000000, .backlog_max = BACKLOG_FEW,
		.hold = c->from && c->restore == RESTORE_LAZY,
	};
	if (packing_open(&a->packing, &po, e) != OK || build_graph(a, e) != OK ||
	    co_open(&a->co, &co, a->mem, e) != OK || load_open(a, e) != OK)
		goto fail;
	return OK;
fail:
	attempt_close(a);
	*out = NULL;
	return e->code;
}

void attempt_close(struct attempt *a)
{
	if (!a)
		return;
	chains_close(a);
	spans_close(a);
	for (struct pending *p = a->pending, *next; p; p = next) {
		next = p->next;
		for (uint32_t i = 0; p->snap && i < a->n_tasks; i++)
			snap_close(p->snap[i]);
		part_share_drop(p->part.part);
		published_drop(p->made);
		mem_put(a->mem, p->part.blob);
		mem_put(a->mem, p->snap);
		mem_put(a->mem, p);
	}
	build_close(a);
	load_close(a);
	packing_close(a->packing);
	co_close(a->co);
	published_drop(a->base);
	published_drop(a->restored);
	mem_put(a->mem, a);
}

uint32_t attempt_tasks(const struct attempt *a)
{
	return a->n_tasks;
}

struct task *attempt_task(const struct attempt *a, uint32_t i)
{
	return a->task[i];
}

uint32_t attempt_threads(const struct attempt *a)
{
	return a->n_groups;
}

struct task_group *attempt_thread(const struct attempt *a, uint32_t i)
{
	return &a->group[i];
}

static const struct plan_stage *stage_of_task(const struct attempt *a, uint32_t task,
					       uint32_t *subtask, uint32_t *stage)
{
	const struct plan *p = a->c.plan;
	for (uint32_t s = 0; s < p->n_stages; s++)
		if (task - p->stage[s].first_task < p->stage[s].parallelism) {
			*subtask = task - p->stage[s].first_task;
			*stage = s;
			return &p->stage[s];
		}
	CHECK(!"a task of no stage");
	return NULL;
}

RC attempt_restore_task(struct attempt *a, uint32_t i, struct restored *out, struct err *e)
{
	uint32_t subtask, stage;
	const struct plan_stage *st = stage_of_task(a, i, &subtask, &stage);
	*out = (struct restored){0};
	const struct manifest_op *op = a->base ? manifest_find_op(&a->base->m, st->spec->id) : NULL;
	if (!st->p.keyed || !op || !op->n_keyed)
		return OK;
	const struct manifest *m = &a->base->m;
	uint64_t expected = restore_expected(m, &op->keyed[0], st->parallelism);
	struct lazy_options lazy = {.fs = a->c.env->fs, .parts_dir = a->c.parts_dir, .m = m,
				    .s = &op->keyed[0], .expected = expected};
	uint32_t width = 1;
	if (a->c.restore == RESTORE_PARALLEL)
		width = restore_width(UINT64_MAX, st->parallelism, thread_cores());
	enum rc rc =
		a->c.restore == RESTORE_LAZY
			? task_restore_lazily(a->task[i], &lazy, e)
			: restore_stretches(width, true, a->c.env->fs, a->mem, a->c.parts_dir, m,
					    &op->keyed[0], &task_config(a->task[i])->shape,
					    PLANTED(restored_by_even_shares)
						    ? UINT64_MAX / st->parallelism * subtask
						    : subtask_hash_first(st, subtask),
					    subtask_hash_last(st, subtask), expected,
					    task_keyed(a->task[i]), out, e);
	if (rc != OK)
		return err_in(e, "stage '%s'[%u]: restore of checkpoint %" PRIu64, st->spec->id, subtask,
			      a->base->m.id);
	return OK;
}

RC attempt_start(struct attempt *a, uint64_t now_us, struct err *e)
{
	for (uint32_t i = 0; i < a->n_tasks; i++) {
		uint32_t subtask, stage;
		stage_of_task(a, i, &subtask, &stage);
		const struct bytes *state = &a->c.begun->stage[stage].state[subtask];
		if (task_start(a->task[i], state->data, state->len, e) != OK)
			return e->code;
		a->loading += task_is_lazy(a->task[i]);
	}
	/* Of what comes back while records flow there is no such instant; its blocks are verified. */
	if (!a->loading && (attempt_confirm_sums(a, e) != OK || attempt_tell_restored(a, e) != OK))
		return e->code;
	if (a->base && !a->loading)
		chains_look(a);
	a->started = true;
	a->now_us = now_us;
	attempt_event(a, &(struct co_event){.kind = CO_EV_START});
	if (a->c.restore == RESTORE_LAZY && !a->loading)
		attempt_event(a, &(struct co_event){.kind = CO_EV_LOADED});
	return OK;
}

bool attempt_is_loading(const struct attempt *a)
{
	return a->loading != 0;
}

/* ---- stepping and ending ---- */

static void attempt_maybe_over(struct attempt *a)
{
	if (a->end != ATTEMPT_RUNNING || !a->closing)
		return;
	if (!attempt_all_told(a))
		attempt_close_tasks(a);
	if (a->closed < a->n_tasks || a->jobs_out || !ioqueue_is_idle(a->c.io))
		return;
	/* A merge that came too late is discarded now, or a finished job would keep it for ever. */
	if (a->unswept && (a->ending == ATTEMPT_FINISHED || a->ending == ATTEMPT_STOPPED))
		sweep_submit(a);
	else
		a->end = a->ending;
}

void attempt_step(struct attempt *a, uint64_t now_us, uint64_t *wake_at_us)
{
	a->now_us = now_us;
	if (a->started && co_wake_at(a->co) <= now_us)
		attempt_event(a, &(struct co_event){.kind = CO_EV_TICK});
	load_step(a);
	attempt_act(a);
	attempt_maybe_over(a);
	uint64_t due_us = load_wake_at(a);
	*wake_at_us = a->closing ? UINT64_MAX : co_wake_at(a->co);
	if (!a->closing && due_us < *wake_at_us)
		*wake_at_us = due_us;
	if (a->closing && a->end == ATTEMPT_RUNNING &&
	    (!attempt_all_told(a) || (a->closed == a->n_tasks && !a->jobs_out)))
		*wake_at_us = now_us + 1000; /* memory may come back; a lane is about to count down */
}

void attempt_fail(struct attempt *a, const struct err *e, uint64_t now_us)
{
	a->now_us = now_us;
	attempt_begin_closing(a, ATTEMPT_FAILED, e);
}

bool attempt_is_closing(const struct attempt *a)
{
	return a->closing && a->end == ATTEMPT_RUNNING;
}

bool attempt_is_over(const struct attempt *a)
{
	return a->end != ATTEMPT_RUNNING;
}

enum attempt_end attempt_end_of(const struct attempt *a)
{
	return a->end;
}

const struct err *attempt_error(const struct attempt *a)
{
	return &a->error;
}

const struct co_stats *attempt_co_stats(const struct attempt *a)
{
	return co_stats(a->co);
}

uint32_t attempt_pending(const struct attempt *a)
{
	return co_pending(a->co);
}

uint64_t attempt_next_id(const struct attempt *a)
{
	return co_next_id(a->co);
}

uint64_t attempt_first_record_us(const struct attempt *a)
{
	uint64_t first = 0;
	for (uint32_t i = 0; i < a->n_tasks; i++) {
		const struct task_stats *s = task_stats(a->task[i]);
		uint64_t t = atomic_load_explicit(&((struct task_stats *)s)->first_record_us,
						  memory_order_relaxed);
		if (attempt_is_source(a, i) && t && (!first || t < first))
			first = t;
	}
	return first;
}
