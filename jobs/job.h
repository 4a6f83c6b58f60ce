/* job.h - a job's life in one process: it looks at its directory, owns it, settles what was
 * prepared, and makes attempts until one ends in order or the restart policy says no.
 *
 *   NEW -> OWNED -> RUNNING -> (EXPORTING) -> STOPPED | FINISHED
 *            ^         | fails
 *            |         v
 *            +----- WAITING (restart policy) -> FAILED       HALTED: fenced, or an outcome unknown
 *
 * Like an attempt it is driven from outside (jobs/drive.c, or the simulator): nothing here blocks
 * but job_open, job_begin_attempt and job_end_attempt, which read and write files while no task
 * runs. Owns store, I/O queue, attempt; borrows env, plan, log. Threads: control thread. */
#pragma once
#include "jobs/ask.h"
#include "jobs/attempt.h"
#include "jobs/restart.h"

enum job_state {
	JOB_NEW,
	JOB_OWNED,    /* ready for an attempt */
	JOB_RUNNING,
	JOB_WAITING,  /* for the next attempt, until job_wait_until */
	JOB_EXPORTING,/* it has ended; savepoints are still to be made */
	JOB_FINISHED, /* every record counted, everything committed */
	JOB_STOPPED,  /* as asked, everything up to the stop committed */
	JOB_FAILED,
	JOB_HALTED,   /* fenced, or the outcome of a publication is unknown: touch nothing more */
};
const char *job_state_name(enum job_state s); /* "RUNNING" */

/* A checkpoint of another directory to begin with (checkpoint/import.h). Paths are absolute, for a
 * later start elsewhere finishes what this one began; all borrowed for job_open. */
struct job_import_want {
	const char *path;        /* NULL: none. With a name wanted: if it is not kept here */
	struct store_want want;  /* which of those there; by WANT_NEWEST, _ID or _NAME */
	bool claim;              /* that directory's job is over: no start there succeeds */
	const char *here;        /* what job_options.dir is called from there; NULL: the same */
};

struct job_options {
	struct env *env;
	struct log *log;
	const struct plan *plan;
	const char *dir;
	bool fresh;
	/* Ids of stages whose state is not taken over from a checkpoint that another version of the job
	 * took; once this version has taken one, they have no meaning any more. Borrowed. */
	const char *const *drops;
	uint32_t n_drops;
	struct store_want want;  /* which checkpoint to start from; its name is borrowed for job_open */
	struct job_import_want import;
	bool rewind;             /* also behind what was committed since: that is moved aside */
	uint64_t pid;
	uint64_t started_us;     /* monotonic time the process began, for recovery_ms */
	struct progress *progress; /* of this job's process before, and from now on of this; borrowed
				    * as long as the job; NULL: nobody counts what is replayed */
	uint32_t restart_attempts; /* restarts in a row: spec's, or RESTART_UNLIMITED */
	struct restart_state restarts; /* what happened before this process, as its supervisor knows */
	struct waker *waker;     /* woken when a letter comes; borrowed; may be NULL (simulation) */
	struct attempt_listener listen;
	/* An attempt failed and another follows (or not). */
	void (*failed)(void *arg, const struct err *e, const struct restart_decision *d);
	/* What job_ask accepted was done (durable), as attempt_listener.answered says it, or will not
	 * be (why is set). Once each, from a later step, end or stop, never from within job_ask. Not
	 * for a stop: the job's end is its answer. May be NULL. */
	void (*answered)(void *arg, uint64_t request, const struct checkpoint_record *r,
			 const char *found, const struct err *why);
};

/* What a start found and did: the recovery report. Times in microseconds. */
struct job_recovery {
	bool restored;
	bool changed_plan;
	uint64_t checkpoint;
	int64_t checkpoint_wall_us, last_sign_wall_us; /* last_sign: of the process before, 0: none */
	uint64_t previous_pid;
	bool knows_replays;
	uint64_t replays;               /* records put out after it, at least; are put out again */
	uint32_t sections, files;
	uint64_t bytes;                 /* verified */
	uint32_t intents_done, intents_committed; /* settled now: were done, were still to do */
	uint32_t intents_taken;         /* of those done: the final file is there no more */
	uint32_t orphans;               /* prepared files that were never committed, to be dropped */
	uint64_t keys, rows_read, bytes_read;
	uint32_t full_runs, delta_runs;
	enum restore_mode mode;         /* lazy: keys and what follows it are of 0 at first */
	char why_so[160];               /* the mode; "": there is no keyed state */
	uint64_t find_us, verify_us, tables_us;
	uint64_t began_us;              /* monotonic: process start, or the failure before this */
	uint64_t below_slot, below_id;  /* a fresh lineage over older state */
	uint64_t estimate_us;           /* about how long its tables would take, said beforehand */
	bool fell_back, rewound;        /* the newest cannot be restored; an older one was asked for */
	uint64_t bad_id;                /* of fell_back; 0: what it was cannot be read */
	char bad_why[256];
	uint32_t moved;                 /* files put aside for it, by this start or one before */
	uint64_t imported;              /* the checkpoint it was in imported_from; 0: it was not */
	char imported_from[256];
	uint32_t linked, copied;        /* of its files */
};

