/* life_process.c - a life and its process: when one is started and ended, what it says, and what
 * its end means. See life.h. */
#include "server/life_in.h"

#include <string.h>

#include "base/option.h"

/* Over twice limits.stop; by feel. A process keeps limits.stop itself: this is for one that is
 * stuck. */
#define KILL_GRACE_US UINT64_C(5000000)

/* ---- starting and ending it ---- */

bool life_spawn(struct life *l)
{
	if (l->goal != STANDING_RUNNING || l->holds != STANDING_RUNNING || l->shutdown ||
	    l->process || l->fate || life_is_undecided(l) || l->saving || l->erasing ||
	    life_needs_save(l) || l->now_us < l->wait_until_us)
		return false;
	l->process = PROCESS_BEGUN;
	l->was_up = l->told = l->killed = l->ended = l->waits_inside = l->lost = false;
	l->wait_until_us = 0;
	l->attempts++;
	life_do(l, LIFE_SPAWN);
	return true;
}

/* After this long a process that was told to end, or said that it does, is killed. */
static void set_kill(struct life *l)
{
	uint64_t twice_us = life_later(l->config.stop_us, l->config.stop_us);
	l->kill_at_us = life_later(l->now_us, life_later(twice_us, KILL_GRACE_US));
}

bool life_end_process(struct life *l)
{
	if (!l->process || l->killed)
		return false;
	bool overdue = (l->told || l->ended) && l->now_us >= l->kill_at_us;
	if (overdue || (l->goal == STANDING_CANCELLED && l->holds == STANDING_CANCELLED)) {
		l->killed = true;
		life_do(l, LIFE_KILL);
		return true;
	}
	bool stops = l->goal == STANDING_STOPPED && l->holds == STANDING_STOPPED;
	bool renews = l->renew && !life_is_undecided(l);
	if (l->told || l->ended || !(l->shutdown || stops || renews))
		return false;
	l->told = true;
	set_kill(l);
	life_do(l, LIFE_TELL_STOP);
	return true;
}

/* ---- what it says ---- */

static void take_error(struct life *l, const struct err *error, const char *otherwise)
{
	err_clear(&l->error);
	if (error && error->code != OK)
		l->error = *error;
	else
		(void)ERR(&l->error, E_IO, "%s", otherwise);
}

void life_up(struct life *l)
{
	if (!l->process || l->ended) /* a late word of it: nothing depends on it any more */
		return;
	if (l->waits_inside)
		l->attempts++;
	l->process = PROCESS_UP;
	l->was_up = true;
	l->waits_inside = false;
	l->wait_until_us = 0;
	l->restarts.running_since_us = l->now_us;
}

void life_attempt_failed(struct life *l, const struct life_event *ev)
{
	if (!l->process || l->ended)
		return;
	l->was_up = true;
	if (l->waits_inside) /* one more was over before it was heard of */
		l->attempts++;
	l->waits_inside = true;
	l->wait_until_us = life_later(l->now_us, ev->after_us);
	if (ev->restarts)
		l->restarts = *ev->restarts;
	take_error(l, ev->error, "the attempt failed and did not say why");
	life_tell(l);
}

void life_ended(struct life *l, const struct life_event *ev)
{
	if (!l->process || l->ended)
		return;
	if (l->waits_inside && ev->ended != LIFE_ENDED_STOPPED)
		l->attempts++; /* the last one, as above */
	l->ended = true;
	l->ended_how = ev->ended;
	l->ended_unsaved = ev->unsaved_stop;
	if (ev->ended == LIFE_ENDED_FAILED)
		take_error(l, ev->error, "the process failed and did not say why");
	else if (ev->unsaved_stop)
		take_error(l, ev->error, "the process did not say why");
	if (!l->told)
		set_kill(l);
}

/* ---- how it ended ---- */

/* What the system says of a process that said nothing. */
static void name_death(struct life *l, int status, int signal)
{
	err_clear(&l->error);
	char limit[UNIT_TEXT];
	if (l->told && l->killed) {
		uint64_t stop_us = life_later(l->config.stop_us, l->config.stop_us);
		(void)ERR(&l->error, E_TIMEOUT, "the process had not ended %s after it was told to stop, "
			  "and was killed", duration_text(life_later(stop_us, KILL_GRACE_US), limit));
	} else if (signal) {
		const char *says = sigdescr_np(signal);
		(void)ERR(&l->error, E_IO, "the process was killed by signal %d (%s)", signal,
			  says ? says : "unknown");
	} else {
		(void)ERR(&l->error, E_IO, "the process ended with status %d without a word", status);
	}
}

