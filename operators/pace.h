/* pace.h - so many records a second: when a source may hand over how many.
 * They go in groups of about 20 ms, so that a rate of millions is not a wake-up for each record.
 * Pure: the time comes in.
 * Why doubles: rates are fractions, and at 1e12 rows 53 bits still count single rows. */
#pragma once
#include "runtime/column.h"

struct pace {
	bool begun;
	uint64_t from_us;
	uint64_t sent;
};

/* How many records may go out now, at most BATCH_ROWS; 0: none before *wake_at_us (after now_us).
 * share: records a second, positive. At most a second's worth is made up for after a stop. */
uint32_t pace_room(struct pace *p, double share, uint64_t now_us, uint64_t *wake_at_us);
static inline void pace_sent(struct pace *p, uint32_t records)
{
	p->sent += records;
}
