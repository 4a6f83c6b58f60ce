/* inspect_dir.h - all of a job's directory read by somebody who trusts nothing: `weir fsck`.
 *
 *   the log          every manifest; that fences stand where epochs say, ids rise, one job
 *   checkpoints      each that is alive, as inspect_check does; keys counted of the newest few
 *   pieces of sinks  pending or committed: length and hash
 *   audit/           the ledgers that the newest names, by length and hash (audit.h proves more)
 *   job.json         is the text that the newest checkpoint was taken of
 *   savepoints/      each a small directory of its own, looked at alike
 *
 * and what a start would find: which checkpoint it goes on from, and which others are whole. What
 * no checkpoint names is told as a note: it is nobody's, and goes with a sweep.
 * Changes nothing, takes no lock; the job may be running. Blocking. Threads: one owner. */
#pragma once
#include "runtime/inspect_check.h"

struct dir_checkpoint {
	const struct manifest *m;
	const char *dir;  /* below the job's directory: "" or "savepoints/NAME/" */
	bool chosen;      /* a start would go on from it */
	struct inspect_checked checked;
	bool torn;   /* a piece that a sink prepared for it, and nobody has committed yet, is not what
	              * was written: its state is whole, but a start could not settle it */
	bool intact; /* no fault, and not torn */
};

/* Who is told, as it is found. file and what: valid during the call. */
struct dir_listener {
	void *arg;
	inspect_on_fault *fault; /* file: below the job's directory */
	void (*note)(void *arg, const char *file, const char *what);
	void (*checkpoint)(void *arg, const struct dir_checkpoint *c); /* oldest first */
};

struct dir_result {
	uint32_t missing, corrupt, unreadable, version; /* faults told, by kind */
	uint32_t checkpoints, intact;  /* alive, savepoints' own directories included */
	uint32_t savepoints;
	uint32_t manifests, files, sections, blocks, pieces;
	uint64_t bytes, rows;
	uint64_t chosen; /* id of the checkpoint a start goes on from; 0: none */
	bool chosen_intact;
	uint64_t best;   /* the newest of this line that is intact; 0: none */
};

/* E_NOT_FOUND: no manifest at all. Else an error only without memory or where the folder cannot be
 * listed. */
RC inspect_dir_check(struct env *env, const char *dir, const struct dir_listener *to,
		     struct dir_result *out, struct err *e);
