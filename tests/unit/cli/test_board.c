/* test_board.c - what is sent to a terminal, byte by byte, and what becomes of it without
 * memory. */
#include "cli/board.h"

#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct mem mem;
static struct facts f;
static struct facts_stage stage[2];
static struct err e;

static struct rig {
	int master;
	struct paint paint;
	struct board_options o;
	struct board *b;
	char got[65536];
} r;

static uint64_t now_us = 5000000;

static uint64_t mono(struct clock *c)
{
	(void)c;
	return now_us;
}

static int64_t wall(struct clock *c)
{
	(void)c;
	return 1000000;
}

static struct clock fixed = {.mono_us = mono, .wall_us = wall};

static void size(unsigned columns, unsigned rows)
{
	struct winsize w = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
	EXPECT(!ioctl(r.master, TIOCSWINSZ, &w));
}

/* A terminal of our own that passes on what it is sent as it is. */
static void begin(bool colour)
{
	struct termios raw;
	memset(&r, 0, sizeof r);
	r.master = posix_openpt(O_RDWR | O_NOCTTY);
	EXPECT(r.master >= 0 && !grantpt(r.master) && !unlockpt(r.master));
	int slave = open(ptsname(r.master), O_RDWR | O_NOCTTY);
	EXPECT(slave >= 0 && !tcgetattr(slave, &raw));
	cfmakeraw(&raw);
	EXPECT(!tcsetattr(slave, TCSANOW, &raw));
	EXPECT(fcntl(r.master, F_SETFL, O_NONBLOCK) == 0);
	size(80, 24);
	r.paint = (struct paint){.to = fdopen(slave, "w"), .terminal = true, .colour = colour};
	r.o = (struct board_options){.paint = &r.paint, .clock = &fixed, .mem = &mem};
	memset(stage, 0, sizeof stage);
	stage[0] = (struct facts_stage){.id = "in", .role = OP_SOURCE, .parallelism = 1};
	stage[1] = (struct facts_stage){.id = "out", .role = OP_SINK, .parallelism = 1, .n_inputs = 1};
	f = (struct facts){.mem = &mem, .name = "j", .dir = "d", .state = "RUNNING", .attempt = 1,
			   .now_us = 5000000, .started_us = 4000000, .stage = stage, .n_stages = 2};
}

static void end(void)
{
	board_close(r.b);
	fclose(r.paint.to);
	close(r.master);
	EXPECT(mem.used_bytes == 0);
}

/* All that was sent since. */
static const char *sent(void)
{
	size_t len = 0;
	ssize_t n;
	while ((n = read(r.master, r.got + len, sizeof r.got - 1 - len)) > 0)
		len += (size_t)n;
	r.got[len] = '\0';
	return r.got;
}

#define BLOCK                                                                                 \
	"\033[1mj\033[0m  \033[32mRUNNING\033[0m 00:01  attempt 1  dir d   \033[2m(try: kill -9 0)" \
	"\033[0m\033[K\n"                                                                          \
	" in \033[2m--------\033[0m0/s\033[2m-->\033[0m out\033[K\n"                              \
	" \033[2mbusy \033[0m0 %          0 %\033[K\n"                                         \
	" no record has gone through yet\033[K\n"                                                  \
	" no checkpoint yet\033[K\n"

TEST(an_update_is_drawn_over_the_one_before)
{
	begin(true);
	EXPECT_OK(board_open(&r.b, &r.o, &e), &e);
	EXPECT(board_redraws(r.b));
	board_update(r.b, &f);
	assert_string_equal(sent(), "\r" BLOCK "\033[J");
	board_update(r.b, &f);
	assert_string_equal(sent(), "\033[5A\r" BLOCK "\033[J");
	end();
}

TEST(what_is_told_stands_above_it_whole_lines_only)
{
	begin(true);
	EXPECT_OK(board_open(&r.b, &r.o, &e), &e);
	fputs("first\n", board_paint(r.b)->to);
	assert_string_equal(sent(), "first\n");
	board_update(r.b, &f);
	sent();
	fputs("sec", board_paint(r.b)->to);
	fflush(board_paint(r.b)->to);
	assert_string_equal(sent(), "");
	fputs("ond\n", board_paint(r.b)->to);
	assert_string_equal(sent(), "\033[5A\r\033[Jsecond\n" BLOCK "\033[J");
	/* What was begun is not lost. */
	fputs("third", board_paint(r.b)->to);
	end();
}

TEST(a_narrower_terminal_has_wrapped_it)
{
	begin(true);
	EXPECT_OK(board_open(&r.b, &r.o, &e), &e);
	board_update(r.b, &f);
	sent();
	size(25, 24);
	board_update(r.b, &f);
	/* 53, 22, 22, 31 and 18 columns of 25. */
	EXPECT(!strncmp(sent(), "\033[8A\r", 5));
	end();
}

TEST(without_colours_there_are_lines_and_no_escapes)
{
	begin(false);
	r.o.line_every_us = 1000000;
	EXPECT_OK(board_open(&r.b, &r.o, &e), &e);
	EXPECT(!board_redraws(r.b) && board_paint(r.b)->to == r.paint.to);
	board_update(r.b, &f);
	board_update(r.b, &f);
	assert_string_equal(sent(), "00:01 RUNNING  in 0/s -> out 0/s  no checkpoint yet\n");
	now_us += 1000000;
	board_update(r.b, &f);
	EXPECT(strlen(sent()) > 20);
	now_us -= 1000000;
	end();

	begin(true);
	r.o.shared = true;
	EXPECT_OK(board_open(&r.b, &r.o, &e), &e);
	EXPECT(!board_redraws(r.b));
	end();
}

TEST(a_job_that_was_stopped_for_long_draws_below_what_others_wrote)
{
	begin(true);
	EXPECT_OK(board_open(&r.b, &r.o, &e), &e);
	for (int i = 0; i < 3; i++, now_us += 250000)
		board_update(r.b, &f);
	sent();
	now_us += 20000000;
	board_update(r.b, &f);
	assert_string_equal(sent(), "\r" BLOCK "\033[J");
	end();
}

/* Whatever allocation fails: nothing breaks, and the next picture is whole. */
TEST(a_lack_of_memory_costs_a_picture_and_no_more)
{
	begin(true);
	uint64_t n = 1;
	for (bool failed = true; failed; n++) {
		uint64_t first = mem.calls;
		mem.fail_at = first + n;
		enum rc rc = board_open(&r.b, &r.o, &e);
		err_clear(&e);
		EXPECT(rc == OK || rc == E_NO_MEMORY);
		if (rc == OK) {
			board_update(r.b, &f);
			fputs("told\n", board_paint(r.b)->to);
			clearerr(board_paint(r.b)->to);
			board_update(r.b, &f);
		}
		failed = mem.calls >= mem.fail_at;
		mem.fail_at = 0;
		if (rc == OK) {
			sent();
			board_update(r.b, &f);
			EXPECT(strstr(sent(), BLOCK "\033[J"));
		}
		board_close(r.b);
		r.b = NULL;
		EXPECT(mem.used_bytes == 0);
	}
	EXPECT(n > 8);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_update_is_drawn_over_the_one_before),
		T(what_is_told_stands_above_it_whole_lines_only),
		T(a_narrower_terminal_has_wrapped_it),
		T(without_colours_there_are_lines_and_no_escapes),
		T(a_job_that_was_stopped_for_long_draws_below_what_others_wrote),
		T(a_lack_of_memory_costs_a_picture_and_no_more),
	};
	mem_init(&mem, 0);
	return RUN(tests);
}
