/* test_timeline.c - the path of a checkpoint: spans join, sum to the whole, and name whom it waited
 * for; a line is read back as it was written; anything else is refused. */
#include "jobs/timeline.h"

#include "base/check.h"
#include "base/rng.h"
#include "tests/lib/test.h"

#include <string.h>

#define MOST 64

/* lines -> words -> count (two of them) -> out. */
enum { LINES, WORDS, COUNT0, COUNT1, OUT, TASKS };
static struct timeline_task usual[TASKS] = {
	[LINES] = {"lines", 0, 40, 40, 60, 0, 0, 0, 90, TIMELINE_NONE},
	[WORDS] = {"words", 0, 500, 500, 510, 0, 0, 0, 530, LINES},
	[COUNT0] = {"count", 0, 900, 900, 980, 2000, 5000, 0, 5100, WORDS},
	[COUNT1] = {"count", 1, 7000, 7000, 7100, 8000, 12000, 0, 12100, WORDS},
	[OUT] = {"out", 0, 1500, 9000, 9010, 0, 0, 9400, 9500, COUNT1},
};
static const struct timeline completed = {
	.id = 7, .kind = "periodic", .trigger = "interval", .wall_us = 1795000000000000,
	.completed = true, .acked = 12150, .packed = 12400, .sealed = 15000, .linked = 19000,
	.committed = 20000, .task = usual, .n_tasks = TASKS};

static void expect_joined(const struct span *s, uint32_t n, uint64_t total)
{
	uint64_t at = 0;
	for (uint32_t i = 0; i < n; i++) {
		EXPECT(s[i].from == at && s[i].to >= s[i].from);
		at = s[i].to;
	}
	EXPECT(at == total);
}

TEST(the_path_goes_through_whom_each_waited_for_and_sums_to_the_whole)
{
	static const struct span want[] = {
		{SPAN_LETTER, LINES, LINES, 0, 40},
		{SPAN_FREEZE, LINES, LINES, 40, 60},
		{SPAN_CHANNEL, LINES, WORDS, 60, 500},
		{SPAN_FREEZE, WORDS, WORDS, 500, 510},
		{SPAN_CHANNEL, WORDS, COUNT1, 510, 7000},
		{SPAN_FREEZE, COUNT1, COUNT1, 7000, 7100},
		{SPAN_SLICES, COUNT1, COUNT1, 7100, 8000},
		{SPAN_PACK, COUNT1, COUNT1, 8000, 12000},
		{SPAN_ACK, COUNT1, COUNT1, 12000, 12150},
		{SPAN_PART, TIMELINE_NONE, TIMELINE_NONE, 12150, 12400},
		{SPAN_SYNC, TIMELINE_NONE, TIMELINE_NONE, 12400, 15000},
		{SPAN_LINK, TIMELINE_NONE, TIMELINE_NONE, 15000, 19000},
		{SPAN_COMMIT, TIMELINE_NONE, TIMELINE_NONE, 19000, 20000},
	};
	struct span s[MOST];
	uint32_t n = timeline_path(&completed, s, MOST);
	EXPECT(n == ARRAY_LEN(want));
	for (uint32_t i = 0; i < n; i++)
		EXPECT(s[i].kind == want[i].kind && s[i].task == want[i].task &&
		       s[i].other == want[i].other && s[i].from == want[i].from &&
		       s[i].to == want[i].to);
	expect_joined(s, n, timeline_total(&completed));
	EXPECT(timeline_path(&completed, s, n - 1) == n);
}

TEST(a_sink_that_writes_long_is_named)
{
	struct timeline t = completed;
	struct timeline_task task[TASKS];
	struct span s[MOST];
	bool seen = false;
	memcpy(task, usual, sizeof task);
	task[OUT].prepared = 14000;
	task[OUT].acked = 14100;
	t.task = task;
	t.acked = 14150;
	t.packed = 14300;
	uint32_t n = timeline_path(&t, s, MOST);
	for (uint32_t i = 0; i < n; i++)
		seen |= s[i].kind == SPAN_PREPARE && s[i].task == OUT && s[i].from == 9010 &&
			s[i].to == 14000;
	EXPECT(seen);
	expect_joined(s, n, timeline_total(&t));
}

