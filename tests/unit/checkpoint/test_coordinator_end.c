/* test_coordinator_end.c - the end of input and the stop: the coordinator's rules 22 and 23, one
 * claim each; numbers are COORDINATOR.md's. */
#include "tests/unit/checkpoint/coordinator_rig.h"

/* ---- (22, 23) the end ---- */

TEST(inv20_the_end_of_input_takes_a_final_checkpoint_at_once)
{
	struct fix f = fix();
	f.cfg.min_pause_us = 90 * MS;
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	ack_all(&f, 1);
	published(&f, 1);
	SAYS(ended(&f), "T2<1 final");
	SAYS(ended(&f), "");
	SAYS(at(&f, 800 * MS), ""); /* no periodic one beside it */
	SAYS(ack_all(&f, 2), "P2");
	SAYS(published(&f, 2), "C2");
	SAYS(committed(&f, 1), ""); /* not its own */
	SAYS(committed(&f, 2), "D2");
	SAYS(committed(&f, 2), "");
	SAYS(fails(&f, CO_EV_TASK_FAILED, 0, E_IO), ""); /* the job is over */
	SAYS(ask(&f, CO_STOP, 3), "X3 stop:E_REFUSED");
	EXPECT(co_wake_at(f.co) == NEVER);
	close_fix(&f);
}

TEST(inv20_inputs_that_end_while_one_is_pending_the_final_follows)
{
	for (int fails_first = 0; fails_first < 2; fails_first++) {
		struct fix f = fix();
		f.cfg.tolerable_failures = 1;
		open_fix(&f);
		start(&f);
		at(&f, 100 * MS);
		ask(&f, CO_SAVEPOINT, 6);
		SAYS(ended(&f), "X6 savepoint:E_REFUSED"); /* it goes before all that waits */
		SAYS(ask(&f, CO_MANUAL, 7), "X7 manual:E_REFUSED");
		if (fails_first) {
			SAYS(fails(&f, CO_EV_DECLINE, 1, E_IO), "A1:E_IO T2<0 final");
		} else {
			SAYS(ack_all(&f, 1), "P1");
			SAYS(published(&f, 1), "C1 T2<1 final");
		}
		ack_all(&f, 2);
		SAYS(published(&f, 2), "C2");
		SAYS(committed(&f, 2), "D2"); /* which settles 1's as well */
		close_fix(&f);
	}
}

TEST(inputs_that_end_during_the_initial_one_wait_for_it)
{
	struct fix f = fix();
	f.cfg.initial = true;
	open_fix(&f);
	start(&f);
	SAYS(ended(&f), "");
	ack_all(&f, 1);
	SAYS(published(&f, 1), "C1 R T2<1 final");
	close_fix(&f);
}

TEST(a_final_or_stop_that_fails_is_tried_again_within_the_tolerance)
{
	for (int stops = 0; stops < 2; stops++) {
		struct fix f = fix();
		f.cfg.tolerable_failures = 2;
		open_fix(&f);
		start(&f);
		SAYS(stops ? ask(&f, CO_STOP, 1) : ended(&f), stops ? "T1<0 stop!" : "T1<0 final");
		SAYS(fails(&f, CO_EV_DECLINE, 1, E_IO),
		     stops ? "A1:E_IO T2<0 stop!" : "A1:E_IO T2<0 final");
		ack_all(&f, 2);
		SAYS(fails(&f, CO_EV_PUBLISH_FAILED, 2, E_IO),
		     stops ? "A2:E_IO T3<0 stop!" : "A2:E_IO T3<0 final");
		SAYS(at(&f, 2000 * MS), "A3:E_TIMEOUT F:E_TIMEOUT");
		close_fix(&f);
	}
}

TEST(rule23_a_stop_lets_nothing_follow_and_ends_the_job)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	ask(&f, CO_MANUAL, 5);
	SAYS(ask(&f, CO_STOP, 6), "X5 manual:E_REFUSED");
	SAYS(ask(&f, CO_STOP, 7), "X7 stop:E_REFUSED"); /* one is enough */
	SAYS(ask(&f, CO_SAVEPOINT, 8), "X8 savepoint:E_REFUSED");
	ack_all(&f, 1);
	SAYS(published(&f, 1), "C1 T2<1 stop!");
	SAYS(at(&f, 500 * MS), "");
	ack_all(&f, 2);
	SAYS(published(&f, 2), "C2");
	SAYS(committed(&f, 2), "D2");
	close_fix(&f);
}

