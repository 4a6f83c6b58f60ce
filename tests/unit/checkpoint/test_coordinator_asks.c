/* test_coordinator_asks.c - what a request says about the checkpoint it asks for (everything, a
 * name, a reason), draining, waiting for a state that is still read, and a cut whose user says that
 * it must not be. */
#include "tests/unit/checkpoint/coordinator_rig.h"

static struct co_event asks(enum co_kind kind, uint64_t token)
{
	return (struct co_event){.kind = CO_EV_REQUEST, .request_kind = kind, .request = token};
}

/* Nothing is periodic by itself. */
static void open_with(struct fix *f, struct co_config more)
{
	*f = fix();
	f->cfg.interval_us = 0;
	f->cfg.full = more.full;
	f->cfg.hold = more.hold;
	f->cfg.violation_fails = more.violation_fails;
	f->cfg.initial = more.initial;
	f->cfg.min_pause_us = more.min_pause_us;
	f->cfg.tolerable_failures = more.tolerable_failures;
	open_fix(f);
}

TEST(a_request_says_what_is_written_what_it_is_called_and_why)
{
	struct fix f;
	open_with(&f, (struct co_config){0});
	SAYS(start(&f), "R");
	struct co_event ev = asks(CO_SAVEPOINT, 7);
	ev.name = "before-upgrade";
	ev.full = true;
	ev.why = "asked by ops";
	SAYS(send(&f, ev), "T1<0 savepoint+ 'before-upgrade' (asked by ops)");
	ev = asks(CO_MANUAL, 8);
	ev.name = "waits";
	SAYS(send(&f, ev), "");
	ack_all(&f, 1);
	SAYS(published(&f, 1), "C1 T2<1 manual 'waits'");
	close_fix(&f);
}

TEST(a_long_name_or_reason_is_cut_and_not_overrun)
{
	struct fix f;
	open_with(&f, (struct co_config){0});
	char text[400], want[400], name[CO_NAME] = "", why[CO_WHY] = "";
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memset(name, 'x', sizeof name - 1);
	memset(why, 'x', sizeof why - 1);
	snprintf(want, sizeof want, "T1<0 savepoint '%s' (%s)", name, why);
	start(&f);
	struct co_event ev = asks(CO_SAVEPOINT, 7);
	ev.name = ev.why = text;
	SAYS(send(&f, ev), want);
	close_fix(&f);
}

TEST(rule8_a_policy_says_why_and_its_reason_is_not_the_next_ones)
{
	struct fix f;
	open_with(&f, (struct co_config){.min_pause_us = 50 * MS});
	start(&f);
	struct co_event ev = asks(CO_PERIODIC, 0);
	ev.why = "1000 records";
	SAYS(send(&f, ev), "T1<0 periodic (1000 records)");
	ack_all(&f, 1);
	published(&f, 1);
	committed(&f, 1);
	SAYS(send(&f, ev), ""); /* within the pause: it comes when that is over, for the same reason */
	EXPECT(co_stats(f.co)->skipped_triggers == 1);
	SAYS(at(&f, 50 * MS), "T2<1 periodic (1000 records)");
	ack_all(&f, 2);
	published(&f, 2);
	committed(&f, 2);
	f.now_us = 200 * MS;
	SAYS(ask(&f, CO_PERIODIC, 0), "T3<2 periodic");
	close_fix(&f);
}

TEST(with_incremental_off_every_kind_of_checkpoint_writes_everything)
{
	struct fix f;
	open_with(&f, (struct co_config){.full = true, .initial = true});
	SAYS(start(&f), "T1<0 initial+");
	ack_all(&f, 1);
	SAYS(published(&f, 1), "C1 R");
	committed(&f, 1);
	SAYS(ask(&f, CO_PERIODIC, 0), "T2<1 periodic+");
	ack_all(&f, 2);
	published(&f, 2);
	committed(&f, 2);
	SAYS(ask(&f, CO_MANUAL, 3), "T3<2 manual+");
	SAYS(ask(&f, CO_STOP, 0), "");
	ack_all(&f, 3);
	SAYS(published(&f, 3), "C3 T4<3 stop!+");
	close_fix(&f);
}

