/* test_out_of_memory.c - operators without files while each allocation fails in turn (inv 31). */
#include "operators/operators.h"
#include "tests/lib/task_driver.h"

struct stage {
	const struct op_ops *ops;
	const char *options;
};
static const char fields[] = "a int64, b int64?, t timestamp, s string";
static const struct stage stages[] = {
	{&generator_source_ops, "{\"rows\":3000,\"fields\":{\"x\":\"i + 1\",\"y\":\"'text ' || i\"},"
			       "\"created_as\":\"at\"}"},
	{&map_ops, "{\"set\":{\"c\":\"a * 2\",\"d\":\"upper(s)\"},\"drop\":\"b\"}"},
	{&filter_ops, "{\"expr\":\"a > 1 and s <> 'x'\"}"},
	{&flat_map_ops, "{\"expr\":\"split(s)\",\"as\":\"w\",\"keep\":[\"a\",\"b\"]}"},
	{&keyed_sum_ops, "{\"key\":[\"s\",\"b\"],\"value\":\"a + 1\",\"keep\":\"t\"}"},
	{&keyed_sum_ops, "{\"key\":\"s\",\"value\":\"b\",\"emit\":\"end\"}"},
	{&union_ops, "{}"},
	{&blackhole_sink_ops, "{\"checksum\":true,\"latency_of\":\"t\"}"},
};

static bool stage_plan(struct drive *d, const struct stage *st)
{
	return drive_plan(d, st->ops, st->options, st->ops->role == OP_SOURCE ? NULL : fields, NULL,
			  NULL);
}

/* Everything from begin() to the end of input; false: some allocation failed. */
static bool life(struct drive *d, uint64_t fail, uint64_t *calls)
{
	struct batch *b = NULL;
	static const char *const rows[] = {"1|2|7|some words of text",
					   "2|~|7|incomprehensibilities here", "3|4|7|x",
					   "4|5|7|some words of text"};
	if (d->ops->role != OP_SOURCE) {
		uint32_t bad_row;
		struct keys k;
		b = rows_batch_n(d->pool, &d->in[0], rows, 4);
		keys_init(&k, &d->mem);
		EXPECT_OK(keys_hash(&k, &d->plan.key, b, d->pool, &bad_row, &d->e), &d->e);
		keys_close(&k);
	}
	uint64_t before = atomic_load(&d->mem.calls);
	d->mem.fail_at = before + fail;
	enum rc rc = drive_start(d, 1, NULL);
	if (rc == OK && b) {
		EXPECT(drive_push(d, 0, 0, b));
		b = NULL;
		drive_end(d);
	}
	bool ok = rc == OK && drive_run(d);
	*calls = atomic_load(&d->mem.calls) - before;
	d->mem.fail_at = 0;
	if (!ok && d->e.code != E_NO_MEMORY)
		fail_msg("%s: %s", d->ops->name, d->e.text);
	batch_drop(&b);
	return ok;
}

TEST(inv31_an_operator_survives_any_allocation_that_fails)
{
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		uint64_t fail = 1, calls, failed = 0;
		/* A failure may be survived (buffers that are only warmed), so on until none failed. */
		for (bool none = false; !none; fail++) {
			struct drive d;
			drive_open(&d);
			if (!stage_plan(&d, &stages[i]))
				fail_msg("%s", d.e.text);
			bool ok = life(&d, fail, &calls);
			failed += !ok;
			none = calls < fail;
			EXPECT(ok || !none);
			if (ok)
				EXPECT(d.ended[0]);
			drive_close(&d);
		}
		print_message("%s: %d allocations\n", stages[i].ops->name, (int)failed);
		EXPECT(failed > 3);
	}
}

TEST(inv31_planning_survives_any_allocation_that_fails)
{
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		bool ok = false;
		for (uint64_t fail = 1; !ok; fail++) {
			struct drive d;
			drive_open(&d);
			d.fail_plan_at = fail;
			ok = stage_plan(&d, &stages[i]);
			EXPECT(ok || strstr(d.e.text, "memory"));
			drive_close(&d);
			EXPECT(fail < 200);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv31_an_operator_survives_any_allocation_that_fails),
		T(inv31_planning_survives_any_allocation_that_fails),
	};
	return RUN(tests);
}
