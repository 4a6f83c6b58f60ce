/* submit.c - a job comes in: checked as `weir validate` checks it, and in the catalogue before the
 * answer is given.
 *
 *   new name                      add -> put -> a life, 201
 *   taken, and it is at rest      REPLACE: it goes on from its state under the new description
 *   taken, and it runs            409, or with replace: stopped with a checkpoint first
 *   taken, and it is FINISHED     409: its state is the end of its input */
#include "server/server_in.h"

#include "jobs/job_text.h"

#include <string.h>

/* ---- faults ---- */

static void put_at(const struct job_text *t, struct json_out *o)
{
	jout_key(o, "at");
	for (unsigned i = 0; i < t->ds.n; i++) {
		const struct diag *d = &t->ds.d[i];
		if (d->level != DIAG_ERROR || !d->at.line || (d->in.name && !d->in.is_file))
			continue;
		jout_object(o);
		jout_kv_string(o, "file", d->in.name ? d->in.name : t->ds.file);
		jout_kv_uint(o, "line", d->at.line);
		jout_kv_uint(o, "column", d->at.column);
		jout_object_end(o);
		return;
	}
	jout_null(o);
}

void submit_faults(struct server *s, struct http_request *r, struct job_text *t)
{
	struct bytes body, text;
	struct json_out o;
	bytes_init(&body, s->mem);
	bytes_init(&text, s->mem);
	diags_print(&t->ds, &text);
	jout_begin(&o, &body, false);
	jout_object(&o);
	jout_kv_string(&o, "code", err_name(E_INVALID));
	jout_kv_string(&o, "message", t->ds.errors == 1 ? "the job has a fault" : "the job has faults");
	put_at(t, &o);
	jout_key(&o, "errors");
	diags_json(&t->ds, &o);
	jout_kv_string(&o, "text", bytes_text(&text));
	jout_object_end(&o);
	api_answer(r, 422, &body);
	bytes_close(&text);
	bytes_close(&body);
}

/* ---- the entry ---- */

static RC make_entry(struct server *s, const char *name, const char *job, size_t len,
		     const struct api_call *c, struct entry **out, struct err *e)
{
	struct entry *en = mem_get(s->mem, sizeof *en);
	if (!en)
		return ERR(e, E_NO_MEMORY, "no memory for a job");
	struct entry from = {.standing = STANDING_RUNNING, .file = (char *)c->file,
			     .parallelism = c->parallelism, .n_sets = c->n_sets, .job = (char *)job,
			     .restore = (char *)c->restore, .rewind = c->rewind, .claim = c->claim,
			     .job_len = len, .submitted_wall_us = clock_wall_us(s->env->clock)};
	from.since_wall_us = from.submitted_wall_us;
	snprintf(from.name, sizeof from.name, "%s", name);
	for (unsigned i = 0; i < c->n_sets; i++)
		from.set[i] = (char *)c->set[i];
	if (entry_copy(en, &from, s->mem, e) != OK) {
		mem_put(s->mem, en);
		return e->code;
	}
	*out = en;
	return OK;
}

static void entry_free(struct server *s, struct entry *en)
{
	entry_close(en);
	mem_put(s->mem, en);
}

/* ---- a new one ---- */

static void answer_submitted(struct managed *m, struct http_request *r)
{
	struct bytes body;
	struct json_out o;
	bytes_init(&body, m->s->mem);
	jout_begin(&o, &body, false);
	managed_write(m, false, &o);
	api_answer(r, 201, &body);
	bytes_close(&body);
}

void submit_saved(struct managed *m, const struct err *error)
{
	struct http_request *r;
	while ((r = asker_take(&m->submitter, m->s->mem))) {
		if (error->code == OK)
			answer_submitted(m, r);
		else
			api_fail(r, error);
	}
}

