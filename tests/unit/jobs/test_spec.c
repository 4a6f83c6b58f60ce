/* test_spec.c - job files in, messages or a structure out. The messages are golden: what a person
 * reads is part of the program. They were read by a person before they were written down here. */
#include "base/check.h"
#include "base/rng.h"
#include "jobs/spec.h"
#include "tests/lib/test.h"

#include <stdlib.h>

static const struct opt_def file_source_opts[] = {
	{"path", OPT_STRING, .required = true, .help = "a file, folder or glob"},
	{"rate", OPT_REAL, 1, INT64_MAX},
	{0},
};
static const struct opt_def flat_map_opts[] = {
	{"expr", OPT_STRING, .required = true, .help = "a list; each element is a record"},
	{"as", OPT_STRING, .required = true, .help = "the field that holds the element"},
	{"keep", OPT_STRING | OPT_LIST, .help = "fields to keep"},
	{0},
};
static const struct opt_def sum_opts[] = {
	{"key", OPT_STRING | OPT_LIST},
	{"emit", OPT_STRING, .one_of = "update end", .later_kinds = OPT_OBJECT},
	{0},
};
static const struct opt_def file_sink_opts[] = {
	{"path", OPT_STRING, .required = true, .help = "the folder the files go to"},
	{"format", OPT_STRING, .one_of = "csv text", .later = "jsonl"},
	{"files", OPT_STRING, .one_of = "rolling", .later = "single"},
	{"roll", OPT_LATER, .help = "splits the files of one interval"},
	{0},
};
static const struct opt_def no_opts[] = {{0}};

static const struct spec_type types[] = {
	{"file_source", SPEC_SOURCE, false, file_source_opts},
	{"generator_source", SPEC_SOURCE, false, no_opts},
	{"map", SPEC_TRANSFORM, false, no_opts},
	{"flat_map", SPEC_TRANSFORM, false, flat_map_opts},
	{"keyed_sum", SPEC_TRANSFORM, false, sum_opts},
	{"union", SPEC_TRANSFORM, true, no_opts},
	{"print_sink", SPEC_SINK, false, no_opts},
	{"file_sink", SPEC_SINK, false, file_sink_opts},
	{0},
};

static const char *env(void *arg, const char *name)
{
	(void)arg;
	return !strcmp(name, "HERE") ? "s3cr3t" : !strcmp(name, "EMPTY") ? "" : NULL;
}

/* One parse with all that belongs to it. */
struct parse {
	struct mem mem;
	struct spec_source from;
	struct diags ds;
	struct spec *spec;
	struct err e;
	enum rc rc;
};

static void parse_sets(struct parse *p, const char *text, size_t len, const char *const *sets,
		       size_t n_sets)
{
	memset(p, 0, sizeof *p);
	mem_init(&p->mem, 0);
	p->from = (struct spec_source){.file = "jobs/job.json", .text = text, .len = len,
				       .sets = sets, .n_sets = n_sets, .env = env, .types = types};
	diags_init(&p->ds, "job.json", text, len, &p->mem);
	p->rc = spec_parse(&p->spec, &p->from, &p->ds, &p->mem, &p->e);
}

static void parse(struct parse *p, const char *text)
{
	parse_sets(p, text, strlen(text), NULL, 0);
}

static void parse_ok(struct parse *p, const char *text)
{
	parse(p, text);
	if (p->rc == OK)
		return;
	struct bytes b;
	bytes_init(&b, &p->mem);
	diags_print(&p->ds, &b);
	fail_msg("%s", bytes_text(&b));
}

static void parse_close(struct parse *p)
{
	spec_close(p->spec);
	diags_close(&p->ds);
	EXPECT(p->mem.used_bytes == 0);
}

#define GOLDEN "tests/golden/spec/bad_jobs.txt"
#define GOLDEN_MAX (256 * 1024)

/* The golden file: "=== claim", perhaps lines "--set ...", the job, "---", what is said. */
struct bad {
	char *claim, *sets[4], *text, *says;
	size_t n_sets;
};

