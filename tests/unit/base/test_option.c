/* test_option.c - tables against objects; durations and sizes as people write them. */
#include "base/check.h"
#include "base/option.h"
#include "base/rng.h"
#include "tests/lib/test.h"

static const struct opt_def opts[] = {
	{"path", OPT_STRING, .required = true, .help = "where"},
	{"key", OPT_STRING | OPT_LIST, .help = "which"},
	{"set", OPT_STRINGS},
	{"any", OPT_OBJECT},
	{"prefix", OPT_STRING | OPT_EMPTY},
	{"rate", OPT_REAL, 1, 1000},
	{"rows", OPT_INT, 0, INT64_MAX},
	{"on", OPT_BOOL},
	{"wait", OPT_DURATION, 1000, 60000000, .later = "auto"},
	{"room", OPT_SIZE},
	{"format", OPT_STRING, .one_of = "csv text", .later = "jsonl"},
	{"emit", OPT_STRING, .one_of = "end", .later_kinds = OPT_OBJECT},
	{"soon", OPT_LATER, .help = "one day"},
	{0},
};

/* What the first fault says, or "" if there is none; the number of faults in *n. */
static const char *fault(const char *text, struct err *e, unsigned *n)
{
	static const struct opt_alias aliases[] = {{"directory", "path"}, {0}};
	static const char *const also[] = {"id", NULL};
	struct mem mem;
	mem_init(&mem, 0);
	struct json_doc *doc;
	err_clear(e);
	EXPECT_OK(json_parse(&doc, text, strlen(text), &mem, NULL, e), e);
	struct opt_report_err r;
	struct opt_report *to = opt_report_to_err(&r, e);
	bool ok = opt_check(opts, json_root(doc), also, aliases, to);
	EXPECT(ok == !to->errors);
	*n = to->errors;
	json_close(doc);
	return e->text;
}

TEST(what_a_table_does_not_say_is_refused_with_a_cure)
{
	static const struct {
		const char *text, *says;
		unsigned n;
	} cases[] = {
		{"{\"path\": \"a\", \"id\": 5}", "", 0},
		{"{}", "'path' is missing (where)", 1},
		{"{\"path\": \"\"}", "'path' is empty (where)", 1},
		{"{\"path\": null}", "'path' has the wrong type (a string, not null)", 1},
		{"{\"path\": \"a\", \"paht\": 1, \"Prefix\": 2}",
		 "unknown key 'paht' (did you mean 'path'?)", 2},
		{"{\"path\": \"a\", \"directory\": 1}",
		 "unknown key 'directory' (did you mean 'path'?)", 1},
		{"{\"path\": \"a\", \"soon\": 1}", "'soon' comes with a later version (one day)", 1},
		{"{\"path\": \"a\", \"key\": []}", "'key' is empty (which)", 1},
		{"{\"path\": \"a\", \"key\": [\"a\", 1]}",
		 "'key' holds something that is no string (a string, not a whole number)", 1},
		{"{\"path\": \"a\", \"key\": 1}",
		 "'key' has the wrong type (a string or a list of strings, not a whole number)", 1},
		{"{\"path\": \"a\", \"set\": {\"x\": \"1\"}}", "", 0},
		{"{\"path\": \"a\", \"set\": {}}", "'set' is empty", 1},
		{"{\"path\": \"a\", \"set\": {\"x\": 1}}",
		 "'set' holds something that is no string (a string, not a whole number)", 1},
		{"{\"path\": \"a\", \"any\": {\"x\": 1}}", "", 0},
		{"{\"path\": \"a\", \"prefix\": \"\"}", "", 0},
		{"{\"path\": \"a\", \"rate\": 0.5}", "'rate' is out of bounds (from 1 to 1000)", 1},
		{"{\"path\": \"a\", \"rate\": 1000}", "", 0},
		{"{\"path\": \"a\", \"rows\": -1}", "'rows' is out of bounds (at least 0)", 1},
		{"{\"path\": \"a\", \"rows\": 9223372036854775807}", "", 0},
		{"{\"path\": \"a\", \"rows\": 1.0}",
		 "'rows' has the wrong type (a whole number, not a number with a fraction)", 1},
		{"{\"path\": \"a\", \"on\": \"true\"}",
		 "'on' has the wrong type (true or false, not a string)", 1},
		{"{\"path\": \"a\", \"wait\": \"1m\"}", "", 0},
		{"{\"path\": \"a\", \"wait\": \"61s\"}",
		 "'wait' is out of bounds (from 1ms to 1m)", 1},
		{"{\"path\": \"a\", \"wait\": 5}", "'wait' wants a unit (write \"5s\")", 1},
		{"{\"path\": \"a\", \"wait\": \"auto\"}",
		 "'wait': 'auto' comes with a later version (now: a duration such as \"10s\")", 1},
		{"{\"path\": \"a\", \"room\": \"5 MB\"}",
		 "'room' is not a size (did you mean \"5MB\"?)", 1},
		{"{\"path\": \"a\", \"format\": \"jsonl\"}",
		 "'format': 'jsonl' comes with a later version (now: 'csv' or 'text')", 1},
		{"{\"path\": \"a\", \"format\": \"cvs\"}",
		 "'format' cannot be 'cvs' (did you mean 'csv'?)", 1},
		{"{\"path\": \"a\", \"format\": \"xml\"}",
		 "'format' cannot be 'xml' (it may be 'csv' or 'text')", 1},
		{"{\"path\": \"a\", \"format\": \"csv text\"}",
		 "'format' cannot be 'csv text' (it may be 'csv' or 'text')", 1},
		{"{\"path\": \"a\", \"emit\": {\"every\": \"1s\"}}",
		 "'emit' as an object comes with a later version ('end')", 1},
		{"{\"path\": \"a\\u0000b\"}", "'path' contains a NUL character", 1},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = {0};
		unsigned n;
		const char *says = fault(cases[i].text, &e, &n);
		if (strcmp(says, cases[i].says) != 0 || n != cases[i].n)
			fail_msg("%s: %u: %s", cases[i].text, n, says);
	}
}

