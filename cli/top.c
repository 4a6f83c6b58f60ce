/* top.c - `weir top`: what every job of a server does at this moment, again and again.
 *
 *   { ask the server -> take the answer -> draw -> wait for a key or the next look }*
 *
 * Where nothing can be redrawn, or with --once, it is one look. */
#include "cli/canvas.h"
#include "cli/keyboard.h"
#include "cli/remote.h"
#include "cli/top_text.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const struct arg_def options[] = {
	REMOTE_OPTIONS,
	{"--once", ARG_FLAG, NULL, "one look, and the end"},
	{"--every", ARG_DURATION, "TIME", "how often to look (default: 1s)", 100000, 3600000000},
	{0},
};

#define EVERY_US 1000000
#define ONCE_BETWEEN_MS 500 /* rates are of two looks this far apart; by feel */

struct top {
	struct cli *cli;
	struct remote r;
	struct top_jobs jobs;
	struct canvas canvas;
	struct keyboard keys;
	int signals;            /* can be read after SIGINT or SIGTERM; -1: none */
	enum top_mode mode, before_help;
	char trouble[512];
};

/* ---- asking ---- */

static enum rc look(struct top *t, bool quiet, struct err *e)
{
	struct client_reply reply = {0};
	struct json_doc *doc = NULL;
	struct bytes path;
	struct mem *mem = t->cli->env->mem;
	bytes_init(&path, mem);
	if (t->r.job[0])
		remote_path(&t->r, &path, "");
	else
		bytes_put_text(&path, "/v1/jobs?facts=1");
	struct client_request q = {.method = "GET", .path = bytes_text(&path), .stop_fd = t->signals};
	enum rc rc = remote_call(&t->r, &q, &reply, e);
	if (rc == OK && t->r.json && !quiet)
		remote_print(&t->r, &reply);
	if (rc == OK && !t->r.json)
		rc = json_parse(&doc, bytes_text(&reply.body), reply.body.len, mem, NULL, e);
	if (rc == OK && !t->r.json)
		rc = top_jobs_take(&t->jobs, json_root(doc), e);
	json_close(doc);
	client_reply_close(&reply);
	bytes_close(&path);
	return rc;
}

/* ---- drawing ---- */

static void put_view(struct top *t, const struct paint *p, unsigned columns, unsigned rows,
		     struct bytes *to)
{
	const struct top_view v = {
		.jobs = &t->jobs, .paint = p, .where = t->r.server ? t->r.server : t->r.dir,
		.trouble = t->trouble, .mode = t->mode, .keys = t->keys.raw.terminal,
		.now_wall_us = clock_wall_us(t->cli->env->clock), .columns = columns, .rows = rows};
	top_text(&v, to);
}

static void draw(struct top *t)
{
	const struct paint none = {0};
	struct bytes text, plain;
	unsigned columns, rows;
	canvas_size(&t->canvas, &columns, &rows);
	columns = columns > 1 ? columns - 1 : 1; /* canvas_put wants the last one free */
	rows = rows > 1 ? rows - 1 : 1;
	bytes_init(&text, t->cli->env->mem);
	bytes_init(&plain, t->cli->env->mem);
	put_view(t, &t->cli->out, columns, rows, &text);
	put_view(t, &none, columns, rows, &plain);
	canvas_up(&t->canvas, false);
	canvas_put(&t->canvas, bytes_text(&text), bytes_text(&plain));
	canvas_flush(&t->canvas);
	bytes_close(&text);
	bytes_close(&plain);
}

/* ---- keys ---- */

/* False: that was all. */
static bool on_key(struct top *t, int key)
{
	if (t->mode == TOP_HELP) {
		t->mode = t->before_help;
		return key != 'q' && key != KEY_INTERRUPT && key != KEY_END;
	}
	switch (key) {
	case 'q':
	case KEY_INTERRUPT:
	case KEY_END:
		return false;
	case 'j':
	case KEY_DOWN:
		top_jobs_move(&t->jobs, 1);
		break;
	case 'k':
	case KEY_UP:
		top_jobs_move(&t->jobs, -1);
		break;
	case '\n':
	case '\r':
	case KEY_RIGHT:
		top_jobs_move(&t->jobs, 0);
		t->mode = TOP_STAGES;
		break;
	case KEY_ESCAPE:
	case KEY_LEFT:
	case 'b':
		t->mode = t->r.job[0] ? TOP_STAGES : TOP_JOBS;
		break;
	case 's':
		top_jobs_move(&t->jobs, 0); /* it stays chosen, wherever it goes */
		top_jobs_sort(&t->jobs, (enum top_order)((t->jobs.order + 1) % TOP_ORDERS));
		break;
	case '?':
	case 'h':
		t->before_help = t->mode;
		t->mode = TOP_HELP;
		break;
	default:
		break;
	}
	return true;
}

