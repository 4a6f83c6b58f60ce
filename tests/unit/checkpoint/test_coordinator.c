/* test_coordinator.c - the coordinator's rules, one claim each; numbers are COORDINATOR.md's.
 * Actions are read as a line of words: T7<5 = trigger 7 with base 5, R = release, P = publish,
 * C = completed, A7:E_IO = abort, F = fail attempt, H = halt, D = done, X9 = request 9 refused.
 * Random schedules are in test_coordinator_world.c. */
#include "base/check.h"
#include "checkpoint/coordinator.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define SUBTASKS 3
#define MS UINT64_C(1000)
#define NEVER UINT64_MAX

struct fix {
	struct mem mem;
	struct coordinator *co;
	struct co_config cfg;
	uint64_t now_us;
	char line[4096];
};

static void open_fix(struct fix *f)
{
	struct err e = {0};
	mem_init(&f->mem, 0);
	EXPECT_OK(co_open(&f->co, &f->cfg, &f->mem, &e), &e);
}

/* Two tasks and a sink; every 100 ms, at most 1 s, no initial one. */
static struct fix fix(void)
{
	struct fix f = {.cfg = {.interval_us = 100 * MS,
				.timeout_us = 1000 * MS,
				.max_concurrent = 1,
				.subtasks = SUBTASKS,
				.epoch = 4,
				.attempt = 2,
				.next_id = 1}};
	return f;
}

static void close_fix(struct fix *f)
{
	co_close(f->co);
	EXPECT(f->mem.used_bytes == 0);
}

static const char *read_actions(struct fix *f)
{
	size_t n = 0;
	struct co_action a;
	f->line[0] = '\0';
	while (co_next(f->co, &a)) {
		char *to = f->line + n;
		size_t room = sizeof f->line - n;
		unsigned long long id = a.id, base = a.base_id, asked = a.request;
		const char *kind = co_kind_name(a.checkpoint_kind), *rc = err_name(a.error.code);
		const char *gap = n ? " " : "";
		switch (a.kind) {
		case CO_TRIGGER:
			n += (size_t)snprintf(to, room, "%sT%llu<%llu %s%s", gap, id, base, kind,
					      a.stop ? "!" : "");
			break;
		case CO_RELEASE:
			n += (size_t)snprintf(to, room, "%sR", gap);
			break;
		case CO_PUBLISH:
			n += (size_t)snprintf(to, room, "%sP%llu", gap, id);
			break;
		case CO_ABORT:
			n += (size_t)snprintf(to, room, "%sA%llu:%s", gap, id, rc);
			break;
		case CO_COMPLETED:
			n += (size_t)snprintf(to, room, "%sC%llu", gap, id);
			break;
		case CO_FAIL_ATTEMPT:
			n += (size_t)snprintf(to, room, "%sF:%s", gap, rc);
			break;
		case CO_HALT:
			n += (size_t)snprintf(to, room, "%sH:%s", gap, rc);
			break;
		case CO_DONE:
			n += (size_t)snprintf(to, room, "%sD%llu", gap, id);
			break;
		case CO_REFUSED:
			n += (size_t)snprintf(to, room, "%sX%llu %s:%s", gap, asked, kind, rc);
			break;
		}
		EXPECT(n < sizeof f->line);
	}
	return f->line;
}

static const char *send(struct fix *f, struct co_event ev)
{
	co_event(f->co, f->now_us, &ev);
	return read_actions(f);
}

static struct co_event event(const struct fix *f, enum co_event_kind kind, uint64_t id)
{
	return (struct co_event){.kind = kind, .epoch = f->cfg.epoch, .attempt = f->cfg.attempt,
				 .id = id};
}

static const char *start(struct fix *f)
{
	return send(f, event(f, CO_EV_START, 0));
}

static const char *at(struct fix *f, uint64_t now_us)
{
	f->now_us = now_us;
	return send(f, event(f, CO_EV_TICK, 0));
}

static const char *of(struct fix *f, enum co_event_kind kind, uint64_t id, uint32_t subtask)
{
	struct co_event ev = event(f, kind, id);
	ev.subtask = subtask;
	return send(f, ev);
}

static const char *ack(struct fix *f, uint64_t id, uint32_t subtask)
{
	return of(f, CO_EV_ACK, id, subtask);
}

static const char *ack_all(struct fix *f, uint64_t id)
{
	for (uint32_t i = 0; i + 1 < SUBTASKS; i++)
		assert_string_equal(ack(f, id, i), "");
	return ack(f, id, SUBTASKS - 1);
}

static void freeze_all(struct fix *f, uint64_t id)
{
	for (uint32_t i = 0; i < SUBTASKS; i++)
		of(f, CO_EV_FROZEN, id, i);
}

static const char *published(struct fix *f, uint64_t id)
{
	return send(f, event(f, CO_EV_PUBLISHED, id));
}

static const char *committed(struct fix *f, uint64_t id)
{
	return send(f, event(f, CO_EV_COMMITTED, id));
}

static const char *ended(struct fix *f)
{
	return send(f, event(f, CO_EV_INPUTS_ENDED, 0));
}

static const char *fails(struct fix *f, enum co_event_kind kind, uint64_t id, enum rc rc)
{
	struct err e = {0};
	(void)ERR(&e, rc, "because");
	struct co_event ev = event(f, kind, id);
	ev.error = &e;
	return send(f, ev);
}

static const char *ask(struct fix *f, enum co_kind kind, uint64_t token)
{
	struct co_event ev = {.kind = CO_EV_REQUEST, .request_kind = kind, .request = token};
	return send(f, ev);
}

#define SAYS(got, want) assert_string_equal((got), (want))

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
		T(bounds_of_the_config_are_named),
		T(inv31_opening_survives_each_failed_allocation),
		T(many_subtasks_are_counted_one_by_one),
		T(kinds_and_actions_have_names),
	};
	return RUN(tests);
}
