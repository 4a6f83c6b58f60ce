/* json_scan.c - see json_scan.h. */
#include "base/json_scan.h"
#include "base/check.h"

#include <ctype.h>
#include <stdio.h>

struct scan {
	const char *text, *at, *end;
	const char *line_start; /* and the line's number: columns are counted when a mark is made */
	uint32_t line;
	const char *counted; /* columns are counted up to here on this line */
	uint32_t column;
	struct json_marks *m;
	struct json_at *where;
	struct err *e;
};

unsigned utf8_len(const char *p, const char *end)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t left = (size_t)(end - p);
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xC2 || s[0] > 0xF4)
		return 0;
	unsigned n = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
	if (left < n)
		return 0;
	for (unsigned i = 1; i < n; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	if (s[0] == 0xE0 && s[1] < 0xA0)
		return 0; /* longer than it need be */
	if (s[0] == 0xED && s[1] > 0x9F)
		return 0; /* half of a pair */
	if (s[0] == 0xF0 && s[1] < 0x90)
		return 0;
	if (s[0] == 0xF4 && s[1] > 0x8F)
		return 0; /* above U+10FFFF */
	return n;
}

bool utf8_is(const char *p, size_t len)
{
	const char *end = p + len;
	unsigned n = 1;
	for (; p < end && n; p += n)
		n = utf8_len(p, end);
	return n > 0;
}

void json_at_advance(struct json_text_at *at, const char *from, const char *to)
{
	for (; from < to; from++) {
		if (*from == '\n') {
			at->line++;
			at->column = 1;
		} else if (((unsigned char)*from & 0xC0) != 0x80) {
			at->column++;
		}
	}
}

/* Counts each byte once: marks are made from left to right. */
static struct json_text_at place_of(struct scan *s, const char *p)
{
	if (s->counted < s->line_start) {
		s->counted = s->line_start;
		s->column = 1;
	}
	for (; s->counted < p; s->counted++)
		s->column += ((unsigned char)*s->counted & 0xC0) != 0x80;
	return (struct json_text_at){s->line, s->column, (uint32_t)(p - s->text), 0};
}

static enum rc wrong(struct scan *s, const char *p, size_t len, const char *says)
{
	struct json_text_at t = place_of(s, p);
	size_t left = (size_t)(s->end - p);
	if (s->where)
		*s->where = (struct json_at){t.line, t.column, t.offset, len < left ? len : left};
	return ERR(s->e, E_INVALID, "%s", says);
}

static enum rc wrong_here(struct scan *s, const char *expected)
{
	static const struct {
		const char *begins, *says;
	} known[] = {
		{"//", "JSON has no comments"},
		{"/*", "JSON has no comments"},
		{"#", "JSON has no comments"},
		{"'", "strings and keys stand in double quotes"},
		{"True", "it is written true"},
		{"False", "it is written false"},
		{"None", "it is written null"},
		{"NaN", "JSON has no NaN"},
		{"\xEF\xBB\xBF", "a byte order mark; save the file as UTF-8 without one"},
	};
	char says[160];
	size_t left = (size_t)(s->end - s->at);
	if (!left) {
		snprintf(says, sizeof says, "the text ends here; expected %s", expected);
		return wrong(s, s->at, 0, says);
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		size_t n = strlen(known[i].begins);
		if (n <= left && !memcmp(s->at, known[i].begins, n))
			return wrong(s, s->at, n, known[i].says);
	}
	unsigned n = utf8_len(s->at, s->end);
	if (!n)
		return wrong(s, s->at, 1, "not UTF-8");
	while (isalpha((unsigned char)*s->at) && n < left && n < 30 &&
	       (isalnum((unsigned char)s->at[n]) || s->at[n] == '_'))
		n++; /* the whole word */
	if (*s->at == '\0')
		snprintf(says, sizeof says, "a NUL byte; expected %s", expected);
	else if ((unsigned char)*s->at < 0x20 || *s->at == 0x7F)
		snprintf(says, sizeof says, "a control character (%u); expected %s",
			 (unsigned)(unsigned char)*s->at, expected);
	else
		snprintf(says, sizeof says, "expected %s, not '%.*s'", expected, (int)n, s->at);
	return wrong(s, s->at, n, says);
}

static void skip_space(struct scan *s)
{
	for (; s->at < s->end; s->at++) {
		if (*s->at == '\n') {
			s->line++;
			s->line_start = s->at + 1;
		} else if (*s->at != ' ' && *s->at != '\t' && *s->at != '\r') {
			return;
		}
	}
}

