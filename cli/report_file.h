/* report_file.h - where `--report FILE` goes. Not through the file seam: it is written once, when
 * all is over, and no recovery ever reads it; the seam has no operation that replaces a file. */
#pragma once
#include "base/err.h"

#include <stddef.h>

/* Whether it could be written later: asked before the job runs, so that a mistyped folder is not
 * learned of at its end. */
RC report_file_check(const char *path, struct err *e);
/* Replaces a regular file in one step; writes into anything else (a pipe, a terminal) as it is. */
RC report_file_write(const char *path, const void *data, size_t len, struct err *e);