/* The first version of an entry has its own way: there is no life before it is there. */
static void added(void *arg, struct clerk_answer *a)
{
	struct managed *m = arg;
	struct server *s = m->s;
	if (a->error.code == E_EXISTS)
		err_in(&a->error, "something else stands under the name '%s' in the catalogue",
		       m->entry.name);
	if (a->error.code == OK) {
		m->version = a->version;
		if (managed_live(m, &a->error) != OK)
			log_job(s->o.log, LOG_ERROR, m->entry.name, "%s", a->error.text);
	}
	submit_saved(m, &a->error);
	if (a->error.code != OK && !m->version) {
		server_take_out(m);
		return;
	}
	log_job(s->o.log, LOG_INFO, m->entry.name, "submitted");
	if (!m->life) /* no memory: it is in the catalogue, and the next start runs it */
		return;
	if (s->stopping)
		managed_heard(m, &(struct life_event){.kind = LIFE_EV_SHUTDOWN});
	managed_perform(m);
}

static RC submit_new(struct server *s, struct http_request *r, struct entry *en, struct err *e)
{
	struct managed *m = server_add(s, en->name);
	if (!m)
		return ERR(e, E_NO_MEMORY, "no memory for a job");
	struct entry whole = *en;
	if (!asker_add(&m->submitter, r, s->mem)) {
		ERR(e, E_NO_MEMORY, "no memory for a job");
	} else if (clerk_put(s->clerk, en, 0, added, m, e) != OK) {
		(void)asker_take(&m->submitter, s->mem);
	} else {
		m->entry = whole; /* but for the description, which the file keeps */
		mem_put(s->mem, m->entry.job);
		m->entry.job = NULL;
		m->entry.job_len = 0;
		mem_put(s->mem, en);
		return OK;
	}
	server_take_out(m);
	return e->code;
}

/* ---- one in the place of another ---- */

static RC may_replace(const struct managed *m, const struct api_call *c, struct err *e)
{
	const char *name = m->entry.name, *state = life_state_name(managed_state(m));
	if (m->corrupt)
		return ERR(e, E_REFUSED, "the entry of '%s' cannot be read: %s; weir remove %s removes it "
			   "and its state", name, m->entry.error, name);
	if (!m->version)
		return ERR(e, E_EXISTS, "a job '%s' is being submitted by somebody else at this moment",
			   name);
	if (managed_state(m) == LIFE_FINISHED)
		return ERR(e, E_EXISTS, "a job '%s' is FINISHED: its input was counted to the end. To run "
			   "it again: weir remove %s, and another sink path; or give this one another "
			   "name", name, name);
	if (!life_is_final(managed_state(m)) && !c->replace)
		return ERR(e, E_EXISTS, "a job '%s' is %s. To go on from its state under this description: "
			   "weir submit --replace; to begin anew: weir stop %s, then weir remove %s", name,
			   state, name, name);
	return OK;
}

static RC replace(struct managed *m, struct http_request *r, struct entry *en,
		  enum action_kind kind, const struct api_call *c, struct err *e)
{
	struct server *s = m->s;
	if (m->next)
		return ERR(e, E_REFUSED, "another description of '%s' is being written at this moment",
			   m->entry.name);
	if (managed_live(m, e) != OK)
		return e->code;
	const struct action *a = actions_new(&s->actions, m->entry.name, kind, e);
	if (!a)
		return e->code;
	struct life_event ev = {.kind = LIFE_EV_REPLACE, .action = a->id,
				.final_already = m->entry.standing == STANDING_FINISHED};
	if (life_event(m->life, clock_mono_us(s->env->clock), &ev, e) != OK) {
		actions_forget(&s->actions, a->id);
		return e->code;
	}
	m->next = en;
	m->next_action = a->id;
	m->configured = false;
	if (kind == ACTION_SUBMIT && !asker_add(&m->submitter, r, s->mem)) {
		struct err full = {0};
		ERR(&full, E_NO_MEMORY, "no memory to answer; the job was replaced");
		api_fail(r, &full);
	} else if (kind != ACTION_SUBMIT) {
		server_accepted(m, r, c, a);
	}
	managed_perform(m);
	return OK;
}

/* ---- both ---- */

