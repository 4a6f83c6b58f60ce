/* drive.h - the production driver: a thread a task and a lane, a libuv loop for the control thread.
 * The simulator is the other driver of the same job. This file is the loop's door to libuv.
 * Threads: drive_job runs on the calling thread until the job's end and joins all it started. */
#pragma once
#include "jobs/job.h"

struct drive_options {
	struct job *job;
	struct clock *clock;
	struct mem *mem;
	struct waker *waker;           /* the one given to job_open: drive_job makes it poke its loop */
	int out_fd;                    /* standard output, for print_sink */
	uint64_t stop_limit_us;        /* limits.stop: what has not ended by then is abandoned */
	uint64_t status_every_us;      /* how often `status` is called; 0: never */
	void (*status)(void *arg);     /* control thread */
	void (*began)(void *arg);      /* an attempt has its first record, or is over without one: the
	                                * recovery report can be complete now; once an attempt. May be
	                                * NULL */
	void (*stopping)(void *arg, int signal); /* the first signal was taken. May be NULL */
	void *arg;
};

enum drive_end {
	DRIVE_OVER,      /* job_state says how */
	DRIVE_SIGNALLED, /* a second signal: nothing was waited for. Threads still run: _exit at once */
	DRIVE_ABANDONED, /* it did not end within the limit. Threads still run: _exit at once */
};

/* From OWNED to a final state. Catches SIGINT and SIGTERM meanwhile; ignores SIGPIPE. */
RC drive_job(const struct drive_options *o, enum drive_end *end, struct err *e);
