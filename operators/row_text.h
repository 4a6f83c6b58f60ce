/* row_text.h - records as lines of text, into buffers of a fixed size: what file and print sink
 * share.
 *
 *   batch -> [row_format: bound, put] -> buffer | full, go on with the next one -> ...
 *                                     \-> spill, for a record larger than a buffer
 *
 * Owns: the spill. Threads: the task's. */
#pragma once
#include "base/bytes.h"
#include "runtime/batch.h"

/* How a record becomes a line, '\n' included. put writes at most bound bytes and returns their end.
 * */
struct row_format {
	const char *name;
	size_t (*bound)(const struct batch *b, uint32_t row);
	char *(*put)(char *to, const struct batch *b, uint32_t row);
};
extern const struct row_format csv_format;  /* csv.c: RFC 4180; null is empty, an empty string "" */
extern const struct row_format text_format; /* text_format.c: one string field, as it is */

/* The header line of csv, names quoted where they must be. Appends. */
void csv_header_put(struct bytes *to, const struct schema *s);

/* NULL: not one of ours. */
const struct row_format *row_format_find(const char *name);

/* Where a batch stands that did not fit as a whole. Zeroed, then rows_init. */
struct rows {
	const struct row_format *format;
	const char *prefix;      /* stands before each line; borrowed */
	size_t prefix_len;
	uint32_t at;             /* records of the batch that are done */
	struct bytes spill;
	size_t spill_at;
};
void rows_init(struct rows *r, const struct row_format *format, const char *prefix,
	       struct mem *mem);
void rows_close(struct rows *r); /* legal on a zeroed one */

/* Appends lines of b to the buffer, *used of cap bytes, up to the end of the batch: *all. Not all:
 * the buffer is as full as it gets; call again with the same batch and another one. E_NO_MEMORY. */
RC rows_fill(struct rows *r, const struct batch *b, uint8_t *buffer, size_t cap, size_t *used,
	     bool *all, struct err *e);
