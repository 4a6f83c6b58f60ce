/* tap.c - see tap.h. */
#include "runtime/tap.h"

RC taps_look(struct tap *first, const struct batch *b, struct pool *pool, bool *found,
	     uint32_t *bad_row, struct err *e)
{
	uint64_t all = 0;
	for (struct tap *tap = first; tap; tap = tap->next) {
		uint32_t n = 0;
		if (tap->look(tap, b, pool, &n, bad_row, e) != OK)
			return e->code;
		all += n;
		if (n)
			atomic_store_explicit(
				&tap->passed,
				atomic_load_explicit(&tap->passed, memory_order_relaxed) + n,
				memory_order_relaxed);
	}
	/* Counted first: who rearms it and reads the counts then has these, or is told of them. */
	*found = all && !atomic_exchange_explicit(&first->told, true, memory_order_acq_rel);
	return OK;
}

void tap_rearm(struct tap *first)
{
	if (!first->heard)
		return;
	first->heard = false;
	(void)atomic_exchange_explicit(&first->told, false, memory_order_acq_rel);
}
