/* secret_file.c - see secret_file.h. */
#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static RC check(int fd, const char *path, const char *what, size_t max, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st))
		return err_errno(e, errno, "%s '%s'", what, path);
	if (!S_ISREG(st.st_mode))
		return ERR(e, E_INVALID, "%s '%s' is no regular file", what, path);
	if (st.st_uid != geteuid())
		return ERR(e, E_INVALID, "%s '%s' belongs to uid %u, and this is uid %u: who owns it can "
			   "change it; make one of your own", what, path, (unsigned)st.st_uid,
			   (unsigned)geteuid());
	if (st.st_mode & 077)
		return ERR(e, E_INVALID, "%s '%s' has mode %04o, so others may get at it: chmod 600 %s",
			   what, path, (unsigned)st.st_mode & 07777, path);
	if ((uint64_t)st.st_size > max)
		return ERR(e, E_INVALID, "%s '%s' has %llu bytes; at most %zu are expected", what, path,
			   (unsigned long long)st.st_size, max);
	return OK;
}

/* It may grow meanwhile: never more than max. */
static RC read_all(struct bytes *to, int fd, const char *path, const char *what, size_t max,
		   struct err *e)
{
	char piece[4096];
	size_t left = max;
	while (left) {
		ssize_t n = read(fd, piece, left < sizeof piece ? left : sizeof piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "%s '%s'", what, path);
		if (n == 0)
			break;
		bytes_put(to, piece, (size_t)n);
		left -= (size_t)n;
	}
	explicit_bzero(piece, sizeof piece);
	return bytes_ok(to) ? OK : ERR(e, E_NO_MEMORY, "no memory for %s '%s'", what, path);
}

RC secret_file_read(struct bytes *to, const char *path, const char *what, size_t max, struct err *e)
{
	/* A pipe or a terminal must not hold us. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "%s '%s'", what, path);
	enum rc rc = check(fd, path, what, max, e);
	if (rc == OK)
		rc = read_all(to, fd, path, what, max, e);
	close(fd);
	return rc;
}
