/* keyed_sum.c - a sum for each key:
 *     {"type":"keyed_sum","key":"word","value":"1","as":"n"}
 * "update": a record for each record, with the sum after it: the input's key columns, shared, plus
 * the sums, and the fields of the record named in "keep", shared too. "end": a record for
 * each key when the input has ended, in table order. {"every":"1s"}: a record for each key that
 * changed, now and then (keyed_sum_every.c).
 *
 *   hashes (came with the batch) + keys -> keyed_add_i64 -> sums
 *                                       -> keyed_upsert -> places -> sum.c's loops -> sums
 *                                          where values may be null, records may be skipped, ...
 *
 * Keyed state: sum.h says what a place holds. The operator's own state is which keys' end was
 * emitted (ended.h): barriers come before end() begins or after it is done, never between, so a
 * subtask's own range is in it whole or not at all. */
#include "operators/keyed_sum.h"
#include "operators/operators.h"
#include "operators/record_error.h"
#include "operators/skip.h"
#include "operators/sum.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/planted.h"

#include <stdio.h>

static const struct opt_def keyed_sum_opts[] = {
	{"key", OPT_STRING | OPT_LIST, .help = "field or fields; absent: one sum of everything"},
	{"value", OPT_STRING | OPT_INT | OPT_REAL, .help = "number or expression to add; default 1"},
	{"as", OPT_STRING, .help = "the field that holds the sum; default \"sum\""},
	{"keep", OPT_STRING | OPT_LIST,
	 .help = "update: fields that go with each record, behind the sum"},
	{"emit", OPT_STRING | OPT_OBJECT, .one_of = "update end",
	 .help = "update: a record for each input; end: one for each key at the end; "
		 "{\"every\": \"1s\"}: one for each key that changed, so often"},
	{0},
};

static const struct opt_def every_opts[] = {
	{"every", OPT_DURATION, .min = 1000, .max = (int64_t)86400 * 1000000, .required = true,
	 .help = "how long a change may wait"},
	{0},
};

#define PART_ROWS 256u /* by feel: 16 KiB of cache lines */

/* ---- planning ---- */

static void keyed_sum_conf_close(void *conf, struct mem *mem)
{
	struct keyed_sum_conf *c = conf;
	if (!c)
		return;
	stage_expr_close(&c->value, mem);
	mem_put(mem, c->name);
	mem_put(mem, c);
}

static void plan_key(struct op_plan *p)
{
	uint32_t field[KEY_FIELDS_MAX], n = 0;
	for (size_t i = 0; i < opt_list_count(p->options, "key"); i++) {
		const struct json *at = opt_list_json(p->options, "key", i);
		int f = stage_field(p, at, opt_list_item(p->options, "key", i), p->in[0]);
		if (f < 0)
			continue;
		if (n == KEY_FIELDS_MAX) {
			opt_error(p->report, at, NULL, "a key has at most %d fields", KEY_FIELDS_MAX);
			return;
		}
		const struct field *x = &p->in[0]->field[f];
		if (stage_out_add(p, at, x->name, x->type, x->nullable))
			field[n++] = (uint32_t)f;
	}
	p->key_schema = p->out;
	key_spec_set(&p->key, p->in[0], field, n);
}

/* The state's fields have names of their own: calling the result otherwise is no other state. */
static bool plan_value(struct op_plan *p, struct keyed_sum_conf *c)
{
	const struct json *node = opt_json(p->options, "value"), *as = opt_json(p->options, "as");
	bool ok = node ? stage_expr_plan(&c->value, p, node, p->in[0], EXPR_VALUE)
		       : stage_expr_plan_text(&c->value, p, p->options, "1", p->in[0], EXPR_VALUE);
	if (!ok)
		return false;
	if (c->value.type != T_INT64 && c->value.type != T_FLOAT64) {
		opt_error(p->report, node, NULL, "only numbers can be summed; the value is %s",
			  type_name(c->value.type));
		return false;
	}
	p->value_bytes = c->value.nullable ? 16 : 8;
	if (schema_add(&p->value_schema, "sum", c->value.type, c->value.nullable, NULL) != OK ||
	    (c->value.nullable && schema_add(&p->value_schema, "count", T_INT64, false, NULL) != OK))
		return stage_no_memory(p);
	return stage_out_add(p, as ? as : p->options, opt_string(p->options, "as", "sum"),
			     c->value.type, c->value.nullable);
}

