/* clock.c - the real clock behind env.h's seam. */
#include "base/env.h"

#include "base/check.h"

#include <time.h>

static uint64_t real_mono_us(struct clock *c)
{
	(void)c;
	struct timespec t;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int64_t real_wall_us(struct clock *c)
{
	(void)c;
	struct timespec t;
	CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t real_thread_ns(struct clock *c)
{
	(void)c;
	struct timespec t;
	CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct clock *clock_real(void)
{
	/* Never written through: the pointer is mutable only because a simulated clock's is. */
	static const struct clock real = {
		.mono_us = real_mono_us, .wall_us = real_wall_us, .thread_ns = real_thread_ns};
	return (struct clock *)&real;
}
