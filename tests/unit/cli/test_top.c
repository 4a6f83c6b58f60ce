/* test_top.c - the jobs of `weir top` from look to look, and what is drawn of them. */
#include "cli/top_text.h"

#include "cli/row.h"
#include "tests/lib/test.h"

static struct mem mem;
static struct err e;
static struct top_jobs jobs;
static struct bytes text;

static enum rc take(const char *answer)
{
	struct json_doc *doc;
	EXPECT_OK(json_parse(&doc, answer, strlen(answer), &mem, NULL, &e), &e);
	enum rc rc = top_jobs_take(&jobs, json_root(doc), &e);
	json_close(doc);
	return rc;
}

static const char *drawn(enum top_mode mode, unsigned columns, unsigned rows)
{
	static const struct paint plain;
	const struct top_view v = {.jobs = &jobs, .paint = &plain, .where = "data", .trouble = "",
				   .mode = mode, .keys = true, .columns = columns, .rows = rows};
	bytes_clear(&text);
	top_text(&v, &text);
	return bytes_text(&text);
}

static void begin(void)
{
	top_jobs_init(&jobs, &mem);
	bytes_init(&text, &mem);
}

static void end(void)
{
	top_jobs_close(&jobs);
	bytes_close(&text);
	EXPECT(!mem.used_bytes);
}

TEST(a_bar_is_of_busy_then_held_then_idle)
{
	char bar[TOP_BAR + 1];
	EXPECT(!strcmp(top_bar(0, 0, bar), ".........."));
	EXPECT(!strcmp(top_bar(0.6, 0.2, bar), "######==.."));
	EXPECT(!strcmp(top_bar(1, 1, bar), "##########"));
	EXPECT(!strcmp(top_bar(0.97, 0.03, bar), "##########"));
	EXPECT(!strcmp(top_bar(-1, 7, bar), "=========="));
}

TEST(what_is_gone_from_an_answer_is_gone_and_the_first_is_chosen)
{
	begin();
	EXPECT_OK(take("{\"jobs\": [{\"name\": \"a\", \"state\": \"RUNNING\"},"
		       "{\"name\": \"b\", \"state\": \"FAILED\","
		       " \"error\": \"no\\u001b[31m disk\"}]}"), &e);
	EXPECT(jobs.n == 2 && jobs.running == 1);
	top_jobs_move(&jobs, 5);
	EXPECT(top_jobs_at(&jobs) == 1);
	const char *t = drawn(TOP_JOBS, 100, 20);
	EXPECT(strstr(t, "> b ") && strstr(t, "  no?[31m disk\n"));
	EXPECT_OK(take("{\"jobs\": [{\"name\": \"a\", \"state\": \"RUNNING\"}]}"), &e);
	EXPECT(jobs.n == 1 && top_jobs_at(&jobs) == 0);
	EXPECT_OK(take("{\"jobs\": []}"), &e);
	EXPECT(strstr(drawn(TOP_JOBS, 100, 20), "no jobs"));
	end();
}

TEST(the_chosen_one_stays_chosen_when_the_order_changes)
{
	begin();
	EXPECT_OK(take("{\"jobs\": [{\"name\": \"a\", \"state\": \"RUNNING\"},"
		       "{\"name\": \"b\", \"state\": \"FAILED\"}]}"), &e);
	top_jobs_move(&jobs, 0);
	top_jobs_sort(&jobs, TOP_BY_STATE);
	EXPECT(!strcmp(jobs.job[0]->name, "b") && top_jobs_at(&jobs) == 1);
	end();
}

TEST(what_is_no_list_of_jobs_is_refused)
{
	begin();
	EXPECT(take("[]") == E_INVALID);
	err_clear(&e);
	EXPECT(take("{\"jobs\": [7]}") == E_INVALID);
	err_clear(&e);
	EXPECT(take("{\"name\": \"a\"}") == E_INVALID);
	err_clear(&e);
	end();
}

TEST(no_line_is_wider_and_no_picture_higher_than_the_terminal)
{
	struct bytes list;
	begin();
	bytes_init(&list, &mem);
	bytes_put_text(&list, "{\"jobs\": [");
	for (int i = 0; i < 50; i++)
		bytes_printf(&list, "%s{\"name\": \"a-job-with-a-very-long-name-that-goes-on-%02d\","
			     "\"state\": \"RUNNING\", \"error\": \"%s\", \"bottleneck\": \"\xC3\xA4 %s\","
			     "\"forecasts\": [\"one\", \"two\", \"three\"]}", i ? "," : "", i,
			     "a long story of what went wrong and why", "is the bottleneck: busy 97 %");
	bytes_put_text(&list, "]}");
	EXPECT_OK(take(bytes_text(&list)), &e);
	bytes_close(&list);
	for (unsigned columns = 4; columns < 130; columns += 3)
		for (unsigned rows = 5; rows < 70; rows += 7)
			for (int mode = TOP_JOBS; mode <= TOP_HELP; mode++) {
				unsigned lines = 0;
				top_jobs_move(&jobs, 7);
				for (const char *at = drawn((enum top_mode)mode, columns, rows); *at;) {
					char line[512];
					size_t n = strcspn(at, "\n");
					EXPECT(at[n] == '\n' && n < sizeof line);
					snprintf(line, sizeof line, "%.*s", (int)n, at);
					EXPECT(row_width(line) <= columns);
					at += n + 1;
					lines++;
				}
				EXPECT(lines <= rows && lines >= 2);
			}
	end();
}

TEST(the_chosen_one_is_in_sight_wherever_it_stands)
{
	struct bytes list;
	begin();
	bytes_init(&list, &mem);
	bytes_put_text(&list, "{\"jobs\": [");
	for (int i = 0; i < 50; i++)
		bytes_printf(&list, "%s{\"name\": \"j%02d\", \"state\": \"STOPPED\"}", i ? "," : "", i);
	bytes_put_text(&list, "]}");
	EXPECT_OK(take(bytes_text(&list)), &e);
	bytes_close(&list);
	for (int i = 0; i < 50; i++) {
		char want[16];
		snprintf(want, sizeof want, "> j%02d ", i);
		EXPECT(strstr(drawn(TOP_JOBS, 60, 12), want));
		EXPECT(strstr(bytes_text(&text), "and 42 more"));
		top_jobs_move(&jobs, 1);
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_bar_is_of_busy_then_held_then_idle),
		T(what_is_gone_from_an_answer_is_gone_and_the_first_is_chosen),
		T(the_chosen_one_stays_chosen_when_the_order_changes),
		T(what_is_no_list_of_jobs_is_refused),
		T(no_line_is_wider_and_no_picture_higher_than_the_terminal),
		T(the_chosen_one_is_in_sight_wherever_it_stands),
	};
	mem_init(&mem, 0);
	return RUN(tests);
}
