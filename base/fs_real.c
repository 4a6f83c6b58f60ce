/* fs_real.c - the file seam on POSIX and Linux. See fs.h.
 * Confined, each path is resolved beneath one of its roots (roots.h, adr/0023): opened there, or
 * for a call that acts on a name, the folder is opened there and the name's last part acted on.
 * Every descriptor is close-on-exec. EINTR is answered by calling again, except by close and fsync,
 * after which the descriptor or the dirty pages are in a state that calling again would hide. */
#include "base/check.h"
#include "base/fs.h"
#include "base/roots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define AGAIN(result, call)                                                                        \
	do {                                                                                       \
		(result) = (call);                                                                 \
	} while ((result) < 0 && errno == EINTR)

/* A descriptor's errors name its file; the kernel knows it. */
struct fd_name {
	char text[512];
};

static const char *name_of(int fd, struct fd_name *n)
{
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, n->text, sizeof n->text - 1);
	if (len < 0)
		snprintf(n->text, sizeof n->text, "descriptor %d", fd);
	else
		n->text[len] = '\0';
	return n->text;
}

static enum rc fd_error(int fd, const char *doing, struct err *e)
{
	int errnum = errno;
	struct fd_name n;
	return err_errno(e, errnum, "%s '%s'", doing, name_of(fd, &n));
}

/* ---- a path, free or confined ---- */

static const struct roots *roots_of(struct fs *fs)
{
	return CONTAINER_OF(fs, struct fs_real, fs)->roots;
}

static enum rc open_at(struct fs *fs, const char *path, unsigned may, int flags, unsigned mode,
		       const char *doing, int *fd, struct err *e)
{
	if (roots_of(fs))
		return roots_open(roots_of(fs), path, may, flags, mode, doing, fd, e);
	AGAIN(*fd, open(path, flags | O_CLOEXEC, mode));
	return *fd < 0 ? err_errno(e, errno, "%s '%s'", doing, path) : OK;
}

/* What the calls that act on a name are given: the folder's descriptor, and the name in it. */
struct place {
	int dir;
	const char *name;
	char last[ROOT_NAME_MAX];
};

static enum rc place_enter(struct place *p, struct fs *fs, const char *path, unsigned may,
			   const char *doing, struct err *e)
{
	p->dir = AT_FDCWD;
	p->name = path;
	if (!roots_of(fs))
		return OK;
	p->name = p->last;
	return roots_enter(roots_of(fs), path, may, doing, &p->dir, p->last, e);
}

/* Legal where place_enter failed; errno stays. */
static void place_leave(struct place *p)
{
	int errnum = errno;
	if (p->dir >= 0)
		close(p->dir);
	errno = errnum;
}

/* ---- files ---- */

/* What must be known of an open file before anything reads it. */
static enum rc check_kind(struct fs *fs, const char *path, enum fs_open how, int fd, struct err *e)
{
	struct stat st;
	bool secret = how == FS_READ_SECRET;
	if (!secret && (how != FS_READ || !roots_of(fs)))
		return OK;
	if (fstat(fd, &st))
		return fd_error(fd, "look at", e);
	if (!S_ISREG(st.st_mode))
		return ERR(e, E_INVALID, "'%s' is no regular file", path);
	if (secret && (st.st_mode & 077 || (st.st_uid != geteuid() && st.st_uid)))
		return ERR(e, E_PERMISSION, "'%s' is not its owner's alone: chmod 600 %s", path, path);
	return OK;
}

static enum rc real_open(struct fs *fs, const char *path, enum fs_open how, int *fd, struct err *e)
{
	/* Not blocking: opening a pipe nobody writes to must not hang before its kind is known. */
	static const struct {
		int flags;
		unsigned may;
	} ways[] = {
		[FS_READ] = {O_RDONLY | O_NONBLOCK, ROOT_READ},
		[FS_READ_SECRET] = {O_RDONLY | O_NONBLOCK, ROOT_SECRET},
		[FS_WRITE] = {O_RDWR | O_NONBLOCK, ROOT_WRITE},
		[FS_WRITE_ITSELF] = {O_RDWR | O_NONBLOCK | O_NOFOLLOW, ROOT_WRITE},
		[FS_CREATE] = {O_RDWR | O_CREAT | O_EXCL, ROOT_WRITE},
		[FS_CREATE_PRIVATE] = {O_RDWR | O_CREAT | O_EXCL, ROOT_WRITE},
	};
	int flags = ways[how].flags;
	enum rc rc = open_at(fs, path, ways[how].may, flags | O_NOCTTY,
			     how == FS_CREATE_PRIVATE ? 0600 : 0644,
			     flags & O_CREAT ? "create" : "open", fd, e);
	if (rc != OK)
		return rc;
	rc = check_kind(fs, path, how, *fd, e);
	if (rc == OK)
		return OK;
	close(*fd);
	*fd = -1;
	return rc;
}