/* Until a key, a signal or so many milliseconds. False: the end. */
static bool wait_a_while(struct top *t, int ms, bool *pressed)
{
	struct pollfd p[] = {{.fd = t->signals, .events = POLLIN},
			     {.fd = t->keys.raw.terminal ? STDIN_FILENO : -1, .events = POLLIN}};
	*pressed = false;
	(void)poll(p, 2, ms);
	if (p[0].revents)
		return false;
	for (int key; p[1].revents && (key = keyboard_take(&t->keys)) != KEY_NONE; *pressed = true)
		if (!on_key(t, key))
			return false;
	return true;
}

/* ---- all of it ---- */

/* A server that goes is waited for: it is what one watches for. */
static enum rc watch(struct top *t, uint64_t every_us, struct err *e)
{
	struct clock *clock = t->cli->env->clock;
	bool pressed = false, shows = !t->r.json;
	uint64_t look_at = clock_mono_us(clock) + every_us;
	for (;;) {
		if (shows)
			draw(t);
		else
			fflush(t->cli->out.to);
		uint64_t now = clock_mono_us(clock);
		int ms = look_at > now ? (int)((look_at - now + 999) / 1000) : 0;
		if (!wait_a_while(t, ms, &pressed))
			return OK;
		if (clock_mono_us(clock) < look_at)
			continue;
		look_at = clock_mono_us(clock) + every_us;
		enum rc rc = look(t, false, e);
		if (rc == E_STOPPED)
			return OK;
		if (rc != OK && (rc != E_UNREACHABLE || !shows))
			return rc;
		snprintf(t->trouble, sizeof t->trouble, "%s", rc == OK ? "" : e->text);
		err_clear(e);
	}
}

static enum rc once(struct top *t, struct err *e)
{
	struct bytes text;
	if (t->r.json)
		return OK;
	poll(NULL, 0, ONCE_BETWEEN_MS);
	if (look(t, true, e) != OK)
		return e->code;
	bytes_init(&text, t->cli->env->mem);
	put_view(t, &t->cli->out, 0, 0, &text);
	fputs(bytes_text(&text), t->cli->out.to);
	bytes_close(&text);
	return OK;
}

static enum rc signals_open(struct top *t, struct err *e)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return t->signals < 0 ? err_errno(e, errno, "signals") : OK;
}

static enum rc run(struct top *t, const struct args *a, struct err *e)
{
	const struct paint *p = &t->cli->out;
	bool redraws = p->terminal && !args_has(a, "--once");
	if (look(t, false, e) != OK)
		return e->code;
	t->mode = t->r.job[0] ? TOP_STAGES : TOP_JOBS;
	if (args_has(a, "--once") || (!redraws && !t->r.json))
		return once(t, e);
	if (signals_open(t, e) != OK)
		return e->code;
	if (!t->r.json)
		keyboard_begin(&t->keys);
	enum rc rc = watch(t, args_duration_us(a, "--every", EVERY_US), e);
	keyboard_end(&t->keys);
	close(t->signals);
	return rc;
}

static int top(struct cli *c, const struct args *a)
{
	struct top t = {.cli = c, .signals = -1};
	struct err e = {0};
	int code = 0;
	top_jobs_init(&t.jobs, c->env->mem);
	canvas_init(&t.canvas, c->out.to, c->env->mem);
	enum rc rc = a->n_places ? remote_open_job(&t.r, c, a, &e) : remote_open(&t.r, c, a, &e);
	if (rc != OK || run(&t, a, &e) != OK)
		code = remote_fail(&t.r, &e);
	canvas_close(&t.canvas);
	top_jobs_close(&t.jobs);
	remote_close(&t.r);
	return code;
}

const struct verb verb_top = {
	.name = "top",
	.arguments = "[JOB] [OPTION]...",
	.summary = "every job live: rates, busy, checkpoints, the bottleneck, what is to come",
	.help = "Shows the jobs of a server, or the stages of one job, and looks again each second:\n"
		"records a second in and out, how busy the busiest stage is (# works, = waits for room\n"
		"downstream, . waits for input), the newest checkpoint, restarts. Below, of the chosen\n"
		"job: what holds it up, and what will be if all goes on as it does.\n"
		"\n"
		"    weir top --dir data\n"
		"    weir top word-count --dir data\n"
		"    weir top --dir weir-data/word-count        # a `weir run`\n"
		"    weir top --dir data --once | grep bottleneck\n"
		"    weir top --dir data --json | jq -c '.jobs[] | [.name, .bottleneck]'\n"
		"\n"
		"Keys: arrows or j and k choose, Enter shows its stages, Esc all jobs, s sorts, ? helps,\n"
		"q quits. Where nothing can be redrawn it is one look, as with --once.",
	.most = 1,
	.options = options,
	.run = top,
};
