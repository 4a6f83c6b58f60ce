/* test_together.c - each call is made once, whoever makes it; the error told is the first by
 * number; and where operations are counted their order is the one given. */
#include "base/fs_sim.h"
#include "base/together.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

enum { CALLS = 23 };

struct calls {
	_Atomic unsigned made[CALLS];
	_Atomic size_t last;
	_Atomic bool out_of_order;
	size_t fails, fails_too; /* CALLS: none */
};

static RC call(void *arg, size_t i, struct err *e)
{
	struct calls *c = arg;
	c->made[i]++;
	if (i < atomic_exchange(&c->last, i))
		c->out_of_order = true;
	if (i == c->fails || i == c->fails_too)
		return ERR(e, E_IO, "call %zu", i);
	return OK;
}

static void expect_each_once(const struct calls *c)
{
	for (size_t i = 0; i < CALLS; i++)
		EXPECT(c->made[i] == 1);
}

TEST(each_call_is_made_once_by_whoever_comes_to_it)
{
	struct fs_real r;
	struct err e = {OK};
	fs_real_init(&r, NULL);
	for (int round = 0; round < 200; round++) {
		struct calls c = {.fails = CALLS, .fails_too = CALLS};
		EXPECT_OK(together(&r.fs, call, &c, CALLS, &e), &e);
		expect_each_once(&c);
	}
}

TEST(the_first_error_by_number_is_told_and_the_others_are_made)
{
	struct fs_real r;
	struct err e = {OK};
	fs_real_init(&r, NULL);
	for (size_t at = 0; at < CALLS; at++) {
		struct calls c = {.fails = at, .fails_too = CALLS - 1};
		char text[20];
		snprintf(text, sizeof text, "call %zu", at);
		EXPECT(together(&r.fs, call, &c, CALLS, &e) == E_IO && !strcmp(e.text, text));
		expect_each_once(&c);
		err_clear(&e);
	}
}

TEST(none_and_one_need_no_thread)
{
	struct fs_real r;
	struct err e = {OK};
	struct calls c = {.fails = CALLS, .fails_too = CALLS};
	fs_real_init(&r, NULL);
	EXPECT_OK(together(&r.fs, call, &c, 0, &e), &e);
	EXPECT_OK(together(&r.fs, call, &c, 1, &e), &e);
	EXPECT(c.made[0] == 1 && c.made[1] == 0);
}

TEST(a_simulated_disk_has_them_in_the_order_given_up_to_the_first_error)
{
	struct fs_sim *sim;
	struct mem mem;
	struct err e = {OK};
	mem_init(&mem, 0);
	EXPECT_OK(fs_sim_open(&sim, &mem, &e), &e);
	struct calls c = {.fails = 7, .fails_too = CALLS};
	EXPECT(together(fs_sim_fs(sim), call, &c, CALLS, &e) == E_IO);
	EXPECT(!c.out_of_order);
	for (size_t i = 0; i < CALLS; i++)
		EXPECT(c.made[i] == (i <= 7));
	fs_sim_close(&sim);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(each_call_is_made_once_by_whoever_comes_to_it),
		T(the_first_error_by_number_is_told_and_the_others_are_made),
		T(none_and_one_need_no_thread),
		T(a_simulated_disk_has_them_in_the_order_given_up_to_the_first_error),
	};
	return RUN(tests);
}
