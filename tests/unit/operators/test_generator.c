/* test_generator.c - rows from their numbers: each once, whatever the parallelism was meanwhile. */
#include "base/rng.h"
#include "operators/generator_positions.h"
#include "operators/operators.h"
#include "tests/lib/task_driver.h"

/* Which rows came out: a bit each; none may come twice. kept: those before the newest barrier,
 * which is what a crash leaves of them. */
struct rows_seen {
	uint64_t n, total, kept_total;
	uint64_t bits[(1 << 21) / 64], kept[(1 << 21) / 64];
};

static void see(struct drive *d, uint32_t subtask, const struct batch *b)
{
	struct rows_seen *s = d->user;
	EXPECT(!b->selected && b->rows && b->rows <= BATCH_ROWS);
	EXPECT(!strcmp(b->origin.name, "generator 'stage'"));
	EXPECT(b->origin.end - b->origin.first == b->rows);
	for (uint32_t i = 0; i < b->rows; i++) {
		uint64_t row = (uint64_t)b->col[0]->i64[i];
		EXPECT(row == b->origin.first + i && row < s->n);
		EXPECT(!bit_get(s->bits, (uint32_t)row));
		bit_set(s->bits, (uint32_t)row);
		s->total++;
		if (!d->saving || d->past[subtask])
			continue;
		bit_set(s->kept, (uint32_t)row);
		s->kept_total++;
	}
}

/* How far it is by its own account; it counts rows of lives before, too. */
static uint64_t progress(const struct drive *d, uint64_t total)
{
	uint64_t done = 0, all = 0;
	for (uint32_t t = 0; t < d->n; t++) {
		struct task_stats *s = (struct task_stats *)task_stats(d->task[t]);
		done += atomic_load(&s->work_done);
		all += atomic_load(&s->work_total);
	}
	EXPECT(all == total);
	return done;
}

static void forget(struct rows_seen *s)
{
	memcpy(s->bits, s->kept, sizeof s->bits);
	s->total = s->kept_total;
}

/* Everything seen so far is before the next barrier. */
static bool checkpoint(struct drive *d, struct drive_saved *saved)
{
	struct rows_seen *s = d->user;
	memcpy(s->kept, s->bits, sizeof s->bits);
	s->kept_total = s->total;
	return drive_checkpoint(d, saved);
}

static void some_steps(struct drive *d, struct rng *r)
{
	for (uint64_t steps = rng_below(r, 900); steps; steps--) {
		uint32_t t = (uint32_t)rng_below(r, d->n);
		drive_step(d, t);
		if (rng_below(r, 2))
			drive_take(d, t);
	}
}

static void generator_open(struct drive *d, const char *options)
{
	drive_open(d);
	if (!drive_plan(d, &generator_source_ops, options, NULL, NULL, NULL))
		fail_msg("%s: %s", options, d->e.text);
}

TEST(fields_are_expressions_over_the_row_number)
{
	struct drive d;
	char text[200];
	generator_open(&d, "{\"rows\":3,\"fields\":{\"n\":\"i * 10\",\"even\":\"i % 2 = 0\","
			   "\"i\":\"i\",\"s\":\"'row ' || i\"}}");
	schema_text(&d.plan.out, text, sizeof text);
	assert_string_equal(text, "n int64, even bool, i int64, s string");
	EXPECT(d.plan.bounded);
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows),
			    "0|true|0|row 0 10|false|1|row 1 20|true|2|row 2");
	EXPECT(d.ended[0]);
	drive_close(&d);
}

TEST(without_fields_there_is_the_row_number_and_without_rows_no_end)
{
	struct drive d;
	generator_open(&d, "{}");
	EXPECT(!d.plan.bounded && d.plan.out.n == 1 && !strcmp(d.plan.out.field[0].name, "i"));
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	for (int i = 0; i < 100; i++) {
		drive_step(&d, 0);
		drive_take(&d, 0);
	}
	EXPECT(d.rows.n > 50 * BATCH_ROWS);
	EXPECT(!d.ended[0]);
	drive_close(&d);
}

