/* run.c - `weir run`: one job in the foreground, from its newest checkpoint to its end.
 *
 *   job file -> plan -> look at the directory -> own it -> drive -> report -> exit code */
#include "cli/cli.h"
#include "jobs/job_text.h"
#include "cli/report_file.h"
#include "cli/restore_arg.h"
#include "cli/run_socket.h"
#include "cli/screen.h"
#include "cli/step.h"
#include "jobs/progress.h"
#include "jobs/report.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const struct arg_def options[] = {
	{"--dir", ARG_TEXT, "DIR", "the job's directory (default: weir-data/<name>)"},
	{"--fresh", ARG_FLAG, NULL, "begin from nothing, whatever the directory holds"},
	{"--parallelism", ARG_NUMBER, "N", "subtasks of each stage that does not say its own", 1,
	 SPEC_MAX_PARALLELISM},
	{"--set", ARG_TEXTS, "PATH=VALUE", "another value, as in --set checkpoint.interval=100ms"},
	{"--report", ARG_TEXT, "FILE", "a report as JSON, written when the process ends in order"},
	{"--json", ARG_FLAG, NULL, "events on standard error, one JSON object a line"},
	{"--log-format", ARG_WORD, "text|json", "json: the same as --json", .one_of = "text json"},
	{"--status-every", ARG_DURATION, "TIME",
	 "how often to say how it goes (a screen 0.25s, a terminal 1s, else 5s)", 1000, 3600000000},
	{"--step", ARG_FLAG, NULL,
	 "one event a key press, with a disk in memory: how a cut comes about"},
	{"--drop-state", ARG_TEXTS, "STAGE",
	 "a changed job: begin this stage from nothing, although there is state of it"},
	{"--restore", ARG_TEXT, "ID|NAME|PATH[@ID]",
	 "start from this checkpoint, from a savepoint, or from another job's directory"},
	{"--rewind", ARG_FLAG, NULL,
	 "with --restore: also behind what was committed since, which is moved aside"},
	{"--claim", ARG_FLAG, NULL,
	 "with --restore PATH: take that directory over, its own job ends there"},
	{0},
};

struct run {
	struct cli *cli;
	const struct args *args;
	struct job_text file;
	struct log log;
	struct waker waker;
	struct screen screen;
	struct job *job;
	struct run_socket *socket; /* while it runs; NULL: it could not be had */
	const char *drops[ARGS_MAX]; /* of --drop-state */
	struct restore_arg restore;
	struct progress progress; /* for its own restarts: the next process is not told */
	char *dir;          /* the caller's of make_dir */
	uint8_t *before;    /* the job's text of the run before, or NULL */
	size_t before_len;
	bool difference_shown;
	bool screen_is_open;
};

/* ---- what the job tells ---- */

static void on_checkpoint(void *arg, const struct checkpoint_record *c)
{
	struct run *r = arg;
	if (c->completed)
		r->screen.last = *c;
	r->screen.ops->checkpoint(&r->screen, c);
	run_socket_record(r->socket, c);
}

static void on_failed(void *arg, const struct err *e, const struct restart_decision *d)
{
	struct run *r = arg;
	if (r->screen.job)
		r->screen.ops->failed(&r->screen, e, d);
	run_socket_failed(r->socket, e);
}

static void on_answered(void *arg, uint64_t request, const struct checkpoint_record *c,
			const char *found, const struct err *why)
{
	struct run *r = arg;
	run_socket_answered(r->socket, request, c, found, why);
}

static void on_began(void *arg)
{
	struct run *r = arg;
	struct bytes lines;
	r->screen.ops->began(&r->screen);
	if (!r->socket || !job_recovery(r->job)->restored)
		return;
	bytes_init(&lines, r->cli->env->mem);
	screen_recovery(&r->screen, &(struct paint){0}, &lines);
	run_socket_recovered(r->socket, bytes_text(&lines));
	bytes_close(&lines);
}

static void on_status(void *arg)
{
	struct run *r = arg;
	r->screen.ops->status(&r->screen);
}

static void on_stopping(void *arg, int signal)
{
	struct run *r = arg;
	r->screen.ops->stopping(&r->screen, signal);
	run_socket_stopping(r->socket);
}

