/* test_explain.c - a drawing is right when it looks right: golden texts, written by hand, of a
 * chain, of a fan-out that runs past another branch, and of two sources that meet. */
#include "tests/lib/test.h"

#include "jobs/explain.h"

struct rig {
	struct mem mem;
	struct spec_type *types;
	struct diags ds;
	struct spec *spec;
	struct plan *plan;
	struct bytes text;
};

static void rig_open(struct rig *r, const char *job)
{
	struct err e = {0};
	mem_init(&r->mem, 0);
	bytes_init(&r->text, &r->mem);
	r->types = plan_types(&r->mem);
	assert_non_null(r->types);
	diags_init(&r->ds, "job.json", job, strlen(job), &r->mem);
	struct spec_source from = {.file = "job.json", .text = job, .len = strlen(job),
				   .types = r->types};
	enum rc rc = spec_parse(&r->spec, &from, &r->ds, &r->mem, &e);
	if (rc == OK)
		rc = plan_make(&r->plan, r->spec, &r->ds, &r->mem, &e);
	if (rc != OK) {
		diags_print(&r->ds, &r->text);
		fail_msg("%s: %s", err_name(rc), bytes_text(&r->text));
	}
}

static void rig_close(struct rig *r)
{
	diags_close(&r->ds);
	plan_close(r->plan);
	spec_close(r->spec);
	mem_put(&r->mem, r->types);
	bytes_close(&r->text);
	EXPECT(r->mem.used_bytes == 0);
}

static void draws(const char *job, const char *graph)
{
	struct rig r = {0};
	rig_open(&r, job);
	explain_draw(r.plan, &r.text);
	/* What stands below the graph has its own test. */
	const char *text = bytes_text(&r.text);
	const char *below = strstr(text, "\norder  ");
	assert_non_null(below);
	if (strlen(graph) != (size_t)(below - text) || memcmp(text, graph, strlen(graph)))
		fail_msg("drawn:\n%s\nexpected:\n%s", text, graph);
	rig_close(&r);
}

#define GEN(id) \
	"{\"id\":\"" id "\",\"type\":\"generator_source\",\"rows\":9,\"fields\":{\"k\":\"i\"}}"

TEST(a_chain_is_one_lane)
{
	draws("{\"name\":\"t\",\"parallelism\":2,\"pipeline\":[" GEN("a")
	      ",{\"id\":\"sum\",\"type\":\"keyed_sum\",\"key\":\"k\",\"value\":\"k\","
	      "\"parallelism\":3},"
	      "{\"id\":\"out\",\"type\":\"print_sink\",\"parallelism\":1}]}",
	      "t: 3 stages, 6 tasks, ends when its input has ended\n"
	      "\n"
	      "o  a    generator_source  x2    ends by itself\n"
	      "|    k int64\n"
	      "|    -> sum: hash of k, 2 x 3 channels\n"
	      "o  sum  keyed_sum         x3    keyed by k; keeps sum int64; order-dependent\n"
	      "|    k int64, sum int64\n"
	      "|    -> out: rebalance, 3 x 1 channels\n"
	      "o  out  print_sink        x1    commits nothing\n");
}

TEST(lanes_part_run_past_each_other_and_meet)
{
	draws("{\"name\":\"t\",\"pipeline\":[" GEN("a")
	      ",{\"id\":\"b\",\"type\":\"filter\",\"expr\":\"k > 1\"},"
	      "{\"id\":\"c\",\"type\":\"filter\",\"expr\":\"k < 1\",\"inputs\":[\"a\"]},"
	      "{\"id\":\"u\",\"type\":\"union\",\"inputs\":[\"b\",\"c\"]},"
	      "{\"id\":\"out\",\"type\":\"print_sink\"}]}",
	      "t: 5 stages, 5 tasks, ends when its input has ended\n"
	      "\n"
	      "o  a    generator_source  x1    ends by itself\n"
	      "|    k int64\n"
	      "|    -> b: forward, 1 channel\n"
	      "|    -> c: forward, 1 channel\n"
	      "+--.\n"
	      "o  |  b    filter            x1\n"
	      "|  |    k int64\n"
	      "|  |    -> u: forward, 1 channel\n"
	      "|  o  c    filter            x1\n"
	      "|  |    k int64\n"
	      "|  |    -> u: forward, 1 channel\n"
	      "+--'\n"
	      "o  u    union             x1\n"
	      "|    k int64\n"
	      "|    -> out: forward, 1 channel\n"
	      "o  out  print_sink        x1    commits nothing\n");
}

