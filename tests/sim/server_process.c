/* server_process.c - the wire of a simulated server, and at its other end what `weir job` does: a
 * real job, stepped. See server_world.h. */
#include "tests/sim/server_world_in.h"

#include "server/log_open.h"

#include <fcntl.h>
#include <signal.h>

/* ---- the wire, and who is at its other end ---- */

struct wire {
	struct wire_config c;
	struct loop_child *child;
};

struct loop_child {
	void (*gone)(void *arg, int status, int signal);
	void *arg;
	struct wire *wire;
	bool started, stops, killed, up, said;
	uint64_t failed; /* attempts, when that was last said */
	int exit;
};

INSTEAD(enum rc, wire_pair, int fd[2], struct err *e)
{
	(void)e;
	fd[0] = fd[1] = -1;
	return OK;
}

INSTEAD(enum rc, wire_open, struct wire **w, const struct wire_config *c, struct err *e)
{
	(void)e;
	*w = the_world->wire = server_world_get(sizeof **w);
	(*w)->c = *c;
	return OK;
}

INSTEAD(void, wire_close, struct wire **w)
{
	if (*w && (*w)->child)
		(*w)->child->wire = NULL;
	if (*w == the_world->wire)
		the_world->wire = NULL;
	free(*w);
	*w = NULL;
}

INSTEAD(void, wire_drain, struct wire *w)
{
	(void)w; /* what is said is heard at once */
}

void server_process_forget(struct server_world *sw)
{
	if (sw->has_start)
		start_close(&sw->start, &sw->words);
	sw->has_start = false;
}

INSTEAD(void, wire_send, struct wire *w, enum wire_kind kind, const struct bytes *body)
{
	struct err e = {0};
	struct loop_child *c = w->child;
	CHECK(c);
	struct job_ask ask = {0};
	if (kind == WIRE_REQUEST &&
	    request_read(&ask, (const char *)body->data, body->len, &the_world->words, &e) == OK &&
	    ask.kind == ASK_STOP)
		c->stops = true;
	if (kind != WIRE_START)
		return;
	server_process_forget(the_world);
	WORLD_CHECK(&the_world->w, !c->started && !the_world->w.job);
	if (start_read(&the_world->start, (const char *)body->data, body->len, &the_world->words,
		       &e) != OK)
		world_fail(&the_world->w, "START: %s", e.text);
	the_world->has_start = c->started = true;
}

INSTEAD(enum rc, loop_child_start, struct loop_child **c, struct loop *l, const char *file,
	char *const argv[], char *const envp[], const int *fd, unsigned n_fds,
	void (*gone)(void *arg, int status, int signal), void *arg, struct err *e)
{
	(void)l;
	(void)file;
	(void)envp;
	(void)fd;
	(void)n_fds;
	(void)e;
	/* Never two of one job: here there is but one job that runs. */
	WORLD_CHECK(&the_world->w, !the_world->child && !the_world->w.job);
	WORLD_CHECK(&the_world->w, !strcmp(argv[2], SERVER_JOB));
	*c = the_world->child = server_world_get(sizeof **c);
	**c = (struct loop_child){.gone = gone, .arg = arg, .wire = the_world->wire};
	the_world->wire->child = *c;
	the_world->wire = NULL;
	the_world->processes++;
	return OK;
}

INSTEAD(pid_t, loop_child_pid, const struct loop_child *c)
{
	(void)c;
	return 4711;
}

INSTEAD(void, loop_child_kill, struct loop_child *c, int number)
{
	CHECK(number == SIGKILL);
	c->killed = true;
}

INSTEAD(void, loop_child_close, struct loop_child **c)
{
	if (*c && (*c)->wire)
		(*c)->wire->child = NULL;
	if (*c == the_world->child)
		the_world->child = NULL;
	free(*c);
	*c = NULL;
}

/* A job's log: a name on the simulated disk, and somewhere to write that is none. */
INSTEAD(enum rc, log_open, int *fd, const char *path, int flags, struct err *e)
{
	int file = -1;
	enum rc rc = fs_open(the_world->w.fs, path, FS_CREATE_PRIVATE, &file, NULL);
	(void)!fs_close(the_world->w.fs, &file, NULL);
	if (rc != OK && rc != E_EXISTS)
		return ERR(e, rc, "%s", path);
	*fd = open("/dev/null", flags);
	CHECK(*fd >= 0);
	return OK;
}

/* ---- what `weir job` does ---- */

static void say(struct loop_child *c, enum wire_kind kind, struct bytes *body)
{
	if (c->wire && !server_world_is_dead())
		c->wire->c.frame(c->wire->c.arg, kind, (const char *)body->data, body->len);
	bytes_close(body);
}

