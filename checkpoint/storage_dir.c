/* storage_dir.c - objects as files of a folder, over struct fs. See storage.h.
 * Happy path of put: create a temporary, write, fsync, fstat, close, link, stat, fsync of the
 * folder, unlink. What can go wrong: before the link nothing is visible, and the error is the
 * answer. The link's own result is not believed (a server may have done it and lost the answer):
 * the name is looked at. From the link to the folder's fsync a crash may keep or lose the name, so
 * an error there has no answer.
 * Why not rename: rename replaces; two owners would both believe they had won. */
#include "checkpoint/storage.h"

#include "base/planted.h"

enum { TEMPORARY_TRIES = 1000 }; /* names a dead process may have left under our epoch */

/* --- put --- */

/* Creates a temporary under a name nobody has. */
static enum rc create_temporary(struct fs *fs, const struct put *p, char path[LAYOUT_PATH_MAX],
				int *fd, struct err *e)
{
	for (int tries = 0; tries < TEMPORARY_TRIES; tries++) {
		char name[LAYOUT_NAME_MAX + 1];
		struct err why = {OK};
		layout_temporary(name, p->epoch, (*p->seq)++);
		if (!layout_path(path, p->folder, NULL, name))
			return ERR(e, E_INVALID, "the path of '%s' is too long", p->folder);
		enum rc rc = fs_open(fs, path, FS_CREATE, fd, &why);
		if (rc != E_EXISTS)
			return rc == OK ? OK : ERR(e, rc, "%s", why.text);
	}
	return ERR(e, E_LIMIT, "'%s' is full of temporaries", p->folder);
}

/* A whole, synced temporary: its path and what it is. */
static enum rc write_temporary(struct fs *fs, const struct put *p, char path[LAYOUT_PATH_MAX],
			       struct fs_stat *st, struct err *e)
{
	int fd;
	enum rc rc = create_temporary(fs, p, path, &fd, e);
	if (rc != OK)
		return rc;
	rc = fs_pwrite(fs, fd, p->data, p->len, 0, e);
	if (rc == OK && !PLANTED(no_fsync_of_the_manifest))
		rc = fs_sync(fs, fd, e);
	if (rc == OK)
		rc = fs_fstat(fs, fd, st, e);
	enum rc closed = fs_close(fs, &fd, rc == OK ? e : NULL);
	rc = rc == OK ? closed : rc;
	if (rc != OK)
		(void)!fs_unlink(fs, path, NULL); /* ours, and never to be named */
	return rc;
}

/* Whether path is our file, whatever the link said. */
static enum put_outcome link_outcome(struct fs *fs, const char *temporary, const char *path,
				     const struct fs_stat *ours, enum rc linked, struct err *why,
				     struct err *e)
{
	struct fs_stat st;
	struct err look = {OK};
	enum rc rc = fs_stat(fs, path, &st, &look);
	if (rc == OK && st.inode == ours->inode && st.device == ours->device)
		return PUT_DONE;
	if (rc == OK) {
		ERR(e, E_EXISTS, "'%s' was taken by another process", path);
		return PUT_TAKEN;
	}
	if (rc == E_CRASHED) {
		ERR(e, rc, "%s", look.text);
		return PUT_UNKNOWN;
	}
	if (rc == E_NOT_FOUND && linked != OK && linked != E_EXISTS) {
		rc = fs_stat(fs, temporary, &st, &look);
		if (rc == OK && st.links == 1) {
			ERR(e, linked, "%s", why->text);
			return PUT_FAILED;
		}
	}
	ERR(e, E_UNKNOWN_OUTCOME, "'%s' may or may not have been published (%s)", path,
	    linked == OK ? look.text : why->text);
	return PUT_UNKNOWN;
}

static enum put_outcome dir_put(void *self, const struct put *p, struct err *e)
{
	struct fs *fs = self;
	char temporary[LAYOUT_PATH_MAX];
	struct fs_stat ours;
	if (write_temporary(fs, p, temporary, &ours, e) != OK)
		return PUT_FAILED;
	struct err why = {OK};
	if (PLANTED(link_replaces))
		(void)!fs_unlink(fs, p->path, NULL);
	enum rc linked = fs_link(fs, temporary, p->path, &why);
	enum put_outcome out = link_outcome(fs, temporary, p->path, &ours, linked, &why, e);
	if (out == PUT_DONE && !PLANTED(no_dir_fsync_after_the_link) &&
	    fs_sync_dir(fs, p->folder, &why) != OK) {
		if (PLANTED(unknown_outcome_is_failure)) {
			ERR(e, why.code, "%s", why.text);
			return PUT_FAILED;
		}
		ERR(e, E_UNKNOWN_OUTCOME, "'%s' stands, but may not survive a crash (%s)", p->path,
		    why.text);
		return PUT_UNKNOWN;
	}
	/* Taken: no durable operation any more (inv 27). Unknown: delete nothing. */
	if (out == PUT_DONE || (out == PUT_FAILED && e->code != E_CRASHED))
		(void)!fs_unlink(fs, temporary, NULL); /* else a later start sweeps it */
	return out;
}

