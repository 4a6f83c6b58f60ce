/* keyed_sum_every.c - {"emit":{"every":"1s"}}: the sums that changed, each once, a while after the
 * first of them did; and what is pending before each barrier, so that it is never state
 * (COORDINATOR 9), and at the end.
 * Pending are a key and its newest sum, in a small table of its own that no snapshot sees: it is
 * empty whenever one is taken. */
#include "operators/keyed_sum.h"
#include "operators/record_error.h"

#include "base/check.h"
#include "base/planted.h"

RC every_open(struct keyed_sum *s, struct op_ctx *ctx, struct err *e)
{
	struct keyed_config c = {.shape = *keyed_shape(ctx->state), .hash_lo = s->hash_first,
				 .hash_hi = s->hash_last, .mem = ctx->mem};
	s->pending_at = (struct keyed_iter){0};
	return keyed_open(&s->pending, &c, e);
}

enum op_result every_note(struct keyed_sum *s, struct op_ctx *ctx, const struct batch *b,
			  const struct batch *out)
{
	uint32_t n = batch_count(out);
	const struct column *sums = out->col[ctx->key->n];
	if (!n)
		return OP_DONE;
	struct key_rows rows = {.n = n, .sel = out->selected ? out->sel : NULL,
				.hashes = (const uint64_t *)b->hash->i64, .fix8 = s->keys.fix8,
				.views = s->keys.view, .bases = s->keys.base};
	bool null = s->conf->value.nullable;
	uint32_t first = 0;
	if (!ctx->key->n) { /* one sum of everything: the newest is the last row's */
		rows.n = 1;
		first = n - 1;
	}
	if (keyed_upsert(s->pending, &rows, s->place + first, &ctx->error) != OK)
		return OP_FAILED;
	for (uint32_t i = first; i < n; i++) {
		uint32_t row = out->selected ? out->sel[i] : i;
		uint64_t *place = s->place[i];
		place[0] = (uint64_t)sums->i64[row]; /* or the bits of a double */
		if (null)
			place[1] = !sums->has_valid || bit_get(sums->valid, row);
	}
	if (ctx->tick_at_us == UINT64_MAX && !PLANTED(timer_is_not_set))
		ctx->tick_at_us = ctx->now_us + s->conf->every_us;
	return OP_DONE;
}

enum op_result every_flush(struct keyed_sum *s, struct op_ctx *ctx)
{
	if (!keyed_count(s->pending)) {
		ctx->tick_at_us = UINT64_MAX;
		return OP_DONE;
	}
	uint32_t n = keyed_sum_take(s, s->pending, &s->pending_at, pool_rows(ctx->pool));
	if (n)
		return keyed_sum_emit(s, ctx, n);
	keyed_close(s->pending);
	s->pending = NULL;
	if (every_open(s, ctx, &ctx->error) != OK)
		return OP_FAILED;
	ctx->tick_at_us = UINT64_MAX;
	return OP_DONE;
}

enum op_result keyed_sum_tick(void *self, struct op_ctx *ctx)
{
	return every_flush(self, ctx);
}

enum op_result keyed_sum_prepare(void *self, struct op_ctx *ctx, const struct barrier *b)
{
	struct keyed_sum *s = self;
	(void)b;
	return s->pending && !PLANTED(barrier_without_flush) ? every_flush(s, ctx) : OP_DONE;
}
