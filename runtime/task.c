/* task.c - see task.h: the steps. What follows a barrier is task_barrier.c, what letters do is
 * task_letters.c, what the task says of itself task_tell.c. */
#include "runtime/record_checksum.h"

#include "base/planted.h"
#include "runtime/task_in.h"

#include <stdio.h>

/* ---- building and ending ---- */

RC task_open(struct task **out, const struct task_config *c, struct err *e)
{
	struct task *t = *out = mem_get_aligned(c->mem, 64, sizeof *t);
	if (!t)
		return ERR(e, E_NO_MEMORY, "stage '%s': no memory for a task", c->stage);
	memset(t, 0, sizeof *t);
	t->c = *c;
	waker_init(&t->own_waker);
	t->waker = c->waker ? c->waker : &t->own_waker;
	mailbox_init(&t->mail, t->waker);
	t->phase = c->ops->role == OP_SOURCE ? TASK_WAITING : TASK_RUNNING;
	t->last_did = TASK_IDLE;
	t->ended = (struct task_report){.task = c->number, .attempt = c->attempt};
	t->failed = t->bye = t->skipped = t->loaded = t->passed = t->ended;
	t->ended.mail.kind = LETTER_ENDED;
	t->failed.mail.kind = LETTER_FAILED;
	t->bye.mail.kind = LETTER_CLOSED;
	t->skipped.mail.kind = LETTER_SKIPPED;
	t->loaded.mail.kind = LETTER_LOADED;
	t->passed.mail.kind = LETTER_PASSED;
	if (c->n_inputs)
		gate_init(&t->gate, c->inputs, c->n_inputs, c->exactly_once, c->after_id);
	t->completed = c->after_id;
	t->n_received = !c->n_inputs ? 0 : c->edge_of_input ? c->n_in_edges : 1;
	t->received = mem_get(c->mem, (t->n_received + 1) * sizeof *t->received);
	t->self = mem_get(c->mem, c->ops->self_size);
	if (!t->self || !t->received) {
		ERR(e, E_NO_MEMORY, "stage '%s': no memory for a task", c->stage);
		goto fail;
	}
	if (pool_open(&t->pool, c->mem, e) != OK ||
	    outlet_open(&t->outlet, c->edges, c->n_edges, t->pool, c->mem, e) != OK)
		goto fail;
	if (c->batch_rows)
		pool_set_rows(t->pool, c->batch_rows);
	t->c.batch_rows = pool_rows(t->pool);
	if (c->key) {
		uint32_t first = group_first(c->subtask, c->parallelism, c->max_parallelism);
		uint32_t end = group_first(c->subtask + 1, c->parallelism, c->max_parallelism);
		chunk_pool_init(&t->chunks, c->mem, c->chunk_budget);
		struct keyed_config k = {.shape = c->shape,
					 .hash_lo = hash_of_group(first, c->max_parallelism),
					 .hash_hi = hash_of_group(end, c->max_parallelism) - 1,
					 .pool = &t->chunks,
					 .mem = c->mem};
		t->c.section.hash_first = k.hash_lo;
		t->c.section.hash_last = k.hash_hi;
		if (keyed_open(&t->keyed, &k, e) != OK)
			goto fail;
		if (c->sums)
			keyed_watch_sums(t->keyed, c->sums);
	}
	t->ctx = (struct op_ctx){
		.stage = c->stage, .subtask = c->subtask, .parallelism = c->parallelism,
		.max_parallelism = c->max_parallelism, .conf = c->conf, .in = c->in, .out = c->out,
		.key = c->key, .record_limit_bytes = c->record_limit_bytes, .skip = c->skip,
		.audit = c->audit,
		.epoch = c->epoch, .attempt = c->attempt, .lineage = c->lineage, .uuid = c->uuid,
		.mem = c->mem, .pool = t->pool, .io = c->io, .mail = &t->mail,
		.control = c->control, .state = t->keyed, .tick_at_us = UINT64_MAX, .task = t,
	};
	return OK;
fail:
	task_close(t);
	task_free(t);
	*out = NULL;
	return e->code;
}

struct keyed *task_keyed(struct task *t)
{
	return t->keyed;
}

