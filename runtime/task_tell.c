/* task_tell.c - what a task says of itself beyond the counts of each step: where its checkpoint
 * stands and whom it waits for, so that one that does not come can be named; and how much of its
 * state changed, for triggers. Asked for when the task rests, and now and then while it is busy. */
#include "runtime/task_in.h"

static void tell(_Atomic uint64_t *to, uint64_t v)
{
	atomic_store_explicit(to, v, memory_order_relaxed);
}

static void tell_32(_Atomic uint32_t *to, uint32_t v)
{
	atomic_store_explicit(to, v, memory_order_relaxed);
}

static enum snap_phase phase_of(const struct task *t, uint64_t *id)
{
	*id = 0;
	if (t->n_snapping) {
		const struct snapping *g = &t->snapping[0];
		*id = g->snap->barrier.id;
		return g->encoding ? SNAP_SLICES : !g->packed ? SNAP_PACK : SNAP_SYNC;
	}
	if (t->preparing) {
		*id = t->barrier.id;
		return SNAP_PREPARE;
	}
	if (!t->c.n_inputs || !t->gate.aligner.ids)
		return SNAP_NONE;
	*id = t->gate.aligner.running[0].id;
	return SNAP_ALIGN;
}

static void tell_phase(struct task *t)
{
	uint64_t id;
	enum snap_phase phase = phase_of(t, &id);
	if (phase == SNAP_NONE && !atomic_load_explicit(&t->stats.snap_phase, memory_order_relaxed))
		return;
	if (phase == SNAP_ALIGN) {
		uint32_t first = 0;
		tell_32(&t->stats.waits_inputs, aligner_missing(&t->gate.aligner, &first, 1));
		tell_32(&t->stats.waits_input, first);
	}
	if (phase != atomic_load_explicit(&t->stats.snap_phase, memory_order_relaxed) ||
	    id != atomic_load_explicit(&t->stats.snap_id, memory_order_relaxed))
		tell(&t->stats.snap_since_us, t->ctx.now_us);
	tell_32(&t->stats.snap_phase, phase);
	tell(&t->stats.snap_id, id);
}

/* Bytes by the average key: lists know entries, not lengths. */
static void tell_changed(struct task *t)
{
	uint64_t base = t->barrier.base_id > t->completed ? t->barrier.base_id : t->completed;
	uint64_t keys = keyed_count(t->keyed), rows = keyed_changed(t->keyed, base);
	if (rows == UINT64_MAX)
		rows = keys;
	tell(&t->stats.keys, keys);
	tell(&t->stats.state_bytes, keyed_live_bytes(t->keyed));
	tell(&t->stats.keys_changed, rows);
	tell(&t->stats.bytes_changed,
	     keys ? (uint64_t)((double)rows * (double)keyed_live_bytes(t->keyed) / (double)keys) : 0);
}

static int64_t nearest(__int128 v)
{
	return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

static void tell_sums(struct task *t)
{
	struct keyed_totals totals = keyed_totals(t->keyed);
	for (uint32_t w = 0; w < ARRAY_LEN(totals.sum); w++)
		atomic_store_explicit(&t->stats.sum[w], nearest(totals.sum[w]), memory_order_relaxed);
}

void task_tell(struct task *t)
{
	tell_phase(t);
	tell_32(&t->stats.holds, t->batch ? batch_count(t->batch) : 0);
	if (!t->c.wants_changed || !t->keyed)
		return;
	tell_changed(t);
	if (t->c.sums)
		tell_sums(t);
}
