/* test_forecast.c - what is said, and above all what is not, of planted series of checkpoints. */
#include "jobs/forecast.h"

#include "base/env.h"
#include "tests/lib/test.h"

#include <math.h>

#define N 64
#define S 1000000

static struct forecast_checkpoint c[N];
static const struct forecast_limits limits = {.timeout_us = 60 * S, .memory_bytes = 1000000000};
static char text[FORECAST_TEXT];

/* A checkpoint every two seconds; nothing grows. */
static void begin(void)
{
	for (size_t i = 0; i < N; i++)
		c[i] = (struct forecast_checkpoint){.id = 100 + i, .wall_us = 1000 * S + 2 * S * (int64_t)i,
						    .total_us = 20000, .memory_bytes = 300000000,
						    .room_bytes = UINT64_C(50000000000)};
}

static bool says_anything(void)
{
	return forecast_timeout(c, N, &limits, text) || forecast_disk(c, N, text) ||
	       forecast_memory(c, N, &limits, text);
}

TEST(nothing_is_said_of_what_does_not_change)
{
	begin();
	EXPECT(!says_anything());
}

TEST(growing_checkpoints_reach_the_timeout_in_so_many)
{
	begin();
	for (size_t i = 0; i < N; i++) /* half a second more than the one before; the newest: 48 s */
		c[i].total_us = 48 * S - (N - 1 - i) * (S / 2);
	EXPECT(forecast_timeout(c, N, &limits, text));
	EXPECT(strstr(text, "checkpoint.timeout (60 s) is reached in about 24 checkpoints"));
}

TEST(full_checkpoints_among_incremental_ones_are_no_growth)
{
	begin();
	for (size_t i = 0; i < N; i += 7) {
		c[i].full = true;
		c[i].total_us = (i + 1) * S / 2;
	}
	EXPECT(!forecast_timeout(c, N, &limits, text));
}

TEST(a_disk_that_fills_steadily_is_full_in_about_40_minutes)
{
	begin();
	/* 10 MB/s; 24 GB are left: 2,400 s. */
	for (size_t i = 0; i < N; i++)
		c[i].room_bytes = UINT64_C(24000000000) + (N - 1 - i) * 20000000;
	EXPECT(forecast_disk(c, N, text));
	EXPECT(strstr(text, "full in about 40 minutes (24 GB are left)"));
}

TEST(a_disk_that_is_emptied_again_and_again_is_not_told_of)
{
	begin();
	for (size_t i = 0; i < N; i++) /* retention: eight steps down, one up */
		c[i].room_bytes -= (i % 8) * 100000000;
	EXPECT(!forecast_disk(c, N, text));
}

TEST(a_step_that_is_over_is_no_growth)
{
	begin();
	for (size_t i = N / 3; i < N; i++)
		c[i].memory_bytes += 400000000;
	EXPECT(!forecast_memory(c, N, &limits, text));
	for (size_t i = N / 2; i < N; i++)
		c[i].room_bytes -= UINT64_C(10000000000);
	EXPECT(!forecast_disk(c, N, text));
}

TEST(growth_that_has_ended_is_told_of_no_more)
{
	begin();
	for (size_t i = 0; i < N; i++)
		c[i].memory_bytes += (i < 32 ? i : 32) * 10000000;
	EXPECT(!forecast_memory(c, N, &limits, text));
}

TEST(memory_is_told_of_with_its_limit_and_only_if_there_is_one)
{
	const struct forecast_limits none = {0};
	begin();
	for (size_t i = 0; i < N; i++) /* 1 MB/s, 500 MB to go: 500 s */
		c[i].memory_bytes = 500000000 - (N - 1 - i) * 2000000;
	EXPECT(forecast_memory(c, N, &limits, text));
	EXPECT(strstr(text, "limits.memory (1.0 GB) in about 8 minutes (it has 500 MB now)"));
	EXPECT(!forecast_memory(c, N, &none, text) && !forecast_timeout(c, N, &none, text));
}

TEST(few_checkpoints_say_nothing)
{
	begin();
	for (size_t i = 0; i < N; i++)
		c[i].total_us = (30 + i / 4) * S;
	EXPECT(!forecast_timeout(c, 7, &limits, text));
	EXPECT(!forecast_timeout(c, 0, &limits, text));
}

