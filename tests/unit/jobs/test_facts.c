/* test_facts.c - what is known of a job survives JSON to the last bit, and no JSON breaks the
 * reader. */
#include "jobs/facts.h"

#include "base/check.h"
#include "base/fs_sim.h"
#include "tests/lib/test.h"

#include <stdlib.h>

static struct mem mem;

static struct facts_stage *add_stage(struct facts *f, const char *id, uint32_t role, uint64_t base)
{
	struct facts_stage *s = &f->stage[f->n_stages++];
	snprintf(s->id, sizeof s->id, "%s", id);
	snprintf(s->type, sizeof s->type, "type_of_%s", id);
	s->role = role;
	s->parallelism = 1 + role;
	s->records_in = base;
	s->records_out = base + 1;
	s->records_skipped = base + 2;
	s->busy_us = base + 3;
	s->idle_us = base + 4;
	s->backpressured_us = base + 5;
	s->busy_us_max = base + 6;
	s->keys = base + 7;
	s->state_bytes = base + 8;
	s->work_done = base + 9;
	s->work_total = base + 10;
	return s;
}

static void make_checkpoint(struct facts_checkpoint *c, uint64_t id, bool full)
{
	*c = (struct facts_checkpoint){.id = id, .kind = "savepoint_12345", .bytes_written = id + 1,
				       .state_bytes = id + 2, .keys_changed = id + 3, .align_us = id + 4,
				       .sync_us_max = id + 5, .total_us = id + 6, .wall_us = INT64_MIN,
				       .full = full};
}

static void add_edge(struct facts *f, uint32_t from, uint32_t to, uint64_t base)
{
	f->edge[f->n_edges++] = (struct facts_edge){.from = from, .to = to, .records = base,
						    .queued = (uint32_t)base, .room = UINT32_MAX};
}

/* Of all subtasks: one of a source, two of a transform, three of a sink. */
static void add_subtasks(struct facts *f)
{
	f->subtask = mem_get(f->mem, 7 * sizeof *f->subtask);
	assert_non_null(f->subtask);
	for (uint64_t i = 0; i < 7; i++)
		f->subtask[i] = (struct facts_subtask){
			.records_in = UINT64_MAX - i, .records_out = 10 * i + 1, .busy_us = 10 * i + 2,
			.idle_us = 10 * i + 3, .backpressured_us = 10 * i + 4, .keys = 10 * i + 5,
			.state_bytes = 10 * i + 6};
}

/* Every member is another value, many of them at an end of their range. */
static void make(struct facts *f)
{
	*f = (struct facts){.mem = &mem, .name = "odd \"name\"\n", .dir = "d\xC3\xA4ta/\\x\t",
			    .state = "RUNNING", .attempt = UINT32_MAX, .pid = UINT64_MAX,
			    .now_us = (uint64_t)INT64_MAX + 1, .wall_us = -5, .started_us = 6,
			    .wait_us = 7, .bounded = true, .restored = true,
			    .recovery_us = INT64_MAX, .completed = 9, .failed = 10,
			    .error = "job 'a': it \x01 failed"};
	f->stage = mem_get(&mem, 4 * sizeof *f->stage);
	assert_non_null(f->stage);
	make_checkpoint(&f->last, 1000, false);
	make_checkpoint(&f->full, UINT64_MAX - 6, true);
	add_stage(f, "lines", OP_SOURCE, 100)->paced = true;
	add_stage(f, "more", OP_SOURCE, 200);
	struct facts_stage *s = add_stage(f, "both", OP_TRANSFORM, UINT64_MAX - 10);
	s->keyed = true;
	s->n_inputs = 2;
	s->input[1] = 1;
	/* More inputs than are held. */
	s = add_stage(f, "out", OP_SINK, 300);
	s->latency = (struct latency_figures){.records = UINT64_MAX, .p50_us = 1, .p99_us = 2,
					      .p99_9_us = 3, .max_us = UINT64_MAX - 1};
	s->n_inputs = UINT32_MAX;
	for (uint32_t i = 0; i < FACTS_INPUTS_MAX; i++)
		s->input[i] = i % 3;
	f->edge = mem_get(&mem, 3 * sizeof *f->edge);
	assert_non_null(f->edge);
	add_edge(f, 0, 2, 1);
	add_edge(f, 1, 2, UINT64_MAX);
	add_edge(f, 2, 3, 7);
	add_subtasks(f);
}

static void write_facts(const struct facts *f, struct bytes *to)
{
	struct json_out o;
	jout_begin(&o, to, false);
	facts_write(f, &o);
	EXPECT(bytes_ok(to));
}

