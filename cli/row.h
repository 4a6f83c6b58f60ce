/* row.h - one line of text that never wraps: fields from left to right, until one does not fit.
 * What stands in it may come from elsewhere (a path, an error): control bytes become '?', and a
 * character that is not ASCII counts two columns, which is at least what a terminal gives it.
 * Threads: one owner. */
#pragma once
#include "base/bytes.h"
#include "cli/paint.h"

struct row {
	struct bytes *to;
	const struct paint *paint;
	unsigned columns;  /* the most it may have; 0: no bound */
	unsigned at;       /* columns so far */
	bool full;         /* a field did not fit: no later one is taken */
};

void row_begin(struct row *r, struct bytes *to, const struct paint *p, unsigned columns);
/* A field behind `gap` blanks: whole, or not at all, and then nothing more. */
void row_field(struct row *r, unsigned gap, enum paint_colour c, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same, cut with "..." where it does not fit. */
void row_cut(struct row *r, unsigned gap, enum paint_colour c, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Blanks up to this column, at least one. */
void row_tab(struct row *r, unsigned column);
void row_end(struct row *r); /* a line feed; no blanks before it */

/* The columns a text takes. */
unsigned row_width(const char *text);
