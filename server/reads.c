/* reads.c - see reads.h. */
#include "server/reads.h"

#include "server/asker.h"
#include "server/history.h"
#include "server/reads_in.h"

#include <stdio.h>
#include <string.h>

/* ---- aside ---- */

static void work(void *arg)
{
	struct one_read *x = arg;
	struct json_out o;
	enum rc rc;
	jout_begin(&o, &x->body, false);
	switch (x->what) {
	case API_CHECKPOINTS:
		rc = history_list(x->env, x->dir, &o, &x->error);
		break;
	case API_CHECKPOINT:
		rc = read_checkpoint(x, &o, &x->error);
		break;
	case API_SAVEPOINTS:
		rc = read_savepoints(x, &o, &x->error);
		break;
	default:
		rc = read_state(x, &o, &x->error);
	}
	CHECK(rc == x->error.code);
}

/* ---- on the loop ---- */

static void read_free(struct one_read *x)
{
	struct mem *mem = x->env->mem;
	for (unsigned i = 0; i < x->n_keys; i++)
		mem_put(mem, x->key[i]);
	bytes_close(&x->body);
	mem_put(mem, x);
}

static void done(void *arg, bool worked)
{
	struct one_read *x = arg;
	struct http_request *r = asker_take(&x->asker, x->env->mem);
	if (!worked)
		ERR(&x->error, E_UNREACHABLE, "the server has stopped");
	if (r && x->error.code != OK)
		api_fail(r, &x->error);
	else if (r)
		api_answer(r, 200, &x->body);
	read_free(x);
}

static RC copy_call(struct one_read *x, const struct api_call *c, const char *dir, struct err *e)
{
	struct mem *mem = x->env->mem;
	x->what = c->what;
	x->id = c->id;
	x->limit = c->limit;
	memcpy(x->stage, c->stage, sizeof x->stage);
	snprintf(x->at, sizeof x->at, "%s", c->at ? c->at : "");
	if ((size_t)snprintf(x->dir, sizeof x->dir, "%s", dir) >= sizeof x->dir)
		return ERR(e, E_INVALID, "the path of '%s' is too long", dir);
	for (unsigned i = 0; i < c->n_keys; i++, x->n_keys++)
		if (!(x->key[i] = mem_string(mem, c->key[i])))
			return ERR(e, E_NO_MEMORY, "no memory for a request");
	return OK;
}

static RC begin(struct reads *rs, struct one_read *x, struct http_request *r,
		const struct api_call *c, const char *dir, struct err *e)
{
	struct aside_do what = {.work = work, .done = done, .arg = x};
	if (copy_call(x, c, dir, e) != OK)
		return e->code;
	if (!rs->aside && aside_open(&rs->aside, rs->loop, rs->env->mem, e) != OK)
		return e->code;
	if (!asker_add(&x->asker, r, rs->env->mem))
		return ERR(e, E_NO_MEMORY, "no memory for a request");
	if (aside_ask(rs->aside, &what, e) != OK)
		(void)asker_take(&x->asker, rs->env->mem);
	return e->code;
}

void reads_answer(struct reads *rs, struct http_request *r, const struct api_call *c,
		  const char *dir, const char *note)
{
	struct err e = {0};
	struct one_read *x = mem_get(rs->env->mem, sizeof *x);
	if (!x) {
		ERR(&e, E_NO_MEMORY, "no memory for a request");
		api_fail(r, &e);
		return;
	}
	x->env = rs->env;
	snprintf(x->note, sizeof x->note, "%s", note ? note : "");
	bytes_init(&x->body, rs->env->mem);
	if (begin(rs, x, r, c, dir, &e) == OK)
		return;
	read_free(x);
	api_fail(r, &e);
}

void reads_close(struct reads *rs)
{
	aside_close(rs->aside);
	rs->aside = NULL;
}
