/* schedule_totals.c - what schedules did, in words, and whether it was enough. See schedule.h. */
#include "tests/sim/schedule.h"

#include "tests/lib/test.h"

#include <inttypes.h>

const char *happening_name(enum happening h)
{
	static const char *const names[] = {
		"kills", "power cuts", "cancels", "stops", "checkpoints asked for", "savepoints",
		"stops with a savepoint", "pins", "gcs", "clock jumps", "freezes", "disk errors",
		"lost answers", "full disks", "second owners", "looks"};
	return names[h];
}

void schedule_say(const struct schedule_totals *t)
{
	printf("%" PRIu64 " seeds, %" PRIu64 " starts (%" PRIu64 " refused, %" PRIu64
	       " crashed), %" PRIu64 " attempts failed, %" PRIu64 " jobs failed, %" PRIu64
	       " halted (%" PRIu64 " fenced)\n", t->seeds, t->starts, t->refused,
	       t->crashes_in_a_start, t->attempts_failed, t->jobs_failed, t->halted, t->fenced);
	for (int i = 0; i < HAPPENINGS; i++)
		printf("%" PRIu64 " %s%s", t->happened[i], happening_name((enum happening)i),
		       i + 1 < HAPPENINGS ? ", " : "\n");
	printf("%" PRIu64 " letters: %" PRIu64 " late, %" PRIu64 " twice, %" PRIu64 " lost, %" PRIu64
	       " of an attempt before\n", t->letters, t->late, t->twice, t->lost, t->old);
	printf("%" PRIu64 " steps, %" PRIu64 " checkpoints, %" PRIu64 " merges; rules held at %" PRIu64
	       " changes, %" PRIu64 " commits and %" PRIu64 " removals; hash of all traces %016" PRIx64
	       "\n", t->steps, t->checkpoints, t->merges, t->changes, t->commits, t->removals,
	       t->traces);
}

/* Or it does hardly anything. */
void schedule_expect_enough(const struct schedule_totals *t)
{
	for (int i = 0; i < HAPPENINGS; i++)
		EXPECT(t->happened[i] > t->seeds / 10);
	EXPECT(t->starts > 2 * t->seeds && t->checkpoints > 5 * t->seeds);
	EXPECT(t->crashes_in_a_start > t->seeds / 10 && t->attempts_failed > t->seeds / 10);
	EXPECT(t->fenced > t->seeds / 20 && t->halted > t->fenced);
	EXPECT(t->late > 10 * t->seeds && t->twice > t->seeds && t->lost > t->seeds / 10);
	EXPECT(t->old > t->seeds / 30);
	EXPECT(t->commits > t->seeds && t->removals > 10 * t->seeds);
}
