/* test_keyed_sum.c - sums against a naive map, and the end that comes once. */
#include "base/rng.h"
#include "operators/operators.h"
#include "tests/lib/task_driver.h"

/* ---- the oracle: a list of texts and numbers ---- */

struct entry {
	char *key;
	bool any; /* something that was not null */
	int64_t sum;
};
struct oracle {
	struct entry *entry;
	size_t n;
};

static struct entry *oracle_find(struct oracle *o, const char *key)
{
	for (size_t i = 0; i < o->n; i++)
		if (!strcmp(o->entry[i].key, key))
			return &o->entry[i];
	o->entry = realloc(o->entry, (o->n + 1) * sizeof *o->entry);
	o->entry[o->n] = (struct entry){.key = strdup(key)};
	return &o->entry[o->n++];
}

static void oracle_clear(struct oracle *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->entry[i].key);
	free(o->entry);
	*o = (struct oracle){0};
}

static char *with_sum(const struct entry *x)
{
	char *text = malloc(strlen(x->key) + 40);
	if (x->any)
		sprintf(text, "%s|%" PRId64, x->key, x->sum);
	else
		sprintf(text, "%s|~", x->key);
	return text;
}

static void oracle_rows(const struct oracle *o, struct rows_list *to)
{
	for (size_t i = 0; i < o->n; i++)
		rows_list_add(to, with_sum(&o->entry[i]));
	rows_list_sort(to);
}

static void expect_equal(const struct rows_list *a, const struct rows_list *b)
{
	EXPECT(a->n == b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_string_equal(a->row[i], b->row[i]);
}

static void sum_open(struct drive *d, const char *options, const char *fields)
{
	drive_open(d);
	if (!drive_plan(d, &keyed_sum_ops, options, fields, NULL, NULL))
		fail_msg("%s: %s", options, d->e.text);
}

/* ---- by hand ---- */

TEST(update_emits_the_running_sum_for_each_record_and_shares_the_keys)
{
	struct drive d;
	char text[100];
	sum_open(&d, "{\"key\":\"w\",\"value\":\"1\",\"as\":\"n\"}", "w string, x int64");
	schema_text(&d.plan.out, text, sizeof text);
	assert_string_equal(text, "w string, n int64");
	EXPECT(d.plan.keyed && d.plan.value_bytes == 8 && d.plan.order_dependent);
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	struct batch *b = rows_batch(d.pool, &d.in[0], "a|1", "incomprehensibilities|2", "a|3", "a|4",
				     "incomprehensibilities|5", "b|6");
	drive_route(&d, rows_select(b, "111011"));
	EXPECT(drive_run(&d));
	drive_route(&d, rows_batch(d.pool, &d.in[0], "b|1", "a|2"));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "a|1 incomprehensibilities|1 a|2 "
						     "incomprehensibilities|2 b|1 b|2 a|3");
	drive_close(&d);
}

TEST(kept_fields_go_with_each_update_behind_its_sum)
{
	struct drive d;
	char text[100];
	sum_open(&d, "{\"key\":\"w\",\"value\":\"x\",\"keep\":[\"y\",\"x\"]}",
		 "x int64, w string, y string?");
	schema_text(&d.plan.out, text, sizeof text);
	assert_string_equal(text, "w string, sum int64, y string?, x int64");
	schema_text(&d.plan.key_schema, text, sizeof text);
	assert_string_equal(text, "w string"); /* they are no part of the state */
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	struct batch *b = rows_batch(d.pool, &d.in[0], "1|a|one", "2|b|~", "3|a|no", "4|a|three");
	drive_route(&d, rows_select(b, "1101"));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "a|1|one|1 b|2|~|2 a|5|three|4");
	drive_close(&d);
}

TEST(what_cannot_be_kept_is_refused)
{
	static const char *const options[][2] = {
		{"{\"key\":\"w\",\"keep\":\"z\"}", "unknown field 'z'"},
		{"{\"key\":\"w\",\"keep\":\"w\"}", "'w'"},
		{"{\"key\":\"w\",\"keep\":\"x\",\"emit\":\"end\"}", "is of many records"},
	};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		struct drive d;
		drive_open(&d);
		EXPECT(!drive_plan(&d, &keyed_sum_ops, options[i][0], "w string, x int64", NULL, NULL));
		if (!strstr(d.e.text, options[i][1]))
			fail_msg("%s gives: %s", options[i][0], d.e.text);
		drive_close(&d);
	}
}

