/* report_file.c - see report_file.h. */
#include "cli/report_file.h"

#include "base/fs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static bool is_special(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

RC report_file_check(const char *path, struct err *e)
{
	char folder[PATH_BYTES];
	struct stat st;
	fs_dirname(path, folder, sizeof folder);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return ERR(e, E_USAGE, "--report: '%s' is a folder", path);
	if (is_special(path) ? access(path, W_OK) : access(folder, W_OK | X_OK))
		return ERR(e, E_USAGE, "--report: '%s' cannot be written: %m", path);
	return OK;
}

RC report_file_write(const char *path, const void *data, size_t len, struct err *e)
{
	char beside[PATH_BYTES];
	bool special = is_special(path);
	snprintf(beside, sizeof beside, special ? "%s" : "%s.new", path);
	FILE *f = fopen(beside, "we");
	if (!f)
		return err_errno(e, errno, "--report: '%s'", beside);
	bool whole = fwrite(data, 1, len, f) == len;
	if (fclose(f) || !whole)
		return err_errno(e, errno, "--report: '%s'", beside);
	if (!special && rename(beside, path))
		return err_errno(e, errno, "--report: '%s'", path);
	return OK;
}
