/* test_waker.c - no wake-up is lost, and a wake that comes too early is kept. Run under TSan too:
 * what was published before a wake must be seen by the woken without any lock between them. */
#include "base/waker.h"
#include "tests/lib/test.h"

#include <sched.h>

enum { ROUNDS = 20000, DUELS = 100000, WAKERS = 3 };

/* One sleeper and one waker take turns; payload is not atomic, so TSan sees a missing edge. */
struct turns {
	struct waker to_sleeper, to_waker;
	_Atomic uint64_t asked, answered;
	uint64_t payload;
};

static void wait_until(struct waker *w, _Atomic uint64_t *what, uint64_t at_least)
{
	while (atomic_load_explicit(what, memory_order_acquire) < at_least) {
		waker_prepare(w);
		if (atomic_load_explicit(what, memory_order_acquire) < at_least)
			waker_sleep(w, UINT64_MAX);
		else
			waker_cancel(w);
	}
}

static void answer(void *arg)
{
	struct turns *t = arg;
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		wait_until(&t->to_sleeper, &t->asked, i);
		t->payload++;
		atomic_store_explicit(&t->answered, i, memory_order_release);
		waker_wake(&t->to_waker);
	}
}

TEST(each_turn_wakes_the_other_side)
{
	static struct turns t;
	struct thread th;
	struct err e = {OK};
	waker_init(&t.to_sleeper);
	waker_init(&t.to_waker);
	EXPECT_OK(thread_start(&th, answer, &t, "answers-with-a-long-name", &e), &e);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		t.payload++;
		atomic_store_explicit(&t.asked, i, memory_order_release);
		waker_wake(&t.to_sleeper);
		wait_until(&t.to_waker, &t.answered, i);
	}
	thread_join(&th);
	EXPECT(t.payload == 2 * ROUNDS);
	thread_join(&th); /* legal on the empty value */
}

/* Several wakers, one sleeper without a timeout: a lost wake-up would hang the test. */
struct crowd {
	struct waker w;
	_Atomic uint64_t work;
};

static void bring(void *arg)
{
	struct crowd *c = arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		atomic_fetch_add_explicit(&c->work, 1, memory_order_relaxed);
		waker_wake(&c->w);
	}
}

TEST(many_wakers_lose_no_wake)
{
	static struct crowd c;
	struct thread th[WAKERS];
	struct err e = {OK};
	waker_init(&c.w);
	for (unsigned i = 0; i < WAKERS; i++)
		EXPECT_OK(thread_start(&th[i], bring, &c, "bring", &e), &e);
	uint64_t done = 0;
	while (done < (uint64_t)WAKERS * ROUNDS) {
		uint64_t found = atomic_exchange_explicit(&c.work, 0, memory_order_relaxed);
		done += found;
		if (found)
			continue;
		waker_prepare(&c.w);
		if (atomic_load_explicit(&c.work, memory_order_relaxed))
			waker_cancel(&c.w);
		else if (done < (uint64_t)WAKERS * ROUNDS)
			waker_sleep(&c.w, UINT64_MAX);
	}
	for (unsigned i = 0; i < WAKERS; i++)
		thread_join(&th[i]);
	EXPECT(done == (uint64_t)WAKERS * ROUNDS && atomic_load(&c.work) == 0);
}

/* The heart of it without any sleep: in each round both sides go at once, and either the sleeper's
 * second look sees the work or the waker sees it prepared. Fails without the fences, on x86 too. */
struct duel {
	struct waker w;
	_Alignas(64) _Atomic unsigned work;
	_Alignas(64) _Atomic unsigned begun, ended;
	_Atomic unsigned notified;
};

static void note(void *arg)
{
	struct duel *d = arg;
	atomic_fetch_add(&d->notified, 1);
}

static void spin_until(_Atomic unsigned *what, unsigned at_least)
{
	for (unsigned i = 1; atomic_load_explicit(what, memory_order_acquire) < at_least; i++)
		if (i % 1000 == 0)
			sched_yield(); /* the other side may need this core */
}

