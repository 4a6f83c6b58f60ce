/* flat_map.c - a record for each element of a list:
 *     {"type":"flat_map","expr":"split(lower(line))","as":"word","keep":["id"]}
 * One input batch makes many output batches, one a call, each full but the last: elements are not
 * held back for the next input batch, so nothing is owed at a barrier and there is no state.
 * Kept fields are gathered by the row each element came from; the elements themselves are views
 * into the text they were cut from. */
#include "operators/operators.h"
#include "operators/record_error.h"
#include "operators/skip.h"
#include "operators/stage_expr.h"

static const struct opt_def flat_map_opts[] = {
	{"expr", OPT_STRING, .required = true,
	 .help = "a list, such as split(line): each element is a record"},
	{"as", OPT_STRING, .required = true, .help = "the field that holds the element"},
	{"keep", OPT_STRING | OPT_LIST, .help = "names of fields that go with each element"},
	{0},
};

struct flat_map_conf {
	struct stage_expr x;
	uint32_t n_kept;
	uint32_t kept[FIELDS_MAX]; /* columns of the input; output columns 1, 2, ... */
};

struct flat_map {
	const struct flat_map_conf *conf;
	struct expr *x;
	struct expr_list list;
	bool begun; /* list walks over the batch being worked on */
};

static void flat_map_conf_close(void *conf, struct mem *mem)
{
	struct flat_map_conf *c = conf;
	if (c)
		stage_expr_close(&c->x, mem);
	mem_put(mem, c);
}

static bool flat_map_plan(struct op_plan *p)
{
	unsigned before = p->report->errors;
	struct flat_map_conf *c = p->conf = mem_get(p->mem, sizeof *c);
	const char *as = opt_string(p->options, "as", "");
	if (!c)
		return stage_no_memory(p);
	if (stage_expr_plan(&c->x, p, opt_json(p->options, "expr"), p->in[0], EXPR_LIST))
		stage_out_add(p, opt_json(p->options, "as"), as, c->x.type, c->x.nullable);
	for (size_t i = 0; i < opt_list_count(p->options, "keep"); i++) {
		const char *name = opt_list_item(p->options, "keep", i);
		const struct json *at = opt_list_json(p->options, "keep", i);
		int field = stage_field(p, at, name, p->in[0]);
		if (field < 0)
			continue;
		const struct field *f = &p->in[0]->field[field];
		if (stage_out_add(p, at, name, f->type, f->nullable))
			c->kept[c->n_kept++] = (uint32_t)field;
	}
	return p->report->errors == before;
}

static RC flat_map_open(void *self, struct op_ctx *ctx, const void *state, size_t len,
			struct err *e)
{
	struct flat_map *f = self;
	(void)state;
	(void)len;
	f->conf = ctx->conf;
	return stage_expr_open(&f->conf->x, &f->x, ctx->in, EXPR_LIST, ctx->mem, e);
}

static void flat_map_close(void *self, struct op_ctx *ctx)
{
	struct flat_map *f = self;
	(void)ctx;
	if (f->begun)
		expr_list_end(&f->list);
	expr_close(f->x);
}

/* From the first parent's place to the place after the last one's record. */
static void narrow_origin(struct batch *out, const struct batch *b, uint32_t first, uint32_t last)
{
	const struct column *at = b->origin.at;
	out->origin = b->origin;
	out->origin.at = NULL;
	out->origin.consecutive = false;
	if (b->origin.consecutive) {
		out->origin.first = b->origin.first + first;
		out->origin.end = b->origin.first + last + 1;
	}
	if (!at)
		return;
	out->origin.first = (uint64_t)at->i64[first];
	if (last + 1 < at->rows)
		out->origin.end = (uint64_t)at->i64[last + 1];
}

/* Takes element; *out's sel holds the parent rows, the first and last of them at least. Compaction
 * is what gathers: its selection may name a row many times. */
static enum rc fill(struct flat_map *f, struct op_ctx *ctx, const struct batch *b,
		    struct batch *out, struct column *element)
{
	const struct flat_map_conf *c = f->conf;
	uint32_t n = element->rows;
	enum rc rc = OK;
	narrow_origin(out, b, out->sel[0], out->sel[n - 1]);
	out->rows = n;
	if (c->n_kept) {
		out->rows = b->rows;
		out->selected = true;
		out->n_sel = n;
		for (; out->n_cols < c->n_kept; out->n_cols++)
			out->col[out->n_cols] = column_share(b->col[c->kept[out->n_cols]]);
		rc = batch_compact(out, ctx->pool, &ctx->error);
		memmove(out->col + 1, out->col, c->n_kept * sizeof *out->col);
	}
	out->col[0] = element;
	out->n_cols = c->n_kept + 1;
	return rc;
}

static void leave(struct flat_map *f)
{
	expr_list_end(&f->list);
	f->begun = false;
}

/* All that may fail on a record; cutting its list cannot. So a record's elements come all, or none.
 * */
static enum rc flat_map_try(void *self, struct op_ctx *ctx, const struct batch *b,
			    uint32_t *bad_row, struct err *e)
{
	struct flat_map *f = self;
	struct expr_list list = {0};
	enum rc rc = expr_list_begin(&list, f->x, b, false, ctx->pool, bad_row, e);
	expr_list_end(&list);
	return rc;
}

/* What is skipped is no more in b, for the calls that follow. */
static bool begin(struct flat_map *f, struct op_ctx *ctx, struct batch *b)
{
	uint32_t bad_row = 0;
	bool parents = f->conf->n_kept > 0;
	while (expr_list_begin(&f->list, f->x, b, parents, ctx->pool, &bad_row, &ctx->error) != OK)
		if (!skip_bad(ctx, b, flat_map_try, f)) {
			record_error(ctx, b, bad_row);
			return false;
		}
	return f->begun = true;
}

static enum op_result flat_map_batch(void *self, struct op_ctx *ctx, struct batch *b)
{
	struct flat_map *f = self;
	uint32_t bad_row = 0;
	if (!f->begun && !begin(f, ctx, b))
		return OP_FAILED;
	struct column *element = NULL;
	struct batch *out = pool_batch(ctx->pool);
	if (!out)
		return no_memory_error(ctx);
	if (expr_list_next(&f->list, ctx->pool, &element, out->sel, &bad_row, &ctx->error) != OK) {
		column_drop(element);
		batch_drop(&out);
		return record_error(ctx, b, bad_row);
	}
	bool done = f->list.done;
	if (element) {
		if (fill(f, ctx, b, out, element) == OK)
			op_emit(ctx, &out);
	}
	batch_drop(&out);
	if (done)
		leave(f);
	return ctx->error.code != OK ? OP_FAILED : done ? OP_DONE : OP_MORE;
}

const struct op_ops flat_map_ops = {
	.name = "flat_map",
	.summary = "a record for each element of a list",
	.role = OP_TRANSFORM,
	.self_size = sizeof(struct flat_map),
	.opts = flat_map_opts,
	.plan = flat_map_plan,
	.conf_close = flat_map_conf_close,
	.open = flat_map_open,
	.batch = flat_map_batch,
	.close = flat_map_close,
};
