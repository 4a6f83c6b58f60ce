/* when.h - the condition of "trigger": {"when": "..."}: as it becomes true, a checkpoint is asked
 * for.
 *
 *     "sum(count.n) >= 1000000 or passed(lines, line = 'end of day') and seconds_since > 5"
 *
 * An SQL expression (operators/expr.h) over one row:
 *
 *   records_since       that left the sources    | each since the newest checkpoint was begun
 *   keys_changed, bytes_changed   of keyed state |
 *   seconds_since                                |
 *   state_bytes         of keyed state, now
 *   a value of checks_names.h, as of now
 *   passed(STAGE, expr) a record for which expr holds left the stage since the newest checkpoint
 *                       was begun; expr speaks of the fields that the stage puts out
 *
 * Counts are whole numbers of 64 bits: a larger sum is the largest. What cannot be computed is not
 * true. As SQL has no such names, each value is given a column of its own: its name in the text is
 * replaced by a quoted one, and faults are told where they stand in what was written.
 * Pure. struct when owns its texts; borrows the plan while it is made; read only. struct when_eval
 * is its owner's. */
#pragma once
#include "jobs/checks_names.h"
#include "runtime/tap.h"

#define WHEN_VALUES_MAX 32 /* by feel: a column each */
#define WHEN_TAPS_MAX 8    /* by feel: each is computed for every record of its stage */

struct when_tap {
	uint32_t stage;
	char *text;        /* of its expression */
};

struct when {
	struct mem *mem;
	char *said;        /* as it was written, in one line: for reasons */
	char *text;        /* with names in the places of values */
	struct schema row;
	bool of_state, of_records; /* it speaks of keyed state; of anything else */
	uint32_t n_values, n_taps;
	struct check_value value[WHEN_VALUES_MAX];
	struct when_tap tap[WHEN_TAPS_MAX];
	uint32_t column_of_value[WHEN_VALUES_MAX], column_of_tap[WHEN_TAPS_MAX];
};

/* node: the text; NULL: there is none, and *w is NULL then. Faults go to r, with their place; *w is
 * NULL then too. E_NO_MEMORY. */
RC when_parse(struct when **w, const struct json *node, const struct plan *p,
	      struct opt_report *r, struct mem *mem, struct err *e);
void when_close(struct when *w); /* legal on NULL */
/* Which value words of this stage's keyed state it sums: for keyed_watch_sums. 0 for NULL. */
uint32_t when_sums(const struct when *w, uint32_t stage);

/* What it speaks of, now. */
struct when_now {
	int64_t records_since, keys_changed, bytes_changed, state_bytes;
	double seconds_since;
	int64_t value[WHEN_VALUES_MAX];
	bool passed[WHEN_TAPS_MAX];
};

struct when_eval;
RC when_eval_open(struct when_eval **x, const struct when *w, struct mem *mem, struct err *e);
void when_eval_close(struct when_eval *x); /* legal on NULL */
/* Whether it is true. *e: why it cannot be computed (false then). */
bool when_holds(struct when_eval *x, const struct when_now *now, struct err *e);

/* A tap of its own for one subtask; `number` is its place in w. out: of its stage. */
struct when_tapped {
	struct tap tap;
	uint32_t number;
	struct expr *expr;
	const char *stage;
	struct when_tapped *next; /* its owner's list */
};
RC when_tapped_open(struct when_tapped **t, const struct when *w, uint32_t number,
		    const struct plan_stage *st, struct mem *mem, struct err *e);
/* Before the pool it looked with is closed, and its task's. */
void when_tapped_close(struct when_tapped *t, struct mem *mem); /* legal on NULL */