TEST(what_is_much_farther_away_than_was_seen_is_not_told)
{
	struct forecast_point p[10];
	double left;
	for (size_t i = 0; i < 10; i++)
		p[i] = (struct forecast_point){(double)i, (double)i};
	EXPECT(forecast_reach(p, 10, 900, &left) && fabs(left - 891) < 0.001);
	EXPECT(!forecast_reach(p, 10, 1000, &left));
}

TEST(what_moves_away_from_its_limit_never_reaches_it)
{
	struct forecast_point p[10];
	double left;
	for (size_t i = 0; i < 10; i++)
		p[i] = (struct forecast_point){(double)i, 100 + (double)i};
	EXPECT(!forecast_reach(p, 10, 50, &left));
	EXPECT(forecast_reach(p, 10, 105, &left) && left == 0); /* passed meanwhile */
}

static void noise(uint64_t seed)
{
	struct rng rng;
	begin();
	rng_seed(&rng, seed);
	for (size_t i = 0; i < N; i++) {
		c[i].total_us = 1000000 + rng_next(&rng) % 500000;
		c[i].room_bytes -= rng_next(&rng) % 1000000000;
		c[i].memory_bytes += rng_next(&rng) % 100000000;
	}
	if (says_anything())
		fail_msg("seed %llu: %s", (unsigned long long)seed, text);
}

TEST(noise_is_no_trend_whatever_its_seed)
{
	each_seed(200, noise);
}

static void trend_under_noise(uint64_t seed)
{
	struct rng rng;
	struct forecast_point p[N];
	double left = 0;
	rng_seed(&rng, seed);
	for (size_t i = 0; i < N; i++) /* one a unit, give or take five */
		p[i] = (struct forecast_point){
			(double)i, (double)i + (double)(rng_next(&rng) % 1000) / 100 - 5};
	if (!forecast_reach(p, N, 163, &left) || fabs(left - 100) > 25)
		fail_msg("seed %llu: %f left", (unsigned long long)seed, left);
}

TEST(a_trend_under_noise_is_found_whatever_its_seed)
{
	each_seed(200, trend_under_noise);
}

TEST(checkpoints_ten_times_a_second_are_looked_at_over_a_minute)
{
	static struct forecast_checkpoint many[640];
	for (size_t i = 0; i < 640; i++) /* 1 MB a second, and a wave of 0.8 s over it */
		many[i] = (struct forecast_checkpoint){
			.id = i + 1, .wall_us = S * 100 + (int64_t)i * 100000,
			.memory_bytes = 900000000 - (639 - i) * 100000 + (i % 8) * 300000};
	EXPECT(forecast_memory(many, 640, &limits, text));
	EXPECT(strstr(text, "in about 99 seconds") || strstr(text, "in about 98 seconds"));
}

TEST(the_end_of_a_bounded_input_is_told_in_words)
{
	EXPECT(!forecast_end(0, text));
	EXPECT(forecast_end(UINT64_C(240) * S, text));
	EXPECT(!strcmp(text, "all input is read in about 4 minutes"));
	EXPECT(forecast_end(S / 3, text) && !strcmp(text, "all input is read in moments"));
	EXPECT(forecast_end(UINT64_C(3600) * 30 * S, text) && strstr(text, "about 30 hours"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_said_of_what_does_not_change),
		T(growing_checkpoints_reach_the_timeout_in_so_many),
		T(full_checkpoints_among_incremental_ones_are_no_growth),
		T(a_disk_that_fills_steadily_is_full_in_about_40_minutes),
		T(a_disk_that_is_emptied_again_and_again_is_not_told_of),
		T(a_step_that_is_over_is_no_growth),
		T(growth_that_has_ended_is_told_of_no_more),
		T(memory_is_told_of_with_its_limit_and_only_if_there_is_one),
		T(few_checkpoints_say_nothing),
		T(what_is_much_farther_away_than_was_seen_is_not_told),
		T(what_moves_away_from_its_limit_never_reaches_it),
		T(noise_is_no_trend_whatever_its_seed),
		T(a_trend_under_noise_is_found_whatever_its_seed),
		T(checkpoints_ten_times_a_second_are_looked_at_over_a_minute),
		T(the_end_of_a_bounded_input_is_told_in_words),
	};
	return RUN(tests);
}
