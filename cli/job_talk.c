/* job_talk.c - what a job's process and its server say to each other: see job_process.h. What the
 * job tells goes into its log too; what may be left out waits for an idle wire. */
#include "cli/job_process.h"

#include "cli/log_file.h"
#include "jobs/report.h"

#include <unistd.h>

#define FACTS_EVERY_US 1000000
#define TAIL_EVERY_US 100000
#define RECORD_EVERY_US 1000000 /* while nobody watches */
#define BACK_LOOK_US 20000
#define LAST_WORDS_MS 1000

/* ---- saying ---- */

static void say(struct process *p, enum wire_kind kind, struct bytes *body)
{
	wire_send(p->wire, kind, body);
	bytes_close(body);
}

void talk_up(struct process *p)
{
	struct bytes body;
	const struct job_recovery *r = job_recovery(p->job);
	bytes_init(&body, p->mem);
	up_write(p->screen.last.id ? p->screen.last.id : r->restored ? r->checkpoint : 0, &body);
	say(p, WIRE_UP, &body);
}

static void say_facts(struct process *p)
{
	struct bytes body;
	struct json_out o;
	struct facts f;
	struct outlook look;
	struct err e = {0};
	bytes_init(&body, p->mem);
	if (facts_take(&f, p->job, p->cli->started_us, p->cli->env->clock, p->mem, &e) != OK) {
		log_line(&p->log, LOG_WARN, "facts: %s", e.text);
		return;
	}
	outlook_take(&look, &p->pace, &f, p->job, p->mem);
	jout_begin(&o, &body, false);
	jout_object(&o);
	outlook_write(&look, &o);
	jout_object_end(&o);
	say(p, WIRE_OUTLOOK, &body);
	bytes_init(&body, p->mem);
	jout_begin(&o, &body, false);
	facts_write(&f, &o);
	facts_close(&f);
	say(p, WIRE_FACTS, &body);
}

static void say_answer(struct process *p, uint64_t request, uint64_t checkpoint, const char *found,
		       const struct err *why)
{
	struct bytes body;
	struct word_answer a = {.request = request, .checkpoint = checkpoint};
	if (why)
		a.error = *why;
	if (found && !(a.found = mem_string(p->mem, found)))
		ERR(&a.error, E_NO_MEMORY, "it is done; no memory to say what went");
	bytes_init(&body, p->mem);
	answer_write(&a, &body);
	answer_close(&a, p->mem);
	say(p, WIRE_ANSWER, &body);
}

static void say_record(struct process *p, const struct checkpoint_record *r)
{
	struct bytes body;
	struct json_out o;
	if (r->completed)
		p->said_id = r->id;
	bytes_init(&body, p->mem);
	jout_begin(&o, &body, false);
	report_checkpoint(r, &o);
	say(p, WIRE_RECORD, &body);
}

/* With the newest checkpoint, which may have come too soon after another to be told of. */
void talk_ended(struct process *p, const struct word_ended *w)
{
	struct bytes body;
	if (p->screen.last.id > p->said_id)
		say_record(p, &p->screen.last);
	bytes_init(&body, p->mem);
	ended_write(w, &body);
	say(p, WIRE_ENDED, &body);
	wire_flush(p->wire, LAST_WORDS_MS);
}

/* ---- what the job tells ---- */

void talk_checkpoint(void *arg, const struct checkpoint_record *r)
{
	struct process *p = arg;
	if (r->completed)
		p->screen.last = *r;
	p->screen.ops->checkpoint(&p->screen, r);
	log_file_check(p->start.log);
	uint64_t now = clock_mono_us(p->cli->env->clock);
	if (!wire_is_idle(p->wire) || (!p->watched && now - p->said_us < RECORD_EVERY_US))
		return;
	p->said_us = now;
	say_record(p, r);
}

void talk_failed(void *arg, const struct err *e, const struct restart_decision *d)
{
	struct process *p = arg;
	struct bytes body;
	if (p->screen.job)
		p->screen.ops->failed(&p->screen, e, d);
	if (!d->restart || !p->job) /* its last word says it */
		return;
	struct word_failed f = {.error = *e, .restarts = *job_restarts(p->job),
				.after_us = d->after_us};
	bytes_init(&body, p->mem);
	failed_write(&f, &body);
	say(p, WIRE_FAILED, &body);
	loop_timer_set(p->back, d->after_us);
}

/* The next attempt is to run by now: said as soon as it does. */
void talk_back(void *arg)
{
	struct process *p = arg;
	if (job_state(p->job) == JOB_RUNNING)
		talk_up(p);
	else
		loop_timer_set(p->back, BACK_LOOK_US);
}

void talk_answered(void *arg, uint64_t request, const struct checkpoint_record *r,
		   const char *found, const struct err *why)
{
	say_answer(arg, request, r ? r->id : 0, found, why);
}

void talk_began(void *arg)
{
	struct process *p = arg;
	struct bytes lines, body;
	struct paint plain = p->cli->err;
	p->screen.ops->began(&p->screen);
	if (!job_recovery(p->job)->restored)
		return;
	bytes_init(&lines, p->mem);
	bytes_init(&body, p->mem);
	screen_recovery(&p->screen, &plain, &lines);
	struct word_recovery w;
	recovery_take(&w, p->job, p->cli->env->clock, bytes_text(&lines));
	recovery_write(&w, &body);
	bytes_close(&lines);
	say(p, WIRE_RECOVERY, &body);
}

