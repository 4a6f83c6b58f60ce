/* test_loop.c - what the control thread's loop promises: nothing early, nothing after a close,
 * nothing lost. Times are only compared with what was asked for, never with how long it took. */
#include "base/waker.h"
#include "jobs/loop.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct world {
	struct mem mem;
	struct loop *l;
	struct loop_timer *timer, *other;
	struct loop_watch *watch;
	struct loop_waker *waker;
	struct loop_signal *signal;
	struct loop_child *child;
	int calls, stop_after;
	int events, error, number, status;
	int fd[2];
	char text[64];
};

static void world_open(struct world *w)
{
	struct err e = {0};
	*w = (struct world){.stop_after = 1, .fd = {-1, -1}};
	mem_init(&w->mem, 0);
	EXPECT_OK(loop_open(&w->l, &w->mem, &e), &e);
}

static void world_close(struct world *w)
{
	loop_timer_close(&w->timer);
	loop_timer_close(&w->other);
	loop_watch_close(&w->watch);
	loop_waker_close(&w->waker);
	loop_signal_close(&w->signal);
	loop_child_close(&w->child);
	loop_close(w->l);
	for (int i = 0; i < 2; i++)
		if (w->fd[i] >= 0)
			close(w->fd[i]);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void count(struct world *w)
{
	if (++w->calls >= w->stop_after)
		loop_stop(w->l);
}

static void on_call(void *arg)
{
	count(arg);
}

static void on_call_too_many(void *arg)
{
	(void)arg;
	fail_msg("called after it was closed");
}

/* ---- timers ---- */

TEST(a_timer_is_never_early)
{
	struct world w;
	struct err e = {0};
	world_open(&w);
	EXPECT_OK(loop_timer_open(&w.timer, w.l, on_call, &w, &e), &e);
	for (uint64_t after_us = 0; after_us < 6000; after_us += 700) {
		uint64_t begin = now_us();
		loop_timer_set(w.timer, after_us);
		w.calls = 0;
		loop_run(w.l);
		EXPECT(w.calls == 1 && now_us() - begin >= after_us);
	}
	world_close(&w);
}

TEST(a_timer_goes_on_until_it_is_switched_off)
{
	struct world w;
	struct err e = {0};
	world_open(&w);
	w.stop_after = 3;
	EXPECT_OK(loop_timer_open(&w.timer, w.l, on_call, &w, &e), &e);
	EXPECT_OK(loop_timer_open(&w.other, w.l, on_call, &w, &e), &e);
	uint64_t begin = now_us();
	loop_timer_every(w.timer, 2500);
	loop_run(w.l);
	EXPECT(w.calls == 3 && now_us() - begin >= 7500);
	loop_timer_off(w.timer);
	w.calls = 0;
	w.stop_after = 1;
	loop_timer_set(w.other, 20000);
	loop_run(w.l);
	EXPECT(w.calls == 1); /* of the other one */
	/* Set again: replaces what was set, and the far end of time is no overflow. */
	loop_timer_set(w.timer, UINT64_MAX);
	loop_timer_set(w.timer, 1);
	loop_run(w.l);
	EXPECT(w.calls == 2);
	world_close(&w);
}

static void close_both(void *arg)
{
	struct world *w = arg;
	loop_timer_close(&w->timer);
	loop_timer_close(&w->other);
	loop_timer_close(&w->other); /* legal on what is closed */
	count(w);
}

TEST(a_timer_closed_by_itself_or_by_another_is_not_heard_of_again)
{
	struct world w;
	struct err e = {0};
	struct loop_timer *end = NULL;
	world_open(&w);
	w.stop_after = 2;
	/* Both are due in the same turn: whichever is called first closes the other too. */
	EXPECT_OK(loop_timer_open(&w.timer, w.l, close_both, &w, &e), &e);
	EXPECT_OK(loop_timer_open(&w.other, w.l, close_both, &w, &e), &e);
	EXPECT_OK(loop_timer_open(&end, w.l, on_call, &w, &e), &e);
	loop_timer_set(w.timer, 0);
	loop_timer_every(w.other, 1);
	loop_timer_set(end, 10000);
	loop_run(w.l);
	EXPECT(w.calls == 2 && !w.timer && !w.other);
	loop_timer_close(&end);
	world_close(&w);
}

/* ---- descriptors ---- */

static void on_watch(void *arg, int events, int error)
{
	struct world *w = arg;
	w->events = events;
	w->error = error;
	count(w);
}

TEST(a_watch_tells_reading_from_writing)
{
	struct world w;
	struct err e = {0};
	world_open(&w);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w.fd) == 0);
	EXPECT_OK(loop_watch_open(&w.watch, w.l, w.fd[0], on_watch, &w, &e), &e);
	EXPECT(fcntl(w.fd[0], F_GETFL) & O_NONBLOCK);
	loop_watch_for(w.watch, LOOP_READ | LOOP_WRITE);
	loop_run(w.l);
	EXPECT(w.events == LOOP_WRITE && w.error == 0);
	EXPECT(write(w.fd[1], "x", 1) == 1);
	loop_run(w.l);
	EXPECT(w.events == (LOOP_READ | LOOP_WRITE));
	loop_watch_for(w.watch, LOOP_READ);
	loop_run(w.l);
	EXPECT(w.events == LOOP_READ);
	/* Nothing asked for, nothing told. */
	loop_watch_for(w.watch, 0);
	EXPECT_OK(loop_timer_open(&w.timer, w.l, on_call, &w, &e), &e);
	loop_timer_set(w.timer, 10000);
	w.calls = w.events = 0;
	loop_run(w.l);
	EXPECT(w.calls == 1 && w.events == 0);
	world_close(&w);
}

