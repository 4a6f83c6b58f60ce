/* actions.c - what is asked of a job at a server: checkpoint, stop, cancel, kill, restart, rescale,
 * remove. Each is a POST that is answered with the stream of its progress; the last event says how
 * it ended. */
#include "cli/action.h"
#include "cli/events.h"
#include "cli/job_view.h"
#include "cli/remote.h"

#include "base/check.h"
#include "jobs/spec.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct arg_def options[] = {REMOTE_OPTIONS, {0}};
static const struct arg_def checkpoint_options[] = {
	{"--full", ARG_FLAG, NULL, "write everything, not only what changed"},
	REMOTE_OPTIONS,
	{0},
};

static const struct arg_def savepoint_options[] = {
	{"--name", ARG_TEXT, "NAME", "what it is called (default: savepoint-<checkpoint>)"},
	REMOTE_OPTIONS,
	{0},
};
static const struct arg_def cancel_options[] = {
	{"--with-savepoints", ARG_FLAG, NULL, "where its state is deleted: its savepoints too"},
	REMOTE_OPTIONS,
	{0},
};
static const struct arg_def remove_options[] = {
	{"--with-savepoints", ARG_FLAG, NULL, "also when there are savepoints in its directory"},
	REMOTE_OPTIONS,
	{0},
};
static const struct arg_def stop_options[] = {
	{"--savepoint", ARG_FLAG, NULL, "keep the state it stops with as a savepoint"},
	{"--name", ARG_TEXT, "NAME", "of the savepoint"},
	{"--drain", ARG_FLAG, NULL,
	 "end the input first: what waits for that comes out, and it FINISHES"},
	REMOTE_OPTIONS,
	{0},
};

#define RECORDS 8 /* checkpoints remembered until the action says which was its own; by feel */

struct ask {
	const char *kind, *leads_to; /* the state it is to end in; "": it changes none */
};

struct act {
	struct remote *r;
	const struct ask *ask;
	struct events events;
	uint64_t began_us;
	char state[24]; /* of the job, as last heard */
	bool alone;     /* it runs under `weir run`: it has no log */
	struct {
		int64_t id;
		char text[RECORD_TEXT];
	} record[RECORDS];
	unsigned n_records;
	bool over;             /* the `action` event came */
	int64_t checkpoint;
	char why[ERR_TEXT_MAX]; /* what the action says: a failure, or a stop's lack of one */
	struct err e;
};

/* ---- what comes ---- */

static void on_job(struct act *a, const struct json *v)
{
	const struct paint *p = &a->r->cli->err;
	struct job_view job;
	struct err ignored = {0}; /* what is no job is no progress */
	if (job_view_read(&job, v, &ignored) != OK)
		return;
	bool news = a->state[0] && strcmp(a->state, job.state);
	snprintf(a->state, sizeof a->state, "%s", job.state);
	a->alone = !*job.log;
	if (!news || a->r->json || !strcmp(job.state, a->ask->leads_to))
		return; /* where it leads to, the outcome says */
	fprintf(p->to, "%s  %s%s%s\n", a->r->job, remote_state_colour(p, job.state), job.state,
		paint_off(p));
}

static void on_checkpoint(struct act *a, const struct json *v)
{
	struct record_view r;
	struct err ignored = {0};
	if (record_view_read(&r, v, &ignored) != OK)
		return;
	if (r.completed) {
		unsigned i = a->n_records++ % RECORDS;
		a->record[i].id = r.id;
		record_view_text(&r, a->record[i].text);
	} else if (!a->r->json) {
		fprintf(a->r->cli->err.to, " checkpoint %" PRId64 " was given up: %s\n", r.id, r.error);
	}
}

static void on_action(struct act *a, const struct json *v)
{
	size_t len;
	const struct json *state = json_get(v, "state"), *code = json_get(v, "code");
	const struct json *error = json_get(v, "error"), *id = json_get(v, "checkpoint");
	a->over = true;
	if (id && json_kind(id) == JSON_INT)
		a->checkpoint = json_int(id);
	if (error && json_kind(error) == JSON_STRING)
		snprintf(a->why, sizeof a->why, "%s", json_string(error, &len));
	const struct json *gone = json_get(v, "gone");
	if (gone && json_kind(gone) == JSON_OBJECT && !a->r->json)
		keep_print_gone(a->r->cli, gone);
	if (state && json_kind(state) == JSON_STRING && !strcmp(json_string(state, &len), "done"))
		return;
	const char *name = code && json_kind(code) == JSON_STRING ? json_string(code, &len) : "";
	err_set(&a->e, remote_code(name), "%s", a->why[0] ? a->why : "the server does not say why");
}

