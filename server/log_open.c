/* log_open.c - see log_open.h. */
#include "server/log_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a pipe without a reader open says ENXIO, of a symbolic link ELOOP. */
static bool is_no_file(int failed)
{
	return failed == ELOOP || failed == ENXIO || failed == EISDIR;
}

RC log_open(int *fd, const char *path, int flags, struct err *e)
{
	struct stat st;
	*fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	int failed = *fd < 0 ? errno : 0;
	if (failed && !is_no_file(failed))
		return err_errno(e, failed, "%s", path);
	if (!failed && fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
		return OK;
	if (!failed)
		close(*fd);
	*fd = -1;
	return ERR(e, E_REFUSED, "'%s' is not a regular file: move it away", path);
}