TEST(without_a_key_there_is_one_sum_and_the_value_defaults_to_one)
{
	struct drive d;
	sum_open(&d, "{}", "x int64");
	EXPECT(d.plan.out.n == 1 && !strcmp(d.plan.out.field[0].name, "sum"));
	EXPECT_OK(drive_start(&d, 3, NULL), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "7", "8"));
	drive_route(&d, rows_batch(d.pool, &d.in[0], "9"));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "1 2 3");
	drive_close(&d);
}

TEST(nulls_add_nothing_and_a_key_of_nothing_but_nulls_has_no_sum)
{
	struct drive d;
	sum_open(&d, "{\"key\":\"k\",\"value\":\"x\"}", "k int64, x int64?");
	EXPECT(d.plan.value_bytes == 16 && d.plan.out.field[1].nullable);
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "1|~", "2|5", "1|~", "2|~", "1|0"));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "1|~ 2|5 1|~ 2|5 1|0");
	drive_close(&d);
}

TEST(floats_are_summed_as_floats_and_say_that_their_order_shows)
{
	struct drive d;
	sum_open(&d, "{\"key\":\"k\",\"value\":\"x\",\"emit\":\"end\"}", "k bool, x float64");
	EXPECT(strstr(d.plan.order_dependent, "floating-point"));
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "t|0.5", "f|1.25", "t|2"));
	drive_end(&d);
	EXPECT(drive_run(&d));
	rows_list_sort(&d.rows);
	assert_string_equal(rows_list_text(&d.rows), "false|1.25 true|2.5");
	drive_unplan(&d);
	EXPECT(drive_plan(&d, &keyed_sum_ops, "{\"value\":2.0}", "x int64", NULL, NULL));
	EXPECT(d.plan.out.field[0].type == T_FLOAT64);
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "1", "2"));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "2 4");
	drive_close(&d);
}

TEST(a_sum_out_of_range_names_place_and_expression)
{
	struct drive d;
	sum_open(&d, "{\"key\":\"k\",\"value\":\"x + 0\"}", "k int64, x int64");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	struct batch *b = rows_batch(d.pool, &d.in[0], "1|9223372036854775807", "2|1", "1|1", "1|0");
	drive_route(&d, rows_select(b, "1011"));
	EXPECT(!drive_run(&d));
	EXPECT(d.e.code == E_RECORD);
	assert_string_equal(d.e.text, "stage 'stage'[0]: in.txt, byte 200: expression 'x + 0': the sum "
				      "of its key is out of range for int64");
	drive_unplan(&d);
	EXPECT(drive_plan(&d, &keyed_sum_ops, "{\"value\":\"x\",\"emit\":\"end\"}", "x int64?", NULL,
			  NULL));
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "-9223372036854775807", "~", "-2"));
	EXPECT(!drive_run(&d));
	EXPECT(strstr(d.e.text, "in.txt, byte 200: expression 'x': the sum"));
	drive_close(&d);
}

TEST(an_error_of_the_value_names_place_and_expression)
{
	struct drive d;
	sum_open(&d, "{\"value\":\"10 / x\"}", "x int64");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "1", "0"));
	EXPECT(!drive_run(&d));
	EXPECT(strstr(d.e.text, "in.txt, byte 100: expression '10 / x': division by zero"));
	drive_close(&d);
}

static void expect_refused(const char *options, const char *fields, const char *says)
{
	struct drive d;
	drive_open(&d);
	EXPECT(!drive_plan(&d, &keyed_sum_ops, options, fields, NULL, NULL));
	if (!strstr(d.e.text, says))
		fail_msg("%s gives: %s", options, d.e.text);
	drive_close(&d);
}

TEST(what_makes_no_sense_is_refused)
{
	expect_refused("{\"key\":\"wrod\"}", "word string",
		       "unknown field 'wrod' (it reads: word; did you mean 'word'?)");
	expect_refused("{\"key\":[\"a\",\"a\"]}", "a int64", "field 'a' is there already");
	expect_refused("{\"key\":\"a\",\"as\":\"a\"}", "a int64", "field 'a' is there already");
	expect_refused("{\"value\":\"s\"}", "s string",
		       "only numbers can be summed; the value is string");
	expect_refused("{\"emit\":\"ends\"}", "s string", "did you mean 'end'?");
}

/* ---- against the oracle ---- */

