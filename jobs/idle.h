/* idle.h - what can be asked of a directory that nobody runs: that a checkpoint is kept, and that
 * what nobody needs goes. A running job is asked itself (ask.h).
 * How: as a start does, the directory is looked at and taken with a fence, which here is all: the
 * next start goes on from the same checkpoint, and one that is finished stays finished.
 * Errors as store_open and store_own; E_REFUSED also when a start has begun something that it, or
 * the next one, has to finish first. Threads: one. */
#pragma once
#include "base/env.h"
#include "jobs/gone.h"

/* Durable when it returns. *news: it was not so already (if it was, nothing was changed).
 * E_NOT_FOUND: says which checkpoints are kept. */
RC idle_pin(struct env *env, const char *dir, uint64_t pid, uint64_t id, bool on, bool *news,
	    struct err *e);
/* What a sweep removes is heard by g. dry_run: nothing is changed, not even a time of a file. */
RC idle_gc(struct env *env, const char *dir, uint64_t pid, bool dry_run, struct gone *g,
	   struct err *e);
