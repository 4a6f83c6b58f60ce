/* world.c - see world.h. */
#include "tests/sim/world.h"

#include "base/check.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

/* Actors: tasks first, then these. */
enum { ACTOR_BYTES, ACTOR_DURABILITY, ACTOR_CONTROL, ACTORS_MORE };

/* Letters are answered by letters without anybody having been "busy": only after so many rounds of
 * nothing does the clock jump, or is it a deadlock. */
#define ROUNDS_IDLE 1
#define ROUNDS_DEAD 12
/* Nor does it jump this far sooner: a checkpoint's timeout is no way to go on, while a letter that
 * answers one is still on its way. */
#define FAR_US 1000000

void world_fail(const struct world *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "\n%s%sSIM_SEED=%" PRIu64 " (step %" PRIu64 ", operation %" PRIu64 "): ",
		w->context ? w->context : "", w->context ? "\n" : "", w->seed, w->steps,
		fs_sim_count(w->disk));
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	if (w->tells)
		w->tells(w->tells_arg, stderr);
	abort();
}

static uint64_t mono_us(struct clock *c)
{
	return CONTAINER_OF(c, struct world_clock, clock)->now_us;
}

static int64_t wall_us(struct clock *c)
{
	struct world_clock *w = CONTAINER_OF(c, struct world_clock, clock);
	return (int64_t)w->now_us + w->wall_ahead_us;
}

static void note(struct world *w, uint64_t a, uint64_t b)
{
	w->trace_hash = splitmix64(w->trace_hash ^ splitmix64(a * 0x9E3779B97F4A7C15u + b));
}

void world_open(struct world *w, uint64_t seed, const char *job_text)
{
	struct err e = {0};
	memset(w, 0, sizeof *w);
	w->seed = seed;
	w->job_text = job_text;
	w->job_file = "job.json";
	w->dir = WORLD_DIR;
	w->out = WORLD_OUT;
	w->draws_chaining = true;
	mem_init(&w->mem, 0);
	CHECK(fs_sim_open(&w->disk, &w->mem, &e) == OK);
	w->disk_bytes = w->mem.used_bytes;
	w->fs = fs_sim_fs(w->disk);
	rng_seed(&w->rng, seed);
	rng_seed(&w->env_rng, seed ^ 0x5EED);
	w->clock = (struct world_clock){.clock = {mono_us, wall_us}, .now_us = 1000000,
					.wall_ahead_us = 1700000000000000};
	w->env = (struct env){.clock = &w->clock.clock, .fs = w->fs, .mem = &w->mem,
			      .rng = &w->env_rng};
	w->log = (struct log){.least = LOG_DEBUG, .clock = &w->clock.clock};
	const char *asked = getenv("SIM_SEED");
	if (asked && strtoull(asked, NULL, 10) == seed)
		world_trace(w);
}

void world_trace(struct world *w)
{
	w->trace = true;
	w->log.to = stderr;
	fs_sim_trace(w->disk, stderr);
}

void world_file(struct world *w, const char *path, const char *text)
{
	struct err e = {0};
	char folder[256];
	fs_dirname(path, folder, sizeof folder);
	if (fs_mkdir_all(w->fs, folder, &e) != OK ||
	    fs_write_new(w->fs, path, text, strlen(text), &e) != OK ||
	    fs_sync_dir(w->fs, folder, &e) != OK)
		world_fail(w, "%s", e.text);
}

/* ---- a process begins and ends ---- */

static const char *no_variable(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return NULL;
}

static void on_failed(void *arg, const struct err *e, const struct restart_decision *d)
{
	struct world *w = arg;
	w->failed_attempts++;
	if (w->trace)
		fprintf(stderr, "attempt failed: %s; %s\n", e->text, d->restart ? "again" : "over");
}

static void on_checkpoint(void *arg, const struct checkpoint_record *r)
{
	struct world *w = arg;
	w->completed += r->completed;
	if (r->completed && r->id > w->acked)
		w->acked = r->id;
	if (w->hooks && w->hooks->checkpoint)
		w->hooks->checkpoint(w, r);
	note(w, r->id, r->completed);
}