/* Keys of every kind: `kind` chooses fields and how a random key is written. */
struct kind {
	const char *name, *fields, *key;
	uint32_t key_fields;
};
static const struct kind kinds[] = {
	{"int", "k int64, x int64", "\"k\"", 1},
	{"string", "k string, x int64", "\"k\"", 1},
	{"null int", "k int64?, x int64?", "\"k\"", 1},
	{"null string", "k string?, x int64", "\"k\"", 1},
	{"several", "k string?, l int64, m string, n bool?, x int64?",
	 "[\"k\",\"l\",\"m\",\"n\"]", 4},
	{"timestamp", "k timestamp, x int64?", "\"k\"", 1},
};

static void random_cell(struct rng *r, const struct field *f, bool is_value, char *to)
{
	static const char *const words[] = {"", "a", "b", "exactly 12 b", "thirteen byte",
					    "a much longer word than any view can hold",
					    "a much longer word than any view can hole"};
	if (f->nullable && rng_below(r, 4) == 0)
		strcpy(to, "~");
	else if (f->type == T_STRING)
		sprintf(to, "%s%s", words[rng_below(r, 7)], rng_below(r, 2) ? "" : "x");
	else if (f->type == T_BOOL)
		strcpy(to, rng_below(r, 2) ? "true" : "false");
	else
		sprintf(to, "%" PRId64, (int64_t)rng_below(r, is_value ? 1000 : 30) - 15);
}

static struct batch *random_batch(struct rng *r, struct drive *d)
{
	static char text[BATCH_ROWS][300];
	static const char *row[BATCH_ROWS];
	const struct schema *s = &d->in[0];
	uint32_t n = 1 + (uint32_t)rng_below(r, rng_below(r, 4) ? 40 : BATCH_ROWS);
	for (uint32_t i = 0; i < n; i++) {
		text[i][0] = '\0';
		for (uint32_t f = 0; f < s->n; f++) {
			char cell[100];
			random_cell(r, &s->field[f], f + 1 == s->n, cell);
			strcat(text[i], f ? "|" : "");
			strcat(text[i], cell);
		}
		row[i] = text[i];
	}
	struct batch *b = rows_batch_n(d->pool, s, row, n);
	if (rng_below(r, 2))
		rows_select(b, rng_below(r, 2) ? "110" : "01101");
	return b;
}

/* Adds the batch's records; to: what update must emit for them. */
static void oracle_add(struct oracle *o, const struct batch *b, struct rows_list *to)
{
	for (uint32_t i = 0; i < batch_count(b); i++) {
		char *text = rows_text(b, b->selected ? b->sel[i] : i), *value = strrchr(text, '|');
		*value++ = '\0';
		struct entry *x = oracle_find(o, text);
		if (strcmp(value, "~")) {
			x->any = true;
			x->sum += strtoll(value, NULL, 10);
		}
		if (to)
			rows_list_add(to, with_sum(x));
		free(text);
	}
}

static void kind_open(struct drive *d, const struct kind *k, const char *emit)
{
	char options[200];
	snprintf(options, sizeof options, "{\"key\":%s,\"value\":\"x\",\"emit\":\"%s\"}", k->key, emit);
	sum_open(d, options, k->fields);
}

TEST(updates_are_those_of_a_naive_map_for_every_kind_of_key)
{
	struct rng r;
	rng_seed(&r, 4711);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		struct drive d;
		struct oracle o = {0};
		struct rows_list want = {0};
		print_message("%s\n", kinds[k].name);
		kind_open(&d, &kinds[k], "update");
		EXPECT_OK(drive_start(&d, 1 + (uint32_t)rng_below(&r, 4), NULL), &d.e);
		for (int i = 0; i < 25; i++) {
			struct batch *b = random_batch(&r, &d);
			oracle_add(&o, b, &want);
			EXPECT(drive_route(&d, b));
		}
		EXPECT(drive_run(&d));
		rows_list_sort(&d.rows);
		rows_list_sort(&want);
		expect_equal(&d.rows, &want);
		rows_list_clear(&want);
		oracle_clear(&o);
		drive_close(&d);
	}
}

/* ---- the sum of all sums ---- */

static void watch(struct drive *d)
{
	for (uint32_t t = 0; t < d->n; t++)
		keyed_watch_sums(task_keyed(d->task[t]), 1);
}

static __int128 watched(const struct drive *d)
{
	__int128 sum = 0;
	for (uint32_t t = 0; t < d->n; t++)
		sum += keyed_totals(task_keyed(d->task[t])).sum[0];
	return sum;
}

