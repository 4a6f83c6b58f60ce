/* outlook.h - what a job's facts mean: what it is held up by, what will go wrong, and what its
 * process takes of the machine. Made where the job runs, since only there its whole history is;
 * passed on as text and numbers to `weir top`, REST, the page and metrics alike.
 * Threads: outlook_take on the control thread; the rest is pure. */
#pragma once
#include "jobs/bottleneck.h"
#include "jobs/forecast.h"

#define OUTLOOK_FORECASTS 4

struct outlook {
	char bottleneck[BOTTLENECK_TEXT];  /* "": nothing to go by */
	char forecast[OUTLOOK_FORECASTS][FORECAST_TEXT];
	uint32_t n_forecasts;
	uint64_t cpu_us, resident_bytes;   /* of its process; 0: not known */
	uint64_t memory_bytes, memory_limit_bytes; /* of the job's budget; limit 0: none */
	uint64_t room_bytes;               /* on its disk, at the newest checkpoint; 0: not known */
	uint64_t restored;                 /* the checkpoint it went on from; 0: none */
};

/* f: just taken of j; p: kept by the caller from one look to the next. Without memory for rates
 * there is no bottleneck to be told. */
void outlook_take(struct outlook *o, struct pace *p, const struct facts *f, const struct job *j,
		  struct mem *mem);
/* Members "bottleneck", "forecasts" and "process" of the object that is being written. */
void outlook_write(const struct outlook *o, struct json_out *out);
/* Of an object that has them. What is missing or of another kind is as not known. */
void outlook_read(struct outlook *o, const struct json *v);
