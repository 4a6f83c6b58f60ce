/* outlet.h - where a task's batches and marks go: every stage that reads it, every subtask of each.
 *
 *   outlet ── edge to stage A ── hash ──> channel to A/0, A/1, A/2
 *          ── edge to stage B ── forward > channel to B/<same number>
 *
 * Each receiver of an exchange gets its rows compacted into columns of their own; only where at
 * least 7/8 are its, the same columns under a selection. Measured (adr/0011): selecting copies
 * nothing, but each receiver then fetches the others' rows too, from a cache that is not its own.
 * Owns: its lists and scratch; borrows the channels. Threads: its task's. */
#pragma once
#include "runtime/channel.h"
#include "runtime/counts.h"
#include "runtime/keys.h"

enum edge_kind {
	EDGE_FORWARD,   /* one channel: to the subtask of the same number */
	EDGE_HASH,      /* by key group */
	EDGE_REBALANCE, /* batches in turn */
	EDGE_BROADCAST,
};
const char *edge_kind_name(enum edge_kind k);

#define EDGE_CHANNELS_MAX 256 /* parallelism of a stage; by feel */

struct edge {
	enum edge_kind kind;
	uint32_t n;
	struct channel **to;         /* borrowed array of n */
	const struct key_spec *key;  /* EDGE_HASH */
	bool clips;                  /* EDGE_HASH: a key that cannot be goes out under a shorter one's
				      * hash, for the reader to find and skip */
	enum hash_id hash_id;        /* EDGE_HASH: the reader's state has it; 0: HASH_STRING */
	uint32_t max_parallelism;
	uint16_t *owner;             /* EDGE_HASH with n > 1: of each key group; the outlet's */
	uint32_t turn;               /* EDGE_REBALANCE */
	uint32_t number;             /* among the plan's edges */
	bool audit;                  /* sent.hash is kept too; of all edges, or of none */
	struct snap_count sent;      /* so far */
};

struct outlet {
	struct edge *edge; /* borrowed array */
	uint32_t n_edges;
	struct pool *pool;
	struct mem *mem;
	struct keys keys;
	struct selection *pick; /* scratch of EDGE_HASH with n > 1 */
	uint64_t records;       /* sent so far, counted once however many read it */
};

RC outlet_open(struct outlet *o, struct edge *edge, uint32_t n_edges, struct pool *pool,
	       struct mem *mem, struct err *e);
void outlet_close(struct outlet *o); /* legal on the empty value */
/* Every channel has room for one item. True stays true until the next send. */
bool outlet_has_room(struct outlet *o);
/* Needs room. Takes *b. E_RECORD with *bad_row when a key cannot be (too long): *b stays. */
RC outlet_send(struct outlet *o, struct batch **b, uint32_t *bad_row, struct err *e);
/* Before the task waits or goes idle: wakes the readers that are owed it. */
void outlet_settle(struct outlet *o);
/* To every channel. Needs room. */
void outlet_mark(struct outlet *o, const struct item *mark);