/* A sum of the end stands for many records: there is no one record whose fields it could keep. */
static void plan_keep(struct op_plan *p, struct keyed_sum_conf *c)
{
	for (size_t i = 0; i < opt_list_count(p->options, "keep"); i++) {
		const struct json *at = opt_list_json(p->options, "keep", i);
		int f = stage_field(p, at, opt_list_item(p->options, "keep", i), p->in[0]);
		if (f < 0)
			continue;
		const struct field *x = &p->in[0]->field[f];
		if (stage_out_add(p, at, x->name, x->type, x->nullable))
			c->kept[c->n_kept++] = (uint32_t)f;
	}
	if ((c->at_end || c->every_us) && opt_has(p->options, "keep"))
		opt_error(p->report, opt_json(p->options, "keep"), NULL,
			  "'keep' goes with \"emit\": \"update\": a sum of %s is of many records",
			  c->at_end ? "the end" : "a while");
}

static bool keyed_sum_plan(struct op_plan *p)
{
	unsigned before = p->report->errors;
	struct keyed_sum_conf *c = p->conf = mem_get(p->mem, sizeof *c);
	char name[FIELD_NAME_MAX + 200];
	snprintf(name, sizeof name, "the sums of '%.200s'", p->stage);
	if (!c || !(c->name = mem_string(p->mem, name)))
		return stage_no_memory(p);
	plan_key(p);
	c->at_end = opt_is(p->options, "emit", "end");
	const struct json *emit = opt_json(p->options, "emit");
	if (emit && json_kind(emit) == JSON_OBJECT &&
	    opt_check(every_opts, emit, NULL, NULL, p->report))
		c->every_us = opt_duration_us(emit, "every", 0);
	if (plan_value(p, c))
		plan_keep(p, c);
	p->keyed = true;
	p->aggregates = c->value.type == T_INT64; /* its first word */
	p->state_version = 1;
	p->by_clock = c->every_us > 0;
	if (c->every_us)
		p->order_dependent = "emits what changed when a clock says so";
	else if (!c->at_end)
		p->order_dependent = "emits a running value for each input record";
	else if (c->value.type == T_FLOAT64)
		p->order_dependent = "adds floating-point numbers in the order they arrive";
	else if (p->skip)
		p->order_dependent = "skips the records whose sums leave int64, in the order they come";
	return p->report->errors == before;
}

/* ---- before the fence: whose end was emitted ---- */

static RC keyed_sum_begin(const void *conf, struct op_begin *b, struct err *e)
{
	const struct keyed_sum_conf *c = conf;
	struct ended all;
	enum rc rc = OK;
	ended_init(&all, b->mem);
	for (uint32_t i = 0; c->at_end && b->restored && i < b->n_old && rc == OK; i++)
		rc = ended_decode(&all, b->old[i].data, b->old[i].len, e);
	for (uint32_t i = 0; i < b->parallelism && rc == OK; i++) {
		ended_encode(&all, &b->fresh[i]);
		if (!bytes_ok(&b->fresh[i]))
			rc = ERR(e, E_NO_MEMORY, "no memory for a list of hash ranges");
	}
	ended_close(&all);
	return rc;
}

/* ---- a subtask's life ---- */

static RC keyed_sum_open(void *self, struct op_ctx *ctx, const void *state, size_t len,
			 struct err *e)
{
	struct keyed_sum *s = self;
	uint32_t n = ctx->parallelism, groups = ctx->max_parallelism;
	s->conf = ctx->conf;
	keys_init(&s->keys, ctx->mem);
	ended_init(&s->ended, ctx->mem);
	s->hash_first = hash_of_group(group_first(ctx->subtask, n, groups), groups);
	s->hash_last = hash_of_group(group_first(ctx->subtask + 1, n, groups), groups) - 1;
	if (ended_decode(&s->ended, state, len, e) != OK)
		return e->code;
	if (s->conf->every_us && every_open(s, ctx, e) != OK)
		return e->code;
	return stage_expr_open(&s->conf->value, &s->value, ctx->in, EXPR_VALUE, ctx->mem, e);
}

