/* test_life_asked.c - the rules of a job's life: cancel, restart, replace, remove. */
#include "tests/unit/server/life_rig.h"

/* ---- cancelling ---- */

TEST(a_cancel_kills_and_is_answered_when_the_process_is_gone)
{
	struct t t;
	runs(&t);
	ASK(&t, CANCEL, 7);
	DOES(&t, "tell, save cancelled");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "kill");
	IS(&t, CANCELLING);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "tell, answer 7 OK");
	IS(&t, CANCELLED);
	EXPECT(life_error(t.l)->code == OK);
	closes(&t);
}

static const struct life_config deleting = {
	.restart = {.strategy = RESTART_NONE}, .stop_us = SECOND, .cancel_deletes = true};

TEST(a_cancel_that_deletes_erases_after_the_process_is_gone)
{
	struct t t;
	runs(&t);
	life_configure(t.l, &deleting);
	ASK(&t, CANCEL, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, save cancelled erase, kill");
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "erase");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "tell, save cancelled");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "answer 7 OK");
	closes(&t);
}

TEST(an_erase_that_fails_is_told_and_tried_again)
{
	struct t t;
	opens(&t, STANDING_STOPPED, false);
	life_configure(t.l, &deleting);
	ASK(&t, CANCEL, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, save cancelled erase, erase");
	HAPPENS(&t, .kind = LIFE_EV_ERASE_FAILED, .error = &io);
	DOES(&t, "answer 7 E_IO");
	SAYS(t.answer, "tried again: disk: gone");
	IS(&t, CANCELLING);
	REFUSED(&t, RESTART, "being erased");
	REFUSED(&t, STOP, "CANCELLING already");
	passes(&t, SECOND);
	DOES(&t, "erase");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, save cancelled");
	IS(&t, CANCELLED);
	closes(&t);
}

TEST(a_cancel_overrides_a_stop)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	ASK(&t, CANCEL, 8);
	DOES(&t, "tell, save stopped, answer 7 E_REFUSED");
	SAYS(t.answer, "the stop was given up for a cancel");
	HAPPENS(&t, .kind = LIFE_EV_SAVED); /* one save at a time */
	DOES(&t, "save cancelled");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "kill, tell, answer 8 OK");
	IS(&t, CANCELLED);
	closes(&t);
}

TEST(a_cancel_that_cannot_be_saved_leaves_the_stop_before_it_standing)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	ASK(&t, CANCEL, 8);
	DOES(&t, "tell, save stopped, tell stop, answer 7 E_REFUSED, save cancelled");
	HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
	DOES(&t, "answer 8 E_IO, tell");
	IS(&t, STOPPING);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	IS(&t, STOPPED);
	passes(&t, SECOND);
	DOES(&t, "tell, save stopped");
	closes(&t);
}

/* ---- restarting ---- */

TEST(a_restart_of_what_runs_stops_it_with_a_checkpoint_and_starts_it)
{
	struct t t;
	runs(&t);
	ASK(&t, RESTART, 7);
	DOES(&t, "tell, tell stop"); /* it is saved as running */
	IS(&t, STOPPING);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, spawn");
	IS(&t, STARTING);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	DOES(&t, "tell, answer 7 OK");
	IS(&t, RUNNING);
	EXPECT(life_attempts(t.l) == 1);
	closes(&t);
}

TEST(a_restart_of_what_does_not_run_saves_and_starts)
{
	static const enum standing ended[] = {STANDING_STOPPED, STANDING_CANCELLED, STANDING_FAILED};
	for (unsigned i = 0; i < 3; i++) {
		struct t t;
		opens(&t, ended[i], false);
		ASK(&t, RESTART, 7);
		DOES(&t, "tell, save running");
		IS(&t, STARTING);
		HAPPENS(&t, .kind = LIFE_EV_SAVED);
		DOES(&t, "spawn");
		HAPPENS(&t, .kind = LIFE_EV_UP);
		DOES(&t, "tell, answer 7 OK");
		closes(&t);
	}
}

TEST(a_restart_that_fails_for_good_says_why)
{
	struct t t;
	opens(&t, STANDING_STOPPED, false);
	ASK(&t, RESTART, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FAILED, .error = &invalid);
	DOES(&t, "tell, save running, spawn");
	HAPPENS(&t, .kind = LIFE_EV_GONE, .status = 2);
	DOES(&t, "tell, answer 7 E_INVALID, save failed");
	SAYS(t.answer, "job 'daily' has FAILED: stage 'x': no such field");
	EXPECT(t.saved.code == E_INVALID);
	IS(&t, FAILED);
	closes(&t);
}

