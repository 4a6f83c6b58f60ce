/* described.c - what a job's description says, to who asks: its plan, and the text itself. The
 * entry is read by the clerk; what it says is looked at as it was at the submit. */
#include "server/server_in.h"

#include "jobs/explain.h"
#include "jobs/job_text.h"

struct describing {
	struct managed *m;
	enum api_what what;
	struct asker *asker;
};

/* As it was submitted: what refers to an environment, a file or a secret still does. */
static void put_config(const struct server *s, const struct entry *en, struct bytes *body)
{
	struct json_out o;
	jout_begin(&o, body, false);
	jout_object(&o);
	jout_key(&o, "file");
	en->file ? jout_string(&o, en->file) : jout_null(&o);
	jout_key(&o, "description");
	jout_raw(&o, en->job, en->job_len);
	jout_key(&o, "set");
	jout_array(&o);
	for (unsigned i = 0; i < en->n_sets; i++)
		jout_string(&o, en->set[i]);
	jout_array_end(&o);
	jout_key(&o, "parallelism");
	en->parallelism ? jout_uint(&o, en->parallelism) : jout_null(&o);
	jout_key(&o, "defaults");
	s->config_text ? jout_raw(&o, s->config_text, s->config_len) : jout_null(&o);
	jout_object_end(&o);
}

static RC put_plan(const struct server *s, const struct entry *en, struct bytes *body,
		   struct err *e)
{
	const char *sets[ENTRY_SETS_MAX + 1];
	char parallelism[32];
	struct job_text_source from;
	struct job_text t;
	server_text_source(s, en, sets, parallelism, &from);
	enum rc rc = job_text_parse(&t, s->env, &from, e);
	if (rc == OK)
		explain_json(t.plan, body);
	else if (rc == E_INVALID && t.ds.errors) {
		err_clear(e);
		ERR(e, E_INVALID, "the description has faults now: was something changed since it was "
		    "submitted?");
	}
	job_text_close(&t);
	return rc;
}

static void on_entry(void *arg, struct clerk_answer *a)
{
	struct describing *d = arg;
	struct managed *m = d->m;
	struct server *s = m->s;
	struct http_request *r = asker_take(&d->asker, s->mem);
	struct err e = a->error;
	struct bytes body;
	m->reading--;
	bytes_init(&body, s->mem);
	if (e.code == OK && !a->entry.job)
		ERR(&e, E_NOT_FOUND, "job '%s' is being removed", m->entry.name);
	if (r && e.code == OK && d->what == API_CONFIG)
		put_config(s, &a->entry, &body);
	else if (r && e.code == OK)
		(void)!put_plan(s, &a->entry, &body, &e);
	if (r && e.code == OK)
		api_answer(r, 200, &body);
	else if (r)
		api_fail(r, &e);
	bytes_close(&body);
	mem_put(s->mem, d);
}

void server_describe(struct managed *m, struct http_request *r, enum api_what what)
{
	struct mem *mem = m->s->mem;
	struct err e = {0};
	struct describing *d = mem_get(mem, sizeof *d);
	if (!d || !asker_add(&d->asker, r, mem)) {
		ERR(&e, E_NO_MEMORY, "no memory for a request");
		mem_put(mem, d);
		api_fail(r, &e);
		return;
	}
	d->m = m;
	d->what = what;
	if (clerk_read(m->s->clerk, m->entry.name, 0, on_entry, d, &e) == OK) {
		m->reading++;
		return;
	}
	(void)asker_take(&d->asker, mem);
	mem_put(mem, d);
	api_fail(r, &e);
}