static enum rc read_facts(struct facts *f, const char *text, struct err *e)
{
	struct json_doc *doc;
	struct json_at at;
	if (json_parse(&doc, text, strlen(text), &mem, &at, e) != OK)
		return e->code;
	enum rc rc = facts_read(f, json_root(doc), &mem, e);
	json_close(doc);
	return rc;
}

#define SAME(field) EXPECT(a->field == b->field)
#define SAME_TEXT(field) assert_string_equal(a->field, b->field)

static void expect_checkpoint(const struct facts_checkpoint *a, const struct facts_checkpoint *b)
{
	SAME(id), SAME_TEXT(kind), SAME(bytes_written), SAME(state_bytes), SAME(keys_changed);
	SAME(align_us), SAME(sync_us_max), SAME(total_us), SAME(wall_us), SAME(full);
}

static void expect_stage(const struct facts_stage *a, const struct facts_stage *b)
{
	SAME_TEXT(id), SAME_TEXT(type), SAME(role), SAME(parallelism), SAME(n_inputs);
	for (uint32_t i = 0; i < FACTS_INPUTS_MAX; i++)
		SAME(input[i]);
	SAME(records_in), SAME(records_out), SAME(records_skipped), SAME(busy_us), SAME(idle_us);
	SAME(backpressured_us), SAME(busy_us_max), SAME(keyed), SAME(paced), SAME(keys);
	SAME(state_bytes), SAME(work_done), SAME(work_total), SAME(latency.records);
	SAME(latency.p50_us), SAME(latency.p99_us), SAME(latency.p99_9_us), SAME(latency.max_us);
}

static void expect_edge(const struct facts_edge *a, const struct facts_edge *b)
{
	SAME(from), SAME(to), SAME(records), SAME(queued), SAME(room);
}

static void expect_subtask(const struct facts_subtask *a, const struct facts_subtask *b)
{
	SAME(records_in), SAME(records_out), SAME(busy_us), SAME(idle_us), SAME(backpressured_us);
	SAME(keys), SAME(state_bytes);
}

static void expect_same(const struct facts *a, const struct facts *b)
{
	SAME_TEXT(name), SAME_TEXT(dir), SAME_TEXT(state), SAME(attempt), SAME(pid), SAME(now_us);
	SAME(wall_us), SAME(started_us), SAME(wait_us), SAME(bounded), SAME(restored);
	SAME(recovery_us), SAME(completed), SAME(failed), SAME_TEXT(error), SAME(n_stages);
	expect_checkpoint(&a->last, &b->last);
	expect_checkpoint(&a->full, &b->full);
	for (uint32_t i = 0; i < a->n_stages; i++)
		expect_stage(&a->stage[i], &b->stage[i]);
	SAME(n_edges);
	for (uint32_t i = 0; i < a->n_edges; i++)
		expect_edge(&a->edge[i], &b->edge[i]);
	EXPECT(!a->subtask == !b->subtask);
	for (uint32_t i = 0; a->subtask && i < a->n_stages; i++)
		for (uint32_t k = 0; k < a->stage[i].parallelism; k++)
			expect_subtask(&facts_subtasks(a, i)[k], &facts_subtasks(b, i)[k]);
}

TEST(facts_survive_json_to_the_last_bit)
{
	struct facts f, back;
	struct bytes text;
	struct err e = {0};
	make(&f);
	bytes_init(&text, &mem);
	write_facts(&f, &text);
	EXPECT(!memchr(text.data, '\n', text.len));
	EXPECT_OK(read_facts(&back, bytes_text(&text), &e), &e);
	expect_same(&f, &back);
	facts_close(&f);
	facts_close(&back);
	bytes_close(&text);
	EXPECT(mem.used_bytes == 0);
}

TEST(a_copy_is_the_same_and_its_own_or_not_at_all)
{
	struct facts f, copy;
	struct err e = {0};
	make(&f);
	size_t before = mem.used_bytes;
	for (uint64_t n = 1; n <= 3; n++) {
		mem.fail_at = mem.calls + n;
		EXPECT(facts_copy(&copy, &f, &mem, &e) == E_NO_MEMORY);
		mem.fail_at = 0;
		EXPECT(mem.used_bytes == before);
		err_clear(&e);
	}
	EXPECT_OK(facts_copy(&copy, &f, &mem, &e), &e);
	expect_same(&f, &copy);
	facts_close(&f);
	assert_string_equal(copy.stage[3].id, "out");
	EXPECT(copy.edge[2].to == 3 && facts_subtasks(&copy, 3)[2].records_out == 61);
	facts_close(&copy);
	EXPECT(mem.used_bytes == 0);
}

