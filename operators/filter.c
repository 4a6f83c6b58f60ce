/* filter.c - the rows for which an expression is true: {"type":"filter","expr":"n > 10"}.
 * Not those for which it is false or null, as in SQL. Copies nothing: the same columns under
 * another selection, until so few rows remain that carrying the others along would cost more. */
#include "operators/operators.h"
#include "operators/record_error.h"
#include "operators/skip.h"
#include "operators/stage_expr.h"

#define FEW 8 /* below 1/8 of the rows they are copied together (DESIGN 3) */

static const struct opt_def filter_opts[] = {
	{"expr", OPT_STRING, .required = true,
	 .help = "a condition; where it is true, the record goes on"},
	{0},
};

struct filter {
	struct expr *x;
};

static void filter_conf_close(void *conf, struct mem *mem)
{
	if (conf)
		stage_expr_close(conf, mem);
	mem_put(mem, conf);
}

static bool filter_plan(struct op_plan *p)
{
	const struct json *node = opt_json(p->options, "expr");
	struct stage_expr *x = p->conf = mem_get(p->mem, sizeof *x);
	if (!x)
		return stage_no_memory(p);
	if (!stage_expr_plan(x, p, node, p->in[0], EXPR_VALUE))
		return false;
	p->out = *p->in[0];
	if (x->type == T_BOOL)
		return true;
	opt_error(p->report, node, "a condition such as n > 10", "the expression gives %s, not bool",
		  type_name(x->type));
	return false;
}

static RC filter_open(void *self, struct op_ctx *ctx, const void *state, size_t len, struct err *e)
{
	struct filter *f = self;
	(void)state;
	(void)len;
	return stage_expr_open(ctx->conf, &f->x, ctx->in, EXPR_VALUE, ctx->mem, e);
}

static void filter_close(void *self, struct op_ctx *ctx)
{
	struct filter *f = self;
	(void)ctx;
	expr_close(f->x);
}

static enum rc filter_try(void *self, struct op_ctx *ctx, const struct batch *b, uint32_t *bad_row,
			  struct err *e)
{
	struct filter *f = self;
	uint16_t sel[BATCH_ROWS];
	uint32_t n;
	return expr_filter(f->x, b, ctx->pool, sel, &n, bad_row, e);
}

static enum op_result filter_batch(void *self, struct op_ctx *ctx, struct batch *b)
{
	struct filter *f = self;
	uint32_t bad_row = 0, n = 0;
	struct batch *out = batch_share(ctx->pool, b);
	if (!out)
		return no_memory_error(ctx);
	if (expr_filter(f->x, b, ctx->pool, out->sel, &n, &bad_row, &ctx->error) != OK) {
		batch_drop(&out);
		return skip_bad(ctx, b, filter_try, f) ? filter_batch(self, ctx, b)
						       : record_error(ctx, b, bad_row);
	}
	/* All rows of the columns: no selection at all is cheaper for everyone behind. */
	out->selected = n < out->rows;
	out->n_sel = out->selected ? n : 0;
	if (n && n * FEW < out->rows && batch_compact(out, ctx->pool, &ctx->error) != OK) {
		batch_drop(&out);
		return OP_FAILED;
	}
	if (n)
		op_emit(ctx, &out);
	batch_drop(&out);
	return OP_DONE;
}

static enum op_law filter_law(const void *conf)
{
	(void)conf;
	return OP_LAW_AT_MOST;
}

const struct op_ops filter_ops = {
	.name = "filter",
	.summary = "the records for which an expression is true",
	.role = OP_TRANSFORM,
	.self_size = sizeof(struct filter),
	.opts = filter_opts,
	.plan = filter_plan,
	.conf_close = filter_conf_close,
	.open = filter_open,
	.batch = filter_batch,
	.close = filter_close,
	.law = filter_law,
};
