/* test_metrics.c - the text of /metrics: its bound, what is left out first, escapes. That it is
 * OpenMetrics a strict reader says (tests/e2e/test_metrics.py). */
#include "server/metrics.h"

#include "tests/lib/test.h"

static struct mem mem;
static struct err e;
static struct metrics m;
static struct bytes text;

static void begin(void)
{
	bytes_init(&text, &mem);
	EXPECT_OK(metrics_begin(&m, &mem, &e), &e);
}

static const char *end_text(void)
{
	metrics_end(&m, &text);
	EXPECT(bytes_ok(&text));
	return bytes_text(&text);
}

static void end(void)
{
	bytes_close(&text);
	EXPECT(!mem.used_bytes);
}

/* So many stages of so many subtasks each, none keyed. */
static void add_jobs(unsigned n, uint32_t stages, uint32_t subtasks)
{
	static struct facts_stage stage[10];
	static struct facts_subtask subtask[10 * 64];
	const struct facts f = {.stage = stage, .n_stages = stages,
				.subtask = subtasks ? subtask : NULL};
	for (uint32_t i = 0; i < stages; i++) {
		stage[i] = (struct facts_stage){.parallelism = subtasks ? subtasks : 1,
						.role = OP_TRANSFORM};
		snprintf(stage[i].id, sizeof stage[i].id, "s%u", i);
	}
	for (unsigned i = 0; i < n; i++) {
		char name[16];
		snprintf(name, sizeof name, "job-%u", i);
		metrics_job(&m, &(struct metrics_job){.name = name, .state = "RUNNING", .attempts = 1,
						      .facts = &f});
	}
}

static unsigned long series_in(const char *of)
{
	unsigned long n = 0;
	for (const char *at = of; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		n += *at && *at != '#';
	}
	return n;
}

static bool says(const char *of, const char *line)
{
	return strstr(of, line) != NULL;
}

TEST(what_there_is_little_of_is_told_whole)
{
	begin();
	add_jobs(2, 3, 2);
	const char *t = end_text();
	EXPECT(says(t, "\nweir_scrape_omitted_series 0\n"));
	EXPECT(says(t, "weir_subtask_records_in_total{job=\"job-1\",stage=\"s2\",subtask=\"1\"} 0\n"));
	EXPECT(!strcmp(t + strlen(t) - 6, "# EOF\n"));
	end();
}

TEST(subtasks_go_first_then_stages_then_the_last_jobs)
{
	static const struct {
		unsigned jobs;
		uint32_t stages, subtasks;
		bool tasks, of_stages, last_job;
	} at[] = {
		{20, 2, 32, true, true, true},
		{100, 5, 64, false, true, true},
		{300, 10, 0, false, false, true},
		{5000, 1, 0, false, false, false},
	};
	for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
		char last[80];
		begin();
		add_jobs(at[i].jobs, at[i].stages, at[i].subtasks);
		uint64_t all = 1; /* weir_scrape_omitted_series itself */
		for (int level = 0; level < METRICS_LEVELS; level++)
			all += m.series[level];
		const char *t = end_text();
		unsigned long told = series_in(t);
		snprintf(last, sizeof last, "weir_job_state{job=\"job-%u\"", at[i].jobs - 1);
		EXPECT(told <= METRICS_SERIES_MAX);
		EXPECT(says(t, "weir_subtask_busy_seconds_total{") == at[i].tasks);
		EXPECT(says(t, "weir_stage_busy_seconds_total{") == at[i].of_stages);
		EXPECT(says(t, last) == at[i].last_job);
		snprintf(last, sizeof last, "\nweir_scrape_omitted_series %llu\n",
			 (unsigned long long)(all - told));
		EXPECT(says(t, last));
		end();
	}
}

TEST(a_million_series_take_the_memory_of_ten_thousand)
{
	begin();
	add_jobs(2000, 10, 64);
	EXPECT(m.series[METRICS_TASK] > 1000000);
	EXPECT(mem.used_bytes < 16u << 20);
	(void)end_text();
	end();
}

TEST(what_stands_in_a_label_is_escaped)
{
	begin();
	metrics_job(&m, &(struct metrics_job){.name = "a\"b\\c\nd", .state = "RUNNING"});
	EXPECT(says(end_text(), "\nweir_job_state{job=\"a\\\"b\\\\c\\nd\",state=\"RUNNING\"} 1\n"));
	end();
}

TEST(microseconds_are_told_as_seconds_exactly)
{
	struct facts f = {.completed = 1, .last = {.id = 7, .total_us = 1000001,
						   .wall_us = 1790000000123456}};
	begin();
	metrics_job(&m, &(struct metrics_job){.name = "j", .state = "RUNNING", .checkpoint = 7,
					      .facts = &f});
	const char *t = end_text();
	EXPECT(says(t, "\nweir_job_last_checkpoint_duration_seconds{job=\"j\"} 1.000001\n"));
	EXPECT(says(t, "\nweir_job_last_checkpoint_time_seconds{job=\"j\"} 1790000000.123456\n"));
	EXPECT(says(t, "\nweir_job_last_checkpoint_id{job=\"j\"} 7\n"));
	end();
}

TEST(a_lack_of_memory_at_any_point_is_told_and_leaks_nothing)
{
	bool whole = false;
	for (uint64_t n = 1; !whole; n++) {
		bytes_init(&text, &mem);
		mem.fail_at = mem.calls + n;
		if (metrics_begin(&m, &mem, &e) == OK) {
			add_jobs(1, 2, 2);
			metrics_end(&m, &text);
			whole = bytes_ok(&text);
		}
		mem.fail_at = 0;
		if (whole)
			EXPECT(says(bytes_text(&text), "# EOF\n"));
		bytes_close(&text);
		EXPECT(!mem.used_bytes);
		EXPECT(n < 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_there_is_little_of_is_told_whole),
		T(subtasks_go_first_then_stages_then_the_last_jobs),
		T(a_million_series_take_the_memory_of_ten_thousand),
		T(what_stands_in_a_label_is_escaped),
		T(microseconds_are_told_as_seconds_exactly),
		T(a_lack_of_memory_at_any_point_is_told_and_leaks_nothing),
	};
	mem_init(&mem, 0);
	return RUN(tests);
}
