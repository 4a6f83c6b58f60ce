/* expr_parse.c - SQL text into our own tree: the door of libpg_query.
 * What is known of libpg_query 15-4.0.0: its JSON drops negative integers (protobuf does not); it
 * accepts whole statements; it folds and cuts names, so field names are read from the text at the
 * node's place; error positions count characters, node positions bytes; deep trees overflow the
 * stack, so expr_scan_check comes first; pg_query_exit must not be called (it would free what other
 * threads' parses stand on).
 * Everything is refused that is not named here. */
#include "base/check.h"
#include "base/planted.h"
#include "operators/expr_ast.h"

#include <errno.h>
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <stdio.h>
#include <stdlib.h>

#define SELECT "SELECT "
#define SELECT_LEN (sizeof(SELECT) - 1)

struct parse {
	const char *text;
	const struct schema *in;
	struct expr_arena *arena;
	struct expr_at *at;
	struct err *e;
};

static enum rc convert(struct parse *p, const PgQuery__Node *node, struct ast **to);

static struct expr_at place(const struct parse *p, int location)
{
	if (location < (int)SELECT_LEN)
		return (struct expr_at){0, 0};
	size_t offset = (size_t)location - SELECT_LEN;
	size_t size = strlen(p->text);
	if (offset >= size)
		return (struct expr_at){size, 0};
	return (struct expr_at){offset, token_at(p->text, offset).len};
}

#define REFUSE(p, location, ...)                                                                   \
	(*(p)->at = place((p), (location)), ERR((p)->e, E_INVALID, __VA_ARGS__))

static enum rc no_memory(struct parse *p)
{
	return ERR(p->e, E_NO_MEMORY, "no memory for an expression");
}

static enum rc make(struct parse *p, enum ast_kind kind, int location, uint32_t n, struct ast **to)
{
	struct ast *a = expr_arena_get(p->arena, sizeof *a);
	if (!a)
		return no_memory(p);
	a->kind = kind;
	a->at = place(p, location);
	a->n = n;
	if (n && !(a->arg = expr_arena_get(p->arena, n * sizeof *a->arg)))
		return no_memory(p);
	*to = a;
	return OK;
}

static enum rc make_call(struct parse *p, const char *name, int location,
			 PgQuery__Node *const *args, size_t n, struct ast **to)
{
	if (make(p, AST_CALL, location, (uint32_t)n, to) != OK)
		return p->e->code;
	(*to)->name = expr_arena_text(p->arena, name, strlen(name));
	if (!(*to)->name)
		return no_memory(p);
	for (size_t i = 0; i < n; i++)
		if (convert(p, args[i], &(*to)->arg[i]) != OK)
			return p->e->code;
	return OK;
}

/* --- names --- */

/* Whether an unquoted word can name a field: it parses as a column, and nothing else. */
static bool is_plain_name(const char *word)
{
	char text[SELECT_LEN + FIELD_NAME_MAX + 1];
	snprintf(text, sizeof text, SELECT "%s", word);
	PgQueryProtobufParseResult r = pg_query_parse_protobuf(text);
	bool plain = false;
	if (!r.error) {
		PgQuery__ParseResult *t = pg_query__parse_result__unpack(
			NULL, r.parse_tree.len, (const uint8_t *)r.parse_tree.data);
		if (t && t->n_stmts == 1 && t->stmts[0]->stmt->select_stmt->n_target_list == 1) {
			PgQuery__Node *val =
				t->stmts[0]->stmt->select_stmt->target_list[0]->res_target->val;
			plain = val && val->node_case == PG_QUERY__NODE__NODE_COLUMN_REF;
		}
		if (t)
			pg_query__parse_result__free_unpacked(t, NULL);
	}
	pg_query_free_protobuf_parse_result(r);
	return plain;
}

/* A word of the text that is both a field and an SQL word: what a syntax error is about, most
 * likely. The one at `near` (a byte offset) first. */
