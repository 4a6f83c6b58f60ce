/* operator.h - what an operator is to the runtime: one table of functions over one subtask's self.
 *
 *   plan (once a stage, control thread)  ->  begin (once a stage, before the fence)  ->
 *   per subtask, on its task's thread:  open -> { produce | batch | event }* -> prepare
 *                                       -> snapshot ... -> end -> ... -> close
 *
 * Operators never block, do no I/O (they submit jobs to the I/O queue and get letters back), read
 * no clock but ctx->now_us, and hold no commit code (they return intents).
 * A call emits at most one batch; it is made only when every channel behind has room for one. So a
 * call that has more to give says OP_MORE and is called again with the same arguments. */
#pragma once
#include "base/bytes.h"
#include "base/option.h"
#include "checkpoint/intent.h"
#include "runtime/counts.h"
#include "runtime/ioqueue.h"
#include "runtime/keys.h"
#include "runtime/pool.h"
#include "state/keyed.h"

struct latency; /* operators/latency.h */

enum op_role { OP_SOURCE, OP_TRANSFORM, OP_SINK };

enum op_result {
	OP_MORE,   /* call again, same arguments */
	OP_DONE,   /* that is done; a source: its input has ended */
	OP_WAIT,   /* nothing can be done before ctx->wake_at_us or the next letter */
	OP_FAILED, /* ctx->error says why: the attempt fails */
};

/* --- planning ------------------------------------------------------------------------------- */

#define OP_INPUTS_MAX 64 /* stages a union reads; by feel */

/* The plan of one stage. The planner fills the first half, plan() the second. */
struct op_plan {
	struct mem *mem;
	const char *stage;              /* id */
	const struct json *options;     /* the stage's object, checked against the option table */
	struct opt_report *report;      /* faults go here, all of them */
	const char *base_dir;           /* relative paths of the job file are relative to this */
	uint32_t n_in;
	const struct schema *in[OP_INPUTS_MAX];
	uint32_t parallelism, max_parallelism;
	uint64_t record_limit_bytes;
	bool skip;                      /* on_error, see op_ctx */

	struct schema out;              /* sinks: n = 0 */
	bool keyed;                     /* the input is exchanged by hash of `key` */
	struct key_spec key;
	uint32_t value_bytes;           /* of the keyed state: 8 or 16; with keyed only */
	struct schema key_schema, value_schema; /* of the state, for the section header */
	uint32_t state_version;         /* of the operator's state; at least 1 */
	bool one_subtask;               /* works only with parallelism 1 */
	bool bounded;                   /* a source that ends by itself */
	bool commits;                   /* a sink whose output is committed by intents */
	const char *order_dependent;    /* why its output depends on arrival order or clock; NULL: no */
	uint64_t buffer_bytes;          /* what each subtask allocates once, for whoever plans memory */
	bool by_clock;                  /* it does so whatever the paths its input takes */
	const char *path;               /* the place it reads or writes, for explain and the check that
	                                 * no two sinks share one; owned by conf; NULL: none */
	bool shows;                     /* a sink whose output is seen at once, before any checkpoint:
	                                 * its job restores eagerly */
	uint32_t aggregates;            /* bits: which value words of its keyed state are int64 whose
	                                 * sum over all keys may be asked for (keyed_watch_sums) */
	const struct latency *latency;  /* of a sink that measures them: a histogram a subtask, owned
	                                 * by conf; NULL: none */
	void *conf;                     /* made with mem; shared by the subtasks, read only but for
	                                 * what is marked as a subtask's own */
};

/* Before the fence (control thread; may read files): turns what the chosen checkpoint holds of this
 * stage's non-keyed state into the new subtasks' states, or makes the first ones. Everything that
 * can refuse, refuses here. */
struct op_begin {
	struct mem *mem;
	struct fs *fs;
	const char *stage;
	const char *uuid;               /* the job's */
	uint32_t lineage;
	uint64_t epoch;                 /* 0 while it is not known yet */
	bool restored;                  /* false: a fresh start */
	const struct bytes *old;        /* the old subtasks' states, n_old of them */
	uint32_t n_old, parallelism, max_parallelism;
	const struct intent *intents;   /* of the chosen checkpoint, all sinks' */
	size_t n_intents;
	const uint32_t *accepts;        /* lineages before this one whose files are ours too, because
	                                 * their savepoint was imported; n_accepts of them */
	uint32_t n_accepts;
	uint64_t rewind_to;             /* of later(): what committed after this checkpoint goes */

