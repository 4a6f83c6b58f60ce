/* run_look.h - single keys looked up in the runs of a checkpoint, by their indexes: a block or two
 * of a run is read for a key, whatever the run's length.
 * Keys are asked for in ascending (hash, key) order, so that many of them read each block at most
 * once, and what lies between them is skipped.
 * Blocking. Threads: one owner. */
#pragma once
#include "checkpoint/manifest.h"
#include "state/run.h"

/* Of one run. Zeroed: nothing to close. */
struct run_look {
	struct part_reader *part;
	struct section_reader *section;
	struct run_block block; /* the one that the last key was looked for in */
	bool ended;             /* behind the last block */
};
RC run_look_open(struct run_look *l, struct fs *fs, struct mem *mem, const char *parts_dir,
		 const struct manifest *m, const struct manifest_run *run,
		 const struct keyed_shape *shape, struct err *e);
void run_look_close(struct run_look *l);
/* *row: of l->block, or -1: the run says nothing of this key. E_CORRUPT. */
RC run_look_find(struct run_look *l, uint64_t hash, const void *key, uint32_t len, int *row,
		 struct err *e);

/* What a chain, bottom to top, says of a key. *value: 8-byte aligned, valid until the next call;
 * NULL: there is no such key. */
RC run_looks_find(struct run_look *const *chain, uint32_t n, uint64_t hash, const void *key,
		  uint32_t len, const uint8_t **value, struct err *e);
