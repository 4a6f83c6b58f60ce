/* test_csv.c - values and records as text: golden lines, and what reads back. */
#include "operators/field_text.h"
#include "operators/row_text.h"
#include "base/rng.h"
#include "runtime/pool.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

static struct mem mem;
static struct pool *pool;
static struct err e;

static const char *float_text(double v)
{
	static char to[FLOAT64_TEXT_MAX + 1];
	*float64_put(to, v) = 0;
	return to;
}

static const char *time_text(int64_t us)
{
	static char to[TIMESTAMP_TEXT_MAX + 1];
	char *end = timestamp_put(to, us);
	EXPECT(end - to <= TIMESTAMP_TEXT_MAX);
	*end = 0;
	return to;
}

TEST(floats_are_short_and_read_back)
{
	EXPECT(!strcmp(float_text(3), "3"));
	EXPECT(!strcmp(float_text(-3), "-3"));
	EXPECT(!strcmp(float_text(0), "0"));
	EXPECT(!strcmp(float_text(-0.0), "-0"));
	EXPECT(!strcmp(float_text(0.1), "0.1"));
	EXPECT(!strcmp(float_text(1e20), "1e+20"));
	EXPECT(!strcmp(float_text(1.0 / 3), "0.3333333333333333"));
	EXPECT(!strcmp(float_text(NAN), "NaN"));
	EXPECT(!strcmp(float_text(-INFINITY), "-Infinity"));
	EXPECT(!strcmp(float_text(INFINITY), "Infinity"));
	struct rng r;
	rng_seed(&r, 1);
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = rng_next(&r);
		double v, back;
		memcpy(&v, &bits, 8);
		if (isnan(v) || isinf(v))
			continue;
		back = strtod(float_text(v), NULL);
		EXPECT(!memcmp(&v, &back, 8));
	}
}

TEST(whole_numbers_read_back)
{
	struct rng r;
	rng_seed(&r, 2);
	for (int i = 0; i < 20000; i++) {
		int64_t v = i == 0   ? INT64_MIN
			    : i == 1 ? INT64_MAX
				     : (int64_t)rng_next(&r) >> rng_below(&r, 64);
		char got[INT64_TEXT_MAX + 1], want[32];
		*int64_put(got, v) = 0;
		snprintf(want, sizeof want, "%lld", (long long)v);
		EXPECT(!strcmp(got, want));
	}
}

/* Where a digit more is needed, and where the eight that are made at once end; exactly the bytes
 * that are promised may be written. */
TEST(numbers_around_each_power_of_ten_are_whole)
{
	char want[32], *got = malloc(INT64_TEXT_MAX);
	for (int64_t power = 1, digits = 1; digits < 19; power *= 10, digits++)
		for (int64_t i = -2; i <= 2; i++)
			for (int sign = -1; sign <= 1; sign += 2) {
				int64_t v = sign * (power + i);
				size_t len = (size_t)(int64_put(got, v) - got);
				snprintf(want, sizeof want, "%lld", (long long)v);
				EXPECT(len == strlen(want) && !memcmp(got, want, len));
			}
	EXPECT(int64_put(got, INT64_MIN) == got + INT64_TEXT_MAX);
	free(got);
}

TEST(timestamps_are_iso_8601_in_utc)
{
	EXPECT(!strcmp(time_text(0), "1970-01-01T00:00:00.000000Z"));
	EXPECT(!strcmp(time_text(-1), "1969-12-31T23:59:59.999999Z"));
	EXPECT(!strcmp(time_text(951782400000001), "2000-02-29T00:00:00.000001Z"));
	EXPECT(!strcmp(time_text(INT64_MAX), "294247-01-10T04:00:54.775807Z"));
	EXPECT(!strcmp(time_text(INT64_MIN), "-290308-12-21T19:59:05.224192Z"));
	struct rng r;
	rng_seed(&r, 3);
	for (int i = 0; i < 20000; i++) {
		int64_t us = (int64_t)rng_below(&r, 253402300800000000);
		time_t t = (time_t)(us / 1000000);
		struct tm tm;
		char want[64], micros[16];
		strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S", gmtime_r(&t, &tm));
		snprintf(micros, sizeof micros, ".%06dZ", (int)(us % 1000000));
		strcat(want, micros);
		EXPECT(!strcmp(time_text(us), want));
	}
}

