/* placement.c - see placement.h: sets of tasks, joined along edges. */
#include "jobs/placement.h"

/* The first task of t's set; shortens the way there. */
static uint32_t first_of(uint32_t *set, uint32_t t)
{
	while (set[t] != t)
		t = set[t] = set[set[t]];
	return t;
}

static void join(uint32_t *set, uint32_t a, uint32_t b)
{
	a = first_of(set, a);
	b = first_of(set, b);
	set[a > b ? a : b] = a > b ? b : a;
}

static uint32_t widest(const struct plan *p)
{
	uint32_t most = 0;
	for (uint32_t i = 0; i < p->n_stages; i++)
		if (p->stage[i].parallelism > most)
			most = p->stage[i].parallelism;
	return most;
}

/* i-th subtasks on both sides of the edge, where there are two. */
static void join_along(const struct plan *p, const struct plan_edge *g, uint32_t *set)
{
	const struct plan_stage *from = &p->stage[g->from], *to = &p->stage[g->to];
	for (uint32_t i = 0; i < from->parallelism && i < to->parallelism; i++)
		join(set, from->first_task + i, to->first_task + i);
}

uint32_t placement_make(const struct plan *p, uint32_t *thread)
{
	bool across = widest(p) >= p->spec->cores;
	uint32_t n = 0;
	for (uint32_t t = 0; t < p->n_tasks; t++)
		thread[t] = t;
	for (uint32_t g = 0; p->spec->chaining && g < p->n_edges; g++)
		if (across || (p->edge[g].kind == EDGE_FORWARD &&
			       !p->stage[p->edge[g].from].p.keyed))
			join_along(p, &p->edge[g], thread);
	/* The first task of a set gets the next number, and the others stand behind it. */
	for (uint32_t t = 0; t < p->n_tasks; t++) {
		uint32_t first = first_of(thread, t);
		thread[t] = first;
	}
	for (uint32_t t = 0; t < p->n_tasks; t++)
		thread[t] = thread[t] == t ? n++ : thread[thread[t]];
	return n;
}
