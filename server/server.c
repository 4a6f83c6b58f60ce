/* server.c - a server's beginning, loop and end. See server.h.
 *
 *   lock, catalogue -> configuration -> clerk -> socket -> a life for each job that is not over
 *   SIGTERM -> every life: SHUTDOWN -> the last process is gone -> end; past the limit: SIGKILL */
#include "server/server_in.h"

#include "checkpoint/layout.h"
#include "jobs/job_text.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define BEAT_US 10000000
#define SIGNAL_TWICE_US 100000 /* nobody presses a key twice within this */
#define LOCK_TRIES 10
#define LOCK_WAIT_US 20000

/* ---- the configuration ---- */

static RC read_config(struct server *s, struct err *e)
{
	struct diags ds;
	struct bytes text;
	uint8_t *data;
	if (!s->o.config)
		return OK;
	if (fs_read_all(s->env->fs, s->o.config, CONFIG_MAX, &data, &s->config_len, e) != OK)
		return err_in(e, "configuration");
	s->config_text = (char *)data;
	diags_init(&ds, s->o.config, s->config_text, s->config_len, s->mem);
	enum rc rc = config_parse(&s->config, s->o.config, s->config_text, s->config_len, &ds, s->mem,
				  e);
	if (ds.n && s->o.log->to) {
		bytes_init(&text, s->mem);
		diags_print(&ds, &text);
		if (s->o.log->format == LOG_JSON)
			log_line(s->o.log, rc == OK ? LOG_WARN : LOG_ERROR, "%s", bytes_text(&text));
		else
			fputs(bytes_text(&text), s->o.log->to);
		bytes_close(&text);
	}
	if (rc == E_INVALID) {
		err_clear(e);
		ERR(e, E_INVALID, "%s: the configuration has faults", s->o.config);
	}
	diags_close(&ds);
	return rc;
}

/* Whoever comes over the network is no user of this machine: what it submits is confined. */
static RC read_allow(struct server *s, struct err *e)
{
	const struct json *said = s->config ? config_allow(s->config) : NULL;
	const struct allow *o = s->o.allow;
	struct roots roots;
	allow_init(&s->allow, s->mem);
	s->allow.confines = s->o.door.http;
	s->allow.landlock = !o || o->landlock;
	for (unsigned k = 0; o && k < ALLOW_KINDS; k++)
		for (unsigned i = 0; i < o->n[k]; i++)
			if (allow_add(&s->allow, k, o->item[k][i], e) != OK)
				return e->code;
	if (said && allow_read(&s->allow, said, e) != OK)
		return err_in(e, "%s", s->o.config);
	if (!s->allow.confines)
		return OK;
	roots_init(&roots, s->mem); /* each job's process opens its own: here for what cannot be */
	enum rc rc = allow_roots(&s->allow, NULL, &roots, e);
	roots_close(&roots);
	return rc;
}

/* Before there is another thread: it holds for those that come. */
static RC enter_landlock(struct server *s, struct err *e)
{
	const char *own[] = {s->o.dir, NULL};
	bool is_on = false;
	if (!s->allow.confines)
		return OK;
	if (s->allow.landlock && allow_landlock(&s->allow, own, &is_on, e) != OK)
		return e->code;
	log_line(s->o.log, LOG_INFO, "jobs touch what is allowed to them and their own directories; %s",
		 is_on ? "Landlock holds them, and the server, to it too"
		 : s->allow.landlock ? "this kernel has no Landlock that would hold them to it too"
				     : "Landlock is off");
	return OK;
}

/* limits.stop of a job that says nothing. */
static uint64_t stop_limit(struct server *s)
{
	struct job_digest d;
	struct err ignored = {0};
	struct job_text_source from = {.text = "{}", .len = 2, .defaults = s->config};
	enum rc rc = job_text_digest(&d, s->env, &from, &ignored);
	(void)rc; /* a job without a name: only the limit is wanted */
	return d.stop_us;
}

/* ---- the end ---- */

/* A job may say that it takes longer than others. */
static uint64_t longest_stop(struct server *s)
{
	uint64_t longest = stop_limit(s);
	for (size_t i = 0; i < s->n_jobs; i++)
		if (managed_has_process(s->job[i]) && s->job[i]->stop_us > longest)
			longest = s->job[i]->stop_us;
	return longest;
}

static bool anything_lives(const struct server *s)
{
	for (size_t i = 0; i < s->n_jobs; i++)
		if (managed_has_process(s->job[i]))
			return true;
	return false;
}

