/* shown_job.c - see shown_job.h. */
#include "server/shown_job.h"

static void put_text(struct json_out *o, const char *key, const char *text)
{
	jout_key(o, key);
	if (text && *text)
		jout_string(o, text);
	else
		jout_null(o);
}

static void put_number(struct json_out *o, const char *key, uint64_t n)
{
	jout_key(o, key);
	if (n)
		jout_uint(o, n);
	else
		jout_null(o);
}

void shown_job_begin(const struct shown_job *j, struct json_out *o)
{
	jout_object(o);
	jout_kv_string(o, "name", j->name);
	jout_kv_string(o, "state", j->state);
	put_number(o, "attempt", j->attempt);
	put_number(o, "pid", j->pid);
	jout_kv_int(o, "since_wall_us", j->since_wall_us);
	jout_kv_int(o, "submitted_wall_us", j->submitted_wall_us);
	put_text(o, "file", j->file);
	put_text(o, "dir", j->dir);
	put_text(o, "log", j->log);
	put_number(o, "parallelism", j->parallelism);
	put_number(o, "checkpoint", j->checkpoint);
	put_text(o, "error", j->error);
	jout_key(o, "exit");
	if (j->exit >= 0)
		jout_int(o, j->exit);
	else
		jout_null(o);
}
