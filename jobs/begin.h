/* begin.h - what a checkpoint means for a plan: does its state fit, and who gets what of it.
 * Before the fence: everything that can refuse refuses here, and nothing was changed yet.
 * Threads: the control thread, before tasks exist. Reads files. */
#pragma once
#include "base/env.h"
#include "checkpoint/manifest.h"
#include "jobs/plan.h"

struct begun_stage {
	struct bytes *state; /* one a subtask */
	uint32_t n;
	bool reads_nothing;  /* a source, and its input is known to have no record */
	char says[512];      /* for the recovery report */
};

struct begun {
	struct mem *mem;
	struct begun_stage *stage; /* as plan->stage */
	uint32_t n;
	struct bytes orphans;      /* paths, NUL-terminated: unlinked after the first checkpoint */
};

/* E_REFUSED when the text a directory was last run with is of a job of another name. */
RC begin_same_job(const struct plan *p, const char *before, size_t len, const char *dir,
		  struct err *e);
/* E_REFUSED when the state of m cannot be the plan's: a stage with state is gone, of another type,
 * of another key, or max_parallelism changed. All reasons stand in the text. */
RC begin_fits(const struct plan *p, const struct manifest *m, struct err *e);
/* The shape of a keyed stage that goes on from m (NULL: from nothing). Its hash is the one its
 * state began with: what is placed stays placed. */
struct keyed_shape begin_shape(const struct plan_stage *st, const struct manifest *m);
/* Whose line it is, and which lineages' files are its own too. Borrowed. */
struct begin_line {
	const char *uuid;
	uint32_t lineage;
	const uint32_t *accepts;
	uint32_t n_accepts;
	bool goes_back;                  /* m is older than what was committed */
	const struct manifest_todo *todo; /* begun by a fence before ours; or NULL */
};
/* m NULL: a fresh start. */
RC begin_stages(struct begun *b, struct env *env, const struct plan *p, const struct manifest *m,
		const char *parts_dir, const struct begin_line *line, struct err *e);
void begun_close(struct begun *b); /* legal on the empty value */
/* Whether no source of p has a record to read: then the last checkpoint is the first one too. */
bool begun_is_empty(const struct begun *b, const struct plan *p);
/* What a line-by-line reader would say changed between two job texts; empty: nothing. */
void job_difference(const char *before, size_t before_len, const char *after, size_t after_len,
		    struct bytes *to);
