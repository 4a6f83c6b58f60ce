/* disk_states.h - a small job runs once; at each of its changes a copy of the disk loses its power,
 * in every legal way (base/fs_sim_states.h), and a start on what is left must
 *   be safe    it ends with the oracle's output, exactly, in a clean directory, and never had to
 *              fall back (inv 28, 29, 14);
 *   have kept  it goes on from no older checkpoint than the last that anybody was told is complete;
 *              what a consumer saw in the sink's folder is there, as it was; a savepoint that was
 *              answered is whole, a checkpoint whose pin was answered is pinned (inv 1, 12).
 * Why once: the cut needs no process, only its disk; so a state costs a recovery, and of equal
 * disks one is judged for all, whatever each cut's client was told.
 * Threads: one. A failure aborts, and says how to see that one state alone. */
#pragma once
#include "base/fs_sim_states.h"
#include "tests/lib/proof.h"
#include "tests/sim/scenario.h"

#define TOLD_FILES 64

/* What somebody outside knows for certain. */
struct told {
	uint64_t acked;            /* a checkpoint; 0: none */
	uint64_t pinned;           /* likewise, a pin of which was answered */
	bool savepoint;            /* answered */
	uint64_t file[TOLD_FILES]; /* hashes of names and bytes of committed files */
	uint32_t n_files;
};

/* What a start made of one disk. */
struct verdict {
	uint64_t hash;          /* the disk's; 0: a free place of the table */
	bool judged;            /* else: not of this run's sample */
	bool savepoint;         /* stood there whole before the start */
	uint64_t pinned;        /* the checkpoint that was pinned, before the start */
	uint64_t from;          /* the checkpoint it went on from */
	size_t files;           /* where in disk_states.file its committed files begin, at the end */
	uint32_t n_files;
};

struct disk_states {
	const char *name;       /* of the part: how to run it again */
	struct scenario s;
	struct world w;         /* runs once */
	struct world v;         /* a start on one state */
	struct fs_sim *disk;    /* that state */
	struct mem mem;         /* of disk */
	bool asks;              /* for a savepoint and for a pin, on the way */
	unsigned asked;         /* how many of them */
	struct told told;
	/* every disk that was seen */
	struct verdict *seen;
	size_t seen_n, seen_cap; /* cap: a power of two */
	uint64_t *file;
	size_t files, files_cap;
	/* the cut */
	struct fs_sim_states *st;
	uint64_t op, state;     /* operation op is done; its state, from 1 */
	struct verdict least;   /* of this cut's, in each what is least promised */
	/* this run */
	uint64_t seed, one_in, at_most, only_op, only_state;
	/* counts */
	uint64_t cuts, sampled_cuts, all, made, done, judged;
};

/* How much: of the distinct disks one in one_in is judged (all of them in proof); of one cut at
 * most so many states are made. */
struct disk_states_size {
	uint64_t one_in, at_most, at_most_of_all;
};

void disk_states_open(struct disk_states *x, const char *name, enum scenario_kind k,
		      struct scenario_size size, bool asks, struct disk_states_size much);
void disk_states_close(struct disk_states *x);
/* The run, with all its cuts; prints its lines. */
void disk_states_run(struct disk_states *x);
