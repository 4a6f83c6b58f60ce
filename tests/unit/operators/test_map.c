/* test_map.c - fields computed, replaced, dropped, selected. */
#include "operators/operators.h"
#include "tests/lib/task_driver.h"

static const char fields[] = "a int64, b int64?, s string";

static void expect_rows(struct drive *d, const char *options, struct batch *b, const char *rows)
{
	EXPECT_OK(drive_start(d, 1, NULL), &d->e);
	(void)options;
	EXPECT(drive_push(d, 0, 0, b));
	if (!drive_run(d))
		fail_msg("%s", d->e.text);
	assert_string_equal(rows_list_text(&d->rows), rows);
}

static void expect_map(const char *options, const char *schema, const char *rows)
{
	struct drive d;
	char text[300];
	drive_open(&d);
	if (!drive_plan(&d, &map_ops, options, fields, NULL, NULL))
		fail_msg("%s: %s", options, d.e.text);
	schema_text(&d.plan.out, text, sizeof text);
	assert_string_equal(text, schema);
	expect_rows(&d, options, rows_batch(d.pool, &d.in[0], "1|2|x", "3|~|a string of some length"),
		    rows);
	drive_close(&d);
}

TEST(set_adds_behind_and_replaces_in_place_and_sees_the_input_as_it_came)
{
	expect_map("{\"set\":{\"c\":\"a + 1\",\"a\":\"a * 10\"}}",
		   "a int64, b int64?, s string, c int64",
		   "10|2|x|2 30|~|a string of some length|4");
}

TEST(drop_takes_fields_away)
{
	expect_map("{\"drop\":[\"a\",\"s\"],\"set\":{\"z\":\"s\"}}", "b int64?, z string",
		   "2|x ~|a string of some length");
	expect_map("{\"drop\":\"b\"}", "a int64, s string", "1|x 3|a string of some length");
}

TEST(select_gives_exactly_these)
{
	expect_map("{\"select\":{\"s\":\"s\",\"sum\":\"a + b\",\"one\":\"1\"}}",
		   "s string, sum int64?, one int64", "x|3|1 a string of some length|~|1");
}

static void see_shared(struct drive *d, uint32_t subtask, const struct batch *b)
{
	const struct batch *in = d->user;
	(void)subtask;
	EXPECT(b->col[0] == in->col[2]);
	EXPECT(b->col[1] == in->col[0]);
	EXPECT(b->origin.at == in->origin.at);
	EXPECT(b->selected && b->n_sel == 2 && b->sel[0] == 0 && b->sel[1] == 2);
}

TEST(a_field_alone_shares_its_column_and_the_selection_goes_along)
{
	struct drive d;
	drive_open(&d);
	EXPECT(drive_plan(&d, &map_ops, "{\"select\":{\"t\":\"s\",\"n\":\"a\"}}", fields, NULL, NULL));
	struct batch *b = rows_select(rows_batch(d.pool, &d.in[0], "1|1|x", "2|2|y", "3|3|z"), "101");
	struct batch *in = batch_share(d.pool, b);
	d.see = see_shared;
	d.user = in;
	expect_rows(&d, "", b, "x|1 z|3");
	EXPECT(d.batches == 1);
	batch_drop(&in);
	drive_close(&d);
}

TEST(an_error_of_a_record_names_place_and_expression)
{
	struct drive d;
	drive_open(&d);
	EXPECT(drive_plan(&d, &map_ops, "{\"set\":{\"q\":\"10 / a\"}}", fields, NULL, NULL));
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	struct batch *b = rows_batch(d.pool, &d.in[0], "1|1|x", "0|2|y", "2|2|y", "0|2|y");
	EXPECT(drive_push(&d, 0, 0, rows_select(b, "1011")));
	EXPECT(!drive_run(&d));
	EXPECT(d.e.code == E_RECORD);
	assert_string_equal(d.e.text,
			    "stage 'stage'[0]: in.txt, byte 300: expression '10 / a': division by zero");
	EXPECT(d.rows.n == 0);
	drive_close(&d);
}

static void expect_refused(const char *options, const char *says)
{
	struct drive d;
	drive_open(&d);
	EXPECT(!drive_plan(&d, &map_ops, options, fields, NULL, NULL));
	if (!strstr(d.e.text, says))
		fail_msg("%s gives: %s", options, d.e.text);
	drive_close(&d);
}

TEST(what_makes_no_sense_is_refused)
{
	expect_refused("{\"set\":{\"q\":\"x + 1\"}}", "unknown field 'x' (it reads: a, b, s");
	expect_refused("{\"drop\":\"ss\"}", "unknown field 'ss' (it reads: a, b, s; did you mean 's'?");
	expect_refused("{\"drop\":[\"a\",\"b\",\"s\"]}", "no field is left");
	expect_refused("{\"drop\":\"a\",\"set\":{\"a\":\"1\"}}", "'a' is both set and dropped");
	expect_refused("{\"drop\":\"a\",\"select\":{\"a\":\"1\"}}", "'drop' cannot stand beside");
	expect_refused("{}", "'set', 'drop' or 'select' is missing");
	expect_refused("{\"set\":{\"\":\"1\"}}", "a field name is empty");
	expect_refused("{\"set\":{\"l\":\"split(s)\"}}", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(set_adds_behind_and_replaces_in_place_and_sees_the_input_as_it_came),
		T(drop_takes_fields_away),
		T(select_gives_exactly_these),
		T(a_field_alone_shares_its_column_and_the_selection_goes_along),
		T(an_error_of_a_record_names_place_and_expression),
		T(what_makes_no_sense_is_refused),
	};
	return RUN(tests);
}
