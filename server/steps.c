/* steps.c - see steps.h. */
#include "server/server_in.h"

#include "jobs/job_text.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct step_session {
	struct server *s;
	uint64_t id;
	char job[ENTRY_NAME_MAX + 1];
	struct loop_child *child;
	struct wire *wire;
	struct loop_timer *timer; /* nobody asks any more, or it does not answer */
	struct asker *asked;      /* in the order of the process's answers */
	unsigned n_asked;
	bool opened;              /* it answered that it can */
	bool gone;                /* its last words are being heard */
};

/* What is stepped when nobody says: two sources of different pace meet, so that inputs are held. */
static const char example[] =
	"{ \"name\": \"example\", \"checkpoint\": { \"interval\": \"60ms\" }, \"pipeline\": [\n"
	"  { \"id\": \"quick\", \"type\": \"generator_source\", \"rows\": 900, \"rate\": 3000,\n"
	"    \"fields\": { \"word\": \"'w' || splitmix64(i, 20)\" } },\n"
	"  { \"id\": \"slow\", \"type\": \"generator_source\", \"rows\": 100, \"rate\": 300,\n"
	"    \"fields\": { \"word\": \"'w' || splitmix64(i + 1000, 20)\" } },\n"
	"  { \"id\": \"both\", \"type\": \"union\", \"inputs\": [\"quick\", \"slow\"] },\n"
	"  { \"id\": \"count\", \"type\": \"keyed_sum\", \"key\": \"word\", \"as\": \"n\" },\n"
	"  { \"id\": \"out\", \"type\": \"print_sink\" } ] }\n";

/* ---- its end ---- */

static struct step_session **place(struct steps *all, uint64_t id)
{
	for (unsigned i = 0; i < STEPS_MAX; i++)
		if (all->session[i] && all->session[i]->id == id)
			return &all->session[i];
	return NULL;
}

static void session_end(struct step_session *x, const struct err *why)
{
	struct server *s = x->s;
	struct http_request *r;
	struct step_session **at = place(&s->steps, x->id);
	if (at)
		*at = NULL;
	if (x->child)
		loop_child_kill(x->child, SIGKILL);
	wire_close(&x->wire);
	loop_child_close(&x->child);
	loop_timer_close(&x->timer);
	while (asker_pop(&x->asked, &r, s->mem))
		if (r)
			api_fail(r, why);
	mem_put(s->mem, x);
}

static void on_timer(void *arg)
{
	struct step_session *x = arg;
	struct err e = {0};
	ERR(&e, E_TIMEOUT, "the step session did not answer for %u s, and was ended",
	    STEPS_PATIENCE_US / 1000000);
	session_end(x, &e);
}

static void on_closed(void *arg)
{
	struct step_session *x = arg;
	if (x->child) /* its end is told */
		loop_child_kill(x->child, SIGKILL);
}

static void on_gone(void *arg, int status, int number)
{
	struct step_session *x = arg;
	struct err e = {0};
	x->gone = true;
	if (x->wire)
		wire_drain(x->wire); /* its last words came before its end */
	ERR(&e, E_IO, "the step session's process ended (%s %d)", number ? "signal" : "status",
	    number ? number : status);
	session_end(x, &e);
}

/* ---- asking ---- */

static void session_ask(struct step_session *x, enum step_do what, uint64_t n)
{
	struct bytes body;
	struct word_step step = {what, n};
	bytes_init(&body, x->s->mem);
	step_write(&step, &body);
	wire_send(x->wire, WIRE_STEP, &body);
	bytes_close(&body);
	loop_timer_set(x->timer, STEPS_PATIENCE_US);
}

static RC session_wait(struct step_session *x, struct http_request *r, struct err *e)
{
	if (x->n_asked == STEPS_ASKED_MAX)
		return ERR(e, E_LIMIT, "the step session has %u questions to answer already: one after "
			   "the other", STEPS_ASKED_MAX);
	if (!asker_add(&x->asked, r, x->s->mem))
		return ERR(e, E_NO_MEMORY, "no memory for a request");
	x->n_asked++;
	return OK;
}

