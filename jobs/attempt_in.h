/* attempt_in.h - the inside of an attempt: shared by build.c (makes it), attempt.c and attempt_*.c
 * (steps), assemble.c (acknowledgements -> manifest), publish.c (jobs for the durability lane),
 * chains.c (merging) only. */
#pragma once
#include "jobs/attempt.h"
#include "checkpoint/policy.h"
#include "jobs/backlog.h"
#include "jobs/chain.h"
#include "jobs/checks.h"
#include "jobs/progress.h"
#include "jobs/timeline.h"
#include "jobs/when.h"
#include "runtime/letters.h"
#include "runtime/merger.h"

#include "base/check.h"

/* Kinds of the control thread's own letters. */
enum {
	JOB_FINISHED_PART = LETTER_JOB,
	JOB_ABANDONED,
	JOB_PUBLISHED,
	JOB_COMMITTED,
	JOB_SWEPT,
	JOB_MERGED,
	JOB_NOTED,
	JOB_KEPT,
	JOB_EXPORTED, /* the job's, not the attempt's: job_export.c */
};

/* A published manifest, shared by what still reads it; freed when nobody does. */
struct published {
	struct manifest m;
	uint32_t users;
};

/* A checkpoint between its trigger and its outcome. */
struct pending {
	struct pending *next;
	uint64_t id, base_id;
	enum co_kind kind;
	bool full;                 /* asked for: everything is written, whatever the base */
	char name[CO_NAME];        /* of a savepoint, or ""; why it was asked for, or "" */
	char why[CO_WHY];
	uint64_t moved, records;   /* load_: of all tasks, of the sources, when it was triggered */
	uint64_t passed[WHEN_TAPS_MAX]; /* what the taps had seen then */
	bool answers;              /* it is what the trigger's condition asked for */
	bool decided;              /* given up: waits only for its own jobs to come back */
	uint64_t triggered_us;
	struct snap **snap;        /* one a task; NULL: not acknowledged yet */
	uint32_t acknowledged;
	struct pack_finish part;   /* on the bytes lane, then the finished part */
	bool part_under_way, publishing;
	struct published *made;    /* the manifest, once assembled */
	/* when, on the monotonic clock; 0: not yet */
	int64_t wall_us;
	uint64_t acked_us, packed_us, sealed_us, linked_us;
	uint64_t room_bytes;       /* on the disk, once it is published; 0: not known */
};

/* A merge on its way, or done and waiting for the next manifest. */
struct merging {
	struct merging *next;
	struct merger *g;
	uint32_t stage, subtask;
	bool done;
	bool tried;                /* for a manifest: it is older than that */
	uint64_t used_by;          /* the checkpoint whose manifest names it, 0: none. That may be on
				    * its way while a later one is given up */
};

/* What the policy goes by (attempt_load.c). */
struct load {
	struct policy policy;
	bool on;                   /* something may be due */
	uint64_t look_at_us;       /* 0: at once */
	/* As of the trigger of the newest completed one; of the release where there is none. */
	uint64_t begun_us, moved, records;
	uint64_t passed[WHEN_TAPS_MAX];
	uint64_t bytes_mark, keys_mark; /* changed bytes and keys that a checkpoint under way, or one
				    * that the tasks have not heard of, has saved */
	uint64_t aborted_id;       /* given up since: sinks may hold pieces of it that only a newer one
				    * commits; 0: none */
	struct when_eval *when;    /* the trigger's condition; NULL: none */
	bool when_told;            /* that it cannot be computed */
	bool linted;
	uint32_t durable_jobs;     /* of publishing and committing, under way */
	uint64_t durable_us;       /* when the last of them began or ended; 0: none is under way */
};

struct spans;

