/* test_coordinator_outcomes.c - acknowledgements, completion, failures: the coordinator's rules 14
 * to 20 and 26, one claim each; numbers are COORDINATOR.md's. */
#include "tests/unit/checkpoint/coordinator_rig.h"

/* ---- (14) acknowledgements ---- */

TEST(rule14_acks_are_success_duplicate_unknown_or_late)
{
	struct fix f = fix();
	f.cfg.next_id = 10;
	f.cfg.tolerable_failures = 1;
	open_fix(&f);
	start(&f);
	SAYS(ack(&f, 10, 0), ""); /* not triggered yet */
	EXPECT(co_stats(f.co)->unknown_acks == 1);
	at(&f, 100 * MS);
	SAYS(ack(&f, 10, 0), "");
	SAYS(ack(&f, 10, 0), "");
	EXPECT(co_stats(f.co)->duplicate_acks == 1);
	SAYS(ack(&f, 10, SUBTASKS), "");
	SAYS(ack(&f, 11, 0), "");
	SAYS(ack(&f, 9, 1), ""); /* never this attempt's */
	EXPECT(co_stats(f.co)->unknown_acks == 4);
	SAYS(fails(&f, CO_EV_DECLINE, 10, E_IO), "A10:E_IO");
	SAYS(ack(&f, 10, 1), "");
	EXPECT(co_stats(f.co)->late_acks == 1);
	at(&f, 200 * MS);
	SAYS(ack_all(&f, 11), "P11");
	SAYS(ack(&f, 11, 1), "");
	EXPECT(co_stats(f.co)->duplicate_acks == 2);
	published(&f, 11);
	SAYS(ack(&f, 11, 1), "");
	EXPECT(co_stats(f.co)->late_acks == 2 && co_stats(f.co)->dropped_messages == 0);
	close_fix(&f);
}

TEST(inv8_messages_of_another_epoch_or_attempt_are_dropped_and_counted)
{
	static const enum co_event_kind kinds[] = {
		CO_EV_ACK,       CO_EV_DECLINE,       CO_EV_FROZEN,       CO_EV_PUBLISHED,
		CO_EV_COMMITTED, CO_EV_COMMIT_FAILED, CO_EV_INPUTS_ENDED, CO_EV_TASK_FAILED,
		CO_EV_PUBLISH_FAILED};
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	ack(&f, 1, 0);
	ack(&f, 1, 1);
	uint64_t dropped = 0;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		for (int other = 0; other < 2; other++) {
			struct co_event ev = event(&f, kinds[i], 1);
			ev.subtask = 2;
			ev.epoch -= other == 0;
			ev.attempt -= other == 1;
			SAYS(send(&f, ev), "");
			EXPECT(co_stats(f.co)->dropped_messages == ++dropped);
		}
	}
	SAYS(ack(&f, 1, 2), "P1");
	close_fix(&f);
}

TEST(outcomes_of_what_is_not_being_published_are_dropped)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	SAYS(published(&f, 1), "");
	SAYS(fails(&f, CO_EV_PUBLISH_FAILED, 1, E_IO), "");
	SAYS(committed(&f, 1), "");
	SAYS(fails(&f, CO_EV_DECLINE, 2, E_IO), "");
	EXPECT(co_stats(f.co)->dropped_messages == 4);
	ack_all(&f, 1);
	SAYS(fails(&f, CO_EV_DECLINE, 1, E_IO), ""); /* too late to decline */
	SAYS(published(&f, 1), "C1");
	SAYS(published(&f, 1), "");
	EXPECT(co_stats(f.co)->dropped_messages == 6 && co_stats(f.co)->completed == 1);
	close_fix(&f);
}

/* ---- (15) completion ---- */

