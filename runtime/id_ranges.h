/* id_ranges.h - which checkpoint ids are over, as ranges: ids rise without gaps, so what is not
 * over below the newest are only those still under way, and the ranges are few however long a job
 * runs.
 * Why not one number: with several checkpoints under way a newer one may be given up while an older
 * one still gathers. Pure. Threads: one owner. */
#pragma once
#include "checkpoint/coordinator.h"

/* Each gap holds an id that is under way, of which there are at most CO_CONCURRENT_MAX; what is
 * decided has a job in the lane, in order. The rest is reserve. */
#define ID_RANGES_MAX (4 * CO_CONCURRENT_MAX)

struct id_ranges {
	uint32_t n;
	struct id_range {
		uint64_t first, last; /* inclusive */
	} range[ID_RANGES_MAX];       /* ascending, not touching */
};

bool id_ranges_have(const struct id_ranges *r, uint64_t id);
/* Again: nothing. */
void id_ranges_add(struct id_ranges *r, uint64_t id);
