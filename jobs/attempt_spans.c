/* attempt_spans.c - the timeline of each checkpoint, put together when it is decided and written
 * when its commit is done: a line of spans.jsonl. Who sent a task its last barrier is found by the
 * channel it came through. */
#include "jobs/attempt_in.h"

/* One that waits for its commit. */
struct spans {
	struct spans *next;
	struct timeline t;
	uint64_t origin_us;
};

static uint64_t since(uint64_t at_us, uint64_t origin_us)
{
	return at_us > origin_us ? at_us - origin_us : 0;
}

static uint32_t pusher_of(const struct attempt *a, const struct channel *ch)
{
	for (uint32_t i = 0; i < a->n_tasks; i++) {
		const struct task_config *c = task_config(a->task[i]);
		for (uint32_t k = 0; k < c->n_edges; k++)
			for (uint32_t m = 0; m < c->edges[k].n; m++)
				if (c->edges[k].to[m] == ch)
					return i;
	}
	return TIMELINE_NONE;
}

static void task_spans(const struct attempt *a, const struct pending *p, uint32_t i,
		       struct timeline_task *to)
{
	const struct task_config *c = task_config(a->task[i]);
	uint64_t from = p->triggered_us;
	*to = (struct timeline_task){.stage = c->stage, .subtask = c->subtask, .last = TIMELINE_NONE};
	if (!p->snap[i])
		return; /* not acknowledged */
	const struct snap_spans *s = &p->snap[i]->spans;
	to->first = since(s->first_us, from);
	to->aligned = since(s->aligned_us, from);
	to->frozen = since(s->frozen_us, from);
	to->encoded = since(s->encoded_us, from);
	to->packed = since(s->packed_us, from);
	to->prepared = since(s->prepared_us, from);
	to->acked = since(s->acked_us, from);
	if (s->last_input < c->n_inputs)
		to->last = pusher_of(a, c->inputs[s->last_input]);
}

/* NULL: no memory, or nobody wants it. */
static struct spans *spans_of(struct attempt *a, const struct pending *p)
{
	struct spans *s = a->c.spans ? mem_get(a->mem, sizeof *s) : NULL;
	if (!s)
		return NULL;
	s->t.task = mem_get(a->mem, a->n_tasks * sizeof *s->t.task);
	if (!s->t.task) {
		mem_put(a->mem, s);
		return NULL;
	}
	s->origin_us = p->triggered_us;
	s->t.id = p->id;
	s->t.kind = co_kind_name(p->kind);
	s->t.trigger = checkpoint_trigger(p->kind);
	s->t.wall_us = p->wall_us;
	s->t.acked = since(p->acked_us, s->origin_us);
	s->t.packed = since(p->packed_us, s->origin_us);
	s->t.sealed = since(p->sealed_us ? p->sealed_us : p->packed_us, s->origin_us);
	s->t.linked = since(p->linked_us, s->origin_us);
	s->t.n_tasks = a->n_tasks;
	for (uint32_t i = 0; i < a->n_tasks; i++)
		task_spans(a, p, i, &s->t.task[i]);
	return s;
}

static void spans_drop(struct attempt *a, struct spans *s)
{
	mem_put(a->mem, s->t.task);
	mem_put(a->mem, s);
}

static void spans_write(struct attempt *a, struct spans *s)
{
	struct bytes text;
	struct json_out o;
	bytes_init(&text, a->mem);
	jout_begin(&o, &text, false);
	timeline_put(&o, &s->t);
	line_submit(a, a->c.spans, &text);
	spans_drop(a, s);
}

void spans_published(struct attempt *a, const struct pending *p)
{
	struct spans *s = spans_of(a, p);
	if (!s)
		return;
	s->next = a->spans;
	a->spans = s;
}

void spans_committed(struct attempt *a, uint64_t id)
{
	for (struct spans **at = &a->spans; *at; at = &(*at)->next)
		if ((*at)->t.id == id) {
			struct spans *s = *at;
			*at = s->next;
			s->t.completed = true;
			s->t.committed = since(a->now_us, s->origin_us);
			spans_write(a, s);
			return;
		}
}

void spans_given_up(struct attempt *a, const struct pending *p)
{
	struct spans *s = spans_of(a, p);
	if (s)
		spans_write(a, s);
}

void spans_close(struct attempt *a)
{
	for (struct spans *s = a->spans, *next; s; s = next) {
		next = s->next;
		spans_drop(a, s);
	}
}
