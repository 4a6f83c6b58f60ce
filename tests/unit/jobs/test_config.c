/* test_config.c - what jobs inherit: only what they do not say, only what was checked, with its
 * place in the configuration when it is at fault, and never in the job's own text. */
#include "base/check.h"
#include "base/rng.h"
#include "jobs/config.h"
#include "jobs/spec.h"
#include "tests/lib/test.h"

static const struct opt_def path_opts[] = {
	{"path", OPT_STRING | OPT_PATH, .required = true},
	{0},
};
static const struct opt_def no_opts[] = {{0}};
static const struct spec_type types[] = {
	{"file_source", SPEC_SOURCE, false, path_opts},
	{"print_sink", SPEC_SINK, false, no_opts},
	{0},
};

#define STAGES                                                                                     \
	"\"pipeline\":[{\"id\":\"in\",\"type\":\"file_source\",\"path\":\"/w\"},"                  \
	"{\"id\":\"out\",\"type\":\"print_sink\"}]"
#define JOB(more) "{\"name\":\"j\"," more STAGES "}"

/* A job read under a configuration. */
struct under {
	struct mem mem;
	struct diags config_ds, ds;
	struct config *config;
	struct spec *spec;
	struct bytes text;
	struct err e;
	enum rc rc;
};

/* config NULL: none. */
static void under_sets(struct under *u, const char *config, const char *job,
		       const char *const *sets, size_t n_sets)
{
	memset(u, 0, sizeof *u);
	mem_init(&u->mem, 0);
	bytes_init(&u->text, &u->mem);
	if (config) {
		diags_init(&u->config_ds, "/etc/weir.json", config, strlen(config), &u->mem);
		u->rc = config_parse(&u->config, "/etc/weir.json", config, strlen(config),
				     &u->config_ds, &u->mem, &u->e);
		if (u->rc != OK) {
			diags_print(&u->config_ds, &u->text);
			return;
		}
	}
	struct spec_source from = {.file = "/d/job.json", .text = job, .len = strlen(job),
				   .sets = sets, .n_sets = n_sets, .defaults = u->config,
				   .types = types};
	diags_init(&u->ds, "/d/job.json", job, strlen(job), &u->mem);
	u->rc = spec_parse(&u->spec, &from, &u->ds, &u->mem, &u->e);
	diags_print(&u->ds, &u->text);
}

static void under(struct under *u, const char *config, const char *job)
{
	under_sets(u, config, job, NULL, 0);
}

static const struct spec *under_ok(struct under *u, const char *config, const char *job)
{
	under(u, config, job);
	if (u->rc != OK || u->text.len)
		fail_msg("%s%s", u->e.text, bytes_text(&u->text));
	return u->spec;
}

static void under_close(struct under *u)
{
	if (u->config_ds.mem)
		diags_close(&u->config_ds);
	if (u->ds.mem)
		diags_close(&u->ds);
	spec_close(u->spec);
	config_close(u->config);
	bytes_close(&u->text);
	EXPECT(u->mem.used_bytes == 0);
}

static void says(const char *config, const char *job, const char *text)
{
	struct under u;
	under(&u, config, job);
	if (strcmp(bytes_text(&u.text), text) != 0)
		fail_msg("it says\n%s\n--- instead of\n%s", bytes_text(&u.text), text);
	under_close(&u);
}

