/* timeline.h - when what happened to one checkpoint, from its trigger to its commit, and which
 * chain of waiting made it last that long. Pure: instants in, spans out.
 * Why not in the manifest: it is published before it is linked and committed. So each is a line of
 * spans.jsonl, bounded and never read for recovery (FORMAT.md).
 * All instants are microseconds since the trigger; 0: there was none. Those of a task come in the
 * order of their fields. Not here: where a task's instants come from (runtime/snap.h). */
#pragma once
#include "base/json.h"

#define TIMELINE_NONE UINT32_MAX

/* One subtask's part. */
struct timeline_task {
	const char *stage; /* borrowed */
	uint32_t subtask;
	uint64_t first;    /* the first barrier came; a source: its letter */
	uint64_t aligned;  /* the last one */
	uint64_t frozen;   /* state is frozen, the barrier is sent on: records flow again */
	uint64_t encoded;  /* every slice is on its way to the lane */
	uint64_t packed;   /* and packed */
	uint64_t prepared; /* what a sink wrote for it is durable */
	uint64_t acked;    /* it said so */
	uint32_t last;     /* who sent the last barrier, in timeline.task; TIMELINE_NONE: a source */
};

struct timeline {
	uint64_t id;
	const char *kind, *trigger; /* borrowed */
	int64_t wall_us;            /* of the trigger */
	bool completed;
	uint64_t acked;  /* by all */
	uint64_t packed; /* the part's end is written */
	uint64_t sealed; /* its bytes are durable */
	uint64_t linked; /* the manifest is: the checkpoint exists */
	uint64_t committed;
	struct timeline_task *task;
	uint32_t n_tasks;
	struct json_doc *doc; /* of one that was read: what it borrows from */
};

/* A stretch of the chain that the checkpoint waited for. */
enum span_kind {
	SPAN_LETTER,  /* the trigger's letter on its way to a source */
	SPAN_CHANNEL, /* the last barrier behind records, from one task to the next */
	SPAN_FREEZE,  /* the task's stop */
	SPAN_SLICES,  /* the state's rows go to the lane, a slice each step of the task */
	SPAN_PACK,    /* compressed and written */
	SPAN_PREPARE, /* a sink's files written and made durable */
	SPAN_ACK,     /* the rest until the control thread has all */
	SPAN_PART,    /* the part's end */
	SPAN_SYNC,    /* fsync of the part */
	SPAN_LINK,    /* the manifest written, fsynced and linked */
	SPAN_COMMIT,  /* sinks' files renamed */
	SPAN_KINDS
};
struct span {
	enum span_kind kind;
	uint32_t task, other; /* in timeline.task; other: SPAN_CHANNEL's receiver */
	uint64_t from, to;
};

/* A line of JSON, without its end. */
void timeline_put(struct json_out *o, const struct timeline *t);
/* Of such a line; anything may stand there. Closed by timeline_close. */
RC timeline_get(struct timeline *t, const char *line, size_t len, struct mem *mem, struct err *e);
void timeline_close(struct timeline *t, struct mem *mem); /* of timeline_get's */

/* The spans one after the other from 0 to the end: each begins where the one before ends, so their
 * sum is the whole. span: room for `most`. Returns how many there are; more than most: none was
 * written. Instants that contradict each other make empty spans, never negative ones. */
uint32_t timeline_path(const struct timeline *t, struct span *span, uint32_t most);
uint64_t timeline_total(const struct timeline *t);
const char *span_name(enum span_kind k); /* "letter", "channel", ... */
