/* life_rests.h - what a good world does with a life (life_world.h): nothing fails any more, the
 * process obeys, and so it comes to rest. */
#pragma once
#include "tests/lib/life_world.h"

/* Nothing fails any more and the process does what it is told: what would a good world do next?
 * N_CHOICES: nothing is left to be done. */
static enum choice next_good_step(const struct world *w)
{
	if (w->saving)
		return CHOICE_SAVED;
	if (w->erasing || w->dropping)
		return CHOICE_ERASED;
	if (w->process && (w->killed || w->process == SAID))
		return CHOICE_GONE;
	if (w->process && w->told)
		return CHOICE_SAYS_STOPPED;
	if (w->process == BEGUN || w->process == WAITS)
		return CHOICE_UP;
	return life_wake_at(w->l) != UINT64_MAX ? CHOICE_TIME : N_CHOICES;
}

/* From anywhere, a good world comes to rest: everybody is answered, and the disk says what is
 * shown, so that a crash would change nothing. */
static void world_rests(struct world *w)
{
	enum choice c;
	unsigned steps = 0;
	while ((c = next_good_step(w)) != N_CHOICES) {
		HOLDS(w, ++steps < 60);
		world_step(w, c);
	}
	enum life_state s = life_state(w->l);
	HOLDS(w, !w->asked[0].open && !w->asked[1].open); /* inv 4 */
	HOLDS(w, s == LIFE_RUNNING || life_is_final(s));
	HOLDS(w, s != LIFE_RUNNING || w->runs_version == w->disk.version);
	if (s == LIFE_REMOVED)
		return;
	HOLDS(w, !w->disk.erase);
	if (w->shutdown && w->disk.standing == STANDING_RUNNING) {
		HOLDS(w, s == LIFE_STOPPED);
		return;
	}
	HOLDS(w, standings_of(s) == IN(w->disk.standing));
}