TEST(a_job_inherits_what_it_does_not_say)
{
	static const char config[] =
		"{\"checkpoint\": {\"interval\": \"2s\", \"retain\": 9, \"on_cancel\": \"delete\"},\n"
		" \"restart\": {\"strategy\": \"failure_rate\", \"attempts\": 7},\n"
		" \"limits\": {\"stop\": \"5s\", \"memory\": \"64MiB\"}}";
	struct under u;
	const struct spec *s = under_ok(&u, config, JOB(""));
	EXPECT(s->checkpoint.interval_us == 2000000 && s->checkpoint.retain == 9);
	EXPECT(s->checkpoint.cancel_deletes && s->checkpoint.timeout_us == 600000000);
	EXPECT(s->restart.strategy == RESTART_FAILURE_RATE && s->restart.attempts == 7);
	EXPECT(s->restart.attempts_given && s->restart.reset_after_us == 60000000);
	EXPECT(s->limits.stop_us == 5000000 && s->limits.memory_bytes == 67108864);
	under_close(&u);

	s = under_ok(&u, config,
		     JOB("\"checkpoint\":{\"retain\":2,\"on_cancel\":\"retain\"},"
			 "\"restart\":{\"attempts\":1},\"limits\":{\"memory\":\"1GB\"},"));
	EXPECT(s->checkpoint.interval_us == 2000000 && s->checkpoint.retain == 2);
	EXPECT(!s->checkpoint.cancel_deletes);
	EXPECT(s->restart.strategy == RESTART_FAILURE_RATE && s->restart.attempts == 1);
	EXPECT(s->limits.stop_us == 5000000 && s->limits.memory_bytes == 1000000000);
	under_close(&u);
}

TEST(an_argument_is_what_the_job_says)
{
	struct under u;
	const char *const sets[] = {"checkpoint.interval=1s", "limits.stop=1s"};
	under_sets(&u, "{\"checkpoint\":{\"interval\":\"9s\",\"retain\":4}}", JOB(""), sets, 2);
	EXPECT(u.rc == OK && u.spec->checkpoint.interval_us == 1000000);
	EXPECT(u.spec->checkpoint.retain == 4 && u.spec->limits.stop_us == 1000000);
	under_close(&u);
}

TEST(whether_a_number_of_attempts_was_said_counts_defaults_too)
{
	static const struct {
		const char *config, *job;
		bool given;
	} table[] = {
		{NULL, JOB(""), false},
		{NULL, JOB("\"restart\":{\"attempts\":3},"), true},
		{NULL, JOB("\"restart\":{\"strategy\":\"fixed_delay\"},"), false},
		{NULL, JOB("\"restart\":{\"strategy\":\"none\"},"), true},
		{NULL, JOB("\"restart\":{\"strategy\":\"failure_rate\"},"), true},
		{"{\"restart\":{\"attempts\":3}}", JOB(""), true},
		{"{\"restart\":{\"initial\":\"3s\"}}", JOB(""), false},
		{"{}", JOB(""), false},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct under u;
		const struct spec *s = under_ok(&u, table[i].config, table[i].job);
		EXPECT(s->restart.attempts_given == table[i].given);
		EXPECT(s->restart.attempts == (s->restart.strategy == RESTART_NONE ? 0u : 3u));
		under_close(&u);
	}
}

TEST(what_is_inherited_shows_in_no_text_of_the_job)
{
	static const char *const configs[] = {
		NULL,
		"{}",
		"{\"checkpoint\":{\"interval\":\"2s\"},\"limits\":{\"stop\":\"1s\"}}",
		"{\"restart\":{\"strategy\":\"none\"}}",
	};
	static const char job[] = JOB("\"checkpoint\":{\"retain\":2},\"limits\":{},");
	struct under u[4];
	for (size_t i = 0; i < 4; i++) {
		struct bytes text;
		under_ok(&u[i], configs[i], job);
		bytes_init(&text, &u[i].mem);
		spec_write(u[i].spec, &text);
		spec_write(u[i].spec, &u[i].text);
		EXPECT(text.len > 100 && text.len == u[i].text.len);
		bytes_close(&text);
		assert_string_equal(bytes_text(&u[i].text), bytes_text(&u[0].text));
		EXPECT(strstr(bytes_text(&u[i].text), "\"retain\": 2"));
	}
	for (size_t i = 0; i < 4; i++)
		under_close(&u[i]);
}

