/* exchange.c - see exchange.h. */
#include "exchange.h"

#define NO_SLOT UINT32_MAX

struct exchange {
	struct ring ring[2][2]; /* [source][sum] */
	const struct exchange_work *work;
	void *owner;
	const struct options *o;
};

struct source {
	uint32_t s, open[2];
	bool done;
};

struct sum {
	uint32_t t, sources_done;
};

struct role {
	struct exchange *x;
	struct source source;
	struct sum sum;
};

/* Whether it did anything: it needs room in both rings. */
static bool source_step(struct exchange *x, struct source *s)
{
	if (s->done)
		return false;
	for (uint32_t t = 0; t < 2; t++) {
		if (s->open[t] != NO_SLOT)
			continue;
		if (!ring_try(&x->ring[s->s][t], 0, &s->open[t])) {
			s->open[t] = NO_SLOT;
			return false;
		}
		x->work->clear(x->owner, s->s, t, s->open[t]);
	}
	uint32_t full = x->work->scatter(x->owner, s->s, s->open);
	s->done = full & EXCHANGE_LAST;
	for (uint32_t t = 0; t < 2; t++) {
		if (!s->done && !(full >> t & 1))
			continue;
		ring_done(&x->ring[s->s][t], 0);
		s->open[t] = NO_SLOT;
	}
	return true;
}

static bool sum_step(struct exchange *x, struct sum *m)
{
	bool did = false;
	for (uint32_t s = 0; s < 2 && m->sources_done < 2; s++) {
		uint32_t slot;
		if (!ring_try(&x->ring[s][m->t], 1, &slot))
			continue;
		m->sources_done += x->work->take(x->owner, s, m->t, slot);
		ring_done(&x->ring[s][m->t], 1);
		did = true;
	}
	return did;
}

static void *role_main(void *arg)
{
	struct role *r = arg;
	thread_pin(r->x->o, r->source.s);
	for (uint32_t idle = 0; !r->source.done || r->sum.sources_done < 2;) {
		bool did = source_step(r->x, &r->source);
		did |= sum_step(r->x, &r->sum);
		idle = did ? 0 : idle + 1;
		if (idle > r->x->o->spins)
			sched_yield();
		else if (idle)
			_mm_pause();
	}
	return NULL;
}

void exchange_run(const struct options *o, const struct exchange_work *work, void *owner,
		  uint32_t threads)
{
	struct exchange *x = pages(sizeof *x, false);
	struct role role[4];
	unsigned long thread[4];
	x->work = work;
	x->owner = owner;
	x->o = o;
	for (uint32_t i = 0; i < 4; i++)
		ring_open(&x->ring[i / 2][i % 2], o, 2);
	for (uint32_t i = 0; i < threads; i++) {
		bool is_source = i < 2, is_sum = threads == 2 || i >= 2;
		role[i] = (struct role){
			x,
			{.s = i % 2, .open = {NO_SLOT, NO_SLOT}, .done = !is_source},
			{.t = i % 2, .sources_done = is_sum ? 0 : 2}};
	}
	for (uint32_t i = 0; i < threads; i++)
		thread[i] = thread_begin(role_main, &role[i]);
	for (uint32_t i = 0; i < threads; i++)
		thread_join(thread[i]);
	pages_free(x, sizeof *x);
}
