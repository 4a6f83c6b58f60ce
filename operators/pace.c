/* pace.c - see pace.h. */
#include "operators/pace.h"

#include <math.h>

#define GROUP_S 0.02 /* by feel: nobody sees the steps, and 200 paced jobs share two cores */

uint32_t pace_room(struct pace *p, double share, uint64_t now_us, uint64_t *wake_at_us)
{
	if (!p->begun)
		*p = (struct pace){.begun = true, .from_us = now_us};
	double group = floor(share * GROUP_S);
	group = group < 1 ? 1 : group > BATCH_ROWS ? BATCH_ROWS : group;
	double due = floor((double)(now_us - p->from_us) * share * 1e-6) + 1;
	double late = due - (double)p->sent;
	if (late > share + group) {
		p->sent = (uint64_t)(due - share - group);
		late = due - (double)p->sent;
	}
	/* The first one goes at once: who restarts a job waits for it. */
	if (late >= group || p->sent == 0)
		return late < BATCH_ROWS ? (uint32_t)late : BATCH_ROWS;
	double wait = ceil(((double)p->sent + group - 1) * 1e6 / share);
	/* A rate of less than a row in 500,000 years would not fit. */
	uint64_t wake = p->from_us + (wait < 1.6e19 / 2 ? (uint64_t)wait : UINT64_MAX / 2);
	*wake_at_us = wake > now_us ? wake : now_us + 1;
	return 0;
}
