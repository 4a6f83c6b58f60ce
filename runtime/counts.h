/* counts.h - how many records went over an edge, kept at both its ends, so that a checkpoint can
 * say of each interval that what was sent was received (inv 4).
 * Additive: over a stage's subtasks, over attempts, over checkpoints. An abort takes nothing back:
 * counts are of the attempt so far, and the next checkpoint has them all.
 * Pure data. Threads: a task's own; then they go with its struct snap. */
#pragma once
#include <stdint.h>

struct snap_count {
	uint64_t n;    /* records; sent to every subtask: once for each */
	uint64_t hash; /* with audit: the sum of their hashes (record_checksum.h), mod 2^64; else 0 */
};

/* Of one task from the attempt's start to a barrier: nothing behind it is in them, nothing before
 * it is missing. In at_least_once what was taken during the alignment is in them too. */
struct snap_counts {
	uint64_t in, out, skipped;   /* records; out: once, however many edges they leave on */
	uint64_t position;           /* of a source: how much of its input it has handed out, over the
	                              * life of the job: bytes or rows (op_ctx.work_done) */
	struct snap_count kept;      /* of a sink: what it put into its pieces (op_ctx.kept) */
	struct snap_count *sent;     /* one a plan edge out of its stage, in the plan's order */
	struct snap_count *received; /* one a plan edge into its stage, likewise */
	uint32_t n_sent, n_received;
};
