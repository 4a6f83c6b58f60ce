/* leftovers.h - files that a sink had prepared and nobody names, in the folders that a checkpoint's
 * own list of prepared files leads to: also where the sink was taken out of the job since, or was
 * given another path, and where nobody runs the job.
 * Only folders of this job's identity, and only names of its own making (op_ops.left): what a crash
 * left of an interval that was never published.
 * Threads: whoever starts the job, or `weir gc`. */
#pragma once
#include "base/env.h"
#include "checkpoint/manifest.h"
#include "runtime/operator.h"

#define LEFTOVER_WHY "prepared by a sink, and never committed"

/* Adds to b->orphans what is not listed there yet; b->intents are m's. */
RC leftovers_list(struct op_begin *b, const struct manifest *m, struct err *e);

/* The same with nothing but a directory at hand: paths, NUL-terminated, to `to`, which is
 * initialised. epoch: of the owner, or 0. */
RC leftovers_of(struct bytes *to, struct env *env, const struct manifest *m, const char *uuid,
		uint64_t epoch, struct err *e);