/* A job of many subtasks tells none; some of them would be a lie. */
TEST(subtasks_are_told_of_all_stages_or_of_none)
{
	struct facts f, back;
	struct bytes text;
	struct err e = {0};
	make(&f);
	struct facts_subtask *each = f.subtask;
	f.subtask = NULL;
	bytes_init(&text, &mem);
	write_facts(&f, &text);
	EXPECT_OK(read_facts(&back, bytes_text(&text), &e), &e);
	expect_same(&f, &back);
	facts_close(&back);
	bytes_clear(&text);
	f.subtask = each;
	f.stage[3].parallelism = FACTS_SUBTASKS_MAX;
	each = mem_get(&mem, (FACTS_SUBTASKS_MAX + 4) * sizeof *each);
	assert_non_null(each);
	mem_put(&mem, f.subtask);
	f.subtask = each;
	write_facts(&f, &text);
	EXPECT(read_facts(&back, bytes_text(&text), &e) == E_INVALID);
	facts_close(&f);
	bytes_close(&text);
	EXPECT(mem.used_bytes == 0);
}

TEST(an_edge_that_goes_back_is_refused)
{
	struct facts f, back;
	struct bytes text;
	struct err e = {0};
	make(&f);
	f.edge[1].from = 2;
	bytes_init(&text, &mem);
	write_facts(&f, &text);
	EXPECT(read_facts(&back, bytes_text(&text), &e) == E_INVALID);
	assert_string_equal(e.text, "facts of a job: edge 1: 'from' and 'to' are no stages in their "
				    "order");
	facts_close(&f);
	bytes_close(&text);
}

TEST(a_job_without_stages_or_checkpoints_survives_too)
{
	struct facts f = {.mem = &mem, .name = "j", .state = "NEW"}, back;
	struct bytes text;
	struct err e = {0};
	bytes_init(&text, &mem);
	write_facts(&f, &text);
	EXPECT_OK(read_facts(&back, bytes_text(&text), &e), &e);
	expect_same(&f, &back);
	facts_close(&back);
	facts_close(&back);
	bytes_close(&text);
}

/* Half a character becomes three bytes of JSON: what is cut must not grow past its array. */
TEST(a_text_that_is_too_long_is_cut_between_characters)
{
	struct facts f, back;
	struct bytes text, longer;
	struct err e = {0};
	make(&f);
	bytes_init(&text, &mem);
	bytes_init(&longer, &mem);
	write_facts(&f, &text);
	const char *at = strstr(bytes_text(&text), "\"RUNNING\"");
	bytes_put(&longer, text.data, (size_t)(at - (const char *)text.data));
	bytes_put_text(&longer, "\"fourteen char\xC3\xA4\xC3\xA4\"");
	bytes_put_text(&longer, at + strlen("\"RUNNING\""));
	EXPECT_OK(read_facts(&back, bytes_text(&longer), &e), &e);
	assert_string_equal(back.state, "fourteen char\xC3\xA4");
	facts_close(&f);
	facts_close(&back);
	bytes_close(&text);
	bytes_close(&longer);
}

/* Replaces the value of the n-th member (of any object) by `by`; NULL: takes the member away.
 * False: there are not so many. Only for texts that facts_write wrote. */
static bool tamper(const char *text, unsigned n, const char *by, struct bytes *to)
{
	const char *p = text, *end;
	for (;; p++) {
		if (!*p)
			return false;
		if (p[0] == '"' && p[1] == ':' && p[2] && !n--)
			break;
	}
	const char *key = p;
	while (*--key != '"')
		;
	end = p + 2;
	int depth = 0;
	for (bool in_text = false; *end; end++) {
		if (*end == '\\')
			end++;
		else if (*end == '"')
			in_text = !in_text;
		else if (!in_text && strchr("[{", *end))
			depth++;
		else if (!in_text && !depth && strchr(",}", *end))
			break;
		else if (!in_text && strchr("]}", *end))
			depth--;
	}
	bytes_put(to, text, (size_t)(key - text));
	if (by)
		bytes_put(to, key, (size_t)(p + 2 - key)), bytes_put_text(to, by);
	else
		bytes_put_text(to, "\"unknown\":7");
	bytes_put_text(to, end);
	return true;
}

