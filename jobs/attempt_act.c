/* attempt_act.c - the coordinator's actions, performed: letters to tasks, jobs for the lanes.
 *
 *   CO_TRIGGER ──> letters to sources        CO_PUBLISH ──> part, manifest, link (publish.c)
 *   CO_ABORT ────> letters, part discarded   CO_COMPLETED > another base; commit, sweep, merge
 *   CO_FAIL_ATTEMPT, CO_DONE, CO_HALT ─────> closing */
#include "jobs/attempt_in.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- letters to tasks ---- */

/* False: no memory; a letter that must arrive then fails the attempt. */
static bool tell(struct attempt *a, uint32_t task, enum letter_kind kind, const struct barrier *b)
{
	struct task_letter *l = mem_get(a->mem, sizeof *l);
	if (!l)
		return false;
	l->mail.kind = kind;
	if (b)
		l->barrier = *b;
	mailbox_put(task_mailbox(a->task[task]), &l->mail);
	return true;
}

bool attempt_is_source(const struct attempt *a, uint32_t i)
{
	return task_config(a->task[i])->ops->role == OP_SOURCE;
}

void attempt_tell(struct attempt *a, enum letter_kind kind, const struct barrier *b,
		  bool sources_only)
{
	bool told = true;
	for (uint32_t i = 0; i < a->n_tasks; i++)
		if (!sources_only || attempt_is_source(a, i))
			told &= tell(a, i, kind, b);
	if (told)
		return;
	struct err e = {0};
	ERR(&e, E_NO_MEMORY, "no memory for a letter to the job's tasks");
	attempt_fail(a, &e, a->now_us);
}

enum rc attempt_tell_restored(struct attempt *a, struct err *e)
{
	for (uint32_t i = 0; a->restored && i < a->n_tasks; i++) {
		const struct task_config *c = task_config(a->task[i]);
		const struct manifest_op *op = manifest_find_op(&a->restored->m, c->stage);
		if (!c->ops->restored || !op)
			continue;
		struct task_letter *l = mem_get(a->mem, sizeof *l);
		if (!l)
			return ERR(e, E_NO_MEMORY, "no memory for a letter to the job's tasks");
		l->mail.kind = LETTER_RESTORED;
		l->barrier.id = a->restored->m.id;
		l->old_parallelism = op->parallelism;
		mailbox_put(task_mailbox(a->task[i]), &l->mail);
	}
	return OK;
}

/* Closing needs memory that may just have run out: one task at a time, tried again each step. */
void attempt_close_tasks(struct attempt *a)
{
	a->closing = true;
	ioqueue_hurry(a->c.io, true);
	chains_drop(a);
	for (uint32_t i = 0; i < a->n_tasks; i++)
		if (!(a->task_told[i]) && tell(a, i, LETTER_CLOSE, NULL))
			a->task_told[i] = 1;
}

bool attempt_all_told(const struct attempt *a)
{
	for (uint32_t i = 0; i < a->n_tasks; i++)
		if (!(a->task_told[i]))
			return false;
	return true;
}

/* ---- pending checkpoints ---- */

struct pending *pending_of(struct attempt *a, uint64_t id)
{
	for (struct pending *p = a->pending; p; p = p->next)
		if (p->id == id)
			return p;
	return NULL;
}

static struct pending *pending_new(struct attempt *a, const struct co_action *x)
{
	struct pending *p = mem_get(a->mem, sizeof *p);
	if (!p)
		return NULL;
	p->snap = mem_get(a->mem, a->n_tasks * sizeof *p->snap);
	if (!p->snap) {
		mem_put(a->mem, p);
		return NULL;
	}
	p->id = x->id;
	p->base_id = x->base_id;
	p->kind = x->checkpoint_kind;
	p->full = x->full;
	memcpy(p->name, x->name, sizeof p->name);
	memcpy(p->why, x->why, sizeof p->why);
	p->triggered_us = a->now_us;
	p->wall_us = clock_wall_us(a->c.env->clock);
	p->next = a->pending;
	a->pending = p;
	load_begun(a, p);
	return p;
}

