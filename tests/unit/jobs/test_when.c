/* test_when.c - the condition of a trigger: what may stand in one, where what is wrong with it
 * stands, what it is over given counts, and which records its taps see. */
#include "jobs/when.h"

#include "base/check.h"
#include "base/rng.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define HEAD "{\"name\":\"j\",\"checkpoint\":{\"interval\":\"1s\",\"trigger\":{\"when\":\""
#define TAIL                                                                                       \
	"\"}},\"pipeline\":["                                                                      \
	"{\"id\":\"gen-1\",\"type\":\"generator_source\",\"rows\":9,"                              \
	"\"fields\":{\"k\":\"i\",\"x\":\"i / 2.0\"}},"                                             \
	"{\"id\":\"words\",\"type\":\"map\",\"set\":{\"z\":\"k+1\"}},"                             \
	"{\"id\":\"count\",\"type\":\"keyed_sum\",\"key\":\"k\",\"value\":\"z\",\"as\":\"n\"},"    \
	"{\"id\":\"out\",\"type\":\"blackhole_sink\"}]}"
#define NO_KEYS                                                                                    \
	"\"}},\"pipeline\":["                                                                      \
	"{\"id\":\"gen-1\",\"type\":\"generator_source\",\"rows\":9},"                             \
	"{\"id\":\"out\",\"type\":\"blackhole_sink\"}]}"
enum { GEN, WORDS, COUNT, OUT };

struct rig {
	struct mem mem;
	struct diags ds;
	struct spec_type *types;
	struct spec *spec;
	struct plan *plan;
	char text[8000];
	struct err e;
};

static enum rc rig_open(struct rig *r, const char *when, const char *tail)
{
	memset(r, 0, sizeof *r);
	mem_init(&r->mem, 0);
	snprintf(r->text, sizeof r->text, "%s%s%s", HEAD, when, tail);
	diags_init(&r->ds, "job.json", r->text, strlen(r->text), &r->mem);
	r->types = plan_types(&r->mem);
	struct spec_source from = {.file = "job.json", .text = r->text, .len = strlen(r->text),
				   .types = r->types};
	EXPECT_OK(spec_parse(&r->spec, &from, &r->ds, &r->mem, &r->e), &r->e);
	return plan_make(&r->plan, r->spec, &r->ds, &r->mem, &r->e);
}

static void rig_close(struct rig *r)
{
	diags_close(&r->ds);
	plan_close(r->plan);
	spec_close(r->spec);
	mem_put(&r->mem, r->types);
	EXPECT(r->mem.used_bytes == 0);
}

/* ---- faults ---- */