static bool find_sql_word(const struct parse *p, size_t near, struct token *found)
{
	bool any = false;
	if (!p->in)
		return false;
	for (struct token t = token_at(p->text, 0); t.kind != TOK_END;
	     t = token_at(p->text, t.offset + t.len)) {
		char name[FIELD_NAME_MAX + 1];
		if (t.kind != TOK_WORD || t.len > FIELD_NAME_MAX)
			continue;
		memcpy(name, p->text + t.offset, t.len);
		name[t.len] = '\0';
		if (schema_find(p->in, name) < 0 || is_plain_name(name))
			continue;
		if (!any || t.offset == near)
			*found = t;
		any = true;
		if (t.offset >= near)
			break;
	}
	return any;
}

/* The name at a place of the text: as it is written, neither folded nor cut. */
static enum rc read_name(struct parse *p, int location, char **to, size_t *len)
{
	struct token t = token_at(p->text, (size_t)location - SELECT_LEN);
	const char *s = p->text + t.offset;
	if (t.kind == TOK_WORD) {
		*len = t.len;
		*to = expr_arena_text(p->arena, s, t.len);
		return *to ? OK : no_memory(p);
	}
	if (t.kind != TOK_QUOTED || s[0] != '"')
		return REFUSE(p, location, "a field's name is written plainly or in double quotes");
	char *name = *to = expr_arena_get(p->arena, t.len);
	if (!name)
		return no_memory(p);
	size_t n = 0;
	for (size_t i = 1; i + 1 < t.len; i++) {
		name[n++] = s[i];
		i += s[i] == '"'; /* doubled */
	}
	*len = n;
	return OK;
}

static enum rc convert_column(struct parse *p, const PgQuery__ColumnRef *c, struct ast **to)
{
	if (c->n_fields != 1)
		return REFUSE(p, c->location, "a field's name has no table before it");
	if (c->fields[0]->node_case != PG_QUERY__NODE__NODE_STRING)
		return REFUSE(p, c->location, "'*' is no value; name a field");
	if (make(p, AST_FIELD, c->location, 0, to) != OK)
		return p->e->code;
	char *name;
	if (read_name(p, c->location, &name, &(*to)->len) != OK)
		return p->e->code;
	(*to)->name = name;
	return OK;
}

/* --- constants --- */

static enum rc convert_number(struct parse *p, const char *digits, int location, struct ast **to)
{
	bool whole = !strpbrk(digits, ".eE");
	char *end;
	errno = 0;
	if (whole) {
		int64_t v = strtoll(digits, &end, 10);
		if (errno || *end)
			return REFUSE(p, location, "%s does not fit int64; as a float64 it is "
						   "written %s.0", digits, digits);
		if (make(p, AST_INT, location, 0, to) == OK)
			(*to)->i = v;
		return p->e->code;
	}
	double v = strtod(digits, &end);
	if (*end || v - v != 0)
		return REFUSE(p, location, "%s does not fit float64", digits);
	if (make(p, AST_FLOAT, location, 0, to) == OK)
		(*to)->f = v;
	return p->e->code;
}

static enum rc convert_const(struct parse *p, const PgQuery__AConst *c, struct ast **to)
{
	if (c->isnull)
		return make(p, AST_NULL, c->location, 0, to);
	switch (c->val_case) {
	case PG_QUERY__A__CONST__VAL_IVAL:
		if (make(p, AST_INT, c->location, 0, to) == OK)
			(*to)->i = PLANTED(negative_literal_is_zero) && c->ival->ival < 0 ? 0 : c->ival->ival;
		return p->e->code;
	case PG_QUERY__A__CONST__VAL_FVAL: /* also whole numbers that do not fit 32 bits */
		return convert_number(p, c->fval->fval, c->location, to);
	case PG_QUERY__A__CONST__VAL_BOOLVAL:
		if (make(p, AST_BOOL, c->location, 0, to) == OK)
			(*to)->i = c->boolval->boolval;
		return p->e->code;
	case PG_QUERY__A__CONST__VAL_SVAL:
		if (make(p, AST_STRING, c->location, 0, to) != OK)
			return p->e->code;
		(*to)->len = strlen(c->sval->sval);
		(*to)->name = expr_arena_text(p->arena, c->sval->sval, (*to)->len);
		return (*to)->name ? OK : no_memory(p);
	default:
		return REFUSE(p, c->location, "bit strings are not supported");
	}
}

