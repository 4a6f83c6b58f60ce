/* test_file_sink.c - rolling files: what is committed is exactly what came before the barrier,
 * whatever crashes, fails or takes its time. */
#include "tests/unit/operators/sink_world.h"

TEST(each_record_is_in_one_file_and_an_empty_interval_makes_none)
{
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct world w;
		struct err e = {OK};
		world_open(&w, seed);
		EXPECT_OK(run(&w, &e), &e);
		EXPECT(w.rows >= ROWS_TOTAL);
		EXPECT(!strcmp(w.says, "no files yet"));
		expect_committed(&w, "quiet", seed);
		expect_no_rest(&w);
		world_close(&w);
	}
}

TEST(inv4_inv17_a_crash_at_any_operation_loses_and_doubles_nothing)
{
	crash_everywhere(ROLLING);
}

TEST(inv32_an_operation_that_fails_ends_the_attempt_and_the_next_one_goes_on)
{
	fail_everywhere(ROLLING);
}

TEST(inv31_an_allocation_that_fails_ends_the_attempt_and_leaks_nothing)
{
	unsigned failures = 0;
	for (uint64_t n = 1;; n++) {
		struct world w;
		struct err e = {OK};
		world_open(&w, 5);
		w.mem.fail_at = w.mem.calls + n;
		enum rc rc = run(&w, &e);
		bool hit = w.mem.calls >= w.mem.fail_at;
		w.mem.fail_at = 0;
		failures += rc != OK;
		EXPECT(rc == OK || (hit && rc == E_NO_MEMORY));
		err_clear(&e);
		bytes_clear(&w.orphans);
		w.epoch++;
		EXPECT_OK(run(&w, &e), &e);
		expect_committed(&w, "after no memory", n);
		world_close(&w);
		if (!hit)
			break;
	}
	EXPECT(failures > 10);
}

TEST(a_full_disk_names_the_path)
{
	struct world w;
	struct err e = {OK};
	world_open(&w, 1);
	fs_sim_capacity(w.sim, 4096);
	EXPECT(run(&w, &e) == E_NO_SPACE);
	EXPECT(strstr(e.text, "a/out"));
	fs_sim_capacity(w.sim, 0);
	err_clear(&e);
	w.epoch++;
	EXPECT_OK(run(&w, &e), &e);
	expect_committed(&w, "space again", 1);
	world_close(&w);
}

TEST(with_both_buffers_out_no_input_is_taken)
{
	struct world w;
	struct err e = {OK};
	world_open(&w, 1);
	EXPECT_OK(attempt_open(&w, &e), &e);
	struct batch *b = batch_make(&w.d, 0, 40);
	EXPECT(w.d.ops->batch(w.d.self, &w.d.ctx, b) == OP_WAIT);
	EXPECT(w.d.ctx.wake_at_us == UINT64_MAX);
	EXPECT(w.d.ops->batch(w.d.self, &w.d.ctx, b) == OP_WAIT);
	while (ioqueue_step(w.io, LANE_BYTES))
		;
	EXPECT(w.d.ops->busy(w.d.self, &w.d.ctx));
	batch_drop(&b);
	/* an attempt that ends here leaves a file behind, and no descriptor */
	attempt_close(&w);
	w.epoch = 2;
	EXPECT_OK(attempt_open(&w, &e), &e);
	EXPECT(!strcmp((char *)w.orphans.data, "a/out/.weir-pending/the-uuid/1-1-stage-0-0.csv"));
	EXPECT(!strcmp(w.says, "1 uncommitted file dropped"));
	attempt_close(&w);
	/* a newer owner's file is not an older one's to judge */
	w.epoch = 0;
	EXPECT_OK(attempt_open(&w, &e), &e);
	EXPECT(w.orphans.len > 0);
	attempt_close(&w);
	file_make(w.fs, "a/out/.weir-pending/the-uuid/9-1-stage-0-0.csv", "x", 1);
	file_make(w.fs, "a/out/.weir-pending/the-uuid/somebody's", "x", 1);
	w.epoch = 2;
	EXPECT_OK(attempt_open(&w, &e), &e);
	EXPECT(w.orphans.len == strlen((char *)w.orphans.data) + 1);
	attempt_close(&w);
	world_close(&w);
}

