/* drive.c - see drive.h.
 *
 *   control thread: loop     <- waker (a letter came) <- timer (coordinator, restart) <- signals
 *   lane threads:   ioqueue_step until told to end; they live as long as the job
 *   task threads:   group_step until TASK_CLOSED (workers.c); one attempt long
 *   restore threads: one a task with keyed state, joined before the tasks start */
#include "jobs/drive.h"

#include "base/check.h"
#include "jobs/listener.h"
#include "jobs/out.h"
#include "jobs/workers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define SIGNAL_TWICE_US 100000 /* nobody presses a key twice within this */

#define CLOSE_TELL_US 1000000u /* by feel: until then nobody wonders */

struct lane_thread {
	struct thread thread;
	struct ioqueue *q;
	struct clock *clock;
	enum io_lane lane;
	_Atomic bool end;
};

struct restore_thread {
	struct thread thread;
	struct job *job;
	uint32_t number;
	bool started;
	enum rc rc;
	struct err error;
};

struct drive {
	struct drive_options o;
	struct clock *clock;
	struct mem *mem;
	struct job *job;
	struct loop_waker *waker;
	struct loop_timer *timer, *status;
	struct loop_signal *sigint, *sigterm;
	bool over;
	struct out *out;
	struct listener *listener; /* NULL: the job names nobody */
	uint64_t listen_by_us;    /* the job is over, and its listeners have until then; 0: it is not */
	struct lane_thread lane[2];
	uint32_t lanes;
	struct workers *workers; /* of the running attempt */
	bool began;
	bool stopping, stop_owed; /* a stop was asked for; the job was not told yet */
	struct job_ask stop;      /* how */
	bool signalled;
	uint64_t signalled_us;
	bool gave_up;             /* unread output was thrown away */
	uint64_t stop_by_us;      /* 0: no stop was asked for */
	bool dropped;             /* unread output of the attempt that is closing */
	uint64_t close_by_us;     /* 0: no attempt is closing */
	uint64_t close_tell_us;   /* when to say that it takes long; 0: that was said */
	enum drive_end end;
};

/* ---- threads ---- */

static uint64_t lane_wait_us(const struct lane_thread *l)
{
	uint64_t at = ioqueue_wake_at(l->q, l->lane), now = clock_mono_us(l->clock);
	return at == UINT64_MAX ? at : at > now ? at - now : 1;
}

static void lane_main(void *arg)
{
	struct lane_thread *l = arg;
	struct waker *w = ioqueue_waker(l->q, l->lane);
	while (!atomic_load_explicit(&l->end, memory_order_acquire)) {
		if (ioqueue_step(l->q, l->lane))
			continue;
		waker_prepare(w);
		if (ioqueue_step(l->q, l->lane) || atomic_load(&l->end))
			waker_cancel(w);
		else
			waker_sleep(w, lane_wait_us(l));
	}
}

static void restore_main(void *arg)
{
	struct restore_thread *t = arg;
	t->rc = job_restore_task(t->job, t->number, &t->error);
}

static RC lanes_start(struct drive *d, struct err *e)
{
	static const char *const names[] = {"weir-bytes", "weir-durable"};
	for (; d->lanes < 2; d->lanes++) {
		struct lane_thread *l = &d->lane[d->lanes];
		l->q = job_ioqueue(d->job);
		l->clock = d->clock;
		l->lane = (enum io_lane)d->lanes;
		if (thread_start(&l->thread, lane_main, l, names[d->lanes], e) != OK)
			return e->code;
	}
	return OK;
}

static void lanes_join(struct drive *d)
{
	for (uint32_t i = 0; i < d->lanes; i++) {
		atomic_store(&d->lane[i].end, true);
		waker_wake(ioqueue_waker(d->lane[i].q, d->lane[i].lane));
		thread_join(&d->lane[i].thread);
	}
	d->lanes = 0;
}

/* ---- an attempt ---- */

static RC restore_all(struct drive *d, struct err *e)
{
	const struct attempt *a = job_attempt(d->job);
	uint32_t n = attempt_tasks(a);
	enum rc rc = OK;
	struct restore_thread *all = mem_get(d->mem, n * sizeof *all);
	if (!all)
		return ERR(e, E_NO_MEMORY, "no memory for the job's threads");
	for (uint32_t i = 0; i < n; i++) {
		struct restore_thread *t = &all[i];
		struct err ignored = {0};
		t->job = d->job;
		t->number = i;
		/* Only keyed tasks have anything to restore. One that cannot have a thread is done here. */
		t->started = task_keyed(attempt_task(a, i)) &&
			     thread_start(&t->thread, restore_main, t, "weir-restore", &ignored) == OK;
		if (!t->started)
			restore_main(t);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct restore_thread *t = &all[i];
		if (t->started)
			thread_join(&t->thread);
		if (t->rc != OK && rc == OK) {
			rc = t->rc;
			*e = t->error;
		}
	}
	mem_put(d->mem, all);
	return rc;
}

