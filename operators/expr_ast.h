/* expr_ast.h - an expression's text as a small tree of our own, and the arena both trees live in.
 * Why not libpg_query's tree: it has hundreds of node kinds, folds and cuts names, and its header
 * must not be seen outside expr_parse.c. What is here is the white list.
 * Owns: everything lives in the arena and goes with it. Private to operators/expr*.c.
 * Threads: one owner. */
#pragma once
#include "base/mem.h"
#include "operators/expr.h"
#include "operators/expr_scan.h"

#define EXPR_TEXT_MAX 8192 /* bytes: DESIGN 9 */
#define EXPR_NESTING_MAX 100
/* libpg_query and protobuf-c take about 2 KiB of stack for each operator of a chain such as 1+1+1
 * (measured): 500 of them and 100 nested brackets stay below 2 MiB. */
#define EXPR_OPERATORS_MAX 500

/* Memory that is given back all at once. */
struct expr_arena {
	struct mem *mem;
	struct arena_block *first;
	size_t left;
	char *at;
};
void expr_arena_init(struct expr_arena *a, struct mem *mem);
void expr_arena_close(struct expr_arena *a); /* legal on the empty value */
/* Zeroed, 16-byte aligned; NULL: no memory. */
void *expr_arena_get(struct expr_arena *a, size_t size_bytes);
/* A NUL-terminated copy of len bytes. */
char *expr_arena_text(struct expr_arena *a, const char *text, size_t len);

enum ast_kind {
	AST_NULL,
	AST_BOOL,   /* i */
	AST_INT,    /* i */
	AST_FLOAT,  /* f */
	AST_STRING, /* name, len */
	AST_FIELD,  /* name, as it stands in the text, without quotes */
	AST_CALL,   /* name: a function or operator in lower case ("+", "not like", "and") */
	AST_CAST,   /* type, arg[0] */
	AST_CASE,   /* arg[0]: what is compared, or NULL; when, then, ...; else, or NULL */
};

struct ast {
	enum ast_kind kind;
	enum type type;
	struct expr_at at;
	const char *name;
	size_t len;
	int64_t i;
	double f;
	uint32_t n;
	struct ast **arg;
};

/* --- expr_scan.c: what can be known without parsing --- */

/* Refuses what libpg_query must not see: too long, nested too deep, too many operators; and what it
 * would drop without a trace ("all x", "x for read only"). */
RC expr_scan_check(const char *text, struct expr_at *at, struct err *e);

/* --- expr_parse.c --- */

/* Parses a text that expr_scan_check has passed. in (may be NULL) only serves the errors: an SQL
 * word that is the name of a field gets its cure shown. */
RC expr_parse(const char *text, const struct schema *in, struct expr_arena *arena, struct ast **ast,
	      struct expr_at *at, struct err *e);
