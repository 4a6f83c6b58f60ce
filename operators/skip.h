/* skip.h - on_error: skip: the records that cannot be processed are left out of their batch.
 * Kernels work by columns and stop at an error, and that stays: a batch without one pays nothing.
 * One that failed is tried again in parts, until each part is either good or a single bad record:
 *
 *   [...........x......x....]  fails at x: what is before it, and the two halves of what is behind
 *   [..........] [.....] [x....] ...
 *
 * What a record is worth depends on nothing but itself, so the same ones are left out however they
 * were grouped, and again after a restore.
 * Threads: the task's. */
#pragma once
#include "runtime/operator.h"

/* Does everything that may fail on a record of b, and keeps nothing of it. E_RECORD with a bad row
 * (a column row): the first of those its first failing step met; any other error ends the attempt.
 * */
typedef enum rc skip_try(void *self, struct op_ctx *ctx, const struct batch *b, uint32_t *bad_row,
			 struct err *e);

/* After a step failed with ctx->error: whether that was a record's and b may be tried again. b then
 * selects the records for which `try` is OK, perhaps none; the others were counted. False:
 * ctx->error stands. */
bool skip_bad(struct op_ctx *ctx, struct batch *b, skip_try *try, void *self);

/* Counts a record that was left out. e says what is wrong with it; without b also where it is. */
void skip_count(struct op_ctx *ctx, const struct batch *b, uint32_t row, const struct err *e);