void talk_status(void *arg)
{
	struct process *p = arg;
	p->screen.ops->status(&p->screen);
	log_file_check(p->start.log);
}

void talk_printed(void *arg)
{
	struct process *p = arg;
	log_file_check(p->start.log);
}

/* While nobody reads, a letter costs one look at a flag. */
void talk_text(void *arg, const struct print_letter *l)
{
	struct process *p = arg;
	if (p->tailed)
		tail_put(&p->tail, l->stage, l->data, l->len);
}

void talk_tail(void *arg)
{
	struct process *p = arg;
	struct bytes body;
	bytes_init(&body, p->mem);
	while (wire_is_idle(p->wire) && tail_take(&p->tail, &body)) {
		say(p, WIRE_ROWS, &body);
		bytes_init(&body, p->mem);
	}
	bytes_close(&body);
}

void talk_watch(struct process *p)
{
	if (p->tailed)
		loop_timer_every(p->tail_look, TAIL_EVERY_US);
	else
		loop_timer_off(p->tail_look);
	if (p->watched)
		loop_timer_every(p->tick, FACTS_EVERY_US);
	else
		loop_timer_off(p->tick);
}

void talk_tick(void *arg)
{
	struct process *p = arg;
	if (p->job && wire_is_idle(p->wire))
		say_facts(p);
}

/* ---- what the server tells ---- */

/* What a drive that is not there yet is asked is a plain stop: nothing ran that could be drained or
 * kept. */
static void on_stop(struct process *p, const struct job_ask *a)
{
	p->stop_asked = true;
	if (p->drive && drive_ask(p->drive, a, &p->stop_error) != OK)
		drive_stop(p->drive);
	else if (!p->drive && (a->savepoint || a->drain))
		ERR(&p->stop_error, E_REFUSED, "the job was only starting");
}

static void on_request(struct process *p, const char *body, size_t len)
{
	struct job_ask a;
	struct err e = {0};
	if (request_read(&a, body, len, p->mem, &e) != OK)
		return;
	if (a.kind == ASK_STOP) {
		on_stop(p, &a);
		return;
	}
	if (!p->drive)
		ERR(&e, E_REFUSED, "the job is only starting");
	else if (drive_ask(p->drive, &a, &e) == OK)
		return;
	say_answer(p, a.request, 0, NULL, &e);
}

static void say_found(void *arg, const struct job_found *f)
{
	struct process *p = arg;
	struct word_found w;
	struct bytes body;
	found_take(&w, f);
	bytes_init(&body, p->mem);
	found_write(&w, &body);
	/* One that is not said costs its asker a second; a wire without memory, the job. */
	if (bytes_ok(&body))
		say(p, WIRE_FOUND, &body);
	bytes_close(&body);
}

static void on_lookup(struct process *p, const char *body, size_t len)
{
	struct word_lookup l;
	struct job_found none = {0};
	struct err *e = &none.error;
	if (lookup_read(&l, body, len, p->mem, e) != OK)
		return;
	none.request = l.request;
	const struct job_lookup want = {.request = l.request, .stage = l.stage, .key = l.key,
					.n_keys = l.n_keys, .found = say_found, .arg = p};
	if (!p->drive)
		ERR(e, E_REFUSED, "the job is only starting");
	else if (drive_look_up(p->drive, &want, e) == OK)
		e = NULL;
	lookup_close(&l);
	if (e)
		say_found(p, &none);
}

static void on_tail(struct process *p, const char *body, size_t len)
{
	struct err e = {0};
	bool was = p->tailed;
	if (watch_read(&p->tailed, body, len, p->mem, &e) != OK || p->tailed == was)
		return;
	tail_close(&p->tail);
	tail_open(&p->tail, p->mem);
	if (p->tick)
		talk_watch(p);
}

static void on_watch(struct process *p, const char *body, size_t len)
{
	struct err e = {0};
	if (watch_read(&p->watched, body, len, p->mem, &e) == OK && p->tick)
		talk_watch(p);
}

void talk_frame(void *arg, enum wire_kind kind, const char *body, size_t len)
{
	struct process *p = arg;
	struct err e = {0};
	switch (kind) {
	case WIRE_START:
		p->started = !p->started && start_read(&p->start, body, len, p->mem, &e) == OK;
		if (!p->started)
			_exit(1);
		loop_stop(p->loop);
		break;
	case WIRE_REQUEST:
		on_request(p, body, len);
		break;
	case WIRE_ASK:
		if (p->job)
			say_facts(p);
		break;
	case WIRE_LOOKUP:
		on_lookup(p, body, len);
		break;
	case WIRE_TAIL:
		on_tail(p, body, len);
		break;
	case WIRE_WATCH:
		on_watch(p, body, len);
		break;
	default:
		_exit(1);
	}
}

void talk_closed(void *arg)
{
	(void)arg;
	_exit(1);
}
