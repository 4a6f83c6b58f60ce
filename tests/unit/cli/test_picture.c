/* test_picture.c - what the screen says of given facts, line by line, at several widths. */
#include "cli/picture.h"

#include "cli/row.h"
#include "tests/lib/test.h"

#define S UINT64_C(1000000)

static struct mem mem;
static struct facts f;
static struct facts_stage stage[40];
static struct pace pace;
static struct pace_stage rates[40];
static struct paint paint;
static struct bytes text;

static void add(const char *id, enum op_role role, double in, double out, double busy)
{
	struct facts_stage *s = &stage[f.n_stages];
	*s = (struct facts_stage){.role = role, .parallelism = 1, .n_inputs = f.n_stages > 0,
				  .input = {f.n_stages ? f.n_stages - 1 : 0}};
	snprintf(s->id, sizeof s->id, "%s", id);
	rates[f.n_stages] = (struct pace_stage){.in = in, .out = out, .busy = busy};
	pace.n_stages = ++f.n_stages;
	pace.second = f.n_stages;
}

static void begin(void)
{
	paint = (struct paint){0};
	f = (struct facts){.name = "word-count", .dir = "weir-data/word-count", .state = "RUNNING",
			   .attempt = 1, .pid = 4219, .now_us = 17 * S, .started_us = 10 * S,
			   .wall_us = 1000 * S, .stage = stage};
	f.last = (struct facts_checkpoint){.id = 7, .bytes_written = 41234, .state_bytes = 1900000,
					   .total_us = 3100, .sync_us_max = 38,
					   .wall_us = 1000 * S - 300000};
	pace = (struct pace){.known = true, .stage = rates, .limit = PACE_STAGE, .slowest = 2,
			     .done = 0.629, .eta_us = 4 * S};
	bytes_init(&text, &mem);
}

/* The picture of DESIGN 10. */
static void word_count(void)
{
	begin();
	add("lines", OP_SOURCE, 0, 3.1e6, 0.31);
	add("words", OP_TRANSFORM, 3.1e6, 24.9e6, 0.88);
	add("count", OP_TRANSFORM, 24.9e6, 24.9e6, 0.97);
	add("out", OP_SINK, 24.9e6, 0, 0.12);
}

static void end(void)
{
	bytes_close(&text);
	EXPECT(mem.used_bytes == 0);
}

static const char *block(unsigned columns, unsigned rows)
{
	struct picture v = {.f = &f, .pace = &pace, .paint = &paint, .columns = columns, .rows = rows};
	bytes_clear(&text);
	picture_block(&v, &text);
	return bytes_text(&text);
}

static const char *line(unsigned columns)
{
	struct picture v = {.f = &f, .pace = &pace, .paint = &paint, .columns = columns, .rows = 1};
	bytes_clear(&text);
	picture_line(&v, &text);
	return bytes_text(&text);
}

#define SAYS(call, ...) assert_string_equal(call, __VA_ARGS__)

/* ---- a chain ---- */

TEST(a_wide_terminal_shows_all)
{
	word_count();
	SAYS(block(200, 24),
	     "word-count  RUNNING 00:07  attempt 1  dir weir-data/word-count   (try: kill -9 4219)\n"
	     " lines ----3.1 M/s--> words ---24.9 M/s--> count ---24.9 M/s--> out\n"
	     " busy 31 %            88 %                 97 %                 12 %\n"
	     " 62 %  ETA 00:04  slowest: count; the others wait for it\n"
	     " checkpoint 7 ok 0.3 s ago: 41 kB of 1.9 MB in 3.1 ms, longest stop 38 us\n");
	end();
}

TEST(at_80_columns_only_the_hint_is_missing)
{
	word_count();
	SAYS(block(80, 24),
	     "word-count  RUNNING 00:07  attempt 1  dir weir-data/word-count\n"
	     " lines ----3.1 M/s--> words ---24.9 M/s--> count ---24.9 M/s--> out\n"
	     " busy 31 %            88 %                 97 %                 12 %\n"
	     " 62 %  ETA 00:04  slowest: count; the others wait for it\n"
	     " checkpoint 7 ok 0.3 s ago: 41 kB of 1.9 MB in 3.1 ms, longest stop 38 us\n");
	end();
}

