/* paths.c - see paths.h. */
#include "operators/paths.h"

#include <stdio.h>
#include <string.h>

/* Appends the parts of path to `to`, which is empty, "/" or does not end with a slash. */
static bool parts_add(char *to, const char *path)
{
	size_t len = strlen(to);
	for (const char *part = path; *part;) {
		size_t n = strcspn(part, "/");
		if (n && !(n == 1 && part[0] == '.')) {
			bool slash = len && to[len - 1] != '/';
			if (len + slash + n >= PATH_TEXT_MAX)
				return false;
			if (slash)
				to[len++] = '/';
			memcpy(to + len, part, n);
			len += n;
			to[len] = '\0';
		}
		part += n;
		part += strspn(part, "/");
	}
	return true;
}

RC path_join(const char *base, const char *path, char *to, struct err *e)
{
	bool rooted = path[0] == '/' || base[0] == '/';
	strcpy(to, rooted ? "/" : "");
	if ((path[0] != '/' && !parts_add(to, base)) || !parts_add(to, path))
		return ERR(e, E_INVALID, "the path '%.64s...' is too long", path);
	if (!to[0])
		strcpy(to, ".");
	return OK;
}

const char *path_last(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}
