/* spread.h - which processor each thread of a job keeps to, if any. Pure.
 * Why: with more threads than processors the kernel moves them about while they hand batches to
 * each other; the one that everybody waits for then shares a processor with another now and then,
 * and its caches stay behind. Where the busiest stays alone and the others share the rest, a keyed
 * sum was measured 10 to 40 % faster (adr/0010).
 *
 *   every spread_every_us, while data flows:
 *     kernel's choice -> placed    threads as many as processors or more, and the busiest is what
 *                                  the job waits for: heaviest first, each to the emptiest one
 *     placed -> placed otherwise   the loads have changed, and another way is 15 % better
 *     placed -> kernel's choice    little is left to do; or others want a processor of ours: then
 *                                  not again for a second, or twice as long as the last time
 *
 * So it is a hint that is taken back: a thread that keeps to a processor cannot get out of the way
 * of another program, the kernel can.
 * Not here: who asks the kernel (jobs/workers.c). Threads: one at a time. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

#define SPREAD_ANY UINT32_MAX
#define SPREAD_EVERY_US 50000      /* by feel: long beside a batch, short beside a run */
#define SPREAD_THREAD_US 1000      /* each, at least: asking about one takes 10 us */
#define SPREAD_PAUSE_US 1000000    /* after others wanted a processor of ours, at first */
#define SPREAD_PAUSE_MAX_US 64000000

/* Of one thread, since it began. */
struct spread_load {
	uint64_t busy_us;   /* at its tasks' work */
	uint64_t ran_us;    /* on a processor, at work or looking for some */
	uint64_t waited_us; /* it would have run, but another one did */
};

struct spread {
	struct mem *mem;
	uint32_t n, processors;
	uint32_t *on;              /* of each thread: a processor below `processors`, or SPREAD_ANY */
	uint32_t *better;          /* scratch: another way */
	uint64_t *sum;             /* scratch: of a processor */
	struct spread_load *seen;  /* at the last look */
	struct spread_load *part;  /* since then */
	uint64_t seen_us, seen_rest_us;
	bool placed;
	uint64_t placed_us;
	uint64_t not_before_us, pause_us;
};

/* All threads begin as the kernel chooses. E_NO_MEMORY. */
RC spread_open(struct spread *s, uint32_t threads, uint32_t processors, struct mem *mem,
	       struct err *e);
void spread_close(struct spread *s); /* legal on the zeroed one */
/* How far looks should be apart. */
uint64_t spread_every_us(const struct spread *s);
/* load: of each thread. rest_us: what the process's other threads ran. True: s->on changed. */
bool spread_look(struct spread *s, const struct spread_load *load, uint64_t rest_us,
		 uint64_t now_us);