TEST(inv9_a_published_one_subsumes_all_before_it)
{
	struct fix f = fix();
	f.cfg.max_concurrent = 3;
	f.cfg.interval_us = 0;
	open_fix(&f);
	start(&f);
	for (uint64_t id = 1; id <= 3; id++) {
		ask(&f, CO_MANUAL, id);
		freeze_all(&f, id);
	}
	SAYS(ack_all(&f, 2), "P2");
	SAYS(published(&f, 2), "A1:E_STOPPED C2");
	EXPECT(co_stats(f.co)->subsumed == 1 && co_stats(f.co)->failed == 0);
	SAYS(ack(&f, 1, 0), "");
	EXPECT(co_stats(f.co)->late_acks == 1);
	SAYS(ack_all(&f, 3), "P3");
	SAYS(published(&f, 3), "C3");
	close_fix(&f);
}

TEST(inv10_none_is_published_before_the_outcome_of_another_is_known)
{
	for (int fails_first = 0; fails_first < 2; fails_first++) {
		struct fix f = fix();
		f.cfg.max_concurrent = 3;
		f.cfg.interval_us = 0;
		f.cfg.tolerable_failures = 1;
		open_fix(&f);
		start(&f);
		for (uint64_t id = 1; id <= 3; id++) {
			ask(&f, CO_MANUAL, id);
			freeze_all(&f, id);
		}
		SAYS(ack_all(&f, 2), "P2");
		SAYS(ack_all(&f, 3), "");
		SAYS(ack_all(&f, 1), "");
		if (fails_first) { /* 1 stands again, and goes before 3 */
			SAYS(fails(&f, CO_EV_PUBLISH_FAILED, 2, E_NO_SPACE), "A2:E_NO_SPACE P1");
			SAYS(published(&f, 1), "C1 P3");
		} else {
			SAYS(published(&f, 2), "A1:E_STOPPED C2 P3");
		}
		SAYS(published(&f, 3), "C3");
		close_fix(&f);
	}
}

TEST(the_base_is_the_newest_published_one)
{
	struct fix f = fix();
	f.cfg.next_id = 40;
	f.cfg.base_id = 33;
	f.cfg.tolerable_failures = 5;
	open_fix(&f);
	start(&f);
	SAYS(ask(&f, CO_MANUAL, 0), "T40<33 manual");
	fails(&f, CO_EV_DECLINE, 40, E_IO);
	SAYS(ask(&f, CO_MANUAL, 0), "T41<33 manual");
	ack_all(&f, 41);
	SAYS(fails(&f, CO_EV_PUBLISH_FAILED, 41, E_IO), "A41:E_IO");
	SAYS(ask(&f, CO_MANUAL, 0), "T42<33 manual");
	ack_all(&f, 42);
	published(&f, 42);
	SAYS(ask(&f, CO_MANUAL, 0), "T43<42 manual"); /* committed or not: it is durable */
	close_fix(&f);
}

TEST(rule15_an_unknown_outcome_halts_and_drops_what_was_still_to_do)
{
	struct fix f = fix();
	f.cfg.max_concurrent = 2;
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	ack_all(&f, 1);
	struct co_event ev = event(&f, CO_EV_TICK, 0);
	co_event(f.co, 200 * MS, &ev); /* its trigger stands in the queue */
	SAYS(fails(&f, CO_EV_PUBLISH_UNKNOWN, 1, E_UNKNOWN_OUTCOME), "H:E_UNKNOWN_OUTCOME");
	SAYS(published(&f, 1), "");
	SAYS(at(&f, 10000 * MS), "");
	EXPECT(co_wake_at(f.co) == NEVER);
	close_fix(&f);
}

TEST(an_unknown_outcome_halts_whatever_attempt_it_is_of)
{
	struct fix f = fix();
	struct err e = {0};
	(void)ERR(&e, E_UNKNOWN_OUTCOME, "fsync of manifest/");
	open_fix(&f);
	start(&f);
	struct co_event ev = {.kind = CO_EV_PUBLISH_UNKNOWN, .id = 3, .error = &e};
	SAYS(send(&f, ev), "H:E_UNKNOWN_OUTCOME");
	close_fix(&f);
}

