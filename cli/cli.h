/* cli.h - what every verb is given, and what a verb is.
 * Standard output belongs to print_sink and to what a verb was asked for (explain, checkpoints,
 * validate --json, demo); everything else goes to standard error.
 * A verb returns the exit code: 0 done or stopped in order, 1 the job failed, 2 usage or invalid
 * job, 3 server unreachable, 4 not found, 5 refused or fenced, 6 checkpoint corrupt. */
#pragma once
#include "base/env.h"
#include "cli/args.h"
#include "cli/paint.h"

#define WEIR_VERSION "0.1.0"

struct cli {
	struct env *env;
	struct fs_real *files; /* what env->fs ends in */
	uint64_t started_us; /* monotonic time the process began */
	struct paint out, err; /* standard output and standard error */
};

struct verb {
	const char *name;
	const char *arguments; /* "JOB.json [OPTION]..." */
	const char *summary;   /* one line, for `weir` */
	const char *help;      /* what it does, and an example that works */
	unsigned least, most;  /* arguments that are no options */
	const struct arg_def *options;
	int (*run)(struct cli *c, const struct args *a);
};

/* alone */
extern const struct verb verb_serve, verb_job, verb_stepper;
extern const struct verb verb_run, verb_validate, verb_explain, verb_checkpoints, verb_state,
	verb_fsck, verb_audit, verb_pin, verb_unpin, verb_gc, verb_torture, verb_demo;
/* at a server */
extern const struct verb verb_savepoint;
extern const struct verb verb_submit, verb_list, verb_top, verb_show, verb_logs, verb_checkpoint,
	verb_stop, verb_cancel, verb_kill, verb_restart, verb_rescale, verb_remove;

/* "weir: text", and the exit code of e. */
int cli_fail(struct cli *c, const struct err *e);
/* The environment as spec_parse takes it. */
const char *cli_env(void *arg, const char *name);
