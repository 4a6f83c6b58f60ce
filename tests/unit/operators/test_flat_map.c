/* test_flat_map.c - a record for each element, one batch a call. */
#include "operators/operators.h"
#include "tests/lib/task_driver.h"

static const char fields[] = "id int64, line string?, ok bool";

static void flat_open(struct drive *d, const char *options)
{
	drive_open(d);
	if (!drive_plan(d, &flat_map_ops, options, fields, NULL, NULL))
		fail_msg("%s: %s", options, d->e.text);
}

TEST(elements_come_in_order_with_what_is_kept)
{
	struct drive d;
	char text[200];
	flat_open(&d, "{\"expr\":\"split(lower(line))\",\"as\":\"word\",\"keep\":[\"ok\",\"id\"]}");
	schema_text(&d.plan.out, text, sizeof text);
	EXPECT(!strncmp(text, "word string", 11) && strstr(text, ", ok bool, id int64"));
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_push(&d, 0, 0,
		   rows_batch(d.pool, &d.in[0], "1|The quick  BROWN|t", "2|~|t", "3||f",
			      "4| incomprehensibilities jump |f"));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "the|true|1 quick|true|1 brown|true|1 "
						     "incomprehensibilities|false|4 jump|false|4");
	EXPECT(d.batches == 1);
	drive_close(&d);
}

TEST(rows_selected_away_have_no_elements)
{
	struct drive d;
	flat_open(&d, "{\"expr\":\"split(line, ',')\",\"as\":\"x\"}");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	struct batch *b = rows_batch(d.pool, &d.in[0], "1|a,b|t", "2|c,d|t", "3|,|f");
	drive_push(&d, 0, 0, rows_select(b, "101"));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "a b  ");
	drive_close(&d);
}

TEST(nothing_is_sent_where_there_is_no_element)
{
	struct drive d;
	flat_open(&d, "{\"expr\":\"split(line)\",\"as\":\"x\",\"keep\":\"id\"}");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1|  |t", "2|~|t"));
	EXPECT(drive_run(&d));
	EXPECT(d.batches == 0);
	drive_close(&d);
}

struct seen {
	uint32_t rows[64];
	uint64_t first[64], end[64];
};

static void see(struct drive *d, uint32_t subtask, const struct batch *b)
{
	struct seen *s = d->user;
	(void)subtask;
	EXPECT(d->batches <= 64 && !b->origin.at && !strcmp(b->origin.name, "in.txt"));
	s->rows[d->batches - 1] = b->rows;
	s->first[d->batches - 1] = b->origin.first;
	s->end[d->batches - 1] = b->origin.end;
}

/* 100 lines of 25 words: 2,500 elements, "i.k". */
static struct batch *many(struct drive *d)
{
	static char text[100][400];
	const char *row[100];
	for (int i = 0; i < 100; i++) {
		int at = snprintf(text[i], sizeof text[i], "%d|", i);
		for (int k = 0; k < 25; k++)
			at += snprintf(text[i] + at, sizeof text[i] - (size_t)at, "%d.%d ", i, k);
		strcpy(text[i] + at, "|t");
		row[i] = text[i];
	}
	return rows_batch_n(d->pool, &d->in[0], row, 100);
}

static void expect_many(const struct drive *d)
{
	EXPECT(d->rows.n == 2500);
	for (int i = 0; i < 2500; i++) {
		char want[40];
		snprintf(want, sizeof want, "%d.%d|%d", i / 25, i % 25, i / 25);
		assert_string_equal(d->rows.row[i], want);
	}
}

/* Sends many(); where numbered, its rows are 700 to 799 and have no places of their own. */
static void split_many(struct seen *s, bool numbered)
{
	struct drive d;
	flat_open(&d, "{\"expr\":\"split(line)\",\"as\":\"x\",\"keep\":\"id\"}");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	d.see = see;
	d.user = s;
	struct batch *b = many(&d);
	if (numbered) {
		column_drop(b->origin.at);
		b->origin.at = NULL;
		b->origin.consecutive = true;
		b->origin.first = 700;
		b->origin.end = 800;
	}
	drive_push(&d, 0, 0, b);
	EXPECT(drive_run(&d));
	expect_many(&d);
	EXPECT(d.batches == 3);
	EXPECT(s->rows[0] == 1024 && s->rows[1] == 1024 && s->rows[2] == 452);
	drive_close(&d);
}

