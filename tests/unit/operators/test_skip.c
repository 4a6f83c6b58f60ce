/* test_skip.c - on_error: skip, operator by operator: left out is what a naive loop over the
 * records leaves out, however they stood together; the others go on; a restart does not show. */
#include "base/rng.h"
#include "operators/operators.h"
#include "tests/lib/task_driver.h"

static void skip_open(struct drive *d, const struct op_ops *ops, const char *options,
		      const char *fields)
{
	drive_open(d);
	if (!drive_plan(d, ops, options, fields, NULL, NULL))
		fail_msg("%s: %s", options, d->e.text);
	EXPECT(d->plan.skip);
	EXPECT_OK(drive_start(d, 1, NULL), &d->e);
}

/* ---- random batches ---- */

/* Rows "a|b|s" of which about one in `often` has a zero for a, and likewise for b; a third of the
 * batches is selected from. */
struct sample {
	uint32_t n;
	int64_t a[BATCH_ROWS], b[BATCH_ROWS];
	bool in[BATCH_ROWS];
	char text[BATCH_ROWS][64];
};
static const char sample_fields[] = "a int64, b int64, s string";

static struct batch *sample_make(struct sample *s, struct drive *d, struct rng *r, uint64_t often)
{
	const char *row[BATCH_ROWS];
	bool selected = rng_below(r, 3) == 0;
	s->n = rng_below(r, 4) ? BATCH_ROWS : 1 + (uint32_t)rng_below(r, 40);
	for (uint32_t i = 0; i < s->n; i++) {
		s->a[i] = rng_below(r, often) ? 1 + (int64_t)rng_below(r, 100) : 0;
		s->b[i] = rng_below(r, often) ? 1 + (int64_t)rng_below(r, 100) : 0;
		s->in[i] = !selected || rng_below(r, 2);
		snprintf(s->text[i], sizeof s->text[i], "%" PRId64 "|%" PRId64 "|text %u %s", s->a[i],
			 s->b[i], i, i % 3 ? "" : "and more of it");
		row[i] = s->text[i];
	}
	struct batch *b = rows_batch_n(d->pool, &d->in[0], row, s->n);
	b->selected = selected;
	for (uint32_t i = 0; selected && i < s->n; i++)
		if (s->in[i])
			b->sel[b->n_sel++] = (uint16_t)i;
	return b;
}

__attribute__((format(printf, 2, 3))) static void add_row(struct rows_list *l, const char *fmt, ...)
{
	char text[200];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rows_list_add(l, strdup(text));
}

static void expect_equal(const struct rows_list *got, const struct rows_list *want)
{
	EXPECT(got->n == want->n);
	for (size_t i = 0; i < got->n; i++)
		assert_string_equal(got->row[i], want->row[i]);
}

/* What of a record comes out; appends rows. False: it is bad. */
typedef bool oracle_fn(const struct sample *s, uint32_t i, struct rows_list *to);

static void expect_oracle(const struct op_ops *ops, const char *options, oracle_fn *oracle)
{
	static const uint64_t often[] = {UINT64_MAX, 1000, 50, 4, 2, 1};
	for (size_t k = 0; k < sizeof often / sizeof *often; k++) {
		struct drive d;
		struct rng r;
		struct rows_list want = {0};
		struct sample *s = calloc(1, sizeof *s);
		uint64_t bad = 0, in = 0;
		rng_seed(&r, 20 + k);
		skip_open(&d, ops, options, sample_fields);
		for (int round = 0; round < 8; round++) {
			drive_push(&d, 0, 0, sample_make(s, &d, &r, often[k]));
			for (uint32_t i = 0; i < s->n; i++) {
				in += s->in[i];
				bad += s->in[i] && !oracle(s, i, &want);
			}
		}
		if (!drive_run(&d))
			fail_msg("seed %zu: %s", 20 + k, d.e.text);
		expect_equal(&d.rows, &want);
		EXPECT(drive_skipped(&d) == bad);
		EXPECT(task_stats(d.task[0])->records_in == in);
		EXPECT(d.skips_told == (bad > 0));
		rows_list_clear(&want);
		drive_close(&d);
		free(s);
	}
}

static bool map_oracle(const struct sample *s, uint32_t i, struct rows_list *to)
{
	if (!s->a[i] || !s->b[i] || s->a[i] == 7)
		return false;
	add_row(to, "%" PRId64 "|%" PRId64 "|%s|%" PRId64, 1000 / s->a[i], s->b[i],
		strrchr(s->text[i], '|') + 1, 1000 % s->b[i] + 10 / (s->a[i] - 7));
	return true;
}