TEST(a_stop_overrides_a_restart_that_cannot_start)
{
	struct t t;
	opens(&t, STANDING_STOPPED, false);
	ASK(&t, RESTART, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	HAPPENS(&t, .kind = LIFE_EV_SPAWN_FAILED, .error = &io);
	HAPPENS(&t, .kind = LIFE_EV_SPAWN_FAILED, .error = &io);
	DOES(&t, "tell, save running, spawn, spawn");
	IS(&t, WAITING);
	REFUSED(&t, RESTART, "a restart is under way; wait for it, or give it up: weir stop daily");
	ASK(&t, STOP, 8);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "answer 7 E_REFUSED, tell, save stopped, answer 8 OK");
	closes(&t);
}

TEST(what_is_finished_is_not_restarted)
{
	struct t t;
	opens(&t, STANDING_FINISHED, false);
	REFUSED(&t, RESTART, "submit it under another name");
	REFUSED(&t, REPLACE, "weir remove daily");
	closes(&t);
	opens(&t, STANDING_CANCELLED, false);
	struct life_event ev = {.kind = LIFE_EV_RESTART, .action = 7, .final_already = true};
	EXPECT(event(&t, &ev) == E_REFUSED);
	DOES(&t, "");
	closes(&t);
}

TEST(a_job_that_finishes_while_it_is_restarted_is_finished)
{
	struct t t;
	runs(&t);
	ASK(&t, RESTART, 7);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FINISHED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, tell stop, answer 7 E_REFUSED, save finished");
	IS(&t, FINISHED);
	closes(&t);
}

TEST(a_restart_counts_anew_however_the_old_process_ended)
{
	struct t t;
	runs(&t);
	struct life_config never = {.restart = {.strategy = RESTART_NONE}, .stop_us = SECOND};
	life_configure(t.l, &never);
	ASK(&t, RESTART, 7);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 11);
	DOES(&t, "tell, tell stop, spawn");
	EXPECT(life_attempts(t.l) == 1 && t.spawned.restarts == 0);
	EXPECT(life_error(t.l)->code == OK);
	closes(&t);
}

TEST(a_replacement_is_saved_before_the_old_process_is_told)
{
	struct t t;
	runs(&t);
	ASK(&t, REPLACE, 7);
	DOES(&t, "tell, save running");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell stop");
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	DOES(&t, "tell, spawn, answer 7 OK");
	closes(&t);
}

TEST(a_replacement_that_cannot_be_saved_leaves_the_old_one_running)
{
	struct t t;
	runs(&t);
	ASK(&t, REPLACE, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
	DOES(&t, "tell, save running, answer 7 E_IO");
	IS(&t, RUNNING);
	passes(&t, SECOND);
	DOES(&t, "save running");
	closes(&t);
}

/* ---- removing ---- */

TEST(a_removal_saves_erases_drops_and_answers)
{
	struct t t;
	opens(&t, STANDING_FAILED, false);
	ASK(&t, REMOVE, 7);
	DOES(&t, "tell, save removed");
	IS(&t, REMOVING);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "erase all");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "drop");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "tell, answer 7 OK");
	IS(&t, REMOVED);
	EXPECT(life_wake_at(t.l) == UINT64_MAX);
	closes(&t);
}

TEST(what_runs_is_not_removed)
{
	struct t t;
	runs(&t);
	REFUSED(&t, REMOVE, "job 'daily' is RUNNING; stop it first: weir stop daily");
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .after_us = SECOND);
	DOES(&t, "tell");
	REFUSED(&t, REMOVE, "job 'daily' is WAITING; stop it first: weir stop daily");
	closes(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_cancel_kills_and_is_answered_when_the_process_is_gone),
		T(a_cancel_that_deletes_erases_after_the_process_is_gone),
		T(an_erase_that_fails_is_told_and_tried_again),
		T(a_cancel_overrides_a_stop),
		T(a_cancel_that_cannot_be_saved_leaves_the_stop_before_it_standing),
		T(a_restart_of_what_runs_stops_it_with_a_checkpoint_and_starts_it),
		T(a_restart_of_what_does_not_run_saves_and_starts),
		T(a_restart_that_fails_for_good_says_why),
		T(a_stop_overrides_a_restart_that_cannot_start),
		T(what_is_finished_is_not_restarted),
		T(a_job_that_finishes_while_it_is_restarted_is_finished),
		T(a_restart_counts_anew_however_the_old_process_ended),
		T(a_replacement_is_saved_before_the_old_process_is_told),
		T(a_replacement_that_cannot_be_saved_leaves_the_old_one_running),
		T(a_removal_saves_erases_drops_and_answers),
		T(what_runs_is_not_removed),
	};
	return RUN(tests);
}