/* ---- refusals ---- */

static bool speaks_json(const struct run *r)
{
	return args_has(r->args, "--json") ||
	       !strcmp(args_text(r->args, "--log-format", "text"), "json");
}

/* What is wrong with the job file, and warnings about it. */
static void tell_diags(struct run *r)
{
	struct bytes text;
	struct json_out o;
	if (!r->file.ds.n)
		return;
	bytes_init(&text, r->cli->env->mem);
	if (speaks_json(r)) {
		jout_begin(&o, &text, false);
		jout_object(&o);
		jout_kv_string(&o, "event", r->file.ds.errors ? "invalid" : "warnings");
		jout_kv_int(&o, "wall_us", clock_wall_us(r->cli->env->clock));
		jout_key(&o, "errors");
		diags_json(&r->file.ds, &o);
		jout_object_end(&o);
		bytes_put_u8(&text, '\n');
	} else {
		diags_print(&r->file.ds, &text);
	}
	fputs(bytes_text(&text), r->cli->err.to);
	bytes_close(&text);
}

/* The exit code. */
static int refuse(struct run *r, const struct err *e)
{
	struct bytes text;
	struct json_out o;
	screen_leave(&r->screen);
	if (!speaks_json(r))
		return cli_fail(r->cli, e);
	bytes_init(&text, r->cli->env->mem);
	jout_begin(&o, &text, false);
	jout_object(&o);
	jout_kv_string(&o, "event", "refused");
	jout_kv_int(&o, "wall_us", clock_wall_us(r->cli->env->clock));
	jout_kv_string(&o, "code", err_name(e->code));
	jout_kv_string(&o, "error", e->text);
	jout_object_end(&o);
	fprintf(r->cli->err.to, "%s\n", bytes_text(&text));
	bytes_close(&text);
	return err_exit_code(e->code);
}

/* ---- before it runs ---- */

static RC read_job(struct run *r, struct err *e)
{
	const char *sets[ARGS_MAX + 1];
	char parallelism[48];
	size_t n = args_texts(r->args, "--set", sets, ARGS_MAX);
	if (args_has(r->args, "--parallelism")) {
		snprintf(parallelism, sizeof parallelism, "parallelism=%" PRId64,
			 args_number(r->args, "--parallelism", 1));
		sets[n++] = parallelism;
	}
	struct job_text_source from = {.file = r->args->place[0], .sets = sets, .n_sets = n,
				       .env = cli_env};
	enum rc rc = job_text_open(&r->file, r->cli->env, &from, e);
	tell_diags(r);
	return rc;
}

static RC make_dir(struct run *r, struct err *e)
{
	const struct spec *s = r->file.spec;
	const char *given = args_text(r->args, "--dir", NULL);
	struct bytes name;
	bytes_init(&name, r->cli->env->mem);
	bytes_printf(&name, "weir-data/%s", s->name);
	if (given)
		r->dir = mem_string(r->cli->env->mem, given);
	else if (s->checkpoint.dir)
		r->dir = spec_path(s, s->checkpoint.dir);
	else
		r->dir = mem_string(r->cli->env->mem, bytes_text(&name));
	bytes_close(&name);
	if (!r->dir)
		return ERR(e, E_NO_MEMORY, "no memory for a path");
	/* "d/" and "d" are one directory, and messages name it once. */
	for (size_t n = strlen(r->dir); n > 1 && r->dir[n - 1] == '/'; n--)
		r->dir[n - 1] = '\0';
	return OK;
}

/* The text the directory was last run with. Read before the job is opened, so that the difference
 * can be shown beside a refusal too. Whatever is wrong with it is the store's to tell. */
static void read_before(struct run *r)
{
	char path[LAYOUT_PATH_MAX];
	struct err ignored = {0};
	if (!layout_path(path, r->dir, NULL, "job.json") ||
	    fs_read_all(r->cli->env->fs, path, JOB_TEXT_MAX, &r->before, &r->before_len,
			&ignored) != OK)
		r->before = NULL;
}

