/* loop.h - the control thread's event loop: timers, descriptors, wake-ups, signals, children.
 * Why a file of its own: drive, standard output and the server share one loop, and this is its one
 * door to libuv (threads have theirs in base/waker.c).
 *
 * Every handle is opened, used and closed on the loop's thread, except loop_wake. A close takes
 * effect at once: no callback comes after it; the memory goes in the loop's next turn. Closing NULL
 * is legal, and each close clears the caller's pointer.
 * Threads: one, the control thread; loop_wake: any. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

#include <sys/types.h>

struct loop;
/* Checks first that the descriptors it needs can be had (libuv aborts without them). From then on
 * SIGPIPE is ignored: a peer that has gone is an error of the write. */
RC loop_open(struct loop **l, struct mem *mem, struct err *e);
/* All handles must have been closed; runs the loop until their memory is back. NULL is legal. */
void loop_close(struct loop *l);
/* Until loop_stop, whatever is open; may be called again. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* from a callback: after those of this turn loop_run returns */

struct loop_timer;
RC loop_timer_open(struct loop_timer **t, struct loop *l, void (*on)(void *arg), void *arg,
		   struct err *e);
/* Once, after at least this long (rounded up to a millisecond); replaces what was set. */
void loop_timer_set(struct loop_timer *t, uint64_t after_us);
/* Again and again. */
void loop_timer_every(struct loop_timer *t, uint64_t every_us);
void loop_timer_off(struct loop_timer *t);
void loop_timer_close(struct loop_timer **t);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_watch;
/* Watches fd (pollable; it becomes non-blocking), for nothing yet; one watch a descriptor.
 * E_INVALID: fd cannot be polled (a regular file). events: LOOP_READ | LOOP_WRITE, as is; a fd with
 * an error, or whose peer is gone, counts as ready for all that is watched: read or write says what
 * it is. error: an errno if it can be watched no more, else 0. */
RC loop_watch_open(struct loop_watch **w, struct loop *l, int fd,
		   void (*on)(void *arg, int events, int error), void *arg, struct err *e);
void loop_watch_for(struct loop_watch *w, int events); /* 0: nothing */
void loop_watch_close(struct loop_watch **w);          /* before fd is closed */

struct loop_waker;
/* on runs on the loop's thread soon after one or more loop_wake. */
RC loop_waker_open(struct loop_waker **w, struct loop *l, void (*on)(void *arg), void *arg,
		   struct err *e);
void loop_wake(struct loop_waker *w); /* any thread */
void loop_waker_close(struct loop_waker **w);

/* What is to follow the events of a turn: once for all of them, without a wake-up. */
struct loop_after;
RC loop_after_open(struct loop_after **a, struct loop *l, void (*on)(void *arg), void *arg,
		   struct err *e);
/* on runs when all that is ready was served: in this turn, if a descriptor's event asks; else in
 * the next, which does not wait. Asked by on itself, it looks at descriptors in between. */
void loop_after_set(struct loop_after *a);
void loop_after_close(struct loop_after **a);

struct loop_signal;
RC loop_signal_open(struct loop_signal **s, struct loop *l, int number,
		    void (*on)(void *arg, int number), void *arg, struct err *e);
void loop_signal_close(struct loop_signal **s);

struct loop_child;
/* Starts file (a path) with argv and envp (NULL: this process's environment); fd[i] becomes its
 * descriptor i, -1: /dev/null; all others are closed in it. gone is called once, when it has
 * ended: the exit status, or 0 and the signal that killed it. */
RC loop_child_start(struct loop_child **c, struct loop *l, const char *file, char *const argv[],
		    char *const envp[], const int *fd, unsigned n_fds,
		    void (*gone)(void *arg, int status, int signal), void *arg, struct err *e);
pid_t loop_child_pid(const struct loop_child *c);
void loop_child_kill(struct loop_child *c, int number);
/* After gone was called, or to forget it (it is reaped all the same). */
void loop_child_close(struct loop_child **c);
