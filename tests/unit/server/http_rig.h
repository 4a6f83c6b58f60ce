/* http_rig.h - a server and its clients on one loop, in one thread: the tests of the HTTP door.
 * What a client hears comes over real sockets; the loop runs until a fact that is waited for. */
#pragma once
#include "server/http.h"

#include "base/check.h"
#include "base/env.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RIG_KEPT 300
#define PATIENCE_MS 10000 /* for a fact that must come; a failure, not a time */

struct rig {
	struct mem mem;
	struct loop *loop;
	struct loop_timer *tick;
	struct http *http;
	char root[64], dir[600];
	/* what the handler saw */
	unsigned requests, n_kept, gone, streams_gone;
	struct http_request *kept[RIG_KEPT], *gone_request;
	struct http_stream *stream;
	size_t body_len;
	/* what is waited for */
	bool (*is_true)(void *arg);
	void *arg;
	unsigned ticks;
	bool came;
};

struct client {
	int fd;
	char *text; /* what came and was not taken, with a NUL */
	size_t len, cap;
	bool closed;
};

/* ---- the server's side ---- */

static inline void rig_stream_gone(void *arg)
{
	struct rig *g = arg;
	g->streams_gone++;
	g->stream = NULL;
}

/* /echo answers what it was asked, /keep keeps, /stream streams, all else is 404. */
static inline void rig_handle(void *arg, struct http_request *r)
{
	struct rig *g = arg;
	const char *path = http_path(r);
	const char *body = http_body(r, &g->body_len);
	g->requests++;
	CHECK(body[g->body_len] == '\0');
	if (strcmp(path, "/keep") == 0) {
		CHECK(g->n_kept < RIG_KEPT);
		http_set_context(r, g);
		g->kept[g->n_kept++] = r;
	} else if (strcmp(path, "/stream") == 0) {
		struct err e = {0};
		CHECK(http_stream_open(&g->stream, r, "text/event-stream", rig_stream_gone, g, &e) == OK);
	} else if (strncmp(path, "/echo", 5) == 0) {
		struct bytes b;
		bytes_init(&b, &g->mem);
		bytes_printf(&b, "%s %s", http_method(r), path);
		const char *name;
		for (unsigned i = 0; (name = http_query_name(r, i)); i++)
			bytes_printf(&b, " [%s=%s]", name, http_query(r, name, 0));
		bytes_printf(&b, " <%s>", g->body_len < 100 ? body : "long");
		http_answer(r, 200, "text/plain", (const char *)b.data, b.len);
		bytes_close(&b);
	} else {
		http_answer(r, 404, "application/json", "{}", 2);
	}
}

static inline void rig_gone(void *arg, struct http_request *r)
{
	struct rig *g = arg;
	CHECK(http_context(r) == g);
	g->gone++;
	g->gone_request = r;
}

static inline void rig_tick(void *arg)
{
	struct rig *g = arg;
	g->came = g->is_true(g->arg);
	if (g->came || ++g->ticks > PATIENCE_MS)
		loop_stop(g->loop);
}

static inline bool rig_wait(struct rig *g, bool (*is_true)(void *arg), void *arg)
{
	g->is_true = is_true;
	g->arg = arg;
	g->ticks = 0;
	g->came = is_true(arg);
	if (!g->came)
		loop_run(g->loop);
	return g->came;
}

/* A few turns, so that what should not happen could. */
static inline bool rig_count_down(void *arg)
{
	unsigned *left = arg;
	return (*left)-- == 0;
}
static inline void rig_turns(struct rig *g, unsigned ticks)
{
	EXPECT(rig_wait(g, rig_count_down, &ticks));
}

/* `more` says what the rig does not: deadlines, late, tcp, admit; and gone, for a test whose
 * requests have a context of their own. */
static inline void rig_open_with(struct rig *g, const char *below, const struct http_config *more)
{
	struct err e = {0};
	struct http_config c = *more;
	memset(g, 0, sizeof *g);
	mem_init(&g->mem, 0);
	snprintf(g->root, sizeof g->root, "/tmp/weir-http-XXXXXX");
	EXPECT(mkdtemp(g->root) != NULL);
	snprintf(g->dir, sizeof g->dir, "%s%s%s", g->root, *below ? "/" : "", below);
	EXPECT(!*below || mkdir(g->dir, 0700) == 0);
	EXPECT_OK(loop_open(&g->loop, &g->mem, &e), &e);
	EXPECT_OK(loop_timer_open(&g->tick, g->loop, rig_tick, g, &e), &e);
	loop_timer_every(g->tick, 1000);
	c.loop = g->loop;
	c.mem = &g->mem;
	c.clock = clock_real();
	c.dir = g->dir;
	c.name = "weir.sock";
	c.handler = rig_handle;
	c.gone = more->gone ? more->gone : rig_gone;
	c.arg = c.admit_arg = g;
	EXPECT_OK(http_open(&g->http, &c, &e), &e);
}

/* With `late` its library is opened for the first client. */
static inline void rig_open_as(struct rig *g, const char *below, uint64_t header_us,
			       uint64_t body_us, bool late)
{
	const struct http_config more = {.late = late, .header_deadline_us = header_us,
					 .body_deadline_us = body_us};
	rig_open_with(g, below, &more);
}

static inline void rig_open_at(struct rig *g, const char *below, uint64_t header_us,
			       uint64_t body_us)
{
	rig_open_as(g, below, header_us, body_us, false);
}

