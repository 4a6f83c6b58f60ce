/* expr_type.c - names and types: from the syntax tree to nodes that can be run.
 * PostgreSQL's rules where they matter: a string literal or NULL takes the type its place wants; int64
 * becomes float64 beside a float64; nothing else is converted without a cast. Constants are read at
 * compile time, so a wrong one is an error of the job, not of a record. */
#include "operators/expr_convert.h"
#include "operators/expr_functions.h"
#include "operators/kernels.h"

#include <stdio.h>
#include <strings.h>

struct typer {
	struct expr *x;
	const struct schema *in;
	struct expr_at *at;
	struct err *e;
};

static enum rc resolve(struct typer *t, const struct ast *a, struct node **to);

#define REFUSE(t, where, ...) (*(t)->at = (where), ERR((t)->e, E_INVALID, __VA_ARGS__))

static enum rc no_memory(struct typer *t)
{
	return ERR(t->e, E_NO_MEMORY, "no memory for an expression");
}

static enum rc make(struct typer *t, enum node_kind kind, enum type type, struct expr_at at,
		    uint32_t n, struct node **to)
{
	struct node *node = expr_arena_get(&t->x->arena, sizeof *node);
	if (!node)
		return no_memory(t);
	node->kind = kind;
	node->type = type;
	node->at = at;
	node->n = n;
	node->eager = true;
	if (n) {
		node->arg = expr_arena_get(&t->x->arena, n * sizeof *node->arg);
		node->vals = expr_arena_get(&t->x->arena, n * sizeof *node->vals);
		if (!node->arg || !node->vals)
			return no_memory(t);
	}
	*to = node;
	return OK;
}

static enum rc make_kernel(struct typer *t, kernel_fn *kernel, uint8_t flags, int op,
			   enum type type, struct expr_at at, struct node *const *arg, uint32_t n,
			   struct node **to)
{
	if (make(t, NODE_KERNEL, type, at, n, to) != OK)
		return t->e->code;
	(*to)->kernel = kernel;
	(*to)->flags = flags;
	(*to)->op = op;
	(*to)->eager = !(flags & (K_FAILS | K_COSTLY));
	for (uint32_t i = 0; i < n; i++) {
		(*to)->arg[i] = arg[i];
		(*to)->nullable |= arg[i]->nullable;
		(*to)->eager &= arg[i]->eager;
	}
	return OK;
}

/* arg may hold NULLs (CASE without operand or else). */
static enum rc make_control(struct typer *t, control_fn *control, int op, enum type type,
			    struct expr_at at, struct node *const *arg, uint32_t n, struct node **to)
{
	if (make(t, NODE_CONTROL, type, at, n, to) != OK)
		return t->e->code;
	(*to)->control = control;
	(*to)->op = op;
	(*to)->eager = false;
	for (uint32_t i = 0; i < n; i++) {
		(*to)->arg[i] = arg[i];
		(*to)->nullable |= arg[i] && arg[i]->nullable;
	}
	for (int i = 0; i < 2; i++)
		if (!((*to)->sel[i] = expr_arena_get(&t->x->arena, BATCH_ROWS * sizeof(uint16_t))))
			return no_memory(t);
	return OK;
}

/* --- literals --- */

/* A literal that stays text: long ones get their place among the expression's texts. */
static enum rc set_text(struct typer *t, struct node *n)
{
	struct expr *x = t->x;
	uint32_t len = (uint32_t)n->lit_len;
	n->type = T_STRING;
	n->untyped = false;
	if (n->is_null || len <= STRVIEW_INLINE) {
		n->lit.str = n->is_null ? (struct strview){0}
					: view_inline((const uint8_t *)n->lit_text, len);
		return OK;
	}
	if (!x->lits && !(x->lits = expr_arena_get(&x->arena, strlen(x->text))))
		return no_memory(t);
	CHECK(x->lits_len + len <= strlen(x->text)); /* escapes only ever shorten */
	memcpy(x->lits + x->lits_len, n->lit_text, len);
	n->lit.str = strview_of((const uint8_t *)x->lits, 0, x->lits_len, len);
	x->lits_len += len;
	return OK;
}

