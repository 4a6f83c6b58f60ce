/* record_error.h - what is wrong with a record, in one form for all operators:
 *     words.txt, byte 81402: expression 'a / b': division by zero
 * The expression's text comes with the error (expr.h); the place comes from the batch.
 * Threads: the task's own. */
#pragma once
#include "runtime/operator.h"

/* ctx->error stands; if it is the error of a record, puts the place of `row` (a column row of b)
 * before it. Returns OP_FAILED. */
enum op_result record_error(struct op_ctx *ctx, const struct batch *b, uint32_t row);
/* Sets ctx->error. Returns OP_FAILED. */
enum op_result no_memory_error(struct op_ctx *ctx);
