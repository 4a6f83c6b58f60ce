/* fs_real.c - the file seam on POSIX and Linux. See fs.h.
 * Every descriptor is close-on-exec. EINTR is answered by calling again, except by close and fsync,
 * after which the descriptor or the dirty pages are in a state that calling again would hide. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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

static enum rc real_open(struct fs *fs, const char *path, enum fs_open how, int *fd, struct err *e)
{
	(void)fs;
	/* Not blocking: opening a pipe nobody writes to must not hang before its kind is known. */
	static const int flags[] = {
		[FS_READ] = O_RDONLY | O_NONBLOCK,
		[FS_WRITE] = O_RDWR | O_NONBLOCK,
		[FS_WRITE_ITSELF] = O_RDWR | O_NONBLOCK | O_NOFOLLOW,
		[FS_CREATE] = O_RDWR | O_CREAT | O_EXCL,
		[FS_CREATE_PRIVATE] = O_RDWR | O_CREAT | O_EXCL,
	};
	AGAIN(*fd, open(path, flags[how] | O_CLOEXEC | O_NOCTTY,
			how == FS_CREATE_PRIVATE ? 0600 : 0644));
	if (*fd < 0)
		return err_errno(e, errno, "%s '%s'", flags[how] & O_CREAT ? "create" : "open", path);
	return OK;
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

static enum rc real_stat(struct fs *fs, const char *path, struct fs_stat *to, struct err *e)
{
	(void)fs;
	struct stat st;
	int failed;
	AGAIN(failed, stat(path, &st));
	if (failed)
		return err_errno(e, errno, "look at '%s'", path);
	fill(to, &st);
	return OK;
}

static enum rc real_link(struct fs *fs, const char *from, const char *to, struct err *e)
{
	(void)fs;
	if (link(from, to)) {
		int errnum = errno;
		bool no_links = errnum == EPERM || errnum == EOPNOTSUPP || errnum == ENOSYS;
		if (errnum == EXDEV)
			return ERR(e, E_UNREACHABLE, "link '%s' to '%s': %s", from, to, strerror(errnum));
		return err_errno(e, errnum, "link '%s' to '%s'%s", from, to,
				 no_links ? " (a file system without hard links?)" : "");
	}
	return OK;
}

static enum rc real_sync_dir(struct fs *fs, const char *path, struct err *e)
{
	(void)fs;
	int fd;
	AGAIN(fd, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd < 0)
		return err_errno(e, errno, "open directory '%s'", path);
	enum rc rc = fsync(fd) ? err_errno(e, errno, "sync directory '%s'", path) : OK;
	close(fd);
	return rc;
}

static enum rc real_unlink(struct fs *fs, const char *path, struct err *e)
{
	(void)fs;
	return unlink(path) ? err_errno(e, errno, "remove '%s'", path) : OK;
}

static enum rc real_rename_new(struct fs *fs, const char *from, const char *to, struct err *e)
{
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return OK;
	if (errno != EINVAL && errno != ENOSYS)
		return err_errno(e, errno, "rename '%s' to '%s'", from, to);
	/* The file system does not know the flag (section 8: the weaker promise): the new name is
	 * durable before the old one goes, so that a power cut leaves both rather than none. */
	enum rc rc = real_link(fs, from, to, e);
	if (rc != OK)
		return rc;
	char dir[4096];
	fs_dirname(to, dir, sizeof dir);
	rc = real_sync_dir(fs, dir, e);
	return rc == OK ? real_unlink(fs, from, e) : rc;
}

static enum rc real_mkdir(struct fs *fs, const char *path, bool *made, struct err *e)
{
	(void)fs;
	if (!mkdir(path, 0755)) {
		*made = true;
		return OK;
	}
	int errnum = errno;
	struct stat st;
	if (errnum == EEXIST && !stat(path, &st) && S_ISDIR(st.st_mode))
		return OK;
	return err_errno(e, errnum, "make directory '%s'", path);
}

static enum rc real_rmdir(struct fs *fs, const char *path, struct err *e)
{
	(void)fs;
	if (!rmdir(path))
		return OK;
	if (errno == ENOTEMPTY) /* POSIX allows either; one code is enough */
		return ERR(e, E_EXISTS, "remove directory '%s': %s", path, strerror(ENOTEMPTY));
	return err_errno(e, errno, "remove directory '%s'", path);
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
	(void)fs;
	DIR *dir = opendir(path);
	if (!dir)
		return err_errno(e, errno, "open directory '%s'", path);
	enum rc rc = OK;
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
	(void)fs;
	AGAIN(*fd, open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644));
	if (*fd < 0)
		return err_errno(e, errno, "open lock '%s'", path);
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
};

void fs_real_init(struct fs_real *r, struct mem *mem)
{
	*r = (struct fs_real){.fs = {.ops = &real_ops, .mem = mem}};
}
