/* submit.c - `weir submit`: a job file, validated here, sent to a server, and, with --wait, watched
 * to its end. */
#include "cli/follow.h"
#include "cli/job_view.h"
#include "cli/restore_arg.h"

#include "jobs/job_text.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

static const struct arg_def options[] = {
	{"--replace", ARG_FLAG, NULL, "also where a job of that name runs"},
	{"--parallelism", ARG_NUMBER, "N", "subtasks of each stage that does not say its own", 1,
	 SPEC_MAX_PARALLELISM},
	{"--set", ARG_TEXTS, "PATH=VALUE", "another value, as in --set checkpoint.interval=100ms"},
	{"--restore", ARG_TEXT, "ID|NAME|PATH[@ID]",
	 "start from this checkpoint, from a savepoint, or from another job's directory"},
	{"--rewind", ARG_FLAG, NULL,
	 "with --restore: also behind what was committed since, which is moved aside"},
	{"--claim", ARG_FLAG, NULL,
	 "with --restore PATH: take that directory over, its own job ends there"},
	{"--wait", ARG_FLAG, NULL, "watch it to its end, and exit with its code"},
	REMOTE_OPTIONS,
	{0},
};

struct submit {
	struct remote r;
	struct job_text job;
	const char *sets[ARGS_MAX + 1];
	size_t n_sets;          /* the last is the parallelism, if it was given */
	char parallelism[48];
	char file[4096];        /* absolute */
	char restore[LAYOUT_PATH_MAX]; /* "": its newest checkpoint */
};

/* Not resolved: relative paths in the job are relative to the folder it was named in. */
static enum rc absolute(struct submit *s, const char *path, struct err *e)
{
	char cwd[4096];
	if (path[0] == '/')
		cwd[0] = '\0';
	else if (!getcwd(cwd, sizeof cwd))
		return err_errno(e, errno, "the current folder");
	int n = snprintf(s->file, sizeof s->file, "%s%s%s", cwd,
			 *cwd && strcmp(cwd, "/") ? "/" : "", path);
	if (n < 0 || (size_t)n >= sizeof s->file)
		return ERR(e, E_USAGE, "the path of '%s' is too long", path);
	return OK;
}

/* What would be refused there is refused here, before a server is asked. */
static enum rc validate(struct submit *s, const char *path, struct err *e)
{
	struct cli *c = s->r.cli;
	const struct args *a = s->r.args;
	s->n_sets = args_texts(a, "--set", s->sets, ARGS_MAX);
	if (args_has(a, "--parallelism")) {
		snprintf(s->parallelism, sizeof s->parallelism, "parallelism=%" PRId64,
			 args_number(a, "--parallelism", 1));
		s->sets[s->n_sets++] = s->parallelism;
	}
	struct job_text_source from = {.file = path, .sets = s->sets, .n_sets = s->n_sets,
				       .env = cli_env};
	enum rc rc = job_text_open(&s->job, c->env, &from, e);
	if (!s->r.json && (s->job.ds.errors || s->job.ds.warnings)) {
		struct bytes text;
		bytes_init(&text, c->env->mem);
		diags_print(&s->job.ds, &text);
		fputs(bytes_text(&text), c->err.to);
		bytes_close(&text);
	}
	return rc;
}

/* The faults as the server would answer with them: {"code", "message", "at", "errors", "text"}. */
static void print_faults_json(struct submit *s)
{
	struct bytes text, all;
	struct json_out o;
	bytes_init(&text, s->r.cli->env->mem);
	bytes_init(&all, s->r.cli->env->mem);
	diags_print(&s->job.ds, &all);
	jout_begin(&o, &text, false);
	jout_object(&o);
	jout_kv_string(&o, "code", err_name(E_INVALID));
	jout_kv_string(&o, "message", "the job has faults");
	jout_key(&o, "at");
	jout_null(&o);
	jout_key(&o, "errors");
	diags_json(&s->job.ds, &o);
	jout_kv_string(&o, "text", bytes_text(&all));
	jout_object_end(&o);
	fprintf(s->r.cli->out.to, "%s\n", bytes_text(&text));
	bytes_close(&all);
	bytes_close(&text);
}

