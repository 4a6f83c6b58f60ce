/* runs_in.h - runs of a manifest as inputs of a merge: opening them and feeding their blocks.
 * Shared by walk.c, lazy_stream.c and merger.c only. */
#pragma once
#include "checkpoint/manifest.h"
#include "state/merge.h"

struct run_in {
	struct part_reader *part;
	struct section_reader *section;
	uint64_t bytes;
};

struct runs_in {
	struct mem *mem;
	struct run_in in[MERGE_INPUTS];
	struct merge_input range[MERGE_INPUTS];
	uint32_t n;
};

void runs_in_init(struct runs_in *r, struct mem *mem);
void runs_in_close(struct runs_in *r); /* legal on the empty value */
/* Adds a run, restricted to [lo, hi]; nothing when the ranges do not meet. */
RC runs_in_add(struct runs_in *r, struct fs *fs, const char *parts_dir, const struct manifest *m,
	       const struct manifest_run *run, uint64_t lo, uint64_t hi, struct err *e);
/* Answers MERGE_WANT of input i. */
RC runs_in_feed(struct runs_in *r, struct merge *m, uint32_t i, struct err *e);
/* The last hash, up to hash_last, up to which the runs that cover lo are those that cover it: after
 * a rescale the chains of old subtasks stand side by side, and only one of them is open at a
 * time. */
uint64_t runs_in_strip(const struct manifest_keyed *s, uint64_t lo, uint64_t hash_last);
