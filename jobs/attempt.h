/* attempt.h - one start of a job within an epoch: its tasks, channels and coordinator, from the
 * build to the last letter. The control thread's half: letters in, coordinator's actions out.
 *
 *   build -> restore -> start -> { control_step }* -> over: closed, failed or halted -> close
 *
 * A step machine like a task: attempt_step never blocks and does no I/O; who drives it (threads and
 * libuv, or a seeded scheduler) is not its business.
 * Owns: tasks, channels, coordinator, packing; borrows plan, store (used by the durability lane
 * only), I/O queue. Threads: the control thread; attempt_restore_task may run on threads of its
 * own. */
#pragma once
#include "base/log.h"
#include "checkpoint/coordinator.h"
#include "checkpoint/history.h"
#include "checkpoint/ledger.h"
#include "checkpoint/store.h"
#include "jobs/ask.h"
#include "jobs/begin.h"
#include "jobs/plan.h"
#include "jobs/restore_way.h"
#include "runtime/restore.h"
#include "runtime/task.h"
#include "runtime/task_group.h"

/* What became of one checkpoint; the same facts stand in report, history and screen. */
struct checkpoint_record {
	uint64_t id;
	enum co_kind kind;
	bool completed;
	bool full;                 /* asked for, or without a base: everything was written */
	char trigger[CO_WHY];      /* why it was taken, in words */
	char error[256];           /* of a failed one */
	int64_t wall_us;
	uint64_t bytes_written, state_bytes, keys, keys_changed;
	uint64_t align_us, sync_us_max, async_us, total_us;
	uint64_t memory_bytes;     /* of the job's budget, in use when it was complete */
	uint64_t room_bytes;       /* on its disk then; 0: not known */
};

/* Why one was taken, as manifests and reports say it: "start", "interval", "stop", "end", ... */
const char *checkpoint_trigger(enum co_kind k);

/* Heard on the control thread; pointers are borrowed for the call. */
struct attempt_listener {
	void (*checkpoint)(void *arg, const struct checkpoint_record *r);
	/* What the sinks had prepared for it is committed. May be NULL. */
	void (*committed)(void *arg, uint64_t checkpoint);
	/* Text for standard output; give the letter back with mailbox_put(l->reply) under kind
	 * l->reply_kind when it is written. NULL: it is thrown away. */
	void (*print)(void *arg, struct print_letter *l);
	/* A request of attempt_ask was served: by checkpoint *r (NULL: it needed none), and of a gc
	 * with what went (found, gone.h's text; else NULL). Or it will not be: why; r and found are
	 * NULL. May be NULL. */
	void (*answered)(void *arg, uint64_t request, const struct checkpoint_record *r,
			 const char *found, const struct err *why);
	/* What was restored while records flowed is all there: confirms it, or says why not (then the
	 * attempt fails). May be NULL. */
	RC (*loaded)(void *arg, const struct restored *all, struct err *e);
	/* A checkpoint with a name is committed: its savepoint is to be exported. May be NULL. */
	void (*named)(void *arg, const struct manifest *m);
	void *arg;
};

struct attempt_config {
	struct env *env;
	struct log *log;
	const struct plan *plan;
	struct store *store;
	struct history *history;     /* NULL: none */
	struct history *spans;       /* the same */
	struct ledger *ledger;       /* the audit's; NULL: none */
	const char *parts_dir;
	const char *uuid;
	uint32_t lineage, attempt;
	uint64_t epoch, next_id;
	struct progress *progress;   /* where sources count what they put out; NULL: nowhere */
	const struct manifest *from; /* restored; NULL: a fresh start. Copied where it must last */
	enum restore_mode restore;   /* how its keyed state comes back */
	const struct begun *begun;
	struct ioqueue *io;
	struct mailbox *control;     /* all letters to this thread; its taker calls attempt_letter */
	struct attempt_listener listen;
};

struct attempt;
/* Builds everything; nothing flows yet. */
RC attempt_open(struct attempt **a, const struct attempt_config *c, struct err *e);
uint32_t attempt_tasks(const struct attempt *a);
struct task *attempt_task(const struct attempt *a, uint32_t i);
/* Adds what stands in the channels of this edge of the plan, and their slots. Any time: about. */
void attempt_edge_fill(const struct attempt *a, uint32_t edge, uint32_t *queued, uint32_t *room);
/* The tasks of one thread each, as the plan places them. */
uint32_t attempt_threads(const struct attempt *a);
struct task_group *attempt_thread(const struct attempt *a, uint32_t i);
/* Fills the keyed state of task i from the checkpoint (nothing to do for most), or begins to. Any
 * thread, each i once. */
RC attempt_restore_task(struct attempt *a, uint32_t i, struct restored *out, struct err *e);
/* After all are restored: opens the operators and starts the coordinator. */
RC attempt_start(struct attempt *a, uint64_t now_us, struct err *e);
/* Whether some state is still being restored while records flow: no checkpoint begins. */
bool attempt_is_loading(const struct attempt *a);

/* One letter of the control mailbox. */
void attempt_letter(struct attempt *a, struct mail *m, uint64_t now_us);
/* Performs what is due. *wake_at_us: when to call again if no letter comes. */
void attempt_step(struct attempt *a, uint64_t now_us, uint64_t *wake_at_us);

#define ATTEMPT_OWN_NAME "*" /* of a savepoint: named by its checkpoint's number */

/* A checkpoint and then the end, as `how` says (NULL: a plain one); a second call changes
 * nothing. */
void attempt_stop(struct attempt *a, const struct job_ask *how, uint64_t now_us);
/* A checkpoint, begun with the next step; `answered` tells later what became of it, or the attempt
 * ends without a word. E_REFUSED: it is ending. */
RC attempt_ask(struct attempt *a, const struct job_ask *ask, uint64_t now_us, struct err *e);
/* Fails the attempt from outside (a thread that could not be started; a second signal). */
void attempt_fail(struct attempt *a, const struct err *e, uint64_t now_us);

/* Its tasks were told to close, and it is not over yet: what cannot end may be given up. */
bool attempt_is_closing(const struct attempt *a);
/* Every task is closed and no job of this attempt is under way: threads may be joined. */
bool attempt_is_over(const struct attempt *a);
enum attempt_end {
	ATTEMPT_RUNNING,
	ATTEMPT_FINISHED, /* the input ended; its final checkpoint is committed */
	ATTEMPT_STOPPED,  /* as asked; its stop checkpoint is committed */
	ATTEMPT_FAILED,   /* attempt_error */
	ATTEMPT_HALTED,   /* fenced, or an outcome is unknown: end the process, touch nothing */
};
enum attempt_end attempt_end_of(const struct attempt *a);
const struct err *attempt_error(const struct attempt *a);

const struct co_stats *attempt_co_stats(const struct attempt *a);
/* Checkpoints that are triggered and not yet decided. */
uint32_t attempt_pending(const struct attempt *a);
uint64_t attempt_next_id(const struct attempt *a);
/* Monotonic time of the first record that left a source; 0: none yet. */
uint64_t attempt_first_record_us(const struct attempt *a);
/* Everything was joined and drained. NULL is legal. */
void attempt_close(struct attempt *a);
