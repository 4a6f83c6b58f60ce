/* log_open.h - a job's log, opened to be written or read.
 * Why one function: what stands under a log's name may be anything, and is not trusted. */
#pragma once
#include "base/err.h"

/* flags: O_RDONLY, or O_WRONLY and the like; made with mode 0600 if they say so. Never waits.
 * E_REFUSED: no regular file stands there (a symbolic link is not followed); E_NOT_FOUND. */
RC log_open(int *fd, const char *path, int flags, struct err *e);
