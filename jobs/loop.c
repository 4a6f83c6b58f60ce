/* loop.c - see loop.h. Every handle is a libuv handle within an object of ours: closing takes it
 * off the loop at once, and libuv's own callback, one turn later, gives the object's memory back.
 * Nothing calls into an object between the two: libuv stops a handle when it is closed. */
#include "jobs/loop.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

#define LOOP_DESCRIPTORS 8   /* epoll, eventfd, two pipes; and four for who uses the loop */
#define CHILD_DESCRIPTORS 16 /* a child is given at most so many, by feel */

struct loop {
	struct mem *mem;
	uv_loop_t uv;
	uv_async_t alive;      /* open as long as the loop: without any handle libuv would not run */
	uv_idle_t hurry;       /* started while somebody's `after` is due: then a turn does not wait */
	unsigned n_due;
	unsigned open;         /* handles not closed yet */
	bool running;
};

struct loop_timer {
	uv_timer_t uv;
	void (*on)(void *arg);
	void *arg;
};

struct loop_watch {
	uv_poll_t uv;
	int fd, events;
	void (*on)(void *arg, int events, int error);
	void *arg;
};

struct loop_waker {
	uv_async_t uv;
	void (*on)(void *arg);
	void *arg;
};

struct loop_after {
	uv_check_t uv;
	bool due;
	void (*on)(void *arg);
	void *arg;
};

struct loop_signal {
	uv_signal_t uv;
	void (*on)(void *arg, int number);
	void *arg;
};

struct loop_child {
	uv_process_t uv;
	void (*gone)(void *arg, int status, int signal); /* NULL: forgotten */
	void *arg;
	bool ended;
};

/* ---- handles ---- */

static void *handle_get(struct loop *l, size_t size, struct err *e)
{
	void *object = mem_get(l->mem, size);
	if (!object)
		ERR(e, E_NO_MEMORY, "no memory for an event loop's handle");
	return object;
}

static void handle_is_open(struct loop *l, uv_handle_t *h, void *object)
{
	h->data = object;
	l->open++;
}

static void on_closed(uv_handle_t *h)
{
	struct loop *l = h->loop->data;
	mem_put(l->mem, h->data);
}

static void handle_close(uv_handle_t *h)
{
	struct loop *l = h->loop->data;
	l->open--;
	uv_close(h, on_closed);
}

/* ---- the loop ---- */

/* libuv aborts when it cannot have its pipes, so they are asked for before. */
static RC descriptors_check(struct err *e)
{
	int fd[LOOP_DESCRIPTORS], n = 0, failed = 0;
	while (n < LOOP_DESCRIPTORS && !failed) {
		fd[n] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
		if (fd[n] < 0)
			failed = errno;
		else
			n++;
	}
	while (n)
		close(fd[--n]);
	/* Nothing to copy: standard error is closed, which says nothing of what is free. */
	if (!failed || failed == EBADF)
		return OK;
	return err_errno(e, failed, "an event loop needs %d descriptors (ulimit -n)", LOOP_DESCRIPTORS);
}

static RC uv_failed(struct err *e, int failed, const char *what)
{
	return err_errno(e, -failed, "%s", what);
}

RC loop_open(struct loop **out, struct mem *mem, struct err *e)
{
	struct loop *l = *out = mem_get(mem, sizeof *l);
	if (!l)
		return ERR(e, E_NO_MEMORY, "no memory for an event loop");
	l->mem = mem;
	int failed = 0;
	if (descriptors_check(e) != OK)
		goto fail;
	failed = uv_loop_init(&l->uv);
	if (failed)
		goto fail;
	l->uv.data = l;
	failed = uv_async_init(&l->uv, &l->alive, NULL);
	if (failed) {
		(void)uv_loop_close(&l->uv);
		goto fail;
	}
	CHECK(uv_idle_init(&l->uv, &l->hurry) == 0);
	signal(SIGPIPE, SIG_IGN);
	return OK;
fail:
	mem_put(mem, l);
	*out = NULL;
	return failed ? uv_failed(e, failed, "cannot make an event loop") : e->code;
}

/* Children nobody asks about any more run on; whoever inherits them reaps them. */
static void close_forgotten(uv_handle_t *h, void *arg)
{
	struct loop *l = arg;
	if (h->type != UV_PROCESS || uv_is_closing(h))
		return;
	CHECK(!((struct loop_child *)h->data)->gone);
	l->open++; /* counted off when it was forgotten */
	handle_close(h);
}

void loop_close(struct loop *l)
{
	if (!l)
		return;
	uv_walk(&l->uv, close_forgotten, l);
	CHECK(l->open == 0);
	uv_close((uv_handle_t *)&l->alive, NULL);
	uv_close((uv_handle_t *)&l->hurry, NULL);
	while (uv_loop_close(&l->uv) == UV_EBUSY)
		uv_run(&l->uv, UV_RUN_NOWAIT);
	mem_put(l->mem, l);
}

void loop_run(struct loop *l)
{
	CHECK(!l->running);
	l->running = true;
	while (l->running)
		uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
	l->running = false;
	uv_stop(&l->uv);
}

