/* task_group.c - see task_group.h. */
#include "runtime/task_group.h"

#include "base/check.h"

#define ROUND_STEPS 64 /* busy steps until another one is asked first, by feel */

RC group_open(struct task_group *g, uint32_t most, struct mem *mem, struct err *e)
{
	memset(g, 0, sizeof *g);
	g->mem = mem;
	waker_init(&g->waker);
	g->task = mem_get(mem, most * sizeof *g->task);
	g->reader = mem_get(mem, most * sizeof *g->reader);
	g->closed = mem_get(mem, most * sizeof *g->closed);
	if (g->task && g->reader && g->closed)
		return OK;
	group_close(g);
	return ERR(e, E_NO_MEMORY, "no memory for a thread's tasks");
}

void group_close(struct task_group *g)
{
	if (!g->mem)
		return;
	mem_put(g->mem, g->task);
	mem_put(g->mem, g->reader);
	mem_put(g->mem, g->closed);
	memset(g, 0, sizeof *g);
}

void group_add(struct task_group *g, struct task *t)
{
	g->task[g->n] = t;
	g->reader[g->n] = g->n;
	g->closed[g->n] = false;
	g->at = g->n++;
}

void group_link(struct task_group *g, uint32_t i, uint32_t k)
{
	CHECK(i < k && k < g->n);
	if (k > g->reader[i])
		g->reader[i] = k;
}

/* Who is asked after the i-th did something. */
static uint32_t after(struct task_group *g, uint32_t i)
{
	if (++g->busy_steps % ROUND_STEPS)
		return g->reader[i];
	return g->busy_steps / ROUND_STEPS % g->n;
}

static uint32_t before(const struct task_group *g, uint32_t i)
{
	return i ? i - 1 : g->n - 1;
}

enum task_did group_step(struct task_group *g, uint64_t now_us, uint64_t *wake_at_us)
{
	uint32_t closed = 0;
	if (g->ran)
		task_rests(g->ran, now_us);
	g->ran = NULL;
	*wake_at_us = UINT64_MAX;
	for (uint32_t tried = 0; tried < g->n; tried++, g->at = before(g, g->at)) {
		uint32_t i = g->at;
		uint64_t wake_at;
		if (g->closed[i]) {
			closed++;
			continue;
		}
		enum task_did did = task_step(g->task[i], now_us, &wake_at);
		if (did == TASK_BUSY) {
			g->ran = g->n > 1 ? g->task[i] : NULL;
			g->at = after(g, i);
			return TASK_BUSY;
		}
		g->closed[i] = did == TASK_CLOSED;
		closed += g->closed[i];
		if (did != TASK_CLOSED && wake_at < *wake_at_us)
			*wake_at_us = wake_at;
	}
	return closed == g->n ? TASK_CLOSED : TASK_IDLE;
}

uint64_t group_flowed_us(const struct task_group *g)
{
	uint64_t newest = 0;
	for (uint32_t i = 0; i < g->n; i++)
		if (task_flowed_us(g->task[i]) > newest)
			newest = task_flowed_us(g->task[i]);
	return newest;
}
