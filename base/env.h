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

struct env {
	struct clock *clock;
	struct fs *fs;
	struct mem *mem;
	struct rng *rng; /* control thread only; uuids and jitter, nothing that output depends on */
};
