/* log.c - see log.h. A line is built whole and written by one call, so that lines of two processes
 * that share a terminal do not mix. */
#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

/* By feel: an error's text is at most 1,024, a job's name 64. */
enum { LINE_MAX_BYTES = 4096, JOB_MAX_BYTES = 100 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* "2026-01-31T23:59:59.123Z" */
static void format_time(struct clock *c, char to[32])
{
	int64_t us = c ? clock_wall_us(c) : 0;
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm) || !strftime(to, 32, "%Y-%m-%dT%H:%M:%S", &tm)) {
		to[0] = '\0';
		return;
	}
	size_t n = strlen(to);
	snprintf(to + n, 32 - n, ".%03uZ", (unsigned)((uint64_t)us % 1000000 / 1000));
}

/* Writes text as the inside of a JSON string; cuts before a character that does not fit whole. */
static void escape(const char *text, char *to, size_t size)
{
	size_t n = 0;
	for (; *text; text++) {
		char one[8];
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			snprintf(one, sizeof one, "\\%c", c);
		else if (c == '\n')
			strcpy(one, "\\n");
		else if (c < 0x20 || c == 0x7F)
			snprintf(one, sizeof one, "\\u%04x", c);
		else
			snprintf(one, sizeof one, "%c", c);
		size_t len = strlen(one);
		if (n + len >= size)
			break;
		memcpy(to + n, one, len);
		n += len;
	}
	to[n] = '\0';
}

/* job: NULL: none. */
static void put_line(struct log *l, enum log_level level, const char *job, const char *text)
{
	char when[32];
	format_time(l->clock, when);
	if (l->format == LOG_JSON) {
		char inside[2 * LINE_MAX_BYTES];
		escape(text, inside, l->never_waits ? LOG_SHORT_MAX : sizeof inside);
		char name[JOB_MAX_BYTES] = "";
		if (job)
			escape(job, name, sizeof name);
		fprintf(l->to, "{\"time\":\"%s\",\"level\":\"%s\",%s%s%s\"text\":\"%s\"}\n", when,
			level_names[level], job ? "\"job\":\"" : "", name, job ? "\"," : "", inside);
	} else {
		fprintf(l->to, "%s %-5s %s%s%s\n", when, level_names[level], job ? job : "",
			job ? ": " : "", text);
	}
	fflush(l->to);
}

/* Of a file there always is; where nobody can read any more the write says so. */
static bool has_room(struct log *l)
{
	if (!l->never_waits)
		return true;
	struct pollfd p = {.fd = fileno(l->to), .events = POLLOUT};
	return poll(&p, 1, 0) != 0;
}

static void tell_left_out(struct log *l)
{
	char text[80];
	snprintf(text, sizeof text, "(%u lines were left out: nobody read them)", l->left_out);
	l->left_out = 0;
	put_line(l, LOG_WARN, l->format == LOG_JSON ? l->job : NULL, text);
}

static void put_entry(struct log *l, enum log_level level, const char *job, const char *fmt,
		      va_list ap)
{
	char text[LINE_MAX_BYTES];
	vsnprintf(text, l->never_waits ? LOG_SHORT_MAX : sizeof text, fmt, ap);
	/* A text with several lines (a validation report) stays one entry. */
	for (char *c = text; l->format == LOG_TEXT && *c; c++)
		if ((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t')
			*c = '?';
	if (l->left_out && has_room(l))
		tell_left_out(l);
	if (has_room(l))
		put_line(l, level, job, text);
	else
		l->left_out++;
}

static bool is_wanted(const struct log *l, enum log_level level)
{
	return l->to && level >= l->least;
}

void log_line(struct log *l, enum log_level level, const char *fmt, ...)
{
	va_list ap;
	if (!is_wanted(l, level))
		return;
	va_start(ap, fmt);
	put_entry(l, level, l->format == LOG_JSON ? l->job : NULL, fmt, ap);
	va_end(ap);
}

void log_job(struct log *l, enum log_level level, const char *job, const char *fmt, ...)
{
	va_list ap;
	if (!is_wanted(l, level))
		return;
	va_start(ap, fmt);
	put_entry(l, level, job, fmt, ap);
	va_end(ap);
}