TEST(what_was_sent_before_the_peer_went_can_still_be_read)
{
	struct world w;
	struct err e = {0};
	char got[8];
	world_open(&w);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w.fd) == 0);
	EXPECT_OK(loop_watch_open(&w.watch, w.l, w.fd[0], on_watch, &w, &e), &e);
	/* It leaves something unread: the system says so as an error of the socket. */
	EXPECT(write(w.fd[0], "unread", 6) == 6 && write(w.fd[1], "last", 4) == 4);
	close(w.fd[1]);
	w.fd[1] = -1;
	loop_watch_for(w.watch, LOOP_READ);
	loop_run(w.l);
	EXPECT(w.events & LOOP_READ && w.error == 0);
	EXPECT(read(w.fd[0], got, sizeof got) == 4 && !memcmp(got, "last", 4));
	/* Then what is wrong, once, and the end, as often as one asks. */
	w.events = 0;
	loop_run(w.l);
	EXPECT(w.events == LOOP_READ && read(w.fd[0], got, sizeof got) == -1 && errno == ECONNRESET);
	w.events = 0;
	loop_run(w.l);
	EXPECT(w.events == LOOP_READ && read(w.fd[0], got, sizeof got) == 0);
	world_close(&w);
}

TEST(a_pipe_without_a_reader_is_writable_and_says_so_when_written)
{
	struct world w;
	struct err e = {0};
	world_open(&w);
	EXPECT(pipe2(w.fd, O_CLOEXEC) == 0);
	EXPECT_OK(loop_watch_open(&w.watch, w.l, w.fd[1], on_watch, &w, &e), &e);
	close(w.fd[0]);
	w.fd[0] = -1;
	loop_watch_for(w.watch, LOOP_WRITE);
	loop_run(w.l);
	EXPECT(w.events == LOOP_WRITE && w.error == 0);
	EXPECT(write(w.fd[1], "x", 1) == -1 && errno == EPIPE); /* no signal */
	world_close(&w);
}

TEST(a_regular_file_cannot_be_watched)
{
	struct world w;
	struct err e = {0};
	char path[] = "/tmp/weir-test-loop-XXXXXX";
	world_open(&w);
	w.fd[0] = mkstemp(path);
	EXPECT(w.fd[0] >= 0 && unlink(path) == 0);
	EXPECT(loop_watch_open(&w.watch, w.l, w.fd[0], on_watch, &w, &e) == E_INVALID && !w.watch);
	world_close(&w);
}

static void close_the_watch(void *arg, int events, int error)
{
	struct world *w = arg;
	(void)error;
	w->events |= events;
	loop_watch_close(&w->watch);
	close(w->fd[0]);
	w->fd[0] = -1;
	count(w);
}