/* --- operators --- */

static enum rc convert_list(struct parse *p, const char *name, const PgQuery__AExpr *x,
			    struct ast **to)
{
	if (!x->rexpr || x->rexpr->node_case != PG_QUERY__NODE__NODE_LIST)
		return REFUSE(p, x->location, "'%s' needs a list of values", name);
	const PgQuery__List *l = x->rexpr->list;
	if (make(p, AST_CALL, x->location, (uint32_t)l->n_items + 1, to) != OK)
		return p->e->code;
	(*to)->name = name;
	if (convert(p, x->lexpr, &(*to)->arg[0]) != OK)
		return p->e->code;
	for (size_t i = 0; i < l->n_items; i++)
		if (convert(p, l->items[i], &(*to)->arg[i + 1]) != OK)
			return p->e->code;
	return OK;
}

static enum rc convert_operator(struct parse *p, const PgQuery__AExpr *x, struct ast **to)
{
	PgQuery__Node *two[2] = {x->lexpr, x->rexpr};
	const char *op = x->n_name == 1 && x->name[0]->node_case == PG_QUERY__NODE__NODE_STRING
				 ? x->name[0]->string->sval
				 : "";
	switch (x->kind) {
	case PG_QUERY__A__EXPR__KIND__AEXPR_OP:
		if (!*op)
			return REFUSE(p, x->location, "'operator(...)' is not supported");
		if (!x->lexpr) {
			if (strcmp(op, "-") && strcmp(op, "+"))
				return REFUSE(p, x->location, "unknown operator '%s'", op);
			return make_call(p, op[0] == '-' ? "neg" : "pos", x->location, two + 1, 1,
					 to);
		}
		return make_call(p, op, x->location, two, 2, to);
	case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT:
		return make_call(p, "is distinct from", x->location, two, 2, to);
	case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT:
		return make_call(p, "is not distinct from", x->location, two, 2, to);
	case PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF:
		return make_call(p, "nullif", x->location, two, 2, to);
	case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
		if (x->rexpr->node_case == PG_QUERY__NODE__NODE_FUNC_CALL &&
		    x->rexpr->func_call->n_funcname == 2)
			return REFUSE(p, x->location,
				      "'escape' is not supported; a backslash escapes %% and _");
		return make_call(p, op[0] == '!' ? "not like" : "like", x->location, two, 2, to);
	case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
		return convert_list(p, op[0] == '<' ? "not in" : "in", x, to);
	case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
		return convert_list(p, "between", x, to);
	case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
		return convert_list(p, "not between", x, to);
	default:
		return REFUSE(p, x->location, "'%.20s' is not supported",
			      x->location > 0 ? p->text + place(p, x->location).offset : "it");
	}
}

static enum rc convert_bool(struct parse *p, const PgQuery__BoolExpr *x, struct ast **to)
{
	const char *name = x->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR  ? "and"
			   : x->boolop == PG_QUERY__BOOL_EXPR_TYPE__OR_EXPR ? "or"
									    : "not";
	return make_call(p, name, x->location, x->args, x->n_args, to);
}

