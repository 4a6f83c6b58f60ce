/* job_process.c - `weir job`: the process that runs one job for `weir serve`, which starts it with
 * a wire as descriptor 3 and the job's log as its output. Not for people.
 *
 *   START -> job -> UP -> { RECOVERY | FAILED | ANSWER | FACTS | RECORD }* -> ENDED, exit
 *
 * Its server's end is its own (served.h), without a checkpoint: the next server starts it again
 * from the newest one. */
#include "cli/job_process.h"

#include "base/shared_memory.h"
#include "jobs/progress.h"

#include <unistd.h>

#define LOCK_LOOK_US 2000
#define STATUS_EVERY_US 60000000 /* a line in the log */

/* ---- the job ---- */

/* Whether the directory's lock can be had; nothing is kept. */
static bool is_free(struct process *p)
{
	char path[LAYOUT_PATH_MAX];
	int fd = -1;
	struct err e = {0};
	struct fs *fs = p->cli->env->fs;
	if (!layout_path(path, p->start.dir, NULL, "owner.lock"))
		return true;
	enum rc rc = fs_lock(fs, path, &fd, &e);
	if (rc == OK)
		rc = fs_close(fs, &fd, &e);
	return rc != E_REFUSED;
}

static void on_lock_look(void *arg)
{
	struct process *p = arg;
	loop_stop(p->loop);
}

/* The process before was killed together with its server and may not be gone yet; or somebody else
 * has the directory, and goes, or is named. Meanwhile the server is heard. */
static RC wait_for_lock(struct process *p, struct err *e)
{
	struct clock *clock = p->cli->env->clock;
	uint64_t until_us = clock_mono_us(clock) + p->start.lock_wait_us;
	struct loop_timer *look = NULL;
	if (loop_timer_open(&look, p->loop, on_lock_look, p, e) != OK)
		return e->code;
	while (!p->stop_asked && !is_free(p) && clock_mono_us(clock) < until_us) {
		loop_timer_set(look, LOCK_LOOK_US);
		loop_run(p->loop);
	}
	loop_timer_close(&look);
	return OK;
}

static RC open_job(struct process *p, struct err *e)
{
	const struct spec *s = p->text.file.spec;
	const struct entry *en = &p->start.entry;
	if (restore_arg_parse(&p->restore, en->restore, en->claim, false, p->start.dir, e) != OK)
		return e->code;
	struct job_options o = {
		.env = p->cli->env, .log = &p->log, .plan = p->text.file.plan, .dir = p->start.dir,
		.pid = (uint64_t)getpid(), .started_us = p->cli->started_us, .progress = p->progress,
		.restart_attempts = s->restart.attempts_given ? s->restart.attempts : RESTART_UNLIMITED,
		.want = p->restore.want, .import = p->restore.import, .rewind = en->rewind,
		.restarts = p->start.restarts, .waker = &p->waker,
		.listen = {.checkpoint = talk_checkpoint, .arg = p}, .failed = talk_failed,
		.answered = talk_answered};
	p->mem->limit_bytes = s->limits.memory_bytes;
	if (wait_for_lock(p, e) != OK)
		return e->code;
	return job_open(&p->job, &o, e);
}

/* In JSON all that the process says goes through p->log. The stream stays open till it ends. */
static RC open_log(struct process *p, struct err *e)
{
	p->log = (struct log){.to = p->cli->err.to, .least = LOG_INFO, .clock = p->cli->env->clock};
	if (!p->start.log_json)
		return OK;
	p->log.format = LOG_JSON;
	p->log.job = p->start.entry.name;
	FILE *to = log_stream_open(&p->lines, &p->log);
	if (!to)
		return ERR(e, E_NO_MEMORY, "no memory for its log");
	p->cli->err = (struct paint){.to = to};
	return OK;
}

static RC prepare(struct process *p, struct err *e)
{
	waker_init(&p->waker);
	if (open_log(p, e) != OK || served_text_open(&p->text, p->cli, &p->start, NULL, e) != OK ||
	    screen_open(&p->screen, p->cli, false, &p->log, p->text.file.plan, p->start.dir, e) != OK)
		return e->code;
	p->screen_is_open = true;
	if (open_job(p, e) != OK)
		return e->code;
	p->screen.job = p->job;
	const struct manifest *m = job_start(p->job)->chosen;
	p->screen.resumed = m && m->kind == CHECKPOINT_STOP;
	if (loop_timer_open(&p->tick, p->loop, talk_tick, p, e) != OK ||
	    loop_timer_open(&p->back, p->loop, talk_back, p, e) != OK ||
	    loop_timer_open(&p->tail_look, p->loop, talk_tail, p, e) != OK)
		return e->code;
	talk_watch(p);
	return OK;
}

