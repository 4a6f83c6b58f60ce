/* server_world.c - see server_world.h. */
#include "tests/sim/server_world_in.h"

#include <signal.h>

#define TURNS_MAX 2000000 /* by feel; more is a livelock */

struct server_world *the_world;

bool server_world_is_dead(void)
{
	return fs_sim_crashed(the_world->w.disk);
}

/* ---- timers ---- */

struct loop_timer {
	struct loop_timer *next;
	void (*on)(void *arg);
	void *arg;
	uint64_t at_us, every_us; /* UINT64_MAX: off */
};

INSTEAD(enum rc, loop_timer_open, struct loop_timer **t, struct loop *l, void (*on)(void *arg),
	void *arg, struct err *e)
{
	(void)l;
	(void)e;
	*t = server_world_get(sizeof **t);
	**t = (struct loop_timer){.next = the_world->timers, .on = on, .arg = arg, .at_us = UINT64_MAX};
	the_world->timers = *t;
	return OK;
}

INSTEAD(void, loop_timer_set, struct loop_timer *t, uint64_t after_us)
{
	t->at_us = the_world->w.clock.now_us + after_us;
	t->every_us = 0;
}

INSTEAD(void, loop_timer_every, struct loop_timer *t, uint64_t every_us)
{
	t->at_us = the_world->w.clock.now_us + every_us;
	t->every_us = every_us;
}

INSTEAD(void, loop_timer_off, struct loop_timer *t)
{
	t->at_us = UINT64_MAX;
}

INSTEAD(void, loop_timer_close, struct loop_timer **t)
{
	struct loop_timer **at = &the_world->timers;
	if (!*t)
		return;
	while (*at != *t)
		at = &(*at)->next;
	*at = (*t)->next;
	free(*t);
	*t = NULL;
}

/* What is due; one at a time, as a callback may close others. */
static bool fire_timer(struct server_world *sw)
{
	for (struct loop_timer *t = sw->timers; t; t = t->next) {
		if (t->at_us > sw->w.clock.now_us)
			continue;
		t->at_us = t->every_us ? sw->w.clock.now_us + t->every_us : UINT64_MAX;
		t->on(t->arg);
		return true;
	}
	return false;
}

/* Of what happens once: a heart beat is nothing to wait for. */
static uint64_t next_timer(const struct server_world *sw)
{
	uint64_t at = UINT64_MAX;
	for (const struct loop_timer *t = sw->timers; t; t = t->next)
		if (!t->every_us && t->at_us < at)
			at = t->at_us;
	return at;
}

/* ---- signals ---- */

struct loop_signal {
	int number;
	void (*on)(void *arg, int number);
	void *arg;
};

INSTEAD(enum rc, loop_signal_open, struct loop_signal **s, struct loop *l, int number,
	void (*on)(void *arg, int number), void *arg, struct err *e)
{
	(void)l;
	(void)e;
	*s = server_world_get(sizeof **s);
	**s = (struct loop_signal){.number = number, .on = on, .arg = arg};
	if (number == SIGTERM)
		the_world->term = *s;
	return OK;
}

INSTEAD(void, loop_signal_close, struct loop_signal **s)
{
	if (*s == the_world->term)
		the_world->term = NULL;
	free(*s);
	*s = NULL;
}

void server_world_term(struct server_world *sw)
{
	sw->term->on(sw->term->arg, SIGTERM);
}

/* ---- the loop ---- */

INSTEAD(enum rc, loop_open, struct loop **l, struct mem *mem, struct err *e)
{
	(void)mem;
	(void)e;
	*l = NULL; /* so that the clerk has no thread: clerk.h */
	return OK;
}

INSTEAD(void, loop_close, struct loop *l)
{
	(void)l;
	CHECK(!the_world->timers && !the_world->child && !the_world->http);
}

INSTEAD(void, loop_stop, struct loop *l)
{
	(void)l;
	the_world->stop = true;
}

bool server_world_is_quiet(const struct server_world *sw)
{
	return !clerk_pending(sw->s->clerk) && !sw->child && next_timer(sw) == UINT64_MAX;
}