void server_maybe_over(struct server *s)
{
	if (s->stopping && !anything_lives(s))
		loop_stop(s->loop);
}

static void on_limit(void *arg)
{
	struct server *s = arg;
	s->gave_up = true;
	for (size_t i = 0; i < s->n_jobs; i++)
		process_kill(s->job[i]);
}

static void stop_all(struct server *s)
{
	struct err e = {0};
	size_t running = server_running(s);
	s->stopping = true;
	log_line(s->o.log, LOG_INFO, "stopping: %zu %s a checkpoint and %s (once more: stop at once)",
		 running, running == 1 ? "job takes" : "jobs take", running == 1 ? "ends" : "end");
	if (loop_timer_open(&s->limit, s->loop, on_limit, s, &e) == OK)
		loop_timer_set(s->limit, longest_stop(s));
	for (size_t i = 0; i < s->n_jobs;) {
		struct managed *m = s->job[i];
		if (m->life)
			managed_heard(m, &(struct life_event){.kind = LIFE_EV_SHUTDOWN});
		i += i < s->n_jobs && s->job[i] == m; /* a removal may have ended */
	}
	server_maybe_over(s);
}

static void on_signal(void *arg, int number)
{
	struct server *s = arg;
	uint64_t now_us = clock_mono_us(s->env->clock);
	(void)number;
	if (!s->stopping) {
		s->signalled_us = now_us;
		stop_all(s);
	} else if (now_us - s->signalled_us > SIGNAL_TWICE_US) {
		/* A wrapper (timeout, make) may pass one key press on twice. */
		s->gave_up = true;
		loop_stop(s->loop);
	}
}

static void on_beat(void *arg)
{
	struct server *s = arg;
	for (size_t i = 0; i < s->n_jobs; i++) {
		feed_beat(&s->job[i]->feed);
		tailing_beat(s->job[i]);
	}
}

/* ---- the beginning ---- */

static void on_found(void *arg, struct catalogue_found *f)
{
	struct server *s = arg;
	struct managed *m = server_add(s, f->entry.name);
	if (!m) {
		s->short_of_memory = true;
		return;
	}
	m->entry = f->entry; /* taken */
	m->entry.mem = s->mem;
	f->entry = (struct entry){0};
	m->version = f->version;
	m->corrupt = f->corrupt;
	m->exit = m->entry.exit ? m->entry.exit : -1;
	if (f->corrupt) {
		m->entry.standing = STANDING_FAILED;
		m->entry.code = E_CORRUPT;
		log_job(s->o.log, LOG_ERROR, m->entry.name, "its entry cannot be read: %s",
			m->entry.error);
	}
}

/* What is to run, to be removed or erased goes on. */
static RC begin_lives(struct server *s, struct err *e)
{
	for (size_t i = 0; i < s->n_jobs;) {
		struct managed *m = s->job[i];
		bool lives = m->entry.standing == STANDING_RUNNING ||
			     m->entry.standing == STANDING_REMOVED || m->entry.erase;
		if (lives && !m->corrupt) {
			if (managed_live(m, e) != OK)
				return e->code;
			managed_perform(m);
		}
		i += i < s->n_jobs && s->job[i] == m;
	}
	return OK;
}

/* A thousand jobs want a few thousand descriptors: three a job, and the clients'. */
static void raise_descriptors(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur == r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
	(void)setrlimit(RLIMIT_NOFILE, &r);
}

static void tell_foreign(const struct server *s)
{
	const char *one;
	size_t n = catalogue_foreign(s->catalogue, &one);
	if (n)
		log_line(s->o.log, LOG_WARN, "%zu name%s in the catalogue's folder %s none of its own, "
			 "such as '%s': left alone", n, n == 1 ? "" : "s", n == 1 ? "is" : "are", one);
}

/* A catalogue beside a job's manifests would mix what two owners keep. */
static RC is_no_job(struct server *s, struct err *e)
{
	char path[SERVER_PATH_MAX];
	struct fs_stat st;
	snprintf(path, sizeof path, "%s/" LAYOUT_MANIFEST, s->o.dir);
	if (fs_stat(s->env->fs, path, &st, NULL) != OK)
		return OK;
	return ERR(e, E_REFUSED, "'%s' is a job's directory (it holds checkpoints): serve from another",
		   s->o.dir);
}

/* A server that was killed while it started a process leaves its lock to that one for the
 * millisecond until it becomes another program. */
