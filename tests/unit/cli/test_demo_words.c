/* test_demo_words.c - the demo must be able to see a wrong count: what it reads, and what it says
 * of counters that lost or doubled. */
#include "tests/lib/test.h"

#include "cli/demo_text.h"
#include "cli/demo_words.h"

static struct mem mem;

static void counts(struct demo_words *w, int column, const char *text)
{
	struct err e = {0};
	EXPECT_OK(demo_words_read_counts(w, column, text, strlen(text), &e), &e);
}

static void rows(struct demo_words *w, int column, const char *text, bool header)
{
	struct err e = {0};
	EXPECT_OK(demo_words_read_rows(w, column, text, strlen(text), header, &e), &e);
}

TEST(equal_counts_are_neither_lost_nor_doubled)
{
	struct demo_words w;
	demo_words_init(&w, &mem);
	counts(&w, DEMO_PLAIN, "      2 the\n      1 \"a,b\"\n      1 word,n\n");
	rows(&w, DEMO_WEIR, "word,n\nthe,1\n\"\"\"a,b\"\"\",1\n", true);
	rows(&w, DEMO_WEIR, "word,n\nthe,2\n\"word,n\",1\n", true);
	struct demo_verdict v = demo_words_compare(&w, DEMO_WEIR);
	EXPECT(v.words == 4 && !v.lost && !v.doubled && !v.broken);
	demo_words_close(&w);
}

TEST(lost_and_doubled_do_not_cancel_out)
{
	struct demo_words w;
	demo_words_init(&w, &mem);
	counts(&w, DEMO_PLAIN, "      2 the\n      3 of\n");
	counts(&w, DEMO_LOSSY, "      4 the\n      1 of\n      1 strange\n");
	struct demo_verdict v = demo_words_compare(&w, DEMO_LOSSY);
	EXPECT(v.words == 6 && v.lost == 2 && v.doubled == 3);
	demo_words_close(&w);
}

TEST(a_row_written_twice_is_seen_even_if_the_last_count_is_right)
{
	struct demo_words w;
	demo_words_init(&w, &mem);
	counts(&w, DEMO_PLAIN, "      2 the\n");
	rows(&w, DEMO_WEIR, "the,1\nthe,1\nthe,2\n", false);
	struct demo_verdict v = demo_words_compare(&w, DEMO_WEIR);
	EXPECT(v.doubled == 1 && v.broken);
	demo_words_close(&w);
}

TEST(a_count_that_skips_a_number_is_broken)
{
	struct demo_words w;
	demo_words_init(&w, &mem);
	counts(&w, DEMO_PLAIN, "      2 the\n");
	rows(&w, DEMO_WEIR, "the,1\nthe,3\n", false);
	EXPECT(demo_words_compare(&w, DEMO_WEIR).broken);
	demo_words_close(&w);
}

TEST(a_torn_last_row_counts_as_something_else)
{
	struct demo_words w;
	demo_words_init(&w, &mem);
	counts(&w, DEMO_PLAIN, "      1 the\n");
	rows(&w, DEMO_FRESH, "the,1\nthe,2\nth", false);
	struct demo_verdict v = demo_words_compare(&w, DEMO_FRESH);
	EXPECT(v.words == 3 && v.doubled == 2);
	rows(&w, DEMO_FRESH, "\"", false); /* a quote that never closes */
	demo_words_close(&w);
}

TEST(the_top_is_by_count_then_by_bytes_through_growth)
{
	struct demo_words w;
	char line[64];
	demo_words_init(&w, &mem);
	for (int i = 0; i < 9000; i++) {
		snprintf(line, sizeof line, "      1 w%d\n", i);
		counts(&w, DEMO_PLAIN, line);
	}
	counts(&w, DEMO_PLAIN, "      6 z\n      7 b\n      7 a\n");
	const struct demo_word *top[4];
	EXPECT(demo_words_top(&w, top, 4) == 4);
	EXPECT(top[0]->text[0] == 'a' && top[1]->text[0] == 'b' && top[2]->text[0] == 'z');
	EXPECT(top[3]->len == 2 && !memcmp(top[3]->text, "w0", 2));
	EXPECT(w.n == 9003);
	demo_words_close(&w);
	EXPECT(mem.used_bytes == 0);
}

TEST(words_part_at_ascii_white_space_only)
{
	static const char text[] = "\v a\tb\r\n\fc\xC2\xA0"
				   "d \n";
	const char *word;
	size_t at = 0, len;
	const char *want[] = {"a", "b", "c\xC2\xA0"
					"d"};
	for (int i = 0; i < 3; i++) {
		EXPECT(demo_text_word(text, sizeof text - 1, &at, &word, &len));
		EXPECT(len == strlen(want[i]) && !memcmp(word, want[i], len));
	}
	EXPECT(!demo_text_word(text, sizeof text - 1, &at, &word, &len));
}

TEST(without_memory_it_says_so)
{
	unsigned refused = 0;
	enum rc rc = E_NO_MEMORY;
	for (uint64_t n = 1; rc != OK || n < 3; n++) {
		struct mem small;
		struct demo_words w;
		struct err e = {0};
		mem_init(&small, 0);
		small.fail_at = n;
		demo_words_init(&w, &small);
		rc = demo_words_read_rows(&w, DEMO_WEIR, "the,1\nof,1\n", 11, false, &e);
		EXPECT(rc == OK ? w.n == 2 : rc == E_NO_MEMORY);
		refused += rc != OK;
		demo_words_close(&w);
		EXPECT(small.used_bytes == 0);
	}
	EXPECT(refused >= 3); /* the table and each word */
}

int main(void)
{
	mem_init(&mem, 0);
	const struct CMUnitTest tests[] = {
		T(equal_counts_are_neither_lost_nor_doubled),
		T(lost_and_doubled_do_not_cancel_out),
		T(a_row_written_twice_is_seen_even_if_the_last_count_is_right),
		T(a_count_that_skips_a_number_is_broken),
		T(a_torn_last_row_counts_as_something_else),
		T(the_top_is_by_count_then_by_bytes_through_growth),
		T(words_part_at_ascii_white_space_only),
		T(without_memory_it_says_so),
	};
	return RUN(tests);
}
