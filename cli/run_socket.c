/* run_socket.c - see run_socket.h. */
#include "cli/run_socket.h"

#include "server/solo.h"

#include <stdlib.h>

#define TELL_EVERY_US 1000000

struct run_socket {
	struct cli *cli;
	struct drive *drive;
	struct job *job;
	char *file;
	struct solo *solo;
	struct loop_timer *tick;
	struct pace pace;          /* of the facts that were told */
	bool stopping;
};

static const char *state(void *arg)
{
	const struct run_socket *s = arg;
	enum job_state now = job_state(s->job);
	if (now == JOB_OWNED)
		return "STARTING";
	if (now == JOB_HALTED)
		return "FAILED";
	if (now == JOB_EXPORTING)
		return "STOPPING";
	return s->stopping && (now == JOB_RUNNING || now == JOB_WAITING) ? "STOPPING"
									 : job_state_name(now);
}

static uint32_t attempt(void *arg)
{
	const struct run_socket *s = arg;
	return job_attempt_number(s->job);
}

static bool facts(void *arg, struct facts *f, struct outlook *look)
{
	struct run_socket *s = arg;
	struct err e = {0};
	if (facts_take(f, s->job, s->cli->started_us, s->cli->env->clock, s->cli->env->mem, &e) != OK)
		return false;
	outlook_take(look, &s->pace, f, s->job, s->cli->env->mem);
	return true;
}

static RC ask(void *arg, const struct job_ask *a, struct err *e)
{
	const struct run_socket *s = arg;
	return drive_ask(s->drive, a, e);
}

static void on_found(void *arg, const struct job_found *f)
{
	const struct run_socket *s = arg;
	struct word_found w;
	found_take(&w, f);
	solo_found(s->solo, &w);
}

static RC look_up(void *arg, const struct word_lookup *l, struct err *e)
{
	const struct run_socket *s = arg;
	const struct job_lookup want = {.request = l->request, .stage = l->stage, .key = l->key,
					.n_keys = l->n_keys, .found = on_found, .arg = arg};
	return drive_look_up(s->drive, &want, e);
}

static void on_tick(void *arg)
{
	const struct run_socket *s = arg;
	solo_changed(s->solo);
}

static RC begin(struct run_socket *s, struct loop *l, const char *dir, struct err *e)
{
	const struct solo_config c = {
		.loop = l, .env = s->cli->env, .dir = dir, .name = job_plan(s->job)->spec->name,
		.version = WEIR_VERSION, .file = s->file, .state = state, .attempt = attempt,
		.plan = job_plan(s->job), .facts = facts, .ask = ask, .look_up = look_up,
		.arg = s};
	if (solo_open(&s->solo, &c, e) != OK || loop_timer_open(&s->tick, l, on_tick, s, e) != OK)
		return e->code;
	loop_timer_every(s->tick, TELL_EVERY_US);
	return OK;
}

struct run_socket *run_socket_open(struct cli *c, struct log *log, struct loop *l, struct drive *d,
				   struct job *j, const char *dir, const char *file)
{
	struct err e = {0};
	struct run_socket *s = mem_get(c->env->mem, sizeof *s);
	char *path = realpath(file, NULL);
	if (s) {
		*s = (struct run_socket){.cli = c, .drive = d, .job = j};
		s->file = path ? mem_string(c->env->mem, path) : NULL;
	}
	free(path);
	if (s)
		pace_init(&s->pace, c->env->mem);
	if (s && begin(s, l, dir, &e) == OK)
		return s;
	log_line(log, LOG_WARN, "nobody can ask this run how it goes: %s", s ? e.text : "no memory");
	run_socket_close(s);
	return NULL;
}

void run_socket_record(struct run_socket *s, const struct checkpoint_record *r)
{
	if (s)
		solo_record(s->solo, r);
}

void run_socket_failed(struct run_socket *s, const struct err *e)
{
	if (s)
		solo_failed(s->solo, e);
}

void run_socket_recovered(struct run_socket *s, const char *lines)
{
	struct word_recovery w;
	if (!s)
		return;
	recovery_take(&w, s->job, s->cli->env->clock, lines);
	solo_recovered(s->solo, &w);
}

void run_socket_answered(struct run_socket *s, uint64_t request, const struct checkpoint_record *r,
			 const char *found, const struct err *why)
{
	const struct err none = {0};
	if (s)
		solo_answered(s->solo, request, r, found, why ? why : &none);
}

void run_socket_stopping(struct run_socket *s)
{
	if (!s)
		return;
	s->stopping = true;
	solo_changed(s->solo);
}

void run_socket_ended(struct run_socket *s, int exit, const struct err *error)
{
	const struct err none = {0};
	if (s)
		solo_ended(s->solo, exit, error ? error : &none);
}

void run_socket_close(struct run_socket *s)
{
	if (!s)
		return;
	loop_timer_close(&s->tick);
	solo_close(s->solo);
	pace_close(&s->pace);
	mem_put(s->cli->env->mem, s->file);
	mem_put(s->cli->env->mem, s);
}
