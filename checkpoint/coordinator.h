/* coordinator.h - decides when a checkpoint begins, is complete, is given up, and what follows.
 * Pure: events, facts and the time in, actions out; no lock, no I/O, no clock. The job runner
 * (jobs/) performs the actions on the control thread and feeds the outcomes back as events; the
 * simulation does the same under a seed. COORDINATOR.md's numbers are cited in coordinator.c.
 *
 *   co_event(now, event) -> queue of actions -> co_next() until it says false; co_wake_at() says when
 *   the next CO_TICK is due.
 *
 * One coordinator lives for one attempt. Threads: control thread only. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

enum co_kind { CO_INITIAL, CO_PERIODIC, CO_MANUAL, CO_SAVEPOINT, CO_STOP, CO_FINAL };
const char *co_kind_name(enum co_kind k); /* "initial", "periodic", ... */

struct co_config {
	uint64_t interval_us;        /* 0: no periodic ones */
	uint64_t timeout_us;
	uint64_t min_pause_us;
	uint32_t max_concurrent;     /* at least 1 */
	uint32_t tolerable_failures;
	uint32_t subtasks;           /* every one must acknowledge */
	uint64_t epoch, attempt;
	uint64_t next_id;            /* above everything ever seen in the directory */
	uint64_t base_id;            /* the checkpoint restored, 0: none */
	bool initial;                /* take one before the first record (fresh job, changed plan) */
	uint64_t resend_us;          /* a trigger not acknowledged within this is sent again; 0: never */
};

enum co_event_kind {
	CO_EV_START,          /* every task stands ready; nothing flows before the initial checkpoint */
	CO_EV_TICK,
	CO_EV_REQUEST,        /* request_kind: manual, savepoint, stop */
	CO_EV_ACK,            /* subtask's sections are in the part; id, epoch, attempt, subtask */
	CO_EV_DECLINE,        /* subtask cannot: id, subtask, error */
	CO_EV_FROZEN,         /* subtask has ended encoding id (COORDINATOR 4): id, subtask */
	CO_EV_PUBLISHED,      /* durable: id */
	CO_EV_PUBLISH_FAILED, /* nothing is visible: id, error */
	CO_EV_PUBLISH_UNKNOWN,/* the outcome cannot be told: stop, delete nothing: error */
	CO_EV_COMMITTED,      /* intents of id are settled */
	CO_EV_COMMIT_FAILED,  /* fails the attempt (20): error */
	CO_EV_INPUTS_ENDED,   /* every task has flushed after its end of input: the final checkpoint is due */
	CO_EV_TASK_FAILED,    /* error: the attempt fails */
};

struct co_event {
	enum co_event_kind kind;
	enum co_kind request_kind;
	uint64_t epoch, attempt, id; /* of the message; what is not current is dropped and counted (8) */
	uint32_t subtask;
	const struct err *error;     /* borrowed during the call */
};

enum co_action_kind {
	CO_TRIGGER,       /* send to every source (and again on a resend): id, base_id, checkpoint_kind, stop */
	CO_RELEASE,       /* the initial checkpoint is published: sources may start reading */
	CO_PUBLISH,       /* all sections are in: write the manifest of id */
	CO_ABORT,         /* tell every task; release held inputs: id, error */
	CO_COMPLETED,     /* id is durable: notify tasks, commit its intents, then retire and sweep */
	CO_FAIL_ATTEMPT,  /* error */
	CO_HALT,          /* outcome unknown or fenced: end the process, delete nothing, commit nothing */
	CO_DONE,          /* the stop or final checkpoint's intents are settled: the job is over */
};

struct co_action {
	enum co_action_kind kind;
	uint64_t id, base_id;
	enum co_kind checkpoint_kind;
	bool stop;                   /* sources emit nothing after this barrier (23) */
	struct err error;
};

struct co_stats {
	uint64_t completed, failed, consecutive_failures;
	uint64_t dropped_messages, duplicate_acks, late_acks, unknown_acks, skipped_triggers;
};

struct coordinator;
RC co_open(struct coordinator **co, const struct co_config *c, struct mem *mem, struct err *e);
void co_close(struct coordinator *co); /* legal on NULL */
void co_event(struct coordinator *co, uint64_t now_us, const struct co_event *ev);
bool co_next(struct coordinator *co, struct co_action *a); /* copies the oldest action out */
uint64_t co_wake_at(const struct coordinator *co);         /* UINT64_MAX: nothing is due */
const struct co_stats *co_stats(const struct coordinator *co);
/* The pending checkpoint with this id: who has not acknowledged yet. Writes up to n subtask numbers,
 * returns how many are missing in all. */
uint32_t co_missing(const struct coordinator *co, uint64_t id, uint32_t *subtasks, uint32_t n);
