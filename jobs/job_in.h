/* job_in.h - the inside of a job: shared by job_open.c (look, own, settle), job.c (attempts and the
 * moves between states), job_requests.c (checkpoints asked for), lookups.c (keys looked up) and
 * job_facts.c (what others may know) only. */
#pragma once
#include "jobs/job.h"
#include "jobs/progress.h"

#include "base/check.h"
#include "base/planted.h"

/* A request on its way. */
struct job_asked {
	uint64_t request;
	bool savepoint, taken;           /* taken: its checkpoint is complete, its export is not */
	char name[ASK_NAME_MAX + 1];
	struct checkpoint_record record; /* once taken */
};

struct job_import; /* job_import.c */

struct job {
	struct job_options o;
	struct mem *mem;
	enum job_state state;
	struct store *store;
	struct store_start start;
	struct history *history, *spans;
	struct ledger *ledger;       /* NULL: no audit */
	struct ioqueue *io;
	struct mailbox control;
	struct begun begun;
	struct manifest newest;      /* what the next attempt starts from, after the first one */
	bool has_newest;
	struct manifest kept;        /* that, or the chosen one, without what was dropped by name */
	bool has_kept;
	char parts_dir[LAYOUT_PATH_MAX];
	struct manifest_origin origin; /* of an import: what the store looks for */
	struct job_import *import;   /* until it is published; NULL: none */
	uint32_t *accepts;           /* lineages whose files are ours too */
	uint32_t n_accepts;
	struct attempt *attempt;
	uint32_t attempt_number;
	uint64_t next_id;
	struct restart_state restarts;
	uint64_t wait_until_us;
	bool stop_asked;
	struct job_ask stop_how;     /* of stop_asked */
	struct job_asked asked[JOB_REQUESTS_MAX]; /* requests without an answer */
	uint32_t n_asked;
	struct owed_export *owed;    /* savepoints to be exported, oldest first */
	struct export_job *export;   /* of the first of them */
	uint32_t exports, exported;  /* begun, done in this process */
	struct err savepoint_error;  /* of the newest that could not be made */
	enum job_state after_export;
	struct err error;            /* why it ended */
	struct err failure;          /* of the last attempt that failed */
	struct job_recovery recovery;
	uint64_t tables_began_us;    /* when the running attempt's restore began */
	bool is_whole;               /* all state of a lazy restore is there, and verified */
	uint64_t first_record_us;    /* of the last attempt that is over */
	struct checkpoint_record *record;
	size_t n_records;
	uint64_t completed, failed;
	void (*print)(void *arg, struct print_letter *l);
	void *print_arg;
	struct job_hearer hearer;
	struct lookups *lookups;     /* NULL: nobody has looked anything up */
	struct job_task_totals *totals; /* of attempts that are over */
};

static inline uint64_t job_now_us(const struct job *j)
{
	return PLANTED(wall_clock_for_durations) ? (uint64_t)clock_wall_us(j->o.env->clock)
						 : clock_mono_us(j->o.env->clock);
}

/* job.c: the one mover; CHECKs that the move is in the table. */
void job_move(struct job *j, enum job_state to);
/* What its attempts tell: goes into the job's records, then to the job's own listener. */
void job_heard_checkpoint(void *job, const struct checkpoint_record *r);
void job_heard_committed(void *job, uint64_t checkpoint);
void job_heard_print(void *job, struct print_letter *l);
RC job_heard_loaded(void *job, const struct restored *all, struct err *e);

/* job_export.c */
/* Savepoints of before that have no files yet. */
RC job_owe_exports(struct job *j, struct err *e);
/* That of m, if it has a name and is not there. */
RC job_owe_export(struct job *j, const struct manifest *m, struct err *e);
void job_heard_named(void *job, const struct manifest *m);
/* Begins the next one if none is under way and one may be. */
void job_export_next(struct job *j);
void job_exported(struct job *j, struct mail *m); /* its letter */
/* The attempt ends, and waits for all its jobs. */
void job_export_drop(struct job *j);
void job_export_now(struct job *j);
void job_export_close(struct job *j);

/* job_requests.c */
void job_answer_one(struct job *j, uint64_t request, const struct checkpoint_record *r,
		    const char *found, const struct err *why);
/* What the attempt answers; forgets the request. */
void job_heard_answer(void *job, uint64_t request, const struct checkpoint_record *r,
		      const char *found, const struct err *why);
/* There is no attempt any more: whoever waits is told, and why (code OK: it ended in order). */
void job_answer_all(struct job *j, const struct err *why);

/* lookups.c */
/* What has come back is answered, what is late too. */
void lookups_step(struct job *j, uint64_t *wake_at_us);
/* Its tasks are closed: whoever waits is told. */
void lookups_attempt_over(struct job *j);
void lookups_close(struct job *j); /* nobody is told */

/* job_drop.c */
/* What an attempt goes on from when the checkpoint is *m (NULL: from nothing): itself, or
 * j->kept. */
enum rc job_keep(struct job *j, const struct manifest **m, struct err *e);
void job_forget_kept(struct job *j);

/* job_open.c */
/* Everything that can refuse: does the state of m (NULL: none) fit, what do sources and sinks
 * say. */
enum rc job_check(struct job *j, const struct manifest *m, struct err *e);

/* job_settle.c */
/* Sets *there when it is; leaves it otherwise. */
RC job_sees(const struct job *j, const char *path, bool *there, struct err *e);
struct intent_place {
	char from[INTENT_PATH_MAX], to[INTENT_PATH_MAX];
};
/* An intent names its files by the paths they had. Where the job was moved or copied as a whole
 * they lie in the folder that its sink has now: if one of them is there, that is the place, and in
 * points into *here. */
RC job_intent_find(const struct job *j, struct intent *in, struct intent_place *here,
		   struct err *e);
/* Performs what m's sinks had prepared. */
RC job_settle(struct job *j, const struct manifest *m, struct err *e);

/* job_import.c: the state of another directory, between look and first checkpoint. */
/* The look, at whatever is to be started from, there or here. */
RC job_look(struct job *j, struct store_options *so, struct err *e);
/* Before each try to own: whether it may be taken, and what of it. */
RC job_import_check(struct job *j, struct err *e);
const struct manifest *job_import_manifest(const struct job *j); /* NULL: none is brought in */
const char *job_import_parts(const struct job *j);
/* Planned in the store: that, and these moves. */
RC job_import_plan(struct job *j, const struct manifest_todo *moves, struct err *e);
/* After the fence: brings it in and publishes it; it is j->start.chosen then. */
RC job_import_do(struct job *j, struct err *e);
void job_import_close(struct job *j);
/* What a claim left of the directory that was taken over goes; what cannot is a warning. */
void job_retire_left(struct job *j);

/* job_promise.c */
/* Before the fence: what must go aside if this start goes back behind what was prepared or
 * committed since, planned in the store. E_REFUSED: that is a rewind, and was not allowed. */
RC job_promise(struct job *j, struct err *e);
/* After it: does what the fence promises. */
RC job_fulfil(struct job *j, struct err *e);

/* job_open.c */
/* What the recovery report says of a start from m. */
void job_recovery_of(struct job *j, const struct manifest *m);
