/* expr_scan.c - tokens of an expression, and the checks before libpg_query may see it.
 * Why before: its parser recurses, so a text nested deeply enough overflows the stack; and two
 * clauses leave no trace in its tree. The scan needs no memory and stops at 8 KiB.
 * Follows PostgreSQL's scan.l as far as strings, quoted names, comments and numbers reach. */
#include "operators/expr_ast.h"

#include "base/check.h"

#include <strings.h>

struct arena_block {
	struct arena_block *next;
};

void expr_arena_init(struct expr_arena *a, struct mem *mem)
{
	*a = (struct expr_arena){.mem = mem};
}

void expr_arena_close(struct expr_arena *a)
{
	while (a->first) {
		struct arena_block *b = a->first;
		a->first = b->next;
		mem_put(a->mem, b);
	}
	a->left = 0;
}

void *expr_arena_get(struct expr_arena *a, size_t size_bytes)
{
	size_t size = (size_bytes + 15) & ~(size_t)15;
	if (size > a->left) {
		size_t whole = size + 16 > 2048 ? size + 16 : 2048;
		struct arena_block *b = mem_get(a->mem, whole);
		if (!b)
			return NULL;
		b->next = a->first;
		a->first = b;
		a->at = (char *)b + 16;
		a->left = whole - 16;
	}
	void *p = a->at;
	a->at += size;
	a->left -= size;
	return p;
}

char *expr_arena_text(struct expr_arena *a, const char *text, size_t len)
{
	char *p = expr_arena_get(a, len + 1);
	if (p)
		memcpy(p, text, len);
	return p;
}

