/* stepper.c - see stepper.h: the world of the step mode, its turns, and going back. */
#include "jobs/stepper_in.h"

#include "operators/file_listing.h"
#include "operators/paths.h"

#include <stdlib.h>

#define STEP_DIR "/job"
#define ROUNDS_DEAD 12 /* letters are answered by letters without anybody having been busy */

/* A full array with twice the room, or NULL: it stays as it is. */
static void *twice(struct mem *mem, void *array, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? *cap * 2 : 16;
	void *to = mem_get(mem, more * size);
	if (!to)
		return NULL;
	if (*cap)
		memcpy(to, array, *cap * size);
	mem_put(mem, array);
	*cap = more;
	return to;
}

/* ---- input files ---- */

static RC file_copy(struct stepper *s, struct fs *fs, const char *path, size_t *left,
		    struct err *e)
{
	for (uint32_t i = 0; i < s->n_files; i++)
		if (!strcmp(s->file[i].path, path))
			return OK;
	if (s->n_files == s->files_cap) {
		struct step_file *f = twice(s->mem, s->file, &s->files_cap, sizeof *f);
		if (!f)
			return ERR(e, E_NO_MEMORY, "no memory for a copy of %s", path);
		s->file = f;
	}
	struct step_file f = {.path = mem_string(s->mem, path)};
	struct err why = {0};
	enum rc rc = f.path ? fs_read_all(fs, path, *left, &f.data, &f.len, &why)
			    : ERR(&why, E_NO_MEMORY, "no memory for a copy of %s", path);
	if (rc == E_CORRUPT) /* larger than what is left */
		rc = ERR(e, E_INVALID,
			 "step by step works on copies in memory, of %u MiB of input at most, and with "
			 "'%s' there is more: take smaller files", STEP_INPUT_MAX >> 20, path);
	else if (rc != OK)
		*e = why;
	if (rc != OK) {
		mem_put(s->mem, f.path);
		return rc;
	}
	*left -= f.len;
	s->file[s->n_files++] = f;
	return OK;
}

static RC stage_files(struct stepper *s, struct fs *fs, const struct plan_stage *st, size_t *left,
		      struct err *e)
{
	const struct json *path = json_get(st->spec->json, "path");
	struct splits all;
	char full[PATH_TEXT_MAX];
	size_t len;
	if (st->ops->role != OP_SOURCE || !path)
		return OK;
	splits_init(&all, s->mem, 1);
	enum rc rc = files_list(fs, s->plan->spec->folder, json_string(path, &len), &all, e);
	for (uint32_t i = 0; rc == OK && i < all.n_files; i++) {
		rc = path_join(s->plan->spec->folder, all.file[i].path, full, e);
		if (rc == OK)
			rc = file_copy(s, fs, full, left, e);
	}
	splits_close(&all);
	return rc;
}

/* ---- the world ---- */

static uint64_t mono_us(struct clock *c)
{
	return CONTAINER_OF(c, struct step_clock, clock)->now_us;
}

static int64_t wall_us(struct clock *c)
{
	return (int64_t)CONTAINER_OF(c, struct step_clock, clock)->now_us + 1700000000000000;
}

static void heard_checkpoint(void *arg, const struct checkpoint_record *r)
{
	struct stepper *s = arg;
	if (r->completed)
		s->published = r->id;
}

static void heard_print(void *arg, struct print_letter *l)
{
	struct stepper *s = arg;
	bytes_put(&s->printed, l->data, l->len);
	l->error = 0;
	l->mail.kind = l->reply_kind;
	mailbox_put(l->reply, &l->mail);
}

static RC process_begin(struct stepper *s, struct err *e)
{
	s->starts++;
	struct job_options o = {
		.env = &s->env, .log = &s->log_to, .plan = s->plan, .dir = STEP_DIR,
		.pid = 100 + s->starts, .started_us = s->clock.now_us,
		.restart_attempts = s->plan->spec->restart.attempts,
		.listen = {.checkpoint = heard_checkpoint, .arg = s}};
	if (job_open(&s->job, &o, e) != OK) {
		s->job = NULL;
		return e->code;
	}
	job_print_to(s->job, heard_print, s);
	return OK;
}

