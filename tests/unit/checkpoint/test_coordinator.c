/* test_coordinator.c - when a checkpoint is made, how one goes, and how many at once: the
 * coordinator's rules 1 to 8, one claim each; numbers are COORDINATOR.md's. Outcomes are in
 * test_coordinator_outcomes.c, the end in test_coordinator_end.c, random schedules in
 * test_coordinator_world.c. */
#include "tests/unit/checkpoint/coordinator_rig.h"

/* ---- how one goes ---- */

TEST(a_checkpoint_is_triggered_gathered_published_committed)
{
	struct fix f = fix();
	f.cfg.next_id = 8;
	f.cfg.base_id = 5;
	open_fix(&f);
	EXPECT(co_wake_at(f.co) == NEVER);
	SAYS(start(&f), "R");
	EXPECT(co_wake_at(f.co) == 100 * MS);
	SAYS(at(&f, 99 * MS), "");
	SAYS(at(&f, 100 * MS), "T8<5 periodic");
	uint32_t who[SUBTASKS];
	EXPECT(co_missing(f.co, 8, who, SUBTASKS) == 3 && who[0] == 0 && who[2] == 2);
	SAYS(ack(&f, 8, 2), "");
	EXPECT(co_missing(f.co, 8, who, 1) == 2 && who[0] == 0);
	SAYS(ack(&f, 8, 0), "");
	SAYS(ack(&f, 8, 1), "P8");
	EXPECT(co_pending(f.co) == 1 && co_newest(f.co) == 5);
	SAYS(published(&f, 8), "C8");
	EXPECT(co_pending(f.co) == 0 && co_newest(f.co) == 8 && co_next_id(f.co) == 9);
	EXPECT(co_missing(f.co, 8, who, 1) == 0);
	SAYS(committed(&f, 8), "");
	SAYS(at(&f, 200 * MS), "T9<8 periodic");
	EXPECT(co_stats(f.co)->completed == 1 && co_stats(f.co)->triggered == 2);
	close_fix(&f);
}

TEST(nothing_is_triggered_before_the_tasks_stand_ready)
{
	struct fix f = fix();
	open_fix(&f);
	SAYS(ask(&f, CO_MANUAL, 1), "");
	SAYS(at(&f, 5000 * MS), "");
	SAYS(start(&f), "R T1<0 manual");
	close_fix(&f);
}

/* ---- (1, 2) when ---- */

TEST(without_an_interval_nothing_is_periodic)
{
	struct fix f = fix();
	f.cfg.interval_us = 0;
	open_fix(&f);
	SAYS(start(&f), "R");
	EXPECT(co_wake_at(f.co) == NEVER);
	SAYS(at(&f, 1u << 30), "");
	SAYS(ask(&f, CO_PERIODIC, 0), "T1<0 periodic"); /* (8) another trigger says when */
	SAYS(ack_all(&f, 1), "P1");
	SAYS(published(&f, 1), "C1");
	EXPECT(co_wake_at(f.co) == NEVER);
	close_fix(&f);
}

TEST(rule1_the_interval_is_at_least_min_pause)
{
	struct fix f = fix();
	f.cfg.min_pause_us = 250 * MS;
	open_fix(&f);
	SAYS(start(&f), "R");
	EXPECT(co_wake_at(f.co) == 250 * MS);
	close_fix(&f);
}

TEST(rule1_min_pause_counts_from_completion)
{
	struct fix f = fix();
	f.cfg.min_pause_us = 60 * MS;
	open_fix(&f);
	start(&f);
	SAYS(at(&f, 100 * MS), "T1<0 periodic");
	f.now_us = 180 * MS;
	ack_all(&f, 1);
	SAYS(published(&f, 1), "C1");
	EXPECT(co_wake_at(f.co) == 200 * MS);
	SAYS(at(&f, 200 * MS), ""); /* (2) dropped, and the timer runs for the remainder */
	EXPECT(co_stats(f.co)->skipped_triggers == 1);
	EXPECT(co_wake_at(f.co) == 240 * MS);
	SAYS(at(&f, 239 * MS), "");
	SAYS(at(&f, 240 * MS), "T2<1 periodic");
	close_fix(&f);
}

TEST(rule1_a_manual_request_ignores_min_pause)
{
	struct fix f = fix();
	f.cfg.min_pause_us = 90 * MS;
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	ack_all(&f, 1);
	published(&f, 1);
	committed(&f, 1);
	SAYS(ask(&f, CO_MANUAL, 7), "T2<1 manual");
	ack_all(&f, 2);
	published(&f, 2);
	SAYS(ask(&f, CO_SAVEPOINT, 8), "T3<2 savepoint");
	close_fix(&f);
}

