/* serve.c - `weir serve`: the runtime that stays. */
#include "cli/cli.h"
#include "cli/remote.h"
#include "jobs/allow.h"
#include "server/server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct arg_def options[] = {
	{"--dir", ARG_TEXT, "DIR", "the data directory (default: $WEIR_DIR, else weir-server)"},
	{"--config", ARG_TEXT, "FILE",
	 "JSON with defaults that jobs inherit (checkpoint, restart, limits), and allow"},
	{"--http", ARG_TEXT, "[ADDR:]PORT",
	 "answers there too: the page, and REST; PORT alone is on 127.0.0.1"},
	{"--token-file", ARG_TEXT, "FILE", "what all but the page's own files ask for; mode 600"},
	{"--tls-cert", ARG_TEXT, "FILE", "PEM: https, which any address but loopback takes"},
	{"--tls-key", ARG_TEXT, "FILE", "its key, PEM; mode 600"},
	{"--allow-host", ARG_TEXTS, "NAME", "one more name under which it may be asked"},
	{"--allow-read", ARG_TEXTS, "DIR", "jobs may read there; with one of these, or --http, "
	 "they may touch nothing else"},
	{"--allow-write", ARG_TEXTS, "DIR", "jobs may write there, and read"},
	{"--allow-run", ARG_TEXTS, "DIR", "jobs may run programs of it: on_complete, ..."},
	{"--allow-secrets", ARG_TEXTS, "DIR", "jobs may take secrets from its files"},
	{"--allow-env", ARG_TEXTS, "NAME", "jobs may ask for that of the server's environment"},
	{"--no-landlock", ARG_FLAG, NULL, "the kernel is not asked to hold jobs to that as well"},
	{"--log-format", ARG_WORD, "text|json",
	 "json: its log, and those of its jobs, have one JSON object a line", .one_of = "text json"},
	{"--json", ARG_FLAG, NULL, "the same as --log-format json"},
	{0},
};

struct serve {
	struct cli *cli;
	struct log *log;
	const char *dir;
};

static void log_ready(const struct serve *v, unsigned jobs, unsigned running, const char *url)
{
	log_line(v->log, LOG_INFO, "SERVING dir %s pid %ld, %u jobs, %u to run%s%s", v->dir,
		 (long)getpid(), jobs, running, url ? ", page: " : "", url ? url : "");
}

static void on_ready(void *arg, unsigned jobs, unsigned running, const char *url)
{
	struct serve *v = arg;
	const struct paint *p = &v->cli->err;
	if (v->log->format == LOG_JSON) {
		log_ready(v, jobs, running, url);
		return;
	}
	fprintf(p->to, "%sweir%s  SERVING  dir %s  pid %ld", paint_on(p, PAINT_BOLD), paint_off(p),
		v->dir, (long)getpid());
	if (jobs)
		fprintf(p->to, "  %u job%s, %u to run", jobs, jobs == 1 ? "" : "s", running);
	if (url)
		fprintf(p->to, "\n page: %s/", url);
	fprintf(p->to, "\n %stry: weir submit JOB.json%s%s%s\n", paint_on(p, PAINT_DIM),
		strcmp(v->dir, REMOTE_DIR) ? " --dir " : "", strcmp(v->dir, REMOTE_DIR) ? v->dir : "",
		paint_off(p));
	fflush(p->to);
}

/* Absolute, so that clients are told places that mean the same to them. */
static char *absolute(struct mem *mem, const char *path)
{
	char cwd[4096];
	struct bytes b;
	if (path[0] == '/' || !getcwd(cwd, sizeof cwd))
		return mem_string(mem, path);
	bytes_init(&b, mem);
	bytes_printf(&b, "%s/%s", cwd, path);
	char *full = mem_string(mem, bytes_text(&b));
	bytes_close(&b);
	return full;
}

/* The options --allow-...; E_LIMIT, E_INVALID. */
static RC read_allow(struct allow *allow, struct mem *mem, const struct args *a, struct err *e)
{
	const char *text[ARGS_MAX];
	char option[32];
	allow_init(allow, mem);
	allow->landlock = !args_has(a, "--no-landlock");
	for (unsigned k = 0; k < ALLOW_KINDS; k++) {
		snprintf(option, sizeof option, "--allow-%s", allow_kind_name(k));
		size_t n = args_texts(a, option, text, ARGS_MAX);
		for (size_t i = 0; i < n && e->code == OK; i++) {
			char *full = k == ALLOW_ENV ? mem_string(mem, text[i]) : absolute(mem, text[i]);
			enum rc rc = full ? allow_add(allow, k, full, e)
					  : ERR(e, E_NO_MEMORY, "no memory for a path");
			mem_put(mem, full);
			if (rc != OK)
				return err_in(e, "%s", option);
		}
	}
	return e->code;
}