RC task_start(struct task *t, const void *state, size_t len, struct err *e)
{
	t->opened = true;
	task_tell(t); /* what was restored counts from the start */
	if (!t->c.ops->open || t->c.ops->open(t->self, &t->ctx, state, len, e) == OK)
		return OK;
	return err_in(e, "stage '%s'[%u]", t->c.stage, t->c.subtask);
}

void task_close(struct task *t)
{
	if (!t)
		return;
	if (t->opened && t->c.ops->close)
		t->c.ops->close(t->self, &t->ctx);
	t->opened = false;
	batch_drop(&t->batch);
	for (struct mail *m = mailbox_take_all(&t->mail), *next; m; m = next) {
		next = m->next;
		if (m->kind >= LETTER_TRIGGER && m->kind <= LETTER_CLOSE)
			mem_put(t->c.mem, CONTAINER_OF(m, struct task_letter, mail));
	}
	for (uint32_t i = 0; i < t->n_snapping; i++)
		snap_close(t->snapping[i].snap);
	t->n_snapping = 0;
	task_lazy_close(t);
	keyed_close(t->keyed);
	t->keyed = NULL;
	outlet_close(&t->outlet);
	mem_put(t->c.mem, t->received);
	t->received = NULL;
	mem_put(t->c.mem, t->self);
	t->self = NULL;
}

void task_free(struct task *t)
{
	if (!t)
		return;
	pool_close(t->pool);
	chunk_pool_close(&t->chunks);
	mem_put(t->c.mem, t);
}

struct mailbox *task_mailbox(struct task *t)
{
	return &t->mail;
}

struct waker *task_waker(struct task *t)
{
	return t->waker;
}

const struct task_stats *task_stats(const struct task *t)
{
	return &t->stats;
}

const struct task_config *task_config(const struct task *t)
{
	return &t->c;
}

/* ---- faults ---- */

/* Tells the control thread once; afterwards the task only drains letters until it is closed. */
enum rc task_fail(struct task *t)
{
	t->phase = TASK_FAILED;
	if (t->failed_told)
		return t->ctx.error.code;
	t->failed_told = true;
	CHECK(t->ctx.error.code != OK);
	err_in(&t->ctx.error, "stage '%s'[%u]", t->c.stage, t->c.subtask);
	t->failed.rc = t->ctx.error.code;
	t->failed.error = t->ctx.error;
	mailbox_put(t->c.control, &t->failed.mail);
	return t->ctx.error.code;
}

/* One record left out is told, so that somebody finds out; the others are counted. */
static void task_tell_skipped(struct task *t)
{
	t->skipped_told = true;
	t->skipped.error = t->ctx.skip_error;
	err_in(&t->skipped.error, "stage '%s'[%u]", t->c.stage, t->c.subtask);
	mailbox_put(t->c.control, &t->skipped.mail);
}

/* Rows, not records: a filter may have left few of a full one. */
static void task_flows(struct task *t, const struct batch *b)
{
	if (b->rows * 2 >= t->c.batch_rows)
		t->flowed_us = t->ctx.now_us;
}

uint64_t task_flowed_us(const struct task *t)
{
	return t->flowed_us;
}

static enum rc look_at(struct task *t, const struct batch *b, uint32_t *bad_row)
{
	bool found;
	if (taps_look(t->c.tap, b, t->pool, &found, bad_row, &t->ctx.error) != OK)
		return t->ctx.error.code;
	if (found)
		mailbox_put(t->c.control, &t->passed.mail);
	return OK;
}

void op_emit(struct op_ctx *ctx, struct batch **b)
{
	struct task *t = ctx->task;
	uint32_t bad_row = 0;
	task_flows(t, *b);
	if (!t->outlet.records)
		atomic_store_explicit(&t->stats.first_record_us, ctx->now_us, memory_order_relaxed);
	if ((!t->c.tap || look_at(t, *b, &bad_row) == OK) &&
	    outlet_send(&t->outlet, b, &bad_row, &ctx->error) == OK)
		return;
	if (ctx->error.code == E_RECORD && *b) {
		char place[512];
		batch_origin_text(*b, bad_row, place, sizeof place);
		err_in(&ctx->error, "%s", place);
	}
	batch_drop(b);
}