static void on_answered(void *arg, uint64_t request, const struct checkpoint_record *r,
			const char *found, const struct err *why)
{
	struct world *w = arg;
	WORLD_CHECK(w, !why || (!r && !found));
	WORLD_CHECK(w, why ? why->code != OK && why->text[0] : !r || r->completed);
	note(w, request, r ? r->id : 0);
	if (w->answers == WORLD_ANSWERS_MAX)
		world_fail(w, "too many answers");
	struct world_answer *a = &w->answer[w->answers++];
	*a = (struct world_answer){.request = request};
	a->found = found != NULL;
	if (r) {
		a->id = r->id;
		a->kind = r->kind;
	} else if (why) {
		a->code = why->code;
		snprintf(a->why, sizeof a->why, "%s", why->text);
	}
}

static RC plan_job(struct world *w, unsigned parallelism, struct err *e)
{
	char set[40];
	const char *sets[] = {"chaining=auto", set};
	/* Neighbours share a thread, or each has its own. */
	bool shared = w->draws_chaining && rng_below(&w->rng, 2);
	unsigned cores = shared ? 1 + (unsigned)rng_below(&w->rng, 4) : 1;
	snprintf(set, sizeof set, "parallelism=%u", parallelism);
	diags_init(&w->ds, w->job_file, w->job_text, strlen(w->job_text), &w->mem);
	w->types = plan_types(&w->mem);
	struct spec_source from = {.file = w->job_file, .text = w->job_text,
				   .len = strlen(w->job_text), .sets = sets + !shared,
				   .n_sets = shared + (parallelism != 0), .env = no_variable,
				   .types = w->types, .cores = cores};
	enum rc rc = spec_parse(&w->spec, &from, &w->ds, &w->mem, e);
	if (rc == OK)
		rc = plan_make(&w->plan, w->spec, &w->ds, &w->mem, e);
	if (rc == OK)
		return OK;
	struct bytes text;
	bytes_init(&text, &w->mem);
	diags_print(&w->ds, &text);
	world_fail(w, "the job cannot be planned: %s\n%s", e->text, bytes_text(&text));
}

void leak_check(void) __asm__("__lsan_do_leak_check") __attribute__((weak));

/* The memory of a process. */
static void process_close(struct world *w)
{
	if (w->hooks && w->hooks->process_ends && w->job)
		w->hooks->process_ends(w);
	job_close(w->job);
	w->job = NULL;
	diags_close(&w->ds);
	plan_close(w->plan);
	w->plan = NULL;
	spec_close(w->spec);
	w->spec = NULL;
	mem_put(&w->mem, w->types);
	w->types = NULL;
	w->began = false;
	for (uint32_t i = 0; i < WORLD_HOSTS; i++)
		if (i != w->host && w->away[i].job)
			return; /* whose memory it is is seen when the last one ends */
	if (w->mem.used_bytes != w->disk_bytes) {
		if (leak_check)
			leak_check(); /* says who allocated it */
		world_fail(w, "%zu bytes leaked", (size_t)(w->mem.used_bytes - w->disk_bytes));
	}
}

void world_close(struct world *w)
{
	for (uint32_t i = 0; i < WORLD_HOSTS; i++) {
		world_host(w, i);
		CHECK(!w->job);
	}
	fs_sim_close(&w->disk);
	CHECK(w->mem.used_bytes == 0);
}

static enum world_end refused(struct world *w, const struct err *e)
{
	w->error = *e;
	process_close(w);
	return fs_sim_crashed(w->disk) ? WORLD_CRASHED : WORLD_FAILED;
}

