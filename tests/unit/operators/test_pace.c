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
		double want = rates[i] * (double)seconds, slack = rates[i] * 0.0001 + 2;
		if (rates[i] > 1e6)
			slack += BATCH_ROWS;
		if (sent < want - slack || sent > want + slack)
			fail_msg("rate %g: %g records in %d s", rates[i], sent, (int)seconds);
	}
}

TEST(at_a_low_rate_each_record_goes_when_it_is_due)
{
	struct pace p = {0};
	uint64_t wake = 0, now = 1000000;
	for (uint64_t k = 0; k < 100; k++) {
		EXPECT(pace_due_us(&p, 10, 0) == (k ? (double)now : 0));
		EXPECT(pace_room(&p, 10, now, &wake) == 1);
		pace_sent(&p, 1);
		EXPECT(pace_room(&p, 10, now, &wake) == 0);
		EXPECT(pace_room(&p, 10, now + 60000, &wake) == 0); /* a letter came */
		EXPECT(wake == now + 100000);
		now = wake;
	}
}

TEST(at_a_high_rate_what_is_due_goes_with_a_gap_of_20_us)
{
	static const struct {
		double rate;
		uint32_t first, group;
	} of[] = {{1e5, 1, 2}, {1e6, 1, 20}, {1e7, 1, 200}};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		struct pace p = {0};
		uint64_t wake = 0, now = 1000000;
		EXPECT(pace_room(&p, of[i].rate, now, &wake) == of[i].first);
		pace_sent(&p, of[i].first);
		for (int group = 0; group < 1000; group++) {
			EXPECT(pace_room(&p, of[i].rate, now + 9, &wake) == 0);
			EXPECT(wake == now + 20);
			now = wake;
			EXPECT(pace_room(&p, of[i].rate, now, &wake) == of[i].group);
			pace_sent(&p, of[i].group);
		}
	}
}

TEST(what_does_not_fit_into_a_batch_follows_without_a_gap)
{
	struct pace p = {0};
	uint64_t wake = 0, now = 1000000;
	EXPECT(pace_room(&p, 1e6, now, &wake) == 1);
	pace_sent(&p, 1);
	now += 3000;
	EXPECT(pace_room(&p, 1e6, now, &wake) == BATCH_ROWS);
	pace_sent(&p, BATCH_ROWS);
	EXPECT(pace_room(&p, 1e6, now, &wake) == BATCH_ROWS);
	pace_sent(&p, BATCH_ROWS);
	EXPECT(pace_room(&p, 1e6, now, &wake) == 3000 - 2 * BATCH_ROWS);
	pace_sent(&p, 3000 - 2 * BATCH_ROWS);
	EXPECT(pace_room(&p, 1e6, now, &wake) == 0 && wake == now + 20);
}

/* Hands over all that is due; when it wants to be called again. */
static uint64_t send_all(struct pace *p, double rate, uint64_t now)
{
	uint64_t wake = 0;
	for (uint32_t room; (room = pace_room(p, rate, now, &wake));)
		pace_sent(p, room);
	return wake;
}

/* The gap between two groups of a source that comes so late each time. */
static uint64_t gap_when_late(uint64_t late_us, uint32_t calls)
{
	struct pace p = {0};
	for (uint64_t now = 1000000, wake;; now = wake + late_us, calls--) {
		wake = send_all(&p, 1e5, now);
		if (!calls)
			return wake - now;
	}
}

TEST(the_gap_grows_where_the_source_comes_late_again_and_again_and_only_there)
{
	EXPECT(gap_when_late(0, 1000) == 20);
	EXPECT(gap_when_late(290, 1000) == 20);
	EXPECT(gap_when_late(1000000, 1) == 20);
	EXPECT(gap_when_late(500, 1000) > 2300 && gap_when_late(500, 1000) < 2500);
	EXPECT(gap_when_late(100000, 1000) > 15000 && gap_when_late(100000, 1000) <= 20000);
}

TEST(the_gap_shrinks_again_when_the_source_comes_in_time)
{
	struct pace p = {0};
	uint64_t wake = 0;
	for (uint64_t call = 0, now = 1000000; call < 400; call++) {
		wake = send_all(&p, 1e5, now);
		EXPECT(call != 199 || wake - now > 10000);
		EXPECT(call != 399 || wake - now == 20);
		now = wake + (call < 200 ? 5000 : 10);
	}
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
		T(at_a_low_rate_each_record_goes_when_it_is_due),
		T(at_a_high_rate_what_is_due_goes_with_a_gap_of_20_us),
		T(what_does_not_fit_into_a_batch_follows_without_a_gap),
		T(the_gap_grows_where_the_source_comes_late_again_and_again_and_only_there),
		T(the_gap_shrinks_again_when_the_source_comes_in_time),
		T(at_most_a_second_is_made_up_for),
		T(a_rate_of_almost_nothing_sleeps_almost_for_ever),
	};
	return RUN(tests);
}
