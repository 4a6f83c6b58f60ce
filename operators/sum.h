/* sum.h - adding a column of numbers to the places keyed_upsert gave: the inner loops of keyed_sum
 * where keyed_add_i64 does not do both: values that may be null, skipped records, no key.
 * A place is 8 bytes {sum}, or where values may be null 16 bytes {sum, u64 how many were not null}.
 * Pure. */
#pragma once
#include "runtime/column.h"

struct sum_rows {
	uint32_t n, from;        /* rows [from, n): not 0 to go on behind one that does not fit */
	const uint16_t *sel;     /* rows of the columns; NULL: 0..n-1 */
	void *const *place;      /* of the i-th row */
};

/* Each adds v's rows to their places in order and, where out is not NULL, writes the sum after each
 * row to out (which may have nulls in the _null ones: keys that met nothing but nulls). Those of
 * integers say how far they came: less than n where the next sum would leave int64; its place is
 * as it was. */
uint32_t sum_i64(const struct sum_rows *r, const struct column *v, struct column *out);
uint32_t sum_i64_null(const struct sum_rows *r, const struct column *v, struct column *out);
void sum_f64(const struct sum_rows *r, const struct column *v, struct column *out);
void sum_f64_null(const struct sum_rows *r, const struct column *v, struct column *out);
/* What rows [from, n) of v, nulls aside, come to: of int64. */
__int128 sum_of_rows(const struct sum_rows *r, uint32_t from, const struct column *v);
