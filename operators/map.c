/* map.c - other columns for the same rows:
 *     {"type":"map","set":{"total":"price * n"},"drop":["price"]}   or   "select": exactly these
 * Every expression sees the input as it came; one that is nothing but a field shares its column, so
 * a map which renames or drops copies nothing. */
#include "operators/operators.h"
#include "operators/record_error.h"
#include "operators/skip.h"
#include "operators/stage_expr.h"

static const struct opt_def map_opts[] = {
	{"set", OPT_STRINGS, .help = "name -> expression: adds a field or replaces it"},
	{"drop", OPT_STRING | OPT_LIST, .help = "names of fields that do not go on"},
	{"select", OPT_STRINGS, .help = "name -> expression: exactly these fields"},
	{0},
};

/* Output field i is column `from` of the input or, where that is -1, an expression. */
struct map_conf {
	uint32_t n;
	struct {
		int from;
		struct stage_expr x;
	} field[FIELDS_MAX];
};

struct map {
	const struct map_conf *conf;
	struct expr *x[FIELDS_MAX];
};

static void map_conf_close(void *conf, struct mem *mem)
{
	struct map_conf *c = conf;
	if (!c)
		return;
	for (uint32_t i = 0; i < c->n; i++)
		stage_expr_close(&c->field[i].x, mem);
	mem_put(mem, c);
}

static void add_field(struct op_plan *p, const struct field *f, uint32_t from)
{
	struct map_conf *c = p->conf;
	if (stage_out_add(p, p->options, f->name, f->type, f->nullable))
		c->field[c->n++].from = (int)from;
}

static void add_expr(struct op_plan *p, const struct json *node, const char *name)
{
	struct map_conf *c = p->conf;
	struct stage_expr x;
	if (!stage_expr_plan(&x, p, node, p->in[0], EXPR_VALUE))
		return;
	if (!stage_out_add(p, node, name, x.type, x.nullable)) {
		stage_expr_close(&x, p->mem);
		return;
	}
	c->field[c->n].from = x.field;
	c->field[c->n++].x = x;
}

static bool is_dropped(const struct json *options, const char *name)
{
	for (size_t i = 0; i < opt_list_count(options, "drop"); i++)
		if (!strcmp(opt_list_item(options, "drop", i), name))
			return true;
	return false;
}

/* The input's fields in their order, replaced ones in their place; then the new ones. */
static void plan_set(struct op_plan *p, const struct json *set)
{
	for (size_t i = 0; i < opt_list_count(p->options, "drop"); i++) {
		const char *name = opt_list_item(p->options, "drop", i);
		const struct json *at = opt_list_json(p->options, "drop", i);
		if (set && json_get(set, name))
			opt_error(p->report, at, NULL, "'%s' is both set and dropped", name);
		else
			stage_field(p, at, name, p->in[0]);
	}
	for (uint32_t i = 0; i < p->in[0]->n; i++) {
		const struct field *f = &p->in[0]->field[i];
		const struct json *node = set ? json_get(set, f->name) : NULL;
		if (node)
			add_expr(p, node, f->name);
		else if (!is_dropped(p->options, f->name))
			add_field(p, f, i);
	}
	for (size_t i = 0; set && i < json_count(set); i++)
		if (schema_find(p->in[0], json_key(set, i)) < 0)
			add_expr(p, json_value(set, i), json_key(set, i));
}

static bool map_plan(struct op_plan *p)
{
	unsigned before = p->report->errors;
	const struct json *set = opt_json(p->options, "set"), *drop = opt_json(p->options, "drop");
	const struct json *select = opt_json(p->options, "select");
	p->conf = mem_get(p->mem, sizeof(struct map_conf));
	if (!p->conf)
		return stage_no_memory(p);
	if (select && (set || drop))
		opt_error(p->report, set ? set : drop, "'select' names all fields there are",
			  "'%s' cannot stand beside 'select'", set ? "set" : "drop");
	else if (!select && !set && !drop)
		opt_error(p->report, p->options, "it may have: set, drop, select",
			  "changes nothing: 'set', 'drop' or 'select' is missing");
	else if (select)
		for (size_t i = 0; i < json_count(select); i++)
			add_expr(p, json_value(select, i), json_key(select, i));
	else
		plan_set(p, set);
	if (p->report->errors == before && !p->out.n)
		opt_error(p->report, drop ? drop : p->options, NULL, "no field is left");
	return p->report->errors == before;
}

static RC map_open(void *self, struct op_ctx *ctx, const void *state, size_t len, struct err *e)
{
	struct map *m = self;
	(void)state;
	(void)len;
	m->conf = ctx->conf;
	for (uint32_t i = 0; i < m->conf->n; i++)
		if (m->conf->field[i].from < 0 &&
		    stage_expr_open(&m->conf->field[i].x, &m->x[i], ctx->in, EXPR_VALUE, ctx->mem,
				    e) != OK)
			return e->code;
	return OK;
}

static void map_close(void *self, struct op_ctx *ctx)
{
	struct map *m = self;
	(void)ctx;
	for (uint32_t i = 0; m->conf && i < m->conf->n; i++)
		expr_close(m->x[i]);
}

/* The columns of out. */
static enum rc fill(struct map *m, struct op_ctx *ctx, const struct batch *b, struct batch *out,
		    uint32_t *bad_row, struct err *e)
{
	for (; out->n_cols < m->conf->n; out->n_cols++) {
		int from = m->conf->field[out->n_cols].from;
		if (from >= 0)
			out->col[out->n_cols] = column_share(b->col[from]);
		else if (expr_eval(m->x[out->n_cols], b, ctx->pool, &out->col[out->n_cols], bad_row,
				   e) != OK)
			return e->code;
	}
	return OK;
}

static enum rc map_try(void *self, struct op_ctx *ctx, const struct batch *b, uint32_t *bad_row,
		       struct err *e)
{
	struct batch *out = pool_batch(ctx->pool);
	enum rc rc = out ? fill(self, ctx, b, out, bad_row, e)
			 : ERR(e, E_NO_MEMORY, "no memory for a batch");
	batch_drop(&out);
	return rc;
}

static enum op_result map_batch(void *self, struct op_ctx *ctx, struct batch *b)
{
	struct map *m = self;
	struct batch *out = pool_batch(ctx->pool);
	uint32_t bad_row = 0;
	if (!out)
		return no_memory_error(ctx);
	if (fill(m, ctx, b, out, &bad_row, &ctx->error) != OK) {
		batch_drop(&out);
		return skip_bad(ctx, b, map_try, m) ? map_batch(self, ctx, b)
						    : record_error(ctx, b, bad_row);
	}
	out->rows = b->rows;
	out->selected = b->selected;
	out->n_sel = b->n_sel;
	if (b->selected)
		memcpy(out->sel, b->sel, b->n_sel * sizeof *b->sel);
	batch_origin_share(out, b);
	op_emit(ctx, &out);
	return OP_DONE;
}

static enum op_law map_law(const void *conf)
{
	(void)conf;
	return OP_LAW_SAME;
}

const struct op_ops map_ops = {
	.name = "map",
	.summary = "fields computed, renamed, dropped",
	.role = OP_TRANSFORM,
	.self_size = sizeof(struct map),
	.opts = map_opts,
	.plan = map_plan,
	.conf_close = map_conf_close,
	.open = map_open,
	.batch = map_batch,
	.close = map_close,
	.law = map_law,
};
