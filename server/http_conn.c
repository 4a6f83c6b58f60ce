/* http_conn.c - connections: in and out of the library, asleep and awake, hung up, too slow.
 * Why deadlines of our own: the library's begin anew with every byte, so that who dribbles is never
 * too slow for it. Why an epoll descriptor of our own: the library does not look at
 * connections that are suspended. Who is watched how: inv 2. */
#include "server/http_in.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HUPS_A_TURN 64
#define NEVER_S 1000000u
/* Events that the library makes nothing of: pieces of a header, or what it does not read now. Few,
 * for each costs a turn, and who sends on without reading has as many with each answer. */
#define VAIN_MAX 8

/* ---- deadlines ---- */

static void deadline_set(struct http *h, uint64_t now_us, uint64_t at_us)
{
	if (at_us >= h->deadline_at_us)
		return;
	h->deadline_at_us = at_us;
	loop_timer_set(h->deadline, at_us > now_us ? at_us - now_us : 0);
}

void conn_deadline(struct conn *c, uint64_t after_us)
{
	c->deadline_us = UINT64_MAX;
	if (!after_us)
		return;
	struct http *h = c->http;
	uint64_t now_us = h->running ? h->turn_us : clock_mono_us(h->config.clock);
	c->deadline_us = now_us + after_us;
	deadline_set(h, now_us, c->deadline_us);
}

/* The library sends nothing while it receives, so a word to the client does not get mixed up. */
static void expire(struct conn *c)
{
	struct http_request *r = c->request;
	if (r && r->state == REQUEST_LATE) {
		http_answer_late(r);
		return;
	}
	if (r && r->state == REQUEST_RECEIVED)
		http_raw(c->http, c->fd, "408 Request Timeout", "E_TIMEOUT", r->begun ?
			 "the body did not come in time" : "the header did not come in time");
	if (r || !c->served)
		c->http->counts.refused++;
	conn_break(c);
}

void conn_on_deadline(void *arg)
{
	struct http *h = arg;
	uint64_t now_us = clock_mono_us(h->config.clock), next_us = UINT64_MAX;
	h->deadline_at_us = UINT64_MAX;
	for (struct conn *c = h->first; c; c = c->next) {
		if (c->deadline_us <= now_us) {
			c->deadline_us = UINT64_MAX;
			expire(c);
		} else if (c->deadline_us < next_us) {
			next_us = c->deadline_us;
		}
	}
	if (next_us != UINT64_MAX)
		deadline_set(h, now_us, next_us);
}

/* ---- who is watched ---- */

void conn_direct(struct conn *c, bool direct)
{
	if (!c->watch || direct == c->direct)
		return;
	c->direct = direct;
	c->http->n_direct += direct ? 1 : -1u;
	loop_watch_for(c->watch, direct ? LOOP_READ : 0);
}

/* What the library does not read now would be told of again and again; its own descriptor tells of
 * each change once. */
static void on_ready(void *arg, int events, int error)
{
	struct conn *c = arg;
	(void)events;
	if (error || ++c->vain > VAIN_MAX)
		conn_direct(c, false);
	http_turn_soon(c->http);
}

void conn_watch_inner(struct http *h)
{
	bool inner = h->n_busy || h->counts.connections > h->n_direct + h->n_suspended;
	if (h->closing)
		return;
	if (inner != h->inner)
		loop_watch_for(h->watch, inner ? LOOP_READ : 0);
	h->inner = inner;
}

/* ---- connections ---- */

static void conn_free(struct conn *c)
{
	if (!c)
		return;
	loop_watch_close(&c->watch);
	mem_put(c->http->mem, c);
}

static RC conn_open(struct conn **out, struct http *h, int fd, struct err *e)
{
	struct conn *c = *out = mem_get(h->mem, sizeof *c);
	if (!c)
		return ERR(e, E_NO_MEMORY, "no memory for a connection");
	*c = (struct conn){.http = h, .fd = fd, .deadline_us = UINT64_MAX, .known = !h->config.tcp};
	/* Hang-ups are always reported; nothing else is asked for. */
	struct epoll_event hup = {.events = EPOLLET, .data.ptr = c};
	bool tls = h->config.tcp && h->config.tcp->cert;
	if (!tls && loop_watch_open(&c->watch, h->config.loop, fd, on_ready, c, e) != OK)
		return e->code;
	if (epoll_ctl(h->hup_fd, EPOLL_CTL_ADD, fd, &hup))
		return err_errno(e, errno, "cannot watch a connection");
	return OK;
}

