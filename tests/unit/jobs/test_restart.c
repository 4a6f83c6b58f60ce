/* test_restart.c - which failures are answered by a restart, when, and how often. */
#include "base/check.h"
#include "base/rng.h"
#include "jobs/restart.h"
#include "tests/lib/test.h"

#define MS UINT64_C(1000)
#define S (1000 * MS)

#define MIDDLE (UINT64_C(1) << 63) /* the random number that changes no delay */

static struct restart_decision decide(const struct restart_policy *p, struct restart_state *s,
				      uint64_t now_us, enum rc code, uint64_t random)
{
	struct err e = {0};
	struct restart_decision d;
	(void)ERR(&e, code, "source 'orders'[2]: refused");
	restart_decide(p, s, now_us, &e, random, &d);
	return d;
}

TEST(rule26_only_transient_and_resource_errors_are_answered_by_a_restart)
{
	static const struct {
		enum rc code;
		bool restarts;
	} table[] = {
		{E_USAGE, false},     {E_INVALID, false},     {E_RECORD, false},
		{E_CHANGED, false},   {E_PERMISSION, false},  {E_NOT_FOUND, false},
		{E_EXISTS, false},    {E_REFUSED, false},     {E_UNREACHABLE, true},
		{E_FENCED, false},    {E_IO, true},           {E_UNKNOWN_OUTCOME, false},
		{E_TIMEOUT, true},    {E_NO_SPACE, true},     {E_NO_MEMORY, true},
		{E_LIMIT, true},      {E_CORRUPT, false},     {E_STOPPED, false},
		{E_CRASHED, false},
	};
	EXPECT(ARRAY_LEN(table) == E_CRASHED); /* every code but OK stands here */
	struct restart_policy endless = restart_default;
	endless.attempts = RESTART_UNLIMITED;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct restart_state s = {0};
		struct restart_decision d = decide(&endless, &s, 0, table[i].code, 0);
		EXPECT(d.restart == table[i].restarts);
		EXPECT(s.restarts == table[i].restarts);
		if (table[i].restarts) {
			EXPECT(d.error.code == OK);
		} else {
			EXPECT(d.error.code == table[i].code);
			assert_string_equal(d.error.text, "source 'orders'[2]: refused");
		}
	}
}

TEST(rule26_the_first_restart_is_immediate)
{
	struct restart_policy p = restart_default;
	for (int i = 0; i < 2; i++) {
		struct restart_state s = {0};
		p.strategy = i ? RESTART_FIXED_DELAY : RESTART_EXPONENTIAL;
		struct restart_decision d = decide(&p, &s, 5 * S, E_IO, UINT64_MAX);
		EXPECT(d.restart && d.after_us == 0);
	}
}

TEST(none_never_restarts)
{
	struct restart_policy p = restart_default;
	struct restart_state s = {0};
	p.strategy = RESTART_NONE;
	struct restart_decision d = decide(&p, &s, 0, E_IO, 0);
	EXPECT(!d.restart && d.error.code == E_IO);
	assert_string_equal(d.error.text, "source 'orders'[2]: refused");
}

TEST(fixed_delay_waits_the_same_each_time)
{
	struct restart_policy p = {.strategy = RESTART_FIXED_DELAY, .attempts = 4,
				   .initial_us = 700 * MS, .max_us = 1, .multiplier = 9};
	struct restart_state s = {0};
	static const uint64_t want_us[] = {0, 700 * MS, 700 * MS, 700 * MS};
	for (size_t i = 0; i < ARRAY_LEN(want_us); i++) {
		struct restart_decision d = decide(&p, &s, i, E_IO, i * 77777);
		EXPECT(d.restart && d.after_us == want_us[i]);
	}
	EXPECT(!decide(&p, &s, 9, E_IO, 0).restart);
}

TEST(exponential_grows_to_its_limit_and_stays)
{
	struct restart_policy p = restart_default;
	struct restart_state s = {0};
	p.attempts = RESTART_UNLIMITED;
	static const uint64_t want_us[] = {0, 1000000, 1500000, 2250000, 3375000, 5062500};
	for (size_t i = 0; i < ARRAY_LEN(want_us); i++)
		EXPECT(decide(&p, &s, 0, E_IO, MIDDLE).after_us == want_us[i]);
	uint64_t last_us = 0;
	for (int i = 0; i < 10000; i++) {
		struct restart_decision d = decide(&p, &s, 0, E_IO, MIDDLE);
		EXPECT(d.restart && d.after_us <= 60 * S && d.after_us >= last_us);
		last_us = d.after_us;
	}
	EXPECT(last_us == 60 * S);
}

