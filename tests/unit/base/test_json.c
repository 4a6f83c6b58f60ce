/* test_json.c - texts in, values and places out; what is refused, and where. */
#include "base/check.h"
#include "base/json.h"
#include "base/rng.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <time.h>

static struct json_doc *parsed(struct mem *mem, const char *text)
{
	struct err e = {0};
	struct json_doc *doc;
	EXPECT_OK(json_parse(&doc, text, strlen(text), mem, NULL, &e), &e);
	return doc;
}

TEST(values_and_members_come_in_the_order_of_the_text)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct json_doc *doc = parsed(&mem, "{\"z\": 1, \"a\": [true, null, -2.5e1], \"m\": "
					    "{\"k\": \"v\"}, \"e\": {}, \"l\": []}");
	const struct json *r = json_root(doc);
	EXPECT(json_kind(r) == JSON_OBJECT && json_count(r) == 5);
	EXPECT(!strcmp(json_key(r, 0), "z") && json_int(json_value(r, 0)) == 1);
	EXPECT(json_real(json_value(r, 0)) == 1.0);
	const struct json *a = json_get(r, "a");
	EXPECT(json_kind(a) == JSON_ARRAY && json_count(a) == 3);
	EXPECT(json_bool(json_item(a, 0)) && json_kind(json_item(a, 1)) == JSON_NULL);
	EXPECT(json_real(json_item(a, 2)) == -25.0);
	EXPECT(!strcmp(json_string(json_get(json_get(r, "m"), "k"), NULL), "v"));
	EXPECT(json_count(json_get(r, "e")) == 0 && json_count(json_get(r, "l")) == 0);
	EXPECT(!json_get(r, "nothing"));
	json_close(doc);
	EXPECT(mem.used_bytes == 0);
}

static bool stands(struct json_at at, uint32_t line, uint32_t column, size_t offset, size_t len)
{
	return at.line == line && at.column == column && at.offset == offset && at.len == len;
}

TEST(places_count_lines_and_characters)
{
	struct mem mem;
	mem_init(&mem, 0);
	/* The second line begins with two characters of two bytes each. */
	struct json_doc *doc =
		parsed(&mem, "{ \"a\": 12,\r\n\t\"\xC3\xA4\xC3\xB6\": [ \"x\",\n  {} ] }");
	const struct json *r = json_root(doc);
	EXPECT(stands(json_where(r), 1, 1, 0, 36));
	EXPECT(stands(json_key_where(r, 0), 1, 3, 2, 3));
	EXPECT(stands(json_where(json_value(r, 0)), 1, 8, 7, 2));
	EXPECT(stands(json_key_where(r, 1), 2, 2, 13, 6));
	const struct json *l = json_value(r, 1);
	EXPECT(stands(json_where(l), 2, 8, 21, 13));
	EXPECT(stands(json_where(json_item(l, 0)), 2, 10, 23, 3));
	EXPECT(stands(json_where(json_item(l, 1)), 3, 3, 30, 2));
	json_close(doc);
}

TEST(a_place_inside_a_string_sees_through_escapes)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct json_doc *doc = parsed(&mem, "\n [\"a\\n\\u00e4\\ud83d\\ude00\xC3\xA4z\"]");
	const struct json *s = json_item(json_root(doc), 0);
	size_t len;
	const char *v = json_string(s, &len);
	EXPECT(len == 11 && !memcmp(v, "a\n\xC3\xA4\xF0\x9F\x98\x80\xC3\xA4z", 11));
	EXPECT(stands(json_where_in_string(s, 0, 1), 2, 4, 4, 1));   /* a */
	EXPECT(stands(json_where_in_string(s, 1, 1), 2, 5, 5, 2));   /* \n */
	EXPECT(stands(json_where_in_string(s, 2, 2), 2, 7, 7, 6));   /* ä, escaped */
	EXPECT(stands(json_where_in_string(s, 4, 4), 2, 13, 13, 12)); /* a pair */
	EXPECT(stands(json_where_in_string(s, 8, 2), 2, 25, 25, 2));  /* ä itself */
	EXPECT(stands(json_where_in_string(s, 10, 1), 2, 26, 27, 1)); /* z */
	EXPECT(stands(json_where_in_string(s, 11, 0), 2, 27, 28, 0)); /* the end */
	json_close(doc);
}

