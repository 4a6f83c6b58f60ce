/* repair.h - a directory that a start refuses, made one that it goes on from: `weir fsck --repair`.
 * Nothing is deleted and nothing written over: one fence is linked, whose parent is the newest
 * checkpoint that is intact and which quarantines what is not; then whatever no manifest names is
 * moved to <dir>/lost/<the fence's epoch>/.
 *
 *   store_open, o.repairs (takes the lock) -> the caller reads everything -> store_repair -> close
 *
 * Why the fence first: it ends the line of any owner that may wake later, and only what is older
 * than it is moved. A crash may stop it anywhere: a repair begun again finds less to do.
 * Going back behind a checkpoint that may have been committed is a rewind; the fence promises it
 * (`repair`, docs/FORMAT.md) and the next start plans it, for it knows the sinks. */
#pragma once
#include "checkpoint/store.h"

#define REPAIR_LOST "lost"

struct repair_asked {
	const uint64_t *slot; /* checkpoints that are not intact, by whoever read them; ascending */
	uint32_t n;
	bool job;             /* job.json is not what was written: moved aside too */
	/* What was done, as it is done. file: below the directory. May be NULL. */
	void (*did)(void *arg, const char *file, const char *what);
	void *arg;
};

struct repair_did {
	uint64_t fence;       /* its slot; 0: there was nothing to do */
	uint64_t chosen;      /* id that a start goes on from; 0: from nothing, as before */
	bool goes_back;       /* newer checkpoints than that one are given up */
	uint32_t quarantined; /* slots that were not before */
	uint32_t moved;       /* files */
};

/* Durable when OK.
 *   E_CORRUPT   no checkpoint is left that could be restored, or no manifest: nothing was changed
 *   E_REFUSED   something is of a later version, or a run has to finish first what it began
 *   else        reading failed (nothing was changed), or moving did: begin again */
RC store_repair(struct store *s, const struct repair_asked *a, struct repair_did *did,
		struct err *e);
