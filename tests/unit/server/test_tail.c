/* test_tail.c - the newest lines of a sink are kept whole, or counted. */
#include "server/tail.h"

#include "tests/lib/test.h"

static struct mem mem;

static void put(struct tail *t, const char *stage, const char *text)
{
	tail_put(t, stage, text, strlen(text));
}

static void expect_taken(struct tail *t, const char *wanted)
{
	struct bytes to;
	bytes_init(&to, &mem);
	bool is = tail_take(t, &to);
	EXPECT(is == (wanted != NULL));
	if (wanted)
		assert_string_equal(bytes_text(&to), wanted);
	bytes_close(&to);
}

TEST(lines_come_whole_and_in_order_and_once)
{
	struct tail t;
	tail_open(&t, &mem);
	expect_taken(&t, NULL);
	put(&t, "a", "one\ntw");
	put(&t, "b", "other\n");
	expect_taken(&t, "{\"stage\":\"a\",\"lines\":[\"one\"],\"dropped\":0}");
	expect_taken(&t, "{\"stage\":\"b\",\"lines\":[\"other\"],\"dropped\":0}");
	expect_taken(&t, NULL);
	put(&t, "a", "o\n\nthe \"3\"\n");
	expect_taken(&t, "{\"stage\":\"a\",\"lines\":[\"two\",\"\",\"the \\\"3\\\"\"],\"dropped\":0}");
	expect_taken(&t, NULL);
	tail_close(&t);
	EXPECT(mem.used_bytes == 0);
}

TEST(what_does_not_fit_is_counted_and_never_cut)
{
	struct tail t;
	static char line[TAIL_BYTES];
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\n';
	tail_open(&t, &mem);
	put(&t, "a", "first\n");
	tail_put(&t, "a", line, 1000);                     /* the beginning of a long line ... */
	tail_put(&t, "a", line, sizeof line);              /* ... which does not fit */
	put(&t, "a", "second\n");
	tail_put(&t, "a", line, sizeof line);
	expect_taken(&t, "{\"stage\":\"a\",\"lines\":[\"first\",\"second\"],\"dropped\":2}");
	put(&t, "a", "third\n");
	expect_taken(&t, "{\"stage\":\"a\",\"lines\":[\"third\"],\"dropped\":0}");
	tail_close(&t);
	EXPECT(mem.used_bytes == 0);
}

TEST(a_first_line_that_does_not_fit_is_counted)
{
	struct tail t;
	static char line[TAIL_BYTES + 1];
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\n';
	tail_open(&t, &mem);
	tail_put(&t, "a", line, sizeof line);
	expect_taken(&t, "{\"stage\":\"a\",\"lines\":[],\"dropped\":1}");
	expect_taken(&t, NULL);
	tail_close(&t);
	EXPECT(mem.used_bytes == 0);
}

TEST(of_more_sinks_than_are_kept_the_first_are)
{
	struct tail t;
	char name[16];
	tail_open(&t, &mem);
	for (unsigned i = 0; i < TAIL_SINKS_MAX + 3; i++) {
		snprintf(name, sizeof name, "s%u", i);
		put(&t, name, "x\n");
	}
	EXPECT(t.n == TAIL_SINKS_MAX);
	tail_close(&t);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lines_come_whole_and_in_order_and_once),
		T(what_does_not_fit_is_counted_and_never_cut),
		T(a_first_line_that_does_not_fit_is_counted),
		T(of_more_sinks_than_are_kept_the_first_are),
	};
	mem_init(&mem, 0);
	return RUN(tests);
}
