/* life_ask.c - what may be asked of a job now, who overrides whom, and how it is answered. See
 * life.h. */
#include "server/life_in.h"

#include <stdio.h>

static const char *name_of(enum life_event_kind asked)
{
	switch (asked) {
	case LIFE_EV_STOP:
		return "stop";
	case LIFE_EV_CANCEL:
		return "cancel";
	case LIFE_EV_RESTART:
		return "restart";
	case LIFE_EV_REPLACE:
		return "replacement";
	default:
		return "removal";
	}
}

static bool is_start(enum life_event_kind asked)
{
	return asked == LIFE_EV_RESTART || asked == LIFE_EV_REPLACE;
}

/* ---- refusing ---- */

static enum rc refuse_finished(const struct life *l, struct err *e)
{
	return ERR(e, E_REFUSED, "job '%s' is FINISHED: all its input was read and everything is "
		   "committed; remove it (weir remove %s), or submit it under another name",
		   l->name, l->name);
}

static enum rc refuse_busy(const struct life *l, struct err *e)
{
	const char *state = life_state_name(l->state), *what = name_of(l->asked->kind);
	if (l->asked->kind == LIFE_EV_CANCEL || l->asked->kind == LIFE_EV_REMOVE)
		return ERR(e, E_REFUSED, "job '%s' is %s: a %s is under way; wait for it", l->name,
			   state, what);
	if (l->asked->kind == LIFE_EV_STOP)
		return ERR(e, E_REFUSED, "job '%s' is %s: a stop is under way; wait for it, or end it "
			   "without a checkpoint: weir cancel %s", l->name, state, l->name);
	return ERR(e, E_REFUSED, "job '%s' is %s: a %s is under way; wait for it, or give it up: "
		   "weir stop %s, or weir cancel %s", l->name, state, what, l->name, l->name);
}

/* Whether what is asked gives way to ev. */
static bool is_overridden(const struct life_asked *a, bool renew, enum life_event_kind by)
{
	bool starts = is_start(a->kind);
	if (by == LIFE_EV_CANCEL)
		return starts || a->kind == LIFE_EV_STOP;
	/* A job that cannot start would keep its asker, and everybody else, waiting for ever. */
	return by == LIFE_EV_STOP && starts && a->saved && !renew;
}

static enum rc check_stop(const struct life *l, struct err *e)
{
	if (l->goal == STANDING_RUNNING || l->goal == STANDING_STOPPED)
		return OK;
	return ERR(e, E_REFUSED, "job '%s' is %s already", l->name, life_state_name(l->state));
}

static enum rc check_start(const struct life *l, const struct life_event *ev, struct err *e)
{
	if (ev->final_already || l->goal == STANDING_FINISHED)
		return refuse_finished(l, e);
	if (l->goal == STANDING_CANCELLED && l->erase)
		return ERR(e, E_REFUSED, "job '%s' is %s: its files are being erased; wait for it, or "
			   "remove it: weir remove %s", l->name, life_state_name(l->state), l->name);
	return OK;
}

static enum rc check_remove(const struct life *l, struct err *e)
{
	if (l->goal != STANDING_RUNNING && !l->process)
		return OK;
	return ERR(e, E_REFUSED, "job '%s' is %s; stop it first: weir stop %s", l->name,
		   life_state_name(l->state), l->name);
}

static enum rc check_ask(const struct life *l, const struct life_event *ev, struct err *e)
{
	if (l->over)
		return ERR(e, E_NOT_FOUND, "job '%s' was removed", l->name);
	if (l->shutdown)
		return ERR(e, E_REFUSED, "job '%s': the server is stopping; ask the next one", l->name);
	if (l->asked && !is_overridden(l->asked, l->renew, ev->kind))
		return refuse_busy(l, e);
	if (l->goal == STANDING_REMOVED && ev->kind != LIFE_EV_REMOVE)
		return ERR(e, E_REFUSED, "job '%s' is being removed", l->name);
	switch (ev->kind) {
	case LIFE_EV_STOP:
		return check_stop(l, e);
	case LIFE_EV_RESTART:
	case LIFE_EV_REPLACE:
		return check_start(l, ev, e);
	case LIFE_EV_REMOVE:
		return check_remove(l, e);
	default:
		return OK;
	}
}

/* ---- accepting ---- */