TEST(a_default_that_the_jobs_own_strategy_does_not_read_is_left_out)
{
	static const char config[] = "{\"restart\":{\"strategy\":\"exponential\",\"initial\":\"2s\","
				     "\"max\":\"9s\",\"multiplier\":3,\"attempts\":5}}";
	struct under u;
	const struct spec *s =
		under_ok(&u, config, JOB("\"restart\":{\"strategy\":\"fixed_delay\"},"));
	EXPECT(s->restart.strategy == RESTART_FIXED_DELAY && s->restart.initial_us == 2000000);
	EXPECT(s->restart.attempts == 5);
	under_close(&u);
	s = under_ok(&u, config, JOB("\"restart\":{\"strategy\":\"none\"},"));
	EXPECT(s->restart.strategy == RESTART_NONE && s->restart.attempts == 0);
	under_close(&u);
}

TEST(what_is_wrong_only_with_a_default_names_the_configuration)
{
	says("{\n \"restart\": {\"strategy\": \"none\"}}", JOB("\"restart\":{\"attempts\":2},\n"),
	     "/d/job.json:1:25  error: restart: 'attempts' means nothing with the strategy 'none'\n"
	     "   1 | {\"name\":\"j\",\"restart\":{\"attempts\":2},\n"
	     "     |                         ^^^^^^^^ remove it, or say a strategy: this one stands in "
	     "/etc/weir.json:2:26\n"
	     "1 error\n");
	says("{\"restart\":{\"max\":\"10s\"}}", JOB("\"restart\":{\"initial\":\"20s\"},\n"),
	     "/d/job.json:1:35  error: restart: 'initial' is longer than 'max'\n"
	     "   1 | {\"name\":\"j\",\"restart\":{\"initial\":\"20s\"},\n"
	     "     |                                   ^^^ 'max' is 10s, which stands in "
	     "/etc/weir.json:1:19\n"
	     "1 error\n");
	/* It is not the job's own number that is too large: it is told where it stands. */
	says("{\n  \"restart\": {\"attempts\": 100}\n}",
	     JOB("\"restart\":{\"strategy\":\"failure_rate\"},"),
	     "/etc/weir.json:2:27  error: restart: 'attempts' is out of bounds\n"
	     "   2 |   \"restart\": {\"attempts\": 100}\n"
	     "     |                           ^^^ from 1 to 64 with the strategy 'failure_rate'\n"
	     "1 error\n");
	says("{\"restart\":{\"strategy\":\"failure_rate\"}}", JOB("\"restart\":{\"attempts\":100},\n"),
	     "/d/job.json:1:35  error: restart: 'attempts' is out of bounds\n"
	     "   1 | {\"name\":\"j\",\"restart\":{\"attempts\":100},\n"
	     "     |                                   ^^^ from 1 to 64 with the strategy "
	     "'failure_rate', which stands in /etc/weir.json:1:24\n"
	     "1 error\n");
}

TEST(a_fault_of_a_default_has_its_place_in_json_too)
{
	struct under u;
	struct json_out o;
	under(&u, "{\n  \"restart\": {\"attempts\": 100}\n}",
	      JOB("\"restart\":{\"strategy\":\"failure_rate\"},"));
	bytes_clear(&u.text);
	jout_begin(&o, &u.text, false);
	diags_json(&u.ds, &o);
	const char *text = bytes_text(&u.text);
	EXPECT(strstr(text, "\"file\":\"/etc/weir.json\",\"line\":2,\"column\":27"));
	struct err e = {0};
	EXPECT(diags_first(&u.ds, &e) == E_INVALID);
	assert_string_equal(e.text, "/etc/weir.json:2:27: restart: 'attempts' is out of bounds");
	under_close(&u);
}