TEST(what_passed_is_read_without_a_fault)
{
	const char *text =
		"{\"path\": \"p\", \"key\": [\"a\", \"b\"], \"rate\": 5, \"rows\": 7, \"on\": "
			   "true, \"wait\": \"250ms\", \"room\": \"3KiB\", \"format\": \"csv\"}";
	struct mem mem;
	mem_init(&mem, 0);
	struct json_doc *doc;
	struct err e = {0};
	EXPECT_OK(json_parse(&doc, text, strlen(text), &mem, NULL, &e), &e);
	const struct json *v = json_root(doc);
	EXPECT(!strcmp(opt_string(v, "path", "x"), "p") && opt_is(v, "format", "csv"));
	EXPECT(opt_list_count(v, "key") == 2 && !strcmp(opt_list_item(v, "key", 1), "b"));
	EXPECT(opt_list_count(v, "path") == 1 && !strcmp(opt_list_item(v, "path", 0), "p"));
	EXPECT(opt_list_count(v, "none") == 0);
	EXPECT(opt_real(v, "rate", 0) == 5.0 && opt_int(v, "rows", 0) == 7 && opt_bool(v, "on", false));
	EXPECT(opt_duration_us(v, "wait", 0) == 250000 && opt_size_bytes(v, "room", 0) == 3072);
	/* What is absent. */
	EXPECT(!strcmp(opt_string(v, "emit", "x"), "x") && !opt_is(v, "emit", "x"));
	EXPECT(opt_real(v, "r", 2.5) == 2.5 && opt_int(v, "i", -3) == -3 && opt_bool(v, "b", true));
	EXPECT(opt_duration_us(v, "d", 9) == 9 && opt_size_bytes(v, "s", 8) == 8);
	EXPECT(opt_has(v, "path") && !opt_has(v, "emit") && !opt_json(v, "emit"));
	json_close(doc);
}

