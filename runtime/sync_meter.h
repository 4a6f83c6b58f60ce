/* sync_meter.h - how long snapshots keep a task from processing records: freeze, slices and saves
 * of one batch together (`sync_us_max` of the run report).
 * Measured in CPU time of the task's thread: on two cores shared by many threads, wall time would
 * show who else ran (docs/adr/0001). Saves happen inside a batch, a few at a time among other work,
 * so they are counted in rows, and a row is taken to cost twice what a row of a slice costs (by
 * feel: it is one row out of order, and its entry is in the cache already).
 * Pure: times in, times out. Threads: its task's. */
#pragma once
#include <stdint.h>

#define SYNC_SAVE_FACTOR 2

struct sync_meter {
	uint64_t stop_ns;              /* of the stop that is going on */
	uint64_t slice_ns, slice_rows; /* all slices so far: what a row costs */
	uint64_t saved_rows;           /* counted so far */
};

static inline void sync_freeze(struct sync_meter *m, uint64_t took_ns)
{
	m->stop_ns += took_ns;
}

static inline void sync_slice(struct sync_meter *m, uint32_t rows, uint64_t took_ns)
{
	m->stop_ns += took_ns;
	m->slice_ns += took_ns;
	m->slice_rows += rows;
}

/* A batch was processed, or nothing waited: the stop is over. saved_rows: of all freezes so far.
 * Returns its length in microseconds. */
static inline uint64_t sync_end(struct sync_meter *m, uint64_t saved_rows)
{
	uint64_t saved = saved_rows - m->saved_rows;
	uint64_t row_ps = m->slice_rows ? m->slice_ns * 1000 / m->slice_rows : 0;
	uint64_t ns = m->stop_ns + saved * row_ps * SYNC_SAVE_FACTOR / 1000;
	m->saved_rows = saved_rows;
	m->stop_ns = 0;
	return ns / 1000;
}
