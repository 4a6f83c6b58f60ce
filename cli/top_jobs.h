/* top_jobs.h - the jobs of a server from one look to the next: what each is, its facts, and how
 * fast it goes since the look before.
 * Pure: answers in, no clock. Threads: one owner. */
#pragma once
#include "jobs/outlook.h"

struct top_job {
	char name[FACTS_ID_MAX + 1], state[24];
	char error[256];
	int64_t attempt, since_wall_us, checkpoint; /* 0: none */
	struct outlook outlook;
	struct facts facts;     /* of has_facts */
	bool has_facts;
	struct pace pace;
	/* of all its stages */
	double in, out;         /* records a second: of its sources, into its sinks */
	double busy, held;      /* of the busiest stage, of the one that waits most: 0 to 1 */
};

enum top_order { TOP_BY_NAME, TOP_BY_RATE, TOP_BY_BUSY, TOP_BY_STATE, TOP_ORDERS };

struct top_jobs {
	struct mem *mem;
	struct top_job **job;   /* in `order` */
	size_t n, running;
	enum top_order order;
	char chosen[FACTS_ID_MAX + 1]; /* a name; "": none yet */
};

void top_jobs_init(struct top_jobs *t, struct mem *mem);
void top_jobs_close(struct top_jobs *t); /* legal on the empty value */
/* An answer: {"jobs": [...]}, or one job. What is not in it is gone. E_INVALID: no such answer,
 * E_NO_MEMORY; the jobs are as they were then, or some of them. */
RC top_jobs_take(struct top_jobs *t, const struct json *answer, struct err *e);
void top_jobs_sort(struct top_jobs *t, enum top_order order);
/* Where the chosen one stands; the first one if it is gone. n: there is none. */
size_t top_jobs_at(const struct top_jobs *t);
void top_jobs_move(struct top_jobs *t, long by);
