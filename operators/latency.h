/* latency.h - how long records took: a histogram of microseconds, of constant size.
 * For sinks that are told which field says when a record was made (latency_of). A measurement of
 * this process, not state: it stands in the stage's plan, goes on through attempts, and a restart
 * of the process begins it anew.
 *
 *   0 .. 127 us        a bucket each
 *   2^k .. 2^(k+1)     64 buckets of equal width, k from 7 to 39: within 0.8 % of what was measured
 *   2^40 us (12 days)  and above count as just below it; a time before its creation counts as 0
 *
 * Threads: a histogram has one writer, the subtask; anyone may read it meanwhile. */
#pragma once
#include "runtime/batch.h"

#define LATENCY_BUCKETS (35 * 64)
#define LATENCY_LIMIT_US (1ull << 40)

struct latency {
	_Alignas(64) _Atomic uint64_t max_us;
	_Atomic uint64_t bucket[LATENCY_BUCKETS];
};

/* What n histograms say together: half of the records took p50_us or less, and so on. */
struct latency_figures {
	uint64_t records; /* 0: nothing was measured, and the others are 0 */
	uint64_t p50_us, p99_us, p99_9_us, max_us;
};

/* Counts b's records by now_us minus their column `field`, a timestamp; nulls are not counted.
 * now_us: wall clock, as the column. */
void latency_count(struct latency *l, const struct batch *b, uint32_t field, int64_t now_us);
void latency_figures(const struct latency *l, uint32_t n, struct latency_figures *f);

/* The bucket of a latency below LATENCY_LIMIT_US, and the middle of a bucket. */
static inline uint32_t latency_bucket(uint64_t us)
{
	uint32_t shift = 57 - (uint32_t)__builtin_clzll(us | 64);
	return shift * 64 + (uint32_t)(us >> shift);
}
static inline uint64_t latency_middle(uint32_t bucket)
{
	if (bucket < 128)
		return bucket;
	uint32_t shift = bucket / 64 - 1;
	uint64_t from = (uint64_t)(64 + bucket % 64) << shift;
	return from + ((1ull << shift) >> 1);
}
