/* test_batch_rows.c - whoever cuts a stream into batches makes none larger than was asked for, each
 * but the last as large as that, and of the same records. (The file source: test_file_source.c.) */
#include "operators/operators.h"
#include "tests/lib/task_driver.h"

static const uint32_t sizes[] = {BATCH_ROWS, 1, 2, 7, 64, 1000, BATCH_ROWS - 1};
enum { SIZES = sizeof sizes / sizeof *sizes };

#define LINES 300 /* of 0 to 12 words each, short and long */
#define LONG_WORD "incomprehensibilities"

struct case_of {
	const struct op_ops *ops;
	const char *options, *fields;
	bool ends;     /* what it makes, it makes at the end */
	bool all_full; /* every batch but the last is */
};

static void give_lines(struct drive *d)
{
	static char line[LINES][400];
	const char *rows[LINES];
	for (uint32_t i = 0; i < LINES; i++) {
		int at = snprintf(line[i], sizeof line[i], "%u|", i);
		for (uint32_t k = 0; k < i % 13; k++)
			at += snprintf(line[i] + at, sizeof line[i] - (size_t)at, "%s%u%s ",
				       k % 5 ? "w" : LONG_WORD, i * k, k % 3 ? "" : "  ");
		rows[i] = line[i];
	}
	EXPECT(drive_push(d, 0, 0, rows_batch_n(d->pool, &d->in[0], rows, LINES)));
}

static void give_numbers(struct drive *d)
{
	static char number[3000][32];
	const char *rows[3000];
	for (uint32_t i = 0; i < 3000; i++) {
		snprintf(number[i], sizeof number[i], "%u|%u", i % 2100, i);
		rows[i] = number[i];
	}
	for (uint32_t i = 0; i < 3000; i += 1000)
		EXPECT(drive_route(d, rows_batch_n(d->pool, &d->in[0], rows + i, 1000)));
}

struct counted {
	uint32_t most, full;
};

static void count_rows(struct drive *d, uint32_t subtask, const struct batch *b)
{
	struct counted *c = d->user;
	(void)subtask;
	EXPECT(batch_count(b) > 0);
	if (batch_count(b) > c->most)
		c->most = batch_count(b);
	c->full += batch_count(b) == (d->batch_rows ? d->batch_rows : BATCH_ROWS);
}

/* What comes out, sorted, in batches of at most that many. */
static void run(const struct case_of *x, uint32_t rows, struct rows_list *out)
{
	struct drive d;
	struct counted c = {0};
	drive_open(&d);
	d.batch_rows = rows;
	d.see = count_rows;
	d.user = &c;
	if (!drive_plan(&d, x->ops, x->options, x->fields, NULL, NULL))
		fail_msg("%s: %s", x->options, d.e.text);
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	if (d.plan.keyed)
		give_numbers(&d);
	else if (d.plan.n_in)
		give_lines(&d);
	if (x->ends) {
		EXPECT(drive_run(&d) && !d.batches);
		drive_end(&d);
	}
	do { /* one with a rate has some time */
		EXPECT(drive_run(&d));
		d.now_us += 1000;
	} while (d.plan.n_in == 0 && !d.ended[0]);
	EXPECT(d.rows.n > BATCH_ROWS && c.most == rows);
	EXPECT(!x->all_full || c.full + 1 >= d.batches);
	rows_list_sort(&d.rows);
	*out = d.rows;
	d.rows = (struct rows_list){0};
	drive_close(&d);
}

static void same_in_any_size(const struct case_of *x)
{
	struct rows_list want, got;
	run(x, sizes[0], &want);
	for (uint32_t s = 1; s < SIZES; s++) {
		run(x, sizes[s], &got);
		EXPECT(got.n == want.n);
		for (size_t i = 0; i < want.n; i++)
			assert_string_equal(got.row[i], want.row[i]);
		rows_list_clear(&got);
	}
	rows_list_clear(&want);
}

TEST(generated_rows_come_in_batches_of_any_size)
{
	same_in_any_size(&(struct case_of){
		&generator_source_ops, "{\"rows\":5000,\"fields\":{\"x\":\"i * 3\"}}", NULL});
	same_in_any_size(&(struct case_of){
		&generator_source_ops,
		"{\"rows\":1500,\"rate\":2000000,\"fields\":{\"x\":\"i * 3\"}}", NULL});
}

TEST(elements_of_lists_come_in_batches_of_any_size)
{
	static const char *const options[] = {
		"{\"expr\":\"split(line)\",\"as\":\"w\"}",
		"{\"expr\":\"split(upper(line))\",\"as\":\"w\",\"keep\":\"id\"}",
		"{\"expr\":\"split(line, ' ')\",\"as\":\"w\"}",
		"{\"expr\":\"split(line, ' w')\",\"as\":\"w\",\"keep\":\"id\"}",
	};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		same_in_any_size(&(struct case_of){&flat_map_ops, options[i],
						   "id int64, line string"});
}

TEST(sums_of_the_end_come_in_batches_of_any_size)
{
	same_in_any_size(&(struct case_of){
		&keyed_sum_ops, "{\"key\":\"k\",\"value\":\"x\",\"emit\":\"end\"}",
		"k int64, x int64", true, true});
}

TEST(sums_of_now_and_then_come_in_batches_of_any_size)
{
	same_in_any_size(&(struct case_of){
		&keyed_sum_ops,
		"{\"key\":\"k\",\"value\":\"x\",\"emit\":{\"every\":\"50ms\"}}",
		"k int64, x int64", true, true});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(generated_rows_come_in_batches_of_any_size),
		T(elements_of_lists_come_in_batches_of_any_size),
		T(sums_of_the_end_come_in_batches_of_any_size),
		T(sums_of_now_and_then_come_in_batches_of_any_size),
	};
	return RUN(tests);
}
