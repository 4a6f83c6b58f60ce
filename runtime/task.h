/* task.h - one subtask of one stage as a step machine: letters in, batches in, batches out.
 *
 *   letters -> [mark to pass on] -> [slice of a snapshot] -> [batch | barrier | end | produce]
 *
 * task_step never blocks, never sleeps, does no I/O, and reads no clock but the one it is given. In
 * production a thread loops it and parks when it has nothing to do; in simulation a seeded
 * scheduler picks which task steps next. Same code, two drivers (DESIGN 2.1).
 *
 * Order at a barrier (COORDINATOR 9): prepare (pending output goes out, inputs held) -> barrier
 * passed on -> keyed state frozen -> operator's snapshot -> slices between batches -> packed
 * -> acknowledged.
 *
 * Owns: its operator's self, its keyed state, its pool, gate and outlet; borrows channels, I/O
 * queue, packing, plan. Threads: step from one thread; statistics are read by the control
 * thread. */
#pragma once
#include "runtime/gate.h"
#include "runtime/letters.h"
#include "runtime/operator.h"
#include "runtime/outlet.h"
#include "runtime/pack.h"
#include "runtime/restore.h"
#include "runtime/tap.h"

enum task_did {
	TASK_BUSY,          /* something was done: step again */
	TASK_IDLE,          /* nothing to do before *wake_at_us, a letter or an item */
	TASK_BACKPRESSURED, /* waits for room downstream */
	TASK_CLOSED,        /* over: never step again */
};

/* Where the oldest checkpoint stands that this task has begun and not acknowledged. */
enum snap_phase {
	SNAP_NONE,
	SNAP_ALIGN,   /* its barrier has come, not from every input: waits_input and waits_inputs */
	SNAP_PREPARE, /* the operator's pending output goes out */
	SNAP_SLICES,  /* keyed state is encoded */
	SNAP_PACK,    /* the lane packs it */
	SNAP_SYNC,    /* the operator's pieces are written and synced */
};

/* Relaxed atomics: written by the task, read by anyone. Times in microseconds. */
struct task_stats {
	_Atomic uint64_t records_in, records_out, records_skipped;
	_Atomic uint64_t busy_us, idle_us, backpressured_us;
	_Atomic uint64_t sync_us_max; /* over all checkpoints */
	_Atomic uint64_t first_record_us; /* monotonic time of the first batch; 0: none yet */
	_Atomic uint64_t keys, state_bytes;
	_Atomic uint64_t work_done, work_total; /* bounded sources, in their unit; op_ctx */
	_Atomic uint64_t checksum;   /* sinks */
	_Atomic uint32_t doing;      /* enum task_did of the last step */
	_Atomic uint64_t doing_since_us; /* since when it is that, monotonic */
	_Atomic uint64_t snap_id;    /* the checkpoint snap_phase is of; 0: none */
	_Atomic uint32_t snap_phase; /* enum snap_phase */
	_Atomic uint64_t snap_since_us;  /* since when it is that, monotonic */
	_Atomic uint32_t holds;      /* records in hand, which its operator cannot take now: a sink
				      * whose buffers are out, mostly */
	_Atomic uint32_t waits_input, waits_inputs; /* SNAP_ALIGN: the first one, and how many */
	/* With wants_changed: keyed state changed since the newest completed checkpoint; bytes are
	 * about what its rows take, by the average key. keys and state_bytes are then of now, not of
	 * the newest snapshot. */
	_Atomic uint64_t keys_changed, bytes_changed;
	_Atomic int64_t sum[2]; /* with it and sums: the nearest int64 to the sum of each */
};

/* What the builder (jobs/) fills; all borrowed. */
struct task_config {
	uint32_t number;             /* among all tasks of the job */
	const char *stage;
	uint32_t subtask, parallelism, max_parallelism;
	const struct op_ops *ops;
	const void *conf;
	const struct schema *in, *out;
	const struct key_spec *key;  /* of its own keyed state; NULL: not keyed */
	struct keyed_shape shape;    /* with key */
	struct section section;      /* with key: header of its sections */
	uint64_t record_limit_bytes;
	uint32_t batch_rows;         /* the most a batch it makes has; 0: BATCH_ROWS */
	bool skip;                   /* op_plan's */
	bool exactly_once;           /* false: inputs are not held for a barrier */
	bool audit;                  /* hashes of records are summed, too, at both ends of an edge */
	bool wants_changed;          /* task_stats.keys_changed and bytes_changed are kept */
	uint32_t sums;               /* value words whose sums are kept: of op_plan.aggregates */
	struct tap *tap;             /* who waits for a record as it is put out; NULL: nobody */
	uint64_t epoch, attempt, after_id;
	uint32_t lineage;
	const char *uuid;
	struct channel **inputs;
	uint32_t n_inputs;
	const uint32_t *edge_of_input; /* which of n_in_edges plan edges each input is of; NULL: one */
	uint32_t n_in_edges;
	struct edge *edges;
	uint32_t n_edges;
	uint32_t chunk_budget;       /* chunks of snapshot buffers, at least 4 */
	struct mem *mem;
	struct ioqueue *io;
	struct packing *packing;
	struct mailbox *control;
	struct clock *clock;         /* for created_as, latency_of, and what snapshots cost */
	struct waker *waker;         /* of the group it shares a thread with; NULL: its own */
	_Atomic uint64_t *put_out;   /* stats.records_out once more, for who comes after this process;
				      * NULL: for nobody */
};

struct task;
struct lazy_options; /* runtime/lazy_restore.h */
RC task_open(struct task **t, const struct task_config *c, struct err *e);
/* Its keyed state, to be restored before the first step; NULL when it has none. */
struct keyed *task_keyed(struct task *t);
/* Restores it while the task works (runtime/lazy_restore.h): fs, parts_dir, m, s and expected of
 * the options count. Headers and indexes are verified now; LETTER_LOADED follows, and nothing that
 * needs all of the state may be asked of the task before. */
RC task_restore_lazily(struct task *t, const struct lazy_options *options, struct err *e);
bool task_is_lazy(const struct task *t); /* before its first step */
/* What came so. After LETTER_LOADED. */
const struct restored *task_restored(const struct task *t);
/* Opens the operator with its state from begin(); after the keyed state was restored, or a lazy
 * restore was begun. */
RC task_start(struct task *t, const void *state, size_t len, struct err *e);
/* Only a task that is closed or was never started. Its pool is closed by task_free, when no channel
 * holds anything of it any more. NULL is legal. */
void task_close(struct task *t);
void task_free(struct task *t);

enum task_did task_step(struct task *t, uint64_t now_us, uint64_t *wake_at_us);
/* Its thread is another task's turn from now on: the time until its next step is not its work. */
void task_rests(struct task *t, uint64_t now_us);
/* When a batch that was at least half full last came in or went out; 0: never. Such a stream runs
 * as fast as it can: what it waits for is near. Its thread's. */
uint64_t task_flowed_us(const struct task *t);
struct mailbox *task_mailbox(struct task *t);
struct waker *task_waker(struct task *t);
const struct task_stats *task_stats(const struct task *t);
const struct task_config *task_config(const struct task *t);
