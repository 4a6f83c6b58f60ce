/* expr_scan.h - the tokens of an expression: for who must know what stands in one before it is
 * parsed (expr_scan.c's own checks; jobs/when.c, which gives names to what SQL has none for).
 * Pure: no memory. Threads: any. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum token_kind { TOK_END, TOK_WORD, TOK_QUOTED, TOK_TEXT, TOK_NUMBER, TOK_OPERATOR, TOK_PUNCT };
struct token {
	enum token_kind kind;
	size_t offset, len;
};

/* The token at or after offset; comments and white space are skipped. */
struct token token_at(const char *text, size_t offset);
bool token_is(const char *text, struct token t, const char *word); /* ASCII case ignored */