TEST(map_leaves_out_what_any_of_its_expressions_cannot_be_computed_for)
{
	expect_oracle(&map_ops,
		      "{\"on_error\":\"skip\",\"set\":{\"a\":\"1000 / a\",\"c\":\"1000 % b + 10 / (a - "
		      "7)\"}}",
		      map_oracle);
}

static bool filter_oracle(const struct sample *s, uint32_t i, struct rows_list *to)
{
	if (!s->a[i])
		return false;
	if (1000 / s->a[i] > s->b[i])
		add_row(to, "%s", s->text[i]);
	return true;
}

TEST(filter_leaves_out_what_it_cannot_judge)
{
	expect_oracle(&filter_ops, "{\"on_error\":\"skip\",\"expr\":\"1000 / a > b\"}", filter_oracle);
}

/* A list of 100 / a + 1 pieces. */
static bool flat_oracle(const struct sample *s, uint32_t i, struct rows_list *to)
{
	if (!s->a[i] || !s->b[i])
		return false;
	const char *text = strrchr(s->text[i], '|') + 1;
	size_t len = (size_t)(1000 / s->a[i] / s->b[i]);
	char cut[64], *save = NULL;
	snprintf(cut, sizeof cut, "%.*s", len < 60 ? (int)len : 60, text);
	for (char *w = strtok_r(cut, " ", &save); w; w = strtok_r(NULL, " ", &save))
		add_row(to, "%s|%" PRId64, w, s->b[i]);
	return true;
}

TEST(flat_map_leaves_out_all_elements_of_a_record_or_none)
{
	expect_oracle(&flat_map_ops,
		      "{\"on_error\":\"skip\",\"expr\":\"split(substr(s, 1, 1000 / a / b))\",\"as\":\"w\","
		      "\"keep\":\"b\"}",
		      flat_oracle);
}

/* One sum of everything: what of a record comes out depends on those before it. */
static int64_t running_sum;

static bool sum_oracle(const struct sample *s, uint32_t i, struct rows_list *to)
{
	if (!s->a[i])
		return false;
	int64_t v = 900000000000000000 / s->a[i] * (s->b[i] % 2 ? 1 : -1);
	if (__builtin_add_overflow(running_sum, v, &v))
		return false;
	running_sum = v;
	add_row(to, "%" PRId64, v);
	return true;
}

TEST(keyed_sum_leaves_out_values_that_fail_and_those_whose_sum_does_not_fit)
{
	static const uint64_t seeds[] = {1, 2, 3};
	for (size_t k = 0; k < sizeof seeds / sizeof *seeds; k++) {
		struct drive d;
		struct rng r;
		struct rows_list want = {0};
		struct sample *s = calloc(1, sizeof *s);
		uint64_t bad = 0;
		rng_seed(&r, seeds[k]);
		running_sum = 0;
		skip_open(&d, &keyed_sum_ops,
			  "{\"on_error\":\"skip\",\"value\":\"900000000000000000 / a * case when b % 2 = 0 "
			  "then -1 else 1 end\"}",
			  sample_fields);
		for (int round = 0; round < 12; round++) {
			drive_route(&d, sample_make(s, &d, &r, 10));
			for (uint32_t i = 0; i < s->n; i++)
				bad += s->in[i] && !sum_oracle(s, i, &want);
		}
		EXPECT(drive_run(&d));
		expect_equal(&d.rows, &want);
		EXPECT(drive_skipped(&d) == bad && bad);
		rows_list_clear(&want);
		drive_close(&d);
		free(s);
	}
}

/* ---- by hand ---- */

TEST(the_first_record_left_out_is_told_with_place_and_reason_and_no_other)
{
	struct drive d;
	skip_open(&d, &map_ops, "{\"on_error\":\"skip\",\"set\":{\"q\":\"10 / a\"}}", "a int64");
	EXPECT(drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1", "0", "2", "0")));
	EXPECT(drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "0", "5")));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "1|10 2|5 5|2");
	EXPECT(drive_skipped(&d) == 3 && d.skips_told == 1);
	assert_string_equal(d.skip.text,
			    "stage 'stage'[0]: in.txt, byte 100: expression '10 / a': division by zero");
	drive_close(&d);
}

