/* test_jsonl.c - records as JSON lines: golden ones, and strings against a writer that looks at one
 * byte after the other. */
#include "base/rng.h"
#include "operators/row_text.h"
#include "runtime/pool.h"
#include "tests/lib/rows.h"

#include <math.h>

static struct mem mem;
static struct pool *pool;
static struct err e;

/* All lines of b as one text, over buffers of cap bytes. */
static void format_all(const struct schema *s, struct batch *b, size_t cap, struct bytes *to)
{
	struct rows rows;
	struct row_names names;
	uint8_t *buffer = malloc(cap);
	EXPECT(row_names_make(&names, &jsonl_format, s, &mem));
	rows_init(&rows, &jsonl_format, &names, "", &mem);
	for (bool all = false; !all;) {
		size_t used = 0;
		EXPECT_OK(rows_fill(&rows, b, buffer, cap, &used, &all, &e), &e);
		EXPECT(used <= cap && (used || all));
		bytes_put(to, buffer, used);
	}
	rows_close(&rows);
	row_names_close(&names);
	free(buffer);
}

TEST(a_record_is_an_object_with_its_fields_in_order_whatever_the_buffers)
{
	struct schema s = rows_schema("word string?, n int64, ok bool?, x float64?, "
				      "a_name_that_is_longer_than_sixteen_bytes timestamp?");
	struct batch *b = rows_batch(pool, &s, "plain|-1|true|0.5|0",
				     "~|9223372036854775807|~|~|~",
				     "|-9223372036854775808|false|1e20|-1",
				     "a text of more than twelve bytes|0|true|-0.1|951782400000001");
	const char want[] =
		"{\"word\":\"plain\",\"n\":-1,\"ok\":true,\"x\":0.5,"
		"\"a_name_that_is_longer_than_sixteen_bytes\":\"1970-01-01T00:00:00.000000Z\"}\n"
		"{\"word\":null,\"n\":9223372036854775807,\"ok\":null,\"x\":null,"
		"\"a_name_that_is_longer_than_sixteen_bytes\":null}\n"
		"{\"word\":\"\",\"n\":-9223372036854775808,\"ok\":false,\"x\":1e+20,"
		"\"a_name_that_is_longer_than_sixteen_bytes\":\"1969-12-31T23:59:59.999999Z\"}\n"
		"{\"word\":\"a text of more than twelve bytes\",\"n\":0,\"ok\":true,\"x\":-0.1,"
		"\"a_name_that_is_longer_than_sixteen_bytes\":\"2000-02-29T00:00:00.000001Z\"}\n";
	struct bytes got;
	bytes_init(&got, &mem);
	for (size_t cap = 1; cap < 2000; cap += cap < 20 ? 1 : 61) {
		bytes_clear(&got);
		format_all(&s, b, cap, &got);
		assert_string_equal(bytes_text(&got), want);
	}
	bytes_clear(&got);
	rows_select(b, "0010");
	format_all(&s, b, 4096, &got);
	EXPECT(!strncmp(bytes_text(&got), "{\"word\":\"\",", 11));
	EXPECT(strchr(bytes_text(&got), '\n')[1] == 0);
	bytes_close(&got);
	batch_drop(&b);
	EXPECT(pool_out(pool) == 0);
}

TEST(what_json_has_no_number_for_is_null_and_minus_zero_stays_one)
{
	static const double values[] = {NAN, INFINITY, -INFINITY, -0.0, 0, 3};
	struct schema s = rows_schema("x float64");
	struct batch *b = rows_batch(pool, &s, "0", "0", "0", "0", "0", "0");
	struct bytes got;
	bytes_init(&got, &mem);
	memcpy(b->col[0]->f64, values, sizeof values);
	format_all(&s, b, 4096, &got);
	assert_string_equal(bytes_text(&got), "{\"x\":null}\n{\"x\":null}\n{\"x\":null}\n{\"x\":-0.0}\n"
					      "{\"x\":0}\n{\"x\":3}\n");
	bytes_close(&got);
	batch_drop(&b);
}

TEST(names_are_escaped_like_any_string)
{
	struct schema s = {0};
	struct bytes got;
	bytes_init(&got, &mem);
	EXPECT_OK(schema_add(&s, "a \"b\"\\", T_INT64, false, &e), &e);
	EXPECT_OK(schema_add(&s, "gr\xC3\xBC\xC3\x9F", T_INT64, false, &e), &e);
	struct batch *b = rows_batch(pool, &s, "1|2");
	format_all(&s, b, 4096, &got);
	assert_string_equal(bytes_text(&got), "{\"a \\\"b\\\"\\\\\":1,\"gr\xC3\xBC\xC3\x9F\":2}\n");
	bytes_close(&got);
	batch_drop(&b);
}

/* ---- strings ---- */

/* The code point that n bytes at p are, or -1: decoded by arithmetic, then encoded again. */
static int32_t code_point(const uint8_t *p, uint32_t n)
{
	static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
	static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if ((p[0] & (0xFF << (7 - n) & 0xFF)) != lead[n])
		return -1;
	int32_t v = p[0] & (0x7F >> n);
	for (uint32_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return -1;
		v = v << 6 | (p[i] & 0x3F);
	}
	return v < least[n] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF) ? -1 : v;
}