static void keyed_sum_close(void *self, struct op_ctx *ctx)
{
	struct keyed_sum *s = self;
	(void)ctx;
	expr_close(s->value);
	keyed_close(s->pending);
	keys_close(&s->keys);
	ended_close(&s->ended);
}

static enum op_result keyed_sum_snapshot(void *self, struct op_ctx *ctx, struct op_snapshot *o)
{
	struct keyed_sum *s = self;
	(void)ctx;
	if (!PLANTED(emitted_end_is_no_state))
		ended_encode(&s->ended, &o->state);
	return OP_DONE;
}

/* ---- records ---- */

static RC out_of_range(const struct keyed_sum *s, struct err *e)
{
	const char *text = s->conf->value.text;
	int cut = strlen(text) > 200 ? 200 : (int)strlen(text);
	return ERR(e, E_RECORD, "expression '%.*s'%s: the sum of its key is out of range for int64",
		   cut, text, text[cut] ? "..." : "");
}

static uint32_t add_numbers(const struct keyed_sum *s, const struct sum_rows *r,
			    const struct column *v, struct column *out)
{
	bool null = s->conf->value.nullable;
	if (s->conf->value.type == T_INT64)
		return null ? sum_i64_null(r, v, out) : sum_i64(r, v, out);
	if (null)
		sum_f64_null(r, v, out);
	else
		sum_f64(r, v, out);
	return r->n;
}

/* Adds the values to their places from r->from on; how far it came. out: the sums after each row,
 * or NULL. Where the sum of all sums is watched, it is noted; out may take the place of v. */
static uint32_t add_rows(const struct keyed_sum *s, struct op_ctx *ctx, const struct sum_rows *r,
			 const struct column *v, struct column *out)
{
	if (!keyed_watched(ctx->state))
		return add_numbers(s, r, v, out);
	__int128 all = sum_of_rows(r, r->from, v);
	uint32_t done = add_numbers(s, r, v, out);
	keyed_note_sum(ctx->state, 0, all - sum_of_rows(r, done, v));
	return done;
}

static uint32_t row_of(const struct sum_rows *r, uint32_t i)
{
	return r->sel ? r->sel[i] : i;
}

/* Goes on behind record `done`, which does not fit, and behind each that follows: what the sum was
 * decides. out keeps the others. */
static void add_skipping(const struct keyed_sum *s, struct op_ctx *ctx, const struct batch *b,
			 struct sum_rows r, uint32_t done, const struct column *v, struct batch *out)
{
	struct err e = {OK};
	uint32_t good = 0;
	(void)!out_of_range(s, &e);
	for (;;) {
		for (uint32_t i = r.from; out && i < done; i++)
			out->sel[good++] = (uint16_t)row_of(&r, i);
		if (done == r.n)
			break;
		skip_count(ctx, b, row_of(&r, done), &e);
		r.from = done + 1;
		done = add_rows(s, ctx, &r, v, out ? out->col[ctx->key->n] : NULL);
	}
	if (!out)
		return;
	out->selected = true;
	out->n_sel = good;
}

/* Adds the values from r.from on to their places. out: its last column gets the sums after each
 * row; or NULL. */
static enum op_result add(const struct keyed_sum *s, struct op_ctx *ctx, const struct batch *b,
			  struct sum_rows r, const struct column *v, struct batch *out)
{
	uint32_t done = add_rows(s, ctx, &r, v, out ? out->col[ctx->key->n] : NULL);
	if (done == r.n)
		return OP_DONE;
	if (!ctx->skip) {
		(void)!out_of_range(s, &ctx->error);
		return record_error(ctx, b, row_of(&r, done));
	}
	add_skipping(s, ctx, b, r, done, v, out);
	return OP_DONE;
}

