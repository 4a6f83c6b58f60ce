/* fs_tree.c - a folder and everything below it is removed. See fs.h. */
#include "base/fs.h"

#include <stdio.h>

/* A job's directory has two levels; what somebody put in it may have some more. By feel. */
enum { DEPTH_MAX = 16, PATH_BYTES = 4096 };

static enum rc remove_tree(struct fs *fs, const char *path, unsigned depth, struct err *e);

static enum rc remove_all_in(struct fs *fs, const char *dir, unsigned depth, struct err *e)
{
	char path[PATH_BYTES];
	struct fs_names l;
	if (depth >= DEPTH_MAX)
		return ERR(e, E_LIMIT, "'%s' is more than %d folders deep: remove it by hand", dir,
			   DEPTH_MAX);
	enum rc rc = fs_list(fs, dir, &l, e);
	for (size_t i = 0; rc == OK && i < l.n; i++) {
		int n = snprintf(path, sizeof path, "%s/%s", dir, l.name[i]);
		rc = n < PATH_BYTES ? remove_tree(fs, path, depth + 1, e)
				    : ERR(e, E_INVALID, "the path of '%.80s...' is too long", dir);
	}
	fs_names_close(&l);
	return rc;
}

/* A link is unlinked; rmdir follows none, so only what it calls a directory that is not empty is
 * gone into. */
static enum rc remove_tree(struct fs *fs, const char *path, unsigned depth, struct err *e)
{
	struct err why = {OK};
	enum rc rc = fs_unlink(fs, path, &why);
	if (rc == OK || rc == E_NOT_FOUND)
		return OK;
	rc = fs_rmdir(fs, path, NULL);
	if (rc == OK)
		return OK;
	if (rc != E_EXISTS)
		return ERR(e, why.code, "%s", why.text);
	rc = remove_all_in(fs, path, depth, e);
	return rc == OK ? fs_rmdir(fs, path, e) : rc;
}

RC fs_remove_all(struct fs *fs, const char *path, struct err *e)
{
	return remove_tree(fs, path, 0, e);
}
