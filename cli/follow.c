/* follow.c - see follow.h. */
#include "cli/follow.h"

#include "cli/board.h"
#include "cli/events.h"
#include "cli/job_view.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LINE_EVERY_US 5000000 /* status lines, where nothing is redrawn: as `weir run` */
#define TELL_EVERY_US 1000000 /* checkpoints are told at most this often */

struct follow {
	struct remote *r;
	struct board *board;       /* NULL: --json */
	struct events events;
	int signals;               /* can be read after SIGINT or SIGTERM; -1: none */
	char state[24], error[ERR_TEXT_MAX]; /* error: of its end */
	char told[ERR_TEXT_MAX];             /* the error printed last */
	uint64_t told_us;          /* when a checkpoint was told of last */
	bool any, over, removed;   /* any: an event came on this connection */
	struct facts facts;        /* the newest; those of the end say where it was just before */
	bool has_facts;
	uint64_t began_us;
	int exit;
};

/* Where lines go: below the picture once that is closed. */
static const struct paint *paint(const struct follow *f)
{
	return f->board ? board_paint(f->board) : &f->r->cli->err;
}

/* A line above what is redrawn. */
static void say(struct follow *f, const char *text)
{
	struct bytes line;
	bytes_init(&line, f->r->cli->env->mem);
	remote_put_plain(&line, text, 0);
	fprintf(paint(f)->to, "%s\n", bytes_text(&line));
	fflush(paint(f)->to);
	bytes_close(&line);
}

/* Each change of state; each error once, with the state it led to. A STARTING that follows an error
 * is about to say what becomes of it. */
static void say_job(struct follow *f, const struct job_view *job, bool news)
{
	char text[REMOTE_NAME_MAX + ERR_TEXT_MAX];
	bool failed = *job->error && strcmp(f->told, job->error) != 0 &&
		      (news || strcmp(job->state, "STARTING") != 0);
	if (failed)
		snprintf(f->told, sizeof f->told, "%s", job->error);
	if (!news && !failed)
		return;
	fprintf(paint(f)->to, "%s%s%s ", remote_state_colour(paint(f), job->state), job->state,
		paint_off(paint(f)));
	snprintf(text, sizeof text, "%s%s%s", f->r->job, failed ? "  " : "", failed ? job->error : "");
	say(f, text);
}

static void on_facts(struct follow *f, const struct json *v)
{
	struct facts facts;
	struct err ignored = {0}; /* without facts the picture stays as it was */
	if (!v || facts_read(&facts, v, f->r->cli->env->mem, &ignored) != OK)
		return;
	if (f->has_facts)
		facts_close(&f->facts);
	f->facts = facts;
	f->has_facts = true;
}

static void on_job(struct follow *f, const struct json *v)
{
	struct job_view job;
	struct err ignored = {0}; /* what is no job is no news */
	if (job_view_read(&job, v, &ignored) != OK)
		return;
	bool news = strcmp(f->state, job.state) != 0;
	snprintf(f->state, sizeof f->state, "%s", job.state);
	if (job.exit >= 0 && remote_state_is_final(job.state)) {
		f->over = true;
		f->exit = (int)job.exit;
		snprintf(f->error, sizeof f->error, "%s", job.error);
	}
	if (!f->board)
		return;
	on_facts(f, job.facts);
	if (f->has_facts && (news || job.facts)) {
		/* As the server counts them, over all processes. */
		f->facts.attempt = job.attempt > 0 ? (uint32_t)job.attempt : f->facts.attempt;
		snprintf(f->facts.state, sizeof f->facts.state, "%s", job.state);
		board_update(f->board, &f->facts);
	}
	if (!f->over)
		say_job(f, &job, news);
}

/* The last line, below the picture. */
static void say_over(struct follow *f)
{
	const struct paint *p = paint(f);
	char took[PAINT_TEXT], text[REMOTE_NAME_MAX + ERR_TEXT_MAX + PAINT_TEXT];
	text_us(clock_mono_us(f->r->cli->env->clock) - f->began_us, took);
	fprintf(p->to, "%s%s%s ", remote_state_colour(p, f->state), f->state, paint_off(p));
	if (!strcmp(f->state, "FAILED"))
		snprintf(text, sizeof text, "%s: %s", f->r->job, f->error);
	else
		snprintf(text, sizeof text, "%s in %s", f->r->job, took);
	say(f, text);
}

static void on_checkpoint(struct follow *f, const struct json *v)
{
	struct record_view r;
	struct err ignored = {0};
	char text[RECORD_TEXT + ERR_TEXT_MAX];
	uint64_t now = clock_mono_us(f->r->cli->env->clock);
	if (!f->board || record_view_read(&r, v, &ignored) != OK)
		return;
	if (!r.completed)
		snprintf(text, sizeof text, " checkpoint %" PRId64 " was given up: %s", r.id, r.error);
	else if (board_redraws(f->board) || (f->told_us && now - f->told_us < TELL_EVERY_US))
		return; /* the picture shows the newest one */
	else
		snprintf(text, sizeof text, " checkpoint %" PRId64 " completed: %s", r.id,
			 record_view_text(&r, (char[RECORD_TEXT]){0}));
	f->told_us = now;
	say(f, text);
}