TEST(a_chain_too_long_for_a_line_is_a_table)
{
	word_count();
	SAYS(block(40, 24),
	     "word-count  RUNNING 00:07  attempt 1\n"
	     " stage  busy        in       out  reads\n"
	     " lines  31 %             3.1 M/s\n"
	     " words  88 %   3.1 M/s  24.9 M/s  lines\n"
	     " count  97 %  24.9 M/s  24.9 M/s  words\n"
	     " out    12 %  24.9 M/s            count\n"
	     " 62 %  ETA 00:04  slowest: count; the...\n"
	     " checkpoint 7 ok 0.3 s ago: 41 kB\n");
	SAYS(block(20, 24),
	     "word-count  RUNNING\n"
	     " stage  busy\n"
	     " lines  31 %\n"
	     " words  88 %\n"
	     " count  97 %\n"
	     " out    12 %\n"
	     " 62 %  ETA 00:04\n"
	     "\n");
	end();
}

TEST(with_few_rows_one_line_says_what_fits)
{
	word_count();
	SAYS(block(200, 5),
	     "00:07 RUNNING  62 %  ETA 00:04  lines 3.1 M/s -> words 24.9 M/s -> count 24.9 M/s -> "
	     "out 24.9 M/s  slowest: count 97 %  checkpoint 7 ok 0.3 s ago: 41 kB of 1.9 MB in 3.1 ms, "
	     "longest stop 38 us\n");
	SAYS(block(40, 4), "00:07 RUNNING  62 %  ETA 00:04\n");
	SAYS(block(10, 24), "00:07 R...\n");
	SAYS(block(1, 1), "\n");
	end();
}

TEST(a_line_without_a_bound_is_not_cut)
{
	word_count();
	SAYS(line(0),
	     "00:07 RUNNING  62 %  ETA 00:04  lines 3.1 M/s -> words 24.9 M/s -> count 24.9 M/s -> "
	     "out 24.9 M/s  slowest: count 97 %  checkpoint 7 ok 0.3 s ago: 41 kB of 1.9 MB in 3.1 ms, "
	     "longest stop 38 us\n");
	end();
}

TEST(nothing_is_said_that_is_not_known)
{
	word_count();
	pace.known = false;
	pace.limit = PACE_UNKNOWN;
	pace.done = -1;
	pace.eta_us = 0;
	f.last.id = 0;
	SAYS(block(80, 24),
	     "word-count  RUNNING 00:07  attempt 1  dir weir-data/word-count\n"
	     " lines -------------> words -------------> count -------------> out\n"
	     " busy -               -                    -                    -\n"
	     " no record has gone through yet\n"
	     " no checkpoint yet\n");
	end();
}

/* ---- why it goes no faster ---- */

static const char *how(enum pace_limit limit, uint32_t slowest, uint32_t second)
{
	pace.limit = limit;
	pace.slowest = slowest;
	pace.second = second;
	char *at = strstr(block(200, 24), "ETA 00:04  ");
	assert_non_null(at);
	at += strlen("ETA 00:04  ");
	*strchr(at, '\n') = '\0';
	return at;
}

TEST(what_holds_it_up_is_said_in_words)
{
	word_count();
	SAYS(how(PACE_STAGE, 1, 4), "slowest: words; the others wait for it");
	SAYS(how(PACE_STAGE, 1, 2), "slowest: words, closely followed by count");
	SAYS(how(PACE_SINK, 3, 4), "slowest: out; it waits for what it writes to");
	snprintf(stage[3].type, sizeof stage[3].type, "print_sink");
	SAYS(how(PACE_SINK, 3, 4),
	     "slowest: out; whoever reads standard output is slower than the job");
	SAYS(how(PACE_RATE, 0, 4), "lines is held to its rate; every stage keeps up");
	SAYS(how(PACE_RATE, 0, 1), "the sources are held to their rates; every stage keeps up");
	SAYS(how(PACE_INPUT, 0, 4), "waiting for input");
	SAYS(how(PACE_ENDING, 0, 4), "all input is read; the rest goes through");
	SAYS(how(PACE_NONE, 2, 4), "busiest: count; no stage is at its limit");
	f.n_stages = 2;
	SAYS(how(PACE_STAGE, 1, 2), "slowest: words; the other waits for it");
	end();
}

