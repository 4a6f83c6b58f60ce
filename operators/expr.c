/* expr.c - see expr.h: an expression from its text to its end. */
#include "operators/expr_node.h"

#include <stdio.h>

/* The place is the whole text until somebody knows better. */
static enum rc compile(struct expr *x, const char *text, const struct schema *in,
		       enum expr_want want, struct expr_at *at, struct err *e)
{
	struct ast *ast = NULL;
	if (expr_scan_check(text, at, e) != OK)
		return e->code;
	x->text = expr_arena_text(&x->arena, text, strlen(text));
	if (!x->text)
		return ERR(e, E_NO_MEMORY, "no memory for an expression");
	if (expr_parse(text, in, &x->arena, &ast, at, e) != OK)
		return e->code;
	return expr_resolve(x, ast, in, want, at, e);
}

static struct expr *expr_new(struct mem *mem, struct err *e)
{
	struct expr *x = mem_get(mem, sizeof *x);
	if (!x) {
		(void)ERR(e, E_NO_MEMORY, "no memory for an expression");
		return NULL;
	}
	x->mem = mem;
	x->simd = simd_have();
	expr_arena_init(&x->arena, mem);
	return x;
}

RC expr_compile(struct expr **x, const char *text, const struct schema *in, enum expr_want want,
		struct mem *mem, struct expr_at *at, struct err *e)
{
	struct expr_at nowhere;
	struct err mine = {0};
	at = at ? at : &nowhere;
	*at = (struct expr_at){0};
	*x = expr_new(mem, &mine);
	if (*x && compile(*x, text, in, want, at, &mine) == OK)
		return OK;
	expr_close(*x);
	*x = NULL;
	return ERR(e, mine.code, "%s", mine.text);
}

RC expr_constant(struct expr **x, const struct json *v, struct mem *mem, struct err *e)
{
	char text[64];
	struct node *n = NULL;
	*x = expr_new(mem, e);
	if (!*x)
		return E_NO_MEMORY;
	n = (*x)->root = expr_arena_get(&(*x)->arena, sizeof *n);
	if (!n)
		goto no_memory;
	n->kind = NODE_LITERAL;
	n->eager = true;
	switch (json_kind(v)) {
	case JSON_INT:
		n->type = T_INT64;
		n->lit.i64 = json_int(v);
		snprintf(text, sizeof text, "%lld", (long long)n->lit.i64);
		break;
	case JSON_REAL:
		n->type = T_FLOAT64;
		n->lit.f64 = json_real(v);
		snprintf(text, sizeof text, "%.17g", n->lit.f64);
		break;
	case JSON_BOOL:
		n->type = T_BOOL;
		n->lit.bits = json_bool(v);
		snprintf(text, sizeof text, "%s", json_bool(v) ? "true" : "false");
		break;
	case JSON_NULL:
		n->type = T_STRING;
		n->is_null = n->nullable = true;
		snprintf(text, sizeof text, "null");
		break;
	default:
		expr_close(*x);
		*x = NULL;
		return ERR(e, E_INVALID, "a number, true, false or null is needed, not %s",
			   json_kind_name(json_kind(v)));
	}
	(*x)->text = expr_arena_text(&(*x)->arena, text, strlen(text));
	if ((*x)->text)
		return OK;
no_memory:
	expr_close(*x);
	*x = NULL;
	return ERR(e, E_NO_MEMORY, "no memory for an expression");
}

void expr_close(struct expr *x)
{
	if (!x)
		return;
	column_drop(x->broadcast);
	text_drop(x->lits_text);
	expr_arena_close(&x->arena);
	mem_put(x->mem, x);
}

enum type expr_type(const struct expr *x)
{
	return x->is_list ? T_STRING : x->root->type;
}

bool expr_nullable(const struct expr *x)
{
	return !x->is_list && x->root->nullable;
}

const char *expr_text(const struct expr *x)
{
	return x->text;
}

int expr_field(const struct expr *x)
{
	return !x->is_list && x->root->kind == NODE_FIELD ? x->root->field : -1;
}