TEST(a_watch_closed_by_itself_is_not_heard_of_again)
{
	struct world w;
	struct err e = {0};
	world_open(&w);
	w.stop_after = 2;
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w.fd) == 0);
	EXPECT_OK(loop_watch_open(&w.watch, w.l, w.fd[0], close_the_watch, &w, &e), &e);
	EXPECT_OK(loop_timer_open(&w.timer, w.l, on_call, &w, &e), &e);
	loop_watch_for(w.watch, LOOP_WRITE);
	loop_timer_set(w.timer, 10000);
	loop_run(w.l);
	EXPECT(w.calls == 2 && w.events == LOOP_WRITE);
	/* The number is free for another watch. */
	w.fd[0] = dup(w.fd[1]);
	EXPECT_OK(loop_watch_open(&w.watch, w.l, w.fd[0], on_watch, &w, &e), &e);
	world_close(&w);
}

/* ---- after the others ---- */

struct line {
	struct loop *l;
	struct loop_watch *watch[2];
	struct loop_after *after;
	unsigned seen, after_seen, calls, again;
};

static void on_ready(void *arg, int events, int error)
{
	struct line *q = arg;
	EXPECT(events == LOOP_WRITE && !error);
	q->seen++;
	loop_after_set(q->after);
	loop_after_set(q->after);
}

/* Asked by itself, it does not come before the descriptors had their turn again. */
static void on_after(void *arg)
{
	struct line *q = arg;
	EXPECT(q->seen == q->after_seen + 2);
	q->after_seen = q->seen;
	if (++q->calls == 3)
		loop_stop(q->l);
	else
		loop_after_set(q->after);
}

static void on_after_late(void *arg)
{
	struct line *q = arg;
	loop_stop(q->l);
	q->calls++;
}

static void ask_late(void *arg)
{
	struct line *q = arg;
	loop_after_set(q->after);
}

TEST(what_follows_comes_once_a_turn_behind_all_that_is_ready)
{
	struct world w;
	struct err e = {0};
	struct line q = {0};
	world_open(&w);
	q.l = w.l;
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w.fd) == 0);
	EXPECT_OK(loop_after_open(&q.after, w.l, on_after, &q, &e), &e);
	for (int i = 0; i < 2; i++) {
		EXPECT_OK(loop_watch_open(&q.watch[i], w.l, w.fd[i], on_ready, &q, &e), &e);
		loop_watch_for(q.watch[i], LOOP_WRITE);
	}
	loop_run(w.l);
	EXPECT(q.calls == 3 && q.seen == 6);
	for (int i = 0; i < 2; i++)
		loop_watch_close(&q.watch[i]);
	loop_after_set(q.after);
	loop_after_close(&q.after); /* due, and not heard of again */
	/* Asked by a timer: the turn does not wait for anything else. */
	EXPECT_OK(loop_after_open(&q.after, w.l, on_after_late, &q, &e), &e);
	EXPECT_OK(loop_timer_open(&w.timer, w.l, ask_late, &q, &e), &e);
	loop_timer_set(w.timer, 1000);
	loop_run(w.l);
	EXPECT(q.calls == 4);
	loop_after_close(&q.after);
	world_close(&w);
}

/* ---- wake-ups and signals ---- */

enum { WAKES = 1000 };

static void wake_often(void *arg)
{
	struct world *w = arg;
	for (int i = 0; i < WAKES; i++) {
		__atomic_add_fetch(&w->number, 1, __ATOMIC_SEQ_CST);
		loop_wake(w->waker);
	}
}

static void on_wake(void *arg)
{
	struct world *w = arg;
	w->calls++;
	if (__atomic_load_n(&w->number, __ATOMIC_SEQ_CST) == WAKES)
		loop_stop(w->l);
}

TEST(the_last_wake_of_a_thread_is_never_lost)
{
	struct world w;
	struct err e = {0};
	struct thread t;
	world_open(&w);
	EXPECT_OK(loop_waker_open(&w.waker, w.l, on_wake, &w, &e), &e);
	EXPECT_OK(thread_start(&t, wake_often, &w, "wakes", &e), &e);
	loop_run(w.l); /* hangs if the last one is lost */
	thread_join(&t);
	EXPECT(w.calls >= 1 && w.calls <= WAKES);
	/* One that is on its way when the waker is closed is dropped. */
	loop_wake(w.waker);
	w.waker = (loop_waker_close(&w.waker), NULL);
	EXPECT_OK(loop_waker_open(&w.waker, w.l, on_call_too_many, &w, &e), &e);
	loop_wake(w.waker);
	loop_waker_close(&w.waker);
	world_close(&w);
}