TEST(inv27_fenced_halts_from_whoever_says_so)
{
	static const enum co_event_kind kinds[] = {CO_EV_DECLINE, CO_EV_PUBLISH_FAILED,
						   CO_EV_COMMIT_FAILED, CO_EV_TASK_FAILED};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct fix f = fix();
		f.cfg.tolerable_failures = 100;
		open_fix(&f);
		start(&f);
		at(&f, 100 * MS);
		SAYS(fails(&f, kinds[i], 1, E_FENCED), "H:E_FENCED");
		close_fix(&f);
	}
}

/* ---- (17, 18) failures ---- */

TEST(rule18_more_failures_in_a_row_than_tolerable_fail_the_attempt)
{
	for (uint32_t tolerable = 0; tolerable < 4; tolerable++) {
		struct fix f = fix();
		f.cfg.tolerable_failures = tolerable;
		f.cfg.interval_us = 0;
		open_fix(&f);
		start(&f);
		uint64_t id = 1;
		for (; id <= tolerable; id++) {
			ask(&f, CO_MANUAL, id);
			char want[32];
			snprintf(want, sizeof want, "A%u:E_IO", (unsigned)id);
			SAYS(fails(&f, CO_EV_DECLINE, id, E_IO), want);
			SAYS(fails(&f, CO_EV_DECLINE, id, E_IO), ""); /* each id counts once */
			EXPECT(co_stats(f.co)->consecutive_failures == id);
		}
		ask(&f, CO_MANUAL, id); /* a success begins the count again */
		ack_all(&f, id);
		published(&f, id++);
		committed(&f, id - 1);
		EXPECT(co_stats(f.co)->consecutive_failures == 0);
		for (uint32_t n = 0; n <= tolerable; n++, id++) {
			ask(&f, CO_MANUAL, id);
			const char *got = fails(&f, CO_EV_DECLINE, id, E_NO_SPACE);
			EXPECT((strstr(got, " F:E_NO_SPACE") != NULL) == (n == tolerable));
		}
		EXPECT(co_stats(f.co)->failed == 2 * tolerable + 1);
		close_fix(&f);
	}
}

TEST(rule18_the_attempts_error_names_checkpoint_count_and_cause)
{
	struct fix f = fix();
	f.cfg.tolerable_failures = 1;
	struct co_action a;
	struct err e = {0};
	(void)ERR(&e, E_NO_SPACE, "part 7-2: no space left on device");
	open_fix(&f);
	start(&f);
	ask(&f, CO_MANUAL, 1);
	struct co_event ev = event(&f, CO_EV_DECLINE, 1);
	ev.error = &e;
	send(&f, ev);
	ask(&f, CO_MANUAL, 1);
	ev.id = 2;
	co_event(f.co, 0, &ev);
	EXPECT(co_next(f.co, &a) && a.kind == CO_ABORT);
	SAYS(a.error.text, "part 7-2: no space left on device");
	EXPECT(co_next(f.co, &a) && a.kind == CO_FAIL_ATTEMPT && a.error.code == E_NO_SPACE);
	SAYS(a.error.text, "2 checkpoints failed in a row, 1 may: checkpoint 2: "
			   "part 7-2: no space left on device");
	close_fix(&f);
}