static RC disk_fill(struct stepper *s, struct err *e)
{
	struct fs *fs = fs_sim_fs(s->disk);
	enum rc rc = OK;
	for (uint32_t i = 0; i < s->n_files && rc == OK; i++) {
		char folder[PATH_TEXT_MAX];
		fs_dirname(s->file[i].path, folder, sizeof folder);
		rc = fs_mkdir_all(fs, folder, e);
		if (rc == OK)
			rc = fs_write_new(fs, s->file[i].path, s->file[i].data, s->file[i].len, e);
		if (rc == OK)
			rc = fs_sync_dir(fs, folder, e);
	}
	return rc;
}

static RC world_begin(struct stepper *s, struct err *e)
{
	mem_init(&s->world_mem, s->mem->limit_bytes);
	if (fs_sim_open(&s->disk, &s->world_mem, e) != OK)
		return e->code;
	rng_seed(&s->rng, s->seed);
	rng_seed(&s->env_rng, s->seed ^ 0x5EED);
	s->clock = (struct step_clock){{mono_us, wall_us}, 1000000};
	s->env = (struct env){.clock = &s->clock.clock, .fs = fs_sim_fs(s->disk),
			      .mem = &s->world_mem, .rng = &s->env_rng};
	s->log_to = (struct log){.to = s->log, .least = LOG_INFO, .clock = &s->clock.clock};
	s->events = s->starts = s->requests = s->published = 0;
	s->over = false;
	bytes_init(&s->printed, s->mem);
	if (disk_fill(s, e) != OK)
		return e->code;
	fs_sim_trace(s->disk, s->log);
	return process_begin(s, e);
}

/* The attempt runs to its end on a disk that answers nothing, so that all its memory comes back. */
static void drop_attempt(struct stepper *s)
{
	struct err e = {0};
	uint64_t wake;
	ERR(&e, E_CRASHED, "the process was killed");
	attempt_fail(job_attempt(s->job), &e, s->clock.now_us);
	for (uint64_t n = 0; !job_attempt_is_over(s->job); n++) {
		CHECK(n < 1000000);
		for (uint32_t i = 0; i < s->plan->n_tasks; i++)
			if (!s->closed[i])
				s->closed[i] = group_step(attempt_thread(job_attempt(s->job), i),
							  s->clock.now_us, &wake) == TASK_CLOSED;
		(void)ioqueue_step(job_ioqueue(s->job), LANE_BYTES);
		(void)ioqueue_step(job_ioqueue(s->job), LANE_DURABILITY);
		s->clock.now_us += 10;
		job_step(s->job, &wake);
	}
	s->began = false;
	job_end_attempt(s->job);
}

/* From here on nothing that the process does reaches the disk. */
static void process_drop(struct stepper *s)
{
	struct fs_stat st;
	fs_sim_trace(s->disk, NULL);
	s->log_to.to = NULL;
	fs_sim_crash_at(s->disk, fs_sim_count(s->disk) + 1);
	CHECK(fs_stat(fs_sim_fs(s->disk), ".", &st, NULL) == E_CRASHED);
	if (s->began)
		drop_attempt(s);
	job_close(s->job);
	s->job = NULL;
	fs_sim_kill(s->disk);
	fs_sim_trace(s->disk, s->log);
	s->log_to.to = s->log;
}

static void world_end(struct stepper *s)
{
	if (s->job)
		process_drop(s);
	fs_sim_close(&s->disk);
	bytes_close(&s->printed);
	CHECK(s->world_mem.used_bytes == 0);
}

