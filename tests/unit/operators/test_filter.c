/* test_filter.c - another selection over the same columns, until few rows remain. */
#include "operators/operators.h"
#include "tests/lib/task_driver.h"

static const char fields[] = "a int64, b int64?, s string";

/* What the last batch that came out was like. */
struct seen {
	bool selected;
	uint32_t rows, n_sel;
	const struct column *col0;
	int64_t last_at;
};

static void see(struct drive *d, uint32_t subtask, const struct batch *b)
{
	struct seen *s = d->user;
	(void)subtask;
	*s = (struct seen){b->selected, b->rows, b->n_sel, b->col[0],
			   b->origin.at->i64[b->origin.at->rows - 1]};
}

static void filter_open(struct drive *d, const char *expr, struct seen *s)
{
	char options[300];
	drive_open(d);
	snprintf(options, sizeof options, "{\"expr\":\"%s\"}", expr);
	if (!drive_plan(d, &filter_ops, options, fields, NULL, NULL))
		fail_msg("%s: %s", options, d->e.text);
	EXPECT(schema_equal(&d->plan.out, &d->in[0]));
	EXPECT_OK(drive_start(d, 1, NULL), &d->e);
	d->see = see;
	d->user = s;
}

TEST(what_is_false_or_null_does_not_pass)
{
	struct drive d;
	struct seen s;
	filter_open(&d, "b > 1", &s);
	drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1|1|x", "2|2|y", "3|~|z", "4|4|w"));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "2|2|y 4|4|w");
	EXPECT(s.selected && s.n_sel == 2 && s.rows == 4);
	drive_close(&d);
}

TEST(a_selection_is_narrowed_and_the_columns_are_shared)
{
	struct drive d;
	struct seen s;
	filter_open(&d, "a < 4", &s);
	struct batch *b = rows_batch(d.pool, &d.in[0], "1|1|x", "2|2|y", "3|~|z", "4|4|w");
	const struct column *col = b->col[0];
	drive_push(&d, 0, 0, rows_select(b, "1011"));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "1|1|x 3|~|z");
	EXPECT(s.col0 == col && s.selected && s.n_sel == 2);
	drive_close(&d);
}

TEST(when_all_pass_there_is_no_selection)
{
	struct drive d;
	struct seen s;
	filter_open(&d, "a > 0", &s);
	drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1|1|x", "2|2|y"));
	EXPECT(drive_run(&d));
	EXPECT(!s.selected && s.rows == 2 && d.rows.n == 2);
	drive_close(&d);
}

TEST(when_none_passes_nothing_is_sent)
{
	struct drive d;
	struct seen s;
	filter_open(&d, "a > 10", &s);
	drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1|1|x", "2|2|y"));
	EXPECT(drive_run(&d));
	EXPECT(d.batches == 0);
	drive_close(&d);
}

TEST(below_an_eighth_the_rows_are_copied_together_with_their_places)
{
	struct drive d;
	struct seen s;
	char text[64][24];
	const char *row[64];
	filter_open(&d, "a % 8 = 7", &s);
	for (int i = 0; i < 64; i++) {
		snprintf(text[i], sizeof text[i], "%d|~|a longer text %d", i, i);
		row[i] = text[i];
	}
	struct batch *b = rows_batch_n(d.pool, &d.in[0], row, 63); /* 7 of them */
	const struct column *col = b->col[0];
	drive_push(&d, 0, 0, b);
	EXPECT(drive_run(&d));
	EXPECT(!s.selected && s.rows == 7 && s.col0 != col && s.last_at == 5500);
	assert_string_equal(d.rows.row[6], "55|~|a longer text 55");
	drive_push(&d, 0, 0, rows_batch_n(d.pool, &d.in[0], row, 64)); /* an eighth */
	EXPECT(drive_run(&d));
	EXPECT(s.selected && s.rows == 64 && s.n_sel == 8);
	drive_close(&d);
}

TEST(an_error_of_a_record_names_place_and_expression)
{
	struct drive d;
	struct seen s;
	filter_open(&d, "1 / a = 1", &s);
	drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1|1|x", "2|2|y", "0|~|z"));
	EXPECT(!drive_run(&d));
	assert_string_equal(d.e.text, "stage 'stage'[0]: in.txt, byte 200: expression '1 / a = 1': "
				      "division by zero");
	drive_close(&d);
}

TEST(only_a_condition_is_taken)
{
	struct drive d;
	drive_open(&d);
	EXPECT(!drive_plan(&d, &filter_ops, "{\"expr\":\"a + 1\"}", fields, NULL, NULL));
	EXPECT(strstr(d.e.text, "the expression gives int64, not bool"));
	drive_unplan(&d);
	EXPECT(!drive_plan(&d, &filter_ops, "{\"expr\":\"c = 1\"}", fields, NULL, NULL));
	EXPECT(strstr(d.e.text, "unknown field 'c' (it reads: a, b, s"));
	drive_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_false_or_null_does_not_pass),
		T(a_selection_is_narrowed_and_the_columns_are_shared),
		T(when_all_pass_there_is_no_selection),
		T(when_none_passes_nothing_is_sent),
		T(below_an_eighth_the_rows_are_copied_together_with_their_places),
		T(an_error_of_a_record_names_place_and_expression),
		T(only_a_condition_is_taken),
	};
	return RUN(tests);
}
