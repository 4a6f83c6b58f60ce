/* forecast.h - what will go wrong if everything goes on as it does: a straight line through the
 * newest checkpoints, and when it reaches a limit.
 * Why so careful: a warning that is wrong once is not read again. Nothing is said of few points, of
 * a line that the points do not follow, of a growth that has stopped since, nor of what is much
 * farther away than what was seen.
 * Pure. Threads: any. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORECAST_POINTS 64 /* the newest so many count; by feel: a minute or two of checkpoints */
#define FORECAST_TEXT 200

struct forecast_point {
	double at, value; /* at: ascending */
};

/* How far behind the newest point (in the unit of `at`) the line through all of them reaches
 * `limit`: *left, 0 where the newest point is there already. False: nothing that should be said. */
bool forecast_reach(const struct forecast_point *p, size_t n, double limit, double *left);

/* One checkpoint, as far as forecasts go by it. */
struct forecast_checkpoint {
	uint64_t id;
	int64_t wall_us;        /* when it was complete */
	uint64_t total_us;      /* how long it took */
	bool full;              /* everything was written: it lasts longer than the others do */
	uint64_t memory_bytes;  /* of the job's budget, in use */
	uint64_t room_bytes;    /* on its disk; 0: not known */
};

struct forecast_limits {
	uint64_t timeout_us;    /* checkpoint.timeout; 0: none */
	uint64_t memory_bytes;  /* limits.memory; 0: none */
};

/* Each writes one sentence to `to`, or returns false: nothing is to be said. c: completed ones,
 * oldest first, of which the newest FORECAST_POINTS at least a second apart count. */
bool forecast_timeout(const struct forecast_checkpoint *c, size_t n,
		      const struct forecast_limits *l, char to[FORECAST_TEXT]);
bool forecast_disk(const struct forecast_checkpoint *c, size_t n, char to[FORECAST_TEXT]);
bool forecast_memory(const struct forecast_checkpoint *c, size_t n,
		     const struct forecast_limits *l, char to[FORECAST_TEXT]);
/* When a bounded input is read to its end; left_us 0: not known. */
bool forecast_end(uint64_t left_us, char to[FORECAST_TEXT]);
