/* test_life_process.c - the rules of a job's life: what its process says and how it ends. */
#include "tests/unit/server/life_rig.h"

/* ---- the process by itself ---- */

TEST(finishing_is_shown_at_once_and_saved_until_it_is)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FINISHED);
	DOES(&t, "");
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, save finished");
	IS(&t, FINISHED);
	uint64_t waits[] = {1, 2, 4, 8, 16, 32, 60, 60};
	for (unsigned i = 0; i < 8; i++) {
		HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
		DOES(&t, "");
		EXPECT(life_wake_at(t.l) == t.now + waits[i] * SECOND);
		passes(&t, waits[i] * SECOND);
		DOES(&t, "save finished");
	}
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	EXPECT(life_wake_at(t.l) == UINT64_MAX);
	closes(&t);
}

TEST(a_process_that_gave_up_has_failed)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &io);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 1);
	DOES(&t, "tell, save failed");
	assert_string_equal(t.saved.text, "disk: gone");
	IS(&t, FAILED);
	closes(&t);
}

TEST(an_unknown_outcome_is_for_a_new_process_to_find_out)
{
	struct t t;
	runs(&t);
	struct err unknown = {.code = E_UNKNOWN_OUTCOME, .text = "fsync: I/O error"};
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &unknown);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 1);
	DOES(&t, "tell, spawn");
	closes(&t);
}

TEST(a_death_without_a_word_is_one_more_failed_attempt)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 11);
	assert_string_equal(life_error(t.l)->text,
			    "the process was killed by signal 11 (Segmentation fault)");
	DOES(&t, "tell, spawn"); /* the first restart is immediate */
	EXPECT(t.spawned.restarts == 1 && life_attempts(t.l) == 2);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 1);
	DOES(&t, "tell");
	assert_string_equal(life_error(t.l)->text, "the process ended with status 1 without a word");
	IS(&t, WAITING);
	uint64_t at = life_wait_until(t.l); /* the second after 1 s, give or take a tenth */
	EXPECT(at >= t.now + 9 * SECOND / 10 && at <= t.now + 11 * SECOND / 10);
	EXPECT(life_wake_at(t.l) == at);
	passes(&t, at - t.now - 1);
	DOES(&t, "");
	passes(&t, 1);
	DOES(&t, "spawn, tell");
	EXPECT(t.spawned.restarts == 2 && life_attempts(t.l) == 3);
	closes(&t);
}

TEST(attempts_of_the_process_and_deaths_count_together)
{
	struct t t;
	runs(&t);
	struct life_config three = {.restart = restart_default, .stop_us = SECOND};
	life_configure(t.l, &three);
	struct restart_state inside = {.restarts = 3, .delay_us = SECOND};
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .restarts = &inside, .after_us = SECOND);
	DOES(&t, "tell");
	passes(&t, SECOND);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	DOES(&t, "tell");
	EXPECT(life_attempts(t.l) == 2 && life_wait_until(t.l) == 0);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "tell, save failed");
	SAYS(t.saved, "gave up after 3 restarts: the process was killed by signal 9 (Killed)");
	closes(&t);
}

TEST(attempts_too_short_to_be_heard_of_are_counted)
{
	struct t t;
	runs(&t);
	struct restart_state inside = {.restarts = 1};
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .restarts = &inside);
	EXPECT(life_attempts(t.l) == 1);
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .restarts = &inside);
	EXPECT(life_attempts(t.l) == 2); /* never UP */
	HAPPENS(&t, .kind = LIFE_EV_UP);
	EXPECT(life_attempts(t.l) == 3);
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .restarts = &inside);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &io);
	EXPECT(life_attempts(t.l) == 4);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 0);
	DOES(&t, "tell, save failed");
	closes(&t);
}

TEST(an_error_at_opening_is_judged_by_its_class)
{
	struct t t;
	opens(&t, STANDING_RUNNING, false);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &io);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 1);
	DOES(&t, "spawn, tell, spawn"); /* transient: again */
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &invalid);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 2);
	DOES(&t, "tell, save failed"); /* the user's: no */
	closes(&t);
}

TEST(a_process_that_cannot_be_made_is_judged_by_its_class)
{
	struct t t;
	opens(&t, STANDING_RUNNING, false);
	struct err limit = {.code = E_LIMIT, .text = "fork: too many processes"};
	HAPPENS(&t, .kind = LIFE_EV_SPAWN_FAILED, .error = &limit);
	DOES(&t, "spawn, tell, spawn");
	HAPPENS(&t, .kind = LIFE_EV_SPAWN_FAILED, .error = &invalid);
	DOES(&t, "tell, save failed");
	closes(&t);
}

TEST(a_process_that_stops_unasked_is_started_again)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, spawn");
	SAYS(*life_error(t.l), "not by the server");
	closes(&t);
}

TEST(a_process_that_said_its_last_word_and_stays_is_killed)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FINISHED);
	EXPECT(life_wake_at(t.l) == t.now + 65 * SECOND);
	passes(&t, 65 * SECOND);
	DOES(&t, "kill");
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "tell, save finished");
	closes(&t);
}

TEST(late_words_of_a_process_change_nothing)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FINISHED);
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &io);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	DOES(&t, "tell, save finished");
	IS(&t, FINISHED);
	closes(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(finishing_is_shown_at_once_and_saved_until_it_is),
		T(a_process_that_gave_up_has_failed),
		T(an_unknown_outcome_is_for_a_new_process_to_find_out),
		T(a_death_without_a_word_is_one_more_failed_attempt),
		T(attempts_of_the_process_and_deaths_count_together),
		T(attempts_too_short_to_be_heard_of_are_counted),
		T(an_error_at_opening_is_judged_by_its_class),
		T(a_process_that_cannot_be_made_is_judged_by_its_class),
		T(a_process_that_stops_unasked_is_started_again),
		T(a_process_that_said_its_last_word_and_stays_is_killed),
		T(late_words_of_a_process_change_nothing),
	};
	return RUN(tests);
}
