/* http_target.c - what a request line asks for: the path as sent, the query's parameters unescaped.
 * Why not the library's parser: it turns '+' into a space and cuts values at %00. Pure. */
#include "server/http_in.h"

#define PARAMS_MAX 256 /* by feel; a submit has at most 64 `set` and three more */

const char http_target_no_memory[] = "no memory for the request";

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place. NULL, or what is wrong. */
static const char *unescape(char *text)
{
	char *to = text;
	for (const char *at = text; *at; at++) {
		if (*at != '%') {
			*to++ = *at;
			continue;
		}
		int high = hex(at[1]), low = high < 0 ? -1 : hex(at[2]);
		if (low < 0)
			return "a '%' in the query is not followed by two hexadecimal digits";
		if (high == 0 && low == 0)
			return "the query holds %00";
		*to++ = (char)(high << 4 | low);
		at += 2;
	}
	*to = '\0';
	return NULL;
}

static unsigned count_params(const char *query)
{
	unsigned n = 1;
	for (; (query = strchr(query, '&')); query++)
		n++;
	return n;
}

static const char *parse_query(struct http_target *t, char *query)
{
	char *next = query;
	while ((query = next)) {
		char *end = strchr(query, '&');
		next = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		if (!*query)
			continue; /* "a=1&&b=2", "?" */
		char *value = strchr(query, '=');
		if (value)
			*value++ = '\0';
		else
			value = query + strlen(query);
		const char *fault = unescape(query);
		if (!fault)
			fault = unescape(value);
		if (fault)
			return fault;
		t->params[t->n++] = (struct http_param){query, value};
	}
	return NULL;
}

const char *http_target_parse(struct http_target *t, const char *raw, struct mem *mem)
{
	*t = (struct http_target){0};
	for (const char *at = raw; *at; at++)
		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return "the request line holds a blank or a control character where none may be";
	const char *query = strchr(raw, '?');
	unsigned n = query ? count_params(query + 1) : 0;
	if (n > PARAMS_MAX)
		return "the query has over 256 parameters";
	size_t len = strlen(raw);
	t->params = mem_get(mem, n * sizeof *t->params + len + 1);
	if (!t->params)
		return http_target_no_memory;
	char *text = (char *)(t->params + n);
	memcpy(text, raw, len + 1);
	t->path = text;
	if (!query)
		return NULL;
	text[query - raw] = '\0';
	return parse_query(t, text + (query - raw) + 1);
}

void http_target_close(struct http_target *t, struct mem *mem)
{
	mem_put(mem, t->params);
	*t = (struct http_target){0};
}

bool http_is_token(const char *name)
{
	size_t n = strspn(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
			  "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	return n && !name[n];
}