static void workers_end(struct drive *d)
{
	workers_close(d->workers);
	d->workers = NULL;
}

static void attempt_begin(struct drive *d)
{
	struct err e = {0};
	d->began = false;
	enum rc rc = job_begin_attempt(d->job, &e);
	if (rc == OK)
		rc = workers_open(&d->workers, job_attempt(d->job), d->clock, d->mem, &e);
	if (rc == OK)
		rc = restore_all(d, &e);
	if (rc == OK)
		rc = job_start_attempt(d->job, &e);
	if (rc == OK)
		listener_restored(d->listener, job_recovery(d->job), job_attempt_number(d->job));
	if (rc != OK) {
		workers_end(d);
		job_attempt_broken(d->job, &e);
		return;
	}
	if (workers_start(d->workers, &e) != OK)
		attempt_fail(job_attempt(d->job), &e, clock_mono_us(d->clock));
}

/* ---- the loop ---- */

static bool is_final(enum job_state s)
{
	return s == JOB_FINISHED || s == JOB_STOPPED || s == JOB_FAILED || s == JOB_HALTED;
}

static void tell_began(struct drive *d)
{
	if (d->began || !d->o.began || job_state(d->job) != JOB_RUNNING)
		return;
	if (!job_recovery_us(d->job) && !job_attempt_is_over(d->job))
		return;
	d->began = true;
	d->o.began(d->o.arg);
}

/* One turn of the control thread; returns when it wants to be called again. */
static uint64_t drive_turn(struct drive *d)
{
	uint64_t wake_at = UINT64_MAX, now = clock_mono_us(d->clock);
	if (job_state(d->job) == JOB_OWNED)
		attempt_begin(d);
	if (job_state(d->job) == JOB_WAITING && job_wait_until(d->job) <= now)
		job_wait_over(d->job);
	if (job_state(d->job) == JOB_WAITING) /* still, or once more: it could not read the directory */
		wake_at = job_wait_until(d->job);
	if (job_state(d->job) == JOB_OWNED)
		return 0;
	if (job_state(d->job) == JOB_RUNNING) {
		job_step(d->job, &wake_at);
		workers_close_threadless(d->workers);
		tell_began(d);
		if (job_attempt_is_over(d->job)) {
			workers_end(d);
			job_end_attempt(d->job);
			return is_final(job_state(d->job)) ? UINT64_MAX : 0;
		}
	}
	if (job_state(d->job) == JOB_EXPORTING) {
		job_step(d->job, &wake_at);
		if (is_final(job_state(d->job)))
			return UINT64_MAX;
	}
	if (!d->began && d->o.began && wake_at > now + 1000)
		wake_at = now + 1000; /* the first record is looked for, not announced */
	if (d->stop_by_us && d->stop_by_us < wake_at)
		wake_at = d->stop_by_us;
	return wake_at;
}

static void drive_end(struct drive *d, enum drive_end end)
{
	d->end = end;
	d->over = true;
	loop_stop(d->o.loop);
}

/* A stop that does not end: first unread output is thrown away, then nothing is waited for. */
static void drive_limit(struct drive *d)
{
	if (!d->stop_by_us || clock_mono_us(d->clock) < d->stop_by_us)
		return;
	if (d->gave_up) {
		drive_end(d, DRIVE_ABANDONED);
		return;
	}
	out_give_up(d->out);
	d->gave_up = true; /* the second limit ends it */
	d->stop_by_us = clock_mono_us(d->clock) + d->o.stop_limit_us;
}

/* It has failed, and nobody was told: what it waits for shows in no other line. */
static void tell_closing(struct drive *d, const struct attempt *a, uint64_t now)
{
	const struct err *e = attempt_error(a);
	if (!d->close_tell_us || now < d->close_tell_us)
		return;
	d->close_tell_us = 0;
	if (e->code != OK && job_log(d->job))
		log_line(job_log(d->job), LOG_WARN,
			 "attempt %u fails: %s; what it has under way is waited for, at most %.1f s "
			 "(limits.stop, twice)", job_attempt_number(d->job), e->text,
			 (double)d->o.stop_limit_us * 2 / 1e6);
}

