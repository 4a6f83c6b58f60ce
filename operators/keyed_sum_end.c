/* keyed_sum_end.c - a record for each key when the input has ended, in table order. */
#include "operators/keyed_sum.h"
#include "operators/record_error.h"

#include "base/check.h"
#include "base/planted.h"
#include "runtime/keys_decode.h"

uint32_t keyed_sum_take(struct keyed_sum *s, const struct keyed *from, struct keyed_iter *at,
			uint32_t most)
{
	struct keyed_iter before = *at;
	uint32_t n = keyed_next(from, at, s->entry, most);
	uint32_t fit = n ? keys_decodable(s->entry, n) : 0;
	if (fit < n) {
		*at = before;
		n = keyed_next(from, at, s->entry, fit);
		CHECK(n == fit);
	}
	return n;
}

/* The next keys whose end is owed, as many as fit into a batch. 0: there are none left. */
static uint32_t next_entries(struct keyed_sum *s, struct op_ctx *ctx)
{
	for (;;) {
		uint32_t n = keyed_sum_take(s, ctx->state, &s->at, pool_rows(ctx->pool)), owed = 0;
		if (!n || !s->ended.n)
			return n;
		for (uint32_t i = 0; i < n; i++) {
			uint64_t hash = shape_hash(keyed_shape(ctx->state), s->entry[i].key,
						   s->entry[i].key_len);
			s->entry[owed] = s->entry[i];
			owed += !ended_has(&s->ended, hash);
		}
		if (owed)
			return owed;
	}
}

static void sums_of(const struct keyed_entry *entry, uint32_t n, bool nullable, struct column *out)
{
	out->rows = n;
	out->has_valid = nullable;
	if (nullable)
		memset(out->valid, 0, sizeof out->valid);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *place = entry[i].value;
		out->i64[i] = (int64_t)load_u64(place); /* or the bits of a double */
		if (nullable && load_u64(place + 8))
			bit_set(out->valid, i);
	}
}

enum op_result keyed_sum_emit(struct keyed_sum *s, struct op_ctx *ctx, uint32_t n)
{
	struct batch *out = pool_batch(ctx->pool);
	uint32_t k = ctx->key->n;
	if (!out)
		return no_memory_error(ctx);
	if (keys_decode(ctx->key, s->entry, n, ctx->pool, out->col, &ctx->error) != OK) {
		batch_drop(&out);
		return OP_FAILED;
	}
	out->rows = n;
	out->n_cols = k;
	out->col[k] = pool_column(ctx->pool, s->conf->value.type);
	if (!out->col[k]) {
		batch_drop(&out);
		return no_memory_error(ctx);
	}
	out->n_cols = k + 1;
	sums_of(s->entry, n, s->conf->value.nullable, out->col[k]);
	out->origin = (struct origin){.name = s->conf->name, .unit = "key", .first = s->emitted,
				      .end = s->emitted + n};
	s->emitted += n;
	op_emit(ctx, &out);
	return OP_MORE;
}

enum op_result keyed_sum_end(void *self, struct op_ctx *ctx)
{
	struct keyed_sum *s = self;
	if (s->pending && !PLANTED(end_without_flush))
		return every_flush(s, ctx);
	if (!s->conf->at_end || ended_covers(&s->ended, s->hash_first, s->hash_last))
		return OP_DONE;
	uint32_t n = next_entries(s, ctx);
	if (n)
		return keyed_sum_emit(s, ctx, n);
	enum rc rc = ended_add(&s->ended, s->hash_first, s->hash_last, &ctx->error);
	return rc == OK ? OP_DONE : OP_FAILED;
}