TEST(rule26_attempts_bound_the_restarts_and_the_error_says_so)
{
	for (uint32_t attempts = 0; attempts <= 3; attempts++) {
		struct restart_policy p = restart_default;
		struct restart_state s = {0};
		p.attempts = attempts;
		for (uint32_t i = 0; i < attempts; i++)
			EXPECT(decide(&p, &s, 0, E_NO_SPACE, 0).restart);
		struct restart_decision d = decide(&p, &s, 0, E_NO_SPACE, 0);
		EXPECT(!d.restart && d.error.code == E_NO_SPACE && s.restarts == attempts);
		static const char *const text[] = {
			"source 'orders'[2]: refused",
			"gave up after 1 restart: source 'orders'[2]: refused",
			"gave up after 2 restarts: source 'orders'[2]: refused",
			"gave up after 3 restarts: source 'orders'[2]: refused",
		};
		assert_string_equal(d.error.text, text[attempts]);
		EXPECT(!decide(&p, &s, 0, E_IO, 0).restart); /* and stays so */
	}
	EXPECT(restart_default.attempts == 3);
}

TEST(a_user_error_after_restarts_is_shown_as_it_is)
{
	struct restart_state s = {0};
	EXPECT(decide(&restart_default, &s, 0, E_IO, 0).restart);
	struct restart_decision d = decide(&restart_default, &s, 1, E_RECORD, 0);
	EXPECT(!d.restart);
	assert_string_equal(d.error.text, "source 'orders'[2]: refused");
}

TEST(an_attempt_that_ran_for_reset_after_wipes_the_count)
{
	struct restart_policy p = restart_default;
	struct restart_state s = {0};
	p.attempts = 2;
	p.reset_after_us = 10 * S;
	EXPECT(decide(&p, &s, 100 * S, E_IO, MIDDLE).after_us == 0);
	EXPECT(decide(&p, &s, 101 * S, E_IO, MIDDLE).after_us == 1 * S);
	/* It was to start at 102 s: the wait does not count as running. */
	struct restart_state early = s;
	EXPECT(!decide(&p, &early, 112 * S - 1, E_IO, MIDDLE).restart);
	struct restart_decision d = decide(&p, &s, 112 * S, E_IO, MIDDLE);
	EXPECT(d.restart && d.after_us == 0 && s.restarts == 1);
	EXPECT(decide(&p, &s, 113 * S, E_IO, MIDDLE).after_us == 1 * S);
}

TEST(without_reset_after_the_count_stays)
{
	struct restart_policy p = restart_default;
	struct restart_state s = {0};
	p.attempts = 1;
	p.reset_after_us = 0;
	EXPECT(decide(&p, &s, 0, E_IO, 0).restart);
	EXPECT(!decide(&p, &s, UINT64_MAX, E_IO, 0).restart);
}

TEST(jitter_is_a_tenth_at_most_and_uses_its_whole_width)
{
	struct rng r;
	uint64_t seed = 20260101, least_us = UINT64_MAX, most_us = 0;
	rng_seed(&r, seed);
	for (int i = 0; i < 5000; i++) {
		struct restart_state s = {.restarts = 1};
		uint64_t after_us = decide(&restart_default, &s, 0, E_IO, rng_next(&r)).after_us;
		if (after_us < least_us)
			least_us = after_us;
		if (after_us > most_us)
			most_us = after_us;
	}
	print_message("seed %llu: %llu to %llu us\n", (unsigned long long)seed,
		      (unsigned long long)least_us, (unsigned long long)most_us);
	EXPECT(least_us >= 900 * MS && least_us < 905 * MS);
	EXPECT(most_us <= 1100 * MS && most_us > 1095 * MS);
}

TEST(extreme_policies_do_not_overflow)
{
	struct restart_policy p = {.strategy = RESTART_EXPONENTIAL, .attempts = RESTART_UNLIMITED,
				   .initial_us = UINT64_MAX / 2, .max_us = UINT64_MAX,
				   .multiplier = 1e300};
	struct restart_state s = {0};
	uint64_t last_us = 0;
	for (int i = 0; i < 10; i++) {
		struct restart_decision d = decide(&p, &s, 0, E_IO, MIDDLE);
		EXPECT(d.restart && d.after_us >= last_us);
		last_us = d.after_us;
	}
	EXPECT(last_us == UINT64_MAX);
	p.multiplier = 0.5; /* never shrinks */
	p.initial_us = 4 * S;
	s = (struct restart_state){.restarts = 5, .delay_us = 4 * S};
	EXPECT(decide(&p, &s, 0, E_IO, MIDDLE).after_us == 4 * S);
	s = (struct restart_state){.restarts = UINT32_MAX - 1};
	EXPECT(decide(&p, &s, 0, E_IO, MIDDLE).restart && s.restarts == UINT32_MAX - 1);
}

