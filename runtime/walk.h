/* walk.h - a keyed state as a checkpoint has it: every live row, in ascending (hash, key) order.
 * Why its own: a restore fills tables with these rows, `weir state` shows them, `weir fsck` counts
 * them; all must read a chain of runs alike.
 *
 *   manifest's runs -> strips of hash over which the same runs stand -> a strip's runs merged
 *
 * After a rescale the chains of old subtasks stand side by side; only the runs of one strip are
 * open at a time. Constant memory: a decoded block for each of them.
 * Every block is verified before its rows are handed out. Blocking. Threads: one owner. */
#pragma once
#include "checkpoint/manifest.h"
#include "state/merge.h"

struct walk;

struct walk_options {
	struct fs *fs;
	struct mem *mem;
	const char *parts_dir;
	const struct manifest *m;
	const struct manifest_keyed *state; /* of m */
	const struct keyed_shape *shape;
	uint64_t hash_first, hash_last;     /* rows outside are left out; both inclusive */
};
/* Everything o points to is borrowed until walk_close. Nothing is read before the first
 * walk_next. */
RC walk_open(struct walk **w, const struct walk_options *o, struct err *e);
void walk_close(struct walk *w); /* legal on NULL */

/* The next rows [span->from, span->to) of span->block, deletions left out; valid until the next
 * call. span->block NULL: there are no more. E_CORRUPT names file and place. */
RC walk_next(struct walk *w, struct merge_span *span, struct err *e);

uint64_t walk_rows_read(const struct walk *w);  /* of all runs looked at, live or not */
uint64_t walk_bytes_read(const struct walk *w);
