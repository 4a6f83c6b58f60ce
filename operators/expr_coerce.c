/* expr_coerce.c - nodes, literals and conversions.
 * PostgreSQL's rules where they matter: a string literal or NULL takes the type its place wants;
 * int64 becomes float64 beside a float64; nothing else is converted without a cast. Literals are
 * read at compile time, so a wrong one is an error of the job, not of a record. */
#include "operators/expr_convert.h"
#include "operators/expr_typer.h"

enum rc typer_no_memory(struct typer *t)
{
	return ERR(t->e, E_NO_MEMORY, "no memory for an expression");
}

enum rc typer_node(struct typer *t, enum node_kind kind, enum type type, struct expr_at at,
		   uint32_t n, struct node **to)
{
	struct node *node = expr_arena_get(&t->x->arena, sizeof *node);
	if (!node)
		return typer_no_memory(t);
	node->kind = kind;
	node->type = type;
	node->at = at;
	node->n = n;
	node->eager = true;
	if (n) {
		node->arg = expr_arena_get(&t->x->arena, n * sizeof *node->arg);
		node->vals = expr_arena_get(&t->x->arena, n * sizeof *node->vals);
		if (!node->arg || !node->vals)
			return typer_no_memory(t);
	}
	*to = node;
	return OK;
}

enum rc typer_kernel(struct typer *t, kernel_fn *kernel, uint8_t flags, int op, enum type type,
		     struct expr_at at, struct node *const *arg, uint32_t n, struct node **to)
{
	if (typer_node(t, NODE_KERNEL, type, at, n, to) != OK)
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

enum rc typer_control(struct typer *t, control_fn *control, int op, enum type type,
		      struct expr_at at, struct node *const *arg, uint32_t n, struct node **to)
{
	if (typer_node(t, NODE_CONTROL, type, at, n, to) != OK)
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
			return typer_no_memory(t);
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
		return typer_no_memory(t);
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
			      c == CONVERT_RANGE ? "is out of range for" : "is no",
			      type_name(type));
	n->type = type;
	n->untyped = false;
	return OK;
}

enum rc typer_literal(struct typer *t, const struct ast *a, struct node **to)
{
	if (typer_node(t, NODE_LITERAL, T_STRING, a->at, 0, to) != OK)
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

enum rc typer_cast(struct typer *t, struct node **n, enum type type, int op, struct expr_at at)
{
	if ((*n)->untyped)
		return set_type(t, *n, type);
	if ((*n)->type == type)
		return OK;
	uint8_t flags = 0;
	kernel_fn *kernel = kernel_cast((*n)->type, type, &flags);
	if (!kernel)
		return REFUSE(t, at, "%s cannot be cast to %s", type_name((*n)->type),
			      type_name(type));
	struct node *arg = *n;
	return typer_kernel(t, kernel, flags, op, type, at, &arg, 1, n);
}

enum rc typer_coerce(struct typer *t, struct node **n, enum type type, const char *who)
{
	if ((*n)->untyped)
		return set_type(t, *n, type);
	if ((*n)->type == type)
		return OK;
	if ((*n)->type != T_INT64 || type != T_FLOAT64)
		return REFUSE(t, (*n)->at, "%s needs %s here, not %s", who, type_name(type),
			      type_name((*n)->type));
	if ((*n)->kind == NODE_LITERAL) {
		struct node *whole = *n;
		if (typer_node(t, NODE_LITERAL, T_FLOAT64, whole->at, 0, n) != OK)
			return t->e->code;
		(*n)->is_null = (*n)->nullable = whole->is_null;
		(*n)->lit.f64 = whole->is_null ? 0 : (double)whole->lit.i64;
		return OK;
	}
	return typer_cast(t, n, type, 0, (*n)->at);
}

enum rc typer_unify(struct typer *t, struct node **arg, uint32_t n, const char *who,
		     enum type *type)
{
	const struct node *first = NULL;
	*type = T_STRING; /* of literals only */
	for (uint32_t i = 0; i < n; i++) {
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
	for (uint32_t i = 0; i < n; i++)
		if (arg[i] && typer_coerce(t, &arg[i], *type, who) != OK)
			return t->e->code;
	return OK;
}
