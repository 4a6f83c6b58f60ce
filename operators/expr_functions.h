/* expr_functions.h - the functions and operators there are, by the types they take.
 * What needs more than its types (comparisons, IN, CASE, ...) is in expr_type.c. */
#pragma once
#include "operators/expr_node.h"

#define FUNCTION_ARGS_MAX 3

struct function {
	const char *name;
	const char *args; /* a letter each: B bool, I int64, F float64, S text, T timestamp */
	enum type result;
	kernel_fn *kernel;
	uint8_t flags;
	int op;
};

enum type function_arg(const struct function *f, uint32_t i);
/* The best for these arguments: exact types before int64 read as float64; an untyped literal takes
 * any type. E_INVALID says what is wrong: no such name (did you mean), or which types it takes. */
RC function_find(const char *name, struct node *const *arg, uint32_t n, const struct function **f,
		 struct err *e);
