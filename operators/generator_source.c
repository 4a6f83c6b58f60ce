/* generator_source.c - rows made from their numbers:
 *     {"type":"generator_source","rows":1000000,"fields":{"user":"splitmix64(i, 1000)"},
 *      "created_as":"created"}
 * The fields are expressions over one input field, the row number `i`, so a batch is a run of
 * numbers and the kernels' work. State is which rows are still to come (generator_positions.h):
 * exact at any parallelism. Unbounded without `rows`.
 * `created_as` is a last field: with `rate` the moment its row was due, so that a source that is
 * held up does not make its rows look younger; without, the moment its batch was made. */
#include "operators/generator_positions.h"
#include "operators/file_identity.h"
#include "operators/operators.h"
#include "operators/pace.h"
#include "operators/record_error.h"
#include "operators/skip.h"
#include "operators/stage_expr.h"

#include "base/check.h"

#include <stdio.h>

static const struct opt_def generator_source_opts[] = {
	{"rows", OPT_INT, 0, INT64_MAX, .help = "how many; absent: without end"},
	{"rate", OPT_REAL, .help = "rows a second, all subtasks together; absent: no limit"},
	{"fields", OPT_STRINGS, .help = "name -> expression over the row number i; absent: i itself"},
	{"created_as", OPT_STRING,
	 .help = "one more field: the time each row was due, or made if there is no rate"},
	{0},
};

struct generator_conf {
	char *name;          /* "generator 'rows'" */
	uint64_t rows;       /* no row of this number or above; at most INT64_MAX */
	bool bounded;
	double rate;         /* 0: as fast as it goes */
	bool created;        /* one more field, behind the others */
	struct schema in;    /* i */
	uint32_t n;
	struct stage_expr field[FIELDS_MAX];
};

struct generator {
	const struct generator_conf *conf;
	struct positions left;
	uint32_t split;      /* the one being read; left.n: choose */
	struct pace pace;
	struct expr *x[FIELDS_MAX];
	struct batch in;     /* of row numbers: what the expressions see. Never sent */
	struct column *i;    /* its column, kept: always the same cache lines; NULL: not made yet */
};

/* ---- planning ---- */

static void generator_conf_close(void *conf, struct mem *mem)
{
	struct generator_conf *c = conf;
	if (!c)
		return;
	for (uint32_t i = 0; i < c->n; i++)
		stage_expr_close(&c->field[i], mem);
	mem_put(mem, c->name);
	mem_put(mem, c);
}

static bool plan_field(struct generator_conf *c, struct op_plan *p, const struct json *at,
		       const char *name, const char *text)
{
	if (c->n == FIELDS_MAX) {
		opt_error(p->report, at, NULL, "has more than %d fields", FIELDS_MAX);
		return false;
	}
	struct stage_expr *x = &c->field[c->n++];
	return stage_expr_plan_text(x, p, at, text, &c->in, EXPR_VALUE) &&
	       stage_out_add(p, at, name, x->type, x->nullable);
}

static bool generator_plan(struct op_plan *p)
{
	unsigned before = p->report->errors;
	struct generator_conf *c = p->conf = mem_get(p->mem, sizeof *c);
	char name[FIELD_NAME_MAX + 200];
	snprintf(name, sizeof name, "generator '%.200s'", p->stage);
	if (!c || !(c->name = mem_string(p->mem, name)) ||
	    schema_add(&c->in, "i", T_INT64, false, NULL) != OK)
		return stage_no_memory(p);
	c->bounded = p->bounded = opt_has(p->options, "rows");
	c->rows = (uint64_t)opt_int(p->options, "rows", INT64_MAX);
	c->rate = opt_real(p->options, "rate", 0);
	if (opt_has(p->options, "rate") && !(c->rate > 0 && c->rate <= 1e12))
		opt_error(p->report, opt_json(p->options, "rate"), "leave it out for no limit",
			  "rate is a positive number of rows a second");
	const struct json *fields = opt_json(p->options, "fields");
	if (!fields)
		plan_field(c, p, p->options, "i", "i");
	for (size_t i = 0; fields && i < json_count(fields) && c->n < FIELDS_MAX; i++) {
		const struct json *v = json_value(fields, i);
		plan_field(c, p, v, json_key(fields, i), json_string(v, NULL));
	}
	c->created = opt_has(p->options, "created_as");
	if (c->created && stage_out_add(p, opt_json(p->options, "created_as"),
					opt_string(p->options, "created_as", ""), T_TIMESTAMP, false))
		p->order_dependent = "says of each row when it was made";
	p->state_version = GENERATOR_STATE_VERSION;
	return p->report->errors == before;
}