static void on_signal(void *arg, int number)
{
	struct world *w = arg;
	w->number = number;
	loop_signal_close(&w->signal);
	count(w);
}

TEST(a_signal_is_told_once_and_may_close_itself)
{
	struct world w;
	struct err e = {0};
	world_open(&w);
	EXPECT_OK(loop_signal_open(&w.signal, w.l, SIGUSR1, on_signal, &w, &e), &e);
	raise(SIGUSR1);
	loop_run(w.l);
	EXPECT(w.number == SIGUSR1 && w.calls == 1 && !w.signal);
	EXPECT(loop_signal_open(&w.signal, w.l, SIGKILL, on_signal, &w, &e) != OK && !w.signal);
	world_close(&w);
}

/* ---- children ---- */

static void on_gone(void *arg, int status, int number)
{
	struct world *w = arg;
	w->status = status;
	w->number = number;
	loop_child_close(&w->child);
	count(w);
}

static void start_shell(struct world *w, const char *script, const int *fd, unsigned n)
{
	struct err e = {0};
	char *argv[] = {"sh", "-c", (char *)script, NULL};
	EXPECT_OK(loop_child_start(&w->child, w->l, "/bin/sh", argv, NULL, fd, n, on_gone, w, &e), &e);
	EXPECT(loop_child_pid(w->child) > 0);
}

static bool no_child_is_left(void)
{
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}

TEST(how_a_child_ended_is_told)
{
	struct world w;
	struct err e = {0};
	char *argv[] = {"nobody", NULL};
	world_open(&w);
	start_shell(&w, "exit 7", NULL, 0);
	loop_run(w.l);
	EXPECT(w.status == 7 && w.number == 0 && !w.child);
	start_shell(&w, "kill -9 $$", NULL, 0);
	loop_run(w.l);
	EXPECT(w.status == 0 && w.number == SIGKILL);
	int fd[] = {-1};
	start_shell(&w, "cat; sleep 1000", fd, 1); /* its input is empty, not ours */
	loop_child_kill(w.child, SIGTERM);
	loop_run(w.l);
	EXPECT(w.status == 0 && w.number == SIGTERM);
	EXPECT(loop_child_start(&w.child, w.l, "/nowhere/nobody", argv, NULL, NULL, 0, on_gone, &w,
				&e) ==
	       E_NOT_FOUND);
	EXPECT(!w.child && no_child_is_left());
	world_close(&w);
}

TEST(a_child_has_the_descriptors_it_was_given_and_no_others)
{
	struct world w;
	char got[512];
	world_open(&w);
	EXPECT(pipe2(w.fd, O_CLOEXEC) == 0);
	int leak = dup(w.fd[0]); /* not close-on-exec: as if we had been started with it */
	int fd[] = {-1, w.fd[1], w.fd[1], w.fd[1], -1};
	EXPECT(leak >= 0);
	/* Of its own it opens one more: the folder it lists. */
	start_shell(&w,
		    "cat; echo to-three >&3; cat <&4; for f in /proc/self/fd/*; do "
		    "[ -e $f ] && echo ${f##*/}; done; trap",
		    fd, 5);
	loop_run(w.l);
	EXPECT(w.status == 0 || w.status == 1);
	ssize_t n = read(w.fd[0], got, sizeof got - 1);
	EXPECT(n > 0);
	got[n] = '\0';
	if (strcmp(got, "to-three\n0\n1\n2\n3\n4\n"))
		fail_msg("the child said: %s", got);
	close(leak);
	world_close(&w);
}