TEST(a_configuration_is_as_strict_as_a_job_file)
{
	says("{\"checkpoint\": {\"intervall\": \"1s\"}}", JOB(""),
	     "/etc/weir.json:1:18  error: checkpoint: unknown key 'intervall'\n"
	     "   1 | {\"checkpoint\": {\"intervall\": \"1s\"}}\n"
	     "     |                  ^^^^^^^^^ did you mean 'interval'?\n"
	     "1 error\n");
	says("{\"limit\": {}}", JOB(""),
	     "/etc/weir.json:1:3  error: unknown key 'limit'\n"
	     "   1 | {\"limit\": {}}\n"
	     "     |   ^^^^^ did you mean 'limits'?\n"
	     "1 error\n");
	says("{\"name\": \"j\",\n \"parallelism\": 2,\n \"checkpoint\": {\"dir\": \"x\"}}", JOB(""),
	     "/etc/weir.json:1:3  error: 'name' is no default for jobs\n"
	     "   1 | {\"name\": \"j\",\n"
	     "     |   ^^^^ each job says its own\n"
	     "/etc/weir.json:2:3  error: 'parallelism' is no default for jobs\n"
	     "   2 |  \"parallelism\": 2,\n"
	     "     |   ^^^^^^^^^^^ each job says its own\n"
	     "/etc/weir.json:3:18  error: checkpoint: 'dir' is no default for jobs\n"
	     "   3 |  \"checkpoint\": {\"dir\": \"x\"}}\n"
	     "     |                  ^^^ each job has a directory of its own\n"
	     "3 errors\n");
	says("{\"restart\": {\"initial\": \"2m\"}, \"limits\": 3}", JOB(""),
	     "/etc/weir.json:1:26  error: restart: 'initial' is longer than 'max'\n"
	     "   1 | {\"restart\": {\"initial\": \"2m\"}, \"limits\": 3}\n"
	     "     |                          ^^\n"
	     "/etc/weir.json:1:42  error: 'limits' has the wrong type\n"
	     "   1 | {\"restart\": {\"initial\": \"2m\"}, \"limits\": 3}\n"
	     "     |                                          ^ an object, not a whole number\n"
	     "2 errors\n");
	says("[]", JOB(""),
	     "/etc/weir.json:1:1  error: a configuration is an object\n"
	     "   1 | []\n"
	     "     | ^ { \"checkpoint\": {...}, \"restart\": {...}, \"limits\": {...} }\n"
	     "1 error\n");
	says("{\"limits\": {\"stop\": \"${STOP:1s}\"}}", JOB(""),
	     "/etc/weir.json:1:22  error: limits: 'stop' is not a duration\n"
	     "   1 | {\"limits\": {\"stop\": \"${STOP:1s}\"}}\n"
	     "     |                      ^^^^^^^^^^ write it as \"10s\"; units: us ms s m h d\n"
	     "1 error\n");
	says("{", JOB(""),
	     "/etc/weir.json:1:2  error: the text ends here; expected a key in double quotes\n"
	     "   1 | {\n"
	     "     |  ^\n"
	     "1 error\n");
}

TEST(a_configuration_too_long_is_refused)
{
	struct mem mem;
	struct diags ds;
	struct bytes text;
	struct config *c;
	struct err e = {0};
	mem_init(&mem, 0);
	bytes_init(&text, &mem);
	bytes_put_text(&text, "{}");
	for (unsigned i = 0; i < CONFIG_MAX; i++)
		bytes_put_u8(&text, ' ');
	diags_init(&ds, "c", (const char *)text.data, text.len, &mem);
	EXPECT(config_parse(&c, "c", (const char *)text.data, CONFIG_MAX, &ds, &mem, &e) == OK);
	config_close(c);
	EXPECT(config_parse(&c, "c", (const char *)text.data, CONFIG_MAX + 1, &ds, &mem, &e) ==
	       E_LIMIT);
	EXPECT(!c && !ds.errors);
	diags_close(&ds);
	bytes_close(&text);
	EXPECT(mem.used_bytes == 0);
}

TEST(blocks_that_are_no_objects_are_told_and_inherit_nothing)
{
	struct under u;
	under(&u, "{\"checkpoint\":{\"retain\":4},\"restart\":{\"attempts\":1}}",
	      JOB("\"checkpoint\":3,\"restart\":null,"));
	EXPECT(u.rc == E_INVALID && u.ds.errors == 2);
	EXPECT(strstr(bytes_text(&u.text), "'checkpoint' has the wrong type"));
	under_close(&u);
}

