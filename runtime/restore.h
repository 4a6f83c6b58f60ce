/* restore.h - the bridge from a checkpoint's sections to a task's keyed state: the chain of runs in
 * the manifest, those that touch the subtask's hash range, merged newest first into the table, in
 * order. Every block is verified before its rows are touched. Constant memory: one block for each
 * run of one chain, however many old subtasks' chains stand side by side.
 * Threads: blocking; a thread of its own for each subtask in production (they share nothing), one
 * after the other in simulation. A million number keys and more are restored by several threads, a
 * stretch of hashes each, if there are more cores than subtasks. Where one thread fills a table of
 * so many, another one reads, verifies and merges ahead of it (walk_ahead.h), and both ask for its
 * memory when they would wait (state/pages.h). Before the task's first step. */
#pragma once
#include "checkpoint/manifest.h"
#include "state/keyed.h"

struct restored {
	uint64_t keys, rows_read, bytes_read; /* rows of all runs that were looked at, live or not */
	uint32_t full_runs, delta_runs;
};

/* How many threads restore a subtask of so many keys while `beside` subtasks, it included, are
 * restored: all of them together hardly more than cores, for each has the files of a whole chain
 * open. At least 1. */
uint32_t restore_width(uint64_t expected, uint32_t beside, uint32_t cores);
/* Fills k (empty, owning [hash_first, hash_last]) from state s of manifest m, beside others as in
 * restore_width. expected: keys. */
RC restore_keyed(uint32_t beside, struct fs *fs, struct mem *mem, const char *parts_dir,
		 const struct manifest *m, const struct manifest_keyed *s,
		 const struct keyed_shape *shape, uint64_t hash_first, uint64_t hash_last,
		 uint64_t expected, struct keyed *k, struct restored *out, struct err *e);
/* The same in so many stretches of hashes, where keys are numbers and expected is not 0, whatever
 * the size. threads: side by side (fs must stand that; the simulated one does not), else one after
 * the other. */
RC restore_stretches(uint32_t stretches, bool threads, struct fs *fs, struct mem *mem,
		     const char *parts_dir, const struct manifest *m,
		     const struct manifest_keyed *s, const struct keyed_shape *shape,
		     uint64_t hash_first, uint64_t hash_last, uint64_t expected, struct keyed *k,
		     struct restored *out, struct err *e);
