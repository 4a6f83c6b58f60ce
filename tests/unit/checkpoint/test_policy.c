/* test_policy.c - when to ask for a checkpoint: facts in, an answer out, a row of a table each;
 * then the interval that follows the cost, against a random one. */
#include "checkpoint/policy.h"

#include "base/check.h"
#include "base/json.h"
#include "base/rng.h"
#include "tests/lib/test.h"

#include <inttypes.h>

#define MS UINT64_C(1000)
#define NEVER UINT64_MAX
#define START (1000 * MS)

/* One look; times in milliseconds after the start. */
struct row {
	const char *claim;
	struct policy_config c;
	uint64_t took;          /* what checkpoints take, as measured before, in ms */
	uint64_t begun, now;
	uint64_t records, bytes;
	bool quiet, busy, true_now;
	uint32_t fill;
	uint64_t behind;
	enum policy_says says;
	const char *why;        /* a part of it; NULL: "" */
	uint64_t look;          /* when it wants to look again; 0: not checked; NEVER */
};

#define EVERY_100 {.interval_us = 100 * MS}
#define WHEN {.when = "x > 1"}
#define AUTO {.is_auto = true, .max_replay_us = 5000 * MS, .cost_ppm = POLICY_COST_PPM}

static const struct row rows[] = {
	/* by time */
	{"nothing is due before the interval", EVERY_100, .now = 99, .look = 100},
	{"the interval is met", EVERY_100, .now = 100, .says = POLICY_ASK, .look = NEVER},
	{"it is late", EVERY_100, .now = 170, .says = POLICY_ASK, .look = NEVER},
	{"no time, no checkpoint", {0}, .now = 100000, .look = NEVER},
	{"a pause lengthens the interval", {.interval_us = 100 * MS, .min_pause_us = 300 * MS},
	 .now = 299, .look = 300},
	{"and then it is due", {.interval_us = 100 * MS, .min_pause_us = 300 * MS}, .now = 300,
	 .says = POLICY_ASK, .look = NEVER},
	{"what is under way is waited for", EVERY_100, .now = 500, .busy = true, .look = NEVER},
	{"an interval takes no notice of load", EVERY_100, .now = 100, .fill = 1000, .behind = 9000,
	 .says = POLICY_ASK, .look = NEVER},
	/* nothing changed */
	{"a stream that stands is not saved again", EVERY_100, .now = 100, .quiet = true,
	 .says = POLICY_SKIP, .why = "nothing has changed", .look = 200},
	{"nor much later", EVERY_100, .now = 1000, .quiet = true, .says = POLICY_SKIP,
	 .why = "nothing has changed", .look = 1100},
	{"standing before it is due is no decision", EVERY_100, .now = 50, .quiet = true, .look = 100},
	/* by records */
	{"one record is missing", {.records = 1000}, .now = 10, .records = 999},
	{"they are there", {.records = 1000}, .now = 10, .records = 1000, .says = POLICY_ASK,
	 .why = "1000 records", .look = NEVER},
	{"more than that are there", {.records = 1000}, .now = 10, .records = 123456,
	 .says = POLICY_ASK, .why = "123456 records", .look = NEVER},
	{"they are there while one is under way", {.records = 1000}, .now = 10, .records = 1000,
	 .busy = true, .look = NEVER},
	{"records or time: time first", {.interval_us = 100 * MS, .records = 1000}, .now = 100,
	 .records = 5, .says = POLICY_ASK, .look = NEVER},
	{"records or time: records first", {.interval_us = 100 * MS, .records = 1000}, .now = 40,
	 .records = 1000, .says = POLICY_ASK, .why = "1000 records", .look = NEVER},
	{"the counters are not looked at all the time", {.records = 1000}, .now = 10, .records = 998,
	 .look = 11},
	{"nor too seldom", {.records = 1000000}, .now = 10, .records = 1, .look = 30},
	{"half the way to where they will be", {.records = 1000}, .now = 10, .records = 500,
	 .look = 15},
	{"without a rate at leisure", {.records = 1000}, .now = 10, .look = 30},
	/* by bytes */
	{"bytes are missing", {.bytes = 64000000}, .now = 10, .bytes = 63999999, .look = 30},
	{"bytes are there", {.bytes = 64000000}, .now = 10, .bytes = 64000000, .says = POLICY_ASK,
	 .why = "64MB of state", .look = NEVER},
	/* by a condition */
	{"a condition that holds", WHEN, .now = 10, .true_now = true, .says = POLICY_ASK,
	 .why = "when x > 1", .look = NEVER},
	{"one that does not", WHEN, .now = 10, .look = 30},
	{"one that nobody asked for", EVERY_100, .now = 10, .true_now = true, .look = 100},
	{"while one is under way it is looked at too", WHEN, .now = 10, .true_now = true, .busy = true,
	 .look = 30},
	/* as the cost allows */
	{"nothing known: the smallest interval", AUTO, .now = 9, .look = 10},
	{"and it is met", AUTO, .now = 10, .says = POLICY_ASK, .why = "auto: 10ms", .look = NEVER},
	{"a hundred times what one takes", AUTO, .took = 3, .now = 299, .look = 300},
	{"is met", AUTO, .took = 3, .now = 300, .says = POLICY_ASK,
	 .why = "auto: 300ms, as one takes 3ms", .look = NEVER},
	{"never longer than may be repeated, with what the next takes", AUTO, .took = 80, .now = 4899,
	 .look = 4900},
	{"the bound is met", AUTO, .took = 80, .now = 4900, .says = POLICY_ASK,
	 .why = "a crash may repeat 5s", .look = NEVER},
	{"where one takes most of it, half of it", AUTO, .took = 9000, .now = 2500, .says = POLICY_ASK,
	 .why = "auto: 2500ms", .look = NEVER},
	{"under load it waits a little", AUTO, .took = 3, .now = 300, .fill = 950, .says = POLICY_DELAY,
	 .why = "95 % full"},
	{"behind a slow disk too", AUTO, .took = 3, .now = 300, .behind = 400, .says = POLICY_DELAY,
	 .why = "disk is 400ms behind"},
	{"not beyond the bound", AUTO, .took = 3, .now = 4997, .fill = 1000, .says = POLICY_ASK,
	 .look = NEVER},
	{"until the very bound", AUTO, .took = 3, .now = 4996, .fill = 1000, .says = POLICY_DELAY,
	 .why = "100 % full"},
	{"standing still it is skipped, and not looked at all the time", AUTO, .took = 3, .now = 9000,
	 .quiet = true, .says = POLICY_SKIP, .why = "nothing has changed", .look = 9300},
	{"a pause bounds it from below", {.is_auto = true, .max_replay_us = 5000 * MS,
					  .cost_ppm = POLICY_COST_PPM, .min_pause_us = 700 * MS},
	 .took = 3, .now = 699, .look = 700},
	{"records count beside it", {.is_auto = true, .max_replay_us = 5000 * MS,
				     .cost_ppm = POLICY_COST_PPM, .records = 10},
	 .took = 3, .now = 5, .records = 10, .says = POLICY_ASK, .why = "10 records", .look = NEVER},
};

