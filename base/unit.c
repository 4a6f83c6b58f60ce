/* unit.c - durations and sizes as people write them: see option.h.
 * Strict: a number and its unit, nothing between, so that "10" is never mistaken. */
#include "base/check.h"
#include "base/option.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

struct unit {
	const char *name;
	uint64_t each;
};

static const struct unit durations[] = {
	{"us", 1},	     {"ms", 1000},	   {"s", 1000000},
	{"m", 60 * 1000000}, {"h", 3600000000ull}, {"d", 86400000000ull},
};

static const struct unit sizes[] = {
	{"B", 1},
	{"kB", 1000},
	{"MB", 1000000},
	{"GB", 1000000000},
	{"TB", 1000000000000},
	{"KiB", 1ull << 10},
	{"MiB", 1ull << 20},
	{"GiB", 1ull << 30},
	{"TiB", 1ull << 40},
	{"KB", 1000},
};

#define DURATION_UNITS "units: us ms s m h d"
#define SIZE_UNITS "units: B kB MB GB TB (1000s), KiB MiB GiB TiB (1024s)"

/* Digits and perhaps a fraction, at least one digit on each side of the point. *end is behind it.
 * What overflows is UINT64_MAX. */
static bool read_number(const char *p, size_t len, size_t *end, uint64_t *whole, uint64_t *fraction,
			uint64_t *scale)
{
	size_t i = 0;
	*whole = *fraction = 0;
	*scale = 1;
	for (; i < len && p[i] >= '0' && p[i] <= '9'; i++)
		if (*whole > (UINT64_MAX - 9) / 10)
			*whole = UINT64_MAX;
		else
			*whole = *whole * 10 + (uint64_t)(p[i] - '0');
	if (!i)
		return false;
	if (i < len && p[i] == '.') {
		size_t point = i++;
		for (; i < len && p[i] >= '0' && p[i] <= '9' && i - point <= 9; i++) {
			*fraction = *fraction * 10 + (uint64_t)(p[i] - '0');
			*scale *= 10;
		}
		if (i == point + 1)
			return false;
	}
	*end = i;
	return true;
}

static enum rc parse_with(const struct unit *units, size_t n, const char *example, const char *list,
			  const char *text, size_t len, uint64_t *value, struct err *e)
{
	size_t end = 0;
	uint64_t whole, fraction, scale, part;
	if (!read_number(text, len, &end, &whole, &fraction, &scale))
		return ERR(e, E_INVALID, "write it as \"%s\"; %s", example, list);
	const char *unit = text + end;
	size_t unit_len = len - end;
	int number = end > 40 ? 40 : (int)end;
	if (!unit_len)
		return ERR(e, E_INVALID, "a unit is missing; write \"%.*s%s\"", number, text,
			   example + strspn(example, "0123456789"));
	const struct unit *near = NULL;
	while (unit_len && *unit == ' ') { /* only to say what is meant */
		unit++;
		unit_len--;
	}
	for (size_t i = 0; i < n; i++) {
		const struct unit *u = &units[i];
		if (strlen(u->name) != unit_len)
			continue;
		if (!strncasecmp(u->name, unit, unit_len) && !near)
			near = u;
		if (memcmp(u->name, unit, unit_len) != 0 || unit != text + end)
			continue;
		if (__builtin_mul_overflow(whole, u->each, &whole) ||
		    __builtin_mul_overflow(fraction, u->each, &fraction))
			return ERR(e, E_INVALID, "too large");
		part = fraction / scale;
		if (fraction % scale)
			return ERR(e, E_INVALID, "finer than 1%s", units[0].name);
		if (__builtin_add_overflow(whole, part, value) || *value > INT64_MAX)
			return ERR(e, E_INVALID, "too large");
		return OK;
	}
	if (near)
		return ERR(e, E_INVALID, "did you mean \"%.*s%s\"?", number, text, near->name);
	return ERR(e, E_INVALID, "%s", list);
}

RC duration_parse(const char *text, size_t len, uint64_t *us, struct err *e)
{
	return parse_with(durations, ARRAY_LEN(durations), "10s", DURATION_UNITS, text, len, us, e);
}

RC size_parse(const char *text, size_t len, uint64_t *bytes, struct err *e)
{
	return parse_with(sizes, ARRAY_LEN(sizes), "64MB", SIZE_UNITS, text, len, bytes, e);
}

/* The unit that leaves the smallest whole number. */
static const char *text_with(const struct unit *units, size_t n, uint64_t v, char to[UNIT_TEXT])
{
	const struct unit *best = &units[0];
	for (size_t i = 0; i < n && v; i++)
		if (v % units[i].each == 0 && units[i].each > best->each)
			best = &units[i];
	snprintf(to, UNIT_TEXT, "%" PRIu64 "%s", v / best->each, best->name);
	return to;
}

const char *duration_text(uint64_t us, char to[UNIT_TEXT])
{
	return us ? text_with(durations, ARRAY_LEN(durations), us, to) : strcpy(to, "0s");
}

const char *size_text(uint64_t bytes, char to[UNIT_TEXT])
{
	return text_with(sizes, ARRAY_LEN(sizes) - 1, bytes, to);
}