static void duel_waker(void *arg)
{
	struct duel *d = arg;
	for (unsigned i = 1; i <= DUELS; i++) {
		spin_until(&d->begun, i);
		atomic_store_explicit(&d->work, i, memory_order_release);
		waker_wake(&d->w);
		atomic_store_explicit(&d->ended, i, memory_order_release);
	}
}

TEST(either_the_sleeper_sees_the_work_or_the_waker_sees_the_sleeper)
{
	static struct duel d;
	struct thread th;
	struct err e = {OK};
	waker_init(&d.w);
	d.w.notify = note;
	d.w.arg = &d;
	EXPECT_OK(thread_start(&th, duel_waker, &d, "duel", &e), &e);
	unsigned missed = 0;
	for (unsigned i = 1; i <= DUELS; i++) {
		atomic_store(&d.notified, 0);
		atomic_store_explicit(&d.begun, i, memory_order_release);
		for (unsigned k = 0; k < i * 7 % 1024; k++) /* so that the two meet in some round */
			atomic_signal_fence(memory_order_seq_cst);
		waker_prepare(&d.w);
		bool saw = atomic_load_explicit(&d.work, memory_order_acquire) == i;
		spin_until(&d.ended, i);
		missed += !saw && !atomic_load(&d.notified);
		waker_cancel(&d.w);
	}
	thread_join(&th);
	EXPECT(missed == 0);
}

TEST(a_wake_between_prepare_and_sleep_is_kept)
{
	struct waker w;
	waker_init(&w);
	waker_prepare(&w);
	waker_wake(&w);
	waker_sleep(&w, UINT64_MAX); /* returns at once, or this test never ends */
	EXPECT(atomic_load(&w.state) == WAKER_AWAKE);
}

TEST(a_sleep_ends_with_its_time)
{
	struct waker w;
	waker_init(&w);
	/* The short ones are spent awake. */
	for (uint64_t us = 0; us <= 1000; us = us ? us * 10 : 1) {
		waker_prepare(&w);
		waker_sleep(&w, us);
		EXPECT(atomic_load(&w.state) == WAKER_AWAKE);
	}
	waker_sleep(&w, UINT64_MAX); /* not prepared: nothing to wait for */
}

static void count_up(void *arg)
{
	++*(unsigned *)arg;
}

TEST(notify_is_called_once_for_each_prepare)
{
	struct waker w;
	unsigned calls = 0;
	waker_init(&w);
	w.notify = count_up;
	w.arg = &calls;
	waker_wake(&w);
	EXPECT(calls == 0);
	waker_prepare(&w);
	waker_sleep(&w, UINT64_MAX);
	waker_wake(&w);
	waker_wake(&w);
	EXPECT(calls == 1);
	waker_prepare(&w);
	waker_cancel(&w);
	waker_wake(&w);
	EXPECT(calls == 1);
}

struct shared {
	struct lock l;
	uint64_t n;
};

static void add_many(void *arg)
{
	struct shared *s = arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		lock_take(&s->l);
		s->n++;
		lock_drop(&s->l);
	}
}

TEST(a_lock_lets_one_in)
{
	static struct shared s;
	struct thread th[2];
	struct err e = {OK};
	lock_init(&s.l);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_OK(thread_start(&th[i], add_many, &s, "adds", &e), &e);
	for (unsigned i = 0; i < 2; i++)
		thread_join(&th[i]);
	EXPECT(s.n == 2 * ROUNDS);
	lock_close(&s.l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_turn_wakes_the_other_side),
		T(many_wakers_lose_no_wake),
		T(either_the_sleeper_sees_the_work_or_the_waker_sees_the_sleeper),
		T(a_wake_between_prepare_and_sleep_is_kept),
		T(a_sleep_ends_with_its_time),
		T(notify_is_called_once_for_each_prepare),
		T(a_lock_lets_one_in),
	};
	return RUN(tests);
}
