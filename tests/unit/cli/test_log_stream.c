/* test_log_stream.c - what is written in lines is one entry a write, whole and in order, however it
 * was cut; nothing is lost. */
#include "cli/log_stream.h"
#include "tests/lib/test.h"

#include <stdlib.h>

struct fix {
	struct clock clock;
	struct log log;
	struct log_stream s;
	FILE *to;
	char *out;
	size_t len;
};

static uint64_t no_mono(struct clock *c)
{
	(void)c;
	return 0;
}

static int64_t no_wall(struct clock *c)
{
	(void)c;
	return 0;
}

/* As text, so that entries begin with the time and lines within one do not. */
static void open_fix(struct fix *f)
{
	*f = (struct fix){.clock = {.mono_us = no_mono, .wall_us = no_wall}};
	f->log = (struct log){.to = open_memstream(&f->out, &f->len), .least = LOG_INFO,
			      .clock = &f->clock};
	f->to = log_stream_open(&f->s, &f->log);
	EXPECT(f->log.to && f->to);
}

#define HEAD "1970-01-01T00:00:00.000Z info  "

/* What stands in the log by now. */
static void expect_log(struct fix *f, const char *want)
{
	EXPECT(fflush(f->log.to) == 0);
	if (strcmp(f->out, want))
		fail_msg("got  %swant %s", f->out, want);
}

static void close_fix(struct fix *f)
{
	EXPECT(fclose(f->log.to) == 0);
	free(f->out);
}

TEST(a_line_is_an_entry_as_soon_as_it_ends)
{
	struct fix f;
	open_fix(&f);
	fprintf(f.to, "%s in ", "FINISHED");
	expect_log(&f, "");
	fprintf(f.to, "%d ms\n", 7);
	expect_log(&f, HEAD "FINISHED in 7 ms\n");
	EXPECT(fclose(f.to) == 0);
	close_fix(&f);
}

TEST(a_report_is_one_entry_with_its_lines)
{
	struct fix f;
	open_fix(&f);
	fputs("RECOVERED\n checkpoint 7\n time 3 ms\n", f.to);
	expect_log(&f, HEAD "RECOVERED\n checkpoint 7\n time 3 ms\n");
	EXPECT(fclose(f.to) == 0);
	close_fix(&f);
}

TEST(a_line_without_its_end_is_an_entry_at_the_streams)
{
	struct fix f;
	open_fix(&f);
	fputs("no end", f.to);
	EXPECT(fclose(f.to) == 0);
	expect_log(&f, HEAD "no end\n");
	close_fix(&f);
}

TEST(of_more_than_an_entry_holds_nothing_is_lost_and_no_line_cut_that_fits)
{
	enum { LINES = 3000 };
	struct fix f;
	static char many[LINES * 8 + 1];
	char line[16];
	open_fix(&f);
	for (int i = 0; i < LINES; i++)
		snprintf(many + (size_t)i * 8, 9, "%07d\n", i);
	fputs(many, f.to);
	EXPECT(fclose(f.to) == 0);
	EXPECT(fflush(f.log.to) == 0);
	char *at = f.out;
	unsigned entries = 0;
	for (int i = 0; i < LINES; i++) {
		if (!strncmp(at, HEAD, sizeof HEAD - 1)) {
			at += sizeof HEAD - 1;
			entries++;
		}
		snprintf(line, sizeof line, "%07d\n", i);
		EXPECT(!strncmp(at, line, 8));
		at += 8;
	}
	EXPECT(!*at && entries > 1 && entries < 50);
	close_fix(&f);
}

TEST(a_line_longer_than_an_entry_goes_on_in_the_next)
{
	struct fix f;
	static char big[3 * LOG_STREAM_MAX];
	size_t x = 0;
	open_fix(&f);
	memset(big, 'x', sizeof big - 1);
	fputs(big, f.to);
	fputc('\n', f.to);
	EXPECT(fclose(f.to) == 0);
	EXPECT(fflush(f.log.to) == 0);
	for (const char *at = f.out; *at; at++)
		x += *at == 'x';
	EXPECT(x == sizeof big - 1);
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_line_is_an_entry_as_soon_as_it_ends),
		T(a_report_is_one_entry_with_its_lines),
		T(a_line_without_its_end_is_an_entry_at_the_streams),
		T(of_more_than_an_entry_holds_nothing_is_lost_and_no_line_cut_that_fits),
		T(a_line_longer_than_an_entry_goes_on_in_the_next),
	};
	return RUN(tests);
}