TEST(a_constant_that_fails_leaves_out_every_record)
{
	struct drive d;
	skip_open(&d, &map_ops, "{\"on_error\":\"skip\",\"set\":{\"q\":\"1 / 0\"}}", "a int64");
	EXPECT(drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1", "0", "2")));
	EXPECT(drive_run(&d));
	EXPECT(d.rows.n == 0 && d.batches == 0 && drive_skipped(&d) == 3);
	drive_close(&d);
}

TEST(a_record_is_tried_for_what_case_asks_of_it_only)
{
	struct drive d;
	skip_open(&d, &map_ops,
		  "{\"on_error\":\"skip\",\"select\":{\"q\":\"case when a < 5 then 10 / a else 0 end\"}}",
		  "a int64?");
	EXPECT(drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1", "0", "~", "9")));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "10 0 0");
	drive_close(&d);
}

TEST(flat_map_goes_on_over_many_calls_without_what_it_left_out)
{
	struct drive d;
	drive_open(&d);
	EXPECT(drive_plan(&d, &flat_map_ops,
			  "{\"on_error\":\"skip\",\"expr\":\"split(substr(s, 1, 100 / a * 100))\",\"as\":"
			  "\"w\"}",
			  "a int64, s string", NULL, NULL));
	d.out_slots = 1;
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	char row[3][2000];
	const char *rows[3] = {row[0], row[1], row[2]};
	for (int i = 0; i < 3; i++) {
		char *at = row[i] + sprintf(row[i], "%d|", i != 1);
		for (int w = 0; w < 900; w++)
			at += sprintf(at, "%c ", 'a' + i);
	}
	EXPECT(drive_push(&d, 0, 0, rows_batch_n(d.pool, &d.in[0], rows, 3)));
	EXPECT(drive_run(&d));
	EXPECT(d.rows.n == 1800 && d.batches == 2 && drive_skipped(&d) == 1);
	EXPECT(!strcmp(d.rows.row[899], "a") && !strcmp(d.rows.row[900], "c"));
	drive_close(&d);
}

TEST(a_key_too_long_is_left_out_where_it_is_summed)
{
	static const char *const fields[] = {"k string, v int64", "k string?, v int64"};
	for (int i = 0; i < 2; i++) {
		struct drive d;
		char *word = malloc(KEY_BYTES_MAX + 10);
		memset(word, 'x', KEY_BYTES_MAX + 1);
		strcpy(word + KEY_BYTES_MAX + 1, "|5");
		skip_open(&d, &keyed_sum_ops, "{\"on_error\":\"skip\",\"key\":\"k\",\"value\":\"v\"}",
			  fields[i]);
		EXPECT(drive_route(&d, rows_batch(d.pool, &d.in[0], "a|1", word, "b|2", "a|3")));
		EXPECT(drive_run(&d));
		assert_string_equal(rows_list_text(&d.rows), "a|1 b|2 a|4");
		EXPECT(drive_skipped(&d) == 1 && d.skips_told == 1);
		EXPECT(strstr(d.skip.text, "in.txt, byte 100: a key of 655"));
		drive_close(&d);
		free(word);
	}
}

TEST(sums_that_do_not_fit_leave_their_key_as_it_was_also_beside_nulls)
{
	struct drive d;
	skip_open(&d, &keyed_sum_ops,
		  "{\"on_error\":\"skip\",\"key\":\"k\",\"value\":\"v\",\"emit\":\"end\"}",
		  "k int64, v int64?");
	EXPECT(d.plan.order_dependent);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "1|9223372036854775807", "1|1", "2|4", "1|~",
				   "1|-7", "1|8", "2|9223372036854775807", "1|7"));
	drive_end(&d);
	EXPECT(drive_run(&d));
	rows_list_sort(&d.rows);
	assert_string_equal(rows_list_text(&d.rows), "1|9223372036854775807 2|4");
	EXPECT(drive_skipped(&d) == 3);
	drive_close(&d);
}

TEST(running_sums_come_for_the_records_that_fit_with_nulls_kept)
{
	struct drive d;
	skip_open(&d, &keyed_sum_ops, "{\"on_error\":\"skip\",\"value\":\"v\"}", "v int64?");
	drive_route(&d, rows_select(rows_batch(d.pool, &d.in[0], "~", "9223372036854775807", "3", "1",
					       "~", "-1", "2", "1"),
				    "11011111"));
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows),
			    "~ 9223372036854775807 9223372036854775807 9223372036854775806 "
			    "9223372036854775807");
	EXPECT(drive_skipped(&d) == 2);
	drive_close(&d);
}

