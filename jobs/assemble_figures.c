/* assemble_figures.c - what a checkpoint cost, for people: the manifest's figures and the record
 * that history, screen and listeners show. */
#include "jobs/attempt_in.h"

#include <stdio.h>

const char *checkpoint_trigger(enum co_kind k)
{
	static const char *const names[] = {
		[CO_INITIAL] = "start", [CO_PERIODIC] = "interval", [CO_MANUAL] = "manual",
		[CO_SAVEPOINT] = "savepoint", [CO_STOP] = "stop", [CO_FINAL] = "end"};
	return names[k];
}

void assemble_figures(struct attempt *a, const struct pending *p, struct manifest_figures *f)
{
	uint64_t frozen_last = 0, acked_last = 0;
	for (uint32_t i = 0; i < a->n_tasks; i++) {
		const struct snap *s = p->snap[i];
		f->keys += s->figures.keys;
		f->keys_changed += s->figures.keys_changed;
		f->state_bytes += s->figures.state_bytes;
		uint64_t align_us = s->spans.aligned_us - s->spans.first_us;
		if (align_us > f->align_us)
			f->align_us = align_us;
		if (s->figures.sync_us_max > f->sync_us_max)
			f->sync_us_max = s->figures.sync_us_max;
		if (s->spans.frozen_us > frozen_last)
			frozen_last = s->spans.frozen_us;
		if (s->spans.acked_us > acked_last)
			acked_last = s->spans.acked_us;
	}
	f->trigger = p->why[0] ? p->why : checkpoint_trigger(p->kind);
	f->bytes_written = p->part.file.length;
	f->async_us = acked_last > frozen_last ? acked_last - frozen_last : 0;
	f->total_us = a->now_us - p->triggered_us;
}

void assemble_record(struct attempt *a, const struct pending *p, struct checkpoint_record *r)
{
	*r = (struct checkpoint_record){.id = p->id, .kind = p->kind,
					.wall_us = clock_wall_us(a->c.env->clock),
					.total_us = a->now_us - p->triggered_us};
	snprintf(r->trigger, sizeof r->trigger, "%s",
		 p->why[0] ? p->why : checkpoint_trigger(p->kind));
	if (!p->made)
		return;
	const struct manifest *m = &p->made->m;
	r->completed = true;
	r->full = p->full || !p->base_id;
	r->bytes_written = m->figures.bytes_written + m->size_bytes;
	r->state_bytes = m->figures.state_bytes;
	r->keys = m->figures.keys;
	r->keys_changed = m->figures.keys_changed;
	r->align_us = m->figures.align_us;
	r->sync_us_max = m->figures.sync_us_max;
	r->async_us = m->figures.async_us;
	r->memory_bytes = atomic_load_explicit(&a->mem->used_bytes, memory_order_relaxed);
	r->room_bytes = p->room_bytes;
}
