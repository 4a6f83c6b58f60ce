/* scan.c - see scan.h. */
#include "cli/scan.h"

#include <string.h>

struct scan scan_of(const char *text, size_t len)
{
	return (struct scan){text, text + len, false};
}

static void spaces(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
		s->at++;
}

static bool take(struct scan *s, char c)
{
	spaces(s);
	if (s->failed || s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool fails(struct scan *s)
{
	s->failed = true;
	return false;
}

bool scan_object(struct scan *s)
{
	return take(s, '{');
}

bool scan_array(struct scan *s)
{
	return take(s, '[');
}

/* The string that begins at s->at, without its quotes. */
static bool string(struct scan *s, struct slice *v)
{
	if (!take(s, '"'))
		return fails(s);
	const char *from = s->at;
	while (s->at < s->end && *s->at != '"')
		s->at += *s->at == '\\' && s->at + 1 < s->end ? 2 : 1;
	if (s->at >= s->end)
		return fails(s);
	*v = (struct slice){from, (size_t)(s->at - from)};
	s->at++;
	return true;
}

/* Behind a value, before the next: whether there is one. `first` is told by what stands before. */
static bool next(struct scan *s, char open, char close)
{
	spaces(s);
	if (s->failed || s->at == s->end)
		return fails(s);
	if (*s->at == close) {
		s->at++;
		return false;
	}
	const char *before = s->at - 1;
	while (*before == ' ' || *before == '\n' || *before == '\t' || *before == '\r')
		before--;
	return *before == open || take(s, ',') || fails(s);
}

bool scan_member(struct scan *s, struct slice *key)
{
	return next(s, '{', '}') && string(s, key) && (take(s, ':') || fails(s));
}

bool scan_item(struct scan *s)
{
	return next(s, '[', ']');
}

/* Over a nested value: strings are stepped over, brackets counted. */
static bool skip_nested(struct scan *s)
{
	unsigned depth = 0;
	struct slice v;
	do {
		spaces(s);
		if (s->at == s->end)
			return fails(s);
		if (*s->at == '"') {
			if (!string(s, &v))
				return false;
			continue;
		}
		if (*s->at == '{' || *s->at == '[')
			depth++;
		if (*s->at == '}' || *s->at == ']')
			depth--;
		if (depth > SCAN_DEPTH_MAX)
			return fails(s);
		s->at++;
	} while (depth);
	return true;
}

struct slice scan_value(struct scan *s)
{
	struct slice v = {s->at, 0};
	spaces(s);
	const char *from = s->at;
	if (s->failed || s->at == s->end) {
		s->failed = true;
		return v;
	}
	if (*s->at == '{' || *s->at == '[') {
		if (!skip_nested(s))
			return v;
	} else if (*s->at == '"') {
		if (!string(s, &v))
			return (struct slice){from, 0};
	} else {
		while (s->at < s->end && !strchr(",}] \n\t\r", *s->at))
			s->at++;
		if (s->at == from)
			s->failed = true;
	}
	return (struct slice){from, (size_t)(s->at - from)};
}

bool slice_is(struct slice v, const char *text)
{
	return v.len == strlen(text) && !memcmp(v.at, text, v.len);
}

int64_t slice_int(struct slice v, int64_t absent)
{
	bool minus = v.len && v.at[0] == '-';
	uint64_t n = 0;
	if (v.len == minus || v.len > 18u + minus)
		return absent; /* 18 digits do not overflow; 2026 has 16 digits of microseconds */
	for (size_t i = minus; i < v.len; i++) {
		if (v.at[i] < '0' || v.at[i] > '9')
			return absent;
		n = n * 10 + (uint64_t)(v.at[i] - '0');
	}
	return minus ? -(int64_t)n : (int64_t)n;
}

/* Four hex digits at p, or -1. */
static int hex4(const char *p, const char *end)
{
	int n = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int c = p[i] | 0x20;
		if (c >= '0' && c <= '9')
			n = n * 16 + c - '0';
		else if (c >= 'a' && c <= 'f')
			n = n * 16 + c - 'a' + 10;
		else
			return -1;
	}
	return n;
}

/* As UTF-8; its length. */
static size_t utf8_put(unsigned c, char *to)
{
	if (c < 0x80) {
		to[0] = c ? (char)c : '?';
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i; i--, c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3F));
	to[0] = (char)((0xF00 >> n & 0xFF) | c);
	return n;
}

/* The character at *at, unescaped, into to (4 bytes); its length there. */
static size_t character(const char **at, const char *end, char *to)
{
	const char *p = *at;
	if (*p != '\\' || p + 1 == end) {
		*at = p + 1;
		to[0] = *p;
		return 1;
	}
	static const char names[] = "bfnrt", means[] = "\b\f\n\r\t";
	const char *name = p[1] ? strchr(names, p[1]) : NULL;
	*at = p + 2;
	if (p[1] != 'u') {
		to[0] = name ? means[name - names] : p[1];
		return 1;
	}
	int c = hex4(p + 2, end), low;
	if (c < 0)
		return utf8_put(0xFFFD, to);
	*at = p + 6;
	if (c >= 0xD800 && c < 0xDC00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' &&
	    (low = hex4(*at + 2, end)) >= 0xDC00 && low < 0xE000) {
		*at += 6;
		return utf8_put(0x10000 + (((unsigned)c & 0x3FF) << 10) + ((unsigned)low & 0x3FF), to);
	}
	return utf8_put(c >= 0xD800 && c < 0xE000 ? 0xFFFD : (unsigned)c, to);
}

size_t slice_text(struct slice v, char *to, size_t size)
{
	size_t n = 0;
	if (v.len >= 2 && v.at[0] == '"') {
		const char *at = v.at + 1, *end = v.at + v.len - 1;
		char c[4];
		while (at < end) {
			size_t len = character(&at, end, c);
			if (n + len >= size) {
				/* not in the middle of a character that came as it is */
				while (n && ((unsigned char)c[0] & 0xC0) == 0x80 &&
				       ((unsigned char)to[n - 1] & 0xC0) == 0x80)
					n--;
				if (n && ((unsigned char)c[0] & 0xC0) == 0x80)
					n--;
				break;
			}
			memcpy(to + n, c, len);
			n += len;
		}
	}
	to[n] = '\0';
	return n;
}