TEST(another_lineages_files_are_refused_with_the_cure)
{
	struct world w;
	struct err e = {OK};
	world_open(&w, 1);
	EXPECT_OK(fs_mkdir_all(w.fs, "a/out", &e), &e);
	file_make(w.fs, "a/out/notes.txt", "x", 1);
	file_make(w.fs, "a/out/part-abcd1234-00000000000000000001-1-0-0.csv", "x", 1);
	EXPECT_OK(attempt_open(&w, &e), &e);
	attempt_close(&w);
	file_make(w.fs, "a/out/part-00c0ffee-00000000000000000001-1-0-0.csv", "x", 1);
	uint64_t before = fs_sim_count(w.sim);
	EXPECT(attempt_open(&w, &e) == E_REFUSED);
	EXPECT(fs_sim_count(w.sim) == before + 2); /* it only looked */
	EXPECT(strstr(e.text, "a/out holds 1 file of another run"));
	EXPECT(strstr(e.text, "mv a/out/part-00c0ffee* ELSEWHERE"));
	world_close(&w);
}

TEST(a_path_that_is_a_file_is_refused)
{
	struct world w;
	struct err e = {OK};
	world_open(&w, 1);
	EXPECT_OK(fs_mkdir_all(w.fs, "a", &e), &e);
	file_make(w.fs, "a/out", "x", 1);
	EXPECT(attempt_open(&w, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "a/out is a file"));
	world_close(&w);
}

#define ROLLED "{\"path\":\"a/out\",\"format\":\"csv\",\"roll\":{\"size\":\"200B\"}}"

/* Files of one checkpoint; how many have the highest number but one is how many were cut short by
 * their size. */
static unsigned files_of(struct world *w, uint64_t checkpoint, uint64_t *smallest_full)
{
	struct err e = {OK};
	struct fs_names names;
	char prefix[64];
	unsigned n = 0;
	snprintf(prefix, sizeof prefix, "part-abcd1234-%020llu-1-0-", (unsigned long long)checkpoint);
	EXPECT_OK(fs_list(w->fs, "a/out", &names, &e), &e);
	for (size_t i = 0; i < names.n; i++) {
		struct fs_stat st;
		char path[256];
		if (strncmp(names.name[i], prefix, strlen(prefix)))
			continue;
		snprintf(path, sizeof path, "a/out/%s", names.name[i]);
		EXPECT_OK(fs_stat(w->fs, path, &st, &e), &e);
		EXPECT(st.size_bytes < 200 + 4 * 120); /* by less than a batch */
		if (st.size_bytes >= 200)
			*smallest_full = st.size_bytes < *smallest_full ? st.size_bytes : *smallest_full;
		n++;
	}
	fs_names_close(&names);
	return n;
}

TEST(a_size_splits_the_files_of_an_interval_between_batches)
{
	struct world w;
	struct err e = {OK};
	uint64_t smallest = UINT64_MAX;
	world_open_with(&w, 1, ROLLED);
	EXPECT_OK(attempt_open(&w, &e), &e);
	EXPECT_OK(checkpoint(&w, 1, false, &e), &e); /* may push 2 rows behind its barrier */
	for (int i = 0; i < 10; i++)
		EXPECT_OK(push(&w, 4, &e), &e);
	EXPECT_OK(checkpoint(&w, 2, false, &e), &e);
	EXPECT(files_of(&w, 2, &smallest) > 4 && smallest >= 200);
	expect_committed(&w, "rolled", 1);
	attempt_close(&w);
	world_close(&w);
	for (uint64_t seed = 0; seed < 50; seed++) {
		world_open_with(&w, seed, ROLLED);
		EXPECT_OK(run(&w, &e), &e);
		expect_committed(&w, "rolled", seed);
		expect_no_rest(&w);
		world_close(&w);
	}
}

