/* test_job_text.c - a job's text says the same from a file and from memory, and a supervisor's
 * digest of it is what the job would be given. */
#include "jobs/config.h"
#include "jobs/job_text.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <unistd.h>

struct rig {
	struct mem mem;
	struct fs_real fs;
	struct env env;
	struct job_text t;
	struct bytes text;
	struct err e;
};

static void rig_open(struct rig *r)
{
	memset(r, 0, sizeof *r);
	mem_init(&r->mem, 0);
	fs_real_init(&r->fs, &r->mem);
	r->env = (struct env){.fs = &r->fs.fs, .mem = &r->mem};
	bytes_init(&r->text, &r->mem);
}

static void rig_close(struct rig *r)
{
	job_text_close(&r->t);
	bytes_close(&r->text);
	EXPECT(r->mem.used_bytes == 0);
}

static const char *env(void *arg, const char *name)
{
	(void)arg;
	return !strcmp(name, "RETAIN") ? "5s" : NULL;
}

static enum rc parse(struct rig *r, const char *file, const char *text)
{
	struct job_text_source from = {.file = file, .text = text, .len = strlen(text), .env = env};
	enum rc rc = job_text_parse(&r->t, &r->env, &from, &r->e);
	bytes_clear(&r->text);
	diags_print(&r->t.ds, &r->text);
	return rc;
}

#define SOURCE "{\"id\":\"in\",\"type\":\"file_source\",\"path\":\"words.txt\"},"
#define SINK "{\"id\":\"out\",\"type\":\"file_sink\",\"path\":\"/counts\"}"
#define JOB(more) "{\"name\":\"j\"," more "\"pipeline\":[" SOURCE SINK "]}"
#define GENERATED(more)                                                                            \
	"{\"name\":\"j\"," more "\"pipeline\":[{\"id\":\"in\",\"type\":\"generator_source\","        \
	"\"fields\":{\"k\":\"i\"}},{\"id\":\"out\",\"type\":\"print_sink\"}]}"

TEST(the_same_text_is_told_the_same_from_a_file_and_from_memory)
{
	static const char *const jobs[] = {
		JOB(""),
		JOB("\"paralelism\":2,"),
		JOB("\"checkpoint\":{\"interval\":\"${NONE}\"},"),
		"{\"name\":\"j\",\"pipeline\":[" SOURCE
		"{\"id\":\"c\",\"type\":\"keyed_sum\",\"key\":\"wrod\"}," SINK "]}",
		"{",
		"",
	};
	char dir[] = "/tmp/weir-job-text-XXXXXX", path[64];
	EXPECT(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/job.json", dir);
	for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
		struct rig file, memory;
		rig_open(&file);
		rig_open(&memory);
		FILE *f = fopen(path, "w");
		fputs(jobs[i], f);
		fclose(f);
		struct job_text_source from = {.file = path, .env = env};
		enum rc rc = job_text_open(&file.t, &file.env, &from, &file.e);
		diags_print(&file.t.ds, &file.text);
		EXPECT(parse(&memory, path, jobs[i]) == rc);
		assert_string_equal(bytes_text(&file.text), bytes_text(&memory.text));
		assert_string_equal(file.e.text, memory.e.text);
		EXPECT((rc == OK) == (i == 0) && (rc == OK) == (file.t.plan != NULL));
		if (rc == OK) {
			EXPECT(file.t.plan->job_hash == memory.t.plan->job_hash);
			assert_string_equal(file.t.spec->folder, memory.t.spec->folder);
		} else {
			EXPECT(file.text.len > 20);
		}
		rig_close(&file);
		rig_close(&memory);
	}
	unlink(path);
	rmdir(dir);
}

TEST(the_text_is_copied)
{
	struct rig r;
	char text[] = JOB("");
	rig_open(&r);
	struct job_text_source from = {.file = "/d/job.json", .text = text, .len = strlen(text)};
	EXPECT_OK(job_text_parse(&r.t, &r.env, &from, &r.e), &r.e);
	memset(text, 'x', sizeof text - 1);
	EXPECT(!memcmp(r.t.text, "{\"name\"", 7) && !strcmp(r.t.spec->name, "j"));
	rig_close(&r);
}

