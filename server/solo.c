/* solo.c - see solo.h. */
#include "server/solo.h"

#include "jobs/report.h"
#include "server/api.h"
#include "server/feed.h"
#include "server/history.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define ACTIONS_KEPT 64
#define BEAT_US 10000000
#define LAST_WORDS_US 500000

struct solo {
	struct solo_config c;
	struct mem *mem;
	struct http *http;
	struct feed feed;
	struct loop_timer *beat;
	struct action action[ACTIONS_KEPT]; /* a ring: id modulo its size */
	uint64_t last_action, event_id;
	uint64_t checkpoint;
	int64_t since_wall_us;
	const char *was;                    /* the state last told */
	char error[ERR_TEXT_MAX];
	int exit;                           /* -1 while it runs */
};

/* ---- the job ---- */

static void put_text(struct json_out *o, const char *key, const char *text)
{
	jout_key(o, key);
	if (text && *text)
		jout_string(o, text);
	else
		jout_null(o);
}

static void put_job(struct solo *s, bool facts, struct json_out *o)
{
	jout_object(o);
	jout_kv_string(o, "name", s->c.name);
	jout_kv_string(o, "state", s->c.state(s->c.arg));
	jout_kv_uint(o, "attempt", s->c.attempt(s->c.arg));
	jout_kv_int(o, "pid", getpid());
	jout_kv_int(o, "since_wall_us", s->since_wall_us);
	jout_key(o, "submitted_wall_us");
	jout_null(o);
	put_text(o, "file", s->c.file);
	put_text(o, "dir", s->c.dir);
	put_text(o, "log", NULL);
	put_text(o, "parallelism", NULL);
	jout_key(o, "checkpoint");
	if (s->checkpoint)
		jout_uint(o, s->checkpoint);
	else
		jout_null(o);
	put_text(o, "error", s->error);
	jout_key(o, "exit");
	if (s->exit >= 0)
		jout_int(o, s->exit);
	else
		jout_null(o);
	if (facts) {
		jout_key(o, "facts");
		if (!s->c.facts(s->c.arg, o))
			jout_null(o);
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

static void answer_one(struct solo *s, struct http_request *r, bool list)
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
	put_job(s, !list, &o);
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

static void put_action(const struct action *a, struct bytes *to)
{
	struct json_out o;
	jout_begin(&o, to, false);
	action_write(a, &o);
}

static struct action *find_action(struct solo *s, uint64_t id)
{
	struct action *a = &s->action[id % ACTIONS_KEPT];
	return id && a->id == id ? a : NULL;
}

static void accepted(struct solo *s, struct http_request *r, const struct api_call *c,
		     const struct action *a)
{
	struct bytes body;
	struct err e = {0};
	if (c->stream) {
		if (feed_add(&s->feed, r, a->id, &e) == OK)
			tell_job(s, feed_tell_newest);
		return;
	}
	bytes_init(&body, s->mem);
	put_action(a, &body);
	api_answer(r, 202, &body);
	bytes_close(&body);
}

static RC act(struct solo *s, struct http_request *r, const struct api_call *c, struct err *e)
{
	uint64_t id = s->last_action + 1;
	struct action *a = &s->action[id % ACTIONS_KEPT];
	if (c->kind != ACTION_CHECKPOINT && c->kind != ACTION_STOP)
		return ERR(e, E_REFUSED, "job '%s' runs under `weir run`, which can be shown, asked for a "
			   "checkpoint and stopped; for the rest submit it to a server: weir serve",
			   s->c.name);
	if (c->kind == ACTION_CHECKPOINT && s->c.checkpoint(s->c.arg, id, e) != OK)
		return e->code;
	s->last_action = id;
	*a = (struct action){.id = id, .kind = c->kind};
	snprintf(a->job, sizeof a->job, "%s", s->c.name);
	accepted(s, r, c, a);
	if (c->kind == ACTION_STOP)
		s->c.stop(s->c.arg);
	return OK;
}

static void answer_action(struct solo *s, struct http_request *r, uint64_t id)
{
	struct err e = {0};
	struct bytes body;
	const struct action *a = find_action(s, id);
	if (!a) {
		ERR(&e, E_NOT_FOUND, "there is no action %" PRIu64 " (the newest %d are kept)", id,
		    ACTIONS_KEPT);
		api_fail(r, &e);
		return;
	}
	bytes_init(&body, s->mem);
	put_action(a, &body);
	api_answer(r, 200, &body);
	bytes_close(&body);
}

static RC answer_job(struct solo *s, struct http_request *r, const struct api_call *c,
		     struct err *e)
{
	if (strcmp(c->job, s->c.name))
		return ERR(e, E_NOT_FOUND, "the one job here is '%s'", s->c.name);
	switch (c->what) {
	case API_SHOW:
		answer_one(s, r, false);
		return OK;
	case API_CHECKPOINTS:
		history_answer(r, s->c.env, s->c.dir);
		return OK;
	case API_EVENTS:
		if (feed_add(&s->feed, r, 0, e) == OK)
			tell_job(s, feed_tell_newest);
		err_clear(e);
		return OK;
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
	bool method_wrong;
	if (api_parse(&c, r, &method_wrong, &e) != OK) {
		api_fail_with(r, method_wrong ? 405 : api_status(e.code), &e);
		return;
	}
	switch (c.what) {
	case API_ABOUT:
		answer_about(s, r);
		return;
	case API_LIST:
		answer_one(s, r, true);
		return;
	case API_ACTION:
		answer_action(s, r, c.action);
		return;
	case API_SUBMIT:
		ERR(&e, E_REFUSED, "this is the one job of a `weir run`; jobs are submitted to a server: "
		    "weir serve");
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
	s->since_wall_us = clock_wall_us(c->env->clock);
	s->feed = (struct feed){.mem = s->mem, .event_id = &s->event_id};
	struct http_config h = {.loop = c->loop, .mem = s->mem, .clock = c->env->clock, .dir = c->dir,
				.name = SOLO_SOCKET, .handler = on_request, .arg = s};
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

void solo_recovered(struct solo *s, const char *lines)
{
	struct bytes data;
	struct json_out o;
	bytes_init(&data, s->mem);
	jout_begin(&o, &data, false);
	jout_object(&o);
	jout_kv_string(&o, "lines", lines);
	jout_object_end(&o);
	feed_tell(&s->feed, "recovery", &data);
	bytes_close(&data);
}

static void over(struct solo *s, struct action *a, const struct err *error, uint64_t checkpoint)
{
	struct bytes data;
	a->over = true;
	a->error = *error;
	a->checkpoint = checkpoint;
	bytes_init(&data, s->mem);
	put_action(a, &data);
	feed_action(&s->feed, a->id, &data);
	bytes_close(&data);
}

void solo_answered(struct solo *s, uint64_t request, const struct checkpoint_record *r,
		   const struct err *why)
{
	struct action *a = find_action(s, request);
	if (a && !a->over)
		over(s, a, why, r ? r->id : 0);
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
	struct err e = {0};
	s->exit = exit;
	if (error->code != OK)
		snprintf(s->error, sizeof s->error, "%s", error->text);
	bool anybody = http_counts(s->http).connections;
	solo_changed(s);
	for (size_t i = 0; i < ACTIONS_KEPT; i++)
		if (s->action[i].id && !s->action[i].over)
			over(s, &s->action[i], error, s->checkpoint);
	feed_close(&s->feed);
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
	http_close(s->http);
	loop_timer_close(&s->beat);
	mem_put(s->mem, s);
}