TEST(a_full_one_is_full_again_after_its_abort)
{
	struct fix f;
	open_with(&f, (struct co_config){.tolerable_failures = 9});
	start(&f);
	struct co_event ev = asks(CO_STOP, 5);
	ev.name = "last";
	ev.full = true;
	SAYS(send(&f, ev), "T1<0 stop!+ 'last'");
	SAYS(fails(&f, CO_EV_DECLINE, 1, E_NO_SPACE), "A1:E_NO_SPACE T2<0 stop!+ 'last'");
	close_fix(&f);
}

/* ---- a state that is still being read ---- */

TEST(inv33_while_the_state_is_held_records_flow_and_nothing_is_triggered)
{
	struct fix f;
	open_with(&f, (struct co_config){.hold = true});
	SAYS(start(&f), "R");
	SAYS(ask(&f, CO_MANUAL, 3), "");
	SAYS(ask(&f, CO_PERIODIC, 0), "");
	SAYS(at(&f, 5000 * MS), "");
	EXPECT(co_wake_at(f.co) == NEVER);
	SAYS(send(&f, event(&f, CO_EV_LOADED, 0)), "T1<0 manual");
	close_fix(&f);
}

TEST(inv33_a_stop_and_the_end_of_input_wait_for_the_state_too)
{
	struct fix f;
	open_with(&f, (struct co_config){.hold = true});
	start(&f);
	SAYS(ask(&f, CO_STOP, 0), "");
	SAYS(send(&f, event(&f, CO_EV_LOADED, 0)), "T1<0 stop!");
	close_fix(&f);
	open_with(&f, (struct co_config){.hold = true});
	start(&f);
	SAYS(ended(&f), "");
	SAYS(send(&f, event(&f, CO_EV_LOADED, 0)), "T1<0 final");
	close_fix(&f);
}

TEST(inv8_that_another_attempt_has_read_its_state_says_nothing)
{
	struct fix f;
	open_with(&f, (struct co_config){.hold = true});
	start(&f);
	ask(&f, CO_MANUAL, 3);
	struct co_event ev = event(&f, CO_EV_LOADED, 0);
	ev.attempt--;
	SAYS(send(&f, ev), "");
	EXPECT(co_stats(f.co)->dropped_messages == 1);
	close_fix(&f);
}

/* ---- an invariant that does not hold ---- */

TEST(a_violated_one_is_given_up_and_counts_as_no_failure)
{
	struct fix f;
	open_with(&f, (struct co_config){0}); /* no failure is tolerated */
	start(&f);
	ask(&f, CO_MANUAL, 3);
	SAYS(ack_all(&f, 1), "P1");
	SAYS(fails(&f, CO_EV_VIOLATED, 1, E_RECORD), "A1:E_RECORD");
	EXPECT(co_stats(f.co)->violated == 1 && co_stats(f.co)->failed == 0);
	EXPECT(co_stats(f.co)->consecutive_failures == 0);
	SAYS(ask(&f, CO_MANUAL, 4), "T2<0 manual"); /* its changes are in the next */
	SAYS(fails(&f, CO_EV_VIOLATED, 2, E_RECORD), ""); /* not asked to be published yet */
	EXPECT(co_stats(f.co)->dropped_messages == 1);
	close_fix(&f);
}

TEST(a_violated_one_fails_the_job_where_that_was_asked_for)
{
	struct fix f;
	open_with(&f, (struct co_config){.violation_fails = true});
	start(&f);
	ask(&f, CO_MANUAL, 3);
	ack_all(&f, 1);
	SAYS(fails(&f, CO_EV_VIOLATED, 1, E_RECORD), "A1:E_RECORD F:E_RECORD");
	close_fix(&f);
}

