/* expr_convert.c - see expr_convert.h. */
#include "operators/expr_convert.h"
#include "operators/field_text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **s, size_t *len)
{
	while (*len && is_space(**s))
		(*s)++, (*len)--;
	while (*len && is_space((*s)[*len - 1]))
		(*len)--;
}

enum convert convert_to_i64(const char *s, size_t len, int64_t *v)
{
	trim(&s, &len);
	bool minus = len && *s == '-';
	if (len && (*s == '-' || *s == '+'))
		s++, len--;
	if (!len)
		return CONVERT_SYNTAX;
	uint64_t n = 0;
	bool over = false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return CONVERT_SYNTAX;
		over |= __builtin_mul_overflow(n, 10u, &n);
		over |= __builtin_add_overflow(n, (uint64_t)(s[i] - '0'), &n);
	}
	if (over || n > (uint64_t)INT64_MAX + minus)
		return CONVERT_RANGE;
	*v = (int64_t)(minus ? 0 - n : n);
	return CONVERT_OK;
}

enum convert convert_to_f64(const char *s, size_t len, double *v)
{
	char local[128], *end;
	trim(&s, &len);
	if (!len || len >= sizeof local || memchr(s, '\0', len))
		return CONVERT_SYNTAX;
	memcpy(local, s, len);
	local[len] = '\0';
	if (strchr(local, '(')) /* strtod's nan(...) */
		return CONVERT_SYNTAX;
	errno = 0;
	*v = strtod(local, &end);
	if (*end || end == local)
		return CONVERT_SYNTAX;
	/* Denormals set ERANGE too, but are values. */
	return errno == ERANGE && (*v == 0 || isinf(*v)) ? CONVERT_RANGE : CONVERT_OK;
}