/* ---- timers ---- */

RC loop_timer_open(struct loop_timer **out, struct loop *l, void (*on)(void *arg), void *arg,
		   struct err *e)
{
	struct loop_timer *t = *out = handle_get(l, sizeof *t, e);
	if (!t)
		return e->code;
	t->on = on;
	t->arg = arg;
	CHECK(uv_timer_init(&l->uv, &t->uv) == 0);
	handle_is_open(l, (uv_handle_t *)&t->uv, t);
	return OK;
}

static void on_timer(uv_timer_t *uv)
{
	struct loop_timer *t = uv->data;
	t->on(t->arg);
}

/* libuv counts from the beginning of the loop's turn, in whole milliseconds cut off: counted from
 * now, and never too early. */
static uint64_t timeout_ms(struct loop_timer *t, uint64_t after_us)
{
	uv_update_time(t->uv.loop);
	uint64_t now_us = uv_hrtime() / 1000;
	uint64_t at_us = after_us > UINT64_MAX - now_us - 999 ? UINT64_MAX - 999 : now_us + after_us;
	uint64_t at_ms = (at_us + 999) / 1000, now_ms = uv_now(t->uv.loop);
	return after_us && at_ms > now_ms ? at_ms - now_ms : 0;
}

void loop_timer_set(struct loop_timer *t, uint64_t after_us)
{
	CHECK(uv_timer_start(&t->uv, on_timer, timeout_ms(t, after_us), 0) == 0);
}

void loop_timer_every(struct loop_timer *t, uint64_t every_us)
{
	uint64_t every_ms = every_us / 1000 + (every_us % 1000 != 0);
	CHECK(every_ms);
	CHECK(uv_timer_start(&t->uv, on_timer, timeout_ms(t, every_us), every_ms) == 0);
}

void loop_timer_off(struct loop_timer *t)
{
	uv_timer_stop(&t->uv);
}

void loop_timer_close(struct loop_timer **t)
{
	if (*t)
		handle_close((uv_handle_t *)&(*t)->uv);
	*t = NULL;
}

/* ---- descriptors ---- */

RC loop_watch_open(struct loop_watch **out, struct loop *l, int fd,
		   void (*on)(void *arg, int events, int error), void *arg, struct err *e)
{
	struct loop_watch *w = *out = handle_get(l, sizeof *w, e);
	if (!w)
		return e->code;
	w->fd = fd;
	w->on = on;
	w->arg = arg;
	int failed = uv_poll_init(&l->uv, &w->uv, fd);
	if (!failed) {
		handle_is_open(l, (uv_handle_t *)&w->uv, w);
		return OK;
	}
	mem_put(l->mem, w); /* libuv does not know it yet */
	*out = NULL;
	if (failed == UV_EPERM)
		return ERR(e, E_INVALID, "descriptor %d cannot be polled", fd);
	return uv_failed(e, failed, "cannot watch a descriptor");
}

static void on_ready(uv_poll_t *uv, int status, int events)
{
	struct loop_watch *w = uv->data;
	int ready = 0, error = 0;
	if (status < 0) {
		/* libuv says EBADF of whatever has an error, and looks no more. Reading or writing tells
		 * what it is, after all there was to read. */
		struct pollfd p = {.fd = w->fd};
		ready = w->events;
		if (poll(&p, 1, 0) < 0 || p.revents & POLLNVAL)
			error = -status;
		else
			loop_watch_for(w, w->events);
	}
	if (events & UV_READABLE)
		ready |= LOOP_READ;
	if (events & UV_WRITABLE)
		ready |= LOOP_WRITE;
	w->on(w->arg, error ? 0 : ready, error);
}

void loop_watch_for(struct loop_watch *w, int events)
{
	int uv = (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0);
	w->events = events;
	if (uv)
		CHECK(uv_poll_start(&w->uv, uv, on_ready) == 0);
	else
		CHECK(uv_poll_stop(&w->uv) == 0);
}

void loop_watch_close(struct loop_watch **w)
{
	if (*w)
		handle_close((uv_handle_t *)&(*w)->uv);
	*w = NULL;
}

/* ---- wake-ups ---- */

static void on_wake(uv_async_t *uv)
{
	struct loop_waker *w = uv->data;
	w->on(w->arg);
}

RC loop_waker_open(struct loop_waker **out, struct loop *l, void (*on)(void *arg), void *arg,
		   struct err *e)
{
	struct loop_waker *w = *out = handle_get(l, sizeof *w, e);
	if (!w)
		return e->code;
	w->on = on;
	w->arg = arg;
	CHECK(uv_async_init(&l->uv, &w->uv, on_wake) == 0); /* the loop's own eventfd serves all */
	handle_is_open(l, (uv_handle_t *)&w->uv, w);
	return OK;
}

void loop_wake(struct loop_waker *w)
{
	CHECK(uv_async_send(&w->uv) == 0);
}

void loop_waker_close(struct loop_waker **w)
{
	if (*w)
		handle_close((uv_handle_t *)&(*w)->uv);
	*w = NULL;
}

/* ---- after the others ---- */

