/* test_keyed_sum_every.c - sums that are emitted now and then: each key that changed, once, with
 * its newest sum; nothing is pending in a checkpoint, nothing is lost at the end. */
#include "base/rng.h"
#include "operators/operators.h"
#include "tests/lib/task_driver.h"

#define EVERY 50000 /* microseconds, as in the options */

static void sum_open(struct drive *d, const char *options, const char *fields)
{
	drive_open(d);
	if (!drive_plan(d, &keyed_sum_ops, options, fields, NULL, NULL))
		fail_msg("%s: %s", options, d->e.text);
}

#define OPTIONS "{\"key\":\"w\",\"value\":\"x\",\"emit\":{\"every\":\"50ms\"}}"

TEST(nothing_is_emitted_before_the_time_and_then_each_changed_key_once)
{
	struct drive d;
	sum_open(&d, OPTIONS, "w string, x int64");
	EXPECT(d.plan.by_clock && d.plan.order_dependent);
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "a|1", "incomprehensibilities|2", "a|3", "b|4"));
	EXPECT(drive_run(&d));
	d.now_us += EVERY - 1;
	drive_route(&d, rows_batch(d.pool, &d.in[0], "a|10"));
	EXPECT(drive_run(&d));
	EXPECT(d.rows.n == 0 && d.wake_at_us == d.now_us + 1);
	d.now_us++;
	EXPECT(drive_run(&d));
	rows_list_sort(&d.rows);
	assert_string_equal(rows_list_text(&d.rows), "a|14 b|4 incomprehensibilities|2");
	rows_list_clear(&d.rows);
	EXPECT(d.wake_at_us == UINT64_MAX); /* nothing changed: nothing is due */
	d.now_us += 10 * EVERY;
	EXPECT(drive_run(&d) && d.rows.n == 0);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "b|1"));
	EXPECT(drive_run(&d) && d.rows.n == 0);
	d.now_us += EVERY;
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "b|5");
	drive_close(&d);
}

TEST(what_is_pending_goes_out_before_a_barrier_and_at_the_end)
{
	struct drive d;
	struct drive_saved saved = {0};
	sum_open(&d, OPTIONS, "w string, x int64");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "a|1", "b|2", "a|1"));
	EXPECT(drive_checkpoint(&d, &saved)); /* rows behind the barrier would not be counted in it */
	rows_list_sort(&d.rows);
	assert_string_equal(rows_list_text(&d.rows), "a|2 b|2");
	rows_list_clear(&d.rows);
	d.now_us += 2 * EVERY;
	EXPECT(drive_run(&d) && d.rows.n == 0); /* once */
	drive_stop(&d);
	EXPECT_OK(drive_start(&d, 3, &saved), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "a|1"));
	drive_end(&d);
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "a|3");
	EXPECT(drive_checkpoint(&d, &saved) && d.rows.n == 1);
	drive_saved_close(&saved);
	drive_close(&d);
}

TEST(one_sum_of_everything_and_sums_that_may_be_null)
{
	struct drive d;
	sum_open(&d, "{\"value\":\"x\",\"emit\":{\"every\":\"50ms\"}}", "x int64?");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "~", "~"));
	EXPECT(drive_run(&d));
	d.now_us += EVERY;
	EXPECT(drive_run(&d));
	drive_route(&d, rows_select(rows_batch(d.pool, &d.in[0], "5", "100", "2"), "101"));
	EXPECT(drive_run(&d));
	d.now_us += EVERY;
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "~ 7");
	drive_close(&d);
}

TEST(a_skipped_record_changes_nothing_that_is_emitted)
{
	struct drive d;
	sum_open(&d,
		 "{\"key\":\"w\",\"value\":\"x\",\"on_error\":\"skip\",\"emit\":{\"every\":\"50ms\"}}",
		 "w int64, x int64");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	drive_route(&d, rows_batch(d.pool, &d.in[0], "1|9223372036854775807", "1|1", "2|5", "1|-7"));
	EXPECT(drive_run(&d));
	d.now_us += EVERY;
	EXPECT(drive_run(&d));
	rows_list_sort(&d.rows);
	assert_string_equal(rows_list_text(&d.rows), "1|9223372036854775800 2|5");
	drive_close(&d);
}