static bool on_event(void *arg, const char *event, const char *data, size_t len)
{
	struct act *a = arg;
	struct json_doc *doc;
	struct err ignored = {0};
	if (a->r->json)
		remote_print_event(a->r, event, data);
	if (json_parse(&doc, data, len, a->r->cli->env->mem, NULL, &ignored) != OK)
		return true;
	if (json_kind(json_root(doc)) == JSON_OBJECT) {
		if (!strcmp(event, "job"))
			on_job(a, json_root(doc));
		else if (!strcmp(event, "checkpoint"))
			on_checkpoint(a, json_root(doc));
		else if (!strcmp(event, "action"))
			on_action(a, json_root(doc));
	}
	json_close(doc);
	return !a->over;
}

static bool on_data(void *arg, const char *data, size_t len)
{
	struct act *a = arg;
	return events_take(&a->events, data, len);
}

/* ---- how it ended ---- */

static const char *record_of(const struct act *a, int64_t id)
{
	for (unsigned i = 0; i < RECORDS && i < a->n_records; i++)
		if (a->record[i].id == id)
			return a->record[i].text;
	return NULL;
}

/* ", checkpoint 27 (41 kB, 3 keys changed, 3.1 ms)" */
static void print_checkpoint(const struct act *a, const char *before)
{
	const char *text = record_of(a, a->checkpoint);
	fprintf(a->r->cli->out.to, "%scheckpoint %" PRId64, before, a->checkpoint);
	if (text)
		fprintf(a->r->cli->out.to, " (%s)", text);
}

static void print_done(struct act *a)
{
	struct remote *r = a->r;
	const struct paint *p = &r->cli->out;
	char took[PAINT_TEXT], command[REMOTE_COMMAND];
	text_us(clock_mono_us(r->cli->env->clock) - a->began_us, took);
	if (!strcmp(a->ask->kind, "gc")) /* the list was printed as it came */
		return;
	fprintf(p->to, "%s%s%s  ", paint_on(p, PAINT_BOLD), r->job, paint_off(p));
	if (!strcmp(a->ask->kind, "savepoint")) {
		char own[48];
		const char *name = args_text(r->args, "--name", NULL);
		snprintf(own, sizeof own, "savepoint-%" PRId64, a->checkpoint);
		fprintf(p->to, "savepoint '%s', ", name ? name : own);
		print_checkpoint(a, "");
		fprintf(p->to, ", is complete, in %s\n", took);
	} else if (!strcmp(a->ask->kind, "checkpoint")) {
		print_checkpoint(a, "");
		fprintf(p->to, " is complete, in %s\n", took);
	} else if (strstr(a->ask->kind, "pin")) {
		const char *now = strcmp(a->ask->kind, "pin") ? "not pinned" : "pinned";
		fprintf(p->to, "checkpoint %s ", r->args->place[1]);
		if (a->checkpoint)
			print_checkpoint(a, !strcmp(now, "pinned") ? "is pinned, as says "
								   : "is not pinned any more, as says ");
		else
			fprintf(p->to, "was %s already", now);
		fprintf(p->to, "\n");
	} else if (!strcmp(a->ask->kind, "stop") && !strcmp(a->state, "FINISHED")) {
		fprintf(p->to, "%sFINISHED%s in %s%s\n", paint_on(p, PAINT_GREEN), paint_off(p), took,
			args_has(r->args, "--drain") ? ", drained"
						     : ", before it was stopped: its input had ended");
	} else if (!strcmp(a->ask->kind, "stop")) {
		fprintf(p->to, "%sSTOPPED%s in %s", paint_on(p, PAINT_GREEN), paint_off(p), took);
		if (a->checkpoint)
			print_checkpoint(a, ", ");
		fprintf(p->to, "\n");
		if (a->why[0])
			fprintf(r->cli->err.to, " without a final checkpoint: %s\n", a->why);
		fprintf(p->to, " to go on from here: %s\n",
			a->alone ? "the same `weir run` once more"
				 : remote_command(r, command, "restart", r->job));
	} else if (!strcmp(a->ask->kind, "cancel")) {
		fprintf(p->to, "%sCANCELLED%s in %s, without a checkpoint\n", paint_on(p, PAINT_YELLOW),
			paint_off(p), took);
	} else if (!strcmp(a->ask->kind, "kill")) {
		fprintf(p->to, "%skilled%s (SIGKILL), and gone after %s; its restart policy says what "
			       "follows\n to watch it: %s\n", paint_on(p, PAINT_RED), paint_off(p), took,
			remote_command(r, command, "show", r->job));
	} else if (!strcmp(a->ask->kind, "remove")) {
		fprintf(p->to, "removed, with its directory and its log; its output stays\n");
	} else {
		fprintf(p->to, "%s%s%s in %s", remote_state_colour(p, a->state), a->state, paint_off(p),
			took);
		if (a->checkpoint)
			print_checkpoint(a, ", from ");
		fprintf(p->to, "\n to watch it: %s\n", remote_command(r, command, "show", r->job));
	}
}

