/* field_text.c - see field_text.h. */
#include "operators/field_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *bool_put(char *to, bool v)
{
	memcpy(to, v ? "true" : "false", 5);
	return to + (v ? 4 : 5);
}

char *int64_put_large(char *to, uint64_t v)
{
	to = int64_put(to, (int64_t)(v / 100000000));
	uint64_t low = digits8((uint32_t)(v % 100000000)) | 0x3030303030303030u;
	memcpy(to, &low, sizeof low);
	return to + sizeof low;
}

static char *word_put(char *to, const char *word)
{
	size_t n = strlen(word);
	memcpy(to, word, n);
	return to + n;
}

char *float64_put(char *to, double v)
{
	if (isnan(v))
		return word_put(to, "NaN");
	if (isinf(v))
		return word_put(to, v < 0 ? "-Infinity" : "Infinity");
	/* Whole numbers that 15 digits hold are what most columns of figures are made of. */
	if (fabs(v) < 1e15 && v == (double)(int64_t)v && !(v == 0 && signbit(v)))
		return int64_put(to, (int64_t)v);
	char text[FLOAT64_TEXT_MAX];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		if (digits == 17 || strtod(text, NULL) == v)
			break;
	}
	return word_put(to, text);
}

/* Days since 1970-01-01 to a date of the Gregorian calendar: Hinnant, "chrono-compatible low-level
 * date algorithms" (2014), civil_from_days. */
static void date_of(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned doe = (unsigned)(days - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;
	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (int64_t)yoe + era * 400 + (*month <= 2);
}

char *timestamp_put(char *to, int64_t us)
{
	const int64_t day_us = 86400000000;
	int64_t days = us / day_us, rest = us % day_us, year;
	if (rest < 0) {
		rest += day_us;
		days--;
	}
	unsigned month, day, second = (unsigned)(rest / 1000000);
	date_of(days, &year, &month, &day);
	char text[64];
	int n = snprintf(text, sizeof text, "%s%04lld-%02u-%02uT%02u:%02u:%02u.%06uZ",
			 year < 0 ? "-" : "", (long long)(year < 0 ? -year : year), month, day,
			 second / 3600, second / 60 % 60, second % 60, (unsigned)(rest % 1000000));
	memcpy(to, text, (size_t)n);
	return to + n;
}
