/* api.c - see api.h. */
#include "server/api.h"

#include "base/check.h"
#include "base/schema.h"
#include "server/openapi.h"
#include "jobs/stepper.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {
	[ACTION_CHECKPOINT] = "checkpoint", [ACTION_SAVEPOINT] = "savepoint",
	[ACTION_PIN] = "pin",               [ACTION_UNPIN] = "unpin",
	[ACTION_GC] = "gc",                 [ACTION_STOP] = "stop",
	[ACTION_CANCEL] = "cancel",         [ACTION_RESTART] = "restart",
	[ACTION_RESCALE] = "rescale",       [ACTION_REMOVE] = "remove",
	[ACTION_KILL] = "kill",             [ACTION_SUBMIT] = "submit",
};

const char *action_kind_name(enum action_kind k)
{
	CHECK((size_t)k < ARRAY_LEN(kinds));
	return kinds[k];
}

/* ---- the query ---- */

static RC take_number(const struct http_request *r, const char *key, unsigned least, unsigned most,
		      unsigned *to, struct err *e)
{
	const char *text = http_query(r, key, 0);
	char *end;
	if (!text)
		return OK;
	unsigned long n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n < least || n > most)
		return ERR(e, E_USAGE, "%s=%.40s: a whole number from %u to %u is expected", key, text,
			   least, most);
	*to = (unsigned)n;
	return OK;
}

static RC take_flag(const struct http_request *r, const char *key, bool *to, struct err *e)
{
	const char *text = http_query(r, key, 0);
	if (text && strcmp(text, "0") && strcmp(text, "1"))
		return ERR(e, E_USAGE, "%s=%.40s: 0 or 1 is expected", key, text);
	*to = text && *text == '1';
	return OK;
}

static RC take_sets(struct api_call *c, const struct http_request *r, struct err *e)
{
	const char *set;
	while ((set = http_query(r, "set", c->n_sets))) {
		if (c->n_sets == ENTRY_SETS_MAX)
			return ERR(e, E_USAGE, "more than %d of set=", ENTRY_SETS_MAX);
		c->set[c->n_sets++] = set;
	}
	return OK;
}

static RC take_ask(struct api_call *c, const struct http_request *r, struct err *e)
{
	static const enum ask_kind asks[] = {
		[ACTION_CHECKPOINT] = ASK_CHECKPOINT, [ACTION_SAVEPOINT] = ASK_SAVEPOINT,
		[ACTION_PIN] = ASK_PIN,               [ACTION_UNPIN] = ASK_UNPIN,
		[ACTION_GC] = ASK_GC,                 [ACTION_STOP] = ASK_STOP,
	};
	const char *name = http_query(r, "name", 0), *id = http_query(r, "id", 0);
	char *end = NULL;
	struct err why = {0};
	if (c->what != API_ACT || c->kind > ACTION_STOP)
		return OK;
	c->ask.kind = asks[c->kind];
	if (take_flag(r, "full", &c->ask.full, e) != OK ||
	    take_flag(r, "drain", &c->ask.drain, e) != OK ||
	    take_flag(r, "savepoint", &c->ask.savepoint, e) != OK ||
	    take_flag(r, "dry_run", &c->ask.dry_run, e) != OK)
		return e->code;
	if (name && ask_name_check(name, &why) != OK)
		return ERR(e, E_USAGE, "%s", why.text);
	if (name && c->kind == ACTION_STOP && !c->ask.savepoint)
		return ERR(e, E_USAGE, "name=%s is for savepoint=1", name);
	snprintf(c->ask.name, sizeof c->ask.name, "%s", name ? name : "");
	if (id)
		c->ask.id = strtoull(id, &end, 10);
	if (id && (*id < '0' || *id > '9' || *end || !c->ask.id))
		return ERR(e, E_USAGE, "id=%.40s: the number of a checkpoint is expected", id);
	if (!id && (c->kind == ACTION_PIN || c->kind == ACTION_UNPIN))
		return ERR(e, E_USAGE, "%s which checkpoint? ?id=N", action_kind_name(c->kind));
	return OK;
}

