/* test_life.c - each rule of a job's life under a server: how it starts, stops, and what a
 * shutdown of the server is to it. */
#include "tests/unit/server/life_rig.h"

/* ---- starting ---- */

TEST(what_was_saved_as_running_runs_again)
{
	struct t t;
	opens(&t, STANDING_RUNNING, false);
	IS(&t, STARTING);
	DOES(&t, "spawn");
	EXPECT(life_has_process(t.l) && life_attempts(t.l) == 1);
	HAPPENS(&t, .kind = LIFE_EV_UP);
	DOES(&t, "tell");
	IS(&t, RUNNING);
	EXPECT(life_since_us(t.l) == t.now && life_wake_at(t.l) == UINT64_MAX);
	closes(&t);
}

TEST(what_has_ended_stays_so)
{
	static const enum standing ended[] = {STANDING_STOPPED, STANDING_CANCELLED, STANDING_FINISHED,
					      STANDING_FAILED};
	for (unsigned i = 0; i < 4; i++) {
		struct t t;
		opens(&t, ended[i], false);
		passes(&t, SECOND);
		DOES(&t, "");
		EXPECT(life_is_final(life_state(t.l)) && !life_has_process(t.l));
		closes(&t);
	}
}

TEST(what_was_to_be_erased_is_erased_at_the_next_start)
{
	struct t t;
	opens(&t, STANDING_CANCELLED, true);
	IS(&t, CANCELLING);
	DOES(&t, "tell, erase");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "tell, save cancelled");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "");
	IS(&t, CANCELLED);
	closes(&t);
}

TEST(a_removal_is_completed_at_the_next_start)
{
	struct t t;
	opens(&t, STANDING_REMOVED, false);
	IS(&t, REMOVING);
	DOES(&t, "erase all");
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "drop");
	REFUSED(&t, RESTART, "being removed");
	ASK(&t, REMOVE, 4); /* may wait for it */
	HAPPENS(&t, .kind = LIFE_EV_ERASED);
	DOES(&t, "tell, answer 4 OK");
	IS(&t, REMOVED);
	closes(&t);
}

/* ---- stopping ---- */

TEST(a_stop_is_saved_then_told_then_answered_when_the_process_is_gone)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	DOES(&t, "tell, save stopped");
	IS(&t, STOPPING);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell stop");
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	DOES(&t, "");
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, answer 7 OK");
	IS(&t, STOPPED);
	EXPECT(life_error(t.l)->code == OK);
	closes(&t);
}

TEST(a_stop_without_its_checkpoint_says_so_and_is_noted)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED, .unsaved_stop = true,
		.error = &io);
	DOES(&t, "tell, save stopped, tell stop");
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, answer 7 E_IO, save stopped");
	SAYS(t.answer, "job 'daily': stopped without a final checkpoint, the next start goes on from "
		       "the newest one: disk: gone");
	EXPECT(t.saved.code == E_IO);
	IS(&t, STOPPED);
	closes(&t);
}

TEST(a_process_that_does_not_stop_is_killed)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, save stopped, tell stop");
	EXPECT(life_wake_at(t.l) == t.now + 65 * SECOND); /* 2 x 30 s + 5 s */
	passes(&t, 65 * SECOND - 1);
	DOES(&t, "");
	passes(&t, 1);
	DOES(&t, "kill");
	EXPECT(life_wake_at(t.l) == UINT64_MAX);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "tell, answer 7 E_TIMEOUT, save stopped");
	SAYS(t.answer, "had not ended");
	closes(&t);
}

TEST(a_waiting_job_stops_at_once)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 11);
	DOES(&t, "tell, spawn");
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 11);
	DOES(&t, "tell");
	IS(&t, WAITING);
	ASK(&t, STOP, 7);
	DOES(&t, "tell, save stopped");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, answer 7 OK");
	EXPECT(life_wake_at(t.l) == UINT64_MAX && life_error(t.l)->code == OK);
	closes(&t);
}

TEST(a_job_that_waits_inside_its_process_is_told_to_stop)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_FAILED, .error = &io, .after_us = 60 * SECOND);
	DOES(&t, "tell");
	IS(&t, WAITING);
	EXPECT(life_wait_until(t.l) == t.now + 60 * SECOND && life_wake_at(t.l) == UINT64_MAX);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, save stopped, tell stop");
	closes(&t);
}

TEST(a_stop_that_cannot_be_saved_changes_nothing)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
	DOES(&t, "tell, save stopped, answer 7 E_IO");
	SAYS(t.answer, "nothing was done: disk: gone");
	IS(&t, RUNNING);
	/* The disk may hold "stopped" all the same: what holds is saved again. */
	EXPECT(life_wake_at(t.l) == t.now + SECOND);
	passes(&t, SECOND);
	DOES(&t, "save running");
	HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
	EXPECT(life_wake_at(t.l) == t.now + 2 * SECOND);
	passes(&t, 2 * SECOND);
	DOES(&t, "save running");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	EXPECT(life_wake_at(t.l) == UINT64_MAX);
	DOES(&t, "");
	closes(&t);
}

TEST(no_process_starts_while_the_disk_may_say_stopped)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	HAPPENS(&t, .kind = LIFE_EV_SAVE_FAILED, .error = &io);
	DOES(&t, "tell, save stopped, answer 7 E_IO");
	IS(&t, WAITING);
	passes(&t, SECOND);
	DOES(&t, "save running");
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "spawn, tell");
	closes(&t);
}

