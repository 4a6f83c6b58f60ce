/* fs.c - the counted door to either implementation, and what is built on it. See fs.h. */
#include "base/fs.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096 }; /* PATH_MAX of Linux */

static const struct fs_ops *count(struct fs *fs)
{
	atomic_fetch_add_explicit(&fs->count, 1, memory_order_relaxed);
	return fs->ops;
}

enum rc fs_open(struct fs *fs, const char *path, enum fs_open how, int *fd, struct err *e)
{
	*fd = -1;
	return count(fs)->open(fs, path, how, fd, e);
}

enum rc fs_pread(struct fs *fs, int fd, void *to, size_t len, uint64_t off, size_t *got,
		 struct err *e)
{
	*got = 0;
	return count(fs)->pread(fs, fd, to, len, off, got, e);
}

enum rc fs_pwrite(struct fs *fs, int fd, const void *from, size_t len, uint64_t off, struct err *e)
{
	return count(fs)->pwrite(fs, fd, from, len, off, e);
}

enum rc fs_truncate(struct fs *fs, int fd, uint64_t size_bytes, struct err *e)
{
	return count(fs)->truncate(fs, fd, size_bytes, e);
}

enum rc fs_sync(struct fs *fs, int fd, struct err *e)
{
	return count(fs)->sync(fs, fd, e);
}

enum rc fs_close(struct fs *fs, int *fd, struct err *e)
{
	if (*fd < 0)
		return OK;
	int closing = *fd;
	*fd = -1;
	return count(fs)->close(fs, closing, e);
}

enum rc fs_fstat(struct fs *fs, int fd, struct fs_stat *st, struct err *e)
{
	return count(fs)->fstat(fs, fd, st, e);
}

enum rc fs_stat(struct fs *fs, const char *path, struct fs_stat *st, struct err *e)
{
	return count(fs)->stat(fs, path, st, e);
}

enum rc fs_link(struct fs *fs, const char *from, const char *to, struct err *e)
{
	return count(fs)->link(fs, from, to, e);
}

enum rc fs_rename_new(struct fs *fs, const char *from, const char *to, struct err *e)
{
	return count(fs)->rename_new(fs, from, to, e);
}

enum rc fs_unlink(struct fs *fs, const char *path, struct err *e)
{
	return count(fs)->unlink(fs, path, e);
}

enum rc fs_mkdir(struct fs *fs, const char *path, bool *made, struct err *e)
{
	bool ignored;
	made = made ? made : &ignored;
	*made = false;
	return count(fs)->mkdir(fs, path, made, e);
}

enum rc fs_rmdir(struct fs *fs, const char *path, struct err *e)
{
	return count(fs)->rmdir(fs, path, e);
}

enum rc fs_sync_dir(struct fs *fs, const char *path, struct err *e)
{
	return count(fs)->sync_dir(fs, path, e);
}

enum rc fs_list(struct fs *fs, const char *path, struct fs_names *l, struct err *e)
{
	*l = (struct fs_names){.mem = fs->mem};
	return count(fs)->list(fs, path, l, e);
}

enum rc fs_lock(struct fs *fs, const char *path, int *fd, struct err *e)
{
	*fd = -1;
	return count(fs)->lock(fs, path, fd, e);
}

uint64_t fs_room(struct fs *fs, const char *path)
{
	return fs->ops->room ? fs->ops->room(fs, path) : 0;
}

/* Closes on a way out that has its own result: an error of close counts only if it is the first. */
static enum rc close_after(struct fs *fs, int *fd, enum rc rc, struct err *e)
{
	enum rc closed = fs_close(fs, fd, rc == OK ? e : NULL);
	return rc == OK ? closed : rc;
}

static enum rc read_open(struct fs *fs, int fd, const char *path, size_t limit_bytes,
			 uint8_t **data, size_t *len, struct err *e)
{
	struct fs_stat st;
	enum rc rc = fs_fstat(fs, fd, &st, e);
	if (rc != OK)
		return rc;
	if (st.kind != FS_FILE)
		return ERR(e, E_INVALID, "'%s' is not a regular file", path);
	if (st.size_bytes > limit_bytes)
		return ERR(e, E_CORRUPT, "'%s' has %llu bytes, more than the limit of %zu", path,
			   (unsigned long long)st.size_bytes, limit_bytes);
	/* One byte more, zero: text can be scanned without a copy. */
	uint8_t *p = mem_get(fs->mem, (size_t)st.size_bytes + 1);
	if (!p)
		return ERR(e, E_NO_MEMORY, "'%s': no memory for its %llu bytes", path,
			   (unsigned long long)st.size_bytes);
	size_t got;
	rc = fs_pread(fs, fd, p, (size_t)st.size_bytes, 0, &got, e);
	if (rc == OK && got != st.size_bytes)
		rc = ERR(e, E_IO, "'%s' became shorter while it was read", path);
	if (rc != OK) {
		mem_put(fs->mem, p);
		return rc;
	}
	*data = p;
	*len = got;
	return OK;
}

