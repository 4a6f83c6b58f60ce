/* requests.c - what clients ask of a server: each request finds its job, is refused with the cure,
 * or becomes an event of that job's life and an action that is answered when it is over. */
#include "server/server_in.h"

#include "base/check.h"
#include "jobs/export.h"
#include "server/page.h"

#include <inttypes.h>
#include <string.h>

/* The answer to who asked; a stream begins with the job as it is. */
void server_accepted(struct managed *m, struct http_request *r, const struct api_call *c,
		     const struct action *a)
{
	if (actions_accept(&m->s->actions, &m->feed, r, c, a))
		managed_tell_newest(m);
}

/* ---- what is done to a job ---- */

/* An act that waits for the job's description to be read. */
struct waiting_act {
	struct managed *m;
	struct api_call c;
	struct asker *asker;
};

static RC refuse_stopping(const struct server *s, struct err *e)
{
	return s->stopping ? ERR(e, E_REFUSED, "the server is stopping: ask the next one") : OK;
}

static RC too_many(const struct server *s, struct err *e)
{
	if (server_running(s) < SERVER_JOBS_MAX)
		return OK;
	return ERR(e, E_LIMIT, "%d jobs run already, as many as one server takes: stop one first",
		   SERVER_JOBS_MAX);
}

/* E_REFUSED, as the life would say it, for what needs a process. */
static RC needs_process(const struct managed *m, struct err *e)
{
	if (m->wire && m->up)
		return OK;
	return ERR(e, E_REFUSED, "job '%s' is %s: there is nothing to take a checkpoint of%s",
		   m->entry.name, life_state_name(managed_state(m)),
		   life_is_final(managed_state(m)) ? "; start it with: weir restart" : " now");
}

static RC act_ask(struct managed *m, struct http_request *r, const struct api_call *c,
		  struct err *e)
{
	struct bytes body;
	struct actions *as = &m->s->actions;
	struct job_ask ask = c->ask;
	if (needs_process(m, e) != OK)
		return e->code;
	/* As the process says it; but it may hang. */
	if (actions_count_asks(as, m->entry.name) >= JOB_REQUESTS_MAX)
		return ERR(e, E_LIMIT, "%u checkpoints were asked for and are not taken yet",
			   JOB_REQUESTS_MAX);
	const struct action *a = actions_new(as, m->entry.name, c->kind, e);
	if (!a)
		return e->code;
	server_accepted(m, r, c, a);
	bytes_init(&body, m->s->mem);
	ask.request = a->id;
	request_write(&ask, &body);
	wire_send(m->wire, WIRE_REQUEST, &body);
	bytes_close(&body);
	return OK;
}

static RC act_life(struct managed *m, struct http_request *r, const struct api_call *c,
		   struct err *e)
{
	static const enum life_event_kind events[] = {
		[ACTION_STOP] = LIFE_EV_STOP,
		[ACTION_CANCEL] = LIFE_EV_CANCEL,
		[ACTION_RESTART] = LIFE_EV_RESTART,
		[ACTION_REMOVE] = LIFE_EV_REMOVE,
	};
	struct server *s = m->s;
	if (c->kind == ACTION_RESTART && life_is_final(managed_state(m)) && too_many(s, e) != OK)
		return e->code;
	struct action *a = actions_new(&s->actions, m->entry.name, c->kind, e);
	if (!a)
		return e->code;
	a->savepoint = c->kind == ACTION_STOP && c->ask.savepoint;
	struct life_event ev = {.kind = events[c->kind], .action = a->id,
				.final_already = m->entry.standing == STANDING_FINISHED};
	if (life_event(m->life, clock_mono_us(s->env->clock), &ev, e) != OK) {
		actions_forget(&s->actions, a->id);
		return e->code;
	}
	if (c->kind == ACTION_STOP) {
		m->stop = c->ask;
		m->stop.request = a->id;
	}
	/* The asker first: what is performed may be over, and the job gone, at once. */
	server_accepted(m, r, c, a);
	managed_perform(m);
	return OK;
}

