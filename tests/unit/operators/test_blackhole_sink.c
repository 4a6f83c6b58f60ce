/* test_blackhole_sink.c - a count and a checksum that show nothing but the records. */
#include "base/hash.h"
#include "base/rng.h"
#include "operators/latency.h"
#include "operators/operators.h"
#include "runtime/record_checksum.h"
#include "tests/lib/task_driver.h"

static const char fields[] = "a int64, b float64?, s string?, t bool, u timestamp?";

static uint64_t checksum_of(struct drive *d)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < d->n; i++)
		sum += atomic_load(&task_stats(d->task[i])->checksum);
	return sum;
}

static void sink_open(struct drive *d, const char *options)
{
	drive_open(d);
	if (!drive_plan(d, &blackhole_sink_ops, options, fields, NULL, NULL))
		fail_msg("%s", d->e.text);
}

/* The definition in record_checksum.h, once more, a record at a time. */
static uint64_t by_the_book(const struct batch *b, uint32_t row)
{
	uint64_t h;
	memcpy(&h, "weirrecs", 8);
	for (uint32_t f = 0; f < b->n_cols; f++) {
		const struct column *c = b->col[f];
		if (column_is_null(c, row)) {
			h = hash_fold64(~h);
			continue;
		}
		uint64_t v;
		if (c->type == T_BOOL) {
			v = bit_get(c->bits, row);
		} else if (c->type == T_FLOAT64) {
			double x = c->f64[row] == 0 ? 0 : c->f64[row];
			memcpy(&v, &x, 8);
			if (x != x)
				v = 0x7FF8000000000000u;
		} else if (c->type != T_STRING) {
			v = (uint64_t)c->i64[row];
		} else if (c->str[row].len > 12) {
			v = hash_bytes(column_str(c, &c->str[row]), c->str[row].len);
		} else {
			uint64_t w[2];
			memcpy(w, &c->str[row], 16);
			unsigned __int128 m = (unsigned __int128)(w[0] ^ 0x9E3779B97F4A7C15u) *
					      (w[1] ^ 0xD6E8FEB86659FD93u);
			v = (uint64_t)m ^ (uint64_t)(m >> 64);
		}
		h = hash_fold64(h ^ v);
	}
	return h;
}

static const char *const rows[] = {
	"1|0.5|word|true|7",      "2|~|~|false|~",           "-3|nan|exactly 12 b|true|0",
	"1|0.5|word|true|7",      "4|0|thirteen byte|false|1", "5|-1e300||true|~",
	"6|-0|another text that is long|true|12345678901234",
};

TEST(the_checksum_is_as_written_down)
{
	struct drive d;
	uint64_t want = 0;
	sink_open(&d, "{\"checksum\":true}");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	struct batch *b = rows_batch_n(d.pool, &d.in[0], rows, 7);
	for (uint32_t i = 0; i < 7; i++)
		want += by_the_book(b, i);
	EXPECT(record_checksum(b) == want);
	EXPECT(drive_push(&d, 0, 0, b));
	EXPECT(drive_run(&d));
	EXPECT(checksum_of(&d) == want);
	/* Frozen: reports of different versions are compared. */
	if (want != 0x877962cdaa91bd97u)
		fail_msg("the checksum is now %016llx", (unsigned long long)want);
	drive_close(&d);
}

TEST(batching_order_selection_and_subtask_do_not_show)
{
	struct rng r;
	uint64_t want = 0, seed = 5;
	rng_seed(&r, seed);
	for (int round = 0; round < 30; round++) {
		struct drive d;
		sink_open(&d, "{\"checksum\":true}");
		EXPECT_OK(drive_start(&d, 1 + (uint32_t)rng_below(&r, 3), NULL), &d.e);
		const char *mixed[7];
		memcpy(mixed, rows, sizeof rows);
		for (uint32_t i = 6; i; i--) {
			uint32_t k = (uint32_t)rng_below(&r, i + 1);
			const char *x = mixed[i];
			mixed[i] = mixed[k];
			mixed[k] = x;
		}
		for (uint32_t at = 0; at < 7;) {
			uint32_t n = 1 + (uint32_t)rng_below(&r, 7 - at);
			/* Rows that are not selected stand between: the first, twice. */
			const char *with[9] = {rows[0], rows[0]};
			memcpy(with + 2, mixed + at, n * sizeof *with);
			struct batch *b = rows_batch_n(d.pool, &d.in[0], with, n + 2);
			EXPECT(drive_push(&d, (uint32_t)rng_below(&r, d.n), 0,
					  rows_select(b, "00111111111")));
			at += n;
		}
		EXPECT(drive_run(&d));
		if (round && checksum_of(&d) != want)
			fail_msg("seed %llu, round %d", (unsigned long long)seed, round);
		want = checksum_of(&d);
		drive_close(&d);
	}
}

