/* catalogue_erase.c - the end of a job's files. See catalogue.h.
 * A job's directory goes out of the way in one rename, durably, before anything in it is removed:
 * manifests and parts that vanish in whatever order a power cut likes can then never be taken for
 * an older, smaller state of the job. Where directories cannot be renamed so, its manifests go
 * first, durably: parts without a manifest are refused by a start, never restored from. */
#include "server/catalogue_in.h"

#include <inttypes.h>
#include <stdio.h>

static enum rc too_long(const char *path, struct err *e)
{
	return ERR(e, E_INVALID, "the path of '%.80s...' is too long", path);
}

/* --- who has it --- */
/* E_REFUSED: somebody holds the lock in dir. *fd is -1 when there is none to take. */
static enum rc hold(struct fs *fs, const char *dir, int *fd, struct err *e)
{
	char path[CATALOGUE_PATH_MAX];
	struct fs_stat st;
	struct err why = {OK};
	*fd = -1;
	if (!catalogue_path(path, dir, "owner.lock"))
		return too_long(dir, e);
	/* Looked for first: a question makes no file. */
	enum rc rc = fs_stat(fs, path, &st, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc == OK)
		rc = fs_lock(fs, path, fd, &why);
	if (rc == E_REFUSED)
		return ERR(e, rc, "'%s' is in use by process %" PRIu64, dir, catalogue_pid(fs, path));
	return rc == OK ? OK : ERR(e, rc, "%s", why.text);
}

RC catalogue_is_free(struct catalogue *c, const char *name, struct err *e)
{
	char dir[CATALOGUE_PATH_MAX];
	int fd;
	if (!entry_name_ok(name) || !catalogue_job_dir(c->data, name, dir, sizeof dir))
		return ERR(e, E_INVALID, "'%.80s' is no name of a job", name);
	enum rc rc = hold(c->fs, dir, &fd, e);
	(void)!fs_close(c->fs, &fd, NULL);
	return rc;
}

/* --- removing --- */
/* The directory stays under its name; its manifests go first. */
static enum rc remove_in_place(struct fs *fs, const char *dir, struct err *e)
{
	char path[CATALOGUE_PATH_MAX];
	if (!catalogue_path(path, dir, "manifest"))
		return too_long(dir, e);
	enum rc rc = fs_remove_all(fs, path, e);
	if (rc == OK)
		rc = fs_sync_dir(fs, dir, e);
	return rc == OK ? fs_remove_all(fs, dir, e) : rc;
}

/* Its lock, if there is one, is ours. */
static enum rc remove_job(struct fs *fs, const char *jobs, const char *dir, const char *erased,
			  struct err *e)
{
	/* Of an earlier try. */
	enum rc rc = fs_remove_all(fs, erased, e);
	if (rc != OK)
		return rc;
	struct err why = {OK};
	rc = fs_rename_new(fs, dir, erased, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc == E_PERMISSION) /* of link, where the file system cannot rename without replacing */
		return remove_in_place(fs, dir, e);
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	rc = fs_sync_dir(fs, jobs, e);
	return rc == OK ? fs_remove_all(fs, erased, e) : rc;
}

static enum rc remove_logs(struct catalogue *c, const char *name, struct err *e)
{
	static const char *const endings[] = {"", ".1"};
	char log[CATALOGUE_PATH_MAX - 8], path[CATALOGUE_PATH_MAX], dir[CATALOGUE_PATH_MAX];
	if (!catalogue_log(c->data, name, log, sizeof log) || !catalogue_path(dir, c->data, "logs"))
		return too_long(c->data, e);
	enum rc rc = OK;
	for (size_t i = 0; rc == OK && i < sizeof endings / sizeof endings[0]; i++) {
		snprintf(path, sizeof path, "%s%s", log, endings[i]);
		rc = catalogue_unlink(c->fs, path, e);
	}
	return rc == OK ? fs_sync_dir(c->fs, dir, e) : rc;
}

RC catalogue_erase(struct catalogue *c, const char *name, bool logs, struct err *e)
{
	char jobs[CATALOGUE_PATH_MAX], dir[CATALOGUE_PATH_MAX - 16], erased[CATALOGUE_PATH_MAX];
	int fd;
	if (!entry_name_ok(name))
		return ERR(e, E_INVALID, "'%.80s' is no name of a job", name);
	if (!catalogue_job_dir(c->data, name, dir, sizeof dir) ||
	    !catalogue_path(jobs, c->data, "jobs"))
		return too_long(c->data, e);
	snprintf(erased, sizeof erased, "%s.erased", dir);
	enum rc rc = hold(c->fs, dir, &fd, e);
	if (rc == OK)
		rc = remove_job(c->fs, jobs, dir, erased, e);
	(void)!fs_close(c->fs, &fd, NULL);
	if (rc == OK)
		rc = fs_sync_dir(c->fs, jobs, e);
	return rc == OK && logs ? remove_logs(c, name, e) : rc;
}
