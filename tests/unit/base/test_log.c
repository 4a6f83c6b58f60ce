/* test_log.c - one entry a call, in either format, whatever stands in the text. */
#include "base/log.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t no_mono(struct clock *c)
{
	(void)c;
	return 0;
}

/* 2026-01-31T23:59:59.123456Z */
static int64_t fixed_wall(struct clock *c)
{
	(void)c;
	return 1769903999123456;
}

/* What log_line writes for text; the caller frees it. */
static char *logged(enum log_format format, enum log_level level, const char *text)
{
	struct clock c = {.mono_us = no_mono, .wall_us = fixed_wall};
	char *out = NULL;
	size_t len;
	FILE *to = open_memstream(&out, &len);
	EXPECT(to);
	struct log l = {.to = to, .format = format, .least = LOG_INFO, .clock = &c};
	log_line(&l, level, "%s", text);
	EXPECT(fclose(to) == 0);
	return out;
}

static void expect_logged(enum log_format format, const char *text, const char *want)
{
	char *out = logged(format, LOG_WARN, text);
	if (strcmp(out, want))
		fail_msg("got  %swant %s", out, want);
	free(out);
}

TEST(a_line_says_when_how_bad_and_what)
{
	expect_logged(LOG_TEXT, "checkpoint 7 aborted: timeout",
		      "2026-01-31T23:59:59.123Z warn  checkpoint 7 aborted: timeout\n");
	expect_logged(LOG_JSON, "checkpoint 7",
		      "{\"time\":\"2026-01-31T23:59:59.123Z\",\"level\":\"warn\","
		      "\"text\":\"checkpoint 7\"}\n");
}

/* What log_line, then log_job of the job "other", write to a log that is of this job. */
static void expect_of_jobs(enum log_format format, const char *job, const char *want)
{
	struct clock c = {.mono_us = no_mono, .wall_us = fixed_wall};
	char *out = NULL;
	size_t len;
	FILE *to = open_memstream(&out, &len);
	EXPECT(to);
	struct log l = {.to = to, .format = format, .least = LOG_INFO, .job = job, .clock = &c};
	log_line(&l, LOG_INFO, "up");
	log_job(&l, LOG_ERROR, "other", "%s", "down");
	log_job(&l, LOG_DEBUG, "other", "noise");
	EXPECT(fclose(to) == 0);
	if (strcmp(out, want))
		fail_msg("got  %swant %s", out, want);
	free(out);
}

TEST(a_line_of_a_job_names_it)
{
	expect_of_jobs(LOG_TEXT, "one", "2026-01-31T23:59:59.123Z info  up\n"
					"2026-01-31T23:59:59.123Z error other: down\n");
	expect_of_jobs(LOG_JSON, "one",
		       "{\"time\":\"2026-01-31T23:59:59.123Z\",\"level\":\"info\","
		       "\"job\":\"one\",\"text\":\"up\"}\n"
		       "{\"time\":\"2026-01-31T23:59:59.123Z\",\"level\":\"error\","
		       "\"job\":\"other\",\"text\":\"down\"}\n");
	expect_of_jobs(LOG_JSON, NULL,
		       "{\"time\":\"2026-01-31T23:59:59.123Z\",\"level\":\"info\",\"text\":\"up\"}\n"
		       "{\"time\":\"2026-01-31T23:59:59.123Z\",\"level\":\"error\","
		       "\"job\":\"other\",\"text\":\"down\"}\n");
}

TEST(what_would_break_a_line_is_escaped)
{
	expect_logged(LOG_JSON, "a\"b\\c\nd\x01\x7F\xC3\xA4",
		      "{\"time\":\"2026-01-31T23:59:59.123Z\",\"level\":\"warn\","
		      "\"text\":\"a\\\"b\\\\c\\nd\\u0001\\u007f\xC3\xA4\"}\n");
	expect_logged(LOG_TEXT, "a\x1B[31m\rb", "2026-01-31T23:59:59.123Z warn  a?[31m?b\n");
}

TEST(a_log_that_never_waits_leaves_out_what_nobody_reads_and_says_how_much)
{
	int fd[2];
	char read_back[1 << 17];
	EXPECT(pipe(fd) == 0);
	struct clock c = {.mono_us = no_mono, .wall_us = fixed_wall};
	FILE *to = fdopen(fd[1], "w");
	struct log l = {.to = to, .least = LOG_INFO, .clock = &c, .never_waits = true};
	EXPECT(fcntl(fd[1], F_SETPIPE_SZ, 8192) == 8192);
	for (int i = 0; i < 200; i++)
		log_line(&l, LOG_INFO, "%*d", 5000, i); /* cut to what a pipe takes at once */
	EXPECT(l.left_out > 190 && l.left_out < 200);
	unsigned left_out = l.left_out;
	EXPECT(read(fd[0], read_back, sizeof read_back) > 0);
	log_line(&l, LOG_INFO, "again");
	ssize_t n = read(fd[0], read_back, sizeof read_back - 1);
	EXPECT(n > 0);
	read_back[n] = '\0';
	char want[200];
	snprintf(want, sizeof want,
		 "2026-01-31T23:59:59.123Z warn  (%u lines were left out: nobody read them)\n"
		 "2026-01-31T23:59:59.123Z info  again\n", left_out);
	EXPECT(!strcmp(read_back, want));
	EXPECT(fclose(to) == 0);
	close(fd[0]);
}

TEST(a_level_below_the_least_and_a_log_to_nowhere_write_nothing)
{
	char *out = logged(LOG_TEXT, LOG_DEBUG, "noise");
	EXPECT(out && !out[0]);
	free(out);
	struct log nowhere = {.to = NULL};
	log_line(&nowhere, LOG_ERROR, "unheard");
}

TEST(a_text_without_end_is_cut_and_its_entry_closed)
{
	static char big[20000];
	memset(big, '"', sizeof big - 1);
	char *out = logged(LOG_JSON, LOG_ERROR, big);
	size_t n = strlen(out);
	EXPECT(n > 4096 && n < 10000 && !strcmp(out + n - 5, "\\\"\"}\n"));
	free(out);
}

TEST(the_real_clock_goes_forward)
{
	struct clock *c = clock_real();
	uint64_t before = clock_mono_us(c);
	EXPECT(clock_wall_us(c) > 1700000000000000); /* after 2023 */
	EXPECT(clock_mono_us(c) >= before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_line_says_when_how_bad_and_what),
		T(a_line_of_a_job_names_it),
		T(what_would_break_a_line_is_escaped),
		T(a_log_that_never_waits_leaves_out_what_nobody_reads_and_says_how_much),
		T(a_level_below_the_least_and_a_log_to_nowhere_write_nothing),
		T(a_text_without_end_is_cut_and_its_entry_closed),
		T(the_real_clock_goes_forward),
	};
	return RUN(tests);
}