/* ---- work ---- */

static void task_pass(struct task *t, const struct item *mark)
{
	outlet_mark(&t->outlet, mark);
}

static enum task_did did_of(struct task *t, enum op_result r)
{
	/* An emit may have failed inside a call that itself went well. */
	if (r == OP_FAILED || t->ctx.error.code != OK) {
		task_fail(t);
		return TASK_BUSY;
	}
	return r == OP_WAIT ? TASK_IDLE : TASK_BUSY;
}

static enum task_did task_end_passed(struct task *t)
{
	struct item end = {.kind = ITEM_END};
	task_pass(t, &end);
	t->phase = TASK_ENDED;
	mailbox_put(t->c.control, &t->ended.mail);
	return TASK_BUSY;
}

/* prepare, pass the barrier on, freeze: in that order (COORDINATOR 9). */
static enum task_did task_barrier(struct task *t)
{
	/* Checkpoints that were given up pile up while a lane is slow: a letter makes room. */
	if (t->n_snapping == SNAPS_MAX)
		return TASK_BACKPRESSURED;
	if (t->c.ops->prepare && t->phase != TASK_ENDED) {
		enum op_result r = t->c.ops->prepare(t->self, &t->ctx, &t->barrier);
		if (r != OP_DONE || t->ctx.error.code != OK)
			return did_of(t, r);
		if (!outlet_has_room(&t->outlet))
			return TASK_BACKPRESSURED;
	}
	t->preparing = false;
	t->newest_barrier = t->barrier.id;
	struct item mark = {.kind = ITEM_BARRIER, .barrier = t->barrier};
	task_pass(t, &mark);
	uint64_t before = clock_thread_ns(t->c.clock);
	if (task_snapshot(t) != OK)
		task_fail(t);
	else if (t->c.ops->role == OP_SOURCE && (t->barrier.options & BARRIER_STOP) &&
		 t->phase == TASK_RUNNING)
		t->phase = TASK_STOPPED;
	sync_freeze(&t->sync, clock_thread_ns(t->c.clock) - before);
	if (!t->keyed)
		task_stop_over(t);
	return TASK_BUSY;
}

static enum task_did task_source(struct task *t)
{
	if (t->trigger_pending && !(PLANTED(ended_source_answers_nobody) && t->phase == TASK_ENDED)) {
		t->trigger_pending = false;
		t->barrier = t->trigger;
		t->spans = (struct snap_spans){.first_us = t->ctx.now_us, .aligned_us = t->ctx.now_us};
		t->preparing = true;
		return task_barrier(t);
	}
	if (t->phase != TASK_RUNNING)
		return TASK_IDLE;
	if (t->draining) {
		t->phase = TASK_ENDING;
		return TASK_BUSY;
	}
	enum op_result r = t->c.ops->produce(t->self, &t->ctx);
	if (r != OP_DONE || t->ctx.error.code != OK)
		return did_of(t, r);
	t->phase = TASK_ENDING;
	return TASK_BUSY;
}

/* Both ends of an edge count what goes over it (counts.h). */
static void task_received(struct task *t, const struct batch *b)
{
	const uint32_t *edge_of = t->c.edge_of_input;
	struct snap_count *c = &t->received[edge_of ? edge_of[gate_input(&t->gate)] : 0];
	uint32_t records = batch_count(b);
	c->n += records;
	if (t->c.audit)
		c->hash += record_checksum(b);
	atomic_store_explicit(&t->stats.records_in,
			      atomic_load_explicit(&t->stats.records_in, memory_order_relaxed) +
				      records,
			      memory_order_relaxed);
}