TEST(without_a_job_file_a_relative_path_is_an_error_with_its_cure)
{
	struct rig r;
	rig_open(&r);
	EXPECT(parse(&r, NULL, JOB("\n\"checkpoint\":{\"dir\":\"state\"},\n")) == E_INVALID);
	assert_string_equal(
		bytes_text(&r.text),
		"job:2:22  error: checkpoint: 'dir' is a relative path\n"
		"   2 | \"checkpoint\":{\"dir\":\"state\"},\n"
		"     |                      ^^^^^ no job file is known: write an absolute path, or say "
		"?file=/folder/job.json\n"
		"job:3:53  error: stage 'in': 'path' is a relative path\n"
		"   3 | \"pipeline\":[{\"id\":\"in\",\"type\":\"file_source\",\"path\":\"words.txt\"},"
		"{\"id\":\"out\",\"type\":\"file_sink\",\"path...\n"
		"     |                                                     ^^^^^^^^^ no job file is "
		"known: write an absolute path, or say ?file=/folder/job.json\n"
		"2 errors\n");
	assert_string_equal(r.e.text, "job: 2 errors");
	rig_close(&r);
	rig_open(&r);
	EXPECT(parse(&r, NULL, GENERATED("")) == OK);
	rig_close(&r);
	rig_open(&r);
	EXPECT(parse(&r, "/d/job.json", JOB("\"checkpoint\":{\"dir\":\"state\"},")) == OK);
	rig_close(&r);
}

TEST(a_path_that_comes_from_the_environment_is_looked_at_as_it_came)
{
	struct rig r;
	rig_open(&r);
	EXPECT(parse(&r, NULL, GENERATED("\"checkpoint\":{\"dir\":\"${NONE:/abs}\"},")) == OK);
	rig_close(&r);
	rig_open(&r);
	EXPECT(parse(&r, NULL, GENERATED("\"checkpoint\":{\"dir\":\"${RETAIN}\"},")) == E_INVALID);
	EXPECT(strstr(bytes_text(&r.text), "'dir' is a relative path"));
	rig_close(&r);
}

TEST(what_is_no_job_at_all_is_refused)
{
	struct rig r;
	rig_open(&r);
	EXPECT(parse(&r, "job.json", JOB("")) == E_USAGE);
	assert_string_equal(r.e.text, "'job.json' is no absolute path of a job file");
	err_clear(&r.e);
	job_text_close(&r.t);
	struct job_text_source long_one = {.text = calloc(1, JOB_TEXT_MAX + 1),
					   .len = JOB_TEXT_MAX + 1};
	EXPECT(job_text_parse(&r.t, &r.env, &long_one, &r.e) == E_LIMIT);
	free((void *)(uintptr_t)long_one.text);
	job_text_close(&r.t);
	struct job_text_source gone = {.file = "/nowhere/job.json"};
	err_clear(&r.e);
	EXPECT(job_text_open(&r.t, &r.env, &gone, &r.e) == E_NOT_FOUND);
	EXPECT(!r.t.ds.errors);
	rig_close(&r);
}

static enum rc digest(struct job_digest *d, const struct config *defaults, const char *text,
		      struct err *e)
{
	struct rig r;
	rig_open(&r);
	struct job_text_source from = {.file = "/d/job.json", .text = text, .len = strlen(text),
				       .defaults = defaults, .env = env};
	enum rc rc = job_text_digest(d, &r.env, &from, e);
	rig_close(&r);
	return rc;
}

