/* show.c - jobs as clients see them (docs/REST.md): one, all, and what is read of their
 * directories. */
#include "server/server_in.h"

#include "server/shown_job.h"

#include <string.h>
#include <unistd.h>

/* ---- one job ---- */

/* A standing is saved a moment later. */
const char *managed_error(const struct managed *m)
{
	const struct err *e = m->life ? life_error(m->life) : NULL;
	if (e)
		return e->code == OK ? NULL : e->text;
	return m->entry.error;
}

static enum rc code_of(const struct managed *m)
{
	return m->life ? life_error(m->life)->code : m->entry.code;
}

/* What `weir run` would have exited with; -1 while it goes on. */
static int exit_of(const struct managed *m)
{
	switch (managed_state(m)) {
	case LIFE_FINISHED:
	case LIFE_CANCELLED:
		return 0;
	case LIFE_STOPPED:
		if (m->s->stopping && m->entry.standing == STANDING_RUNNING)
			return -1; /* the next server runs it on */
		return code_of(m) == OK ? 0 : 1;
	case LIFE_FAILED:
		if (m->exit > 0)
			return m->exit;
		/* As `weir run`: these have codes of their own, whatever else ended it failed. */
		return code_of(m) == E_REFUSED || code_of(m) == E_FENCED ||
				       code_of(m) == E_CORRUPT || code_of(m) == E_INVALID
			       ? err_exit_code(code_of(m))
			       : 1;
	default:
		return -1;
	}
}

int64_t managed_since(const struct managed *m)
{
	if (!m->life || !life_since_us(m->life)) /* 0: it has not changed yet */
		return m->entry.since_wall_us;
	struct clock *c = m->s->env->clock;
	return clock_wall_us(c) - (int64_t)(clock_mono_us(c) - life_since_us(m->life));
}

void managed_write(const struct managed *m, bool facts, struct json_out *o)
{
	char job_dir[SERVER_PATH_MAX], log[SERVER_PATH_MAX];
	const char *dir = m->s->o.dir, *name = m->entry.name;
	bool has_dir = catalogue_job_dir(dir, name, job_dir, sizeof job_dir);
	bool has_log = catalogue_log(dir, name, log, sizeof log);
	struct shown_job shown = {
		.name = name, .state = life_state_name(managed_state(m)),
		.attempt = m->life ? life_attempts(m->life) : 0,
		.pid = m->child ? (uint64_t)loop_child_pid(m->child) : 0, .since_wall_us = managed_since(m),
		.submitted_wall_us = m->entry.submitted_wall_us, .file = m->entry.file,
		.dir = has_dir ? job_dir : NULL, .log = has_log ? log : NULL,
		.parallelism = m->entry.parallelism, .checkpoint = m->checkpoint, .error = managed_error(m),
		.exit = exit_of(m)};
	shown_job_begin(&shown, o);
	if (facts && m->facts) {
		jout_key(o, "facts");
		jout_raw(o, m->facts, strlen(m->facts));
		if (m->outlook)
			outlook_write(m->outlook, o);
	}
	jout_object_end(o);
}

static void put_job(const struct managed *m, struct bytes *to)
{
	struct json_out o;
	jout_begin(&o, to, false);
	managed_write(m, true, &o);
}

static void tell(struct managed *m, void (*to)(struct feed *, const char *, const struct bytes *))
{
	struct bytes data;
	if (!feed_is_watched(&m->feed))
		return;
	bytes_init(&data, m->s->mem);
	put_job(m, &data);
	to(&m->feed, "job", &data);
	bytes_close(&data);
}

void managed_tell(struct managed *m)
{
	tell(m, feed_tell);
}

void managed_tell_newest(struct managed *m)
{
	tell(m, feed_tell_newest);
}

/* ---- with fresh facts ---- */

static void answer_show(struct managed *m, struct http_request *r)
{
	struct bytes body;
	bytes_init(&body, m->s->mem);
	put_job(m, &body);
	api_answer(r, 200, &body);
	bytes_close(&body);
}

static void answer_showers(struct managed *m)
{
	struct http_request *r;
	while ((r = asker_take(&m->showers, m->s->mem)))
		answer_show(m, r);
	if (m->show_timer)
		loop_timer_off(m->show_timer);
}

void managed_facts_came(struct managed *m)
{
	answer_showers(m);
	tailing_facts(m);
	managed_tell(m);
	round_heard(m);
}

