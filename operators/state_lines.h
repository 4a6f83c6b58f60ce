/* state_lines.h - rows of a keyed state as lines, as a sink would write them: csv with a header
 * line, or JSON Lines. A row has the key's fields and the state's; a difference has what became of
 * the key, its fields, and the state's before and after.
 * Constant memory: a batch of rows and a buffer. Threads: one owner. */
#pragma once
#include "operators/row_text.h"
#include "runtime/inspect.h"
#include "runtime/pool.h"

/* The fields of a row: the key's and the state's, of which one that is called like another gets a
 * _. */
RC state_row_schema(struct schema *out, const struct schema *key, const struct schema *value,
		    struct err *e);

/* Where lines go; `to` is what was given to state_lines_open. */
typedef enum rc line_write(void *to, const void *data, size_t len, struct err *e);

struct state_lines {
	struct mem *mem;
	struct inspect_state s;
	bool diff;
	struct schema out;
	const struct row_format *format;
	struct row_names names;
	struct rows rows;
	struct pool *pool;
	uint8_t *buffer;
	line_write *write;
	void *to;
	uint64_t lines; /* rows written */
	/* of the batch being filled: */
	struct bytes keys;
	uint32_t end[BATCH_ROWS]; /* of each key in keys */
	uint64_t value[2][BATCH_ROWS][2]; /* before (of a difference only) and after */
	uint8_t kind[BATCH_ROWS];         /* enum diff_kind */
	uint32_t n;
};

/* format: "csv" or "jsonl"; diff: lines of differences. */
RC state_lines_open(struct state_lines *l, struct mem *mem, const struct inspect_state *s,
		    const char *format, bool diff, line_write *write, void *to, struct err *e);
/* Of a difference: was or is may be NULL. Else is alone counts. */
RC state_lines_put(struct state_lines *l, enum diff_kind kind, const struct inspect_row *was,
		   const struct inspect_row *is, struct err *e);
/* Writes what is left. */
RC state_lines_end(struct state_lines *l, struct err *e);
void state_lines_close(struct state_lines *l); /* legal on a zeroed one */