/* Cuts one case out of *p; false at the end. */
static bool next_case(char **p, struct bad *b)
{
	if (strncmp(*p, "=== ", 4) != 0)
		return false;
	memset(b, 0, sizeof *b);
	b->claim = *p + 4;
	char *line = strchr(b->claim, '\n');
	*line++ = '\0';
	while (!strncmp(line, "--set ", 6) && b->n_sets < 4) {
		b->sets[b->n_sets++] = line + 6;
		line = strchr(line, '\n');
		*line++ = '\0';
	}
	b->text = line;
	char *rule = strstr(line, "\n---\n");
	EXPECT(rule != NULL);
	*rule = '\0';
	b->says = rule + 5;
	char *next = strstr(b->says, "\n=== ");
	*p = next ? next + 1 : b->says + strlen(b->says);
	if (next)
		*next = '\0'; /* the last newline of what is said */
	else if (*p > b->says && (*p)[-1] == '\n')
		(*p)[-1] = '\0';
	return true;
}

static void what_it_says(const struct bad *b, struct bytes *to)
{
	struct parse p;
	parse_sets(&p, b->text, strlen(b->text), (const char *const *)b->sets, b->n_sets);
	diags_print(&p.ds, to);
	EXPECT(p.ds.n && p.rc == (p.ds.errors ? E_INVALID : OK));
	parse_close(&p);
}

/* To write the file again after a change, and read what changed: GOLDEN=write. */
TEST(every_fault_is_told_at_once_with_place_and_cure)
{
	bool again = getenv("GOLDEN") != NULL;
	char *golden = calloc(1, GOLDEN_MAX);
	FILE *f = fopen(GOLDEN, "r");
	EXPECT(f != NULL);
	EXPECT(fread(golden, 1, GOLDEN_MAX - 1, f) > 1000);
	fclose(f);
	struct mem mem;
	struct bytes out;
	mem_init(&mem, 0);
	bytes_init(&out, &mem);
	f = again ? fopen(GOLDEN, "w") : NULL;
	int failed = 0, cases = 0;
	struct bad b;
	for (char *p = golden; next_case(&p, &b); cases++) {
		bytes_clear(&out);
		what_it_says(&b, &out);
		if (f) {
			fprintf(f, "=== %s\n", b.claim);
			for (size_t i = 0; i < b.n_sets; i++)
				fprintf(f, "--set %s\n", b.sets[i]);
			fprintf(f, "%s\n---\n%s", b.text, bytes_text(&out));
		}
		if (out.len)
			out.len--; /* its last newline */
		if (!f && strcmp(bytes_text(&out), b.says) != 0) {
			failed++;
			print_error("--- %s: it says\n%s\n--- instead of\n%s\n", b.claim,
				    bytes_text(&out), b.says);
		}
	}
	if (f)
		fclose(f);
	bytes_close(&out);
	free(golden);
	EXPECT(!failed && cases >= 77);
}

#define STAGES                                                                                     \
	"\"pipeline\": ["                                                                          \
	"{\"id\":\"in\",\"type\":\"file_source\",\"path\":\"words.txt\"},"                           \
	"{\"id\":\"w\",\"type\":\"flat_map\",\"expr\":\"split(line)\",\"as\":\"word\"},"             \
	"{\"id\":\"out\",\"type\":\"file_sink\",\"path\":\"counts\"}]"

