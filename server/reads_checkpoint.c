/* reads_checkpoint.c - one checkpoint: what became of it, and when what happened to it; and the
 * savepoints that a job's directory keeps. */
#include "server/reads_in.h"

#include "checkpoint/history.h"
#include "jobs/export.h"
#include "jobs/timeline_file.h"
#include "runtime/inspect.h"
#include "server/history.h"

#include <inttypes.h>
#include <string.h>

#define SAVEPOINTS_SHOWN 1000 /* by feel */

/* ---- one checkpoint ---- */

/* Whether it was: its line, or its timeline, is kept longer than its files. */
RC read_checkpoint(const struct one_read *x, struct json_out *o, struct err *e)
{
	struct timeline t;
	struct mem *mem = x->env->mem;
	struct bytes line;
	bytes_init(&line, mem);
	enum rc rc = history_find(x->env, x->dir, x->id, &line, e);
	bool timed = rc == OK && timeline_find(&t, x->env, x->dir, x->id);
	if (rc == OK && !line.len && !timed)
		rc = ERR(e, E_NOT_FOUND, "nothing is known of a checkpoint %" PRIu64 " (any more): "
			 "/checkpoints lists those that are", x->id);
	if (rc == OK) {
		jout_object(o);
		jout_key(o, "checkpoint");
		line.len ? jout_raw(o, (const char *)line.data, line.len) : jout_null(o);
		if (timed)
			timeline_json(o, &t);
		jout_object_end(o);
	}
	if (timed)
		timeline_close(&t, mem);
	bytes_close(&line);
	return rc;
}

/* ---- savepoints ---- */

static void put_figures(const struct manifest *m, struct json_out *o)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < m->n_files; i++)
		bytes += m->file[i].length;
	jout_kv_uint(o, "checkpoint", m->id);
	jout_kv_int(o, "wall_us", m->wall_us);
	jout_kv_uint(o, "keys", m->figures.keys);
	jout_kv_uint(o, "bytes", bytes);
}

/* One that is not whole yet is none; one that cannot be read says why. */
static RC put_savepoint(const struct one_read *x, const char *name, struct json_out *o,
			struct err *e)
{
	char dir[LAYOUT_PATH_MAX];
	struct inspect *i = NULL;
	struct err why = {0};
	bool there = false;
	if (!savepoint_path(dir, x->dir, name) ||
	    savepoint_is_there(x->env->fs, x->env->mem, x->dir, name, &there, &why) != OK || !there)
		return OK;
	if (inspect_open(&i, x->env, dir, NULL, &why) == E_NO_MEMORY)
		return ERR(e, E_NO_MEMORY, "%s", why.text);
	jout_object(o);
	jout_kv_string(o, "name", name);
	jout_kv_string(o, "dir", dir);
	if (i)
		put_figures(inspect_manifest(i), o);
	else
		jout_kv_string(o, "error", why.text);
	jout_object_end(o);
	inspect_close(i);
	return OK;
}

RC read_savepoints(const struct one_read *x, struct json_out *o, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	struct fs_names names = {0};
	struct err why = {0};
	enum rc rc = OK;
	if (!layout_path(path, x->dir, NULL, SAVEPOINTS))
		return ERR(e, E_INVALID, "the path of '%s' is too long", x->dir);
	enum rc listed = fs_list(x->env->fs, path, &names, &why);
	if (listed != OK && listed != E_NOT_FOUND)
		return ERR(e, listed, "%s", why.text);
	jout_object(o);
	jout_key(o, "savepoints");
	jout_array(o);
	for (size_t i = 0; listed == OK && i < names.n && i < SAVEPOINTS_SHOWN && rc == OK; i++)
		rc = put_savepoint(x, names.name[i], o, e);
	jout_array_end(o);
	jout_object_end(o);
	if (listed == OK)
		fs_names_close(&names);
	return rc;
}