TEST(a_missing_or_odd_member_is_refused_with_its_name)
{
	/* The last ones are something that some member may be. */
	static const char *const odd[] = {NULL, "{}", "1.5", "\"\\u0000\"", "[[],{}]", "[7,7,7]",
					  "[]", "-1", "\"99999999999999999999\""};
	struct facts f, back;
	struct bytes text, other;
	unsigned tampered = 0;
	make(&f);
	bytes_init(&text, &mem);
	bytes_init(&other, &mem);
	write_facts(&f, &text);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		for (unsigned n = 0;; n++, tampered++) {
			struct err e = {0};
			bytes_clear(&other);
			if (!tamper(bytes_text(&text), n, odd[i], &other))
				break;
			const char *s = bytes_text(&other);
			enum rc rc = read_facts(&back, s, &e);
			if (rc != E_INVALID && (rc != OK || i < 6))
				fail_msg("%s: %s", err_name(rc), s);
			if (rc == OK)
				facts_close(&back);
			else
				EXPECT(strstr(e.text, "facts of a job: ") == e.text &&
				       (strchr(e.text, '\'') || strstr(e.text, ": no object")));
		}
	EXPECT(tampered > 8 * 90);
	facts_close(&f);
	bytes_close(&text);
	bytes_close(&other);
	EXPECT(mem.used_bytes == 0);
}

TEST(a_graph_that_runs_in_circles_is_refused)
{
	struct facts f, back;
	struct bytes text;
	struct err e = {0};
	make(&f);
	f.stage[2].input[1] = 2;
	bytes_init(&text, &mem);
	write_facts(&f, &text);
	EXPECT(read_facts(&back, bytes_text(&text), &e) == E_INVALID);
	assert_string_equal(e.text, "facts of a job: stage 2: 'input' names no stage before it");
	facts_close(&f);
	bytes_close(&text);
}

/* Any byte another one: it may be read as other facts, or be refused, and no more. */
TEST(no_text_breaks_the_reader)
{
	struct facts f, back;
	struct bytes text;
	struct rng rng;
	uint64_t seed = getenv("WEIR_SEED") ? strtoull(getenv("WEIR_SEED"), NULL, 10) : 4;
	unsigned refused = 0, read = 0;
	printf("WEIR_SEED=%llu\n", (unsigned long long)seed);
	rng_seed(&rng, seed);
	make(&f);
	bytes_init(&text, &mem);
	for (int i = 0; i < 1000; i++) {
		struct err e = {0};
		bytes_clear(&text);
		write_facts(&f, &text);
		for (int k = i % 3; k < 3; k++)
			text.data[rng_below(&rng, text.len)] = (uint8_t)"0,\"[]{}-9.e\\n"[rng_below(&rng, 12)];
		if (read_facts(&back, bytes_text(&text), &e) == OK) {
			read++;
			for (uint32_t s = 0; s < back.n_stages; s++)
				for (uint32_t in = 0; in < FACTS_INPUTS_MAX; in++)
					EXPECT(back.stage[s].input[in] <= s);
			facts_close(&back);
		} else {
			refused++;
		}
	}
	EXPECT(refused && read);
	facts_close(&f);
	bytes_close(&text);
	EXPECT(mem.used_bytes == 0);
}

TEST(a_lack_of_memory_is_told_and_leaves_nothing)
{
	struct facts f, back;
	struct bytes text;
	struct json_doc *doc;
	struct err e = {0};
	make(&f);
	bytes_init(&text, &mem);
	write_facts(&f, &text);
	EXPECT_OK(json_parse(&doc, bytes_text(&text), text.len, &mem, NULL, &e), &e);
	size_t before = mem.used_bytes;
	for (uint64_t n = 1; n <= 3; n++) {
		mem.fail_at = mem.calls + n;
		EXPECT(facts_read(&back, json_root(doc), &mem, &e) == E_NO_MEMORY);
		mem.fail_at = 0;
		EXPECT(mem.used_bytes == before && !back.stage);
		err_clear(&e);
	}
	json_close(doc);
	facts_close(&f);
	bytes_close(&text);
}

/* ---- of a job ---- */

#define JOB                                                                                  \
	"{\"name\":\"j\",\"pipeline\":["                                                         \
	"{\"id\":\"slow\",\"type\":\"generator_source\",\"rows\":9,\"rate\":5,"                  \
	"\"fields\":{\"a\":\"i\"}},"                                                             \
	"{\"id\":\"out\",\"type\":\"blackhole_sink\",\"inputs\":[\"sums\"]},"                    \
	"{\"id\":\"fast\",\"type\":\"generator_source\",\"rows\":9,\"fields\":{\"a\":\"i\"}},"   \
	"{\"id\":\"both\",\"type\":\"union\",\"inputs\":[\"slow\",\"fast\"]},"                   \
	"{\"id\":\"sums\",\"type\":\"keyed_sum\",\"key\":\"a\",\"parallelism\":3}]}"