static void show_difference(struct run *r)
{
	struct bytes text;
	const struct plan *p = r->file.plan;
	if (!r->before || args_has(r->args, "--fresh") || r->difference_shown)
		return;
	bytes_init(&text, r->cli->env->mem);
	job_difference((const char *)r->before, r->before_len, (const char *)p->text.data, p->text.len,
		       &text);
	if (text.len)
		r->screen.ops->changed(&r->screen, bytes_text(&text));
	r->difference_shown = true;
	bytes_close(&text);
}

static RC open_job(struct run *r, struct err *e)
{
	const struct spec *s = r->file.spec;
	size_t n_drops = args_texts(r->args, "--drop-state", r->drops, ARGS_MAX);
	struct job_options o = {
		.drops = r->drops, .n_drops = (uint32_t)n_drops,
		.env = r->cli->env, .log = &r->log, .plan = r->file.plan, .dir = r->dir,
		.fresh = args_has(r->args, "--fresh"), .want = r->restore.want,
		.import = r->restore.import, .rewind = args_has(r->args, "--rewind"),
		.pid = (uint64_t)getpid(), .progress = &r->progress,
		.started_us = r->cli->started_us, .restart_attempts = s->restart.attempts,
		.waker = &r->waker, .listen = {.checkpoint = on_checkpoint, .arg = r},
		.failed = on_failed, .answered = on_answered};
	r->cli->env->mem->limit_bytes = s->limits.memory_bytes;
	enum rc rc = job_open(&r->job, &o, e);
	if (rc != OK) {
		/* What does not fit is understood best beside what was done to the job file. */
		if (rc == E_REFUSED && strstr(e->text, "does not fit"))
			show_difference(r);
		return rc;
	}
	r->screen.job = r->job;
	const struct manifest *m = job_start(r->job)->chosen;
	r->screen.resumed = m && m->kind == CHECKPOINT_STOP;
	if (job_state(r->job) != JOB_FINISHED)
		show_difference(r);
	return OK;
}

static RC prepare(struct run *r, struct err *e)
{
	const char *report = args_text(r->args, "--report", NULL);
	bool json = speaks_json(r);
	r->log = (struct log){.to = r->cli->err.to, .format = json ? LOG_JSON : LOG_TEXT,
			      .least = LOG_INFO, .clock = r->cli->env->clock};
	waker_init(&r->waker);
	if (report && report_file_check(report, e) != OK)
		return e->code;
	if (make_dir(r, e) != OK || restore_arg_read(&r->restore, r->args, r->dir, e) != OK)
		return e->code;
	if (screen_open(&r->screen, r->cli, json, &r->log, r->file.plan, r->dir, e) != OK)
		return e->code;
	r->screen_is_open = true;
	read_before(r);
	return open_job(r, e);
}

/* ---- while and after ---- */

/* Whoever asked for a stop hears how it went. */
static void tell_end(struct run *r, enum drive_end end)
{
	struct err e = {0};
	if (end != DRIVE_OVER)
		ERR(&e, E_TIMEOUT, "it did not stop in order; the next run goes on from the newest "
		    "checkpoint");
	else if (job_exit_code(r->job))
		e = *job_error(r->job);
	else
		e = job_savepoint_error(r->job);
	run_socket_ended(r->socket, end == DRIVE_OVER ? job_exit_code(r->job) : 1, &e);
}

static RC drive(struct run *r, enum drive_end *end, struct err *e)
{
	uint64_t usual = screen_tick_us(&r->screen);
	struct loop *loop;
	struct drive *d = NULL;
	*end = DRIVE_OVER;
	if (loop_open(&loop, r->cli->env->mem, e) != OK)
		return e->code;
	struct drive_options o = {
		.job = r->job, .loop = loop, .signals = true, .clock = r->cli->env->clock,
		.mem = r->cli->env->mem, .waker = &r->waker,
		.out_fd = STDOUT_FILENO, .stop_limit_us = r->file.spec->limits.stop_us,
		.status_every_us = args_duration_us(r->args, "--status-every", usual),
		.status = on_status, .began = on_began, .stopping = on_stopping, .arg = r};
	r->screen.ops->opened(&r->screen);
	enum rc rc = drive_open(&d, &o, e);
	if (rc == OK) {
		r->socket = run_socket_open(r->cli, &r->log, loop, d, r->job, r->dir, r->args->place[0]);
		drive_run(d, end);
		tell_end(r, *end);
	}
	if (*end != DRIVE_OVER)
		return OK; /* threads still run: the process ends, and all this with it */
	run_socket_close(r->socket);
	r->socket = NULL;
	drive_close(d);
	loop_close(loop);
	return rc;
}