/* What cannot be done is refused while nothing is stopped yet. */
static RC check_stop(const struct managed *m, const struct job_ask *a, struct err *e)
{
	char dir[SERVER_PATH_MAX];
	bool there = false;
	if (!a->drain && !a->savepoint)
		return OK;
	if (needs_process(m, e) != OK)
		return e->code;
	if (!a->name[0] || !catalogue_job_dir(m->s->o.dir, m->entry.name, dir, sizeof dir))
		return OK;
	if (savepoint_is_there(m->s->env->fs, m->s->mem, dir, a->name, &there, e) != OK)
		return e->code;
	return there ? ERR(e, E_EXISTS, "there is a savepoint '%s' already: take another name", a->name)
		     : OK;
}

/* Savepoints are kept on purpose: they do not go with a directory unless that is said. */
static RC check_savepoints(const struct managed *m, const struct api_call *c, struct err *e)
{
	char dir[SERVER_PATH_MAX], some[SAVEPOINT_TEXT];
	uint32_t n;
	bool erases = c->kind == ACTION_REMOVE ||
		      (c->kind == ACTION_CANCEL && life_cancel_deletes(m->life));
	if (!erases || c->with_savepoints)
		return OK;
	if (actions_count_savepoints(&m->s->actions, m->entry.name))
		return ERR(e, E_REFUSED, "job '%s': a savepoint is being made, and would be deleted "
			   "with its directory: wait for it", m->entry.name);
	if (!catalogue_job_dir(m->s->o.dir, m->entry.name, dir, sizeof dir))
		return OK;
	if (savepoints_count(m->s->env->fs, m->s->mem, dir, &n, some, e) != OK)
		return e->code;
	return n ? ERR(e, E_REFUSED, "job '%s' has %u savepoint%s (%s), which would be deleted with "
		       "its directory: move '%s/" SAVEPOINTS "' away first, or say --with-savepoints",
		       m->entry.name, n, n == 1 ? "" : "s", some, dir)
		 : OK;
}

/* As if the machine had done it: its life hears of a death, and asks the restart policy. Nothing is
 * asked of the life, which may be in the middle of something else. */
static RC act_kill(struct managed *m, struct http_request *r, const struct api_call *c,
		   struct err *e)
{
	enum life_state state = managed_state(m);
	bool runs = state == LIFE_STARTING || state == LIFE_RUNNING || state == LIFE_WAITING;
	if (!runs || !m->child)
		return ERR(e, E_REFUSED, "job '%s' is %s: there is no process to kill%s", m->entry.name,
			   life_state_name(state),
			   life_is_final(state) ? "; start it with: weir restart"
			   : runs               ? " yet"
						: " but one that ends already");
	const struct action *a = actions_new(&m->s->actions, m->entry.name, ACTION_KILL, e);
	if (!a)
		return e->code;
	server_accepted(m, r, c, a);
	process_kill(m);
	return OK;
}

static RC act(struct managed *m, struct http_request *r, const struct api_call *c, struct err *e)
{
	if (managed_live(m, e) != OK || check_savepoints(m, c, e) != OK)
		return e->code;
	if (c->kind == ACTION_STOP && check_stop(m, &c->ask, e) != OK)
		return e->code;
	if (action_is_ask(c->kind))
		return act_ask(m, r, c, e);
	return act_life(m, r, c, e);
}

/* The description was read: now its life knows what cancel and stop mean to it. */
static void act_read(void *arg, struct clerk_answer *a)
{
	struct waiting_act *w = arg;
	struct managed *m = w->m;
	struct server *s = m->s;
	struct asker *list = w->asker;
	struct http_request *r = asker_take(&list, s->mem);
	struct life_config c;
	struct err e = a->error;
	m->reading--;
	struct err late = {0};
	if (r && refuse_stopping(s, &late) != OK) { /* a life that began now would not know it */
		api_fail(r, &late);
	} else if (r && e.code == OK && w->c.kind == ACTION_RESCALE) {
		server_rescale(m, r, &w->c, a);
	} else if (r) {
		/* One that cannot be understood any more may be stopped and removed all the same. */
		struct err odd = {0};
		bool known = e.code == OK && server_digest(s, &a->entry, &c, &odd) == OK;
		if (w->c.kind == ACTION_REMOVE && m->corrupt)
			err_clear(&e);
		if (e.code == OK && managed_live(m, &e) == OK) {
			if (known)
				life_configure(m->life, &c);
			m->configured = known;
		}
		if (e.code != OK || act(m, r, &w->c, &e) != OK)
			api_fail(r, &e);
	}
	mem_put(s->mem, w); /* m may be gone */
}