static RC drive(struct process *p, enum drive_end *end, struct err *e)
{
	struct drive_options o = {
		.job = p->job, .loop = p->loop, .clock = p->cli->env->clock, .mem = p->mem,
		.waker = &p->waker, .out_fd = STDOUT_FILENO,
		.stop_limit_us = p->text.file.spec->limits.stop_us, .status_every_us = STATUS_EVERY_US,
		.status = talk_status, .began = talk_began, .printed = talk_printed,
		.text = talk_text, .arg = p};
	p->screen.ops->opened(&p->screen);
	if (drive_open(&p->drive, &o, e) != OK) /* not up yet: the server tries again */
		return e->code;
	talk_up(p);
	if (p->stop_asked) /* before anything ran */
		job_stop(p->job);
	drive_run(p->drive, end);
	return OK;
}

/* ---- the end ---- */

static void how_it_ended(struct process *p, enum drive_end end, struct word_ended *w)
{
	*w = (struct word_ended){.ended = LIFE_ENDED_FAILED, .exit = 1};
	if (end != DRIVE_OVER) {
		ERR(&w->error, E_TIMEOUT, "it did not stop within limits.stop");
		w->unsaved_stop = p->stop_asked;
		if (p->stop_asked)
			w->ended = LIFE_ENDED_STOPPED;
		return;
	}
	w->exit = job_exit_code(p->job);
	w->error = *job_error(p->job);
	if (job_state(p->job) == JOB_FINISHED)
		w->ended = LIFE_ENDED_FINISHED;
	else if (job_state(p->job) == JOB_STOPPED)
		w->ended = LIFE_ENDED_STOPPED;
	struct err e = p->stop_error.code == OK ? job_savepoint_error(p->job) : p->stop_error;
	if (w->exit == 0 && e.code != OK) { /* not all that was asked of the stop was done */
		w->error = e;
		w->unsaved_stop = w->ended == LIFE_ENDED_STOPPED;
	}
}

static void end_with(struct process *p, const struct err *e)
{
	struct word_ended w = {.ended = LIFE_ENDED_FAILED, .exit = err_exit_code(e->code), .error = *e};
	if (p->log.format == LOG_JSON)
		log_line(&p->log, LOG_ERROR, "%s", e->text);
	else
		fprintf(p->cli->err.to, "%s: %s\n", p->start.entry.name, e->text);
	talk_ended(p, &w);
}

static void run_job(struct process *p)
{
	struct err e = {0};
	struct word_ended w;
	enum drive_end end = DRIVE_OVER;
	if (prepare(p, &e) != OK) {
		end_with(p, &e);
		return;
	}
	if (job_state(p->job) == JOB_FINISHED) {
		talk_up(p);
	} else {
		if (drive(p, &end, &e) != OK) {
			end_with(p, &e);
			return;
		}
		p->screen.ops->ended(&p->screen, end);
	}
	how_it_ended(p, end, &w);
	talk_ended(p, &w);
}

static int job_process(struct cli *c, const struct args *a)
{
	struct err e = {0};
	(void)a;
	if (served_begin(&e) != OK)
		return cli_fail(c, &e);
	struct process *p = mem_get(c->env->mem, sizeof *p);
	if (!p)
		return 1;
	*p = (struct process){.cli = c, .mem = c->env->mem};
	p->progress = shared_memory_map(SERVED_PROGRESS, sizeof *p->progress);
	if (p->progress) /* else that number may be somebody else's by now */
		close(SERVED_PROGRESS);
	pace_init(&p->pace, p->mem);
	struct wire_config wc = {.mem = p->mem, .fd = SERVED_WIRE, .frame = talk_frame,
				 .closed = talk_closed, .arg = p};
	if (loop_open(&p->loop, p->mem, &e) != OK)
		return cli_fail(c, &e);
	wc.loop = p->loop;
	if (wire_open(&p->wire, &wc, &e) != OK)
		return cli_fail(c, &e);
	loop_run(p->loop);
	run_job(p);
	/* Everything is told and durable: what the process still holds ends with it. */
	fflush(NULL);
	_exit(0);
}

const struct verb verb_job = {
	.name = "job",
	.arguments = "NAME",
	.summary = "what weir serve starts for each job",
	.help = "For weir serve only.",
	.least = 0,
	.most = 1,
	.options = (const struct arg_def[]){{0}},
	.run = job_process,
};