/* The values of b's records, and in s->keys their keys. */
static enum rc values(struct keyed_sum *s, struct op_ctx *ctx, const struct batch *b,
		      struct column **v, uint32_t *bad_row, struct err *e)
{
	enum rc rc = expr_eval(s->value, b, ctx->pool, v, bad_row, e);
	if (rc != OK || (rc = keys_of(&s->keys, ctx->key, b, bad_row, e)) == OK)
		return rc;
	column_drop(*v);
	*v = NULL;
	return rc;
}

/* All that may fail on a record by itself; whether its sum fits is seen when it is added. */
static enum rc keyed_sum_try(void *self, struct op_ctx *ctx, const struct batch *b,
			     uint32_t *bad_row, struct err *e)
{
	struct column *v = NULL;
	enum rc rc = values(self, ctx, b, &v, bad_row, e);
	column_drop(v);
	return rc;
}

/* The keys of records from .. from+m-1 of n. */
static struct key_rows rows_of(const struct keyed_sum *s, const struct batch *b, uint32_t from,
			       uint32_t m, uint32_t n)
{
	uint32_t row = b->selected ? 0 : from; /* a selection names rows of the whole arrays */
	CHECK(b->hash);
	return (struct key_rows){.n = m,
				 .sel = b->selected ? b->sel + from : NULL,
				 .hashes = (const uint64_t *)b->hash->i64 + row,
				 .fix8 = s->keys.fix8 ? s->keys.fix8 + row : NULL,
				 .views = s->keys.view ? s->keys.view + row : NULL,
				 .bases = s->keys.base,
				 .ahead = n - from - m};
}

/* Where their sums stand. */
static enum op_result places(struct keyed_sum *s, struct op_ctx *ctx, const struct batch *b,
			     uint32_t from, uint32_t m, uint32_t n)
{
	struct key_rows rows = rows_of(s, b, from, m, n);
	return keyed_upsert(ctx->state, &rows, s->place + from, &ctx->error) == OK ? OP_DONE
										   : OP_FAILED;
}

/* The common case, a key and a number that is never null, in one pass over the table. */
static enum op_result add_at_once(struct keyed_sum *s, struct op_ctx *ctx, const struct batch *b,
				  const struct column *v, struct batch *out)
{
	struct column *sums = out ? out->col[ctx->key->n] : NULL;
	uint32_t n = batch_count(b), bad = UINT32_MAX;
	struct key_rows rows = rows_of(s, b, 0, n, n);
	enum rc rc = s->conf->value.type == T_INT64
			     ? keyed_add_i64(ctx->state, &rows, v->i64, sums ? sums->i64 : NULL, &bad,
					     &ctx->error)
			     : keyed_add_f64(ctx->state, &rows, v->f64, sums ? sums->f64 : NULL,
					     &ctx->error);
	if (rc != OK)
		return OP_FAILED;
	if (bad == UINT32_MAX)
		return OP_DONE;
	(void)!out_of_range(s, &ctx->error);
	return record_error(ctx, b, b->selected ? b->sel[bad] : bad);
}

/* Finds the sums and adds to them, a part of the batch at a time: the places found are still in the
 * first-level cache when they are added to. One sum of everything is looked for once. */
static enum op_result sum_up(struct keyed_sum *s, struct op_ctx *ctx, const struct batch *b,
			     const struct column *v, struct batch *out)
{
	uint32_t n = batch_count(b);
	bool one = !ctx->key->n;
	if (!one && !ctx->skip && !s->conf->value.nullable)
		return add_at_once(s, ctx, b, v, out);
	if (one && n) {
		if (places(s, ctx, b, 0, 1, 1) != OP_DONE)
			return OP_FAILED;
		for (uint32_t i = 1; i < n; i++)
			s->place[i] = s->place[0];
	}
	struct sum_rows r = {.sel = b->selected ? b->sel : NULL, .place = s->place};
	uint32_t part = one || ctx->skip ? n : PART_ROWS; /* what is skipped is cut out of it all */
	for (; r.from < n; r.from = r.n) {
		r.n = n - r.from < part ? n : r.from + part;
		if (!one && places(s, ctx, b, r.from, r.n - r.from, n) != OP_DONE)
			return OP_FAILED;
		enum op_result did = add(s, ctx, b, r, v, out);
		if (did != OP_DONE)
			return did;
	}
	return OP_DONE;
}