TEST(what_is_not_said_has_its_default)
{
	struct parse p;
	parse_ok(&p, "{\"name\":\"j\"," STAGES "}");
	const struct spec *s = p.spec;
	EXPECT(!strcmp(s->name, "j") && s->parallelism == 1 && s->max_parallelism == 128);
	EXPECT(s->checkpoint.interval_us == 0 && s->checkpoint.timeout_us == 600000000);
	EXPECT(s->checkpoint.tolerable_failures == 0 && s->checkpoint.retain == 3);
	EXPECT(!s->checkpoint.dir && !s->checkpoint.is_auto && !s->checkpoint.max_replay_us);
	EXPECT(!s->checkpoint.trigger.json && !s->checkpoint.min_pause_us);
	EXPECT(s->checkpoint.max_concurrent == 1 && s->checkpoint.codec == CODEC_LZ4);
	EXPECT(!s->checkpoint.at_least_once && !s->checkpoint.always_full && !s->checkpoint.audit);
	EXPECT(!s->checkpoint.invariants && !s->checkpoint.violation_fails_job);
	EXPECT(!s->checkpoint.retain_age_us && s->checkpoint.restore == SPEC_RESTORE_AUTO);
	EXPECT(!s->checkpoint.on_complete && !s->checkpoint.on_abort && !s->checkpoint.on_restore);
	EXPECT(!s->limits.merge_bytes && !s->limits.sweep_bytes);
	EXPECT(s->limits.batch_records == 1024 && s->limits.channel_batches == 16);
	EXPECT(s->restart.strategy == RESTART_EXPONENTIAL && s->restart.attempts == 3);
	EXPECT(s->restart.initial_us == 1000000 && s->restart.max_us == 60000000);
	EXPECT(s->restart.multiplier == 1.5 && s->restart.reset_after_us == 3600000000);
	EXPECT(!s->restart.attempts_given && !s->checkpoint.cancel_deletes);
	EXPECT(s->limits.memory_bytes == 0 && s->limits.record_bytes == 16000000);
	EXPECT(s->limits.stop_us == 30000000);
	parse_close(&p);
}

/* Some of it may still be refused as to come later: read it is all the same. */
TEST(every_key_of_checkpoints_is_read)
{
	struct parse p;
	const char *text =
		"{\"name\":\"j\",\"checkpoint\":{\"interval\":\"auto\",\"max_replay\":\"5s\","
		"\"min_pause\":\"20ms\",\"max_concurrent\":16,\"incremental\":false,"
		"\"trigger\":{\"records\":5,\"bytes\":\"64MB\",\"when\":\"state_bytes > 9\"},"
		"\"compression\":\"none\",\"invariants\":[\"1 = 1\",\"2 = 2\"],\"audit\":true,"
		"\"on_violation\":\"job\",\"retain\":{\"count\":5,\"age\":\"1h\"},"
		"\"restore\":\"parallel\",\"on_complete\":\"tell.sh\","
		"\"on_abort\":[\"/bin/tell\",\"-x\"],\"on_restore\":[\"tell.sh\"]},"
		"\"limits\":{\"merge\":\"50MB\",\"sweep\":\"60MB\",\"batch_records\":7,"
		"\"channel_batches\":1}," STAGES "}";
	parse(&p, text);
	EXPECT(p.spec != NULL);
	const struct spec_checkpoint *c = &p.spec->checkpoint;
	EXPECT(c->is_auto && !c->interval_us && c->max_replay_us == 5000000);
	EXPECT(c->min_pause_us == 20000 && c->max_concurrent == 16 && c->always_full);
	EXPECT(c->trigger.records == 5 && c->trigger.bytes == 64000000 && c->trigger.json);
	EXPECT(!strcmp(c->trigger.when, "state_bytes > 9") && c->codec == CODEC_NONE);
	EXPECT(json_count(c->invariants) == 2 && c->audit && c->violation_fails_job);
	EXPECT(c->retain == 5 && c->retain_age_us == UINT64_C(3600000000));
	EXPECT(c->restore == SPEC_RESTORE_PARALLEL && json_kind(c->on_complete) == JSON_STRING);
	EXPECT(json_count(c->on_abort) == 2 && json_count(c->on_restore) == 1);
	EXPECT(p.spec->limits.merge_bytes == 50000000 && p.spec->limits.sweep_bytes == 60000000);
	EXPECT(p.spec->limits.batch_records == 7 && p.spec->limits.channel_batches == 1);
	parse_close(&p);
	parse(&p, "{\"name\":\"j\",\"checkpoint\":{\"retain\":{\"age\":\"1h\"},"
		  "\"compression\":\"lz4hc\",\"mode\":\"at_least_once\"}," STAGES "}");
	EXPECT(p.spec && p.spec->checkpoint.retain == 3 && p.spec->checkpoint.codec == CODEC_LZ4HC);
	EXPECT(p.spec->checkpoint.at_least_once && !p.spec->checkpoint.always_full);
	parse_close(&p);
}