static struct policy_facts facts(uint64_t now_us)
{
	return (struct policy_facts){.now_us = now_us, .begun_us = START, .flowed = true};
}

TEST(facts_lead_to_answers)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct policy p;
		struct policy_answer a;
		policy_init(&p, &r->c, r->took * MS);
		policy_start(&p, START);
		struct policy_facts f = facts(START + r->now * MS);
		f.begun_us = START + r->begun * MS;
		f.records_since = r->records;
		f.bytes_changed = r->bytes;
		f.busy = r->busy;
		f.flowed = !r->quiet;
		f.fill_permille = r->fill;
		f.disk_behind_us = r->behind * MS;
		f.when_true = r->true_now;
		policy_look(&p, &f, &a);
		uint64_t look = r->look && r->look != NEVER ? START + r->look * MS : r->look;
		bool why = r->why ? strstr(a.why, r->why) != NULL : !a.why[0] || r->c.is_auto;
		if (a.says != r->says || !why || (look && a.look_at_us != look))
			fail_msg("%s: says %d, why '%s', looks again at %" PRId64 " us", r->claim, a.says,
				 a.why, (int64_t)(a.look_at_us - START));
		EXPECT(a.says == POLICY_ASK || a.look_at_us > f.now_us);
	}
}

static enum policy_says look(struct policy *p, struct policy_facts f, struct policy_answer *a)
{
	policy_look(p, &f, a);
	return a->says;
}

