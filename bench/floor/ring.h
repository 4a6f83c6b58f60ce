/* ring.h - a bounded ring from one thread to one other; slots are filled and read in place.
 * The ring holds only numbers: slot i of the owner's array of batches is the producer's from
 * ring_room to ring_push, the consumer's from ring_next to ring_pop.
 * Waiting: a few spins, then sched_yield: with more threads than cores a futex's wake-up costs more
 * than what there is to do (some 10 us on virtual machines), and with as many it is never needed.
 * Threads: one producer, one consumer. */
#pragma once
#include "floor.h"

#include <immintrin.h>
#include <sched.h>
#include <stdatomic.h>

struct ring {
	_Alignas(128) _Atomic uint64_t pushed;
	uint64_t popped_seen; /* the producer's view of popped */
	_Alignas(128) _Atomic uint64_t popped;
	uint64_t pushed_seen;
	_Alignas(128) uint32_t slots, spins;
};

static inline void ring_open(struct ring *r, uint32_t slots, uint32_t spins)
{
	*r = (struct ring){.slots = slots, .spins = spins};
}

static inline void ring_wait(const struct ring *r, uint32_t *tries)
{
	if (++*tries <= r->spins)
		_mm_pause();
	else
		sched_yield();
}

/* The slot to fill; waits for one. */
static inline uint32_t ring_room(struct ring *r)
{
	uint64_t at = atomic_load_explicit(&r->pushed, memory_order_relaxed);
	for (uint32_t tries = 0; at - r->popped_seen == r->slots;) {
		r->popped_seen = atomic_load_explicit(&r->popped, memory_order_acquire);
		if (at - r->popped_seen == r->slots)
			ring_wait(r, &tries);
	}
	return (uint32_t)(at % r->slots);
}

static inline void ring_push(struct ring *r)
{
	uint64_t at = atomic_load_explicit(&r->pushed, memory_order_relaxed);
	atomic_store_explicit(&r->pushed, at + 1, memory_order_release);
}

/* Whether there is a slot to read; it is *slot. */
static inline bool ring_try_next(struct ring *r, uint32_t *slot)
{
	uint64_t at = atomic_load_explicit(&r->popped, memory_order_relaxed);
	if (at == r->pushed_seen) {
		r->pushed_seen = atomic_load_explicit(&r->pushed, memory_order_acquire);
		if (at == r->pushed_seen)
			return false;
	}
	*slot = (uint32_t)(at % r->slots);
	return true;
}

/* The slot to read; waits for one. */
static inline uint32_t ring_next(struct ring *r)
{
	uint32_t slot = 0;
	for (uint32_t tries = 0; !ring_try_next(r, &slot);)
		ring_wait(r, &tries);
	return slot;
}

static inline void ring_pop(struct ring *r)
{
	uint64_t at = atomic_load_explicit(&r->popped, memory_order_relaxed);
	atomic_store_explicit(&r->popped, at + 1, memory_order_release);
}
