/* import.h - a checkpoint of another directory (a savepoint's, or a job's) as the beginning of a
 * line in this one (COORDINATOR 16). The source is only read, and may be running; a claim, which
 * takes it over, is a fence in its log by an ordinary owner (store_plan_import).
 *
 *   import_look -> the caller's checks -> fence that promises it (store_plan_import, store_own)
 *                  -> store_import_file for each file -> store_publish, with `origin`
 *
 * A crash on the way leaves a fence that says what was begun: the next start does it again. Files
 * keep their names, which are unique wherever they were made: a lineage is random.
 * Threads: whoever starts the job, before it runs. */
#pragma once
#include "checkpoint/store.h"

struct import_source {
	char dir[LAYOUT_PATH_MAX], parts_dir[LAYOUT_PATH_MAX];
	struct manifest m;             /* the checkpoint, intact; id 0: see claimed_by */
	struct manifest_origin origin; /* its place there; id 0: not known */
	struct verify_result verified;
	/* The job that took the directory over, "" when none did, and where it is. It may have retired
	 * the checkpoint; whether it may be restored is the caller's to judge (import_may_take). */
	char claimed_by[UUID_TEXT], claimed_in[LAYOUT_PATH_MAX];
};

/* Looks for a checkpoint in dir: the newest, or by id or name; or by slot, unless SLOT_NONE. Reads
 * every byte of it.
 *   E_NOT_FOUND no such directory, none in it, or the one asked for is not kept
 *   E_INVALID   dir is no directory
 *   E_CORRUPT   its log or the checkpoint's files; the file is named
 *   E_REFUSED   something was begun there; its job had finished */
RC import_look(struct import_source *x, struct fs *fs, struct mem *mem, const char *dir,
	       const struct store_want *want, uint64_t slot, struct err *e);
/* E_REFUSED: another job than the one of this uuid took it over, and is still there. */
RC import_may_take(const struct import_source *x, struct fs *fs, struct mem *mem, const char *uuid,
		   struct err *e);
void import_close(struct import_source *x); /* legal on the empty value */

/* What was done with files. */
struct import_tally {
	uint32_t linked, copied, there; /* there: by an import that was begun before */
	uint64_t bytes;                 /* of those copied */
};

/* After store_own: file i of m, from another parts/ into ours, under its own name, durable once it
 * is published. Linked; copied where that cannot be. E_NOT_FOUND: it is gone there. */
RC store_import_file(struct store *s, const char *parts_dir, const struct manifest *m, uint32_t i,
		     struct import_tally *t, struct err *e);

/* Of the directory that the job of this uuid claimed: everything but its fences goes, manifests
 * first, under its owner.lock. Harmless to repeat, by that job only; where the newest slot is no
 * claim of it, and where the directory is gone, nothing is done. With a manifest that cannot be
 * read nothing goes (inv 16). */
RC import_retire(struct fs *fs, struct mem *mem, const char *dir, const char *uuid, struct err *e);
