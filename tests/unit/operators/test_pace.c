/* test_pace.c - so many records a second. */
#include "operators/pace.h"
#include "tests/lib/test.h"

/* Sends whatever may go, sleeps when told to, for this long; the number sent. */
static uint64_t run_for(struct pace *p, double share, uint64_t *now_us, uint64_t us)
{
	uint64_t sent = 0, end = *now_us + us;
	while (*now_us < end) {
		uint64_t wake = 0;
		uint32_t room = pace_room(p, share, *now_us, &wake);
		EXPECT(room <= BATCH_ROWS);
		if (!room) {
			EXPECT(wake > *now_us);
			*now_us = wake;
			continue;
		}
		pace_sent(p, room);
		sent += room;
	}
	return sent;
}

TEST(any_rate_is_met_within_one_group)
{
	static const double rates[] = {0.5, 1, 3, 100, 333.3, 1000, 12345, 1e6, 2.5e7};
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct pace p = {0};
		uint64_t now = 77, seconds = 20;
		double sent = (double)run_for(&p, rates[i], &now, seconds * 1000000);
		double want = rates[i] * (double)seconds, slack = rates[i] * 0.021 + 2;
		if (rates[i] > 1e6)
			slack += BATCH_ROWS;
		if (sent < want - slack || sent > want + slack)
			fail_msg("rate %g: %g records in %d s", rates[i], sent, (int)seconds);
	}
}

TEST(the_first_record_goes_at_once_the_others_in_groups_of_20_ms)
{
	struct pace p = {0};
	uint64_t wake, now = 1000000;
	EXPECT(pace_room(&p, 10000, now, &wake) == 1);
	pace_sent(&p, 1);
	EXPECT(pace_room(&p, 10000, now, &wake) == 0);
	EXPECT(wake - now > 19900 && wake - now < 20100);
	EXPECT(pace_room(&p, 10000, wake, &wake) == 200);
}

TEST(at_most_a_second_is_made_up_for)
{
	struct pace p = {0};
	uint64_t now = 0, wake;
	run_for(&p, 1000, &now, 1000000);
	now += 3600000000;
	uint64_t late = 0;
	for (uint32_t room; (room = pace_room(&p, 1000, now, &wake)); late += room)
		pace_sent(&p, room);
	EXPECT(late >= 1000 && late <= 1020);
}

TEST(a_rate_of_almost_nothing_sleeps_almost_for_ever)
{
	struct pace p = {0};
	uint64_t wake = 0;
	EXPECT(pace_room(&p, 1e-300, 5, &wake) == 1); /* the first one is due at once */
	pace_sent(&p, 1);
	EXPECT(pace_room(&p, 1e-300, 5, &wake) == 0 && wake > UINT64_MAX / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(any_rate_is_met_within_one_group),
		T(the_first_record_goes_at_once_the_others_in_groups_of_20_ms),
		T(at_most_a_second_is_made_up_for),
		T(a_rate_of_almost_nothing_sleeps_almost_for_ever),
	};
	return RUN(tests);
}
