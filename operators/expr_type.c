/* expr_type.c - names and types: from the syntax tree to nodes that can be run. */
#include "operators/expr_typer.h"

#include <stdio.h>
#include <strings.h>

static enum rc resolve_field(struct typer *t, const struct ast *a, struct node **to)
{
	const char *names[FIELDS_MAX];
	int at = t->in && strlen(a->name) == a->len ? schema_find(t->in, a->name) : -1;
	if (at >= 0) {
		if (typer_node(t, NODE_FIELD, t->in->field[at].type, a->at, 0, to) != OK)
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
			len += (size_t)snprintf(list + len, sizeof list - len, "%s%s",
						i ? ", " : "", names[i]);
		if (!strcasecmp(names[i], a->name))
			close = names[i];
	}
	if (!close && n)
		close = closest_name(a->name, names, n);
	return REFUSE(t, a->at, "unknown field '%.100s'; it reads: %s%s%s%s%s", a->name,
		      n ? list : "no field", len >= sizeof list ? "..." : "",
		      close ? "; did you mean '" : "", close ? close : "", close ? "'?" : "");
}

enum rc typer_args(struct typer *t, const struct ast *a, struct node ***arg)
{
	*arg = NULL;
	if (a->n && !(*arg = expr_arena_get(&t->x->arena, a->n * sizeof **arg)))
		return typer_no_memory(t);
	for (uint32_t i = 0; i < a->n; i++)
		if (a->arg[i] && typer_resolve(t, a->arg[i], &(*arg)[i]) != OK)
			return t->e->code;
	return OK;
}

static enum rc resolve_case(struct typer *t, const struct ast *a, struct node **to)
{
	struct node **arg;
	enum type type;
	uint32_t last = a->n - 1;
	if (typer_args(t, a, &arg) != OK)
		return t->e->code;
	/* Results stand at 2, 4, ..., last - 1 and, the else, at last. */
	struct node *otherwise = arg[last];
	struct node **results = expr_arena_get(&t->x->arena, a->n * sizeof *results);
	if (!results)
		return typer_no_memory(t);
	uint32_t n = 0;
	for (uint32_t i = 2; i < last; i += 2)
		results[n++] = arg[i];
	results[n++] = otherwise;
	if (typer_unify(t, results, n, "case", &type) != OK)
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
		if (typer_unify(t, results, n, "case", &compared) != OK)
			return t->e->code;
		arg[0] = results[0];
		for (uint32_t i = 1, k = 1; i < last; i += 2)
			arg[i] = results[k++];
	} else {
		for (uint32_t i = 1; i < last; i += 2)
			if (typer_coerce(t, &arg[i], T_BOOL, "when") != OK)
				return t->e->code;
	}
	if (typer_control(t, control_case, 0, type, a->at, arg, a->n, to) != OK)
		return t->e->code;
	(*to)->nullable = !arg[last] || arg[last]->nullable;
	for (uint32_t i = 2; i < last; i += 2)
		(*to)->nullable |= arg[i]->nullable;
	return OK;
}

enum rc typer_resolve(struct typer *t, const struct ast *a, struct node **to)
{
	switch (a->kind) {
	case AST_FIELD:
		return resolve_field(t, a, to);
	case AST_CALL:
		return typer_call(t, a, to);
	case AST_CASE:
		return resolve_case(t, a, to);
	case AST_CAST:
		if (typer_resolve(t, a->arg[0], to) != OK)
			return t->e->code;
		return typer_cast(t, to, a->type, 0, a->at);
	default:
		return typer_literal(t, a, to);
	}
}

/* split(text [, separator]). lower() and upper() of the text are done to each word instead: they
 * move no white space, and a word is in a register by then. */
static enum rc resolve_list(struct typer *t, const struct ast *a)
{
	struct expr *x = t->x;
	struct node **arg;
	if (a->kind != AST_CALL || strcmp(a->name, "split"))
		return REFUSE(t, a->at, "a list is needed here, such as split(text)");
	if (a->n < 1 || a->n > 2)
		return REFUSE(t, a->at, "split takes (text) or (text, separator)");
	if (typer_args(t, a, &arg) != OK)
		return t->e->code;
	for (uint32_t i = 0; i < a->n; i++)
		if (typer_coerce(t, &arg[i], T_STRING, "split") != OK)
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
	if (typer_resolve(&t, ast, &x->root) != OK)
		return e->code;
	return typer_unify(&t, &x->root, 1, "the expression", &type);
}