	struct bytes *fresh;            /* out: parallelism states, initialised by the caller; of
	                                 * later() in: what begin() made of them */
	struct bytes orphans;           /* out: paths, each NUL-terminated, of prepared files no
	                                 * manifest names: unlinked after this owner's first
	                                 * checkpoint */
	bool goes_back;                 /* what was committed after the chosen checkpoint is still in
	                                 * place, and later() will list it */
	const struct manifest_todo *todo; /* what a fence before ours promised, which is done before
	                                 * the first task exists; or NULL */
	struct bytes moves;             /* out of later(): op_move_put, in the order of moving */
	bool reads_nothing;             /* out: of a source: its input is known to have no record */
	char says[512];                 /* out: for the recovery report: "words.txt from byte 81,402" */
};

/* Whether files of that lineage are ours. */
static inline bool op_begin_accepts(const struct op_begin *b, uint32_t lineage)
{
	bool is = lineage == b->lineage;
	for (uint32_t i = 0; i < b->n_accepts && !is; i++)
		is = lineage == b->accepts[i];
	return is;
}

/* One that is moved, packed: its paths, and what of it (manifest.h). later() puts, jobs/ takes. */
static inline void op_move_put(struct bytes *to, const struct manifest_move *m)
{
	bytes_put_u8(to, (uint8_t)m->how);
	bytes_put_u64(to, m->at);
	bytes_put(to, m->from, strlen(m->from) + 1);
	bytes_put(to, m->to, strlen(m->to) + 1);
}

/* False: that was all. The paths are borrowed. */
static inline bool op_move_next(struct reader *r, struct manifest_move *m)
{
	if (!reader_left(r))
		return false;
	m->how = (enum move_how)reader_u8(r);
	m->at = reader_u64(r);
	m->from = (const char *)r->at;
	reader_take(r, strlen(m->from) + 1);
	m->to = (const char *)r->at;
	reader_take(r, strlen(m->to) + 1);
	return !r->failed;
}

/* A file that is gone back over goes to <its folder>/OP_ASIDE/<epoch of the new owner>/. */
#define OP_ASIDE ".superseded"

/* --- running -------------------------------------------------------------------------------- */

struct op_ctx;
struct barrier; /* channel.h */

/* Sends the batch to every reader of the stage. Takes *b. At most once a call. */
void op_emit(struct op_ctx *ctx, struct batch **b);

/* What snapshot() gives. */
struct op_snapshot {
	uint64_t checkpoint;            /* in: its id */
	bool final;                     /* in */
	struct bytes state;             /* out: non-keyed state of this subtask; initialised */
	struct bytes intents;           /* out: struct intent, packed by intent_put */
};

/* What restored() is told. */
struct op_restored {
	uint64_t checkpoint;            /* whose state it has */
	uint64_t keys;                  /* of its keyed state, 0 without */
	uint32_t old_parallelism;       /* of its stage in that checkpoint */
};

/* What holds between the records that came in and those that went out, from barrier to barrier;
 * records left out are counted apart. Audits check it. */
enum op_law {
	OP_LAW_NONE,    /* any number */
	OP_LAW_SAME,    /* out = in - skipped */
	OP_LAW_AT_MOST, /* out <= in - skipped */
	OP_LAW_ENDS,    /* none goes out before the input has ended */
	OP_LAW_SINK,    /* what came in, but for those skipped, is in the pieces prepared */
};

struct op_ctx {
	/* fixed */
	const char *stage;
	uint32_t subtask, parallelism, max_parallelism;
	const void *conf;               /* op_plan.conf */
	const struct schema *in, *out;  /* in: of the first input */
	const struct key_spec *key;
	uint64_t record_limit_bytes;
	bool skip;                      /* on_error: a record that cannot be processed is left out
					 * and counted; else it fails the attempt */
	bool audit;                     /* hashes of records are wanted, not only their number */
	uint64_t epoch, attempt;
	uint32_t lineage;
	const char *uuid;
	struct mem *mem;
	struct pool *pool;
	struct ioqueue *io;
	struct mailbox *mail;           /* where its I/O jobs reply to: letters of kind >= OP_LETTER */
	struct mailbox *control;        /* the control thread's: for print (LETTER_PRINT) */
	struct keyed *state;            /* NULL unless the stage is keyed */
	/* of this step */
	uint64_t now_us;                /* monotonic */
	int64_t wall_us;                /* UTC, sources and sinks: for created_as and latency_of */
	uint64_t wake_at_us;            /* with OP_WAIT: call again by then; UINT64_MAX: by letter */
	/* set by the operator, kept from step to step */
	uint64_t tick_at_us;            /* tick() is called once this has come; UINT64_MAX: never */
	struct err error;               /* with OP_FAILED */
	/* counted by the operator */
	uint64_t skipped;
	struct err skip_error;          /* the first of them: which and why, for the log */
	/* Sources with an end: how much of their input they have handed out, and how much it is, in
	 * a unit of their own (bytes, rows), what was done before a restore included. Set by open and
	 * once a batch. Total 0: unknown, or without end. */
	uint64_t work_done, work_total;
	uint64_t checksum;              /* sinks with one: order-independent, mod 2^64 */
	/* Sinks that commit: the records they put into their pieces in this attempt, as they count
	 * them; with audit their hashes too (record_checksum.h). What the audit compares with what
	 * came. */
	struct snap_count kept;
	void *task;                     /* the runtime's */
};

