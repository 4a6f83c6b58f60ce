/* placement.h - which tasks share a thread. Pure.
 *
 *   "chaining": "none"    each task has its own.
 *   "chaining": "auto"    as measured (docs/PERFORMANCE.md):
 *     with a subtask a processor or more, thread i has the i-th subtask of every stage: it reads,
 *     counts and writes in turn, and no thread waits for another but through a full exchange;
 *     with fewer, neighbours joined by a forward edge share one, and a keyed stage is alone: it
 *     is mostly what a job waits for, and processors have something to do side by side.
 *
 * Tasks of a thread stand in the order of the graph. Not here: what a thread does with them
 * (runtime/task_group.h). */
#pragma once
#include "jobs/plan.h"

/* thread: room for p->n_tasks; gets a number below what is returned for each. Numbers follow the
 * first task of each thread. The plan's edges and parallelisms are final. */
uint32_t placement_make(const struct plan *p, uint32_t *thread);
