/* test_history.c - what became of each checkpoint: appended, bounded, never in the way. */
#include "base/check.h"
#include "base/fs_sim.h"
#include "checkpoint/history.h"
#include "tests/lib/test.h"

#include <stdlib.h>

static size_t append(struct history *h, uint64_t i, struct err *e)
{
	char line[128];
	int n = snprintf(line, sizeof line, "{\"id\":%llu,\"state\":\"completed\"}",
			 (unsigned long long)i);
	EXPECT_OK(history_append(h, line, (size_t)n, e), e);
	return (size_t)n + 1;
}

/* The ids in the file, which must be one run ending with `last`. Returns how many. */
static uint64_t count_lines(struct fs *fs, struct mem *mem, uint64_t last)
{
	uint8_t *data;
	size_t len;
	struct err e = {OK};
	uint64_t n = 0, first = 0;
	EXPECT_OK(fs_read_all(fs, "history.jsonl", 4 << 20, &data, &len, &e), &e);
	EXPECT(len <= HISTORY_MAX);
	for (char *at = (char *)data, *end = at + len; at < end; n++) {
		char *lf = memchr(at, '\n', (size_t)(end - at));
		EXPECT(lf && !strncmp(at, "{\"id\":", 6));
		uint64_t id = strtoull(at + 6, NULL, 10);
		first = n ? first : id;
		EXPECT(id == first + n);
		at = lf + 1;
	}
	EXPECT(first + n - 1 == last);
	mem_put(mem, data);
	return n;
}

TEST(history_goes_on_through_lives_and_keeps_the_newest_half)
{
	struct mem mem;
	struct fs_sim *sim;
	struct history *h;
	struct err e = {OK};
	uint64_t id = 0;
	mem_init(&mem, 0);
	EXPECT_OK(fs_sim_open(&sim, &mem, &e), &e);
	struct fs *fs = fs_sim_fs(sim);
	for (int life = 0; life < 3; life++) {
		EXPECT_OK(history_open(&h, fs, &mem, ".", HISTORY_NAME, &e), &e);
		for (size_t bytes = 0; bytes < HISTORY_MAX * 2 / 3;)
			bytes += append(h, ++id, &e);
		history_close(h);
		uint64_t n = count_lines(fs, &mem, id);
		EXPECT(life ? n < id : n == id);
		EXPECT(n > 10000);
	}
	fs_sim_close(&sim);
	EXPECT(mem.used_bytes == 0);
}

TEST(a_line_that_a_crash_cut_is_ended)
{
	struct mem mem;
	struct fs_sim *sim;
	struct history *h;
	struct err e = {OK};
	uint8_t *data;
	size_t len;
	mem_init(&mem, 0);
	EXPECT_OK(fs_sim_open(&sim, &mem, &e), &e);
	struct fs *fs = fs_sim_fs(sim);
	EXPECT_OK(fs_write_new(fs, "history.jsonl", "{\"id\":1}\n{\"i", 12, &e), &e);
	EXPECT_OK(history_open(&h, fs, &mem, ".", HISTORY_NAME, &e), &e);
	EXPECT_OK(history_append(h, "{\"id\":2}", 8, &e), &e);
	history_close(h);
	EXPECT_OK(fs_read_all(fs, "history.jsonl", 1000, &data, &len, &e), &e);
	EXPECT(len == 22 && !memcmp(data, "{\"id\":1}\n{\"i\n{\"id\":2}\n", 22));
	mem_put(&mem, data);
	fs_sim_close(&sim);
	EXPECT(mem.used_bytes == 0);
}

TEST(any_failing_operation_costs_at_most_lines)
{
	uint64_t hits = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		struct mem mem;
		struct fs_sim *sim;
		struct history *h = NULL;
		struct err e = {OK};
		mem_init(&mem, 0);
		EXPECT_OK(fs_sim_open(&sim, &mem, &e), &e);
		struct fs *fs = fs_sim_fs(sim);
		static char full[HISTORY_MAX - 4];
		memset(full, 'x', sizeof full);
		full[sizeof full - 1] = full[sizeof full / 2 + 9] = '\n';
		EXPECT_OK(fs_write_new(fs, "history.jsonl", full, sizeof full, &e), &e);
		uint64_t at = fs_sim_count(sim) + n;
		fs_sim_fault_at(sim, at, E_IO, false);
		if (history_open(&h, fs, &mem, ".", HISTORY_NAME, NULL) != OK)
			EXPECT_OK(history_open(&h, fs, &mem, ".", HISTORY_NAME, &e), &e);
		(void)!history_append(h, "{\"id\":1}", 8, NULL); /* shortens */
		(void)!history_append(h, "{\"id\":2}", 8, NULL);
		more = fs_sim_count(sim) >= at;
		hits += fs_sim_faults(sim);
		fs_sim_fault_at(sim, 0, OK, false);
		EXPECT_OK(history_append(h, "{\"id\":3}", 8, &e), &e);
		history_close(h);
		uint8_t *data;
		size_t len;
		EXPECT_OK(fs_read_all(fs, "history.jsonl", HISTORY_MAX, &data, &len, &e), &e);
		if (len < 9 || memcmp(data + len - 9, "{\"id\":3}\n", 9))
			fail_msg("operation %llu: %zu bytes, end %.*s", (unsigned long long)n, len,
				 len < 30 ? (int)len : 30, data + (len < 30 ? 0 : len - 30));
		mem_put(&mem, data);
		fs_sim_close(&sim);
		EXPECT(mem.used_bytes == 0);
	}
	EXPECT(hits > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {T(history_goes_on_through_lives_and_keeps_the_newest_half),
					   T(a_line_that_a_crash_cut_is_ended),
					   T(any_failing_operation_costs_at_most_lines)};
	return RUN(tests);
}
