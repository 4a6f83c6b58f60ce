/* expr_call.c - functions and operators: which kernel, and what their arguments become.
 * Those that are a list of types stand in expr_functions.c; the others here, one function each. */
#include "operators/expr_typer.h"

/* A call with its arguments resolved. */
typedef enum rc special_fn(struct typer *t, const struct ast *a, struct node **arg, int op,
			   struct node **to);

static bool is_number(enum type type)
{
	return type == T_INT64 || type == T_FLOAT64 || type == T_TIMESTAMP;
}

static enum rc make_compare(struct typer *t, int op, struct node *a, struct node *b,
			    struct expr_at at, struct node **to)
{
	struct node *two[2] = {a, b};
	uint8_t flags = is_number(a->type) ? K_DENSE : 0;
	return typer_kernel(t, kernel_compare, flags, op, T_BOOL, at, two, 2, to);
}

static enum rc call_compare(struct typer *t, const struct ast *a, struct node **arg, int op,
			    struct node **to)
{
	enum type type;
	if (typer_unify(t, arg, 2, a->name, &type) != OK)
		return t->e->code;
	return make_compare(t, op, arg[0], arg[1], a->at, to);
}

static enum rc make_not(struct typer *t, struct node **n, struct expr_at at)
{
	struct node *arg = *n;
	return typer_kernel(t, kernel_not, K_DENSE, 0, T_BOOL, at, &arg, 1, n);
}

static enum rc call_not(struct typer *t, const struct ast *a, struct node **arg, int op,
			struct node **to)
{
	(void)op;
	*to = arg[0];
	return typer_coerce(t, to, T_BOOL, a->name) == OK ? make_not(t, to, a->at) : t->e->code;
}

/* Eager if their sides are, so that they nest without choosing rows. */
static enum rc make_logic(struct typer *t, control_fn *control, struct expr_at at,
			  struct node *const *arg, uint32_t n, struct node **to)
{
	if (typer_control(t, control, 0, T_BOOL, at, arg, n, to) != OK)
		return t->e->code;
	(*to)->eager = true;
	for (uint32_t i = 0; i < n; i++)
		(*to)->eager &= arg[i]->eager;
	return OK;
}

/* op 1: and, 0: or. */
static enum rc call_logic(struct typer *t, const struct ast *a, struct node **arg, int op,
			  struct node **to)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (typer_coerce(t, &arg[i], T_BOOL, a->name) != OK)
			return t->e->code;
	return make_logic(t, op ? control_and : control_or, a->at, arg, a->n, to);
}

/* op 0: a >= b and a <= c; 1: a < b or a > c. */
static enum rc call_between(struct typer *t, const struct ast *a, struct node **arg, int op,
			    struct node **to)
{
	enum type type;
	struct node *two[2];
	if (typer_unify(t, arg, 3, a->name, &type) != OK ||
	    make_compare(t, op ? CMP_LT : CMP_GE, arg[0], arg[1], a->at, &two[0]) != OK ||
	    make_compare(t, op ? CMP_GT : CMP_LE, arg[0], arg[2], a->at, &two[1]) != OK)
		return t->e->code;
	return make_logic(t, op ? control_or : control_and, a->at, two, 2, to);
}

/* Tests that are never null themselves. */
static enum rc make_test(struct typer *t, kernel_fn *kernel, uint8_t flags, int op,
			 const struct ast *a, struct node **arg, struct node **to)
{
	if (typer_kernel(t, kernel, flags, op, T_BOOL, a->at, arg, a->n, to) != OK)
		return t->e->code;
	(*to)->nullable = false;
	return OK;
}

static enum rc call_is_null(struct typer *t, const struct ast *a, struct node **arg, int op,
			    struct node **to)
{
	enum type type;
	if (typer_unify(t, arg, 1, a->name, &type) != OK)
		return t->e->code;
	return make_test(t, kernel_is_null, K_DENSE | K_NULLS, op, a, arg, to);
}

