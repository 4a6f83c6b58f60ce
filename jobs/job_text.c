/* job_text.c - see job_text.h. */
#include "jobs/job_text.h"

#include "base/waker.h"
#include "jobs/allow.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static RC read_file(struct job_text *t, struct env *env, const char *path, struct err *e)
{
	struct fs_stat st;
	uint8_t *data = NULL;
	if (fs_stat(env->fs, path, &st, e) != OK)
		return e->code;
	if (st.kind != FS_FILE)
		return ERR(e, E_USAGE, "'%s' is %s, not a job file", path,
			   st.kind == FS_DIR ? "a folder" : "no regular file");
	if (st.size_bytes > JOB_TEXT_MAX)
		return ERR(e, E_USAGE, "'%s' has %llu bytes; a job file has at most %u (1 MiB)", path,
			   (unsigned long long)st.size_bytes, JOB_TEXT_MAX);
	if (fs_read_all(env->fs, path, JOB_TEXT_MAX, &data, &t->len, e) != OK)
		return e->code;
	t->text = (char *)data;
	return OK;
}

static RC copy_text(struct job_text *t, const struct job_text_source *from, struct err *e)
{
	const char *name = from->file ? from->file : "job";
	if (from->file && from->file[0] != '/')
		return ERR(e, E_USAGE, "'%s' is no absolute path of a job file", from->file);
	if (from->len > JOB_TEXT_MAX)
		return ERR(e, E_LIMIT, "'%s' has %zu bytes; a job has at most %u (1 MiB)", name,
			   from->len, JOB_TEXT_MAX);
	t->text = mem_get(t->mem, from->len + 1);
	if (!t->text)
		return ERR(e, E_NO_MEMORY, "no memory to read '%s'", name);
	memcpy(t->text, from->text, from->len);
	t->len = from->len;
	return OK;
}

/* ${NAME}, if the job may ask for it: what it says ends up in files and on pages. */
static const char *allowed_env(void *arg, const char *name)
{
	const struct job_text_source *from = arg;
	if (!from->env || (from->allow && !allow_has_env(from->allow, name)))
		return NULL;
	return from->env(from->env_arg, name);
}

/* t->text is there. */
static RC read_spec(struct job_text *t, const struct job_text_source *from, const char *cwd,
		    struct err *e)
{
	const char *name = from->file ? from->file : "job";
	diags_close(&t->ds);
	diags_init(&t->ds, name, t->text, t->len, t->mem);
	t->types = plan_types(t->mem);
	if (!t->types)
		return ERR(e, E_NO_MEMORY, "no memory to read '%s'", name);
	struct spec_source source = {.file = from->file, .cwd = cwd, .text = t->text, .len = t->len,
				     .sets = from->sets, .n_sets = from->n_sets,
				     .defaults = from->defaults, .env = allowed_env,
				     .env_arg = (void *)from, .types = t->types,
				     .cores = thread_cores()};
	enum rc rc = spec_parse(&t->spec, &source, &t->ds, t->mem, e);
	if (!t->spec || !from->allow)
		return rc;
	unsigned before = t->ds.errors;
	allow_check(from->allow, t->spec, &t->ds);
	return rc == OK && t->ds.errors > before
		       ? ERR(e, E_INVALID, "%s: it may not touch what it names", name)
		       : rc;
}

static RC make_plan(struct job_text *t, enum rc parsed, struct err *e)
{
	if ((parsed != OK && parsed != E_INVALID) || !t->spec)
		return parsed;
	/* Also after an error: the plan finds what is wrong in the stages that are sound. */
	enum rc planned = plan_make(&t->plan, t->spec, &t->ds, t->mem, e);
	return parsed != OK ? parsed : planned;
}

RC job_text_open(struct job_text *t, struct env *env, const struct job_text_source *from,
		 struct err *e)
{
	*t = (struct job_text){.mem = env->mem};
	diags_init(&t->ds, from->file, NULL, 0, env->mem);
	if (read_file(t, env, from->file, e) != OK)
		return e->code;
	char cwd[4096];
	if (!getcwd(cwd, sizeof cwd))
		return err_errno(e, errno, "the current folder");
	return make_plan(t, read_spec(t, from, cwd, e), e);
}

RC job_text_parse(struct job_text *t, struct env *env, const struct job_text_source *from,
		  struct err *e)
{
	*t = (struct job_text){.mem = env->mem};
	diags_init(&t->ds, from->file ? from->file : "job", NULL, 0, env->mem);
	if (copy_text(t, from, e) != OK)
		return e->code;
	return make_plan(t, read_spec(t, from, NULL, e), e);
}

void job_text_close(struct job_text *t)
{
	if (!t->mem)
		return;
	diags_close(&t->ds);
	plan_close(t->plan);
	spec_close(t->spec);
	mem_put(t->mem, t->types);
	mem_put(t->mem, t->text);
	*t = (struct job_text){0};
}

/* ---- the digest ---- */

static void digest_spec(struct job_digest *d, const struct spec *s)
{
	snprintf(d->name, sizeof d->name, "%s", s->name);
	d->restart = spec_restart_policy(s);
	if (!s->restart.attempts_given)
		d->restart.attempts = RESTART_UNLIMITED;
	d->stop_us = s->limits.stop_us;
	d->cancel_deletes = s->checkpoint.cancel_deletes;
	d->parallelism = s->parallelism;
}

RC job_text_digest(struct job_digest *d, struct env *env, const struct job_text_source *from,
		   struct err *e)
{
	struct job_text t = {.mem = env->mem};
	*d = (struct job_digest){.restart = restart_default, .stop_us = SPEC_STOP_US,
				 .parallelism = 1};
	d->restart.attempts = RESTART_UNLIMITED;
	enum rc rc = copy_text(&t, from, e);
	if (rc == OK)
		rc = read_spec(&t, from, NULL, e);
	if (t.spec)
		digest_spec(d, t.spec);
	if (rc == E_INVALID) {
		err_clear(e); /* it only says how many there are */
		rc = diags_first(&t.ds, e);
	}
	job_text_close(&t);
	return rc;
}
