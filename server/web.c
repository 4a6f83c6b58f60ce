/* web.c - see web.h. */
#include "server/web.h"

#include <string.h>

const struct web_file *web_find(const char *path)
{
	for (size_t i = 0; i < web_files_n; i++)
		if (!strcmp(web_files[i].path, path))
			return &web_files[i];
	return NULL;
}