/* A path that is not absolute would be looked for in the server's folder. */
static RC take_restore(struct api_call *c, const struct http_request *r, struct err *e)
{
	const char *text = c->restore = http_query(r, "restore", 0);
	if (take_flag(r, "rewind", &c->rewind, e) != OK || take_flag(r, "claim", &c->claim, e) != OK)
		return e->code;
	bool is_path = text && strchr(text, '/');
	if (text && (!*text || (is_path && *text != '/')))
		return ERR(e, E_USAGE, "restore=%.200s: an id, a name or an absolute path is expected",
			   text);
	if ((c->rewind || c->claim) && !text)
		return ERR(e, E_USAGE, "%s=1 is for restore=", c->rewind ? "rewind" : "claim");
	if (c->claim && !is_path)
		return ERR(e, E_USAGE, "claim=1 takes a directory over: restore=PATH says which");
	return OK;
}

/* The one number that what is done in a step session may have. */
static RC take_step(struct api_call *c, const struct http_request *r, struct err *e)
{
	unsigned n = 1;
	enum step_do what = c->route->step;
	if (c->what != API_STEP)
		return OK;
	if (what == STEP_DO_BACK && !http_query(r, "to", 0))
		return ERR(e, E_USAGE, "back to which event? ?to=N");
	if (take_number(r, "n", 1, API_STEP_MAX, &n, e) != OK ||
	    take_number(r, "to", 0, STEP_EVENTS_MAX, &n, e) != OK ||
	    take_number(r, "seed", 0, 1000000000, &n, e) != OK)
		return e->code;
	c->step_n = n;
	return OK;
}

/* After at and key. */
static RC take_live(struct api_call *c, const struct http_request *r, struct err *e)
{
	const char *live = http_query(r, "live", 0);
	if (!live)
		return OK;
	c->live = !strcmp(live, "only") ? LIVE_ONLY : LIVE_NO;
	if (c->live == LIVE_NO && strcmp(live, "no") != 0)
		return ERR(e, E_USAGE, "live=%.40s: only or no is expected", live);
	if (c->live == LIVE_ONLY && c->at)
		return ERR(e, E_USAGE, "live=only is as it is now, at= a checkpoint: one of them");
	if (c->live == LIVE_ONLY && !c->n_keys)
		return ERR(e, E_USAGE, "live=only is for one key; a list is read from a checkpoint");
	return OK;
}

/* at= of nothing is none: a form sends it so. */
static RC take_state(struct api_call *c, const struct http_request *r, struct err *e)
{
	const char *key, *at = http_query(r, "at", 0);
	struct err why = {0};
	c->limit = 100;
	if (c->what != API_STATE)
		return OK;
	while ((key = http_query(r, "key", c->n_keys))) {
		if (c->n_keys == API_KEYS_MAX)
			return ERR(e, E_USAGE, "more than %d of key=", API_KEYS_MAX);
		c->key[c->n_keys++] = key;
	}
	if (c->n_keys && http_query(r, "limit", 0))
		return ERR(e, E_USAGE, "limit= is for a list, key= asks for one key");
	if (at && at[strspn(at, "0123456789")] && ask_name_check(at, &why) != OK)
		return ERR(e, E_USAGE, "at=%.40s: a checkpoint's number or a savepoint's name is expected",
			   at);
	if (at && strlen(at) > ASK_NAME_MAX)
		return ERR(e, E_USAGE, "at=: no checkpoint has so long a number");
	c->at = at && *at ? at : NULL;
	if (take_live(c, r, e) != OK)
		return e->code;
	return take_number(r, "limit", 1, API_ROWS_MAX, &c->limit, e);
}

