/* paint.c - see paint.h. */
#include "cli/paint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void paint_init(struct paint *p, FILE *to)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
	p->to = to;
	p->terminal = isatty(fileno(to)) == 1;
	p->colour = p->terminal && !(none && *none) && term && *term && strcmp(term, "dumb");
}

const char *paint_on(const struct paint *p, enum paint_colour c)
{
	static const char *const codes[] = {
		[PAINT_PLAIN] = "",
		[PAINT_BOLD] = "\033[1m",    [PAINT_DIM] = "\033[2m",     [PAINT_RED] = "\033[31m",
		[PAINT_GREEN] = "\033[32m",  [PAINT_YELLOW] = "\033[33m", [PAINT_CYAN] = "\033[36m"};
	return p->colour ? codes[c] : "";
}

const char *paint_off(const struct paint *p)
{
	return p->colour ? "\033[0m" : "";
}

const char *text_count(uint64_t n, char to[PAINT_TEXT])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			to[at++] = ',';
		to[at++] = digits[i];
	}
	to[at] = '\0';
	return to;
}

/* Three figures are what one reads. */
static const char *figures(double v, const char *unit, char to[PAINT_TEXT])
{
	snprintf(to, PAINT_TEXT, "%.*f %s", v < 9.95 ? 1 : 0, v, unit);
	return to;
}

const char *text_bytes(uint64_t bytes, char to[PAINT_TEXT])
{
	if (bytes < 1000)
		snprintf(to, PAINT_TEXT, "%" PRIu64 " B", bytes);
	else if (bytes < 1000000)
		figures((double)bytes / 1e3, "kB", to);
	else if (bytes < 1000000000)
		figures((double)bytes / 1e6, "MB", to);
	else
		figures((double)bytes / 1e9, "GB", to);
	return to;
}

const char *text_us(uint64_t us, char to[PAINT_TEXT])
{
	if (us < 1000)
		snprintf(to, PAINT_TEXT, "%" PRIu64 " us", us);
	else if (us < 1000000)
		figures((double)us / 1e3, "ms", to);
	else
		snprintf(to, PAINT_TEXT, "%.1f s", (double)us / 1e6);
	return to;
}

const char *text_ago(uint64_t us, char to[PAINT_TEXT])
{
	double s = (double)us / 1e6;
	if (us < 100000)
		snprintf(to, PAINT_TEXT, "%.0f ms", (double)us / 1e3);
	else if (s < 100)
		snprintf(to, PAINT_TEXT, "%.1f s", s);
	else if (s < 6000)
		snprintf(to, PAINT_TEXT, "%.0f min", s / 60);
	else if (s < 48 * 3600)
		snprintf(to, PAINT_TEXT, "%.0f hours", s / 3600);
	else
		snprintf(to, PAINT_TEXT, "%.0f days", s / 86400);
	return to;
}

const char *text_clock(uint64_t us, char to[PAINT_TEXT])
{
	uint64_t s = us / 1000000;
	if (s < 3600)
		snprintf(to, PAINT_TEXT, "%02u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
	else
		snprintf(to, PAINT_TEXT, "%" PRIu64 ":%02u:%02u", s / 3600, (unsigned)(s / 60 % 60),
			 (unsigned)(s % 60));
	return to;
}

const char *text_rate(double per_second, char to[PAINT_TEXT])
{
	/* What would be rounded up to four figures has the next unit. */
	if (per_second < 999.5)
		snprintf(to, PAINT_TEXT, "%.0f", per_second);
	else if (per_second < 999.95e3)
		snprintf(to, PAINT_TEXT, "%.1f k", per_second / 1e3);
	else if (per_second < 999.95e6)
		snprintf(to, PAINT_TEXT, "%.1f M", per_second / 1e6);
	else
		snprintf(to, PAINT_TEXT, "%.1f G", per_second / 1e9);
	return to;
}

const char *text_time(int64_t wall_us, char to[PAINT_TEXT])
{
	time_t s = (time_t)(wall_us / 1000000);
	struct tm tm;
	char day[32];
	if (!gmtime_r(&s, &tm) || !strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(day, sizeof day, "?");
	snprintf(to, PAINT_TEXT, "%s.%03u UTC", day, (unsigned)((uint64_t)wall_us / 1000 % 1000));
	return to;
}

const char *text_many(uint64_t n, const char *one, char to[PAINT_TEXT])
{
	char number[PAINT_TEXT];
	snprintf(to, PAINT_TEXT, "%s %s%s", text_count(n, number), one, n == 1 ? "" : "s");
	return to;
}

const char *text_plain(const char *text, size_t len, size_t columns, char to[PAINT_TEXT])
{
	size_t n = len < columns ? len : columns;
	if (n > PAINT_TEXT - 1)
		n = PAINT_TEXT - 1;
	/* Not in the middle of a UTF-8 character. */
	while (n < len && n && ((unsigned char)text[n] & 0xC0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7F ? '?' : text[i];
	to[n] = '\0';
	return to;
}
