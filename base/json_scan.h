/* json_scan.h - the index of a JSON text: where each value and each key stands; base/ only.
 * Why apart from jansson: it keeps no positions, and a text nested 200,000 deep must be refused
 * before anything recurses over it.
 * Checks the whole grammar, UTF-8, escapes, the depth and the range of whole numbers, so that what
 * passes is a text jansson parses (but for equal keys, and numbers too large for a double). */
#pragma once
#include "base/json.h"

#define JSON_DEPTH_MAX 64
#define JSON_TEXT_MAX ((size_t)1 << 30) /* so that places are 32-bit numbers */

struct json_text_at {
	uint32_t line, column, offset, len;
};

/* In the order of the text: a container stands before what it holds. */
struct json_mark {
	struct json_text_at at, key; /* key.len is 0 except for members */
	uint32_t parent;             /* its index; UINT32_MAX for the root */
	uint32_t n;                  /* items or members */
	enum json_kind kind;
};

struct json_marks {
	struct json_mark *mark;
	uint32_t n, cap;
	struct mem *mem;
};

/* Scans text[from, from + len) as one document; places count from the start of text. */
RC json_scan(struct json_marks *m, const char *text, size_t from, size_t len, struct json_at *at,
	     struct err *e);
void json_marks_close(struct json_marks *m);

/* The next line and column after the bytes [from, to). */
void json_at_advance(struct json_text_at *at, const char *from, const char *to);