static bool wants_json(const struct args *a)
{
	return args_has(a, "--json") || !strcmp(args_text(a, "--log-format", "text"), "json");
}

/* Exit code. */
static int serve_fail(struct cli *c, struct log *log, const struct err *e)
{
	if (log->format == LOG_TEXT)
		return cli_fail(c, e);
	log_line(log, LOG_ERROR, "%s", e->text);
	return err_exit_code(e->code);
}

static int serve(struct cli *c, const struct args *a)
{
	struct err e = {0};
	struct mem *mem = c->env->mem;
	const char *home = getenv("WEIR_DIR");
	const char *dir = args_text(a, "--dir", home && *home ? home : REMOTE_DIR);
	struct log log = {.to = c->err.to, .format = wants_json(a) ? LOG_JSON : LOG_TEXT,
			  .least = LOG_INFO, .clock = c->env->clock,
			  .never_waits = true}; /* clients do not wait for who reads it */
	struct serve v = {.cli = c, .log = &log, .dir = dir};
	char *full = absolute(mem, dir);
	struct server_options o = {.env = c->env, .log = &log, .dir = full,
				   .config = args_text(a, "--config", NULL),
				   .program = "/proc/self/exe", .version = WEIR_VERSION,
				   .started_us = c->started_us,
				   .door = {.http = args_text(a, "--http", NULL),
					    .token_file = args_text(a, "--token-file", NULL),
					    .tls_cert = args_text(a, "--tls-cert", NULL),
					    .tls_key = args_text(a, "--tls-key", NULL)},
				   .ready = on_ready, .arg = &v};
	size_t hosts = args_texts(a, "--allow-host", o.door.hosts, DOOR_HOSTS_MAX);
	o.door.n_hosts = (unsigned)(hosts < DOOR_HOSTS_MAX ? hosts : DOOR_HOSTS_MAX);
	for (size_t n = full ? strlen(full) : 0; n > 1 && full[n - 1] == '/'; n--)
		full[n - 1] = '\0';
	struct allow allow;
	o.allow = &allow;
	enum rc rc = read_allow(&allow, mem, a, &e);
	if (rc == OK)
		rc = full ? server_run(&o, &e) : ERR(&e, E_NO_MEMORY, "no memory for a path");
	allow_close(&allow);
	mem_put(mem, full);
	return rc == OK ? 0 : serve_fail(c, &log, &e);
}

const struct verb verb_serve = {
	.name = "serve",
	.arguments = "[OPTION]...",
	.summary = "the runtime that stays: takes jobs, keeps them, and survives",
	.help =
		"Runs many jobs, each in a process of its own, and keeps them in a data directory: after\n"
		"a kill of the server, of a job or of the whole machine, what was running runs again\n"
		"from its newest checkpoint, and what was stopped stays stopped. SIGTERM or SIGINT: every\n"
		"job takes a checkpoint and stops, to go on with the next `weir serve`; a second signal\n"
		"ends at once.\n"
		"\n"
		"    weir serve &                          # in weir-server/\n"
		"    weir submit examples/word-count-slow.json\n"
		"    weir list\n"
		"\n"
		"    weir serve --dir /srv/weir --config defaults.json\n"
		"\n"
		"where defaults.json holds what jobs need not say, such as\n"
		"\n"
		"    { \"checkpoint\": { \"interval\": \"10s\" }, \"restart\": { \"initial\": \"5s\" } }\n"
		"\n"
		"It speaks HTTP on DIR/weir.sock (docs/REST.md), to its own user only. For a browser, or\n"
		"another machine, it listens on a port, and asks who comes for a token:\n"
		"\n"
		"    (umask 077; head -c 24 /dev/urandom | base64 > token)\n"
		"    weir serve --http 8080 --token-file token     # http://127.0.0.1:8080/\n"
		"    weir serve --http 0.0.0.0:8443 --token-file token \\\n"
		"               --tls-cert cert.pem --tls-key key.pem --allow-host weir.example.org\n"
		"\n"
		"Then jobs have their own directory, and of all else what is allowed to them:\n"
		"\n"
		"    weir serve --http 8080 --token-file token --allow-read in --allow-write out\n"
		"\n"
		"Exit codes: 0 stopped in order, 2 a wrong configuration or a door that is not safe,\n"
		"5 another server has the directory, or another process the port.",
	.least = 0,
	.most = 0,
	.options = options,
	.run = serve,
};