TEST(a_tie_passes_under_a_lane_that_has_nothing_to_do_with_it)
{
	draws("{\"name\":\"t\",\"pipeline\":[" GEN("a") "," GEN("b") "," GEN("c")
	      ",{\"id\":\"u\",\"type\":\"union\",\"inputs\":[\"a\",\"c\"]},"
	      "{\"id\":\"x\",\"type\":\"print_sink\"},"
	      "{\"id\":\"y\",\"type\":\"print_sink\",\"inputs\":[\"b\"]}]}",
	      "t: 6 stages, 6 tasks, ends when its input has ended\n"
	      "\n"
	      "o  a  generator_source  x1    ends by itself\n"
	      "|    k int64\n"
	      "|    -> u: forward, 1 channel\n"
	      "|  o  b  generator_source  x1    ends by itself\n"
	      "|  |    k int64\n"
	      "|  |    -> y: forward, 1 channel\n"
	      "|  |  o  c  generator_source  x1    ends by itself\n"
	      "|  |  |    k int64\n"
	      "|  |  |    -> u: forward, 1 channel\n"
	      "+--|--'\n"
	      "o  |  u  union             x1\n"
	      "|  |    k int64\n"
	      "|  |    -> x: forward, 1 channel\n"
	      "o  |  x  print_sink        x1    commits nothing\n"
	      "   |\n"
	      "   o  y  print_sink        x1    commits nothing\n");
}

TEST(a_source_that_says_when_its_rows_were_made_gives_no_two_runs_the_same_output)
{
	struct rig r = {0};
	rig_open(&r, "{\"name\":\"t\",\"pipeline\":["
		     "{\"id\":\"a\",\"type\":\"generator_source\",\"rows\":1,\"created_as\":\"at\"},"
		     "{\"id\":\"out\",\"type\":\"print_sink\"}]}");
	explain_draw(r.plan, &r.text);
	const char *text = bytes_text(&r.text);
	EXPECT(strstr(text, "i int64, at timestamp"));
	EXPECT(strstr(text, "order-dependent: stage 'a' says of each row when it was made, so no two\n"
			    "             runs give the same output.\n"));
	EXPECT(!strstr(text, "several paths"));
	bytes_clear(&r.text);
	explain_json(r.plan, &r.text);
	EXPECT(strstr(bytes_text(&r.text), "\"order_dependent\": true"));
	EXPECT(strstr(bytes_text(&r.text), "\"order_dependent_stage\": \"a\""));
	rig_close(&r);
}

