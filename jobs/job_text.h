/* job_text.h - a job's text from anywhere to its plan, with all its faults: what run, validate and
 * explain begin with, and what a server does with what it was sent. One way in, so that all of them
 * say the same of the same text.
 * Threads: one owner. */
#pragma once
#include "base/env.h"
#include "jobs/plan.h"
#include "jobs/restart.h"

#define JOB_TEXT_MAX (1u << 20) /* bytes; by feel: a thousand stages fit */

/* Where a job comes from. `file`, `sets` and `defaults` are borrowed until job_text_close. */
struct job_text_source {
	const char *file; /* how messages name it; its folder is what the job's paths are relative to.
	                   * NULL: "job", and a relative path in it is an error */
	const char *text; /* job_text_parse */
	size_t len;
	const char *const *sets; /* "checkpoint.interval=100ms" */
	size_t n_sets;
	const struct config *defaults; /* for keys the job does not say; NULL: none */
	const struct allow *allow;     /* what it may touch; NULL: everything */
	const char *(*env)(void *arg, const char *name); /* ${NAME}; NULL: not set */
	void *env_arg;
};

struct job_text {
	struct mem *mem;
	char *text;
	size_t len;
	struct spec_type *types;
	struct diags ds;
	struct spec *spec; /* NULL: not even JSON */
	struct plan *plan; /* NULL: there are errors in ds */
};

/* Reads from->file, which may be relative to the current folder; from->text is not looked at.
 * E_INVALID: the faults stand in t->ds. Any other error is in *e (the file cannot be read). */
RC job_text_open(struct job_text *t, struct env *env, const struct job_text_source *from,
		 struct err *e);
/* The same of a text in memory, which is copied; from->file is absolute or NULL (else E_USAGE).
 * E_LIMIT: over JOB_TEXT_MAX. */
RC job_text_parse(struct job_text *t, struct env *env, const struct job_text_source *from,
		  struct err *e);
void job_text_close(struct job_text *t); /* legal on the empty value */

/* What a supervisor must know of a job before it starts it. */
struct job_digest {
	char name[SPEC_NAME_MAX + 1]; /* "" when missing or unusable */
	struct restart_policy restart; /* attempts: RESTART_UNLIMITED unless a number is said */
	uint64_t stop_us;              /* limits.stop */
	bool cancel_deletes;           /* checkpoint.on_cancel: "delete" */
	unsigned parallelism;          /* of stages that do not say their own */
};

/* Parses only: no expression is compiled and no plan made. *d holds what could be understood,
 * defaults otherwise, whatever comes back; E_INVALID: the first fault, in one line. */
RC job_text_digest(struct job_digest *d, struct env *env, const struct job_text_source *from,
		   struct err *e);
