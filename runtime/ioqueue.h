/* ioqueue.h - where every file operation of a running job happens: two lanes, each one thread and
 * each a step machine like a task.
 *
 *   bytes lane:       source reads > sink bytes > restoring > packing > merging, in steps of at
 *                     most 256 KiB; a lazy restore gets every 2nd step, packing every 4th and
 *                     merging every 16th even under load
 *   durability lane:  publish and commit > other fsyncs, links, renames > unlinks (sweep)
 *
 * Why two: an fsync must not hold up a read. Why jobs are steps: a merge of 160 MB must not hold up
 * a checkpoint, and the simulation chooses what runs next.
 * A job is a structure of its submitter with a step function; it comes back as a letter when it is
 * done. A lane waits on nothing but files. Within one class jobs run in the order submitted.
 * Merging and the sweep may have a budget (limits): then they wait for it, while nothing else does.
 * Once a job ends as fenced, or with an unknown outcome, no other one is stepped: all come back
 * with that error (inv 27), so that nothing more is done to a directory that is somebody else's.
 * Threads: submit from anywhere; one thread drives each lane. */
#pragma once
#include "base/env.h"
#include "base/fs.h"
#include "runtime/mailbox.h"

enum io_lane { LANE_BYTES, LANE_DURABILITY };
enum io_class {
	/* bytes lane */
	IO_READ, IO_SINK, IO_RESTORE, IO_PACK, IO_MERGE,
	/* durability lane */
	IO_PUBLISH, IO_SYNC, IO_UNLINK,
	IO_CLASSES,
};

struct io_job {
	struct mail mail;       /* .kind is the submitter's: what the receiver of `reply` sees */
	enum io_class class;
	/* Does at most one bounded piece of work; true when finished, with rc (and error) set.
	 * Called on the lane's thread only. */
	bool (*step)(struct io_job *j, struct fs *fs);
	struct io_job *then;    /* submitted when this one is done with OK; else `then` is finished with
				 * this one's error without a step, and so on to the end of the chain */
	struct mailbox *reply;  /* gets mail when done; NULL: nobody is told */
	/* without reply: the last touch, on the lane's thread; may free */
	void (*finished)(struct io_job *j);
	uint64_t bytes;         /* IO_MERGE, IO_UNLINK: the step adds what it moved or freed */
	enum rc rc;
	struct err error;
};

struct ioqueue;
RC ioqueue_open(struct ioqueue **q, struct fs *fs, struct mem *mem, struct err *e);
/* Both lanes are drained and not driven any more; NULL is legal. */
void ioqueue_close(struct ioqueue *q);
/* Takes the job until its letter comes back. */
void ioqueue_submit(struct ioqueue *q, struct io_job *j);
/* One step of a lane: false when it had nothing to do. */
bool ioqueue_step(struct ioqueue *q, enum io_lane lane);
/* Bytes a second that IO_MERGE and IO_UNLINK jobs may cost; 0: any. Before the lanes are driven. */
void ioqueue_limit(struct ioqueue *q, struct clock *clock, uint64_t merge_bytes,
		   uint64_t sweep_bytes);
/* Budgets do not count while somebody waits for the end (an attempt that closes). Any thread. */
void ioqueue_hurry(struct ioqueue *q, bool hurry);
/* When a step may find something to do though nothing is submitted: what waits for its budget.
 * UINT64_MAX: never. The lane's thread. */
uint64_t ioqueue_wake_at(const struct ioqueue *q, enum io_lane lane);
/* The waker the lane's thread sleeps on. */
struct waker *ioqueue_waker(struct ioqueue *q, enum io_lane lane);
/* Whether anything is submitted and not yet done (inv 8: drained before an attempt chooses). */
bool ioqueue_is_idle(const struct ioqueue *q);