static const struct restart_policy three_in_10s = {.strategy = RESTART_FAILURE_RATE, .attempts = 3,
						   .initial_us = 1 * S, .reset_after_us = 10 * S};

TEST(failure_rate_gives_up_at_one_failure_more_than_its_number)
{
	for (uint32_t attempts = 1; attempts <= RESTART_FAILURES_MAX; attempts++) {
		struct restart_policy p = three_in_10s;
		struct restart_state s = {0};
		p.attempts = attempts;
		for (uint32_t i = 0; i < attempts; i++)
			EXPECT(decide(&p, &s, 5 * S, E_IO, 0).restart); /* the clock stands still */
		struct restart_decision d = decide(&p, &s, 5 * S, E_IO, 0);
		EXPECT(!d.restart && d.error.code == E_IO);
		if (attempts == 1)
			assert_string_equal(d.error.text, "gave up: more than 1 failure within 10s: "
							  "source 'orders'[2]: refused");
		if (attempts == 3)
			assert_string_equal(d.error.text, "gave up: more than 3 failures within 10s: "
							  "source 'orders'[2]: refused");
	}
	struct restart_policy none = three_in_10s;
	struct restart_state s = {0};
	none.attempts = 0;
	struct restart_decision d = decide(&none, &s, 0, E_IO, 0);
	EXPECT(!d.restart);
	assert_string_equal(d.error.text, "source 'orders'[2]: refused");
}

TEST(failure_rate_forgets_a_failure_when_a_whole_interval_has_passed)
{
	const struct restart_policy *p = &three_in_10s;
	struct restart_state s = {0}, early;
	EXPECT(decide(p, &s, 100 * S, E_IO, 0).restart);
	EXPECT(decide(p, &s, 104 * S, E_IO, 0).restart);
	EXPECT(decide(p, &s, 108 * S, E_IO, 0).restart);
	early = s;
	EXPECT(!decide(p, &early, 110 * S - 1, E_IO, 0).restart);
	EXPECT(decide(p, &s, 110 * S, E_IO, 0).restart);
	early = s; /* now the one of 104 s is the oldest that counts */
	EXPECT(!decide(p, &early, 114 * S - 1, E_IO, 0).restart);
	EXPECT(decide(p, &s, 114 * S, E_IO, 0).restart);
	/* A failure that no restart answers counts all the same. */
	EXPECT(!decide(p, &s, 115 * S, E_IO, 0).restart);
	EXPECT(!decide(p, &s, 118 * S, E_IO, 0).restart);
}

TEST(failure_rate_waits_before_each_restart_but_the_first)
{
	const struct restart_policy *p = &three_in_10s;
	struct restart_state s = {0};
	EXPECT(decide(p, &s, 100 * S, E_IO, UINT64_MAX).after_us == 0);
	EXPECT(decide(p, &s, 101 * S, E_IO, UINT64_MAX).after_us == 1 * S);
	EXPECT(decide(p, &s, 102 * S, E_IO, UINT64_MAX).after_us == 1 * S);
	/* It was to start at 103 s, and ran for a whole interval: all is forgotten. */
	EXPECT(decide(p, &s, 113 * S, E_IO, UINT64_MAX).after_us == 0);
	EXPECT(decide(p, &s, 114 * S, E_IO, UINT64_MAX).after_us == 1 * S);
}

/* The oracle keeps every failure and counts. */
TEST(failure_rate_agrees_with_a_count_over_all_failures)
{
	enum { FAILURES = 400 };
	const uint64_t seed = 20260402;
	static const uint32_t numbers[] = {1, 2, 3, 63, 64};
	struct rng r;
	rng_seed(&r, seed);
	unsigned refused = 0, granted = 0;
	for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
		uint64_t at_us[FAILURES], now_us = 20 * S;
		struct restart_policy p = three_in_10s;
		struct restart_state s = {0};
		p.attempts = numbers[k];
		for (unsigned i = 0; i < FAILURES; i++) {
			now_us += rng_below(&r, 2 * p.reset_after_us / p.attempts);
			at_us[i] = now_us;
			unsigned within = 0;
			for (unsigned j = 0; j <= i; j++)
				within += now_us - at_us[j] < p.reset_after_us;
			bool restart = decide(&p, &s, now_us, E_IO, 0).restart;
			if (restart != (within <= p.attempts))
				fail_msg("seed %llu, %u allowed, failure %u: %u within",
					 (unsigned long long)seed, p.attempts, i, within);
			refused += !restart;
			granted += restart;
		}
	}
	EXPECT(refused > 100 && granted > 100);
}