TEST(what_is_said_is_kept)
{
	struct parse p;
	parse_ok(&p, "{\"version\":1,\"name\":\"a-B_9\",\"parallelism\":3,\"max_parallelism\":16,"
		     "\"chaining\":\"none\",\"checkpoint\":{\"interval\":\"1.5s\",\"timeout\":\"2h\","
		     "\"tolerable_failures\":4,\"retain\":7,\"dir\":\"ckpt\",\"mode\":\"exactly_once\","
		     "\"incremental\":true,\"compression\":\"lz4\",\"max_concurrent\":1,"
		     "\"on_cancel\":\"delete\"},"
		     "\"restart\":{\"strategy\":\"exponential\",\"attempts\":0,\"initial\":\"250ms\","
		     "\"max\":\"1d\",\"multiplier\":2,\"reset_after\":\"0s\"},"
		     "\"limits\":{\"memory\":\"2GiB\",\"record\":\"64kB\",\"stop\":\"500us\"}," STAGES
		     "}");
	const struct spec *s = p.spec;
	EXPECT(!strcmp(s->name, "a-B_9") && s->parallelism == 3 && s->max_parallelism == 16);
	EXPECT(s->checkpoint.interval_us == 1500000 && s->checkpoint.timeout_us == 7200000000);
	EXPECT(s->checkpoint.tolerable_failures == 4 && s->checkpoint.retain == 7);
	EXPECT(!strcmp(s->checkpoint.dir, "ckpt"));
	EXPECT(s->restart.attempts == 0 && s->restart.initial_us == 250000);
	EXPECT(s->restart.max_us == 86400000000 && s->restart.multiplier == 2);
	EXPECT(s->restart.attempts_given && s->restart.reset_after_us == 0);
	EXPECT(s->checkpoint.cancel_deletes);
	EXPECT(s->limits.memory_bytes == 2147483648 && s->limits.record_bytes == 64000);
	EXPECT(s->limits.stop_us == 500);
	EXPECT(s->stages[1].parallelism == 3);
	parse_close(&p);
	parse_ok(&p, "{\"name\":\"j\",\"restart\":{\"strategy\":\"none\"}," STAGES "}");
	EXPECT(p.spec->restart.strategy == RESTART_NONE && !p.spec->restart.attempts);
	parse_close(&p);
}

TEST(each_strategy_is_read_as_the_policy_it_names)
{
	static const struct {
		const char *block;
		struct restart_policy p;
	} table[] = {
		{"{}", {RESTART_EXPONENTIAL, 3, 1000000, 60000000, 1.5, 3600000000}},
		{"{\"strategy\":\"exponential\",\"attempts\":9,\"initial\":\"2s\",\"max\":\"4s\","
		 "\"multiplier\":3,\"reset_after\":\"1m\"}",
		 {RESTART_EXPONENTIAL, 9, 2000000, 4000000, 3, 60000000}},
		{"{\"strategy\":\"fixed_delay\",\"attempts\":9,\"initial\":\"2m\","
		 "\"reset_after\":\"1m\"}",
		 {RESTART_FIXED_DELAY, 9, 120000000, 60000000, 1.5, 60000000}},
		{"{\"strategy\":\"failure_rate\"}",
		 {RESTART_FAILURE_RATE, 3, 1000000, 60000000, 1.5, 60000000}},
		{"{\"strategy\":\"failure_rate\",\"attempts\":64,\"initial\":\"0s\","
		 "\"reset_after\":\"1d\"}",
		 {RESTART_FAILURE_RATE, 64, 0, 60000000, 1.5, 86400000000}},
		{"{\"strategy\":\"none\"}", {RESTART_NONE, 0, 1000000, 60000000, 1.5, 3600000000}},
	};
	EXPECT(restart_default.attempts == table[0].p.attempts);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct parse p;
		char text[600];
		snprintf(text, sizeof text, "{\"name\":\"j\",\"restart\":%s," STAGES "}",
			 table[i].block);
		parse_ok(&p, text);
		struct restart_policy is = spec_restart_policy(p.spec);
		const struct restart_policy *must = &table[i].p;
		EXPECT(is.strategy == must->strategy && is.attempts == must->attempts);
		EXPECT(is.initial_us == must->initial_us && is.max_us == must->max_us);
		EXPECT(is.multiplier == must->multiplier);
		EXPECT(is.reset_after_us == must->reset_after_us);
		parse_close(&p);
	}
}

