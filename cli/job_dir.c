/* job_dir.c - see job_dir.h. */
#include "cli/job_dir.h"

#include "checkpoint/layout.h"

static bool has_name(struct env *env, const char *dir, const char *name)
{
	char path[LAYOUT_PATH_MAX];
	struct fs_stat st;
	struct err why = {0};
	return layout_path(path, dir, NULL, name) && fs_stat(env->fs, path, &st, &why) == OK;
}

RC job_dir_check(struct env *env, const char *dir, const char *verb, struct err *e)
{
	struct fs_stat st;
	enum rc rc = fs_stat(env->fs, dir, &st, e);
	if (rc != OK)
		return rc;
	if (st.kind != FS_DIR)
		return ERR(e, E_NOT_FOUND, "'%s' is a file; the directory of a job is needed", dir);
	if (has_name(env, dir, LAYOUT_MANIFEST))
		return OK;
	char inside[LAYOUT_PATH_MAX];
	/* One folder too high is the usual mistake: weir-data instead of weir-data/<job>. */
	struct fs_names names;
	if (fs_list(env->fs, dir, &names, e) != OK)
		return e->code;
	for (size_t i = 0; i < names.n && rc == OK; i++)
		if (layout_path(inside, dir, NULL, names.name[i]) &&
		    has_name(env, inside, LAYOUT_MANIFEST))
			rc = ERR(e, E_NOT_FOUND,
				 "'%s' is not the directory of a job, but '%s' is; try: weir %s %s", dir,
				 inside, verb, inside);
	fs_names_close(&names);
	if (rc == OK)
		rc = ERR(e, E_NOT_FOUND,
			 "'%s' is not the directory of a job: it has no folder '%s' (the default is "
			 "weir-data/<name of the job>)",
			 dir, LAYOUT_MANIFEST);
	return rc;
}
