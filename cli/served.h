/* served.h - what the processes that a server starts have in common (`weir job`, `weir stepper`):
 * whose they are, and the job that their START describes.
 * Its server's end is such a process's own, at once. Signals that a terminal or a service manager
 * sends to a whole group are the server's business. */
#pragma once
#include "cli/cli.h"
#include "jobs/config.h"
#include "jobs/job_text.h"
#include "server/words.h"

#define SERVED_WIRE 3     /* the descriptor */
#define SERVED_PROGRESS 4 /* of jobs/progress.h; it may be none */

/* E_USAGE: no server started this process. Does not return when that server has gone since. */
RC served_begin(struct err *e);

struct served_text {
	const char *sets[ENTRY_SETS_MAX + 2];
	char parallelism[32];
	struct config *config; /* what the job inherits; NULL: nothing */
	struct job_text file;
};
/* start and set (one more `--set`, or NULL) are borrowed until served_text_close. Faults go to
 * standard error; with one among them E_INVALID. What was made is to be closed, whatever came. */
RC served_text_open(struct served_text *t, struct cli *c, const struct word_start *start,
		    const char *set, struct err *e);
void served_text_close(struct served_text *t);