TEST(a_child_begins_with_no_signal_blocked_or_ignored)
{
	struct world w;
	char got[512];
	sigset_t all, before;
	world_open(&w); /* ignores SIGPIPE */
	EXPECT(pipe2(w.fd, O_CLOEXEC) == 0);
	sigfillset(&all);
	EXPECT(sigprocmask(SIG_BLOCK, &all, &before) == 0);
	int fd[] = {-1, w.fd[1]};
	char *argv[] = {"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status", NULL};
	struct err e = {0};
	EXPECT_OK(loop_child_start(&w.child, w.l, "/bin/grep", argv, NULL, fd, 2, on_gone, &w, &e), &e);
	sigprocmask(SIG_SETMASK, &before, NULL);
	loop_run(w.l);
	ssize_t n = read(w.fd[0], got, sizeof got - 1);
	EXPECT(n > 0);
	got[n] = '\0';
	unsigned long long blocked = 1, ignored = 1;
	EXPECT(sscanf(got, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored) == 2);
	/* From 32 on are the C library's own, which nobody may set: inherited as they are. */
	if ((blocked | ignored) & 0x7fffffff)
		fail_msg("the child has: %s", got);
	world_close(&w);
}

static void on_poll(void *arg)
{
	struct world *w = arg;
	if (no_child_is_left())
		count(w);
}

TEST(a_child_that_was_forgotten_is_reaped_all_the_same)
{
	struct world w;
	struct err e = {0};
	world_open(&w);
	start_shell(&w, "exit 3", NULL, 0);
	loop_child_close(&w.child);
	EXPECT_OK(loop_timer_open(&w.timer, w.l, on_poll, &w, &e), &e);
	loop_timer_every(w.timer, 1000);
	loop_run(w.l);
	EXPECT(w.calls == 1 && w.status == 0); /* on_gone was not called */
	/* One that still runs when the loop goes is left to itself. */
	start_shell(&w, "sleep 1000", NULL, 0);
	pid_t pid = loop_child_pid(w.child);
	loop_child_close(&w.child);
	world_close(&w);
	EXPECT(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

/* ---- opening ---- */

TEST(each_open_survives_a_lack_of_memory)
{
	struct world w;
	struct err e = {0};
	int fd[1] = {-1};
	char *argv[] = {"true", NULL};
	world_open(&w);
	EXPECT(pipe2(w.fd, O_CLOEXEC) == 0);
	w.mem.limit_bytes = 1;
	EXPECT(loop_timer_open(&w.timer, w.l, on_call, &w, &e) == E_NO_MEMORY && !w.timer);
	EXPECT(loop_watch_open(&w.watch, w.l, w.fd[0], on_watch, &w, &e) == E_NO_MEMORY && !w.watch);
	EXPECT(loop_waker_open(&w.waker, w.l, on_call, &w, &e) == E_NO_MEMORY && !w.waker);
	struct loop_after *after;
	EXPECT(loop_after_open(&after, w.l, on_call, &w, &e) == E_NO_MEMORY && !after);
	EXPECT(loop_signal_open(&w.signal, w.l, SIGUSR1, on_signal, &w, &e) == E_NO_MEMORY);
	EXPECT(loop_child_start(&w.child, w.l, "/bin/true", argv, NULL, fd, 1, on_gone, &w, &e) ==
	       E_NO_MEMORY);
	EXPECT(!w.signal && !w.child);
	struct loop *another;
	EXPECT(loop_open(&another, &w.mem, &e) == E_NO_MEMORY && !another);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_timer_is_never_early),
		T(a_timer_goes_on_until_it_is_switched_off),
		T(a_timer_closed_by_itself_or_by_another_is_not_heard_of_again),
		T(a_watch_tells_reading_from_writing),
		T(what_was_sent_before_the_peer_went_can_still_be_read),
		T(a_pipe_without_a_reader_is_writable_and_says_so_when_written),
		T(a_regular_file_cannot_be_watched),
		T(a_watch_closed_by_itself_is_not_heard_of_again),
		T(what_follows_comes_once_a_turn_behind_all_that_is_ready),
		T(the_last_wake_of_a_thread_is_never_lost),
		T(a_signal_is_told_once_and_may_close_itself),
		T(how_a_child_ended_is_told),
		T(a_child_has_the_descriptors_it_was_given_and_no_others),
		T(a_child_begins_with_no_signal_blocked_or_ignored),
		T(a_child_that_was_forgotten_is_reaped_all_the_same),
		T(each_open_survives_a_lack_of_memory),
	};
	return RUN(tests);
}