/* Gives an untyped literal its type. */
static enum rc set_type(struct typer *t, struct node *n, enum type type)
{
	enum convert c = CONVERT_OK;
	bool yes = false;
	if (type == T_STRING)
		return set_text(t, n);
	if (!n->is_null) {
		switch (type) {
		case T_BOOL:
			c = convert_to_bool(n->lit_text, n->lit_len, &yes);
			n->lit.bits = yes;
			break;
		case T_INT64:
			c = convert_to_i64(n->lit_text, n->lit_len, &n->lit.i64);
			break;
		case T_FLOAT64:
			c = convert_to_f64(n->lit_text, n->lit_len, &n->lit.f64);
			break;
		default:
			c = convert_to_timestamp(n->lit_text, n->lit_len, &n->lit.i64);
		}
	}
	if (c != CONVERT_OK)
		return REFUSE(t, n->at, "'%.60s' %s %s", n->lit_text,
			      c == CONVERT_RANGE ? "is out of range for" : "is no", type_name(type));
	n->type = type;
	n->untyped = false;
	return OK;
}

static enum rc resolve_literal(struct typer *t, const struct ast *a, struct node **to)
{
	if (make(t, NODE_LITERAL, T_STRING, a->at, 0, to) != OK)
		return t->e->code;
	struct node *n = *to;
	switch (a->kind) {
	case AST_NULL:
		n->untyped = n->is_null = n->nullable = true;
		break;
	case AST_BOOL:
		n->type = T_BOOL;
		n->lit.bits = (uint64_t)a->i;
		break;
	case AST_INT:
		n->type = T_INT64;
		n->lit.i64 = a->i;
		break;
	case AST_FLOAT:
		n->type = T_FLOAT64;
		n->lit.f64 = a->f;
		break;
	default:
		n->untyped = true;
		n->lit_text = a->name;
		n->lit_len = a->len;
	}
	return OK;
}

/* --- conversions --- */

static enum rc cast(struct typer *t, struct node **n, enum type type, int op, struct expr_at at)
{
	if ((*n)->untyped)
		return set_type(t, *n, type);
	if ((*n)->type == type)
		return OK;
	uint8_t flags = 0;
	kernel_fn *kernel = kernel_cast((*n)->type, type, &flags);
	if (!kernel)
		return REFUSE(t, at, "a %s cannot be cast to %s", type_name((*n)->type),
			      type_name(type));
	struct node *arg = *n;
	return make_kernel(t, kernel, flags, op, type, at, &arg, 1, n);
}

/* What happens without being asked for. who wants it stands in the error. */
static enum rc coerce(struct typer *t, struct node **n, enum type type, const char *who)
{
	if ((*n)->untyped)
		return set_type(t, *n, type);
	if ((*n)->type == type)
		return OK;
	if ((*n)->type != T_INT64 || type != T_FLOAT64)
		return REFUSE(t, (*n)->at, "%s needs a %s here, not a %s", who, type_name(type),
			      type_name((*n)->type));
	if ((*n)->kind == NODE_LITERAL) {
		struct node *whole = *n;
		if (make(t, NODE_LITERAL, T_FLOAT64, whole->at, 0, n) != OK)
			return t->e->code;
		(*n)->is_null = (*n)->nullable = whole->is_null;
		(*n)->lit.f64 = whole->is_null ? 0 : (double)whole->lit.i64;
		return OK;
	}
	return cast(t, n, type, 0, (*n)->at);
}

/* Brings arg[0], arg[step], ... to one type; NULL entries are left out. */
static enum rc unify(struct typer *t, struct node **arg, uint32_t n, uint32_t step, const char *who,
		     enum type *type)
{
	const struct node *first = NULL;
	*type = T_STRING; /* of literals only */
	for (uint32_t i = 0; i < n; i += step) {
		if (!arg[i] || arg[i]->untyped)
			continue;
		if (!first) {
			first = arg[i];
			*type = first->type;
			continue;
		}
		bool numbers = (arg[i]->type == T_INT64 || arg[i]->type == T_FLOAT64) &&
			       (*type == T_INT64 || *type == T_FLOAT64);
		if (arg[i]->type != *type && !numbers)
			return REFUSE(t, arg[i]->at, "%s needs values of one type, not %s and %s; "
						     "cast one of them",
				      who, type_name(*type), type_name(arg[i]->type));
		if (arg[i]->type == T_FLOAT64)
			*type = T_FLOAT64;
	}
	for (uint32_t i = 0; i < n; i += step)
		if (arg[i] && coerce(t, &arg[i], *type, who) != OK)
			return t->e->code;
	return OK;
}

/* --- fields --- */