/* The same for an attempt that closes by itself: one that failed is not held up for ever by a pipe
 * that nobody reads. What it drops was in no checkpoint; the next attempt prints it again. */
static void drive_close_limit(struct drive *d)
{
	uint64_t now = clock_mono_us(d->clock);
	const struct attempt *a = job_attempt(d->job);
	if (!a || !attempt_is_closing(a)) {
		d->close_by_us = 0;
		d->dropped = false;
	} else if (!d->close_by_us) {
		out_end_line(d->out);
		d->close_by_us = now + d->o.stop_limit_us;
		d->close_tell_us = now + CLOSE_TELL_US;
	} else if (now >= d->close_by_us && d->dropped) {
		drive_end(d, DRIVE_ABANDONED);
	} else if (now >= d->close_by_us) {
		out_drop(d->out);
		d->dropped = true;
		d->close_by_us = now + d->o.stop_limit_us;
	} else {
		tell_closing(d, a, now);
	}
}

/* What may have changed since it was accepted cannot keep the job from stopping. */
static void tell_stop(struct drive *d)
{
	struct err ignored = {0};
	if (d->stop_owed && job_ask(d->job, &d->stop, &ignored) != OK)
		job_stop(d->job);
	d->stop_owed = false;
}

/* What the job's listeners were told last is waited for, within the limit of a stop. */
static void drive_listen(struct drive *d)
{
	uint64_t now = clock_mono_us(d->clock);
	d->listen_by_us = d->listen_by_us ? d->listen_by_us : now + d->o.stop_limit_us;
	if (listener_is_idle(d->listener) || now >= d->listen_by_us)
		drive_end(d, DRIVE_OVER);
	else
		loop_timer_set(d->timer, d->listen_by_us - now);
}

static void drive_go(struct drive *d)
{
	if (d->over)
		return;
	/* Prepared before the look: a letter that comes after the look pokes the loop again. */
	waker_prepare(d->o.waker);
	if (d->listen_by_us) {
		drive_listen(d);
		return;
	}
	tell_stop(d);
	uint64_t wake_at = drive_turn(d);
	drive_limit(d);
	drive_close_limit(d);
	if (d->close_by_us && d->close_by_us < wake_at)
		wake_at = d->close_by_us;
	if (d->close_by_us && d->close_tell_us && d->close_tell_us < wake_at)
		wake_at = d->close_tell_us;
	if (is_final(job_state(d->job))) {
		drive_listen(d);
		return;
	}
	uint64_t now = clock_mono_us(d->clock);
	if (wake_at != UINT64_MAX)
		loop_timer_set(d->timer, wake_at > now ? wake_at - now : 0);
}

static void on_go(void *arg)
{
	drive_go(arg);
}

static void poke(void *arg)
{
	loop_wake(arg);
}

static void on_heard_all(void *arg)
{
	struct drive *d = arg;
	loop_wake(d->waker);
}

static void on_checkpoint(void *arg, const struct checkpoint_record *r)
{
	struct drive *d = arg;
	listener_checkpoint(d->listener, r);
}

static void on_committed(void *arg, uint64_t checkpoint)
{
	struct drive *d = arg;
	listener_committed(d->listener, checkpoint);
}

static RC listen_open(struct drive *d, struct err *e)
{
	struct listener_options o = {
		.loop = d->o.loop, .spec = job_plan(d->job)->spec, .dir = job_dir(d->job),
		.log = job_log(d->job), .mem = d->mem, .fs = job_fs(d->job), .limit_us = d->o.stop_limit_us,
		.idle = on_heard_all, .arg = d};
	if (listener_open(&d->listener, &o, e) != OK)
		return e->code;
	if (d->listener)
		job_tell_to(d->job, &(struct job_hearer){.checkpoint = on_checkpoint,
							 .committed = on_committed, .arg = d});
	return OK;
}

static void on_print(void *arg, struct print_letter *l)
{
	struct drive *d = arg;
	if (d->o.text)
		d->o.text(d->o.arg, l);
	out_print(d->out, l);
}

/* ---- what is asked for ---- */