TEST(a_stage_without_inputs_reads_the_stage_before_it)
{
	struct parse p;
	parse_ok(&p, "{\"name\":\"j\"," STAGES "}");
	const struct spec *s = p.spec;
	EXPECT(s->n_stages == 3 && s->has_order);
	EXPECT(s->stages[0].n_inputs == 0 && s->stages[0].n_readers == 1);
	for (int i = 1; i < 3; i++) {
		EXPECT(s->stages[i].n_inputs == 1 && s->stages[i].inputs[0].stage == i - 1);
		EXPECT(!s->stages[i].inputs[0].name && s->stages[i].ok);
	}
	EXPECT(!strcmp(s->stages[2].type->name, "file_sink"));
	EXPECT(!strcmp(opt_string(s->stages[2].json, "path", ""), "counts"));
	parse_close(&p);
}

TEST(stages_may_be_named_before_they_stand_and_read_twice)
{
	struct parse p;
	parse_ok(&p, "{\"name\":\"j\",\"pipeline\":["
		     "{\"id\":\"out\",\"type\":\"print_sink\",\"inputs\":\"u\"},"
		     "{\"id\":\"u\",\"type\":\"union\",\"inputs\":[\"a\",\"m\",\"a\"]},"
		     "{\"id\":\"a\",\"type\":\"generator_source\",\"parallelism\":2},"
		     "{\"id\":\"m\",\"type\":\"map\"},"
		     "{\"id\":\"two\",\"type\":\"print_sink\",\"inputs\":[\"a\"]}]}");
	const struct spec *s = p.spec;
	EXPECT(s->has_order && s->stages[2].n_readers == 4 && s->stages[1].n_inputs == 3);
	EXPECT(s->stages[2].parallelism == 2 && s->stages[3].parallelism == 1);
	EXPECT(spec_find(s, "m") == 3 && spec_find(s, "q") == -1);
	unsigned place[5];
	for (unsigned i = 0; i < 5; i++)
		place[s->order[i]] = i;
	for (unsigned i = 0; i < 5; i++)
		for (unsigned k = 0; k < s->stages[i].n_inputs; k++)
			EXPECT(place[s->stages[i].inputs[k].stage] < place[i]);
	parse_close(&p);
}

TEST(arguments_stand_in_for_what_the_file_says)
{
	const char *text = "{\"name\":\"j\",\n \"parallelism\": 1,\n " STAGES ",\n \"limitz\": 1}";
	const char *const sets[] = {"parallelism=4",
				    "checkpoint.interval=100ms",
				    "checkpoint.retain=5",
				    "pipeline.w.parallelism=2",
				    "pipeline.in.path=/tmp/a=b",
				    "limits={\"record\": \"1MB\"}",
				    "name=\"k\"",
				    "name=007"};
	struct parse p;
	parse_sets(&p, text, strlen(text), sets, ARRAY_LEN(sets));
	EXPECT(p.rc == E_INVALID && p.ds.errors == 1); /* its own fault keeps its place */
	EXPECT(p.ds.d[0].at.line == 4 && p.ds.d[0].at.column == 3);
	const struct spec *s = p.spec;
	EXPECT(s->parallelism == 4 && s->checkpoint.interval_us == 100000);
	EXPECT(s->checkpoint.retain == 5 && s->limits.record_bytes == 1000000);
	EXPECT(s->stages[1].parallelism == 2 && s->stages[0].parallelism == 4);
	EXPECT(!strcmp(opt_string(s->stages[0].json, "path", ""), "/tmp/a=b"));
	EXPECT(!strcmp(s->name, "007"));
	struct bytes b;
	bytes_init(&b, &p.mem);
	spec_write(s, &b);
	EXPECT(strstr(bytes_text(&b), "\"parallelism\": 4") && strstr(bytes_text(&b), "\"100ms\""));
	bytes_close(&b);
	parse_close(&p);
}