static enum rc resolve_field(struct typer *t, const struct ast *a, struct node **to)
{
	const char *names[FIELDS_MAX];
	int at = t->in && strlen(a->name) == a->len ? schema_find(t->in, a->name) : -1;
	if (at >= 0) {
		if (make(t, NODE_FIELD, t->in->field[at].type, a->at, 0, to) != OK)
			return t->e->code;
		(*to)->field = at;
		(*to)->nullable = t->in->field[at].nullable;
		return OK;
	}
	uint32_t n = t->in ? t->in->n : 0;
	const char *close = NULL;
	char list[400] = "";
	size_t len = 0;
	for (uint32_t i = 0; i < n; i++) {
		names[i] = t->in->field[i].name;
		if (len < sizeof list)
			len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "",
						names[i]);
		if (!strcasecmp(names[i], a->name))
			close = names[i];
	}
	if (!close && n)
		close = closest_name(a->name, names, n);
	return REFUSE(t, a->at, "unknown field '%.100s'; it reads: %s%s%s%s%s", a->name,
		      n ? list : "no field", len >= sizeof list ? "..." : "",
		      close ? "; did you mean '" : "", close ? close : "", close ? "'?" : "");
}

/* --- calls --- */

static int compare_op(const char *name)
{
	static const char *const names[] = {"=", "<>", "<", "<=", ">", ">="};
	for (int i = 0; i < 6; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

static enum rc make_compare(struct typer *t, int op, struct node *a, struct node *b,
			    struct expr_at at, struct node **to)
{
	struct node *two[2] = {a, b};
	return make_kernel(t, kernel_compare, a->type == T_INT64 || a->type == T_FLOAT64 ||
						      a->type == T_TIMESTAMP
					      ? K_DENSE
					      : 0,
			   op, T_BOOL, at, two, 2, to);
}

static enum rc make_not(struct typer *t, struct node **n, struct expr_at at)
{
	struct node *arg = *n;
	return make_kernel(t, kernel_not, K_DENSE, 0, T_BOOL, at, &arg, 1, n);
}

/* AND and OR: eager if their sides are, so that they nest without choosing rows. */
static enum rc make_logic(struct typer *t, bool is_and, struct expr_at at, struct node *const *arg,
			  uint32_t n, struct node **to)
{
	if (make_control(t, is_and ? control_and : control_or, 0, T_BOOL, at, arg, n, to) != OK)
		return t->e->code;
	(*to)->eager = true;
	for (uint32_t i = 0; i < n; i++)
		(*to)->eager &= arg[i]->eager;
	return OK;
}

/* a between b and c: a >= b and a <= c; not between: a < b or a > c. */
static enum rc resolve_between(struct typer *t, const struct ast *a, struct node **arg, bool not,
			       struct node **to)
{
	enum type type;
	struct node *two[2];
	if (unify(t, arg, 3, 1, a->name, &type) != OK ||
	    make_compare(t, not ? CMP_LT : CMP_GE, arg[0], arg[1], a->at, &two[0]) != OK ||
	    make_compare(t, not ? CMP_GT : CMP_LE, arg[0], arg[2], a->at, &two[1]) != OK)
		return t->e->code;
	return make_logic(t, !not, a->at, two, 2, to);
}

static enum rc resolve_concat(struct typer *t, const struct ast *a, struct node **arg, bool function,
			      struct node **to)
{
	bool text = function;
	for (uint32_t i = 0; i < a->n; i++)
		text |= arg[i]->untyped || arg[i]->type == T_STRING;
	if (!text)
		return REFUSE(t, a->at, "'||' joins texts, not %s and %s; cast one to text",
			      type_name(arg[0]->type), type_name(arg[1]->type));
	for (uint32_t i = 0; i < a->n; i++)
		if (cast(t, &arg[i], T_STRING, function, arg[i]->at) != OK)
			return t->e->code;
	if (make_kernel(t, kernel_concat, (function ? K_NULLS : 0) | K_COSTLY, !function, T_STRING,
			a->at, arg, a->n, to) != OK)
		return t->e->code;
	(*to)->nullable &= !function;
	return OK;
}

/* Calls whose typing is not a list of types; *known is false if it is none of these. */
static enum rc resolve_special(struct typer *t, const struct ast *a, struct node **arg, bool *known,
			       struct node **to)
{
	static const struct {
		const char *name;
		int op;
	} tests[] = {{"is true", 0},	 {"is false", 1},     {"is unknown", 2},
		     {"is not true", 4}, {"is not false", 5}, {"is not unknown", 6}};
	const char *name = a->name;
	enum type type;
	int op = a->n == 2 ? compare_op(name) : -1;
	*known = true;
	if (op >= 0) {
		if (unify(t, arg, 2, 1, name, &type) != OK)
			return t->e->code;
		return make_compare(t, op, arg[0], arg[1], a->at, to);
	}
	if (!strcmp(name, "and") || !strcmp(name, "or") || !strcmp(name, "not")) {
		for (uint32_t i = 0; i < a->n; i++)
			if (coerce(t, &arg[i], T_BOOL, name) != OK)
				return t->e->code;
		if (name[0] != 'n')
			return make_logic(t, name[0] == 'a', a->at, arg, a->n, to);
		*to = arg[0];
		return make_not(t, to, a->at);
	}
	if (!strcmp(name, "is null") || !strcmp(name, "is not null")) {
		if (unify(t, arg, 1, 1, name, &type) != OK ||
		    make_kernel(t, kernel_is_null, K_DENSE | K_NULLS, !strcmp(name, "is null"), T_BOOL,
				a->at, arg, 1, to) != OK)
			return t->e->code;
		(*to)->nullable = false;
		return OK;
	}
	if (!strcmp(name, "in") || !strcmp(name, "not in")) {
		if (unify(t, arg, a->n, 1, name, &type) != OK ||
		    make_kernel(t, kernel_in, K_NULLS, 0, T_BOOL, a->at, arg, a->n, to) != OK)
			return t->e->code;
		return name[0] == 'n' ? make_not(t, to, a->at) : OK;
	}
	if (!strcmp(name, "between") || !strcmp(name, "not between"))
		return resolve_between(t, a, arg, name[0] == 'n', to);
	if (!strcmp(name, "not like")) {
		const struct ast like = {AST_CALL, T_BOOL, a->at, "like", 4, 0, 0, a->n, a->arg};
		if (resolve(t, &like, to) != OK)
			return t->e->code;
		return make_not(t, to, a->at);
	}
	if (!strcmp(name, "coalesce")) {
		if (unify(t, arg, a->n, 1, name, &type) != OK ||
		    make_control(t, control_coalesce, 0, type, a->at, arg, a->n, to) != OK)
			return t->e->code;
		for (uint32_t i = 0; i < a->n; i++)
			(*to)->nullable &= arg[i]->nullable;
		return OK;
	}
	if (!strcmp(name, "greatest") || !strcmp(name, "least")) {
		op = name[0] == 'g' ? 1 : -1;
		if (unify(t, arg, a->n, 1, name, &type) != OK ||
		    make_control(t, control_extreme, op, type, a->at, arg, a->n, to) != OK)
			return t->e->code;
		for (uint32_t i = 0; i < a->n; i++)
			(*to)->nullable &= arg[i]->nullable;
		return OK;
	}
	if (!strcmp(name, "nullif")) { /* of the type both are compared as, like PostgreSQL's */
		if (unify(t, arg, 2, 1, name, &type) != OK ||
		    make_control(t, control_nullif, 0, type, a->at, arg, 2, to) != OK)
			return t->e->code;
		(*to)->nullable = true;
		return OK;
	}
	if (!strcmp(name, "concat") || !strcmp(name, "||"))
		return resolve_concat(t, a, arg, name[0] == 'c', to);
	if (!strncmp(name, "is distinct", 11) || !strncmp(name, "is not distinct", 15)) {
		if (unify(t, arg, 2, 1, name, &type) != OK ||
		    make_kernel(t, kernel_distinct, K_NULLS, name[3] == 'd', T_BOOL, a->at, arg, 2,
				to) != OK)
			return t->e->code;
		(*to)->nullable = false;
		return OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
		if (strcmp(name, tests[i].name))
			continue;
		if (coerce(t, &arg[0], T_BOOL, name) != OK ||
		    make_kernel(t, kernel_is_bool, K_DENSE | K_NULLS, tests[i].op, T_BOOL, a->at, arg, 1,
				to) != OK)
			return t->e->code;
		(*to)->nullable = false;
		return OK;
	}
	if (!strcmp(name, "pos")) {
		*to = arg[0];
		if (arg[0]->type == T_INT64 || arg[0]->type == T_FLOAT64)
			return OK;
		return REFUSE(t, a->at, "'+' takes a number, not a %s", type_name(arg[0]->type));
	}
	*known = false;
	return OK;
}

static enum rc resolve_args(struct typer *t, const struct ast *a, struct node ***arg)
{
	*arg = NULL;
	if (a->n && !(*arg = expr_arena_get(&t->x->arena, a->n * sizeof **arg)))
		return no_memory(t);
	for (uint32_t i = 0; i < a->n; i++)
		if (a->arg[i] && resolve(t, a->arg[i], &(*arg)[i]) != OK)
			return t->e->code;
	return OK;
}

static enum rc resolve_call(struct typer *t, const struct ast *a, struct node **to)
{
	struct node **arg;
	bool known;
	const struct function *f;
	if (!strcmp(a->name, "split"))
		return REFUSE(t, a->at, "split() gives a list: it stands alone, as the 'expr' of a "
					"flat_map");
	if (resolve_args(t, a, &arg) != OK || resolve_special(t, a, arg, &known, to) != OK || known)
		return t->e->code;
	if (function_find(a->name, arg, a->n, &f, t->e) != OK) {
		*t->at = a->at;
		return t->e->code;
	}
	for (uint32_t i = 0; i < a->n; i++)
		if (coerce(t, &arg[i], function_arg(f, i), f->name) != OK)
			return t->e->code;
	return make_kernel(t, f->kernel, f->flags, f->op, f->result, a->at, arg, a->n, to);
}

static enum rc resolve_case(struct typer *t, const struct ast *a, struct node **to)
{
	struct node **arg;
	enum type type;
	uint32_t last = a->n - 1;
	if (resolve_args(t, a, &arg) != OK)
		return t->e->code;
	/* Results stand at 2, 4, ..., last - 1 and, the else, at last. */
	struct node *otherwise = arg[last];
	struct node **results = expr_arena_get(&t->x->arena, a->n * sizeof *results);
	if (!results)
		return no_memory(t);
	uint32_t n = 0;
	for (uint32_t i = 2; i < last; i += 2)
		results[n++] = arg[i];
	results[n++] = otherwise;
	if (unify(t, results, n, 1, "case", &type) != OK)
		return t->e->code;
	for (uint32_t i = 2, k = 0; i < last; i += 2)
		arg[i] = results[k++];
	arg[last] = results[n - 1];
	if (arg[0]) { /* what is compared and the values beside `when`: arg[0], 1, 3, ... */
		n = 0;
		results[n++] = arg[0];
		for (uint32_t i = 1; i < last; i += 2)
			results[n++] = arg[i];
		enum type compared;
		if (unify(t, results, n, 1, "case", &compared) != OK)
			return t->e->code;
		arg[0] = results[0];
		for (uint32_t i = 1, k = 1; i < last; i += 2)
			arg[i] = results[k++];
	} else {
		for (uint32_t i = 1; i < last; i += 2)
			if (coerce(t, &arg[i], T_BOOL, "when") != OK)
				return t->e->code;
	}
	if (make_control(t, control_case, 0, type, a->at, arg, a->n, to) != OK)
		return t->e->code;
	(*to)->nullable = !arg[last] || arg[last]->nullable;
	for (uint32_t i = 2; i < last; i += 2)
		(*to)->nullable |= arg[i]->nullable;
	return OK;
}

static enum rc resolve(struct typer *t, const struct ast *a, struct node **to)
{
	switch (a->kind) {
	case AST_FIELD:
		return resolve_field(t, a, to);
	case AST_CALL:
		return resolve_call(t, a, to);
	case AST_CASE:
		return resolve_case(t, a, to);
	case AST_CAST:
		if (resolve(t, a->arg[0], to) != OK)
			return t->e->code;
		return cast(t, to, a->type, 0, a->at);
	default:
		return resolve_literal(t, a, to);
	}
}

/* split(text [, separator]). lower() and upper() of the text are done to each word instead: they move
 * no white space, and a word is in a register by then. */
static enum rc resolve_list(struct typer *t, const struct ast *a)
{
	struct expr *x = t->x;
	struct node **arg;
	if (a->kind != AST_CALL || strcmp(a->name, "split"))
		return REFUSE(t, a->at, "a list is needed here, such as split(text)");
	if (a->n < 1 || a->n > 2)
		return REFUSE(t, a->at, "split takes (text) or (text, separator)");
	if (resolve_args(t, a, &arg) != OK)
		return t->e->code;
	for (uint32_t i = 0; i < a->n; i++)
		if (coerce(t, &arg[i], T_STRING, "split") != OK)
			return t->e->code;
	x->root = arg[0];
	x->is_list = true;
	x->list_sep = a->n == 2 ? arg[1] : NULL;
	while (a->n == 1 && x->root->kind == NODE_KERNEL && x->root->kernel == kernel_case_map) {
		x->list_case = x->list_case ? x->list_case : x->root->op;
		x->root = x->root->arg[0];
	}
	return OK;
}

RC expr_resolve(struct expr *x, const struct ast *ast, const struct schema *in, enum expr_want want,
		struct expr_at *at, struct err *e)
{
	struct typer t = {x, in, at, e};
	enum type type;
	if (want == EXPR_LIST)
		return resolve_list(&t, ast);
	if (resolve(&t, ast, &x->root) != OK)
		return e->code;
	return unify(&t, &x->root, 1, 1, "the expression", &type);
}