/* --- whole objects --- */
static enum rc dir_get(void *self, const char *path, size_t limit_bytes, struct blob *b,
		       struct err *e)
{
	struct fs *fs = self;
	enum rc rc = fs_read_all(fs, path, limit_bytes, &b->data, &b->len, e);
	b->mem = rc == OK ? fs->mem : NULL;
	return rc;
}

static enum rc dir_list(void *self, const char *folder, struct fs_names *l, struct err *e)
{
	return fs_list(self, folder, l, e);
}

static enum rc dir_remove(void *self, const char *path, struct err *e)
{
	return fs_unlink(self, path, e);
}

static enum rc dir_size(void *self, const char *path, uint64_t *size_bytes, struct err *e)
{
	struct fs_stat st;
	enum rc rc = fs_stat(self, path, &st, e);
	*size_bytes = rc == OK ? st.size_bytes : 0;
	return rc;
}

/* Whatever speaks against it means that the file goes whole. */
static uint64_t dir_shrink(void *self, const char *path, uint64_t step_bytes)
{
	struct fs *fs = self;
	struct fs_stat st;
	struct err ignored = {OK};
	int fd = -1;
	bool was = fs_open(fs, path, FS_WRITE_ITSELF, &fd, &ignored) == OK &&
		   fs_fstat(fs, fd, &st, &ignored) == OK && st.kind == FS_FILE && st.links == 1 &&
		   st.size_bytes > step_bytes &&
		   fs_truncate(fs, fd, st.size_bytes - step_bytes, &ignored) == OK;
	bool closed = fs_close(fs, &fd, &ignored) == OK;
	return was && closed ? step_bytes : 0;
}

static enum rc dir_settle(void *self, const char *folder, struct err *e)
{
	return fs_sync_dir(self, folder, e);
}

static enum rc dir_harden(void *self, const char *path, struct err *e)
{
	struct fs *fs = self;
	int fd = -1;
	enum rc rc = fs_open(fs, path, FS_READ, &fd, e);
	if (rc == OK)
		rc = fs_sync(fs, fd, e);
	enum rc closed = fs_close(fs, &fd, rc == OK ? e : NULL);
	return rc == OK ? closed : rc;
}

/* --- piece by piece --- */
static enum rc dir_create(void *self, const char *path, int *handle, struct err *e)
{
	return fs_open(self, path, FS_CREATE, handle, e);
}

static enum rc dir_open(void *self, const char *path, int *handle, uint64_t *size_bytes,
			struct err *e)
{
	struct fs *fs = self;
	struct fs_stat st;
	enum rc rc = fs_open(fs, path, FS_READ, handle, e);
	if (rc != OK)
		return rc;
	rc = fs_fstat(fs, *handle, &st, e);
	if (rc != OK)
		(void)!fs_close(fs, handle, NULL);
	else
		*size_bytes = st.kind == FS_FILE ? st.size_bytes : UINT64_MAX;
	return rc;
}

static enum rc dir_write(void *self, int handle, const void *from, size_t len, uint64_t off,
			 struct err *e)
{
	return fs_pwrite(self, handle, from, len, off, e);
}

static enum rc dir_read(void *self, int handle, void *to, size_t len, uint64_t off, size_t *got,
			struct err *e)
{
	return fs_pread(self, handle, to, len, off, got, e);
}

static enum rc dir_sync(void *self, int handle, struct err *e)
{
	return fs_sync(self, handle, e);
}

static enum rc dir_close(void *self, int *handle, struct err *e)
{
	return fs_close(self, handle, e);
}

struct storage storage_dir(struct fs *fs, const char *dir, const char *folder)
{
	static const struct storage_ops ops = {
		.name = "dir",
		.put = dir_put,
		.get = dir_get,
		.list = dir_list,
		.remove = dir_remove,
		.size = dir_size,
		.shrink = dir_shrink,
		.settle = dir_settle,
		.harden = dir_harden,
		.create = dir_create,
		.open = dir_open,
		.write = dir_write,
		.read = dir_read,
		.sync = dir_sync,
		.close = dir_close,
	};
	return (struct storage){&ops, fs, dir, folder};
}
