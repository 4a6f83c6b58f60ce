/* wire.c - see wire.h. A frame's taker may close the wire: its memory then waits until the frames
 * in hand were looked at. */
#include "server/wire.h"

#include "base/check.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD 5
#define READ_AT_ONCE (16u << 10)
#define DRAIN_TURNS 1000 /* more than WIRE_QUEUE_MAX bytes */
#define READS_A_TURN 16 /* so that one talker does not keep the loop from the others */

struct wire {
	struct wire_config c;
	struct loop_watch *watch;
	struct bytes in, out;
	size_t sent;  /* of out */
	bool mute;    /* nothing more is sent; what comes is still handed out, to the end */
	bool told;    /* closed was called */
	bool busy;    /* frames are being handed out */
	bool closing; /* wire_close came meanwhile */
};

RC wire_pair(int fd[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd))
		return err_errno(e, errno, "a socket pair");
	return OK;
}

/* Nothing more is sent. What the peer had said before is read yet, and then the end, which
 * tells. */
static void give_up(struct wire *w)
{
	w->mute = true;
	bytes_clear(&w->out);
	w->sent = 0;
	shutdown(w->c.fd, SHUT_RDWR);
	loop_watch_for(w->watch, LOOP_READ);
}

/* Hands out every whole frame. False: nonsense. */
static bool hand_out(struct wire *w)
{
	size_t at = 0;
	bool sound = true;
	while (!w->closing && w->in.len - at >= HEAD) {
		size_t len = load_u32(w->in.data + at);
		unsigned kind = w->in.data[at + 4];
		sound = len <= WIRE_BODY_MAX && kind < WIRE_KINDS;
		if (!sound || w->in.len - at < HEAD + len)
			break;
		w->c.frame(w->c.arg, (enum wire_kind)kind, (const char *)w->in.data + at + HEAD, len);
		at += HEAD + len;
	}
	w->in.len -= at;
	memmove(w->in.data, w->in.data + at, w->in.len);
	return sound;
}

/* What can be read now. False: the end, or nonsense. */
static bool read_some(struct wire *w)
{
	for (int i = 0; i < READS_A_TURN && !w->closing; i++) {
		if (!bytes_reserve(&w->in, READ_AT_ONCE))
			return false;
		ssize_t n = read(w->c.fd, w->in.data + w->in.len, READ_AT_ONCE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return false;
		w->in.len += (size_t)n;
		if (!hand_out(w))
			return false;
	}
	return true;
}

static void wire_free(struct wire *w)
{
	bytes_close(&w->in);
	bytes_close(&w->out);
	mem_put(w->c.mem, w);
}

static void read_and_tell(struct wire *w)
{
	w->busy = true;
	bool open = read_some(w);
	w->busy = false;
	if (w->closing) {
		wire_free(w);
		return;
	}
	if (open || w->told)
		return;
	w->mute = w->told = true;
	loop_watch_for(w->watch, 0);
	w->c.closed(w->c.arg);
}

/* Sends what the socket takes. */
static void write_some(struct wire *w)
{
	while (!w->mute && w->sent < w->out.len) {
		ssize_t n = send(w->c.fd, w->out.data + w->sent, w->out.len - w->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			give_up(w);
		else
			w->sent += (size_t)n;
	}
	if (w->mute)
		return;
	if (w->sent == w->out.len) {
		bytes_clear(&w->out);
		w->sent = 0;
	}
	loop_watch_for(w->watch, LOOP_READ | (w->out.len ? LOOP_WRITE : 0));
}

static void on_ready(void *arg, int events, int error)
{
	struct wire *w = arg;
	if ((events & LOOP_WRITE) && !error)
		write_some(w);
	if (((events & LOOP_READ) || error) && !w->told)
		read_and_tell(w);
}

RC wire_open(struct wire **out, const struct wire_config *c, struct err *e)
{
	struct wire *w = *out = mem_get(c->mem, sizeof *w);
	if (!w) {
		close(c->fd);
		return ERR(e, E_NO_MEMORY, "no memory for a wire");
	}
	w->c = *c;
	bytes_init(&w->in, c->mem);
	bytes_init(&w->out, c->mem);
	if (loop_watch_open(&w->watch, c->loop, c->fd, on_ready, w, e) != OK) {
		wire_close(out);
		return e->code;
	}
	loop_watch_for(w->watch, LOOP_READ);
	return OK;
}

void wire_send(struct wire *w, enum wire_kind kind, const struct bytes *body)
{
	if (w->mute)
		return;
	CHECK(body->len <= WIRE_BODY_MAX);
	bytes_put_u32(&w->out, (uint32_t)body->len);
	bytes_put_u8(&w->out, (uint8_t)kind);
	bytes_put(&w->out, body->data, body->len);
	if (body->failed || !bytes_ok(&w->out) || w->out.len - w->sent > WIRE_QUEUE_MAX)
		give_up(w);
	else
		write_some(w);
}

bool wire_is_idle(const struct wire *w)
{
	return w->sent == w->out.len;
}

void wire_drain(struct wire *w)
{
	/* The other end is closed: all there is comes before the end. */
	for (int i = 0; i < DRAIN_TURNS && !w->told; i++)
		read_and_tell(w);
}

void wire_flush(struct wire *w, int timeout_ms)
{
	struct pollfd p = {.fd = w->c.fd, .events = POLLOUT};
	while (!w->mute && !wire_is_idle(w) && poll(&p, 1, timeout_ms) == 1)
		write_some(w);
}

void wire_close(struct wire **slot)
{
	struct wire *w = *slot;
	*slot = NULL;
	if (!w)
		return;
	loop_watch_close(&w->watch);
	close(w->c.fd);
	if (w->busy)
		w->closing = true;
	else
		wire_free(w);
}