/* A stream that ended without its last event: a `weir run` that was stopped is gone before it can
 * say more. */
static enum rc cut_short(struct act *a, enum rc rc)
{
	char command[REMOTE_COMMAND];
	if (!strcmp(a->ask->kind, "stop") && !strcmp(a->state, "STOPPED"))
		return OK;
	if (a->events.failed)
		return ERR(&a->e, E_NO_MEMORY, "an event is too long for this machine");
	if (rc != OK)
		return err_in(&a->e, "%s of '%s': it is not known how it ended", a->ask->kind, a->r->job);
	return ERR(&a->e, E_UNREACHABLE,
		   "the server ended before the %s of '%s' did; what became of it: %s",
		   a->ask->kind, a->r->job, remote_command(a->r, command, "show", a->r->job));
}

static enum rc perform(struct act *a, const char *query)
{
	struct client_reply reply = {0};
	struct bytes path;
	bytes_init(&path, a->r->cli->env->mem);
	bytes_printf(&path, "/v1/jobs/%s/%s%s", a->r->job, a->ask->kind, query);
	struct client_request q = {.method = "POST", .path = bytes_text(&path), .stop_fd = -1,
				   .accept = "text/event-stream", .on_data = on_data, .arg = a};
	a->began_us = clock_mono_us(a->r->cli->env->clock);
	enum rc rc = bytes_ok(&path) ? remote_call(a->r, &q, &reply, &a->e)
				     : ERR(&a->e, E_NO_MEMORY, "no memory for a request");
	bool streamed = reply.stream;
	client_reply_close(&reply);
	bytes_close(&path);
	if (a->over)
		return a->e.code;
	if (rc != OK && rc != E_STOPPED && !streamed)
		return rc;
	return cut_short(a, rc == E_STOPPED ? OK : rc);
}

int action_run(struct cli *c, const struct args *args, const char *kind, const char *leads_to,
	       const char *query)
{
	struct remote r = {0};
	struct ask ask = {kind, leads_to};
	struct act a = {.r = &r, .ask = &ask};
	int code = 0;
	events_init(&a.events, on_event, &a, c->env->mem);
	if (remote_open_job(&r, c, args, &a.e) != OK || perform(&a, query) != OK) {
		/* In a stream the failure was printed with its event. */
		code = r.json && a.over ? err_exit_code(a.e.code) : remote_fail(&r, &a.e);
	} else if (!r.json) {
		print_done(&a);
	}
	events_close(&a.events);
	remote_close(&r);
	return code;
}

static int checkpoint(struct cli *c, const struct args *a)
{
	return action_run(c, a, "checkpoint", "", args_has(a, "--full") ? "?full=1" : "");
}