enum world_end world_start(struct world *w, unsigned parallelism)
{
	struct err e = {0};
	CHECK(!w->job);
	w->starts++;
	memset(w->idle, 0, sizeof w->idle); /* of the actors of the process before */
	err_clear(&w->error);
	if (plan_job(w, parallelism, &e) != OK)
		return refused(w, &e);
	CHECK(w->plan->n_tasks <= WORLD_TASKS_MAX);
	if (w->planned)
		w->planned(w);
	struct job_options o = {
		.env = &w->env, .log = &w->log, .plan = w->plan, .dir = w->dir, .pid = 100 + w->starts,
		.want = w->want, .rewind = w->rewind, .import = w->import,
		.started_us = w->clock.now_us, .restart_attempts = w->spec->restart.attempts,
		.listen = {.checkpoint = on_checkpoint, .arg = w}, .failed = on_failed,
		.answered = on_answered, .restarts = w->restarts};
	w->mem.fail_at = w->fail_allocation ? w->mem.calls + w->fail_allocation : 0;
	w->fail_allocation = 0;
	if (w->trace)
		fprintf(stderr, "-- start %" PRIu64 ", parallelism %u\n", w->starts, parallelism);
	if (job_open(&w->job, &o, &e) != OK) {
		w->job = NULL;
		return refused(w, &e);
	}
	w->n_threads = w->plan->n_threads;
	const struct store_start *from = job_start(w->job);
	if (!w->opened++ && from->chosen)
		w->went_on_from = from->chosen->id;
	w->fell_back = from->fell_back ? from->bad_why : NULL;
	return WORLD_RUNNING;
}

static void attempt_begin(struct world *w)
{
	struct err e = {0};
	enum rc rc = job_begin_attempt(w->job, &e);
	for (uint32_t i = 0; rc == OK && i < w->plan->n_tasks; i++)
		rc = job_restore_task(w->job, i, &e);
	if (rc == OK)
		rc = job_start_attempt(w->job, &e);
	if (rc != OK) {
		job_attempt_broken(w->job, &e);
		return;
	}
	w->began = true;
	memset(w->closed, 0, sizeof w->closed);
	memset(w->idle, 0, sizeof w->idle);
	for (uint32_t i = 0; i < w->n_threads + ACTORS_MORE; i++)
		w->weight[i] = 1 + (uint32_t)rng_below(&w->rng, 8);
}

/* ---- steps ---- */

static bool step_thread(struct world *w, uint32_t i)
{
	uint64_t wake = UINT64_MAX;
	if (!w->began || w->closed[i]) {
		w->wake[i] = UINT64_MAX;
		return false;
	}
	enum task_did did =
		group_step(attempt_thread(job_attempt(w->job), i), w->clock.now_us, &wake);
	note(w, i, (uint64_t)did);
	w->wake[i] = did == TASK_IDLE ? wake : UINT64_MAX;
	w->closed[i] = did == TASK_CLOSED;
	return did == TASK_BUSY || did == TASK_CLOSED;
}

static void attempt_ends(struct world *w)
{
	if (w->hooks && w->hooks->attempt_ends)
		w->hooks->attempt_ends(w);
}

/* One turn of the control thread, as drive_turn in jobs/drive.c. */
static bool step_control(struct world *w)
{
	uint64_t *wake = &w->wake[w->n_threads + ACTOR_CONTROL];
	*wake = UINT64_MAX;
	switch (job_state(w->job)) {
	case JOB_OWNED:
		attempt_begin(w);
		return true;
	case JOB_WAITING:
		if (job_wait_until(w->job) <= w->clock.now_us) {
			job_wait_over(w->job);
			return true;
		}
		*wake = job_wait_until(w->job);
		return false;
	case JOB_RUNNING:
		job_step(w->job, wake);
		if (!job_attempt_is_over(w->job))
			return false;
		for (uint32_t i = 0; i < w->n_threads; i++)
			WORLD_CHECK(w, w->closed[i]);
		attempt_ends(w);
		w->began = false;
		job_end_attempt(w->job);
		return true;
	case JOB_EXPORTING:
		job_step(w->job, wake);
		return job_state(w->job) != JOB_EXPORTING;
	default:
		return false;
	}
}

static bool step_actor(struct world *w, uint32_t actor)
{
	if (actor < w->n_threads)
		return step_thread(w, actor);
	struct ioqueue *q = job_ioqueue(w->job);
	switch (actor - w->n_threads) {
	case ACTOR_BYTES:
		return q && ioqueue_step(q, LANE_BYTES);
	case ACTOR_DURABILITY:
		return q && ioqueue_step(q, LANE_DURABILITY);
	default:
		return step_control(w);
	}
}