static enum rc convert_function(struct parse *p, const PgQuery__FuncCall *f, struct ast **to)
{
	if (f->over)
		return REFUSE(p, f->location, "window functions are not supported");
	if (f->n_agg_order || f->agg_filter || f->agg_within_group || f->agg_star ||
	    f->agg_distinct)
		return REFUSE(p, f->location, "aggregates are stages (keyed_sum), not functions");
	if (f->func_variadic)
		return REFUSE(p, f->location, "'variadic' is not supported");
	bool syntax = f->funcformat == PG_QUERY__COERCION_FORM__COERCE_SQL_SYNTAX;
	if (f->n_funcname != 1 && !(syntax && f->n_funcname == 2))
		return REFUSE(p, f->location, "a function's name has no schema before it");
	const char *name = f->funcname[f->n_funcname - 1]->string->sval;
	if (syntax && !strcmp(name, "position")) /* position(a in b) comes as position(b, a) */
		name = "strpos";
	return make_call(p, name, f->location, f->args, f->n_args, to);
}

static enum rc convert_cast(struct parse *p, const PgQuery__TypeCast *c, struct ast **to)
{
	static const struct {
		const char *name;
		enum type type;
	} types[] = {
		{"int4", T_INT64},     {"int8", T_INT64},	      {"int64", T_INT64},
		{"float8", T_FLOAT64}, {"float64", T_FLOAT64},	      {"text", T_STRING},
		{"varchar", T_STRING}, {"string", T_STRING},	      {"bool", T_BOOL},
		{"timestamp", T_TIMESTAMP}, {"timestamptz", T_TIMESTAMP},
	};
	const PgQuery__TypeName *t = c->type_name;
	int location = c->location >= 0 ? c->location : t->location;
	const char *name = t->n_names ? t->names[t->n_names - 1]->string->sval : "";
	if (t->n_array_bounds || t->setof || t->pct_type)
		return REFUSE(p, t->location, "arrays and sets are not supported");
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(name, types[i].name))
			continue;
		if (t->n_typmods)
			return REFUSE(p, t->location, "a length or precision is not supported");
		if (make(p, AST_CAST, location, 1, to) != OK)
			return p->e->code;
		(*to)->type = types[i].type;
		return convert(p, c->arg, &(*to)->arg[0]);
	}
	return REFUSE(p, t->location,
		      "unknown type '%s'; there are bigint, double precision, text, boolean and "
		      "timestamp",
		      name);
}

static enum rc convert_case(struct parse *p, const PgQuery__CaseExpr *c, struct ast **to)
{
	if (make(p, AST_CASE, c->location, (uint32_t)c->n_args * 2 + 2, to) != OK)
		return p->e->code;
	struct ast **arg = (*to)->arg;
	if (c->arg && convert(p, c->arg, arg) != OK)
		return p->e->code;
	arg++;
	for (size_t i = 0; i < c->n_args; i++) {
		const PgQuery__CaseWhen *w = c->args[i]->case_when;
		if (convert(p, w->expr, arg++) != OK || convert(p, w->result, arg++) != OK)
			return p->e->code;
	}
	return c->defresult ? convert(p, c->defresult, arg) : OK;
}

static enum rc convert_test(struct parse *p, const PgQuery__BooleanTest *b, struct ast **to)
{
	static const char *const names[] = {NULL,	"is true",	"is not true", "is false",
					    "is not false", "is unknown", "is not unknown"};
	CHECK(b->booltesttype < ARRAY_LEN(names) && names[b->booltesttype]);
	return make_call(p, names[b->booltesttype], b->location, &b->arg, 1, to);
}

