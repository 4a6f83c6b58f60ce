/* test_bottleneck.c - the sentence that names what holds a job up, of planted facts. */
#include "jobs/bottleneck.h"

#include "tests/lib/test.h"

static struct facts f;
static struct facts_stage stage[5];
static struct pace_stage paces[5];
static struct pace p;
static char text[BOTTLENECK_TEXT];

/* lines -> words -> count -> out, and beside them `other`, which nothing reads. */
static void begin(enum pace_limit limit, uint32_t slowest)
{
	static const char *const ids[] = {"lines", "words", "count", "out", "other"};
	static const char *const types[] = {"file_source", "flat_map", "keyed_sum", "file_sink",
					    "generator"};
	memset(stage, 0, sizeof stage);
	memset(paces, 0, sizeof paces);
	for (uint32_t i = 0; i < 5; i++) {
		snprintf(stage[i].id, sizeof stage[i].id, "%s", ids[i]);
		snprintf(stage[i].type, sizeof stage[i].type, "%s", types[i]);
		stage[i].n_inputs = i > 0 && i < 4;
		stage[i].input[0] = i ? i - 1 : 0;
	}
	f = (struct facts){.stage = stage, .n_stages = 5};
	p = (struct pace){.stage = paces, .n_stages = 5, .limit = limit, .slowest = slowest,
			  .second = 5};
}

TEST(the_busiest_stage_is_named_with_those_that_wait_for_it)
{
	begin(PACE_STAGE, 2);
	paces[2].busy = 0.968;
	paces[0].held = 0.6;
	paces[1].held = 0.9;
	EXPECT(bottleneck_text(&f, &p, text));
	EXPECT(!strcmp(text, "count is the bottleneck: busy 97 %; lines and words wait for it"));
}

TEST(who_waits_for_somebody_else_is_not_named)
{
	begin(PACE_STAGE, 2);
	paces[2].busy = 1;
	paces[4].held = 0.9; /* reads nothing of it, is read by nobody */
	paces[3].held = 0.9; /* below it */
	paces[1].held = 0.1; /* hardly */
	EXPECT(bottleneck_text(&f, &p, text));
	EXPECT(!strcmp(text, "count is the bottleneck: busy 100 %"));
}

TEST(a_close_second_is_named)
{
	begin(PACE_STAGE, 2);
	p.second = 1;
	paces[2].busy = 0.95;
	paces[1].busy = 0.91;
	paces[0].held = 0.5;
	EXPECT(bottleneck_text(&f, &p, text));
	EXPECT(!strcmp(text, "count is the bottleneck: busy 95 %, closely followed by words (91 %); "
			     "lines waits for it"));
}

TEST(a_sink_that_waits_for_the_disk_is_named_though_it_is_not_busy)
{
	begin(PACE_SINK, 3);
	paces[3].busy = 0.1;
	paces[2].held = 0.8;
	EXPECT(bottleneck_text(&f, &p, text));
	EXPECT(!strcmp(text, "out is the bottleneck: it is not busy, it waits for the disk; "
			     "count waits for it"));
	snprintf(stage[3].type, sizeof stage[3].type, "print_sink");
	EXPECT(bottleneck_text(&f, &p, text));
	EXPECT(strstr(text, "whoever reads standard output is slower"));
}

TEST(what_is_held_to_a_rate_or_has_no_input_has_no_bottleneck)
{
	begin(PACE_RATE, 0);
	EXPECT(bottleneck_text(&f, &p, text));
	EXPECT(!strcmp(text, "no bottleneck: lines is held to its rate, and every stage keeps up"));
	begin(PACE_INPUT, 0);
	EXPECT(bottleneck_text(&f, &p, text) && strstr(text, "no bottleneck: the job waits for input"));
	begin(PACE_ENDING, 0);
	EXPECT(bottleneck_text(&f, &p, text) && strstr(text, "no bottleneck: all input is read"));
	begin(PACE_NONE, 1);
	paces[1].busy = 0.5;
	EXPECT(bottleneck_text(&f, &p, text) && strstr(text, "the busiest is words (50 %)"));
}

TEST(nothing_is_said_while_nothing_is_known)
{
	begin(PACE_UNKNOWN, 0);
	EXPECT(!bottleneck_text(&f, &p, text) && !text[0]);
	begin(PACE_STAGE, 9); /* of another graph */
	EXPECT(!bottleneck_text(&f, &p, text) && !text[0]);
	begin(PACE_STAGE, 2);
	p.n_stages = 3;
	EXPECT(!bottleneck_text(&f, &p, text) && !text[0]);
}

TEST(many_that_wait_are_counted_and_the_longest_names_fit)
{
	static struct facts_stage wide[12];
	static struct pace_stage held[12];
	for (uint32_t i = 0; i < 12; i++) {
		memset(wide[i].id, 'a' + (int)i, FACTS_ID_MAX);
		held[i].held = 0.9;
		wide[11].input[i % 11] = i % 11;
	}
	wide[11].n_inputs = 11;
	f = (struct facts){.stage = wide, .n_stages = 12};
	p = (struct pace){.stage = held, .n_stages = 12, .limit = PACE_STAGE, .slowest = 11,
			  .second = 12};
	EXPECT(bottleneck_text(&f, &p, text));
	EXPECT(strstr(text, "bbb, ccc") && strstr(text, " and 8 more wait for it"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_busiest_stage_is_named_with_those_that_wait_for_it),
		T(who_waits_for_somebody_else_is_not_named),
		T(a_close_second_is_named),
		T(a_sink_that_waits_for_the_disk_is_named_though_it_is_not_busy),
		T(what_is_held_to_a_rate_or_has_no_input_has_no_bottleneck),
		T(nothing_is_said_while_nothing_is_known),
		T(many_that_wait_are_counted_and_the_longest_names_fit),
	};
	return RUN(tests);
}
