/* text_span.h - rows of a text column that stand one behind another in memory, as one text to be
 * split at white space.
 *
 *   rows   "to be"  "or"  ""  "not to be"        views, by a source that cut lines
 *   text   to be \n or \n \n  not to be \n ...   what they look into: one span
 *
 * Why: what stands between two lines is white space like that between two words, and a line has
 * few words: a splitter that begins anew with each line costs more than its words.
 * Rows that stand inline in their views are looked for in the text behind the row before; where no
 * text is, they are copied together.
 * Owns nothing; borrows the column and the batch it was made of. One thread. */
#pragma once
#include "runtime/batch.h"

#define SPAN_BYTES 4096    /* of rows copied together; by feel */
#define SPAN_BEFORE 4      /* readable bytes around a span: put_view's, split_words' */
#define SPAN_BEHIND 64
#define SPAN_GAP 8         /* white space between two rows, at most; by feel */

struct text_span {
	uint32_t first, end;   /* the selected rows it covers, as counted in the batch */
	const uint8_t *p;      /* SPAN_BEFORE and SPAN_BEHIND bytes more are readable */
	uint32_t len;
	uint32_t at;           /* how far the user has come; 0 at first */
	struct strview like;   /* its text and off say where p stands, for views longer than inline */
	uint32_t row;          /* no row before this one is asked for any more */
	uint32_t ends[BATCH_ROWS]; /* where in the span each row ends, from first on */
	uint8_t copied[SPAN_BEFORE + SPAN_BYTES + SPAN_BEHIND];
};

/* The span that begins with selected row number first, which is not null: at least that row, and
 * those that follow on it if `many`. c is a T_STRING column with b's rows. */
void text_span_begin(struct text_span *s, const struct column *c, const struct batch *b,
		     uint32_t first, bool many);
/* The column rows of the first byte of a word from p[from] on, and of the last one before p[to];
 * there is one. No row before one they returned is asked for later. */
uint16_t text_span_row_from(struct text_span *s, const struct batch *b, uint32_t from);
uint16_t text_span_row_before(struct text_span *s, const struct batch *b, uint32_t to);