TEST(what_was_asked_for_is_not_asked_for_again_before_it_has_begun)
{
	struct policy p;
	struct policy_answer a;
	policy_init(&p, &(struct policy_config){.interval_us = 100 * MS, .records = 10}, 0);
	policy_start(&p, START);
	struct policy_facts f = facts(START + 100 * MS);
	f.records_since = 10;
	EXPECT(look(&p, f, &a) == POLICY_ASK);
	f.now_us += 500 * MS;
	EXPECT(look(&p, f, &a) == POLICY_WAIT && a.look_at_us == NEVER);
	f.begun_us = f.now_us; /* it has: its records count for it */
	f.records_since = 0;
	EXPECT(look(&p, f, &a) == POLICY_ASK); /* by time: the interval went on */
}

TEST(the_rate_is_steady_and_what_was_missed_is_not_made_up_for)
{
	struct policy p;
	struct policy_answer a;
	policy_init(&p, &(struct policy_config)EVERY_100, 0);
	policy_start(&p, START);
	struct policy_facts f = facts(START + 103 * MS);
	EXPECT(look(&p, f, &a) == POLICY_ASK);
	policy_done(&p, f.now_us, 5 * MS, true, false);
	f.now_us = START + 199 * MS;
	EXPECT(look(&p, f, &a) == POLICY_WAIT && a.look_at_us == START + 200 * MS);
	f.now_us = START + 1234 * MS;
	EXPECT(look(&p, f, &a) == POLICY_ASK);
	policy_done(&p, f.now_us, 5 * MS, true, false);
	f.now_us++;
	EXPECT(look(&p, f, &a) == POLICY_WAIT && a.look_at_us == START + 1334 * MS);
}

TEST(a_failed_one_is_not_tried_again_at_once)
{
	struct policy p;
	struct policy_answer a;
	policy_init(&p, &(struct policy_config){.records = 10}, 0);
	policy_start(&p, START);
	struct policy_facts f = facts(START + 50 * MS);
	f.records_since = 10;
	EXPECT(look(&p, f, &a) == POLICY_ASK);
	policy_done(&p, f.now_us, 1, false, false);
	EXPECT(look(&p, f, &a) == POLICY_WAIT && a.look_at_us > f.now_us);
	f.now_us += 100 * MS;
	EXPECT(look(&p, f, &a) == POLICY_ASK);
}

/* A look each; the letters of `now` are what the condition is, those of `at_begin` what it is with
 * nothing counted since, which is what each checkpoint that was asked for leaves. A '.' in
 * `fate`: it completes before the next look; 'b': it is under way; 'x': it is given up. */
static uint32_t asks_of(const char *now, const char *at_begin, const char *fate)
{
	struct policy p;
	struct policy_answer a;
	uint32_t asks = 0;
	bool answers = false;
	policy_init(&p, &(struct policy_config)WHEN, 0);
	policy_start(&p, START);
	(void)policy_begun(&p, at_begin[0] == 't');
	struct policy_facts f = facts(START);
	for (size_t i = 0; now[i]; i++) {
		f.now_us += 200 * MS; /* longer than one that was given up is remembered for */
		f.when_true = now[i] == 't';
		EXPECT(look(&p, f, &a) != POLICY_WAIT || a.look_at_us <= f.now_us + 20 * MS);
		if (a.says == POLICY_ASK) {
			EXPECT(!f.busy);
			asks++;
			f.begun_us = f.now_us;
			answers = policy_begun(&p, at_begin[i] == 't');
			EXPECT(answers);
			f.busy = true;
		}
		if (fate[i] == 'b' || !f.busy)
			continue;
		policy_done(&p, f.now_us, 1, fate[i] == '.', answers);
		f.busy = false;
	}
	return asks;
}

TEST(a_condition_asks_as_it_becomes_true)
{
	static const struct {
		const char *claim, *now, *at_begin, *fate;
		uint32_t asks;
	} c[] = {
		{"never", "ffff", "ffff", "....", 0},
		{"true for ever", "tttttt", "tttttt", "......", 0},
		{"true from now on: a checkpoint leaves it true", "fttttt", "fttttt", "......", 1},
		{"twice", "ftfftt", "ftfftt", "......", 2},
		{"what counts from a begin is true again and again", "tttt", "ffff", "....", 4},
		{"again while one is under way", "ftftffff", "ftftffff", ".bbb....", 2},
		{"true and false again while one is under way: still owed", "ftftffff", "ftftffff",
		 ".bbbb...", 2},
		{"what stays true while one is under way is that one's", "ftttttt", "ftttttt",
		 ".bbb...", 1},
		{"one that is given up is asked for again", "fttttt", "fttttt", ".x....", 2},
		{"until one is not", "fttttttt", "fttttttt", ".xxx....", 4},
		{"though it is not true any more", "ftffff", "ftffff", ".x....", 2},
	};
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		uint32_t asks = asks_of(c[i].now, c[i].at_begin, c[i].fate);
		if (asks != c[i].asks)
			fail_msg("%s: asked %u times, not %u", c[i].claim, asks, c[i].asks);
	}
}