static struct http_request *session_answers(struct step_session *x)
{
	struct http_request *r = NULL;
	if (asker_pop(&x->asked, &r, x->s->mem) && --x->n_asked == 0)
		loop_timer_set(x->timer, STEPS_IDLE_US);
	return r; /* NULL: that client went */
}

static void on_stepped(struct step_session *x, const char *body, size_t len)
{
	struct bytes to;
	struct http_request *r = session_answers(x);
	unsigned status = x->opened ? 200 : 201;
	x->opened = true;
	if (!r)
		return;
	bytes_init(&to, x->s->mem);
	bytes_put(&to, body, len);
	api_answer(r, status, &to);
	bytes_close(&to);
}

/* One that cannot be opened is no session. */
static void on_refused(struct step_session *x, const char *body, size_t len)
{
	struct word_answer a;
	struct err e = {0};
	struct mem *mem = x->s->mem;
	if (answer_read(&a, body, len, mem, &e) != OK) {
		on_closed(x);
		return;
	}
	struct http_request *r = session_answers(x);
	if (r)
		api_fail(r, &a.error);
	if (!x->opened && !x->gone)
		session_end(x, &a.error);
	answer_close(&a, mem);
}

static void on_frame(void *arg, enum wire_kind kind, const char *body, size_t len)
{
	struct step_session *x = arg;
	if (kind == WIRE_STEPPED && x->asked)
		on_stepped(x, body, len);
	else if (kind == WIRE_ANSWER && x->asked)
		on_refused(x, body, len);
	else
		on_closed(x); /* nonsense */
}

/* ---- its beginning ---- */

static RC session_spawn(struct step_session *x, struct err *e)
{
	struct server *s = x->s;
	int pair[2];
	char number[24];
	char *argv[] = {"weir", "stepper", number, NULL};
	snprintf(number, sizeof number, "%" PRIu64, x->id);
	if (loop_timer_open(&x->timer, s->loop, on_timer, x, e) != OK || wire_pair(pair, e) != OK)
		return e->code;
	int fds[] = {-1, -1, -1, pair[1]};
	struct wire_config c = {.loop = s->loop, .mem = s->mem, .fd = pair[0], .frame = on_frame,
				.closed = on_closed, .arg = x};
	enum rc rc = wire_open(&x->wire, &c, e);
	if (rc == OK)
		rc = loop_child_start(&x->child, s->loop, s->o.program, argv, NULL, fds,
				      ARRAY_LEN(fds), on_gone, x, e);
	close(pair[1]);
	return rc;
}

static RC session_start(struct step_session *x, const struct entry *en, uint64_t seed,
			struct err *e)
{
	struct server *s = x->s;
	struct bytes body;
	struct word_start start = {.entry = *en, .dir = "", .log = "",
				   .config_file = (char *)s->o.config, .config = s->config_text,
				   .allow = s->allow}; /* shown, not owned */
	if (session_spawn(x, e) != OK)
		return e->code;
	bytes_init(&body, s->mem);
	start_write(&start, &body);
	enum rc rc = bytes_ok(&body) && body.len <= WIRE_BODY_MAX
			     ? OK
			     : ERR(e, E_NO_MEMORY, "no memory for a step session");
	if (rc == OK) {
		wire_send(x->wire, WIRE_START, &body);
		session_ask(x, STEP_DO_OPEN, seed);
	}
	bytes_close(&body);
	return rc;
}

static struct step_session **place_for_one(struct server *s, struct err *e)
{
	for (unsigned i = 0; i < STEPS_MAX; i++)
		if (!s->steps.session[i])
			return &s->steps.session[i];
	ERR(e, E_LIMIT, "%u step sessions are open, as many as a server has: end one (DELETE "
	    "/v1/steps/{id}); one that nobody asks ends by itself after %u minutes", STEPS_MAX,
	    STEPS_IDLE_US / 60000000);
	return NULL;
}