static bool step_one(struct server_world *sw, unsigned who)
{
	uint64_t before = fs_sim_count(sw->w.disk);
	static const unsigned char makers[] = {BY_SERVER, BY_PROCESS, BY_CLIENT};
	bool did = who == 0 ? clerk_step(sw->s->clerk) :
		   who == 1 ? server_process_step(sw) : sw->client(sw, false);
	for (uint64_t n = before + 1; n <= fs_sim_count(sw->w.disk); n++)
		if (n < SERVER_OPERATIONS_MAX && sw->by[n] == BY_NOBODY)
			sw->by[n] = makers[who];
	return did;
}

static void turn(struct server_world *sw)
{
	unsigned first = (unsigned)rng_below(&sw->w.rng, 3);
	sw->w.clock.now_us += rng_below(&sw->w.rng, 20);
	if (fire_timer(sw))
		return;
	for (unsigned i = 0; i < 3; i++)
		if (step_one(sw, (first + i) % 3))
			return;
	if (sw->client(sw, true))
		return;
	if (next_timer(sw) == UINT64_MAX)
		world_fail(&sw->w, "nobody has anything to do, and no timer runs");
	sw->w.clock.now_us = next_timer(sw);
}

INSTEAD(void, loop_run, struct loop *l)
{
	(void)l;
	the_world->opened = true;
	for (uint64_t n = 0; !the_world->stop && !server_world_is_dead(); n++) {
		if (n == TURNS_MAX)
			world_fail(&the_world->w, "a livelock: %d turns and no end", TURNS_MAX);
		turn(the_world);
	}
}

/* ---- a server ---- */

static void on_abort(int number)
{
	(void)number;
	if (the_world)
		printf("%s\n", the_world->context);
	fflush(stdout);
}

void server_world_open(struct server_world *sw, uint64_t seed, const char *job_text)
{
	memset(sw, 0, sizeof *sw);
	the_world = sw;
	signal(SIGABRT, on_abort);
	world_open(&sw->w, seed, job_text);
	sw->w.draws_chaining = false; /* a job that is there to be ruled: so it lasts long enough */
	mem_init(&sw->mem, 0);
	mem_init(&sw->words, 0);
	sw->env = sw->w.env;
	sw->env.mem = &sw->mem;
}

void server_world_close(struct server_world *sw)
{
	server_process_forget(sw);
	CHECK(sw->mem.used_bytes == 0 && sw->words.used_bytes == 0);
	world_close(&sw->w);
	the_world = NULL;
}

RC server_world_serve(struct server_world *sw, struct err *e)
{
	struct server_options o = {.env = &sw->env, .log = &sw->w.log, .dir = SERVER_DATA,
				   .program = "weir", .version = "sim",
				   .started_us = sw->w.clock.now_us, .stop_limit_us = 30000000};
	uint64_t before = fs_sim_count(sw->w.disk);
	memset(sw->by, 0, sizeof sw->by);
	sw->stop = sw->opened = false;
	enum rc rc = server_run(&o, e);
	for (uint64_t n = before + 1; n <= fs_sim_count(sw->w.disk) && n < SERVER_OPERATIONS_MAX; n++)
		if (sw->by[n] == BY_NOBODY)
			sw->by[n] = BY_SERVER;
	if (!server_world_is_dead()) {
		WORLD_CHECK(&sw->w, !sw->w.job && !sw->mem.used_bytes);
		return rc;
	}
	err_clear(e);
	return ERR(e, E_CRASHED, "the server was killed");
}

void server_world_crash(struct server_world *sw, bool power_cut)
{
	sw->crash_at = sw->fault_at = 0;
	world_crash(&sw->w, power_cut);
	server_process_forget(sw);
	WORLD_CHECK(&sw->w, !sw->mem.used_bytes);
}

void server_world_crash_at(struct server_world *sw, uint64_t n, bool after)
{
	sw->crash_at = n;
	sw->after = after;
	if (after)
		fs_sim_crash_after(sw->w.disk, n);
	else
		fs_sim_crash_at(sw->w.disk, n);
}

void server_world_fault_at(struct server_world *sw, uint64_t n, enum rc code, bool after)
{
	sw->fault_at = n;
	sw->fault_code = code;
	sw->after = after;
	if (after)
		fs_sim_fault_after(sw->w.disk, n, code);
	else
		fs_sim_fault_at(sw->w.disk, n, code, false);
}