static RC open_catalogue(struct server *s, struct err *e)
{
	enum rc rc = E_REFUSED;
	for (int i = 0; i < LOCK_TRIES && rc == E_REFUSED; i++) {
		err_clear(e);
		if (i)
			usleep(LOCK_WAIT_US);
		rc = catalogue_open(&s->catalogue, s->env, s->o.dir, (uint64_t)getpid(), on_found, s, e);
	}
	return rc;
}

static RC server_open(struct server *s, struct err *e)
{
	raise_descriptors();
	if (door_open(&s->door, &s->o.door, s->env, e) != OK || is_no_job(s, e) != OK ||
	    read_config(s, e) != OK || read_allow(s, e) != OK ||
	    loop_open(&s->loop, s->mem, e) != OK || open_catalogue(s, e) != OK ||
	    enter_landlock(s, e) != OK)
		return e->code;
	if (s->short_of_memory)
		return ERR(e, E_NO_MEMORY, "no memory for the catalogue's jobs");
	tell_foreign(s);
	s->reads = (struct reads){.loop = s->loop, .env = s->env};
	s->tails = (struct log_tails){.loop = s->loop, .mem = s->mem};
	struct http_config h = {.loop = s->loop, .mem = s->mem, .clock = s->env->clock, .dir = s->o.dir,
				.name = SERVER_SOCKET, .handler = server_request,
				.gone = asker_gone, .arg = s};
	if (clerk_open(&s->clerk, s->catalogue, s->loop, s->mem, e) != OK ||
	    http_open(&s->http, &h, e) != OK || door_listen(s->door, &h, e) != OK ||
	    loop_timer_open(&s->beat, s->loop, on_beat, s, e) != OK ||
	    loop_signal_open(&s->sigint, s->loop, SIGINT, on_signal, s, e) != OK ||
	    loop_signal_open(&s->sigterm, s->loop, SIGTERM, on_signal, s, e) != OK)
		return e->code;
	loop_timer_every(s->beat, BEAT_US);
	return begin_lives(s, e);
}

/* One more would end the process in the midst of its end, with the wrong exit code. */
static void block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static void server_close(struct server *s)
{
	struct err e = {0};
	ERR(&e, E_UNREACHABLE, "the server has stopped");
	for (size_t i = 0; i < s->n_jobs; i++)
		process_close(s->job[i]);
	clerk_close(s->clerk); /* what was accepted is saved, and answered */
	for (size_t i = 0; i < s->n_jobs; i++)
		process_close(s->job[i]); /* one that was still to be started */
	for (size_t i = 0; i < s->n_jobs; i++) {
		submit_saved(s->job[i], &e);
		managed_facts_came(s->job[i]);
		live_close(&s->job[i]->live);
	}
	steps_close(s, &e);
	round_close(s);
	reads_close(&s->reads);
	log_tails_close(&s->tails);
	http_close(s->http);
	door_close(s->door);
	for (size_t i = 0; i < s->n_jobs; i++)
		managed_free(s->job[i]);
	mem_put(s->mem, s->job);
	actions_close(&s->actions);
	catalogue_close(s->catalogue);
	config_close(s->config);
	allow_close(&s->allow);
	mem_put(s->mem, s->config_text);
	loop_timer_close(&s->beat);
	loop_timer_close(&s->limit);
	block_signals();
	loop_signal_close(&s->sigint);
	loop_signal_close(&s->sigterm);
	loop_close(s->loop);
	mem_put(s->mem, s);
}

RC server_run(const struct server_options *o, struct err *e)
{
	struct server *s = mem_get(o->env->mem, sizeof *s);
	if (!s)
		return ERR(e, E_NO_MEMORY, "no memory for a server");
	s->o = *o;
	s->env = o->env;
	s->mem = s->actions.mem = o->env->mem;
	s->started_wall_us = clock_wall_us(o->env->clock);
	enum rc rc = server_open(s, e);
	if (rc == OK) {
		const char *url = door_url(s->door);
		if (o->ready)
			o->ready(o->arg, (unsigned)s->n_jobs, (unsigned)server_running(s), url);
		else if (url)
			log_line(o->log, LOG_INFO, "it answers on %s", url);
		loop_run(s->loop);
		if (s->gave_up)
			rc = ERR(e, E_TIMEOUT, "not every job stopped in time: what was killed goes on from "
				 "its newest checkpoint");
	}
	server_close(s);
	return rc;
}
