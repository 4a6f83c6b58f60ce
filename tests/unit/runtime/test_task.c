/* test_task.c - what a task does in which order, one step at a time, with an operator that only
 * notes what it was asked. Interleavings of whole jobs are the simulation's (tests/sim). */
#include "tests/unit/runtime/task_rig.h"

TEST(inv4_at_a_barrier_prepare_then_passed_on_then_snapshot_then_acknowledged)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	f.conf.prepares = 2;
	push(&f, 0, 1);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	push(&f, 0, 2);
	EXPECT(run(&f) == TASK_IDLE);
	expect_log(&f, "batch prepare snapshot batch");
	EXPECT(f.conf.at_snapshot == 4); /* 1, what prepare gave, and the barrier */
	expect_out(&f, "1 101 100 |7 2");
	struct snap *s = acknowledged(&f, 7);
	EXPECT(s->state.len == 8 && s->intents.len == 7 && !s->ended && !s->aborted && !s->n_runs);
	snap_close(s);
	letter(&f, LETTER_COMMITTED, 7, 0);
	run(&f);
	EXPECT(f.conf.committed == 7);
	close_fix(&f);
}

TEST(the_acknowledgement_waits_for_the_operators_pieces_and_for_those_before_it)
{
	struct fix f;
	struct mail m = {.kind = OP_LETTER};
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	f.conf.prepared = false;
	push_mark(&f, 0, ITEM_BARRIER, 7);
	push_mark(&f, 0, ITEM_BARRIER, 8);
	push(&f, 0, 1);
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "|7 |8 1"); /* the stream goes on meanwhile */
	told_nothing(&f);
	f.conf.prepared = true;
	mailbox_put(task_mailbox(f.t), &m);
	run(&f);
	struct mail *first = letters(&f), *second = first ? first->next : NULL;
	EXPECT(first && second && !second->next);
	struct snap *a = CONTAINER_OF(first, struct snap, mail);
	struct snap *b = CONTAINER_OF(second, struct snap, mail);
	EXPECT(a->barrier.id == 7 && b->barrier.id == 8);
	snap_close(a);
	snap_close(b);
	close_fix(&f);
}

TEST(without_room_downstream_it_takes_nothing_and_goes_on_when_there_is)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	for (int i = 0; i < CHANNEL_SLOTS; i++) {
		push(&f, 0, i);
		EXPECT(run(&f) == (i + 1 < CHANNEL_SLOTS ? TASK_IDLE : TASK_BACKPRESSURED));
	}
	push(&f, 0, 99);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	EXPECT(run(&f) == TASK_BACKPRESSURED);
	EXPECT(channel_fill(f.in[0]) == 2);
	expect_out(&f, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
	run(&f);
	expect_out(&f, "99 |7");
	snap_close(acknowledged(&f, 7));
	EXPECT(task_stats(f.t)->records_in == 17 && task_stats(f.t)->records_out == 17);
	close_fix(&f);
}

TEST(inv5_after_the_end_barriers_are_still_passed_on_and_acknowledged_as_ended)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	f.conf.ends = 2;
	push(&f, 0, 1);
	push_mark(&f, 0, ITEM_END, 0);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "1 101 100 end |7");
	expect_log(&f, "batch end snapshot"); /* nothing is left to prepare */
	struct mail *m = letters(&f);
	EXPECT(m && m->kind == LETTER_ENDED && m->next && m->next->kind == LETTER_ACK);
	struct snap *s = CONTAINER_OF(m->next, struct snap, mail);
	EXPECT(s->ended && s->barrier.id == 7);
	snap_close(s);
	close_fix(&f);
}

