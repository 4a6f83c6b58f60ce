/* actions.c - see actions.h. */
#include "server/actions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct action **place(struct actions *as, uint64_t id)
{
	return &as->ring[id % ACTIONS_KEPT];
}

static bool is_open(const struct action *a)
{
	return a && a->id && !a->over;
}

/* Kinds that are looked for: those from first to last. */
struct kinds {
	enum action_kind first, last;
};
static const struct kinds asks = {ACTION_CHECKPOINT, ACTION_GC};
static const struct kinds stops = {ACTION_STOP, ACTION_STOP};

static bool is_open_of(const struct action *a, const char *job, struct kinds k)
{
	return is_open(a) && a->kind >= k.first && a->kind <= k.last && !strcmp(a->job, job);
}

struct action *actions_new(struct actions *as, const char *job, enum action_kind kind,
			   struct err *e)
{
	uint64_t id = as->last + 1;
	for (unsigned i = 0; i < ACTIONS_KEPT && is_open(*place(as, id)); i++)
		id++;
	struct action **at = place(as, id);
	if (!*at)
		*at = mem_get(as->mem, sizeof **at);
	if (!*at) {
		ERR(e, E_NO_MEMORY, "no memory for an action");
		return NULL;
	}
	as->last = id;
	mem_put(as->mem, (*at)->found);
	**at = (struct action){.id = id, .kind = kind};
	snprintf((*at)->job, sizeof(*at)->job, "%s", job);
	return *at;
}

struct action *actions_find(struct actions *as, uint64_t id)
{
	struct action *a = *place(as, id);
	return id && a && a->id == id ? a : NULL;
}

void actions_forget(struct actions *as, uint64_t id)
{
	struct action *a = actions_find(as, id);
	if (a)
		a->id = 0;
}

static struct action *oldest_open(struct actions *as, const char *job, struct kinds k)
{
	struct action *oldest = NULL;
	for (size_t i = 0; i < ACTIONS_KEPT; i++) {
		struct action *a = as->ring[i];
		if (is_open_of(a, job, k) && (!oldest || a->id < oldest->id))
			oldest = a;
	}
	return oldest;
}

static unsigned count_open(const struct actions *as, const char *job, struct kinds k)
{
	unsigned n = 0;
	for (size_t i = 0; i < ACTIONS_KEPT; i++)
		n += is_open_of(as->ring[i], job, k);
	return n;
}

struct action *actions_open(struct actions *as, const char *job, enum action_kind kind)
{
	return oldest_open(as, job, (struct kinds){kind, kind});
}

unsigned actions_count_open(const struct actions *as, const char *job, enum action_kind kind)
{
	return count_open(as, job, (struct kinds){kind, kind});
}

unsigned actions_count_savepoints(const struct actions *as, const char *job)
{
	unsigned n = actions_count_open(as, job, ACTION_SAVEPOINT);
	for (size_t i = 0; i < ACTIONS_KEPT; i++)
		n += is_open_of(as->ring[i], job, stops) && as->ring[i]->savepoint;
	return n;
}

struct action *actions_open_ask(struct actions *as, const char *job)
{
	return oldest_open(as, job, asks);
}

unsigned actions_count_asks(const struct actions *as, const char *job)
{
	return count_open(as, job, asks);
}

static void write_value(struct json_out *o, const char *key, const char *text)
{
	jout_key(o, key);
	if (text)
		jout_string(o, text);
	else
		jout_null(o);
}

static void write_action(const struct action *a, struct bytes *to)
{
	struct json_out o;
	bool failed = a->over && a->error.code != OK;
	jout_begin(&o, to, false);
	jout_object(&o);
	jout_kv_uint(&o, "id", a->id);
	jout_kv_string(&o, "job", a->job);
	jout_kv_string(&o, "kind", action_kind_name(a->kind));
	jout_kv_string(&o, "state", failed ? "failed" : a->over ? "done" : "running");
	write_value(&o, "error", failed ? a->error.text : NULL);
	write_value(&o, "code", failed ? err_name(a->error.code) : NULL);
	jout_key(&o, "checkpoint");
	if (a->checkpoint)
		jout_uint(&o, a->checkpoint);
	else
		jout_null(&o);
	if (a->found) {
		jout_key(&o, "gone");
		jout_raw(&o, a->found, strlen(a->found));
	}
	jout_object_end(&o);
}

void actions_over(struct actions *as, struct feed *f, uint64_t id, const struct err *error,
		  uint64_t checkpoint, const char *found)
{
	struct action forgotten = {.id = id}, *a = actions_find(as, id);
	struct bytes data;
	if (!a) /* a thousand others came since: those who wait are told all the same */
		a = &forgotten;
	a->over = true;
	a->error = *error;
	a->checkpoint = checkpoint;
	if (found && !(a->found = mem_string(as->mem, found)) && a->error.code == OK)
		ERR(&a->error, E_NO_MEMORY, "it is done; no memory to say what went");
	bytes_init(&data, as->mem);
	write_action(a, &data);
	feed_action(f, id, &data);
	bytes_close(&data);
	mem_put(as->mem, forgotten.found);
}

static void answer(struct actions *as, struct http_request *r, unsigned status,
		   const struct action *a)
{
	struct bytes body;
	bytes_init(&body, as->mem);
	write_action(a, &body);
	api_answer(r, status, &body);
	bytes_close(&body);
}

bool actions_accept(struct actions *as, struct feed *f, struct http_request *r,
		    const struct api_call *c, const struct action *a)
{
	struct err e = {0};
	if (c->stream)
		return feed_add(f, r, a->id, &e) == OK;
	answer(as, r, 202, a);
	return false;
}

void actions_answer(struct actions *as, struct http_request *r, uint64_t id)
{
	struct err e = {0};
	const struct action *a = actions_find(as, id);
	if (a) {
		answer(as, r, 200, a);
		return;
	}
	ERR(&e, E_NOT_FOUND, "there is no action %" PRIu64 " (the newest %d are kept)", id,
	    ACTIONS_KEPT);
	api_fail(r, &e);
}

void actions_close(struct actions *as)
{
	for (size_t i = 0; i < ACTIONS_KEPT; i++) {
		if (as->ring[i])
			mem_put(as->mem, as->ring[i]->found);
		mem_put(as->mem, as->ring[i]);
	}
}
