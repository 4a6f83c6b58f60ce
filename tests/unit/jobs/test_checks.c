/* test_checks.c - invariants of a job: what may stand in one, what it is on a cut, and what is said
 * when it does not hold. */
#include "jobs/checks.h"

#include "base/check.h"
#include "base/rng.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define JOB                                                                                        \
	"{\"name\":\"j\",\"pipeline\":["                                                           \
	"{\"id\":\"gen-1\",\"type\":\"generator_source\",\"rows\":9,"                              \
	"\"fields\":{\"k\":\"i\",\"x\":\"i / 2.0\"}},"                                             \
	"{\"id\":\"words\",\"type\":\"map\",\"set\":{\"z\":\"k+1\"}},"                             \
	"{\"id\":\"count\",\"type\":\"keyed_sum\",\"key\":\"k\",\"value\":\"z\",\"as\":\"n\"},"    \
	"{\"id\":\"real\",\"type\":\"keyed_sum\",\"inputs\":\"words\",\"key\":\"k\","              \
	"\"value\":\"x\",\"as\":\"r\"},"                                                           \
	"{\"id\":\"all\",\"type\":\"keyed_sum\",\"inputs\":\"words\"},"                            \
	"{\"id\":\"out\",\"type\":\"blackhole_sink\",\"inputs\":\"count\"},"                       \
	"{\"id\":\"o2\",\"type\":\"blackhole_sink\",\"inputs\":\"real\"},"                         \
	"{\"id\":\"o3\",\"type\":\"blackhole_sink\",\"inputs\":\"all\"}]}"
enum { GEN, WORDS, COUNT, REAL, ALL, OUT };

struct rig {
	struct mem mem;
	struct diags ds;
	struct spec_type *types;
	struct spec *spec;
	struct plan *plan;
	struct json_doc *doc;
	struct checks *c;
	struct opt_report_err report;
	struct err e, fault;
};

static void rig_open(struct rig *r)
{
	memset(r, 0, sizeof *r);
	mem_init(&r->mem, 0);
	diags_init(&r->ds, "job.json", JOB, strlen(JOB), &r->mem);
	r->types = plan_types(&r->mem);
	struct spec_source from = {.file = "job.json", .text = JOB, .len = strlen(JOB),
				   .types = r->types};
	EXPECT_OK(spec_parse(&r->spec, &from, &r->ds, &r->mem, &r->e), &r->e);
	EXPECT_OK(plan_make(&r->plan, r->spec, &r->ds, &r->mem, &r->e), &r->e);
}

static void forget(struct rig *r)
{
	checks_close(r->c);
	json_close(r->doc);
	r->c = NULL;
	r->doc = NULL;
}

static void rig_close(struct rig *r)
{
	forget(r);
	diags_close(&r->ds);
	plan_close(r->plan);
	spec_close(r->spec);
	mem_put(&r->mem, r->types);
	EXPECT(r->mem.used_bytes == 0);
}

/* r->fault: what is wrong with it, if anything. */
static void parse(struct rig *r, const char *list)
{
	forget(r);
	err_clear(&r->fault);
	EXPECT_OK(json_parse(&r->doc, list, strlen(list), &r->mem, NULL, &r->e), &r->e);
	EXPECT_OK(checks_parse(&r->c, json_root(r->doc), r->plan,
			       opt_report_to_err(&r->report, &r->fault), &r->mem, &r->e),
		  &r->e);
}

/* Every value is its number: 100 * what + 10 * stage + word, but for one. */
struct cut {
	__int128 sum_n;
};
static __int128 value_of(void *arg, enum check_what what, uint32_t stage, uint32_t word)
{
	const struct cut *cut = arg;
	if (what == CHECK_SUM && stage == COUNT)
		return cut->sum_n;
	return 100 * what + 10 * stage + word;
}