TEST(a_source_waits_for_its_release_and_injects_barriers_between_batches)
{
	struct fix f;
	open_fix(&f, &source_ops, 0, false);
	start(&f);
	f.conf.produces = 2;
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "");
	letter(&f, LETTER_TRIGGER, 1, 0); /* the initial checkpoint: before the first record */
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "|1");
	snap_close(acknowledged(&f, 1));
	letter(&f, LETTER_TRIGGER, 1, 0); /* sent again: none */
	letter(&f, LETTER_RELEASE, 0, 0);
	step(&f);
	letter(&f, LETTER_TRIGGER, 2, 0);
	run(&f);
	expect_out(&f, "1 |2 0 end");
	expect_log(&f, "prepare snapshot produce prepare snapshot produce");
	struct mail *m = letters(&f);
	EXPECT(m && m->kind == LETTER_ACK && m->next && m->next->kind == LETTER_ENDED);
	snap_close(CONTAINER_OF(m, struct snap, mail));
	letter(&f, LETTER_TRIGGER, 3, BARRIER_FINAL);
	run(&f);
	expect_out(&f, "|3");
	struct snap *s = acknowledged(&f, 3);
	EXPECT(s->ended);
	snap_close(s);
	close_fix(&f);
}

TEST(a_stop_barrier_is_the_last_a_source_gives_unless_the_stop_is_given_up)
{
	struct fix f;
	open_fix(&f, &source_ops, 0, false);
	start(&f);
	f.conf.produces = 3;
	letter(&f, LETTER_RELEASE, 0, 0);
	step(&f);
	letter(&f, LETTER_TRIGGER, 4, BARRIER_STOP);
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "2 |4");
	snap_close(acknowledged(&f, 4));
	letter(&f, LETTER_ABORT, 4, 0);
	run(&f);
	expect_out(&f, "1 0 end");
	told(&f, LETTER_ENDED);
	close_fix(&f);
}

TEST(a_trigger_that_was_given_up_before_it_was_taken_is_none)
{
	struct fix f;
	open_fix(&f, &source_ops, 0, false);
	start(&f);
	f.conf.produces = -1;
	letter(&f, LETTER_RELEASE, 0, 0);
	letter(&f, LETTER_TRIGGER, 4, 0);
	letter(&f, LETTER_ABORT, 4, 0);
	EXPECT(run(&f) == TASK_IDLE);
	EXPECT(f.wake_us == f.now_us + 10);
	expect_out(&f, "");
	told_nothing(&f);
	close_fix(&f);
}

TEST(an_aborted_snapshot_is_still_acknowledged_marked_as_such)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	for (int64_t i = 0; i < 10; i++)
		push(&f, 0, i);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	for (int i = 0; i < 22; i++) /* the lane does nothing: the acknowledgement cannot come */
		step(&f);
	told_nothing(&f);
	letter(&f, LETTER_ABORT, 7, 0);
	run(&f);
	run_lanes(&f);
	run(&f);
	struct snap *s = CONTAINER_OF(told(&f, LETTER_ACK), struct snap, mail);
	EXPECT(s->barrier.id == 7 && s->aborted);
	snap_close(s);
	/* The next one has it all. */
	push_mark(&f, 0, ITEM_BARRIER, 8);
	run(&f);
	run_lanes(&f);
	run(&f);
	s = acknowledged(&f, 8);
	EXPECT(s->n_runs == 1 && s->run[0].ref.rows == 10 && s->figures.keys == 10);
	snap_close(s);
	close_fix(&f);
}

TEST(a_keyed_task_acknowledges_with_its_runs_when_they_are_packed)
{
	struct fix f;
	open_fix(&f, &transform_ops, 2, true);
	start(&f);
	for (int64_t i = 0; i < 8; i++)
		push(&f, (uint32_t)(i % 2), i / 4);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	push_mark(&f, 1, ITEM_BARRIER, 7);
	EXPECT(run(&f) != TASK_BUSY);
	told_nothing(&f);
	run_lanes(&f); /* a chunk that was being warmed comes back, then they are packed */
	run(&f);
	struct snap *s = acknowledged(&f, 7);
	EXPECT(s->full && s->n_runs == 1 && s->run[0].ref.rows == 2 && !s->run[0].delta);
	EXPECT(s->figures.keys == 2 && s->figures.keys_changed == 2);
	EXPECT(s->head.checkpoint_id == 7 && s->head.base_id == 0);
	snap_close(s);
	close_fix(&f);
}