TEST(a_string_may_hold_nuls)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct json_doc *doc = parsed(&mem, "\"a\\u0000b\"");
	size_t len;
	const char *s = json_string(json_root(doc), &len);
	EXPECT(len == 3 && !memcmp(s, "a\0b", 4));
	json_close(doc);
}

TEST(whole_numbers_reach_both_ends_of_int64)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct json_doc *doc = parsed(&mem, "[9223372036854775807, -9223372036854775808, -0, 0]");
	const struct json *r = json_root(doc);
	EXPECT(json_int(json_item(r, 0)) == INT64_MAX && json_int(json_item(r, 1)) == INT64_MIN);
	EXPECT(json_int(json_item(r, 2)) == 0 && json_kind(json_item(r, 2)) == JSON_INT);
	json_close(doc);
}

TEST(what_is_wrong_is_named_with_its_place)
{
	static const struct {
		const char *text;
		uint32_t line, column, len;
		const char *says;
	} bad[] = {
		{"", 1, 1, 0, "the text ends here; expected a value"},
		{" \n ", 2, 2, 0, "the text ends here; expected a value"},
		{"{\n  \"a\": 1,\n}", 2, 9, 1, "a comma with nothing after it"},
		{"[1,]", 1, 3, 1, "a comma with nothing after it"},
		{"[1 2]", 1, 4, 1, "expected ',' or ']', not '2'"},
		{"{\"a\": 1 \"b\": 2}", 1, 9, 1, "expected ',' or '}', not '\"'"},
		{"{\"a\" 1}", 1, 6, 1, "expected ':' after the key, not '1'"},
		{"{name: 1}", 1, 2, 4, "expected a key in double quotes, not 'name'"},
		{"{'a': 1}", 1, 2, 1, "strings and keys stand in double quotes"},
		{"{\"a\": 'b'}", 1, 7, 1, "strings and keys stand in double quotes"},
		{"[1] // why", 1, 5, 2, "JSON has no comments"},
		{"# a job\n{}", 1, 1, 1, "JSON has no comments"},
		{"{\"a\": True}", 1, 7, 4, "it is written true"},
		{"{\"a\": nil}", 1, 7, 3, "expected a value, not 'nil'"},
		{"{\"a\": 1", 1, 8, 0, "the text ends here; expected ',' or '}'"},
		{"{\"a\": \"b", 1, 7, 1, "this string is never closed"},
		{"{\"a\": \"b\n\"}", 1, 7, 2,
		 "this string does not end on its line; a line break is written \\n"},
		{"[\"a\tb\"]", 1, 4, 1, "a tab inside a string is written \\t"},
		{"[\"\\x\"]", 1, 3, 2, "no such escape; a backslash itself is written \\\\"},
		{"[\"\\u12g4\"]", 1, 3, 2, "\\u wants four hexadecimal digits"},
		{"[\"\\ud800x\"]", 1, 3, 6, "half of a surrogate pair"},
		{"[\"\\udc00\"]", 1, 3, 6, "half of a surrogate pair"},
		{"[\"\xC3\xA4\xC3\"]", 1, 4, 1, "not UTF-8"},
		{"[\"\xED\xA0\x80\"]", 1, 3, 1, "not UTF-8"},
		{"[\"\xC0\x80\"]", 1, 3, 1, "not UTF-8"},
		{"\xFF", 1, 1, 1, "not UTF-8"},
		{"\xEF\xBB\xBF{}", 1, 1, 3,
		 "a byte order mark; save the file as UTF-8 without one"},
		{"[01]", 1, 2, 2, "a number may not begin with 0"},
		{"[-]", 1, 2, 1, "a number wants a digit after '-'"},
		{"[1.]", 1, 2, 2, "a number wants a digit after '.'"},
		{"[1e+]", 1, 2, 3, "a number wants a digit in its exponent"},
		{"[9223372036854775808]", 1, 2, 19, "beyond the range of 64-bit whole numbers"},
		{"[-9223372036854775809]", 1, 2, 20, "beyond the range of 64-bit whole numbers"},
		{"[\n1e999]", 2, 1, 5, "a number beyond the range of 64-bit floating point"},
		{"{\"a\": 1, \"b\": {\"c\": 1,\n \"c\": 2}}", 2, 2, 3, "key \"c\" is there twice"},
		{"{\"a\": 1, \"\\u0061\": 2}", 1, 10, 8, "key \"\\u0061\" is there twice"},
		{"{\"a\\u0000\": 1}", 1, 4, 6, "a key may not contain a NUL character"},
		{"{} {}", 1, 4, 1, "expected nothing after the document, not '{'"},
		{"\x01", 1, 1, 1, "a control character (1); expected a value"},
	};
	struct mem mem;
	mem_init(&mem, 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct json_doc *doc;
		struct json_at at;
		struct err e = {0};
		enum rc rc = json_parse(&doc, bad[i].text, strlen(bad[i].text), &mem, &at, &e);
		if (rc != E_INVALID || doc || strcmp(e.text, bad[i].says) != 0 ||
		    at.line != bad[i].line || at.column != bad[i].column || at.len != bad[i].len)
			fail_msg("'%s': %u:%u+%zu %s", bad[i].text, at.line, at.column, at.len,
				 e.text);
	}
	struct json_doc *doc;
	struct json_at at;
	struct err e = {0};
	EXPECT(json_parse(&doc, "[1]\0", 4, &mem, &at, &e) == E_INVALID && at.column == 4);
	EXPECT(!strcmp(e.text, "a NUL byte; expected nothing after the document"));
	EXPECT(mem.used_bytes == 0);
}

