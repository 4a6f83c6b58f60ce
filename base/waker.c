/* waker.c - see waker.h. Sleeping is a futex on the waker's state: the kernel looks at the word
 * again before it lets the thread sleep, so a wake between prepare and sleep cannot be lost. */
#include "base/waker.h"

#include "base/check.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

void waker_init(struct waker *w)
{
	atomic_init(&w->state, WAKER_AWAKE);
	w->notify = NULL;
	w->arg = NULL;
}

void waker_prepare(struct waker *w)
{
#ifdef __SANITIZE_THREAD__
	atomic_exchange(&w->state, WAKER_PREPARED);
#else
	atomic_store_explicit(&w->state, WAKER_PREPARED, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

void waker_cancel(struct waker *w)
{
	atomic_store_explicit(&w->state, WAKER_AWAKE, memory_order_relaxed);
}

/* Measured on a virtual machine: a sleep costs 35 us of processor time and comes 50 us late. What
 * is shorter than that is cheaper to wait for, and only so it is punctual. */
#define SPIN_US 60

static uint64_t clock_ns(void)
{
	struct timespec t;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool is_prepared(const struct waker *w)
{
	return atomic_load_explicit(&((struct waker *)w)->state, memory_order_acquire) ==
	       WAKER_PREPARED;
}

static void spin(const struct waker *w, uint64_t us)
{
	uint64_t end = clock_ns() + us * 1000;
	while (is_prepared(w) && clock_ns() < end) {
#ifdef __x86_64__
		__builtin_ia32_pause();
#endif
	}
}

static void sleep_for(struct waker *w, uint64_t timeout_us)
{
	struct timespec t = {(time_t)(timeout_us / 1000000), (long)(timeout_us % 1000000) * 1000};
	/* Errors are all reasons to look again: woken meanwhile, timed out, interrupted. */
	if (is_prepared(w))
		syscall(SYS_futex, &w->state, FUTEX_WAIT_PRIVATE, WAKER_PREPARED,
			timeout_us == UINT64_MAX ? NULL : &t, NULL, 0);
}

void waker_sleep(struct waker *w, uint64_t timeout_us)
{
	if (w->notify)
		return;
	if (timeout_us <= SPIN_US)
		spin(w, timeout_us);
	else
		sleep_for(w, timeout_us);
	/* Acquire: what the waker published before it woke us is seen from here on. */
	atomic_exchange_explicit(&w->state, WAKER_AWAKE, memory_order_acquire);
}

void waker_wake_slow(struct waker *w)
{
	/* One of several wakers wins the exchange; the others find somebody who is being woken. */
	int was = atomic_exchange_explicit(&w->state, WAKER_AWAKE, memory_order_acq_rel);
	if (was != WAKER_PREPARED)
		return;
	if (w->notify)
		w->notify(w->arg);
	else
		syscall(SYS_futex, &w->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void thread_main(void *arg)
{
	const struct thread *t = arg;
	pthread_setname_np(pthread_self(), t->name); /* for top and gdb; a failure harms nobody */
	/* The kernel may be late by this much, 50 us unless said: longer than a record's whole way. */
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	t->run(t->arg);
}

_Static_assert(sizeof(uv_thread_t) <= sizeof(void *), "a thread's handle fits its pointer");

enum rc thread_start(struct thread *t, void (*run)(void *arg), void *arg, const char *name,
		     struct err *e)
{
	*t = (struct thread){.run = run, .arg = arg};
	for (unsigned n = 0; name[n] && n + 1 < sizeof t->name; n++)
		t->name[n] = name[n];
	uv_thread_t id;
	int failed = uv_thread_create(&id, thread_main, t);
	if (failed)
		return ERR(e, E_LIMIT, "thread '%s': %s", name, uv_strerror(failed));
	t->handle = (void *)id;
	return OK;
}

void thread_join(struct thread *t)
{
	if (!t->handle)
		return;
	uv_thread_t id = (uv_thread_t)t->handle;
	CHECK(uv_thread_join(&id) == 0);
	t->handle = NULL;
}

void thread_yield(void)
{
	sched_yield();
}

unsigned thread_cores(void)
{
	cpu_set_t may;
	int n = sched_getaffinity(0, sizeof may, &may) == 0 ? CPU_COUNT(&may) : 1;
	return n > 0 ? (unsigned)n : 1; /* also where there are more than a cpu_set_t can say */
}

_Static_assert(sizeof(uv_mutex_t) <= sizeof(struct lock), "struct lock holds a mutex");

void lock_init(struct lock *l)
{
	CHECK(uv_mutex_init((uv_mutex_t *)l->mutex) == 0);
}

void lock_close(struct lock *l)
{
	uv_mutex_destroy((uv_mutex_t *)l->mutex);
}

void lock_take(struct lock *l)
{
	uv_mutex_lock((uv_mutex_t *)l->mutex);
}

void lock_drop(struct lock *l)
{
	uv_mutex_unlock((uv_mutex_t *)l->mutex);
}
