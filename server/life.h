/* life.h - the life of one job under a server: what is asked of it, what its process says and how
 * that ends, against what the catalogue holds durably.
 * Pure: events and the time in, actions out; no lock, no I/O, no clock. The server performs the
 * actions (saving and erasing on the clerk's thread) and feeds the outcomes back.
 *
 *   STARTING -> RUNNING <-> WAITING (restart policy: in the process, or here when it died)
 *       \________|____________/
 *                |-> STOPPING   -> STOPPED       stop, and shutdown of the server
 *                |              -> STARTING      restart of what runs
 *                |-> CANCELLING -> CANCELLED     cancel: the process is killed
 *                |-> FINISHED, FAILED            by itself
 *   STOPPED, CANCELLED, FAILED           -> STARTING (restart, submit)
 *   STOPPED, FINISHED, FAILED            -> CANCELLING (for what it erases)
 *   STOPPED, CANCELLED, FINISHED, FAILED -> REMOVING -> REMOVED
 * A move that was asked for goes back when its SAVE fails: the standing stays.
 *
 * inv 1  a process is started only while the saved standing is RUNNING, and only one at a time: the
 *        one before is gone
 * inv 2  an asker is told of success only after the standing it asked for was saved (and, for stop
 *        and cancel, the process is gone; for restart and rescale, the new one runs)
 * inv 3  after a crash of the server at any instant, a life opened on what was saved ends where an
 *        undisturbed one would: running runs again, stopped stays stopped, a removal is completed
 * inv 4  every accepted request is answered exactly once
 * inv 5  at most one SAVE, one ERASE and one SPAWN are under way
 * A shutdown saves nothing: what runs is RUNNING for the next server.
 * Threads: the server's control thread. */
#pragma once
#include "jobs/restart.h"
#include "server/entry.h"

enum life_state {
	LIFE_STARTING, LIFE_RUNNING, LIFE_WAITING, LIFE_STOPPING, LIFE_STOPPED, LIFE_CANCELLING,
	LIFE_CANCELLED, LIFE_FINISHED, LIFE_FAILED, LIFE_REMOVING, LIFE_REMOVED,
};
const char *life_state_name(enum life_state s); /* "RUNNING" */
bool life_is_final(enum life_state s);          /* STOPPED, CANCELLED, FINISHED, FAILED, REMOVED */

enum life_event_kind {
	LIFE_EV_TICK,
	/* asked, with the action's number */
	LIFE_EV_STOP,
	LIFE_EV_CANCEL,
	LIFE_EV_RESTART,     /* also of a running one: stop with a checkpoint, then start */
	LIFE_EV_REPLACE,     /* the same, under another entry (submit, rescale): the server holds it
			      * and writes it with the SAVE that follows */
	LIFE_EV_REMOVE,      /* refused while a process runs */
	/* outcomes */
	LIFE_EV_SAVED,
	LIFE_EV_SAVE_FAILED, /* error */
	LIFE_EV_ERASED,      /* of ERASE and of DROP */
	LIFE_EV_ERASE_FAILED,/* error; of ERASE and of DROP: asked for again, later */
	LIFE_EV_SPAWN_FAILED,/* error; this or GONE when it was told or killed before there was one */
	/* the process */
	LIFE_EV_UP,          /* it owns the job's directory; an attempt begins: at each of them */
	LIFE_EV_FAILED,      /* an attempt failed; the process makes another after after_us: error,
			      * restarts */
	LIFE_EV_ENDED,       /* its last word before it ends: ended, error */
	LIFE_EV_GONE,        /* reaped: status or signal. Comes once for each SPAWN that did not fail */
	LIFE_EV_SHUTDOWN,    /* the server stops: everything is stopped with a checkpoint */
};

enum life_ended { LIFE_ENDED_FINISHED, LIFE_ENDED_STOPPED, LIFE_ENDED_FAILED };

