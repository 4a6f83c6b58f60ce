/* checks_parse.c - an invariant's text to a program: see checks.h for the grammar. Every fault says
 * where in the text it is. */
#include "jobs/checks_in.h"

#include "base/check.h"

#include <stdio.h>

struct parser {
	struct check_reader r;
	uint32_t nesting, depth; /* depth: numbers on the stack once it has run so far */
	uint32_t n, values;
	struct check_op op[CHECK_OPS_MAX];
};

static struct check_op *put(struct parser *p, enum check_op_kind kind)
{
	uint32_t takes = kind <= OP_VALUE ? 0 : kind == OP_NEGATE ? 1 : 2;
	if (p->r.failed)
		return NULL;
	p->depth = p->depth - takes + 1;
	if (p->n == CHECK_OPS_MAX || p->depth > CHECK_STACK_MAX) {
		READER_FAULT(&p->r, p->r.at, 1, "make two of it", "the invariant is too long");
		return NULL;
	}
	p->op[p->n] = (struct check_op){.kind = kind};
	return &p->op[p->n++];
}

/* ---- arithmetic ---- */

static void parse_value(struct parser *p)
{
	struct check_value v;
	if (!reader_take_value(&p->r, &v))
		return;
	struct check_op *op = put(p, OP_VALUE);
	p->values++;
	if (op)
		*op = (struct check_op){.kind = OP_VALUE, .what = v.what, .stage = v.stage, .word = v.word};
}

static void parse_sum(struct parser *p);

static void parse_number(struct parser *p)
{
	size_t from = p->r.at;
	int64_t value = 0;
	bool fits = true;
	for (; p->r.text[p->r.at] >= '0' && p->r.text[p->r.at] <= '9'; p->r.at++)
		fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
		       !__builtin_add_overflow(value, p->r.text[p->r.at] - '0', &value);
	struct check_op *op = put(p, OP_NUMBER);
	if (op)
		op->number = value;
	if (p->r.text[p->r.at] == '.' || !fits)
		READER_FAULT(&p->r, from, p->r.at - from, NULL, fits ? "only whole numbers can be compared"
							: "the number does not fit into 64 bits");
}

static void parse_factor(struct parser *p)
{
	reader_skip_blanks(&p->r);
	char c = p->r.text[p->r.at];
	if (++p->nesting > CHECK_NESTING_MAX) {
		READER_FAULT(&p->r, p->r.at, 1, NULL, "the invariant is nested too deeply");
	} else if (c >= '0' && c <= '9') {
		parse_number(p);
	} else if (reader_take_sign(&p->r, "-")) {
		parse_factor(p);
		put(p, OP_NEGATE);
	} else if (reader_take_sign(&p->r, "(")) {
		parse_sum(p);
		if (!p->r.failed && !reader_take_sign(&p->r, ")"))
			READER_FAULT(&p->r, p->r.at, 1, NULL, "')' is missing");
	} else {
		parse_value(p);
	}
	p->nesting--;
}

static void parse_product(struct parser *p)
{
	parse_factor(p);
	while (!p->r.failed && reader_take_sign(&p->r, "*")) {
		parse_factor(p);
		put(p, OP_MULTIPLY);
	}
}

static void parse_sum(struct parser *p)
{
	parse_product(p);
	while (!p->r.failed) {
		enum check_op_kind kind = reader_take_sign(&p->r, "+") ? OP_ADD : OP_SUBTRACT;
		if (kind == OP_SUBTRACT && !reader_take_sign(&p->r, "-"))
			return;
		parse_product(p);
		put(p, kind);
	}
}

/* ---- the whole ---- */

static enum compare parse_compare(struct parser *p)
{
	static const struct {
		const char *sign;
		enum compare compare;
	} signs[] = {{"<=", IS_AT_MOST}, {">=", IS_AT_LEAST}, {"<>", IS_NOT}, {"!=", IS_NOT},
		     {"==", IS_EQUAL},   {"=", IS_EQUAL},     {"<", IS_LESS}, {">", IS_MORE}};
	for (size_t i = 0; i < ARRAY_LEN(signs) && !p->r.failed; i++)
		if (reader_take_sign(&p->r, signs[i].sign))
			return signs[i].compare;
	READER_FAULT(&p->r, p->r.at, 1, "sum(count.n) = records_out(words)",
		     "=, <>, <, <=, > or >= is missing");
	return IS_EQUAL;
}

static RC keep(struct checks *c, const struct parser *p, struct check *x, struct err *e)
{
	x->text = mem_string(c->mem, p->r.text);
	x->op = mem_get(c->mem, p->n * sizeof *x->op);
	c->n++;
	if (!x->text || !x->op)
		return ERR(e, E_NO_MEMORY, "no memory for the job's invariants");
	memcpy(x->op, p->op, p->n * sizeof *x->op);
	return OK;
}

static RC parse_one(struct checks *c, struct parser *p, struct err *e)
{
	struct check *x = &c->check[c->n];
	size_t len;
	p->r.text = json_string(p->r.node, &len);
	if (len > CHECK_TEXT_MAX)
		READER_FAULT(&p->r, 0, 1, "make two of it", "the invariant is longer than %d bytes",
		      CHECK_TEXT_MAX);
	if (!p->r.failed)
		parse_sum(p);
	x->n_left = p->n;
	p->depth = 0;
	x->compare = parse_compare(p);
	if (!p->r.failed)
		parse_sum(p);
	x->n_right = p->n - x->n_left;
	reader_skip_blanks(&p->r);
	if (!p->r.failed && p->r.at < len)
		READER_FAULT(&p->r, p->r.at, len - p->r.at, NULL, "the invariant should end here");
	if (!p->r.failed && !p->values)
		READER_FAULT(&p->r, 0, len, NULL, "the invariant says nothing of the job");
	return p->r.failed ? OK : keep(c, p, x, e);
}

RC checks_parse(struct checks **to, const struct json *list, const struct plan *plan,
		struct opt_report *r, struct mem *mem, struct err *e)
{
	*to = NULL;
	if (!list || !json_count(list))
		return OK;
	struct checks *c = mem_get(mem, sizeof *c);
	if (!c)
		return ERR(e, E_NO_MEMORY, "no memory for the job's invariants");
	c->mem = mem;
	c->plan = plan;
	*to = c;
	for (size_t i = 0; i < json_count(list); i++) {
		struct parser p = {.r = {.plan = plan, .report = r, .node = json_item(list, i)}};
		if (json_kind(p.r.node) != JSON_STRING)
			continue; /* told when the list was checked */
		if (c->n == CHECKS_MAX) {
			opt_error(r, p.r.node, NULL, "more than %d invariants", CHECKS_MAX);
			break;
		}
		if (parse_one(c, &p, e) != OK) {
			checks_close(c);
			*to = NULL;
			return e->code;
		}
	}
	return OK;
}
