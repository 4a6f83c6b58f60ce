/* test_secrets.c - secrets by reference become an environment: fetched, named where they cannot be
 * had, never twice, and nothing is left when memory runs out. */
#include "jobs/secrets.h"

#include "base/fs_sim.h"
#include "jobs/spec.h"
#include "tests/lib/test.h"

#include <stdlib.h>

static const struct opt_def no_opts[] = {{0}};
static const struct spec_type types[] = {
	{"generator_source", SPEC_SOURCE, false, no_opts},
	{"print_sink", SPEC_SINK, false, no_opts},
	{0},
};

#define JOB(secrets)                                                                               \
	"{\"name\":\"j\",\"secrets\":{" secrets "},\"pipeline\":["                                 \
	"{\"id\":\"in\",\"type\":\"generator_source\"},{\"id\":\"out\",\"type\":\"print_sink\"}]}"

struct world {
	struct mem mem, disk_mem;
	struct fs_sim *disk;
	struct fs *fs;
	struct diags ds;
	struct spec *spec;
	struct secrets s;
	struct err e;
};

static void begin(struct world *w, const char *job)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	mem_init(&w->disk_mem, 0);
	EXPECT_OK(fs_sim_open(&w->disk, &w->disk_mem, &w->e), &w->e);
	w->fs = fs_sim_fs(w->disk);
	EXPECT_OK(fs_mkdir_all(w->fs, "/run/vault", &w->e), &w->e);
	diags_init(&w->ds, "/d/job.json", job, strlen(job), &w->mem);
	struct spec_source from = {.file = "/d/job.json", .text = job, .len = strlen(job),
				   .types = types};
	EXPECT_OK(spec_parse(&w->spec, &from, &w->ds, &w->mem, &w->e), &w->e);
}

static void put(struct world *w, const char *path, const char *text, size_t len)
{
	EXPECT_OK(fs_write_new(w->fs, path, text, len, &w->e), &w->e);
}

static void end(struct world *w)
{
	secrets_close(&w->s);
	secrets_close(&w->s); /* legal on the empty value */
	spec_close(w->spec);
	diags_close(&w->ds);
	fs_sim_close(&w->disk);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0 && atomic_load(&w->disk_mem.used_bytes) == 0);
}

static enum rc fetch(struct world *w)
{
	err_clear(&w->e);
	return secrets_open(&w->s, w->spec, w->fs, &w->mem, &w->e);
}

/* How often a variable stands in the environment that was made, and with this value. */
static unsigned times(const struct world *w, const char *name, const char *value)
{
	unsigned n = 0;
	size_t len = strlen(name);
	for (char **at = w->s.envp; at && *at; at++)
		if (!strncmp(*at, name, len) && (*at)[len] == '=') {
			n++;
			EXPECT(!strcmp(*at + len + 1, value));
		}
	return n;
}

TEST(they_stand_beside_the_rest_of_the_environment_under_their_own_names)
{
	struct world w;
	EXPECT(!setenv("WEIR_T_FROM", "of the server", 1) && !setenv("WEIR_T_OLD", "old", 1));
	begin(&w, JOB("\"TOKEN\":\"env:WEIR_T_FROM\",\"WEIR_T_OLD\":\"file:/run/vault/new\","
		      "\"HERE\":\"file:pw\""));
	put(&w, "/run/vault/new", "new\r\n\n", 6);
	EXPECT_OK(fs_mkdir_all(w.fs, "/d", &w.e), &w.e);
	put(&w, "/d/pw", "two\nlines", 9); /* beside the job file; only its end is cut */
	EXPECT_OK(fetch(&w), &w.e);
	EXPECT(times(&w, "TOKEN", "of the server") == 1);
	EXPECT(times(&w, "WEIR_T_OLD", "new") == 1); /* in place of the old one */
	EXPECT(times(&w, "HERE", "two\nlines") == 1);
	EXPECT(times(&w, "WEIR_T_FROM", "of the server") == 1);
	EXPECT(times(&w, "PATH", getenv("PATH")) == 1);
	end(&w);
}

