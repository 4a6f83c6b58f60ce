/* fuzz_job.c - a job's text, with --set arguments behind NULs: all of its faults have places in it;
 * what became a plan is the same plan once it was written and read. */
#include "jobs/explain.h"
#include "jobs/job_text.h"
#include "tests/fuzz/fuzz.h"

#define SETS_MAX 8

static const char *variable(void *arg, const char *name)
{
	(void)arg;
	return !strcmp(name, "HOME") ? "/home" : !strcmp(name, "N") ? "7" : NULL;
}

static void told_in_its_place(struct job_text *t, const struct job_text_source *from,
			      struct mem *mem)
{
	struct bytes text, json;
	struct json_out o;
	struct json_doc *doc = NULL;
	struct err e = {OK};
	for (unsigned i = 0; i < t->ds.n; i++) {
		const struct diag *d = &t->ds.d[i];
		HOLDS(d->text && d->hint && d->text[0]);
		HOLDS(d->in.name || d->at.offset + d->at.len <= from->len);
	}
	bytes_init(&text, mem);
	bytes_init(&json, mem);
	diags_print(&t->ds, &text);
	jout_begin(&o, &json, false);
	diags_json(&t->ds, &o);
	HOLDS(bytes_ok(&text) && bytes_ok(&json) && (!t->ds.n || text.len));
	HOLDS_RC(json_parse(&doc, (const char *)json.data, json.len, mem, NULL, &e), &e, false);
	json_close(doc);
	bytes_close(&text);
	bytes_close(&json);
}

static void explained(const struct plan *p, struct mem *mem)
{
	struct bytes b;
	struct json_doc *doc = NULL;
	struct err e = {OK};
	bytes_init(&b, mem);
	explain_draw(p, &b);
	HOLDS(bytes_ok(&b) && b.len);
	bytes_clear(&b);
	explain_json(p, &b);
	HOLDS_RC(json_parse(&doc, (const char *)b.data, b.len, mem, NULL, &e), &e, false);
	json_close(doc);
	bytes_close(&b);
}

/* The plan's own text, without any argument, is the same job. */
static void goes_around(const struct job_text *t, struct env *env)
{
	struct job_text again = {0};
	struct err e = {OK};
	struct job_text_source from = {.file = "/f/job.json", .text = (char *)t->plan->text.data,
				       .len = t->plan->text.len, .env = variable};
	HOLDS_RC(job_text_parse(&again, env, &from, &e), &e, false);
	HOLDS(again.plan->job_hash == t->plan->job_hash);
	HOLDS(again.plan->n_tasks == t->plan->n_tasks && again.plan->n_edges == t->plan->n_edges);
	job_text_close(&again);
}

static void digested(const struct job_text *t, struct env *env, const struct job_text_source *from)
{
	struct job_digest d;
	struct err e = {OK};
	enum rc rc = job_text_digest(&d, env, from, &e);
	HOLDS_RC(rc, &e, rc == E_INVALID && !t->plan);
	if (t->plan)
		HOLDS(!strcmp(d.name, t->spec->name) && d.parallelism == t->spec->parallelism &&
		      d.stop_us == t->spec->limits.stop_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem;
	struct fs_real fs;
	struct err e = {OK};
	struct job_text t = {0};
	const char *sets[SETS_MAX];
	char *text = fuzz_text(data, size);
	struct job_text_source from = {.file = "/f/job.json", .text = text, .len = strlen(text),
				       .sets = sets, .env = variable};
	for (const char *at = text + from.len; at < text + size && from.n_sets < SETS_MAX;) {
		sets[from.n_sets++] = ++at;
		at += strlen(at);
	}
	fuzz_open(&mem);
	fs_real_init(&fs, &mem);
	struct env env = {.fs = &fs.fs, .mem = &mem};
	enum rc rc = job_text_parse(&t, &env, &from, &e);
	HOLDS_RC(rc, &e, rc == E_INVALID || rc == E_USAGE);
	HOLDS((rc == OK) == (t.plan != NULL) && (rc == E_INVALID) == (t.ds.errors > 0));
	told_in_its_place(&t, &from, &mem);
	digested(&t, &env, &from);
	if (t.plan) {
		explained(t.plan, &mem);
		goes_around(&t, &env);
	}
	job_text_close(&t);
	free(text);
	fuzz_close(&mem);
	return 0;
}