TEST(a_watched_sum_is_that_of_a_naive_map_for_every_kind_of_key)
{
	struct rng r;
	rng_seed(&r, 4713);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		struct drive d;
		struct oracle o = {0};
		__int128 want = 0;
		kind_open(&d, &kinds[k], rng_below(&r, 2) ? "update" : "end");
		EXPECT_OK(drive_start(&d, 1 + (uint32_t)rng_below(&r, 4), NULL), &d.e);
		watch(&d);
		for (int i = 0; i < 25; i++) {
			struct batch *b = random_batch(&r, &d);
			oracle_add(&o, b, NULL);
			EXPECT(drive_route(&d, b));
		}
		EXPECT(drive_run(&d));
		for (size_t i = 0; i < o.n; i++)
			want += o.entry[i].sum;
		EXPECT(watched(&d) == want);
		oracle_clear(&o);
		drive_close(&d);
	}
}

TEST(a_skipped_record_is_not_in_the_watched_sum_whatever_stands_around_it)
{
	static const char *const options[] = {
		"{\"key\":\"k\",\"value\":\"x\",\"on_error\":\"skip\"}",
		"{\"key\":\"k\",\"value\":\"x\",\"on_error\":\"skip\",\"emit\":\"end\"}",
		"{\"value\":\"x\",\"on_error\":\"skip\"}",
	};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		struct drive d;
		sum_open(&d, options[i], "k int64, x int64");
		EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
		watch(&d);
		struct batch *b = rows_batch(d.pool, &d.in[0], "1|9223372036854775807", "1|1", "1|2",
					     "1|3", "1|-7", "1|8", "1|-1");
		drive_route(&d, rows_select(b, "1011111"));
		EXPECT(drive_run(&d));
		EXPECT(watched(&d) == (__int128)INT64_MAX - 8); /* 2, 3 and 8 do not fit */
		drive_close(&d);
	}
}

/* Lives and parallelisms at random; what came after the newest checkpoint is put in again. */
static void through_lives(struct rng *r, const struct kind *k, const char *emit)
{
	struct drive d;
	struct drive_saved saved = {0};
	struct oracle o = {0};
	struct rows_list want = {0};
	bool at_end = !strcmp(emit, "end");
	kind_open(&d, k, emit);
	d.keep_text = at_end;
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	EXPECT(drive_checkpoint(&d, &saved));
	for (int life = 0; life < 6; life++) {
		for (int i = 0; i < 4; i++) {
			struct batch *b = random_batch(r, &d);
			oracle_add(&o, b, NULL);
			EXPECT(drive_route(&d, b));
		}
		EXPECT(drive_checkpoint(&d, &saved));
		EXPECT(drive_route(&d, random_batch(r, &d))); /* not in the checkpoint */
		EXPECT(drive_run(&d));
		drive_stop(&d);
		EXPECT_OK(drive_start(&d, 1 + (uint32_t)rng_below(r, DRIVE_TASKS), &saved), &d.e);
		EXPECT(d.rows.n == 0);
	}
	d.keep_text = true;
	if (!at_end) {
		struct batch *b = random_batch(r, &d);
		oracle_add(&o, b, &want);
		EXPECT(drive_route(&d, b));
	} else {
		oracle_rows(&o, &want);
	}
	drive_end(&d);
	EXPECT(drive_run(&d));
	rows_list_sort(&d.rows);
	rows_list_sort(&want);
	expect_equal(&d.rows, &want);
	rows_list_clear(&want);
	oracle_clear(&o);
	drive_saved_close(&saved);
	drive_close(&d);
}

TEST(inv30_sums_go_on_through_restarts_and_rescales)
{
	struct rng r;
	rng_seed(&r, 815);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		through_lives(&r, &kinds[k], "update");
		through_lives(&r, &kinds[k], "end");
	}
}

/* ---- the end ---- */

static void fill(struct drive *d, struct oracle *o, uint64_t seed)
{
	struct rng r;
	rng_seed(&r, seed);
	for (int i = 0; i < 5; i++) {
		struct batch *b = random_batch(&r, d);
		oracle_add(o, b, NULL);
		EXPECT(drive_route(d, b));
	}
}

