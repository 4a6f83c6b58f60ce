/* coordinator.h - decides when a checkpoint begins, is complete, is given up, and what follows.
 * Pure: events, facts and the time in, actions out; no lock, no I/O, no clock. The job runner
 * (jobs/) performs the actions on the control thread and feeds the outcomes back as events; the
 * simulation does the same under a seed. COORDINATOR.md's numbers are cited in coordinator.c.
 *
 *   co_event(now, event) -> queue of actions -> co_next() until it says false; co_wake_at() says
 *   when the next CO_EV_TICK is due. Drain the actions after each event; performing one may feed
 *   further events, whose actions queue behind.
 *
 * A checkpoint that was triggered is decided exactly once (inv 9): CO_COMPLETED or CO_ABORT. After
 * CO_FAIL_ATTEMPT or CO_DONE nothing more is asked for; publish outcomes still belong here (inv 8):
 * they are counted, and CO_HALT may follow. After CO_HALT nothing comes at all, and what was queued
 * is gone: a fenced process performs no further durable operation (inv 27).
 *
 * One coordinator lives for one attempt. Threads: control thread only. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

enum co_kind { CO_INITIAL, CO_PERIODIC, CO_MANUAL, CO_SAVEPOINT, CO_STOP, CO_FINAL };
const char *co_kind_name(enum co_kind k); /* "initial", "periodic", ... */

#define CO_CONCURRENT_MAX 16  /* as many ids as an aligner counts side by side */
#define CO_SUBTASKS_MAX 65536 /* by feel: far above what one process runs */
#define CO_REQUESTS_MAX 16    /* waiting manual requests and savepoints, by feel */
#define CO_NAME 65            /* of a savepoint: 64 characters, as a stage's */
#define CO_WHY 120            /* why a checkpoint was asked for, in words */

struct co_config {
	uint64_t interval_us;        /* 0: no periodic ones */
	uint64_t timeout_us;         /* from a checkpoint's creation; 0: never */
	uint64_t min_pause_us;
	uint32_t max_concurrent;     /* 1..CO_CONCURRENT_MAX */
	uint32_t tolerable_failures;
	uint32_t subtasks;           /* every one must acknowledge; 1..CO_SUBTASKS_MAX */
	uint64_t epoch, attempt;
	uint64_t next_id;            /* above everything ever seen in the directory */
	uint64_t base_id;            /* the checkpoint restored, 0: none */
	bool initial;                /* one before the first record (fresh job, changed plan) */
	uint64_t resend_us;          /* a trigger not through by then is sent again; 0: never */
	uint32_t backlog_max;        /* old ones waiting for deletion stop new ones; 0: never */
	bool full;                   /* each one writes everything (incremental: false) */
	bool hold;                   /* none begins, whatever asks, before CO_EV_LOADED: the state it
				      * would save is still being read and verified */
	bool violation_fails;        /* CO_EV_VIOLATED fails the attempt */
};

enum co_event_kind {
	CO_EV_START,          /* every task stands ready; nothing flows before CO_RELEASE */
	CO_EV_TICK,
	CO_EV_REQUEST,        /* request_kind: manual, savepoint, stop; periodic (8) */
	CO_EV_ACK,            /* subtask's sections are in the part; id, epoch, attempt, subtask */
	CO_EV_DECLINE,        /* subtask cannot: id, subtask, error */
	CO_EV_FROZEN,         /* subtask has ended encoding id (COORDINATOR 4): id, subtask */
	CO_EV_PUBLISHED,      /* durable: id */
	CO_EV_PUBLISH_FAILED, /* nothing is visible: id, error (E_FENCED: CO_HALT) */
	CO_EV_PUBLISH_UNKNOWN,/* the outcome cannot be told: stop, delete nothing: error */
	CO_EV_COMMITTED,      /* intents of id, and so of all before it, are settled */
	CO_EV_COMMIT_FAILED,  /* fails the attempt (20): id, error */
	CO_EV_INPUTS_ENDED,   /* every task has flushed after its end of input (22) */
	CO_EV_TASK_FAILED,    /* error: the attempt fails (18: a sink's write or prepare too) */
	CO_EV_BACKLOG,        /* count: old checkpoints that wait to be deleted (4) */
	CO_EV_LOADED,         /* what co_config.hold waits for */
	CO_EV_VIOLATED,       /* an invariant of the user does not hold on the cut of id, which is asked
			       * to be published and is not yet: error. No I/O failure, and not counted
			       * as one; a stop, final or initial one cannot be given up: it fails the
			       * attempt */
};

