/* backlog.h - what old checkpoints left behind and no sweep has removed yet, and whether a new
 * checkpoint has to wait for it. While they pile up none begins (COORDINATOR 4): on a slow disk
 * they would become more and more. Where a budget (limits.sweep) holds the sweep up, more of them
 * may wait. Large files wait beside that: a sweep that has only those left counts as done, is begun
 * anew, and what they hold is bounded by what the state holds.
 * Pure. Threads: the control thread's. */
#pragma once
#include "checkpoint/manifest.h"

#define BACKLOG_FEW 2    /* so many wait for their sweep; with a third none begins: by feel */
#define BACKLOG_MOST 64  /* the same beside a budget: each is a manifest in memory: by feel */
#define BACKLOG_STATES 2 /* what waits holds at most so many times the newest: by feel */
#define BACKLOG_LEAST_BYTES (64u << 20) /* of a small state more may wait than a multiple of it */

/* Checkpoints that were committed, and what the files hold that those after them do not name. */
struct backlog_mark {
	uint64_t commits, bytes;
};

struct backlog {
	struct backlog_mark made, covered, gone; /* ever; by the sweep under way; swept */
	uint64_t state_bytes;                    /* of all files of the newest */
};

/* `now` is the newest; before: the one that was, NULL: none. With retention, what is counted now
 * goes some checkpoints later: how much waits is the same. */
void backlog_published(struct backlog *b, const struct manifest *before,
		       const struct manifest *now);
/* The sweep under way is over. more: but for large files, of which it has freed a piece. */
void backlog_swept(struct backlog *b, bool more, uint64_t freed_bytes);
/* Whether no checkpoint is to begin. budget: the sweep has one. */
bool backlog_waits(const struct backlog *b, bool budget);