static uint64_t cpu_us(void)
{
	return (uint64_t)clock() * 1000000 / CLOCKS_PER_SEC;
}

TEST(a_text_nested_200000_deep_costs_nothing)
{
	enum { DEEP = 200000 };
	char *text = malloc(DEEP);
	memset(text, '[', DEEP);
	struct mem mem;
	mem_init(&mem, 0);
	struct json_doc *doc;
	struct json_at at;
	struct err e = {0};
	uint64_t start = cpu_us();
	EXPECT(json_parse(&doc, text, DEEP, &mem, &at, &e) == E_INVALID);
	EXPECT(cpu_us() - start < 20000);
	EXPECT(at.line == 1 && at.column == 65);
	EXPECT(!strcmp(e.text, "nested more than 64 deep"));
	for (int i = 0; i < 64; i++)
		text[64 + i] = ']';
	err_clear(&e);
	EXPECT_OK(json_parse(&doc, text, 128, &mem, &at, &e), &e);
	json_close(doc);
	free(text);
}

TEST(a_broken_text_never_breaks_the_parser)
{
	const char *good =
		"{ \"n\\u00e4me\": [1, -2.5e3, \"a\\\\b\", true, null, {\"\": []}],\n \"x\": "
			   "\"\\ud83d\\ude00\" }";
	const uint64_t seed = 20240511;
	struct rng r;
	rng_seed(&r, seed);
	struct mem mem;
	mem_init(&mem, 0);
	int taken = 0;
	for (int round = 0; round < 20000; round++) {
		char text[128];
		size_t len = strlen(good);
		memcpy(text, good, len);
		if (round % 3 == 0)
			len = rng_below(&r, len);
		for (uint64_t n = rng_below(&r, 3); n && len; n--) {
			static const char likely[] = "{}[]\",:\\u0123dD8e-+. \n\xC3\xA4tfn";
			text[rng_below(&r, len)] =
				round % 2 ? (char)rng_next(&r)
					  : likely[rng_below(&r, sizeof likely - 1)];
		}
		struct json_doc *doc;
		struct json_at at;
		struct err e = {0};
		enum rc rc = json_parse(&doc, text, len, &mem, &at, &e);
		if (rc == OK) {
			taken++;
		} else if (rc != E_INVALID || at.offset > len || at.offset + at.len > len ||
			   !e.text[0]) {
			fail_msg("seed %lu round %d: %s", (unsigned long)seed, round, e.text);
		}
		json_close(doc);
	}
	EXPECT(taken > 1000);
	EXPECT(mem.used_bytes == 0);
}

