/* landlock.h - the process gives up what it will not need of the file system, for good and for all
 * that it starts: Linux's Landlock, where the kernel has it. Why besides roots.h: that holds for
 * what goes through the file seam; this for all else too, such as the programs that a job names.
 * Descriptors that are open already go on as they are. Threads: of the calling thread and those it
 * makes: call it before there are others. */
#pragma once
#include "base/err.h"

#include <stddef.h>

struct landlock_path {
	const char *path; /* a folder, or a file; one that is not there is passed over */
	unsigned may;     /* ROOT_READ, ROOT_WRITE, ROOT_RUN of roots.h; RUN reads too */
};

/* From here on files are opened, made, removed and run beneath these only, and beneath the folders
 * that programs and libraries come from (to read and run) and /etc, /proc, /sys, /dev (to read).
 * Signals reach, and abstract Unix sockets are found of, this process and what it starts only
 * (Linux 6.12; before that everybody's). The network is not restricted (adr/0024).
 * *is_on: false where the kernel has no Landlock, or one that cannot tell a rename within a folder
 * (before Linux 5.19); nothing is changed then. The process can gain no privileges afterwards. */
RC landlock_enter(const struct landlock_path *p, size_t n, bool *is_on, struct err *e);