TEST(without_a_rate_a_row_was_created_when_its_batch_was_made)
{
	struct drive d;
	char text[100];
	generator_open(&d, "{\"rows\":3,\"fields\":{\"n\":\"i\"},\"created_as\":\"at\"}");
	schema_text(&d.plan.out, text, sizeof text);
	assert_string_equal(text, "n int64, at timestamp");
	EXPECT(d.plan.order_dependent);
	d.now_us = 1234567;
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "0|1234567 1|1234567 2|1234567");
	drive_close(&d);
	generator_open(&d, "{\"fields\":{\"n\":\"i\"}}");
	EXPECT(!d.plan.order_dependent);
	drive_close(&d);
}

/* The wall clock of the driver is its monotonic one. */
static void see_created(struct drive *d, uint32_t subtask, const struct batch *b)
{
	uint64_t *made = d->user, began = made[3], each = d->n * 100;
	for (uint32_t i = 0; i < b->rows; i++, made[subtask]++) {
		int64_t due = (int64_t)(began + made[subtask] * each);
		EXPECT(b->col[1]->type == T_TIMESTAMP && !b->col[1]->has_valid);
		if (b->col[1]->i64[i] != due)
			fail_msg("row %u of a batch: %lld, not %lld", i, (long long)b->col[1]->i64[i],
				 (long long)due);
		EXPECT(b->col[1]->i64[i] <= (int64_t)d->now_us);
	}
}

/* A source that is held up makes up for it, and its rows look as old as they are. */
TEST(with_a_rate_a_row_was_created_when_it_was_due)
{
	struct drive d;
	uint64_t made[4] = {0}, total = 0;
	generator_open(&d, "{\"rate\":10000,\"created_as\":\"at\"}");
	d.keep_text = false;
	d.see = see_created;
	d.user = made;
	EXPECT_OK(drive_start(&d, 2, NULL), &d.e);
	made[3] = d.now_us;
	for (int round = 0; round < 100; round++) {
		EXPECT(drive_run(&d));
		EXPECT(d.wake_at_us > d.now_us);
		d.now_us = d.wake_at_us + (round % 10 == 9 ? 200000 : 0);
	}
	total = made[0] + made[1];
	EXPECT(total > 15000 && total < 20000);
	drive_close(&d);
}

TEST(after_a_restart_rows_are_created_at_new_times)
{
	struct drive d;
	struct drive_saved saved = {0};
	uint64_t made[4] = {0};
	generator_open(&d, "{\"rate\":10000,\"created_as\":\"at\"}");
	d.keep_text = false;
	d.see = see_created;
	d.user = made;
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	made[3] = d.now_us;
	EXPECT(drive_checkpoint(&d, &saved));
	drive_stop(&d);
	d.now_us += 3600000000;
	memset(made, 0, sizeof made);
	made[3] = d.now_us;
	EXPECT_OK(drive_start(&d, 1, &saved), &d.e);
	EXPECT(drive_run(&d) && made[0] == 1);
	drive_saved_close(&saved);
	drive_close(&d);
}

TEST(a_row_that_is_left_out_does_not_shift_the_times_of_others)
{
	struct drive d;
	generator_open(&d, "{\"rows\":4,\"fields\":{\"x\":\"6 / (i - 1)\"},\"created_as\":\"at\","
			   "\"on_error\":\"skip\"}");
	d.now_us = 77;
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	EXPECT(drive_run(&d));
	assert_string_equal(rows_list_text(&d.rows), "-6|77 6|77 3|77");
	drive_close(&d);
}

TEST(no_rows_is_an_end_at_once)
{
	struct drive d;
	generator_open(&d, "{\"rows\":0}");
	EXPECT_OK(drive_start(&d, 2, NULL), &d.e);
	EXPECT(drive_run(&d));
	EXPECT(d.batches == 0 && d.ended[0] && d.ended[1]);
	drive_close(&d);
}

