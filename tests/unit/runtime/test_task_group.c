/* test_task_group.c - tasks of one thread: what one emits the next takes at once, nobody starves,
 * and the thread sleeps only when a whole round found nothing. */
#include "tests/unit/runtime/task_rig.h"

#include "runtime/task_group.h"

/* source -> middle -> last, joined by the channels between them; the last one emits into out. */
struct line {
	struct fix f[3];
	struct channel *between[2];
	struct edge edge[2];
	struct task_group group;
	struct err e;
	uint64_t now_us, wake_us;
};

static void open_line(struct line *l)
{
	memset(l, 0, sizeof *l);
	for (int i = 0; i < 3; i++)
		open_fix(&l->f[i], i ? &transform_ops : &source_ops, i ? 1 : 0, false);
	EXPECT_OK(group_open(&l->group, 3, &l->f[0].mem, &l->e), &l->e);
	for (int i = 0; i < 3; i++) {
		struct fix *f = &l->f[i];
		f->c.waker = &l->group.waker;
		if (i < 2)
			f->edge.to = &l->f[i + 1].in[0];
		f->conf.out = NULL;
		start(f);
		EXPECT(task_waker(f->t) == &l->group.waker);
		group_add(&l->group, f->t);
	}
	group_link(&l->group, 0, 1);
	group_link(&l->group, 1, 2);
	for (int i = 1; i < 3; i++)
		l->f[i].in[0]->slots = CHANNEL_SLOTS_WITHIN;
}

static void close_line(struct line *l)
{
	group_close(&l->group);
	/* What stands in a channel may be another fixture's batch: all texts and tasks first. */
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++) {
			struct item it;
			struct channel *ch = k < 2 ? l->f[i].in[k] : l->f[i].out;
			while (channel_try_pop(ch, &it))
				if (it.kind == ITEM_BATCH)
					batch_drop(&it.batch);
		}
	for (int i = 2; i >= 0; i--)
		task_close(l->f[i].t);
	for (int i = 2; i >= 0; i--)
		close_fix(&l->f[i]);
}

static enum task_did line_step(struct line *l)
{
	return group_step(&l->group, ++l->now_us, &l->wake_us);
}

static void tell(struct line *l, int i, enum letter_kind kind)
{
	struct task_letter *x = mem_get(&l->f[i].mem, sizeof *x);
	x->mail.kind = (int)kind;
	mailbox_put(task_mailbox(l->f[i].t), &x->mail);
}

TEST(what_one_emits_the_next_takes_at_once)
{
	struct line l;
	open_line(&l);
	l.f[0].conf.produces = 3;
	tell(&l, 0, LETTER_RELEASE);
	for (int n = 0; n < 3; n++) {
		while (l.f[0].conf.produces == 3 - n)
			EXPECT(line_step(&l) == TASK_BUSY);
		/* Before the source gives another, this one has come out at the end. */
		uint32_t steps = 0;
		while (channel_fill(l.f[2].out) == (uint32_t)n) {
			EXPECT(line_step(&l) == TASK_BUSY);
			EXPECT(l.f[0].conf.produces == 2 - n);
			EXPECT(++steps < 10);
		}
	}
	close_line(&l);
}

TEST(a_whole_round_without_work_lets_the_thread_sleep_until_the_first_timer)
{
	struct line l;
	open_line(&l);
	l.f[0].conf.produces = -1; /* waits, with a timer */
	tell(&l, 0, LETTER_RELEASE);
	enum task_did did;
	while ((did = line_step(&l)) == TASK_BUSY)
		EXPECT(l.now_us < 100);
	EXPECT(did == TASK_IDLE);
	EXPECT(l.wake_us == l.now_us + 10);
	close_line(&l);
}