/* Batches of random words and numbers: with and without long words, nulls, other columns and a
 * selection. There is a loop of its own for the plain ones, and one for each level. */
TEST(random_batches_have_the_checksum_that_is_written_down)
{
	struct drive d;
	struct rng r;
	uint64_t seed = 19;
	rng_seed(&r, seed);
	sink_open(&d, "{\"checksum\":true}");
	for (uint32_t round = 0; round < 200; round++) {
		struct batch *b = pool_batch(d.pool);
		struct text *t = pool_text(d.pool, TEXT_BYTES);
		static const enum type kinds[] = {T_STRING, T_INT64, T_INT64, T_FLOAT64};
		enum type types[] = {kinds[rng_below(&r, 3)], kinds[1 + rng_below(&r, 3)],
				     T_STRING, T_INT64};
		b->rows = round < 70 ? round : 1 + (uint32_t)rng_below(&r, BATCH_ROWS);
		b->n_cols = 2 + 2 * (rng_below(&r, 3) == 0);
		for (uint32_t f = 0; f < b->n_cols; f++) {
			struct column *c = b->col[f] = pool_column(d.pool, types[f]);
			static const uint64_t lengths[] = {13, 14, 20, 66, 130};
			uint64_t most = lengths[rng_below(&r, f == 0 ? 5 : 2)];
			c->rows = b->rows;
			column_text_add(c, t);
			c->has_valid = rng_below(&r, 4) == 0;
			for (uint32_t i = 0; i < VALID_WORDS; i++)
				c->valid[i] = rng_next(&r);
			for (uint32_t i = 0; i < b->rows; i++) {
				uint32_t len = (uint32_t)rng_below(&r, most), at = t->used;
				if (c->type != T_STRING) {
					c->i64[i] = (int64_t)(rng_next(&r) >> rng_below(&r, 64));
					continue;
				}
				if (c->has_valid && !bit_get(c->valid, i)) {
					memset(&c->str[i], 0xA5, sizeof c->str[i]); /* anything */
					continue;
				}
				for (; t->used < at + len; t->used++)
					t->data[t->used] = (uint8_t)rng_next(&r);
				c->str[i] = strview_of(t->data, 0, at, len);
			}
		}
		text_drop(t);
		for (int pass = 0; pass < 2; pass++) {
			uint64_t want = 0;
			for (uint32_t i = 0; i < batch_count(b); i++)
				want += by_the_book(b, b->selected ? b->sel[i] : i);
			for (enum simd simd = SIMD_BASE; simd <= simd_have(); simd++)
				if (record_checksum_at(simd, b) != want)
					fail_msg("seed %llu, round %u, level %d",
						 (unsigned long long)seed, round, simd);
			b->selected = true;
			b->n_sel = 0;
			for (uint32_t i = 0; i < b->rows; i++)
				if (rng_below(&r, 3))
					b->sel[b->n_sel++] = (uint16_t)i;
		}
		batch_drop(&b);
	}
	drive_close(&d);
}

/* The same text in another place of another buffer. */
TEST(where_a_text_stands_does_not_show)
{
	struct drive d;
	sink_open(&d, "{\"checksum\":true}");
	struct batch *a = rows_batch(d.pool, &d.in[0], rows[6]);
	struct batch *b = rows_batch(d.pool, &d.in[0], rows[4], "1|1|some other text here|true|1",
				     rows[6]);
	EXPECT(a->col[2]->str[0].off != b->col[2]->str[2].off);
	b->selected = true;
	b->n_sel = 1;
	b->sel[0] = 2;
	EXPECT(record_checksum(a) == record_checksum(b));
	batch_drop(&a);
	batch_drop(&b);
	drive_close(&d);
}

TEST(every_difference_shows)
{
	static const char *const others[] = {
		"2|0.5|word|true|7", "1|0.25|word|true|7", "1|0.5|worm|true|7", "1|0.5|word|false|7",
		"1|0.5|word|true|8", "1|~|word|true|7",    "1|0.5|~|true|7",    "1|0.5|word|true|~",
		"7|0.5|word|true|1", "1|0.5|wordy|true|7", "1|0.5||true|7",
	};
	struct drive d;
	sink_open(&d, "{\"checksum\":true}");
	struct batch *one = rows_batch(d.pool, &d.in[0], rows[0]);
	struct batch *two = rows_batch(d.pool, &d.in[0], rows[0], rows[0]);
	uint64_t sum = record_checksum(one);
	EXPECT(sum && record_checksum(two) == 2 * sum);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct batch *b = rows_batch(d.pool, &d.in[0], others[i]);
		if (record_checksum(b) == sum)
			fail_msg("%s", others[i]);
		batch_drop(&b);
	}
	batch_drop(&one);
	batch_drop(&two);
	drive_close(&d);
}