static RC submit_entry(struct server *s, struct http_request *r, const struct api_call *c,
		       const char *name, struct err *e)
{
	size_t len;
	const char *job = http_body(r, &len);
	struct managed *m = server_find(s, name);
	struct entry *en = NULL;
	if (m && may_replace(m, c, e) != OK)
		return e->code;
	if ((!m || life_is_final(managed_state(m))) && server_running(s) >= SERVER_JOBS_MAX)
		return ERR(e, E_LIMIT, "%d jobs run already, as many as one server takes: stop one first",
			   SERVER_JOBS_MAX);
	if (make_entry(s, name, job, len, c, &en, e) != OK)
		return e->code;
	if ((m ? replace(m, r, en, ACTION_SUBMIT, c, e) : submit_new(s, r, en, e)) == OK)
		return OK;
	entry_free(s, en);
	return e->code;
}

/* Checks a description as it would be run. E_INVALID: the faults are in t. */
RC submit_check(struct server *s, const struct entry *en, struct job_text *t, struct err *e)
{
	const char *sets[ENTRY_SETS_MAX + 1];
	char parallelism[32];
	struct job_text_source from;
	server_text_source(s, en, sets, parallelism, &from);
	memset(t, 0, sizeof *t);
	enum rc rc = job_text_parse(t, s->env, &from, e);
	if (rc != OK || !t->spec->checkpoint.dir)
		return rc;
	/* It would be accepted and ignored. */
	diag_file(&t->ds, DIAG_ERROR, "leave it out, or use weir run",
		  "checkpoint.dir: a server keeps its jobs' checkpoints in its own directory");
	return E_INVALID;
}

void server_submit(struct server *s, struct http_request *r, const struct api_call *c)
{
	struct err e = {0};
	struct job_text t;
	size_t len;
	const char *job = http_body(r, &len);
	struct entry asked = {.file = (char *)c->file, .parallelism = c->parallelism,
			      .n_sets = c->n_sets, .job = (char *)job, .job_len = len};
	memcpy(asked.set, c->set, sizeof asked.set);
	if (s->stopping) {
		ERR(&e, E_REFUSED, "the server is stopping: ask the next one");
		api_fail(r, &e);
		return;
	}
	/* What the texts point into must outlive their printing: t is closed last. */
	enum rc rc = submit_check(s, &asked, &t, &e);
	if (rc == E_INVALID && t.ds.errors)
		submit_faults(s, r, &t);
	else if (rc != OK || submit_entry(s, r, c, t.spec->name, &e) != OK)
		api_fail(r, &e);
	job_text_close(&t);
}

void server_rescale(struct managed *m, struct http_request *r, const struct api_call *c,
		    struct clerk_answer *read)
{
	struct server *s = m->s;
	struct err e = {0};
	struct job_text t;
	read->entry.parallelism = c->parallelism;
	if (!m->entry.restore) /* done, while the entry was read */
		entry_forget_restore(&read->entry);
	enum rc rc = submit_check(s, &read->entry, &t, &e);
	if (rc == E_INVALID && t.ds.errors) {
		submit_faults(s, r, &t);
	} else if (rc == OK && life_is_final(managed_state(m))) {
		ERR(&e, E_REFUSED, "job '%s' is %s: only what runs is rescaled. Submit it again with "
		    "--parallelism %u", m->entry.name, life_state_name(managed_state(m)),
		    c->parallelism);
		api_fail(r, &e);
	} else {
		struct entry *en = rc == OK ? mem_get(s->mem, sizeof *en) : NULL;
		if (rc == OK && (!en || entry_copy(en, &read->entry, s->mem, &e) != OK)) {
			rc = ERR(&e, E_NO_MEMORY, "no memory for a job");
			mem_put(s->mem, en);
			en = NULL;
		}
		if (rc == OK && replace(m, r, en, ACTION_RESCALE, c, &e) != OK) {
			entry_free(s, en);
			rc = e.code;
		}
		if (rc != OK)
			api_fail(r, &e);
	}
	job_text_close(&t);
}
