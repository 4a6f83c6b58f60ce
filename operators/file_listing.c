/* file_listing.c - see file_listing.h. */
#include "operators/file_listing.h"

#include "operators/paths.h"

#include <fnmatch.h>
#include <stdio.h>

bool path_is_glob(const char *path, bool *bad)
{
	const char *last = path_last(path);
	const char *wild = strpbrk(path, "*?[");
	*bad = wild && wild < last;
	return wild && wild >= last;
}

/* "read 'a/b': no such file" -> "cannot read a/b: ..." would say it twice: the text of the seam
 * names the path as it was opened, which is what one looks for on the disk. */
static RC file_try_open(struct fs *fs, const char *full, const char *name, struct err *e)
{
	int fd;
	enum rc rc = fs_open(fs, full, FS_READ, &fd, e);
	if (rc != OK)
		return err_in(e, "%s cannot be read", name);
	(void)!fs_close(fs, &fd, NULL); /* nothing was written */
	return OK;
}

static RC file_add(struct fs *fs, const char *full, const char *name, const struct fs_stat *st,
		   struct splits *to, struct err *e)
{
	if (file_try_open(fs, full, name, e) != OK)
		return e->code;
	if (!st->size_bytes)
		return OK; /* nothing will ever be read of it */
	uint32_t file;
	if (splits_add_file(to, name, st->size_bytes, &file, e) != OK)
		return e->code;
	struct split_run all = {.file = file, .end = to->file[file].splits};
	return splits_add_run(to, &all, e);
}

/* One name of a folder: left out unless it is a regular file that fits. */
static RC name_add(struct fs *fs, const char *base_dir, const char *folder, const char *name,
		   const char *glob, struct splits *to, bool *fits, struct err *e)
{
	if (glob ? fnmatch(glob, name, FNM_PERIOD) != 0 : name[0] == '.')
		return OK;
	char shown[PATH_TEXT_MAX], full[PATH_TEXT_MAX];
	if (path_join(folder, name, shown, e) != OK || path_join(base_dir, shown, full, e) != OK)
		return e->code;
	struct fs_stat st;
	if (fs_stat(fs, full, &st, e) != OK)
		return err_in(e, "%s cannot be read", shown);
	if (st.kind != FS_FILE)
		return OK;
	*fits = true;
	return file_add(fs, full, shown, &st, to, e);
}

static RC folder_add(struct fs *fs, const char *base_dir, const char *folder, const char *glob,
		     struct splits *to, bool *fits, struct err *e)
{
	char full[PATH_TEXT_MAX];
	struct fs_names names;
	if (path_join(base_dir, folder, full, e) != OK)
		return e->code;
	enum rc rc = fs_list(fs, full, &names, e);
	if (rc != OK)
		return err_in(e, "%s cannot be read", folder);
	for (size_t i = 0; i < names.n && rc == OK; i++)
		rc = name_add(fs, base_dir, folder, names.name[i], glob, to, fits, e);
	fs_names_close(&names);
	return rc;
}

static RC glob_add(struct fs *fs, const char *base_dir, const char *path, struct splits *to,
		   struct err *e)
{
	char folder[PATH_TEXT_MAX];
	bool fits = false;
	fs_dirname(path, folder, sizeof folder);
	if (folder_add(fs, base_dir, folder, path_last(path), to, &fits, e) != OK)
		return e->code;
	return fits ? OK : ERR(e, E_NOT_FOUND, "no file fits %s", path);
}

RC files_list(struct fs *fs, const char *base_dir, const char *path, struct splits *to,
	      struct err *e)
{
	char full[PATH_TEXT_MAX];
	if (splits_set_pattern(to, path, e) != OK || path_join(base_dir, path, full, e) != OK)
		return e->code;
	struct fs_stat st;
	struct err why = {OK};
	bool bad, glob = path_is_glob(path, &bad), fits;
	enum rc rc = fs_stat(fs, full, &st, &why);
	/* A file may well be called "a[1].txt": the name itself comes first. */
	if (rc == E_NOT_FOUND && glob)
		rc = glob_add(fs, base_dir, path, to, e);
	else if (rc != OK)
		rc = ERR(e, rc, "%s cannot be read: %s", path, why.text);
	else if (st.kind == FS_DIR)
		rc = folder_add(fs, base_dir, path, NULL, to, &fits, e);
	else if (st.kind == FS_FILE)
		rc = file_add(fs, full, path, &st, to, e);
	else
		rc = ERR(e, E_INVALID, "%s is neither a regular file nor a folder of files", path);
	if (rc == OK)
		rc = splits_settle(to, e);
	to->total = splits_left(to);
	return rc;
}
