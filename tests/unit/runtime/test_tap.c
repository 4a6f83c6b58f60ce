/* test_tap.c - who waits for a record at a stage hears of it: nothing passes that is not counted
 * before a reader can have it, and a letter comes once until it is rearmed. */
#include "tests/unit/runtime/task_rig.h"

struct waits {
	struct tap tap;
	int64_t for_value;       /* what it waits for */
	int64_t refuses;         /* what it cannot look at */
	struct channel *out;
	uint32_t before;         /* items that stood there when it looked */
};

static enum rc look(struct tap *tap, const struct batch *b, struct pool *pool, uint32_t *n,
		    uint32_t *bad_row, struct err *e)
{
	struct waits *w = CONTAINER_OF(tap, struct waits, tap);
	EXPECT(pool != NULL);
	w->before = channel_fill(w->out);
	for (uint32_t i = 0; i < b->rows; i++) {
		*bad_row = i;
		if (b->col[0]->i64[i] == w->refuses)
			return ERR(e, E_RECORD, "cannot be looked at");
		*n += b->col[0]->i64[i] == w->for_value;
	}
	return OK;
}

static void open_waits(struct fix *f, struct waits *w, struct waits *other)
{
	open_fix(f, &transform_ops, 1, false);
	*w = (struct waits){.tap = {.look = look}, .for_value = 5, .refuses = 99, .out = f->out};
	*other = (struct waits){.tap = {.look = look}, .for_value = 6, .refuses = 99, .out = f->out};
	w->tap.next = &other->tap;
	f->c.tap = &w->tap;
	start(f);
}

/* The letter, if there is one: heard. */
static bool hears(struct fix *f, struct waits *w)
{
	struct mail *m = mailbox_take_all(&f->control);
	if (!m)
		return false;
	struct task_report *r = CONTAINER_OF(m, struct task_report, mail);
	EXPECT(m->kind == LETTER_PASSED && !m->next && r->task == 5 && r->attempt == 3);
	w->tap.heard = true;
	return true;
}

TEST(each_record_is_counted_by_who_waits_for_it_before_it_is_sent)
{
	struct fix f;
	struct waits w, other;
	open_waits(&f, &w, &other);
	for (int64_t v = 4; v < 8; v++)
		push(&f, 0, v);
	run(&f);
	EXPECT(w.tap.passed == 1 && other.tap.passed == 1 && w.before == 3);
	EXPECT(channel_fill(f.out) == 4);
	EXPECT(hears(&f, &w)); /* one letter for both */
	close_fix(&f);
}

TEST(a_letter_comes_once_until_it_was_heard_and_rearmed)
{
	struct fix f;
	struct waits w, other;
	open_waits(&f, &w, &other);
	push(&f, 0, 5);
	run(&f);
	tap_rearm(&w.tap); /* its letter is on its way: the same one cannot be put again */
	push(&f, 0, 5);
	run(&f);
	EXPECT(hears(&f, &w));
	push(&f, 0, 6);
	run(&f);
	EXPECT(!hears(&f, &w) && w.tap.passed == 2 && other.tap.passed == 1);
	tap_rearm(&w.tap);
	push(&f, 0, 7);
	run(&f);
	EXPECT(!hears(&f, &w));
	push(&f, 0, 6);
	run(&f);
	EXPECT(hears(&f, &w) && other.tap.passed == 2);
	close_fix(&f);
}

TEST(a_record_that_cannot_be_looked_at_fails_the_task_and_is_not_sent)
{
	struct fix f;
	struct waits w, other;
	open_waits(&f, &w, &other);
	push(&f, 0, 1);
	push(&f, 0, 99);
	run(&f);
	struct task_report *r = CONTAINER_OF(told(&f, LETTER_FAILED), struct task_report, mail);
	EXPECT(r->rc == E_RECORD && strstr(r->error.text, "cannot be looked at"));
	EXPECT(channel_fill(f.out) == 1);
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_record_is_counted_by_who_waits_for_it_before_it_is_sent),
		T(a_letter_comes_once_until_it_was_heard_and_rearmed),
		T(a_record_that_cannot_be_looked_at_fails_the_task_and_is_not_sent),
	};
	return RUN(tests);
}