TEST(rule26_a_failed_task_aborts_what_is_gathered_and_waits_for_what_is_published)
{
	struct fix f = fix();
	f.cfg.max_concurrent = 3;
	f.cfg.interval_us = 0;
	f.cfg.tolerable_failures = 50;
	open_fix(&f);
	start(&f);
	for (uint64_t id = 1; id <= 3; id++) {
		ask(&f, CO_MANUAL, id);
		freeze_all(&f, id);
	}
	ask(&f, CO_SAVEPOINT, 9);
	ack_all(&f, 1);
	ack_all(&f, 3);
	SAYS(fails(&f, CO_EV_TASK_FAILED, 0, E_RECORD),
	     "A2:E_STOPPED A3:E_STOPPED X9 savepoint:E_REFUSED F:E_RECORD");
	EXPECT(co_stats(f.co)->failed == 0 && co_pending(f.co) == 1);
	SAYS(fails(&f, CO_EV_TASK_FAILED, 0, E_IO), ""); /* the second failure is news to nobody */
	SAYS(ask(&f, CO_MANUAL, 10), "X10 manual:E_REFUSED");
	SAYS(ack(&f, 2, 0), "");
	SAYS(published(&f, 1), "");
	EXPECT(co_newest(f.co) == 1 && co_pending(f.co) == 0 && co_stats(f.co)->completed == 1);
	EXPECT(co_wake_at(f.co) == NEVER);
	close_fix(&f);
}

TEST(an_outcome_may_halt_after_the_attempt_failed)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	ask(&f, CO_MANUAL, 1);
	ack_all(&f, 1);
	SAYS(fails(&f, CO_EV_TASK_FAILED, 0, E_IO), "F:E_IO");
	SAYS(fails(&f, CO_EV_PUBLISH_UNKNOWN, 1, E_UNKNOWN_OUTCOME), "H:E_UNKNOWN_OUTCOME");
	close_fix(&f);
}

TEST(a_publish_that_fails_after_the_attempt_is_counted_once_and_said_to_nobody)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	ask(&f, CO_MANUAL, 1);
	ack_all(&f, 1);
	fails(&f, CO_EV_TASK_FAILED, 0, E_IO);
	SAYS(fails(&f, CO_EV_PUBLISH_FAILED, 1, E_IO), "");
	EXPECT(co_stats(f.co)->failed == 1 && co_pending(f.co) == 0 && co_newest(f.co) == 0);
	close_fix(&f);
}

TEST(rule20_a_failed_commit_fails_the_attempt_not_the_checkpoint)
{
	struct fix f = fix();
	f.cfg.tolerable_failures = 100;
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	ack_all(&f, 1);
	published(&f, 1);
	SAYS(fails(&f, CO_EV_COMMIT_FAILED, 1, E_IO), "F:E_IO");
	EXPECT(co_stats(f.co)->completed == 1 && co_stats(f.co)->failed == 0);
	close_fix(&f);
}

TEST(a_failure_without_a_reason_is_still_a_failure)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	SAYS(of(&f, CO_EV_DECLINE, 1, 0), "A1:E_IO F:E_IO");
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rule14_acks_are_success_duplicate_unknown_or_late),
		T(inv8_messages_of_another_epoch_or_attempt_are_dropped_and_counted),
		T(outcomes_of_what_is_not_being_published_are_dropped),
		T(inv9_a_published_one_subsumes_all_before_it),
		T(inv10_none_is_published_before_the_outcome_of_another_is_known),
		T(the_base_is_the_newest_published_one),
		T(rule15_an_unknown_outcome_halts_and_drops_what_was_still_to_do),
		T(an_unknown_outcome_halts_whatever_attempt_it_is_of),
		T(inv27_fenced_halts_from_whoever_says_so),
		T(rule18_more_failures_in_a_row_than_tolerable_fail_the_attempt),
		T(rule18_the_attempts_error_names_checkpoint_count_and_cause),
		T(rule26_a_failed_task_aborts_what_is_gathered_and_waits_for_what_is_published),
		T(an_outcome_may_halt_after_the_attempt_failed),
		T(a_publish_that_fails_after_the_attempt_is_counted_once_and_said_to_nobody),
		T(rule20_a_failed_commit_fails_the_attempt_not_the_checkpoint),
		T(a_failure_without_a_reason_is_still_a_failure),
	};
	return RUN(tests);
}
