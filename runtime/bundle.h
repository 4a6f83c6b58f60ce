/* bundle.h - all the state of one checkpoint as one part file that needs no other: every keyed
 * state's chain merged at its bottom, and what is not keyed copied. What a savepoint is made of.
 * Why from the manifest alone: it may be done by a process that runs another version of the job.
 * A step machine: a block is read, merged or written at most, so it may share the bytes lane.
 * Owns its file until it is closed; borrows the manifest's strings never: it copies.
 * Threads: one owner at a time; bundle_seal on the durability lane. */
#pragma once
#include "checkpoint/manifest.h"
#include "runtime/part_share.h"

struct bundle_options {
	struct fs *fs;
	struct mem *mem;
	const char *from_dir, *to_dir; /* folders of part files; borrowed until bundle_close */
	uint32_t merge;                /* number in the new file's name: the rest of it, lineage, epoch,
					* attempt and id, is the checkpoint's */
};

struct bundle;
RC bundle_open(struct bundle **b, const struct bundle_options *o, const struct manifest *from,
	       struct err *e);
/* *done: the file is finished, and bundle_manifest complete. io: for its syncs as it grows. */
RC bundle_step(struct bundle *b, struct ioqueue *io, bool *done, struct err *e);
/* fsync and close. */
RC bundle_seal(struct bundle *b, struct err *e);
/* What `from` says, over the new file: of kind savepoint, with nothing prepared, nothing retained
 * and no parent. Slot, epoch, id and name are its own still. Borrowed from b. */
struct manifest *bundle_manifest(struct bundle *b);
void bundle_close(struct bundle *b); /* legal on NULL */

/* The shape of a keyed state as its manifest describes it. */
struct keyed_shape;
void bundle_shape(const struct manifest_keyed *k, struct keyed_shape *to);
