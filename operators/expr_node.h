/* expr_node.h - a typed expression, and how its nodes are run over a batch.
 * A node yields a struct val for the rows it is asked for: a whole column, or one value for all
 * rows.
 *
 *   expr_type.c   ast -> nodes: names, types, casts put in, which kernel
 *   expr_eval.c   runs kernels; AND, OR, CASE, COALESCE choose the rows that need a side
 *   kernels_*.c   leaves: one loop each, typed, over columns
 *
 * Row numbers are those of the batch. Nothing is said about rows that were not asked for: a numeric
 * kernel may compute them (dense loops are faster) but may not fail on them; a text kernel must not
 * look at them, for their views may be garbage. Private to operators/expr*.c and kernels_*.c. */
#pragma once
#include "base/check.h"
#include "base/cpu.h"
#include "operators/expr_ast.h"

/* The rows asked for: idx[0..n-1], ascending; without idx the rows 0..n-1. */
struct rows {
	const uint16_t *idx;
	uint32_t n;
};

static inline uint32_t rows_at(struct rows r, uint32_t k)
{
	return r.idx ? r.idx[k] : k;
}
/* A loop over rows, for kernels whose body outweighs the test. */
#define FOR_ROWS(i, rows_)                                                                         \
	for (uint32_t k_ = 0, i; k_ < (rows_).n && (i = rows_at((rows_), k_), true); k_++)

/* What a node yields. Row i's value stands at [i & mask]: mask is 0 for one value for all rows. */
struct val {
	enum type type;
	uint32_t mask;
	union {
		const void *data;
		const int64_t *i64;
		const double *f64;
		const struct strview *str;
		const uint64_t *bits;
	};
	const uint64_t *valid;     /* NULL: no nulls */
	struct text *const *texts; /* what str looks into */
	uint32_t n_texts;
	struct column *col; /* the reference held for this val; NULL: a literal, the batch's */
};

static inline bool val_is_const(const struct val *v)
{
	return v->mask == 0;
}
static inline bool val_is_null(const struct val *v, uint32_t i)
{
	return v->valid && !bit_get(v->valid, i & v->mask);
}
static inline const uint8_t *view_bytes(const struct val *v, const struct strview *s)
{
	if (s->len <= STRVIEW_INLINE)
		return (const uint8_t *)s->inl;
	return v->texts[s->text]->data + s->off;
}
void val_drop(struct val *v); /* legal on the empty value and twice */

enum node_kind { NODE_FIELD, NODE_LITERAL, NODE_KERNEL, NODE_CONTROL };

struct run;
struct node;

/* A kernel computes rows of out, whose type is node->type, from the node's evaluated arguments.
 * E_RECORD through run_fail; E_NO_MEMORY. */
typedef enum rc kernel_fn(struct run *r, const struct node *n, struct rows rows,
			  const struct val *arg, struct column *out);
/* A control node evaluates its arguments itself, for the rows it chooses. */
typedef enum rc control_fn(struct run *r, const struct node *n, struct rows rows, struct val *to);

enum kernel_flags {
	K_DENSE = 1,  /* may compute rows nobody asked for: cheap, never fails on their garbage */
	K_NULLS = 2,  /* looks at nulls itself and writes out->valid; else a null in is a null out,
		       * and the kernel is given only rows without nulls (K_DENSE: any rows) */
	K_FAILS = 4,  /* can fail on a record */
	K_COSTLY = 8, /* worth choosing rows for */
};

struct node {
	enum node_kind kind;
	enum type type;
	bool nullable;
	bool untyped; /* NULL or a string literal whose type its place decides */
	bool eager;   /* cheap and cannot fail: no need to choose rows for it */
	uint8_t flags;
	struct expr_at at;
	uint32_t n;
	struct node **arg;
	struct val *vals;  /* n of them: what arg yielded, during a run */
	uint16_t *sel[2];  /* rows chosen by a control node: BATCH_ROWS each */
	const char *name;  /* of the function or operator, for errors */
	kernel_fn *kernel;
	control_fn *control;
	int32_t field;
	/* A literal. */
	bool is_null;
	uint64_t lit_valid;
	union {
		int64_t i64;
		double f64;
		uint64_t bits;
		struct strview str;
	} lit;
	const char *lit_text; /* in the arena, lit_len bytes: the whole text of a string literal */
	size_t lit_len;
	int op; /* a kernel's variant */
};

struct expr {
	struct mem *mem;
	enum simd simd; /* the processor's; tests lower it */
	struct expr_arena arena;
	char *text;
	struct node *root;
	bool is_list;
	struct node *list_sep; /* split's separator; NULL: white space */
	int list_case;         /* of split(lower(x)): -1 lower, 1 upper, 0 as it is */
	struct val list_by;    /* the separators of the batch that is being split */
	/* Long string literals, one after another; in a text of the pool from the first run on. */
	char *lits;
	uint32_t lits_len;
	struct text *lits_text;
	struct column *broadcast; /* a constant's column, kept for the next batch */
	uint16_t live[BATCH_ROWS]; /* a kernel's rows without nulls */
	uint16_t upto[BATCH_ROWS]; /* the rows before the first bad one */
};

/* One evaluation of one batch. */
struct run {
	struct expr *x;
	const struct batch *b;
	struct pool *pool;
	struct err *e;
	uint32_t n_rows;  /* rows of columns made in this run: all rows asked for are below it */
	struct rows asked; /* what a K_DENSE kernel was asked for: it may fail on these only */
	uint32_t bad_row;
};

/* The row is bad: sets the error and returns E_RECORD. */
enum rc run_fail(struct run *r, uint32_t row, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
enum rc run_no_memory(struct run *r);
/* A column of the pool with r->n_rows rows. */
enum rc run_column(struct run *r, enum type type, struct column **c);
enum rc node_run(struct run *r, const struct node *n, struct rows rows, struct val *to);
struct val val_of_column(struct column *c); /* takes the reference */
/* Those of rows where bit i of words is 1 (or 0, if not want), into sel. */
struct rows rows_choose(struct rows rows, const uint64_t *words, bool want, uint16_t *sel);
/* The same between a list and a bit for each of n_rows rows. sel has room for BATCH_ROWS. */
struct rows rows_of_words(const uint64_t *words, uint32_t n_rows, uint16_t *sel);
void rows_words(struct rows rows, uint32_t n_rows, uint64_t *words);

/* --- expr_eval.c: what starts a run --- */
/* Evaluates the argument of a list or a value for the rows of b. */
RC expr_run(struct expr *x, const struct node *n, const struct batch *b, struct pool *pool,
	    struct val *to, uint32_t *bad_row, struct err *e);

/* --- expr_type.c --- */
RC expr_resolve(struct expr *x, const struct ast *ast, const struct schema *in, enum expr_want want,
		struct expr_at *at, struct err *e);
