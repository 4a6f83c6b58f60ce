/* inflight.h - the checkpoints in flight of one attempt: which moves they may make, who is missing.
 * Why apart from coordinator.c: that one decides, this one remembers. Bounded: twice max_concurrent
 * places, so that as many may still commit as may be pending.
 * Owns: the bits of all places, one allocation. Threads: control thread only. */
#pragma once
#include "checkpoint/coordinator.h"

/*                              (COMPLETE waits until no other is being published)
 *       begin             last ack            |                    durable
 *   FREE -----> TRIGGERED ---------> COMPLETE ---> PUBLISHING ---------------> COMMITTING
 *    ^              |                   |              |                           |
 *    |  decline,    |        subsumed,  |              | failed        intents     |
 *    |  expiry,     |        attempt    |              |               settled     |
 *    |  subsumed,   |        failed     |              |                           |
 *    |  attempt     |                   |              |                           |
 *    |  failed      v                   v              v                           |
 *    +--------- given up --------- given up -------- given up                      |
 *    +-----------------------------------------------------------------------------+
 * (An attempt that is over frees a published one at once: its successor settles the intents.) */
enum inflight_state {
	INFLIGHT_FREE,
	INFLIGHT_TRIGGERED,
	INFLIGHT_COMPLETE,
	INFLIGHT_PUBLISHING,
	INFLIGHT_COMMITTING,
};

/* Sets of states, for the functions that take `states`. */
#define IN(state) (1u << (state))
#define IN_GATHERING (IN(INFLIGHT_TRIGGERED) | IN(INFLIGHT_COMPLETE))
#define IN_UNDECIDED (IN_GATHERING | IN(INFLIGHT_PUBLISHING))

/* What was asked for, by whoever asked. */
struct co_asked {
	enum co_kind kind;
	uint64_t token;
	bool full;
	char name[CO_NAME], why[CO_WHY];
};

struct inflight {
	enum inflight_state state;
	struct co_asked asked;
	uint64_t id, base_id;
	uint64_t created_us, sent_us;
	uint32_t unacked, unfrozen;  /* how many bits are still clear */
	uint64_t *acked, *frozen;    /* a bit for each subtask */
};

struct inflight_table {
	uint32_t subtasks;
	uint32_t places;
	struct inflight place[2 * CO_CONCURRENT_MAX];
	uint64_t *bits;
};

RC inflight_open(struct inflight_table *t, uint32_t max_concurrent, uint32_t subtasks,
		struct mem *mem, struct err *e);
void inflight_close(struct inflight_table *t, struct mem *mem); /* legal on {0} */

/* How many are in one of the states. */
uint32_t inflight_count(const struct inflight_table *t, unsigned states);
/* The lowest id above `above` that is in one of the states; NULL: none. */
struct inflight *inflight_oldest(struct inflight_table *t, unsigned states, uint64_t above);
/* The one with this id, if it is in one of the states; else NULL. */
struct inflight *inflight_find(struct inflight_table *t, uint64_t id, unsigned states);
/* Whether a task may still be freezing one (COORDINATOR 4). */
bool inflight_is_freezing(const struct inflight_table *t);

/* A place must be free. base_id is the caller's to fill. */
struct inflight *inflight_begin(struct inflight_table *t, const struct co_asked *asked, uint64_t id,
				uint64_t now_us);
void inflight_move(struct inflight *p, enum inflight_state to); /* the one mover */
/* False: this subtask had said so before. */
bool inflight_ack(struct inflight *p, uint32_t subtask);
bool inflight_freeze(struct inflight *p, uint32_t subtask);
/* Writes up to n subtasks that have not acknowledged; returns how many they are in all. */
uint32_t inflight_missing(const struct inflight_table *t, const struct inflight *p,
			 uint32_t *subtasks, uint32_t n);
/* CHECKs: at most one freezes, one is being published; what commits is older than what is
 * published next; counts and bits agree. */
void inflight_check(const struct inflight_table *t);