static uint32_t find(const struct facts *f, const char *id)
{
	uint32_t i = 0;
	while (i < f->n_stages && strcmp(f->stage[i].id, id))
		i++;
	EXPECT(i < f->n_stages);
	return i;
}

static void look_at(const struct job *j)
{
	struct facts f;
	struct err e = {0};
	EXPECT_OK(facts_take(&f, j, 11, clock_real(), &mem, &e), &e);
	assert_string_equal(f.name, "j");
	assert_string_equal(f.dir, "dir");
	assert_string_equal(f.state, "OWNED");
	EXPECT(f.n_stages == 5 && f.bounded && !f.restored && f.started_us == 11 && f.now_us);
	const struct facts_stage *both = &f.stage[find(&f, "both")], *sums = &f.stage[find(&f, "sums")];
	EXPECT(both->n_inputs == 2 && both->input[0] == find(&f, "slow") &&
	       both->input[1] == find(&f, "fast"));
	EXPECT(f.stage[find(&f, "out")].input[0] == find(&f, "sums"));
	EXPECT(sums->keyed && sums->parallelism == 3 && !both->keyed);
	EXPECT(f.stage[find(&f, "slow")].paced && !f.stage[find(&f, "fast")].paced);
	EXPECT(f.stage[find(&f, "slow")].role == OP_SOURCE && f.stage[find(&f, "out")].role == OP_SINK);
	EXPECT(!f.last.id && !f.full.id);
	EXPECT(f.subtask && facts_subtasks(&f, 4) == f.subtask + 6 && f.n_edges == 4);
	for (uint32_t i = 0; i < f.n_edges; i++) {
		const struct facts_stage *to = &f.stage[f.edge[i].to];
		bool reads = false;
		for (uint32_t k = 0; k < to->n_inputs; k++)
			reads |= to->input[k] == f.edge[i].from;
		EXPECT(reads && !f.edge[i].queued && !f.edge[i].room);
	}
	facts_close(&f);
	size_t before = mem.used_bytes;
	for (uint64_t n = 1; n <= 4; n++) {
		mem.fail_at = mem.calls + n;
		EXPECT(facts_take(&f, j, 11, clock_real(), &mem, &e) == E_NO_MEMORY);
		mem.fail_at = 0;
		EXPECT(mem.used_bytes == before);
		err_clear(&e);
	}
}

TEST(a_job_is_told_with_its_graph_in_the_order_of_its_records)
{
	struct fs_sim *disk;
	struct rng rng;
	struct diags ds;
	struct spec *spec;
	struct plan *plan;
	struct job *j;
	struct err e = {0};
	struct log log = {0};
	rng_seed(&rng, 1);
	EXPECT_OK(fs_sim_open(&disk, &mem, &e), &e);
	struct env env = {.clock = clock_real(), .fs = fs_sim_fs(disk), .mem = &mem, .rng = &rng};
	diags_init(&ds, "job.json", JOB, strlen(JOB), &mem);
	struct spec_type *types = plan_types(&mem);
	struct spec_source from = {.file = "job.json", .text = JOB, .len = strlen(JOB), .types = types};
	EXPECT_OK(spec_parse(&spec, &from, &ds, &mem, &e), &e);
	EXPECT_OK(plan_make(&plan, spec, &ds, &mem, &e), &e);
	struct job_options o = {.env = &env, .log = &log, .plan = plan, .dir = "dir", .pid = 1};
	EXPECT_OK(job_open(&j, &o, &e), &e);
	look_at(j);
	job_close(j);
	diags_close(&ds);
	plan_close(plan);
	spec_close(spec);
	mem_put(&mem, types);
	fs_sim_close(&disk);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(facts_survive_json_to_the_last_bit),
		T(a_copy_is_the_same_and_its_own_or_not_at_all),
		T(subtasks_are_told_of_all_stages_or_of_none),
		T(an_edge_that_goes_back_is_refused),
		T(a_job_without_stages_or_checkpoints_survives_too),
		T(a_text_that_is_too_long_is_cut_between_characters),
		T(a_missing_or_odd_member_is_refused_with_its_name),
		T(a_graph_that_runs_in_circles_is_refused),
		T(no_text_breaks_the_reader),
		T(a_lack_of_memory_is_told_and_leaves_nothing),
		T(a_job_is_told_with_its_graph_in_the_order_of_its_records),
	};
	mem_init(&mem, 0);
	return RUN(tests);
}
