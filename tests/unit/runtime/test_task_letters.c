/* test_task_letters.c - what letters to and from a task do beside the barriers of test_task.c: a
 * frozen state is told before it is packed, a restore is told once, a drained source ends; and what
 * time does: ticks. */
#include "tests/unit/runtime/task_rig.h"

/* ---- FROZEN ---- */

TEST(co4_a_frozen_state_is_told_once_while_it_is_still_being_packed)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	push(&f, 0, 1);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	EXPECT(run(&f) != TASK_BUSY); /* the lane does nothing */
	struct mail *m = mailbox_take_all(&f.control);
	EXPECT(m && !m->next && m->kind == LETTER_FROZEN);
	struct snap *s = CONTAINER_OF(m, struct snap, frozen_mail);
	EXPECT(s->task == 5 && s->attempt == 3 && s->barrier.id == 7);
	/* The next may come: it freezes beside what is being packed. */
	push(&f, 0, 2);
	push_mark(&f, 0, ITEM_BARRIER, 8);
	run(&f);
	m = mailbox_take_all(&f.control);
	EXPECT(m && !m->next && m->kind == LETTER_FROZEN);
	EXPECT(CONTAINER_OF(m, struct snap, frozen_mail)->barrier.id == 8);
	run_lanes(&f);
	run(&f);
	struct mail *first = mailbox_take_all(&f.control), *second = first ? first->next : NULL;
	EXPECT(first && second && !second->next);
	EXPECT(first->kind == LETTER_ACK && second->kind == LETTER_ACK);
	s = CONTAINER_OF(first, struct snap, mail);
	EXPECT(s->barrier.id == 7 && s->n_runs == 1 && s->run[0].ref.rows == 1);
	snap_close(s);
	s = CONTAINER_OF(second, struct snap, mail);
	EXPECT(s->barrier.id == 8 && s->figures.keys == 2);
	snap_close(s);
	close_fix(&f);
}

TEST(what_is_acknowledged_at_once_is_not_told_as_frozen_before)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	run(&f);
	snap_close(acknowledged(&f, 7));
	EXPECT(!f.frozen);
	f.conf.prepared = false; /* but what waits for the operator's pieces is */
	push_mark(&f, 0, ITEM_BARRIER, 8);
	run(&f);
	told_nothing(&f);
	EXPECT(f.frozen == 8);
	close_fix(&f);
}

TEST(what_was_given_up_is_not_told_as_frozen)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	for (int64_t i = 0; i < 10; i++)
		push(&f, 0, i);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	for (int i = 0; i < 200 && !f.t->n_snapping; i++)
		step(&f);
	EXPECT(f.t->n_snapping == 1 && f.t->snapping[0].encoding);
	letter(&f, LETTER_ABORT, 7, 0);
	run(&f);
	told_nothing(&f);
	EXPECT(!f.frozen);
	run_lanes(&f);
	run(&f);
	struct snap *s = CONTAINER_OF(told(&f, LETTER_ACK), struct snap, mail);
	EXPECT(s->aborted && !f.frozen);
	snap_close(s);
	close_fix(&f);
}

TEST(what_an_abort_finds_held_is_read_again)
{
	struct fix f;
	open_fix(&f, &transform_ops, 2, true);
	start(&f);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	push(&f, 0, 1);
	run(&f);
	expect_log(&f, ""); /* the other input has not delivered it */
	letter(&f, LETTER_ABORT, 7, 0);
	run(&f);
	expect_log(&f, "batch");
	run_lanes(&f);
	close_fix(&f);
}

/* ---- RESTORED, DRAIN ---- */

TEST(a_confirmed_restore_is_told_before_the_first_record)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	push(&f, 0, 1);
	struct task_letter *l = mem_get(&f.mem, sizeof *l);
	*l = (struct task_letter){.mail.kind = LETTER_RESTORED, .barrier.id = 41, .old_parallelism = 3};
	mailbox_put(task_mailbox(f.t), &l->mail);
	run(&f);
	expect_log(&f, "restored batch");
	EXPECT(f.conf.restored.checkpoint == 41 && f.conf.restored.old_parallelism == 3);
	EXPECT(f.conf.restored.keys == 0); /* as it was when it was told */
	run_lanes(&f);
	close_fix(&f);
}

TEST(a_drained_source_ends_as_if_there_were_no_more)
{
	struct fix f;
	open_fix(&f, &source_ops, 0, false);
	start(&f);
	f.conf.produces = -1; /* it waits for input, with a timer */
	letter(&f, LETTER_RELEASE, 0, 0);
	EXPECT(run(&f) == TASK_IDLE);
	letter(&f, LETTER_DRAIN, 0, 0);
	run(&f);
	expect_out(&f, "end");
	told(&f, LETTER_ENDED);
	letter(&f, LETTER_DRAIN, 0, 0); /* again: nothing */
	letter(&f, LETTER_TRIGGER, 9, BARRIER_FINAL);
	run(&f);
	expect_out(&f, "|9");
	struct snap *s = acknowledged(&f, 9);
	EXPECT(s->ended);
	snap_close(s);
	close_fix(&f);
}

