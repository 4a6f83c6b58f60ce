/* syscalls.c - see syscalls.h. */
#include "tests/proof/syscalls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CALLS_MAX 65536

static struct {
	bool counts;
	struct syscall_fault fault;
	uint64_t n, hits, of_its_kind; /* since the fault: calls that it could find */
	bool next_write_fails;
	uint16_t kind[CALLS_MAX];
} now;

void syscalls_begin(const struct syscall_fault *f)
{
	now.counts = true;
	now.fault = *f;
	now.n = now.hits = now.of_its_kind = 0;
	now.next_write_fails = false;
}

void syscalls_end(void)
{
	now.counts = false;
}

uint64_t syscalls_count(void)
{
	return now.n;
}

uint64_t syscalls_hits(void)
{
	return now.hits;
}

unsigned syscalls_kind(uint64_t n)
{
	return n <= now.n && n < CALLS_MAX ? now.kind[n] : 0;
}

static bool is_hit(unsigned kind)
{
	const struct syscall_fault *f = &now.fault;
	if (!now.counts)
		return false;
	if (++now.n < CALLS_MAX)
		now.kind[now.n] = (uint16_t)kind;
	if (!f->at || now.n < f->at || !(f->on & kind))
		return false;
	bool hit = f->every ? now.of_its_kind % f->every == 0 : now.n == f->at;
	now.of_its_kind++;
	now.hits += hit;
	return hit;
}

/* Whether a call of this kind is to fail; errno is set then. */
static bool fails(unsigned kind)
{
	if (!is_hit(kind))
		return false;
	errno = now.fault.errnum;
	return true;
}

#define WRAP(result, name, ...)                                                                    \
	result __real_##name(__VA_ARGS__);                                                         \
	result __wrap_##name(__VA_ARGS__);                                                         \
	result __wrap_##name(__VA_ARGS__)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list ap;
	va_start(ap, flags);
	unsigned mode = flags & O_CREAT ? va_arg(ap, unsigned) : 0;
	va_end(ap);
	return fails(CALL_OPEN) ? -1 : __real_open(path, flags, mode);
}

WRAP(int, close, int fd)
{
	int closed = __real_close(fd);
	return fails(CALL_CLOSE) ? -1 : closed;
}

WRAP(ssize_t, pread, int fd, void *to, size_t len, off_t at)
{
	bool hit = is_hit(CALL_READ);
	if (hit && now.fault.how == CALL_FAILS) {
		errno = now.fault.errnum;
		return -1;
	}
	return __real_pread(fd, to, hit && len > 1 ? len / 2 : len, at);
}

WRAP(ssize_t, pwrite, int fd, const void *from, size_t len, off_t at)
{
	bool hit = is_hit(CALL_WRITE), again = now.next_write_fails;
	now.next_write_fails = false;
	if (again || (hit && now.fault.how == CALL_FAILS)) {
		errno = now.fault.errnum;
		return -1;
	}
	if (hit && now.fault.how == CALL_NOTHING)
		return 0;
	now.next_write_fails = hit && now.fault.how == CALL_SHORT_FAILS;
	return __real_pwrite(fd, from, hit && len > 1 ? len / 2 : len, at);
}

WRAP(int, ftruncate, int fd, off_t len)
{
	return fails(CALL_CUT) ? -1 : __real_ftruncate(fd, len);
}

WRAP(int, fdatasync, int fd)
{
	(void)fd;
	return fails(CALL_SYNC) ? -1 : 0;
}

WRAP(int, fsync, int fd)
{
	(void)fd;
	return fails(CALL_SYNC) ? -1 : 0;
}

WRAP(int, stat, const char *path, struct stat *st)
{
	return fails(CALL_STAT) ? -1 : __real_stat(path, st);
}

WRAP(int, fstat, int fd, struct stat *st)
{
	return fails(CALL_FSTAT) ? -1 : __real_fstat(fd, st);
}

WRAP(int, link, const char *from, const char *to)
{
	return fails(CALL_LINK) ? -1 : __real_link(from, to);
}

WRAP(int, renameat2, int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return fails(CALL_RENAME) ? -1 : __real_renameat2(from_dir, from, to_dir, to, flags);
}

WRAP(int, unlink, const char *path)
{
	return fails(CALL_UNLINK) ? -1 : __real_unlink(path);
}

WRAP(int, rmdir, const char *path)
{
	return fails(CALL_UNLINK) ? -1 : __real_rmdir(path);
}

WRAP(int, mkdir, const char *path, mode_t mode)
{
	return fails(CALL_MKDIR) ? -1 : __real_mkdir(path, mode);
}

WRAP(DIR *, opendir, const char *path)
{
	return fails(CALL_LIST) ? NULL : __real_opendir(path);
}

WRAP(int, flock, int fd, int how)
{
	return fails(CALL_LOCK) ? -1 : __real_flock(fd, how);
}