/* ---- before the fence: who reads what ---- */

static void generator_says(const struct generator_conf *c, const struct positions *all,
			   struct op_begin *b)
{
	char done[COMMAS_TEXT], rows[COMMAS_TEXT];
	number_text(positions_done(all), done);
	number_text(c->rows, rows);
	if (!c->bounded)
		snprintf(b->says, sizeof b->says, "%s rows made so far, without end", done);
	else
		snprintf(b->says, sizeof b->says, "%s of %s rows made so far", done, rows);
}

static RC generator_begin(const void *conf, struct op_begin *b, struct err *e)
{
	const struct generator_conf *c = conf;
	struct positions all = {0};
	enum rc rc = positions_open(&all, b->max_parallelism, b->mem, e);
	if (rc == OK && !b->restored)
		positions_begin(&all);
	for (uint32_t i = 0; rc == OK && b->restored && i < b->n_old; i++)
		rc = positions_decode(&all, b->old[i].data, b->old[i].len, e);
	if (rc == OK && !positions_are_complete(&all))
		rc = ERR(e, E_CORRUPT, "the positions of some rows are missing");
	if (rc == OK)
		all.sharers = positions_sharers(&all, b->parallelism, c->rows);
	for (uint32_t i = 0; rc == OK && i < b->parallelism; i++) {
		positions_encode(&all, i, b->parallelism, &b->fresh[i]);
		if (!bytes_ok(&b->fresh[i]))
			rc = ERR(e, E_NO_MEMORY, "no memory for the positions of a generator");
	}
	b->reads_nothing = rc == OK && c->bounded && !c->rows;
	if (rc == OK)
		generator_says(c, &all, b);
	positions_close(&all);
	return rc;
}

/* ---- a subtask's life ---- */

static RC generator_open(void *self, struct op_ctx *ctx, const void *state, size_t len,
			 struct err *e)
{
	struct generator *g = self;
	g->conf = ctx->conf;
	if (positions_open(&g->left, ctx->max_parallelism, ctx->mem, e) != OK ||
	    positions_decode(&g->left, state, len, e) != OK)
		return e->code;
	g->split = g->left.n;
	ctx->work_done = positions_done(&g->left);
	ctx->work_total = g->conf->bounded ? positions_total(&g->left, g->conf->rows) : 0;
	for (uint32_t i = 0; i < g->conf->n; i++)
		if (stage_expr_open(&g->conf->field[i], &g->x[i], &g->conf->in, EXPR_VALUE, ctx->mem,
				    e) != OK)
			return e->code;
	return OK;
}

static void generator_close(void *self, struct op_ctx *ctx)
{
	struct generator *g = self;
	(void)ctx;
	if (!g->conf)
		return; /* never opened */
	for (uint32_t i = 0; i < g->conf->n; i++)
		expr_close(g->x[i]);
	positions_close(&g->left);
	column_drop(g->i);
}

static enum op_result generator_snapshot(void *self, struct op_ctx *ctx, struct op_snapshot *o)
{
	struct generator *g = self;
	positions_encode(&g->left, ctx->subtask, ctx->parallelism, &o->state);
	return OP_DONE;
}

/* Row numbers first .. first + n - 1 as a column, borrowed until the next call. A field that is `i`
 * itself may still hold the last one. */
static struct column *numbers(struct generator *g, struct op_ctx *ctx, uint64_t first, uint32_t n)
{
	if (g->i && atomic_load_explicit(&g->i->refs, memory_order_acquire) > 1) {
		column_drop(g->i);
		g->i = NULL;
	}
	if (!g->i && !(g->i = pool_column(ctx->pool, T_INT64)))
		return NULL;
	g->i->rows = n;
	int64_t *restrict to = g->i->i64; /* the column might be overwritten, for all one knows */
	for (uint32_t i = 0; i < n; i++)
		to[i] = (int64_t)(first + i);
	return g->i;
}

static enum rc fields_fill(struct generator *g, struct op_ctx *ctx, const struct batch *in,
			   struct batch *to, uint32_t *bad_row, struct err *e)
{
	for (; to->n_cols < g->conf->n; to->n_cols++)
		if (expr_eval(g->x[to->n_cols], in, ctx->pool, &to->col[to->n_cols], bad_row, e) != OK)
			return e->code;
	return OK;
}

