/* attempt.c - see attempt.h: letters to events, actions to letters and jobs.
 *
 *   task: ACK ──────────────> CO_EV_ACK ─┐
 *   lane: PUBLISHED ────────> CO_EV_... ─┤ coordinator (pure) ├─> CO_TRIGGER ──> letters to sources
 *   lane: COMMITTED ────────> ...       ─┘                    ├─> CO_PUBLISH ──> part, manifest, link
 *                                                             └─> CO_ABORT, CO_FAIL_ATTEMPT, CO_DONE ...
 */
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

static bool task_is_source(const struct attempt *a, uint32_t i)
{
	return task_config(a->task[i])->ops->role == OP_SOURCE;
}

static void tell_all(struct attempt *a, enum letter_kind kind, const struct barrier *b, bool sources_only)
{
	bool told = true;
	for (uint32_t i = 0; i < a->n_tasks; i++)
		if (!sources_only || task_is_source(a, i))
			told &= tell(a, i, kind, b);
	if (told)
		return;
	struct err e = {0};
	ERR(&e, E_NO_MEMORY, "no memory for a letter to the job's tasks");
	attempt_fail(a, &e, a->now_us);
}

/* Closing needs memory that may just have run out: one task at a time, tried again each step. */
static void close_tasks(struct attempt *a)
{
	a->closing = true;
	for (uint32_t i = 0; i < a->n_tasks; i++)
		if (!(a->task_told[i]) && tell(a, i, LETTER_CLOSE, NULL))
			a->task_told[i] = 1;
}

static bool tasks_were_told(const struct attempt *a)
{
	for (uint32_t i = 0; i < a->n_tasks; i++)
		if (!(a->task_told[i]))
			return false;
	return true;
}

/* ---- opening ---- */

RC attempt_open(struct attempt **out, const struct attempt_config *c, struct err *e)
{
	struct attempt *a = *out = mem_get(c->env->mem, sizeof *a);
	if (!a)
		return ERR(e, E_NO_MEMORY, "no memory for an attempt");
	a->c = *c;
	a->mem = c->env->mem;
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
	}
	struct packing_options po = {.mem = a->mem, .fs = c->env->fs, .io = c->io,
				     .parts_dir = c->parts_dir, .lineage = c->lineage,
				     .attempt = c->attempt, .epoch = c->epoch};
	const struct spec *s = c->plan->spec;
	struct co_config co = {
		.interval_us = s->checkpoint.interval_us, .timeout_us = s->checkpoint.timeout_us,
		.max_concurrent = 1, .tolerable_failures = s->checkpoint.tolerable_failures,
		.subtasks = c->plan->n_tasks, .epoch = c->epoch, .attempt = c->attempt,
		.next_id = c->next_id, .base_id = c->from ? c->from->id : 0,
		.initial = !c->from || c->from->job_hash != c->plan->job_hash,
		.resend_us = 10000000,
	};
	if (packing_open(&a->packing, &po, e) != OK || build_graph(a, e) != OK ||
	    co_open(&a->co, &co, a->mem, e) != OK)
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
	packing_close(a->packing);
	co_close(a->co);
	published_drop(a->base);
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

static const struct plan_stage *stage_of_task(const struct attempt *a, uint32_t task, uint32_t *subtask,
					       uint32_t *stage)
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
	/* An estimate: the live keys of the whole job, as of that checkpoint, spread evenly. */
	uint64_t rows = 0;
	for (uint32_t r = 0; r < op->keyed[0].n_runs; r++)
		rows += op->keyed[0].run[r].ref.rows;
	if (a->base->m.figures.keys < rows)
		rows = a->base->m.figures.keys;
	if (restore_keyed(a->c.env->fs, a->mem, a->c.parts_dir, &a->base->m, &op->keyed[0], &st->shape,
			  subtask_hash_first(st, subtask), subtask_hash_last(st, subtask),
			  rows / st->parallelism, task_keyed(a->task[i]), out, e) != OK)
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
	}
	if (a->base)
		chains_look(a);
	a->started = true;
	a->now_us = now_us;
	attempt_event(a, &(struct co_event){.kind = CO_EV_START});
	return OK;
}

/* ---- pending checkpoints ---- */

static struct pending *pending_of(struct attempt *a, uint64_t id)
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
	p->triggered_us = a->now_us;
	p->next = a->pending;
	a->pending = p;
	return p;
}

/* Nothing of it is under way any more. */
static void pending_close(struct attempt *a, struct pending *p)
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

static void record(struct attempt *a, struct pending *p, const struct err *error)
{
	struct checkpoint_record r;
	assemble_record(a, p, &r);
	if (error) {
		r.completed = false;
		snprintf(r.error, sizeof r.error, "%s", error->text);
	}
	if (a->c.listen.checkpoint)
		a->c.listen.checkpoint(a->c.listen.arg, &r);
	if (a->end == ATTEMPT_RUNNING && a->ending != ATTEMPT_HALTED)
		note_submit(a, &r);
}

