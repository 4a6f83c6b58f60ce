/* action.h - asking something of a job where it runs: a POST, its progress, its outcome.
 * Threads: control thread. */
#pragma once
#include "base/json.h"
#include "cli/cli.h"

/* kind: as REST.md calls it; leads_to: the state that the job is to end in, "": none; query: "" or
 * "?a=1". Prints what came of it; the exit code. */
int action_run(struct cli *c, const struct args *args, const char *kind, const char *leads_to,
	       const char *query);

/* keep.c: what a gc removed, or would, as people read it. gone: jobs/gone.h's JSON. */
void keep_print_gone(struct cli *c, const struct json *gone);