static RC act_later(struct managed *m, struct http_request *r, const struct api_call *c,
		    struct err *e)
{
	struct mem *mem = m->s->mem;
	struct asker *list = NULL;
	struct waiting_act *w = mem_get(mem, sizeof *w);
	if (!w || !asker_add(&list, r, mem)) {
		mem_put(mem, w);
		return ERR(e, E_NO_MEMORY, "no memory for a request");
	}
	*w = (struct waiting_act){.m = m, .c = *c, .asker = list};
	/* Whichever version stands then: one may be being saved. */
	if (clerk_read(m->s->clerk, m->entry.name, 0, act_read, w, e) != OK) {
		(void)asker_take(&list, mem);
		mem_put(mem, w);
		return e->code;
	}
	m->reading++;
	return OK;
}

static void do_act(struct managed *m, struct http_request *r, const struct api_call *c)
{
	struct err e = {0};
	enum rc rc;
	if (refuse_stopping(m->s, &e) != OK)
		rc = e.code;
	else if (!m->version || m->dropping)
		rc = ERR(&e, E_REFUSED, "job '%s' is being %s at this moment", m->entry.name,
			 m->version ? "removed" : "submitted");
	else if (c->kind == ACTION_KILL)
		rc = act_kill(m, r, c, &e);
	else if (c->kind == ACTION_RESCALE || (!action_is_ask(c->kind) && !m->configured))
		rc = act_later(m, r, c, &e);
	else
		rc = act(m, r, c, &e);
	if (rc != OK)
		api_fail(r, &e);
}

/* ---- dispatch ---- */

static void do_events(struct managed *m, struct http_request *r)
{
	struct err e = {0};
	if (feed_add(&m->feed, r, 0, &e) == OK)
		managed_tell_newest(m);
}

static void do_log(struct managed *m, struct http_request *r, const struct api_call *c)
{
	char path[SERVER_PATH_MAX];
	struct err e = {0};
	if (catalogue_log(m->s->o.dir, m->entry.name, path, sizeof path)) {
		log_tail_serve(&m->s->tails, r, path, c->tail, c->follow);
		return;
	}
	ERR(&e, E_INVALID, "the path of the log is too long");
	api_fail(r, &e);
}

static void do_job(struct server *s, struct http_request *r, const struct api_call *c)
{
	struct err e = {0};
	struct managed *m = server_find(s, c->job);
	if (!m) {
		if (server_no_job(s, c->job, &e) != OK)
			api_fail(r, &e);
		return;
	}
	switch (c->what) {
	case API_SHOW:
		server_show(m, r);
		return;
	case API_CHECKPOINTS:
	case API_CHECKPOINT:
	case API_SAVEPOINTS:
	case API_STATE:
		server_read(m, r, c);
		return;
	case API_TAIL:
		tailing_add(m, r, c->stage);
		return;
	case API_RECOVERIES:
		server_recoveries(m, r);
		return;
	case API_PLAN:
	case API_CONFIG:
		server_describe(m, r, c->what);
		return;
	case API_LOG:
		do_log(m, r, c);
		return;
	case API_EVENTS:
		do_events(m, r);
		return;
	default:
		do_act(m, r, c);
	}
}

void server_request(void *server, struct http_request *r)
{
	struct server *s = server;
	struct api_call c;
	if (page_answer(r) || !api_take(&c, r))
		return;
	switch (c.what) {
	case API_ABOUT:
		server_about(s, r);
		return;
	case API_OPENAPI:
		api_describe(r, s->o.version);
		return;
	case API_METRICS:
		server_round(s, &s->scrapers, r);
		return;
	case API_LIST:
		if (c.facts)
			server_round(s, &s->listers, r);
		else
			server_list(s, r, false);
		return;
	case API_SUBMIT:
		server_submit(s, r, &c);
		return;
	case API_STEPS:
		steps_list(s, r);
		return;
	case API_STEP:
		steps_do(s, r, &c);
		return;
	case API_ACTION:
		actions_answer(&s->actions, r, c.id);
		return;
	default:
		do_job(s, r, &c);
	}
}