TEST(a_failure_is_told_once_and_then_it_only_waits_to_be_closed)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	f.conf.fails = true;
	push(&f, 0, 1);
	EXPECT(run(&f) == TASK_IDLE);
	struct task_report *r = CONTAINER_OF(told(&f, LETTER_FAILED), struct task_report, mail);
	EXPECT(r->task == 5 && r->attempt == 3 && r->rc == E_RECORD);
	EXPECT(!strcmp(r->error.text, "stage 'stage'[0]: no luck"));
	push(&f, 0, 2);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	EXPECT(run(&f) == TASK_IDLE);
	told_nothing(&f);
	expect_out(&f, "");
	letter(&f, LETTER_CLOSE, 0, 0);
	EXPECT(run(&f) == TASK_CLOSED);
	told(&f, LETTER_CLOSED);
	close_fix(&f);
}

TEST(closing_waits_for_the_packer_and_for_the_operators_letters)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	push(&f, 0, 1);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	run(&f);
	f.conf.busy = true;
	letter(&f, LETTER_CLOSE, 0, 0);
	EXPECT(run(&f) == TASK_IDLE);
	run_lanes(&f);
	EXPECT(run(&f) == TASK_IDLE);
	f.conf.busy = false;
	EXPECT(run(&f) == TASK_CLOSED);
	told(&f, LETTER_CLOSED);
	close_fix(&f); /* with the snapshot that nobody took */
}

TEST(the_operator_is_given_its_state_and_is_closed_once)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	EXPECT_OK(task_open(&f.t, &f.c, &f.e), &f.e);
	EXPECT_OK(task_start(f.t, "state", 6, &f.e), &f.e);
	expect_log(&f, "state");
	task_close(f.t);
	expect_log(&f, "close");
	close_fix(&f);
	EXPECT(f.log[0] == '\0');
}

TEST(inv31_a_task_that_cannot_be_built_leaves_nothing_behind)
{
	for (uint64_t n = 1;; n++) {
		struct fix f;
		open_fix(&f, &transform_ops, 1, true);
		f.mem.fail_at = f.mem.calls + n;
		enum rc rc = task_open(&f.t, &f.c, &f.e);
		bool through = f.mem.calls < f.mem.fail_at;
		EXPECT(rc == (through ? OK : E_NO_MEMORY));
		EXPECT((f.t != NULL) == through);
		f.mem.fail_at = 0;
		close_fix(&f);
		if (through)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv4_at_a_barrier_prepare_then_passed_on_then_snapshot_then_acknowledged),
		T(the_acknowledgement_waits_for_the_operators_pieces_and_for_those_before_it),
		T(without_room_downstream_it_takes_nothing_and_goes_on_when_there_is),
		T(inv5_after_the_end_barriers_are_still_passed_on_and_acknowledged_as_ended),
		T(a_source_waits_for_its_release_and_injects_barriers_between_batches),
		T(a_stop_barrier_is_the_last_a_source_gives_unless_the_stop_is_given_up),
		T(a_trigger_that_was_given_up_before_it_was_taken_is_none),
		T(an_aborted_snapshot_is_still_acknowledged_marked_as_such),
		T(a_keyed_task_acknowledges_with_its_runs_when_they_are_packed),
		T(a_failure_is_told_once_and_then_it_only_waits_to_be_closed),
		T(closing_waits_for_the_packer_and_for_the_operators_letters),
		T(the_operator_is_given_its_state_and_is_closed_once),
		T(inv31_a_task_that_cannot_be_built_leaves_nothing_behind),
	};
	return RUN(tests);
}
