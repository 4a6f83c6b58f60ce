/* ring.h - a bounded ring that a batch goes round in: stages fill, change and read it in place.
 * The ring holds only numbers: slot i of the owner's array of batches is stage k's from ring_next
 * to ring_done; then it is stage k + 1's, behind the last one stage 0's again. So what a later
 * stage adds to a batch is beside what it got, and nothing is copied.
 * Waiting: a few spins, then sched_yield: with more threads than cores a futex's wake-up costs more
 * than what there is to do (some 10 us on virtual machines), and with as many it is never needed.
 * Threads: one a stage. */
#pragma once
#include "floor.h"

#include <immintrin.h>
#include <sched.h>
#include <stdatomic.h>

#define RING_STAGES 3

struct ring {
	struct {
		_Alignas(128) _Atomic uint64_t done; /* how many the stage has passed on */
		uint64_t seen; /* its own view of how many it may take in all */
	} stage[RING_STAGES];
	_Alignas(128) uint32_t slots;
	uint32_t spins, stages;
};

static inline void ring_open(struct ring *r, const struct options *o, uint32_t stages)
{
	*r = (struct ring){.slots = o->slots, .stages = stages};
	r->spins = stages > 2 ? 0 : o->spins; /* with a third thread, somebody else has work */
	r->stage[0].seen = r->slots;
}

/* Whether there is a slot for the stage; it is *slot. */
static inline bool ring_try(struct ring *r, uint32_t stage, uint32_t *slot)
{
	uint64_t at = atomic_load_explicit(&r->stage[stage].done, memory_order_relaxed);
	if (at == r->stage[stage].seen) {
		uint32_t before = stage ? stage - 1 : r->stages - 1;
		uint64_t done = atomic_load_explicit(&r->stage[before].done, memory_order_acquire);
		r->stage[stage].seen = stage ? done : done + r->slots;
		if (at == r->stage[stage].seen)
			return false;
	}
	*slot = (uint32_t)(at % r->slots);
	return true;
}

/* The stage's next slot; waits for it. */
static inline uint32_t ring_next(struct ring *r, uint32_t stage)
{
	uint32_t slot = 0;
	for (uint32_t tries = 0; !ring_try(r, stage, &slot); tries++) {
		if (tries < r->spins)
			_mm_pause();
		else
			sched_yield();
	}
	return slot;
}

static inline void ring_done(struct ring *r, uint32_t stage)
{
	uint64_t at = atomic_load_explicit(&r->stage[stage].done, memory_order_relaxed);
	atomic_store_explicit(&r->stage[stage].done, at + 1, memory_order_release);
}
