/* spread.c - see spread.h. Heaviest first, each to the emptiest (Graham 1969): at most 4/3 of the
 * best, and the best for three threads on two processors. */
#include "jobs/spread.h"

#include <string.h>

/* Shares of the time looked at, in hundredths; by feel. */
#define BUSY 60      /* the busiest thread is what the job waits for */
#define LITTLE 30    /* the busiest thread has time to spare */
#define DISTURBED 15 /* of a processor went to others */
#define BETTER 15    /* what another way must gain */

RC spread_open(struct spread *s, uint32_t threads, uint32_t processors, struct mem *mem,
	       struct err *e)
{
	*s = (struct spread){.mem = mem, .n = threads, .processors = processors,
			     .pause_us = SPREAD_PAUSE_US};
	s->on = mem_get(mem, threads * sizeof *s->on);
	s->better = mem_get(mem, threads * sizeof *s->better);
	s->seen = mem_get(mem, threads * sizeof *s->seen);
	s->part = mem_get(mem, threads * sizeof *s->part);
	s->sum = mem_get(mem, (processors + 1) * sizeof *s->sum);
	if (!s->on || !s->better || !s->seen || !s->part || !s->sum) {
		spread_close(s);
		return ERR(e, E_NO_MEMORY, "no memory for the places of %u threads", threads);
	}
	for (uint32_t i = 0; i < threads; i++)
		s->on[i] = SPREAD_ANY;
	return OK;
}

void spread_close(struct spread *s)
{
	if (!s->mem)
		return;
	mem_put(s->mem, s->on);
	mem_put(s->mem, s->better);
	mem_put(s->mem, s->seen);
	mem_put(s->mem, s->part);
	mem_put(s->mem, s->sum);
	*s = (struct spread){0};
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

uint64_t spread_every_us(const struct spread *s)
{
	uint64_t us = (uint64_t)s->n * SPREAD_THREAD_US;
	return us > SPREAD_EVERY_US ? us : SPREAD_EVERY_US;
}

/* What the fullest processor would have to do. */
static uint64_t fullest(struct spread *s, const uint32_t *on)
{
	uint64_t most = 0;
	memset(s->sum, 0, s->processors * sizeof *s->sum);
	for (uint32_t i = 0; i < s->n; i++)
		s->sum[on[i]] += s->part[i].busy_us;
	for (uint32_t k = 0; k < s->processors; k++)
		if (s->sum[k] > most)
			most = s->sum[k];
	return most;
}

static uint32_t emptiest(const struct spread *s)
{
	uint32_t at = 0;
	for (uint32_t k = 1; k < s->processors; k++)
		if (s->sum[k] < s->sum[at])
			at = k;
	return at;
}

static void find_better(struct spread *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		s->better[i] = SPREAD_ANY;
	memset(s->sum, 0, s->processors * sizeof *s->sum);
	for (uint32_t placed = 0; placed < s->n; placed++) {
		uint32_t next = s->n;
		for (uint32_t i = 0; i < s->n; i++)
			if (s->better[i] == SPREAD_ANY &&
			    (next == s->n || s->part[i].busy_us > s->part[next].busy_us))
				next = i;
		s->better[next] = emptiest(s);
		s->sum[s->better[next]] += s->part[next].busy_us;
	}
}

/* Somebody of us wanted the processor for `wanted` and we had it for `ran`: others had the rest.
 * The process's other threads may have had it, and count as ours. */
static bool is_disturbed(const struct spread *s, uint64_t rest_us, uint64_t took_us)
{
	for (uint32_t k = 0; k < s->processors; k++) {
		uint64_t wanted = 0, ran = rest_us;
		for (uint32_t i = 0; i < s->n; i++) {
			const struct spread_load *p = &s->part[i];
			if (s->on[i] != k)
				continue;
			ran += p->ran_us;
			if (p->ran_us + p->waited_us > wanted)
				wanted = p->ran_us + p->waited_us;
		}
		if (since(wanted, ran) * 100 > took_us * DISTURBED)
			return true;
	}
	return false;
}

static void place(struct spread *s, uint64_t now_us)
{
	memcpy(s->on, s->better, s->n * sizeof *s->on);
	s->placed = true;
	s->placed_us = now_us;
}

static bool release(struct spread *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		s->on[i] = SPREAD_ANY;
	s->placed = false;
	return true;
}

static bool look_placed(struct spread *s, uint64_t busiest, uint64_t rest_us, uint64_t took_us,
			uint64_t now_us)
{
	if (is_disturbed(s, rest_us, took_us)) { /* first: it may be why little gets done */
		s->not_before_us = now_us + s->pause_us;
		s->pause_us = s->pause_us * 2 < SPREAD_PAUSE_MAX_US ? s->pause_us * 2
								    : SPREAD_PAUSE_MAX_US;
		return release(s);
	}
	if (busiest * 100 < took_us * LITTLE)
		return release(s);
	if (now_us - s->placed_us > 4 * s->pause_us)
		s->pause_us = SPREAD_PAUSE_US; /* who disturbed it is gone */
	find_better(s);
	if (fullest(s, s->better) * (100 + BETTER) >= fullest(s, s->on) * 100)
		return false;
	memcpy(s->on, s->better, s->n * sizeof *s->on);
	return true;
}

bool spread_look(struct spread *s, const struct spread_load *load, uint64_t rest_us,
		 uint64_t now_us)
{
	uint64_t took = since(now_us, s->seen_us), rest = since(rest_us, s->seen_rest_us), busiest = 0;
	/* The first look, or one after a rest: of what was before, too much was something else. */
	bool fresh = !s->seen_us || (!s->placed && took > 4 * spread_every_us(s));
	for (uint32_t i = 0; i < s->n; i++) {
		s->part[i] = (struct spread_load){
			.busy_us = since(load[i].busy_us, s->seen[i].busy_us),
			.ran_us = since(load[i].ran_us, s->seen[i].ran_us),
			.waited_us = since(load[i].waited_us, s->seen[i].waited_us)};
		s->seen[i] = load[i];
		if (s->part[i].busy_us > busiest)
			busiest = s->part[i].busy_us;
	}
	s->seen_us = now_us;
	s->seen_rest_us = rest_us;
	if (s->placed)
		return look_placed(s, busiest, rest, took, now_us);
	if (fresh || s->processors < 2 || s->n < s->processors || now_us < s->not_before_us ||
	    busiest * 100 < took * BUSY)
		return false;
	find_better(s);
	place(s, now_us);
	return true;
}
