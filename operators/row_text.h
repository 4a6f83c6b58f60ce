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

/* What stands before each field of every record, where a format has that: made from the schema when
 * the stage is planned. Zeroed: nothing. */
#define NAME_ROOM 16 /* readable bytes behind the last name */
struct row_names {
	struct bytes text; /* one behind the other */
	uint32_t end[FIELDS_MAX];
};

/* How a record becomes a line, '\n' included. put writes at most bound bytes and returns their end.
 * */
struct row_format {
	const char *name;
	const char *ext; /* of its files */
	/* NULL: it has none. Look at bytes_ok(). */
	void (*names)(struct row_names *n, const struct schema *s, struct mem *mem);
	size_t (*bound)(const struct row_names *n, const struct batch *b, uint32_t row);
	char *(*put)(const struct row_names *n, char *to, const struct batch *b, uint32_t row);
	/* As many of the batch's records from number `from` on as surely fit before end; *to goes on.
	 * Returns how many: none where the next one needs a closer look. NULL: always none. */
	uint32_t (*some)(char **to, const char *end, const struct batch *b, uint32_t from);
};
extern const struct row_format csv_format;  /* csv.c: RFC 4180; null is empty, an empty string "" */
extern const struct row_format jsonl_format; /* jsonl.c: an object a line */
extern const struct row_format text_format; /* text_format.c: one string field, as it is */

/* The header line of csv, names quoted where they must be. Appends. */
void csv_header_put(struct bytes *to, const struct schema *s);

/* NULL: not one of ours. */
const struct row_format *row_format_find(const char *name);

/* False: no memory. */
bool row_names_make(struct row_names *n, const struct row_format *f, const struct schema *s,
		    struct mem *mem);
void row_names_close(struct row_names *n); /* legal on a zeroed one */

/* Where a batch stands that did not fit as a whole. Zeroed, then rows_init. */
struct rows {
	const struct row_format *format;
	const struct row_names *names; /* borrowed */
	const char *prefix;      /* stands before each line; borrowed */
	size_t prefix_len;
	uint32_t at;             /* records of the batch that are done */
	struct bytes spill;
	size_t spill_at;
};
void rows_init(struct rows *r, const struct row_format *format, const struct row_names *names,
	       const char *prefix, struct mem *mem);
void rows_close(struct rows *r); /* legal on a zeroed one */

/* Appends lines of b to the buffer, *used of cap bytes, up to the end of the batch: *all. Not all:
 * the buffer is as full as it gets; call again with the same batch and another one. E_NO_MEMORY. */
RC rows_fill(struct rows *r, const struct batch *b, uint8_t *buffer, size_t cap, size_t *used,
	     bool *all, struct err *e);