static enum life_fate fate_of_ended(struct life *l)
{
	switch (l->ended_how) {
	case LIFE_ENDED_FINISHED:
		return FATE_FINISHED;
	case LIFE_ENDED_STOPPED:
		if (l->told)
			return FATE_STOPPED;
		if (!l->ended_unsaved)
			take_error(l, NULL, "the process was stopped, but not by the server");
		return FATE_DIED;
	default:
		/* Its own policy was asked already if it got as far as that. Whether a publication
		 * stands only a new process can tell, and may. */
		return l->was_up && l->error.code != E_UNKNOWN_OUTCOME ? FATE_FAILED : FATE_DIED;
	}
}

void life_gone(struct life *l, const struct life_event *ev)
{
	CHECK(l->process);
	l->random = ev->random;
	if (l->ended) {
		l->fate = fate_of_ended(l);
		l->lost = l->ended_how == LIFE_ENDED_STOPPED ? l->ended_unsaved : l->was_up;
	} else {
		l->fate = FATE_DIED;
		/* One that was not up has taken nothing in that a checkpoint could miss. */
		l->lost = l->was_up || l->killed;
		name_death(l, ev->status, ev->signal);
	}
	l->process = PROCESS_NONE;
	l->waits_inside = false;
	l->wait_until_us = 0;
}

void life_spawn_failed(struct life *l, const struct life_event *ev)
{
	CHECK(l->process == PROCESS_BEGUN);
	take_error(l, ev->error, "no process could be started");
	l->random = ev->random;
	l->process = PROCESS_NONE;
	l->fate = FATE_DIED;
	l->lost = false;
}

/* ---- what its end means ---- */

void life_begin_anew(struct life *l)
{
	l->renew = false;
	l->attempts = 0;
	l->wait_until_us = 0;
	l->restarts = (struct restart_state){0};
	err_clear(&l->error);
}

/* True at once: the process knows, the disk follows. */
static void ends_by_itself(struct life *l, enum standing how)
{
	l->goal = l->holds = how;
	l->renew = false;
	if (how == STANDING_FINISHED)
		err_clear(&l->error);
}

static void ends_unsaved(struct life *l)
{
	if (err_class_of(l->error.code) == CLASS_QUIET)
		l->error.code = E_IO; /* it is a failure, whatever the process calls it */
	(void)err_in(&l->error, "stopped without a final checkpoint, the next start goes on from the "
		     "newest one");
	l->owed = true;
	if (l->asked && l->asked->kind == LIFE_EV_STOP)
		l->asked->error = l->error;
}

static void ask_policy(struct life *l)
{
	struct err error = l->error;
	if (error.code == E_UNKNOWN_OUTCOME) /* see fate_of_ended */
		error.code = E_IO;
	struct restart_decision d;
	restart_decide(&l->config.restart, &l->restarts, l->now_us, &error, l->random, &d);
	if (d.restart) {
		l->wait_until_us = life_later(l->now_us, d.after_us);
		return;
	}
	d.error.code = l->error.code;
	l->error = d.error;
	ends_by_itself(l, STANDING_FAILED);
}

/* The process is gone, and nothing that was asked is undecided. */
bool life_settle(struct life *l)
{
	if (l->process || !l->fate || life_is_undecided(l))
		return false;
	enum life_fate fate = l->fate;
	l->fate = FATE_NONE;
	if (l->goal == STANDING_CANCELLED) {
		err_clear(&l->error);
	} else if (fate == FATE_FINISHED) {
		ends_by_itself(l, STANDING_FINISHED);
	} else if (l->goal == STANDING_STOPPED) {
		if (l->lost)
			ends_unsaved(l);
		else
			err_clear(&l->error);
	} else if (l->shutdown) {
		if (!l->lost)
			err_clear(&l->error);
	} else if (l->renew || fate == FATE_STOPPED) {
		life_begin_anew(l);
	} else if (fate == FATE_FAILED) {
		ends_by_itself(l, STANDING_FAILED);
	} else {
		ask_policy(l);
	}
	l->renew = false;
	return true;
}