enum convert convert_to_bool(const char *s, size_t len, bool *v)
{
	static const struct {
		const char *word;
		size_t least; /* a prefix this long suffices */
		bool value;
	} words[] = {
		{"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
		{"on", 2, true},   {"off", 2, false},	{"1", 1, true},	  {"0", 1, false},
	};
	trim(&s, &len);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (len >= words[i].least && len <= strlen(words[i].word) &&
		    !strncasecmp(s, words[i].word, len)) {
			*v = words[i].value;
			return CONVERT_OK;
		}
	return CONVERT_SYNTAX;
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, and back (Howard Hinnant,
 * "chrono-compatible low-level date algorithms"). */
static int64_t days_of(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + (int64_t)doe - 719468;
}

static void date_of(int64_t days, int64_t *y, unsigned *m, unsigned *d)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned doe = (unsigned)(days - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;
	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = (int64_t)yoe + era * 400 + (*m <= 2);
}

/* Reads between least and most digits; false if there are fewer. */
static bool digits(const char **s, const char *end, int least, int most, unsigned *v)
{
	int n = 0;
	*v = 0;
	while (n < most && *s < end && **s >= '0' && **s <= '9') {
		*v = *v * 10 + (unsigned)(*(*s)++ - '0');
		n++;
	}
	return n >= least && !(*s < end && **s >= '0' && **s <= '9');
}

static bool take(const char **s, const char *end, char c)
{
	if (*s >= end || **s != c)
		return false;
	(*s)++;
	return true;
}

static unsigned month_days(unsigned y, unsigned m)
{
	static const uint8_t n[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	return n[m - 1] + (m == 2 && leap);
}

/* ".123456": more than six digits are rounded, as PostgreSQL does. */
static bool fraction(const char **s, const char *end, int64_t *us)
{
	char local[64] = "0.";
	size_t n = 2;
	while (*s < end && **s >= '0' && **s <= '9') {
		if (n + 1 < sizeof local)
			local[n++] = **s;
		(*s)++;
	}
	local[n] = '\0';
	*us = (int64_t)rint(strtod(local, NULL) * 1e6);
	return true;
}

/* "Z", "+02", "-0330", "+02:30". */
static bool zone(const char **s, const char *end, int64_t *seconds)
{
	*seconds = 0;
	while (*s < end && is_space(**s))
		(*s)++;
	if (*s == end)
		return true;
	if (take(s, end, 'Z') || take(s, end, 'z'))
		return *s == end;
	int64_t sign = take(s, end, '+') ? 1 : take(s, end, '-') ? -1 : 0;
	unsigned h = 0, m = 0;
	size_t left = (size_t)(end - *s);
	if (!sign)
		return false;
	if (left == 4) {
		if (!digits(s, end, 4, 4, &h))
			return false;
		m = h % 100;
		h /= 100;
	} else if (!digits(s, end, 1, 2, &h) || (take(s, end, ':') && !digits(s, end, 2, 2, &m))) {
		return false;
	}
	*seconds = sign * (int64_t)(h * 3600 + m * 60);
	return *s == end && h <= 15 && m < 60;
}

enum convert convert_to_timestamp(const char *s, size_t len, int64_t *us)
{
	trim(&s, &len);
	const char *end = s + len;
	unsigned y, mo, d, h = 0, mi = 0, sec = 0;
	int64_t frac = 0, off = 0;
	if (!digits(&s, end, 4, 4, &y) || !take(&s, end, '-') || !digits(&s, end, 1, 2, &mo) ||
	    !take(&s, end, '-') || !digits(&s, end, 1, 2, &d))
		return CONVERT_SYNTAX;
	bool timed = take(&s, end, 'T') || take(&s, end, 't');
	while (!timed && s < end && is_space(*s))
		s++;
	if (timed || (s < end && *s >= '0' && *s <= '9')) {
		if (!digits(&s, end, 1, 2, &h) || !take(&s, end, ':') ||
		    !digits(&s, end, 2, 2, &mi))
			return CONVERT_SYNTAX;
		if (take(&s, end, ':') && (!digits(&s, end, 2, 2, &sec) ||
					   (take(&s, end, '.') && !fraction(&s, end, &frac))))
			return CONVERT_SYNTAX;
	}
	if (!zone(&s, end, &off))
		return CONVERT_SYNTAX;
	if (y < 1 || mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) || mi > 59 || sec > 60 ||
	    h > 24 || (h == 24 && (mi || sec || frac)))
		return CONVERT_RANGE;
	*us = ((days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec) - off) * 1000000 + frac;
	return CONVERT_OK;
}

uint32_t convert_from_i64(int64_t v, char *to)
{
	return (uint32_t)(int64_put(to, v) - to);
}

/* The shortest digits that read back as v. Any number of at most 15 digits survives float64, so
 * %.15g finds it if there is one; numbers below DBL_MIN have fewer digits and need the search. */
static void shortest(double v, char *to, size_t size)
{
	for (int p = fabs(v) < 2.3e-308 ? 1 : 15; p <= 17; p++) {
		snprintf(to, size, "%.*e", p - 1, v);
		if (strtod(to, NULL) == v)
			return;
	}
}

uint32_t convert_from_f64(double v, char *to)
{
	if (isnan(v))
		return (uint32_t)(stpcpy(to, "NaN") - to);
	if (isinf(v))
		return (uint32_t)(stpcpy(to, v > 0 ? "Infinity" : "-Infinity") - to);
	if (v == 0)
		return (uint32_t)(stpcpy(to, signbit(v) ? "-0" : "0") - to);
	char e[40], digit[20], *at = to;
	shortest(v, e, sizeof e);
	int n = 0, exp = atoi(strchr(e, 'e') + 1);
	for (const char *s = e; *s != 'e'; s++)
		if (*s >= '0' && *s <= '9')
			digit[n++] = *s;
	while (n > 1 && digit[n - 1] == '0')
		n--;
	if (v < 0)
		*at++ = '-';
	if (exp < -4 || exp >= 15) { /* PostgreSQL's bounds for the notation with an exponent */
		*at++ = digit[0];
		if (n > 1)
			*at++ = '.';
		memcpy(at, digit + 1, (size_t)n - 1);
		at += n - 1;
		return (uint32_t)(at - to) + (uint32_t)sprintf(at, "e%+03d", exp);
	}
	if (exp < 0) {
		*at++ = '0';
		*at++ = '.';
		for (int i = -1; i > exp; i--)
			*at++ = '0';
	}
	for (int i = 0; i < n || i <= exp; i++) {
		if (exp >= 0 && i == exp + 1)
			*at++ = '.';
		*at++ = i < n ? digit[i] : '0';
	}
	return (uint32_t)(at - to);
}

uint32_t convert_from_timestamp(int64_t us, char *to)
{
	int64_t days = us / 86400000000, rest = us % 86400000000, y;
	unsigned m, d;
	if (rest < 0) {
		days--;
		rest += 86400000000;
	}
	date_of(days, &y, &m, &d);
	unsigned sec = (unsigned)(rest / 1000000), frac = (unsigned)(rest % 1000000);
	bool bc = y <= 0;
	int n = sprintf(to, "%04lld-%02u-%02u %02u:%02u:%02u", (long long)(bc ? 1 - y : y), m, d,
			sec / 3600, sec / 60 % 60, sec % 60);
	if (frac) {
		n += sprintf(to + n, ".%06u", frac);
		while (to[n - 1] == '0')
			n--;
	}
	if (bc)
		n += sprintf(to + n, " BC");
	return (uint32_t)n;
}

bool convert_f64_to_i64(double d, int64_t *v)
{
	d = rint(d);
	if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0))
		return false;
	*v = (int64_t)d;
	return true;
}
