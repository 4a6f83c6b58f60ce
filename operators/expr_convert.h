/* expr_convert.h - single values to and from text as PostgreSQL reads and writes them.
 * Used by casts of columns and by literals. Pure; texts are len bytes without a NUL.
 * Differences: int means 64 bits; a timestamp is UTC, so a zone in a text is applied (as
 * timestamptz does with time zone UTC) and none is written. Only ISO 8601 dates of the years 1 to
 * 9999. A float64 is written with the fewest digits that read back as itself; PostgreSQL takes one
 * more where that needs the reader to round a tie to even (5e22). */
#pragma once
#include "base/schema.h"

#define CONVERT_TEXT_MAX 40 /* bytes: the longest float64 or timestamp, with room */

enum convert { CONVERT_OK, CONVERT_SYNTAX, CONVERT_RANGE };

enum convert convert_to_i64(const char *s, size_t len, int64_t *v);
enum convert convert_to_f64(const char *s, size_t len, double *v);
enum convert convert_to_bool(const char *s, size_t len, bool *v);
enum convert convert_to_timestamp(const char *s, size_t len, int64_t *us);

/* Write at most CONVERT_TEXT_MAX bytes, no NUL; return the length. */
uint32_t convert_from_i64(int64_t v, char *to);
uint32_t convert_from_f64(double v, char *to);
uint32_t convert_from_timestamp(int64_t us, char *to);

/* Rounds half to even; false when out of range or no number. */
bool convert_f64_to_i64(double d, int64_t *v);