static uint32_t pick_actor(struct world *w)
{
	uint32_t n = w->n_threads + ACTORS_MORE, sum = 0;
	if (!w->began)
		return (uint32_t)rng_below(&w->rng, n);
	for (uint32_t i = 0; i < n; i++)
		sum += w->weight[i];
	uint32_t at = (uint32_t)rng_below(&w->rng, sum);
	for (uint32_t i = 0;; i++) {
		if (at < w->weight[i])
			return i;
		at -= w->weight[i];
	}
}

static uint32_t least_idle(const struct world *w)
{
	uint32_t least = UINT32_MAX;
	for (uint32_t i = 0; i < w->n_threads + ACTORS_MORE; i++)
		if (w->idle[i] < least)
			least = w->idle[i];
	return least;
}

/* Everybody was asked and had nothing to do: the next timer, or never. */
static void pass_time(struct world *w)
{
	uint64_t at = UINT64_MAX;
	if (w->hooks && w->hooks->nobody_moves && w->hooks->nobody_moves(w)) {
		memset(w->idle, 0, sizeof w->idle);
		return;
	}
	for (uint32_t i = 0; i < w->n_threads + ACTORS_MORE; i++)
		if (i < w->n_threads || i == w->n_threads + ACTOR_CONTROL)
			at = w->wake[i] < at ? w->wake[i] : at;
	if (at == UINT64_MAX) {
		if (least_idle(w) >= ROUNDS_DEAD)
			world_fail(w, "a deadlock: nobody has anything to do, and no timer runs (%s)",
				   job_state_name(job_state(w->job)));
		return;
	}
	if (at > w->clock.now_us + FAR_US && least_idle(w) < ROUNDS_DEAD)
		return;
	if (at > w->clock.now_us)
		w->clock.now_us = at;
	memset(w->idle, 0, sizeof w->idle);
}

static enum world_end end_of(struct world *w)
{
	if (fs_sim_crashed(w->disk))
		return WORLD_CRASHED;
	switch (job_state(w->job)) {
	case JOB_FINISHED:
		return WORLD_FINISHED;
	case JOB_STOPPED:
		return WORLD_STOPPED;
	case JOB_FAILED:
		w->error = *job_error(w->job);
		return WORLD_FAILED;
	case JOB_HALTED:
		w->error = *job_error(w->job);
		return WORLD_HALTED;
	default:
		return WORLD_RUNNING;
	}
}

static void step(struct world *w)
{
	uint32_t actor = pick_actor(w);
	if (w->idle[actor]) /* who just had nothing to do is asked again less often */
		actor = pick_actor(w);
	w->steps++;
	w->clock.now_us += rng_below(&w->rng, 32);
	if (rng_below(&w->rng, 512) == 0)
		w->clock.now_us += rng_below(&w->rng, 3000); /* the machine was busy with something else */
	if (w->hooks && w->hooks->before_step && w->began)
		w->hooks->before_step(w, actor == w->n_threads + ACTOR_CONTROL ? w->n_threads
						 : actor < w->n_threads ? actor
									: UINT32_MAX);
	if (step_actor(w, actor)) {
		memset(w->idle, 0, sizeof w->idle);
		return;
	}
	w->idle[actor]++;
	if (least_idle(w) >= ROUNDS_IDLE)
		pass_time(w);
}

enum world_end world_run(struct world *w, uint64_t max_steps)
{
	enum world_end end;
	for (uint64_t n = 0; (end = end_of(w)) == WORLD_RUNNING; n++) {
		if (n == max_steps)
			return WORLD_PAUSED;
		if (n == WORLD_STEPS_MAX)
			world_fail(w, "a livelock: %d steps and no end", WORLD_STEPS_MAX);
		step(w);
	}
	return end;
}

enum world_end world_process(struct world *w, unsigned parallelism)
{
	enum world_end end = world_start(w, parallelism);
	return end == WORLD_RUNNING ? world_run(w, UINT64_MAX) : end;
}

void world_stop(struct world *w)
{
	job_stop(w->job);
}