/* Whether nobody but b, which ends here, has the column of numbers, and nothing of it is sent on:
 * then the sums may take their numbers' places, in lines that are in this processor's cache. */
static bool may_overwrite(const struct keyed_sum_conf *c, const struct op_ctx *ctx,
			  const struct batch *b, struct column *v)
{
	uint32_t ours = 1;
	for (uint32_t f = 0; f < b->n_cols; f++)
		ours += b->col[f] == v;
	for (uint32_t f = 0; f < ctx->key->n; f++)
		if (b->col[ctx->key->field[f]] == v)
			return false;
	for (uint32_t f = 0; f < c->n_kept; f++)
		if (b->col[c->kept[f]] == v)
			return false;
	return !c->value.nullable && b->origin.at != v && b->hash != v && !v->has_valid &&
	       atomic_load_explicit(&v->refs, memory_order_acquire) == ours;
}

/* A batch of the input's rows, key columns and kept ones shared, and a column for the sums of v.
 * NULL: no memory. */
static struct batch *updates(const struct keyed_sum_conf *c, struct op_ctx *ctx,
			     const struct batch *b, struct column *v)
{
	struct batch *out = pool_batch(ctx->pool);
	struct column *sums = !out                            ? NULL
			      : may_overwrite(c, ctx, b, v) ? column_share(v)
							      : pool_column(ctx->pool, c->value.type);
	if (!sums) {
		batch_drop(&out);
		return NULL;
	}
	sums->rows = out->rows = b->rows;
	for (uint32_t f = 0; f < ctx->key->n; f++)
		out->col[f] = column_share(b->col[ctx->key->field[f]]);
	out->col[ctx->key->n] = sums;
	out->n_cols = ctx->key->n + 1;
	for (uint32_t f = 0; f < c->n_kept; f++)
		out->col[out->n_cols++] = column_share(b->col[c->kept[f]]);
	out->selected = b->selected;
	out->n_sel = b->n_sel;
	if (b->selected)
		memcpy(out->sel, b->sel, b->n_sel * sizeof *b->sel);
	batch_origin_share(out, b);
	return out;
}

static enum op_result keyed_sum_batch(void *self, struct op_ctx *ctx, struct batch *b)
{
	struct keyed_sum *s = self;
	struct column *v = NULL;
	struct batch *out = NULL;
	uint32_t bad_row = 0;
	enum op_result r;
	if (s->ended.n) {
		(void)!ERR(&ctx->error, E_REFUSED, "more input came after the sums of the end were "
						   "emitted; begin again with --fresh");
		return OP_FAILED;
	}
	while (values(s, ctx, b, &v, &bad_row, &ctx->error) != OK)
		if (!skip_bad(ctx, b, keyed_sum_try, s))
			return record_error(ctx, b, bad_row);
	if (!s->conf->at_end && !(out = updates(s->conf, ctx, b, v)))
		r = no_memory_error(ctx);
	else
		r = sum_up(s, ctx, b, v, out);
	column_drop(v);
	if (r == OP_DONE && out && s->pending)
		r = every_note(s, ctx, b, out);
	else if (r == OP_DONE && out)
		op_emit(ctx, &out);
	batch_drop(&out);
	return r;
}

static enum op_law keyed_sum_law(const void *conf)
{
	const struct keyed_sum_conf *c = conf;
	return c->at_end ? OP_LAW_ENDS : c->every_us ? OP_LAW_AT_MOST : OP_LAW_SAME;
}

const struct op_ops keyed_sum_ops = {
	.name = "keyed_sum",
	.summary = "a sum for each key",
	.role = OP_TRANSFORM,
	.self_size = sizeof(struct keyed_sum),
	.opts = keyed_sum_opts,
	.plan = keyed_sum_plan,
	.conf_close = keyed_sum_conf_close,
	.begin = keyed_sum_begin,
	.open = keyed_sum_open,
	.batch = keyed_sum_batch,
	.end = keyed_sum_end,
	.prepare = keyed_sum_prepare,
	.tick = keyed_sum_tick,
	.snapshot = keyed_sum_snapshot,
	.close = keyed_sum_close,
	.law = keyed_sum_law,
};