static bool holds(struct rig *r, __int128 sum_n, struct check_sides *s, struct err *why)
{
	struct cut cut = {sum_n};
	struct check_values v = {value_of, &cut};
	err_clear(why);
	EXPECT(checks_count(r->c) == 1);
	return check_holds(r->c, 0, &v, s, why);
}

TEST(each_value_is_asked_of_its_stage_and_each_comparison_is_itself)
{
	static const struct {
		const char *text;
		bool holds;
	} rows[] = {
		{"sum(count.n) = 5", true},
		{"SUM ( count . n )=5", true},
		{"sum(\\\"count\\\".\\\"n\\\") = 5", true},
		{"sum(count.n) <> 5", false},
		{"sum(count.n) != 6", true},
		{"sum(count.n) < 5", false},
		{"sum(count.n) <= 5", true},
		{"sum(count.n) > 5", false},
		{"sum(count.n) >= 5", true},
		{"sum(all.sum) = 40", true},
		{"count(count) = 120", true},
		{"records_in(words) = 210", true},
		{"records_out(gen-1) = 300", true},
		{"records_skipped(words) == 410", true},
		{"position(gen-1) = 500", true},
		{"2 + 3 * 4 - count(count) = -106", true},
		{"(2 + 3) * 4 = 20 + 0 * count(count)", true},
		{"10 - 3 - 2 - count(count) * 0 = 5", true},
		{"- - 5 = sum(count.n)", true},
		{"-(5 - 10) * -1 = -sum(count.n)", true},
	};
	struct rig r;
	rig_open(&r);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char list[300];
		struct check_sides s;
		struct err why;
		snprintf(list, sizeof list, "[\"%s\"]", rows[i].text);
		parse(&r, list);
		if (r.fault.code != OK)
			fail_msg("%s: %s", rows[i].text, r.fault.text);
		if (holds(&r, 5, &s, &why) != rows[i].holds)
			fail_msg("%s: %s", rows[i].text, why.text);
	}
	rig_close(&r);
}

TEST(what_is_summed_is_known_of_each_stage)
{
	struct rig r;
	rig_open(&r);
	parse(&r, "[\"sum(count.n) + 1 > 0\", \"1 < sum(all.sum)\"]");
	EXPECT(r.fault.code == OK && checks_count(r.c) == 2);
	EXPECT(checks_sums(r.c, COUNT) == 1 && checks_sums(r.c, ALL) == 1);
	EXPECT(checks_sums(r.c, REAL) == 0 && checks_sums(r.c, GEN) == 0);
	parse(&r, "[\"count(real) <= records_in(real)\"]");
	EXPECT(checks_sums(r.c, REAL) == 0);
	parse(&r, "[]");
	EXPECT(!r.c && checks_count(r.c) == 0 && checks_sums(r.c, COUNT) == 0);
	rig_close(&r);
}

TEST(records_that_nobody_counted_are_refused_before_anything_changes)
{
	struct rig r;
	struct manifest m;
	rig_open(&r);
	manifest_init(&m, &r.mem);
	struct manifest_op *op = manifest_add_op(&m, "count", "keyed_sum", 1);
	parse(&r, "[\"sum(count.n) = position(gen-1)\"]");
	EXPECT_OK(checks_fit(r.c, &m, &r.e), &r.e);
	EXPECT_OK(checks_fit(NULL, &m, &r.e), &r.e);
	parse(&r, "[\"sum(count.n) = 1\", \"count(count) <= records_in(count)\"]");
	EXPECT(checks_fit(r.c, &m, &r.e) == E_REFUSED && strstr(r.e.text, "records_in(count)"));
	err_clear(&r.e);
	op->counted = true;
	EXPECT_OK(checks_fit(r.c, &m, &r.e), &r.e);
	manifest_close(&m);
	rig_close(&r);
}