static enum rc call_is_bool(struct typer *t, const struct ast *a, struct node **arg, int op,
			    struct node **to)
{
	if (typer_coerce(t, &arg[0], T_BOOL, a->name) != OK)
		return t->e->code;
	return make_test(t, kernel_is_bool, K_DENSE | K_NULLS, op, a, arg, to);
}

static enum rc call_distinct(struct typer *t, const struct ast *a, struct node **arg, int op,
			     struct node **to)
{
	enum type type;
	if (typer_unify(t, arg, 2, a->name, &type) != OK)
		return t->e->code;
	return make_test(t, kernel_distinct, K_NULLS, op, a, arg, to);
}

/* op 1: not in. */
static enum rc call_in(struct typer *t, const struct ast *a, struct node **arg, int op,
		       struct node **to)
{
	enum type type;
	if (typer_unify(t, arg, a->n, a->name, &type) != OK ||
	    typer_kernel(t, kernel_in, K_NULLS, 0, T_BOOL, a->at, arg, a->n, to) != OK)
		return t->e->code;
	return op ? make_not(t, to, a->at) : OK;
}

static enum rc call_not_like(struct typer *t, const struct ast *a, struct node **arg, int op,
			     struct node **to)
{
	(void)op;
	for (uint32_t i = 0; i < a->n; i++)
		if (typer_coerce(t, &arg[i], T_STRING, a->name) != OK)
			return t->e->code;
	if (typer_kernel(t, kernel_like, K_FAILS, 0, T_BOOL, a->at, arg, a->n, to) != OK)
		return t->e->code;
	return make_not(t, to, a->at);
}

/* Null only if every argument is. */
static enum rc make_any(struct typer *t, control_fn *control, int op, const struct ast *a,
			struct node **arg, struct node **to)
{
	enum type type;
	if (typer_unify(t, arg, a->n, a->name, &type) != OK ||
	    typer_control(t, control, op, type, a->at, arg, a->n, to) != OK)
		return t->e->code;
	for (uint32_t i = 0; i < a->n; i++)
		(*to)->nullable &= arg[i]->nullable;
	return OK;
}

static enum rc call_coalesce(struct typer *t, const struct ast *a, struct node **arg, int op,
			     struct node **to)
{
	return make_any(t, control_coalesce, op, a, arg, to);
}

static enum rc call_extreme(struct typer *t, const struct ast *a, struct node **arg, int op,
			    struct node **to)
{
	return make_any(t, control_extreme, op, a, arg, to);
}

/* Of the type both are compared as, like PostgreSQL's. */
static enum rc call_nullif(struct typer *t, const struct ast *a, struct node **arg, int op,
			   struct node **to)
{
	enum type type;
	if (typer_unify(t, arg, 2, a->name, &type) != OK ||
	    typer_control(t, control_nullif, op, type, a->at, arg, 2, to) != OK)
		return t->e->code;
	(*to)->nullable = true;
	return OK;
}

static enum rc make_concat(struct typer *t, const struct ast *a, struct node **arg, bool nulls,
			   struct node **to)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (typer_cast(t, &arg[i], T_STRING, nulls, arg[i]->at) != OK)
			return t->e->code;
	return typer_kernel(t, kernel_concat, (nulls ? K_NULLS : 0) | K_COSTLY, !nulls, T_STRING,
			    a->at, arg, a->n, to);
}

static enum rc call_concat(struct typer *t, const struct ast *a, struct node **arg, int op,
			   struct node **to)
{
	(void)op;
	if (make_concat(t, a, arg, true, to) != OK)
		return t->e->code;
	(*to)->nullable = false;
	return OK;
}

static enum rc call_join(struct typer *t, const struct ast *a, struct node **arg, int op,
			 struct node **to)
{
	(void)op;
	for (uint32_t i = 0; i < 2; i++)
		if (arg[i]->untyped || arg[i]->type == T_STRING)
			return make_concat(t, a, arg, false, to);
	return REFUSE(t, a->at, "'||' joins texts, not %s and %s; cast one to text",
		      type_name(arg[0]->type), type_name(arg[1]->type));
}

