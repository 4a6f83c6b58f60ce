/* metrics.h - everything there is to measure, in OpenMetrics text for Prometheus and its kin.
 * Why two rounds of text: samples of one family must stand together, and jobs come one after the
 * other; so each family has a text of its own until the end.
 *
 *   metrics_begin -> metrics_server -> { metrics_job }* -> metrics_end
 *
 * At most METRICS_SERIES_MAX series: subtasks and edges go first, then stages, then the jobs that
 * come last; what was left out is counted in the text itself (docs/METRICS.md).
 * Pure but for the answer. Threads: one owner. */
#pragma once
#include "jobs/outlook.h"

#define METRICS_SERIES_MAX 10000 /* of one scrape; by feel: 1 MB of text */
#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Of what asks: a server, or the one job of `weir run`. */
struct metrics_host {
	const char *version;
	int64_t started_wall_us;
	uint64_t connections, requests, refused; /* of http.h's counts */
	const char *const *state;                /* every state there is, and how many jobs are in it */
	const uint64_t *in_state;
	uint32_t n_states;
};

struct metrics_job {
	const char *name, *state;
	int64_t since_wall_us, now_wall_us;
	uint64_t attempts;             /* 0: it never ran */
	uint64_t checkpoint;           /* the newest; 0: none */
	const struct facts *facts;     /* NULL: none came */
	const struct outlook *outlook; /* NULL likewise */
};

enum metrics_level { METRICS_HOST, METRICS_JOB, METRICS_STAGE, METRICS_TASK, METRICS_LEVELS };

struct metrics_family;
struct metrics {
	struct mem *mem;
	struct bytes *text;            /* of each family */
	uint64_t series[METRICS_LEVELS]; /* as many as there would be */
};

/* E_NO_MEMORY. Closed by metrics_end. */
RC metrics_begin(struct metrics *m, struct mem *mem, struct err *e);
void metrics_host(struct metrics *m, const struct metrics_host *h);
void metrics_job(struct metrics *m, const struct metrics_job *j);
/* The whole text; `to` is marked failed where memory was short. */
void metrics_end(struct metrics *m, struct bytes *to);

/* The answer to who asked for it. */
struct http_request;
void metrics_answer(struct http_request *r, const struct bytes *text);

/* The i-th family, in the order of the text (docs/METRICS.md); NULL: there are no more. */
const char *metrics_name(size_t i);
