/* report.c - see report.h. Names are DESIGN 11's; what was not measured is null. */
#include "jobs/report.h"

#include "operators/latency.h"

#include <sys/resource.h>

void report_measure(struct report_extra *x, struct clock *clock, uint64_t started_us)
{
	struct rusage u;
	*x = (struct report_extra){.wall_us = clock_mono_us(clock) - started_us};
	if (getrusage(RUSAGE_SELF, &u))
		return;
	x->cpu_us = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
		    (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	x->peak_rss_bytes = (uint64_t)u.ru_maxrss * 1024;
}

static void put_ms(struct json_out *o, const char *key, uint64_t us)
{
	jout_kv_real(o, key, (double)us / 1e3);
}

static void put_operators(struct json_out *o, const struct job *j)
{
	const struct plan *p = job_plan(j);
	jout_key(o, "operators");
	jout_array(o);
	for (uint32_t s = 0; s < p->n_stages; s++)
		for (uint32_t i = 0; i < p->stage[s].parallelism; i++) {
			struct job_task_totals t;
			job_task_totals(j, p->stage[s].first_task + i, &t);
			jout_object(o);
			jout_kv_string(o, "id", p->stage[s].spec->id);
			jout_kv_uint(o, "subtask", i);
			jout_kv_uint(o, "records_in", t.records_in);
			jout_kv_uint(o, "records_out", t.records_out);
			jout_kv_uint(o, "records_skipped", t.records_skipped);
			put_ms(o, "busy_ms", t.busy_us);
			put_ms(o, "idle_ms", t.idle_us);
			put_ms(o, "backpressured_ms", t.backpressured_us);
			jout_object_end(o);
		}
	jout_array_end(o);
}

void report_checkpoint_facts(const struct checkpoint_record *r, struct json_out *o)
{
	jout_kv_uint(o, "id", r->id);
	jout_kv_string(o, "kind", co_kind_name(r->kind));
	jout_kv_string(o, "trigger", r->trigger);
	jout_kv_string(o, "state", r->completed ? "completed" : "failed");
	if (!r->completed)
		jout_kv_string(o, "error", r->error);
	jout_kv_uint(o, "bytes_written", r->bytes_written);
	jout_kv_uint(o, "state_bytes", r->state_bytes);
	jout_kv_uint(o, "keys", r->keys);
	jout_kv_uint(o, "keys_changed", r->keys_changed);
	put_ms(o, "align_ms", r->align_us);
	jout_kv_uint(o, "sync_us_max", r->sync_us_max);
	put_ms(o, "async_ms", r->async_us);
	put_ms(o, "total_ms", r->total_us);
}

void report_checkpoint(const struct checkpoint_record *r, struct json_out *o)
{
	jout_object(o);
	report_checkpoint_facts(r, o);
	jout_object_end(o);
}

static void put_checkpoints(struct json_out *o, const struct job *j)
{
	size_t n;
	const struct checkpoint_record *r = job_history(j, &n);
	jout_key(o, "checkpoints");
	jout_object(o);
	jout_kv_uint(o, "completed", job_completed(j));
	jout_kv_uint(o, "failed", job_failed_checkpoints(j));
	jout_key(o, "history");
	jout_array(o);
	for (size_t i = 0; i < n; i++)
		report_checkpoint(&r[i], o);
	jout_array_end(o);
	jout_object_end(o);
}

/* A directory that held a finished job was not opened further: nothing is known of its state. */
static void put_states(struct json_out *o, const struct job *j)
{
	const struct plan *p = job_plan(j);
	jout_key(o, "states");
	jout_array(o);
	for (uint32_t s = 0; job_attempt_number(j) && s < p->n_stages; s++) {
		if (!p->stage[s].p.keyed)
			continue;
		uint64_t keys = 0, checksum = 0;
		for (uint32_t i = 0; i < p->stage[s].parallelism; i++) {
			struct job_task_totals t;
			job_task_totals(j, p->stage[s].first_task + i, &t);
			keys += t.keys;
			checksum += t.state_checksum;
		}
		jout_object(o);
		jout_kv_string(o, "id", p->stage[s].spec->id);
		jout_kv_uint(o, "keys", keys);
		jout_kv_hex64(o, "checksum", checksum);
		jout_object_end(o);
	}
	jout_array_end(o);
}

/* null: nobody asked for it, or no record came. */
static void put_latency(struct json_out *o, const struct plan_stage *st)
{
	struct latency_figures f = {0};
	if (st->p.latency)
		latency_figures(st->p.latency, st->parallelism, &f);
	jout_key(o, "latency_us");
	if (!f.records) {
		jout_null(o);
		return;
	}
	jout_object(o);
	jout_kv_uint(o, "p50", f.p50_us);
	jout_kv_uint(o, "p99", f.p99_us);
	jout_kv_uint(o, "p99_9", f.p99_9_us);
	jout_kv_uint(o, "max", f.max_us);
	jout_object_end(o);
}

static void put_sinks(struct json_out *o, const struct job *j)
{
	const struct plan *p = job_plan(j);
	jout_key(o, "sinks");
	jout_array(o);
	for (uint32_t s = 0; s < p->n_stages; s++) {
		if (p->stage[s].ops->role != OP_SINK)
			continue;
		uint64_t records = 0, checksum = 0;
		for (uint32_t i = 0; i < p->stage[s].parallelism; i++) {
			struct job_task_totals t;
			job_task_totals(j, p->stage[s].first_task + i, &t);
			records += t.records_in;
			checksum += t.checksum;
		}
		jout_object(o);
		jout_kv_string(o, "id", p->stage[s].spec->id);
		jout_kv_uint(o, "records", records);
		jout_kv_hex64(o, "checksum", checksum);
		put_latency(o, &p->stage[s]);
		jout_object_end(o);
	}
	jout_array_end(o);
}

void report_write(const struct job *j, const struct report_extra *x, struct bytes *to)
{
	const struct job_recovery *r = job_recovery(j);
	struct json_out o;
	jout_begin(&o, to, true);
	jout_object(&o);
	jout_kv_string(&o, "job", job_plan(j)->spec->name);
	jout_kv_string(&o, "state", job_state_name(job_state(j)));
	if (job_error(j)->code != OK)
		jout_kv_string(&o, "error", job_error(j)->text);
	jout_kv_uint(&o, "attempt", job_attempt_number(j));
	jout_key(&o, "restored_from");
	if (r->restored)
		jout_uint(&o, r->checkpoint);
	else
		jout_null(&o);
	if (r->restored && r->why_so[0]) {
		jout_kv_string(&o, "restore", restore_mode_name(r->mode));
		jout_kv_string(&o, "restore_because", r->why_so);
	}
	put_ms(&o, "recovery_ms", job_recovery_us(j));
	put_ms(&o, "wall_ms", x->wall_us);
	put_ms(&o, "cpu_ms", x->cpu_us);
	jout_kv_uint(&o, "peak_rss_bytes", x->peak_rss_bytes);
	put_operators(&o, j);
	put_checkpoints(&o, j);
	put_states(&o, j);
	put_sinks(&o, j);
	jout_object_end(&o);
	bytes_put_u8(to, '\n');
}