/* The recovery report: lines that stand for themselves. */
static void on_recovery(struct follow *f, const struct json *v)
{
	const struct json *lines = json_get(v, "lines");
	size_t len;
	if (!f->board || !lines || json_kind(lines) != JSON_STRING)
		return;
	const char *text = json_string(lines, &len);
	for (size_t i = 0; i < len; i++)
		fputc(text[i] == '\n' || (unsigned char)text[i] >= 0x20 ? text[i] : '?', paint(f)->to);
	if (len && text[len - 1] != '\n')
		fputc('\n', paint(f)->to);
	fflush(paint(f)->to);
}

static bool on_event(void *arg, const char *event, const char *data, size_t len)
{
	struct follow *f = arg;
	struct json_doc *doc;
	struct err ignored = {0};
	f->any = true;
	if (f->r->json)
		remote_print_event(f->r, event, data);
	if (!strcmp(event, "removed"))
		f->removed = true;
	if (json_parse(&doc, data, len, f->r->cli->env->mem, NULL, &ignored) != OK)
		return !f->removed;
	if (json_kind(json_root(doc)) == JSON_OBJECT) {
		if (!strcmp(event, "job"))
			on_job(f, json_root(doc));
		else if (!strcmp(event, "checkpoint"))
			on_checkpoint(f, json_root(doc));
		else if (!strcmp(event, "recovery"))
			on_recovery(f, json_root(doc));
	}
	json_close(doc);
	return !f->over && !f->removed;
}

static bool on_data(void *arg, const char *data, size_t len)
{
	struct follow *f = arg;
	return events_take(&f->events, data, len);
}

/* ---- the connection ---- */

/* One stream, from its beginning to its end. *again: it was cut while the server stands (it breaks
 * off who reads too slowly). */
static enum rc stream_once(struct follow *f, bool *again, struct err *e)
{
	struct mem *mem = f->r->cli->env->mem;
	struct client_reply reply = {0};
	struct bytes path;
	f->any = *again = false;
	events_init(&f->events, on_event, f, mem);
	bytes_init(&path, mem);
	remote_path(f->r, &path, "/events");
	struct client_request q = {.method = "GET", .path = bytes_text(&path), .stop_fd = f->signals,
				   .accept = "text/event-stream", .on_data = on_data, .arg = f};
	enum rc rc = bytes_ok(&path) ? remote_call(f->r, &q, &reply, e)
				     : ERR(e, E_NO_MEMORY, "no memory for a request");
	bool streamed = reply.stream, too_long = f->events.failed;
	client_reply_close(&reply);
	bytes_close(&path);
	events_close(&f->events);
	if (f->over)
		return OK;
	if (f->removed)
		return ERR(e, E_NOT_FOUND, "job '%s' was removed meanwhile", f->r->job);
	if (too_long)
		return ERR(e, E_NO_MEMORY, "an event of '%s' is too long for this machine", f->r->job);
	if (rc == E_STOPPED)
		return rc;
	*again = f->any && (rc == OK || streamed);
	return rc == OK ? ERR(e, E_UNREACHABLE, "the server ended") : rc;
}

static enum rc stream(struct follow *f, struct err *e)
{
	bool again;
	enum rc rc = stream_once(f, &again, e);
	while (rc == E_UNREACHABLE && again) {
		err_clear(e);
		rc = stream_once(f, &again, e);
	}
	if (rc == E_UNREACHABLE)
		err_in(e, "job '%s' goes on when its server does", f->r->job);
	return rc;
}

/* SIGINT and SIGTERM become readable, so that they end the watching and nothing else. */
static enum rc signals_open(struct follow *f, sigset_t *before, struct err *e)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, before);
	f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return f->signals < 0 ? err_errno(e, errno, "signals") : OK;
}

static void signals_close(struct follow *f, const sigset_t *before)
{
	struct signalfd_siginfo taken;
	if (f->signals >= 0) {
		while (read(f->signals, &taken, sizeof taken) > 0)
			;
		close(f->signals);
	}
	sigprocmask(SIG_SETMASK, before, NULL);
}

RC follow(struct remote *r, int *exit, struct err *e)
{
	struct cli *c = r->cli;
	struct follow f = {.r = r, .signals = -1, .began_us = clock_mono_us(c->env->clock)};
	struct board_options o = {.paint = &c->err, .clock = c->env->clock, .mem = c->env->mem,
				  .line_every_us = LINE_EVERY_US};
	sigset_t before;
	*exit = 0;
	enum rc rc = signals_open(&f, &before, e);
	if (rc == OK && !r->json)
		rc = board_open(&f.board, &o, e);
	if (rc == OK)
		rc = stream(&f, e);
	board_close(f.board);
	f.board = NULL;
	if (rc == OK && !r->json)
		say_over(&f);
	if (f.has_facts)
		facts_close(&f.facts);
	signals_close(&f, &before);
	*exit = f.exit;
	return rc;
}