TEST(a_death_while_stopping_is_a_stop_without_a_checkpoint)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 11);
	DOES(&t, "tell, save stopped");
	IS(&t, STOPPING);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	DOES(&t, "tell, answer 7 E_IO, save stopped");
	SAYS(t.answer, "killed by signal 11 (Segmentation fault)");
	closes(&t);
}

TEST(a_job_that_finishes_while_it_is_stopped_is_finished)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	HAPPENS(&t, .kind = LIFE_EV_SAVED);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_FINISHED);
	DOES(&t, "tell, save stopped, tell stop");
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell, answer 7 OK, save finished");
	IS(&t, FINISHED);
	closes(&t);
}

TEST(stopping_what_is_stopped_is_fine_what_has_ended_otherwise_is_not)
{
	struct t t;
	opens(&t, STANDING_STOPPED, false);
	ASK(&t, STOP, 3);
	DOES(&t, "answer 3 OK");
	closes(&t);
	opens(&t, STANDING_FINISHED, false);
	REFUSED(&t, STOP, "job 'daily' is FINISHED already");
	closes(&t);
	opens(&t, STANDING_FAILED, false);
	REFUSED(&t, STOP, "job 'daily' is FAILED already");
	closes(&t);
}

/* ---- the server ---- */

TEST(a_shutdown_stops_the_process_and_saves_nothing)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_SHUTDOWN);
	DOES(&t, "tell, tell stop");
	IS(&t, STOPPING);
	REFUSED(&t, RESTART, "the server is stopping");
	EXPECT(life_wake_at(t.l) == t.now + 65 * SECOND);
	HAPPENS(&t, .kind = LIFE_EV_ENDED, .ended = LIFE_ENDED_STOPPED);
	HAPPENS(&t, .kind = LIFE_EV_GONE);
	DOES(&t, "tell");
	IS(&t, STOPPED);
	closes(&t);
}

TEST(a_shutdown_restarts_nothing_and_kills_what_stays)
{
	struct t t;
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_SHUTDOWN);
	passes(&t, 65 * SECOND);
	DOES(&t, "tell, tell stop, kill");
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	DOES(&t, "tell");
	IS(&t, STOPPED);
	SAYS(*life_error(t.l), "had not ended");
	closes(&t);
	runs(&t);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	HAPPENS(&t, .kind = LIFE_EV_GONE, .signal = 9);
	HAPPENS(&t, .kind = LIFE_EV_SHUTDOWN);
	IS(&t, STOPPED);
	DOES(&t, "tell, spawn");
	EXPECT(life_wake_at(t.l) == UINT64_MAX);
	closes(&t);
}

TEST(a_restart_under_way_at_a_shutdown_is_for_the_next_server)
{
	struct t t;
	runs(&t);
	ASK(&t, RESTART, 7);
	HAPPENS(&t, .kind = LIFE_EV_SHUTDOWN);
	DOES(&t, "tell, tell stop, answer 7 E_REFUSED");
	SAYS(t.answer, "the next one starts it");
	closes(&t);
}

TEST(one_thing_is_asked_at_a_time)
{
	struct t t;
	runs(&t);
	ASK(&t, STOP, 7);
	DOES(&t, "tell, save stopped");
	REFUSED(&t, STOP, "a stop is under way; wait for it");
	REFUSED(&t, RESTART, "job 'daily' is STOPPING: a stop is under way; wait for it, or end it "
			     "without a checkpoint: weir cancel daily");
	REFUSED(&t, REMOVE, "a stop is under way");
	ASK(&t, CANCEL, 8);
	does(&t);
	REFUSED(&t, CANCEL, "a cancel is under way; wait for it");
	closes(&t);
}

TEST(without_memory_a_request_is_refused_and_nothing_leaks)
{
	struct t t;
	memset(&t, 0, sizeof t);
	mem_init(&t.mem, 0);
	t.mem.fail_at = 1;
	EXPECT(life_open(&t.l, "x", STANDING_STOPPED, false, NULL, &t.mem, &t.e) == E_NO_MEMORY);
	closes(&t);
	runs(&t);
	t.mem.fail_at = t.mem.calls + 1;
	struct life_event ev = {.kind = LIFE_EV_STOP, .action = 7};
	EXPECT(event(&t, &ev) == E_NO_MEMORY);
	DOES(&t, "");
	IS(&t, RUNNING);
	ASK(&t, STOP, 8); /* closed with a request and actions under way */
	closes(&t);
	life_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_saved_as_running_runs_again),
		T(what_has_ended_stays_so),
		T(what_was_to_be_erased_is_erased_at_the_next_start),
		T(a_removal_is_completed_at_the_next_start),
		T(a_stop_is_saved_then_told_then_answered_when_the_process_is_gone),
		T(a_stop_without_its_checkpoint_says_so_and_is_noted),
		T(a_process_that_does_not_stop_is_killed),
		T(a_waiting_job_stops_at_once),
		T(a_job_that_waits_inside_its_process_is_told_to_stop),
		T(a_stop_that_cannot_be_saved_changes_nothing),
		T(no_process_starts_while_the_disk_may_say_stopped),
		T(a_death_while_stopping_is_a_stop_without_a_checkpoint),
		T(a_job_that_finishes_while_it_is_stopped_is_finished),
		T(stopping_what_is_stopped_is_fine_what_has_ended_otherwise_is_not),
		T(a_shutdown_stops_the_process_and_saves_nothing),
		T(a_shutdown_restarts_nothing_and_kills_what_stays),
		T(a_restart_under_way_at_a_shutdown_is_for_the_next_server),
		T(one_thing_is_asked_at_a_time),
		T(without_memory_a_request_is_refused_and_nothing_leaks),
	};
	return RUN(tests);
}
