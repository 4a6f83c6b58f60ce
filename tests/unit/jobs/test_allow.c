/* test_allow.c - what jobs may touch: said in any order and once more, checked by a submission's
 * text with the place and the cure, opened as folders, and held by the kernel. */
#include "jobs/allow.h"

#include "base/check.h"
#include "tests/lib/lacking.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct opt_def path_opts[] = {
	{"path", OPT_STRING | OPT_PATH, .required = true},
	{0},
};
static const struct spec_type types[] = {
	{"file_source", SPEC_SOURCE, false, path_opts},
	{"file_sink", SPEC_SINK, false, path_opts},
	{0},
};

#define JOB(from, to, more)                                                                        \
	"{\"name\":\"j\"," more "\"pipeline\":["                                                   \
	"{\"id\":\"in\",\"type\":\"file_source\",\"path\":\"" from "\"},"                          \
	"{\"id\":\"out\",\"type\":\"file_sink\",\"path\":\"" to "\"}]}"

struct world {
	struct mem mem;
	struct allow a;
	struct err e;
};

static void begin(struct world *w)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	allow_init(&w->a, &w->mem);
}

static void end(struct world *w)
{
	allow_close(&w->a);
	allow_close(&w->a);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

static void add(struct world *w, enum allow_kind k, const char *text)
{
	EXPECT_OK(allow_add(&w->a, k, text, &w->e), &w->e);
}

/* How many faults a job has, and that each of these words stands in what is said of them. */
static void faults(struct world *w, const char *job, unsigned n, const char *first,
		   const char *second)
{
	struct diags ds;
	struct spec *spec;
	struct bytes text;
	bytes_init(&text, &w->mem);
	diags_init(&ds, "/d/job.json", job, strlen(job), &w->mem);
	struct spec_source from = {.file = "/d/job.json", .text = job, .len = strlen(job),
				   .types = types};
	EXPECT_OK(spec_parse(&spec, &from, &ds, &w->mem, &w->e), &w->e);
	allow_check(&w->a, spec, &ds);
	diags_print(&ds, &text);
	if (ds.errors != n || (first && !strstr(bytes_text(&text), first)) ||
	    (second && !strstr(bytes_text(&text), second)))
		fail_msg("%u faults instead of %u:\n%s", ds.errors, n,
			 text.len ? bytes_text(&text) : "");
	spec_close(spec);
	diags_close(&ds);
	bytes_close(&text);
}

TEST(nothing_is_confined_until_something_is_allowed)
{
	struct world w;
	begin(&w);
	EXPECT(!w.a.confines && allow_has_env(&w.a, "ANY"));
	faults(&w, JOB("/anywhere", "/everywhere", ""), 0, NULL, NULL);
	add(&w, ALLOW_ENV, "HOME");
	EXPECT(w.a.confines && allow_has_env(&w.a, "HOME") && !allow_has_env(&w.a, "ANY"));
	faults(&w, JOB("/anywhere", "/everywhere", ""), 2, "start it with weir serve --allow-read DIR",
	       "--allow-write DIR");
	end(&w);
}

TEST(each_path_of_a_job_is_looked_at_by_its_plain_text)
{
	struct world w;
	begin(&w);
	add(&w, ALLOW_READ, "/srv/in/");
	add(&w, ALLOW_WRITE, "/srv/out");
	faults(&w, JOB("/srv/in/a", "/srv/out/x", ""), 0, NULL, NULL);
	faults(&w, JOB("/srv/out/a", "/srv/out", ""), 0, NULL, NULL); /* who may write may read */
	faults(&w, JOB("/srv/in/../../etc/passwd", "/srv/out/x", ""), 1, "may not read",
	       "/srv/in; more");
	faults(&w, JOB("/srv/in/./b//../a", "/srv/out/x", ""), 0, NULL, NULL);
	faults(&w, JOB("/srv/inner/a", "/srv/in/x", ""), 2, "may not read", "may not write");
	faults(&w, JOB("a", "/srv/out/x", ""), 1, "/d/job.json:1:", "may not read"); /* beside it */
	end(&w);
}

TEST(programs_and_secrets_are_looked_at_too)
{
	struct world w;
	begin(&w);
	add(&w, ALLOW_READ, "/srv");
	add(&w, ALLOW_WRITE, "/srv");
	add(&w, ALLOW_RUN, "/opt/hooks");
	add(&w, ALLOW_SECRETS, "/run/vault");
	add(&w, ALLOW_ENV, "TOKEN");
	faults(&w, JOB("/srv/a", "/srv/b",
		       "\"checkpoint\":{\"on_complete\":\"/opt/hooks/tell\"},"
		       "\"secrets\":{\"A\":\"env:TOKEN\",\"B\":\"file:/run/vault/b\"},"), 0, NULL, NULL);
	faults(&w, JOB("/srv/a", "/srv/b",
		       "\"checkpoint\":{\"on_complete\":\"/srv/tell\",\"on_abort\":[\"/bin/sh\",\"-c\"],"
		       "\"on_restore\":\"/opt/hooks\"},"), 2, "'on_abort'", "--allow-run DIR");
	faults(&w, JOB("/srv/a", "/srv/b",
		       "\"secrets\":{\"A\":\"env:OTHER\",\"B\":\"file:/srv/b\"},"), 2,
	       "ask for 'OTHER'", "--allow-env NAME");
	end(&w);
}

TEST(one_kind_has_a_bound_and_what_is_there_already_is_no_fault)
{
	struct world w;
	char path[32];
	begin(&w);
	for (unsigned i = 0; i < ALLOW_MAX; i++) {
		snprintf(path, sizeof path, "/f/%u", i);
		add(&w, ALLOW_READ, path);
	}
	add(&w, ALLOW_READ, "/f/./7/");
	EXPECT(w.a.n[ALLOW_READ] == ALLOW_MAX);
	EXPECT(allow_add(&w.a, ALLOW_READ, "/g", &w.e) == E_LIMIT);
	err_clear(&w.e);
	add(&w, ALLOW_WRITE, "/g");
	EXPECT(allow_add(&w.a, ALLOW_WRITE, "g", &w.e) == E_INVALID);
	err_clear(&w.e);
	EXPECT(allow_add(&w.a, ALLOW_ENV, "A=B", &w.e) == E_INVALID);
	end(&w);
}

TEST(what_was_written_is_read_back)
{
	struct world w;
	struct allow b;
	struct bytes text, again;
	struct json_out o;
	struct json_doc *doc;
	begin(&w);
	add(&w, ALLOW_READ, "/a \"b\"");
	add(&w, ALLOW_SECRETS, "/v");
	add(&w, ALLOW_ENV, "X");
	w.a.landlock = false;
	bytes_init(&text, &w.mem);
	bytes_init(&again, &w.mem);
	jout_begin(&o, &text, false);
	allow_write(&w.a, &o);
	EXPECT_OK(json_parse(&doc, (char *)text.data, text.len, &w.mem, NULL, &w.e), &w.e);
	allow_init(&b, &w.mem);
	EXPECT_OK(allow_read(&b, json_root(doc), &w.e), &w.e);
	EXPECT(b.confines && !b.landlock);
	jout_begin(&o, &again, false);
	allow_write(&b, &o);
	EXPECT(!strcmp(bytes_text(&text), bytes_text(&again)));
	allow_close(&b);
	json_close(doc);
	/* Nothing in it confines all the same: whoever says `allow` means it. */
	EXPECT_OK(json_parse(&doc, "{}", 2, &w.mem, NULL, &w.e), &w.e);
	allow_init(&b, &w.mem);
	EXPECT_OK(allow_read(&b, json_root(doc), &w.e), &w.e);
	EXPECT(b.confines && b.landlock);
	json_close(doc);
	bytes_close(&text);
	bytes_close(&again);
	end(&w);
}

/* ---- the folders themselves ---- */

struct folders {
	struct world w;
	char dir[64], path[3][128];
};

enum { OWN, IN, AWAY };

static void begin_folders(struct folders *f)
{
	begin(&f->w);
	strcpy(f->dir, "/tmp/weir-test-XXXXXX");
	EXPECT(mkdtemp(f->dir));
	for (unsigned i = 0; i < 3; i++) {
		memcpy(f->path[i], f->dir, strlen(f->dir));
		snprintf(f->path[i] + strlen(f->dir), 16, "/%u", i);
		EXPECT(!mkdir(f->path[i], 0755));
	}
	add(&f->w, ALLOW_READ, f->path[IN]);
}

static void end_folders(struct folders *f)
{
	for (unsigned i = 0; i < 3; i++)
		EXPECT(!rmdir(f->path[i]));
	EXPECT(!rmdir(f->dir));
	end(&f->w);
}

TEST(the_jobs_own_directory_and_what_is_allowed_are_its_roots)
{
	struct folders f;
	struct roots rs;
	const char *below;
	begin_folders(&f);
	roots_init(&rs, &f.w.mem);
	EXPECT_OK(allow_roots(&f.w.a, f.path[OWN], &rs, &f.w.e), &f.w.e);
	EXPECT(roots_find(&rs, f.path[OWN], ROOT_WRITE, &below));
	EXPECT(roots_find(&rs, f.path[IN], ROOT_READ, &below));
	EXPECT(!roots_find(&rs, f.path[IN], ROOT_WRITE, &below));
	EXPECT(!roots_find(&rs, f.path[AWAY], ROOT_READ, &below));
	EXPECT(strstr(rs.cure[0], "--allow-read"));
	roots_close(&rs);
	add(&f.w, ALLOW_RUN, "/no/such/folder");
	EXPECT(allow_roots(&f.w.a, NULL, &rs, &f.w.e) == E_NOT_FOUND);
	EXPECT(strstr(f.w.e.text, "allow.run"));
	roots_close(&rs);
	end_folders(&f);
}

static bool can(const char *folder, int flags)
{
	int fd = open(folder, flags | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int held(void *arg)
{
	struct folders *f = arg;
	const char *own[] = {f->path[OWN], NULL};
	bool is_on = false;
	if (allow_landlock(&f->w.a, own, &is_on, &f->w.e) != OK)
		return 1;
	if (!is_on)
		return 77;
	return can(f->path[OWN], O_TMPFILE | O_RDWR) && can(f->path[IN], O_DIRECTORY) &&
			       !can(f->path[IN], O_TMPFILE | O_RDWR) && !can(f->path[AWAY], O_DIRECTORY)
		       ? 0
		       : 2;
}

TEST(the_kernel_holds_a_process_to_the_same)
{
	struct folders f;
	begin_folders(&f);
	int said = in_child(held, &f);
	if (said == 77)
		printf("skipped: this kernel has no Landlock of ABI 2\n");
	EXPECT(said == 0 || said == 77);
	end_folders(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_confined_until_something_is_allowed),
		T(each_path_of_a_job_is_looked_at_by_its_plain_text),
		T(programs_and_secrets_are_looked_at_too),
		T(one_kind_has_a_bound_and_what_is_there_already_is_no_fault),
		T(what_was_written_is_read_back),
		T(the_jobs_own_directory_and_what_is_allowed_are_its_roots),
		T(the_kernel_holds_a_process_to_the_same),
	};
	return RUN(tests);
}
