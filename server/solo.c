/* solo.c - see solo.h. */
#include "server/solo.h"

#include "jobs/explain.h"
#include "jobs/report.h"
#include "server/actions.h"
#include "server/asker.h"
#include "server/live.h"
#include "server/metrics.h"
#include "server/reads.h"
#include "server/recoveries.h"
#include "server/shown_job.h"

#include <string.h>
#include <unistd.h>

#define BEAT_US 10000000
#define LAST_WORDS_US 500000

struct solo {
	struct solo_config c;
	struct mem *mem;
	struct http *http;
	struct feed feed;
	struct loop_timer *beat;
	struct actions actions;
	struct reads reads;
	struct live *live;
	struct recoveries recoveries;
	uint64_t event_id;
	uint64_t checkpoint;
	int64_t opened_wall_us, since_wall_us;
	const char *was;                    /* the state last told */
	char error[ERR_TEXT_MAX];
	int exit;                           /* -1 while it runs */
};

/* ---- the job ---- */

static void put_facts(struct solo *s, struct json_out *o)
{
	struct facts f;
	struct outlook look;
	if (!s->c.facts(s->c.arg, &f, &look)) {
		jout_null(o);
		return;
	}
	facts_write(&f, o);
	outlook_write(&look, o);
	facts_close(&f);
}

static void put_job(struct solo *s, bool facts, struct json_out *o)
{
	struct shown_job shown = {
		.name = s->c.name, .state = s->c.state(s->c.arg), .attempt = s->c.attempt(s->c.arg),
		.pid = (uint64_t)getpid(), .since_wall_us = s->since_wall_us,
		.submitted_wall_us = s->opened_wall_us, .file = s->c.file, .dir = s->c.dir,
		.checkpoint = s->checkpoint, .error = s->error, .exit = s->exit};
	shown_job_begin(&shown, o);
	if (facts) {
		jout_key(o, "facts");
		put_facts(s, o);
	}
	jout_object_end(o);
}

static void tell_job(struct solo *s, void (*to)(struct feed *, const char *, const struct bytes *))
{
	struct bytes data;
	struct json_out o;
	if (!feed_is_watched(&s->feed))
		return;
	bytes_init(&data, s->mem);
	jout_begin(&o, &data, false);
	put_job(s, true, &o);
	to(&s->feed, "job", &data);
	bytes_close(&data);
}

/* ---- requests ---- */

static void put_metrics(struct solo *s, struct metrics *m)
{
	struct facts f;
	struct outlook look;
	const char *state = s->c.state(s->c.arg);
	struct http_counts counts = http_counts(s->http);
	bool has = s->c.facts(s->c.arg, &f, &look);
	metrics_host(m, &(struct metrics_host){
		.version = s->c.version, .started_wall_us = s->opened_wall_us,
		.connections = counts.connections, .requests = counts.requests,
		.refused = counts.refused, .state = &state, .in_state = &(uint64_t){1}, .n_states = 1});
	metrics_job(m, &(struct metrics_job){
		.name = s->c.name, .state = state, .since_wall_us = s->since_wall_us,
		.now_wall_us = clock_wall_us(s->c.env->clock), .attempts = s->c.attempt(s->c.arg),
		.checkpoint = s->checkpoint, .facts = has ? &f : NULL, .outlook = has ? &look : NULL});
	if (has)
		facts_close(&f);
}

static void answer_metrics(struct solo *s, struct http_request *r)
{
	struct metrics m;
	struct bytes text;
	struct err e = {0};
	if (metrics_begin(&m, s->mem, &e) != OK) {
		api_fail(r, &e);
		return;
	}
	put_metrics(s, &m);
	bytes_init(&text, s->mem);
	metrics_end(&m, &text);
	metrics_answer(r, &text);
	bytes_close(&text);
}

static void answer_one(struct solo *s, struct http_request *r, bool list, bool facts)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, s->mem);
	jout_begin(&o, &body, false);
	if (list) {
		jout_object(&o);
		jout_key(&o, "jobs");
		jout_array(&o);
	}
	put_job(s, facts, &o);
	if (list) {
		jout_array_end(&o);
		jout_object_end(&o);
	}
	api_answer(r, 200, &body);
	bytes_close(&body);
}

static void answer_about(struct solo *s, struct http_request *r)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, s->mem);
	jout_begin(&o, &body, false);
	jout_object(&o);
	jout_kv_string(&o, "weir", s->c.version);
	jout_kv_int(&o, "pid", getpid());
	jout_kv_string(&o, "dir", s->c.dir);
	jout_kv_uint(&o, "jobs", 1);
	jout_kv_uint(&o, "running", s->exit < 0);
	jout_object_end(&o);
	api_answer(r, 200, &body);
	bytes_close(&body);
}