#define JOB_REQUESTS_MAX CO_REQUESTS_MAX /* asked for and not answered yet */
#define JOB_HISTORY_MAX 4096 /* checkpoint records kept for the report, newest; by feel */

struct job;
/* Looks, checks everything that can refuse, owns, settles. State OWNED, or FINISHED when the
 * directory holds a finished job. */
RC job_open(struct job **j, const struct job_options *o, struct err *e);
enum job_state job_state(const struct job *j);

/* OWNED: builds the attempt (job_attempt); the driver restores its tasks, in whatever threads it
 * has, and calls job_start_attempt. Errors go to job_attempt_broken, like those of a restore. */
RC job_begin_attempt(struct job *j, struct err *e);
RC job_restore_task(struct job *j, uint32_t task, struct err *e); /* any thread, each once */
RC job_start_attempt(struct job *j, struct err *e);
/* The attempt could not be begun: drops it and asks the restart policy. */
void job_attempt_broken(struct job *j, const struct err *e);
struct attempt *job_attempt(struct job *j); /* NULL when there is none */
struct ioqueue *job_ioqueue(struct job *j);

/* RUNNING: letters and timers. *wake_at_us: when at the latest to call again. */
void job_step(struct job *j, uint64_t *wake_at_us);
/* Whether the attempt is over: its threads are to be joined, then job_end_attempt. */
bool job_attempt_is_over(const struct job *j);
/* Decides what follows: a final state, WAITING, or OWNED. */
void job_end_attempt(struct job *j);
/* WAITING: the time has come. */
uint64_t job_wait_until(const struct job *j);
void job_wait_over(struct job *j);
/* Checkpoint, then stop. While WAITING or OWNED: stops as it is (nothing is running). */
void job_stop(struct job *j);
/* Whether this can be asked now, and why not: E_REFUSED: no attempt is running, or it is ending, or
 * this comes with a later version; E_LIMIT: JOB_REQUESTS_MAX wait already. */
RC job_may_ask(const struct job *j, const struct job_ask *a, struct err *e);
/* The same, and it is begun; answered tells what became of it. A stop is job_stop, as it says. */
RC job_ask(struct job *j, const struct job_ask *a, struct err *e);
/* How often it was restarted in a row, for whoever supervises. */
const struct restart_state *job_restarts(const struct job *j);

/* Why a savepoint that a stop asked for is not there; code OK: it is, or none was asked for. */
struct err job_savepoint_error(const struct job *j);
const struct err *job_error(const struct job *j);     /* of FAILED and HALTED */
const struct err *job_failure(const struct job *j);   /* of the last attempt that failed, if any */
int job_exit_code(const struct job *j); /* what its process exits with, once it is over */
const struct job_recovery *job_recovery(const struct job *j);
const struct begun *job_begun(const struct job *j);
const struct plan *job_plan(const struct job *j);
const struct store_start *job_start(const struct job *j);
uint32_t job_attempt_number(const struct job *j);
const char *job_dir(const struct job *j);
struct log *job_log(const struct job *j); /* NULL: none */
struct fs *job_fs(const struct job *j);
/* Records of this process's checkpoints, oldest first; *n of them. Borrowed until the next step. */
const struct checkpoint_record *job_history(const struct job *j, size_t *n);
uint64_t job_completed(const struct job *j);
uint64_t job_failed_checkpoints(const struct job *j);
/* From the attempt's beginning to its first record; 0: none yet. */
uint64_t job_recovery_us(const struct job *j);

/* Totals of a task over the attempts of this process; valid after the last attempt too. */
struct job_task_totals {
	uint64_t records_in, records_out, records_skipped, busy_us, idle_us, backpressured_us;
	uint64_t work_done, work_total; /* of a bounded source: bytes or rows of its whole input, now;
					 * not over attempts. Total 0: unknown, or without end */
	uint64_t checksum, keys, state_bytes, sync_us_max;
	uint64_t state_checksum; /* of the keyed state when the last attempt ended */
	uint32_t doing;
};
void job_task_totals(const struct job *j, uint32_t task, struct job_task_totals *t);
/* Batches in the channels of this edge of the plan, about, and the places for them; 0 of 0 while no
 * attempt runs. */
void job_edge_fill(const struct job *j, uint32_t edge, uint32_t *queued, uint32_t *room);

/* Who hears of checkpoints beside job_options.listen: whoever drives it. h NULL: nobody. */
struct job_hearer {
	void (*checkpoint)(void *arg, const struct checkpoint_record *r);
	void (*committed)(void *arg, uint64_t checkpoint);
	void *arg;
};
void job_tell_to(struct job *j, const struct job_hearer *h);

/* Who writes print_sink's text (attempt_listener.print), once somebody can. */
void job_print_to(struct job *j, void (*print)(void *arg, struct print_letter *l), void *arg);

/* Everything is joined. NULL is legal. */
void job_close(struct job *j);
