/* when_eval.c - a trigger's condition at run time: over one row of counts, and over the records
 * that pass a stage. See when.h. */
#include "jobs/when.h"

#include "base/check.h"
#include "operators/expr.h"

struct when_eval {
	const struct when *w;
	struct mem *mem;
	struct pool *pool;
	struct expr *expr;
};

RC when_eval_open(struct when_eval **to, const struct when *w, struct mem *mem, struct err *e)
{
	struct when_eval *x = *to = mem_get(mem, sizeof *x);
	if (!x)
		return ERR(e, E_NO_MEMORY, "no memory for the job's trigger");
	x->w = w;
	x->mem = mem;
	if (pool_open(&x->pool, mem, e) == OK &&
	    expr_compile(&x->expr, w->text, &w->row, EXPR_VALUE, mem, NULL, e) == OK)
		return OK;
	when_eval_close(x);
	*to = NULL;
	return e->code;
}

void when_eval_close(struct when_eval *x)
{
	if (!x)
		return;
	expr_close(x->expr);
	pool_close(x->pool);
	mem_put(x->mem, x);
}

static bool put_column(struct when_eval *x, struct batch *b)
{
	struct column *c = pool_column(x->pool, x->w->row.field[b->n_cols].type);
	if (!c)
		return false;
	c->rows = 1;
	b->col[b->n_cols++] = c;
	return true;
}

static bool put_int(struct when_eval *x, struct batch *b, int64_t v)
{
	if (!put_column(x, b))
		return false;
	b->col[b->n_cols - 1]->i64[0] = v;
	return true;
}

/* In the order of the columns: metrics, then what the text names, as it came. */
static bool fill(struct when_eval *x, struct batch *b, const struct when_now *now)
{
	const struct when *w = x->w;
	b->rows = 1;
	if (!put_int(x, b, now->records_since) || !put_int(x, b, now->keys_changed) ||
	    !put_int(x, b, now->bytes_changed) || !put_int(x, b, now->state_bytes) ||
	    !put_column(x, b))
		return false;
	b->col[b->n_cols - 1]->f64[0] = now->seconds_since;
	while (b->n_cols < w->row.n)
		if (!put_column(x, b))
			return false;
	for (uint32_t i = 0; i < w->n_values; i++)
		b->col[w->column_of_value[i]]->i64[0] = now->value[i];
	for (uint32_t i = 0; i < w->n_taps; i++)
		b->col[w->column_of_tap[i]]->bits[0] = now->passed[i];
	return true;
}

bool when_holds(struct when_eval *x, const struct when_now *now, struct err *e)
{
	uint16_t sel[BATCH_ROWS];
	uint32_t n = 0, bad_row;
	struct batch *b = pool_batch(x->pool);
	if (!b || !fill(x, b, now)) {
		batch_drop(&b);
		(void)ERR(e, E_NO_MEMORY, "no memory for the job's trigger");
		return false;
	}
	enum rc rc = expr_filter(x->expr, b, x->pool, sel, &n, &bad_row, e);
	batch_drop(&b);
	return rc == OK && n;
}

/* ---- taps ---- */

static enum rc look(struct tap *tap, const struct batch *b, struct pool *pool, uint32_t *n,
		    uint32_t *bad_row, struct err *e)
{
	struct when_tapped *t = CONTAINER_OF(tap, struct when_tapped, tap);
	uint16_t sel[BATCH_ROWS];
	if (expr_filter(t->expr, b, pool, sel, n, bad_row, e) == OK)
		return OK;
	return err_in(e, "checkpoint.trigger.when: passed(%s, ...)", t->stage);
}

RC when_tapped_open(struct when_tapped **to, const struct when *w, uint32_t number,
		    const struct plan_stage *st, struct mem *mem, struct err *e)
{
	struct when_tapped *t = *to = mem_get(mem, sizeof *t);
	if (!t)
		return ERR(e, E_NO_MEMORY, "no memory for the job's trigger");
	t->tap.look = look;
	t->number = number;
	t->stage = st->spec->id;
	if (expr_compile(&t->expr, w->tap[number].text, &st->p.out, EXPR_VALUE, mem, NULL, e) == OK)
		return OK;
	when_tapped_close(t, mem);
	*to = NULL;
	return e->code;
}

void when_tapped_close(struct when_tapped *t, struct mem *mem)
{
	if (t)
		expr_close(t->expr);
	mem_put(mem, t);
}