static void answer_known(struct solo *s, struct http_request *r, enum api_what what)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, s->mem);
	jout_begin(&o, &body, false);
	if (what == API_PLAN)
		explain_json(s->c.plan, &body);
	else
		recoveries_write(&s->recoveries, &o);
	api_answer(r, 200, &body);
	bytes_close(&body);
}

static RC act(struct solo *s, struct http_request *r, const struct api_call *c, struct err *e)
{
	if (!action_is_ask(c->kind) && c->kind != ACTION_STOP)
		return ERR(e, E_REFUSED, "job '%s' runs under `weir run`, which can be shown, asked for a "
			   "checkpoint and stopped; for the rest submit it to a server: weir serve",
			   s->c.name);
	const struct action *a = actions_new(&s->actions, s->c.name, c->kind, e);
	if (!a)
		return e->code;
	struct job_ask ask = c->ask;
	struct err why = {0};
	ask.request = a->id;
	if (action_is_ask(c->kind) && s->c.ask(s->c.arg, &ask, e) != OK) {
		actions_forget(&s->actions, a->id);
		return e->code;
	}
	if (actions_accept(&s->actions, &s->feed, r, c, a))
		tell_job(s, feed_tell_newest);
	/* Who asks for a stop sees it begin. */
	if (c->kind == ACTION_STOP && s->c.ask(s->c.arg, &ask, &why) != OK)
		actions_over(&s->actions, &s->feed, ask.request, &why, 0, NULL);
	return OK;
}

static RC ask_for_key(void *arg, const struct word_lookup *l, struct err *e)
{
	const struct solo *s = arg;
	if (s->exit >= 0)
		return ERR(e, E_REFUSED, "the job is over");
	return s->c.look_up(s->c.arg, l, e);
}

static bool dir_of(void *arg, char *to, size_t size)
{
	const struct solo *s = arg;
	return (size_t)snprintf(to, size, "%s", s->c.dir) < size;
}

static void answer_state(struct solo *s, struct http_request *r, const struct api_call *c)
{
	const struct live_config with = {.loop = s->c.loop, .env = s->c.env, .reads = &s->reads,
					 .ask = ask_for_key, .dir = dir_of, .arg = s};
	if (live_is(c))
		live_answer(&s->live, &with, r, c);
	else
		reads_answer(&s->reads, r, c, s->c.dir, NULL);
}

void solo_found(struct solo *s, const struct word_found *f)
{
	live_heard(s->live, f);
}

static RC answer_job(struct solo *s, struct http_request *r, const struct api_call *c,
		     struct err *e)
{
	if (strcmp(c->job, s->c.name))
		return ERR(e, E_NOT_FOUND, "the one job here is '%s'", s->c.name);
	switch (c->what) {
	case API_SHOW:
		answer_one(s, r, false, true);
		return OK;
	case API_EVENTS:
		if (feed_add(&s->feed, r, 0, e) == OK)
			tell_job(s, feed_tell_newest);
		err_clear(e);
		return OK;
	case API_CHECKPOINTS:
	case API_CHECKPOINT:
	case API_SAVEPOINTS:
		reads_answer(&s->reads, r, c, s->c.dir, NULL);
		return OK;
	case API_STATE:
		answer_state(s, r, c);
		return OK;
	case API_RECOVERIES:
	case API_PLAN:
		answer_known(s, r, c->what);
		return OK;
	case API_CONFIG:
		return ERR(e, E_REFUSED, "`weir run` keeps no description of its own: it runs the file "
			   "'%s'", s->c.file ? s->c.file : "?");
	case API_TAIL:
		return ERR(e, E_REFUSED, "`weir run` prints to its standard output: read it there");
	case API_LOG:
		return ERR(e, E_REFUSED, "`weir run` writes its log to its standard error, not to a file");
	default:
		return act(s, r, c, e);
	}
}

static void on_request(void *arg, struct http_request *r)
{
	struct solo *s = arg;
	struct api_call c;
	struct err e = {0};
	if (!api_take(&c, r))
		return;
	switch (c.what) {
	case API_ABOUT:
		answer_about(s, r);
		return;
	case API_OPENAPI:
		api_describe(r, s->c.version);
		return;
	case API_LIST:
		answer_one(s, r, true, c.facts);
		return;
	case API_METRICS:
		answer_metrics(s, r);
		return;
	case API_ACTION:
		actions_answer(&s->actions, r, c.id);
		return;
	case API_SUBMIT:
		ERR(&e, E_REFUSED, "this is the one job of a `weir run`; jobs are submitted to a server: "
		    "weir serve");
		break;
	case API_STEPS:
	case API_STEP:
		ERR(&e, E_REFUSED, "step sessions are a server's (weir serve); in a terminal: weir run "
		    "--step JOB");
		break;
	default:
		if (answer_job(s, r, &c, &e) == OK)
			return;
	}
	api_fail(r, &e);
}

/* ---- what happens ---- */

