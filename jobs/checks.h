/* checks.h - the user's consistency function: what must hold on every checkpoint's cut.
 *
 *     "invariants": ["sum(count.n) = records_out(words)", "count(seen) <= records_in(seen)"]
 *
 * Why: state that was counted wrong is written, restored and committed as faithfully as any other;
 * only who wrote the job knows what must be true of it. All values are of one cut: every one is
 * taken at the same barrier (inv 4), so what holds between batches holds here.
 *
 *   check   := sum (= | <> | != | < | <= | > | >=) sum
 *   sum     := product {(+ | -) product}
 *   product := factor {* factor}
 *   factor  := number | - factor | ( sum ) | value
 *   value   := as in checks_names.h
 *
 * Numbers are whole and have 128 bits.
 * Pure. Owns its texts; borrows the plan while it parses. Threads: made by one, then read only. */
#pragma once
#include "checkpoint/manifest.h"
#include "jobs/checks_names.h"

#define CHECKS_MAX 64 /* by feel; each is looked at once a checkpoint */

struct checks;

/* list: of texts, NULL: none, and *c is NULL then. The stages of p that could not be planned are
 * passed over. Faults go to r, with their place; *c may be NULL then. E_NO_MEMORY. */
RC checks_parse(struct checks **c, const struct json *list, const struct plan *p,
		struct opt_report *r, struct mem *mem, struct err *e);
void checks_close(struct checks *c); /* legal on NULL */

uint32_t checks_count(const struct checks *c); /* 0 for NULL */
/* Which value words of this stage's keyed state they sum: for keyed_watch_sums. */
uint32_t checks_sums(const struct checks *c, uint32_t stage);
/* Whether they can go on from this checkpoint: records and positions are known only where a line
 * was counted from its beginning. E_REFUSED. */
RC checks_fit(const struct checks *c, const struct manifest *m, struct err *e);

/* What a value is on the cut; word: of CHECK_SUM. */
struct check_values {
	__int128 (*of)(void *arg, enum check_what what, uint32_t stage, uint32_t word);
	void *arg;
};

struct check_sides {
	const char *text; /* borrowed from c */
	__int128 left, right;
};

/* Check i on this cut. False: it does not hold; why says both sides and every value in them
 * (E_RECORD: it is the job that is wrong, or its records). */
bool check_holds(const struct checks *c, uint32_t i, const struct check_values *v,
		 struct check_sides *sides, struct err *why);