static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word_start(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(unsigned char c)
{
	return is_word_start(c) || is_digit(c) || c == '$';
}

static bool is_operator(unsigned char c)
{
	return c && strchr("+-*/<>=~!@#%^&|`?:", c);
}

static size_t skip_comment(const char *s, size_t i)
{
	if (s[i + 1] == '-') {
		while (s[i] && s[i] != '\n' && s[i] != '\r')
			i++;
		return i;
	}
	unsigned depth = 0;
	while (s[i]) { /* comments nest */
		if (s[i] == '/' && s[i + 1] == '*') {
			depth++;
			i += 2;
		} else if (s[i] == '*' && s[i + 1] == '/') {
			i += 2;
			if (--depth == 0)
				return i;
		} else {
			i++;
		}
	}
	return i;
}

static bool begins_comment(const char *s, size_t i)
{
	return (s[i] == '-' && s[i + 1] == '-') || (s[i] == '/' && s[i + 1] == '*');
}

/* The end of a quoted thing that begins at i; doubled quotes stay inside. */
static size_t skip_quoted(const char *s, size_t i, bool backslashes)
{
	char quote = s[i++];
	while (s[i]) {
		if (backslashes && s[i] == '\\' && s[i + 1])
			i += 2;
		else if (s[i] == quote && s[i + 1] == quote)
			i += 2;
		else if (s[i++] == quote)
			return i;
	}
	return i;
}

/* $tag$ ... $tag$, or 0 if none begins at i. */
static size_t skip_dollar(const char *s, size_t i)
{
	size_t j = i + 1;
	if (is_word_start((unsigned char)s[j]))
		while (is_word((unsigned char)s[j]) && s[j] != '$')
			j++;
	if (s[j] != '$')
		return 0;
	size_t tag = j + 1 - i;
	for (j++; s[j]; j++)
		if (s[j] == '$' && !strncmp(s + j, s + i, tag))
			return j + tag;
	return j;
}

static size_t skip_number(const char *s, size_t i)
{
	while (is_digit((unsigned char)s[i]) || s[i] == '.')
		i++;
	if (s[i] == 'e' || s[i] == 'E') {
		size_t j = i + 1;
		if (s[j] == '+' || s[j] == '-')
			j++;
		if (is_digit((unsigned char)s[j])) {
			while (is_digit((unsigned char)s[j]))
				j++;
			i = j;
		}
	}
	return i;
}

/* A prefix such as E'...' or U&"...": its length, and in *escapes whether backslashes quote. */
static size_t prefix_len(const char *s, size_t i, bool *escapes)
{
	*escapes = (s[i] | 32) == 'e' && s[i + 1] == '\'';
	if (*escapes || (strchr("bBxXnN", s[i]) && s[i + 1] == '\''))
		return 1;
	if ((s[i] | 32) == 'u' && s[i + 1] == '&' && (s[i + 2] == '\'' || s[i + 2] == '"'))
		return 2;
	return 0;
}

struct token token_at(const char *s, size_t i)
{
	for (;;) {
		while (is_space((unsigned char)s[i]))
			i++;
		if (!begins_comment(s, i))
			break;
		i = skip_comment(s, i);
	}
	struct token t = {.offset = i};
	unsigned char c = (unsigned char)s[i];
	size_t end;
	bool escapes;
	size_t prefix = c ? prefix_len(s, i, &escapes) : 0;
	if (!c) {
		t.kind = TOK_END;
		end = i;
	} else if (prefix) {
		t.kind = s[i + prefix] == '"' ? TOK_QUOTED : TOK_TEXT;
		end = skip_quoted(s, i + prefix, escapes);
	} else if (c == '\'' || c == '"') {
		t.kind = c == '"' ? TOK_QUOTED : TOK_TEXT;
		end = skip_quoted(s, i, false);
	} else if (c == '$' && (end = skip_dollar(s, i))) {
		t.kind = TOK_TEXT;
	} else if (is_word_start(c)) {
		t.kind = TOK_WORD;
		for (end = i + 1; is_word((unsigned char)s[end]); end++)
			;
	} else if (is_digit(c) || (c == '.' && is_digit((unsigned char)s[i + 1]))) {
		t.kind = TOK_NUMBER;
		end = skip_number(s, i);
	} else if (is_operator(c)) {
		t.kind = TOK_OPERATOR;
		end = i + 1;
		while (is_operator((unsigned char)s[end]) && !begins_comment(s, end))
			end++;
	} else {
		t.kind = TOK_PUNCT;
		end = i + 1;
	}
	t.len = end - t.offset;
	return t;
}

bool token_is(const char *text, struct token t, const char *word)
{
	return strlen(word) == t.len && !strncasecmp(text + t.offset, word, t.len);
}

static bool is_operator_word(const char *text, struct token t)
{
	static const char *const words[] = {"and", "or",      "not",     "is",      "in",
					    "at",  "like",    "ilike",   "between", "similar",
					    "isnull", "notnull", "collate", "operator"};
	if (t.kind != TOK_WORD)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (token_is(text, t, words[i]))
			return true;
	return false;
}

static enum rc refuse(struct expr_at *at, struct token t, struct err *e, const char *what)
{
	*at = (struct expr_at){t.offset, t.len};
	return ERR(e, E_INVALID, "%s", what);
}

RC expr_scan_check(const char *text, struct expr_at *at, struct err *e)
{
	if (strnlen(text, EXPR_TEXT_MAX + 1) > EXPR_TEXT_MAX) {
		*at = (struct expr_at){EXPR_TEXT_MAX, 0};
		return ERR(e, E_INVALID, "an expression has at most %d bytes", EXPR_TEXT_MAX);
	}
	uint32_t brackets = 0, cases = 0, prefixes = 0, operators = 0;
	struct token t = token_at(text, 0);
	if (t.kind == TOK_WORD && (token_is(text, t, "all") || token_is(text, t, "distinct")))
		return refuse(at, t, e, "only an expression can stand here, not a SELECT clause");
	for (; t.kind != TOK_END; t = token_at(text, t.offset + t.len)) {
		bool op = t.kind == TOK_OPERATOR || is_operator_word(text, t);
		prefixes = op ? prefixes + 1 : 0; /* not not x, - - x: each is one deeper */
		operators += op;
		if (t.kind == TOK_PUNCT && strchr("([", text[t.offset]))
			brackets++;
		else if (t.kind == TOK_PUNCT && strchr(")]", text[t.offset]))
			brackets -= brackets > 0;
		else if (t.kind == TOK_WORD && token_is(text, t, "case"))
			cases++;
		else if (t.kind == TOK_WORD && token_is(text, t, "end"))
			cases -= cases > 0;
		else if (t.kind == TOK_WORD && !brackets && token_is(text, t, "for"))
			return refuse(at, t, e, "only an expression can stand here; a field with "
						"that name is written \"for\"");
		else if (t.kind == TOK_PUNCT && text[t.offset] == ';')
			return refuse(at, t, e, "one expression, without ';'");
		/* A run of one operator is not nesting: a + b. */
		if (brackets + cases + (prefixes > 1 ? prefixes : 0) > EXPR_NESTING_MAX)
			return refuse(at, t, e, "nested more than 100 deep");
		if (operators > EXPR_OPERATORS_MAX)
			return refuse(at, t, e, "more than 500 operators");
	}
	return OK;
}
