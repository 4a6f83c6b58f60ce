/* screen_json.c - the events of `weir run --json`: one object a line, each with "event" and
 * "wall_us". Names are the report's. Log lines stand between them: {"time", "level", "text"}. */
#include "cli/screen.h"

#include "jobs/report.h"

#include <unistd.h>

struct event {
	struct bytes text;
	struct json_out o;
};

static struct json_out *event_begin(struct event *e, struct screen *s, const char *name)
{
	bytes_init(&e->text, s->cli->env->mem);
	jout_begin(&e->o, &e->text, false);
	jout_object(&e->o);
	jout_kv_string(&e->o, "event", name);
	jout_kv_int(&e->o, "wall_us", clock_wall_us(s->cli->env->clock));
	return &e->o;
}

/* One write a line: a reader never sees half of one. */
static void event_end(struct event *e, struct screen *s)
{
	jout_object_end(&e->o);
	bytes_put_u8(&e->text, '\n');
	if (bytes_ok(&e->text)) {
		fwrite(e->text.data, 1, e->text.len, s->cli->err.to);
		fflush(s->cli->err.to);
	}
	bytes_close(&e->text);
}

static void put_ms(struct json_out *o, const char *key, uint64_t us)
{
	jout_kv_real(o, key, (double)us / 1e3);
}

static void json_changed(struct screen *s, const char *difference)
{
	struct event e;
	struct json_out *o = event_begin(&e, s, "changed");
	jout_kv_string(o, "job", s->plan->spec->name);
	jout_kv_string(o, "difference", difference);
	event_end(&e, s);
}

static void json_opened(struct screen *s)
{
	struct event e;
	const struct job_recovery *r = job_recovery(s->job);
	struct json_out *o = event_begin(&e, s, "opened");
	jout_kv_string(o, "job", s->plan->spec->name);
	jout_kv_string(o, "dir", s->dir);
	jout_kv_int(o, "pid", getpid());
	jout_key(o, "restored_from");
	if (r->restored)
		jout_uint(o, r->checkpoint);
	else
		jout_null(o);
	event_end(&e, s);
}

static void json_finished_before(struct screen *s, int64_t wall_us)
{
	struct event e;
	struct json_out *o = event_begin(&e, s, "finished_before");
	jout_kv_string(o, "job", s->plan->spec->name);
	jout_kv_int(o, "finished_wall_us", wall_us);
	event_end(&e, s);
}

static void put_says(struct screen *s, struct json_out *o)
{
	const struct begun *b = job_begun(s->job);
	jout_key(o, "stages");
	jout_object(o);
	for (uint32_t i = 0; i < s->plan->n_stages && i < b->n; i++)
		if (b->stage[i].says[0])
			jout_kv_string(o, s->plan->stage[i].spec->id, b->stage[i].says);
	jout_object_end(o);
}

static void json_began(struct screen *s)
{
	struct event e;
	const struct job_recovery *r = job_recovery(s->job);
	struct json_out *o = event_begin(&e, s, r->restored ? "recovered" : "began");
	jout_kv_uint(o, "attempt", job_attempt_number(s->job));
	put_ms(o, "recovery_ms", job_recovery_us(s->job));
	if (r->restored) {
		struct bytes text;
		struct paint plain = {0};
		jout_kv_uint(o, "checkpoint", r->checkpoint);
		jout_kv_int(o, "checkpoint_wall_us", r->checkpoint_wall_us);
		jout_kv_uint(o, "previous_pid", r->previous_pid);
		jout_kv_uint(o, "sections", r->sections);
		jout_kv_uint(o, "files", r->files);
		jout_kv_uint(o, "bytes", r->bytes);
		jout_kv_uint(o, "keys", r->keys);
		jout_kv_uint(o, "full_runs", r->full_runs);
		jout_kv_uint(o, "delta_runs", r->delta_runs);
		jout_kv_uint(o, "committed_now", r->intents_committed);
		jout_kv_uint(o, "taken_away", r->intents_taken);
		put_ms(o, "find_ms", r->find_us);
		put_ms(o, "own_ms", r->verify_us);
		put_ms(o, "tables_ms", r->tables_us);
		put_ms(o, "estimate_ms", r->estimate_us);
		put_says(s, o);
		bytes_init(&text, s->cli->env->mem);
		screen_recovery(s, &plain, &text);
		jout_kv_string(o, "text", bytes_text(&text));
		bytes_close(&text);
	}
	event_end(&e, s);
}