TEST(a_failed_checkpoint_does_not_start_the_pause)
{
	struct fix f = fix();
	f.cfg.min_pause_us = 90 * MS;
	f.cfg.tolerable_failures = 9;
	open_fix(&f);
	start(&f);
	SAYS(at(&f, 100 * MS), "T1<0 periodic");
	f.now_us = 199 * MS;
	SAYS(fails(&f, CO_EV_DECLINE, 1, E_IO), "A1:E_IO");
	SAYS(at(&f, 200 * MS), "T2<0 periodic");
	close_fix(&f);
}

TEST(periods_do_not_drift_and_missed_ones_are_not_made_up)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	SAYS(at(&f, 103 * MS), "T1<0 periodic");
	ack_all(&f, 1);
	published(&f, 1);
	EXPECT(co_wake_at(f.co) == 200 * MS);
	SAYS(at(&f, 555 * MS), "T2<1 periodic");
	ack_all(&f, 2);
	SAYS(published(&f, 2), "C2");
	SAYS(committed(&f, 2), "");
	EXPECT(co_wake_at(f.co) == 655 * MS);
	close_fix(&f);
}

TEST(rule4_a_period_that_ends_while_one_is_pending_follows_it_at_once)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	SAYS(at(&f, 250 * MS), "");
	EXPECT(co_wake_at(f.co) == 1100 * MS); /* only its expiry: no spinning on what is due */
	SAYS(ack_all(&f, 1), "P1");
	SAYS(published(&f, 1), "C1 T2<1 periodic");
	close_fix(&f);
}

TEST(a_clock_that_goes_back_stands_still)
{
	struct fix f = fix();
	open_fix(&f);
	f.now_us = 50 * MS;
	start(&f);
	SAYS(at(&f, 10 * MS), "");
	EXPECT(co_wake_at(f.co) == 150 * MS);
	SAYS(at(&f, 150 * MS), "T1<0 periodic");
	close_fix(&f);
}

/* ---- (3) the queue ---- */

TEST(rule3_savepoint_before_manual_before_periodic_each_in_order)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	SAYS(ask(&f, CO_MANUAL, 10), "T1<0 manual");
	ask(&f, CO_MANUAL, 11);
	ask(&f, CO_SAVEPOINT, 20);
	ask(&f, CO_MANUAL, 12);
	ask(&f, CO_SAVEPOINT, 21);
	f.now_us = 100 * MS;
	static const char *const then[] = {"C1 T2<1 savepoint", "C2 T3<2 savepoint",
					   "C3 T4<3 manual", "C4 T5<4 manual", "C5 T6<5 periodic"};
	for (uint64_t id = 1; id <= ARRAY_LEN(then); id++) {
		ack_all(&f, id);
		SAYS(published(&f, id), then[id - 1]);
		committed(&f, id);
	}
	close_fix(&f);
}

TEST(rule3_requests_of_one_kind_are_served_in_the_order_asked)
{
	static const uint64_t want[] = {1, 20, 21, 22, 11, 12};
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	ask(&f, CO_MANUAL, 1);
	ask(&f, CO_MANUAL, 11);
	for (uint64_t i = 20; i <= 22; i++)
		ask(&f, CO_SAVEPOINT, i);
	ask(&f, CO_MANUAL, 12);
	for (uint64_t id = 1; id <= ARRAY_LEN(want); id++) {
		struct co_action a;
		ack_all(&f, id);
		struct co_event ev = event(&f, CO_EV_PUBLISHED, id);
		co_event(f.co, 0, &ev);
		EXPECT(co_next(f.co, &a) && a.kind == CO_COMPLETED && a.request == want[id - 1]);
		read_actions(&f);
		committed(&f, id);
	}
	close_fix(&f);
}

TEST(rule3_a_full_queue_refuses_with_a_reason)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	ask(&f, CO_MANUAL, 1);
	for (uint64_t i = 0; i < CO_REQUESTS_MAX; i++)
		SAYS(ask(&f, CO_MANUAL, 100 + i), "");
	SAYS(ask(&f, CO_SAVEPOINT, 9), "X9 savepoint:E_LIMIT");
	EXPECT(co_stats(f.co)->refused_requests == 1);
	ack_all(&f, 1);
	SAYS(published(&f, 1), "C1 T2<1 manual");
	SAYS(ask(&f, CO_SAVEPOINT, 9), "");
	close_fix(&f);
}