#define OP_LETTER 1000 /* kinds of letters from here up are the operator's own */
#define LETTER_PRINT 900 /* to the control thread: struct print_letter */

/* Text for standard output, from print_sink to the control loop and back when it is written. */
struct print_letter {
	struct mail mail;
	struct mailbox *reply;
	int reply_kind;
	const char *stage;              /* whose text it is; borrowed likewise */
	const uint8_t *data;            /* borrowed until the letter is back */
	size_t len;
	int error;                      /* back: why it could not be written (errno); 0: it was */
};

struct op_ops {
	const char *name;               /* "keyed_sum" */
	const char *summary;            /* one line of help */
	enum op_role role;
	bool many_inputs;
	size_t self_size;               /* zeroed self, allocated by the runtime */
	const struct opt_def *opts;

	/* False: faults were reported. conf, if any, is freed with conf_close. */
	bool (*plan)(struct op_plan *p);
	void (*conf_close)(void *conf, struct mem *mem);
	RC (*begin)(const void *conf, struct op_begin *b, struct err *e);
	/* Of sinks that commit, before the fence: which of their files are later than checkpoint
	 * b->rewind_to, and where they are moved (b->moves), those still pending first. */
	RC (*later)(const void *conf, struct op_begin *b, struct err *e);
	/* Of sinks that commit, with or without a stage: which of the prepared files in dir, a folder
	 * that intents of this type named, are this job's and named by no intent (b->orphans). */
	RC (*left)(struct op_begin *b, const char *dir, struct err *e);
	/* NULL: OP_LAW_NONE. */
	enum op_law (*law)(const void *conf);

	/* state: this subtask's from begin(); empty when there is no begin. */
	RC (*open)(void *self, struct op_ctx *ctx, const void *state, size_t len, struct err *e);
	/* Sources have produce, the others batch, which borrows b. */
	enum op_result (*produce)(void *self, struct op_ctx *ctx);
	enum op_result (*batch)(void *self, struct op_ctx *ctx, struct batch *b);
	/* A letter of one of its I/O jobs. OP_DONE or OP_FAILED. */
	enum op_result (*event)(void *self, struct op_ctx *ctx, struct mail *m);
	/* End of input: what is still owed is emitted. Not for sources. */
	enum op_result (*end)(void *self, struct op_ctx *ctx);
	/* Before a barrier is passed on: pending output goes out; inputs are held meanwhile. */
	enum op_result (*prepare)(void *self, struct op_ctx *ctx, const struct barrier *b);
	/* ctx->tick_at_us has come, and nothing else is under way (no batch, no barrier, no end): it
	 * may emit one batch. OP_MORE: again, before anything else is taken; OP_DONE: it has set a
	 * later ctx->tick_at_us. Not for sources. */
	enum op_result (*tick)(void *self, struct op_ctx *ctx);
	/* After the barrier was passed on: the state as of the barrier. Keyed state is the
	 * runtime's. */
	enum op_result (*snapshot)(void *self, struct op_ctx *ctx, struct op_snapshot *s);
	/* Whether everything prepared for checkpoint id is written and synced: asked until OP_DONE,
	 * again after each letter; the acknowledgement waits for it. NULL: at once. */
	enum op_result (*prepared)(void *self, struct op_ctx *ctx, uint64_t checkpoint);
	/* Once, before its first record, if this attempt began with a checkpoint: all of the restore
	 * is confirmed. */
	void (*restored)(void *self, struct op_ctx *ctx, const struct op_restored *r);
	/* The checkpoint is durable and its intents are settled. */
	void (*committed)(void *self, struct op_ctx *ctx, uint64_t checkpoint);
	/* Whether a letter is still owed to it; close waits until false. */
	bool (*busy)(void *self, struct op_ctx *ctx);
	/* Legal on a self that was never opened. */
	void (*close)(void *self, struct op_ctx *ctx);
};