RC stepper_open(struct stepper **out, const struct plan *plan, struct fs *fs, uint64_t seed,
		struct mem *mem, struct err *e)
{
	size_t left = STEP_INPUT_MAX;
	*out = NULL;
	if (plan->n_tasks > STEP_TASKS_MAX)
		return ERR(e, E_INVALID, "step by step shows up to %u subtasks, and this job has %u",
			   STEP_TASKS_MAX, plan->n_tasks);
	struct stepper *s = mem_get(mem, sizeof *s);
	if (!s)
		return ERR(e, E_NO_MEMORY, "no memory for the step mode");
	s->mem = mem;
	s->plan = plan;
	s->seed = seed;
	s->log = open_memstream(&s->log_text, &s->log_len);
	enum rc rc = s->log ? OK : ERR(e, E_NO_MEMORY, "no memory for the step mode");
	for (uint32_t i = 0; i < plan->n_stages && rc == OK; i++)
		rc = stage_files(s, fs, &plan->stage[i], &left, e);
	if (rc == OK)
		rc = world_begin(s, e);
	*out = s;
	if (rc != OK) {
		stepper_close(s);
		*out = NULL;
	}
	return rc;
}

void stepper_close(struct stepper *s)
{
	if (!s)
		return;
	if (s->disk)
		world_end(s);
	for (uint32_t i = 0; i < s->n_files; i++) {
		mem_put(s->mem, s->file[i].path);
		mem_put(s->mem, s->file[i].data);
	}
	if (s->log)
		fclose(s->log);
	free(s->log_text);
	mem_put(s->mem, s->file);
	mem_put(s->mem, s->wished);
	mem_put(s->mem, s);
}

/* ---- turns ---- */

static void attempt_begin(struct stepper *s)
{
	struct err e = {0};
	enum rc rc = job_begin_attempt(s->job, &e);
	for (uint32_t i = 0; rc == OK && i < s->plan->n_tasks; i++)
		rc = job_restore_task(s->job, i, &e);
	if (rc == OK)
		rc = job_start_attempt(s->job, &e);
	if (rc != OK) {
		job_attempt_broken(s->job, &e);
		return;
	}
	s->began = true;
	memset(s->closed, 0, sizeof s->closed);
}

static bool turn_task(struct stepper *s, uint32_t i)
{
	uint64_t wake = UINT64_MAX;
	s->wake[i] = UINT64_MAX;
	if (!s->began || s->closed[i])
		return false;
	enum task_did did =
		group_step(attempt_thread(job_attempt(s->job), i), s->clock.now_us, &wake);
	if (did == TASK_IDLE)
		s->wake[i] = wake;
	s->closed[i] = did == TASK_CLOSED;
	return did == TASK_BUSY || did == TASK_CLOSED;
}

static void turn_control(struct stepper *s)
{
	uint64_t *wake = &s->wake[s->plan->n_tasks + STEP_CONTROL];
	*wake = UINT64_MAX;
	switch (job_state(s->job)) {
	case JOB_OWNED:
		attempt_begin(s);
		return;
	case JOB_WAITING:
		if (job_wait_until(s->job) <= s->clock.now_us)
			job_wait_over(s->job);
		else
			*wake = job_wait_until(s->job);
		return;
	case JOB_RUNNING:
		job_step(s->job, wake);
		if (job_attempt_is_over(s->job)) {
			s->began = false;
			job_end_attempt(s->job);
		}
		return;
	case JOB_EXPORTING:
		job_step(s->job, wake);
		return;
	default:
		return;
	}
}

/* Whether it did anything; what, the comparison tells. */
static bool turn(struct stepper *s, uint32_t actor)
{
	struct ioqueue *q = job_ioqueue(s->job);
	if (actor < s->plan->n_tasks)
		return turn_task(s, actor);
	if (actor == s->plan->n_tasks + STEP_CONTROL) {
		turn_control(s);
		return true;
	}
	return q && ioqueue_step(q, actor == s->plan->n_tasks + STEP_BYTES ? LANE_BYTES
									    : LANE_DURABILITY);
}