TEST(a_digest_is_what_a_supervisor_must_know)
{
	struct job_digest d;
	struct err e = {0};
	EXPECT_OK(digest(&d, NULL, JOB(""), &e), &e);
	EXPECT(!strcmp(d.name, "j") && d.restart.strategy == RESTART_EXPONENTIAL);
	EXPECT(d.restart.attempts == RESTART_UNLIMITED && d.restart.initial_us == 1000000);
	EXPECT(d.restart.max_us == 60000000 && d.restart.multiplier == 1.5);
	EXPECT(d.restart.reset_after_us == UINT64_C(3600000000));
	EXPECT(d.stop_us == 30000000 && !d.cancel_deletes && d.parallelism == 1);
	EXPECT_OK(digest(&d, NULL,
			 JOB("\"parallelism\":3,\"limits\":{\"stop\":\"${RETAIN}\"},"
			     "\"checkpoint\":{\"on_cancel\":\"delete\"},\"restart\":{\"strategy\":"
			     "\"failure_rate\",\"attempts\":5,\"initial\":\"2s\",\"reset_after\":\"9s\"},"),
			 &e), &e);
	EXPECT(d.restart.strategy == RESTART_FAILURE_RATE && d.restart.attempts == 5);
	EXPECT(d.restart.initial_us == 2000000 && d.restart.reset_after_us == 9000000);
	EXPECT(d.stop_us == 5000000 && d.cancel_deletes && d.parallelism == 3);
	EXPECT_OK(digest(&d, NULL, JOB("\"restart\":{\"attempts\":0},"), &e), &e);
	EXPECT(d.restart.attempts == 0);
}

TEST(a_digest_of_what_no_longer_holds_says_why_and_knows_the_rest)
{
	struct job_digest d;
	struct err e = {0};
	EXPECT(digest(&d, NULL, JOB("\"limits\":{\"stop\":\"2s\",\"memory\":\"${GONE}\"},"), &e) ==
	       E_INVALID);
	assert_string_equal(e.text,
			    "/d/job.json:1:45: 'GONE' is not set in the environment");
	EXPECT(!strcmp(d.name, "j") && d.stop_us == 2000000);
	err_clear(&e);
	EXPECT(digest(&d, NULL, "{", &e) == E_INVALID && d.stop_us == 30000000 && !d.name[0]);
	EXPECT(d.restart.attempts == RESTART_UNLIMITED && d.parallelism == 1);
}

TEST(a_digest_counts_what_the_job_inherits)
{
	static const char text[] = "{\"restart\":{\"strategy\":\"fixed_delay\",\"attempts\":4},"
				   "\"limits\":{\"stop\":\"1s\"},\"checkpoint\":{\"on_cancel\":\"delete\"}}";
	struct mem mem;
	struct diags ds;
	struct config *c;
	struct job_digest d;
	struct err e = {0};
	mem_init(&mem, 0);
	diags_init(&ds, "c", text, strlen(text), &mem);
	EXPECT_OK(config_parse(&c, "c", text, strlen(text), &ds, &mem, &e), &e);
	EXPECT_OK(digest(&d, c, JOB("\"limits\":{\"stop\":\"7s\"},"), &e), &e);
	EXPECT(d.restart.strategy == RESTART_FIXED_DELAY && d.restart.attempts == 4);
	EXPECT(d.stop_us == 7000000 && d.cancel_deletes);
	config_close(c);
	diags_close(&ds);
}

TEST(inv31_any_failed_allocation_is_an_error_and_leaks_nothing)
{
	uint64_t n = 0;
	for (bool reached = true; reached;) {
		struct rig r;
		static const char text[] = GENERATED("");
		rig_open(&r);
		r.mem.fail_at = ++n;
		struct job_text_source from = {.text = text, .len = strlen(text)};
		enum rc rc = job_text_parse(&r.t, &r.env, &from, &r.e);
		reached = r.mem.calls >= n;
		EXPECT((rc == OK) == !reached);
		r.mem.fail_at = 0;
		rig_close(&r);
	}
	EXPECT(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_same_text_is_told_the_same_from_a_file_and_from_memory),
		T(the_text_is_copied),
		T(without_a_job_file_a_relative_path_is_an_error_with_its_cure),
		T(a_path_that_comes_from_the_environment_is_looked_at_as_it_came),
		T(what_is_no_job_at_all_is_refused),
		T(a_digest_is_what_a_supervisor_must_know),
		T(a_digest_of_what_no_longer_holds_says_why_and_knows_the_rest),
		T(a_digest_counts_what_the_job_inherits),
		T(inv31_any_failed_allocation_is_an_error_and_leaks_nothing),
	};
	return RUN(tests);
}
