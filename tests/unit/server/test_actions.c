/* test_actions.c - an action that is under way is kept, however many come after it. */
#include "server/actions.h"
#include "tests/lib/test.h"

static const struct err done;

static uint64_t begin(struct actions *as, const char *job, enum action_kind kind)
{
	struct err e = {0};
	const struct action *a = actions_new(as, job, kind, &e);
	EXPECT(a);
	return a->id;
}

static void begin_and_end(struct actions *as, unsigned n)
{
	struct feed nobody = {.mem = as->mem};
	while (n--)
		actions_over(as, &nobody, begin(as, "short", ACTION_CANCEL), &done, 0, NULL);
}

TEST(the_newest_are_kept_and_those_under_way)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct actions as = {.mem = &mem};
	uint64_t over = begin(&as, "a", ACTION_STOP), open = begin(&as, "a", ACTION_CHECKPOINT);
	struct feed nobody = {.mem = &mem};
	actions_over(&as, &nobody, over, &done, 0, NULL);
	begin_and_end(&as, 3 * ACTIONS_KEPT);
	EXPECT(!actions_find(&as, over));
	EXPECT(actions_find(&as, open));
	EXPECT(actions_open(&as, "a", ACTION_CHECKPOINT) == actions_find(&as, open));
	EXPECT(actions_find(&as, as.last));
	actions_over(&as, &nobody, open, &done, 7, NULL);
	EXPECT(actions_find(&as, open)->checkpoint == 7);
	EXPECT(!actions_open(&as, "a", ACTION_CHECKPOINT));
	actions_close(&as);
	EXPECT(mem.used_bytes == 0);
}

TEST(when_all_are_under_way_one_more_can_be_asked_for)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct actions as = {.mem = &mem};
	for (int i = 0; i < ACTIONS_KEPT; i++)
		begin(&as, i % 2 ? "odd" : "even", ACTION_REMOVE);
	EXPECT(actions_count_open(&as, "odd", ACTION_REMOVE) == ACTIONS_KEPT / 2);
	EXPECT(actions_count_open(&as, "odd", ACTION_STOP) == 0);
	uint64_t one_more = begin(&as, "more", ACTION_REMOVE);
	EXPECT(actions_find(&as, one_more));
	EXPECT(!actions_find(&as, 1));
	EXPECT(actions_open(&as, "odd", ACTION_REMOVE)->id == 2);
	actions_close(&as);
}

TEST(a_stop_with_a_savepoint_makes_one_until_it_is_over)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct actions as = {.mem = &mem};
	struct feed nobody = {.mem = &mem};
	begin(&as, "a", ACTION_SAVEPOINT);
	begin(&as, "a", ACTION_STOP);
	uint64_t stop = begin(&as, "a", ACTION_STOP);
	begin(&as, "a", ACTION_CANCEL);
	actions_find(&as, stop)->savepoint = true;
	EXPECT(actions_count_savepoints(&as, "a") == 2);
	EXPECT(actions_count_savepoints(&as, "b") == 0);
	actions_over(&as, &nobody, stop, &done, 7, NULL);
	EXPECT(actions_count_savepoints(&as, "a") == 1);
	actions_close(&as);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_newest_are_kept_and_those_under_way),
		T(a_stop_with_a_savepoint_makes_one_until_it_is_over),
		T(when_all_are_under_way_one_more_can_be_asked_for),
	};
	return RUN(tests);
}