enum { ONE_CALL_BYTES = 1 << 30 }; /* Linux moves a little under 2 GiB in one call */

static size_t one_call(size_t left)
{
	return left < ONE_CALL_BYTES ? left : ONE_CALL_BYTES;
}

static enum rc real_pread(struct fs *fs, int fd, void *to, size_t len, uint64_t off, size_t *got,
			  struct err *e)
{
	(void)fs;
	while (*got < len) {
		ssize_t n;
		AGAIN(n, pread(fd, (char *)to + *got, one_call(len - *got), (off_t)(off + *got)));
		if (n < 0)
			return fd_error(fd, "read", e);
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return OK;
}

static enum rc real_pwrite(struct fs *fs, int fd, const void *from, size_t len, uint64_t off,
			   struct err *e)
{
	(void)fs;
	for (size_t done = 0; done < len;) {
		ssize_t n;
		AGAIN(n, pwrite(fd, (const char *)from + done, one_call(len - done),
				(off_t)(off + done)));
		if (n == 0)
			errno = EIO; /* never seen from a regular file; going on would not end */
		if (n <= 0)
			return fd_error(fd, "write", e);
		done += (size_t)n;
	}
	return OK;
}

static enum rc real_truncate(struct fs *fs, int fd, uint64_t size_bytes, struct err *e)
{
	(void)fs;
	struct stat st;
	if (fstat(fd, &st))
		return fd_error(fd, "look at", e);
	if (size_bytes > (uint64_t)st.st_size) {
		struct fd_name n;
		return ERR(e, E_INVALID, "cut '%s': it has fewer than %llu bytes", name_of(fd, &n),
			   (unsigned long long)size_bytes);
	}
	int failed;
	AGAIN(failed, ftruncate(fd, (off_t)size_bytes));
	return failed ? fd_error(fd, "cut", e) : OK;
}

static enum rc real_sync(struct fs *fs, int fd, struct err *e)
{
	(void)fs;
	return fdatasync(fd) ? fd_error(fd, "sync", e) : OK;
}

static enum rc real_close(struct fs *fs, int fd, struct err *e)
{
	(void)fs;
	if (close(fd)) /* the descriptor is gone even so, and with it its name */
		return err_errno(e, errno, "close descriptor %d", fd);
	return OK;
}

static void fill(struct fs_stat *to, const struct stat *st)
{
	*to = (struct fs_stat){
		.kind = S_ISREG(st->st_mode)   ? FS_FILE
			: S_ISDIR(st->st_mode) ? FS_DIR
					       : FS_OTHER,
		.size_bytes = (uint64_t)st->st_size,
		.inode = st->st_ino,
		.device = st->st_dev,
		.links = st->st_nlink,
		.mtime_us = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000,
	};
}

static enum rc real_fstat(struct fs *fs, int fd, struct fs_stat *to, struct err *e)
{
	(void)fs;
	struct stat st;
	if (fstat(fd, &st))
		return fd_error(fd, "look at", e);
	fill(to, &st);
	return OK;
}

/* A descriptor that only names the file: fstat takes it, whatever the file's mode is. */
static int stat_beneath(struct fs *fs, const char *path, struct stat *st, enum rc *rc,
			struct err *e)
{
	int fd;
	*rc = roots_open(roots_of(fs), path, ROOT_READ, O_PATH, 0, "look at", &fd, e);
	if (*rc != OK)
		return 0; /* told */
	int failed = fstat(fd, st);
	close(fd);
	return failed;
}

static enum rc real_stat(struct fs *fs, const char *path, struct fs_stat *to, struct err *e)
{
	struct stat st;
	int failed;
	enum rc rc = OK;
	if (roots_of(fs))
		failed = stat_beneath(fs, path, &st, &rc, e);
	else
		AGAIN(failed, stat(path, &st));
	if (failed)
		return err_errno(e, errno, "look at '%s'", path);
	if (rc == OK)
		fill(to, &st);
	return rc;
}

static enum rc link_failed(const char *from, const char *to, struct err *e)
{
	int errnum = errno;
	bool no_links = errnum == EPERM || errnum == EOPNOTSUPP || errnum == ENOSYS;
	if (errnum == EXDEV)
		return ERR(e, E_UNREACHABLE, "link '%s' to '%s': %s", from, to, strerror(errnum));
	return err_errno(e, errnum, "link '%s' to '%s'%s", from, to,
			 no_links ? " (a file system without hard links?)" : "");
}

static enum rc link_at(struct fs *fs, const char *from, const char *to, unsigned may_from,
		       int (*call)(const struct place *from, const struct place *to),
		       enum rc (*failed)(const char *from, const char *to, struct err *e),
		       struct err *e)
{
	struct place a, b = {.dir = -1};
	enum rc rc = place_enter(&a, fs, from, may_from, "look at", e);
	if (rc == OK)
		rc = place_enter(&b, fs, to, ROOT_WRITE, "make", e);
	int bad = rc == OK ? call(&a, &b) : 0;
	place_leave(&a);
	place_leave(&b);
	return bad ? failed(from, to, e) : rc;
}

static int call_link(const struct place *from, const struct place *to)
{
	return linkat(from->dir, from->name, to->dir, to->name, 0);
}

static enum rc real_link(struct fs *fs, const char *from, const char *to, struct err *e)
{
	return link_at(fs, from, to, ROOT_READ, call_link, link_failed, e);
}

static enum rc real_sync_dir(struct fs *fs, const char *path, struct err *e)
{
	int fd;
	enum rc rc = open_at(fs, path, ROOT_READ, O_RDONLY | O_DIRECTORY, 0, "open directory", &fd, e);
	if (rc != OK)
		return rc;
	rc = fsync(fd) ? err_errno(e, errno, "sync directory '%s'", path) : OK;
	close(fd);
	return rc;
}

static enum rc real_unlink(struct fs *fs, const char *path, struct err *e)
{
	struct place p;
	enum rc rc = place_enter(&p, fs, path, ROOT_WRITE, "remove", e);
	int failed = rc == OK ? unlinkat(p.dir, p.name, 0) : 0;
	place_leave(&p);
	return failed ? err_errno(e, errno, "remove '%s'", path) : rc;
}

/* The file system does not know the flag (section 8: the weaker promise): the new name is durable
 * before the old one goes, so that a power cut leaves both rather than none. */
static enum rc rename_in_steps(struct fs *fs, const char *from, const char *to, struct err *e)
{
	enum rc rc = real_link(fs, from, to, e);
	if (rc != OK)
		return rc;
	char dir[4096];
	fs_dirname(to, dir, sizeof dir);
	rc = real_sync_dir(fs, dir, e);
	return rc == OK ? real_unlink(fs, from, e) : rc;
}

static int call_rename(const struct place *from, const struct place *to)
{
	return renameat2(from->dir, from->name, to->dir, to->name, RENAME_NOREPLACE);
}

static enum rc rename_failed(const char *from, const char *to, struct err *e)
{
	if (errno == EINVAL || errno == ENOSYS)
		return E_UNREACHABLE; /* of the flag: told to nobody, done otherwise */
	return err_errno(e, errno, "rename '%s' to '%s'", from, to);
}

static enum rc real_rename_new(struct fs *fs, const char *from, const char *to, struct err *e)
{
	enum rc rc = link_at(fs, from, to, ROOT_WRITE, call_rename, rename_failed, e);
	return rc == E_UNREACHABLE ? rename_in_steps(fs, from, to, e) : rc;
}

static enum rc real_mkdir(struct fs *fs, const char *path, bool *made, struct err *e)
{
	struct place p;
	struct stat st;
	enum rc rc = place_enter(&p, fs, path, ROOT_WRITE, "make directory", e);
	int failed = rc == OK ? mkdirat(p.dir, p.name, 0755) : 0;
	int errnum = errno;
	int follow = roots_of(fs) ? AT_SYMLINK_NOFOLLOW : 0;
	bool there = failed && errnum == EEXIST && !fstatat(p.dir, p.name, &st, follow) &&
		     S_ISDIR(st.st_mode);
	place_leave(&p);
	*made |= rc == OK && !failed;
	return failed && !there ? err_errno(e, errnum, "make directory '%s'", path) : rc;
}

static enum rc real_rmdir(struct fs *fs, const char *path, struct err *e)
{
	struct place p;
	enum rc rc = place_enter(&p, fs, path, ROOT_WRITE, "remove directory", e);
	int failed = rc == OK ? unlinkat(p.dir, p.name, AT_REMOVEDIR) : 0;
	place_leave(&p);
	if (failed && errno == ENOTEMPTY) /* POSIX allows either; one code is enough */
		return ERR(e, E_EXISTS, "remove directory '%s': %s", path, strerror(ENOTEMPTY));
	return failed ? err_errno(e, errno, "remove directory '%s'", path) : rc;
}

static enum rc add_name(struct fs_names *l, size_t *cap, const char *name)
{
	if (l->n == *cap) {
		size_t more = *cap ? *cap * 2 : 32;
		char **grown = mem_resize(l->mem, l->name, more * sizeof *grown);
		if (!grown)
			return E_NO_MEMORY;
		l->name = grown;
		*cap = more;
	}
	l->name[l->n] = mem_string(l->mem, name);
	if (!l->name[l->n])
		return E_NO_MEMORY;
	l->n++;
	return OK;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum rc real_list(struct fs *fs, const char *path, struct fs_names *l, struct err *e)
{
	int fd;
	enum rc rc = open_at(fs, path, ROOT_READ, O_RDONLY | O_DIRECTORY, 0, "open directory", &fd, e);
	if (rc != OK)
		return rc;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		int errnum = errno;
		close(fd);
		return err_errno(e, errnum, "open directory '%s'", path);
	}
	size_t cap = 0;
	while (rc == OK) {
		errno = 0;
		struct dirent *d = readdir(dir);
		if (!d) {
			if (errno)
				rc = err_errno(e, errno, "read directory '%s'", path);
			break;
		}
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (add_name(l, &cap, d->d_name) != OK)
			rc = ERR(e, E_NO_MEMORY, "'%s': no memory for its names", path);
	}
	closedir(dir);
	if (rc != OK)
		fs_names_close(l);
	else if (l->n)
		qsort(l->name, l->n, sizeof *l->name, by_bytes);
	return rc;
}

static enum rc real_lock(struct fs *fs, const char *path, int *fd, struct err *e)
{
	enum rc rc = open_at(fs, path, ROOT_WRITE, O_RDWR | O_CREAT | O_NOCTTY | O_NONBLOCK, 0644,
			     "open lock", fd, e);
	if (rc != OK)
		return rc;
	int failed;
	AGAIN(failed, flock(*fd, LOCK_EX | LOCK_NB));
	if (!failed)
		return OK;
	int errnum = errno;
	close(*fd);
	*fd = -1;
	if (errnum == EWOULDBLOCK)
		return ERR(e, E_REFUSED, "'%s' is locked by another process", path);
	return err_errno(e, errnum, "lock '%s'", path);
}

static uint64_t real_room(struct fs *fs, const char *path)
{
	struct statvfs st;
	(void)fs;
	return statvfs(path, &st) ? 0 : (uint64_t)st.f_bavail * st.f_frsize;
}

static const struct fs_ops real_ops = {
	.name = "real",
	.open = real_open,
	.pread = real_pread,
	.pwrite = real_pwrite,
	.truncate = real_truncate,
	.sync = real_sync,
	.close = real_close,
	.fstat = real_fstat,
	.stat = real_stat,
	.link = real_link,
	.rename_new = real_rename_new,
	.unlink = real_unlink,
	.mkdir = real_mkdir,
	.rmdir = real_rmdir,
	.sync_dir = real_sync_dir,
	.list = real_list,
	.lock = real_lock,
	.room = real_room,
	.gains_together = true,
};

void fs_real_init(struct fs_real *r, struct mem *mem)
{
	*r = (struct fs_real){.fs = {.ops = &real_ops, .mem = mem}};
}

void fs_real_confine(struct fs_real *r, const struct roots *roots)
{
	r->roots = roots;
}
