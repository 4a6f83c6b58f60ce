/* test_diag.c - what a person sees of a fault: the line, the caret, the cure; and never more than
 * a terminal can bear. */
#include "jobs/diag.h"
#include "tests/lib/test.h"

static struct mem mem;

static void start(struct diags *ds, const char *text)
{
	mem_init(&mem, 0);
	diags_init(ds, "job.json", text, strlen(text), &mem);
}

/* Closes ds; the text printed must be `says`. */
static void expect_print(struct diags *ds, const char *says)
{
	struct bytes b;
	bytes_init(&b, &mem);
	diags_print(ds, &b);
	if (strcmp(bytes_text(&b), says) != 0)
		fail_msg("it says\n%s", bytes_text(&b));
	bytes_close(&b);
	diags_close(ds);
	EXPECT(mem.used_bytes == 0);
}

static struct json_at at(uint32_t line, uint32_t column, size_t offset, size_t len)
{
	return (struct json_at){line, column, offset, len};
}

TEST(the_example_of_the_design_is_printed_as_it_stands_there)
{
	struct diags ds;
	const char *text = "{\n\n\n\n {\"id\":\"count\",\"type\":\"keyed_sum\",\"key\":\"wrod\"}\n}";
	start(&ds, text);
	struct json_at place = at(5, 42, (size_t)(strstr(text, "wrod") - text), 4);
	diag_add(&ds, DIAG_ERROR, NULL, place, "it reads: word; did you mean 'word'?",
		 "stage 'count': unknown field '%s'", "wrod");
	expect_print(&ds, "job.json:5:42  error: stage 'count': unknown field 'wrod'\n"
			  "   5 |  {\"id\":\"count\",\"type\":\"keyed_sum\",\"key\":\"wrod\"}\n"
			  "     |                                          ^^^^ it reads: word; did "
			  "you mean 'word'?\n"
			  "1 error\n");
}

TEST(faults_stand_in_the_order_of_the_text_and_once)
{
	struct diags ds;
	start(&ds, "ab\ncd");
	struct json_text arg = {"--set", "x=1", 3};
	diag_add(&ds, DIAG_ERROR, &arg, at(1, 3, 2, 1), NULL, "last");
	diag_add(&ds, DIAG_WARNING, NULL, at(2, 1, 3, 2), NULL, "third");
	diag_add(&ds, DIAG_NOTE, NULL, at(1, 2, 1, 1), "h", "second");
	diag_add(&ds, DIAG_ERROR, NULL, at(2, 1, 3, 2), NULL, "before it: an error");
	diag_file(&ds, DIAG_ERROR, "cure", "first");
	diag_add(&ds, DIAG_NOTE, NULL, at(1, 2, 1, 1), "h", "second");
	EXPECT(ds.errors == 3 && ds.warnings == 1);
	expect_print(&ds, "job.json  error: first\n"
			  "     | cure\n"
			  "job.json:1:2  note: second\n"
			  "   1 | ab\n"
			  "     |  ^ h\n"
			  "job.json:2:1  error: before it: an error\n"
			  "   2 | cd\n"
			  "     | ^^\n"
			  "job.json:2:1  warning: third\n"
			  "   2 | cd\n"
			  "     | ^^\n"
			  "--set x=1  error: last\n"
			  "     | x=1\n"
			  "     |   ^\n"
			  "3 errors, 1 warning\n");
}

TEST(a_long_line_is_cut_around_its_caret)
{
	char text[1001], says[1200];
	memset(text, 'x', 1000);
	text[1000] = '\0';
	struct {
		size_t at, len, left, shown; /* where the shown part begins, and the caret in it */
	} cases[] = {{0, 4, 0, 0}, {500, 4, 438, 62}, {996, 4, 900, 96}};
	for (size_t i = 0; i < 3; i++) {
		struct diags ds;
		start(&ds, text);
		for (size_t k = 0; k < 1000; k++)
			text[k] = k >= cases[i].at && k < cases[i].at + cases[i].len ? 'o' : 'x';
		diag_add(&ds, DIAG_ERROR, NULL, at(1, (uint32_t)cases[i].at + 1, cases[i].at, 4),
			 "h", "e");
		bool left = cases[i].left > 0, right = cases[i].left + 100 < 1000;
		snprintf(says, sizeof says,
			 "job.json:1:%zu  error: e\n   1 | %s%.100s%s\n     | %*s^^^^ h\n1 error\n",
			 cases[i].at + 1, left ? "..." : "", text + cases[i].left,
			 right ? "..." : "", (int)cases[i].shown + (left ? 3 : 0), "");
		expect_print(&ds, says);
	}
}

