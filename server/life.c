/* life.c - what happens to a job, and what follows from it. See life.h.
 * After each event life_think compares what is to be with what is and asks for the next thing,
 * until there is none: so it does not matter in which order things happen, or where a life
 * begins. */
#include "server/life_in.h"

#include <stdio.h>
#include <string.h>

#define SECOND_US UINT64_C(1000000)
#define ROUNDS_MAX 64                 /* a handful are needed: more is a loop of ours */

uint64_t life_later(uint64_t us, uint64_t by_us)
{
	return by_us < UINT64_MAX - us ? us + by_us : UINT64_MAX;
}

bool life_is_undecided(const struct life *l)
{
	return l->asked && !l->asked->saved;
}

struct life_todo *life_do(struct life *l, enum life_do_kind kind)
{
	CHECK(l->n_todo < LIFE_TODO_MAX);
	struct life_todo *t = &l->todo[(l->first_todo + l->n_todo++) % LIFE_TODO_MAX];
	*t = (struct life_todo){.kind = (unsigned char)kind};
	return t;
}

/* ---- events in, actions out ---- */

static bool asked_is_saved_already(struct life *l)
{
	if (!life_is_undecided(l) || l->saving || life_needs_save(l))
		return false;
	life_asked_is_saved(l);
	return true;
}

static void life_think(struct life *l)
{
	bool more = true;
	for (unsigned rounds = 0; more; rounds++) {
		CHECK(rounds < ROUNDS_MAX);
		more = life_settle(l) || asked_is_saved_already(l);
		if (more)
			continue;
		life_show(l); /* before an answer, so that who watches for it has seen it */
		more = life_answer_done(l) || life_save(l) || life_erase(l) ||
		       life_end_process(l) || life_spawn(l);
	}
	life_show(l);
}

RC life_event(struct life *l, uint64_t now_us, const struct life_event *ev, struct err *e)
{
	if (now_us > l->now_us)
		l->now_us = now_us;
	switch (ev->kind) {
	case LIFE_EV_STOP:
	case LIFE_EV_CANCEL:
	case LIFE_EV_RESTART:
	case LIFE_EV_REPLACE:
	case LIFE_EV_REMOVE:
		if (life_ask(l, ev, e) != OK)
			return e->code;
		break;
	case LIFE_EV_SAVED:
		life_saved(l);
		break;
	case LIFE_EV_SAVE_FAILED:
		life_save_failed(l, ev->error);
		break;
	case LIFE_EV_ERASED:
		life_erased(l);
		break;
	case LIFE_EV_ERASE_FAILED:
		life_erase_failed(l, ev->error);
		break;
	case LIFE_EV_SPAWN_FAILED:
		life_spawn_failed(l, ev);
		break;
	case LIFE_EV_UP:
		life_up(l);
		break;
	case LIFE_EV_FAILED:
		life_attempt_failed(l, ev);
		break;
	case LIFE_EV_ENDED:
		life_ended(l, ev);
		break;
	case LIFE_EV_GONE:
		life_gone(l, ev);
		break;
	case LIFE_EV_SHUTDOWN:
		l->shutdown = true;
		break;
	case LIFE_EV_TICK:
		break;
	}
	life_think(l);
	return OK;
}

/* A standing's reason, not what else went wrong before. */
static bool is_saved_with_error(const struct life *l, enum standing s)
{
	bool stopped = s == STANDING_STOPPED && !l->process && !l->fate;
	return s == l->holds && (s == STANDING_FAILED || stopped);
}

bool life_next(struct life *l, struct life_do *d)
{
	if (!l->n_todo)
		return false;
	struct life_todo t = l->todo[l->first_todo];
	l->first_todo = (l->first_todo + 1) % LIFE_TODO_MAX;
	l->n_todo--;
	memset(d, 0, sizeof *d);
	d->kind = (enum life_do_kind)t.kind;
	d->standing = (enum standing)t.standing;
	d->erase = t.erase;
	d->removing = t.removing;
	if (d->kind == LIFE_SPAWN)
		d->restarts = l->restarts;
	if (d->kind == LIFE_SAVE && is_saved_with_error(l, d->standing))
		d->error = l->error;
	if (t.answer) {
		d->action = t.answer->action;
		d->error = t.answer->error;
		mem_put(l->mem, t.answer);
	}
	return true;
}

static void be_sooner(uint64_t *at, uint64_t us, uint64_t now_us)
{
	if (us > now_us && us < *at) /* what was due has been thought of: something else holds it up */
		*at = us;
}

uint64_t life_wake_at(const struct life *l)
{
	uint64_t at = UINT64_MAX;
	if (l->over)
		return at;
	be_sooner(&at, l->again_us, l->now_us);
	if (l->process && !l->killed && (l->told || l->ended))
		be_sooner(&at, l->kill_at_us, l->now_us);
	if (!l->process && l->goal == STANDING_RUNNING && !l->shutdown)
		be_sooner(&at, l->wait_until_us, l->now_us);
	return at;
}

/* ---- opening ---- */

RC life_open(struct life **to, const char *name, enum standing standing, bool erase_due,
	     const struct err *error, struct mem *mem, struct err *e)
{
	struct life *l = *to = mem_get(mem, sizeof *l);
	if (!l)
		return ERR(e, E_NO_MEMORY, "no memory for job '%s'", name);
	l->mem = mem;
	snprintf(l->name, sizeof l->name, "%s", name);
	l->config = (struct life_config){.restart = restart_default, .stop_us = 30 * SECOND_US};
	l->config.restart.attempts = RESTART_UNLIMITED;
	l->goal = l->holds = l->disk.standing = standing;
	l->erase = l->disk.erase = erase_due && standing == STANDING_CANCELLED;
	l->disk.sure = true;
	if (error)
		l->error = *error;
	static const enum life_state states[] = {
		[STANDING_RUNNING] = LIFE_STARTING, [STANDING_STOPPED] = LIFE_STOPPED,
		[STANDING_CANCELLED] = LIFE_CANCELLED, [STANDING_FINISHED] = LIFE_FINISHED,
		[STANDING_FAILED] = LIFE_FAILED, [STANDING_REMOVED] = LIFE_REMOVING};
	l->state = states[standing];
	life_think(l);
	return OK;
}

void life_configure(struct life *l, const struct life_config *c)
{
	l->config = *c;
}

bool life_cancel_deletes(const struct life *l)
{
	return l->config.cancel_deletes;
}

void life_close(struct life *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->n_todo; i++)
		mem_put(l->mem, l->todo[(l->first_todo + i) % LIFE_TODO_MAX].answer);
	mem_put(l->mem, l->asked);
	mem_put(l->mem, l);
}