static RC session_open(struct server *s, struct http_request *r, const struct entry *en,
		       uint64_t seed, struct err *e)
{
	struct step_session **at = place_for_one(s, e);
	if (!at)
		return e->code;
	struct step_session *x = *at = mem_get(s->mem, sizeof *x);
	if (!x)
		return ERR(e, E_NO_MEMORY, "no memory for a step session");
	x->s = s;
	x->id = ++s->steps.last;
	snprintf(x->job, sizeof x->job, "%s", en->name);
	if (session_start(x, en, seed, e) == OK && session_wait(x, r, e) == OK)
		return OK;
	session_end(x, e);
	return e->code;
}

static void open_one(struct server *s, struct http_request *r, const struct api_call *c)
{
	struct err e = {0};
	struct job_text t;
	size_t len;
	const char *job = http_body(r, &len);
	struct entry en = {.file = (char *)c->file, .parallelism = c->parallelism,
			   .n_sets = c->n_sets, .job = (char *)job, .job_len = len};
	if (!len) {
		en.job = (char *)example;
		en.job_len = sizeof example - 1;
	}
	memcpy(en.set, c->set, sizeof en.set);
	if (s->stopping) {
		ERR(&e, E_REFUSED, "the server is stopping: ask the next one");
		api_fail(r, &e);
		return;
	}
	/* By the rules of what is submitted, of which files may be read too. */
	enum rc rc = submit_check(s, &en, &t, &e);
	if (rc == OK)
		snprintf(en.name, sizeof en.name, "%s", t.spec->name);
	if (rc == E_INVALID && t.ds.errors)
		submit_faults(s, r, &t);
	else if (rc != OK || session_open(s, r, &en, c->step_n, &e) != OK)
		api_fail(r, &e);
	job_text_close(&t);
}

/* ---- requests ---- */

static void answer_ended(struct server *s, struct http_request *r, uint64_t id)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, s->mem);
	jout_begin(&o, &body, false);
	jout_object(&o);
	jout_kv_uint(&o, "id", id);
	jout_kv_bool(&o, "ended", true);
	jout_object_end(&o);
	api_answer(r, 200, &body);
	bytes_close(&body);
}

void steps_do(struct server *s, struct http_request *r, const struct api_call *c)
{
	struct err e = {0};
	enum step_do what = c->route->step;
	struct step_session **at = place(&s->steps, c->id);
	if (what == STEP_DO_OPEN) {
		open_one(s, r, c);
	} else if (!at) {
		ERR(&e, E_NOT_FOUND, "there is no step session %" PRIu64 ": it ends when nobody asks it "
		    "anything for %u minutes; POST /v1/steps begins one", c->id, STEPS_IDLE_US / 60000000);
		api_fail(r, &e);
	} else if (what == STEP_DO_END) {
		ERR(&e, E_STOPPED, "the step session was ended");
		session_end(*at, &e);
		answer_ended(s, r, c->id);
	} else if (session_wait(*at, r, &e) == OK) {
		session_ask(*at, what, c->step_n);
	} else {
		api_fail(r, &e);
	}
}

void steps_list(struct server *s, struct http_request *r)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, s->mem);
	jout_begin(&o, &body, false);
	jout_object(&o);
	jout_key(&o, "steps");
	jout_array(&o);
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		const struct step_session *x = s->steps.session[i];
		if (!x)
			continue;
		jout_object(&o);
		jout_kv_uint(&o, "id", x->id);
		jout_kv_string(&o, "job", x->job);
		jout_object_end(&o);
	}
	jout_array_end(&o);
	jout_object_end(&o);
	api_answer(r, 200, &body);
	bytes_close(&body);
}

void steps_close(struct server *s, const struct err *why)
{
	for (unsigned i = 0; i < STEPS_MAX; i++)
		if (s->steps.session[i])
			session_end(s->steps.session[i], why);
}
