/* checks_in.h - inside a check: its text as a program for a stack. checks_parse.c writes it,
 * checks.c runs it. */
#pragma once
#include "jobs/checks.h"

#define CHECK_TEXT_MAX 1024 /* bytes of one, by feel */
#define CHECK_OPS_MAX 256   /* of one; each comes from a byte of text or more */
#define CHECK_STACK_MAX 64
#define CHECK_NESTING_MAX 32 /* the parser's own stack */

enum check_op_kind { OP_NUMBER, OP_VALUE, OP_NEGATE, OP_ADD, OP_SUBTRACT, OP_MULTIPLY };

struct check_op {
	enum check_op_kind kind;
	__int128 number;      /* OP_NUMBER */
	enum check_what what; /* OP_VALUE, and these */
	uint32_t stage, word;
};

enum compare { IS_EQUAL, IS_NOT, IS_LESS, IS_AT_MOST, IS_MORE, IS_AT_LEAST };

struct check {
	char *text;
	enum compare compare;
	struct check_op *op; /* those of the left side, then those of the right */
	uint32_t n_left, n_right;
};

struct checks {
	struct mem *mem;
	const struct plan *plan; /* borrowed: names of stages, for texts */
	struct check check[CHECKS_MAX];
	uint32_t n;
};