TEST(a_checkpoint_that_others_asked_for_answers_the_condition)
{
	struct policy p;
	struct policy_answer a;
	policy_init(&p, &(struct policy_config)WHEN, 0);
	policy_start(&p, START);
	EXPECT(!policy_begun(&p, false)); /* nobody waits for it */
	policy_done(&p, START, 1, true, false);
	struct policy_facts f = facts(START + MS);
	f.busy = true;
	f.when_true = true;
	EXPECT(look(&p, f, &a) == POLICY_WAIT); /* two are under way: it waits */
	EXPECT(policy_begun(&p, true));         /* a manual one */
	f.busy = false;
	f.now_us += MS;
	EXPECT(look(&p, f, &a) == POLICY_WAIT);
	/* That one is given up; and the older one, which is not what it waited for, completes. */
	policy_done(&p, f.now_us, 1, false, true);
	policy_done(&p, f.now_us, 1, true, false);
	EXPECT(look(&p, f, &a) == POLICY_ASK);
}

TEST(a_long_condition_is_cut_between_two_characters)
{
	struct policy p;
	struct policy_answer a;
	for (size_t len = 100; len < 130; len++) {
		char text[400] = "";
		for (size_t i = 0; i < len; i++)
			strcat(text, i % 3 == len % 3 ? "\xe2\x82\xac" : "a");
		policy_init(&p, &(struct policy_config){.when = text}, 0);
		policy_start(&p, START);
		struct policy_facts f = facts(START + MS);
		f.when_true = true;
		EXPECT(look(&p, f, &a) == POLICY_ASK);
		size_t n = strlen(a.why);
		EXPECT(n < sizeof a.why && n > sizeof a.why - 6 && !strncmp(a.why, "when ", 5));
		EXPECT(!strcmp(a.why + n - 3, "..."));
		EXPECT(!strncmp(a.why + 5, text, n - 8));
		for (const char *c = a.why, *end = c + n; c < end;) {
			unsigned bytes = utf8_len(c, end);
			EXPECT(bytes > 0);
			c += bytes ? bytes : 1;
		}
	}
}

TEST(a_row_of_skips_is_told_once_and_counted)
{
	struct policy p;
	struct policy_answer a;
	policy_init(&p, &(struct policy_config)EVERY_100, 0);
	policy_start(&p, START);
	struct policy_facts f = facts(START);
	f.flowed = false;
	uint32_t told = 0;
	for (uint32_t i = 0; i < 7; i++) {
		f.now_us += 100 * MS;
		EXPECT(look(&p, f, &a) == POLICY_SKIP);
		told += a.tell;
	}
	EXPECT(told == 1);
	f.now_us += 100 * MS;
	f.flowed = true;
	EXPECT(look(&p, f, &a) == POLICY_ASK);
	assert_string_equal(a.why, "interval; 7 skipped before it");
}

TEST(a_delay_is_told_once_and_its_checkpoint_says_how_late_it_is)
{
	struct policy p;
	struct policy_answer a;
	policy_init(&p, &(struct policy_config)AUTO, 3 * MS);
	policy_start(&p, START);
	struct policy_facts f = facts(START + 300 * MS);
	f.fill_permille = 1000;
	uint32_t told = 0, looks = 0;
	while (look(&p, f, &a) == POLICY_DELAY) {
		EXPECT(a.look_at_us > f.now_us);
		f.now_us = a.look_at_us;
		told += a.tell;
		EXPECT(++looks < 200);
	}
	EXPECT(a.says == POLICY_ASK && told == 1 && looks > 3);
	EXPECT(f.now_us <= START + 5000 * MS - 3 * MS && f.now_us >= START + 4900 * MS);
	EXPECT(strstr(a.why, "late, under load") != NULL);
}

/* ---- a job with a cost that wanders ---- */