/* Every key of both blocks, said by neither, one or both, with values of every kind. */
TEST(no_job_and_no_configuration_break_each_other)
{
	static const char *const keys[] = {"strategy", "attempts", "initial", "max", "multiplier",
					   "reset_after", "bogus"};
	static const char *const values[] = {
		"\"none\"", "\"fixed_delay\"", "\"failure_rate\"", "\"exponential\"", "\"5s\"",
		"\"2m\"", "\"0s\"", "0", "3", "65", "-1", "1.5", "null", "{}", "\"${HERE}\""};
	const uint64_t seed = 20260711;
	struct rng r;
	rng_seed(&r, seed);
	unsigned ok = 0, refused = 0, config_refused = 0;
	for (int round = 0; round < 4000; round++) {
		char block[2][300], config[400], job[600];
		for (int who = 0; who < 2; who++) {
			size_t at = 0;
			block[who][0] = '\0';
			for (size_t k = 0; k < ARRAY_LEN(keys); k++)
				if (!rng_below(&r, k + 3 < ARRAY_LEN(keys) ? 3 : 9))
					at += (size_t)snprintf(block[who] + at, sizeof block[who] - at,
							       "%s\"%s\":%s", at ? "," : "", keys[k],
							       values[rng_below(&r, ARRAY_LEN(values))]);
		}
		snprintf(config, sizeof config, "{\"restart\":{%s}}", block[0]);
		snprintf(job, sizeof job, JOB("\"restart\":{%s},"), block[1]);
		struct under u;
		under(&u, config, job);
		ok += u.rc == OK;
		config_refused += !u.config;
		refused += u.config && u.rc != OK;
		bool told = u.config_ds.errors || u.ds.errors;
		if ((u.rc != OK && u.rc != E_INVALID) || told != (u.rc == E_INVALID))
			fail_msg("seed %lu round %d: %s\n%s", (unsigned long)seed, round, config, job);
		under_close(&u);
	}
	EXPECT(ok > 100 && refused > 100 && config_refused > 100);
}

/* The fault is counted even when there is no memory to keep its text. */
TEST(inv31_any_failed_allocation_is_an_error_and_leaks_nothing)
{
	static const char config[] = "{\"checkpoint\":{\"retain\":4,\"interval\":\"1s\"},"
				     "\"restart\":{\"strategy\":\"none\"}}";
	static const char job[] = JOB("\"checkpoint\":{\"timeout\":\"1m\"},");
	uint64_t n = 0;
	for (bool reached = true; reached;) {
		struct mem mem;
		struct diags config_ds, ds;
		struct config *c;
		struct spec *s = NULL;
		struct err e = {0};
		mem_init(&mem, 0);
		mem.fail_at = ++n;
		diags_init(&config_ds, "c", config, strlen(config), &mem);
		diags_init(&ds, "j", job, strlen(job), &mem);
		enum rc rc = config_parse(&c, "c", config, strlen(config), &config_ds, &mem, &e);
		if (rc == OK) {
			struct spec_source from = {.file = "/j", .text = job, .len = strlen(job),
						   .defaults = c, .types = types};
			rc = spec_parse(&s, &from, &ds, &mem, &e);
		}
		reached = mem.calls >= n;
		EXPECT(rc == (reached ? E_NO_MEMORY : OK));
		spec_close(s);
		config_close(c);
		diags_close(&config_ds);
		diags_close(&ds);
		EXPECT(mem.used_bytes == 0);
	}
	EXPECT(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_job_inherits_what_it_does_not_say),
		T(an_argument_is_what_the_job_says),
		T(whether_a_number_of_attempts_was_said_counts_defaults_too),
		T(what_is_inherited_shows_in_no_text_of_the_job),
		T(a_default_that_the_jobs_own_strategy_does_not_read_is_left_out),
		T(what_is_wrong_only_with_a_default_names_the_configuration),
		T(a_fault_of_a_default_has_its_place_in_json_too),
		T(a_configuration_is_as_strict_as_a_job_file),
		T(a_configuration_too_long_is_refused),
		T(blocks_that_are_no_objects_are_told_and_inherit_nothing),
		T(no_job_and_no_configuration_break_each_other),
		T(inv31_any_failed_allocation_is_an_error_and_leaks_nothing),
	};
	return RUN(tests);
}