static enum rc send(struct submit *s, struct client_reply *reply, struct err *e)
{
	const struct args *a = s->r.args;
	struct bytes path;
	bytes_init(&path, s->r.cli->env->mem);
	bytes_put_text(&path, "/v1/jobs?file=");
	client_escape(&path, s->file);
	if (args_has(a, "--replace"))
		bytes_put_text(&path, "&replace=1");
	if (args_has(a, "--parallelism"))
		bytes_printf(&path, "&parallelism=%" PRId64, args_number(a, "--parallelism", 1));
	if (*s->restore) {
		bytes_put_text(&path, "&restore=");
		client_escape(&path, s->restore);
	}
	if (args_has(a, "--rewind"))
		bytes_put_text(&path, "&rewind=1");
	if (args_has(a, "--claim"))
		bytes_put_text(&path, "&claim=1");
	for (size_t i = 0; i < s->n_sets - args_has(a, "--parallelism"); i++) {
		bytes_put_text(&path, "&set=");
		client_escape(&path, s->sets[i]);
	}
	struct client_request q = {.method = "POST", .path = bytes_text(&path), .body = s->job.text,
				   .len = s->job.len, .stop_fd = -1};
	enum rc rc = bytes_ok(&path) ? remote_call(&s->r, &q, reply, e)
				     : ERR(e, E_NO_MEMORY, "no memory for a request");
	bytes_close(&path);
	return rc;
}

static int wait_for(struct submit *s)
{
	struct remote *r = &s->r;
	struct err e = {0};
	char command[REMOTE_COMMAND];
	int exit;
	enum rc rc = follow(r, &exit, &e);
	if (rc == OK)
		return exit;
	if (rc != E_STOPPED)
		return remote_fail(r, &e);
	if (!r->json)
		fprintf(r->cli->err.to, "\n%s goes on without being watched; to look again:\n %s\n", r->job,
			remote_command(r, command, "show", r->job));
	return 0;
}

static int sent(struct submit *s, struct client_reply *reply)
{
	struct remote *r = &s->r;
	struct paint *p = &r->cli->out;
	char command[REMOTE_COMMAND];
	bool wait = args_has(r->args, "--wait");
	/* The validated text says the name: it is what the server calls the job. */
	snprintf(r->job, sizeof r->job, "%s", s->job.spec->name);
	if (r->json && !wait)
		remote_print(r, reply);
	else if (!r->json)
		fprintf(p->to, "%s %s%s%s%s%s\n",
			args_has(r->args, "--replace") ? "submitted (replacing)" : "submitted",
			paint_on(p, PAINT_BOLD), r->job, paint_off(p), wait ? "" : "; watch it: ",
			wait ? "" : remote_command(r, command, "show", r->job));
	fflush(p->to);
	return wait ? wait_for(s) : 0;
}

static int submit(struct cli *c, const struct args *a)
{
	struct submit *s = mem_get(c->env->mem, sizeof *s);
	struct client_reply reply = {0};
	struct err e = {0};
	int code = 0;
	if (!s) {
		(void)!ERR(&e, E_NO_MEMORY, "no memory to submit '%s'", a->place[0]);
		return cli_fail(c, &e);
	}
	if (remote_open(&s->r, c, a, &e) != OK || absolute(s, a->place[0], &e) != OK ||
	    restore_arg_send(s->restore, a, &e) != OK) {
		code = remote_fail(&s->r, &e);
	} else if (validate(s, a->place[0], &e) != OK) {
		code = err_exit_code(e.code == OK ? E_INVALID : e.code);
		if (s->job.ds.errors && s->r.json)
			print_faults_json(s);
		else if (!s->job.ds.errors)
			remote_fail(&s->r, &e);
	} else if (send(s, &reply, &e) != OK) {
		code = remote_fail(&s->r, &e);
	} else {
		code = sent(s, &reply);
	}
	client_reply_close(&reply);
	job_text_close(&s->job);
	remote_close(&s->r);
	mem_put(c->env->mem, s);
	return code;
}

const struct verb verb_submit = {
	.name = "submit",
	.arguments = "JOB.json [OPTION]...",
	.summary = "gives a job to a server, which runs it in a process of its own",
	.help = "Validates a job file here, then gives it to the server, which keeps it: whatever is\n"
		"killed, server, job, or both, the job goes on from its newest checkpoint. Paths in\n"
		"the job are relative to the job file.\n"
		"\n"
		"    weir serve --dir data &\n"
		"    weir submit examples/word-count.json --dir data\n"
		"    weir submit examples/word-count.json --dir data --replace --parallelism 2 --wait\n"
		"\n"
		"A stopped, cancelled or failed job of the same name goes on from its newest checkpoint\n"
		"under this description; a running one only with --replace, which stops it with a\n"
		"checkpoint first.\n"
		"\n"
		"--restore starts it from another place than its newest checkpoint: an id or a name that\n"
		"its directory keeps, or a path; what `weir run --restore` says holds here too.\n"
		"\n"
		"    weir submit v2.json --dir data --restore data/jobs/v1/savepoints/end\n"
		"    weir submit job.json --dir data --replace --restore 17 --rewind\n"
		"\n"
		"--wait shows the job as `weir run` would and exits with its code; Ctrl-C ends the\n"
		"watching (exit 0), the job goes on. If the server goes away meanwhile the exit code is\n"
		"3, and the job goes on when the server does.",
	.least = 1,
	.most = 1,
	.options = options,
	.run = submit,
};
