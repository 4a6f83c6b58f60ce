/* log_file.c - see log_file.h. */
#include "cli/log_file.h"

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
	if (rename(path, before))
		return;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}