TEST(what_cannot_be_meant_is_refused_with_a_cure)
{
	static const char *const rows[][2] = {
		{"sum(cuont.n) = 5", "no stage has the id 'cuont'"},
		{"sum(cuont.n) = 5", "did you mean 'count'?"},
		{"sum(count.k) = 5", "keeps no sum called 'k'"},
		{"sum(count.zz) = 5", "keeps no sum called 'zz'"},
		{"sum(real.r) = 5", "'r' is float64"},
		{"sum(words.z) = 5", "has no keyed state"},
		{"count(words) = 5", "has no keyed state"},
		{"sum(count) = 5", "the field to sum is missing"},
		{"cuont(count) = 5", "did you mean 'count'?"},
		{"total(count) = 5", "is no value of a checkpoint"},
		{"records_in(gen-1) = 5", "is a source"},
		{"records_out(out) = 5", "is a sink"},
		{"position(count) = 5", "is no source"},
		{"count(count)", "is missing"},
		{"count(count) = ", "a number or a value is missing"},
		{"count(count) = 5 6", "should end here"},
		{"count(count = 5", "')' is missing"},
		{"(count(count) = 5", "')' is missing"},
		{"count = 5", "'(' is missing"},
		{"count() = 5", "the id of a stage is missing"},
		{"5 = 5", "says nothing of the job"},
		{"count(count) = 1.5", "only whole numbers"},
		{"count(count) = 9223372036854775808", "does not fit"},
		{"count(count) = 'a'", "a number or a value is missing"},
	};
	struct rig r;
	rig_open(&r);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char list[300];
		snprintf(list, sizeof list, "[\"%s\"]", rows[i][0]);
		parse(&r, list);
		if (!strstr(r.fault.text, rows[i][1]))
			fail_msg("%s gives: %s", rows[i][0], r.fault.text);
	}
	rig_close(&r);
}

TEST(texts_of_any_length_and_depth_are_refused_not_run)
{
	struct rig r;
	char *list = malloc(40000);
	rig_open(&r);
	for (uint32_t n = 1; n < 6000; n += n / 7 + 1)
		for (int kind = 0; kind < 4; kind++) {
			char *at = list + sprintf(list, "[\"");
			for (uint32_t i = 0; i < n; i++)
				at += sprintf(at, "%s", kind == 0 ? "(" : kind == 1 ? "-" : "1+");
			at += sprintf(at, "count(count)");
			for (uint32_t i = 0; i < n && kind == 0; i++)
				at += sprintf(at, ")");
			for (uint32_t i = 0; i < n && kind == 3; i++)
				at += sprintf(at, "*1");
			sprintf(at, " > 0\"]");
			parse(&r, list);
			EXPECT((r.fault.code == OK) == (checks_count(r.c) == 1));
			EXPECT(r.fault.code != OK || n < 512);
		}
	free(list);
	rig_close(&r);
}

TEST(what_does_not_hold_says_both_sides_and_every_value_once)
{
	struct rig r;
	struct check_sides s;
	struct err why;
	rig_open(&r);
	parse(&r, "[\"sum(count.n) = records_out(words) + count(count) - count(count)\"]");
	EXPECT(!holds(&r, (__int128)INT64_MIN * 4, &s, &why));
	EXPECT(why.code == E_RECORD && err_class_of(why.code) == CLASS_USER);
	assert_string_equal(why.text,
			    "the invariant sum(count.n) = records_out(words) + count(count) - "
			    "count(count) does not hold: left -36893488147419103232, right 310 "
			    "(sum(count.n) is -36893488147419103232, records_out(words) is 310, "
			    "count(count) is 120)");
	EXPECT(s.left == (__int128)INT64_MIN * 4 && s.right == 310);
	parse(&r, "[\"sum(count.n) * sum(count.n) > 0\"]");
	EXPECT(!holds(&r, (__int128)1 << 64, &s, &why));
	EXPECT(strstr(why.text, "leaves 128 bits (sum(count.n) is 18446744073709551616)"));
	EXPECT(holds(&r, (__int128)1 << 62, &s, &why));
	parse(&r, "[\"-sum(count.n) > 0\"]");
	__int128 least = (__int128)((unsigned __int128)1 << 127);
	EXPECT(!holds(&r, least, &s, &why));
	EXPECT(strstr(why.text, "sum(count.n) is -170141183460469231731687303715884105728"));
	rig_close(&r);
}

