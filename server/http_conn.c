/* http_conn.c - connections: in and out of the library, asleep and awake, hung up, too slow.
 * Why deadlines of our own: the library's begin anew with every byte, so that who dribbles is never
 * too slow for it. Why an epoll descriptor of our own: the library does not look at
 * connections that are suspended. */
#include "server/http_in.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HUPS_A_TURN 64
#define NEVER_S 1000000u

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
	uint64_t now_us = clock_mono_us(c->http->config.clock);
	c->deadline_us = now_us + after_us;
	deadline_set(c->http, now_us, c->deadline_us);
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

/* ---- connections ---- */

void conn_add(struct http *h, int fd)
{
	struct conn *c = mem_get(h->mem, sizeof *c);
	/* Hang-ups are always reported; nothing else is asked for. */
	struct epoll_event hup = {.events = EPOLLET, .data.ptr = c};
	if (!c || epoll_ctl(h->hup_fd, EPOLL_CTL_ADD, fd, &hup)) {
		mem_put(h->mem, c);
		h->counts.refused++;
		http_raw(h, fd, "503 Service Unavailable", "E_LIMIT", "no memory for another client");
		close(fd);
		return;
	}
	*c = (struct conn){.http = h, .fd = fd, .deadline_us = UINT64_MAX, .known = !h->config.tcp};
	/* Whose address it is does not matter to anybody; what kind does, to the library. */
	struct sockaddr_un from = {.sun_family = AF_UNIX};
	const struct address *at = h->config.tcp ? h->config.tcp->at : NULL;
	const struct sockaddr *name = at ? &at->at.any : (struct sockaddr *)&from;
	h->adding = c;
	/* It takes fd, and closes it too when it fails. It has told us of the connection, or not. */
	if (h->mhd.add(h->daemon, fd, name, at ? at->len : sizeof from.sun_family) != MHD_YES) {
		h->counts.refused++;
		mem_put(h->mem, h->adding);
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
		return;
	}
	struct conn *c = *context;
	CHECK(!c->request);
	epoll_ctl(h->hup_fd, EPOLL_CTL_DEL, c->fd, NULL);
	*(c->prev ? &c->prev->next : &h->first) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	h->counts.connections--;
	h->n_broken -= c->broken;
	mem_put(h->mem, c);
	*context = NULL;
}

void request_suspend(struct http_request *r)
{
	CHECK(!r->suspended);
	r->suspended = true;
	r->http->mhd.suspend(r->conn->mhd);
	if (r->conn->hung_up)
		conn_break(r->conn);
}

void request_resume(struct http_request *r)
{
	if (!r->suspended)
		return;
	r->suspended = false;
	r->http->mhd.resume(r->conn->mhd);
	http_turn_soon(r->http);
}

void conn_break(struct conn *c)
{
	if (c->broken)
		return;
	c->broken = true;
	c->http->n_broken++;
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
	return h->mhd.connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}