static void on_beat(void *arg)
{
	struct solo *s = arg;
	feed_beat(&s->feed);
}

RC solo_open(struct solo **out, const struct solo_config *c, struct err *e)
{
	struct solo *s = *out = mem_get(c->env->mem, sizeof *s);
	if (!s)
		return ERR(e, E_NO_MEMORY, "no memory for a socket");
	s->c = *c;
	s->mem = c->env->mem;
	s->exit = -1;
	s->since_wall_us = s->opened_wall_us = clock_wall_us(c->env->clock);
	s->actions.mem = s->mem;
	s->reads = (struct reads){.loop = c->loop, .env = c->env};
	s->feed = (struct feed){.mem = s->mem, .event_id = &s->event_id};
	struct http_config h = {.loop = c->loop, .mem = s->mem, .clock = c->env->clock, .dir = c->dir,
				.name = SOLO_SOCKET, .handler = on_request, .gone = asker_gone, .arg = s,
				/* Most runs are never asked anything. */
				.late = true};
	if (http_open(&s->http, &h, e) != OK ||
	    loop_timer_open(&s->beat, c->loop, on_beat, s, e) != OK) {
		solo_close(s);
		*out = NULL;
		return e->code;
	}
	loop_timer_every(s->beat, BEAT_US);
	return OK;
}

void solo_changed(struct solo *s)
{
	const char *state = s->c.state(s->c.arg);
	if (!s->was || strcmp(s->was, state))
		s->since_wall_us = clock_wall_us(s->c.env->clock);
	s->was = state;
	tell_job(s, feed_tell);
}

void solo_failed(struct solo *s, const struct err *e)
{
	snprintf(s->error, sizeof s->error, "%s", e->text);
	solo_changed(s);
}

void solo_record(struct solo *s, const struct checkpoint_record *r)
{
	struct bytes data;
	struct json_out o;
	if (r->completed)
		s->checkpoint = r->id;
	if (!feed_is_watched(&s->feed))
		return;
	bytes_init(&data, s->mem);
	jout_begin(&o, &data, false);
	report_checkpoint(r, &o);
	feed_tell(&s->feed, "checkpoint", &data);
	bytes_close(&data);
}

/* What had failed in this process is known; how one before it ended is not. */
void solo_recovered(struct solo *s, const struct word_recovery *w)
{
	struct bytes body, line;
	bytes_init(&body, s->mem);
	bytes_init(&line, s->mem);
	recovery_write(w, &body);
	if (bytes_ok(&body))
		recoveries_add(&s->recoveries, bytes_text(&body), body.len, s->error, s->mem, &line);
	if (bytes_ok(&body) && bytes_ok(&line))
		feed_tell(&s->feed, "recovery", &line);
	bytes_close(&body);
	bytes_close(&line);
}

void solo_answered(struct solo *s, uint64_t request, const struct checkpoint_record *r,
		   const char *found, const struct err *why)
{
	actions_over(&s->actions, &s->feed, request, why, r ? r->id : 0, found);
}

static void on_last_words(void *arg)
{
	struct solo *s = arg;
	loop_stop(s->c.loop);
}

static void on_look(void *arg)
{
	struct solo *s = arg;
	if (!http_counts(s->http).connections)
		loop_stop(s->c.loop);
}

void solo_ended(struct solo *s, int exit, const struct err *error)
{
	struct loop_timer *limit = NULL, *look = NULL;
	struct err e = {0}, unanswered = {0};
	const struct action *a;
	s->exit = exit;
	if (error->code != OK)
		snprintf(s->error, sizeof s->error, "%s", error->text);
	bool anybody = http_counts(s->http).connections;
	solo_changed(s);
	ERR(&unanswered, E_REFUSED, "the job ended before the checkpoint was complete");
	while ((a = actions_open_ask(&s->actions, s->c.name)))
		actions_over(&s->actions, &s->feed, a->id, &unanswered, s->checkpoint, NULL);
	while ((a = actions_open(&s->actions, s->c.name, ACTION_STOP)))
		actions_over(&s->actions, &s->feed, a->id, error, s->checkpoint, NULL);
	feed_close(&s->feed);
	live_gone(s->live, "the job is over");
	if (anybody && loop_timer_open(&limit, s->c.loop, on_last_words, s, &e) == OK &&
	    loop_timer_open(&look, s->c.loop, on_look, s, &e) == OK) {
		loop_timer_set(limit, LAST_WORDS_US);
		loop_timer_every(look, 5000);
		loop_run(s->c.loop);
	}
	loop_timer_close(&limit);
	loop_timer_close(&look);
}

void solo_close(struct solo *s)
{
	if (!s)
		return;
	live_close(&s->live);
	reads_close(&s->reads);
	http_close(s->http);
	loop_timer_close(&s->beat);
	recoveries_close(&s->recoveries, s->mem);
	actions_close(&s->actions);
	mem_put(s->mem, s);
}