TEST(durations_and_sizes_are_a_number_and_its_unit)
{
	static const struct {
		const char *text;
		uint64_t us;
		const char *says; /* NULL: it is us */
	} times[] = {
		{"1us", 1, NULL},
		{"500ms", 500000, NULL},
		{"10s", 10000000, NULL},
		{"0.000001s", 1, NULL},
		{"1.5m", 90000000, NULL},
		{"2h", 7200000000, NULL},
		{"1d", 86400000000, NULL},
		{"0s", 0, NULL},
		{"106751991d", 9223372022400000000u, NULL},
		{"106751992d", 0, "too large"},
		{"184467440737095516150s", 0, "too large"},
		{"1.0000001s", 0, "finer than 1us"},
		{"", 0, "write it as \"10s\"; units: us ms s m h d"},
		{"s", 0, "write it as \"10s\"; units: us ms s m h d"},
		{"-1s", 0, "write it as \"10s\"; units: us ms s m h d"},
		{"1.s", 0, "write it as \"10s\"; units: us ms s m h d"},
		{".5s", 0, "write it as \"10s\"; units: us ms s m h d"},
		{"10", 0, "a unit is missing; write \"10s\""},
		{"10S", 0, "did you mean \"10s\"?"},
		{"10 s", 0, "did you mean \"10s\"?"},
		{"10 sec", 0, "units: us ms s m h d"},
		{"1m30s", 0, "units: us ms s m h d"},
	};
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct err e = {0};
		uint64_t us = 0;
		enum rc rc = duration_parse(times[i].text, strlen(times[i].text), &us, &e);
		bool as_said = times[i].says ? rc == E_INVALID && !strcmp(e.text, times[i].says)
					     : rc == OK && us == times[i].us;
		if (!as_said)
			fail_msg("%s: %lu %s", times[i].text, (unsigned long)us, e.text);
	}
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {{"64MB", 64000000}, {"1GiB", 1 << 30}, {"2KB", 2000},  {"2kB", 2000},
		     {"5B", 5},		 {"1.5KiB", 1536},  {"1TB", 1000000000000}};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint64_t bytes;
		EXPECT(size_parse(sizes[i].text, strlen(sizes[i].text), &bytes, NULL) == OK);
		EXPECT(bytes == sizes[i].bytes);
	}
	struct err e = {0};
	uint64_t bytes;
	EXPECT(size_parse("1M", 2, &bytes, &e) == E_INVALID);
	EXPECT(!strcmp(e.text, "units: B kB MB GB TB (1000s), KiB MiB GiB TiB (1024s)"));
	err_clear(&e);
	EXPECT(size_parse("1.5B", 4, &bytes, &e) == E_INVALID && !strcmp(e.text, "finer than 1B"));
}

TEST(units_written_read_back)
{
	struct rng r;
	rng_seed(&r, 3);
	char text[UNIT_TEXT];
	for (int i = 0; i < 5000; i++) {
		uint64_t v = rng_next(&r) >> (1 + rng_below(&r, 63)), back = 1;
		if (i % 2)
			v = v / 60000000 * 60000000;
		duration_text(v, text);
		EXPECT(duration_parse(text, strlen(text), &back, NULL) == OK && back == v);
		size_text(v, text);
		EXPECT(size_parse(text, strlen(text), &back, NULL) == OK && back == v);
	}
	EXPECT(!strcmp(duration_text(90000000, text), "90s"));
	EXPECT(!strcmp(duration_text(0, text), "0s") && !strcmp(size_text(1 << 20, text), "1MiB"));
}

TEST(a_table_documents_itself)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct bytes b;
	bytes_init(&b, &mem);
	static const struct opt_def few[] = {
		{"path", OPT_STRING, .required = true, .help = "where"},
		{"format", OPT_STRING, .one_of = "csv text"},
		{"soon", OPT_LATER},
		{0},
	};
	opt_document(few, &b);
	EXPECT(!strcmp(bytes_text(&b), "  path           a string, required: where\n"
				       "  format         'csv' or 'text'\n"
				       "  soon           later\n"));
	bytes_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_a_table_does_not_say_is_refused_with_a_cure),
		T(what_passed_is_read_without_a_fault),
		T(durations_and_sizes_are_a_number_and_its_unit),
		T(units_written_read_back),
		T(a_table_documents_itself),
	};
	return RUN(tests);
}