static void set_goal(struct life *l, enum life_event_kind asked)
{
	switch (asked) {
	case LIFE_EV_STOP:
		l->goal = STANDING_STOPPED;
		break;
	case LIFE_EV_CANCEL:
		l->goal = STANDING_CANCELLED;
		l->erase = l->erase || l->config.cancel_deletes;
		break;
	case LIFE_EV_REMOVE:
		l->goal = STANDING_REMOVED;
		break;
	default:
		l->goal = STANDING_RUNNING;
		l->renew = l->process != PROCESS_NONE;
		l->owed = l->owed || asked == LIFE_EV_REPLACE;
	}
}

static void override(struct life *l, enum life_event_kind by)
{
	(void)ERR(&l->asked->error, E_REFUSED, "job '%s': the %s was given up for a %s", l->name,
		  name_of(l->asked->kind), name_of(by));
	/* One that was told to stop will, and its save under way may succeed: should this be undone,
	 * another process is started. */
	bool saves = l->saving && l->saving_action == l->asked->action;
	l->renew = l->renew && (l->told || saves);
	life_answer(l);
}

enum rc life_ask(struct life *l, const struct life_event *ev, struct err *e)
{
	CHECK(ev->action);
	if (check_ask(l, ev, e) != OK)
		return e->code;
	struct life_asked *a = mem_get(l->mem, sizeof *a);
	if (!a)
		return ERR(e, E_NO_MEMORY, "job '%s': no memory for a %s", l->name, name_of(ev->kind));
	a->action = ev->action;
	a->kind = ev->kind;
	if (l->asked)
		override(l, ev->kind);
	l->asked = a;
	set_goal(l, ev->kind);
	return OK;
}

void life_hold(struct life *l, enum standing s)
{
	bool is_news = l->holds != s;
	l->holds = s;
	/* Its end is settled later, with its error. */
	if (s == STANDING_RUNNING || l->process || l->fate)
		return;
	l->wait_until_us = 0;
	if (is_news)
		err_clear(&l->error);
}

void life_asked_is_saved(struct life *l)
{
	l->asked->saved = true;
	life_hold(l, l->goal);
	if (is_start(l->asked->kind) && !l->renew)
		life_begin_anew(l);
}

/* ---- answering ---- */

void life_answer(struct life *l)
{
	life_do(l, LIFE_ANSWER)->answer = l->asked;
	l->asked = NULL;
}

void life_asked_has_failed(struct life *l, const struct err *why)
{
	struct life_asked *a = l->asked;
	if (why && why->code != OK)
		a->error = *why;
	else
		(void)ERR(&a->error, E_IO, "no reason was given");
	if (a->saved) {
		(void)err_in(&a->error, "job '%s' is %s: this failed and is tried again", l->name,
			     life_state_name(l->state));
		life_answer(l);
		return;
	}
	(void)err_in(&a->error, "job '%s': the %s could not be noted in the catalogue, so nothing was "
		     "done", l->name, name_of(a->kind));
	l->goal = l->holds;
	l->erase = l->holds == STANDING_CANCELLED && (l->erase && l->disk.erase);
	if (is_start(a->kind))
		l->renew = l->renew && l->told;
	life_answer(l);
}

/* A start ends when the new process is up, or when there will be none. */
static bool start_is_over(struct life *l)
{
	struct err *e = &l->asked->error;
	if (l->goal == STANDING_FINISHED) {
		(void)refuse_finished(l, e);
	} else if (l->goal == STANDING_FAILED) {
		*e = l->error;
		(void)err_in(e, "job '%s' has FAILED", l->name);
	} else if (l->shutdown) {
		(void)ERR(e, E_REFUSED, "job '%s': the server is stopping; the next one starts it",
			  l->name);
	} else if (l->renew || l->process != PROCESS_UP) {
		return false;
	}
	return true;
}

bool life_answer_done(struct life *l)
{
	struct life_asked *a = l->asked;
	if (!a || !a->saved)
		return false;
	bool done;
	switch (a->kind) {
	case LIFE_EV_STOP:
		done = !l->process && !l->fate;
		if (done && a->error.code != OK)
			(void)err_in(&a->error, "job '%s'", l->name);
		break;
	case LIFE_EV_CANCEL:
		done = !l->process && !l->fate && !l->erase && !l->saving && !life_needs_save(l);
		break;
	case LIFE_EV_REMOVE:
		done = l->over;
		break;
	default:
		done = start_is_over(l);
	}
	if (done)
		life_answer(l);
	return done;
}
