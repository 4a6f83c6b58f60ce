/* expr.h - SQL expressions as typed column kernels: compiled once, run by the batch.
 * PostgreSQL is the reference for what they mean (tests/golden/expr_postgres.txt holds its
 * answers); libpg_query parses them (operators/expr_parse.c is its one door). Where weir differs
 * or chooses:
 *  - int, integer and bigint are int64, a literal with a point or an exponent is float64;
 *  - text is compared by its bytes (collation "C"); lower() and upper() map ASCII letters;
 *  - a character begins at each byte that is no UTF-8 continuation byte; invalid bytes pass
 *    through;
 *  - field names are read as they are written: neither folded nor cut; in quotes where SQL has the
 *    word;
 *  - timestamp is UTC; a zone in a text is applied; int64 <-> timestamp casts count microseconds;
 *  - split(text) yields the words between white space; split(text, separator) one piece more than
 *    there are separators (an empty text: one empty piece; an empty separator: the text; a null:
 *    none);
 *  - splitmix64(i, n): n must be positive.
 * Threads: an expr belongs to one task (it holds scratch columns); compile one for each subtask.
 * Lifetime: it may hold a column and a text of the pool it was run with: close it before that pool.
 * Compiling takes up to 2 MiB of stack (libpg_query's, for texts at the limits). */
#pragma once
#include "base/json.h"
#include "operators/text_span.h"
#include "runtime/batch.h"
#include "runtime/pool.h"

struct expr;

/* Where in the expression's text an error stands: bytes. len 0: unknown. */
struct expr_at {
	size_t offset, len;
};

/* What the text may be: a value for each row, or a list for each row (flat_map). */
enum expr_want { EXPR_VALUE, EXPR_LIST };

/* Compiles text against the fields of in. Errors are E_INVALID, with *at (may be NULL) set and a
 * text such as "unknown field 'wrod'; it reads: word; did you mean 'word'?". Text at most 8 KiB,
 * nesting at most 100, checked before parsing. */
RC expr_compile(struct expr **x, const char *text, const struct schema *in, enum expr_want want,
		struct mem *mem, struct expr_at *at, struct err *e);
/* The same from a constant of a job file: number, boolean or null (a number option such as
 * "value": 1). */
RC expr_constant(struct expr **x, const struct json *v, struct mem *mem, struct err *e);
void expr_close(struct expr *x); /* legal on NULL */
/* The type of the value, or of a list's elements. */
enum type expr_type(const struct expr *x);
bool expr_nullable(const struct expr *x);
/* Whether the value depends on nothing but its row (now(), random() would not; none exist yet). */
const char *expr_text(const struct expr *x);
/* The index of the field if the expression is nothing but a field, else -1 (map shares the
 * column). */
int expr_field(const struct expr *x);

/* Computes the value for the selected rows of b; the result has b->rows rows of which only selected
 * ones are meaningful (a shared input column, or one from pool). E_RECORD on an error of a record:
 * *bad_row (a column row) is the first such row and the text names the expression and what is
 * wrong; the caller adds the record's origin. E_NO_MEMORY. *out is the caller's reference. */
RC expr_eval(struct expr *x, const struct batch *b, struct pool *pool, struct column **out,
	     uint32_t *bad_row, struct err *e);

/* A predicate: writes the rows among b's selected ones for which x is true (not false, not null)
 * into sel (room for BATCH_ROWS); *n is their count. x's type is T_BOOL. */
RC expr_filter(struct expr *x, const struct batch *b, struct pool *pool, uint16_t *sel, uint32_t *n,
	       uint32_t *bad_row, struct err *e);

/* Lists: iterates over the elements of the selected rows of one batch, in order, filling columns of
 * up to pool_rows elements. Begin takes no ownership: b must stand until the end. */
struct expr_list {
	struct expr *x;
	const struct batch *b;
	struct column *arg;     /* the evaluated text, owned */
	bool parents;           /* each element's row is asked for */
	bool done;
	uint32_t next_sel;      /* which selected row is next */
	uint32_t next_off;      /* for separators: how far that row's text was cut */
	struct text_span span;  /* for words: the rows being cut, before next_sel */
};
/* parents: expr_list_next is to say of each element which row it came from; if not, it says so of
 * a column's first and last only, and is faster. */
RC expr_list_begin(struct expr_list *l, struct expr *x, const struct batch *b, bool parents,
		   struct pool *pool, uint32_t *bad_row, struct err *e);
/* Appends elements to *out (a T_STRING column from pool with rows set; created here), and to parent
 * (room for BATCH_ROWS) the column row each came from. Stops at pool_rows or the end of the batch
 * (then l->done). *out is NULL when there was nothing. */
RC expr_list_next(struct expr_list *l, struct pool *pool, struct column **out, uint16_t *parent,
		  uint32_t *bad_row, struct err *e);
void expr_list_end(struct expr_list *l); /* legal on the empty value and twice */