static struct column *strings(const char *const *s, const bool *null, uint32_t n)
{
	struct column *c = pool_column(pool, T_STRING);
	struct text *t = pool_text(pool, TEXT_BYTES);
	column_text_add(c, t);
	memset(c->valid, 0xff, sizeof c->valid);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = (uint32_t)strlen(s[i]);
		memcpy(t->data + t->used, s[i], len);
		c->str[i] = strview_of(t->data, 0, t->used, len);
		t->used += len;
		if (null && null[i]) {
			c->has_valid = true;
			bit_clear(c->valid, i);
		}
	}
	c->rows = n;
	text_drop(t);
	return c;
}

/* All lines of b as one text. */
static void format_all(const struct row_format *f, struct batch *b, size_t cap, struct bytes *to,
		       const char *prefix)
{
	struct rows rows;
	uint8_t *buffer = malloc(cap);
	rows_init(&rows, f, NULL, prefix, &mem);
	for (bool all = false; !all;) {
		size_t used = 0;
		EXPECT_OK(rows_fill(&rows, b, buffer, cap, &used, &all, &e), &e);
		EXPECT(used <= cap && (used || all));
		bytes_put(to, buffer, used);
	}
	rows_close(&rows);
	free(buffer);
}

static struct batch *batch_of_all_types(void)
{
	static const char *const s[] = {"plain", "", "never seen", "com,ma", "quo\"te \"\"",
					"line\nbreak", "carriage\rreturn", " space "};
	static const bool null[] = {false, false, true, false, false, false, false, false};
	struct batch *b = pool_batch(pool);
	b->rows = 8;
	b->n_cols = 5;
	b->col[0] = strings(s, null, 8);
	b->col[1] = pool_column(pool, T_INT64);
	b->col[2] = pool_column(pool, T_BOOL);
	b->col[3] = pool_column(pool, T_FLOAT64);
	b->col[4] = pool_column(pool, T_TIMESTAMP);
	b->col[2]->bits[0] = 0;
	for (uint32_t i = 0; i < 8; i++) {
		b->col[1]->i64[i] = (int64_t)i - 2;
		if (i % 2)
			bit_set(b->col[2]->bits, i);
		b->col[3]->f64[i] = i / 2.0;
		b->col[4]->i64[i] = (int64_t)i * 1000001;
	}
	return b;
}

TEST(csv_is_rfc_4180_with_null_apart_from_the_empty_string)
{
	struct batch *b = batch_of_all_types();
	struct bytes got;
	bytes_init(&got, &mem);
	const char want[] = "plain,-2,false,0,1970-01-01T00:00:00.000000Z\n"
			    "\"\",-1,true,0.5,1970-01-01T00:00:01.000001Z\n"
			    ",0,false,1,1970-01-01T00:00:02.000002Z\n"
			    "\"com,ma\",1,true,1.5,1970-01-01T00:00:03.000003Z\n"
			    "\"quo\"\"te \"\"\"\"\",2,false,2,1970-01-01T00:00:04.000004Z\n"
			    "\"line\nbreak\",3,true,2.5,1970-01-01T00:00:05.000005Z\n"
			    "\"carriage\rreturn\",4,false,3,1970-01-01T00:00:06.000006Z\n"
			    " space ,5,true,3.5,1970-01-01T00:00:07.000007Z\n";
	/* Whatever the buffers, even those smaller than a line. */
	for (size_t cap = 1; cap < 700; cap += cap < 20 ? 1 : 37) {
		bytes_clear(&got);
		format_all(&csv_format, b, cap, &got, "");
		EXPECT(got.len == strlen(want) && !memcmp(got.data, want, got.len));
	}
	bytes_clear(&got);
	b->selected = true;
	b->n_sel = 2;
	b->sel[0] = 0;
	b->sel[1] = 7;
	format_all(&csv_format, b, 4096, &got, "> ");
	EXPECT(!strcmp(bytes_text(&got), "> plain,-2,false,0,1970-01-01T00:00:00.000000Z\n"
					 ">  space ,5,true,3.5,1970-01-01T00:00:07.000007Z\n"));
	bytes_close(&got);
	batch_drop(&b);
	EXPECT(pool_out(pool) == 0);
}

