/* test_keyed_sum_end.c - the sums of the end come in batches of bounded size. */
#include "operators/operators.h"
#include "tests/lib/task_driver.h"

static void sum_open(struct drive *d, const char *options, const char *fields)
{
	drive_open(d);
	if (!drive_plan(d, &keyed_sum_ops, options, fields, NULL, NULL))
		fail_msg("%s: %s", options, d->e.text);
}

TEST(the_end_comes_in_full_batches_one_a_call)
{
	struct drive d;
	static char text[BATCH_ROWS][16];
	static const char *row[BATCH_ROWS];
	sum_open(&d, "{\"key\":\"k\",\"emit\":\"end\"}", "k int64");
	EXPECT(!d.plan.order_dependent);
	d.out_slots = 1;
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < BATCH_ROWS; k++) {
			snprintf(text[k], sizeof text[k], "%d", i * BATCH_ROWS + k);
			row[k] = text[k];
		}
		drive_route(&d, rows_batch_n(d.pool, &d.in[0], row, i < 2 ? BATCH_ROWS : 100));
	}
	EXPECT(drive_run(&d));
	drive_end(&d);
	for (uint32_t want = 0; want < 3; want++) {
		for (int i = 0; i < 10; i++)
			drive_step(&d, 0);
		EXPECT(d.batches == want && !d.ended[0]);
		EXPECT(drive_take(&d, 0));
	}
	EXPECT(drive_run(&d));
	EXPECT(d.rows.n == 2 * BATCH_ROWS + 100 && d.batches == 3 && d.ended[0]);
	drive_close(&d);
}

TEST(long_keys_end_in_small_batches)
{
	struct drive d;
	static char text[40][30001];
	const char *row[8];
	struct rows_list want = {0};
	sum_open(&d, "{\"key\":\"k\",\"emit\":\"end\"}", "k string");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	for (int i = 0; i < 40; i++) {
		memset(text[i], 'a' + i % 26, 30000);
		text[i][i] = '.';
		rows_list_add(&want, malloc(30004));
		snprintf(want.row[i], 30004, "%s|1", text[i]);
		row[i % 8] = text[i];
		if (i % 8 == 7)
			EXPECT(drive_route(&d, rows_batch_n(d.pool, &d.in[0], row, 8)));
	}
	drive_end(&d);
	EXPECT(drive_run(&d));
	EXPECT(d.batches == 5); /* eight of 30,000 bytes fit into 256 KiB */
	rows_list_sort(&d.rows);
	rows_list_sort(&want);
	EXPECT(d.rows.n == want.n);
	for (size_t i = 0; i < want.n; i++)
		assert_string_equal(d.rows.row[i], want.row[i]);
	rows_list_clear(&want);
	drive_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_end_comes_in_full_batches_one_a_call),
		T(long_keys_end_in_small_batches),
	};
	return RUN(tests);
}
