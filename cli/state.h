/* state.h - what the files of `weir state` share. */
#pragma once
#include "cli/cli.h"
#include "runtime/inspect.h"

/* One of `ls get scan export diff`: place[0] is the word, place[1] the directory. Each opens what
 * it reads; the exit code. */
int state_get(struct cli *c, const struct args *a);
/* state_get's with --live: the running job is asked; place[1] is JOB or DIR. */
int state_live(struct cli *c, const struct args *a);
int state_scan(struct cli *c, const struct args *a);
int state_export(struct cli *c, const struct args *a);
int state_diff(struct cli *c, const struct args *a);

/* The checkpoint of --at, in the directory of place[1]. */
RC state_open(struct cli *c, const struct args *a, struct inspect **i, struct err *e);
