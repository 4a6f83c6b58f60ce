/* restore_arg.h - what --restore, --rewind and --claim ask for: of `weir run`, and of
 * `weir submit`, whose server passes them on to the job's process. */
#pragma once
#include "cli/args.h"
#include "jobs/job.h"

struct restore_arg {
	struct store_want want;
	struct job_import_want import; /* points into this */
	char path[LAYOUT_PATH_MAX], here[LAYOUT_PATH_MAX], at[128];
};

/* What `weir submit` sends: a relative path becomes absolute. E_USAGE: as below. */
RC restore_arg_send(char to[LAYOUT_PATH_MAX], const struct args *a, struct err *e);

/* --restore: a number is a checkpoint's id in dir; what has a '/' (or is "." or "..") is a
 * directory to begin from, behind an '@' perhaps an id or name there; anything else is a name: of a
 * checkpoint that dir keeps, else of a savepoint in it. E_USAGE: options that make no sense
 * together. */
RC restore_arg_parse(struct restore_arg *r, const char *text, bool claim, bool fresh,
		     const char *dir, struct err *e);
RC restore_arg_read(struct restore_arg *r, const struct args *a, const char *dir, struct err *e);