TEST(what_failed_what_was_skipped_and_the_wait_have_lines)
{
	word_count();
	snprintf(f.state, sizeof f.state, "WAITING");
	snprintf(f.error, sizeof f.error, "source 'lines': gone\nfor good");
	f.wait_us = 1500000;
	f.failed = 2;
	f.attempt = 3;
	stage[0].records_skipped = 1;
	stage[1].records_skipped = 1203;
	pace.limit = PACE_UNKNOWN;
	pace.eta_us = 0;
	SAYS(block(110, 24),
	     "word-count  WAITING 00:07  attempt 3  dir weir-data/word-count\n"
	     " lines ----3.1 M/s--> words ---24.9 M/s--> count ---24.9 M/s--> out\n"
	     " busy 31 %            88 %                 97 %                 12 %\n"
	     " 62 %  the next attempt in 1.5 s\n"
	     " checkpoint 7 ok 0.3 s ago: 41 kB of 1.9 MB in 3.1 ms, longest stop 38 us  2 failed\n"
	     " skipped 1,204 records: lines 1, words 1,203\n"
	     " last failure: source 'lines': gone?for good\n");
	end();
}

TEST(a_hundred_per_cent_is_all_of_it)
{
	word_count();
	pace.done = 0.9999;
	EXPECT(strstr(block(80, 24), " 99 %  ETA"));
	pace.done = 1;
	pace.eta_us = 0;
	EXPECT(strstr(block(80, 24), " 100 %  slowest"));
	end();
}

/* ---- other graphs ---- */

static void union_and_branch(void)
{
	begin();
	add("fast", OP_SOURCE, 0, 1e5, 0.1);
	add("slow", OP_SOURCE, 0, 1e3, 0.01);
	stage[1].n_inputs = 0;
	add("both", OP_TRANSFORM, 101e3, 101e3, 0.2);
	stage[2].n_inputs = 2;
	stage[2].input[0] = 0;
	stage[2].input[1] = 1;
	add("total", OP_TRANSFORM, 101e3, 101e3, 0.9);
	stage[3].parallelism = 4;
	add("out", OP_SINK, 101e3, 0, 0.3);
	add("large", OP_TRANSFORM, 101e3, 100, 0.3);
	stage[5].input[0] = 2;
	add("alarm", OP_SINK, 100, 0, 0);
	pace.slowest = 3;
}

TEST(branches_and_unions_are_a_line_a_stage)
{
	union_and_branch();
	SAYS(block(60, 24),
	     "word-count  RUNNING 00:07  attempt 1\n"
	     " stage     busy        in       out  reads\n"
	     " fast      10 %           100.0 k/s\n"
	     " slow       1 %             1.0 k/s\n"
	     " both      20 % 101.0 k/s 101.0 k/s  fast, slow\n"
	     " total x4  90 % 101.0 k/s 101.0 k/s  both\n"
	     " out       30 % 101.0 k/s            total\n"
	     " large     30 % 101.0 k/s     100/s  both\n"
	     " alarm      0 %     100/s            large\n"
	     " 62 %  ETA 00:04  slowest: total; the others wait for it\n"
	     " checkpoint 7 ok 0.3 s ago: 41 kB of 1.9 MB in 3.1 ms\n");
	EXPECT(strstr(line(0), "  fast 100.0 k/s, slow 1.0 k/s, out 101.0 k/s, alarm 100/s  slowest"));
	end();
}

TEST(of_more_stages_than_fit_the_ends_and_the_busiest_are_shown)
{
	char id[16];
	begin();
	add("in", OP_SOURCE, 0, 10, 0.05);
	for (int i = 1; i < 30; i++) {
		snprintf(id, sizeof id, "m%d", i);
		add(id, OP_TRANSFORM, 10, 10, i == 13 ? 0.95 : i == 20 ? 0.5 : 0.01 * i);
	}
	add("out", OP_SINK, 10, 0, 0);
	pace.slowest = 13;
	SAYS(block(60, 10),
	     "word-count  RUNNING 00:07  attempt 1\n"
	     " stage  busy        in       out  reads\n"
	     " in      5 %                10/s\n"
	     " m13    95 %      10/s      10/s  m12\n"
	     " m20    50 %      10/s      10/s  m19\n"
	     " m29    29 %      10/s      10/s  m28\n"
	     " out     0 %      10/s            m29\n"
	     " and 26 more, less busy\n"
	     " 62 %  ETA 00:04  slowest: m13; the others wait for it\n"
	     " checkpoint 7 ok 0.3 s ago: 41 kB of 1.9 MB in 3.1 ms\n");
	end();
}

