/* disk_states.h - a job's life (crash.h) is lived once; at each of its changes a copy of the disk
 * loses its power, in every legal way (base/fs_sim_states.h), and who goes on with it must
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
#include "tests/proof/crash.h"

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
	size_t files;           /* where in disk_states.file those committed at its end begin */
	uint32_t n_files;
};

/* How much: of the distinct disks one in one_in is judged, in a proof one in proof_one_in; of one
 * cut at most so many states are made; so many lives are lived. What is *_of_all holds for a proof
 * without bounds, which judges every disk. */
struct disk_states_size {
	uint64_t one_in, proof_one_in, at_most, at_most_of_all;
	uint32_t lives, lives_of_all; /* numbered in life.note, for what comes before */
};

struct disk_part {
	const struct shape *shape;
	struct disk_states_size much;
	bool asks;    /* it asks for a savepoint (request 1), and for a pin (request: the checkpoint) */
	bool forgets; /* a rewind: what was told before it holds no more */
};

struct disk_states {
	const struct disk_part *part;
	struct life l;          /* is lived once */
	struct life v;          /* goes on with one state */
	struct fs_sim *disk;    /* that state */
	struct mem mem;         /* of disk */
	bool cuts;              /* the life has begun */
	uint64_t base;          /* what was acked and is forgotten */
	struct told told;
	/* every disk that was seen */
	struct verdict *seen;
	size_t seen_n, seen_cap; /* cap: a power of two */
	uint64_t *file;
	size_t files, files_cap;
	/* the cut */
	struct fs_sim_states *st;
	uint64_t life, op, state; /* of this life operation op is done; its state, from 1 */
	struct verdict least;     /* of this cut's, in each what is least promised */
	/* this run */
	uint64_t seed, one_in, at_most, only_life, only_op, only_state;
	/* counts */
	uint64_t cuts_n, sampled_cuts, all, made, done, judged;
};

/* Lives, with all their cuts; prints the lines. */
void disk_states_run(const struct disk_part *part);