TEST(inv20_what_the_end_emitted_before_a_checkpoint_is_not_emitted_after_it)
{
	for (uint32_t before = 1; before <= 4; before++)
		for (uint32_t after = 1; after <= 4; after++) {
			struct drive d;
			struct drive_saved saved = {0};
			struct oracle o = {0};
			struct rows_list want = {0};
			kind_open(&d, &kinds[4], "end");
			EXPECT_OK(drive_start(&d, before, NULL), &d.e);
			fill(&d, &o, 99);
			drive_end(&d);
			EXPECT(drive_run(&d));
			oracle_rows(&o, &want);
			rows_list_sort(&d.rows);
			expect_equal(&d.rows, &want);
			EXPECT(drive_checkpoint(&d, &saved));
			drive_stop(&d);
			/* Twice: the state of a restored one says the same. */
			for (int again = 0; again < 2; again++) {
				rows_list_clear(&d.rows);
				EXPECT_OK(drive_start(&d, after, &saved), &d.e);
				drive_end(&d);
				EXPECT(drive_run(&d));
				EXPECT(d.rows.n == 0);
				for (uint32_t t = 0; t < after; t++)
					EXPECT(d.ended[t]);
				EXPECT(drive_checkpoint(&d, &saved));
				drive_stop(&d);
			}
			rows_list_clear(&want);
			oracle_clear(&o);
			drive_saved_close(&saved);
			drive_close(&d);
		}
}

/* As if a checkpoint had come when some subtasks were through with their end, others not. */
TEST(each_key_ends_once_even_where_only_some_subtasks_had_ended)
{
	for (uint32_t after = 1; after <= 5; after++) {
		struct drive d;
		struct drive_saved saved = {0};
		struct oracle o = {0};
		struct rows_list want = {0};
		kind_open(&d, &kinds[0], "end");
		EXPECT_OK(drive_start(&d, 3, NULL), &d.e);
		fill(&d, &o, 7);
		EXPECT(drive_run(&d));
		struct item end = {.kind = ITEM_END};
		EXPECT(channel_try_push(d.ins[1][0], &end));
		EXPECT(drive_run(&d));
		EXPECT(d.ended[1] && !d.ended[0] && d.rows.n > 0);
		EXPECT(drive_checkpoint(&d, &saved));
		drive_stop(&d);
		EXPECT_OK(drive_start(&d, after, &saved), &d.e);
		drive_end(&d);
		EXPECT(drive_run(&d));
		oracle_rows(&o, &want);
		rows_list_sort(&d.rows); /* of both lives together */
		expect_equal(&d.rows, &want);
		rows_list_clear(&want);
		oracle_clear(&o);
		drive_saved_close(&saved);
		drive_close(&d);
	}
}

TEST(input_after_the_end_was_emitted_is_refused)
{
	struct drive d;
	struct drive_saved saved = {0};
	sum_open(&d, "{\"key\":\"k\",\"emit\":\"end\"}", "k int64");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "1"));
	drive_end(&d);
	EXPECT(drive_checkpoint(&d, &saved));
	drive_stop(&d);
	EXPECT_OK(drive_start(&d, 1, &saved), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "1"));
	EXPECT(!drive_run(&d));
	EXPECT(d.e.code == E_REFUSED && strstr(d.e.text, "--fresh"));
	drive_saved_close(&saved);
	drive_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(update_emits_the_running_sum_for_each_record_and_shares_the_keys),
		T(kept_fields_go_with_each_update_behind_its_sum),
		T(what_cannot_be_kept_is_refused),
		T(without_a_key_there_is_one_sum_and_the_value_defaults_to_one),
		T(nulls_add_nothing_and_a_key_of_nothing_but_nulls_has_no_sum),
		T(floats_are_summed_as_floats_and_say_that_their_order_shows),
		T(a_sum_out_of_range_names_place_and_expression),
		T(an_error_of_the_value_names_place_and_expression),
		T(what_makes_no_sense_is_refused),
		T(updates_are_those_of_a_naive_map_for_every_kind_of_key),
		T(a_watched_sum_is_that_of_a_naive_map_for_every_kind_of_key),
		T(a_skipped_record_is_not_in_the_watched_sum_whatever_stands_around_it),
		T(inv30_sums_go_on_through_restarts_and_rescales),
		T(inv20_what_the_end_emitted_before_a_checkpoint_is_not_emitted_after_it),
		T(each_key_ends_once_even_where_only_some_subtasks_had_ended),
		T(input_after_the_end_was_emitted_is_refused),
	};
	return RUN(tests);
}
