/* waker.h - threads, and waking one that sleeps: the thread door of libuv.
 * Why: a wake-up costs a system call only when the other side really sleeps.
 * Protocol of the sleeper: waker_prepare, look once more for work, then waker_sleep (or
 * waker_cancel if there was some). A waker_wake between prepare and sleep makes sleep return at
 * once: none is lost. In simulation wakers are never slept on, and waking is one atomic load.
 * Threads: one sleeper; anyone may wake. */
#pragma once
#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

enum { WAKER_AWAKE, WAKER_PREPARED };

struct waker {
	_Alignas(64) _Atomic int state; /* WAKER_*; also the word of the futex */
	void (*notify)(void *arg); /* instead of a sleeper: an event loop is poked; may be NULL.
				    * Called at most once for each waker_prepare. */
	void *arg;
};

void waker_init(struct waker *w);
void waker_prepare(struct waker *w);
void waker_cancel(struct waker *w);
/* At most timeout_us microseconds; UINT64_MAX: until woken. May also return for no reason. Up to
 * 60 us are spent awake: a sleep would cost as much, and end as late again. With
 * notify set it returns at once, still prepared: the event loop does the sleeping, then cancels. */
void waker_sleep(struct waker *w, uint64_t timeout_us);
void waker_wake_slow(struct waker *w);

/* Cheap when nobody sleeps. The fence pairs with waker_prepare's: what was published before is seen
 * by the sleeper's second look, or its PREPARED is seen here. */
static inline void waker_wake(struct waker *w)
{
#ifdef __SANITIZE_THREAD__ /* does not know fences: a read-modify-write orders the same */
	int state = atomic_fetch_add(&w->state, 0);
#else
	atomic_thread_fence(memory_order_seq_cst);
	int state = atomic_load_explicit(&w->state, memory_order_relaxed);
#endif
	if (state == WAKER_PREPARED)
		waker_wake_slow(w);
}

/* Threads. One stands where it is until it was joined: what it needs to begin is in it, so that
 * who starts it goes on at once. */
struct thread {
	void *handle;
	void (*run)(void *arg);
	void *arg;
	char name[16]; /* the kernel's limit; longer names are cut for it */
};
RC thread_start(struct thread *t, void (*run)(void *arg), void *arg, const char *name,
		struct err *e);
void thread_join(struct thread *t);
/* Lets another thread have this processor for a moment, if one wants it. */
void thread_yield(void);
/* Processors this process may run on: at least 1. */
unsigned thread_cores(void);

/* A leaf lock: never held while another is taken. */
struct lock {
	_Alignas(64) unsigned char mutex[64];
};
void lock_init(struct lock *l);
void lock_close(struct lock *l);
void lock_take(struct lock *l);
void lock_drop(struct lock *l);
