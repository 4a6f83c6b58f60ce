/* progress.h - how many records a job's sources have put out, in memory that may outlive its
 * process (base/shared_memory.h): what is above the restored checkpoint's count was put out and has
 * to be put out again.
 * Counted as manifests do: since the lineage began, each stage by its id, so that a changed job or
 * another parallelism is compared all the same. A source stores its count after each step: records
 * of the step that a kill falls into may be missing, so what is said is "at least".
 * Pure. Threads: each place is its task's; the rest is of who begins attempts. */
#pragma once
#include "checkpoint/manifest.h"
#include "jobs/plan.h"

#include <stdatomic.h>

#define PROGRESS_PLACES 63 /* subtasks of sources; of a job with more nothing is known */

struct progress_place {
	uint64_t stage;        /* hash of its id */
	uint64_t before;       /* what the checkpoint had; in the stage's first place, else 0 */
	_Atomic uint64_t out;  /* in this attempt */
	uint64_t apart[5];     /* a cache line each */
};
struct progress {
	uint32_t lineage;
	_Atomic uint32_t n;    /* places; 0: nothing is known */
	uint64_t apart[7];
	struct progress_place place[PROGRESS_PLACES];
};
_Static_assert(sizeof(struct progress) == 4096, "a page");

/* An attempt begins from m (NULL: from nothing), its tasks do not run yet. p NULL is legal. */
void progress_begin(struct progress *p, const struct plan *plan, const struct manifest *m,
		    uint32_t lineage);
/* Where subtask i of a stage counts; NULL: it is no source, or there is no room. */
_Atomic uint64_t *progress_place(struct progress *p, const struct plan *plan, uint32_t stage,
				 uint32_t i);
/* How many records sources had put out beyond m, at least; false: not known. */
bool progress_beyond(const struct progress *p, const struct manifest *m, uint64_t *records);
