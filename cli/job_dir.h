/* job_dir.h - is this the directory of a job? Said the same way by every verb that takes one. */
#pragma once
#include "base/env.h"

/* E_NOT_FOUND says what was probably meant: "try: weir <verb> <dir>". */
RC job_dir_check(struct env *env, const char *dir, const char *verb, struct err *e);