RC loop_after_open(struct loop_after **out, struct loop *l, void (*on)(void *arg), void *arg,
		   struct err *e)
{
	struct loop_after *a = *out = handle_get(l, sizeof *a, e);
	if (!a)
		return e->code;
	a->on = on;
	a->arg = arg;
	CHECK(uv_check_init(&l->uv, &a->uv) == 0);
	handle_is_open(l, (uv_handle_t *)&a->uv, a);
	return OK;
}

static void on_hurry(uv_idle_t *uv)
{
	(void)uv;
}

static void after_off(struct loop_after *a)
{
	struct loop *l = a->uv.loop->data;
	if (!a->due)
		return;
	a->due = false;
	uv_check_stop(&a->uv);
	if (--l->n_due == 0)
		uv_idle_stop(&l->hurry);
}

static void on_check(uv_check_t *uv)
{
	struct loop_after *a = uv->data;
	after_off(a);
	a->on(a->arg);
}

void loop_after_set(struct loop_after *a)
{
	struct loop *l = a->uv.loop->data;
	if (a->due)
		return;
	a->due = true;
	CHECK(uv_check_start(&a->uv, on_check) == 0);
	if (l->n_due++ == 0)
		CHECK(uv_idle_start(&l->hurry, on_hurry) == 0);
}

void loop_after_close(struct loop_after **a)
{
	if (*a) {
		after_off(*a);
		handle_close((uv_handle_t *)&(*a)->uv);
	}
	*a = NULL;
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *uv, int number)
{
	struct loop_signal *s = uv->data;
	s->on(s->arg, number);
}

RC loop_signal_open(struct loop_signal **out, struct loop *l, int number,
		    void (*on)(void *arg, int number), void *arg, struct err *e)
{
	struct loop_signal *s = *out = handle_get(l, sizeof *s, e);
	if (!s)
		return e->code;
	s->on = on;
	s->arg = arg;
	CHECK(uv_signal_init(&l->uv, &s->uv) == 0); /* its pipe was made with the loop */
	handle_is_open(l, (uv_handle_t *)&s->uv, s);
	int failed = uv_signal_start(&s->uv, on_signal, number);
	if (!failed)
		return OK;
	loop_signal_close(out);
	return uv_failed(e, failed, "cannot catch a signal");
}

void loop_signal_close(struct loop_signal **s)
{
	if (*s)
		handle_close((uv_handle_t *)&(*s)->uv);
	*s = NULL;
}

/* ---- children ---- */

static void on_exit(uv_process_t *uv, int64_t status, int signal)
{
	struct loop_child *c = uv->data;
	c->ended = true;
	if (c->gone) {
		c->gone(c->arg, signal ? 0 : (int)status, signal);
	} else {
		struct loop *l = uv->loop->data;
		l->open++; /* counted off when it was forgotten */
		handle_close((uv_handle_t *)uv);
	}
}

RC loop_child_start(struct loop_child **out, struct loop *l, const char *file, char *const argv[],
		    char *const envp[], const int *fd, unsigned n_fds,
		    void (*gone)(void *arg, int status, int signal), void *arg, struct err *e)
{
	uv_stdio_container_t io[CHILD_DESCRIPTORS];
	CHECK(n_fds <= CHILD_DESCRIPTORS && gone);
	struct loop_child *c = *out = handle_get(l, sizeof *c, e);
	if (!c)
		return e->code;
	c->gone = gone;
	c->arg = arg;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int failed = null < 0 ? -errno : 0;
	for (unsigned i = 0; i < n_fds; i++)
		io[i] = (uv_stdio_container_t){.flags = UV_INHERIT_FD,
					       .data.fd = fd[i] < 0 ? null : fd[i]};
	/* What we opened is close-on-exec anyhow; what we were started with need not be. */
	(void)!close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	uv_process_options_t o = {.file = file, .args = (char **)argv,
				  .env = (char **)envp, .stdio = io, .stdio_count = (int)n_fds, .exit_cb = on_exit};
	if (failed) {
		mem_put(l->mem, c);
	} else {
		/* In the child libuv gives every signal its default action and empties the mask. */
		failed = uv_spawn(&l->uv, &c->uv, &o);
		handle_is_open(l, (uv_handle_t *)&c->uv, c);
		close(null);
		if (failed)
			handle_close((uv_handle_t *)&c->uv);
	}
	if (!failed)
		return OK;
	*out = NULL;
	return err_errno(e, -failed, "cannot start %s", file);
}

pid_t loop_child_pid(const struct loop_child *c)
{
	return uv_process_get_pid(&c->uv);
}

void loop_child_kill(struct loop_child *c, int number)
{
	if (!c->ended) /* then its number may be another's */
		(void)uv_process_kill(&c->uv, number);
}

void loop_child_close(struct loop_child **out)
{
	struct loop_child *c = *out;
	*out = NULL;
	if (!c)
		return;
	if (c->ended) {
		handle_close((uv_handle_t *)&c->uv);
		return;
	}
	/* A closed handle is not waited for: it stays until the child is reaped. */
	struct loop *l = c->uv.loop->data;
	c->gone = NULL;
	l->open--;
}
