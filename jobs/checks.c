/* checks.c - see checks.h: what a check's sides are on a cut, and whether it holds. */
#include "jobs/checks_in.h"

#include "base/check.h"

#include <stdio.h>

#define NUMBER_TEXT 44 /* of 128 bits, a sign and NUL */

void checks_close(struct checks *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->n; i++) {
		mem_put(c->mem, c->check[i].text);
		mem_put(c->mem, c->check[i].op);
	}
	mem_put(c->mem, c);
}

uint32_t checks_count(const struct checks *c)
{
	return c ? c->n : 0;
}

uint32_t checks_sums(const struct checks *c, uint32_t stage)
{
	uint32_t words = 0;
	for (uint32_t i = 0; i < checks_count(c); i++)
		for (uint32_t o = 0; o < c->check[i].n_left + c->check[i].n_right; o++) {
			const struct check_op *op = &c->check[i].op[o];
			if (op->kind == OP_VALUE && op->what == CHECK_SUM && op->stage == stage)
				words |= 1u << op->word;
		}
	return words;
}

static bool counts_records(const struct check *x)
{
	for (uint32_t o = 0; o < x->n_left + x->n_right; o++)
		if (x->op[o].kind == OP_VALUE && x->op[o].what != CHECK_SUM &&
		    x->op[o].what != CHECK_COUNT && x->op[o].what != CHECK_POSITION)
			return true;
	return false;
}

RC checks_fit(const struct checks *c, const struct manifest *m, struct err *e)
{
	bool counted = true;
	for (uint32_t i = 0; i < m->n_ops; i++)
		counted &= m->op[i].counted;
	for (uint32_t i = 0; i < checks_count(c) && !counted; i++)
		if (counts_records(&c->check[i]))
			return ERR(e, E_REFUSED,
				   "the invariant %.200s counts records since the beginning, and the job went "
				   "on from a version that did not count them: leave it out, or begin "
				   "again with --fresh", c->check[i].text);
	return OK;
}

/* ---- values ---- */

/* False: it does not fit into 128 bits. */
static bool apply(enum check_op_kind kind, __int128 *a, __int128 b)
{
	switch (kind) {
	case OP_ADD:
		return !__builtin_add_overflow(*a, b, a);
	case OP_SUBTRACT:
		return !__builtin_sub_overflow(*a, b, a);
	default:
		CHECK(kind == OP_MULTIPLY);
		return !__builtin_mul_overflow(*a, b, a);
	}
}

static bool run(const struct check_op *op, uint32_t n, const struct check_values *v, __int128 *to)
{
	__int128 stack[CHECK_STACK_MAX];
	uint32_t depth = 0;
	for (; n; n--, op++) {
		if (op->kind == OP_NUMBER) {
			stack[depth++] = op->number;
		} else if (op->kind == OP_VALUE) {
			stack[depth++] = v->of(v->arg, op->what, op->stage, op->word);
		} else if (op->kind == OP_NEGATE) {
			__int128 x = stack[depth - 1];
			stack[depth - 1] = 0;
			if (!apply(OP_SUBTRACT, &stack[depth - 1], x))
				return false;
		} else {
			depth--;
			if (!apply(op->kind, &stack[depth - 1], stack[depth]))
				return false;
		}
	}
	CHECK(depth == 1);
	*to = stack[0];
	return true;
}

static bool compare(enum compare how, __int128 a, __int128 b)
{
	switch (how) {
	case IS_EQUAL:
		return a == b;
	case IS_NOT:
		return a != b;
	case IS_LESS:
		return a < b;
	case IS_AT_MOST:
		return a <= b;
	case IS_MORE:
		return a > b;
	case IS_AT_LEAST:
		return a >= b;
	}
	return false;
}

/* ---- what is said of one that does not hold ---- */

static const char *number_text(__int128 v, char to[NUMBER_TEXT])
{
	unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
	char *p = to + NUMBER_TEXT;
	*--p = '\0';
	do
		*--p = (char)('0' + (int)(u % 10));
	while (u /= 10);
	if (v < 0)
		*--p = '-';
	return p;
}

/* "records_out(words) = 713, ": each value once. */
static void values_text(const struct checks *c, const struct check *x, const struct check_values *v,
			char *to, size_t size)
{
	size_t at = 0;
	to[0] = '\0';
	for (uint32_t o = 0; o < x->n_left + x->n_right && at < size; o++) {
		const struct check_op *op = &x->op[o];
		bool again = op->kind != OP_VALUE;
		for (uint32_t k = 0; k < o && !again; k++)
			again = x->op[k].kind == OP_VALUE && x->op[k].what == op->what &&
				x->op[k].stage == op->stage && x->op[k].word == op->word;
		if (again)
			continue;
		const struct plan_stage *st = &c->plan->stage[op->stage];
		char number[NUMBER_TEXT];
		bool is_sum = op->what == CHECK_SUM;
		at += (size_t)snprintf(to + at, size - at, "%s%s(%s%s%s) is %s", at ? ", " : "",
				       check_what_name(op->what), st->spec->id, is_sum ? "." : "",
				       is_sum ? st->p.out.field[st->p.key.n + op->word].name : "",
				       number_text(v->of(v->arg, op->what, op->stage, op->word), number));
	}
}

bool check_holds(const struct checks *c, uint32_t i, const struct check_values *v,
		 struct check_sides *sides, struct err *why)
{
	const struct check *x = &c->check[i];
	*sides = (struct check_sides){.text = x->text};
	bool fits = run(x->op, x->n_left, v, &sides->left) &&
		    run(x->op + x->n_left, x->n_right, v, &sides->right);
	if (fits && compare(x->compare, sides->left, sides->right))
		return true;
	char left[NUMBER_TEXT], right[NUMBER_TEXT], values[600];
	values_text(c, x, v, values, sizeof values);
	if (fits)
		(void)ERR(why, E_RECORD, "the invariant %.200s does not hold: left %s, right %s (%s)",
			  x->text, number_text(sides->left, left), number_text(sides->right, right),
			  values);
	else
		(void)ERR(why, E_RECORD, "the invariant %.200s leaves 128 bits (%s)", x->text, values);
	return false;
}
