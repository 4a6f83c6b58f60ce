/* test_row.c - a line of fields never wraps, whatever stands in it. */
#include "cli/row.h"

#include "tests/lib/test.h"

static struct mem mem;
static struct bytes text;
static struct paint paint;
static struct row r;

static void begin(unsigned columns)
{
	bytes_clear(&text);
	row_begin(&r, &text, &paint, columns);
}

#define IS(expected)                                            \
	do {                                                        \
		row_end(&r);                                            \
		assert_string_equal(bytes_text(&text), expected "\n"); \
	} while (0)

TEST(fields_stand_whole_or_not_at_all_and_none_after_that)
{
	begin(12);
	row_field(&r, 0, PAINT_PLAIN, "%s", "word");
	row_field(&r, 2, PAINT_PLAIN, "%d", 123456);
	row_field(&r, 1, PAINT_PLAIN, "no");
	row_field(&r, 0, PAINT_PLAIN, "x");
	IS("word  123456");
}

TEST(what_is_cut_ends_in_dots_and_at_the_edge)
{
	begin(12);
	row_cut(&r, 1, PAINT_PLAIN, "a long text");
	IS(" a long text");
	begin(11);
	row_cut(&r, 1, PAINT_PLAIN, "a long text");
	EXPECT(r.at == 11 && r.full);
	IS(" a long ...");
	begin(4);
	row_cut(&r, 1, PAINT_PLAIN, "a long text");
	IS("");
}

TEST(without_a_bound_everything_fits)
{
	begin(0);
	for (int i = 0; i < 100; i++)
		row_field(&r, 1, PAINT_PLAIN, "0123456789");
	EXPECT(r.at == 1100 && !r.full);
	row_end(&r);
}

TEST(a_tab_goes_to_its_column_or_one_on)
{
	begin(20);
	row_field(&r, 0, PAINT_PLAIN, "ab");
	row_tab(&r, 5);
	row_field(&r, 0, PAINT_PLAIN, "c");
	row_tab(&r, 3);
	row_field(&r, 0, PAINT_PLAIN, "d");
	row_tab(&r, 20);
	IS("ab   c d");
}

TEST(a_character_is_never_halved_and_counts_at_least_its_columns)
{
	EXPECT(row_width("na\xC3\xAFve") == 6 && row_width("\xE6\xB0\xB4") == 2);
	EXPECT(row_width("\xFF\xC3") == 2);
	begin(5);
	row_cut(&r, 0, PAINT_PLAIN, "\xE6\xB0\xB4\xE6\xB0\xB4\xE6\xB0\xB4");
	IS("\xE6\xB0\xB4...");
	begin(4);
	row_cut(&r, 0, PAINT_PLAIN, "\xE6\xB0\xB4\xE6\xB0\xB4\xE6\xB0\xB4");
	IS("...");
}

TEST(what_would_move_the_cursor_is_a_question_mark)
{
	begin(40);
	row_field(&r, 0, PAINT_PLAIN, "%s", "a\033[2Jb\r\n\t\x7F\xFF");
	IS("a?[2Jb?????");
}

TEST(colours_take_no_columns)
{
	paint.colour = true;
	begin(4);
	row_field(&r, 0, PAINT_RED, "ab");
	row_field(&r, 0, PAINT_PLAIN, "cd");
	IS("\033[31mab\033[0mcd");
	paint.colour = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fields_stand_whole_or_not_at_all_and_none_after_that),
		T(what_is_cut_ends_in_dots_and_at_the_edge),
		T(without_a_bound_everything_fits),
		T(a_tab_goes_to_its_column_or_one_on),
		T(a_character_is_never_halved_and_counts_at_least_its_columns),
		T(what_would_move_the_cursor_is_a_question_mark),
		T(colours_take_no_columns),
	};
	mem_init(&mem, 0);
	bytes_init(&text, &mem);
	int failed = RUN(tests);
	bytes_close(&text);
	return failed;
}