static RC write_report(struct run *r, struct err *e)
{
	const char *path = args_text(r->args, "--report", NULL);
	struct report_extra x;
	struct bytes text;
	if (!path)
		return OK;
	bytes_init(&text, r->cli->env->mem);
	report_measure(&x, r->cli->env->clock, r->cli->started_us);
	report_write(r->job, &x, &text);
	enum rc rc = bytes_ok(&text) ? report_file_write(path, text.data, text.len, e)
				     : ERR(e, E_NO_MEMORY, "no memory for the report");
	bytes_close(&text);
	return rc;
}

static int run_to_end(struct run *r)
{
	struct err e = {0};
	enum drive_end end;
	if (job_state(r->job) == JOB_FINISHED) {
		r->screen.ops->finished_before(&r->screen, job_recovery(r->job)->checkpoint_wall_us);
	} else {
		if (drive(r, &end, &e) != OK)
			return refuse(r, &e);
		r->screen.ops->ended(&r->screen, end);
		if (end != DRIVE_OVER) {
			/* Threads still run: nothing of theirs may be taken down. */
			fflush(NULL);
			_exit(1);
		}
	}
	int code = job_exit_code(r->job);
	if (write_report(r, &e) != OK) {
		int failed = refuse(r, &e);
		return code ? code : failed;
	}
	return code;
}

static int run(struct cli *c, const struct args *a)
{
	struct run r = {.cli = c, .args = a};
	struct err e = {0};
	int code;
	if (args_has(a, "--step"))
		return step_job(c, a);
	if (read_job(&r, &e) != OK) {
		code = r.file.ds.errors ? err_exit_code(E_INVALID) : refuse(&r, &e);
	} else if (prepare(&r, &e) != OK) {
		err_in(&e, "%s", r.file.spec->name);
		code = refuse(&r, &e);
	} else {
		code = run_to_end(&r);
	}
	job_close(r.job);
	if (r.screen_is_open)
		screen_close(&r.screen);
	mem_put(c->env->mem, r.before);
	mem_put(c->env->mem, r.dir);
	job_text_close(&r.file);
	return code;
}

const struct verb verb_run = {
	.name = "run",
	.arguments = "JOB.json [OPTION]...",
	.summary = "runs a job in the foreground; goes on from its newest checkpoint by itself",
	.help =
		"Runs the job until its input ends, or until SIGINT or SIGTERM: then it takes a\n"
		"checkpoint and stops; a second signal stops it at once. Started again, it goes on\n"
		"where it was, after a kill too. A job that has finished is not run again (see\n"
		"--fresh).\n"
		"\n"
		"    weir run examples/word-count-slow.json       # kill -9 it, and run it again\n"
		"    weir run examples/totals-at-the-end.json --parallelism 4 --report report.json\n"
		"    weir run --step examples/step.json           # watch barriers, one event a key\n"
		"    weir run v2.json --dir new --restore old/savepoints/v1    # see OPERATING.md\n"
		"\n"
		"Standard output belongs to print_sink; all else goes to standard error.\n"
		"Exit codes: 0 finished or stopped in order, 1 the job failed, 2 usage or invalid job,\n"
		"4 not found, 5 refused or fenced, 6 a checkpoint is corrupt.\n"
		"\n"
		"--json: {\"event\": invalid, warnings, refused, changed, opened, finished_before,\n"
		"began, recovered, checkpoint, status, attempt_failed, stopping or ended,\n"
		"\"wall_us\", ...}, and log lines {\"time\", \"level\", \"text\"} between them.",
	.least = 1,
	.most = 1,
	.options = options,
	.run = run,
};
