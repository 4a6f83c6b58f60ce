/* shown_job.h - a job as clients are shown it (docs/REST.md), whoever its host is. Pure. */
#pragma once
#include "base/json.h"

struct shown_job {
	const char *name, *state;
	uint64_t attempt, pid;          /* 0: null */
	int64_t since_wall_us, submitted_wall_us;
	const char *file, *dir, *log;   /* NULL: null */
	uint64_t parallelism, checkpoint; /* 0: null */
	const char *error;              /* NULL or "": null */
	int exit;                       /* -1: null */
};

/* Begins the object and leaves it open: facts may follow. */
void shown_job_begin(const struct shown_job *j, struct json_out *o);
