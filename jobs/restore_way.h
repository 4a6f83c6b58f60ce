/* restore_way.h - which way a job's state comes back: the facts for restore_choose.h, from the plan
 * and the manifest. Pure, but for the number of processors. */
#pragma once
#include "checkpoint/manifest.h"
#include "jobs/plan.h"
#include "runtime/restore_choose.h"

/* Live keys of a stage that a subtask of it is to expect, at most. */
uint64_t restore_expected(const struct manifest *m, const struct manifest_keyed *k,
			  uint32_t parallelism);
/* m NULL: a fresh start. goes_back: restore_facts. why: for people. */
enum restore_mode restore_way(const struct plan *p, const struct manifest *m, bool goes_back,
			      char why[160]);
/* About how long the tables take (restore_estimate_us); 0: there is nothing to read. */
uint64_t restore_way_estimate_us(const struct plan *p, const struct manifest *m);
