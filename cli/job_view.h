/* job_view.h - a job as a server tells of it (docs/REST.md): its members, whatever is missing.
 * Pure. Texts are borrowed from the document. */
#pragma once
#include "jobs/outlook.h"

struct job_view {
	const char *name, *state;              /* never NULL */
	const char *file, *dir, *log, *error;  /* "": not told */
	int64_t attempt, pid;                  /* 0: not told */
	int64_t since_wall_us, submitted_wall_us;
	int64_t parallelism, checkpoint;       /* 0: none */
	int64_t exit;                          /* -1: it is not over */
	const struct json *facts;              /* NULL: none */
	struct outlook outlook;                /* beside them */
};
/* E_INVALID: it is no job. */
RC job_view_read(struct job_view *v, const struct json *job, struct err *e);

/* A checkpoint's record, of an event or of /checkpoints. */
struct record_view {
	int64_t id, wall_us, bytes_written, keys_changed, total_us;
	bool completed;
	const char *error;
};
RC record_view_read(struct record_view *v, const struct json *record, struct err *e);
#define RECORD_TEXT 160
/* "41 kB, 12 keys changed, 3.1 ms" */
const char *record_view_text(const struct record_view *v, char to[RECORD_TEXT]);
