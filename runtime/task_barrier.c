/* task_barrier.c - what a task does from the moment a barrier was passed on until it acknowledges.
 *
 *   freeze -> slices between batches -> chunks to the packing lane -> its letter -> prepared()
 *          -> ack
 *
 * Every barrier leads to exactly one letter to the control thread, aborted or not: so a sink's
 * intents of an aborted checkpoint arrive before those of the next (COORDINATOR 19). */
#include "runtime/task_in.h"

#include "runtime/merger.h"

/* Small states may pile up some deltas before they are worth rewriting: about 64 KiB. */
#define FULL_SLACK_ROWS 4096

static struct snapping *snapping_of(struct task *t, uint64_t id)
{
	for (uint32_t i = 0; i < t->n_snapping; i++)
		if (t->snapping[i].snap->barrier.id == id)
			return &t->snapping[i];
	return NULL;
}

bool task_is_snapping(const struct task *t)
{
	return t->n_snapping > 0;
}

/* The one whose slices are being encoded: freezes never overlap. */
static struct snapping *encoding_of(struct task *t)
{
	for (uint32_t i = 0; i < t->n_snapping; i++)
		if (t->snapping[i].encoding)
			return &t->snapping[i];
	return NULL;
}

static void figures_of_state(struct task *t, struct snap *s)
{
	if (!t->keyed)
		return;
	s->figures.keys = keyed_count(t->keyed);
	s->figures.state_bytes = keyed_live_bytes(t->keyed);
	atomic_store_explicit(&t->stats.keys, s->figures.keys, memory_order_relaxed);
	atomic_store_explicit(&t->stats.state_bytes, s->figures.state_bytes, memory_order_relaxed);
}

/* The barrier was passed on and nothing since: exactly what went before it (inv 4). */
static bool counts_of(const struct task *t, struct snap *s)
{
	struct snap_counts *c = &s->counts;
	if (!snap_count_room(s, t->c.n_edges, t->n_received))
		return false;
	c->in = atomic_load_explicit(&t->stats.records_in, memory_order_relaxed);
	c->out = t->outlet.records;
	c->skipped = t->ctx.skipped;
	c->position = t->ctx.work_done;
	c->kept = t->ctx.kept;
	for (uint32_t i = 0; i < c->n_sent; i++)
		c->sent[i] = t->c.edges[i].sent;
	for (uint32_t i = 0; i < c->n_received; i++)
		c->received[i] = t->received[i];
	return true;
}

/* A chain that would be read for more than twice the live state, or has too many runs because
 * merging did not keep up, is replaced as a whole (DESIGN 6, "Bounded"). */
static bool wants_full(struct task *t, const struct barrier *b)
{
	if (b->options & BARRIER_FULL || t->chain_runs >= 2 * CHAIN_RUNS_MAX)
		return true;
	uint64_t changed = keyed_changed(t->keyed, b->base_id);
	return changed == UINT64_MAX ||
	       t->chain_rows + changed > 2 * keyed_count(t->keyed) + FULL_SLACK_ROWS;
}

static void freeze(struct task *t, struct snapping *g)
{
	struct snap *s = g->snap;
	struct keyed_frozen f;
	keyed_freeze(t->keyed, s->barrier.id, s->barrier.base_id, wants_full(t, &s->barrier), &f);
	s->full = f.full;
	s->totals = f.totals;
	s->figures.keys_changed = f.rows;
	s->head = t->c.section;
	s->head.checkpoint_id = s->barrier.id;
	s->head.base_id = f.full ? 0 : s->barrier.base_id;
	s->head.row_ops = f.full ? ROWS_PUT : ROWS_PUT | ROWS_DELETE;
	g->encoding = true;
}

enum rc task_snapshot(struct task *t)
{
	struct err *e = &t->ctx.error;
	CHECK(t->n_snapping < SNAPS_MAX);
	/* A barrier while an earlier one is encoded: that one was aborted, and its letter is under
	 * way. */
	if (encoding_of(t))
		task_abort(t, encoding_of(t)->snap->barrier.id);
	struct snap *s = snap_open(t->c.mem, &t->barrier);
	if (!s)
		return ERR(e, E_NO_MEMORY, "no memory for a snapshot");
	struct snapping *g = &t->snapping[t->n_snapping];
	*g = (struct snapping){.snap = s, .packed = true};
	s->task = t->c.number;
	s->attempt = t->c.attempt;
	s->ended = t->phase == TASK_ENDED;
	s->spans = t->spans;
	s->spans.frozen_us = t->ctx.now_us;
	figures_of_state(t, s);
	if (!counts_of(t, s)) {
		snap_close(s);
		return ERR(e, E_NO_MEMORY, "no memory for a snapshot");
	}
	if (t->keyed) {
		g->packed = false;
		g->pack = pack_begin(t->c.packing, s, &t->c.shape, t->waker);
		if (!g->pack) {
			snap_close(s);
			return ERR(e, E_NO_MEMORY, "no memory for a snapshot");
		}
	}
	t->n_snapping++;
	if (t->keyed)
		freeze(t, g);
	if (!t->c.ops->snapshot)
		return OK;
	struct op_snapshot o = {.checkpoint = s->barrier.id,
				.final = (s->barrier.options & BARRIER_FINAL) != 0};
	bytes_init(&o.state, t->c.mem);
	bytes_init(&o.intents, t->c.mem);
	enum op_result r = t->c.ops->snapshot(t->self, &t->ctx, &o);
	s->state = o.state;
	s->intents = o.intents;
	if (r == OP_FAILED)
		return e->code;
	return bytes_ok(&s->state) && bytes_ok(&s->intents)
		       ? OK
		       : ERR(e, E_NO_MEMORY, "no memory for a snapshot");
}