/* ---- the process is gone ---- */

static void drop_attempt(struct world *w)
{
	struct err e = {0};
	attempt_ends(w);
	ERR(&e, E_CRASHED, "the process was killed");
	attempt_fail(job_attempt(w->job), &e, w->clock.now_us);
	for (uint64_t n = 0; !job_attempt_is_over(w->job); n++) {
		if (n > 100000)
			world_fail(w, "a dropped attempt does not end");
		for (uint32_t i = 0; i < w->n_threads + ACTOR_CONTROL; i++)
			step_actor(w, i);
		uint64_t wake;
		w->clock.now_us += 10;
		job_step(w->job, &wake);
	}
	w->began = false;
	job_end_attempt(w->job);
}

/* Its last savepoint is on the lanes: their jobs come back with an error. */
static void drop_export(struct world *w)
{
	for (uint64_t n = 0; job_state(w->job) == JOB_EXPORTING; n++) {
		uint64_t wake;
		if (n > 100000)
			world_fail(w, "a dropped export does not end");
		for (uint32_t i = 0; i < w->n_threads + ACTOR_CONTROL; i++)
			step_actor(w, i);
		w->clock.now_us += 10;
		job_step(w->job, &wake);
	}
}

/* Its memory comes back; the disk is down. */
static void drop_process(struct world *w)
{
	if (!w->job)
		return;
	if (w->began)
		drop_attempt(w);
	drop_export(w);
	process_close(w);
}

void world_crash(struct world *w, bool power_cut)
{
	/* From here on nothing reaches the disk. */
	if (!fs_sim_crashed(w->disk)) {
		fs_sim_crash_at(w->disk, fs_sim_count(w->disk) + 1);
		struct fs_stat st;
		CHECK(fs_stat(w->fs, ".", &st, NULL) == E_CRASHED);
	}
	uint64_t completed = w->completed;
	uint32_t host = w->host;
	if (w->trace) {
		fprintf(stderr, "-- crash (%s)\n", power_cut ? "power cut" : "kill -9");
		fs_sim_trace(w->disk, NULL);
	}
	drop_process(w);
	for (uint32_t i = 0; power_cut && i < WORLD_HOSTS; i++) {
		world_host(w, i);
		drop_process(w);
	}
	world_host(w, host);
	w->completed = completed;
	if (w->trace)
		fs_sim_trace(w->disk, stderr);
	if (power_cut)
		fs_sim_crash(w->disk, &w->rng);
	else
		fs_sim_kill(w->disk);
	w->clock.now_us += rng_below(&w->rng, 1000000);
}

void world_exit(struct world *w)
{
	if (w->job)
		process_close(w);
}

/* ---- hosts ---- */

static void process_keep(const struct world *w, struct world_process *p)
{
	*p = (struct world_process){.ds = w->ds, .types = w->types, .spec = w->spec, .plan = w->plan,
				    .job = w->job, .n_threads = w->n_threads, .began = w->began};
	memcpy(p->closed, w->closed, sizeof p->closed);
	memcpy(p->weight, w->weight, sizeof p->weight);
	memcpy(p->idle, w->idle, sizeof p->idle);
	memcpy(p->wake, w->wake, sizeof p->wake);
}

static void process_resume(struct world *w, const struct world_process *p)
{
	w->ds = p->ds;
	w->types = p->types;
	w->spec = p->spec;
	w->plan = p->plan;
	w->job = p->job;
	w->n_threads = p->n_threads;
	w->began = p->began;
	memcpy(w->closed, p->closed, sizeof p->closed);
	memcpy(w->weight, p->weight, sizeof p->weight);
	memcpy(w->idle, p->idle, sizeof p->idle);
	memcpy(w->wake, p->wake, sizeof p->wake);
}

void world_host(struct world *w, uint32_t host)
{
	CHECK(host < WORLD_HOSTS);
	if (host == w->host)
		return;
	process_keep(w, &w->away[w->host]);
	process_resume(w, &w->away[host]);
	w->away[host] = (struct world_process){0};
	w->host = host;
	fs_sim_host(w->disk, host);
}
