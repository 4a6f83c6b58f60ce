/* test_placement.c - which tasks share a thread, for a chain, a fan-out and a union, by what is
 * said and how many processors there are. */
#include "tests/lib/test.h"

#include "jobs/placement.h"

#define GEN(id)                                                                                    \
	"{\"id\":\"" id "\",\"type\":\"generator_source\",\"rows\":9,\"fields\":{\"k\":\"i\"}}"
#define SUM "{\"id\":\"sum\",\"type\":\"keyed_sum\",\"key\":\"k\",\"value\":\"k\"}"
#define MAP(id) "{\"id\":\"" id "\",\"type\":\"map\",\"set\":{\"z\":\"k+1\"}}"
#define OUT "{\"id\":\"out\",\"type\":\"blackhole_sink\"}"
#define CHAIN "\"pipeline\":[" GEN("gen") "," MAP("map") "," SUM "," OUT "]}"

/* The threads as text: tasks of one stand together, "gen/0 map/0 | sum/0 out/0". */
static void places(const char *job, unsigned cores, const char *expected)
{
	struct mem mem;
	struct err e = {0};
	struct diags ds;
	struct spec *spec = NULL;
	struct plan *plan = NULL;
	char text[1000] = "";
	size_t at = 0;
	mem_init(&mem, 0);
	struct spec_type *types = plan_types(&mem);
	diags_init(&ds, "job.json", job, strlen(job), &mem);
	struct spec_source from = {.file = "job.json", .text = job, .len = strlen(job),
				   .types = types, .cores = cores};
	EXPECT_OK(spec_parse(&spec, &from, &ds, &mem, &e), &e);
	EXPECT_OK(plan_make(&plan, spec, &ds, &mem, &e), &e);
	for (uint32_t t = 0; t < plan->n_threads; t++) {
		at += (size_t)snprintf(text + at, sizeof text - at, "%s", t ? " |" : "");
		for (uint32_t s = 0; s < plan->n_stages; s++)
			for (uint32_t i = 0; i < plan->stage[s].parallelism; i++)
				if (plan->thread[plan->stage[s].first_task + i] == t)
					at += (size_t)snprintf(text + at, sizeof text - at, "%s%s/%u",
							       at ? " " : "",
							       plan->stage[s].spec->id, i);
	}
	if (strcmp(text, expected))
		fail_msg("placed:   %s\nexpected: %s", text, expected);
	diags_close(&ds);
	plan_close(plan);
	spec_close(spec);
	mem_put(&mem, types);
	EXPECT(mem.used_bytes == 0);
}

TEST(unless_said_each_task_has_a_thread)
{
	places("{\"name\":\"t\"," CHAIN, 2, "gen/0 | map/0 | sum/0 | out/0");
	places("{\"name\":\"t\",\"chaining\":\"none\",\"parallelism\":2,\"pipeline\":["
	       GEN("gen") "," OUT "]}",
	       8, "gen/0 | gen/1 | out/0 | out/1");
}

TEST(with_fewer_subtasks_than_processors_a_keyed_stage_is_alone)
{
	places("{\"name\":\"t\",\"chaining\":\"auto\"," CHAIN, 2, "gen/0 map/0 | sum/0 | out/0");
	places("{\"name\":\"t\",\"chaining\":\"auto\",\"parallelism\":2," CHAIN, 4,
	       "gen/0 map/0 | gen/1 map/1 | sum/0 | sum/1 | out/0 | out/1");
}

TEST(with_a_subtask_a_processor_each_thread_has_the_whole_way)
{
	places("{\"name\":\"t\",\"chaining\":\"auto\"," CHAIN, 1, "gen/0 map/0 sum/0 out/0");
	places("{\"name\":\"t\",\"chaining\":\"auto\",\"parallelism\":2," CHAIN, 2,
	       "gen/0 map/0 sum/0 out/0 | gen/1 map/1 sum/1 out/1");
}

TEST(auto_parallelism_is_as_many_as_processors)
{
	places("{\"name\":\"t\",\"chaining\":\"auto\",\"parallelism\":\"auto\",\"pipeline\":["
	       GEN("gen") "," OUT "]}",
	       3, "gen/0 out/0 | gen/1 out/1 | gen/2 out/2");
	places("{\"name\":\"t\",\"parallelism\":\"auto\",\"max_parallelism\":2,\"pipeline\":["
	       GEN("gen") "," OUT "]}",
	       64, "gen/0 | gen/1 | out/0 | out/1");
	places("{\"name\":\"t\",\"pipeline\":[" GEN("gen")
	       ",{\"id\":\"out\",\"type\":\"blackhole_sink\",\"parallelism\":\"auto\"}]}",
	       2, "gen/0 | out/0 | out/1");
}

TEST(all_auto_is_one_pipeline_where_two_processors_group_by_key)
{
	static const char all[] =
		"{\"name\":\"t\",\"chaining\":\"auto\",\"parallelism\":\"auto\"," CHAIN;
	places(all, 2, "gen/0 map/0 | sum/0 | out/0");
	places(all, 1, "gen/0 map/0 sum/0 out/0");
	places(all, 3,
	       "gen/0 map/0 sum/0 out/0 | gen/1 map/1 sum/1 out/1 | gen/2 map/2 sum/2 out/2");
	places("{\"name\":\"t\",\"chaining\":\"auto\",\"parallelism\":\"auto\",\"pipeline\":["
	       GEN("gen") "," MAP("map") "," OUT "]}",
	       2, "gen/0 map/0 out/0 | gen/1 map/1 out/1");
	places("{\"name\":\"t\",\"parallelism\":\"auto\"," CHAIN, 2,
	       "gen/0 | gen/1 | map/0 | map/1 | sum/0 | sum/1 | out/0 | out/1");
}

TEST(where_widths_differ_the_first_ones_pair_up)
{
	places("{\"name\":\"t\",\"chaining\":\"auto\",\"parallelism\":2,\"pipeline\":[" GEN("gen")
	       ",{\"id\":\"out\",\"type\":\"blackhole_sink\",\"parallelism\":1}]}",
	       2, "gen/0 out/0 | gen/1");
}

TEST(branches_meet_on_one_thread)
{
	places("{\"name\":\"t\",\"chaining\":\"auto\",\"pipeline\":[" GEN("a") "," GEN("b")
	       ",{\"id\":\"u\",\"type\":\"union\",\"inputs\":[\"a\",\"b\"]}," OUT
	       ",{\"id\":\"sum\",\"type\":\"keyed_sum\",\"key\":\"k\",\"inputs\":\"u\"},"
	       "{\"id\":\"o2\",\"type\":\"blackhole_sink\"}]}",
	       2, "a/0 b/0 u/0 out/0 | sum/0 | o2/0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(unless_said_each_task_has_a_thread),
		T(with_fewer_subtasks_than_processors_a_keyed_stage_is_alone),
		T(with_a_subtask_a_processor_each_thread_has_the_whole_way),
		T(auto_parallelism_is_as_many_as_processors),
		T(all_auto_is_one_pipeline_where_two_processors_group_by_key),
		T(where_widths_differ_the_first_ones_pair_up),
		T(branches_meet_on_one_thread),
	};
	return RUN(tests);
}