/* Lives of random lengths and parallelisms, checkpoints at random moments; what came after the
 * newest one is forgotten when a life ends. */
TEST(inv30_every_row_comes_once_through_any_sequence_of_parallelisms)
{
	uint64_t seed = 20261121;
	struct rng r;
	rng_seed(&r, seed);
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 8; round++) {
		struct drive d;
		struct drive_saved saved = {0};
		struct rows_seen *s = calloc(1, sizeof *s);
		char options[64];
		s->n = 100000 + rng_below(&r, 1900000);
		snprintf(options, sizeof options, "{\"rows\":%llu}", (unsigned long long)s->n);
		generator_open(&d, options);
		d.keep_text = false;
		d.see = see;
		d.user = s;
		EXPECT_OK(drive_start(&d, 1 + (uint32_t)rng_below(&r, DRIVE_TASKS), NULL), &d.e);
		EXPECT(checkpoint(&d, &saved));
		for (int life = 0; life < 10; life++) {
			some_steps(&d, &r);
			if (rng_below(&r, 4))
				EXPECT(checkpoint(&d, &saved));
			some_steps(&d, &r);
			drive_stop(&d);
			forget(s);
			EXPECT_OK(drive_start(&d, 1 + (uint32_t)rng_below(&r, DRIVE_TASKS), &saved), &d.e);
		}
		EXPECT(drive_run(&d));
		EXPECT(s->total == s->n);
		EXPECT(progress(&d, s->n) == s->n);
		for (uint32_t t = 0; t < d.n; t++)
			EXPECT(d.ended[t]);
		drive_saved_close(&saved);
		drive_close(&d);
		free(s);
	}
}

TEST(the_state_is_small_while_the_splits_stand_at_one_front)
{
	struct drive d;
	struct drive_saved saved = {0};
	generator_open(&d, "{}");
	d.keep_text = false;
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	for (int i = 0; i < 3000; i++) {
		drive_step(&d, 0);
		drive_take(&d, 0);
	}
	EXPECT(drive_checkpoint(&d, &saved));
	EXPECT(saved.state[0].len == 20 + 3 * 16);
	EXPECT(strstr(d.says, "0 rows made so far"));
	drive_stop(&d);
	EXPECT_OK(drive_start(&d, 3, &saved), &d.e);
	EXPECT(strstr(d.says, " rows made so far, without end") && d.says[0] >= '1');
	drive_saved_close(&saved);
	drive_close(&d);
}

TEST(a_rate_is_kept_by_all_subtasks_together_and_missed_time_is_not_made_up)
{
	struct drive d;
	generator_open(&d, "{\"rate\":10000}");
	d.keep_text = false;
	struct rows_seen *s = calloc(1, sizeof *s);
	s->n = 1 << 20;
	d.see = see;
	d.user = s;
	EXPECT_OK(drive_start(&d, 2, NULL), &d.e);
	uint64_t begin = d.now_us;
	while (d.now_us < begin + 2000000) {
		EXPECT(drive_run(&d));
		EXPECT(d.wake_at_us > d.now_us && d.wake_at_us <= d.now_us + 21000);
		d.now_us = d.wake_at_us;
	}
	if (s->total < 19500 || s->total > 20100) /* a group of 20 ms may be under way */
		fail_msg("%llu rows in 2 s", (unsigned long long)s->total);
	uint64_t before = s->total;
	d.now_us += 60000000; /* the machine slept for a minute */
	EXPECT(drive_run(&d));
	EXPECT(s->total - before > 9000 && s->total - before < 11000);
	free(s);
	drive_close(&d);
}

TEST(a_rate_is_kept_where_one_subtask_has_all_the_rows)
{
	struct drive d;
	generator_open(&d, "{\"rate\":1000,\"rows\":2000}");
	EXPECT_OK(drive_start(&d, 3, NULL), &d.e);
	uint64_t begin = d.now_us;
	for (;;) {
		EXPECT(drive_run(&d));
		if (d.wake_at_us == UINT64_MAX)
			break;
		d.now_us = d.wake_at_us;
	}
	EXPECT(d.rows.n == 2000 && d.now_us - begin > 1900000 && d.now_us - begin < 2100000);
	drive_close(&d);
}