/* One field by the words of the RFC: the oracle. */
static size_t naive(const char *s, size_t len, char *to)
{
	bool quoted = !len;
	size_t n = 0;
	for (size_t i = 0; i < len; i++)
		quoted = quoted || strchr("\",\n\r", s[i]);
	if (quoted)
		to[n++] = '"';
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"')
			to[n++] = '"';
		to[n++] = s[i];
	}
	if (quoted)
		to[n++] = '"';
	to[n++] = '\n';
	return n;
}

TEST(random_strings_of_every_length_are_quoted_as_a_naive_writer_quotes_them)
{
	struct rng r;
	struct bytes got, want;
	rng_seed(&r, 4);
	bytes_init(&got, &mem);
	bytes_init(&want, &mem);
	for (int round = 0; round < 50; round++) {
		static char text[256][64];
		const char *s[256];
		for (uint32_t i = 0; i < 256; i++) {
			uint64_t len = i < 60 ? i : rng_below(&r, 20);
			for (uint64_t k = 0; k < len; k++)
				text[i][k] = rng_below(&r, 12) ? (char)('a' + rng_below(&r, 26))
							       : "\",\n\r "[rng_below(&r, 5)];
			text[i][len] = '\0';
			s[i] = text[i];
			char line[160];
			bytes_put(&want, line, naive(s[i], len, line));
		}
		struct batch *b = pool_batch(pool);
		b->rows = 256;
		b->n_cols = 1;
		b->col[0] = strings(s, NULL, 256);
		format_all(&csv_format, b, 100 + rng_below(&r, 1000), &got, "");
		batch_drop(&b);
	}
	EXPECT(got.len == want.len && !memcmp(got.data, want.data, got.len));
	bytes_close(&got);
	bytes_close(&want);
}

TEST(text_is_the_bytes_as_they_are)
{
	static const char *const s[] = {"plain", "", "a,\"b\"", "x"};
	static const bool null[] = {false, false, false, true};
	struct batch *b = pool_batch(pool);
	b->rows = 4;
	b->n_cols = 1;
	b->col[0] = strings(s, null, 4);
	struct bytes got;
	bytes_init(&got, &mem);
	format_all(&text_format, b, 8, &got, "");
	EXPECT(!strcmp(bytes_text(&got), "plain\n\na,\"b\"\n\n"));
	bytes_close(&got);
	batch_drop(&b);
}

TEST(the_header_quotes_names_that_need_it)
{
	struct schema s = {0};
	struct bytes got;
	bytes_init(&got, &mem);
	EXPECT_OK(schema_add(&s, "word", T_STRING, false, &e), &e);
	EXPECT_OK(schema_add(&s, "a,\"b\"", T_STRING, false, &e), &e);
	csv_header_put(&got, &s);
	EXPECT(!strcmp(bytes_text(&got), "word,\"a,\"\"b\"\"\"\n"));
	bytes_close(&got);
}

int main(void)
{
	mem_init(&mem, 0);
	if (pool_open(&pool, &mem, &e) != OK)
		return 1;
	const struct CMUnitTest tests[] = {
		T(floats_are_short_and_read_back),
		T(whole_numbers_read_back),
		T(numbers_around_each_power_of_ten_are_whole),
		T(timestamps_are_iso_8601_in_utc),
		T(csv_is_rfc_4180_with_null_apart_from_the_empty_string),
		T(random_strings_of_every_length_are_quoted_as_a_naive_writer_quotes_them),
		T(text_is_the_bytes_as_they_are),
		T(the_header_quotes_names_that_need_it),
	};
	int failed = RUN(tests);
	pool_close(pool);
	return failed + (mem.used_bytes != 0);
}