TEST(a_request_comes_back_with_its_checkpoint)
{
	struct fix f = fix();
	struct co_action a;
	open_fix(&f);
	start(&f);
	struct co_event ev = {.kind = CO_EV_REQUEST, .request_kind = CO_SAVEPOINT, .request = 77};
	co_event(f.co, 0, &ev);
	EXPECT(co_next(f.co, &a) && a.kind == CO_TRIGGER && a.request == 77);
	ack_all(&f, 1);
	ev = event(&f, CO_EV_PUBLISHED, 1);
	co_event(f.co, 0, &ev);
	EXPECT(co_next(f.co, &a) && a.kind == CO_COMPLETED && a.request == 77);
	EXPECT(a.checkpoint_kind == CO_SAVEPOINT && !co_next(f.co, &a));
	close_fix(&f);
}

/* ---- (4) how many at once ---- */

TEST(rule4_freezing_never_overlaps_but_writing_does)
{
	struct fix f = fix();
	f.cfg.max_concurrent = 2;
	open_fix(&f);
	start(&f);
	SAYS(at(&f, 100 * MS), "T1<0 periodic");
	SAYS(at(&f, 200 * MS), "");
	SAYS(of(&f, CO_EV_FROZEN, 1, 0), "");
	SAYS(of(&f, CO_EV_FROZEN, 1, 0), ""); /* a repetition frees nothing */
	SAYS(of(&f, CO_EV_FROZEN, 1, 1), "");
	SAYS(ack(&f, 1, 2), "T2<0 periodic"); /* an ack says as much */
	SAYS(at(&f, 300 * MS), "");
	freeze_all(&f, 2);
	SAYS(at(&f, 301 * MS), ""); /* two are pending */
	EXPECT(co_pending(f.co) == 2);
	close_fix(&f);
}

TEST(rule4_an_abort_ends_freezing)
{
	struct fix f = fix();
	f.cfg.tolerable_failures = 1;
	open_fix(&f);
	start(&f);
	SAYS(at(&f, 100 * MS), "T1<0 periodic");
	at(&f, 200 * MS);
	SAYS(fails(&f, CO_EV_DECLINE, 1, E_NO_SPACE), "A1:E_NO_SPACE T2<0 periodic");
	SAYS(of(&f, CO_EV_FROZEN, 1, 1), "");
	EXPECT(co_stats(f.co)->dropped_messages == 1);
	close_fix(&f);
}

TEST(rule4_old_checkpoints_waiting_to_be_deleted_delay_all_but_the_last_one)
{
	struct fix f = fix();
	f.cfg.backlog_max = 2;
	open_fix(&f);
	start(&f);
	struct co_event many = {.kind = CO_EV_BACKLOG, .count = 3};
	struct co_event few = {.kind = CO_EV_BACKLOG, .count = 2};
	SAYS(send(&f, many), "");
	SAYS(at(&f, 100 * MS), "");
	SAYS(ask(&f, CO_MANUAL, 1), "");
	EXPECT(co_wake_at(f.co) == NEVER);
	SAYS(send(&f, few), "T1<0 manual");
	send(&f, many);
	ack_all(&f, 1);
	SAYS(published(&f, 1), "C1");
	SAYS(ended(&f), "T2<1 final");
	close_fix(&f);
}

TEST(rule4_slow_commits_delay_the_next_checkpoint)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	ack_all(&f, 1);
	published(&f, 1);
	at(&f, 200 * MS);
	ack_all(&f, 2);
	SAYS(published(&f, 2), "C2");
	SAYS(at(&f, 300 * MS), "");
	EXPECT(co_wake_at(f.co) == NEVER);
	SAYS(committed(&f, 1), "T3<2 periodic");
	close_fix(&f);
}

/* ---- (5, 6, 7, 8) ---- */

TEST(rule5_failures_consume_ids)
{
	struct fix f = fix();
	f.cfg.tolerable_failures = 2;
	open_fix(&f);
	start(&f);
	ask(&f, CO_MANUAL, 1);
	SAYS(fails(&f, CO_EV_DECLINE, 1, E_IO), "A1:E_IO");
	ask(&f, CO_MANUAL, 1);
	SAYS(fails(&f, CO_EV_DECLINE, 2, E_IO), "A2:E_IO");
	SAYS(ask(&f, CO_MANUAL, 1), "T3<0 manual");
	close_fix(&f);
}

