/* walk_ahead.h - a walk (walk.h) that goes ahead of its reader, on a thread of its own.
 * Why: reading, verifying, unpacking and merging a chain is two thirds of what a restore does; what
 * remains is putting rows into a table, which wants to be one thread's.
 *
 *   walk -> thread: [block][block][  ][  ] -> reader: rows, in the same order
 *
 * Bounded: a ring of blocks, filled whole where there is more to come. Who has to wait does
 * something useful meanwhile, if the options say what; then it sleeps.
 * Threads: open, next and close, one reader; the walk's thread is inside. Number keys only. */
#pragma once
#include "runtime/walk.h"

struct walk_ahead;

/* Called by both threads, also at the same time. False: nothing (more) is to be done. */
typedef bool walk_meanwhile(void *arg);

/* As walk_open; and whatever o points to is used by two threads. *a is NULL after an error. */
RC walk_ahead_open(struct walk_ahead **a, const struct walk_options *o, walk_meanwhile *meanwhile,
		   void *arg, struct err *e);
/* Ends the thread, wherever it is. rows, bytes: as walk_rows_read and walk_bytes_read. */
void walk_ahead_close(struct walk_ahead *a, uint64_t *rows, uint64_t *bytes);
/* As walk_next. */
RC walk_ahead_next(struct walk_ahead *a, struct merge_span *span, struct err *e);
