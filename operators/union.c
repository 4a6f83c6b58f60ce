/* union.c - several stages as one: {"type":"union","inputs":["fast","slow"]}.
 * The gate has merged the channels already; what is left is to refuse inputs that differ. A field
 * that may be null in one input may be null in the result. */
#include "operators/operators.h"
#include "operators/record_error.h"

#include <stdio.h>

static const struct opt_def union_opts[] = {{0}};

/* What differs, in a few words; NULL: nothing. */
static const char *difference(const struct schema *a, const struct schema *b, char *to, size_t size)
{
	for (uint32_t i = 0; i < a->n && i < b->n; i++) {
		const struct field *x = &a->field[i], *y = &b->field[i];
		if (!strcmp(x->name, y->name) && x->type == y->type)
			continue;
		snprintf(to, size, "field %u is %s %s, and %s %s in the first input", i + 1, y->name,
			 type_name(y->type), x->name, type_name(x->type));
		return to;
	}
	if (a->n == b->n)
		return NULL;
	snprintf(to, size, "it has %u fields, and the first input has %u", b->n, a->n);
	return to;
}

static const char *input_name(const struct op_plan *p, uint32_t k)
{
	return k < opt_list_count(p->options, "inputs") ? opt_list_item(p->options, "inputs", k)
							: "the stage before";
}

static bool union_plan(struct op_plan *p)
{
	unsigned before = p->report->errors;
	p->out = *p->in[0];
	for (uint32_t k = 1; k < p->n_in; k++) {
		char text[256];
		const char *differs = difference(p->in[0], p->in[k], text, sizeof text);
		const struct json *at = k < opt_list_count(p->options, "inputs")
						? opt_list_json(p->options, "inputs", k)
						: p->options;
		if (differs)
			opt_error(p->report, at, "a map with 'select' makes them equal",
				  "'%s' has other fields than '%s', the first input: %s",
				  input_name(p, k), input_name(p, 0), differs);
		else
			for (uint32_t i = 0; i < p->out.n; i++)
				p->out.field[i].nullable |= p->in[k]->field[i].nullable;
	}
	return p->report->errors == before;
}

static enum op_result union_batch(void *self, struct op_ctx *ctx, struct batch *b)
{
	(void)self;
	struct batch *out = batch_share(ctx->pool, b);
	if (!out)
		return no_memory_error(ctx);
	op_emit(ctx, &out);
	return OP_DONE;
}

static enum op_law union_law(const void *conf)
{
	(void)conf;
	return OP_LAW_SAME;
}

const struct op_ops union_ops = {
	.name = "union",
	.summary = "several stages of equal fields as one",
	.role = OP_TRANSFORM,
	.many_inputs = true,
	.self_size = 1,
	.opts = union_opts,
	.plan = union_plan,
	.batch = union_batch,
	.law = union_law,
};
