/* exchange.h - two sources and two sums, each source with a ring to each sum: rows go to the sum
 * that owns their key. As two threads that are a source and a sum each and alternate, or as four.
 * A thread that is both never waits for one of the two while there is something else to do. */
#pragma once
#include "ring.h"

/* What a work does with its own batches, by slot; owner is the work. */
struct exchange_work {
	/* Rows of the next batch of source s into slots to[0] and to[1]; which of them are full, as
	 * bits. EXCHANGE_LAST: there are no more, all slots are passed on and marked as the last. */
	uint32_t (*scatter)(void *owner, uint32_t s, const uint32_t to[2]);
	/* A slot from source s to sum t is empty again. */
	void (*clear)(void *owner, uint32_t s, uint32_t t, uint32_t slot);
	/* Sums the rows; whether they were the last of source s. */
	bool (*take)(void *owner, uint32_t s, uint32_t t, uint32_t slot);
};
#define EXCHANGE_LAST 4u

/* Until all sources are used up. */
void exchange_run(const struct options *o, const struct exchange_work *work, void *owner,
		  uint32_t threads);