TEST(a_job_without_any_has_no_environment_of_its_own)
{
	struct world w;
	begin(&w, JOB("\"A\":\"env:PATH\""));
	w.spec->secrets = NULL; /* as of one that does not say the word */
	EXPECT_OK(fetch(&w), &w.e);
	EXPECT(!w.s.envp && !w.s.n);
	end(&w);
}

TEST(an_empty_one_and_the_largest_are_taken)
{
	struct world w;
	char *large = calloc(1, SECRET_MAX + 2);
	EXPECT(large);
	memset(large, 'x', SECRET_MAX + 1);
	begin(&w, JOB("\"A\":\"file:/run/vault/a\",\"B\":\"file:/run/vault/b\""));
	put(&w, "/run/vault/a", "\n", 1);
	put(&w, "/run/vault/b", large, SECRET_MAX);
	EXPECT_OK(fetch(&w), &w.e);
	EXPECT(times(&w, "A", "") == 1 && w.s.n == 2);
	end(&w);
	begin(&w, JOB("\"B\":\"file:/run/vault/b\""));
	put(&w, "/run/vault/b", large, SECRET_MAX + 1);
	EXPECT(fetch(&w) == E_LIMIT && strstr(w.e.text, "secret 'B'"));
	EXPECT(!strstr(w.e.text, "xxx"));
	end(&w);
	free(large);
}

TEST(what_cannot_be_had_is_named_and_leaves_nothing)
{
	struct world w;
	unsetenv("WEIR_T_NONE");
	begin(&w, JOB("\"A\":\"file:/run/vault/a\",\"B\":\"env:WEIR_T_NONE\""));
	put(&w, "/run/vault/a", "hidden", 6);
	EXPECT(fetch(&w) == E_NOT_FOUND);
	EXPECT(strstr(w.e.text, "secret 'B'") && strstr(w.e.text, "WEIR_T_NONE"));
	EXPECT(!strstr(w.e.text, "hidden") && !w.s.n && !w.s.envp);
	end(&w);
	begin(&w, JOB("\"A\":\"file:/run/vault/none\""));
	EXPECT(fetch(&w) == E_NOT_FOUND && strstr(w.e.text, "secret 'A'"));
	end(&w);
	begin(&w, JOB("\"A\":\"file:/run/vault/a\""));
	put(&w, "/run/vault/a", "hid\0den", 7);
	EXPECT(fetch(&w) == E_INVALID && strstr(w.e.text, "NUL") && !strstr(w.e.text, "hid\""));
	end(&w);
}

TEST(without_memory_nothing_is_left)
{
	EXPECT(!setenv("WEIR_T_FROM", "of the server", 1));
	for (uint64_t at = 1;; at++) {
		struct world w;
		begin(&w, JOB("\"A\":\"file:/run/vault/a\",\"B\":\"env:WEIR_T_FROM\""));
		put(&w, "/run/vault/a", "hidden\n", 7);
		w.mem.fail_at = atomic_load(&w.mem.calls) + at;
		enum rc rc = fetch(&w);
		bool failed = atomic_load(&w.mem.calls) >= w.mem.fail_at;
		w.mem.fail_at = 0;
		if (failed ? rc != E_NO_MEMORY || w.s.n || w.s.envp : rc != OK)
			fail_msg("allocation %u: %s %s", (unsigned)at, err_name(rc), w.e.text);
		end(&w);
		if (!failed)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(they_stand_beside_the_rest_of_the_environment_under_their_own_names),
		T(a_job_without_any_has_no_environment_of_its_own),
		T(an_empty_one_and_the_largest_are_taken),
		T(what_cannot_be_had_is_named_and_leaves_nothing),
		T(without_memory_nothing_is_left),
	};
	return RUN(tests);
}
