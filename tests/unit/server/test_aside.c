/* test_aside.c - each question is worked on beside the loop and answered once, in order, on the
 * loop's thread; who closes answers the rest. */
#include "server/aside.h"

#include "tests/lib/test.h"

#include <pthread.h>
#include <semaphore.h>

enum { ASKED_MAX = 4 * ASIDE_MAX };

struct world {
	struct mem mem;
	struct loop *loop;
	struct aside *aside;
	pthread_t own;
	sem_t started, gate; /* the first one worked on waits there */
	bool holds;
	unsigned asked, worked, done, stop_after;
	bool closed;
	struct err e;
};

struct question {
	struct world *w;
	unsigned number, works, dones;
	bool was_worked;
};

static void work(void *arg)
{
	struct question *q = arg;
	struct world *w = q->w;
	EXPECT(!pthread_equal(pthread_self(), w->own));
	EXPECT(q->number == w->worked++ && !q->works++);
	if (w->holds && q->number == 0) {
		sem_post(&w->started);
		sem_wait(&w->gate);
	}
}

static void done(void *arg, bool worked)
{
	struct question *q = arg;
	struct world *w = q->w;
	EXPECT(pthread_equal(pthread_self(), w->own) && !w->closed);
	EXPECT(q->number == w->done++ && !q->dones++);
	EXPECT(worked == (q->works == 1));
	q->was_worked = worked;
	if (w->done == w->stop_after)
		loop_stop(w->loop);
}

static void begin(struct world *w, bool holds)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	w->own = pthread_self();
	w->holds = holds;
	EXPECT(!sem_init(&w->started, 0, 0) && !sem_init(&w->gate, 0, 0));
	EXPECT_OK(loop_open(&w->loop, &w->mem, &w->e), &w->e);
	EXPECT_OK(aside_open(&w->aside, w->loop, &w->mem, &w->e), &w->e);
}

static void end(struct world *w)
{
	aside_close(w->aside);
	w->closed = true;
	EXPECT(w->done == w->asked);
	loop_close(w->loop);
	sem_destroy(&w->started);
	sem_destroy(&w->gate);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

static enum rc ask(struct world *w, struct question *q)
{
	*q = (struct question){.w = w, .number = w->asked};
	const struct aside_do what = {work, done, q};
	unsigned before = w->done;
	enum rc rc = aside_ask(w->aside, &what, &w->e);
	w->asked += rc == OK;
	EXPECT(w->done == before); /* never from inside */
	return rc;
}

static void run_until(struct world *w, unsigned n)
{
	w->stop_after = n;
	if (w->done < n)
		loop_run(w->loop);
	EXPECT(w->done == n);
}

TEST(each_is_worked_on_and_answered_once_in_order)
{
	struct world w;
	struct question q[ASKED_MAX];
	begin(&w, false);
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		EXPECT_OK(ask(&w, &q[i]), &w.e);
		if (i % 7 == 0 || i + 1 == ASKED_MAX || w.asked - w.done == ASIDE_MAX)
			run_until(&w, i + 1);
	}
	for (unsigned i = 0; i < ASKED_MAX; i++)
		EXPECT(q[i].works == 1 && q[i].dones == 1 && q[i].was_worked);
	end(&w);
}

TEST(one_more_than_may_wait_is_refused_and_the_others_are_answered)
{
	struct world w;
	struct question q[ASIDE_MAX + 1];
	begin(&w, true);
	for (unsigned i = 0; i < ASIDE_MAX; i++)
		EXPECT_OK(ask(&w, &q[i]), &w.e);
	sem_wait(&w.started);
	EXPECT(ask(&w, &q[ASIDE_MAX]) == E_LIMIT && strstr(w.e.text, "in a moment"));
	sem_post(&w.gate);
	run_until(&w, ASIDE_MAX);
	EXPECT_OK(ask(&w, &q[ASIDE_MAX]), &w.e); /* there is room again */
	run_until(&w, ASIDE_MAX + 1);
	end(&w);
}

static void *opens_gate(void *arg)
{
	sem_post(&((struct world *)arg)->gate);
	return NULL;
}

TEST(who_closes_waits_for_the_one_under_way_and_answers_the_rest)
{
	struct world w;
	struct question q[5];
	pthread_t thread;
	begin(&w, true);
	for (unsigned i = 0; i < 5; i++)
		EXPECT_OK(ask(&w, &q[i]), &w.e);
	sem_wait(&w.started);
	EXPECT(!pthread_create(&thread, NULL, opens_gate, &w));
	end(&w); /* with what was asked */
	EXPECT(!pthread_join(thread, NULL));
	/* The first was under way; of the others as many as the thread came to before it was told. */
	EXPECT(q[0].was_worked);
	for (unsigned i = 0; i < 5; i++)
		EXPECT(q[i].dones == 1 && (i == 0 || q[i].was_worked <= q[i - 1].was_worked));
}

TEST(one_that_was_never_opened_is_closed)
{
	aside_close(NULL);
	for (uint64_t at = 1;; at++) {
		struct world w = {0};
		mem_init(&w.mem, 0);
		EXPECT_OK(loop_open(&w.loop, &w.mem, &w.e), &w.e);
		w.mem.fail_at = atomic_load(&w.mem.calls) + at;
		enum rc rc = aside_open(&w.aside, w.loop, &w.mem, &w.e);
		bool failed = atomic_load(&w.mem.calls) >= w.mem.fail_at;
		w.mem.fail_at = 0;
		EXPECT(failed ? rc == E_NO_MEMORY && !w.aside : rc == OK);
		aside_close(w.aside);
		loop_close(w.loop);
		EXPECT(atomic_load(&w.mem.used_bytes) == 0);
		if (!failed)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_is_worked_on_and_answered_once_in_order),
		T(one_more_than_may_wait_is_refused_and_the_others_are_answered),
		T(who_closes_waits_for_the_one_under_way_and_answers_the_rest),
		T(one_that_was_never_opened_is_closed),
	};
	return RUN(tests);
}