struct life_event {
	enum life_event_kind kind;
	uint64_t action;             /* of what was asked, not 0 */
	enum life_ended ended;
	bool unsaved_stop;           /* ENDED_STOPPED without its final checkpoint: error says why */
	const struct err *error;     /* borrowed during the call */
	const struct restart_state *restarts; /* LIFE_EV_FAILED */
	uint64_t after_us;
	int status, signal;          /* LIFE_EV_GONE */
	uint64_t random;             /* 64 fresh bits, with GONE and SPAWN_FAILED: jitter */
	bool final_already;          /* RESTART, REPLACE: the job is finished; refused */
};

enum life_do_kind {
	LIFE_SAVE,     /* standing, erase, error: durable, then SAVED or SAVE_FAILED */
	LIFE_SPAWN,    /* a process, told `restarts`; then GONE or SPAWN_FAILED */
	LIFE_TELL_STOP,/* a final checkpoint, then end; perhaps before the process is up */
	LIFE_KILL,     /* SIGKILL; perhaps before the process is up */
	LIFE_ERASE,    /* the job's files; logs too if removing; then ERASED or ERASE_FAILED */
	LIFE_DROP,     /* the entry; then ERASED or ERASE_FAILED too. Dropped, the state is REMOVED: a
			* TELL and the ANSWER are the last actions, the life is to be closed */
	LIFE_ANSWER,   /* action, error (code OK: done). A REPLACE answered with an error before its
			* SAVE was asked for, or whose SAVE failed: the new entry is dropped */
	LIFE_TELL,     /* the state changed: tell watchers. Comes before the ANSWER it belongs to */
};

struct life_do {
	enum life_do_kind kind;
	enum standing standing;
	bool erase, removing;
	uint64_t action;
	struct restart_state restarts;
	struct err error;
};

/* What a job's description says about its life. */
struct life_config {
	struct restart_policy restart; /* attempts: RESTART_UNLIMITED unless the job says a number */
	uint64_t stop_us;              /* limits.stop */
	bool cancel_deletes;           /* checkpoint.on_cancel: "delete" */
};

struct life;
/* standing, erase, error: as saved. A RUNNING one asks for SPAWN at once, a REMOVED one and one to
 * be erased for ERASE. */
RC life_open(struct life **l, const char *name, enum standing standing, bool erase,
	     const struct err *error, struct mem *mem, struct err *e);
void life_close(struct life *l); /* legal on NULL */
/* Whether a cancel of it would delete its files. */
bool life_cancel_deletes(const struct life *l);
void life_configure(struct life *l, const struct life_config *c); /* before SPAWN, at each change */
/* E_REFUSED for what cannot be asked now, with the cure, E_NO_MEMORY: nothing follows then, no
 * ANSWER either. What else happens cannot fail. To be followed by life_next until it is false.
 * - One thing is asked at a time. A cancel overrides a stop and a restart, a stop overrides a
 *   restart that waits for its new process: their askers are answered with an error.
 * - Stopping what is STOPPED, cancelling what is CANCELLED is answered OK.
 * - A SAVE that failed leaves the disk with the old or the new standing: what holds is saved again
 *   (after 1 s, then 2 s ... 1 min), and no process is started before that succeeded. */
RC life_event(struct life *l, uint64_t now_us, const struct life_event *ev, struct err *e);
bool life_next(struct life *l, struct life_do *d);   /* the oldest action */
uint64_t life_wake_at(const struct life *l);    /* when a TICK is due; UINT64_MAX: nothing is */

enum life_state life_state(const struct life *l);
bool life_has_process(const struct life *l);
uint64_t life_since_us(const struct life *l);   /* monotonic time of its last change of state */
uint32_t life_attempts(const struct life *l);        /* since it was started last, 1: the first */
uint64_t life_wait_until(const struct life *l);      /* WAITING */
const struct err *life_error(const struct life *l);  /* of the last failure; code OK: none */