static enum rc convert(struct parse *p, const PgQuery__Node *n, struct ast **to)
{
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_A_CONST:
		return convert_const(p, n->a_const, to);
	case PG_QUERY__NODE__NODE_COLUMN_REF:
		return convert_column(p, n->column_ref, to);
	case PG_QUERY__NODE__NODE_A_EXPR:
		return convert_operator(p, n->a_expr, to);
	case PG_QUERY__NODE__NODE_BOOL_EXPR:
		return convert_bool(p, n->bool_expr, to);
	case PG_QUERY__NODE__NODE_FUNC_CALL:
		return convert_function(p, n->func_call, to);
	case PG_QUERY__NODE__NODE_TYPE_CAST:
		return convert_cast(p, n->type_cast, to);
	case PG_QUERY__NODE__NODE_CASE_EXPR:
		return convert_case(p, n->case_expr, to);
	case PG_QUERY__NODE__NODE_BOOLEAN_TEST:
		return convert_test(p, n->boolean_test, to);
	case PG_QUERY__NODE__NODE_NULL_TEST:
		return make_call(p,
				 n->null_test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL
					 ? "is null"
					 : "is not null",
				 n->null_test->location, &n->null_test->arg, 1, to);
	case PG_QUERY__NODE__NODE_COALESCE_EXPR:
		return make_call(p, "coalesce", n->coalesce_expr->location, n->coalesce_expr->args,
				 n->coalesce_expr->n_args, to);
	case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
		return make_call(p,
				 n->min_max_expr->op == PG_QUERY__MIN_MAX_OP__IS_LEAST ? "least"
										      : "greatest",
				 n->min_max_expr->location, n->min_max_expr->args,
				 n->min_max_expr->n_args, to);
	case PG_QUERY__NODE__NODE_SUB_LINK:
		return REFUSE(p, n->sub_link->location, "sub-selects are not supported");
	case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
		return REFUSE(p, n->sqlvalue_function->location,
			      "the value would depend on when or by whom it is asked");
	case PG_QUERY__NODE__NODE_ROW_EXPR:
		return REFUSE(p, n->row_expr->location, "one value, not a row of several");
	case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
		return REFUSE(p, n->collate_clause->location,
			      "'collate' is not supported: text is compared by its bytes");
	case PG_QUERY__NODE__NODE_PARAM_REF:
		return REFUSE(p, n->param_ref->location, "parameters are not supported");
	case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
		return REFUSE(p, n->a_array_expr->location, "arrays are not supported");
	case PG_QUERY__NODE__NODE_NAMED_ARG_EXPR:
		return REFUSE(p, n->named_arg_expr->location, "named arguments are not supported");
	case PG_QUERY__NODE__NODE_A_INDIRECTION:
		return REFUSE(p, -1, "values have no elements or fields here");
	default:
		return REFUSE(p, -1, "a construct that is not supported");
	}
}

/* --- the statement around it --- */

/* Refuses a clause of SELECT, pointing at its word if it stands outside of brackets. */
static enum rc refuse_clause(struct parse *p)
{
	static const char *const words[] = {"from",   "where",  "group",     "having", "order",
					    "limit",  "offset", "fetch",     "into",   "window",
					    "union",  "except", "intersect", "for"};
	int depth = 0;
	*p->at = (struct expr_at){0};
	for (struct token t = token_at(p->text, 0); t.kind != TOK_END && !p->at->len;
	     t = token_at(p->text, t.offset + t.len)) {
		if (t.kind == TOK_PUNCT)
			depth += p->text[t.offset] == '(' ? 1 : p->text[t.offset] == ')' ? -1 : 0;
		for (size_t i = 0; i < ARRAY_LEN(words) && t.kind == TOK_WORD && !depth; i++)
			if (token_is(p->text, t, words[i]))
				*p->at = (struct expr_at){t.offset, t.len};
	}
	return ERR(p->e, E_INVALID,
		   "only an expression can stand here: no 'from', 'where' or other clause of SELECT");
}