TEST(whatever_the_instants_say_spans_join_and_sum_to_the_whole)
{
	struct rng r;
	rng_seed(&r, 20261122);
	for (int round = 0; round < 20000; round++) {
		struct timeline_task task[TASKS];
		struct timeline t = completed;
		struct span s[MOST];
		t.task = task;
		t.n_tasks = (uint32_t)rng_below(&r, TASKS + 1);
		uint64_t *at[] = {&t.acked, &t.packed, &t.sealed, &t.linked, &t.committed};
		for (size_t i = 0; i < ARRAY_LEN(at); i++)
			*at[i] = rng_below(&r, 3) ? rng_below(&r, 100) : 0;
		for (uint32_t i = 0; i < t.n_tasks; i++)
			task[i] = (struct timeline_task){
				"x", i, rng_below(&r, 100), rng_below(&r, 100), rng_below(&r, 100),
				rng_below(&r, 100), rng_below(&r, 100), rng_below(&r, 100),
				rng_below(&r, 100),
				rng_below(&r, 3) ? (uint32_t)rng_below(&r, TASKS) : TIMELINE_NONE};
		uint32_t n = timeline_path(&t, s, MOST);
		EXPECT(n <= MOST);
		expect_joined(s, n, timeline_total(&t));
	}
}

static void line_of(const struct timeline *t, struct bytes *to)
{
	struct json_out o;
	jout_begin(&o, to, false);
	timeline_put(&o, t);
	EXPECT(bytes_ok(to));
}

TEST(a_line_is_read_back_as_it_was_written)
{
	struct mem mem;
	struct bytes line, again;
	struct timeline t;
	struct err e = {0};
	mem_init(&mem, 0);
	bytes_init(&line, &mem);
	bytes_init(&again, &mem);
	line_of(&completed, &line);
	EXPECT(!memchr(line.data, '\n', line.len));
	EXPECT_OK(timeline_get(&t, (const char *)line.data, line.len, &mem, &e), &e);
	line_of(&t, &again);
	EXPECT(again.len == line.len && !memcmp(again.data, line.data, line.len));
	timeline_close(&t, &mem);
	bytes_close(&line);
	bytes_close(&again);
	EXPECT(mem.used_bytes == 0);
}

/* Each byte replaced by each of some, and each length: refused, or another timeline, no worse. */
TEST(inv34_a_damaged_line_is_refused_or_read)
{
	static const char with[] = "0-9\"{}[]\\,x\x80";
	struct mem mem;
	struct bytes line;
	uint64_t refused = 0, read = 0;
	mem_init(&mem, 0);
	bytes_init(&line, &mem);
	line_of(&completed, &line);
	for (size_t i = 0; i < line.len; i++)
		for (size_t k = 0; k < sizeof with; k++) {
			struct timeline t;
			struct span s[MOST];
			struct err e = {0};
			char was = (char)line.data[i];
			line.data[i] = (uint8_t)with[k];
			bool cut = k == sizeof with - 1;
			if (timeline_get(&t, (const char *)line.data, cut ? i : line.len, &mem, &e) ==
			    OK) {
				read++;
				expect_joined(s, timeline_path(&t, s, MOST), timeline_total(&t));
				timeline_close(&t, &mem);
			} else {
				refused++;
				EXPECT(e.text[0]);
			}
			line.data[i] = (uint8_t)was;
		}
	EXPECT(read > 100 && refused > 100);
	bytes_close(&line);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_path_goes_through_whom_each_waited_for_and_sums_to_the_whole),
		T(a_sink_that_writes_long_is_named),
		T(whatever_the_instants_say_spans_join_and_sum_to_the_whole),
		T(a_line_is_read_back_as_it_was_written),
		T(inv34_a_damaged_line_is_refused_or_read),
	};
	return RUN(tests);
}
