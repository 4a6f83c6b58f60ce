/* attempt_when.c - a trigger's condition in an attempt: what it speaks of is read from what the
 * tasks have counted, and from the taps that look at what stages put out. See when.h, tap.h. */
#include "jobs/attempt_in.h"

static uint64_t relaxed(const _Atomic uint64_t *v)
{
	return atomic_load_explicit((_Atomic uint64_t *)v, memory_order_relaxed);
}

/* ---- taps ---- */

enum rc when_open_taps(struct attempt *a, uint32_t stage, struct tap **first, struct err *e)
{
	const struct when *w = a->c.plan->when;
	for (uint32_t i = 0; w && i < w->n_taps; i++) {
		struct when_tapped *t;
		if (w->tap[i].stage != stage)
			continue;
		if (when_tapped_open(&t, w, i, &a->c.plan->stage[stage], a->mem, e) != OK)
			return e->code;
		t->next = a->tapped;
		a->tapped = t;
		t->tap.next = *first;
		*first = &t->tap;
	}
	return OK;
}

void when_close_taps(struct attempt *a)
{
	for (struct when_tapped *t = a->tapped, *next; t; t = next) {
		next = t->next;
		when_tapped_close(t, a->mem);
	}
	a->tapped = NULL;
}

void when_passed(const struct attempt *a, uint64_t counts[WHEN_TAPS_MAX])
{
	for (uint32_t i = 0; i < WHEN_TAPS_MAX; i++)
		counts[i] = 0;
	for (const struct when_tapped *t = a->tapped; t; t = t->next)
		counts[t->number] += relaxed(&t->tap.passed);
}

/* Rearmed before they are read: who passes in between is told again. */
void when_begun(struct attempt *a, uint64_t counts[WHEN_TAPS_MAX])
{
	for (uint32_t i = 0; a->tapped && i < a->n_tasks; i++)
		if (task_config(a->task[i])->tap)
			tap_rearm(task_config(a->task[i])->tap);
	when_passed(a, counts);
}

void when_heard(struct attempt *a, uint32_t task)
{
	task_config(a->task[task])->tap->heard = true;
	a->load.look_at_us = 0;
}

/* ---- values ---- */

static __int128 value_of_task(const struct task_stats *s, struct check_value v)
{
	switch (v.what) {
	case CHECK_SUM:
		return atomic_load_explicit((_Atomic int64_t *)&s->sum[v.word], memory_order_relaxed);
	case CHECK_COUNT:
		return relaxed(&s->keys);
	case CHECK_RECORDS_IN:
		return relaxed(&s->records_in);
	case CHECK_RECORDS_OUT:
		return relaxed(&s->records_out);
	case CHECK_RECORDS_SKIPPED:
		return relaxed(&s->records_skipped);
	case CHECK_POSITION:
		return relaxed(&s->work_done);
	}
	return 0;
}

static int64_t value_of(const struct attempt *a, struct check_value v)
{
	const struct plan_stage *st = &a->c.plan->stage[v.stage];
	__int128 sum = attempt_restored_count(a, st, v.what);
	for (uint32_t i = 0; i < st->parallelism; i++)
		sum += value_of_task(task_stats(a->task[st->first_task + i]), v);
	return sum > INT64_MAX ? INT64_MAX : sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}

/* Told once: what cannot be computed now can hardly be later. */
static void tell(struct attempt *a, const struct err *e)
{
	if (a->load.when_told || !a->c.log || e->code == E_NO_MEMORY)
		return;
	a->load.when_told = true;
	log_line(a->c.log, LOG_WARN,
		 "checkpoint.trigger.when cannot be computed, and asks for nothing while that is so: %s",
		 e->text);
}

bool when_is_true(struct attempt *a, struct when_now *now, bool tells)
{
	const struct when *w = a->c.plan->when;
	struct err e = {0};
	for (uint32_t i = 0; i < a->n_tasks; i++)
		now->state_bytes += (int64_t)relaxed(&task_stats(a->task[i])->state_bytes);
	for (uint32_t i = 0; i < w->n_values; i++)
		now->value[i] = value_of(a, w->value[i]);
	bool holds = when_holds(a->load.when, now, &e);
	if (e.code != OK && tells)
		tell(a, &e);
	return holds;
}
