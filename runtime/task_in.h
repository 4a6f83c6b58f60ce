/* task_in.h - the inside of a task, shared by task.c (steps), task_letters.c (what letters do),
 * task_barrier.c (snapshots), task_lazy.c (a state that comes meanwhile), task_lookup.c (a key that
 * somebody asks for), task_tell.c (what it says of itself) only. */
#pragma once
#include "base/env.h"
#include "runtime/sync_meter.h"
#include "runtime/task.h"

#include "base/check.h"

#define SNAPS_MAX 16 /* checkpoints of a task under way: max_concurrent and aborted ones draining */
#define WARM_CHUNKS 32 /* all a task may have: the lane touches fresh pages, hardly a slice does */
#define SETTLE_STEPS 16 /* by feel: four times what a full channel's quarter takes */
#define SLICE_ROWS 4096 /* about 25 us: far below the promised longest stop */

enum task_phase {
	TASK_WAITING, /* a source before its release */
	TASK_RUNNING,
	TASK_ENDING,  /* end of input: the operator's end() is emptied */
	TASK_ENDED,   /* the mark was passed on; barriers still come */
	TASK_STOPPED, /* a source after a stop barrier */
	TASK_FAILED,
};

/* A snapshot of this task that has not been acknowledged yet. */
struct snapping {
	struct snap *snap;
	struct pack *pack;  /* NULL: nothing keyed, or the end was submitted */
	bool packed;        /* sections are in the part (or there are none) */
	bool encoding;      /* slices are still owed */
	bool frozen_told;   /* LETTER_FROZEN was put */
};

struct task {
	struct task_config c;
	struct waker own_waker, *waker; /* waker: own_waker, or its group's */
	struct mailbox mail;
	struct op_ctx ctx;
	void *self;
	bool opened;
	enum task_phase phase;
	struct pool *pool;
	struct gate gate;
	struct outlet outlet;
	struct keyed *keyed;
	struct task_lazy *lazy;   /* NULL: its keyed state is all there */
	struct restored loaded_what;
	struct mail *parked;      /* look-ups of keys that it has not read yet */
	struct chunk_pool chunks;

	struct batch *batch;      /* being worked on */
	bool preparing;           /* barrier waits for prepare() */
	struct barrier barrier;   /* being prepared, or just passed on */
	struct snap_spans spans;  /* of that barrier: so far first, aligned and the inputs */
	struct snap_count *received; /* from the attempt's start; n_received of them */
	uint32_t n_received;
	bool draining;            /* a source: ends at its next step */
	uint64_t completed;       /* the newest checkpoint known to be durable, or restored */
	bool trigger_pending;     /* a source's next barrier */
	struct barrier trigger;
	uint64_t newest_barrier;
	uint64_t chain_rows;      /* of the newest published chain of this subtask */
	uint32_t chain_runs;

	struct snapping snapping[SNAPS_MAX];
	uint32_t n_snapping;
	bool slice_turn;          /* slices and batches take turns */
	struct sync_meter sync;

	uint32_t warmed;          /* chunks that were touched */
	bool closing, closed;
	bool failed_told, skipped_told;
	struct task_report ended, failed, bye, skipped, loaded, passed;
	struct task_stats stats;
	uint64_t last_us, flowed_us;
	enum task_did last_did;
	uint32_t busy_steps;
};

/* task_letters.c */
void task_letters(struct task *t);

/* task_lookup.c */
void task_lookup(struct task *t, struct mail *m);
/* State has come, or the task is closing: those that waited. */
void task_lookups_again(struct task *t);

/* task_lazy.c: with t->lazy only, but for the last four */
void task_lazy_begin(struct task *t); /* at the first step */
void task_stretch(struct task *t, struct mail *m);
/* Cuts t->batch down to the rows that are ready; false: not even the first is. */
bool task_lazy_cut(struct task *t);
/* That part is done: whether t->batch is the rest now. */
bool task_lazy_rest(struct task *t);
bool task_is_loading(const struct task *t);
/* It is to be closed: whether nothing is under way any more. */
bool task_lazy_closing(struct task *t);
void task_lazy_close(struct task *t);
/* Rows of what t->batch was cut from that are not in it. */
uint32_t task_lazy_owed(const struct task *t);
/* Whether keys of this hash are there; those that are not are asked for. */
bool task_lazy_has(struct task *t, uint64_t hash);

/* task_tell.c */
/* Now and then: what has no statistic of its own a step. */
void task_tell(struct task *t);

/* task_barrier.c */
/* Freezes and takes the operator's snapshot: everything up to the acknowledgement goes on by
 * itself. */
enum rc task_snapshot(struct task *t);
/* One slice, or nothing (false). */
bool task_slice(struct task *t);
/* Acknowledges what is complete. */
void task_acknowledge(struct task *t);
void task_packed(struct task *t, struct pack_done *d);
void task_abort(struct task *t, uint64_t id);
bool task_is_snapping(const struct task *t);
/* A stop by snapshot work is over: a batch was processed, or none waited. */
void task_stop_over(struct task *t);
enum rc task_fail(struct task *t);
