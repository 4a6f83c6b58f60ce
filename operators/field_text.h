/* field_text.h - one value as text, as PostgreSQL would print it; what every format of a sink
 * shares. Pure: writes at `to`, without a NUL, and returns the byte behind what it wrote.
 * Threads: any. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define INT64_TEXT_MAX 20     /* -9223372036854775808 */
#define FLOAT64_TEXT_MAX 32   /* -1.7976931348623157e+308, Infinity, NaN */
#define TIMESTAMP_TEXT_MAX 32 /* -290308-12-21T19:59:05.224192Z */

char *bool_put(char *to, bool v); /* "true" or "false"; room for 5 */
char *int64_put(char *to, int64_t v);
/* The shortest of up to 17 digits that reads back as v: "3", "0.1", "1e+20", "NaN", "-Infinity". */
char *float64_put(char *to, double v);
/* "2026-11-21T15:04:05.000001Z"; years before 1 count on: "0000", "-0001". */
char *timestamp_put(char *to, int64_t us);