static bool is_over(struct stepper *s)
{
	const struct err *why;
	switch (job_state(s->job)) {
	case JOB_FINISHED:
		snprintf(s->over_why, sizeof s->over_why,
			 "the job is finished: every record is counted, everything is committed");
		return true;
	case JOB_STOPPED:
		snprintf(s->over_why, sizeof s->over_why, "the job stopped as asked");
		return true;
	case JOB_FAILED:
	case JOB_HALTED:
		why = job_error(s->job);
		snprintf(s->over_why, sizeof s->over_why, "the job failed: %.*s", STEP_TEXT - 40,
			 why->text);
		return true;
	default:
		return false;
	}
}

/* Everybody was asked and had nothing to do: the next timer. False: there is none. */
static bool pass_time(struct stepper *s)
{
	uint64_t at = UINT64_MAX;
	uint32_t n = s->plan->n_tasks + STEP_ACTORS_MORE, least = UINT32_MAX;
	for (uint32_t i = 0; i < n; i++) {
		at = s->wake[i] < at ? s->wake[i] : at;
		least = s->idle[i] < least ? s->idle[i] : least;
	}
	if (at == UINT64_MAX)
		return least < ROUNDS_DEAD;
	if (at > s->clock.now_us)
		s->clock.now_us = at;
	memset(s->idle, 0, sizeof s->idle);
	return true;
}

static bool all_idle(const struct stepper *s)
{
	for (uint32_t i = 0; i < s->plan->n_tasks + STEP_ACTORS_MORE; i++)
		if (!s->idle[i])
			return false;
	return true;
}

static void event_begin(struct stepper *s, struct step_event *e)
{
	*e = (struct step_event){.n = s->events + 1, .at_us = s->clock.now_us - 1000000};
	rewind(s->log);
	fflush(s->log);
	s->log_len = 0;
}

static bool event_over(struct stepper *s, struct step_event *e, const char *why)
{
	s->over = true;
	event_begin(s, e);
	e->n = s->events;
	snprintf(e->who, sizeof e->who, "the end");
	snprintf(e->what, sizeof e->what, "%s", why);
	return false;
}

bool stepper_next(struct stepper *s, struct step_event *e)
{
	struct err why = {0};
	if (s->over)
		return event_over(s, e, s->over_why);
	if (s->events >= STEP_EVENTS_MAX)
		return event_over(s, e, "these are all the events that can be looked at");
	event_begin(s, e);
	s->clock.now_us += STEP_US;
	if (!s->job) { /* killed */
		if (process_begin(s, &why) != OK) {
			snprintf(s->over_why, sizeof s->over_why, "%s", why.text);
			return event_over(s, e, s->over_why);
		}
		const struct job_recovery *r = job_recovery(s->job);
		s->events++;
		snprintf(e->who, sizeof e->who, "a new process");
		if (r->restored)
			snprintf(e->what, sizeof e->what,
				 "owns the directory and goes back to checkpoint %llu: each source to its "
				 "position in it, each key to its value in it; %u outputs of it were committed "
				 "already, %u are now",
				 (unsigned long long)r->checkpoint, r->intents_done, r->intents_committed);
		else
			snprintf(e->what, sizeof e->what,
				 "owns the directory; there is no checkpoint: from the beginning");
		e->barrier = true;
		return true;
	}
	uint32_t n = s->plan->n_tasks + STEP_ACTORS_MORE;
	for (;;) {
		if (is_over(s))
			return event_over(s, e, s->over_why);
		uint32_t actor = (uint32_t)rng_below(&s->rng, n);
		struct step_before before;
		step_before(s, actor, &before);
		bool did = turn(s, actor);
		if (did && step_after(s, actor, &before, e)) {
			memset(s->idle, 0, sizeof s->idle);
			s->events++;
			return true;
		}
		/* Steps that nobody sees take no time: a task's own bookkeeping, an empty look. */
		s->idle[actor] = did && actor < s->plan->n_tasks ? 0 : s->idle[actor] + 1;
		if (all_idle(s) && !pass_time(s)) {
			snprintf(s->over_why, sizeof s->over_why,
				 "nobody has anything to do, and no timer runs: this is a bug of weir's");
			return event_over(s, e, s->over_why);
		}
	}
}