struct attempt {
	struct attempt_config c;
	struct mem *mem;
	struct published *base;    /* the newest published, or restored; NULL: none */
	struct published *restored; /* what it began with, for totals; NULL: a fresh start */
	struct packing *packing;
	struct coordinator *co;
	struct load load;
	struct task **task;
	uint32_t n_tasks;
	struct when_tapped *tapped; /* a list: who looks for records that the condition waits for */
	struct task_group *group;  /* a thread's tasks each */
	uint32_t n_groups;
	struct channel *channel;   /* one array of all */
	uint32_t n_channels;
	struct channel **ins, **outs; /* what tasks borrow */
	uint32_t *edge_of;         /* of each of ins: which plan edge into its stage it is of */
	struct edge *edges;
	struct pending *pending;   /* newest first */
	struct merging *merging;
	uint32_t merge_seq;
	uint32_t loading;          /* tasks whose state is not all there yet */
	struct restored loaded;    /* of those that were */
	bool started, released;
	uint32_t ended, closed;    /* tasks that said so */
	uint8_t *task_told;        /* LETTER_CLOSE was put */
	bool closing;              /* LETTER_CLOSE was sent */
	uint32_t jobs_out;         /* the control thread's own jobs under way */
	bool sweeping, sweep_again, orphans_gone;
	struct backlog backlog;    /* of what was published: what the sweep has not removed */
	bool unswept;              /* something was discarded since the last sweep began */
	struct spans *spans;       /* of checkpoints whose commit is under way */
	bool stop_asked;
	enum attempt_end end, ending; /* ending: what it will be when all is closed */
	struct err error;
	uint64_t now_us;
};

/* build.c */
enum rc build_graph(struct attempt *a, struct err *e);
void build_close(struct attempt *a);
uint64_t subtask_hash_first(const struct plan_stage *st, uint32_t subtask);
uint64_t subtask_hash_last(const struct plan_stage *st, uint32_t subtask);

/* assemble.c */
/* Which of the operators' states do not fit inline: given to the part before it is finished. */
enum rc assemble_blobs(struct attempt *a, struct pending *p, struct err *e);
/* The manifest of p from its acknowledgements and the base. */
enum rc assemble(struct attempt *a, struct pending *p, struct err *e);
/* assemble_counts.c: into m, whose ops stand in the plan's order. */
enum rc assemble_counts(struct attempt *a, const struct pending *p, struct manifest *m,
			struct err *e);
/* assemble_figures.c */
void assemble_figures(struct attempt *a, const struct pending *p, struct manifest_figures *f);
void assemble_record(struct attempt *a, const struct pending *p, struct checkpoint_record *r);

/* attempt_checks.c */
/* Whether the job's invariants hold on the cut of p, which all acknowledged; why: which does
 * not. */
enum rc attempt_check(const struct attempt *a, const struct pending *p, struct err *why);
/* What had been counted of a stage when this attempt began; 0 for what is no count of records. */
__int128 attempt_restored_count(const struct attempt *a, const struct plan_stage *st,
				enum check_what what);
/* What the invariants came to, and the sums of keyed state they are about. */
enum rc assemble_checks(const struct attempt *a, const struct pending *p, struct manifest *m,
			struct err *e);
/* What was restored comes to the sums its checkpoint was taken with. */
enum rc attempt_confirm_sums(const struct attempt *a, struct err *e);

/* publish.c: each submits a job whose letter comes back under a JOB_ kind */
enum rc publish_submit(struct attempt *a, struct pending *p, struct err *e);
enum rc commit_submit(struct attempt *a, struct err *e);
void sweep_submit(struct attempt *a);
void discard_submit(struct attempt *a, const char *part_name);
/* Just published: unless the new base names it. */
void discard_unnamed(struct attempt *a, const char *part_name);
void note_submit(struct attempt *a, const struct checkpoint_record *r);
/* Takes text: a line for history or spans, if memory allows. to NULL: nowhere. */
void line_submit(struct attempt *a, struct history *to, struct bytes *text);
/* A line of history that is no checkpoint's: what was decided ("skip", "delay"), and why. */
void note_decision(struct attempt *a, const char *what, const char *why);
/* What a letter of the above says; closes the job. */
struct publish_outcome {
	uint64_t id;
	uint64_t sealed_us, room_bytes;
	uint64_t freed_bytes; /* of a sweep; more: it is to go on */
	bool more;
	enum rc rc;
	struct err error;
};
void publish_outcome(struct attempt *a, struct mail *m, struct publish_outcome *o);
void published_use(struct published *p);
void published_drop(struct published *p);

/* attempt_spans.c: timelines */
/* It is durable: the line follows with its commit. Its acknowledgements are still there. */
void spans_published(struct attempt *a, const struct pending *p);
void spans_committed(struct attempt *a, uint64_t id);
void spans_given_up(struct attempt *a, const struct pending *p);
void spans_close(struct attempt *a);