TEST(what_is_wrong_is_told_where_it_stands_with_its_cure)
{
	/* at: the fault begins with it, its last occurrence in the text. */
	static const struct {
		const char *when, *at, *says, *cure;
	} rows[] = {
		{"records_sinc > 5", "records_sinc ", "unknown field 'records_sinc'",
		 "did you mean 'records_since'?"},
		{"lag > 5", "lag ", "unknown field 'lag'", "records_since, keys_changed,"},
		{"sum(count.n) + records_in(words) > 5 and lag", "lag", "unknown field 'lag'",
		 "records_since, keys_changed,"},
		{"sum(count.n) > 5 and sums(count.n) > 5", "sums(", "'sums' is no value",
		 "did you mean 'sum'?"},
		{"sum(count.n) > 5 and cuont(count) > 5", "cuont", "'cuont' is no value",
		 "did you mean 'count'?"},
		{"abz(records_since) > 5", "abz", "unknown function 'abz'", "passed(STAGE, condition)"},
		{"sum(count.m) > 5", "m) ", "stage 'count' keeps no sum called 'm'", "sums up"},
		{"sum(words.z) > 5", "words", "stage 'words' has no keyed state", ""},
		{"count(cuont) > 5", "cuont", "no stage has the id 'cuont'", "did you mean 'count'?"},
		{"records_out(out) > 5", "out) ", "stage 'out' is a sink", "records_in(...)"},
		{"records_in() > 5", ") ", "the id of a stage is missing", ""},
		{"count(count > 5", "> 5", "')' is missing", ""},
		{"sum(count.n)", "sum", "the condition is int64, not bool", "records_since >= 1000000"},
		{"1 = 1", "1 = 1", "says nothing of the job", "passed(STAGE, condition)"},
		{"count(count) = 'x'", "'x'", "", ""},
		{"count(count) > 5 and", "count(count)", "", ""},
		{"passed(word, k = 1)", "word", "no stage has the id 'word'", "did you mean 'words'?"},
		{"passed(out, k = 1)", "out", "stage 'out' is a sink", "the stage before it"},
		{"passed(words)", ")", "passed() needs a stage and a condition", "passed(lines,"},
		{"passed(words, k = 1", "passed", "')' is missing", ""},
		{"passed(words, k + 1)", " k + 1", "the condition of passed() is int64, not bool",
		 "line ="},
		{"passed(words, n = 1)", "n = 1", "unknown field 'n'", "it reads: k, x, z"},
		{"sum(count.n) > 1 or passed(count, z = 1)", "z = 1", "unknown field 'z'",
		 "it reads: k, n"},
		{"passed(words, zz = 1)", "zz", "unknown field 'zz'", "did you mean 'z'?"},
		{"passed(words, (k) = ')') or lag", "')'", "", ""},
		{"passed(words, k = 1) and lag = 2", "lag", "unknown field 'lag'", "records_since,"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rig r;
		enum rc rc = rig_open(&r, rows[i].when, TAIL);
		const struct diag *d = &r.ds.d[0];
		const char *at = strstr(rows[i].when, rows[i].at);
		for (const char *next = at; next; next = strstr(next + 1, rows[i].at))
			at = next;
		EXPECT(at != NULL);
		size_t column = strlen(HEAD) + (size_t)(at - rows[i].when) + 1;
		if (rc != E_INVALID || r.ds.errors != 1 || r.ds.n != 1 || d->at.line != 1 ||
		    d->at.column != column || !d->at.len ||
		    column + d->at.len > strlen(HEAD) + strlen(rows[i].when) + 1 ||
		    !strstr(d->text, rows[i].says) || !strstr(d->hint, rows[i].cure))
			fail_msg("%s: column %u, not %zu: %s (%s)", rows[i].when,
				 (unsigned)d->at.column, column, d->text, d->hint);
		EXPECT(!strncmp(d->text, "checkpoint.trigger.when: ", 25));
		rig_close(&r);
	}
}

TEST(too_many_of_anything_are_refused)
{
	char text[6000] = "false";
	struct rig r;
	for (int i = 0; i <= WHEN_TAPS_MAX; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), " or passed(words, k = %d)", i);
	EXPECT(rig_open(&r, text, TAIL) == E_INVALID);
	EXPECT(strstr(r.ds.d[0].text, "passed() more than 8 times"));
	rig_close(&r);
	/* The same value twice is one. */
	strcpy(text, "false");
	for (int i = 0; i < 240; i++)
		strcat(text, " or count(count) = 1");
	EXPECT(rig_open(&r, text, TAIL) == OK && r.plan->when->n_values == 1);
	rig_close(&r);
	for (int i = 0; i < 30; i++)
		strcat(text, " or count(count) = 1");
	EXPECT(rig_open(&r, text, TAIL) == E_INVALID);
	EXPECT(strstr(r.ds.d[0].text, "more than 256 values"));
	rig_close(&r);
}

