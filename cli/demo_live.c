/* demo_live.c - `weir demo --interactive`: the words are counted at a server of the demo's own,
 * with its page, and whoever watches kills the worker: with k here, with `Kill -9` there. See
 * demo.h.
 *
 *   weir serve --http 127.0.0.1:0 -> submit -> { k: kill -9 }* -> FINISHED -> tr | sort | uniq -c
 *                                              q: no pace any more, to the end */
#include "cli/board.h"
#include "cli/client.h"
#include "cli/demo.h"
#include "cli/job_view.h"
#include "cli/key_press.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define SERVER DEMO_DIR "/server"
#define LOOK_EVERY_MS 250
#define BEGIN_US 30000000ull /* then something is wrong with the server */

struct live {
	struct demo *d;
	struct demo_child server;
	struct client *client;
	struct board *board;
	struct key_press keys;
	char token[49];
	char state[24], error[ERR_TEXT_MAX];
	int64_t attempt;    /* the newest heard of */
	unsigned kills;
	bool hurried, over;
};

static const struct paint *paint(const struct live *v)
{
	return v->board ? board_paint(v->board) : v->d->paint;
}

/* ---- asking the server ---- */

static void error_of(struct live *v, struct client_reply *reply, struct err *e)
{
	struct json_doc *doc = NULL;
	struct err ignored = {0}; /* then it is said as it came */
	const struct json *m = NULL;
	size_t len;
	if (json_parse(&doc, bytes_text(&reply->body), reply->body.len, v->d->env->mem, NULL,
		       &ignored) == OK && json_kind(json_root(doc)) == JSON_OBJECT)
		m = json_get(json_root(doc), "message");
	bool said = m && json_kind(m) == JSON_STRING;
	(void)!ERR(e, E_REFUSED, "%.400s", said ? json_string(m, &len) : bytes_text(&reply->body));
	json_close(doc);
}

static RC ask(struct live *v, struct client_request *q, struct client_reply *reply, struct err *e)
{
	q->stop_fd = -1;
	enum rc rc = client_call(v->client, q, reply, e);
	if (rc == OK && reply->status >= 400) {
		error_of(v, reply, e);
		rc = e->code;
	}
	return rc;
}

/* The demo's job, a new one or in place of the one that runs. */
static RC submit(struct live *v, const char *more, struct err *e)
{
	struct env *env = v->d->env;
	struct bytes path;
	struct client_reply reply = {0};
	uint8_t *text;
	size_t len;
	if (fs_read_all(env->fs, DEMO_DIR "/job.json", 1 << 20, &text, &len, e) != OK)
		return e->code;
	char *file = realpath(DEMO_DIR "/job.json", NULL);
	bytes_init(&path, env->mem);
	bytes_put_text(&path, "/v1/jobs?file=");
	client_escape(&path, file ? file : "");
	bytes_put_text(&path, more);
	struct client_request q = {.method = "POST", .path = bytes_text(&path), .body = text,
				   .len = len};
	enum rc rc = file ? ask(v, &q, &reply, e) : err_errno(e, errno, DEMO_DIR "/job.json");
	client_reply_close(&reply);
	bytes_close(&path);
	free(file);
	mem_put(env->mem, text);
	return rc;
}

/* ---- the server ---- */

/* What the page shows to be let in. */
static RC make_token(struct live *v, struct err *e)
{
	unsigned char random[24];
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return err_errno(e, errno, "random numbers for a token");
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(v->token + 2 * i, 3, "%02x", random[i]);
	int fd = open(DEMO_DIR "/token", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, errno, "create " DEMO_DIR "/token");
	bool written = write(fd, v->token, sizeof v->token - 1) == (ssize_t)sizeof v->token - 1;
	close(fd);
	return written ? OK : err_errno(e, errno, "write " DEMO_DIR "/token");
}

static RC begin_server(struct live *v, struct err *e)
{
	const struct demo_text *text = &v->d->text; /* where it stands, unless it was copied */
	char read[4096];
	char *const argv[] = {"weir", "serve", "--dir", SERVER, "--http", "127.0.0.1:0", "--token-file",
			      DEMO_DIR "/token", "--allow-write", DEMO_DIR, "--allow-read", read, NULL};
	if (text->folder)
		snprintf(read, sizeof read, "%s", text->path);
	else
		fs_dirname(text->path, read, sizeof read);
	struct client_place at = {.dir = SERVER};
	struct clock *clock = v->d->env->clock;
	uint64_t until_us = clock_mono_us(clock) + BEGIN_US;
	if (make_token(v, e) != OK || demo_child_weir(&v->server, argv, true, NULL, e) != OK)
		return e->code;
	while (!v->server.page[0]) {
		if (!demo_child_read(&v->server, clock, 100) || clock_mono_us(clock) > until_us)
			return ERR(e, E_UNREACHABLE, "the demo's server did not begin: %s",
				   v->server.trouble);
	}
	return client_open(&v->client, &at, v->d->env->mem, e);
}

/* ---- what is seen ---- */

static void introduce(struct live *v)
{
	char words[PAINT_TEXT];
	const struct paint *p = v->d->paint;
	fprintf(p->to,
		"%sweir demo --interactive%s: counts the words of %s (%s),\n"
		"  a checkpoint each 100 ms, paced to last %.0f s. The page of its server:\n\n"
		"  %s#token=%s&/jobs/demo\n\n"
		"  %sk%s  kill -9 its worker, in the middle of it: here, or there with Kill -9\n"
		"  %sq%s  let it run to the end as fast as it can, and compare with tr | sort | "
		"uniq -c\n\n",
		paint_on(p, PAINT_BOLD), paint_off(p), v->d->text.path,
		text_many(v->d->text.words, "word", words), v->d->seconds, v->server.page, v->token,
		paint_on(p, PAINT_BOLD), paint_off(p), paint_on(p, PAINT_BOLD), paint_off(p));
	fflush(p->to);
}