static inline void rig_open(struct rig *g)
{
	rig_open_at(g, "", 0, 0);
}

/* All memory is back, and the socket is removed. */
static inline void rig_close(struct rig *g)
{
	struct stat st;
	char path[700];
	http_close(g->http);
	loop_timer_close(&g->tick);
	loop_close(g->loop);
	assert_int_equal(g->mem.used_bytes, 0);
	snprintf(path, sizeof path, "%s/weir.sock", g->dir);
	EXPECT(lstat(path, &st) != 0 && errno == ENOENT);
	EXPECT(rmdir(g->dir) == 0);
	EXPECT(strcmp(g->dir, g->root) == 0 || rmdir(g->root) == 0);
}

/* ---- the clients' side ---- */

static inline int rig_connect_tcp(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&at, sizeof at) || fcntl(fd, F_SETFL, O_NONBLOCK)) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline int rig_connect(struct rig *g)
{
	if (http_port(g->http))
		return rig_connect_tcp(http_port(g->http));
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int dir = open(g->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/weir.sock", dir);
	int failed = connect(fd, (struct sockaddr *)&at, sizeof at) ? errno : 0;
	close(dir);
	if (!failed)
		return fd;
	close(fd);
	errno = failed;
	return -1;
}

static inline void client_open(struct client *c, struct rig *g)
{
	*c = (struct client){.fd = rig_connect(g)};
	EXPECT(c->fd >= 0);
}

static inline void client_close(struct client *c)
{
	close(c->fd);
	free(c->text);
	*c = (struct client){.fd = -1};
}

/* Everything, or the client was hung up on. */
static inline void client_say_n(struct rig *g, struct client *c, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = send(c->fd, text + at, len - at, MSG_NOSIGNAL);
		if (n > 0)
			at += (size_t)n;
		else if (errno == EAGAIN)
			rig_turns(g, 1);
		else
			return;
	}
}

static inline void client_say(struct rig *g, struct client *c, const char *text)
{
	client_say_n(g, c, text, strlen(text));
}

static inline void client_listen(struct client *c)
{
	while (!c->closed) {
		if (c->cap - c->len < 65537) {
			c->cap = c->cap * 2 + 65537;
			c->text = realloc(c->text, c->cap);
			CHECK(c->text);
		}
		ssize_t n = recv(c->fd, c->text + c->len, c->cap - c->len - 1, 0);
		if (n < 0 && errno == EAGAIN)
			return;
		c->closed = n <= 0;
		c->len += n > 0 ? (size_t)n : 0;
		c->text[c->len] = '\0';
	}
}

static inline bool client_is_closed(void *arg)
{
	struct client *c = arg;
	client_listen(c);
	return c->closed;
}

/* The length of the first whole answer, 0: not yet. One without a length ends with the connection,
 * or, chunked, with its last chunk. */
static inline size_t client_answer_len(struct client *c)
{
	client_listen(c);
	char *body = c->len ? strstr(c->text, "\r\n\r\n") : NULL;
	if (!body)
		return 0;
	body += 4;
	char *length = strcasestr(c->text, "content-length:");
	if (length && length < body) {
		size_t all = (size_t)(body - c->text) + strtoul(length + 15, NULL, 10);
		return all <= c->len ? all : 0;
	}
	char *end = strstr(body - 2, "\r\n0\r\n\r\n");
	return end ? (size_t)(end - c->text) + 7 : c->closed ? c->len : 0;
}
static inline bool client_has_answer(void *arg)
{
	struct client *c = arg;
	return client_answer_len(c) > 0;
}

/* Waits for one answer and takes it: its status; its text in to, if it fits. */
static inline int client_hear(struct rig *g, struct client *c, char *to, size_t size)
{
	bool came = rig_wait(g, client_has_answer, c);
	if (!came)
		fail_msg("no answer but '%s'%s", c->len ? c->text : "", c->closed ? ", closed" : "");
	size_t len = client_answer_len(c);
	CHECK(len < size);
	memcpy(to, c->text, len);
	to[len] = '\0';
	memmove(c->text, c->text + len, c->len - len + 1);
	c->len -= len;
	EXPECT(strncmp(to, "HTTP/1.1 ", 9) == 0);
	return atoi(to + 9);
}

static inline const char *body_of(const char *answer)
{
	const char *body = strstr(answer, "\r\n\r\n");
	return body ? body + 4 : "(no body)";
}

/* One request on a connection of its own. */
static inline int ask(struct rig *g, const char *request, size_t len, char *to, size_t size)
{
	struct client c;
	client_open(&c, g);
	client_say_n(g, &c, request, len);
	int status = client_hear(g, &c, to, size);
	client_close(&c);
	return status;
}

static inline bool rig_has_kept(void *arg)
{
	struct rig *g = arg;
	return g->n_kept > 0;
}
static inline bool rig_has_gone(void *arg)
{
	struct rig *g = arg;
	return g->gone > 0;
}
static inline bool rig_has_stream(void *arg)
{
	struct rig *g = arg;
	return g->stream != NULL;
}
static inline bool rig_stream_is_gone(void *arg)
{
	struct rig *g = arg;
	return g->streams_gone > 0;
}
static inline bool rig_is_empty(void *arg)
{
	struct rig *g = arg;
	return http_counts(g->http).connections == 0;
}