/* Found by fuzzing: said to be out of memory. */
TEST(a_path_that_is_no_utf8_is_told_as_that)
{
	static const char *const sets[] = {"checkpoin\x8A.interval=1s", "\xC3=1"};
	const char *text = "{\"name\":\"j\",\"pipeline\":["
			   "{\"id\":\"in\",\"type\":\"generator_source\"},"
			   "{\"id\":\"out\",\"type\":\"print_sink\"}]}";
	struct parse p;
	parse_sets(&p, text, strlen(text), sets, ARRAY_LEN(sets));
	EXPECT(p.rc == E_INVALID && p.ds.errors == 2);
	for (unsigned i = 0; i < 2; i++)
		EXPECT(!strcmp(p.ds.d[i].text, "not UTF-8") && p.ds.d[i].at.offset == 0);
	parse_close(&p);
}

TEST(references_become_what_the_environment_says_and_stay_in_the_text)
{
	struct parse p;
	parse_ok(&p, "{\"name\":\"j\",\"checkpoint\":{\"interval\":\"${INTERVAL:2s}\",\"dir\":"
		     "\"${HERE}/$$x/$y/${NONE:}$\"},\"pipeline\":["
		     "{\"id\":\"in\",\"type\":\"file_source\",\"path\":\"x${EMPTY:no}${A:\\u00e4}\"},"
		     "{\"id\":\"out\",\"type\":\"print_sink\"}]}");
	EXPECT(p.spec->checkpoint.interval_us == 2000000);
	EXPECT(!strcmp(p.spec->checkpoint.dir, "s3cr3t/$x/$y/$"));
	EXPECT(!strcmp(opt_string(p.spec->stages[0].json, "path", ""), "x\xC3\xA4"));
	struct bytes b;
	bytes_init(&b, &p.mem);
	spec_write(p.spec, &b);
	EXPECT(strstr(bytes_text(&b), "\"${INTERVAL:2s}\""));
	EXPECT(strstr(bytes_text(&b), "\"${HERE}/$$x/$y/${NONE:}$\""));
	/* Written out and read again, it is the same job. */
	struct parse q;
	parse_ok(&q, bytes_text(&b));
	EXPECT(!strcmp(q.spec->checkpoint.dir, "s3cr3t/$x/$y/$"));
	bytes_close(&b);
	parse_close(&q);
	parse_close(&p);
}

TEST(inv36_what_the_environment_holds_is_in_no_message)
{
	struct parse p;
	parse(&p, "{\"name\":\"${HERE}/\",\"checkpoint\":{\"mode\":\"${HERE}\",\"interval\":"
		  "\"${HERE}\"},\"pipeline\":[{\"id\":\"a b\",\"type\":\"${HERE}\"},"
		  "{\"id\":\"o\",\"type\":\"print_sink\",\"inputs\":\"${HERE}\"}]}");
	struct bytes b;
	bytes_init(&b, &p.mem);
	diags_print(&p.ds, &b);
	EXPECT(p.ds.errors >= 6 && !strstr(bytes_text(&b), "s3cr3t"));
	bytes_close(&b);
	parse_close(&p);
}

