/* sync_meter.h - how long snapshots keep a task from processing records: freeze, slices and saves
 * of one batch together (`sync_us_max` of the run report).
 * Measured in CPU time of the task's thread: on two cores shared by many threads, wall time would
 * show who else ran. What saves add to a batch is its cost above what batches cost while nothing is
 * frozen, sampled now and then.
 * Pure: times in, times out. Threads: its task's. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define SYNC_SAMPLE 64 /* one batch in so many is measured while nothing is frozen */

struct sync_meter {
	uint64_t stop_ns;      /* of the stop that is going on */
	uint64_t normal_ps;    /* a row, without a freeze: a moving average; 0: unknown yet */
	uint32_t batches;
};

/* Whether the next batch's time is wanted. */
static inline bool sync_wants_batch(struct sync_meter *m, bool freezing)
{
	return freezing || m->batches++ % SYNC_SAMPLE == 0;
}

static inline void sync_add(struct sync_meter *m, uint64_t took_ns)
{
	m->stop_ns += took_ns;
}

/* A batch of rows took so long. While freezing it ends a stop: returns its length in us, else 0. */
static inline uint64_t sync_batch(struct sync_meter *m, uint32_t rows, uint64_t took_ns,
				  bool freezing)
{
	if (!rows)
		return 0;
	if (!freezing) {
		uint64_t ps = took_ns * 1000 / rows;
		m->normal_ps = m->normal_ps ? (7 * m->normal_ps + ps) / 8 : ps;
		return 0;
	}
	uint64_t normal_ns = m->normal_ps * rows / 1000;
	uint64_t us = (m->stop_ns + (took_ns > normal_ns ? took_ns - normal_ns : 0)) / 1000;
	m->stop_ns = 0;
	return us;
}

/* The last stop of a snapshot, with no batch behind it. */
static inline uint64_t sync_end(struct sync_meter *m)
{
	uint64_t us = m->stop_ns / 1000;
	m->stop_ns = 0;
	return us;
}
