/* test_scan.c - a text read in one pass says what a tree of it says, and what is no JSON is never
 * read past. */
#include "tests/lib/test.h"

#include "base/json.h"
#include "cli/scan.h"

#include <stdlib.h>

static struct slice of(const char *text)
{
	struct scan s = scan_of(text, strlen(text));
	return scan_value(&s);
}

TEST(members_and_elements_come_in_order_and_nested_ones_are_stepped_over)
{
	static const char text[] =
		" { \"a\" : 1 , \"b\":[ {\"x\":\"]}\\\"\"}, [], 2.5e3 ],\"c\":{\"d\":{}} , \"e\":\"\" } ";
	static const char *const keys[] = {"a", "b", "c", "e"};
	static const char *const values[] = {"1", "[ {\"x\":\"]}\\\"\"}, [], 2.5e3 ]", "{\"d\":{}}",
					     "\"\""};
	struct scan s = scan_of(text, strlen(text));
	struct slice key;
	unsigned n = 0;
	EXPECT(scan_object(&s));
	for (; scan_member(&s, &key); n++) {
		struct slice v = scan_value(&s);
		EXPECT(n < 4 && slice_is(key, keys[n]) && slice_is(v, values[n]));
	}
	EXPECT(n == 4 && !s.failed);
}

TEST(an_array_of_objects_is_read_through)
{
	static const char text[] = "[{\"n\":1},{},{\"n\":3,\"m\":null}]";
	struct scan s = scan_of(text, strlen(text));
	struct slice key;
	unsigned items = 0;
	int64_t sum = 0;
	EXPECT(scan_array(&s));
	for (; scan_item(&s); items++) {
		EXPECT(scan_object(&s));
		while (scan_member(&s, &key))
			sum += slice_int(scan_value(&s), 0);
	}
	EXPECT(items == 3 && sum == 4 && !s.failed);
}

TEST(whole_numbers_are_read_and_others_are_absent)
{
	EXPECT(slice_int(of("0"), 7) == 0);
	EXPECT(slice_int(of("-12"), 7) == -12);
	EXPECT(slice_int(of("999999999999999999"), 7) == 999999999999999999);
	static const char *const none[] = {"null", "1.5", "1e3", "\"1\"", "-", "true",
					   "1000000000000000000", "[1]"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		EXPECT(slice_int(of(none[i]), 7) == 7);
}

TEST(strings_are_unescaped)
{
	char to[64];
	EXPECT(slice_text(of("\"a\\n\\t\\\"\\\\\\/\\b\\f\\r\""), to, sizeof to) == 9);
	assert_string_equal(to, "a\n\t\"\\/\b\f\r");
	slice_text(of("\"\\u00fc \\u20AC \\ud83d\\ude00\""), to, sizeof to);
	assert_string_equal(to, "\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80");
	slice_text(of("\"\\ud83d x \\u12 \\u0000\""), to, sizeof to);
	assert_string_equal(to, "\xef\xbf\xbd x \xef\xbf\xbd" "12 ?");
	EXPECT(slice_text(of("12"), to, sizeof to) == 0);
	assert_string_equal(to, "");
}

TEST(a_text_is_cut_between_characters)
{
	char to[16];
	static const char text[] = "\"ab\xc3\xbc\xe2\x82\xac" "cd\""; /* 2, 2, 3 and 2 bytes */
	static const size_t fits[] = {0, 0, 1, 2, 2, 4, 4, 4, 7, 8, 9, 9};
	for (size_t size = 1; size < sizeof fits / sizeof *fits; size++) {
		size_t n = slice_text(of(text), to, size);
		if (n != fits[size] || memcmp(to, text + 1, n) || to[n])
			fail_msg("size %zu: %zu bytes, not %zu", size, n, fits[size]);
	}
}

/* Walks all of it, as list.c does. */
static unsigned walk(struct scan *s, unsigned depth)
{
	struct slice key;
	unsigned n = 0;
	if (depth < 80 && scan_object(s)) {
		while (scan_member(s, &key))
			n += walk(s, depth + 1);
	} else if (depth < 80 && scan_array(s)) {
		while (scan_item(s))
			n += walk(s, depth + 1);
	} else {
		char to[8];
		slice_text(scan_value(s), to, sizeof to);
		n++;
	}
	return n;
}

static unsigned count(const struct json *v)
{
	unsigned n = 0;
	if (json_kind(v) == JSON_OBJECT)
		for (size_t i = 0; i < json_count(v); i++)
			n += count(json_value(v, i));
	else if (json_kind(v) == JSON_ARRAY)
		for (size_t i = 0; i < json_count(v); i++)
			n += count(json_item(v, i));
	else
		n = 1;
	return n;
}

/* Texts are cut, changed and read from memory of exactly their size, under the sanitizer's eyes. */
TEST(whatever_is_wrong_with_a_text_it_ends_and_a_right_one_is_counted_as_a_tree_counts_it)
{
	static const char text[] = "{\"jobs\":[{\"name\":\"a-1\",\"state\":\"RUNNING\",\"attempt\":2,"
				   "\"error\":\"x\\\"y\\u00fc\",\"facts\":{\"a\":[1,[2,{}]]},\"e\":null},"
				   "{\"name\":\"b\"}, {}],\"more\":[true,false,-1.5e-3,\"\"]}";
	size_t len = sizeof text - 1;
	unsigned seed = 20261121, right = 0;
	for (unsigned round = 0; round < 20000; round++) {
		size_t n = round <= len ? len - round : len;
		char *copy = malloc(n + (n == 0));
		EXPECT(copy);
		memcpy(copy, text, n);
		for (unsigned i = 0; round > len && i < 1 + round % 3; i++) {
			seed = seed * 1103515245 + 12345;
			copy[(seed >> 8) % n] = "{}[]\",:\\u0a \n-\xc3"[(seed >> 24) % 15];
		}
		struct mem mem;
		struct json_doc *doc = NULL;
		struct err e = {0};
		mem_init(&mem, 0);
		struct scan s = scan_of(copy, n);
		unsigned found = walk(&s, 0);
		if (json_parse(&doc, copy, n, &mem, NULL, &e) == OK) {
			right++;
			if (s.failed || found != count(json_root(doc)))
				fail_msg("round %u: %u values, not %u: %.*s", round, found,
					 count(json_root(doc)), (int)n, copy);
		}
		json_close(doc);
		free(copy);
	}
	EXPECT(right > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(members_and_elements_come_in_order_and_nested_ones_are_stepped_over),
		T(an_array_of_objects_is_read_through),
		T(whole_numbers_are_read_and_others_are_absent),
		T(strings_are_unescaped),
		T(a_text_is_cut_between_characters),
		T(whatever_is_wrong_with_a_text_it_ends_and_a_right_one_is_counted_as_a_tree_counts_it),
	};
	return RUN(tests);
}
