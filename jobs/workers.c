/* workers.c - see workers.h. */
#include "jobs/workers.h"

#include "base/check.h"
#include "base/processors.h"
#include "base/waker.h"
#include "jobs/spread.h"

#include <stdio.h>
#include <string.h>

/* Measured: a full batch takes its slowest stage 10 to 50 us, a stop for a checkpoint up to 200. */
#define AWAKE_US 200

struct worker {
	struct thread thread;
	struct workers *all;
	struct task_group *group;
	bool started, closed;           /* the control thread's; closed: without a thread */
	uint32_t keeps_to;              /* its own: obeyed so far */
	_Alignas(64) _Atomic uint32_t keep_to; /* of spread.h */
	_Atomic int32_t number;         /* 0: does not run yet */
};

struct workers {
	struct mem *mem;
	struct clock *clock;
	struct processors processors;
	struct worker *worker;
	uint32_t n;
	/* Of the thread that looks; one at a time. */
	struct spread spread;
	struct spread_load *load;
	_Alignas(64) _Atomic uint64_t look_us; /* when the next look is due */
	_Atomic bool looking;
	_Atomic bool placed;
};

/* ---- where each runs ---- */

static uint64_t busy_us(const struct task_group *g)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < g->n; i++)
		sum += atomic_load_explicit(&((struct task_stats *)task_stats(g->task[i]))->busy_us,
					    memory_order_relaxed);
	return sum;
}

static void look(struct workers *ws, uint64_t now_us)
{
	uint64_t ran = 0, all = process_ran_us();
	for (uint32_t i = 0; i < ws->n; i++) {
		struct worker *w = &ws->worker[i];
		struct spread_load *l = &ws->load[i]; /* of one that has ended: as it was */
		(void)thread_times(atomic_load_explicit(&w->number, memory_order_relaxed), &l->ran_us,
				   &l->waited_us);
		l->busy_us = busy_us(w->group);
		ran += l->ran_us;
	}
	if (!spread_look(&ws->spread, ws->load, all > ran ? all - ran : 0, now_us))
		return;
	for (uint32_t i = 0; i < ws->n; i++)
		atomic_store_explicit(&ws->worker[i].keep_to, ws->spread.on[i],
				      memory_order_relaxed);
	atomic_store_explicit(&ws->placed, ws->spread.placed, memory_order_relaxed);
}

/* A job that trickles or rests is not looked at, unless it is to be let go. */
static void maybe_look(struct workers *ws, const struct task_group *g, uint64_t now_us)
{
	if (now_us < atomic_load_explicit(&ws->look_us, memory_order_relaxed))
		return;
	if (now_us - group_flowed_us(g) > SPREAD_EVERY_US &&
	    !atomic_load_explicit(&ws->placed, memory_order_relaxed))
		return;
	if (atomic_exchange_explicit(&ws->looking, true, memory_order_acquire))
		return;
	if (now_us >= atomic_load_explicit(&ws->look_us, memory_order_relaxed)) {
		atomic_store_explicit(&ws->look_us, now_us + spread_every_us(&ws->spread),
				      memory_order_relaxed);
		look(ws, now_us);
	}
	atomic_store_explicit(&ws->looking, false, memory_order_release);
}

static void obey(struct worker *w)
{
	uint32_t to = atomic_load_explicit(&w->keep_to, memory_order_relaxed);
	if (to == w->keeps_to)
		return;
	w->keeps_to = to;
	thread_keep_to(&w->all->processors, to);
}

/* ---- the loop ---- */

/* While a stream runs as fast as it can, the next batch or room for one is nearer than a wake-up is
 * long, and the one who would have to wake us is who everybody waits for. One that waits for a time
 * sleeps: it knows until when. */
static bool stays_awake(const struct task_group *g, uint64_t now, uint64_t wake_at)
{
	return wake_at == UINT64_MAX && now - group_flowed_us(g) < AWAKE_US;
}

