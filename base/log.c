/* log.c - see log.h. A line is built whole and written by one call, so that lines of two processes
 * that share a terminal do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

enum { LINE_MAX_BYTES = 4096 }; /* by feel: an error's text is at most 1,024 */

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

void log_line(struct log *l, enum log_level level, const char *fmt, ...)
{
	if (!l->to || level < l->least)
		return;
	char text[LINE_MAX_BYTES], when[32];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	format_time(l->clock, when);
	if (l->format == LOG_JSON) {
		char inside[2 * LINE_MAX_BYTES];
		escape(text, inside, sizeof inside);
		fprintf(l->to, "{\"time\":\"%s\",\"level\":\"%s\",\"text\":\"%s\"}\n", when,
			level_names[level], inside);
	} else {
		/* A text with several lines (a validation report) stays one entry. */
		for (char *c = text; *c; c++)
			if ((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t')
				*c = '?';
		fprintf(l->to, "%s %-5s %s\n", when, level_names[level], text);
	}
	fflush(l->to);
}