TEST(rule6_the_timeout_runs_from_creation)
{
	struct fix f = fix();
	f.cfg.timeout_us = 50 * MS;
	f.cfg.resend_us = 20 * MS; /* sending again does not begin it anew */
	f.cfg.tolerable_failures = 1;
	struct co_action a;
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	SAYS(at(&f, 120 * MS), "T1<0 periodic");
	SAYS(at(&f, 140 * MS), "T1<0 periodic");
	ack(&f, 1, 0);
	ack(&f, 1, 2);
	EXPECT(co_wake_at(f.co) == 150 * MS);
	SAYS(at(&f, 149 * MS), "");
	struct co_event tick = {.kind = CO_EV_TICK};
	co_event(f.co, 150 * MS, &tick);
	EXPECT(co_next(f.co, &a) && a.kind == CO_ABORT && a.error.code == E_TIMEOUT);
	SAYS(a.error.text, "not acknowledged within 0.050 s by 1 of 3 subtasks (first: 1)");
	EXPECT(co_stats(f.co)->failed == 1 && !co_next(f.co, &a));
	close_fix(&f);
}

TEST(rule6_what_is_being_published_does_not_expire)
{
	struct fix f = fix();
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	SAYS(ack_all(&f, 1), "P1");
	EXPECT(co_wake_at(f.co) == NEVER);
	SAYS(at(&f, 10000 * MS), "");
	SAYS(published(&f, 1), "C1 T2<1 periodic");
	close_fix(&f);
}

TEST(rule6_a_timeout_of_zero_or_beyond_the_clock_never_ends)
{
	static const uint64_t timeouts_us[] = {0, UINT64_MAX};
	for (size_t i = 0; i < ARRAY_LEN(timeouts_us); i++) {
		struct fix f = fix();
		f.cfg.timeout_us = timeouts_us[i];
		open_fix(&f);
		start(&f);
		SAYS(at(&f, 100 * MS), "T1<0 periodic");
		EXPECT(co_wake_at(f.co) == NEVER);
		SAYS(at(&f, UINT64_MAX - 1), "");
		close_fix(&f);
	}
}

TEST(rule7_nothing_flows_before_the_initial_checkpoint)
{
	struct fix f = fix();
	f.cfg.initial = true;
	open_fix(&f);
	SAYS(start(&f), "T1<0 initial");
	SAYS(ask(&f, CO_MANUAL, 5), "");
	freeze_all(&f, 1);
	SAYS(at(&f, 500 * MS), "");
	SAYS(ack_all(&f, 1), "P1");
	SAYS(published(&f, 1), "C1 R T2<1 manual");
	ack_all(&f, 2);
	SAYS(published(&f, 2), "C2");
	EXPECT(co_wake_at(f.co) == NEVER); /* as many commit as may */
	SAYS(committed(&f, 2), "");
	EXPECT(co_wake_at(f.co) == 600 * MS); /* the period runs from the release */
	close_fix(&f);
}

TEST(rule7_a_failed_initial_one_is_tried_again_within_the_tolerance)
{
	struct fix f = fix();
	f.cfg.initial = true;
	f.cfg.tolerable_failures = 1;
	f.cfg.max_concurrent = 4; /* none beside it all the same */
	open_fix(&f);
	start(&f);
	SAYS(fails(&f, CO_EV_DECLINE, 1, E_NO_SPACE), "A1:E_NO_SPACE T2<0 initial");
	freeze_all(&f, 2);
	SAYS(at(&f, 900 * MS), "");
	SAYS(fails(&f, CO_EV_DECLINE, 2, E_NO_SPACE), "A2:E_NO_SPACE F:E_NO_SPACE");
	close_fix(&f);
}

TEST(rule8_a_trigger_is_sent_again_as_it_was_until_all_have_frozen)
{
	struct fix f = fix();
	f.cfg.max_concurrent = 2;
	f.cfg.resend_us = 30 * MS;
	open_fix(&f);
	start(&f);
	SAYS(at(&f, 100 * MS), "T1<0 periodic");
	EXPECT(co_wake_at(f.co) == 130 * MS);
	SAYS(at(&f, 130 * MS), "T1<0 periodic");
	freeze_all(&f, 1);
	EXPECT(co_wake_at(f.co) == 200 * MS);
	SAYS(at(&f, 200 * MS), "T2<0 periodic");
	SAYS(ack_all(&f, 1), "P1");
	SAYS(published(&f, 1), "C1");
	SAYS(at(&f, 231 * MS), "T2<0 periodic"); /* the base it began with, though 1 is newer */
	EXPECT(co_stats(f.co)->triggered == 2);
	close_fix(&f);
}

/* ---- opening ---- */

