/* log_tail.h - the end of a job's log to a client, and what is appended to it.
 * Knows rotation: when another file stands under the name, it goes on with that one from its
 * beginning. Who reads slowly is sent what he takes; three rotations behind, lines are left out.
 * Logs are no state: read beside the file seam, as standard error is written.
 * Threads: the loop's. */
#pragma once
#include "base/err.h"
#include "server/http.h"

struct log_tail;
struct log_tails {
	struct loop *loop;
	struct mem *mem;
	struct loop_timer *timer; /* looks at the files; opened by the first that follows */
	struct log_tail *first;
};
/* Answers r with the newest `lines` lines of path (and of path.1 before it), then ends, or follows.
 * A log that is not there yet is empty. */
void log_tail_serve(struct log_tails *t, struct http_request *r, const char *path, unsigned lines,
		    bool follow);
/* The log of this path is no more: who follows it is told the rest, and that it ends. */
void log_tails_end(struct log_tails *t, const char *path);
void log_tails_close(struct log_tails *t); /* before http_close */