static void worker_main(void *arg)
{
	struct worker *w = arg;
	struct workers *ws = w->all;
	struct waker *waker = &w->group->waker;
	uint64_t wake_at;
	atomic_store_explicit(&w->number, thread_number(), memory_order_relaxed);
	for (;;) {
		uint64_t now = clock_mono_us(ws->clock);
		enum task_did did = group_step(w->group, now, &wake_at);
		maybe_look(ws, w->group, now);
		obey(w);
		if (did == TASK_BUSY)
			continue;
		if (did == TASK_CLOSED)
			return;
		if (stays_awake(w->group, now, wake_at)) {
			thread_yield();
			continue;
		}
		waker_prepare(waker);
		now = clock_mono_us(ws->clock);
		did = group_step(w->group, now, &wake_at);
		if (did == TASK_CLOSED)
			return;
		if (did == TASK_BUSY)
			waker_cancel(waker);
		else
			waker_sleep(waker, wake_at == UINT64_MAX ? UINT64_MAX
					   : wake_at > now       ? wake_at - now
								 : 0);
	}
}

/* ---- from the beginning to the end ---- */

RC workers_open(struct workers **out, struct attempt *a, struct clock *clock, struct mem *mem,
		struct err *e)
{
	uint32_t n = attempt_threads(a);
	struct workers *ws = *out = mem_get_aligned(mem, 64, sizeof *ws);
	if (!ws)
		return ERR(e, E_NO_MEMORY, "no memory for the job's threads");
	memset(ws, 0, sizeof *ws);
	ws->mem = mem;
	ws->clock = clock;
	ws->worker = mem_get_aligned(mem, 64, n * sizeof *ws->worker);
	ws->load = mem_get(mem, n * sizeof *ws->load);
	processors_get(&ws->processors);
	if (!ws->worker || !ws->load) {
		ERR(e, E_NO_MEMORY, "no memory for the job's threads");
		goto fail;
	}
	memset(ws->worker, 0, n * sizeof *ws->worker);
	if (spread_open(&ws->spread, n, ws->processors.n, mem, e) != OK)
		goto fail;
	for (; ws->n < n; ws->n++) {
		struct worker *w = &ws->worker[ws->n];
		w->all = ws;
		w->group = attempt_thread(a, ws->n);
		w->keeps_to = SPREAD_ANY;
		atomic_init(&w->keep_to, SPREAD_ANY);
	}
	return OK;
fail:
	workers_close(ws);
	*out = NULL;
	return e->code;
}

/* "count/0", and "+2" if two more share the thread. */
static void name_of(const struct task_group *g, char *to, size_t size)
{
	const struct task_config *c = task_config(g->task[0]);
	if (g->n == 1)
		snprintf(to, size, "%s/%u", c->stage, c->subtask);
	else
		snprintf(to, size, "%.8s/%u+%u", c->stage, c->subtask, g->n - 1);
}

RC workers_start(struct workers *ws, struct err *e)
{
	for (uint32_t i = 0; i < ws->n; i++) {
		struct worker *w = &ws->worker[i];
		char name[80];
		name_of(w->group, name, sizeof name);
		if (thread_start(&w->thread, worker_main, w, name, e) != OK)
			return err_in(e, "task %s", name);
		w->started = true;
	}
	return OK;
}

void workers_close_threadless(struct workers *ws)
{
	uint64_t wake_at;
	for (uint32_t i = 0; ws && i < ws->n; i++) {
		struct worker *w = &ws->worker[i];
		if (w->started || w->closed)
			continue;
		enum task_did did = TASK_BUSY;
		for (uint32_t turn = 0; turn <= w->group->n && did == TASK_BUSY; turn++)
			did = group_step(w->group, clock_mono_us(ws->clock), &wake_at);
		w->closed = did == TASK_CLOSED;
	}
}

void workers_close(struct workers *ws)
{
	if (!ws)
		return;
	for (uint32_t i = 0; i < ws->n; i++)
		if (ws->worker[i].started)
			thread_join(&ws->worker[i].thread);
	spread_close(&ws->spread);
	mem_put(ws->mem, ws->load);
	mem_put(ws->mem, ws->worker);
	mem_put(ws->mem, ws);
}