static void on_show_timer(void *arg)
{
	answer_showers(arg); /* a process that is busy restoring: what is known */
}

static bool has_fresh_facts(const struct managed *m)
{
	return m->facts && m->facts_us && m->wire &&
	       clock_mono_us(m->s->env->clock) - m->facts_us < SERVER_FACTS_FRESH_US;
}

void server_show(struct managed *m, struct http_request *r)
{
	struct err e = {0};
	if (has_fresh_facts(m)) {
		answer_show(m, r);
		return;
	}
	struct bytes ask;
	bool is_asked = m->showers != NULL;
	bool can_wait = m->wire && m->up &&
			(m->show_timer ||
			 loop_timer_open(&m->show_timer, m->s->loop, on_show_timer, m, &e) == OK);
	if (!can_wait || !asker_add(&m->showers, r, m->s->mem)) {
		answer_show(m, r);
		return;
	}
	if (is_asked) /* one answer serves all; and nobody's wait begins anew with the next who asks */
		return;
	loop_timer_set(m->show_timer, SERVER_FACTS_WAIT_US);
	bytes_init(&ask, m->s->mem);
	bytes_put_text(&ask, "{}");
	wire_send(m->wire, WIRE_ASK, &ask);
	bytes_close(&ask);
}

/* ---- all ---- */

void server_list(struct server *s, struct http_request *r, bool facts)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, s->mem);
	jout_begin(&o, &body, false);
	jout_object(&o);
	jout_key(&o, "jobs");
	jout_array(&o);
	for (size_t i = 0; i < s->n_jobs; i++)
		managed_write(s->job[i], facts, &o);
	jout_array_end(&o);
	jout_object_end(&o);
	api_answer(r, 200, &body);
	bytes_close(&body);
}

void server_about(struct server *s, struct http_request *r)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, s->mem);
	jout_begin(&o, &body, false);
	jout_object(&o);
	jout_kv_string(&o, "weir", s->o.version);
	jout_kv_int(&o, "pid", getpid());
	jout_kv_string(&o, "dir", s->o.dir);
	jout_kv_int(&o, "started_wall_us", s->started_wall_us);
	jout_kv_uint(&o, "jobs", s->n_jobs);
	jout_kv_uint(&o, "running", server_running(s));
	jout_object_end(&o);
	api_answer(r, 200, &body);
	bytes_close(&body);
}

/* ---- what others read or know ---- */

static RC ask_for_key(void *arg, const struct word_lookup *l, struct err *e)
{
	struct managed *m = arg;
	struct bytes body;
	if (!m->wire || !m->up)
		return ERR(e, E_REFUSED, "the job is %s", life_state_name(managed_state(m)));
	/* Else what it is told would pile up, until the wire is given up and the job with it. */
	if (!wire_is_idle(m->wire))
		return ERR(e, E_TIMEOUT, "the job's process does not read what it is told");
	bytes_init(&body, m->s->mem);
	lookup_write(l, &body);
	if (bytes_ok(&body))
		wire_send(m->wire, WIRE_LOOKUP, &body);
	else
		ERR(e, E_NO_MEMORY, "no memory for a request");
	bytes_close(&body);
	return e->code;
}

static bool dir_of(void *arg, char *to, size_t size)
{
	const struct managed *m = arg;
	return catalogue_job_dir(m->s->o.dir, m->entry.name, to, size);
}

void server_read(struct managed *m, struct http_request *r, const struct api_call *c)
{
	char dir[SERVER_PATH_MAX];
	struct err e = {0};
	if (live_is(c)) {
		live_answer(&m->live, &(struct live_config){.loop = m->s->loop, .env = m->s->env,
							    .reads = &m->s->reads, .ask = ask_for_key,
							    .dir = dir_of, .arg = m}, r, c);
		return;
	}
	if (dir_of(m, dir, sizeof dir)) {
		reads_answer(&m->s->reads, r, c, dir, NULL);
		return;
	}
	ERR(&e, E_INVALID, "the path of '%s' is too long", m->entry.name);
	api_fail(r, &e);
}

void server_recoveries(struct managed *m, struct http_request *r)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, m->s->mem);
	jout_begin(&o, &body, false);
	recoveries_write(&m->recoveries, &o);
	api_answer(r, 200, &body);
	bytes_close(&body);
}
