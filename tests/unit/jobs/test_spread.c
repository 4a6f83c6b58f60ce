/* test_spread.c - threads are placed when a job is held up by its busiest one, and let go when
 * others want their processors. */
#include "jobs/spread.h"

#include "base/rng.h"
#include "tests/lib/test.h"

enum { MOST = 12 };

struct fix {
	struct mem mem;
	struct spread s;
	struct spread_load load[MOST];
	uint64_t rest_us, now_us;
};

static void open_fix(struct fix *f, uint32_t threads, uint32_t processors)
{
	struct err e = {0};
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	EXPECT_OK(spread_open(&f->s, threads, processors, &f->mem, &e), &e);
	f->now_us = 1000;
	EXPECT(!spread_look(&f->s, f->load, 0, f->now_us));
}

static void close_fix(struct fix *f)
{
	spread_close(&f->s);
	spread_close(&f->s);
	EXPECT(f->mem.used_bytes == 0);
}

/* A window in which thread i was busy for so many hundredths, and ran all the time it was let. */
static bool look(struct fix *f, const unsigned *busy, const unsigned *waited)
{
	for (uint32_t i = 0; i < f->s.n; i++) {
		uint64_t away = SPREAD_EVERY_US * (waited ? waited[i] : 0) / 100;
		f->load[i].busy_us += SPREAD_EVERY_US * busy[i] / 100;
		f->load[i].waited_us += away;
		f->load[i].ran_us += SPREAD_EVERY_US - away;
	}
	f->now_us += SPREAD_EVERY_US;
	return spread_look(&f->s, f->load, f->rest_us, f->now_us);
}

static bool is_released(const struct fix *f)
{
	for (uint32_t i = 0; i < f->s.n; i++)
		if (f->s.on[i] != SPREAD_ANY)
			return false;
	return !f->s.placed;
}

TEST(the_busiest_thread_has_a_processor_alone_and_the_others_share_one)
{
	struct fix f;
	open_fix(&f, 3, 2);
	EXPECT(is_released(&f));
	EXPECT(look(&f, (unsigned[]){40, 90, 20}, NULL));
	EXPECT(f.s.on[0] == f.s.on[2] && f.s.on[1] != f.s.on[0]);
	EXPECT(f.s.on[0] < 2 && f.s.on[1] < 2);
	EXPECT(!look(&f, (unsigned[]){40, 90, 20}, (unsigned[]){50, 0, 50}));
	close_fix(&f);
}

TEST(with_a_processor_for_each_thread_or_only_one_the_kernel_chooses)
{
	struct fix f;
	open_fix(&f, 3, 4);
	EXPECT(!look(&f, (unsigned[]){40, 90, 20}, NULL) && is_released(&f));
	close_fix(&f);
	open_fix(&f, 3, 1);
	EXPECT(!look(&f, (unsigned[]){40, 90, 20}, NULL) && is_released(&f));
	close_fix(&f);
	open_fix(&f, 3, 0); /* unknown */
	EXPECT(!look(&f, (unsigned[]){40, 90, 20}, NULL) && is_released(&f));
	close_fix(&f);
}

TEST(a_job_that_has_time_to_spare_is_not_placed_and_one_that_gets_it_is_let_go)
{
	struct fix f;
	open_fix(&f, 3, 2);
	EXPECT(!look(&f, (unsigned[]){5, 50, 5}, NULL) && is_released(&f));
	EXPECT(look(&f, (unsigned[]){5, 70, 5}, NULL) && f.s.placed);
	EXPECT(!look(&f, (unsigned[]){5, 40, 5}, NULL) && f.s.placed);
	EXPECT(look(&f, (unsigned[]){5, 20, 5}, NULL) && is_released(&f));
	/* And at once again: nobody was in the way. */
	EXPECT(look(&f, (unsigned[]){5, 70, 5}, NULL) && f.s.placed);
	close_fix(&f);
}

TEST(it_is_let_go_when_others_want_a_processor_and_comes_back_ever_later)
{
	struct fix f;
	uint64_t pause = SPREAD_PAUSE_US;
	open_fix(&f, 3, 2);
	EXPECT(look(&f, (unsigned[]){40, 90, 20}, NULL));
	for (int i = 0; i < 9; i++) {
		/* The one that is alone waits for half of the time. */
		EXPECT(look(&f, (unsigned[]){40, 90, 20}, (unsigned[]){50, 50, 50}));
		EXPECT(is_released(&f));
		uint64_t since = f.now_us;
		while (!look(&f, (unsigned[]){40, 90, 20}, NULL))
			EXPECT(f.now_us - since <= pause);
		EXPECT(f.now_us - since >= pause && f.now_us - since < pause + SPREAD_EVERY_US);
		pause = pause * 2 < SPREAD_PAUSE_MAX_US ? pause * 2 : SPREAD_PAUSE_MAX_US;
	}
	for (uint64_t calm = 0; calm <= 4 * pause; calm += SPREAD_EVERY_US)
		EXPECT(!look(&f, (unsigned[]){40, 90, 20}, (unsigned[]){50, 0, 50}));
	EXPECT(f.s.pause_us == SPREAD_PAUSE_US);
	close_fix(&f);
}