TEST(what_can_never_begin_one_is_warned_of)
{
	static const struct {
		const char *when, *tail;
		bool warned;
	} rows[] = {
		{"state_bytes > 5", TAIL, false},
		{"state_bytes > 5", NO_KEYS, true},
		{"\\\"keys_changed\\\" > 5", NO_KEYS, true},
		{"state_bytes + keys_changed + bytes_changed > 5", NO_KEYS, true},
		{"state_bytes > 5 or seconds_since > 3", NO_KEYS, false},
		{"records_out(gen-1) > 5", NO_KEYS, false},
		{"passed(gen-1, i = 5)", NO_KEYS, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rig r;
		EXPECT(rig_open(&r, rows[i].when, rows[i].tail) == OK && !r.ds.errors);
		if (r.ds.warnings != rows[i].warned)
			fail_msg("%s: %u warnings", rows[i].when, r.ds.warnings);
		EXPECT(!r.ds.n || strstr(r.ds.d[0].text, "no stage keeps keyed state"));
		rig_close(&r);
	}
}

/* What stands where, in any order: refused where it stands, or run. */
TEST(random_texts_are_understood_or_refused_within_their_bounds)
{
	static const char *const piece[] = {
		"sum(count.n)", "count(count)", "passed(words, ", "passed(gen-1, k = 1)", "records_since",
		" and ", " or ", " > ", " = ", "1", "2.5", "(", ")", ",", "'a)'", "k", "z", " not ", "--",
		"/*", "*/", "$a$", "\\\"", "count", ".", "sum", " ", "\xc3\xa4", "case when ", " end",
	};
	static const char *const whole[] = {
		"sum(count.n) > 3", "passed(words, k < 4 and (z > 2))", "not passed(gen-1, x > 1.5)",
		"seconds_since > 1", "(records_since - count(count)) * 2 = 8",
	};
	struct rng rng;
	uint32_t understood = 0, refused = 0;
	rng_seed(&rng, 6);
	for (int i = 0; i < 3000; i++) {
		char when[600] = "";
		struct rig r;
		struct when_now now = {0};
		for (uint64_t n = 1 + rng_below(&rng, 14); n && i % 2; n--)
			strcat(when, piece[rng_below(&rng, ARRAY_LEN(piece))]);
		for (uint64_t n = 1 + rng_below(&rng, 4); n && i % 2 == 0; n--) {
			strcat(when, when[0] ? " and " : "");
			strcat(when, whole[rng_below(&rng, ARRAY_LEN(whole))]);
		}
		if (i % 4 == 2) { /* one byte less */
			char *at = when + rng_below(&rng, strlen(when));
			memmove(at, at + 1, strlen(at));
		}
		if (rig_open(&r, when, TAIL) == OK) {
			struct when_eval *x;
			EXPECT_OK(when_eval_open(&x, r.plan->when, &r.mem, &r.e), &r.e);
			(void)when_holds(x, &now, &r.e);
			when_eval_close(x);
			understood++;
		} else {
			const struct json_at *at = &r.ds.d[0].at;
			EXPECT(r.ds.errors == 1 && at->line == 1 && at->column > strlen(HEAD) - 1 &&
			       at->column + at->len <= strlen(HEAD) + strlen(when) + 2);
			refused++;
		}
		rig_close(&r);
	}
	printf("%u understood, %u refused\n", understood, refused);
	EXPECT(understood > 750 && refused > 1000);
}

/* ---- what it is ---- */

static bool is_true(struct rig *r, const struct when_now *now)
{
	struct when_eval *x;
	struct err e = {0};
	EXPECT_OK(when_eval_open(&x, r->plan->when, &r->mem, &e), &e);
	bool once = when_holds(x, now, &e), again = when_holds(x, now, &e);
	EXPECT(once == again && e.code == OK);
	when_eval_close(x);
	return once;
}

/* Found by fuzzing: the bracket was there for one reader and not for the other. */
TEST(blanks_and_comments_stand_anywhere)
{
	static const char *const texts[] = {
		"passed\\r(words, z = 1)",  "passed /* so */ (words, z = 1)",
		"passed\\f( words\\r, z = 1)", "sum(\\rcount.n) > 5",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct rig r;
		EXPECT_OK(rig_open(&r, texts[i], TAIL), &r.e);
		EXPECT(r.plan->when->n_taps + r.plan->when->n_values == 1);
		rig_close(&r);
	}
}

TEST(each_name_is_its_own_count)
{
	static const struct {
		const char *when;
		bool is;
	} rows[] = {
		{"records_since = 1", true},
		{"keys_changed = 2", true},
		{"bytes_changed = 3", true},
		{"state_bytes = 4", true},
		{"seconds_since = 5.5", true},
		{"records_since = 2", false},
		{"sum(count.n) = 100", true},
		{"Sum ( count . n )= 100", true},
		{"COUNT(\\\"count\\\") = 100 and count(count)+1 = 101", true},
		{"records_in(words) = 100 and records_out(gen-1) = 101", true},
		{"records_skipped(words) = 100 and position(gen-1) = 101 and count(count) = 102", true},
		{"sum(count.n) - count(count) = -1", true},
		{"case when records_since > 0 then count(count) > 99 else false end", true},
		{"passed(words, k = 1)", true},
		{"passed(words, k = 2) and not passed(gen-1, k = (1))", true},
		{"passed(words, x > 0 /* ) */ and ')' <> '' -- )\\n) and count(count) = 100", true},
		{"null", false},
		{"records_since = null", false},
		{"'sum(count.n)' = 'x' or records_since = 9", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rig r;
		struct when_now now = {1, 2, 3, 4, 5.5, {100, 101, 102, 103}, {true, false, true}};
		enum rc rc = rig_open(&r, rows[i].when, TAIL);
		if (!strcmp(rows[i].when, "null")) {
			EXPECT(rc == E_INVALID);
		} else if (rc != OK || is_true(&r, &now) != rows[i].is) {
			fail_msg("%s: %s", rows[i].when, rc == OK ? "otherwise" : r.ds.d[0].text);
		}
		rig_close(&r);
	}
}

TEST(what_cannot_be_computed_is_not_true_and_says_why)
{
	struct rig r;
	struct when_eval *x;
	struct err e = {0};
	struct when_now now = {.records_since = 5};
	EXPECT(rig_open(&r, "records_since / count(count) > 0", TAIL) == OK);
	EXPECT_OK(when_eval_open(&x, r.plan->when, &r.mem, &e), &e);
	EXPECT(!when_holds(x, &now, &e) && e.code == E_RECORD && strstr(e.text, "division by zero"));
	err_clear(&e);
	now.value[0] = 5;
	EXPECT(when_holds(x, &now, &e) && e.code == OK);
	when_eval_close(x);
	rig_close(&r);
}

TEST(it_says_what_is_summed_and_itself_in_one_line)
{
	struct rig r;
	EXPECT(rig_open(&r, "  sum(count.n)\\n\\t> 5   and  count(count) > 1 ", TAIL) == OK);
	EXPECT(!strcmp(r.plan->when->said, "sum(count.n) > 5 and count(count) > 1"));
	EXPECT(when_sums(r.plan->when, COUNT) == 1 && !when_sums(r.plan->when, WORDS));
	EXPECT(!when_sums(NULL, COUNT));
	rig_close(&r);
}

/* ---- taps ---- */

/* Records k = first.., x = 0.5 each, the odd rows selected or all. */
static struct batch *records(struct pool *pool, int64_t first, uint32_t rows, bool odd)
{
	struct batch *b = pool_batch(pool);
	b->rows = rows;
	b->n_cols = 2;
	b->col[0] = pool_column(pool, T_INT64);
	b->col[1] = pool_column(pool, T_FLOAT64);
	b->col[0]->rows = b->col[1]->rows = rows;
	b->selected = odd;
	for (uint32_t i = 0; i < rows; i++) {
		b->col[0]->i64[i] = first + i;
		b->col[1]->f64[i] = 0.5;
		if (odd && i % 2)
			b->sel[b->n_sel++] = (uint16_t)i;
	}
	return b;
}

TEST(a_tap_counts_the_records_it_waits_for_and_no_others)
{
	struct rig r;
	struct pool *pool;
	struct when_tapped *t;
	struct err e = {0};
	bool found;
	uint32_t bad;
	EXPECT(rig_open(&r, "passed(gen-1, 100 / (k - 50) > 9 and x < 1)", TAIL) == OK);
	EXPECT(r.plan->when->n_taps == 1 && r.plan->when->tap[0].stage == GEN);
	EXPECT_OK(pool_open(&pool, &r.mem, &e), &e);
	EXPECT_OK(when_tapped_open(&t, r.plan->when, 0, &r.plan->stage[GEN], &r.mem, &e), &e);
	struct batch *b = records(pool, 51, 20, false); /* 51 to 60 */
	EXPECT_OK(taps_look(&t->tap, b, pool, &found, &bad, &e), &e);
	EXPECT(found && t->tap.passed == 10);
	batch_drop(&b);
	b = records(pool, 51, 20, true); /* 52, 54, ... 60 */
	EXPECT_OK(taps_look(&t->tap, b, pool, &found, &bad, &e), &e);
	EXPECT(!found && t->tap.passed == 15); /* nobody heard the first letter yet */
	tap_rearm(&t->tap);
	EXPECT_OK(taps_look(&t->tap, b, pool, &found, &bad, &e), &e);
	EXPECT(!found && t->tap.passed == 20);
	t->tap.heard = true;
	tap_rearm(&t->tap);
	EXPECT_OK(taps_look(&t->tap, b, pool, &found, &bad, &e), &e);
	EXPECT(found && t->tap.passed == 25);
	batch_drop(&b);
	b = records(pool, 500, 20, false); /* none */
	EXPECT_OK(taps_look(&t->tap, b, pool, &found, &bad, &e), &e);
	EXPECT(!found && t->tap.passed == 25);
	batch_drop(&b);
	b = records(pool, 40, 20, false); /* the eleventh divides by zero */
	EXPECT(taps_look(&t->tap, b, pool, &found, &bad, &e) == E_RECORD && bad == 10);
	EXPECT(strstr(e.text, "checkpoint.trigger.when: passed(gen-1, ...)"));
	batch_drop(&b);
	when_tapped_close(t, &r.mem);
	pool_close(pool);
	rig_close(&r);
}

/* ---- without memory ---- */

TEST(inv31_without_memory_there_is_no_condition_and_no_leak)
{
	struct rig r;
	EXPECT(rig_open(&r, "sum(count.n) > 1 and passed(words, k = 5)", TAIL) == OK);
	const struct json *node = opt_json(r.spec->checkpoint.trigger.json, "when");
	struct when_now now = {.value = {2}, .passed = {true}};
	uint64_t calls = atomic_load(&r.mem.calls);
	enum rc rc = E_NO_MEMORY;
	for (uint64_t n = 1; rc != OK; n++) {
		struct diag_report dr;
		struct when *w = NULL;
		struct when_eval *x = NULL;
		struct when_tapped *t = NULL;
		err_clear(&r.e);
		atomic_store(&r.mem.calls, calls);
		r.mem.fail_at = calls + n;
		rc = when_parse(&w, node, r.plan, diag_report(&dr, &r.ds, "w"), &r.mem, &r.e);
		if (rc == OK)
			rc = when_eval_open(&x, w, &r.mem, &r.e);
		if (rc == OK)
			rc = when_tapped_open(&t, w, 0, &r.plan->stage[WORDS], &r.mem, &r.e);
		if (rc == OK && !when_holds(x, &now, &r.e))
			rc = r.e.code;
		EXPECT(rc == OK || rc == E_NO_MEMORY);
		r.mem.fail_at = 0;
		when_tapped_close(t, &r.mem);
		when_eval_close(x);
		when_close(w);
		EXPECT(!r.ds.n);
	}
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_wrong_is_told_where_it_stands_with_its_cure),
		T(random_texts_are_understood_or_refused_within_their_bounds),
		T(too_many_of_anything_are_refused),
		T(what_can_never_begin_one_is_warned_of),
		T(blanks_and_comments_stand_anywhere),
		T(each_name_is_its_own_count),
		T(what_cannot_be_computed_is_not_true_and_says_why),
		T(it_says_what_is_summed_and_itself_in_one_line),
		T(a_tap_counts_the_records_it_waits_for_and_no_others),
		T(inv31_without_memory_there_is_no_condition_and_no_leak),
	};
	return RUN(tests);
}
