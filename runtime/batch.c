/* batch.c - see batch.h. */
#include "runtime/batch.h"

#include "base/check.h"
#include "runtime/pool.h"

#include <inttypes.h>
#include <stdio.h>

void batch_origin_share(struct batch *to, const struct batch *from)
{
	to->origin = from->origin;
	if (to->origin.at)
		column_share(to->origin.at);
}

struct batch *batch_share(struct pool *pool, const struct batch *b)
{
	struct batch *x = pool_batch(pool);
	if (!x)
		return NULL;
	x->rows = b->rows;
	x->n_cols = b->n_cols;
	for (uint32_t i = 0; i < b->n_cols; i++)
		x->col[i] = column_share(b->col[i]);
	if (b->hash)
		x->hash = column_share(b->hash);
	batch_origin_share(x, b);
	x->selected = b->selected;
	x->n_sel = b->n_sel;
	if (b->selected)
		memcpy(x->sel, b->sel, b->n_sel * sizeof *b->sel);
	return x;
}

void batch_origin_text(const struct batch *b, uint32_t row, char *to, size_t size)
{
	const struct origin *o = &b->origin;
	const char *unit = o->unit ? o->unit : "byte";
	if (!o->name)
		snprintf(to, size, "an unknown place");
	else if (o->at && row < o->at->rows)
		snprintf(to, size, "%s, %s %" PRId64, o->name, unit, o->at->i64[row]);
	else if (o->consecutive)
		snprintf(to, size, "%s, %s %" PRIu64, o->name, unit, o->first + row);
	else if (o->end - o->first <= 1)
		snprintf(to, size, "%s, %s %" PRIu64, o->name, unit, o->first);
	else
		snprintf(to, size, "%s, between %s %" PRIu64 " and %s %" PRIu64, o->name, unit, o->first,
			 unit, o->end);
}

size_t batch_bytes(const struct batch *b)
{
	size_t bytes = sizeof *b;
	for (uint32_t i = 0; i < b->n_cols; i++) {
		const struct column *c = b->col[i];
		bytes += (size_t)BATCH_ROWS * (c->wide ? 16 : 8);
		/* A standard text is shared by several batches; a large one belongs to one record. */
		for (uint32_t t = 0; t < c->n_texts; t++)
			bytes += c->text[t]->cap > TEXT_BYTES ? c->text[t]->cap : TEXT_BYTES / 4;
	}
	return bytes;
}

static struct column *column_gather(const struct column *c, const uint16_t *sel, uint32_t n,
				    struct pool *pool)
{
	struct column *x = pool_column(pool, c->type);
	if (!x)
		return NULL;
	x->rows = n;
	x->has_valid = c->has_valid;
	if (c->has_valid) {
		memset(x->valid, 0, sizeof x->valid);
		for (uint32_t i = 0; i < n; i++)
			if (bit_get(c->valid, sel[i]))
				bit_set(x->valid, i);
	}
	switch (c->type) {
	case T_BOOL:
		memset(x->bits, 0, VALID_WORDS * sizeof *x->bits);
		for (uint32_t i = 0; i < n; i++)
			if (bit_get(c->bits, sel[i]))
				bit_set(x->bits, i);
		break;
	case T_STRING:
		for (uint32_t i = 0; i < n; i++)
			x->str[i] = c->str[sel[i]];
		for (uint32_t i = 0; i < c->n_texts; i++)
			x->text[i] = text_share(c->text[i]);
		x->n_texts = c->n_texts;
		break;
	default:
		for (uint32_t i = 0; i < n; i++)
			x->i64[i] = c->i64[sel[i]];
	}
	return x;
}

static RC replace_gathered(struct column **c, const struct batch *b, struct pool *pool,
			   struct err *e)
{
	if (!*c)
		return OK;
	struct column *x = column_gather(*c, b->sel, b->n_sel, pool);
	if (!x)
		return ERR(e, E_NO_MEMORY, "no memory for a batch");
	column_drop(*c);
	*c = x;
	return OK;
}

/* The chosen rows are not consecutive any more, so their places are written down. */
static RC origin_gathered(struct batch *b, struct pool *pool, struct err *e)
{
	if (!b->origin.consecutive)
		return replace_gathered(&b->origin.at, b, pool, e);
	struct column *at = pool_column(pool, T_INT64);
	if (!at)
		return ERR(e, E_NO_MEMORY, "no memory for a batch");
	at->rows = b->n_sel;
	for (uint32_t i = 0; i < b->n_sel; i++)
		at->i64[i] = (int64_t)(b->origin.first + b->sel[i]);
	b->origin.consecutive = false;
	b->origin.at = at;
	return OK;
}

RC batch_compact(struct batch *b, struct pool *pool, struct err *e)
{
	CHECK(b->selected);
	/* A column that failed half-way leaves columns of different lengths: nobody may look at them,
	 * and nobody does, because the task fails with the error. */
	for (uint32_t i = 0; i < b->n_cols; i++)
		if (replace_gathered(&b->col[i], b, pool, e) != OK)
			return e ? e->code : E_NO_MEMORY;
	if (replace_gathered(&b->hash, b, pool, e) != OK ||
	    origin_gathered(b, pool, e) != OK)
		return e ? e->code : E_NO_MEMORY;
	b->rows = b->n_sel;
	b->selected = false;
	b->n_sel = 0;
	return OK;
}
