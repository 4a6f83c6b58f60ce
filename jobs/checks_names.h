/* checks_names.h - what a job counts, by the names a job file calls it: sum(count.n),
 * records_out(words). One way to read them for all who compare such values: invariants (checks.h)
 * and a trigger's condition (when.h).
 *
 *   value   := sum(STAGE.FIELD)         of the keyed state, over all keys: an int64 field
 *            | count(STAGE)             keys of its state
 *            | records_in(STAGE) | records_out(STAGE) | records_skipped(STAGE)
 *            | position(SOURCE)         bytes or rows of its input that were handed out
 *
 * Records are counted since the lineage began; those that went out once, however many stages read
 * them. Pure. Threads: any. */
#pragma once
#include "jobs/plan.h"

enum check_what {
	CHECK_SUM,
	CHECK_COUNT,
	CHECK_RECORDS_IN,
	CHECK_RECORDS_OUT,
	CHECK_RECORDS_SKIPPED,
	CHECK_POSITION,
};
#define CHECK_WHATS (CHECK_POSITION + 1)

struct check_value {
	enum check_what what;
	uint32_t stage, word; /* word: of CHECK_SUM */
};

/* "records_out" */
const char *check_what_name(enum check_what what);
/* "sum(count.n)". Cut at size. */
void check_value_text(const struct plan *p, struct check_value v, char *to, size_t size);

/* A text from a job file, being read. */
struct check_reader {
	const struct plan *plan;
	struct opt_report *report;
	const struct json *node; /* the string `text` is the value of */
	const char *text;
	size_t at;
	bool failed;             /* what is wrong was told */
};

/* len bytes of the text at `from` are wrong. Only the first fault of a text is told: the rest of it
 * is not understood. */
#define READER_FAULT(r, from, len, hint, ...)                                                      \
	do {                                                                                       \
		if (!(r)->failed)                                                                  \
			opt_error_in((r)->report, (r)->node, from, (len) ? (len) : 1, hint,        \
				     __VA_ARGS__);                                                 \
		(r)->failed = true;                                                                \
	} while (0)

void reader_skip_blanks(struct check_reader *r);
/* Whether it stands next; goes behind it. */
bool reader_take_sign(struct check_reader *r, const char *sign);
/* A stage's id, bare or in double quotes; -1: told, or the stage's own faults are. */
int reader_take_stage(struct check_reader *r);
/* A value. False: what is wrong was told, or the stage has faults of its own. */
bool reader_take_value(struct check_reader *r, struct check_value *to);
