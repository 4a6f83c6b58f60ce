/* test_union.c - several inputs as one. */
#include "operators/operators.h"
#include "tests/lib/task_driver.h"

TEST(records_of_all_inputs_pass_as_they_are)
{
	struct drive d;
	char text[100];
	drive_open(&d);
	EXPECT(drive_plan(&d, &union_ops, "{\"inputs\":[\"a\",\"b\"]}", "x int64, s string?",
			  "x int64?, s string", NULL));
	schema_text(&d.plan.out, text, sizeof text);
	assert_string_equal(text, "x int64?, s string?");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1|a", "2|b"));
	struct batch *b = rows_batch(d.pool, &d.in[1], "~|a text of some length", "4|d", "5|e");
	drive_push(&d, 0, 1, rows_select(b, "101"));
	drive_end(&d);
	EXPECT(drive_run(&d));
	rows_list_sort(&d.rows);
	assert_string_equal(rows_list_text(&d.rows), "1|a 2|b 5|e ~|a text of some length");
	EXPECT(d.ended[0]);
	drive_close(&d);
}

/* Inv 4: what came after the barrier on one input waits until the other has come so far. */
TEST(inv04_a_barrier_waits_for_all_inputs)
{
	struct drive d;
	struct drive_saved saved = {0};
	drive_open(&d);
	EXPECT(drive_plan(&d, &union_ops, "{}", "x int64", "x int64", "x int64"));
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	struct item bar = {.kind = ITEM_BARRIER, .barrier = {.id = ++d.checkpoint}};
	for (uint32_t k = 0; k < 2; k++) {
		struct item it = bar;
		EXPECT(channel_try_push(d.ins[0][k], &it));
	}
	drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "10"));
	drive_push(&d, 0, 2, rows_batch(d.pool, &d.in[0], "1"));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "1");
	EXPECT(channel_try_push(d.ins[0][2], &bar));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "1 10");
	EXPECT(d.acks == 1);
	drive_saved_close(&saved);
	drive_close(&d);
}

static void expect_refused(const char *a, const char *b, const char *says)
{
	struct drive d;
	drive_open(&d);
	EXPECT(!drive_plan(&d, &union_ops, "{\"inputs\":[\"a\",\"b\"]}", a, b, NULL));
	if (!strstr(d.e.text, says))
		fail_msg("%s", d.e.text);
	drive_close(&d);
}

TEST(inputs_that_differ_are_refused_with_what_differs)
{
	expect_refused("x int64", "x float64", "field 1 is x float64, and x int64 in the first input");
	expect_refused("x int64, y bool", "x int64, z bool", "field 2 is z bool, and y bool");
	expect_refused("x int64", "x int64, z bool", "it has 2 fields, and the first input has 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(records_of_all_inputs_pass_as_they_are),
		T(inv04_a_barrier_waits_for_all_inputs),
		T(inputs_that_differ_are_refused_with_what_differs),
	};
	return RUN(tests);
}