TEST(a_caret_longer_than_the_line_ends_with_it)
{
	struct diags ds;
	start(&ds, "{\r\n\"a\"}");
	diag_add(&ds, DIAG_ERROR, NULL, at(1, 1, 0, 7), NULL, "e");
	expect_print(&ds, "job.json:1:1  error: e\n   1 | {\n     | ^\n1 error\n");
	char text[400];
	memset(text, 'x', 399);
	text[399] = '\0';
	start(&ds, text);
	diag_add(&ds, DIAG_ERROR, NULL, at(1, 1, 0, 399), NULL, "e");
	struct bytes b;
	bytes_init(&b, &mem);
	diags_print(&ds, &b);
	EXPECT(b.len < 300);
	bytes_close(&b);
	diags_close(&ds);
}

TEST(characters_are_counted_and_nothing_reaches_the_terminal_that_it_would_obey)
{
	struct diags ds;
	start(&ds, "\t\xC3\xA4\xC3\xB6 \x1B[2J\xFF!");
	diag_add(&ds, DIAG_ERROR, NULL, at(1, 10, 11, 1), "\x1B[0m", "bad '\x1B\n'");
	expect_print(&ds, "job.json:1:10  error: bad '?\?'\n"
			  "   1 |  \xC3\xA4\xC3\xB6 ?[2J?!\n"
			  "     |          ^ ?[0m\n"
			  "1 error\n");
}

TEST(inv35_a_hundred_are_kept_and_the_rest_counted)
{
	struct diags ds;
	start(&ds, "x");
	for (int i = 0; i < DIAG_MAX + 23; i++)
		diag_file(&ds, DIAG_ERROR, NULL, "fault %d", i);
	EXPECT(ds.n == DIAG_MAX && ds.errors == DIAG_MAX + 23 && ds.more == 23);
	struct bytes b;
	bytes_init(&b, &mem);
	diags_print(&ds, &b);
	EXPECT(strstr(bytes_text(&b), "... and 23 more\n123 errors\n"));
	bytes_close(&b);
	diags_close(&ds);
}

TEST(inv31_without_memory_faults_are_counted_all_the_same)
{
	struct diags ds;
	for (uint64_t n = 1; n < 4; n++) {
		start(&ds, "x");
		mem.fail_at = n;
		diag_file(&ds, DIAG_ERROR, "h", "fault");
		EXPECT(ds.errors == 1 && ds.n == (n == 3));
		diags_close(&ds);
		EXPECT(mem.used_bytes == 0);
	}
}

TEST(the_same_stands_in_json)
{
	struct diags ds;
	start(&ds, "ab");
	struct json_text arg = {"--set", "x=1", 3};
	diag_add(&ds, DIAG_ERROR, &arg, at(1, 3, 2, 1), "cure", "bad");
	diag_add(&ds, DIAG_WARNING, NULL, at(1, 2, 1, 1), NULL, "odd");
	struct bytes b;
	bytes_init(&b, &mem);
	struct json_out o;
	jout_begin(&o, &b, false);
	diags_json(&ds, &o);
	EXPECT(!strcmp(bytes_text(&b),
		       "[{\"severity\":\"warning\",\"file\":\"job.json\",\"line\":1,\"column\":2,"
		       "\"length\":1,\"text\":\"odd\"},{\"severity\":\"error\",\"argument\":\"x=1\","
		       "\"line\":1,\"column\":3,\"length\":1,\"text\":\"bad\",\"hint\":\"cure\"}]"));
	bytes_close(&b);
	diags_close(&ds);
}

TEST(operators_report_through_their_own_name)
{
	struct diags ds;
	const char *text = "{\"expr\": \"a + 'ä' + wrod\"}";
	start(&ds, text);
	struct json_doc *doc;
	struct err e = {0};
	EXPECT_OK(json_parse(&doc, text, strlen(text), &mem, NULL, &e), &e);
	struct diag_report r;
	struct opt_report *to = diag_report(&r, &ds, "stage '%s'", "m");
	const struct json *expr = json_get(json_root(doc), "expr");
	opt_error_in(to, expr, strlen("a + 'ä' + "), 4, "did you mean 'word'?",
		     "unknown field '%s'", "wrod");
	EXPECT(to->errors == 1);
	struct bytes b;
	bytes_init(&b, &mem);
	diags_print(&ds, &b);
	json_close(doc);
	EXPECT(!strcmp(bytes_text(&b), "job.json:1:21  error: stage 'm': unknown field 'wrod'\n"
			  "   1 | {\"expr\": \"a + 'ä' + wrod\"}\n"
			  "     |                     ^^^^ did you mean 'word'?\n"
			  "1 error\n"));
	bytes_close(&b);
	diags_close(&ds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_example_of_the_design_is_printed_as_it_stands_there),
		T(faults_stand_in_the_order_of_the_text_and_once),
		T(a_long_line_is_cut_around_its_caret),
		T(a_caret_longer_than_the_line_ends_with_it),
		T(characters_are_counted_and_nothing_reaches_the_terminal_that_it_would_obey),
		T(inv35_a_hundred_are_kept_and_the_rest_counted),
		T(inv31_without_memory_faults_are_counted_all_the_same),
		T(the_same_stands_in_json),
		T(operators_report_through_their_own_name),
	};
	return RUN(tests);
}
