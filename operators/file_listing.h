/* file_listing.h - which files a source's `path` names: a file, a folder's files, or a glob's.
 * A folder is not read recursively and its hidden files are left out; a glob has wild cards in its
 * last part only. Only regular files: a pipe or a device named by itself is refused, in a folder
 * left out. Looked at once, when the job begins: files that come later are not read.
 * Owns nothing. Threads: the control thread. */
#pragma once
#include "base/fs.h"
#include "operators/splits.h"

/* Whether a path has a wild card, and (*bad) whether one stands before its last part. */
bool path_is_glob(const char *path, bool *bad);

/* Adds the files and, for each that has bytes, one run that nobody has begun. Each was opened once,
 * so what cannot be read is refused now. Errors name the file as `path` does. E_NOT_FOUND: nothing
 * there, or no file fits the glob. */
RC files_list(struct fs *fs, const char *base_dir, const char *path, struct splits *to,
	      struct err *e);