/* ---- what the user does ---- */

static bool wish(struct stepper *s, enum step_wish w)
{
	if (s->n_wished == s->wished_cap) {
		struct step_wished *more = twice(s->mem, s->wished, &s->wished_cap, sizeof *more);
		if (!more)
			return false;
		s->wished = more;
	}
	s->wished[s->n_wished++] = (struct step_wished){s->events, w};
	return true;
}

static void grant(struct stepper *s, enum step_wish w)
{
	struct job_ask ask = {.kind = ASK_CHECKPOINT, .request = ++s->requests};
	struct err e = {0};
	if (!s->job || s->over)
		return;
	if (w == STEP_ASK_KILL)
		process_drop(s);
	else
		(void)!job_ask(s->job, &ask, &e);
}

void stepper_checkpoint(struct stepper *s)
{
	if (wish(s, STEP_ASK_CHECKPOINT))
		grant(s, STEP_ASK_CHECKPOINT);
}

void stepper_kill(struct stepper *s)
{
	if (wish(s, STEP_ASK_KILL))
		grant(s, STEP_ASK_KILL);
}

RC stepper_back(struct stepper *s, uint64_t n, struct step_event *e, struct err *why)
{
	uint32_t next = 0;
	world_end(s);
	while (s->n_wished && s->wished[s->n_wished - 1].after > n)
		s->n_wished--;
	if (world_begin(s, why) != OK)
		return why->code;
	while (s->events < n) {
		for (; next < s->n_wished && s->wished[next].after == s->events; next++)
			grant(s, s->wished[next].wish);
		if (!stepper_next(s, e))
			return ERR(why, E_CORRUPT, "played again, the job ended at event %llu",
				   (unsigned long long)s->events);
	}
	for (; next < s->n_wished; next++)
		grant(s, s->wished[next].wish);
	return OK;
}

/* ---- what there is to see ---- */

uint64_t stepper_events(const struct stepper *s)
{
	return s->events;
}

uint64_t stepper_now_us(const struct stepper *s)
{
	return s->clock.now_us - 1000000;
}

const struct plan *stepper_plan(const struct stepper *s)
{
	return s->plan;
}

struct attempt *stepper_attempt(const struct stepper *s)
{
	return s->job && s->began ? job_attempt(s->job) : NULL;
}

struct job *stepper_job(const struct stepper *s)
{
	return s->job;
}

struct fs *stepper_disk(const struct stepper *s)
{
	return fs_sim_fs(s->disk);
}

uint64_t stepper_published(const struct stepper *s)
{
	return s->published;
}

static const struct pending *oldest_pending(const struct stepper *s)
{
	const struct attempt *a = stepper_attempt(s);
	const struct pending *oldest = NULL;
	for (const struct pending *p = a ? a->pending : NULL; p; p = p->next)
		if (!p->decided)
			oldest = p;
	return oldest;
}

uint64_t stepper_pending(const struct stepper *s)
{
	const struct pending *p = oldest_pending(s);
	return p ? p->id : 0;
}

bool stepper_has_part(const struct stepper *s, uint64_t id, uint32_t task)
{
	struct attempt *a = stepper_attempt(s);
	const struct pending *p = a ? pending_of(a, id) : NULL;
	return p && p->snap[task];
}

uint32_t stepper_pusher(const struct stepper *s, const struct channel *ch)
{
	const struct attempt *a = stepper_attempt(s);
	for (uint32_t i = 0; a && i < a->n_tasks; i++) {
		const struct task_config *c = task_config(a->task[i]);
		for (uint32_t k = 0; k < c->n_edges; k++)
			for (uint32_t m = 0; m < c->edges[k].n; m++)
				if (c->edges[k].to[m] == ch)
					return i;
	}
	return UINT32_MAX;
}

const char *stepper_printed(const struct stepper *s, size_t *len)
{
	*len = s->printed.len;
	return (const char *)s->printed.data;
}