/* Whatever checkpoints cost, as long as that is less than half of it: a crash at any instant
 * repeats at most max_replay; and a steady cost leads to a steady interval. */
TEST(auto_keeps_what_a_crash_repeats_within_the_bound_under_any_cost)
{
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct rng r;
		struct policy p;
		struct policy_answer a;
		rng_seed(&r, seed);
		uint64_t replay = (100 + rng_below(&r, 5000)) * MS, most = 0, asks = 0;
		policy_init(&p, &(struct policy_config){.is_auto = true, .max_replay_us = replay,
							.cost_ppm = POLICY_COST_PPM}, 0);
		policy_start(&p, START);
		struct policy_facts f = facts(START);
		uint64_t durable_us = START, done_us = 0, cost_us = 0;
		uint64_t base_us = 1 + rng_below(&r, replay / 8);
		for (uint64_t end = START + 200 * replay; f.now_us < end;) {
			f.busy = done_us != 0;
			f.fill_permille = rng_below(&r, 3) ? 1000 : 0;
			f.begun_us = done_us ? done_us - cost_us : durable_us;
			look(&p, f, &a);
			if (a.says == POLICY_ASK) {
				/* At most a quarter more than what it took lately: then the bound is exact. */
				uint64_t known = p.total_us > p.last_total_us ? p.total_us : p.last_total_us;
				cost_us = 1 + rng_below(&r, base_us);
				if (known && cost_us > known + known / 4)
					cost_us = known + known / 4;
				done_us = f.now_us + cost_us;
				asks++;
				continue;
			}
			if (done_us) {
				f.now_us = done_us;
				uint64_t repeats = done_us - durable_us; /* a crash just before */
				most = repeats > most ? repeats : most;
				durable_us = done_us - cost_us;
				done_us = 0;
				policy_done(&p, f.now_us, cost_us, true, false);
			} else {
				EXPECT(a.look_at_us > f.now_us && a.look_at_us != NEVER);
				f.now_us = a.look_at_us;
			}
		}
		if (most > replay || asks < 150)
			fail_msg("seed %" PRIu64 ": repeats %" PRIu64 " of %" PRIu64 " us, %" PRIu64 " asks",
				 seed, most, replay, asks);
	}
}

TEST(auto_converges_to_the_share_of_time_that_was_agreed)
{
	struct policy p;
	struct policy_answer a;
	policy_init(&p, &(struct policy_config){.is_auto = true, .max_replay_us = 60000 * MS,
						.cost_ppm = 20000}, 500 * MS);
	policy_start(&p, START);
	for (uint32_t i = 0; i < 40; i++)
		policy_done(&p, START, 4 * MS, true, false);
	look(&p, facts(START), &a);
	EXPECT(a.interval_us >= 198 * MS && a.interval_us <= 202 * MS);
}

TEST(an_interval_shorter_than_what_one_takes_is_told)
{
	struct policy p;
	char text[300];
	policy_init(&p, &(struct policy_config)EVERY_100, 0);
	EXPECT(!policy_lint(&p, text, sizeof text));
	policy_done(&p, START, 90 * MS, true, false);
	EXPECT(!policy_lint(&p, text, sizeof text));
	for (uint32_t i = 0; i < 20; i++)
		policy_done(&p, START, 250 * MS, true, false);
	EXPECT(policy_lint(&p, text, sizeof text) && strstr(text, "'interval' 100ms is shorter"));
	policy_init(&p, &(struct policy_config)AUTO, 2600 * MS);
	EXPECT(policy_lint(&p, text, sizeof text) && strstr(text, "'max_replay' 5s cannot be kept"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(facts_lead_to_answers),
		T(what_was_asked_for_is_not_asked_for_again_before_it_has_begun),
		T(the_rate_is_steady_and_what_was_missed_is_not_made_up_for),
		T(a_failed_one_is_not_tried_again_at_once),
		T(a_condition_asks_as_it_becomes_true),
		T(a_checkpoint_that_others_asked_for_answers_the_condition),
		T(a_long_condition_is_cut_between_two_characters),
		T(a_row_of_skips_is_told_once_and_counted),
		T(a_delay_is_told_once_and_its_checkpoint_says_how_late_it_is),
		T(auto_keeps_what_a_crash_repeats_within_the_bound_under_any_cost),
		T(auto_converges_to_the_share_of_time_that_was_agreed),
		T(an_interval_shorter_than_what_one_takes_is_told),
	};
	return RUN(tests);
}