TEST(a_trigger_that_waits_at_a_draining_source_goes_out_first)
{
	struct fix f;
	open_fix(&f, &source_ops, 0, false);
	start(&f);
	f.conf.produces = 5;
	letter(&f, LETTER_RELEASE, 0, 0);
	letter(&f, LETTER_TRIGGER, 4, 0);
	letter(&f, LETTER_DRAIN, 0, 0);
	run(&f);
	expect_out(&f, "|4 end");
	drop_letters(&f);
	close_fix(&f);
}

TEST(a_source_drained_before_its_release_ends_after_it)
{
	struct fix f;
	open_fix(&f, &source_ops, 0, false);
	start(&f);
	f.conf.produces = 5;
	letter(&f, LETTER_DRAIN, 0, 0);
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "");
	letter(&f, LETTER_TRIGGER, 1, 0); /* the initial checkpoint */
	letter(&f, LETTER_RELEASE, 0, 0);
	run(&f);
	expect_out(&f, "|1 end");
	drop_letters(&f);
	close_fix(&f);
}

TEST(a_stopped_source_ends_only_if_its_stop_is_given_up)
{
	struct fix f;
	open_fix(&f, &source_ops, 0, false);
	start(&f);
	f.conf.produces = 5;
	letter(&f, LETTER_RELEASE, 0, 0);
	letter(&f, LETTER_TRIGGER, 4, BARRIER_STOP);
	letter(&f, LETTER_DRAIN, 0, 0);
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "|4");
	letter(&f, LETTER_ABORT, 4, 0);
	run(&f);
	expect_out(&f, "end");
	drop_letters(&f);
	close_fix(&f);
}

/* ---- ticks ---- */

TEST(a_tick_comes_when_its_time_has_come_and_the_task_sleeps_until_then)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	f.conf.tick_every = 100;
	start(&f);
	EXPECT(run(&f) == TASK_IDLE && f.wake_us == 100);
	push(&f, 0, 1);
	EXPECT(run(&f) == TASK_IDLE && f.wake_us == 100);
	expect_log(&f, "batch");
	f.now_us = 99;
	f.conf.ticks = 2;
	push(&f, 0, 2);
	EXPECT(run(&f) == TASK_IDLE);
	expect_log(&f, "tick batch"); /* all it has to give before anything else is taken */
	expect_out(&f, "1 201 200 2");
	EXPECT(f.wake_us > 200 && f.wake_us < 220);
	close_fix(&f);
}

TEST(inv4_no_tick_comes_between_a_barrier_and_its_snapshot)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	f.conf.tick_every = 100;
	start(&f);
	f.conf.prepares = 3;
	push_mark(&f, 0, ITEM_BARRIER, 7);
	step(&f);
	f.now_us = 1000;
	f.conf.ticks = 1;
	run(&f);
	expect_log(&f, "prepare snapshot tick");
	expect_out(&f, "102 101 100 |7 200");
	snap_close(acknowledged(&f, 7));
	close_fix(&f);
}

TEST(without_room_downstream_no_tick_comes_and_no_time_wakes)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	f.conf.tick_every = 100;
	start(&f);
	for (int i = 0; i < CHANNEL_SLOTS; i++) {
		push(&f, 0, i);
		run(&f);
	}
	f.log[0] = '\0';
	f.now_us = 500;
	EXPECT(run(&f) == TASK_BACKPRESSURED && f.wake_us == UINT64_MAX);
	expect_log(&f, "");
	expect_out(&f, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
	run(&f);
	expect_log(&f, "tick");
	close_fix(&f);
}

TEST(after_the_end_no_tick_comes)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	f.conf.tick_every = 100;
	start(&f);
	push_mark(&f, 0, ITEM_END, 0);
	run(&f);
	f.now_us = 500;
	EXPECT(run(&f) == TASK_IDLE && f.wake_us == UINT64_MAX);
	expect_log(&f, "end");
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(co4_a_frozen_state_is_told_once_while_it_is_still_being_packed),
		T(what_is_acknowledged_at_once_is_not_told_as_frozen_before),
		T(what_was_given_up_is_not_told_as_frozen),
		T(what_an_abort_finds_held_is_read_again),
		T(a_confirmed_restore_is_told_before_the_first_record),
		T(a_drained_source_ends_as_if_there_were_no_more),
		T(a_trigger_that_waits_at_a_draining_source_goes_out_first),
		T(a_source_drained_before_its_release_ends_after_it),
		T(a_stopped_source_ends_only_if_its_stop_is_given_up),
		T(a_tick_comes_when_its_time_has_come_and_the_task_sleeps_until_then),
		T(inv4_no_tick_comes_between_a_barrier_and_its_snapshot),
		T(without_room_downstream_no_tick_comes_and_no_time_wakes),
		T(after_the_end_no_tick_comes),
	};
	return RUN(tests);
}