/* Sends what is ready; false when memory is short (the chunks are given back: declined). */
static bool send_chunks(struct task *t, struct snapping *g)
{
	struct snap *s = g->snap;
	struct chunk *c;
	while ((c = keyed_take(t->keyed)))
		if (s->aborted || pack_submit(g->pack, c, &t->ctx.error) != OK) {
			chunk_put_list(c);
			if (!s->aborted)
				return false;
		}
	return true;
}


void task_stop_over(struct task *t)
{
	uint64_t us = sync_end(&t->sync, t->keyed ? keyed_saved_rows(t->keyed) : 0);
	if (us > atomic_load_explicit(&t->stats.sync_us_max, memory_order_relaxed))
		atomic_store_explicit(&t->stats.sync_us_max, us, memory_order_relaxed);
	for (uint32_t i = 0; i < t->n_snapping; i++)
		if (us > t->snapping[i].snap->figures.sync_us_max)
			t->snapping[i].snap->figures.sync_us_max = us;
}

static void encoding_over(struct task *t, struct snapping *g)
{
	g->encoding = false;
	g->snap->spans.encoded_us = t->ctx.now_us;
	pack_end(g->pack, &t->mail, LETTER_PACKED);
	g->pack = NULL;
}

static bool slice(struct task *t, struct snapping *g);

bool task_slice(struct task *t)
{
	struct snapping *g = encoding_of(t);
	if (!g)
		return false;
	if (!g->snap->spans.sliced_us)
		g->snap->spans.sliced_us = t->ctx.now_us;
	uint64_t before = clock_thread_ns(t->c.clock);
	bool did = slice(t, g);
	sync_slice(&t->sync, SLICE_ROWS, clock_thread_ns(t->c.clock) - before);
	/* Without a batch waiting, a slice kept nobody from anything. */
	if (!t->batch || !encoding_of(t))
		task_stop_over(t);
	return did;
}

static bool slice(struct task *t, struct snapping *g)
{
	enum keyed_slice at;
	if (keyed_slice(t->keyed, SLICE_ROWS, &at, &t->ctx.error) != OK || !send_chunks(t, g)) {
		/* The checkpoint is declined, the task goes on. */
		g->snap->rc = t->ctx.error.code;
		g->snap->error = t->ctx.error;
		err_clear(&t->ctx.error);
		keyed_abort(t->keyed);
		encoding_over(t, g);
		return true;
	}
	if (at == KEYED_DONE)
		encoding_over(t, g);
	return at != KEYED_NO_ROOM;
}

void task_packed(struct task *t, struct pack_done *d)
{
	struct snapping *g = snapping_of(t, d->snap->barrier.id);
	CHECK(g && g->snap == d->snap);
	g->packed = true;
	g->snap->spans.packed_us = t->ctx.now_us;
	pack_done_close(d);
}

void task_abort(struct task *t, uint64_t id)
{
	struct snapping *g = snapping_of(t, id);
	if (!g)
		return;
	g->snap->aborted = true;
	if (g->encoding) {
		keyed_abort(t->keyed);
		encoding_over(t, g);
	}
}

/* Whether the operator's prepared pieces are written and synced. A failed sink fails the attempt.
 * One that was given up is not waited for: its pieces are in the next one's intents. */
static bool operator_is_prepared(struct task *t, const struct snapping *g)
{
	if (!t->c.ops->prepared || g->snap->aborted)
		return true;
	switch (t->c.ops->prepared(t->self, &t->ctx, g->snap->barrier.id)) {
	case OP_DONE:
		return true;
	case OP_FAILED:
		task_fail(t);
		return false;
	default:
		return false;
	}
}

/* What is encoded and must still wait lets the next one freeze meanwhile (COORDINATOR 4). */
static void tell_frozen(struct task *t)
{
	for (uint32_t i = 0; i < t->n_snapping; i++) {
		struct snapping *g = &t->snapping[i];
		if (g->encoding || g->frozen_told || g->snap->aborted || t->phase == TASK_FAILED)
			continue;
		g->frozen_told = true;
		g->snap->frozen_mail.kind = LETTER_FROZEN;
		mailbox_put(t->c.control, &g->snap->frozen_mail);
	}
}

void task_acknowledge(struct task *t)
{
	/* In order: one acknowledgement never overtakes an earlier one. */
	while (t->n_snapping && t->snapping[0].packed && t->phase != TASK_FAILED &&
	       operator_is_prepared(t, &t->snapping[0])) {
		struct snap *s = t->snapping[0].snap;
		s->spans.prepared_us = t->c.ops->prepared ? t->ctx.now_us : 0;
		s->spans.acked_us = t->ctx.now_us;
		t->n_snapping--;
		for (uint32_t i = 0; i < t->n_snapping; i++)
			t->snapping[i] = t->snapping[i + 1];
		s->mail.kind = LETTER_ACK;
		mailbox_put(t->c.control, &s->mail);
	}
	tell_frozen(t);
}