static void json_checkpoint(struct screen *s, const struct checkpoint_record *r)
{
	struct event e;
	struct json_out *o = event_begin(&e, s, "checkpoint");
	report_checkpoint_facts(r, o);
	event_end(&e, s);
}

static void json_failed(struct screen *s, const struct err *error, const struct restart_decision *d)
{
	struct event e;
	struct json_out *o = event_begin(&e, s, "attempt_failed");
	jout_kv_uint(o, "attempt", job_attempt_number(s->job));
	jout_kv_string(o, "code", err_name(error->code));
	jout_kv_string(o, "error", error->text);
	jout_kv_bool(o, "restart", d->restart);
	if (d->restart)
		put_ms(o, "after_ms", d->after_us);
	event_end(&e, s);
}

static void put_stages(struct screen *s, struct json_out *o)
{
	jout_key(o, "operators");
	jout_array(o);
	for (uint32_t i = 0; i < s->plan->n_stages; i++) {
		struct stage_count n = screen_count(s, i);
		jout_object(o);
		jout_kv_string(o, "id", s->plan->stage[i].spec->id);
		jout_kv_uint(o, "records_in", n.in);
		jout_kv_uint(o, "records_out", n.out);
		put_ms(o, "busy_ms", n.busy_us);
		jout_object_end(o);
	}
	jout_array_end(o);
}

static void json_status(struct screen *s)
{
	struct event e;
	struct json_out *o = event_begin(&e, s, "status");
	jout_kv_string(o, "state", job_state_name(job_state(s->job)));
	jout_kv_uint(o, "attempt", job_attempt_number(s->job));
	put_ms(o, "wall_ms", clock_mono_us(s->cli->env->clock) - s->cli->started_us);
	jout_kv_uint(o, "checkpoint", s->last.id);
	put_stages(s, o);
	event_end(&e, s);
}

static void json_stopping(struct screen *s, int signal)
{
	struct event e;
	struct json_out *o = event_begin(&e, s, "stopping");
	jout_kv_int(o, "signal", signal);
	event_end(&e, s);
}

static void json_ended(struct screen *s, enum drive_end end)
{
	static const char *const ends[] = {[DRIVE_OVER] = "", [DRIVE_SIGNALLED] = "STOPPED AT ONCE",
					   [DRIVE_ABANDONED] = "ABANDONED"};
	struct event e;
	struct json_out *o = event_begin(&e, s, "ended");
	jout_kv_string(o, "state",
		       end == DRIVE_OVER ? job_state_name(job_state(s->job)) : ends[end]);
	if (job_error(s->job)->code != OK) {
		jout_kv_string(o, "code", err_name(job_error(s->job)->code));
		jout_kv_string(o, "error", job_error(s->job)->text);
	}
	jout_kv_uint(o, "attempt", job_attempt_number(s->job));
	jout_kv_uint(o, "completed", job_completed(s->job));
	jout_kv_uint(o, "failed", job_failed_checkpoints(s->job));
	put_ms(o, "wall_ms", clock_mono_us(s->cli->env->clock) - s->cli->started_us);
	put_stages(s, o);
	event_end(&e, s);
}

const struct screen_ops screen_json = {
	.changed = json_changed,
	.opened = json_opened,
	.finished_before = json_finished_before,
	.began = json_began,
	.checkpoint = json_checkpoint,
	.failed = json_failed,
	.status = json_status,
	.stopping = json_stopping,
	.ended = json_ended,
};
