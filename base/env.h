/* env.h - the seams: what the outside world does for weir, and what a simulation does in its place.
 * Why: every effect that is not pure goes through one of these four, so that the same code runs in
 * production and, step by step, under a seed.
 * Borrowed by everyone below main() (or the simulator), which owns it. */
#pragma once
#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"

/* Microseconds. mono never goes back and has no meaning beyond differences; wall is UTC and may
 * jump: it is shown to people and never decides anything (inv 23). */
struct clock {
	uint64_t (*mono_us)(struct clock *c);
	int64_t (*wall_us)(struct clock *c);
	/* CPU time of the calling thread in nanoseconds: what a snapshot cost a task, whoever else
	 * wanted the core meanwhile. NULL: mono stands in (simulation). */
	uint64_t (*thread_ns)(struct clock *c);
};

struct clock *clock_real(void);

static inline uint64_t clock_mono_us(struct clock *c)
{
	return c->mono_us(c);
}
static inline int64_t clock_wall_us(struct clock *c)
{
	return c->wall_us(c);
}

static inline uint64_t clock_thread_ns(struct clock *c)
{
	return c->thread_ns ? c->thread_ns(c) : c->mono_us(c) * 1000;
}

struct env {
	struct clock *clock;
	struct fs *fs;
	struct mem *mem;
	struct rng *rng; /* control thread only; uuids and jitter, nothing that output depends on */
};