void conn_add(struct http *h, int fd)
{
	struct conn *c;
	struct err e = {0};
	if (conn_open(&c, h, fd, &e) != OK) {
		conn_free(c);
		h->counts.refused++;
		http_raw(h, fd, "503 Service Unavailable", "E_LIMIT", "no memory for another client");
		close(fd);
		return;
	}
	/* Whose address it is does not matter to anybody; what kind does, to the library. */
	struct sockaddr_un from = {.sun_family = AF_UNIX};
	const struct address *at = h->config.tcp ? h->config.tcp->at : NULL;
	const struct sockaddr *name = at ? &at->at.any : (struct sockaddr *)&from;
	h->adding = c;
	/* It takes fd, and closes it too when it fails. It has told us of the connection, or not. */
	if (h->mhd.add(h->daemon, fd, name, at ? at->len : sizeof from.sun_family) != MHD_YES) {
		h->counts.refused++;
		conn_free(h->adding);
	}
	h->adding = NULL;
}

bool conn_make_room(struct http *h)
{
	struct conn *oldest = NULL;
	if (h->counts.connections - h->n_broken < HTTP_CONNECTIONS_MAX)
		return true;
	for (struct conn *c = h->first; c; c = c->next)
		if (!c->known && !c->broken)
			oldest = c; /* the newest is the first */
	if (!oldest)
		return false;
	h->counts.refused++;
	conn_break(oldest);
	return true;
}

void conn_notified(void *arg, struct MHD_Connection *mhd, void **context,
		   enum MHD_ConnectionNotificationCode what)
{
	struct http *h = arg;
	h->progress++;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		struct conn *c = *context = h->adding;
		h->adding = NULL;
		c->mhd = mhd;
		c->next = h->first;
		if (c->next)
			c->next->prev = c;
		h->first = c;
		h->counts.connections++;
		conn_deadline(c, h->config.header_deadline_us);
		conn_direct(c, true);
		conn_watch_inner(h);
		return;
	}
	struct conn *c = *context;
	CHECK(!c->request);
	conn_direct(c, false);
	epoll_ctl(h->hup_fd, EPOLL_CTL_DEL, c->fd, NULL);
	*(c->prev ? &c->prev->next : &h->first) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	h->counts.connections--;
	h->n_broken -= c->broken;
	conn_free(c);
	*context = NULL;
}

void request_suspend(struct http_request *r)
{
	CHECK(!r->suspended);
	r->suspended = true;
	r->http->n_suspended++;
	r->http->n_busy--;
	conn_direct(r->conn, false);
	r->http->mhd.suspend(r->conn->mhd);
	if (r->conn->hung_up)
		conn_break(r->conn);
}

void request_resume(struct http_request *r)
{
	if (!r->suspended)
		return;
	r->suspended = false;
	r->http->n_suspended--;
	r->http->n_busy++;
	r->http->mhd.resume(r->conn->mhd);
	http_turn_soon(r->http);
}

void conn_break(struct conn *c)
{
	if (c->broken)
		return;
	c->broken = true;
	c->http->n_broken++;
	conn_direct(c, false);
	shutdown(c->fd, SHUT_RDWR);
	/* The library forgets to clean up a connection that was closed while its stream had nothing to
	 * send: nothing happens to it any more. Those with a timeout of their own it looks at in each
	 * turn, so it has one, which is never reached. */
	c->http->mhd.set_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, NEVER_S);
	if (c->request)
		request_resume(c->request);
	http_turn_soon(c->http);
}

/* The library does not look at suspended connections; of the others it hears itself. No connection
 * goes between the wait and the last of these events: that happens in turns only. */
void conn_on_hup(void *arg, int events, int error)
{
	struct http *h = arg;
	struct epoll_event ev[HUPS_A_TURN];
	(void)events;
	(void)error;
	int n = epoll_wait(h->hup_fd, ev, HUPS_A_TURN, 0);
	for (int i = 0; i < n; i++) {
		struct conn *c = ev[i].data.ptr;
		c->hung_up = true;
		if (c->request && c->request->suspended)
			conn_break(c);
	}
}

struct conn *conn_of(struct http *h, struct MHD_Connection *mhd)
{
	struct conn *c =
		h->mhd.connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	c->vain = 0;
	return c;
}