TEST(an_error_of_a_record_names_the_row_and_the_expression)
{
	struct drive d;
	generator_open(&d, "{\"rows\":100000,\"fields\":{\"x\":\"1 / (70000 - i)\"}}");
	d.keep_text = false;
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	EXPECT(!drive_run(&d));
	assert_string_equal(d.e.text, "stage 'stage'[0]: generator 'stage', row 70000: expression "
				      "'1 / (70000 - i)': division by zero");
	drive_close(&d);
}

static void expect_refused(const char *options, const char *says)
{
	struct drive d;
	drive_open(&d);
	EXPECT(!drive_plan(&d, &generator_source_ops, options, NULL, NULL, NULL));
	if (!strstr(d.e.text, says))
		fail_msg("%s gives: %s", options, d.e.text);
	drive_close(&d);
}

TEST(what_makes_no_sense_is_refused)
{
	expect_refused("{\"rate\":0}", "rate is a positive number");
	expect_refused("{\"rows\":-1}", "'rows' is out of bounds");
	expect_refused("{\"fields\":{\"x\":\"j\"}}", "unknown field 'j' (it reads: i");
	expect_refused("{\"created_as\":\"i\"}", "'i'");
	expect_refused("{\"fields\":{\"x\":\"created\"},\"created_as\":\"created\"}",
		       "unknown field 'created'");
	expect_refused("{\"fields\":{}}", "fields");
}

TEST(positions_that_are_malformed_or_do_not_fit_are_refused)
{
	struct mem mem;
	struct positions p;
	struct bytes b;
	struct err e = {0};
	mem_init(&mem, 0);
	bytes_init(&b, &mem);
	EXPECT_OK(positions_open(&p, 16, &mem, &e), &e);
	positions_begin(&p);
	positions_encode(&p, 0, 1, &b);
	EXPECT(positions_decode(&p, b.data, b.len, NULL) == E_CORRUPT); /* known already */
	for (size_t len = 0; len < b.len; len++) {
		memset(p.next, 0xFF, 16 * sizeof *p.next);
		EXPECT(positions_decode(&p, b.data, len, NULL) == E_CORRUPT);
	}
	positions_close(&p);
	EXPECT_OK(positions_open(&p, 8, &mem, &e), &e);
	EXPECT(positions_decode(&p, b.data, b.len, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "max_parallelism was 16 and is now 8"));
	err_clear(&e);
	positions_close(&p);
	EXPECT_OK(positions_open(&p, 16, &mem, &e), &e);
	b.data[8] = 7; /* the step: the list leaves the 16 splits */
	EXPECT(positions_decode(&p, b.data, b.len, NULL) == E_CORRUPT);
	positions_close(&p);
	bytes_close(&b);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fields_are_expressions_over_the_row_number),
		T(without_fields_there_is_the_row_number_and_without_rows_no_end),
		T(without_a_rate_a_row_was_created_when_its_batch_was_made),
		T(with_a_rate_a_row_was_created_when_it_was_due),
		T(after_a_restart_rows_are_created_at_new_times),
		T(a_row_that_is_left_out_does_not_shift_the_times_of_others),
		T(no_rows_is_an_end_at_once),
		T(inv30_every_row_comes_once_through_any_sequence_of_parallelisms),
		T(the_state_is_small_while_the_splits_stand_at_one_front),
		T(a_rate_is_kept_by_all_subtasks_together_and_missed_time_is_not_made_up),
		T(a_rate_is_kept_where_one_subtask_has_all_the_rows),
		T(an_error_of_a_record_names_the_row_and_the_expression),
		T(what_makes_no_sense_is_refused),
		T(positions_that_are_malformed_or_do_not_fit_are_refused),
	};
	return RUN(tests);
}
