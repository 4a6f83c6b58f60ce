/* field_text.h - one value as text, as PostgreSQL would print it; what every format of a sink
 * shares. Pure: writes at `to`, without a NUL, and returns the byte behind what it wrote.
 * Threads: any. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define INT64_TEXT_MAX 20     /* -9223372036854775808 */
#define FLOAT64_TEXT_MAX 32   /* -1.7976931348623157e+308, Infinity, NaN */
#define TIMESTAMP_TEXT_MAX 32 /* -290308-12-21T19:59:05.224192Z */

char *bool_put(char *to, bool v); /* "true" or "false"; room for 5 */
/* v >= 100,000,000. */
char *int64_put_large(char *to, uint64_t v);

/* The 8 decimal digits of v < 100,000,000, the first one in the lowest byte: halves, then halves of
 * those, all at once in one register; a product and a shift divide by 100 and by 10 exactly (P.
 * Khuong, "How to print integers really fast", 2017). */
static inline uint64_t digits8(uint32_t v)
{
	uint64_t fours = v / 10000 | (uint64_t)(v % 10000) << 32;
	uint64_t high = (fours * 10486 >> 20) & 0x0000007F0000007Fu;
	uint64_t twos = high | (fours - 100 * high) << 16;
	uint64_t tens = (twos * 103 >> 10) & 0x000F000F000F000Fu;
	return tens | (twos - 10 * tens) << 8;
}

/* Numbers of a column have every length: no branch asks for it. Room for INT64_TEXT_MAX, of which 8
 * are written in any case. */
static inline char *int64_put(char *to, int64_t v)
{
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
	*to = '-';
	to += v < 0;
	if (__builtin_expect(u >= 100000000, 0))
		return int64_put_large(to, u);
	uint64_t digits = digits8((uint32_t)u);
	uint32_t zeros = (uint32_t)__builtin_ctzll(digits | 1ull << 56) / 8; /* one digit stays */
	digits = (digits | 0x3030303030303030u) >> 8 * zeros;
	memcpy(to, &digits, sizeof digits);
	return to + 8 - zeros;
}
/* The shortest of up to 17 digits that reads back as v: "3", "0.1", "1e+20", "NaN", "-Infinity". */
char *float64_put(char *to, double v);
/* "2026-11-21T15:04:05.000001Z"; years before 1 count on: "0000", "-0001". */
char *timestamp_put(char *to, int64_t us);