/* "?a=1&name=b": what is asked with it; names are escaped. */
static int act_named(struct cli *c, const struct args *a, const char *kind, const char *leads_to,
		     bool savepoint)
{
	struct bytes query;
	struct err e = {0};
	const char *name = args_text(a, "--name", NULL);
	bytes_init(&query, c->env->mem);
	if (savepoint)
		bytes_put_text(&query, "?savepoint=1");
	if (leads_to[0] && args_has(a, "--drain"))
		bytes_put_text(&query, query.len ? "&drain=1" : "?drain=1");
	if (name) {
		bytes_put_text(&query, query.len ? "&name=" : "?name=");
		client_escape(&query, name);
	}
	int code;
	if (bytes_ok(&query)) {
		code = action_run(c, a, kind, leads_to, bytes_text(&query));
	} else {
		(void)!ERR(&e, E_NO_MEMORY, "no memory for a request");
		code = cli_fail(c, &e);
	}
	bytes_close(&query);
	return code;
}

static int savepoint(struct cli *c, const struct args *a)
{
	return act_named(c, a, "savepoint", "", false);
}

static int stop(struct cli *c, const struct args *a)
{
	struct err e = {0};
	if (args_has(a, "--name") && !args_has(a, "--savepoint")) {
		(void)!ERR(&e, E_USAGE, "--name is for --savepoint");
		return cli_fail(c, &e);
	}
	return act_named(c, a, "stop", "STOPPED", args_has(a, "--savepoint"));
}

static const char *with_savepoints(const struct args *a)
{
	return args_has(a, "--with-savepoints") ? "?with_savepoints=1" : "";
}

static int cancel(struct cli *c, const struct args *a)
{
	return action_run(c, a, "cancel", "CANCELLED", with_savepoints(a));
}

static int kill_job(struct cli *c, const struct args *a)
{
	return action_run(c, a, "kill", "", "");
}

static int restart(struct cli *c, const struct args *a)
{
	return action_run(c, a, "restart", "RUNNING", "");
}

static int remove_job(struct cli *c, const struct args *a)
{
	return action_run(c, a, "remove", "REMOVED", with_savepoints(a));
}

static int rescale(struct cli *c, const struct args *a)
{
	char query[40];
	char *end;
	unsigned long n = strtoul(a->place[1], &end, 10);
	if (a->place[1][0] < '0' || a->place[1][0] > '9' || *end || !n || n > SPEC_MAX_PARALLELISM) {
		struct err e = {0};
		(void)!ERR(&e, E_USAGE, "N is a whole number from 1 to %d, not '%s': weir rescale JOB N",
			   SPEC_MAX_PARALLELISM, a->place[1]);
		return cli_fail(c, &e);
	}
	snprintf(query, sizeof query, "?parallelism=%lu", n);
	return action_run(c, a, "rescale", "RUNNING", query);
}

#define PROGRESS                                                                                   \
	"Progress goes to standard error, the outcome to standard output; with --json each\n"        \
	"event is a line, {\"event\": \"job\"|\"checkpoint\"|\"action\", \"data\": {...}}, the\n"      \
	"action's last. Ctrl-C ends the watching only: what was asked goes on."

const struct verb verb_checkpoint = {
	.name = "checkpoint",
	.arguments = "[JOB | DIR] [OPTION]...",
	.summary = "takes a checkpoint of a running job now",
	.help = "Takes a checkpoint of a running job and waits until it is complete. DIR is the\n"
		"directory of a `weir run`; JOB may be left out where there is only one.\n"
		"\n"
		"    weir checkpoint word-count --dir data\n"
		"    weir checkpoint weir-data/word-count\n"
		"\n" PROGRESS,
	.most = 1,
	.options = checkpoint_options,
	.run = checkpoint,
};

const struct verb verb_savepoint = {
	.name = "savepoint",
	.arguments = "[JOB | DIR] [OPTION]...",
	.summary = "keeps a running job's state under a name, apart from its checkpoints",
	.help = "Takes a checkpoint of a running job and makes of it a small directory of its own,\n"
		"<the job's directory>/savepoints/NAME: all state in one file, nothing prepared and\n"
		"not committed. It stays until somebody removes it, and can be moved and copied;\n"
		"`weir checkpoints`, `weir explain --against` and `weir run --dir` (on a copy) read it\n"
		"as any job's directory. Waits until it is durable.\n"
		"\n"
		"    weir savepoint word-count --dir data --name before-v2\n"
		"    weir savepoint weir-data/word-count\n"
		"\n" PROGRESS,
	.most = 1,
	.options = savepoint_options,
	.run = savepoint,
};