/* ---- the generator, through lives ---- */

struct made {
	uint64_t n, seen[2048 / 64];
};

static void see_row(struct drive *d, uint32_t subtask, const struct batch *b)
{
	struct made *m = d->user;
	if (d->saving && d->past[subtask])
		return; /* behind the barrier: a crash takes it */
	for (uint32_t i = 0; i < batch_count(b); i++) {
		uint32_t row = (uint32_t)b->col[0]->i64[b->selected ? b->sel[i] : i];
		EXPECT(row < 2048 && !bit_get(m->seen, row));
		bit_set(m->seen, row);
		m->n++;
	}
}

TEST(generator_leaves_out_rows_and_a_restart_leaves_out_the_same)
{
	struct drive d;
	struct drive_saved saved = {0};
	struct made m = {0};
	skip_open(&d, &generator_source_ops,
		  "{\"on_error\":\"skip\",\"rows\":2048,\"rate\":10000,\"fields\":{\"i\":\"i\","
		  "\"x\":\"1 / (i % 5)\",\"y\":\"1 / (i % 7)\"}}",
		  NULL);
	d.see = see_row;
	d.user = &m;
	d.keep_text = false;
	for (int i = 0; i < 4; i++) {
		EXPECT(drive_run(&d));
		d.now_us = d.wake_at_us;
	}
	EXPECT(drive_checkpoint(&d, &saved));
	EXPECT(m.n > 0 && m.n < 1200);
	drive_stop(&d);
	EXPECT_OK(drive_start(&d, 2, &saved), &d.e);
	do {
		EXPECT(drive_run(&d));
		d.now_us = d.wake_at_us;
	} while (d.wake_at_us != UINT64_MAX);
	for (uint32_t i = 0; i < 2048; i++)
		EXPECT(bit_get(m.seen, i) == (i % 5 && i % 7));
	drive_saved_close(&saved);
	drive_close(&d);
}

/* ---- what is no record's fault ---- */

TEST(no_memory_is_not_skipped_and_nothing_leaks)
{
	for (uint64_t n = 1;; n++) {
		struct drive d;
		skip_open(&d, &map_ops, "{\"on_error\":\"skip\",\"set\":{\"q\":\"10 / a\"}}", "a int64");
		EXPECT(drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1", "0", "2", "0", "3")));
		d.mem.fail_at = atomic_load(&d.mem.calls) + n;
		bool ok = drive_run(&d);
		bool reached = atomic_load(&d.mem.calls) >= d.mem.fail_at;
		d.mem.fail_at = 0;
		if (!ok)
			EXPECT(d.e.code == E_NO_MEMORY);
		else
			assert_string_equal(rows_list_text(&d.rows), "1|10 2|5 3|3");
		drive_close(&d);
		if (!reached)
			break;
	}
}

TEST(without_skip_the_same_record_fails_the_stage)
{
	struct drive d;
	drive_open(&d);
	EXPECT(drive_plan(&d, &map_ops, "{\"set\":{\"q\":\"10 / a\"}}", "a int64", NULL, NULL));
	EXPECT(!d.plan.skip);
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	EXPECT(drive_push(&d, 0, 0, rows_batch(d.pool, &d.in[0], "1", "0")));
	EXPECT(!drive_run(&d) && d.e.code == E_RECORD && !d.skips_told);
	drive_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(map_leaves_out_what_any_of_its_expressions_cannot_be_computed_for),
		T(filter_leaves_out_what_it_cannot_judge),
		T(flat_map_leaves_out_all_elements_of_a_record_or_none),
		T(keyed_sum_leaves_out_values_that_fail_and_those_whose_sum_does_not_fit),
		T(the_first_record_left_out_is_told_with_place_and_reason_and_no_other),
		T(a_constant_that_fails_leaves_out_every_record),
		T(a_record_is_tried_for_what_case_asks_of_it_only),
		T(flat_map_goes_on_over_many_calls_without_what_it_left_out),
		T(a_key_too_long_is_left_out_where_it_is_summed),
		T(sums_that_do_not_fit_leave_their_key_as_it_was_also_beside_nulls),
		T(running_sums_come_for_the_records_that_fit_with_nulls_kept),
		T(generator_leaves_out_rows_and_a_restart_leaves_out_the_same),
		T(no_memory_is_not_skipped_and_nothing_leaks),
		T(without_skip_the_same_record_fails_the_stage),
	};
	return RUN(tests);
}