TEST(what_depends_on_the_order_of_arrival_is_said_in_words_and_in_json)
{
	struct rig r = {0};
	rig_open(&r, "{\"name\":\"t\",\"checkpoint\":{\"interval\":\"100ms\",\"dir\":\"here\"},"
		     "\"parallelism\":2,\"pipeline\":[" GEN("a")
		     ",{\"id\":\"sum\",\"type\":\"keyed_sum\",\"value\":\"k\"},"
		     "{\"id\":\"out\",\"type\":\"print_sink\"}]}");
	explain_draw(r.plan, &r.text);
	const char *text = bytes_text(&r.text);
	EXPECT(strstr(text, "order-dependent: stage 'sum' emits a running value"));
	EXPECT(strstr(text, "keyed by nothing (one global value)"));
	EXPECT(strstr(text, "each 100ms, aligned (exactly once)"));
	EXPECT(strstr(text, "in here"));
	bytes_clear(&r.text);
	explain_json(r.plan, &r.text);
	struct json_doc *doc;
	struct err e = {0};
	EXPECT_OK(json_parse(&doc, bytes_text(&r.text), r.text.len, &r.mem, NULL, &e), &e);
	const struct json *root = json_root(doc);
	EXPECT(json_bool(json_get(root, "order_dependent")));
	EXPECT(!strcmp(json_string(json_get(root, "order_dependent_stage"), NULL), "sum"));
	EXPECT(json_count(json_get(root, "stages")) == 3);
	const struct json *edge = json_item(json_get(root, "edges"), 0);
	EXPECT(!strcmp(json_string(json_get(edge, "exchange"), NULL), "hash"));
	EXPECT(json_int(json_get(edge, "channels")) == 4);
	const struct json *schema = json_get(json_item(json_get(root, "stages"), 1), "schema");
	EXPECT(!strcmp(json_string(json_get(json_item(schema, 0), "type"), NULL), "int64"));
	json_close(doc);
	rig_close(&r);
}

TEST(the_strategy_is_said_in_words_and_what_a_cancel_deletes)
{
	static const struct {
		const char *blocks, *says;
	} table[] = {
		{"\"restart\":{},", "restart      up to 3 times in a row: at once, then after 1s, each "
				    "time x1.5, at most 1m\n"},
		{"\"restart\":{\"strategy\":\"none\"},",
		 "restart      none: the first failure ends the run\n"},
		{"\"restart\":{\"strategy\":\"fixed_delay\",\"initial\":\"2s\"},",
		 "restart      up to 3 times in a row: at once, then each time after 2s\n"},
		{"\"restart\":{\"strategy\":\"failure_rate\",\"attempts\":5},",
		 "restart      while at most 5 failures fall within 1m: at once, then each time after "
		 "1s\n"},
		{"\"restart\":{\"strategy\":\"failure_rate\",\"attempts\":1},",
		 "restart      while at most 1 failure falls within 1m: at once, then each time after "
		 "1s\n"},
		{"\"checkpoint\":{\"on_cancel\":\"delete\"},", "; deleted by `weir cancel`\n"},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		char job[400];
		struct rig r = {0};
		snprintf(job, sizeof job,
			 "{\"name\":\"t\",%s\"pipeline\":[" GEN("a")
			 ",{\"id\":\"out\",\"type\":\"print_sink\"}]}",
			 table[i].blocks);
		rig_open(&r, job);
		explain_draw(r.plan, &r.text);
		if (!strstr(bytes_text(&r.text), table[i].says))
			fail_msg("%s\ndoes not say %s", bytes_text(&r.text), table[i].says);
		rig_close(&r);
	}
}

TEST(more_lanes_than_can_be_drawn_are_survived)
{
	struct rig r = {0};
	struct bytes job;
	struct mem mem;
	mem_init(&mem, 0);
	bytes_init(&job, &mem);
	bytes_put_text(&job, "{\"name\":\"t\",\"pipeline\":[" GEN("a"));
	for (int i = 0; i < 400; i++)
		bytes_printf(&job, ",{\"id\":\"s%d\",\"type\":\"blackhole_sink\",\"inputs\":[\"a\"]}", i);
	bytes_put_text(&job, "]}");
	rig_open(&r, bytes_text(&job));
	explain_draw(r.plan, &r.text);
	EXPECT(strstr(bytes_text(&r.text), "s399"));
	rig_close(&r);
	bytes_close(&job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_chain_is_one_lane),
		T(lanes_part_run_past_each_other_and_meet),
		T(a_tie_passes_under_a_lane_that_has_nothing_to_do_with_it),
		T(a_source_that_says_when_its_rows_were_made_gives_no_two_runs_the_same_output),
		T(what_depends_on_the_order_of_arrival_is_said_in_words_and_in_json),
		T(the_strategy_is_said_in_words_and_what_a_cancel_deletes),
		T(more_lanes_than_can_be_drawn_are_survived),
	};
	return RUN(tests);
}