TEST(inv28_count_and_checksum_go_on_through_restarts_and_rescales)
{
	struct drive d;
	struct drive_saved saved = {0};
	uint64_t want = 0;
	sink_open(&d, "{\"checksum\":true}");
	EXPECT_OK(drive_start(&d, 2, NULL), &d.e);
	EXPECT(drive_checkpoint(&d, &saved));
	for (uint32_t life = 1; life <= 5; life++) {
		for (uint32_t t = 0; t < d.n; t++) {
			struct batch *b = rows_batch_n(d.pool, &d.in[0], rows, 7);
			want += record_checksum(b);
			EXPECT(drive_push(&d, t, 0, b));
		}
		EXPECT(drive_checkpoint(&d, &saved));
		EXPECT(drive_push(&d, 0, 0, rows_batch_n(d.pool, &d.in[0], rows, 3)));
		EXPECT(drive_run(&d));
		EXPECT(checksum_of(&d) != want);
		drive_stop(&d);
		EXPECT_OK(drive_start(&d, life, &saved), &d.e);
		EXPECT(drive_run(&d));
		EXPECT(checksum_of(&d) == want);
	}
	uint64_t records = 0;
	EXPECT(drive_checkpoint(&d, &saved));
	for (uint32_t i = 0; i < saved.n; i++)
		records += load_u64(saved.state[i].data);
	EXPECT(records == 7 * (2 + 1 + 2 + 3 + 4));
	drive_saved_close(&saved);
	drive_close(&d);
}

TEST(without_being_asked_it_only_counts)
{
	struct drive d;
	struct drive_saved saved = {0};
	sink_open(&d, "{}");
	EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
	EXPECT(drive_push(&d, 0, 0, rows_batch_n(d.pool, &d.in[0], rows, 7)));
	EXPECT(drive_checkpoint(&d, &saved));
	EXPECT(checksum_of(&d) == 0 && load_u64(saved.state[0].data) == 7);
	drive_stop(&d);
	saved.state[0].len = 15;
	EXPECT(drive_start(&d, 1, &saved) == E_CORRUPT);
	drive_saved_close(&saved);
	drive_close(&d);
}

TEST(latencies_are_measured_from_the_named_field_and_outlive_an_attempt)
{
	struct drive d;
	struct latency_figures f;
	sink_open(&d, "{\"latency_of\":\"u\"}");
	d.now_us = 1000;
	for (int attempt = 1; attempt <= 2; attempt++) {
		EXPECT_OK(drive_start(&d, 1, NULL), &d.e);
		struct batch *b = rows_batch_n(d.pool, &d.in[0], rows, 7);
		EXPECT(drive_push(&d, 0, 0, rows_select(b, "1110100")));
		EXPECT(drive_run(&d));
		latency_figures(d.plan.latency, 1, &f);
		/* Made at 7, 0 and 1, and one null. */
		EXPECT(f.records == 3u * (uint32_t)attempt && f.p50_us < 1008 && f.p50_us > 992);
		EXPECT(f.max_us == 1000);
		drive_stop(&d);
	}
	drive_close(&d);
}

TEST(what_is_no_time_is_refused_and_nothing_is_measured_without_being_asked)
{
	static const char *const options[][2] = {
		{"{\"latency_of\":\"a\"}", "a time is needed, but 'a' is int64"},
		{"{\"latency_of\":\"w\"}", "unknown field 'w'"},
	};
	struct drive d;
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		drive_open(&d);
		EXPECT(!drive_plan(&d, &blackhole_sink_ops, options[i][0], fields, NULL, NULL));
		if (!strstr(d.e.text, options[i][1]))
			fail_msg("%s gives: %s", options[i][0], d.e.text);
		drive_close(&d);
	}
	sink_open(&d, "{}");
	EXPECT(!d.plan.latency);
	drive_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_checksum_is_as_written_down),
		T(batching_order_selection_and_subtask_do_not_show),
		T(random_batches_have_the_checksum_that_is_written_down),
		T(where_a_text_stands_does_not_show),
		T(every_difference_shows),
		T(inv28_count_and_checksum_go_on_through_restarts_and_rescales),
		T(without_being_asked_it_only_counts),
		T(latencies_are_measured_from_the_named_field_and_outlive_an_attempt),
		T(what_is_no_time_is_refused_and_nothing_is_measured_without_being_asked),
	};
	return RUN(tests);
}
