/* merger.h - the bridge that shortens chains: neighbouring runs of one subtask's chain become one.
 * Why: a restore reads at most about twice the live state, and a chain has at most CHAIN_RUNS_MAX
 * runs, but for those that come while a merge is late. merge_choose is pure: which runs, by size.
 * The job reads, merges and writes in bounded steps on the bytes lane, seals on the durability
 * lane, and comes back as a letter. Its result is
 * used only where the chain still has exactly those runs; else the file is discarded.
 * Owns: copies of what it needs of the manifest. Threads: made and taken back by the control
 * thread. */
#pragma once
#include "checkpoint/manifest.h"
#include "runtime/part_share.h"
#include "state/keyed.h"

#define CHAIN_RUNS_MAX 8

/* One less than the bound: while a merge runs, the next checkpoint adds a run. */
#define MERGE_FROM_RUNS (CHAIN_RUNS_MAX - 1)

/* A run as the choice sees it. */
struct merge_weight {
	uint64_t rows;
	uint64_t age; /* checkpoints since it was written; 0: not known */
};

/* Of a chain's runs, bottom first: merges [*first, *first + *count), always up to the newest, those
 * whose rows are fewest for what it brings: the cube of the runs saved, or the age of its lowest
 * run if that is more (so each row is rewritten some log2(n) times while n deltas come, and nothing
 * is rewritten over and over to spare a run below that would have cost less by now).
 * False: nothing to do, the chain is short. Pure. */
bool merge_choose(const struct merge_weight *run, uint32_t n, uint32_t *first, uint32_t *count);

struct merger_options {
	struct fs *fs;
	struct mem *mem;
	const char *parts_dir;      /* borrowed until the letter is back */
	struct part_name name;      /* of the file it writes */
	const char *stage;          /* borrowed */
	struct section head;        /* for the merged section */
	struct keyed_shape shape;
	uint64_t hash_first, hash_last;
	bool at_bottom;             /* nothing lies below: deletions go */
};

struct merger {
	struct io_job job, seal;    /* the letter is seal's */
	struct merger_options o;
	struct manifest inputs;     /* one op, one state: the runs to be merged, bottom first */
	struct runs_in *runs;
	struct merge *merge;
	struct part_share *part;
	struct ioqueue *io;
	_Atomic bool dropped;
	/* out, with seal.rc OK: */
	struct section_ref ref;     /* .file not set */
	/* length 0: nothing was left (all deleted, at the bottom). After a fault the name alone, if the
	 * file was begun: it is to be discarded. */
	struct part_file file;
	bool delta;                 /* the merged run: whether it has something below */
};

/* The runs [first, first + count) of the state are copied. The letter has this kind. */
RC merger_open(struct merger **g, const struct merger_options *o, const struct manifest *m,
	       const struct manifest_run *const *run, uint32_t count, struct mailbox *reply, int kind,
	       struct err *e);
void merger_submit(struct merger *g, struct ioqueue *q);
/* Control thread: it is not wanted any more, and comes back after its next step as E_STOPPED. */
void merger_drop(struct merger *g);
void merger_close(struct merger *g); /* after its letter; NULL is legal */