static enum rc generator_try(void *self, struct op_ctx *ctx, const struct batch *in,
			     uint32_t *bad_row, struct err *e)
{
	struct batch *b = pool_batch(ctx->pool);
	enum rc rc = b ? fields_fill(self, ctx, in, b, bad_row, e)
		       : ERR(e, E_NO_MEMORY, "no memory for a batch");
	batch_drop(&b);
	return rc;
}

/* The fields of g->in, or of those rows of it that are not skipped. */
static bool fields_make(struct generator *g, struct op_ctx *ctx, struct batch *to)
{
	uint32_t bad_row = 0;
	while (fields_fill(g, ctx, &g->in, to, &bad_row, &ctx->error) != OK) {
		while (to->n_cols)
			column_drop(to->col[--to->n_cols]);
		if (!skip_bad(ctx, &g->in, generator_try, g)) {
			record_error(ctx, &g->in, bad_row);
			return false;
		}
	}
	to->selected = g->in.selected;
	to->n_sel = g->in.n_sel;
	memcpy(to->sel, g->in.sel, g->in.n_sel * sizeof *to->sel);
	return true;
}

static double share_of(const struct generator *g)
{
	return g->conf->rate / (g->left.sharers ? g->left.sharers : 1);
}

/* Row k of the next ones was due at wall time now + (due of k - now): both clocks were read
 * together. */
static struct column *creation_times(const struct generator *g, struct op_ctx *ctx, uint32_t n)
{
	struct column *c = pool_column(ctx->pool, T_TIMESTAMP);
	double each_us = g->conf->rate > 0 ? 1e6 / share_of(g) : 0, first_us = 0;
	if (!c)
		return NULL;
	if (g->conf->rate > 0)
		first_us = pace_due_us(&g->pace, share_of(g), 0) - (double)ctx->now_us;
	c->rows = n;
	for (uint32_t k = 0; k < n; k++)
		c->i64[k] = ctx->wall_us + (int64_t)(first_us + k * each_us);
	return c;
}

/* One batch of rows; NULL: ctx->error stands. */
static struct batch *make(struct generator *g, struct op_ctx *ctx, uint64_t first, uint32_t n)
{
	struct batch *b = pool_batch(ctx->pool);
	struct column *i = numbers(g, ctx, first, n);
	g->in.rows = n;
	g->in.selected = false;
	g->in.n_sel = 0;
	g->in.n_cols = 1;
	g->in.col[0] = i;
	g->in.origin = (struct origin){.name = g->conf->name, .unit = "row", .first = first,
				       .end = first + n, .consecutive = true};
	if (!b || !i) {
		no_memory_error(ctx);
		goto fail;
	}
	b->rows = n;
	if (!fields_make(g, ctx, b))
		goto fail;
	if (g->conf->created && !(b->col[b->n_cols] = creation_times(g, ctx, n))) {
		no_memory_error(ctx);
		goto fail;
	}
	b->n_cols += g->conf->created;
	b->origin = g->in.origin;
	return b;
fail:
	batch_drop(&b);
	return NULL;
}

static enum op_result generator_produce(void *self, struct op_ctx *ctx)
{
	struct generator *g = self;
	uint32_t room = pool_rows(ctx->pool);
	if (g->split == g->left.n)
		g->split = positions_lowest(&g->left);
	if (g->split == g->left.n)
		return OP_DONE; /* more subtasks than splits */
	uint64_t next = g->left.next[g->split];
	if (next >= g->conf->rows)
		return OP_DONE; /* it is the lowest */
	if (g->conf->rate > 0) {
		uint32_t due = pace_room(&g->pace, share_of(g), ctx->now_us, &ctx->wake_at_us);
		room = due < room ? due : room;
	}
	if (!room)
		return OP_WAIT;
	uint64_t end = position_block_end(next);
	if (end > g->conf->rows)
		end = g->conf->rows;
	uint32_t n = end - next < room ? (uint32_t)(end - next) : room;
	struct batch *b = make(g, ctx, next, n);
	if (!b)
		return OP_FAILED;
	positions_move(&g->left, g->split, next + n);
	if (g->left.next[g->split] != next + n)
		g->split = g->left.n; /* the block is done */
	pace_sent(&g->pace, n);
	ctx->work_done += n;
	op_emit(ctx, &b);
	return OP_MORE;
}

const struct op_ops generator_source_ops = {
	.name = "generator_source",
	.summary = "rows made from their numbers",
	.role = OP_SOURCE,
	.self_size = sizeof(struct generator),
	.opts = generator_source_opts,
	.plan = generator_plan,
	.conf_close = generator_conf_close,
	.begin = generator_begin,
	.open = generator_open,
	.produce = generator_produce,
	.snapshot = generator_snapshot,
	.close = generator_close,
};
