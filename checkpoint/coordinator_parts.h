/* coordinator_parts.h - what coordinator.c (what becomes of a checkpoint) and trigger.c (when one
 * begins) share: the attempt's phase, the facts noted so far, and the queue of actions.
 * Not for anyone else. */
#pragma once
#include "checkpoint/inflight.h"

#define NEVER UINT64_MAX
/* One event leads to at most 16 aborts, 16 refusals and a few more; the rest is by feel, for a
 * runner that feeds outcomes while it performs. */
#define ACTIONS_MAX 128
#define TO(phase) (1u << (phase))

/* The attempt.
 *
 *   NEW ----> INITIAL ----> RUNNING ----> DONE        stop or final settled
 *    |           |             ^
 *    +-----------|-------------+          no initial one asked for
 *    +-----------+-------------+--------> FAILED      and from any of them: HALTED           */
enum phase { NEW, INITIAL, RUNNING, DONE, FAILED, HALTED };

#define LIVE (TO(NEW) | TO(INITIAL) | TO(RUNNING))

struct coordinator {
	struct mem *mem;
	struct co_config cfg;
	struct co_stats stats;
	enum phase phase;
	uint64_t now_us;
	uint64_t first_id, next_id, newest;
	uint64_t periodic_at_us;
	uint64_t pause_until_us;     /* the newest completion plus min_pause */
	bool held;                   /* nothing is triggered before CO_EV_LOADED */
	bool drain_asked, stop_asked, inputs_ended;
	struct co_asked stop;        /* once one of the first two is asked: who did, and its name */
	struct co_asked periodic;    /* the next one that nobody asked for: why */
	uint64_t ending_id;          /* the stop or final checkpoint under way, 0: none */
	enum co_kind ending_kind;
	uint32_t backlog;
	uint32_t requests;
	struct co_asked request[CO_REQUESTS_MAX]; /* savepoints first, then manual ones (3) */
	struct inflight_table table;
	uint32_t first_action, actions;
	struct co_action action[ACTIONS_MAX];
};

/* ---- coordinator.c ---- */

static inline bool co_is_live(const struct coordinator *co)
{
	return LIVE & TO(co->phase);
}

static inline uint64_t co_later(uint64_t at_us, uint64_t by_us)
{
	return at_us > NEVER - by_us ? NEVER : at_us + by_us;
}

void co_phase_move(struct coordinator *co, enum phase to); /* the one mover */
/* The next action, zeroed but for its kind; about p: with its id, kind and so on. */
struct co_action *co_emit(struct coordinator *co, enum co_action_kind kind);
struct co_action *co_emit_about(struct coordinator *co, enum co_action_kind kind,
				const struct inflight *p);

/* ---- trigger.c ---- */

/* From now on records may flow, unless a stop was asked for before any did. */
void co_release(struct coordinator *co);
void co_request(struct coordinator *co, const struct co_event *ev);
/* Answers every waiting request with CO_REFUSED. */
void co_refuse_waiting(struct coordinator *co, const char *why);
void co_send_again(struct coordinator *co);
/* Triggers what stands first, if anything may be triggered now. */
void co_trigger_next(struct coordinator *co);
