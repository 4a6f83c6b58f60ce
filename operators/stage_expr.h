/* stage_expr.h - an expression of a stage: checked once when the job is planned, compiled again for
 * each subtask, because a compiled one belongs to one task.
 * Also here: the fields a stage names, with "did you mean".
 * Owns: its text. Threads: the plan is read only once it stands. */
#pragma once
#include "operators/expr.h"
#include "runtime/operator.h"

struct stage_expr {
	char *text;
	enum type type;
	bool nullable;
	int field; /* the field it is nothing but, else -1 */
};

/* node: a string, or a number, which stands for itself. False: the fault was reported there. */
bool stage_expr_plan(struct stage_expr *x, struct op_plan *p, const struct json *node,
		     const struct schema *in, enum expr_want want);
/* The same from a text of our own, about `node`. */
bool stage_expr_plan_text(struct stage_expr *x, struct op_plan *p, const struct json *node,
			  const char *text, const struct schema *in, enum expr_want want);
void stage_expr_close(struct stage_expr *x, struct mem *mem); /* legal on the empty value */
RC stage_expr_open(const struct stage_expr *x, struct expr **to, const struct schema *in,
		   enum expr_want want, struct mem *mem, struct err *e);

/* A fault of expr_compile in what stands at `offset` of node's text, to r, its cure under the
 * caret: this one, or NULL: the one that e names. Changes e. */
void expr_report(struct opt_report *r, const struct json *node, size_t offset, struct expr_at at,
		 const char *cure, struct err *e);

/* The index of the field of `in` that option or list item `node` names; -1: reported. */
int stage_field(struct op_plan *p, const struct json *node, const char *name,
		const struct schema *in);
/* schema_add to p->out, its fault reported at node. */
bool stage_out_add(struct op_plan *p, const struct json *node, const char *name, enum type type,
		   bool nullable);
/* Reports that there is no memory; false. */
bool stage_no_memory(struct op_plan *p);