/* More keys than a batch has rows, through checkpoints, rescales and ticks at random. */
TEST(inv28_the_last_value_of_each_key_is_right_and_no_value_comes_twice)
{
	enum { KEYS = 3000 };
	static int64_t sum[KEYS], shown[KEYS];
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct rng r;
		struct drive d;
		struct drive_saved saved = {0};
		rng_seed(&r, seed);
		print_message("seed %llu\n", (unsigned long long)seed);
		memset(sum, 0, sizeof sum);
		memset(shown, 0, sizeof shown);
		sum_open(&d, "{\"key\":\"k\",\"value\":\"1\",\"emit\":{\"every\":\"50ms\"}}", "k int64");
		EXPECT_OK(drive_start(&d, 1 + (uint32_t)rng_below(&r, 3), NULL), &d.e);
		for (int i = 0; i <= 40; i++) {
			static char text[BATCH_ROWS][12];
			static const char *row[BATCH_ROWS];
			uint32_t n = 1 + (uint32_t)rng_below(&r, BATCH_ROWS);
			for (uint32_t k = 0; k < n; k++) {
				uint64_t key = rng_below(&r, KEYS);
				row[k] = text[k];
				sprintf(text[k], "%d", (int)key);
				sum[key]++;
			}
			EXPECT(drive_route(&d, rows_batch_n(d.pool, &d.in[0], row, n)));
			EXPECT(drive_run(&d));
			d.now_us += rng_below(&r, EVERY);
			bool cut = rng_below(&r, 6) == 0;
			if (i == 40)
				drive_end(&d);
			else if (cut)
				EXPECT(drive_checkpoint(&d, &saved));
			EXPECT(drive_run(&d));
			for (size_t k = 0; k < d.rows.n; k++) {
				char *bar = strchr(d.rows.row[k], '|');
				int key = atoi(d.rows.row[k]);
				int64_t value = strtoll(bar + 1, NULL, 10);
				if (value <= shown[key] || value > sum[key])
					fail_msg("%s after %lld of %lld", d.rows.row[k], (long long)shown[key],
						 (long long)sum[key]);
				shown[key] = value;
			}
			rows_list_clear(&d.rows);
			if (cut || i == 40)
				EXPECT(!memcmp(sum, shown, sizeof sum)); /* nothing was pending */
			if (cut && i < 40 && rng_below(&r, 2)) {
				drive_stop(&d);
				EXPECT_OK(drive_start(&d, 1 + (uint32_t)rng_below(&r, 3), &saved), &d.e);
			}
		}
		drive_saved_close(&saved);
		drive_close(&d);
	}
}

static void expect_refused(const char *options, const char *says)
{
	struct drive d;
	drive_open(&d);
	EXPECT(!drive_plan(&d, &keyed_sum_ops, options, "w string, x int64", NULL, NULL));
	if (!strstr(d.e.text, says))
		fail_msg("%s gives: %s", options, d.e.text);
	drive_close(&d);
}

TEST(what_makes_no_sense_is_refused)
{
	expect_refused("{\"key\":\"w\",\"emit\":{\"evry\":\"1s\"}}", "did you mean 'every'");
	expect_refused("{\"key\":\"w\",\"emit\":{}}", "every");
	expect_refused("{\"key\":\"w\",\"emit\":{\"every\":\"1us\"}}", "every");
	expect_refused("{\"key\":\"w\",\"emit\":{\"every\":\"1s\"},\"keep\":\"x\"}", "of a while");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_emitted_before_the_time_and_then_each_changed_key_once),
		T(what_is_pending_goes_out_before_a_barrier_and_at_the_end),
		T(one_sum_of_everything_and_sums_that_may_be_null),
		T(a_skipped_record_changes_nothing_that_is_emitted),
		T(inv28_the_last_value_of_each_key_is_right_and_no_value_comes_twice),
		T(what_makes_no_sense_is_refused),
	};
	return RUN(tests);
}