/* ---- whatever the facts, whatever the terminal ---- */

static void expect_within(unsigned columns, unsigned rows)
{
	unsigned n = 0;
	char *at = (char *)block(columns, rows), *next;
	for (; *at; at = next + 1, n++) {
		next = strchr(at, '\n');
		assert_non_null(next);
		*next = '\0';
		if (row_width(at) > columns)
			fail_msg("%u columns: '%s'", columns, at);
		if (next > at && next[-1] == ' ')
			fail_msg("%u columns: blanks behind '%s'", columns, at);
	}
	EXPECT(n >= 1 && n <= rows);
}

TEST(no_line_is_longer_than_the_terminal_and_no_block_higher)
{
	word_count();
	snprintf(stage[1].id, sizeof stage[1].id, "%s",
		 "a_stage_with_a_name_of_64_characters_which_is_all_that_it_may_be");
	snprintf(f.dir, sizeof f.dir, "/a/d\xC3\xA4r\xE6\xB0\xB4/\xFF\033[2J");
	snprintf(f.error, sizeof f.error, "\xE6\xB0\xB4\xE6\xB0\xB4\xE6\xB0\xB4\xE6\xB0\xB4 it failed");
	stage[0].records_skipped = UINT64_MAX / 2;
	rates[0].out = 1e300;
	f.last.id = f.last.bytes_written = f.last.total_us = f.last.sync_us_max = UINT64_MAX;
	for (unsigned columns = 1; columns < 250; columns++)
		for (unsigned rows = 1; rows < 20; rows++)
			expect_within(columns, rows);
	end();

	union_and_branch();
	for (unsigned columns = 1; columns < 120; columns++)
		for (unsigned rows = 1; rows < 20; rows++)
			expect_within(columns, rows);
	end();
}

TEST(colours_change_nothing_but_colours)
{
	char plain[4096];
	word_count();
	snprintf(plain, sizeof plain, "%s", block(80, 24));
	paint.colour = true;
	const char *coloured = block(80, 24);
	EXPECT(strstr(coloured, "\033[33m97 %\033[0m"));
	char *to = plain + strlen(plain) + 1, *at = to;
	for (const char *c = coloured; *c; c++) {
		if (*c == '\033') {
			EXPECT(c[1] == '[');
			while (*c != 'm')
				c++;
			continue;
		}
		*at++ = *c;
	}
	*at = '\0';
	SAYS(to, plain);
	end();
}

TEST(texts_from_elsewhere_are_made_harmless)
{
	word_count();
	snprintf(f.name, sizeof f.name, "a\033[2J\xFF\x7F\xC3\xA4");
	const char *got = block(80, 24);
	EXPECT(!strncmp(got, "a?[2J??\xC3\xA4  RUNNING", 18));
	for (const char *c = got; *c; c++)
		EXPECT(*c == '\n' || (unsigned char)*c >= ' ');
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_wide_terminal_shows_all),
		T(at_80_columns_only_the_hint_is_missing),
		T(a_chain_too_long_for_a_line_is_a_table),
		T(with_few_rows_one_line_says_what_fits),
		T(a_line_without_a_bound_is_not_cut),
		T(nothing_is_said_that_is_not_known),
		T(what_holds_it_up_is_said_in_words),
		T(what_failed_what_was_skipped_and_the_wait_have_lines),
		T(a_hundred_per_cent_is_all_of_it),
		T(branches_and_unions_are_a_line_a_stage),
		T(of_more_stages_than_fit_the_ends_and_the_busiest_are_shown),
		T(no_line_is_longer_than_the_terminal_and_no_block_higher),
		T(colours_change_nothing_but_colours),
		T(texts_from_elsewhere_are_made_harmless),
	};
	mem_init(&mem, 0);
	return RUN(tests);
}