static enum rc call_plus(struct typer *t, const struct ast *a, struct node **arg, int op,
			 struct node **to)
{
	(void)op;
	*to = arg[0];
	if (arg[0]->type == T_INT64 || arg[0]->type == T_FLOAT64)
		return OK;
	return REFUSE(t, a->at, "'+' takes a number, not %s", type_name(arg[0]->type));
}

static const struct special {
	const char *name;
	uint32_t min, max; /* arguments; the parser sees to those of operators */
	special_fn *call;
	int op;
} specials[] = {
	{"=", 2, 2, call_compare, CMP_EQ},
	{"<>", 2, 2, call_compare, CMP_NE},
	{"<", 2, 2, call_compare, CMP_LT},
	{"<=", 2, 2, call_compare, CMP_LE},
	{">", 2, 2, call_compare, CMP_GT},
	{">=", 2, 2, call_compare, CMP_GE},
	{"and", 1, UINT32_MAX, call_logic, 1},
	{"or", 1, UINT32_MAX, call_logic, 0},
	{"not", 1, 1, call_not, 0},
	{"between", 3, 3, call_between, 0},
	{"not between", 3, 3, call_between, 1},
	{"in", 2, UINT32_MAX, call_in, 0},
	{"not in", 2, UINT32_MAX, call_in, 1},
	{"not like", 2, 2, call_not_like, 0},
	{"is null", 1, 1, call_is_null, 1},
	{"is not null", 1, 1, call_is_null, 0},
	{"is true", 1, 1, call_is_bool, 0},
	{"is false", 1, 1, call_is_bool, 1},
	{"is unknown", 1, 1, call_is_bool, 2},
	{"is not true", 1, 1, call_is_bool, 4},
	{"is not false", 1, 1, call_is_bool, 5},
	{"is not unknown", 1, 1, call_is_bool, 6},
	{"is distinct from", 2, 2, call_distinct, 1},
	{"is not distinct from", 2, 2, call_distinct, 0},
	{"coalesce", 1, UINT32_MAX, call_coalesce, 0},
	{"nullif", 2, 2, call_nullif, 0},
	{"greatest", 1, UINT32_MAX, call_extreme, 1},
	{"least", 1, UINT32_MAX, call_extreme, -1},
	{"concat", 1, UINT32_MAX, call_concat, 0},
	{"||", 2, 2, call_join, 0},
	{"pos", 1, 1, call_plus, 0},
};

enum rc typer_call(struct typer *t, const struct ast *a, struct node **to)
{
	struct node **arg;
	const struct function *f;
	if (!strcmp(a->name, "split"))
		return REFUSE(t, a->at, "split() gives a list: it stands alone, as the 'expr' of a "
					"flat_map");
	if (typer_args(t, a, &arg) != OK)
		return t->e->code;
	for (size_t i = 0; i < ARRAY_LEN(specials); i++) {
		const struct special *s = &specials[i];
		if (strcmp(s->name, a->name))
			continue;
		if (a->n < s->min || a->n > s->max)
			return REFUSE(t, a->at, "%s() takes %s%u argument%s", s->name,
				      s->max > s->min ? "at least " : "", s->min,
				      s->min > 1 ? "s" : "");
		return s->call(t, a, arg, s->op, to);
	}
	if (function_find(a->name, arg, a->n, &f, t->e) != OK) {
		*t->at = a->at;
		return t->e->code;
	}
	for (uint32_t i = 0; i < a->n; i++)
		if (typer_coerce(t, &arg[i], function_arg(f, i), f->name) != OK)
			return t->e->code;
	return typer_kernel(t, f->kernel, f->flags, f->op, f->result, a->at, arg, a->n, to);
}
