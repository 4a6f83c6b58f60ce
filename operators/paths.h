/* paths.h - paths of a job file: relative ones are relative to the job file.
 * Pure text: nothing is looked up, symbolic links and ".." are left alone. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

#define PATH_TEXT_MAX 4096 /* with the NUL, as in Linux */

/* base/path, or path if it is absolute, without "." parts and doubled or trailing slashes. "" and
 * "." as base: the working directory. E_INVALID when it is too long. to has PATH_TEXT_MAX bytes. */
RC path_join(const char *base, const char *path, char *to, struct err *e);

/* Behind the last slash. Borrowed. */
const char *path_last(const char *path);