static enum task_did task_take(struct task *t)
{
	struct item it;
	switch (gate_next(&t->gate, t->ctx.now_us, &it)) {
	case GATE_NOTHING:
		return TASK_IDLE;
	case GATE_BATCH:
		t->batch = it.batch;
		task_flows(t, it.batch);
		task_received(t, it.batch);
		return TASK_BUSY;
	case GATE_BARRIER:
		t->barrier = it.barrier;
		t->spans = (struct snap_spans){.first_us = t->gate.first_us,
					       .aligned_us = t->gate.last_us,
					       .first_input = t->gate.first_input,
					       .last_input = t->gate.last_input};
		t->preparing = true;
		return TASK_BUSY;
	case GATE_CANCEL:
		task_pass(t, &it);
		return TASK_BUSY;
	case GATE_END:
		t->phase = TASK_ENDING;
		return TASK_BUSY;
	case GATE_MARK:
		return TASK_BUSY;
	}
	return TASK_IDLE;
}

static enum task_did task_batch(struct task *t)
{
	if (t->lazy && !task_lazy_cut(t))
		return TASK_IDLE;
	bool freezing = t->keyed && keyed_is_freezing(t->keyed);
	/* The texts behind its views are at least as long as its keys. */
	uint64_t key_bytes = freezing && t->c.shape.form == KEY_BYTES ? batch_bytes(t->batch) : 0;
	if (freezing && !keyed_can_change(t->keyed, batch_count(t->batch), key_bytes))
		return TASK_BACKPRESSURED; /* by the snapshot: its buffers are spent */
	enum op_result r = t->c.ops->batch(t->self, &t->ctx, t->batch);
	if (freezing)
		task_stop_over(t);
	if (r == OP_DONE && t->ctx.error.code == OK && !(t->lazy && task_lazy_rest(t)))
		batch_drop(&t->batch);
	return did_of(t, r);
}

static bool tick_is_due(const struct task *t)
{
	return t->ctx.now_us >= t->ctx.tick_at_us && t->phase == TASK_RUNNING && t->c.ops->tick;
}

/* Until it is done nothing else is taken: so no barrier comes into the middle of it. */
static enum task_did task_tick(struct task *t)
{
	enum op_result r = t->c.ops->tick(t->self, &t->ctx);
	if (r == OP_DONE && t->ctx.error.code == OK)
		CHECK(t->ctx.tick_at_us > t->ctx.now_us);
	CHECK(r != OP_WAIT);
	return did_of(t, r);
}

/* Whatever comes next may emit one batch or mark, so there must be room for one. */
static enum task_did task_work(struct task *t)
{
	if (!outlet_has_room(&t->outlet))
		return TASK_BACKPRESSURED;
	if (t->batch)
		return task_batch(t);
	if (t->preparing)
		return task_barrier(t);
	if (tick_is_due(t))
		return task_tick(t);
	if (t->phase == TASK_ENDING) {
		if (task_is_loading(t))
			return TASK_IDLE;
		if (t->c.ops->role != OP_SOURCE && t->c.ops->end) {
			enum op_result r = t->c.ops->end(t->self, &t->ctx);
			if (r != OP_DONE || t->ctx.error.code != OK)
				return did_of(t, r);
			if (!outlet_has_room(&t->outlet))
				return TASK_BACKPRESSURED;
		}
		return task_end_passed(t);
	}
	return t->c.ops->role == OP_SOURCE ? task_source(t) : task_take(t);
}

/* ---- closing ---- */

static enum task_did task_closing(struct task *t)
{
	task_lookups_again(t);
	for (uint32_t i = 0; i < t->n_snapping; i++)
		task_abort(t, t->snapping[i].snap->barrier.id);
	for (uint32_t i = 0; i < t->n_snapping; i++)
		if (!t->snapping[i].packed)
			return TASK_IDLE;
	if (!task_lazy_closing(t))
		return TASK_IDLE;
	if (t->opened && t->c.ops->busy && t->c.ops->busy(t->self, &t->ctx))
		return TASK_IDLE;
	t->closed = true;
	mailbox_put(t->c.control, &t->bye.mail);
	return TASK_CLOSED;
}

/* ---- the step ---- */

static void add(_Atomic uint64_t *to, uint64_t v)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + v,
			      memory_order_relaxed);
}

/* The time since the last step belongs to what that step did. */
static void task_account(struct task *t, uint64_t now_us)
{
	uint64_t took = t->last_us ? now_us - t->last_us : 0;
	t->last_us = now_us;
	add(t->last_did == TASK_BUSY ? &t->stats.busy_us
	    : t->last_did == TASK_IDLE ? &t->stats.idle_us
				       : &t->stats.backpressured_us,
	    took);
}

