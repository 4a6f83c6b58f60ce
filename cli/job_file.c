/* job_file.c - see job_file.h. */
#include "cli/job_file.h"

#include "cli/cli.h"

#include <errno.h>
#include <unistd.h>

static RC job_file_read(struct job_file *f, struct env *env, const char *path, struct err *e)
{
	struct fs_stat st;
	uint8_t *data = NULL;
	if (fs_stat(env->fs, path, &st, e) != OK)
		return e->code;
	if (st.kind != FS_FILE)
		return ERR(e, E_USAGE, "'%s' is %s, not a job file", path,
			   st.kind == FS_DIR ? "a folder" : "no regular file");
	if (st.size_bytes > JOB_FILE_MAX)
		return ERR(e, E_USAGE, "'%s' has %llu bytes; a job file has at most %u (1 MiB)", path,
			   (unsigned long long)st.size_bytes, JOB_FILE_MAX);
	if (fs_read_all(env->fs, path, JOB_FILE_MAX, &data, &f->len, e) != OK)
		return e->code;
	f->text = (char *)data;
	return OK;
}

RC job_file_open(struct job_file *f, struct env *env, const char *path, const char *const *sets,
		 size_t n_sets, struct err *e)
{
	*f = (struct job_file){.mem = env->mem};
	diags_init(&f->ds, path, NULL, 0, env->mem);
	if (job_file_read(f, env, path, e) != OK)
		return e->code;
	diags_close(&f->ds);
	diags_init(&f->ds, path, f->text, f->len, env->mem);
	f->types = plan_types(env->mem);
	if (!f->types)
		return ERR(e, E_NO_MEMORY, "no memory to read '%s'", path);
	char cwd[4096];
	if (!getcwd(cwd, sizeof cwd))
		return err_errno(e, errno, "the current folder");
	struct spec_source from = {.file = path, .cwd = cwd, .text = f->text, .len = f->len,
				   .sets = sets, .n_sets = n_sets, .env = cli_env, .types = f->types};
	enum rc rc = spec_parse(&f->spec, &from, &f->ds, env->mem, e);
	if (rc != OK && rc != E_INVALID)
		return rc;
	if (!f->spec)
		return rc;
	/* Also after an error: the plan finds what is wrong in the stages that are sound. */
	enum rc planned = plan_make(&f->plan, f->spec, &f->ds, env->mem, e);
	return rc != OK ? rc : planned;
}

void job_file_close(struct job_file *f)
{
	if (!f->mem)
		return;
	diags_close(&f->ds);
	plan_close(f->plan);
	spec_close(f->spec);
	mem_put(f->mem, f->types);
	mem_put(f->mem, f->text);
	*f = (struct job_file){0};
}
