/* attempt_keep.c - what is asked of a running job about its old checkpoints: that one is kept, or
 * not any longer, and that what nobody needs goes now.
 *
 *   pin, unpin ─> lane: into the next manifest's list ─> a checkpoint, whose completion answers
 *                                                     └> it says so already: answered at once
 *   gc ─────────> lane: a sweep of its own, or the same facts without one ─> answered with the list
 * A pin whose checkpoint fails is refused, and stands in the next manifest all the same. */
#include "jobs/durable_job.h"

static bool pin_step(struct io_job *job, struct fs *fs)
{
	(void)fs;
	struct durable_job *d = CONTAINER_OF(job, struct durable_job, job);
	job->rc = store_pin_id(d->a->c.store, d->ask.id, d->ask.kind == ASK_PIN, &d->news,
			       &job->error);
	return true;
}

/* One look at the directory, which a person's request may cost; none where a sweep has none. */
static bool gc_plan_step(struct io_job *job, struct fs *fs)
{
	struct durable_job *d = CONTAINER_OF(job, struct durable_job, job);
	struct sweep_ear ear = {gone_hear, &d->gone};
	if (!store_may_sweep(d->a->c.store))
		return true;
	job->rc = store_gc_plan(d->a->c.store, d->a->c.attempt, ear, &job->error);
	if (job->rc == OK)
		orphans_tell(d->a, fs, ear);
	return true;
}

RC keep_submit(struct attempt *a, const struct job_ask *ask, struct err *e)
{
	bool gc = ask->kind == ASK_GC;
	struct durable_job *d = durable_job(a, gc ? IO_UNLINK : IO_SYNC, JOB_KEPT,
					    !gc ? pin_step : ask->dry_run ? gc_plan_step : sweep_step);
	if (!d)
		return ERR(e, E_NO_MEMORY, "no memory for a request");
	d->ask = *ask;
	if (gc)
		gone_open(&d->gone, a->mem, GONE_SHOWN_MAX);
	durable_submit(d);
	return OK;
}

static void answer_gc(struct attempt *a, struct durable_job *d)
{
	struct bytes text;
	struct err e = {0};
	bytes_init(&text, a->mem);
	gone_write(&d->gone, d->ask.dry_run, &text);
	if (d->job.rc == OK && !bytes_ok(&text))
		ERR(&e, E_NO_MEMORY, "no memory for the list of what went");
	else if (d->job.rc != OK)
		e = d->job.error;
	bool failed = e.code != OK; /* then no list: it would be of a part only */
	attempt_answer(a, d->ask.request, NULL, failed ? NULL : bytes_text(&text),
		       failed ? &e : NULL);
	bytes_close(&text);
}

void keep_done(struct attempt *a, struct mail *m)
{
	struct durable_job *d = CONTAINER_OF(CONTAINER_OF(m, struct io_job, mail), struct durable_job,
					     job);
	if (d->ask.kind == ASK_GC)
		answer_gc(a, d);
	else if (d->job.rc != OK || !d->news)
		attempt_answer(a, d->ask.request, NULL, NULL, d->job.rc == OK ? NULL : &d->job.error);
	else
		attempt_event(a, &(struct co_event){.kind = CO_EV_REQUEST, .request_kind = CO_MANUAL,
						    .request = d->ask.request});
	struct publish_outcome o;
	publish_outcome(a, m, &o);
	if (o.rc == E_FENCED) /* it looks who owns the directory before it removes anything */
		attempt_event_failed(a, CO_EV_TASK_FAILED, 0, &o.error);
}