TEST(one_that_gets_little_done_because_of_others_does_not_come_back_at_once)
{
	struct fix f;
	open_fix(&f, 3, 2);
	EXPECT(look(&f, (unsigned[]){40, 90, 20}, NULL));
	EXPECT(look(&f, (unsigned[]){5, 10, 5}, (unsigned[]){80, 80, 80}) && is_released(&f));
	EXPECT(!look(&f, (unsigned[]){40, 90, 20}, NULL) && is_released(&f));
	close_fix(&f);
}

TEST(threads_of_the_job_that_wait_for_each_other_or_for_its_lanes_are_not_disturbed)
{
	struct fix f;
	open_fix(&f, 3, 2);
	EXPECT(look(&f, (unsigned[]){40, 90, 20}, NULL));
	EXPECT(!look(&f, (unsigned[]){40, 90, 20}, (unsigned[]){70, 0, 30}));
	f.rest_us += SPREAD_EVERY_US / 2;
	EXPECT(!look(&f, (unsigned[]){40, 90, 20}, (unsigned[]){50, 50, 50}));
	EXPECT(f.s.placed);
	close_fix(&f);
}

TEST(other_loads_lead_to_another_way_only_when_it_is_clearly_better)
{
	struct fix f;
	open_fix(&f, 3, 2);
	EXPECT(look(&f, (unsigned[]){40, 90, 20}, NULL));
	uint32_t alone = f.s.on[1];
	EXPECT(!look(&f, (unsigned[]){80, 75, 5}, (unsigned[]){10, 0, 90}));
	EXPECT(f.s.on[1] == alone);
	EXPECT(look(&f, (unsigned[]){80, 40, 20}, (unsigned[]){10, 0, 90}));
	EXPECT(f.s.on[1] == f.s.on[2] && f.s.on[0] != f.s.on[1]);
	close_fix(&f);
}

TEST(after_a_rest_the_time_before_it_decides_nothing)
{
	struct fix f;
	open_fix(&f, 3, 2);
	f.now_us += 100 * SPREAD_EVERY_US;
	f.load[1].busy_us = f.load[1].ran_us = 90 * SPREAD_EVERY_US;
	EXPECT(!spread_look(&f.s, f.load, 0, f.now_us) && is_released(&f));
	EXPECT(look(&f, (unsigned[]){40, 90, 20}, NULL));
	close_fix(&f);
}

/* All ways of n threads on k processors: the fullest one's load of the best. */
static unsigned best_of(const unsigned *busy, uint32_t n, uint32_t k)
{
	unsigned best = UINT32_MAX, ways = 1;
	for (uint32_t i = 0; i < n; i++)
		ways *= k;
	for (unsigned w = 0; w < ways; w++) {
		unsigned sum[4] = {0}, most = 0, x = w;
		for (uint32_t i = 0; i < n; i++, x /= k)
			sum[x % k] += busy[i];
		for (uint32_t j = 0; j < k; j++)
			most = sum[j] > most ? sum[j] : most;
		best = most < best ? most : best;
	}
	return best;
}

TEST(no_processor_is_fuller_than_four_thirds_of_the_best_way)
{
	struct rng r;
	rng_seed(&r, 5);
	for (int round = 0; round < 300; round++) {
		struct fix f;
		uint32_t k = 2 + (uint32_t)rng_below(&r, 2), n = k + (uint32_t)rng_below(&r, 5);
		unsigned busy[MOST], sum[4] = {0};
		for (uint32_t i = 0; i < n; i++)
			busy[i] = (unsigned)rng_below(&r, 100);
		busy[rng_below(&r, n)] = 95;
		open_fix(&f, n, k);
		EXPECT(look(&f, busy, NULL));
		for (uint32_t i = 0; i < n; i++)
			sum[f.s.on[i]] += busy[i];
		for (uint32_t j = 0; j < k; j++)
			EXPECT(sum[j] * 3 <= best_of(busy, n, k) * 4);
		close_fix(&f);
	}
}

TEST(without_memory_for_it_nothing_is_left_behind)
{
	for (uint64_t bytes = 0;; bytes += 8) {
		struct mem mem;
		struct err e = {0};
		struct spread s;
		mem_init(&mem, bytes);
		enum rc rc = bytes ? spread_open(&s, 3, 2, &mem, &e) : E_NO_MEMORY;
		if (bytes && rc == OK)
			spread_close(&s);
		EXPECT(mem.used_bytes == 0);
		if (rc == OK)
			break;
		EXPECT(rc == E_NO_MEMORY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_busiest_thread_has_a_processor_alone_and_the_others_share_one),
		T(with_a_processor_for_each_thread_or_only_one_the_kernel_chooses),
		T(a_job_that_has_time_to_spare_is_not_placed_and_one_that_gets_it_is_let_go),
		T(it_is_let_go_when_others_want_a_processor_and_comes_back_ever_later),
		T(one_that_gets_little_done_because_of_others_does_not_come_back_at_once),
		T(threads_of_the_job_that_wait_for_each_other_or_for_its_lanes_are_not_disturbed),
		T(other_loads_lead_to_another_way_only_when_it_is_clearly_better),
		T(after_a_rest_the_time_before_it_decides_nothing),
		T(no_processor_is_fuller_than_four_thirds_of_the_best_way),
		T(without_memory_for_it_nothing_is_left_behind),
	};
	return RUN(tests);
}