/* chains.c */
/* After a publication: starts merges, tells tasks how long their chains are. */
void chains_look(struct attempt *a);
void chains_merged(struct attempt *a, struct mail *m);
/* Puts what was merged into the chain of this stage of checkpoint id, and marks it used by that. */
enum rc chains_apply(struct attempt *a, uint64_t id, uint32_t stage, struct chain *c,
		     struct err *e);
/* What became of checkpoint id. Published: what it used is its manifest's, the others that it could
 * have used were for nothing. Not published: what it used is abandoned with its manifest; the
 * others wait for the next. */
void chains_settle(struct attempt *a, uint64_t id, bool published);
/* No checkpoint follows that could use a merge: what the newest manifest does not name goes. */
void chains_over(struct attempt *a);
/* What is not done is not waited for either: its letter comes soon. */
void chains_drop(struct attempt *a);
void chains_close(struct attempt *a);

/* attempt_load.c: when to ask for a checkpoint that nobody asks for */
enum rc load_open(struct attempt *a, struct err *e);
void load_close(struct attempt *a);
void load_released(struct attempt *a);
void load_begun(struct attempt *a, struct pending *p);
void load_decided(struct attempt *a, const struct pending *p, bool completed);
/* A job of publishing or committing begins, or is back. */
void load_durable(struct attempt *a, bool begins);
/* Asks the policy if that is due. */
void load_step(struct attempt *a);
uint64_t load_wake_at(const struct attempt *a);

/* attempt_when.c: the trigger's condition */
/* Those of a new subtask, whose task takes them; nothing without a condition. */
enum rc when_open_taps(struct attempt *a, uint32_t stage, struct tap **first, struct err *e);
void when_close_taps(struct attempt *a); /* before its tasks' pools */
void when_passed(const struct attempt *a, uint64_t counts[WHEN_TAPS_MAX]);
/* The same as a checkpoint begins: what passes from now on is told again. */
void when_begun(struct attempt *a, uint64_t counts[WHEN_TAPS_MAX]);
/* The letter of a task's taps came. */
void when_heard(struct attempt *a, uint32_t task);
/* Whether the condition is true; now: what is counted since a checkpoint stands in it. tells: that
 * it cannot be computed, once. */
bool when_is_true(struct attempt *a, struct when_now *now, bool tells);

/* attempt_stuck.c */
/* p timed out: adds to e whom it waited for, and what they are doing. */
void stuck_say(const struct attempt *a, const struct pending *p, struct err *e);

/* attempt_asks.c */
/* What became of a request, as attempt_listener.answered takes it; request 0: it was none. */
void attempt_answer(struct attempt *a, uint64_t request, const struct checkpoint_record *r,
		    const char *found, const struct err *why);

/* attempt_keep.c */
/* A pin, an unpin or a gc: the letter is keep_done's. */
RC keep_submit(struct attempt *a, const struct job_ask *ask, struct err *e);
void keep_done(struct attempt *a, struct mail *m);

/* attempt_act.c */
bool attempt_is_source(const struct attempt *a, uint32_t task);
/* The same letter to all tasks, or to the sources; without memory for it the attempt fails. */
void attempt_tell(struct attempt *a, enum letter_kind kind, const struct barrier *b,
		  bool sources_only);
/* The restore is confirmed: whoever wants to hear it is told. */
enum rc attempt_tell_restored(struct attempt *a, struct err *e);
/* Puts LETTER_CLOSE to those who have not got it yet: memory for it may just have run out. */
void attempt_close_tasks(struct attempt *a);
bool attempt_all_told(const struct attempt *a);
/* The first reason stands. error may be NULL. */
void attempt_begin_closing(struct attempt *a, enum attempt_end ending, const struct err *error);
/* Performs every action the coordinator has queued. */
void attempt_act(struct attempt *a);
void attempt_event(struct attempt *a, const struct co_event *ev);
void attempt_event_failed(struct attempt *a, enum co_event_kind kind, uint64_t id,
			  const struct err *error);
struct pending *pending_of(struct attempt *a, uint64_t id); /* NULL: none */
void pending_close(struct attempt *a, struct pending *p);