enum rc fs_read_all(struct fs *fs, const char *path, size_t limit_bytes, uint8_t **data,
		    size_t *len, struct err *e)
{
	*data = NULL;
	*len = 0;
	int fd;
	enum rc rc = fs_open(fs, path, FS_READ, &fd, e);
	if (rc != OK)
		return rc;
	rc = read_open(fs, fd, path, limit_bytes, data, len, e);
	(void)!fs_close(fs, &fd, NULL); /* nothing was written: a failing close loses nothing */
	return rc;
}

enum rc fs_write_new(struct fs *fs, const char *path, const void *data, size_t len, struct err *e)
{
	int fd;
	enum rc rc = fs_open(fs, path, FS_CREATE, &fd, e);
	if (rc != OK)
		return rc;
	rc = fs_pwrite(fs, fd, data, len, 0, e);
	if (rc == OK)
		rc = fs_sync(fs, fd, e);
	return close_after(fs, &fd, rc, e);
}

void fs_dirname(const char *path, char *to, size_t size)
{
	CHECK(size >= 2);
	const char *slash = strrchr(path, '/');
	while (slash > path && slash[-1] == '/')
		slash--;
	const char *dir = slash ? path : ".";
	size_t n = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
	if (n >= size)
		n = size - 1;
	memcpy(to, dir, n);
	to[n] = '\0';
}

/* Cuts path to the deepest part of it that exists; "" when that is the working directory. */
static enum rc cut_to_existing(struct fs *fs, char *path, struct err *e)
{
	for (;;) {
		struct fs_stat st;
		struct err why = {OK};
		enum rc rc = fs_stat(fs, path, &st, &why);
		if (rc == OK && st.kind != FS_DIR)
			return ERR(e, E_EXISTS, "'%s' is not a directory", path);
		if (rc == OK)
			return OK;
		if (rc != E_NOT_FOUND)
			return ERR(e, rc, "%s", why.text);
		char *slash = strrchr(path, '/');
		while (slash > path && slash[-1] == '/')
			slash--;
		if (!slash || slash == path) {
			path[slash ? 1 : 0] = '\0';
			return OK;
		}
		*slash = '\0';
	}
}

static enum rc sync_parent(struct fs *fs, const char *path, struct err *e)
{
	char parent[PATH_BYTES];
	fs_dirname(path, parent, sizeof parent);
	return fs_sync_dir(fs, parent, e);
}

enum rc fs_mkdir_all(struct fs *fs, const char *path, struct err *e)
{
	char at[PATH_BYTES];
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (!len || len >= sizeof at)
		return ERR(e, E_INVALID, "'%.64s' is not a path", path);
	memcpy(at, path, len);
	at[len] = '\0';
	enum rc rc = cut_to_existing(fs, at, e);
	if (rc != OK)
		return rc;
	/* Each directory made here is synced into its parent before the next is made in it. So if a
	 * crash came between, it was after the deepest directory that exists: that one's name may
	 * not be durable yet. A parent that must not be opened holds nothing that we made. */
	size_t have = strlen(at);
	if (have && strcmp(at, "/") && strcmp(at, ".")) {
		struct err why = {OK};
		rc = sync_parent(fs, at, &why);
		if (rc != OK && rc != E_PERMISSION)
			return ERR(e, rc, "%s", why.text);
	}
	while (have < len) {
		while (path[have] == '/')
			have++;
		while (have < len && path[have] != '/')
			have++;
		memcpy(at, path, have);
		at[have] = '\0';
		rc = fs_mkdir(fs, at, NULL, e);
		if (rc == OK)
			rc = sync_parent(fs, at, e);
		if (rc != OK)
			return rc;
	}
	return OK;
}

void fs_names_close(struct fs_names *l)
{
	for (size_t i = 0; i < l->n; i++)
		mem_put(l->mem, l->name[i]);
	mem_put(l->mem, l->name);
	*l = (struct fs_names){.mem = l->mem};
}