TEST(failure_rate_is_bounded_by_what_it_can_remember)
{
	struct restart_policy p = three_in_10s;
	struct restart_state s = {0};
	p.attempts = RESTART_UNLIMITED;
	for (int i = 0; i < RESTART_FAILURES_MAX; i++)
		EXPECT(decide(&p, &s, 0, E_IO, 0).restart);
	EXPECT(!decide(&p, &s, 0, E_IO, 0).restart);
	for (uint64_t i = 1; i < 1000; i++)
		EXPECT(decide(&p, &s, i * 11 * S, E_IO, 0).restart);
	EXPECT(s.n_failed <= 2 * RESTART_FAILURES_MAX);
}

TEST(failure_rate_counts_a_time_to_come_as_now)
{
	const struct restart_policy *p = &three_in_10s;
	struct restart_state s = {0};
	for (uint64_t i = 0; i < 3; i++)
		EXPECT(decide(p, &s, 1000 * S + i, E_IO, 0).restart);
	EXPECT(!decide(p, &s, 5 * S, E_IO, 0).restart);
}

TEST(what_happened_so_far_goes_on_in_another_process)
{
	static const enum restart_strategy all[] = {RESTART_FIXED_DELAY, RESTART_EXPONENTIAL,
						    RESTART_FAILURE_RATE};
	for (size_t k = 0; k < ARRAY_LEN(all); k++) {
		struct restart_policy p = three_in_10s;
		struct restart_state one = {0}, handed = {0};
		p.strategy = all[k];
		p.max_us = 60 * S;
		p.multiplier = 2;
		for (uint64_t i = 1; i < 20; i++) {
			uint8_t wire[sizeof handed]; /* as bytes, from process to process */
			memcpy(wire, &handed, sizeof wire);
			struct restart_state here;
			memcpy(&here, wire, sizeof here);
			struct restart_decision a = decide(&p, &one, i * 2 * S, E_IO, MIDDLE);
			struct restart_decision b = decide(&p, &here, i * 2 * S, E_IO, MIDDLE);
			EXPECT(a.restart == b.restart && a.after_us == b.after_us);
			EXPECT(!strcmp(a.error.text, b.error.text));
			handed = here;
		}
	}
}

TEST(strategies_have_names_and_unknown_ones_are_refused)
{
	for (int i = RESTART_NONE; i <= RESTART_FAILURE_RATE; i++) {
		enum restart_strategy s;
		EXPECT(restart_strategy_parse(restart_strategy_name((enum restart_strategy)i), &s));
		EXPECT((int)s == i);
	}
	enum restart_strategy s;
	EXPECT(!restart_strategy_parse("failure-rate", &s) && !restart_strategy_parse("", &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rule26_only_transient_and_resource_errors_are_answered_by_a_restart),
		T(rule26_the_first_restart_is_immediate),
		T(none_never_restarts),
		T(fixed_delay_waits_the_same_each_time),
		T(exponential_grows_to_its_limit_and_stays),
		T(rule26_attempts_bound_the_restarts_and_the_error_says_so),
		T(a_user_error_after_restarts_is_shown_as_it_is),
		T(an_attempt_that_ran_for_reset_after_wipes_the_count),
		T(without_reset_after_the_count_stays),
		T(jitter_is_a_tenth_at_most_and_uses_its_whole_width),
		T(extreme_policies_do_not_overflow),
		T(failure_rate_gives_up_at_one_failure_more_than_its_number),
		T(failure_rate_forgets_a_failure_when_a_whole_interval_has_passed),
		T(failure_rate_waits_before_each_restart_but_the_first),
		T(failure_rate_agrees_with_a_count_over_all_failures),
		T(failure_rate_is_bounded_by_what_it_can_remember),
		T(failure_rate_counts_a_time_to_come_as_now),
		T(what_happened_so_far_goes_on_in_another_process),
		T(strategies_have_names_and_unknown_ones_are_refused),
	};
	return RUN(tests);
}