TEST(inv4_inv17_with_several_files_an_interval_too_a_crash_loses_and_doubles_nothing)
{
	for (int after = 0; after < 2; after++)
		for (enum ending how = 0; how < ENDINGS; how++)
			for (uint64_t n = 1; crash_and_recover(ROLLED, n, after, how);)
				n += 3; /* a third: each crash is tried with one file an interval */
}

/* Each is a name, an intent and two syncs: beyond so many the last one grows. */
TEST(inv35_an_interval_has_a_bounded_number_of_files)
{
	struct world w;
	struct err e = {OK};
	world_open_with(&w, 1, ROLLED);
	EXPECT_OK(attempt_open(&w, &e), &e);
	for (int i = 0; i < ROLLED_MAX + 50; i++)
		EXPECT_OK(push(&w, 8, &e), &e);
	struct op_snapshot o = {.checkpoint = 1};
	bytes_init(&o.state, &w.disk_mem);
	bytes_init(&o.intents, &w.disk_mem);
	EXPECT(w.d.ops->snapshot(w.d.self, &w.d.ctx, &o) == OP_DONE);
	struct reader r = reader_of(o.intents.data, o.intents.len);
	struct intent in;
	unsigned n = 0;
	while (intent_next(&r, &in))
		n++;
	EXPECT(n == ROLLED_MAX + 1);
	bytes_close(&o.state);
	bytes_close(&o.intents);
	attempt_close(&w);
	world_close(&w);
}

TEST(options_that_make_no_sense_are_named)
{
	const struct {
		const char *options, *says;
	} cases[] = {
		{"{}", "path"},
		{"{\"path\":\"a\",\"format\":\"json\"}", "did you mean 'jsonl'?"},
		{"{\"path\":\"a\",\"files\":\"one\"}", "rolling"},
		{"{\"path\":\"a\",\"roll\":\"1MB\"}", "roll"},
		{"{\"path\":\"a\",\"roll\":{}}", "size"},
		{"{\"path\":\"a\",\"roll\":{\"size\":\"9B\"}}", "size"},
		{"{\"path\":\"a\",\"roll\":{\"size\":\"1MB\"},\"files\":\"single\"}",
		 "'roll' splits files"},
		{"{\"path\":\"a\",\"format\":\"text\"}",
		 "text needs one string field; it gets: n int64, s string"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mem mem;
		struct planned p;
		struct schema in = {0};
		struct err e = {OK};
		mem_init(&mem, 0);
		EXPECT_OK(schema_add(&in, "n", T_INT64, false, &e), &e);
		EXPECT_OK(schema_add(&in, "s", T_STRING, false, &e), &e);
		EXPECT(!plan_stage(&p, &small_file_sink_ops, cases[i].options, &in, &mem, &e));
		if (!strstr(e.text, cases[i].says))
			fail_msg("%s: %s", cases[i].options, e.text);
		plan_close(&p, &mem);
		EXPECT(mem.used_bytes == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_record_is_in_one_file_and_an_empty_interval_makes_none),
		T(inv4_inv17_a_crash_at_any_operation_loses_and_doubles_nothing),
		T(inv32_an_operation_that_fails_ends_the_attempt_and_the_next_one_goes_on),
		T(inv31_an_allocation_that_fails_ends_the_attempt_and_leaks_nothing),
		T(a_full_disk_names_the_path),
		T(with_both_buffers_out_no_input_is_taken),
		T(another_lineages_files_are_refused_with_the_cure),
		T(a_path_that_is_a_file_is_refused),
		T(a_size_splits_the_files_of_an_interval_between_batches),
		T(inv4_inv17_with_several_files_an_interval_too_a_crash_loses_and_doubles_nothing),
		T(inv35_an_interval_has_a_bounded_number_of_files),
		T(options_that_make_no_sense_are_named),
	};
	return RUN(tests);
}
