/* expr_typer.h - what the three files share that turn a syntax tree into typed nodes:
 *   expr_type.c     the walk: fields, CASE, lists
 *   expr_call.c     functions and operators
 *   expr_coerce.c   literals, casts, one type for several values
 * Errors are E_INVALID with t->at set, or E_NO_MEMORY; t->e holds them. Private to them. */
#pragma once
#include "operators/expr_functions.h"
#include "operators/kernels.h"

struct typer {
	struct expr *x;
	const struct schema *in; /* NULL: there are no fields */
	struct expr_at *at;
	struct err *e;
};

#define REFUSE(t, where, ...) (*(t)->at = (where), ERR((t)->e, E_INVALID, __VA_ARGS__))

enum rc typer_no_memory(struct typer *t);
enum rc typer_node(struct typer *t, enum node_kind kind, enum type type, struct expr_at at,
		   uint32_t n, struct node **to);
enum rc typer_kernel(struct typer *t, kernel_fn *kernel, uint8_t flags, int op, enum type type,
		     struct expr_at at, struct node *const *arg, uint32_t n, struct node **to);
/* arg may hold NULLs (CASE without operand or else). */
enum rc typer_control(struct typer *t, control_fn *control, int op, enum type type,
		      struct expr_at at, struct node *const *arg, uint32_t n, struct node **to);
enum rc typer_literal(struct typer *t, const struct ast *a, struct node **to);

/* An explicit cast; op is the kernel's variant. */
enum rc typer_cast(struct typer *t, struct node **n, enum type type, int op, struct expr_at at);
/* What happens without being asked for. who wants it stands in the error. */
enum rc typer_coerce(struct typer *t, struct node **n, enum type type, const char *who);
/* Brings arg[0..n-1] to one type; NULL entries are left out. */
enum rc typer_unify(struct typer *t, struct node **arg, uint32_t n, const char *who,
		    enum type *type);

enum rc typer_resolve(struct typer *t, const struct ast *a, struct node **to);
/* The nodes of a's arguments; NULL where a has none. */
enum rc typer_args(struct typer *t, const struct ast *a, struct node ***arg);
enum rc typer_call(struct typer *t, const struct ast *a, struct node **to);
