/* reads.h - what is told of a job from its directory, by who is not its owner: its checkpoints, one
 * of them and its timeline, the savepoints, the keyed state as of a checkpoint. Both hosts answer
 * with it.
 * Nothing is changed and nothing locked: what retention took away meanwhile is not found.
 * Bounds: READS_ROWS_MAX rows or READS_BYTES_MAX of them, whichever comes first; as much memory as
 * the answer takes, and what runtime/inspect.h needs.
 * Threads: the loop's; the reading is done aside (aside.h). */
#pragma once
#include "base/env.h"
#include "server/api.h"
#include "server/aside.h"

#define READS_ROWS_MAX 1000
#define READS_BYTES_MAX (1u << 20)

struct reads {
	struct loop *loop;
	struct env *env;
	struct aside *aside; /* opened for the first */
};

/* Answers r, later. dir: the job's directory. note: why the state is of a checkpoint where it was
 * asked for as of now, or NULL. Both are copied, as is what c borrows. */
void reads_answer(struct reads *rs, struct http_request *r, const struct api_call *c,
		  const char *dir, const char *note);
/* Who still waits is told that the host stops. Before http_close. */
void reads_close(struct reads *rs);