/* Each death is an attempt more, whoever killed. A replacement counts anew. */
static void note_attempt(struct live *v, const struct job_view *job)
{
	const struct paint *p = paint(v);
	int64_t deaths = job->attempt > v->attempt ? job->attempt - v->attempt : 0;
	if (v->attempt && deaths) {
		v->kills += (unsigned)deaths;
		fprintf(p->to, "%skilled%s, %u time%s now: a new process goes on from checkpoint %" PRId64
			       "\n", paint_on(p, PAINT_RED), paint_off(p), v->kills,
			v->kills == 1 ? "" : "s", job->checkpoint);
		fflush(p->to);
	}
	v->attempt = job->attempt;
}

static void note_job(struct live *v, const struct job_view *job)
{
	struct facts f;
	struct err ignored = {0}; /* without facts the picture stays as it was */
	note_attempt(v, job);
	snprintf(v->state, sizeof v->state, "%s", job->state);
	snprintf(v->error, sizeof v->error, "%s", job->error);
	v->over = !strcmp(v->state, "FINISHED") || !strcmp(v->state, "FAILED") ||
		  !strcmp(v->state, "CANCELLED");
	if (!job->facts || facts_read(&f, job->facts, v->d->env->mem, &ignored) != OK)
		return;
	f.attempt = (uint32_t)job->attempt;
	snprintf(f.state, sizeof f.state, "%s", job->state);
	board_update(v->board, &f);
	facts_close(&f);
}

static RC look(struct live *v, struct err *e)
{
	struct client_request q = {.method = "GET", .path = "/v1/jobs/demo"};
	struct client_reply reply = {0};
	struct json_doc *doc = NULL;
	struct job_view job;
	enum rc rc = ask(v, &q, &reply, e);
	if (rc == OK)
		rc = json_parse(&doc, bytes_text(&reply.body), reply.body.len, v->d->env->mem, NULL, e);
	if (rc == OK)
		rc = job_view_read(&job, json_root(doc), e);
	if (rc == OK)
		note_job(v, &job);
	json_close(doc);
	client_reply_close(&reply);
	return rc;
}

/* ---- what is pressed ---- */

static void say(struct live *v, const char *text)
{
	fprintf(paint(v)->to, "%s\n", text);
	fflush(paint(v)->to);
}

static void press_kill(struct live *v)
{
	struct client_request q = {.method = "POST", .path = "/v1/jobs/demo/kill"};
	struct client_reply reply = {0};
	struct err e = {0};
	if (ask(v, &q, &reply, &e) != OK)
		say(v, e.text);
	client_reply_close(&reply);
}

/* What is asked too early is asked again with the next key. */
static void press_end(struct live *v)
{
	struct err e = {0};
	if (v->hurried)
		return;
	v->hurried = submit(v, "&replace=1&set=pipeline.lines.rate%3D1000000000", &e) == OK;
	if (v->hurried)
		v->attempt = 0;
	say(v, v->hurried ? "to the end, without a pace" : e.text);
}

/* The next key, 0: none within this time. */
static int press(int timeout_ms)
{
	char key = 0;
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	if (poll(&p, 1, timeout_ms) <= 0)
		return 0;
	return read(STDIN_FILENO, &key, 1) == 1 ? (unsigned char)key : KEY_INTERRUPT;
}

static RC watch(struct live *v, struct err *e)
{
	while (!v->over) {
		int key = press(LOOK_EVERY_MS);
		if (key == 'k' || key == 'K')
			press_kill(v);
		else if (key == 'q' || key == 'Q')
			press_end(v);
		else if (key == KEY_INTERRUPT)
			return ERR(e, E_STOPPED, "given up: what it counted until then stands in " DEMO_DIR);
		/* Its log is read so that it never waits. */
		if (!demo_child_read(&v->server, v->d->env->clock, 0))
			return ERR(e, E_UNREACHABLE, "the demo's server ended: %s", v->server.trouble);
		if (look(v, e) != OK)
			return e->code;
	}
	if (!strcmp(v->state, "FINISHED"))
		return OK;
	return ERR(e, E_IO, "the demo's job is %s: %s", v->state, v->error);
}

static RC play(struct live *v, struct err *e)
{
	struct board_options o = {.paint = v->d->paint, .clock = v->d->env->clock,
				  .mem = v->d->env->mem};
	if (begin_server(v, e) != OK || submit(v, "", e) != OK)
		return e->code;
	introduce(v);
	if (board_open(&v->board, &o, e) != OK)
		return e->code;
	key_press_begin(&v->keys);
	enum rc rc = watch(v, e);
	board_close(v->board);
	v->board = NULL;
	return rc;
}

RC demo_live(struct demo *d, bool *right, struct err *e)
{
	struct live *v = mem_get(d->env->mem, sizeof *v);
	if (!v)
		return ERR(e, E_NO_MEMORY, "no memory for the demo");
	v->d = d;
	demo_child_init(&v->server, d->env->mem);
	enum rc rc = play(v, e);
	if (rc == OK)
		rc = demo_verdict_live(d, v->kills, right, e);
	if (rc == OK && !v->hurried) {
		fprintf(d->paint->to, "The page stays until you press a key.\n");
		fflush(d->paint->to);
		while (!press(LOOK_EVERY_MS) && demo_child_read(&v->server, d->env->clock, 0))
			;
	}
	key_press_end(&v->keys);
	client_close(v->client);
	demo_child_close(&v->server);
	mem_put(d->env->mem, v);
	return rc;
}
