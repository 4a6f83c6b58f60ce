/* test_processors.c - a thread keeps to the processor it is told to, and says how long it ran. */
#include "base/processors.h"

#include "base/waker.h"
#include "tests/lib/test.h"

#include <sched.h>

struct moved {
	struct processors all;
	uint32_t wrong;
	bool free_again;
	bool ran_grew;
};

static void move(void *arg)
{
	struct moved *m = arg;
	struct processors now;
	for (uint32_t i = 0; i < m->all.n; i++) {
		thread_keep_to(&m->all, i);
		processors_get(&now);
		m->wrong += now.n != 1 || now.number[0] != m->all.number[i] ||
			    sched_getcpu() != m->all.number[i];
	}
	thread_keep_to(&m->all, UINT32_MAX);
	processors_get(&now);
	m->free_again = now.n == m->all.n &&
			!memcmp(now.number, m->all.number, now.n * sizeof *now.number);
	uint64_t before = 0, after = 0, waited;
	bool told = thread_times(thread_number(), &before, &waited);
	for (int i = 0; told && i < 100000000 && after < before + 1000; i++)
		told = thread_times(thread_number(), &after, &waited);
	m->ran_grew = told ? after >= before + 1000 : true;
}

TEST(a_thread_keeps_to_the_processor_it_is_told_to_and_others_are_left_alone)
{
	struct moved m = {0};
	struct processors mine;
	struct thread t;
	struct err e = {0};
	processors_get(&m.all);
	EXPECT(m.all.n == thread_cores());
	EXPECT_OK(thread_start(&t, move, &m, "moves", &e), &e);
	thread_join(&t);
	EXPECT(m.wrong == 0 && m.free_again && m.ran_grew);
	processors_get(&mine);
	EXPECT(mine.n == m.all.n);
}

TEST(of_no_thread_nothing_is_said_and_of_no_processors_nothing_is_asked)
{
	uint64_t ran = 7, waited = 8;
	struct processors none = {0}, mine;
	EXPECT(!thread_times(0, &ran, &waited) && ran == 7 && waited == 8);
	thread_keep_to(&none, 0);
	processors_get(&mine);
	EXPECT(mine.n == thread_cores());
	EXPECT(process_ran_us() > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_thread_keeps_to_the_processor_it_is_told_to_and_others_are_left_alone),
		T(of_no_thread_nothing_is_said_and_of_no_processors_nothing_is_asked),
	};
	return RUN(tests);
}