static int hex4(const char *p, const char *end)
{
	if (end - p < 4)
		return -1;
	int v = 0;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int d = c >= '0' && c <= '9'   ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

/* s->at stands on a backslash; afterwards behind the escape. */
static enum rc scan_escape(struct scan *s, bool is_key)
{
	const char *p = s->at + 1;
	if (p < s->end && *p != 'u') {
		if (*p == '\0' || !strchr("\"\\/bfnrt", *p))
			return wrong(s, s->at, 1 + (size_t)(utf8_len(p, s->end) == 1),
				     "no such escape; a backslash itself is written \\\\");
		s->at += 2;
		return OK;
	}
	int u = p < s->end ? hex4(p + 1, s->end) : -1;
	if (u < 0)
		return wrong(s, s->at, 2, "\\u wants four hexadecimal digits");
	if (u == 0 && is_key)
		return wrong(s, s->at, 6, "a key may not contain a NUL character");
	s->at += 6;
	if (u < 0xD800 || u > 0xDFFF)
		return OK;
	int low = s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u'
			  ? hex4(s->at + 2, s->end)
			  : -1;
	if (u > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
		return wrong(s, s->at - 6, 6, "half of a surrogate pair");
	s->at += 6;
	return OK;
}

static enum rc scan_string(struct scan *s, struct json_text_at *at, bool is_key)
{
	const char *start = s->at++;
	*at = place_of(s, start);
	for (;;) {
		if (s->at >= s->end)
			return wrong(s, start, 1, "this string is never closed");
		unsigned char c = (unsigned char)*s->at;
		if (c == '"')
			break;
		if (c == '\n' || c == '\r')
			return wrong(s, start, (size_t)(s->at - start),
				     "this string does not end on its line; a line break is "
				     "written \\n");
		if (c < 0x20)
			return wrong(s, s->at, 1,
				     c == '\t' ? "a tab inside a string is written \\t"
				     : c	 ? "a control character inside a string is written "
						   "\\u00XX"
						 : "a NUL byte inside a string");
		if (c == '\\') {
			if (scan_escape(s, is_key) != OK)
				return E_INVALID;
			continue;
		}
		unsigned n = utf8_len(s->at, s->end);
		if (!n)
			return wrong(s, s->at, 1, "not UTF-8");
		s->at += n;
	}
	s->at++;
	at->len = (uint32_t)(s->at - start);
	return OK;
}

static bool is_digit(const struct scan *s)
{
	return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static void skip_digits(struct scan *s)
{
	while (is_digit(s))
		s->at++;
}

/* The digits fit int64: a negative one may be 2^63. */
static bool fits_int64(const char *p, const char *end)
{
	bool negative = *p == '-';
	uint64_t v = 0, most = (uint64_t)INT64_MAX + negative;
	for (p += negative; p < end; p++) {
		unsigned d = (unsigned)(*p - '0');
		if (v > (most - d) / 10)
			return false;
		v = v * 10 + d;
	}
	return true;
}

static enum rc scan_number(struct scan *s, struct json_mark *m)
{
	const char *start = s->at;
	m->at = place_of(s, start);
	if (*s->at == '-')
		s->at++;
	if (!is_digit(s))
		return wrong(s, start, 1, "a number wants a digit after '-'");
	const char *first = s->at;
	skip_digits(s);
	if (*first == '0' && s->at - first > 1)
		return wrong(s, start, (size_t)(s->at - start), "a number may not begin with 0");
	m->kind = JSON_INT;
	if (s->at < s->end && *s->at == '.') {
		m->kind = JSON_REAL;
		s->at++;
		if (!is_digit(s))
			return wrong(s, start, (size_t)(s->at - start),
				     "a number wants a digit after '.'");
		skip_digits(s);
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		m->kind = JSON_REAL;
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		if (!is_digit(s))
			return wrong(s, start, (size_t)(s->at - start),
				     "a number wants a digit in its exponent");
		skip_digits(s);
	}
	m->at.len = (uint32_t)(s->at - start);
	if (m->kind == JSON_INT && !fits_int64(start, s->at))
		return wrong(s, start, m->at.len, "beyond the range of 64-bit whole numbers");
	return OK;
}

static bool scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return false;
	s->at += n;
	return true;
}

static enum rc scan_value(struct scan *s, struct json_mark *m)
{
	const char *start = s->at;
	char c = s->at < s->end ? *s->at : '\0';
	if (c == '"') {
		m->kind = JSON_STRING;
		return scan_string(s, &m->at, false);
	}
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(s, m);
	m->at = place_of(s, start);
	if (c == '{' || c == '[') {
		m->kind = c == '{' ? JSON_OBJECT : JSON_ARRAY;
		s->at++;
	} else if (scan_word(s, "true") || scan_word(s, "false")) {
		m->kind = JSON_BOOL;
	} else if (scan_word(s, "null")) {
		m->kind = JSON_NULL;
	} else {
		return wrong_here(s, "a value");
	}
	m->at.len = (uint32_t)(s->at - start);
	return OK;
}

static enum rc scan_key(struct scan *s, struct json_mark *m)
{
	if (s->at >= s->end || *s->at != '"')
		return wrong_here(s, "a key in double quotes");
	if (scan_string(s, &m->key, true) != OK)
		return E_INVALID;
	skip_space(s);
	if (s->at >= s->end || *s->at != ':')
		return wrong_here(s, "':' after the key");
	s->at++;
	skip_space(s);
	return OK;
}

static enum rc add_mark(struct scan *s, const struct json_mark *m)
{
	struct json_marks *ms = s->m;
	if (ms->n == ms->cap) {
		uint32_t cap = ms->cap ? ms->cap + ms->cap / 2 : 32;
		struct json_mark *grown = mem_resize(ms->mem, ms->mark, cap * sizeof *grown);
		if (!grown)
			return ERR(s->e, E_NO_MEMORY, "no memory for a JSON text");
		ms->mark = grown;
		ms->cap = cap;
	}
	ms->mark[ms->n++] = *m;
	return OK;
}

/* Closes containers as long as they end here. Afterwards either depth is 0 or s->at stands where
 * the next member or item begins. */
static enum rc scan_between(struct scan *s, uint32_t *stack, unsigned *depth)
{
	while (*depth) {
		struct json_mark *in = &s->m->mark[stack[*depth - 1]];
		char close = in->kind == JSON_OBJECT ? '}' : ']';
		skip_space(s);
		if (s->at < s->end && *s->at == close) {
			s->at++;
			in->at.len = (uint32_t)(s->at - s->text) - in->at.offset;
			--*depth;
			continue;
		}
		if (!in->n)
			return OK;
		if (s->at >= s->end || *s->at != ',')
			return wrong_here(s, close == '}' ? "',' or '}'" : "',' or ']'");
		const char *comma = s->at++;
		struct json_text_at comma_at = place_of(s, comma);
		skip_space(s);
		if (s->at < s->end && *s->at == close) {
			if (s->where)
				*s->where = (struct json_at){comma_at.line, comma_at.column,
							     comma_at.offset, 1};
			return ERR(s->e, E_INVALID, "a comma with nothing after it");
		}
		return OK;
	}
	return OK;
}

RC json_scan(struct json_marks *m, const char *text, size_t from, size_t len, struct json_at *at,
	     struct err *e)
{
	if (from + len > JSON_TEXT_MAX)
		return ERR(e, E_INVALID, "a JSON text of more than 1 GiB");
	struct json_text_at first = {1, 1, (uint32_t)from, 0};
	json_at_advance(&first, text, text + from);
	struct scan s = {.text = text, .at = text + from, .end = text + from + len,
			 .line_start = text, .line = first.line, .counted = text + from,
			 .column = first.column, .m = m, .where = at, .e = e};
	uint32_t stack[JSON_DEPTH_MAX];
	unsigned depth = 0;
	skip_space(&s);
	do {
		struct json_mark v = {.parent = depth ? stack[depth - 1] : UINT32_MAX};
		if (depth && m->mark[v.parent].kind == JSON_OBJECT && scan_key(&s, &v) != OK)
			return E_INVALID;
		if (scan_value(&s, &v) != OK)
			return E_INVALID;
		bool opens = v.kind == JSON_OBJECT || v.kind == JSON_ARRAY;
		if (opens && depth == JSON_DEPTH_MAX)
			return wrong(&s, s.at - 1, 1, "nested more than 64 deep");
		if (add_mark(&s, &v) != OK)
			return E_NO_MEMORY;
		if (depth)
			m->mark[v.parent].n++;
		if (opens)
			stack[depth++] = m->n - 1;
		if (scan_between(&s, stack, &depth) != OK)
			return E_INVALID;
	} while (depth);
	skip_space(&s);
	if (s.at < s.end)
		return wrong_here(&s, "nothing after the document");
	return OK;
}

void json_marks_close(struct json_marks *m)
{
	if (m->mem)
		mem_put(m->mem, m->mark);
	*m = (struct json_marks){.mem = m->mem};
}