static void say_up(struct server_world *sw, struct loop_child *c)
{
	struct bytes body;
	const struct job_recovery *r = job_recovery(sw->w.job);
	bytes_init(&body, &sw->words);
	up_write(r->restored ? r->checkpoint : 0, &body);
	c->up = true;
	say(c, WIRE_UP, &body);
}

static void say_failed(struct server_world *sw, struct loop_child *c)
{
	struct bytes body;
	uint64_t now = sw->w.clock.now_us, until = job_wait_until(sw->w.job);
	struct word_failed f = {.error = *job_failure(sw->w.job),
				.restarts = *job_restarts(sw->w.job),
				.after_us = until > now ? until - now : 0};
	bytes_init(&body, &sw->words);
	failed_write(&f, &body);
	c->up = false;
	say(c, WIRE_FAILED, &body);
}

static void say_ended(struct server_world *sw, struct loop_child *c, enum world_end end)
{
	struct bytes body;
	struct word_ended w = {.ended = LIFE_ENDED_FAILED, .exit = 1};
	if (sw->w.job) {
		w.exit = job_exit_code(sw->w.job);
		w.error = *job_error(sw->w.job);
	} else {
		w.exit = err_exit_code(sw->w.error.code);
		w.error = sw->w.error;
	}
	if (end == WORLD_FINISHED)
		w.ended = LIFE_ENDED_FINISHED;
	else if (end == WORLD_STOPPED)
		w.ended = LIFE_ENDED_STOPPED;
	c->exit = w.exit;
	c->said = true;
	bytes_init(&body, &sw->words);
	ended_write(&w, &body);
	say(c, WIRE_ENDED, &body);
}

static void child_gone(struct server_world *sw, int status, int number)
{
	struct loop_child *c = sw->child;
	WORLD_CHECK(&sw->w, !sw->w.job);
	c->gone(c->arg, status, number);
	WORLD_CHECK(&sw->w, sw->child != c); /* closed; perhaps the next one was started */
}

/* The machine goes on: what is planned for its disk stays planned. */
static void kill_process(struct server_world *sw)
{
	uint64_t before = fs_sim_count(sw->w.disk);
	sw->kills++;
	world_crash(&sw->w, false);
	/* What a dying process still tried does nothing: no instant to crash at. */
	for (uint64_t n = before + 1; n <= fs_sim_count(sw->w.disk) && n < SERVER_OPERATIONS_MAX; n++)
		sw->by[n] = BY_DYING;
	if (sw->crash_at > fs_sim_count(sw->w.disk))
		server_world_crash_at(sw, sw->crash_at, sw->after);
	if (sw->fault_at > fs_sim_count(sw->w.disk))
		server_world_fault_at(sw, sw->fault_at, sw->fault_code, sw->after);
}

static void child_begin(struct server_world *sw, struct loop_child *c)
{
	struct world *w = &sw->w;
	/* What is checked between two processes asks for these. */
	CHECK(strlen(sw->start.entry.job) < sizeof sw->job);
	strcpy(sw->job, sw->start.entry.job);
	w->job_text = sw->job;
	w->job_file = sw->start.entry.file;
	snprintf(sw->dir, sizeof sw->dir, "%s", sw->start.dir);
	w->dir = sw->dir;
	w->restarts = sw->start.restarts;
	c->failed = w->failed_attempts;
	enum world_end end = world_start(w, sw->start.entry.parallelism);
	if (server_world_is_dead())
		return;
	if (end != WORLD_RUNNING) {
		say_ended(sw, c, end);
		return;
	}
	say_up(sw, c);
	if (sw->child == c && c->stops)
		world_stop(w);
}

static void child_go_on(struct server_world *sw, struct loop_child *c)
{
	struct world *w = &sw->w;
	if (c->stops && c->up)
		world_stop(w);
	enum world_end end = world_run(w, 1 + rng_below(&w->rng, 4));
	if (server_world_is_dead())
		return;
	if (end != WORLD_PAUSED) {
		say_ended(sw, c, end);
	} else if (c->failed != w->failed_attempts && job_state(w->job) == JOB_WAITING) {
		c->failed = w->failed_attempts;
		say_failed(sw, c);
	} else if (!c->up && job_state(w->job) == JOB_RUNNING) {
		say_up(sw, c);
	}
}

bool server_process_step(struct server_world *sw)
{
	struct loop_child *c = sw->child;
	if (!c || (!c->started && !c->killed))
		return false;
	if (c->killed) {
		if (sw->w.job)
			kill_process(sw);
		child_gone(sw, 0, SIGKILL);
	} else if (c->said) {
		int exit = c->exit;
		world_exit(&sw->w);
		child_gone(sw, exit, 0);
	} else if (!sw->w.job) {
		child_begin(sw, c);
	} else {
		child_go_on(sw, c);
	}
	return true;
}

void server_world_kill(struct server_world *sw)
{
	if (sw->child)
		sw->child->killed = true;
}