void task_rests(struct task *t, uint64_t now_us)
{
	task_account(t, now_us);
	if (t->last_did == TASK_BUSY)
		t->last_did = TASK_IDLE;
}

/* Nothing of ours follows at once: whoever waits for what we pushed or took is woken. */
static void task_settle(struct task *t)
{
	outlet_settle(&t->outlet);
	if (t->c.n_inputs)
		gate_settle(&t->gate);
}

/* Slices and everything else take turns, so that neither starves. */
static enum task_did task_turn(struct task *t)
{
	if (t->phase == TASK_FAILED)
		return TASK_IDLE;
	t->slice_turn = !t->slice_turn;
	if (t->slice_turn && task_slice(t))
		return TASK_BUSY;
	enum task_did did = task_work(t);
	if (did == TASK_BUSY)
		return did;
	task_settle(t); /* a snapshot of a large state may go on for long */
	return task_slice(t) ? TASK_BUSY : did;
}

/* As many chunks as a snapshot of all there is would fill, doubling: a job with a hundred keys does
 * not hold the pages of one with millions. Not before the first step: a start that fails half-way
 * has no job under way. */
static void task_warm(struct task *t)
{
	if (!t->keyed || t->warmed == WARM_CHUNKS || t->closing)
		return;
	uint64_t want = keyed_live_bytes(t->keyed) / CHUNK_BYTES + 1;
	if (want <= t->warmed)
		return;
	if (want < t->warmed * 2)
		want = t->warmed * 2;
	t->warmed = want < WARM_CHUNKS ? (uint32_t)want : WARM_CHUNKS;
	pack_warm(t->c.packing, &t->chunks, t->warmed, t->waker);
}

enum task_did task_step(struct task *t, uint64_t now_us, uint64_t *wake_at_us)
{
	CHECK(!t->closed);
	task_account(t, now_us);
	t->ctx.now_us = now_us;
	if (t->c.ops->role != OP_TRANSFORM)
		t->ctx.wall_us = clock_wall_us(t->c.clock);
	t->ctx.wake_at_us = UINT64_MAX;
	task_warm(t);
	if (t->lazy)
		task_lazy_begin(t);
	task_letters(t);
	enum task_did did;
	if (t->closing) {
		did = task_closing(t);
	} else {
		did = task_turn(t);
		task_acknowledge(t);
		if (t->ctx.skipped && !t->skipped_told)
			task_tell_skipped(t);
	}
	/* One that is busy for long hands over what it has too, now and then. */
	if (did != TASK_BUSY || ++t->busy_steps % SETTLE_STEPS == 0) {
		task_settle(t);
		task_tell(t);
	}
	atomic_store_explicit(&t->stats.records_out, t->outlet.records, memory_order_relaxed);
	if (t->c.put_out)
		atomic_store_explicit(t->c.put_out, t->outlet.records, memory_order_relaxed);
	atomic_store_explicit(&t->stats.records_skipped, t->ctx.skipped, memory_order_relaxed);
	atomic_store_explicit(&t->stats.work_done, t->ctx.work_done, memory_order_relaxed);
	atomic_store_explicit(&t->stats.work_total, t->ctx.work_total, memory_order_relaxed);
	atomic_store_explicit(&t->stats.checksum, t->ctx.checksum, memory_order_relaxed);
	if (atomic_load_explicit(&t->stats.doing, memory_order_relaxed) != did) {
		atomic_store_explicit(&t->stats.doing, did, memory_order_relaxed);
		atomic_store_explicit(&t->stats.doing_since_us, now_us, memory_order_relaxed);
	}
	t->last_did = did;
	*wake_at_us = t->ctx.wake_at_us;
	if (did == TASK_IDLE && t->phase == TASK_RUNNING && t->ctx.tick_at_us < *wake_at_us &&
	    !PLANTED(timer_of_an_operator_is_lost))
		*wake_at_us = t->ctx.tick_at_us;
	return did;
}
