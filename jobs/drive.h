/* drive.h - the production driver: a thread a task and a lane, the control thread's loop.
 * The simulator is the other driver of the same job. Who drives may watch other things on the same
 * loop meanwhile: a socket that asks how it goes, the pipe of a server.
 * Threads: all calls on the control thread; drive_run joins all it started. */
#pragma once
#include "jobs/lookups.h"
#include "jobs/loop.h"

struct drive_options {
	struct job *job;
	struct loop *loop;             /* borrowed */
	struct clock *clock;
	struct mem *mem;
	struct waker *waker;           /* the one given to job_open: the drive makes it poke its loop */
	int out_fd;                    /* standard output, for print_sink */
	bool signals;                  /* catch SIGINT and SIGTERM: a stop; at once the second time */
	uint64_t stop_limit_us;        /* limits.stop: what has not ended by then is abandoned */
	uint64_t status_every_us;      /* how often `status` is called; 0: never */
	void (*status)(void *arg);     /* control thread */
	void (*began)(void *arg);      /* an attempt has its first record, or is over without one: the
	                                * recovery report can be complete now; once an attempt. May be
	                                * NULL */
	void (*stopping)(void *arg, int signal); /* a stop was asked for: by the first signal, or (0) by
	                                * drive_stop; after that by a first signal too. May be NULL */
	void (*printed)(void *arg);    /* something was written to out_fd: logs rotate here. May be
	                                * NULL */
	void (*text)(void *arg, const struct print_letter *l); /* a print_sink's, on its way to out_fd:
	                                * only to be looked at. May be NULL */
	void *arg;
};

enum drive_end {
	DRIVE_OVER,      /* job_state says how */
	DRIVE_SIGNALLED, /* a second signal: nothing was waited for. Threads still run: _exit at once */
	DRIVE_ABANDONED, /* it did not end within the limit. Threads still run: _exit at once */
};

struct drive;
/* Starts the lanes, hooks into the loop; nothing of the job runs yet. */
RC drive_open(struct drive **d, const struct drive_options *o, struct err *e);
/* Runs the loop from OWNED to a final state. */
void drive_run(struct drive *d, enum drive_end *end);
/* Only after DRIVE_OVER, or before drive_run. NULL is legal. */
void drive_close(struct drive *d);

/* Asked for while drive_run runs, from a callback of the loop, of these options or of the job. */
/* A checkpoint, then the end; a second call changes nothing. */
void drive_stop(struct drive *d);
/* As job_ask. A stop that was accepted is drive_stop, as it says; while one is under way only a
 * plain one changes nothing, the others are refused. */
RC drive_ask(struct drive *d, const struct job_ask *a, struct err *e);
/* As job_look_up. */
RC drive_look_up(struct drive *d, const struct job_lookup *l, struct err *e);
