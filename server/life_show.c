/* life_show.c - what is told of a life: its state, which follows from what it is about, and the
 * facts beside it. See life.h. */
#include "server/life_in.h"

/* Moves back are those of a request that could not be saved. */
#define TO(s) (1u << (s))
#define ENDS (TO(LIFE_STOPPED) | TO(LIFE_CANCELLED) | TO(LIFE_FINISHED) | TO(LIFE_FAILED))
#define LIVES (TO(LIFE_STARTING) | TO(LIFE_RUNNING) | TO(LIFE_WAITING))
static const unsigned life_may[] = {
	[LIFE_STARTING] = TO(LIFE_RUNNING) | TO(LIFE_WAITING) | TO(LIFE_STOPPING) |
			  TO(LIFE_CANCELLING) | ENDS,
	[LIFE_RUNNING] = TO(LIFE_STARTING) | TO(LIFE_WAITING) | TO(LIFE_STOPPING) |
			 TO(LIFE_CANCELLING) | TO(LIFE_FINISHED) | TO(LIFE_FAILED),
	/* STOPPED at once: a shutdown finds no process. */
	[LIFE_WAITING] = TO(LIFE_STARTING) | TO(LIFE_RUNNING) | TO(LIFE_STOPPING) |
			 TO(LIFE_STOPPED) | TO(LIFE_CANCELLING) | TO(LIFE_FINISHED) |
			 TO(LIFE_FAILED),
	[LIFE_STOPPING] = LIVES | TO(LIFE_STOPPED) | TO(LIFE_CANCELLING) | TO(LIFE_FINISHED) |
			  TO(LIFE_FAILED),
	[LIFE_STOPPED] = TO(LIFE_STARTING) | TO(LIFE_CANCELLING) | TO(LIFE_REMOVING),
	[LIFE_CANCELLING] = LIVES | TO(LIFE_STOPPING) | ENDS | TO(LIFE_REMOVING),
	[LIFE_CANCELLED] = TO(LIFE_STARTING) | TO(LIFE_CANCELLING) | TO(LIFE_REMOVING),
	[LIFE_FINISHED] = TO(LIFE_CANCELLING) | TO(LIFE_REMOVING),
	[LIFE_FAILED] = TO(LIFE_STARTING) | TO(LIFE_CANCELLING) | TO(LIFE_REMOVING),
	[LIFE_REMOVING] = TO(LIFE_REMOVED) | TO(LIFE_CANCELLING) | ENDS,
	[LIFE_REMOVED] = 0,
};

void life_tell(struct life *l)
{
	/* One is enough until it is performed: watchers are shown the newest state. */
	for (unsigned i = 0; i < l->n_todo; i++) {
		if (l->todo[(l->first_todo + i) % LIFE_TODO_MAX].kind == LIFE_TELL)
			return;
	}
	life_do(l, LIFE_TELL);
}

static void life_move(struct life *l, enum life_state to)
{
	CHECK(life_may[l->state] & TO(to));
	l->state = to;
	l->since_us = l->now_us;
	life_tell(l);
}

static enum life_state state_of_running(const struct life *l, bool alive)
{
	if (l->shutdown && l->holds == STANDING_RUNNING)
		return alive ? LIFE_STOPPING : LIFE_STOPPED;
	if (l->renew && alive)
		return LIFE_STOPPING;
	if (l->waits_inside || (!l->process && l->wait_until_us))
		return LIFE_WAITING;
	return l->process == PROCESS_UP ? LIFE_RUNNING : LIFE_STARTING;
}

static enum life_state state_of(const struct life *l)
{
	bool alive = l->process || l->fate, busy = alive || l->holds != l->goal;
	if (l->over)
		return LIFE_REMOVED;
	switch (l->goal) {
	case STANDING_STOPPED:
		return busy ? LIFE_STOPPING : LIFE_STOPPED;
	case STANDING_CANCELLED:
		return busy || l->erase ? LIFE_CANCELLING : LIFE_CANCELLED;
	case STANDING_FINISHED:
		return LIFE_FINISHED;
	case STANDING_FAILED:
		return LIFE_FAILED;
	case STANDING_REMOVED:
		return LIFE_REMOVING;
	default:
		return state_of_running(l, alive);
	}
}

void life_show(struct life *l)
{
	enum life_state now = state_of(l);
	if (now != l->state)
		life_move(l, now);
}

const char *life_state_name(enum life_state s)
{
	static const char *const names[] = {
		[LIFE_STARTING] = "STARTING",	  [LIFE_RUNNING] = "RUNNING",
		[LIFE_WAITING] = "WAITING",	  [LIFE_STOPPING] = "STOPPING",
		[LIFE_STOPPED] = "STOPPED",	  [LIFE_CANCELLING] = "CANCELLING",
		[LIFE_CANCELLED] = "CANCELLED",	  [LIFE_FINISHED] = "FINISHED",
		[LIFE_FAILED] = "FAILED",	  [LIFE_REMOVING] = "REMOVING",
		[LIFE_REMOVED] = "REMOVED",
	};
	CHECK((size_t)s < ARRAY_LEN(names));
	return names[s];
}

bool life_is_final(enum life_state s)
{
	return (TO(s) & (ENDS | TO(LIFE_REMOVED))) != 0;
}

enum life_state life_state(const struct life *l)
{
	return l->state;
}

bool life_has_process(const struct life *l)
{
	return l->process != PROCESS_NONE;
}

uint64_t life_since_us(const struct life *l)
{
	return l->since_us;
}

uint32_t life_attempts(const struct life *l)
{
	return l->attempts;
}

uint64_t life_wait_until(const struct life *l)
{
	return l->wait_until_us;
}

const struct err *life_error(const struct life *l)
{
	return &l->error;
}
