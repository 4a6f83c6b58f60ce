/* publish_history.c - what became of checkpoints, a line each in history.jsonl: written by the lane
 * when it has nothing better to do, synced by nobody, read by people. */
#include "jobs/durable_job.h"

static bool note_step(struct io_job *job, struct fs *fs)
{
	(void)fs;
	struct durable_job *d = CONTAINER_OF(job, struct durable_job, job);
	job->rc = history_append(d->history, d->line, d->len, &job->error);
	return true;
}

void line_submit(struct attempt *a, struct history *to, struct bytes *text)
{
	struct durable_job *d =
		to && bytes_ok(text) ? durable_job(a, IO_UNLINK, JOB_NOTED, note_step) : NULL;
	if (!d) {
		bytes_close(text);
		return;
	}
	d->history = to;
	d->line = (char *)text->data;
	d->len = text->len;
	durable_submit(d);
}

void note_decision(struct attempt *a, const char *what, const char *why)
{
	struct bytes text;
	bytes_init(&text, a->mem);
	struct json_out o;
	jout_begin(&o, &text, false);
	jout_object(&o);
	jout_kv_string(&o, "decision", what);
	jout_kv_string(&o, "why", why);
	jout_kv_int(&o, "wall_us", clock_wall_us(a->c.env->clock));
	jout_kv_uint(&o, "epoch", a->c.epoch);
	jout_kv_uint(&o, "attempt", a->c.attempt);
	jout_object_end(&o);
	line_submit(a, a->c.history, &text);
}

void note_submit(struct attempt *a, const struct checkpoint_record *r)
{
	struct bytes text;
	bytes_init(&text, a->mem);
	struct json_out o;
	jout_begin(&o, &text, false);
	jout_object(&o);
	jout_kv_uint(&o, "id", r->id);
	jout_kv_string(&o, "kind", co_kind_name(r->kind));
	jout_kv_string(&o, "trigger", r->trigger);
	jout_kv_string(&o, "state", r->completed ? "completed" : "failed");
	if (!r->completed)
		jout_kv_string(&o, "error", r->error);
	jout_kv_int(&o, "wall_us", r->wall_us);
	jout_kv_uint(&o, "epoch", a->c.epoch);
	jout_kv_uint(&o, "attempt", a->c.attempt);
	jout_kv_uint(&o, "bytes_written", r->bytes_written);
	jout_kv_uint(&o, "keys_changed", r->keys_changed);
	jout_kv_uint(&o, "total_us", r->total_us);
	jout_object_end(&o);
	line_submit(a, a->c.history, &text);
}
