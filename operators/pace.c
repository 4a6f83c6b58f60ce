/* pace.c - see pace.h. */
#include "operators/pace.h"

#include <math.h>

#define GAP_US 20.0        /* two records at 100,000 a second: half of what waking a thread takes */
#define GAP_MAX_US 20000.0 /* by feel: nobody sees the steps, and 200 paced jobs share two cores */
#define LATE_US 300.0      /* later than this on the average: the machine is busy */
#define LATE_MAX_US 2000.0 /* one long stop counts as no more: it says little of the next ones */
#define LATE_CALLS 32.0    /* in the average, by feel */
#define GAP_SLOPE 12.0     /* 2 ms late: the gap is nearly the longest */

/* A call that was asked for has come. */
static void came(struct pace *p, uint64_t now_us)
{
	if (!p->wake_us || now_us < p->wake_us)
		return;
	double late = (double)(now_us - p->wake_us);
	p->late_us += ((late < LATE_MAX_US ? late : LATE_MAX_US) - p->late_us) / LATE_CALLS;
	p->wake_us = 0;
}

static double gap_us(const struct pace *p)
{
	double over = p->late_us - LATE_US;
	double gap = over > 0 ? GAP_US + over * GAP_SLOPE : GAP_US;
	return gap < GAP_MAX_US ? gap : GAP_MAX_US;
}

uint32_t pace_room(struct pace *p, double share, uint64_t now_us, uint64_t *wake_at_us)
{
	if (!p->begun)
		*p = (struct pace){.begun = true, .from_us = now_us};
	p->asked_us = now_us;
	came(p, now_us);
	double due = floor((double)(now_us - p->from_us) * share * 1e-6) + 1;
	double late = due - (double)p->sent;
	if (late > share + 1) {
		p->sent = (uint64_t)(due - share - 1);
		late = due - (double)p->sent;
	}
	/* The first one goes at once: who restarts a job waits for it. */
	if (late >= 1 && now_us >= p->hold_us)
		return late < BATCH_ROWS ? (uint32_t)late : BATCH_ROWS;
	double wait = ceil((double)p->sent * 1e6 / share);
	/* A rate of less than a row in 500,000 years would not fit. */
	uint64_t wake = p->from_us + (wait < 1.6e19 / 2 ? (uint64_t)wait : UINT64_MAX / 2);
	wake = wake > p->hold_us ? wake : p->hold_us;
	*wake_at_us = p->wake_us = wake > now_us ? wake : now_us + 1;
	return 0;
}

void pace_sent(struct pace *p, uint32_t records)
{
	p->sent += records;
	/* A full batch: there is more than the gap has room for. */
	if (records < BATCH_ROWS)
		p->hold_us = p->asked_us + (uint64_t)gap_us(p);
}