const struct verb verb_stop = {
	.name = "stop",
	.arguments = "[JOB | DIR] [OPTION]...",
	.summary = "stops a job with a final checkpoint; it can go on later",
	.help = "Takes a final checkpoint, commits everything so far, and ends the job's process.\n"
		"It stays stopped, whatever becomes of the server, until `weir restart` or\n"
		"`weir submit` of the same job lets it go on from there. DIR is the directory of a\n"
		"`weir run`; JOB may be left out where there is only one.\n"
		"\n"
		"    weir stop word-count --dir data\n"
		"    weir stop weir-data/word-count\n"
		"\n" PROGRESS,
	.most = 1,
	.options = stop_options,
	.run = stop,
};

const struct verb verb_cancel = {
	.name = "cancel",
	.arguments = "JOB [OPTION]...",
	.summary = "ends a job at once, without a checkpoint",
	.help = "Kills the job's process. What was not in a checkpoint is dropped; its output stays\n"
		"exact, for nothing was committed of it. The job's state is kept, or deleted if the\n"
		"job file says \"checkpoint\": {\"on_cancel\": \"delete\"}.\n"
		"\n"
		"    weir cancel word-count --dir data\n"
		"\n" PROGRESS,
	.least = 1,
	.most = 1,
	.options = cancel_options,
	.run = cancel,
};

const struct verb verb_kill = {
	.name = "kill",
	.arguments = "JOB [OPTION]...",
	.summary = "kills a running job's process (SIGKILL), to see it recover",
	.help = "Sends SIGKILL to the job's process and waits until it is gone. To the job that is a\n"
		"death like any other: its restart policy decides, and it goes on from its newest\n"
		"checkpoint. What it read since is read again; its output stays exact. To end a job for\n"
		"good: weir stop, weir cancel.\n"
		"\n"
		"    weir kill word-count --dir data && weir show word-count --dir data\n"
		"\n" PROGRESS,
	.least = 1,
	.most = 1,
	.options = options,
	.run = kill_job,
};

const struct verb verb_restart = {
	.name = "restart",
	.arguments = "JOB [OPTION]...",
	.summary = "starts a job again from its newest checkpoint",
	.help = "Starts a stopped, cancelled or failed job from its newest checkpoint. A running one\n"
		"is stopped with a checkpoint first. What failed before is forgotten: the restart\n"
		"policy counts anew.\n"
		"\n"
		"    weir restart word-count --dir data\n"
		"\n" PROGRESS,
	.least = 1,
	.most = 1,
	.options = options,
	.run = restart,
};

const struct verb verb_rescale = {
	.name = "rescale",
	.arguments = "JOB N [OPTION]...",
	.summary = "another parallelism: stops with a checkpoint, goes on with N",
	.help = "Gives a job N subtasks for each stage that does not say its own `parallelism`: a\n"
		"running one is stopped with a checkpoint and goes on from it; its state is\n"
		"redistributed, its output stays exactly-once. N lasts until the next `rescale` or\n"
		"`submit`.\n"
		"\n"
		"    weir rescale word-count 2 --dir data\n"
		"\n" PROGRESS,
	.least = 2,
	.most = 2,
	.options = options,
	.run = rescale,
};

const struct verb verb_remove = {
	.name = "remove",
	.arguments = "JOB [OPTION]...",
	.summary = "forgets a job that does not run: its description, state and log",
	.help = "Removes a job that does not run from the server, with its directory (every\n"
		"checkpoint) and its log. What its sinks have written stays. There is no way back;\n"
		"a running one is to be stopped or cancelled first, and savepoints are to be moved\n"
		"away, unless --with-savepoints says that they go too.\n"
		"\n"
		"    weir stop word-count --dir data\n"
		"    weir remove word-count --dir data\n"
		"\n" PROGRESS,
	.least = 1,
	.most = 1,
	.options = remove_options,
	.run = remove_job,
};
