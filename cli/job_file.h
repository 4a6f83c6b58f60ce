/* job_file.h - a job file from path to plan, with all its faults: what run, validate and explain
 * begin with. Threads: one owner. */
#pragma once
#include "base/env.h"
#include "jobs/plan.h"

#define JOB_FILE_MAX (1u << 20) /* bytes; by feel: a thousand stages fit */

struct job_file {
	struct mem *mem;
	char *text;
	size_t len;
	struct spec_type *types;
	struct diags ds;
	struct spec *spec; /* NULL: not even JSON */
	struct plan *plan; /* NULL: there are errors in ds */
};

/* E_INVALID: the faults stand in f->ds. Any other error is in *e (the file cannot be read).
 * path and sets are borrowed until job_file_close. */
RC job_file_open(struct job_file *f, struct env *env, const char *path, const char *const *sets,
		 size_t n_sets, struct err *e);
void job_file_close(struct job_file *f); /* legal on the empty value */
