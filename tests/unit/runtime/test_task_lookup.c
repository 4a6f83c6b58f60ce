/* test_task_lookup.c - a key asked of a task: what it holds between two batches, while a snapshot
 * runs, while its table grows, when it has failed or closes. While a state is restored lazily:
 * sim/test_sim_lookup.c. */
#include "runtime/lookup.h"
#include "state/keyed_in.h"
#include "tests/unit/runtime/task_rig.h"

#define BACK 77

struct asked {
	struct lookup l;
	struct mailbox box;
	uint8_t key[8];
};

static void ask(struct fix *f, struct asked *a, int64_t key)
{
	*a = (struct asked){0};
	mailbox_init(&a->box, NULL);
	memcpy(a->key, &key, sizeof key);
	a->l = (struct lookup){.mail.kind = LETTER_LOOKUP, .reply = &a->box, .kind = BACK,
			       .key = a->key, .len = 8, .hash = shape_hash(&f->c.shape, a->key, 8)};
	mailbox_put(task_mailbox(f->t), &a->l.mail);
}

static void expect_said(struct asked *a, enum lookup_said said, uint64_t value)
{
	struct mail *m = mailbox_take_all(&a->box);
	EXPECT(m == &a->l.mail && !m->next && m->kind == BACK);
	EXPECT(a->l.said == said);
	EXPECT(said != LOOKUP_FOUND || a->l.value[0] == value);
}

TEST(a_key_is_looked_up_between_two_batches)
{
	struct fix f;
	struct asked before, one, both, none;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	push(&f, 0, 4);
	push(&f, 0, 4);
	ask(&f, &before, 4); /* the first step reads letters, then takes a batch */
	EXPECT(step(&f) == TASK_BUSY);
	expect_said(&before, LOOKUP_ABSENT, 0);
	EXPECT(before.l.records == 0 && before.l.at_us == f.now_us && before.l.barrier == 0);
	EXPECT(f.t->batch); /* in hand, not worked on: it does not count yet */
	ask(&f, &one, 4);
	EXPECT(step(&f) == TASK_BUSY);
	expect_said(&one, LOOKUP_ABSENT, 0);
	EXPECT(one.l.records == 0);
	run(&f);
	ask(&f, &both, 4);
	ask(&f, &none, 5);
	run(&f);
	expect_said(&both, LOOKUP_FOUND, 2);
	expect_said(&none, LOOKUP_ABSENT, 0);
	EXPECT(both.l.records == 2 && none.l.records == 2);
	run_lanes(&f);
	close_fix(&f);
}

TEST(a_snapshot_that_runs_shows_what_came_after_its_barrier)
{
	struct fix f;
	struct asked a;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	for (int64_t i = 0; i < 10; i++)
		push(&f, 0, i);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	for (int i = 0; i < 200 && !f.t->n_snapping; i++)
		step(&f);
	EXPECT(f.t->n_snapping == 1 && f.t->snapping[0].encoding);
	ask(&f, &a, 3);
	step(&f);
	expect_said(&a, LOOKUP_FOUND, 1);
	EXPECT(a.l.barrier == 7 && a.l.records == 10);
	push(&f, 0, 3);
	run(&f);
	ask(&f, &a, 3);
	run(&f);
	expect_said(&a, LOOKUP_FOUND, 2);
	EXPECT(a.l.barrier == 7 && a.l.records == 11);
	run_lanes(&f);
	run(&f);
	snap_close(acknowledged(&f, 7));
	close_fix(&f);
}

/* One batch, and what it was noted as. */
static void take_out(struct fix *f)
{
	struct item it;
	EXPECT(channel_try_pop(f->out, &it) && it.kind == ITEM_BATCH);
	batch_drop(&it.batch);
	f->log[0] = '\0';
}

TEST(every_key_is_found_while_the_table_grows)
{
	struct fix f;
	struct asked a;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	uint32_t growing = 0;
	for (int64_t i = 0; i < 3000; i++) {
		push(&f, 0, i);
		run(&f);
		take_out(&f);
		ask(&f, &a, i * 7919 % (i + 1)); /* some earlier one */
		step(&f);
		expect_said(&a, LOOKUP_FOUND, 1);
		ask(&f, &a, i + 1);
		step(&f);
		expect_said(&a, LOOKUP_ABSENT, 0);
		growing += keyed_growing(f.t->keyed);
	}
	EXPECT(growing > 20);
	run_lanes(&f);
	close_fix(&f);
}

TEST(what_the_checkpoint_before_was_is_said_from_the_start)
{
	struct fix f;
	struct asked a;
	open_fix(&f, &transform_ops, 1, true);
	f.c.after_id = 41;
	start(&f);
	ask(&f, &a, 1);
	run(&f);
	expect_said(&a, LOOKUP_ABSENT, 0);
	EXPECT(a.l.barrier == 41);
	run_lanes(&f);
	close_fix(&f);
}

TEST(a_task_that_failed_gives_the_letter_back_without_a_look)
{
	struct fix f;
	struct asked a;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	f.conf.fails = true;
	push(&f, 0, 1);
	run(&f);
	told(&f, LETTER_FAILED);
	ask(&f, &a, 1);
	run(&f);
	expect_said(&a, LOOKUP_ENDED, 0);
	run_lanes(&f);
	close_fix(&f);
}

TEST(a_task_that_is_told_to_close_answers_what_came_with_that)
{
	struct fix f;
	struct asked before, after, never;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	push(&f, 0, 1);
	run(&f);
	ask(&f, &before, 1);
	letter(&f, LETTER_CLOSE, 0, 0);
	ask(&f, &after, 1);
	run(&f);
	EXPECT(f.closed);
	expect_said(&before, LOOKUP_FOUND, 1);
	expect_said(&after, LOOKUP_ENDED, 0);
	/* What comes later stays where it is; its memory is the asker's. */
	ask(&f, &never, 1);
	run_lanes(&f);
	close_fix(&f);
	EXPECT(mailbox_is_empty(&never.box));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_key_is_looked_up_between_two_batches),
		T(a_snapshot_that_runs_shows_what_came_after_its_barrier),
		T(every_key_is_found_while_the_table_grows),
		T(what_the_checkpoint_before_was_is_said_from_the_start),
		T(a_task_that_failed_gives_the_letter_back_without_a_look),
		T(a_task_that_is_told_to_close_answers_what_came_with_that),
	};
	return RUN(tests);
}