static RC take_query(struct api_call *c, const struct http_request *r, struct err *e)
{
	const char *name, *reads = c->route->query;
	char key[80];
	for (unsigned i = 0; (name = http_query_name(r, i)); i++) {
		int n = snprintf(key, sizeof key, " %s ", name);
		/* A slip must not be passed over. */
		if (n >= (int)sizeof key || strchr(name, ' ') || !strstr(reads, key))
			return ERR(e, E_USAGE, "unknown parameter '%.60s'; this path reads:%s", name,
				   reads[1] ? reads : " none");
	}
	c->tail = 100;
	c->file = http_query(r, "file", 0);
	if (c->file && c->file[0] != '/')
		return ERR(e, E_USAGE, "file=%.200s: an absolute path is expected", c->file);
	if (take_number(r, "parallelism", 1, 32768, &c->parallelism, e) != OK ||
	    take_number(r, "tail", 0, API_TAIL_MAX, &c->tail, e) != OK ||
	    take_flag(r, "replace", &c->replace, e) != OK ||
	    take_flag(r, "follow", &c->follow, e) != OK ||
	    take_flag(r, "facts", &c->facts, e) != OK ||
	    take_flag(r, "with_savepoints", &c->with_savepoints, e) != OK ||
	    take_sets(c, r, e) != OK ||
	    take_restore(c, r, e) != OK ||
	    take_state(c, r, e) != OK ||
	    take_ask(c, r, e) != OK ||
	    take_step(c, r, e) != OK)
		return e->code;
	if (c->what == API_ACT && c->kind == ACTION_RESCALE && !c->parallelism)
		return ERR(e, E_USAGE, "rescale to what? ?parallelism=N");
	return OK;
}

static RC parse(struct api_call *c, const struct http_request *r, struct route_match *m,
		struct err *e)
{
	const char *accept = http_header(r, "Accept");
	memset(c, 0, sizeof *c);
	enum rc rc = route_find(m, http_method(r), http_path(r), e);
	if (rc != OK)
		return rc;
	*c = (struct api_call){.route = m->route, .what = m->route->what, .kind = m->route->kind,
			       .id = m->id};
	memcpy(c->job, m->job, sizeof c->job);
	memcpy(c->stage, m->stage, sizeof c->stage);
	memcpy(c->file_name, m->file, sizeof c->file_name);
	c->stream = accept && strstr(accept, "text/event-stream");
	return take_query(c, r, e);
}

bool api_take(struct api_call *c, struct http_request *r)
{
	struct err e = {0};
	struct route_match m;
	if (parse(c, r, &m, &e) == OK)
		return true;
	if (m.method_wrong)
		http_set_header(r, "Allow", m.allow);
	api_fail_with(r, m.method_wrong ? 405 : api_status(e.code), &e);
	return false;
}

/* ---- answers ---- */

void api_answer(struct http_request *r, unsigned status, struct bytes *json)
{
	static const char short_of_memory[] =
		"{\"code\":\"E_NO_MEMORY\",\"message\":\"no memory for the answer\",\"at\":null}\n";
	if (bytes_ok(json))
		bytes_put_u8(json, '\n');
	if (bytes_ok(json))
		http_answer(r, status, "application/json", (const char *)json->data, json->len);
	else
		http_answer(r, 503, "application/json", short_of_memory, sizeof short_of_memory - 1);
}

void api_describe(struct http_request *r, const char *version)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, http_mem(r));
	jout_begin(&o, &body, false);
	openapi_write(version, &o);
	api_answer(r, 200, &body);
	bytes_close(&body);
}

unsigned api_status(enum rc code)
{
	switch (code) {
	case E_USAGE:
		return 400;
	case E_NOT_FOUND:
		return 404;
	case E_EXISTS:
	case E_REFUSED:
	case E_FENCED:
		return 409;
	case E_INVALID:
		return 422;
	case E_LIMIT:
	case E_NO_MEMORY:
	case E_NO_SPACE:
		return 503;
	default:
		return 500;
	}
}

void api_error(struct bytes *to, const struct err *e)
{
	struct json_out o;
	jout_begin(&o, to, false);
	jout_object(&o);
	jout_kv_string(&o, "code", err_name(e->code));
	jout_kv_string(&o, "message", e->text);
	jout_key(&o, "at");
	jout_null(&o);
	jout_object_end(&o);
}

void api_fail_with(struct http_request *r, unsigned status, const struct err *e)
{
	struct bytes text;
	bytes_init(&text, http_mem(r));
	api_error(&text, e);
	api_answer(r, status, &text);
	bytes_close(&text);
}

void api_fail(struct http_request *r, const struct err *e)
{
	api_fail_with(r, api_status(e->code), e);
}