TEST(rule23_a_stop_during_the_initial_one_releases_nothing)
{
	struct fix f = fix();
	f.cfg.initial = true;
	open_fix(&f);
	start(&f);
	SAYS(ask(&f, CO_STOP, 1), "");
	ack_all(&f, 1);
	SAYS(published(&f, 1), "C1 T2<1 stop!");
	ack_all(&f, 2);
	published(&f, 2);
	SAYS(committed(&f, 2), "D2");
	close_fix(&f);
}

TEST(a_stop_before_the_start_is_remembered)
{
	struct fix f = fix();
	open_fix(&f);
	SAYS(ask(&f, CO_STOP, 1), "");
	SAYS(start(&f), "T1<0 stop!");
	close_fix(&f);
}

TEST(a_stop_that_waits_when_the_inputs_end_becomes_the_final)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	ask(&f, CO_STOP, 6);
	SAYS(ended(&f), "");
	ack_all(&f, 1);
	SAYS(published(&f, 1), "C1 T2<1 final");
	ack_all(&f, 2);
	published(&f, 2);
	SAYS(committed(&f, 2), "D2");
	close_fix(&f);
}

TEST(a_final_follows_a_stop_during_which_the_inputs_ended)
{
	/* When the news comes: while the stop is gathered, being published, or being committed. */
	for (int when = 0; when < 3; when++) {
		struct fix f = fix();
		open_fix(&f);
		start(&f);
		SAYS(ask(&f, CO_STOP, 6), "T1<0 stop!");
		if (when == 0)
			SAYS(ended(&f), "");
		SAYS(ack_all(&f, 1), "P1");
		if (when == 1)
			SAYS(ended(&f), "");
		SAYS(published(&f, 1), when < 2 ? "C1 T2<1 final" : "C1");
		if (when == 2)
			SAYS(ended(&f), "T2<1 final");
		SAYS(committed(&f, 1), "");
		ack_all(&f, 2);
		published(&f, 2);
		SAYS(committed(&f, 2), "D2");
		close_fix(&f);
	}
}

TEST(a_stop_settled_after_the_inputs_ended_is_not_the_end)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	ack_all(&f, 1);
	published(&f, 1);
	SAYS(ask(&f, CO_STOP, 6), "T2<1 stop!");
	ack_all(&f, 2);
	SAYS(published(&f, 2), "C2");
	SAYS(ended(&f), ""); /* two commit: the final has no place yet */
	SAYS(committed(&f, 2), "T3<2 final");
	close_fix(&f);
}

TEST(a_stop_asked_for_during_the_final_is_refused_as_under_way)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	SAYS(ended(&f), "T1<0 final");
	SAYS(ask(&f, CO_STOP, 6), "X6 stop:E_REFUSED");
	ack_all(&f, 1);
	published(&f, 1);
	SAYS(committed(&f, 1), "D1");
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv20_the_end_of_input_takes_a_final_checkpoint_at_once),
		T(inv20_inputs_that_end_while_one_is_pending_the_final_follows),
		T(inputs_that_end_during_the_initial_one_wait_for_it),
		T(a_final_or_stop_that_fails_is_tried_again_within_the_tolerance),
		T(rule23_a_stop_lets_nothing_follow_and_ends_the_job),
		T(rule23_a_stop_during_the_initial_one_releases_nothing),
		T(a_stop_before_the_start_is_remembered),
		T(a_stop_that_waits_when_the_inputs_end_becomes_the_final),
		T(a_final_follows_a_stop_during_which_the_inputs_ended),
		T(a_stop_settled_after_the_inputs_ended_is_not_the_end),
		T(a_stop_asked_for_during_the_final_is_refused_as_under_way),
	};
	return RUN(tests);
}