/* Nothing of it is under way any more. */
void pending_close(struct attempt *a, struct pending *p)
{
	for (struct pending **at = &a->pending; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	for (uint32_t i = 0; i < a->n_tasks; i++)
		snap_close(p->snap[i]);
	part_share_drop(p->part.part);
	published_drop(p->made);
	mem_put(a->mem, p->part.blob);
	mem_put(a->mem, p->snap);
	mem_put(a->mem, p);
}

static void record(struct attempt *a, struct pending *p, uint64_t request,
		   const struct err *error)
{
	struct checkpoint_record r;
	assemble_record(a, p, &r);
	if (error) {
		r.completed = false;
		snprintf(r.error, sizeof r.error, "%s", error->text);
	}
	if (a->c.listen.checkpoint)
		a->c.listen.checkpoint(a->c.listen.arg, &r);
	attempt_answer(a, request, error ? NULL : &r, NULL, error);
	if (a->end != ATTEMPT_RUNNING || a->ending == ATTEMPT_HALTED)
		return;
	note_submit(a, &r);
	if (error)
		spans_given_up(a, p);
}

void attempt_event_failed(struct attempt *a, enum co_event_kind kind, uint64_t id,
			  const struct err *error)
{
	attempt_event(a, &(struct co_event){.kind = kind, .epoch = a->c.epoch, .attempt = a->c.attempt,
					    .id = id, .error = error});
}

/* ---- actions ---- */

static void act_trigger(struct attempt *a, const struct co_action *x)
{
	struct barrier b = {.id = x->id, .base_id = x->base_id,
			    .options = (x->stop ? BARRIER_STOP : 0) | (x->full ? BARRIER_FULL : 0) |
				       (x->checkpoint_kind == CO_FINAL ? BARRIER_FINAL : 0)};
	if (!pending_of(a, x->id) && !pending_new(a, x)) {
		struct err e = {0};
		ERR(&e, E_NO_MEMORY, "no memory for a checkpoint");
		attempt_fail(a, &e, a->now_us);
		return;
	}
	attempt_tell(a, LETTER_TRIGGER, &b, true);
}

static void act_publish(struct attempt *a, const struct co_action *x)
{
	struct pending *p = pending_of(a, x->id);
	struct err e = {0};
	CHECK(p && p->acknowledged == a->n_tasks);
	if (attempt_check(a, p, &e) != OK) {
		attempt_event_failed(a, CO_EV_VIOLATED, p->id, &e);
		return;
	}
	pack_finish_init(&p->part, a->packing, p->id, a->c.control, JOB_FINISHED_PART);
	if (assemble_blobs(a, p, &e) != OK) {
		attempt_event_failed(a, CO_EV_PUBLISH_FAILED, p->id, &e);
		return;
	}
	p->part_under_way = true;
	a->jobs_out++;
	ioqueue_submit(a->c.io, &p->part.job);
}

static void act_abort(struct attempt *a, const struct co_action *x)
{
	struct pending *p = pending_of(a, x->id);
	struct barrier b = {.id = x->id};
	struct err why = x->error;
	if (p && why.code == E_TIMEOUT)
		stuck_say(a, p, &why);
	if (err_class_of(why.code) != CLASS_QUIET && a->c.log)
		log_line(a->c.log, LOG_WARN, "checkpoint %" PRIu64 " failed: %s", x->id, why.text);
	if (!a->closing)
		attempt_tell(a, LETTER_ABORT, &b, false);
	if (!p) {
		attempt_answer(a, x->request, NULL, NULL, &why);
		return;
	}
	record(a, p, x->request, &why);
	p->decided = true;
	load_decided(a, p, false);
	chains_settle(a, p->id, false);
	if (p->part_under_way || p->publishing)
		return; /* its letter ends it; a manifest that may yet stand keeps its part */
	if (p->part.file.name[0] && p->part.job.mail.kind == JOB_FINISHED_PART) {
		discard_submit(a, p->part.file.name);
		pending_close(a, p);
		return;
	}
	mem_put(a->mem, p->part.blob);
	pack_abandon_init(&p->part, a->packing, p->id, a->c.control, JOB_ABANDONED);
	p->part_under_way = true;
	a->jobs_out++;
	ioqueue_submit(a->c.io, &p->part.job);
}

/* Durable: it is the base now; its intents are committed next, then old ones go. */
static void act_completed(struct attempt *a, const struct co_action *x)
{
	struct pending *p = pending_of(a, x->id);
	struct err e = {0};
	CHECK(p && p->made);
	record(a, p, x->request, NULL);
	spans_published(a, p);
	backlog_published(&a->backlog, a->base ? &a->base->m : NULL, &p->made->m);
	published_drop(a->base);
	a->base = p->made;
	p->made = NULL;
	if (p->part.file.length)
		discard_unnamed(a, p->part.file.name);
	load_decided(a, p, true);
	pending_close(a, p);
	chains_settle(a, x->id, true);
	if (commit_submit(a, &e) == OK)
		load_durable(a, true);
	else
		attempt_event_failed(a, CO_EV_COMMIT_FAILED, x->id, &e);
}

void attempt_begin_closing(struct attempt *a, enum attempt_end ending, const struct err *error)
{
	if (a->ending != ATTEMPT_RUNNING)
		return;
	a->ending = ending;
	if (error)
		a->error = *error;
	if (ending != ATTEMPT_FAILED)
		chains_over(a);
	attempt_close_tasks(a);
}

static void act(struct attempt *a, const struct co_action *x)
{
	switch (x->kind) {
	case CO_TRIGGER:
		act_trigger(a, x);
		break;
	case CO_RELEASE:
		a->released = true;
		load_released(a);
		attempt_tell(a, LETTER_RELEASE, NULL, true);
		break;
	case CO_PUBLISH:
		act_publish(a, x);
		break;
	case CO_ABORT:
		act_abort(a, x);
		break;
	case CO_COMPLETED:
		act_completed(a, x);
		break;
	case CO_FAIL_ATTEMPT:
		attempt_begin_closing(a, ATTEMPT_FAILED, &x->error);
		break;
	case CO_HALT:
		/* Also out of a closing that had begun for another reason: nothing more may be touched. */
		a->ending = ATTEMPT_HALTED;
		a->error = x->error;
		attempt_close_tasks(a);
		break;
	case CO_DONE:
		attempt_begin_closing(
			a, x->checkpoint_kind == CO_FINAL ? ATTEMPT_FINISHED : ATTEMPT_STOPPED, NULL);
		break;
	case CO_DRAIN:
		attempt_tell(a, LETTER_DRAIN, NULL, true);
		break;
	case CO_REFUSED:
		attempt_answer(a, x->request, NULL, NULL, &x->error);
		if (a->c.log)
			log_line(a->c.log, LOG_WARN, "checkpoint refused: %s", x->error.text);
		break;
	}
}

void attempt_event(struct attempt *a, const struct co_event *ev)
{
	struct co_event e = *ev;
	e.epoch = a->c.epoch;
	e.attempt = a->c.attempt;
	co_event(a->co, a->now_us, &e);
}

void attempt_act(struct attempt *a)
{
	struct co_action x;
	while (co_next(a->co, &x))
		act(a, &x);
}