TEST(bounds_of_the_config_are_named)
{
	struct mem mem;
	struct coordinator *co;
	struct fix f = fix();
	struct err e = {0};
	mem_init(&mem, 0);
	f.cfg.max_concurrent = CO_CONCURRENT_MAX + 1;
	EXPECT(co_open(&co, &f.cfg, &mem, &e) == E_INVALID && !co);
	SAYS(e.text, "max_concurrent is 17: it may be 1 to 16");
	err_clear(&e);
	f.cfg.max_concurrent = 0;
	EXPECT(co_open(&co, &f.cfg, &mem, &e) == E_INVALID && !co);
	err_clear(&e);
	f.cfg.max_concurrent = 1;
	f.cfg.subtasks = 0;
	EXPECT(co_open(&co, &f.cfg, &mem, &e) == E_INVALID && !co);
	err_clear(&e);
	f.cfg.subtasks = CO_SUBTASKS_MAX + 1;
	EXPECT(co_open(&co, &f.cfg, &mem, &e) == E_INVALID && !co);
	co_close(NULL);
}

TEST(inv31_opening_survives_each_failed_allocation)
{
	struct fix f = fix();
	for (uint64_t n = 1;; n++) {
		struct mem mem;
		struct coordinator *co;
		struct err e = {0};
		mem_init(&mem, 0);
		mem.fail_at = n;
		enum rc rc = co_open(&co, &f.cfg, &mem, &e);
		EXPECT((rc == OK) == (co != NULL));
		co_close(co);
		EXPECT(mem.used_bytes == 0);
		if (rc == OK) {
			EXPECT(n == 3); /* itself and the bits */
			break;
		}
		EXPECT(rc == E_NO_MEMORY && e.code == E_NO_MEMORY);
	}
}

TEST(many_subtasks_are_counted_one_by_one)
{
	struct fix f = fix();
	f.cfg.subtasks = 130; /* across words of bits */
	f.cfg.max_concurrent = 2;
	open_fix(&f);
	start(&f);
	at(&f, 100 * MS);
	for (uint32_t i = 0; i < 130; i++)
		SAYS(ack(&f, 1, (i * 37) % 130), i == 129 ? "P1" : "");
	SAYS(published(&f, 1), "C1");
	SAYS(at(&f, 200 * MS), "T2<1 periodic"); /* the same place, with clean bits */
	EXPECT(co_missing(f.co, 2, NULL, 0) == 130);
	close_fix(&f);
}

TEST(kinds_and_actions_have_names)
{
	SAYS(co_kind_name(CO_INITIAL), "initial");
	SAYS(co_kind_name(CO_FINAL), "final");
	SAYS(co_action_name(CO_TRIGGER), "trigger");
	SAYS(co_action_name(CO_REFUSED), "refused");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_checkpoint_is_triggered_gathered_published_committed),
		T(nothing_is_triggered_before_the_tasks_stand_ready),
		T(without_an_interval_nothing_is_periodic),
		T(rule1_the_interval_is_at_least_min_pause),
		T(rule1_min_pause_counts_from_completion),
		T(rule1_a_manual_request_ignores_min_pause),
		T(a_failed_checkpoint_does_not_start_the_pause),
		T(periods_do_not_drift_and_missed_ones_are_not_made_up),
		T(rule4_a_period_that_ends_while_one_is_pending_follows_it_at_once),
		T(a_clock_that_goes_back_stands_still),
		T(rule3_savepoint_before_manual_before_periodic_each_in_order),
		T(rule3_requests_of_one_kind_are_served_in_the_order_asked),
		T(rule3_a_full_queue_refuses_with_a_reason),
		T(a_request_comes_back_with_its_checkpoint),
		T(rule4_freezing_never_overlaps_but_writing_does),
		T(rule4_an_abort_ends_freezing),
		T(rule4_old_checkpoints_waiting_to_be_deleted_delay_all_but_the_last_one),
		T(rule4_slow_commits_delay_the_next_checkpoint),
		T(rule5_failures_consume_ids),
		T(rule6_the_timeout_runs_from_creation),
		T(rule6_what_is_being_published_does_not_expire),
		T(rule6_a_timeout_of_zero_or_beyond_the_clock_never_ends),
		T(rule7_nothing_flows_before_the_initial_checkpoint),
		T(rule7_a_failed_initial_one_is_tried_again_within_the_tolerance),
		T(rule8_a_trigger_is_sent_again_as_it_was_until_all_have_frozen),
		T(bounds_of_the_config_are_named),
		T(inv31_opening_survives_each_failed_allocation),
		T(many_subtasks_are_counted_one_by_one),
		T(kinds_and_actions_have_names),
	};
	return RUN(tests);
}