TEST(a_letter_to_any_of_them_wakes_the_thread)
{
	struct line l;
	open_line(&l);
	while (line_step(&l) == TASK_BUSY)
		EXPECT(l.now_us < 100);
	for (int i = 0; i < 3; i++) {
		waker_prepare(&l.group.waker);
		tell(&l, i, LETTER_ABORT);
		EXPECT(l.group.waker.state == WAKER_AWAKE);
		EXPECT(line_step(&l) == TASK_IDLE);
	}
	close_line(&l);
}

/* The last task is fed from another thread, and nobody of its own reads into it. */
TEST(a_task_fed_from_elsewhere_does_not_starve_behind_a_busy_one)
{
	struct line l;
	open_line(&l);
	l.group.reader[1] = 1; /* as if the middle one's reader were elsewhere */
	l.f[0].conf.produces = 1000;
	l.f[0].conf.log = l.f[1].conf.log = calloc(1, 100000);
	l.f[2].edge.to = &l.f[2].out;
	tell(&l, 0, LETTER_RELEASE);
	for (int n = 0; n < 500; n++) {
		struct item it;
		(void)line_step(&l);
		while (channel_try_pop(l.f[2].out, &it))
			if (it.kind == ITEM_BATCH)
				batch_drop(&it.batch);
	}
	EXPECT(strstr(l.f[2].log, "batch"));
	char *log = l.f[0].conf.log;
	close_line(&l);
	free(log);
}

/* The last task always has something from another thread; who stands before it has its turn too. */
TEST(a_source_does_not_starve_before_a_task_that_others_keep_busy)
{
	struct line l;
	open_line(&l);
	l.f[0].conf.produces = 1000;
	l.f[0].conf.log = l.f[1].conf.log = l.f[2].conf.log = calloc(1, 100000);
	tell(&l, 0, LETTER_RELEASE);
	for (int n = 0; n < 500; n++) {
		struct item it;
		if (channel_has_room(l.f[2].in[0]))
			push(&l.f[2], 0, n);
		(void)line_step(&l);
		while (channel_try_pop(l.f[2].out, &it))
			if (it.kind == ITEM_BATCH)
				batch_drop(&it.batch);
	}
	EXPECT(l.f[0].conf.produces < 1000);
	char *log = l.f[0].conf.log;
	close_line(&l);
	free(log);
}

TEST(closed_when_all_are)
{
	struct line l;
	open_line(&l);
	for (int i = 0; i < 3; i++) {
		while (line_step(&l) == TASK_BUSY)
			EXPECT(l.now_us < 100);
		tell(&l, i, LETTER_CLOSE);
		enum task_did did = line_step(&l);
		EXPECT(did == (i < 2 ? TASK_IDLE : TASK_CLOSED));
	}
	EXPECT(line_step(&l) == TASK_CLOSED);
	close_line(&l);
}

/* While the others work it waits: that is no work of its own. */
TEST(time_is_counted_where_it_was_spent)
{
	struct line l;
	uint64_t busy[3];
	open_line(&l);
	l.f[0].conf.produces = 1;
	tell(&l, 0, LETTER_RELEASE);
	while (line_step(&l) == TASK_BUSY)
		EXPECT(l.now_us < 100);
	(void)line_step(&l);
	uint64_t all = 0;
	for (int i = 0; i < 3; i++) {
		const struct task_stats *s = task_stats(l.f[i].t);
		busy[i] = atomic_load(&s->busy_us);
		all += busy[i];
	}
	EXPECT(busy[0] > 0 && busy[1] > 0 && busy[2] > 0);
	EXPECT(all <= l.now_us);
	close_line(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_one_emits_the_next_takes_at_once),
		T(a_whole_round_without_work_lets_the_thread_sleep_until_the_first_timer),
		T(a_letter_to_any_of_them_wakes_the_thread),
		T(a_task_fed_from_elsewhere_does_not_starve_behind_a_busy_one),
		T(a_source_does_not_starve_before_a_task_that_others_keep_busy),
		T(closed_when_all_are),
		T(time_is_counted_where_it_was_spent),
	};
	return RUN(tests);
}
