/* attempt_stuck.c - who a checkpoint waited for in vain, in words: the coordinator knows numbers,
 * the tasks tell what they are at (task_stats). They go on while they are asked: what is said here
 * is about right, never exact. */
#include "jobs/attempt_in.h"

#include <stdio.h>
#include <string.h>

#define NAMED_MAX 3 /* of those that are missing; by feel, a line stays readable */

/* The task at the other end of an input channel, counted as build.c gathers them. */
static const struct plan_stage *input_stage(const struct attempt *a, uint32_t stage,
					    uint32_t subtask, uint32_t input, uint32_t *from)
{
	const struct plan *p = a->c.plan;
	for (uint32_t g = 0, n = 0; g < p->n_edges; g++) {
		const struct plan_edge *x = &p->edge[g];
		if (x->to != stage)
			continue;
		for (uint32_t i = 0; i < p->stage[x->from].parallelism; i++)
			if ((x->kind != EDGE_FORWARD || i == subtask) && n++ == input) {
				*from = i;
				return &p->stage[x->from];
			}
	}
	return NULL;
}

static uint32_t load_32(const _Atomic uint32_t *v)
{
	return atomic_load_explicit((_Atomic uint32_t *)v, memory_order_relaxed);
}

static uint64_t load_64(const _Atomic uint64_t *v)
{
	return atomic_load_explicit((_Atomic uint64_t *)v, memory_order_relaxed);
}

/* What a sink has given away and not got back. */
static const char *words_of_sink(const char *type)
{
	return !strcmp(type, "print_sink")  ? "waits for standard output to be read"
	       : !strcmp(type, "file_sink") ? "waits for the disk"
					    : "waits for what it writes to";
}

/* Its barrier has not come to it. */
static void say_doing(const struct plan_stage *st, const struct task_stats *s, char *to,
		      size_t size)
{
	switch (load_32(&s->doing)) {
	case TASK_BUSY:
		snprintf(to, size, "is busy, and has not come to the barrier");
		return;
	case TASK_BACKPRESSURED:
		snprintf(to, size, "waits for room downstream, and has not come to the barrier");
		return;
	default:
		if (st->ops->role == OP_SINK && load_32(&s->holds))
			snprintf(to, size, "%s, and has not come to the barrier",
				 words_of_sink(st->ops->name));
		else
			snprintf(to, size, "has nothing to do, and no barrier has come to it");
	}
}

static void say_align(const struct attempt *a, uint32_t stage, uint32_t subtask,
		      const struct task_stats *s, char *to, size_t size)
{
	uint32_t from = 0;
	const struct plan_stage *st =
		input_stage(a, stage, subtask, load_32(&s->waits_input), &from);
	if (st)
		snprintf(to, size, "waits for the barrier from '%s'[%u] (%u input%s without it)",
			 st->spec->id, from, load_32(&s->waits_inputs),
			 load_32(&s->waits_inputs) == 1 ? "" : "s");
	else
		snprintf(to, size, "waits for the barrier from its inputs");
}

static void say_phase(const struct attempt *a, uint32_t stage, uint32_t subtask,
		      enum snap_phase phase, char *to, size_t size)
{
	static const char *const words[] = {
		[SNAP_PREPARE] = "empties what it had still to emit",
		[SNAP_SLICES] = "encodes its state",
		[SNAP_PACK] = "waits for its state to be packed",
		[SNAP_SYNC] = "waits for what it wrote to be synced",
	};
	const struct plan_stage *st = &a->c.plan->stage[stage];
	if (phase == SNAP_ALIGN)
		say_align(a, stage, subtask, task_stats(a->task[st->first_task + subtask]), to, size);
	else if (phase == SNAP_SYNC && !strcmp(st->ops->name, "print_sink"))
		snprintf(to, size, "%s", words_of_sink(st->ops->name));
	else
		snprintf(to, size, "%s", words[phase]);
}

static void say_task(const struct attempt *a, uint64_t id, uint32_t stage, uint32_t subtask,
		     struct bytes *to)
{
	const struct plan_stage *st = &a->c.plan->stage[stage];
	const struct task_stats *s = task_stats(a->task[st->first_task + subtask]);
	uint32_t phase = load_64(&s->snap_id) == id ? load_32(&s->snap_phase) : SNAP_NONE;
	uint64_t since = load_64(phase == SNAP_NONE ? &s->doing_since_us : &s->snap_since_us);
	char what[160];
	if (phase == SNAP_NONE)
		say_doing(st, s, what, sizeof what);
	else
		say_phase(a, stage, subtask, phase, what, sizeof what);
	bytes_printf(to, "stage '%s'[%u] %s", st->spec->id, subtask, what);
	if (since && since < a->now_us)
		bytes_printf(to, ", for %.1f s", (double)(a->now_us - since) / 1e6);
}

void stuck_say(const struct attempt *a, const struct pending *p, struct err *e)
{
	struct bytes text;
	uint32_t missing = 0;
	bytes_init(&text, a->mem);
	for (uint32_t s = 0; s < a->c.plan->n_stages; s++)
		for (uint32_t i = 0; i < a->c.plan->stage[s].parallelism; i++) {
			if (p->snap[a->c.plan->stage[s].first_task + i] || ++missing > NAMED_MAX)
				continue;
			bytes_printf(&text, "; ");
			say_task(a, p->id, s, i, &text);
		}
	if (missing > NAMED_MAX)
		bytes_printf(&text, "; and %u more", missing - NAMED_MAX);
	if (bytes_ok(&text)) {
		struct err was = *e;
		err_clear(e);
		(void)ERR(e, was.code, "%s%s", was.text, bytes_text(&text));
	}
	bytes_close(&text);
}