static void naive_string(const uint8_t *p, size_t len, struct bytes *to)
{
	bytes_put_u8(to, '"');
	for (size_t i = 0; i < len;) {
		uint32_t n = 2;
		if (p[i] < 0x80) {
			static const char plain[] = "\b\f\n\r\t\"\\", letter[] = "bfnrt\"\\";
			const char *c = p[i] ? strchr(plain, p[i]) : NULL;
			if (c)
				bytes_printf(to, "\\%c", letter[c - plain]);
			else if (p[i] < 0x20)
				bytes_printf(to, "\\u%04x", p[i]);
			else
				bytes_put_u8(to, p[i]);
			i++;
			continue;
		}
		while (n <= 4 && (i + n > len || code_point(p + i, n) < 0))
			n++;
		if (n > 4)
			bytes_put_text(to, "\xEF\xBF\xBD");
		else
			bytes_put(to, p + i, n);
		i += n > 4 ? 1 : n;
	}
	bytes_put_u8(to, '"');
}

/* Some bytes of each sort: letters, what is escaped, characters of 2 to 4 bytes, broken ones. */
static size_t random_string(struct rng *r, uint8_t *to, size_t max)
{
	static const char *const pieces[] = {"\"", "\\", "\n", "\t", "\x01", "\x1f", "\x7f", "\xC3\xA4",
					     "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xC3", "\xE2\x82",
					     "\xF0\x9F\x98", "\xED\xA0\x80", "\xC0\xAF", "\xFF", "\x80",
					     "\xF4\x90\x80\x80", "\xE0\x80\x80"};
	uint64_t often = rng_below(r, 3) ? 1 + rng_below(r, 40) : 1000;
	size_t len = rng_below(r, max), at = 0;
	while (at < len) {
		if (rng_below(r, often)) {
			to[at++] = (uint8_t)('a' + rng_below(r, 26));
			continue;
		}
		if (rng_below(r, 20) == 0) {
			to[at++] = 0;
			continue;
		}
		const char *piece = pieces[rng_below(r, sizeof pieces / sizeof *pieces)];
		for (; *piece && at < len; piece++)
			to[at++] = (uint8_t)*piece;
	}
	return len;
}

TEST(strings_are_escaped_as_a_naive_writer_escapes_them)
{
	struct schema s = rows_schema("s string");
	struct bytes got, want;
	struct rng r;
	uint64_t seed = 11;
	rng_seed(&r, seed);
	bytes_init(&got, &mem);
	bytes_init(&want, &mem);
	for (int round = 0; round < 400; round++) {
		struct batch *b = pool_batch(pool);
		struct column *c = pool_column(pool, T_STRING);
		struct text *t = pool_text(pool, TEXT_BYTES);
		column_text_add(c, t);
		bytes_clear(&got);
		bytes_clear(&want);
		for (c->rows = 0; c->rows < 40; c->rows++) {
			uint8_t *to = t->data + t->used;
			size_t len = random_string(&r, to, c->rows < 20 ? 14 : 1200);
			c->str[c->rows] = strview_of(t->data, 0, t->used, (uint32_t)len);
			t->used += (uint32_t)len;
			bytes_put_text(&want, "{\"s\":");
			naive_string(to, len, &want);
			bytes_put_text(&want, "}\n");
		}
		text_drop(t);
		b->rows = c->rows;
		b->n_cols = 1;
		b->col[0] = c;
		format_all(&s, b, 1 + rng_below(&r, 9000), &got);
		if (got.len != want.len || memcmp(got.data, want.data, got.len))
			fail_msg("seed %d, round %d", (int)seed, round);
		batch_drop(&b);
	}
	bytes_close(&got);
	bytes_close(&want);
}

TEST(names_without_memory_are_a_fault_and_leak_nothing)
{
	struct schema s = rows_schema("s string, t string");
	uint64_t before = mem.used_bytes;
	for (uint64_t n = 1;; n++) {
		struct row_names names;
		mem.fail_at = atomic_load(&mem.calls) + n;
		bool ok = row_names_make(&names, &jsonl_format, &s, &mem);
		bool through = atomic_load(&mem.calls) < mem.fail_at;
		mem.fail_at = 0;
		EXPECT(ok == through);
		row_names_close(&names);
		EXPECT(mem.used_bytes == before);
		if (through)
			break;
	}
}

int main(void)
{
	mem_init(&mem, 0);
	if (pool_open(&pool, &mem, &e) != OK)
		return 1;
	const struct CMUnitTest tests[] = {
		T(a_record_is_an_object_with_its_fields_in_order_whatever_the_buffers),
		T(what_json_has_no_number_for_is_null_and_minus_zero_stays_one),
		T(names_are_escaped_like_any_string),
		T(strings_are_escaped_as_a_naive_writer_escapes_them),
		T(names_without_memory_are_a_fault_and_leak_nothing),
	};
	int failed = RUN(tests);
	pool_close(pool);
	return failed;
}
