/* torture_job.h - may this job be tortured, and what is its output compared by? Pure but for
 * reading the job file.
 * Theirs is nothing but sources and the job file: the job's directory and what sinks write to are
 * set to a scratch folder, and what cannot be set is refused by name. */
#pragma once
#include "cli/torture_compare.h"

#include "jobs/job_text.h"

#define TORTURE_PARALLEL 8 /* other parallelisms that are tried; by feel */

struct torture_stage {
	const char *id; /* borrowed from the plan */
	enum { SINK_FILES, SINK_SINGLE, SINK_PRINT, SINK_BLACKHOLE } kind;
	struct torture_sink sink;
	struct torture_sink rescaled; /* in a life at several parallelisms */
	const char *why; /* of JUDGE_COUNT and JUDGE_NOTHING */
};

struct torture_job {
	struct mem *mem;
	const struct plan *plan;
	struct torture_stage *sink;
	uint32_t n_sinks;
	unsigned parallel[TORTURE_PARALLEL]; /* the first one is the job's own */
	uint32_t n_parallel;
	bool prints;                         /* some sink is a print_sink */
};

/* E_USAGE: says what of it cannot be tortured, and what to do. Borrows plan. */
RC torture_job_read(struct torture_job *j, const struct plan *plan, struct mem *mem, struct err *e);
/* Adds the other parallelisms at which each sink's output can be judged as strictly, or nearly so:
 * several subtasks make running sums depend on the order of arrival. from: as the job was read. */
RC torture_job_rescales(struct torture_job *j, struct env *env, const struct job_text_source *from,
			struct err *e);
void torture_job_close(struct torture_job *j); /* legal on the empty value */

/* "its records, as often each": what the sink's output is judged by. */
const char *torture_judge_says(enum torture_judge judge);
