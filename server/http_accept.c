/* http_accept.c - the socket in its folder, or the port, and who may come in.
 * Why not the library's own accepting: it knows neither a path longer than the system's limit for
 * sockets, nor the peer's uid, nor a "no" that says why. */
#include "server/http_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128
#define ACCEPTS_A_TURN 16     /* so that a flood of clients does not keep the loop from jobs */
#define LINGER_US 1000000     /* by feel: a client that is told "no" reads it at once */
#define PAUSE_US 100000       /* without descriptors, before accepting is tried again; by feel */

void http_raw(const struct http *h, int fd, const char *status, const char *code,
	      const char *message)
{
	char body[256], text[512];
	if (h->config.tcp && h->config.tcp->cert)
		return;
	int len = snprintf(body, sizeof body,
			   "{\"code\": \"%s\", \"message\": \"%s\", \"at\": null}\n", code, message);
	int n = snprintf(text, sizeof text,
			 "HTTP/1.1 %s\r\nConnection: close\r\nCache-Control: no-store\r\n"
			 "X-Content-Type-Options: nosniff\r\n"
			 "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			 status, len, body);
	CHECK(len < (int)sizeof body && n < (int)sizeof text);
	(void)!send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void close_refused(struct acceptor *a)
{
	for (unsigned i = 0; i < a->n_refused; i++)
		close(a->refused[i]);
	a->n_refused = 0;
}

static void on_linger(void *arg)
{
	struct http *h = arg;
	close_refused(&h->acceptor);
}

/* It says so, and stays open a moment: a socket closed with an unread request in it would give its
 * client a broken pipe in place of the answer. */
static void refuse(struct http *h, int fd, const char *why)
{
	struct acceptor *a = &h->acceptor;
	h->counts.refused++;
	http_raw(h, fd, "503 Service Unavailable", "E_LIMIT", why);
	shutdown(fd, SHUT_WR);
	if (a->n_refused == REFUSED_MAX) {
		close(a->refused[0]);
		memmove(a->refused, a->refused + 1, (REFUSED_MAX - 1) * sizeof a->refused[0]);
		a->n_refused--;
	}
	a->refused[a->n_refused++] = fd;
	loop_timer_set(a->linger, LINGER_US);
}

/* On TCP nobody is known by his connection: that is for config.admit. */
static bool is_ours(const struct http *h, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (h->config.tcp)
		return true;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static void admit(struct http *h, int fd)
{
	struct err e = {0};
	if (!is_ours(h, fd)) {
		h->counts.refused++;
		close(fd);
	} else if (!conn_make_room(h)) {
		refuse(h, fd, "256 clients are connected: try again when one has gone");
	} else if (http_start_library(h, &e) != OK) {
		refuse(h, fd, "libmicrohttpd12 is not installed, or has no memory");
	} else {
		conn_add(h, fd);
	}
}

static void on_pause(void *arg)
{
	struct http *h = arg;
	loop_watch_for(h->acceptor.watch, LOOP_READ);
}

static void on_client(void *arg, int events, int error)
{
	struct http *h = arg;
	struct acceptor *a = &h->acceptor;
	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN && !error; i++) {
		int fd = accept4(a->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			admit(h, fd);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		else if (errno != EINTR && errno != ECONNABORTED)
			error = errno;
	}
	if (!error)
		return;
	/* No descriptor, no memory: the client waits in the queue, and the loop must not spin. */
	close_refused(a);
	loop_watch_for(a->watch, 0);
	loop_timer_set(a->pause, PAUSE_US);
}

/* Through the folder's descriptor, since a socket's address has room for 107 bytes only. Between
 * bind and listen nobody can connect, so the mode is right before the first client comes. */
static RC bind_in_folder(struct acceptor *a, const struct http_config *c, struct err *e)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int n = snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/%s", a->dir_fd, c->name);
	if (n < 0 || (size_t)n >= sizeof at.sun_path)
		return ERR(e, E_INVALID, "the socket's name '%s' is too long", c->name);
	struct stat st;
	if (fstatat(a->dir_fd, c->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return ERR(e, E_EXISTS, "'%s/%s' is not a socket: move it away", c->dir, c->name);
		if (unlinkat(a->dir_fd, c->name, 0) && errno != ENOENT)
			return err_errno(e, errno, "remove '%s/%s'", c->dir, c->name);
	}
	if (bind(a->fd, (struct sockaddr *)&at, sizeof at))
		return err_errno(e, errno, "socket '%s/%s'", c->dir, c->name);
	if (fstatat(a->dir_fd, c->name, &st, AT_SYMLINK_NOFOLLOW) ||
	    fchmodat(a->dir_fd, c->name, 0600, 0))
		return err_errno(e, errno, "set the mode of '%s/%s'", c->dir, c->name);
	a->dev = st.st_dev;
	a->ino = st.st_ino;
	if (listen(a->fd, BACKLOG))
		return err_errno(e, errno, "listen on '%s/%s'", c->dir, c->name);
	return OK;
}

static RC bind_to_port(struct acceptor *a, const struct http_tcp *tcp, struct err *e)
{
	char url[ADDRESS_URL_MAX];
	int on = 1;
	address_url(tcp->at, tcp->cert != NULL, url);
	a->fd = socket(tcp->at->at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return err_errno(e, errno, "listen on %s", url);
	/* The next server need not wait for the connections of this one to be forgotten. */
	(void)setsockopt(a->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (tcp->at->is_v6)
		(void)setsockopt(a->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(a->fd, &tcp->at->at.any, tcp->at->len) == 0 && listen(a->fd, BACKLOG) == 0)
		return OK;
	if (errno == EADDRINUSE)
		return ERR(e, E_EXISTS, "another process listens on %s already: take another port", url);
	if (errno == EADDRNOTAVAIL)
		return ERR(e, E_INVALID, "%s is no address of this machine", url);
	return err_errno(e, errno, "listen on %s", url);
}

static RC bind_to_socket(struct acceptor *a, const struct http_config *c, struct err *e)
{
	a->dir_fd = open(c->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (a->dir_fd < 0)
		return err_errno(e, errno, "open folder '%s'", c->dir);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return err_errno(e, errno, "socket '%s/%s'", c->dir, c->name);
	return bind_in_folder(a, c, e);
}

RC acceptor_open(struct http *h, struct err *e)
{
	struct acceptor *a = &h->acceptor;
	const struct http_config *c = &h->config;
	*a = (struct acceptor){.dir_fd = -1, .fd = -1};
	enum rc rc = c->tcp ? bind_to_port(a, c->tcp, e) : bind_to_socket(a, c, e);
	if (rc != OK || (rc = loop_timer_open(&a->linger, c->loop, on_linger, h, e)) != OK ||
	    (rc = loop_timer_open(&a->pause, c->loop, on_pause, h, e)) != OK ||
	    (rc = loop_watch_open(&a->watch, c->loop, a->fd, on_client, h, e)) != OK)
		return rc;
	loop_watch_for(a->watch, LOOP_READ);
	return OK;
}

uint16_t http_port(const struct http *h)
{
	struct address a = {.len = sizeof a.at};
	if (!h->config.tcp || getsockname(h->acceptor.fd, &a.at.any, &a.len))
		return 0;
	a.is_v6 = h->config.tcp->at->is_v6;
	return address_port(&a);
}

/* Only our own: after a takeover another process's socket may stand there. */
static void remove_socket(struct acceptor *a, const char *name)
{
	struct stat st;
	if (a->ino && fstatat(a->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == a->dev && st.st_ino == a->ino)
		(void)!unlinkat(a->dir_fd, name, 0);
}

void acceptor_close(struct http *h)
{
	struct acceptor *a = &h->acceptor;
	if (a->dir_fd >= 0)
		remove_socket(a, h->config.name);
	loop_watch_close(&a->watch);
	loop_timer_close(&a->linger);
	loop_timer_close(&a->pause);
	close_refused(a);
	if (a->fd >= 0)
		close(a->fd);
	if (a->dir_fd >= 0)
		close(a->dir_fd);
	a->fd = a->dir_fd = -1;
}
