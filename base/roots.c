/* roots.c - see roots.h. */
#include "base/roots.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RACES_MAX 1000 /* EAGAIN: somebody renamed folders meanwhile. By feel */

/* ---- texts ---- */

RC path_plain(char to[ROOT_PATH_MAX], const char *path, struct err *e)
{
	size_t len = 0;
	if (path[0] != '/')
		return ERR(e, E_INVALID, "'%.80s' is no absolute path", path);
	for (const char *p = path; *p;) {
		p += strspn(p, "/");
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (len && to[--len] != '/')
				;
		} else if (n && !(n == 1 && p[0] == '.')) {
			if (len + 1 + n >= ROOT_PATH_MAX)
				return ERR(e, E_INVALID, "the path '%.80s...' is too long", path);
			to[len++] = '/';
			memcpy(to + len, p, n);
			len += n;
		}
		p += n;
	}
	if (!len)
		to[len++] = '/';
	to[len] = '\0';
	return OK;
}

const char *path_below(const char *folder, const char *path)
{
	size_t n = strlen(folder);
	if (n == 1) /* "/" */
		return path + 1;
	if (strncmp(path, folder, n) || (path[n] && path[n] != '/'))
		return NULL;
	return path[n] ? path + n + 1 : path + n;
}

/* ---- the kernel ---- */

static int open_beneath(int dir, const char *path, int flags, unsigned mode)
{
	struct open_how how = {.flags = (uint64_t)flags | O_CLOEXEC,
			       .mode = flags & O_CREAT ? mode : 0,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	long fd = -1;
	for (unsigned i = 0; i < RACES_MAX; i++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof how);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

RC roots_supported(struct err *e)
{
	int fd = open_beneath(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);
	if (fd >= 0)
		close(fd);
	else if (errno == ENOSYS)
		return ERR(e, E_REFUSED, "this kernel cannot keep a job within folders (openat2 is of "
			   "Linux 5.6): without --http and --allow-... jobs may do what their user may");
	return OK; /* another error is not of the call itself */
}

/* ---- the roots ---- */

void roots_init(struct roots *rs, struct mem *mem)
{
	*rs = (struct roots){.mem = mem};
}

void roots_close(struct roots *rs)
{
	for (unsigned i = 0; i < rs->n; i++) {
		mem_put(rs->mem, rs->r[i].path);
		mem_put(rs->mem, rs->r[i].real);
		close(rs->r[i].fd);
	}
	*rs = (struct roots){.mem = rs->mem};
}

RC roots_add(struct roots *rs, const char *path, unsigned may, struct err *e)
{
	char plain[ROOT_PATH_MAX], real[PATH_MAX];
	enum rc rc = path_plain(plain, path, e);
	if (rc != OK)
		return rc;
	for (unsigned i = 0; i < rs->n; i++)
		if (!strcmp(rs->r[i].path, plain)) {
			rs->r[i].may |= may;
			return OK;
		}
	if (rs->n == ROOTS_MAX)
		return ERR(e, E_LIMIT, "more than %d folders", ROOTS_MAX);
	int fd = open(plain, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !realpath(plain, real)) {
		int errnum = errno;
		if (fd >= 0)
			close(fd);
		if (errnum == ENOTDIR)
			return ERR(e, E_INVALID, "'%s' is no folder", plain);
		return err_errno(e, errnum, "open the folder '%s'", plain);
	}
	struct root r = {mem_string(rs->mem, plain), mem_string(rs->mem, real), may, fd};
	rs->r[rs->n++] = r;
	return r.path && r.real ? OK : ERR(e, E_NO_MEMORY, "no memory for a folder's name");
}

const struct root *roots_find(const struct roots *rs, const char *plain, unsigned may,
			      const char **below)
{
	const struct root *best = NULL;
	for (unsigned i = 0; i < rs->n; i++) {
		const struct root *r = &rs->r[i];
		if ((r->may & may) != may)
			continue;
		const char *rest = path_below(r->path, plain);
		if (!rest)
			rest = path_below(r->real, plain);
		if (!rest || (best && strlen(rest) >= strlen(*below)))
			continue;
		best = r;
		*below = rest;
	}
	return best;
}

static RC in_no_root(const struct roots *rs, const char *path, unsigned may, struct err *e)
{
	static const char *const does[] = {"read", "write", "run", "take secrets from"};
	/* Who writes reads too, and is told what writing needs. */
	unsigned bit = may & ROOT_SECRET ? 3 : may & ROOT_RUN ? 2 : may & ROOT_WRITE ? 1 : 0;
	const char *cure = rs->cure[bit];
	return ERR(e, E_PERMISSION, "'%s' is in no folder that a job may %s%s%s", path, does[bit],
		   cure ? ": " : "", cure ? cure : "");
}

static RC beneath_failed(const struct root *r, const char *path, const char *doing, struct err *e)
{
	int errnum = errno;
	if (errnum == EXDEV || errnum == ELOOP)
		return ERR(e, E_PERMISSION, "'%s' leads out of '%s' by a symbolic link: a job stays within "
			   "the folders it may touch", path, r->path);
	return err_errno(e, errnum, "%s '%s'", doing, path);
}

RC roots_open(const struct roots *rs, const char *path, unsigned may, int flags, unsigned mode,
	      const char *doing, int *fd, struct err *e)
{
	char plain[ROOT_PATH_MAX];
	const char *below;
	*fd = -1;
	enum rc rc = path_plain(plain, path, e);
	if (rc != OK)
		return rc;
	const struct root *r = roots_find(rs, plain, may, &below);
	if (!r)
		return in_no_root(rs, plain, may, e);
	*fd = open_beneath(r->fd, *below ? below : ".", flags, mode);
	return *fd >= 0 ? OK : beneath_failed(r, path, doing, e);
}

RC roots_enter(const struct roots *rs, const char *path, unsigned may, const char *doing, int *dir,
	       char name[ROOT_NAME_MAX], struct err *e)
{
	char plain[ROOT_PATH_MAX], folder[ROOT_PATH_MAX];
	const char *below;
	*dir = -1;
	enum rc rc = path_plain(plain, path, e);
	if (rc != OK)
		return rc;
	const struct root *r = roots_find(rs, plain, may, &below);
	if (!r)
		return in_no_root(rs, plain, may, e);
	const char *slash = strrchr(below, '/'), *last = slash ? slash + 1 : below;
	if (strlen(last) >= ROOT_NAME_MAX) {
		errno = ENAMETOOLONG;
		return beneath_failed(r, path, doing, e);
	}
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - below) : 1, slash ? below : ".");
	snprintf(name, ROOT_NAME_MAX, "%s", *last ? last : ".");
	*dir = open_beneath(r->fd, folder, O_PATH | O_DIRECTORY, 0);
	return *dir >= 0 ? OK : beneath_failed(r, path, doing, e);
}
