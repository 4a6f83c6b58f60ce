/* batch.h - some rows of a stream: shared columns, perhaps a selection, perhaps their hashes.
 * A batch struct has one owner at a time (it moves through channels); its columns are shared.
 * Row numbers are those of the columns (0..rows-1); where `selected`, only the rows
 * sel[0..n_sel-1], ascending, belong to the batch. */
#pragma once
#include "runtime/column.h"

/* Where the rows came from, for errors of a record. name is borrowed and lives as long as the job.
 * at[i], if not NULL, is the place of row i (byte offset of a line, or a row number); else, where
 * consecutive, it is first + i: a column less to fill and to carry; otherwise all rows come from
 * [first, end). */
struct origin {
	const char *name;    /* a path, or "generator 'x'"; NULL: unknown */
	const char *unit;    /* what is counted: "row"; NULL: "byte" */
	uint64_t first, end;
	bool consecutive;
	struct column *at;   /* T_INT64, owned reference; row i of the batch */
};

struct batch {
	uint32_t rows;
	uint32_t n_cols;
	bool selected;
	uint32_t n_sel;
	struct column *col[FIELDS_MAX]; /* owned references */
	struct column *hash;            /* T_INT64 holding uint64 hashes of the routing key; or NULL */
	struct origin origin;
	struct pool *home;
	struct batch *next;
	uint16_t sel[BATCH_ROWS];
};

/* How many records it holds. */
static inline uint32_t batch_count(const struct batch *b)
{
	return b->selected ? b->n_sel : b->rows;
}
/* Drops the columns and gives the struct back to its pool; *b becomes NULL. Legal on NULL. */
void batch_drop(struct batch **b);
/* A new batch struct from pool that shares everything of b, selection included. NULL: no memory. */
struct batch *batch_share(struct pool *pool, const struct batch *b);
/* Shares another batch's origin (aligned rows: map, filter, keyed_sum). */
void batch_origin_share(struct batch *to, const struct batch *from);
/* "words.txt, byte 81402" or "words.txt, between byte 10 and byte 900". row is a column row. */
void batch_origin_text(const struct batch *b, uint32_t row, char *to, size_t size);
/* About how many bytes a channel holds for it: column data and its share of texts. */
size_t batch_bytes(const struct batch *b);
/* Drops the selection by copying the chosen rows into new columns of pool. E_NO_MEMORY. */
RC batch_compact(struct batch *b, struct pool *pool, struct err *e);
