/* live.c - see live.h. */
#include "server/live.h"

#include "runtime/budget.h"
#include "server/asker.h"

#include <string.h>

struct wait {
	struct wait *next;
	uint64_t request;
	uint64_t until_us;
	struct asker *asker;
	struct api_call call; /* borrows from the request, as long as that is there */
};

struct live {
	struct live_config c;
	struct mem *mem;
	struct loop_timer *timer;
	struct budget pace;       /* of keys, not bytes */
	struct wait *waits;       /* oldest first */
	unsigned n;
	uint64_t last;
};

bool live_is(const struct api_call *c)
{
	return c->what == API_STATE && c->n_keys && !c->at && c->live != LIVE_NO;
}

/* ---- answers ---- */

/* What cannot be had from a checkpoint either is no reason to read one. */
static bool is_final(enum rc code)
{
	return code == E_NOT_FOUND || code == E_USAGE || code == E_LIMIT || code == E_NO_MEMORY;
}

static void instead(const struct live_config *with, struct http_request *r,
		    const struct api_call *c, const struct err *why)
{
	char dir[4096];
	struct err e = {0};
	if (is_final(why->code) || c->live == LIVE_ONLY) {
		api_fail_with(r, why->code == E_TIMEOUT ? 503 : api_status(why->code), why);
	} else if (with->dir(with->arg, dir, sizeof dir)) {
		reads_answer(with->reads, r, c, dir, why->text);
	} else {
		ERR(&e, E_INVALID, "the path of the job's directory is too long");
		api_fail(r, &e);
	}
}

static void answer_found(struct live *l, struct http_request *r, const struct api_call *c,
			 const struct word_found *f)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, l->mem);
	jout_begin(&o, &body, false);
	jout_object(&o);
	jout_kv_string(&o, "stage", c->stage);
	jout_kv_bool(&o, "live", true);
	jout_key(&o, "at");
	f->barrier ? jout_uint(&o, f->barrier) : jout_null(&o);
	jout_kv_int(&o, "wall_us", f->wall_us);
	jout_key(&o, "rows");
	jout_array(&o);
	jout_raw(&o, f->row, strlen(f->row));
	jout_array_end(&o);
	jout_kv_bool(&o, "more", false);
	jout_kv_uint(&o, "subtask", f->subtask);
	jout_kv_uint(&o, "records", f->records);
	jout_object_end(&o);
	api_answer(r, 200, &body);
	bytes_close(&body);
}

/* Takes w off the list, *at being where it hangs. */
static void answer(struct live *l, struct wait **at, const struct word_found *f)
{
	struct wait *w = *at;
	struct http_request *r = asker_take(&w->asker, l->mem);
	*at = w->next;
	l->n--;
	if (r && f->error.code == OK)
		answer_found(l, r, &w->call, f);
	else if (r)
		instead(&l->c, r, &w->call, &f->error);
	mem_put(l->mem, w);
}

void live_heard(struct live *l, const struct word_found *f)
{
	struct wait **at = l ? &l->waits : NULL;
	while (at && *at && (*at)->request != f->request)
		at = &(*at)->next;
	if (at && *at)
		answer(l, at, f);
}

static void answer_all(struct live *l, enum rc code, const char *why)
{
	struct word_found f = {0};
	ERR(&f.error, code, "%s", why);
	for (unsigned n = l ? l->n : 0; n; n--)
		answer(l, &l->waits, &f);
}

void live_gone(struct live *l, const char *why)
{
	answer_all(l, E_REFUSED, why);
}

/* All wait equally long: the oldest is due first. */
static void set_timer(struct live *l)
{
	uint64_t now = clock_mono_us(l->c.env->clock);
	if (l->waits)
		loop_timer_set(l->timer, l->waits->until_us > now ? l->waits->until_us - now : 0);
}

static void on_timer(void *arg)
{
	struct live *l = arg;
	uint64_t now = clock_mono_us(l->c.env->clock);
	struct word_found late = {0};
	ERR(&late.error, E_TIMEOUT, "the job's process has not answered for %u ms",
	    LIVE_PATIENCE_US / 1000);
	while (l->waits && l->waits->until_us <= now)
		answer(l, &l->waits, &late);
	set_timer(l);
}

/* ---- questions ---- */

static RC live_open(struct live **out, const struct live_config *with, struct err *e)
{
	if (*out)
		return OK;
	struct live *l = mem_get(with->env->mem, sizeof *l);
	if (!l)
		return ERR(e, E_NO_MEMORY, "no memory for a request");
	*l = (struct live){.c = *with, .mem = with->env->mem, .pace.rate_bytes = LIVE_A_SECOND};
	*out = l;
	if (loop_timer_open(&l->timer, with->loop, on_timer, l, e) != OK)
		live_close(out);
	return e->code;
}

static RC ask(struct live *l, const struct api_call *c, uint64_t request, struct err *e)
{
	struct word_lookup word = {.request = request, .n_keys = c->n_keys};
	_Static_assert(sizeof word.stage == sizeof c->stage, "one is copied to the other");
	memcpy(word.stage, c->stage, sizeof word.stage);
	memcpy(word.key, c->key, sizeof word.key);
	return l->c.ask(l->c.arg, &word, e);
}

static RC begin(struct live *l, struct http_request *r, const struct api_call *c, struct err *e)
{
	struct wait **at = &l->waits, *w;
	uint64_t now_us = clock_mono_us(l->c.env->clock);
	if (!budget_may(&l->pace, now_us))
		return ERR(e, E_LIMIT, "more than %u keys of this job a second are asked for: ask again in "
			   "a moment", LIVE_A_SECOND);
	if (l->n == LIVE_MAX)
		return ERR(e, E_LIMIT, "%u keys of this job are being looked up already: ask again in a "
			   "moment", LIVE_MAX);
	if (!(w = mem_get(l->mem, sizeof *w)))
		return ERR(e, E_NO_MEMORY, "no memory for a request");
	*w = (struct wait){.request = ++l->last, .call = *c,
			   .until_us = now_us + LIVE_PATIENCE_US};
	if (!asker_add(&w->asker, r, l->mem))
		ERR(e, E_NO_MEMORY, "no memory for a request");
	else if (ask(l, c, w->request, e) != OK)
		(void)asker_take(&w->asker, l->mem);
	if (e->code != OK) {
		mem_put(l->mem, w);
		return e->code;
	}
	budget_spend(&l->pace, 1);
	while (*at)
		at = &(*at)->next;
	*at = w;
	if (l->n++ == 0)
		set_timer(l);
	return OK;
}

void live_answer(struct live **l, const struct live_config *with, struct http_request *r,
		 const struct api_call *c)
{
	struct err e = {0};
	if (live_open(l, with, &e) != OK || begin(*l, r, c, &e) != OK)
		instead(with, r, c, &e);
}

void live_close(struct live **out)
{
	struct live *l = *out;
	if (!l)
		return;
	struct word_found f = {0};
	ERR(&f.error, E_UNREACHABLE, "the server has stopped");
	for (struct wait *w; (w = l->waits);) {
		w->call.live = LIVE_ONLY; /* nothing is read any more */
		answer(l, &l->waits, &f);
	}
	loop_timer_close(&l->timer);
	mem_put(l->mem, l);
	*out = NULL;
}