/* The job is told at the loop's next turn: who asks may itself have been called by the job. */
static void stop(struct drive *d, int signal)
{
	if (d->over)
		return;
	if (d->o.stopping)
		d->o.stopping(d->o.arg, signal);
	if (d->stopping)
		return;
	d->stopping = d->stop_owed = true;
	d->stop_by_us = clock_mono_us(d->clock) + d->o.stop_limit_us;
	loop_wake(d->waker);
}

void drive_stop(struct drive *d)
{
	if (!d->stopping)
		stop(d, 0);
}

/* After drive_stop the first one changes nothing, but is told of: the second one does. */
static void on_signal(void *arg, int number)
{
	struct drive *d = arg;
	uint64_t now = clock_mono_us(d->clock);
	if (!d->signalled) {
		d->signalled = true;
		d->signalled_us = now;
		stop(d, number);
	} else if (now - d->signalled_us > SIGNAL_TWICE_US) {
		/* A wrapper (timeout, make) may pass one key press on twice. */
		drive_end(d, DRIVE_SIGNALLED);
	}
}

RC drive_ask(struct drive *d, const struct job_ask *a, struct err *e)
{
	if (a->kind == ASK_STOP) {
		if (job_may_ask(d->job, a, e) != OK)
			return e->code;
		if (d->stopping && (a->drain || a->savepoint))
			return ERR(e, E_REFUSED, "the job is being stopped already");
		if (!d->stopping)
			d->stop = *a;
		drive_stop(d);
		return OK;
	}
	if (d->stopping)
		return ERR(e, E_REFUSED, "the job is being stopped, which takes a checkpoint");
	if (job_ask(d->job, a, e) != OK)
		return e->code;
	loop_wake(d->waker);
	return OK;
}

RC drive_look_up(struct drive *d, const struct job_lookup *l, struct err *e)
{
	if (d->over)
		return ERR(e, E_REFUSED, "the job is over");
	if (job_look_up(d->job, l, e) != OK)
		return e->code;
	loop_wake(d->waker); /* which sets the timer of its patience */
	return OK;
}

/* ---- from the beginning to the end ---- */

static RC watch_signals(struct drive *d, struct err *e)
{
	if (loop_signal_open(&d->sigint, d->o.loop, SIGINT, on_signal, d, e) != OK)
		return e->code;
	return loop_signal_open(&d->sigterm, d->o.loop, SIGTERM, on_signal, d, e);
}

static RC watch_status(struct drive *d, struct err *e)
{
	if (loop_timer_open(&d->status, d->o.loop, d->o.status, d->o.arg, e) != OK)
		return e->code;
	loop_timer_every(d->status, d->o.status_every_us);
	return OK;
}

RC drive_open(struct drive **out, const struct drive_options *o, struct err *e)
{
	struct drive *d = *out = mem_get_aligned(o->mem, 64, sizeof *d);
	if (!d)
		return ERR(e, E_NO_MEMORY, "no memory to run the job");
	memset(d, 0, sizeof *d);
	d->o = *o;
	d->job = o->job;
	d->mem = o->mem;
	d->clock = o->clock;
	d->stop.kind = ASK_STOP; /* as a signal means it, unless somebody says more */
	if (loop_waker_open(&d->waker, o->loop, on_go, d, e) != OK ||
	    loop_timer_open(&d->timer, o->loop, on_go, d, e) != OK ||
	    out_open(&d->out, o->loop, o->out_fd, o->printed, o->arg, d->mem, e) != OK)
		goto fail;
	if ((o->signals && watch_signals(d, e) != OK) ||
	    (o->status_every_us && watch_status(d, e) != OK))
		goto fail;
	o->waker->arg = d->waker;
	o->waker->notify = poke;
	if (lanes_start(d, e) != OK || listen_open(d, e) != OK)
		goto fail;
	job_print_to(d->job, on_print, d);
	return OK;
fail:
	drive_close(d);
	*out = NULL;
	return e->code;
}

void drive_run(struct drive *d, enum drive_end *end)
{
	drive_go(d);
	while (!d->over)
		loop_run(d->o.loop);
	*end = d->end;
}

void drive_close(struct drive *d)
{
	if (!d)
		return;
	lanes_join(d);
	d->o.waker->notify = NULL;
	job_print_to(d->job, NULL, NULL);
	job_tell_to(d->job, NULL);
	listener_close(d->listener);
	out_close(d->out);
	loop_signal_close(&d->sigterm);
	loop_signal_close(&d->sigint);
	loop_timer_close(&d->status);
	loop_timer_close(&d->timer);
	loop_waker_close(&d->waker);
	mem_put(d->mem, d);
}