struct co_event {
	enum co_event_kind kind;
	enum co_kind request_kind;
	/* Of the message. What is not of this epoch and attempt is dropped and counted (inv 8), but
	 * for START, TICK, REQUEST and BACKLOG, which are no messages, and PUBLISH_UNKNOWN, which
	 * always halts. */
	uint64_t epoch, attempt, id;
	uint32_t subtask;
	uint32_t count;
	/* Of a request: */
	uint64_t request;            /* the asker's token, given back in actions; 0: none */
	bool full;                   /* everything is to be written */
	bool drain;                  /* of a stop: the sources end, the last one is a final one */
	const char *name;            /* of the savepoint, or of the stop's; copied; NULL: none */
	const char *why;             /* in words; copied and cut; NULL: its kind says it */
	const struct err *error;     /* borrowed during the call */
};

enum co_action_kind {
	CO_TRIGGER,      /* send to every source, maybe again: id, base_id, checkpoint_kind, stop */
	CO_RELEASE,      /* the initial checkpoint, if asked for, is published: sources may read.
			  * Not given when a stop was asked for before */
	CO_PUBLISH,      /* all sections are in: write the manifest of id */
	CO_ABORT,        /* tell every task; release held inputs: id, error (of class quiet: this is
			  * no failure, it was subsumed or its attempt ended) */
	CO_COMPLETED,    /* id is durable: notify tasks, commit its intents (none: CO_EV_COMMITTED
			  * at once; the next ones wait for it), retire and sweep */
	CO_FAIL_ATTEMPT, /* error */
	CO_HALT,         /* outcome unknown, or fenced: end the process, delete nothing: error */
	CO_DONE,         /* the stop or final one's intents are settled: id; the job is over */
	CO_REFUSED,      /* a request will not be served: request, checkpoint_kind, error */
	CO_DRAIN,        /* tell every source that its input ends here. Once, and not before release */
};
const char *co_action_name(enum co_action_kind k); /* "trigger", ... */

struct co_action {
	enum co_action_kind kind;
	uint64_t id, base_id;        /* base 0: none, everything is written */
	enum co_kind checkpoint_kind;
	bool stop;                   /* sources emit nothing after this barrier (23) */
	bool full;                   /* write everything, whatever the base */
	uint64_t request;            /* of the request that asked for it, 0: none; a stop is tried
				      * again after an abort, with the same request */
	char name[CO_NAME];          /* what the checkpoint is called; "": nothing */
	char why[CO_WHY];            /* why it was asked for; "": its kind says it */
	struct err error;
};

struct co_stats {
	uint64_t triggered, completed, failed, consecutive_failures;
	uint64_t violated;           /* given up for an invariant; not among failed */
	uint64_t subsumed;           /* given up because a newer one was published: no failure */
	uint64_t dropped_messages;   /* of another attempt, or about what is not in flight */
	uint64_t duplicate_acks, late_acks, unknown_acks;
	uint64_t skipped_triggers;   /* periodic ones within min_pause */
	uint64_t refused_requests;
};

struct coordinator;
/* E_NO_MEMORY, E_INVALID (a bound of co_config). *co is the caller's to close; NULL on failure. */
RC co_open(struct coordinator **co, const struct co_config *c, struct mem *mem, struct err *e);
void co_close(struct coordinator *co); /* legal on NULL */
/* now_us: monotonic; one that goes back is taken as standing still. */
void co_event(struct coordinator *co, uint64_t now_us, const struct co_event *ev);
bool co_next(struct coordinator *co, struct co_action *a); /* copies the oldest action out */
uint64_t co_wake_at(const struct coordinator *co);         /* UINT64_MAX: nothing is due */
const struct co_stats *co_stats(const struct coordinator *co);
uint64_t co_newest(const struct coordinator *co);  /* published last, or restored; 0: none */
uint64_t co_next_id(const struct coordinator *co); /* for the next attempt's co_config */
uint32_t co_pending(const struct coordinator *co); /* triggered and not yet decided */
/* The pending checkpoint with this id: who has not acknowledged yet. Writes up to n subtask
 * numbers, returns how many are missing in all. */
uint32_t co_missing(const struct coordinator *co, uint64_t id, uint32_t *subtasks, uint32_t n);
