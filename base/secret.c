/* secret.c - see secret.h. */
#include "base/secret.h"

#include <ctype.h>
#include <string.h>

bool secret_name_ok(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
	return n && n <= 64 && !name[n] && !isdigit((unsigned char)name[0]);
}

bool secret_ref_parse(struct secret_ref *r, const struct json *v)
{
	size_t len;
	if (json_kind(v) != JSON_STRING)
		return false;
	const char *s = json_string(v, &len);
	if (!strncmp(s, "env:", 4) && secret_name_ok(s + 4))
		*r = (struct secret_ref){SECRET_ENV, s + 4};
	else if (!strncmp(s, "file:", 5) && s[5])
		*r = (struct secret_ref){SECRET_FILE, s + 5};
	else
		return false;
	return strlen(s) == len; /* no NUL in it */
}
