/* record_error.c - see record_error.h. */
#include "operators/record_error.h"

enum op_result record_error(struct op_ctx *ctx, const struct batch *b, uint32_t row)
{
	if (ctx->error.code == E_RECORD) {
		char place[512];
		batch_origin_text(b, row, place, sizeof place);
		err_in(&ctx->error, "%s", place);
	}
	return OP_FAILED;
}

enum op_result no_memory_error(struct op_ctx *ctx)
{
	(void)!ERR(&ctx->error, E_NO_MEMORY, "no memory for a batch");
	return OP_FAILED;
}