TEST(a_stop_an_end_or_a_beginning_that_is_violated_is_not_tried_for_ever)
{
	struct fix f;
	open_with(&f, (struct co_config){0});
	start(&f);
	SAYS(ask(&f, CO_STOP, 0), "T1<0 stop!");
	ack_all(&f, 1);
	SAYS(fails(&f, CO_EV_VIOLATED, 1, E_RECORD), "A1:E_RECORD F:E_RECORD");
	close_fix(&f);
	open_with(&f, (struct co_config){0});
	start(&f);
	SAYS(ended(&f), "T1<0 final");
	ack_all(&f, 1);
	SAYS(fails(&f, CO_EV_VIOLATED, 1, E_RECORD), "A1:E_RECORD F:E_RECORD");
	close_fix(&f);
	open_with(&f, (struct co_config){.initial = true});
	SAYS(start(&f), "T1<0 initial");
	ack_all(&f, 1);
	SAYS(fails(&f, CO_EV_VIOLATED, 1, E_RECORD), "A1:E_RECORD F:E_RECORD");
	close_fix(&f);
}

/* ---- draining ---- */

TEST(inv20_a_drain_ends_the_sources_and_then_comes_a_final_one_with_its_name)
{
	struct fix f;
	open_with(&f, (struct co_config){0});
	start(&f);
	struct co_event ev = asks(CO_STOP, 5);
	ev.drain = true;
	ev.name = "done";
	SAYS(send(&f, ev), "E");
	SAYS(ask(&f, CO_PERIODIC, 0), "T1<0 periodic"); /* what flows out may take long */
	SAYS(ask(&f, CO_MANUAL, 6), "X6 manual:E_REFUSED");
	SAYS(send(&f, ev), "X5 stop:E_REFUSED");
	ack_all(&f, 1);
	SAYS(published(&f, 1), "C1");
	SAYS(ended(&f), "T2<1 final 'done'");
	ack_all(&f, 2);
	SAYS(published(&f, 2), "C2");
	SAYS(committed(&f, 2), "D2");
	close_fix(&f);
}

TEST(a_drain_before_the_release_waits_for_it)
{
	struct fix f;
	open_with(&f, (struct co_config){.initial = true});
	struct co_event ev = asks(CO_STOP, 5);
	ev.drain = true;
	SAYS(send(&f, ev), "");
	SAYS(start(&f), "T1<0 initial");
	ack_all(&f, 1);
	SAYS(published(&f, 1), "C1 R E");
	close_fix(&f);
}

TEST(rule23_a_stop_does_not_wait_for_a_drain)
{
	struct fix f;
	open_with(&f, (struct co_config){0});
	start(&f);
	struct co_event ev = asks(CO_STOP, 5);
	ev.drain = true;
	SAYS(send(&f, ev), "E");
	SAYS(ask(&f, CO_STOP, 6), "X5 stop:E_REFUSED T1<0 stop!");
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_says_what_is_written_what_it_is_called_and_why),
		T(a_long_name_or_reason_is_cut_and_not_overrun),
		T(rule8_a_policy_says_why_and_its_reason_is_not_the_next_ones),
		T(with_incremental_off_every_kind_of_checkpoint_writes_everything),
		T(a_full_one_is_full_again_after_its_abort),
		T(inv33_while_the_state_is_held_records_flow_and_nothing_is_triggered),
		T(inv33_a_stop_and_the_end_of_input_wait_for_the_state_too),
		T(inv8_that_another_attempt_has_read_its_state_says_nothing),
		T(a_violated_one_is_given_up_and_counts_as_no_failure),
		T(a_violated_one_fails_the_job_where_that_was_asked_for),
		T(a_stop_an_end_or_a_beginning_that_is_violated_is_not_tried_for_ever),
		T(inv20_a_drain_ends_the_sources_and_then_comes_a_final_one_with_its_name),
		T(a_drain_before_the_release_waits_for_it),
		T(rule23_a_stop_does_not_wait_for_a_drain),
	};
	return RUN(tests);
}
