/* logs.c - `weir logs`: what a job's process said and printed. */
#include "cli/remote.h"

static const struct arg_def options[] = {
	{"--follow", ARG_FLAG, NULL, "and what comes, until Ctrl-C or the job is removed",
	 .letter = 'f'},
	{"--lines", ARG_NUMBER, "N", "the newest N lines (default: 100)", 0, 1000000, .letter = 'n'},
	REMOTE_OPTIONS,
	{0},
};

static bool on_data(void *arg, const char *data, size_t len)
{
	struct remote *r = arg;
	FILE *to = r->cli->out.to;
	return fwrite(data, 1, len, to) == len && fflush(to) == 0;
}

static enum rc show_log(struct remote *r, struct err *e)
{
	struct client_reply reply = {0};
	struct bytes path;
	bytes_init(&path, r->cli->env->mem);
	bytes_printf(&path, "/v1/jobs/%s/log?tail=%lld%s", r->job,
		     (long long)args_number(r->args, "--lines", 100),
		     args_has(r->args, "--follow") ? "&follow=1" : "");
	struct client_request q = {.method = "GET", .path = bytes_text(&path), .stop_fd = -1,
				   .on_data = on_data, .arg = r,
				   .endless = args_has(r->args, "--follow")};
	enum rc rc = bytes_ok(&path) ? remote_call(r, &q, &reply, e)
				     : ERR(e, E_NO_MEMORY, "no memory for a request");
	if (rc == E_STOPPED)
		rc = ERR(e, E_IO, "standard output cannot be written");
	client_reply_close(&reply);
	bytes_close(&path);
	return rc;
}

static int logs(struct cli *c, const struct args *a)
{
	struct remote r = {0};
	struct err e = {0};
	int code = 0;
	if (remote_open(&r, c, a, &e) != OK || remote_job(&r, &e) != OK || show_log(&r, &e) != OK)
		code = remote_fail(&r, &e);
	remote_close(&r);
	return code;
}

const struct verb verb_logs = {
	.name = "logs",
	.arguments = "[JOB] [-f] [-n N] [OPTION]...",
	.summary = "the newest lines of a job's log; -f: and what comes",
	.help = "Prints the newest lines of a job's log: what its process said on standard error, and\n"
		"what its print_sink printed. The log rotates, so old lines are gone one day.\n"
		"\n"
		"    weir logs word-count --dir data\n"
		"    weir logs word-count -f -n 5 --dir data\n"
		"\n"
		"The lines are as they were written: text, or JSON where the server was started with\n"
		"--log-format json. With --json only an error is JSON.",
	.most = 1,
	.options = options,
	.run = logs,
};