/* ---- random ones, built with their value beside the text ---- */

static __int128 grow(struct rng *r, int depth, char **at)
{
	static const char *const signs[] = {" + ", "-", "*"};
	int64_t n = (int64_t)rng_below(r, 100);
	uint64_t kind = depth ? rng_below(r, 6) : rng_below(r, 3);
	if (kind == 0) {
		*at += sprintf(*at, "%lld", (long long)n);
		return n;
	}
	if (kind == 1) {
		*at += sprintf(*at, "count(count)");
		return 120;
	}
	if (kind == 2) {
		*at += sprintf(*at, "sum(count.n)");
		return 7;
	}
	if (kind == 3) {
		*at += sprintf(*at, "-(");
		__int128 x = grow(r, depth - 1, at);
		*at += sprintf(*at, ")");
		return -x;
	}
	uint64_t sign = rng_below(r, 3);
	*at += sprintf(*at, "(");
	__int128 x = grow(r, depth - 1, at);
	*at += sprintf(*at, ")%s(", signs[sign]);
	__int128 y = grow(r, depth - 1, at);
	*at += sprintf(*at, ")");
	return sign == 0 ? x + y : sign == 1 ? x - y : x * y;
}

TEST(random_arithmetic_comes_to_what_it_was_built_for)
{
	struct rig r;
	struct rng rng;
	uint32_t done = 0;
	rig_open(&r);
	rng_seed(&rng, 42);
	for (int i = 0; i < 2000; i++) {
		char list[8000], *at = list + sprintf(list, "[\"");
		struct check_sides s;
		struct err why;
		__int128 left = grow(&rng, 4, &at);
		at += sprintf(at, "<=count(count)*0+");
		__int128 right = grow(&rng, 4, &at);
		sprintf(at, "\"]");
		parse(&r, list);
		if (r.fault.code != OK) { /* too long */
			EXPECT(strlen(list) > 250);
			continue;
		}
		bool is = holds(&r, 7, &s, &why);
		if (s.left != left || s.right != right || is != (left <= right))
			fail_msg("%s", list);
		done++;
	}
	EXPECT(done > 1000);
	rig_close(&r);
}

TEST(inv31_without_memory_there_are_no_checks_and_no_leak)
{
	struct rig r;
	rig_open(&r);
	const char *list = "[\"sum(count.n) = 1\", \"count(count) > records_in(words)\"]";
	EXPECT_OK(json_parse(&r.doc, list, strlen(list), &r.mem, NULL, &r.e), &r.e);
	uint64_t calls = atomic_load(&r.mem.calls);
	for (uint64_t n = 1;; n++) {
		atomic_store(&r.mem.calls, calls);
		r.mem.fail_at = calls + n;
		enum rc rc = checks_parse(&r.c, json_root(r.doc), r.plan,
					  opt_report_to_err(&r.report, &r.fault), &r.mem, &r.e);
		r.mem.fail_at = 0;
		if (rc == OK)
			break;
		EXPECT(rc == E_NO_MEMORY && !r.c);
		err_clear(&r.e);
	}
	EXPECT(checks_count(r.c) == 2);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_value_is_asked_of_its_stage_and_each_comparison_is_itself),
		T(what_is_summed_is_known_of_each_stage),
		T(records_that_nobody_counted_are_refused_before_anything_changes),
		T(what_cannot_be_meant_is_refused_with_a_cure),
		T(texts_of_any_length_and_depth_are_refused_not_run),
		T(what_does_not_hold_says_both_sides_and_every_value_once),
		T(random_arithmetic_comes_to_what_it_was_built_for),
		T(inv31_without_memory_there_are_no_checks_and_no_leak),
	};
	return RUN(tests);
}
