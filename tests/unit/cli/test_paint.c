/* test_paint.c - numbers as people read them. */
#include "tests/lib/test.h"

#include "cli/paint.h"

#include <stdlib.h>

static char to[PAINT_TEXT];
#define SAYS(call, text) assert_string_equal(call, text)

TEST(counts_have_commas)
{
	SAYS(text_count(0, to), "0");
	SAYS(text_count(999, to), "999");
	SAYS(text_count(1000, to), "1,000");
	SAYS(text_count(81402, to), "81,402");
	SAYS(text_count(UINT64_MAX, to), "18,446,744,073,709,551,615");
	SAYS(text_many(1, "key", to), "1 key");
	SAYS(text_many(5204, "key", to), "5,204 keys");
}

TEST(sizes_have_three_figures_at_most)
{
	SAYS(text_bytes(999, to), "999 B");
	SAYS(text_bytes(1500, to), "1.5 kB");
	SAYS(text_bytes(41234, to), "41 kB");
	SAYS(text_bytes(1900000, to), "1.9 MB");
	SAYS(text_bytes(UINT64_C(12000000000), to), "12 GB");
}

TEST(times_have_the_unit_one_would_say)
{
	SAYS(text_us(38, to), "38 us");
	SAYS(text_us(3100, to), "3.1 ms");
	SAYS(text_us(38000, to), "38 ms");
	SAYS(text_us(1200000, to), "1.2 s");
	SAYS(text_ago(38000, to), "38 ms");
	SAYS(text_ago(300000, to), "0.3 s");
	SAYS(text_ago(UINT64_C(240000000), to), "4 min");
	SAYS(text_ago(UINT64_C(172800000000), to), "2 days");
	SAYS(text_clock(7999999, to), "00:07");
	SAYS(text_clock(UINT64_C(3723000000), to), "1:02:03");
	SAYS(text_time(INT64_C(1769903999123456), to), "2026-01-31 23:59:59.123 UTC");
}

TEST(rates_are_of_a_readable_size)
{
	SAYS(text_rate(300, to), "300");
	SAYS(text_rate(2400, to), "2.4 k");
	SAYS(text_rate(24.9e6, to), "24.9 M");
	SAYS(text_rate(999.7, to), "1.0 k");
	SAYS(text_rate(999.96e3, to), "1.0 M");
	SAYS(text_rate(1.2e9, to), "1.2 G");
}

TEST(unprintable_text_is_made_plain_and_never_cut_within_a_character)
{
	SAYS(text_plain("a\033[2Jb", 6, 20, to), "a?[2Jb");
	SAYS(text_plain("na\xC3\xAFve", 6, 3, to), "na");
	SAYS(text_plain("na\xC3\xAFve", 6, 4, to), "na\xC3\xAF");
	SAYS(text_plain("abc", 3, 3, to), "abc");
}

TEST(no_colour_without_a_terminal)
{
	struct paint p;
	FILE *f = tmpfile();
	assert_non_null(f);
	setenv("TERM", "xterm", 1);
	paint_init(&p, f);
	EXPECT(!p.terminal && !p.colour);
	SAYS(paint_on(&p, PAINT_RED), "");
	SAYS(paint_off(&p), "");
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(counts_have_commas),
		T(sizes_have_three_figures_at_most),
		T(times_have_the_unit_one_would_say),
		T(rates_are_of_a_readable_size),
		T(unprintable_text_is_made_plain_and_never_cut_within_a_character),
		T(no_colour_without_a_terminal),
	};
	return RUN(tests);
}
