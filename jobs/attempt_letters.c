/* attempt_letters.c - what tasks and lanes tell the control thread, as events for the coordinator.
 *
 *   task: FROZEN ─────> CO_EV_FROZEN
 *   task: ACK ────────> CO_EV_ACK          lane: part finished ─> assemble, publish
 *   task: LOADED ─────> CO_EV_LOADED (the last one's, confirmed)
 *   task: ENDED ──────> CO_EV_INPUTS_ENDED lane: PUBLISHED ────> CO_EV_PUBLISHED ...
 *   task: FAILED ─────> CO_EV_TASK_FAILED  lane: COMMITTED ────> CO_EV_COMMITTED; sweep, merge */
#include "jobs/attempt_in.h"

#include "base/planted.h"

static void letter_frozen(struct attempt *a, const struct snap *s)
{
	if (s->attempt == a->c.attempt)
		attempt_event(a, &(struct co_event){.kind = CO_EV_FROZEN, .id = s->barrier.id,
						    .subtask = s->task});
}

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
	s->spans.triggered_us = p->triggered_us;
	p->snap[s->task] = s;
	if (++p->acknowledged == a->n_tasks)
		p->acked_us = a->now_us;
	attempt_event(a, &ev);
}

static void letter_part(struct attempt *a, struct mail *m)
{
	struct pack_finish *f = CONTAINER_OF(CONTAINER_OF(m, struct io_job, mail), struct pack_finish,
					     job);
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
	p->packed_us = a->now_us;
	if (rc == OK)
		rc = assemble(a, p, &e);
	if (rc == OK)
		rc = publish_submit(a, p, &e);
	if (rc == OK)
		load_durable(a, true);
	else
		attempt_event_failed(a, CO_EV_PUBLISH_FAILED, p->id, &e);
}

static void letter_published(struct attempt *a, struct mail *m)
{
	struct publish_outcome o;
	publish_outcome(a, m, &o);
	load_durable(a, false);
	struct pending *p = pending_of(a, o.id);
	CHECK(p && p->publishing);
	p->publishing = false;
	p->sealed_us = o.sealed_us;
	p->room_bytes = o.room_bytes;
	p->linked_us = a->now_us;
	if (p->decided)
		pending_close(a, p);
	if (o.rc == OK)
		attempt_event(a, &(struct co_event){.kind = CO_EV_PUBLISHED, .id = o.id});
	else
		attempt_event_failed(a,
				     o.rc == E_UNKNOWN_OUTCOME ? CO_EV_PUBLISH_UNKNOWN
							       : CO_EV_PUBLISH_FAILED,
				     o.id, &o.error);
}

/* What a sweep could not remove is not waited for. */
static void tell_backlog(struct attempt *a)
{
	bool waits = backlog_waits(&a->backlog, a->c.plan->spec->limits.sweep_bytes != 0);
	attempt_event(a, &(struct co_event){.kind = CO_EV_BACKLOG,
					    .count = waits ? BACKLOG_FEW + 1 : 0});
}

static void letter_committed(struct attempt *a, struct mail *m)
{
	struct publish_outcome o;
	publish_outcome(a, m, &o);
	load_durable(a, false);
	if (o.rc != OK) {
		attempt_event_failed(a, CO_EV_COMMIT_FAILED, o.id, &o.error);
		return;
	}
	if (!a->closing)
		attempt_tell(a, LETTER_COMMITTED, &(struct barrier){.id = o.id}, false);
	attempt_event(a, &(struct co_event){.kind = CO_EV_COMMITTED, .id = o.id});
	spans_committed(a, o.id);
	if (a->base->m.id == o.id && a->base->m.name && a->c.listen.named)
		a->c.listen.named(a->c.listen.arg, &a->base->m);
	a->backlog.made.commits++;
	if (a->c.listen.committed)
		a->c.listen.committed(a->c.listen.arg, o.id);
	if (a->ending != ATTEMPT_HALTED) {
		sweep_submit(a);
		chains_look(a);
	}
	tell_backlog(a);
}

static void letter_swept(struct attempt *a, struct mail *m)
{
	struct publish_outcome o;
	publish_outcome(a, m, &o);
	a->sweeping = false;
	backlog_swept(&a->backlog, o.more, o.freed_bytes);
	a->unswept |= o.more;
	a->sweep_again |= o.more;
	if (o.rc == OK)
		a->orphans_gone |= !o.more;
	else if (o.rc == E_FENCED) /* a sweep looks who owns the directory before it removes anything */
		attempt_event_failed(a, CO_EV_TASK_FAILED, 0, &o.error);
	else if (a->c.log && err_class_of(o.rc) != CLASS_QUIET)
		log_line(a->c.log, LOG_WARN, "old files stay, the next checkpoint tries again: %s",
			 o.error.text);
	if (a->sweep_again && a->ending != ATTEMPT_HALTED && !a->closing) {
		a->sweep_again = false;
		sweep_submit(a);
	}
	tell_backlog(a);
}

/* Only when all has come, verified, and is as much as the checkpoint was taken of, may anything be
 * published on it (inv 33). */
static void letter_loaded(struct attempt *a, const struct restored *r)
{
	struct err e = {0};
	a->loaded.keys += r->keys;
	a->loaded.rows_read += r->rows_read;
	a->loaded.bytes_read += r->bytes_read;
	a->loaded.full_runs += r->full_runs;
	a->loaded.delta_runs += r->delta_runs;
	if (--a->loading || a->closing)
		return;
	if ((a->c.listen.loaded && a->c.listen.loaded(a->c.listen.arg, &a->loaded, &e) != OK) ||
	    attempt_tell_restored(a, &e) != OK) {
		attempt_event_failed(a, CO_EV_TASK_FAILED, 0, &e);
		return;
	}
	chains_look(a);
	attempt_event(a, &(struct co_event){.kind = CO_EV_LOADED});
}

static void letter_task(struct attempt *a, struct task_report *r)
{
	switch (r->mail.kind) {
	case LETTER_LOADED:
		letter_loaded(a, task_restored(a->task[r->task]));
		break;
	case LETTER_PASSED:
		when_heard(a, r->task);
		break;
	case LETTER_ENDED:
		if (++a->ended == (PLANTED(one_end_ends_all) ? 1 : a->n_tasks))
			attempt_event(a, &(struct co_event){.kind = CO_EV_INPUTS_ENDED});
		break;
	case LETTER_FAILED:
		attempt_event_failed(a, CO_EV_TASK_FAILED, 0, &r->error);
		break;
	case LETTER_SKIPPED:
		if (a->c.log)
			log_line(a->c.log, LOG_WARN,
				 "a record is left out (on_error: skip); it and those that follow are "
				 "counted as records_skipped: %s", r->error.text);
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
	case LETTER_FROZEN:
		letter_frozen(a, CONTAINER_OF(m, struct snap, frozen_mail));
		break;
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
	case JOB_KEPT:
		keep_done(a, m);
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
	attempt_act(a);
}