static enum rc convert_statement(struct parse *p, const PgQuery__ParseResult *r, struct ast **to)
{
	if (r->n_stmts == 0)
		return REFUSE(p, SELECT_LEN, "an empty expression");
	if (r->n_stmts != 1)
		return REFUSE(p, r->stmts[0]->stmt_len, "one expression, not several statements");
	const PgQuery__Node *n = r->stmts[0]->stmt;
	if (!n || n->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
		return REFUSE(p, SELECT_LEN, "only an expression can stand here");
	const PgQuery__SelectStmt *s = n->select_stmt;
	if (r->stmts[0]->stmt_len)
		return REFUSE(p, r->stmts[0]->stmt_len, "one expression, without ';'");
	if (s->op != PG_QUERY__SET_OPERATION__SETOP_NONE)
		return refuse_clause(p);
	if (s->n_target_list == 0)
		return REFUSE(p, SELECT_LEN, "an empty expression");
	if (s->n_target_list > 1)
		return REFUSE(p, s->target_list[1]->res_target->location,
			      "one expression, not a list of them");
	if (s->n_distinct_clause || s->into_clause || s->n_from_clause || s->where_clause ||
	    s->n_group_clause || s->group_distinct || s->having_clause || s->n_window_clause ||
	    s->n_values_lists || s->n_sort_clause || s->limit_offset || s->limit_count ||
	    s->n_locking_clause || s->with_clause || s->larg || s->rarg)
		return refuse_clause(p);
	const PgQuery__ResTarget *t = s->target_list[0]->res_target;
	if (t->name && *t->name)
		return REFUSE(p, t->location, "the value cannot be named here (\"as %s\")",
			      t->name);
	if (t->n_indirection || !t->val)
		return REFUSE(p, t->location, "only an expression can stand here");
	return convert(p, t->val, to);
}

/* Characters (from 1, the SELECT included) into bytes of our text. */
static size_t byte_offset(const char *text, int cursor)
{
	size_t at = 0;
	for (int chars = cursor - 1 - (int)SELECT_LEN; chars > 0 && text[at]; chars--)
		do
			at++;
		while (((unsigned char)text[at] & 0xC0) == 0x80);
	return at;
}

static void show_cure(struct parse *p, size_t near)
{
	struct token t = {0};
	if (!find_sql_word(p, near, &t))
		return;
	int len = (int)t.len;
	const char *word = p->text + t.offset;
	char was[ERR_TEXT_MAX];
	snprintf(was, sizeof was, "%s", p->e->text);
	*p->at = (struct expr_at){t.offset, t.len};
	err_clear(p->e);
	(void)ERR(p->e, E_INVALID,
		  "%.400s; '%.*s' is a word of SQL: to mean the field, write \"%.*s\" in double "
		  "quotes (in JSON: \\\"%.*s\\\")",
		  was, len, word, len, word, len, word);
}

RC expr_parse(const char *text, const struct schema *in, struct expr_arena *arena, struct ast **ast,
	      struct expr_at *at, struct err *e)
{
	struct parse p = {text, in, arena, at, e};
	char sql[SELECT_LEN + EXPR_TEXT_MAX + 1];
	CHECK(strlen(text) <= EXPR_TEXT_MAX);
	snprintf(sql, sizeof sql, SELECT "%s", text);
	PgQueryProtobufParseResult r = pg_query_parse_protobuf(sql);
	size_t near = 0;
	if (r.error) {
		size_t offset = r.error->cursorpos > 0 ? byte_offset(text, r.error->cursorpos) : 0;
		struct token t = token_at(text, offset);
		near = t.offset;
		*at = (struct expr_at){offset, t.offset == offset ? t.len : 0};
		(void)ERR(e, E_INVALID, "%s", r.error->message);
	} else {
		PgQuery__ParseResult *t = pg_query__parse_result__unpack(
			NULL, r.parse_tree.len, (const uint8_t *)r.parse_tree.data);
		if (!t) {
			(void)ERR(e, E_NO_MEMORY, "no memory for an expression");
		} else {
			(void)convert_statement(&p, t, ast);
			near = at->offset;
			pg_query__parse_result__free_unpacked(t, NULL);
		}
	}
	pg_query_free_protobuf_parse_result(r);
	if (e->code == E_INVALID)
		show_cure(&p, near);
	return e->code;
}