TEST(any_failed_allocation_is_an_error_and_leaks_nothing)
{
	struct mem mem;
	mem_init(&mem, 0);
	const char *text = "{\"a\": [1, \"b\"]}";
	struct err e;
	enum rc rc = E_NO_MEMORY;
	uint64_t n = 0;
	while (rc != OK) {
		uint64_t from = mem.calls;
		mem.fail_at = from + ++n;
		struct json_doc *doc;
		err_clear(&e);
		rc = json_parse(&doc, text, strlen(text), &mem, NULL, &e);
		EXPECT(rc == OK || rc == E_NO_MEMORY);
		if (rc == OK) {
			struct json_given g = {"--set", "b=[1]", 0, 1, 2, 3, false};
			uint32_t from_byte[] = {0, 1};
			const struct json *b = json_item(json_get(json_root(doc), "a"), 1);
			rc = json_put(doc, json_root(doc), "b", &g, NULL, &e);
			if (rc == OK)
				rc = json_set_string(doc, b, "c", 1, from_byte, &e);
			EXPECT(rc == OK || rc == E_NO_MEMORY);
		}
		json_close(doc);
		EXPECT(mem.used_bytes == 0);
	}
	EXPECT(n > 8);
}

TEST(a_value_given_elsewhere_names_its_own_text)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct json_doc *doc = parsed(&mem, "{\"a\": 1, \"c\": {\"b\": 2}}");
	const struct json *r = json_root(doc), *c = json_get(r, "c");
	struct json_given g = {"--set", "c.b=[5, {\"x\": 6}]", 2, 1, 4, 13, false};
	struct json_at at;
	struct err e = {0};
	EXPECT_OK(json_put(doc, c, "b", &g, &at, &e), &e);
	const struct json *b = json_get(c, "b");
	EXPECT(json_count(c) == 1 && json_count(b) == 2);
	const struct json *x = json_get(json_item(b, 1), "x");
	EXPECT(json_int(x) == 6 && stands(json_where(x), 1, 15, 14, 1));
	EXPECT(stands(json_key_where(c, 0), 1, 3, 2, 1));
	EXPECT(!strcmp(json_text_of(x)->name, "--set") && !json_text_of(r)->name);
	EXPECT(!strcmp(json_text_of(x)->text, g.text));

	struct json_given plain = {"--set", "d=10\\s", 0, 1, 2, 4, true};
	EXPECT_OK(json_put(doc, r, "d", &plain, &at, &e), &e);
	EXPECT(json_count(r) == 3 && !strcmp(json_string(json_get(r, "d"), NULL), "10\\s"));
	EXPECT(stands(json_where_in_string(json_get(r, "d"), 2, 2), 1, 5, 4, 2));
	EXPECT(json_int(json_get(r, "a")) == 1);

	struct json_given bad = {"--set", "a=[1", 0, 1, 2, 2, false};
	EXPECT(json_put(doc, r, "a", &bad, &at, &e) == E_INVALID);
	EXPECT(at.column == 5 && json_int(json_get(r, "a")) == 1);
	json_close(doc);
	EXPECT(mem.used_bytes == 0);
}

TEST(a_rewritten_string_keeps_its_place_and_its_old_text)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct json_doc *doc = parsed(&mem, "[\"a ${X} b\"]");
	const struct json *s = json_item(json_root(doc), 0);
	struct err e = {0};
	/* a ${X} b -> a 12345 b */
	static const uint32_t from[] = {0, 1, 2, 2, 2, 2, 2, 6, 7, 8};
	EXPECT_OK(json_set_string(doc, s, "a 12345 b", 9, from, &e), &e);
	EXPECT(!strcmp(json_string(s, NULL), "a 12345 b"));
	EXPECT(!strcmp(json_written(s, NULL), "a ${X} b"));
	EXPECT(stands(json_where_in_string(s, 8, 1), 1, 10, 9, 1));
	EXPECT(stands(json_where_in_string(s, 2, 5), 1, 5, 4, 4)); /* all of ${X} */
	struct bytes b;
	bytes_init(&b, &mem);
	struct json_out o;
	jout_begin(&o, &b, false);
	jout_json(&o, json_root(doc), true);
	EXPECT(!strcmp(bytes_text(&b), "[\"a ${X} b\"]"));
	bytes_close(&b);
	json_close(doc);
}

