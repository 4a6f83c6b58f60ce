/* manifest_get.c - see manifest_get.h. */
#include "checkpoint/manifest_get.h"

#include <stdlib.h>

void mget_no_memory(struct decoder *d)
{
	if (d->rc == OK)
		d->rc = ERR(d->e, E_NO_MEMORY, "no memory for a manifest");
}

const struct json *mget(struct decoder *d, const struct json *o, const char *key,
			enum json_kind kind, enum need need)
{
	const struct json *v = d->rc == OK ? json_get(o, key) : NULL;
	if (!v) {
		if (need == MUST)
			WRONG(d, "'%s' is missing", key);
		return NULL;
	}
	if (json_kind(v) != kind) {
		WRONG(d, "'%s' is %s", key, json_kind_name(json_kind(v)));
		return NULL;
	}
	return v;
}

uint64_t mget_number(struct decoder *d, const struct json *v, const char *key)
{
	if (json_kind(v) == JSON_INT && json_int(v) >= 0)
		return (uint64_t)json_int(v);
	uint64_t n = 0;
	if (json_kind(v) != JSON_STRING) {
		WRONG(d, "'%s' is not a whole number from 0 on", key);
		return 0;
	}
	size_t len;
	const char *text = json_string(v, &len);
	bool good = len > 0 && text[0] != '0';
	for (size_t i = 0; i < len; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');
		good &= text[i] >= '0' && text[i] <= '9' && n <= (UINT64_MAX - digit) / 10;
		n = n * 10 + digit;
	}
	if (!good || n <= INT64_MAX)
		WRONG(d, "'%s' is not a whole number", key);
	return d->rc == OK ? n : 0;
}

uint64_t mget_uint(struct decoder *d, const struct json *o, const char *key, enum need need,
		   uint64_t most)
{
	const struct json *v = d->rc == OK ? json_get(o, key) : NULL;
	if (!v) {
		if (need == MUST)
			WRONG(d, "'%s' is missing", key);
		return 0;
	}
	uint64_t n = mget_number(d, v, key);
	if (n > most)
		WRONG(d, "'%s' is too large", key);
	return d->rc == OK ? n : 0;
}

/* The manifest's own copy, or "" when it is not there. */
const char *mget_text(struct decoder *d, const struct json *o, const char *key,
		      enum need need, size_t most)
{
	const struct json *v = mget(d, o, key, JSON_STRING, need);
	if (!v)
		return "";
	size_t len;
	const char *text = json_string(v, &len);
	if (strlen(text) != len || len > most || (need == MUST && !len)) {
		WRONG(d, "'%s' is empty, too long or holds a NUL", key);
		return "";
	}
	const char *own = manifest_text(d->m, text);
	if (!own)
		mget_no_memory(d);
	return own ? own : "";
}

/* Hexadecimal, exactly that many small digits. */
uint64_t mget_hex(struct decoder *d, const struct json *o, const char *key, enum need need,
		  size_t digits, uint64_t otherwise)
{
	const struct json *v = mget(d, o, key, JSON_STRING, need);
	if (!v)
		return otherwise;
	size_t len;
	const char *text = json_string(v, &len);
	uint64_t n = 0;
	bool good = len == digits;
	for (size_t i = 0; good && i < len; i++) {
		char c = text[i];
		good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		n = n << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	if (!good)
		WRONG(d, "'%s' is not %zu hexadecimal digits", key, digits);
	return n;
}

bool mget_true(struct decoder *d, const struct json *o, const char *key)
{
	const struct json *v = mget(d, o, key, JSON_BOOL, MAY);
	return v && json_bool(v);
}

void mget_uuid(struct decoder *d, const struct json *o, char to[UUID_TEXT])
{
	const char *text = mget_text(d, o, "uuid", MUST, UUID_TEXT - 1);
	bool good = strlen(text) == UUID_TEXT - 1;
	for (size_t i = 0; good && i < UUID_TEXT - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		good = dash ? text[i] == '-' : strchr("0123456789abcdef", text[i]) != NULL;
	}
	if (good)
		memcpy(to, text, UUID_TEXT);
	else
		WRONG(d, "'uuid' is no identity");
}

size_t mget_count(const struct json *list)
{
	return list ? json_count(list) : 0;
}

/* Refuses keys that are not among `names`, and things that are no object. */
bool mget_only(struct decoder *d, const struct json *o, const char *what,
	       const char *const *names, size_t n)
{
	if (d->rc != OK)
		return false;
	if (json_kind(o) != JSON_OBJECT) {
		WRONG(d, "%s is %s", what, json_kind_name(json_kind(o)));
		return false;
	}
	for (size_t i = 0; i < json_count(o); i++) {
		size_t at = 0;
		while (at < n && strcmp(json_key(o, i), names[at]))
			at++;
		if (at == n) {
			WRONG(d, "%s: unknown key '%s'", what, json_key(o, i));
			return false;
		}
	}
	return true;
}
static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts names; a name twice is wrong. */
void mget_distinct(struct decoder *d, const char **name, size_t n, const char *what)
{
	if (d->rc != OK || n < 2)
		return;
	qsort(name, n, sizeof *name, by_text);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(name[i - 1], name[i]))
			WRONG(d, "%s '%s' stands twice", what, name[i]);
}