TEST(paths_are_relative_to_the_job_file)
{
	struct parse p;
	parse_ok(&p, "{\"name\":\"j\"," STAGES "}");
	char *a = spec_path(p.spec, "x/y"), *b = spec_path(p.spec, "/x");
	EXPECT(!strcmp(a, "jobs/x/y") && !strcmp(b, "/x"));
	mem_put(&p.mem, a);
	mem_put(&p.mem, b);
	parse_close(&p);
}

TEST(faults_in_one_stage_leave_the_others_usable)
{
	struct parse p;
	parse(&p, "{\"name\":\"j\",\"pipeline\":["
		  "{\"id\":\"in\",\"type\":\"file_source\",\"path\":\"a\"},"
		  "{\"id\":\"w\",\"type\":\"flat_map\",\"expr\":\"x\"},"
		  "{\"id\":\"out\",\"type\":\"print_sink\"}]}");
	EXPECT(p.rc == E_INVALID && p.ds.errors == 1 && p.spec && p.spec->has_order);
	EXPECT(p.spec->stages[0].ok && !p.spec->stages[1].ok && p.spec->stages[2].ok);
	EXPECT(!strcmp(p.e.text, "jobs/job.json: 1 error"));
	parse_close(&p);
}

TEST(huge_texts_are_no_danger)
{
	enum { DEEP = 200000, TERMS = 100000 };
	struct parse p;
	char *deep = malloc(DEEP);
	memset(deep, '[', DEEP);
	parse_sets(&p, deep, DEEP, NULL, 0);
	EXPECT(p.rc == E_INVALID && p.ds.n == 1 && !p.spec);
	EXPECT(!strcmp(p.ds.d[0].text, "nested more than 64 deep"));
	struct bytes b;
	bytes_init(&b, &p.mem);
	diags_print(&p.ds, &b);
	EXPECT(b.len < 400); /* the line is cut around its caret */
	bytes_close(&b);
	parse_close(&p);
	free(deep);

	struct mem mem;
	mem_init(&mem, 0);
	bytes_init(&b, &mem);
	bytes_put_text(&b, "{\"name\":\"j\",\"pipeline\":["
			   "{\"id\":\"in\",\"type\":\"generator_source\"},"
			   "{\"id\":\"w\",\"type\":\"flat_map\",\"as\":\"w\",\"expr\":\"1");
	for (int i = 1; i < TERMS; i++)
		bytes_put_text(&b, "+1");
	bytes_put_text(&b, "\"},{\"id\":\"out\",\"type\":\"print_sink\"}]}");
	parse_ok(&p, bytes_text(&b));
	EXPECT(strlen(opt_string(p.spec->stages[1].json, "expr", "")) == 2 * TERMS - 1);
	parse_close(&p);
	bytes_clear(&b);
	bytes_put_text(&b, "{\"name\":\"j\",\"pipeline\":[1");
	for (int i = 1; i < TERMS; i++)
		bytes_put_text(&b, ",{}");
	bytes_put_text(&b, "]}");
	parse(&p, bytes_text(&b));
	EXPECT(p.rc == E_INVALID && p.ds.errors == 1);
	parse_close(&p);
	bytes_clear(&b);
	bytes_put_text(&b, "{\"name\":\"j\",\"pipeline\":[1");
	for (int i = 1; i < SPEC_STAGES_MAX; i++)
		bytes_printf(&b, ",{\"id\":\"s%d\",\"type\":\"map\",\"inputs\":\"s%d\"}", i,
			     i + 1 < SPEC_STAGES_MAX ? i + 1 : 1);
	bytes_put_text(&b, "]}");
	parse(&p, bytes_text(&b)); /* one cycle of 999 */
	EXPECT(p.rc == E_INVALID && p.ds.errors == 2);
	parse_close(&p);
	bytes_close(&b);
}

