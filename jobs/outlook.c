/* outlook.c - see outlook.h. */
#include "jobs/outlook.h"

#include "base/check.h"
#include "base/usage.h"

/* Looked at for forecasts: enough that FORECAST_POINTS a second apart are among those taken ten
 * times as often. */
#define LOOKED_AT 640

/* ---- taking ---- */

static void take_process(struct outlook *o, const struct job *j, struct mem *mem)
{
	struct usage u;
	usage_take(&u);
	o->cpu_us = u.cpu_us;
	o->resident_bytes = u.resident_bytes;
	o->memory_bytes = atomic_load_explicit(&mem->used_bytes, memory_order_relaxed);
	o->memory_limit_bytes = job_plan(j)->spec->limits.memory_bytes;
	o->restored = job_recovery(j)->restored ? job_recovery(j)->checkpoint : 0;
}

/* The newest completed ones, oldest first; the caller's. NULL: there are none, or no memory. */
static struct forecast_checkpoint *take_history(const struct job *j, struct mem *mem, size_t *n)
{
	size_t all;
	const struct checkpoint_record *r = job_history(j, &all);
	size_t from = all > LOOKED_AT ? all - LOOKED_AT : 0;
	struct forecast_checkpoint *c = all ? mem_get(mem, (all - from) * sizeof *c) : NULL;
	*n = 0;
	for (size_t i = from; c && i < all; i++)
		if (r[i].completed)
			c[(*n)++] = (struct forecast_checkpoint){
				.id = r[i].id, .wall_us = r[i].wall_us, .total_us = r[i].total_us,
				.full = r[i].full, .memory_bytes = r[i].memory_bytes,
				.room_bytes = r[i].room_bytes};
	return c;
}

static void take_forecasts(struct outlook *o, const struct pace *p, const struct job *j,
			   struct mem *mem)
{
	size_t n;
	const struct spec *s = job_plan(j)->spec;
	struct forecast_limits l = {.timeout_us = s->checkpoint.timeout_us,
				    .memory_bytes = s->limits.memory_bytes};
	struct forecast_checkpoint *c = take_history(j, mem, &n);
	o->room_bytes = n ? c[n - 1].room_bytes : 0;
	if (job_state(j) == JOB_RUNNING) {
		o->n_forecasts += n && forecast_timeout(c, n, &l, o->forecast[o->n_forecasts]);
		o->n_forecasts += n && forecast_disk(c, n, o->forecast[o->n_forecasts]);
		o->n_forecasts += n && forecast_memory(c, n, &l, o->forecast[o->n_forecasts]);
		o->n_forecasts += forecast_end(p->eta_us, o->forecast[o->n_forecasts]);
	}
	mem_put(mem, c);
}

void outlook_take(struct outlook *o, struct pace *p, const struct facts *f, const struct job *j,
		  struct mem *mem)
{
	struct err ignored = {0};
	*o = (struct outlook){0};
	if (pace_update(p, f, &ignored) == OK)
		(void)bottleneck_text(f, p, o->bottleneck);
	take_forecasts(o, p, j, mem);
	take_process(o, j, mem);
}

/* ---- as JSON ---- */

static const struct {
	const char *name;
	size_t offset;
} figures[] = {
	{"cpu_us", offsetof(struct outlook, cpu_us)},
	{"resident_bytes", offsetof(struct outlook, resident_bytes)},
	{"memory_bytes", offsetof(struct outlook, memory_bytes)},
	{"memory_limit_bytes", offsetof(struct outlook, memory_limit_bytes)},
	{"disk_free_bytes", offsetof(struct outlook, room_bytes)},
	{"restored_checkpoint", offsetof(struct outlook, restored)},
};

static uint64_t *figure(const struct outlook *o, size_t i)
{
	return (uint64_t *)(void *)((char *)o + figures[i].offset);
}

void outlook_write(const struct outlook *o, struct json_out *out)
{
	jout_key(out, "bottleneck");
	if (o->bottleneck[0])
		jout_string(out, o->bottleneck);
	else
		jout_null(out);
	jout_key(out, "forecasts");
	jout_array(out);
	for (uint32_t i = 0; i < o->n_forecasts; i++)
		jout_string(out, o->forecast[i]);
	jout_array_end(out);
	jout_key(out, "process");
	jout_object(out);
	for (size_t i = 0; i < ARRAY_LEN(figures); i++)
		jout_kv_uint(out, figures[i].name, *figure(o, i));
	jout_object_end(out);
}

static void read_text(const struct json *v, char *to, size_t size)
{
	size_t len;
	to[0] = '\0';
	if (v && json_kind(v) == JSON_STRING)
		snprintf(to, size, "%s", json_string(v, &len));
}

void outlook_read(struct outlook *o, const struct json *v)
{
	*o = (struct outlook){0};
	if (!v || json_kind(v) != JSON_OBJECT)
		return;
	const struct json *list = json_get(v, "forecasts"), *process = json_get(v, "process");
	read_text(json_get(v, "bottleneck"), o->bottleneck, sizeof o->bottleneck);
	size_t n = list && json_kind(list) == JSON_ARRAY ? json_count(list) : 0;
	for (size_t i = 0; i < n && i < OUTLOOK_FORECASTS; i++)
		read_text(json_item(list, i), o->forecast[o->n_forecasts++], FORECAST_TEXT);
	bool is = process && json_kind(process) == JSON_OBJECT;
	for (size_t i = 0; is && i < ARRAY_LEN(figures); i++) {
		const struct json *x = json_get(process, figures[i].name);
		if (x && json_kind(x) == JSON_INT && json_int(x) > 0)
			*figure(o, i) = (uint64_t)json_int(x);
	}
}