TEST(batches_are_full_but_the_last_and_their_origin_is_that_of_their_lines)
{
	struct seen s;
	split_many(&s, false);
	/* Line i stands at byte 100 i; element 1,023 is of line 40, and so is 1,024. */
	EXPECT(s.first[0] == 0 && s.end[0] == 4100);
	EXPECT(s.first[1] == 4000 && s.end[1] == 8200);
	EXPECT(s.first[2] == 8100 && s.end[2] == 10000);
}

TEST(elements_of_rows_that_are_only_numbered_come_from_those_rows)
{
	struct seen s;
	split_many(&s, true);
	EXPECT(s.first[0] == 700 && s.end[0] == 741);
	EXPECT(s.first[1] == 740 && s.end[1] == 782);
	EXPECT(s.first[2] == 781 && s.end[2] == 800);
}

TEST(a_call_emits_one_batch_so_a_channel_of_one_slot_is_enough)
{
	struct drive d;
	flat_open(&d, "{\"expr\":\"split(line)\",\"as\":\"x\",\"keep\":\"id\"}");
	d.out_slots = 1;
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_push(&d, 0, 0, many(&d));
	for (uint32_t want = 0; want < 3; want++) {
		uint32_t waited = 0;
		for (int i = 0; i < 10; i++)
			waited += drive_step(&d, 0) == TASK_BACKPRESSURED;
		EXPECT(d.batches == want && waited > 5);
		EXPECT(drive_take(&d, 0));
	}
	EXPECT(drive_run(&d));
	expect_many(&d);
	drive_close(&d);
}

TEST(closing_in_the_middle_of_a_batch_leaks_nothing)
{
	struct drive d;
	flat_open(&d, "{\"expr\":\"split(line)\",\"as\":\"x\",\"keep\":\"id\"}");
	d.out_slots = 1;
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_push(&d, 0, 0, many(&d));
	for (int i = 0; i < 5; i++)
		drive_step(&d, 0);
	drive_close(&d);
}

TEST(an_error_of_a_record_names_place_and_expression)
{
	struct drive d;
	flat_open(&d, "{\"expr\":\"split(substr(line, 1, 2 / id))\",\"as\":\"x\"}");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1|a|t", "0|b|t"));
	EXPECT(!drive_run(&d));
	EXPECT(strstr(d.e.text, "in.txt, byte 100: expression 'split(substr(line, 1, 2 / id))': "
				"division by zero"));
	drive_close(&d);
}

static void expect_refused(const char *options, const char *says)
{
	struct drive d;
	drive_open(&d);
	EXPECT(!drive_plan(&d, &flat_map_ops, options, fields, NULL, NULL));
	if (!strstr(d.e.text, says))
		fail_msg("%s gives: %s", options, d.e.text);
	drive_close(&d);
}

TEST(what_makes_no_sense_is_refused)
{
	expect_refused("{\"expr\":\"lower(line)\",\"as\":\"x\"}", "");
	expect_refused("{\"expr\":\"split(lin)\",\"as\":\"x\"}", "did you mean 'line'?");
	expect_refused("{\"expr\":\"split(line)\",\"as\":\"id\",\"keep\":\"id\"}",
		       "field 'id' is there already");
	expect_refused("{\"expr\":\"split(line)\",\"as\":\"x\",\"keep\":[\"id\",\"ix\"]}",
		       "unknown field 'ix'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(elements_come_in_order_with_what_is_kept),
		T(rows_selected_away_have_no_elements),
		T(nothing_is_sent_where_there_is_no_element),
		T(batches_are_full_but_the_last_and_their_origin_is_that_of_their_lines),
		T(elements_of_rows_that_are_only_numbered_come_from_those_rows),
		T(a_call_emits_one_batch_so_a_channel_of_one_slot_is_enough),
		T(closing_in_the_middle_of_a_batch_leaks_nothing),
		T(an_error_of_a_record_names_place_and_expression),
		T(what_makes_no_sense_is_refused),
	};
	return RUN(tests);
}