TEST(what_is_written_reads_back)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct bytes b;
	bytes_init(&b, &mem);
	for (int pretty = 0; pretty < 2; pretty++) {
		bytes_clear(&b);
		struct json_out o;
		jout_begin(&o, &b, pretty);
		jout_object(&o);
		jout_kv_string(&o, "s", "q\"b\\n\n\x01\x7F\xC3\xA4\xFFz");
		jout_kv_int(&o, "i", INT64_MIN);
		jout_kv_uint(&o, "u", UINT64_MAX);
		jout_kv_hex64(&o, "h", 0xAB);
		jout_kv_real(&o, "r", 0.1);
		jout_kv_real(&o, "whole", 3);
		jout_kv_real(&o, "inf", 1.0 / 0.0);
		jout_key(&o, "l");
		jout_array(&o);
		jout_bool(&o, true);
		jout_null(&o);
		jout_array(&o);
		jout_array_end(&o);
		jout_array_end(&o);
		jout_key(&o, "o");
		jout_object(&o);
		jout_object_end(&o);
		jout_object_end(&o);
		struct json_doc *doc = parsed(&mem, bytes_text(&b));
		const struct json *r = json_root(doc);
		EXPECT(!strcmp(json_string(json_get(r, "s"), NULL),
			       "q\"b\\n\n\x01\x7F\xC3\xA4\xEF\xBF\xBDz"));
		EXPECT(json_int(json_get(r, "i")) == INT64_MIN);
		EXPECT(!strcmp(json_string(json_get(r, "u"), NULL), "18446744073709551615"));
		EXPECT(!strcmp(json_string(json_get(r, "h"), NULL), "00000000000000ab"));
		EXPECT(json_real(json_get(r, "r")) == 0.1);
		EXPECT(json_kind(json_get(r, "whole")) == JSON_REAL);
		EXPECT(json_kind(json_get(r, "inf")) == JSON_NULL);
		EXPECT(json_count(json_get(r, "l")) == 3);
		json_close(doc);
	}
	bytes_clear(&b);
	struct json_out o;
	jout_begin(&o, &b, true);
	jout_object(&o);
	jout_kv_int(&o, "a", 1);
	jout_key(&o, "l");
	jout_array(&o);
	jout_int(&o, 1);
	jout_int(&o, 2);
	jout_array_end(&o);
	jout_object_end(&o);
	EXPECT(!strcmp(bytes_text(&b), "{\n  \"a\": 1,\n  \"l\": [\n    1,\n    2\n  ]\n}"));
	bytes_close(&b);
	EXPECT(mem.used_bytes == 0);
}

TEST(real_numbers_are_short_and_exact)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct bytes b;
	bytes_init(&b, &mem);
	struct rng r;
	rng_seed(&r, 7);
	for (int i = 0; i < 2000; i++) {
		uint64_t bits = rng_next(&r);
		double v;
		memcpy(&v, &bits, sizeof v);
		if (v - v != 0)
			continue; /* not finite */
		bytes_clear(&b);
		struct json_out o;
		jout_begin(&o, &b, false);
		jout_real(&o, v);
		EXPECT(strtod(bytes_text(&b), NULL) == v);
	}
	bytes_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(values_and_members_come_in_the_order_of_the_text),
		T(places_count_lines_and_characters),
		T(a_place_inside_a_string_sees_through_escapes),
		T(a_string_may_hold_nuls),
		T(whole_numbers_reach_both_ends_of_int64),
		T(what_is_wrong_is_named_with_its_place),
		T(a_text_nested_200000_deep_costs_nothing),
		T(a_broken_text_never_breaks_the_parser),
		T(any_failed_allocation_is_an_error_and_leaks_nothing),
		T(a_value_given_elsewhere_names_its_own_text),
		T(a_rewritten_string_keeps_its_place_and_its_old_text),
		T(what_is_written_reads_back),
		T(real_numbers_are_short_and_exact),
	};
	return RUN(tests);
}
