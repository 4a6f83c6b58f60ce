/* log_file.c - see log_file.h. */
#include "cli/log_file.h"

#include "server/log_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void log_file_check(const char *path)
{
	char before[4200];
	struct stat st;
	if (fstat(STDERR_FILENO, &st) || !S_ISREG(st.st_mode) || st.st_size < (off_t)LOG_FILE_MAX)
		return;
	snprintf(before, sizeof before, "%s.1", path);
	if (rename(path, before) && errno != ENOENT) /* removed by somebody: begun anew as well */
		return;
	int fd;
	struct err ignored = {0};
	if (log_open(&fd, path, O_WRONLY | O_CREAT | O_APPEND, &ignored) != OK)
		return;
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}