static void event_failed(struct attempt *a, enum co_event_kind kind, uint64_t id, const struct err *error)
{
	attempt_event(a, &(struct co_event){.kind = kind, .epoch = a->c.epoch, .attempt = a->c.attempt,
					    .id = id, .error = error});
}

/* ---- actions ---- */

static void act_trigger(struct attempt *a, const struct co_action *x)
{
	struct barrier b = {.id = x->id, .base_id = x->base_id,
			    .options = (x->stop ? BARRIER_STOP : 0) |
				       (x->checkpoint_kind == CO_FINAL ? BARRIER_FINAL : 0)};
	if (!pending_of(a, x->id) && !pending_new(a, x)) {
		struct err e = {0};
		ERR(&e, E_NO_MEMORY, "no memory for a checkpoint");
		attempt_fail(a, &e, a->now_us);
		return;
	}
	tell_all(a, LETTER_TRIGGER, &b, true);
}

static void act_publish(struct attempt *a, const struct co_action *x)
{
	struct pending *p = pending_of(a, x->id);
	struct err e = {0};
	CHECK(p && p->acknowledged == a->n_tasks);
	pack_finish_init(&p->part, a->packing, p->id, a->c.control, JOB_FINISHED_PART);
	if (assemble_blobs(a, p, &e) != OK) {
		event_failed(a, CO_EV_PUBLISH_FAILED, p->id, &e);
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
	if (err_class_of(x->error.code) != CLASS_QUIET && a->c.log)
		log_line(a->c.log, LOG_WARN, "checkpoint %" PRIu64 " failed: %s", x->id, x->error.text);
	if (!a->closing)
		tell_all(a, LETTER_ABORT, &b, false);
	if (!p)
		return;
	record(a, p, &x->error);
	p->decided = true;
	chains_settle(a, false);
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
	record(a, p, NULL);
	published_drop(a->base);
	a->base = p->made;
	p->made = NULL;
	if (p->part.file.length)
		discard_unnamed(a, p->part.file.name);
	pending_close(a, p);
	chains_settle(a, true);
	if (commit_submit(a, &e) != OK)
		event_failed(a, CO_EV_COMMIT_FAILED, x->id, &e);
}

static void begin_closing(struct attempt *a, enum attempt_end ending, const struct err *error)
{
	if (a->ending != ATTEMPT_RUNNING)
		return;
	a->ending = ending;
	if (error)
		a->error = *error;
	if (ending != ATTEMPT_FAILED)
		chains_settle(a, true); /* no checkpoint follows that could use a merge */
	close_tasks(a);
}

static void act(struct attempt *a, const struct co_action *x)
{
	switch (x->kind) {
	case CO_TRIGGER:
		act_trigger(a, x);
		break;
	case CO_RELEASE:
		a->released = true;
		tell_all(a, LETTER_RELEASE, NULL, true);
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
		begin_closing(a, ATTEMPT_FAILED, &x->error);
		break;
	case CO_HALT:
		/* Also out of a closing that had begun for another reason: nothing more may be touched. */
		a->ending = ATTEMPT_HALTED;
		a->error = x->error;
		close_tasks(a);
		break;
	case CO_DONE:
		begin_closing(a, x->checkpoint_kind == CO_FINAL ? ATTEMPT_FINISHED : ATTEMPT_STOPPED, NULL);
		break;
	case CO_REFUSED:
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

static void act_all(struct attempt *a)
{
	struct co_action x;
	while (co_next(a->co, &x))
		act(a, &x);
}

/* ---- letters ---- */

static void letter_ack(struct attempt *a, struct snap *s)
{
	struct pending *p = s->attempt == a->c.attempt ? pending_of(a, s->barrier.id) : NULL;
	struct co_event ev = {.kind = s->rc == OK ? CO_EV_ACK : CO_EV_DECLINE, .id = s->barrier.id,
			      .subtask = s->task, .error = &s->error};
	if (!p || p->decided || s->aborted || p->snap[s->task]) {
		/* Late, or twice: the coordinator counts it, and its memory goes. */
		attempt_event(a, &ev);
		snap_close(s);
		return;
	}
	p->snap[s->task] = s;
	p->acknowledged++;
	attempt_event(a, &ev);
}

static void letter_part(struct attempt *a, struct mail *m)
{
	struct pack_finish *f = CONTAINER_OF(CONTAINER_OF(m, struct io_job, mail), struct pack_finish, job);
	struct pending *p = CONTAINER_OF(f, struct pending, part);
	struct err e = {0};
	a->jobs_out--;
	p->part_under_way = false;
	if (p->decided) {
		discard_submit(a, f->file.name);
		pending_close(a, p);
		return;
	}
	enum rc rc = f->job.rc;
	e = f->job.error;
	if (rc == OK)
		rc = assemble(a, p, &e);
	if (rc == OK)
		rc = publish_submit(a, p, &e);
	if (rc != OK)
		event_failed(a, CO_EV_PUBLISH_FAILED, p->id, &e);
}

static void letter_published(struct attempt *a, struct mail *m)
{
	struct publish_outcome o;
	publish_outcome(a, m, &o);
	struct pending *p = pending_of(a, o.id);
	CHECK(p && p->publishing);
	p->publishing = false;
	if (p->decided)
		pending_close(a, p);
	if (o.rc == OK)
		attempt_event(a, &(struct co_event){.kind = CO_EV_PUBLISHED, .id = o.id});
	else
		event_failed(a, o.rc == E_UNKNOWN_OUTCOME ? CO_EV_PUBLISH_UNKNOWN : CO_EV_PUBLISH_FAILED,
			     o.id, &o.error);
}

static void letter_committed(struct attempt *a, struct mail *m)
{
	struct publish_outcome o;
	publish_outcome(a, m, &o);
	if (o.rc != OK) {
		event_failed(a, CO_EV_COMMIT_FAILED, o.id, &o.error);
		return;
	}
	if (!a->closing)
		tell_all(a, LETTER_COMMITTED, &(struct barrier){.id = o.id}, false);
	attempt_event(a, &(struct co_event){.kind = CO_EV_COMMITTED, .id = o.id});
	if (a->ending != ATTEMPT_HALTED) {
		sweep_submit(a);
		chains_look(a);
	}
}

static void letter_swept(struct attempt *a, struct mail *m)
{
	struct publish_outcome o;
	publish_outcome(a, m, &o);
	a->sweeping = false;
	if (o.rc == OK)
		a->orphans_gone = true;
	else if (a->c.log && err_class_of(o.rc) != CLASS_QUIET)
		log_line(a->c.log, LOG_WARN, "old files were not removed, the next checkpoint tries again: %s",
			 o.error.text);
	if (a->sweep_again && a->ending != ATTEMPT_HALTED && !a->closing) {
		a->sweep_again = false;
		sweep_submit(a);
	}
}

static void letter_task(struct attempt *a, struct task_report *r)
{
	switch (r->mail.kind) {
	case LETTER_ENDED:
		if (++a->ended == a->n_tasks)
			attempt_event(a, &(struct co_event){.kind = CO_EV_INPUTS_ENDED});
		break;
	case LETTER_FAILED:
		event_failed(a, CO_EV_TASK_FAILED, 0, &r->error);
		break;
	case LETTER_CLOSED:
		a->closed++;
		break;
	default:
		CHECK(!"a task's letter");
	}
}

void attempt_letter(struct attempt *a, struct mail *m, uint64_t now_us)
{
	struct publish_outcome o;
	a->now_us = now_us;
	switch (m->kind) {
	case LETTER_ACK:
		letter_ack(a, CONTAINER_OF(m, struct snap, mail));
		break;
	case JOB_FINISHED_PART:
	case JOB_ABANDONED:
		letter_part(a, m);
		break;
	case JOB_PUBLISHED:
		letter_published(a, m);
		break;
	case JOB_COMMITTED:
		letter_committed(a, m);
		break;
	case JOB_SWEPT:
		letter_swept(a, m);
		break;
	case JOB_MERGED:
		chains_merged(a, m);
		break;
	case JOB_NOTED:
		publish_outcome(a, m, &o);
		break;
	case LETTER_PRINT: {
		struct print_letter *l = CONTAINER_OF(m, struct print_letter, mail);
		if (a->c.listen.print) {
			a->c.listen.print(a->c.listen.arg, l);
		} else {
			m->kind = l->reply_kind;
			mailbox_put(l->reply, m);
		}
		break;
	}
	default:
		letter_task(a, CONTAINER_OF(m, struct task_report, mail));
	}
	act_all(a);
}

/* ---- stepping and ending ---- */

static void attempt_maybe_over(struct attempt *a)
{
	if (a->end != ATTEMPT_RUNNING || !a->closing)
		return;
	if (!tasks_were_told(a))
		close_tasks(a);
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
	act_all(a);
	attempt_maybe_over(a);
	*wake_at_us = a->closing ? UINT64_MAX : co_wake_at(a->co);
	if (a->closing && a->end == ATTEMPT_RUNNING &&
	    (!tasks_were_told(a) || (a->closed == a->n_tasks && !a->jobs_out)))
		*wake_at_us = now_us + 1000; /* memory may come back; a lane is about to count down */
}

void attempt_stop(struct attempt *a, uint64_t now_us)
{
	a->now_us = now_us;
	if (a->stop_asked || a->closing)
		return;
	a->stop_asked = true;
	attempt_event(a, &(struct co_event){.kind = CO_EV_REQUEST, .request_kind = CO_STOP});
	act_all(a);
}

void attempt_fail(struct attempt *a, const struct err *e, uint64_t now_us)
{
	a->now_us = now_us;
	begin_closing(a, ATTEMPT_FAILED, e);
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
		if (task_is_source(a, i) && t && (!first || t < first))
			first = t;
	}
	return first;
}
