/* schedule_draw.c - the shapes of jobs that schedules live through. See schedule.h. */
#include "tests/sim/schedule.h"

#include <stdlib.h>

static bool one_in(struct rng *r, uint64_t n)
{
	return rng_below(r, n) == 0;
}

static void draw_checkpoints(struct scenario *s, struct rng *r)
{
	static const char *const intervals[] = {"10ms", "10ms", "20ms", "50ms", "200ms"};
	static const char *const ways[] = {"eager", "lazy", "auto"};
	static const char *const codecs[] = {"none", "lz4hc"};
	char text[160];
	snprintf(text, sizeof text, "\"interval\":\"%s\"", intervals[rng_below(r, 5)]);
	scenario_replace(s, "\"interval\":\"10ms\"", text);
	snprintf(text, sizeof text, "\"retain\":%d", 1 + (int)rng_below(r, 4));
	scenario_replace(s, "\"retain\":2", text);
	snprintf(text, sizeof text, "\"restore\":\"%s\",\"max_concurrent\":%d", ways[rng_below(r, 3)],
		 1 + (int)rng_below(r, 3));
	scenario_checkpoint(s, text);
	if (one_in(r, 4)) {
		snprintf(text, sizeof text, "\"compression\":\"%s\"", codecs[rng_below(r, 2)]);
		scenario_checkpoint(s, text);
	}
	if (one_in(r, 8))
		scenario_checkpoint(s, "\"incremental\":false");
	if (one_in(r, 8))
		scenario_checkpoint(s, "\"min_pause\":\"15ms\"");
	if (one_in(r, 8)) { /* many are given up */
		scenario_checkpoint(s, "\"timeout\":\"12ms\",\"tolerable_failures\":100000");
	} else if (one_in(r, 3)) {
		snprintf(text, sizeof text, "\"tolerable_failures\":%d", 1 + (int)rng_below(r, 3));
		scenario_checkpoint(s, text);
	}
	if (one_in(r, 6)) /* conditions come true at any moment, and again after each crash */
		scenario_checkpoint(s, "\"trigger\":{\"when\":\"passed(count, n = 3) or "
				       "sum(count.n) % 50 > 40 or count(count) = 7\"}");
	else if (one_in(r, 6))
		scenario_checkpoint(s, "\"trigger\":{\"records\":7}");
}

/* Batches of another size, fewer between two tasks: other interleavings of the same. */
static void draw_sizes(struct scenario *s, struct rng *r)
{
	static const int rows[] = {1, 2, 7, 64, 1024}, slots[] = {1, 2, 4, 16};
	char text[100];
	if (!one_in(r, 3))
		return;
	snprintf(text, sizeof text,
		 "\"limits\":{\"batch_records\":%d,\"channel_batches\":%d},\"pipeline\":",
		 rows[rng_below(r, 5)], slots[rng_below(r, 4)]);
	scenario_replace(s, "\"pipeline\":", text);
}

static struct post_options draw_letters(struct rng *r)
{
	struct post_options o = {.steps = 1 + (uint32_t)rng_below(r, 300)};
	if (one_in(r, 3))
		return o;
	o.late_in = 1 + (uint32_t)rng_below(r, 30);
	o.twice_in = one_in(r, 2) ? 2 + (uint32_t)rng_below(r, 20) : 0;
	o.lost_in = one_in(r, 6) ? 10 + (uint32_t)rng_below(r, 40) : 0;
	return o;
}

void schedule_draw(struct schedule_job *j, struct rng *r)
{
	enum scenario_kind kind = (enum scenario_kind)rng_below(r, SCENARIO_KEYS);
	struct scenario_size size = {.lines = 20 + (uint32_t)rng_below(r, 60),
				     .lines_a_second = 200 + (uint32_t)rng_below(r, 2000), .rows = 1200};
	if (one_in(r, 16))
		kind = SCENARIO_KEYS;
	else if (one_in(r, 8))
		kind = SCENARIO_ONE_FILE;
	if (one_in(r, 16)) /* lives long enough for merges of merges */
		size = (struct scenario_size){.lines = 80 + (uint32_t)rng_below(r, 80),
					      .lines_a_second = 150 + (uint32_t)rng_below(r, 100),
					      .rows = 3000};
	scenario_open(&j->s, kind, r, size);
	draw_checkpoints(&j->s, r);
	draw_sizes(&j->s, r);
	j->exact = kind == SCENARIO_WORDS_END || kind == SCENARIO_ONE_FILE || !one_in(r, 12);
	j->updates = kind != SCENARIO_WORDS_END && kind != SCENARIO_ONE_FILE;
	if (!j->exact)
		scenario_at_least_once(&j->s);
	else if (strstr(j->s.job, "\"audit\":true") && !one_in(r, 3))
		scenario_replace(&j->s, "\"audit\":true", "\"audit\":false");
	j->letters = draw_letters(r);
	/* With every letter late no checkpoint would be in time, the last one neither, and the job
	 * would never end (seed 777000925). */
	if (strstr(j->s.job, "\"timeout\":\"12ms\"") && j->letters.late_in && j->letters.late_in < 4)
		j->letters.late_in = 4;
}
