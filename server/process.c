/* process.c - a job's process as the server sees it: started with a log for its output and a wire
 * for the rest; what it says becomes events of the job's life.
 * A process that talks nonsense is killed: it is one more failed attempt. */
#include "server/server_in.h"

#include "base/shared_memory.h"
#include "jobs/job_text.h"
#include "jobs/progress.h"
#include "jobs/report.h"
#include "server/log_open.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIRE_FD 3 /* in the process */

/* ---- what a description says ---- */

static const char *server_env(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

void server_text_source(const struct server *s, const struct entry *en, const char **sets,
			char parallelism[32], struct job_text_source *from)
{
	size_t n = 0;
	for (; n < en->n_sets; n++)
		sets[n] = en->set[n];
	if (en->parallelism) {
		snprintf(parallelism, 32, "parallelism=%u", en->parallelism);
		sets[n++] = parallelism;
	}
	*from = (struct job_text_source){.file = en->file, .text = en->job, .len = en->job_len,
					 .sets = sets, .n_sets = n, .defaults = s->config,
					 .allow = &s->allow,
					 .env = server_env};
}

RC server_digest(struct server *s, const struct entry *en, struct life_config *c, struct err *e)
{
	const char *sets[ENTRY_SETS_MAX + 1];
	char parallelism[32];
	struct job_text_source from;
	struct job_digest d;
	server_text_source(s, en, sets, parallelism, &from);
	enum rc rc = job_text_digest(&d, s->env, &from, e);
	*c = (struct life_config){.restart = d.restart, .stop_us = d.stop_us,
				  .cancel_deletes = d.cancel_deletes};
	return rc;
}

/* ---- what it says ---- */

static void note_checkpoint(struct managed *m, const struct json *record)
{
	const struct json *id = json_get(record, "id"), *state = json_get(record, "state");
	size_t len;
	if (id && json_kind(id) == JSON_INT && state && json_kind(state) == JSON_STRING &&
	    !strcmp(json_string(state, &len), "completed"))
		m->checkpoint = (uint64_t)json_int(id);
}

/* What goes on to clients as it is must be JSON, whoever wrote it. */
static RC pass_on(struct managed *m, enum wire_kind kind, const char *body, size_t len,
		  struct err *e)
{
	struct json_doc *doc = NULL;
	struct bytes line;
	if (json_parse(&doc, body, len, m->s->mem, NULL, e) != OK)
		return e->code;
	if (kind == WIRE_RECOVERY && (len < 2 || memcmp(body, "{\"", 2) != 0)) {
		json_close(doc);
		return ERR(e, E_INVALID, "a recovery that is none");
	}
	bytes_init(&line, m->s->mem);
	if (kind != WIRE_RECOVERY)
		bytes_put(&line, body, len);
	if (kind == WIRE_RECOVERY) {
		recoveries_add(&m->recoveries, body, len, managed_error(m), m->s->mem, &line);
		feed_tell(&m->feed, "recovery", &line);
	} else if (kind == WIRE_RECORD) {
		note_checkpoint(m, json_root(doc));
		feed_tell(&m->feed, "checkpoint", &line);
	} else if (kind == WIRE_OUTLOOK) {
		m->outlook = m->outlook ? m->outlook : mem_get(m->s->mem, sizeof *m->outlook);
		if (m->outlook)
			outlook_read(m->outlook, json_root(doc));
	} else {
		const struct json *last = json_get(json_root(doc), "last");
		bool is = last && json_kind(last) == JSON_OBJECT;
		const struct json *id = is ? json_get(last, "id") : NULL;
		if (id && json_kind(id) == JSON_INT && json_int(id) > 0)
			m->checkpoint = (uint64_t)json_int(id);
		mem_put(m->s->mem, m->facts);
		m->facts = mem_string(m->s->mem, bytes_text(&line));
		m->facts_us = clock_mono_us(m->s->env->clock);
	}
	bytes_close(&line);
	json_close(doc);
	if (kind == WIRE_FACTS)
		managed_facts_came(m);
	return OK;
}

static RC heard_up(struct managed *m, const char *body, size_t len, struct err *e)
{
	uint64_t checkpoint;
	if (up_read(&checkpoint, body, len, m->s->mem, e) == OK && checkpoint > m->checkpoint)
		m->checkpoint = checkpoint;
	return e->code;
}

static RC heard_failed(struct managed *m, const char *body, size_t len, struct err *e)
{
	struct word_failed f;
	if (failed_read(&f, body, len, m->s->mem, e) != OK)
		return e->code;
	managed_heard(m, &(struct life_event){.kind = LIFE_EV_FAILED, .error = &f.error,
					      .restarts = &f.restarts, .after_us = f.after_us});
	return OK;
}

static RC heard_ended(struct managed *m, const char *body, size_t len, struct err *e)
{
	struct word_ended d;
	if (ended_read(&d, body, len, m->s->mem, e) != OK)
		return e->code;
	m->exit = d.exit;
	managed_heard(m, &(struct life_event){.kind = LIFE_EV_ENDED, .ended = d.ended,
					      .error = &d.error,
					      .unsaved_stop = d.unsaved_stop});
	return OK;
}

static RC heard_answer(struct managed *m, const char *body, size_t len, struct err *e)
{
	struct word_answer a;
	if (answer_read(&a, body, len, m->s->mem, e) != OK)
		return e->code;
	const struct action *asked = actions_find(&m->s->actions, a.request);
	if (asked && (!action_is_ask(asked->kind) || strcmp(asked->job, m->entry.name))) {
		answer_close(&a, m->s->mem);
		return ERR(e, E_INVALID, "an answer to what it was not asked");
	}
	if (a.checkpoint)
		m->checkpoint = a.checkpoint;
	actions_over(&m->s->actions, &m->feed, a.request, &a.error, a.checkpoint, a.found);
	answer_close(&a, m->s->mem);
	return OK;
}

static RC heard_found(struct managed *m, const char *body, size_t len, struct err *e)
{
	struct word_found f;
	if (found_read(&f, body, len, m->s->mem, e) != OK)
		return e->code;
	live_heard(m->live, &f);
	found_close(&f);
	return OK;
}

static void on_frame(void *arg, enum wire_kind kind, const char *body, size_t len)
{
	struct managed *m = arg;
	struct err e = {0};
	enum rc rc = OK;
	m->facts_us = kind == WIRE_FOUND ? m->facts_us : 0; /* which changes nothing */
	switch (kind) {
	case WIRE_UP:
		m->up = true;
		managed_restored(m);
		rc = heard_up(m, body, len, &e);
		managed_heard(m, &(struct life_event){.kind = LIFE_EV_UP});
		break;
	case WIRE_FAILED:
		rc = heard_failed(m, body, len, &e);
		break;
	case WIRE_ENDED:
		rc = heard_ended(m, body, len, &e);
		break;
	case WIRE_ANSWER:
		rc = heard_answer(m, body, len, &e);
		break;
	case WIRE_FOUND:
		rc = heard_found(m, body, len, &e);
		break;
	case WIRE_ROWS:
		rc = tailing_heard(m, body, len, &e);
		break;
	case WIRE_OUTLOOK:
	case WIRE_FACTS:
	case WIRE_RECORD:
	case WIRE_RECOVERY:
		rc = pass_on(m, kind, body, len, &e);
		break;
	default:
		rc = ERR(&e, E_INVALID, "a frame of kind %d", kind);
	}
	if (rc == OK)
		return;
	log_job(m->s->o.log, LOG_ERROR, m->entry.name,
		"its process says what cannot be understood: %s", e.text);
	process_kill(m);
}

/* Its process ends, or closed its end and must not go on unheard. */
static void on_closed(void *arg)
{
	process_kill(arg);
}

/* What it was asked and has not answered. */
static void fail_asks(struct managed *m)
{
	struct err e = {0};
	ERR(&e, E_IO, "the job's process ended before the checkpoint was complete");
	const struct action *a;
	while ((a = actions_open_ask(&m->s->actions, m->entry.name)))
		actions_over(&m->s->actions, &m->feed, a->id, &e, 0, NULL);
}

/* Who asked for its end has it, however it came. */
static void answer_kills(struct managed *m)
{
	const struct err none = {0};
	const struct action *a;
	while ((a = actions_open(&m->s->actions, m->entry.name, ACTION_KILL)))
		actions_over(&m->s->actions, &m->feed, a->id, &none, m->checkpoint, NULL);
}

static void on_gone(void *arg, int status, int number)
{
	struct managed *m = arg;
	if (m->wire)
		wire_drain(m->wire); /* its last words came before its end */
	wire_close(&m->wire);
	loop_child_close(&m->child);
	m->up = false;
	mem_put(m->s->mem, m->facts);
	mem_put(m->s->mem, m->outlook);
	m->facts = NULL;
	m->outlook = NULL;
	fail_asks(m);
	live_gone(m->live, "the job's process has just ended");
	managed_facts_came(m); /* who waited for them gets what there is */
	answer_kills(m);
	managed_heard(m, &(struct life_event){.kind = LIFE_EV_GONE, .status = status, .signal = number,
					      .random = rng_next(m->s->env->rng)});
}

/* ---- starting it ---- */

/* As it was asked for; a restart, a replacement and the server's own end mean a plain one. */
static void send_stop(struct managed *m)
{
	struct bytes body;
	struct job_ask ask = m->stop;
	ask.kind = ASK_STOP;
	bytes_init(&body, m->s->mem);
	request_write(&ask, &body);
	wire_send(m->wire, WIRE_REQUEST, &body);
	bytes_close(&body);
}

static RC send_start(struct managed *m, const struct entry *en, uint64_t lock_wait_us, char *dir,
		     char *log, struct err *e)
{
	struct server *s = m->s;
	struct bytes body;
	struct word_start start = {.entry = *en, .dir = dir, .log = log,
				   .config_file = (char *)s->o.config, .config = s->config_text,
				   .allow = s->allow, /* shown, not owned */
				   .log_json = s->o.log->format == LOG_JSON,
				   .restarts = m->spawn->restarts, .lock_wait_us = lock_wait_us};
	bytes_init(&body, s->mem);
	start_write(&start, &body);
	enum rc rc = OK;
	if (!bytes_ok(&body) || body.len > WIRE_BODY_MAX)
		rc = ERR(e, E_NO_MEMORY, "no memory to start a process");
	else
		wire_send(m->wire, WIRE_START, &body);
	bytes_close(&body);
	if (rc == OK && m->stop_spawn)
		send_stop(m);
	if (rc == OK && feed_is_watched(&m->feed))
		m->feed.watched(m->feed.arg, true);
	if (rc == OK && m->tailings)
		tailing_ask(m, true);
	return rc;
}

/* What the job's processes count in, one after the other; -1: without, nobody knows what a crash
 * has cost. */
static int progress_of(struct managed *m)
{
	struct err ignored = {0};
	int fd;
	if (!m->progress && shared_memory_make(&fd, sizeof(struct progress), &ignored) == OK)
		m->progress = fd;
	return m->progress ? m->progress : -1;
}

void process_forget(struct managed *m)
{
	if (m->progress)
		close(m->progress);
	m->progress = 0;
}

static RC spawn(struct managed *m, const char *log, struct err *e)
{
	struct server *s = m->s;
	int pair[2], log_fd;
	char *argv[] = {"weir", "job", m->entry.name, NULL};
	if (log_open(&log_fd, log, O_WRONLY | O_CREAT | O_APPEND, e) != OK)
		return e->code;
	if (wire_pair(pair, e) != OK) {
		close(log_fd);
		return e->code;
	}
	int fds[] = {-1, log_fd, log_fd, pair[1], progress_of(m)};
	_Static_assert(ARRAY_LEN(fds) == WIRE_FD + 2, "the process looks for its wire there");
	struct wire_config c = {.loop = s->loop, .mem = s->mem, .fd = pair[0], .frame = on_frame,
				.closed = on_closed, .arg = m};
	enum rc rc = wire_open(&m->wire, &c, e);
	if (rc == OK)
		rc = loop_child_start(&m->child, s->loop, s->o.program, argv, NULL, fds,
				      ARRAY_LEN(fds), on_gone, m, e);
	if (rc != OK)
		wire_close(&m->wire);
	close(log_fd);
	close(pair[1]);
	return rc;
}

void process_start(struct managed *m, const struct entry *en)
{
	struct err e = {0};
	struct life_config c;
	char dir[SERVER_PATH_MAX], log[SERVER_PATH_MAX];
	struct err odd = {0};
	/* The process finds that out, and says it better. */
	if (server_digest(m->s, en, &c, &odd) != OK)
		log_job(m->s->o.log, LOG_WARN, en->name, "%s", odd.text);
	life_configure(m->life, &c);
	m->configured = true;
	m->stop_us = c.stop_us;
	if (!catalogue_job_dir(m->s->o.dir, en->name, dir, sizeof dir) ||
	    !catalogue_log(m->s->o.dir, en->name, log, sizeof log))
		ERR(&e, E_INVALID, "the path of '%s' is too long", m->s->o.dir);
	else if (spawn(m, log, &e) == OK && send_start(m, en, c.stop_us, dir, log, &e) != OK)
		process_kill(m);
	if (m->child)
		return; /* also one that is being killed: its end is told */
	managed_heard(m, &(struct life_event){.kind = LIFE_EV_SPAWN_FAILED, .error = &e,
					      .random = rng_next(m->s->env->rng)});
}

void process_tell_stop(struct managed *m)
{
	m->stop_spawn = true; /* if it is not there yet */
	if (m->wire)
		send_stop(m);
}

void process_kill(struct managed *m)
{
	m->kill_spawn = m->spawning;
	if (m->child)
		loop_child_kill(m->child, SIGKILL);
}

void process_close(struct managed *m)
{
	process_kill(m);
	wire_close(&m->wire);
	loop_child_close(&m->child);
}