TEST(a_broken_job_never_breaks_the_parser)
{
	const char *good = "{\"name\":\"j\",\"parallelism\":2,"
			   "\"checkpoint\":{\"interval\":\"1s\",\"retain\":2},"
			   "\"restart\":{\"attempts\":1},\"limits\":{\"stop\":\"1s\"},\"pipeline\":["
			   "{\"id\":\"in\",\"type\":\"file_source\",\"path\":\"${HERE}\"},{\"id\":\"u\","
			   "\"type\":\"union\",\"inputs\":[\"in\",\"v\"]},{\"id\":\"v\",\"type\":\"map\","
			   "\"inputs\":\"in\"},{\"id\":\"o\",\"type\":\"print_sink\",\"inputs\":\"u\"}]}";
	const char *const words[] = {"[]", "{}", "1", "-1", "null", "\"\"", "\"u\"", "\"o\"", "true",
				     "1.5", "\"1s\"", "\"${X}\"", "99999999999", "[\"in\",\"in\"]"};
	const uint64_t seed = 20240601;
	struct rng r;
	rng_seed(&r, seed);
	unsigned ok = 0, json = 0;
	for (int round = 0; round < 3000; round++) {
		char text[1024];
		strcpy(text, good);
		for (uint64_t n = rng_below(&r, 3); n; n--) {
			/* A value becomes another value. */
			char *colon = text + rng_below(&r, strlen(text)), old[1024];
			colon = strchr(colon, ':');
			if (!colon)
				continue;
			size_t len = strcspn(colon + 1, ",}]");
			strcpy(old, colon + 1 + len);
			sprintf(colon + 1, "%s", words[rng_below(&r, ARRAY_LEN(words))]);
			strcat(text, old);
		}
		struct parse p;
		parse(&p, text);
		ok += p.rc == OK;
		json += p.spec != NULL;
		if (p.rc != OK && (p.rc != E_INVALID || !p.ds.errors))
			fail_msg("seed %lu round %d", (unsigned long)seed, round);
		struct bytes b;
		bytes_init(&b, &p.mem);
		diags_print(&p.ds, &b);
		bytes_close(&b);
		parse_close(&p);
	}
	EXPECT(ok > 500 && json > ok + 500);
}

TEST(inv31_any_failed_allocation_is_an_error_and_leaks_nothing)
{
	const char *text = "{\"name\":\"j\",\"checkpoint\":{\"dir\":\"${HERE}\",\"x\":1}," STAGES "}";
	const char *const sets[] = {"limits.stop=1s"};
	uint64_t n = 0;
	for (bool reached = true; reached;) {
		struct parse p = {0};
		mem_init(&p.mem, 0);
		p.mem.fail_at = ++n;
		p.from = (struct spec_source){.file = "job.json", .text = text,
					      .len = strlen(text), .sets = sets, .n_sets = 1,
					      .env = env, .types = types};
		diags_init(&p.ds, "job.json", text, strlen(text), &p.mem);
		p.rc = spec_parse(&p.spec, &p.from, &p.ds, &p.mem, &p.e);
		EXPECT(p.rc == E_NO_MEMORY || (p.rc == E_INVALID && p.ds.errors == 1));
		reached = p.mem.calls >= n;
		parse_close(&p);
	}
	EXPECT(n > 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_fault_is_told_at_once_with_place_and_cure),
		T(what_is_not_said_has_its_default),
		T(every_key_of_checkpoints_is_read),
		T(what_is_said_is_kept),
		T(each_strategy_is_read_as_the_policy_it_names),
		T(a_stage_without_inputs_reads_the_stage_before_it),
		T(stages_may_be_named_before_they_stand_and_read_twice),
		T(arguments_stand_in_for_what_the_file_says),
		T(a_path_that_is_no_utf8_is_told_as_that),
		T(references_become_what_the_environment_says_and_stay_in_the_text),
		T(inv36_what_the_environment_holds_is_in_no_message),
		T(paths_are_relative_to_the_job_file),
		T(faults_in_one_stage_leave_the_others_usable),
		T(huge_texts_are_no_danger),
		T(a_broken_job_never_breaks_the_parser),
		T(inv31_any_failed_allocation_is_an_error_and_leaks_nothing),
	};
	return RUN(tests);
}
