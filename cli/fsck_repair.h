/* fsck_repair.h - the half of `weir fsck --repair` that is not the look: which checkpoints it found
 * bad, the job's lock while it reads, and what is done then (checkpoint/repair.h). */
#pragma once
#include "base/json.h"
#include "checkpoint/repair.h"
#include "cli/paint.h"
#include "runtime/inspect_dir.h"

struct fsck_repair {
	struct store *store; /* with the lock; NULL: not open */
	struct env *env;
	struct bytes slots;  /* uint64_t: of checkpoints that are not intact, ascending */
	bool job;            /* job.json is not what was written */
	char later[LAYOUT_PATH_MAX]; /* a file of a later version, below the directory; "": none */
	struct repair_did did;
};

/* E_REFUSED: the job is running. */
RC fsck_repair_open(struct fsck_repair *f, struct env *env, const char *dir, struct err *e);
/* What the look found; f NULL: nothing was to be repaired. */
void fsck_repair_fault(struct fsck_repair *f, const struct inspect_fault *fault);
void fsck_repair_checkpoint(struct fsck_repair *f, const struct dir_checkpoint *c);
/* Repairs what it found, telling each thing done. Nothing at all where something could not be read,
 * or is of a later version (E_REFUSED): neither is a verdict (inv 15). */
RC fsck_repair_do(struct fsck_repair *f, const struct dir_result *found,
		  void (*did)(void *arg, const char *file, const char *what), void *arg,
		  struct err *e);
void fsck_repair_close(struct fsck_repair *f); /* legal on NULL and on the empty value */

/* What was done, and what that means for the next run. */
void fsck_repair_text(const struct fsck_repair *f, const struct paint *p);
/* did: JSON values, one behind the other. */
void fsck_repair_json(const struct fsck_repair *f, struct json_out *o, const struct bytes *did);

/* Hears nothing: how the directory is afterwards is all that is wanted. */
extern const struct dir_listener fsck_silent;
