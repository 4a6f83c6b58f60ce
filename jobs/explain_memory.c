/* explain_memory.c - see explain_memory.h. */
#include "jobs/explain_memory.h"

#include "runtime/channel.h"
#include "state/chunk.h"

#define MEGABYTE (1u << 20)

/* A quarter of the job's memory (of 256 MiB, without a limit) may stand in snapshot buffers, shared
 * by the keyed subtasks; at least 4, at most 32 chunks (8 MiB) each. */
uint32_t plan_chunk_budget(const struct plan *p)
{
	uint64_t keyed = 0, limit = p->spec->limits.memory_bytes;
	for (uint32_t i = 0; i < p->n_stages; i++)
		if (p->stage[i].p.keyed)
			keyed += p->stage[i].parallelism;
	uint64_t share = (limit ? limit : 256u << 20) / 4;
	uint64_t each = keyed ? share / keyed / CHUNK_BYTES : 4;
	return each < 4 ? 4 : each > 32 ? 32 : (uint32_t)each;
}

void plan_memory(const struct plan *p, struct plan_memory *m)
{
	*m = (struct plan_memory){0};
	for (uint32_t i = 0; i < p->n_edges; i++) {
		const struct plan_edge *e = &p->edge[i];
		uint32_t from = p->stage[e->from].parallelism, to = p->stage[e->to].parallelism;
		m->channels += e->kind == EDGE_FORWARD ? from : from * to;
	}
	m->channel_bytes = (uint64_t)m->channels * CHANNEL_BYTES;
	for (uint32_t i = 0; i < p->n_stages; i++) {
		const struct plan_stage *st = &p->stage[i];
		m->keyed_tasks += st->p.keyed ? st->parallelism : 0;
		m->buffer_bytes += st->parallelism * st->p.buffer_bytes;
	}
	m->snapshot_bytes = (uint64_t)m->keyed_tasks * plan_chunk_budget(p) * CHUNK_BYTES;
}

uint32_t plan_key_bytes(const struct plan_stage *st)
{
	/* A slot and its tag; a table has 7 slots for 5 keys before it grows (state/grow.c). */
	uint32_t slot = (st->shape.form == KEY_FIX8 ? 8 : 16) + st->shape.value_bytes + 1;
	return (slot * 7 + 4) / 5;
}

void explain_memory_put(const struct plan *p, struct bytes *to)
{
	struct plan_memory m;
	char a[UNIT_TEXT], b[UNIT_TEXT], c[UNIT_TEXT];
	plan_memory(p, &m);
	uint64_t all = m.channel_bytes + m.snapshot_bytes + m.buffer_bytes;
	bytes_printf(to, "memory       %u channel%s of at most %s", m.channels,
		     m.channels == 1 ? "" : "s", size_text(CHANNEL_BYTES, a));
	if (m.keyed_tasks)
		bytes_printf(to, "; %s for snapshots of %u keyed subtask%s",
			     size_text(m.snapshot_bytes, b), m.keyed_tasks, m.keyed_tasks == 1 ? "" : "s");
	if (m.buffer_bytes)
		bytes_printf(to, "; %s in sinks", size_text(m.buffer_bytes, c));
	bytes_printf(to, "\n             together at most %s",
		     size_text((all + MEGABYTE - 1) / MEGABYTE * MEGABYTE, a));
	for (uint32_t i = 0; i < p->n_stages; i++) {
		const struct plan_stage *st = &p->stage[i];
		if (st->p.keyed && st->p.key.n)
			bytes_printf(to,
				     "\n             and in '%s' about %u bytes a key%s; twice that while "
				     "its table grows",
				     st->spec->id, plan_key_bytes(st),
				     st->shape.form == KEY_BYTES ? ", more for text beyond 12" : "");
	}
	bytes_put_u8(to, '\n');
}

void explain_memory_json(const struct plan *p, struct json_out *o)
{
	struct plan_memory m;
	plan_memory(p, &m);
	jout_key(o, "memory");
	jout_object(o);
	jout_kv_uint(o, "channels", m.channels);
	jout_kv_uint(o, "channel_bytes_max", m.channel_bytes);
	jout_kv_uint(o, "snapshot_bytes_max", m.snapshot_bytes);
	jout_kv_uint(o, "sink_bytes", m.buffer_bytes);
	jout_key(o, "key_bytes");
	jout_object(o);
	for (uint32_t i = 0; i < p->n_stages; i++)
		if (p->stage[i].p.keyed && p->stage[i].p.key.n)
			jout_kv_uint(o, p->stage[i].spec->id, plan_key_bytes(&p->stage[i]));
	jout_object_end(o);
	jout_object_end(o);
}
