/* task_driver.h - the subtasks of one stage as real tasks over hand-made channels, stepped by hand.
 * The stage is planned from JSON, begun from states, fed batches and barriers, and what it emits is
 * collected as rows of text and as batches counted. A snapshot can be kept and another set of
 * subtasks, of any parallelism, be started from it. Keyed state is carried over by walking it: how
 * it is written and read is not the business of operators' tests. */
#pragma once
#include "base/check.h"
#include "base/env.h"
#include "base/fs_sim.h"
#include "runtime/task.h"
#include "tests/lib/rows.h"

#define DRIVE_TASKS 8
#define DRIVE_INPUTS 3

/* What a checkpoint holds of the stage. */
struct drive_saved {
	uint32_t n;
	struct bytes state[DRIVE_TASKS];
	struct bytes keyed; /* u32 length, key, 16 bytes of value; behind each other */
};

struct drive {
	struct mem mem;
	struct fs_sim *disk;
	struct ioqueue *io;
	struct packing *packing;
	struct mailbox control;
	struct pool *pool;          /* of the test's own batches */
	struct err e;               /* of what failed last */

	const struct op_ops *ops;
	struct json_doc *doc;
	struct schema in[DRIVE_INPUTS];
	struct op_plan plan;
	struct opt_report_err report;
	char says[512];

	uint32_t n, n_inputs;       /* subtasks and inputs of each */
	struct task *task[DRIVE_TASKS];
	struct channel channel_in[DRIVE_TASKS][DRIVE_INPUTS], channel_out[DRIVE_TASKS];
	struct channel *ins[DRIVE_TASKS][DRIVE_INPUTS], *outs[DRIVE_TASKS];
	struct edge edge[DRIVE_TASKS];
	uint32_t out_slots;         /* of each output channel; 0: as many as there are */
	uint32_t batch_rows;        /* the most a batch it makes has; 0: BATCH_ROWS */
	struct clock clock;         /* says now_us; behind the seam */
	uint64_t now_us, wake_at_us;
	uint64_t checkpoint;        /* the newest one */
	uint32_t acks;
	bool failed, ended[DRIVE_TASKS];
	uint32_t skips_told;        /* letters about a record that was left out ... */
	struct err skip;            /* ... and what the newest one says */
	bool past[DRIVE_TASKS];     /* its newest barrier was taken from its output */

	struct rows_list rows;      /* what came out, in order of arrival */
	uint32_t batches;
	bool keep_text;             /* collect rows */
	uint64_t fail_plan_at;      /* the n-th allocation of plan() that fails; 0: none */
	struct drive_saved *saving;
	uint64_t packing_epoch;
	void (*see)(struct drive *d, uint32_t subtask, const struct batch *b);
	void *user;
};

ROWS_UNUSED static uint64_t drive_mono_us(struct clock *c)
{
	return CONTAINER_OF(c, struct drive, clock)->now_us;
}
ROWS_UNUSED static int64_t drive_wall_us(struct clock *c)
{
	return (int64_t)CONTAINER_OF(c, struct drive, clock)->now_us;
}

ROWS_UNUSED static void drive_open(struct drive *d)
{
	memset(d, 0, sizeof *d);
	d->clock = (struct clock){.mono_us = drive_mono_us, .wall_us = drive_wall_us};
	mem_init(&d->mem, 0);
	mailbox_init(&d->control, NULL);
	EXPECT_OK(fs_sim_open(&d->disk, &d->mem, &d->e), &d->e);
	EXPECT_OK(fs_mkdir_all(fs_sim_fs(d->disk), "parts", &d->e), &d->e);
	EXPECT_OK(ioqueue_open(&d->io, fs_sim_fs(d->disk), &d->mem, &d->e), &d->e);
	EXPECT_OK(pool_open(&d->pool, &d->mem, &d->e), &d->e);
	d->keep_text = true;
	d->now_us = 1000000;
}

/* Plans it; false: d->e says what is wrong with it. fields: of each input, NULL: no more. */
ROWS_UNUSED static bool drive_plan(struct drive *d, const struct op_ops *ops, const char *options,
				   const char *fields, const char *fields_b, const char *fields_c)
{
	const char *all[DRIVE_INPUTS] = {fields, fields_b, fields_c};
	d->ops = ops;
	err_clear(&d->e);
	EXPECT_OK(json_parse(&d->doc, options, strlen(options), &d->mem, NULL, &d->e), &d->e);
	d->plan = (struct op_plan){.mem = &d->mem, .stage = "stage", .options = json_root(d->doc),
				   .report = opt_report_to_err(&d->report, &d->e), .base_dir = "",
				   .parallelism = 1, .max_parallelism = 16,
				   .record_limit_bytes = 1 << 20};
	for (; d->plan.n_in < DRIVE_INPUTS && all[d->plan.n_in]; d->plan.n_in++) {
		d->in[d->plan.n_in] = rows_schema(all[d->plan.n_in]);
		d->plan.in[d->plan.n_in] = &d->in[d->plan.n_in];
	}
	static const char *const also[] = {"inputs", "on_error", NULL};
	d->plan.skip = opt_is(d->plan.options, "on_error", "skip");
	if (!opt_check(ops->opts, d->plan.options, also, NULL, d->plan.report))
		return false;
	if (d->fail_plan_at)
		d->mem.fail_at = atomic_load(&d->mem.calls) + d->fail_plan_at;
	bool ok = ops->plan(&d->plan);
	d->mem.fail_at = 0;
	return ok;
}

/* The test's own allocations do not fail. */
ROWS_UNUSED static void drive_letter(struct drive *d, uint32_t subtask, struct task_letter what)
{
	uint64_t fail_at = d->mem.fail_at, calls = atomic_load(&d->mem.calls);
	d->mem.fail_at = 0;
	struct task_letter *l = mem_get(&d->mem, sizeof *l);
	atomic_store(&d->mem.calls, calls);
	d->mem.fail_at = fail_at;
	*l = what;
	mailbox_put(task_mailbox(d->task[subtask]), &l->mail);
}

/* ---- steps ---- */

ROWS_UNUSED static void drive_keep_keyed(struct drive *d, uint32_t subtask)
{
	struct keyed *k = task_keyed(d->task[subtask]);
	struct keyed_entry x[64];
	struct keyed_iter it = {0};
	uint64_t value[2] = {0, 0};
	for (uint32_t n; k && (n = keyed_next(k, &it, x, 64));)
		for (uint32_t i = 0; i < n; i++) {
			bytes_put_u32(&d->saving->keyed, x[i].key_len);
			bytes_put(&d->saving->keyed, x[i].key, x[i].key_len);
			memcpy(value, x[i].value, d->plan.value_bytes);
			bytes_put(&d->saving->keyed, value, sizeof value);
		}
}

ROWS_UNUSED static void drive_letters(struct drive *d)
{
	for (struct mail *m = mailbox_take_all(&d->control), *next; m; m = next) {
		next = m->next;
		if (m->kind == LETTER_ACK) {
			struct snap *s = CONTAINER_OF(m, struct snap, mail);
			EXPECT(s->rc == OK);
			d->acks++;
			if (d->saving)
				bytes_put(&d->saving->state[s->task], s->state.data, s->state.len);
			snap_close(s);
		} else if (m->kind == LETTER_FAILED) {
			d->failed = true;
			if (d->e.code == OK)
				d->e = CONTAINER_OF(m, struct task_report, mail)->error;
		} else if (m->kind == LETTER_SKIPPED) {
			d->skips_told++;
			d->skip = CONTAINER_OF(m, struct task_report, mail)->error;
		} else if (m->kind == LETTER_ENDED) {
			d->ended[CONTAINER_OF(m, struct task_report, mail)->task] = true;
		}
	}
}

/* Takes one item out of a subtask's output channel; false: there is none. */
ROWS_UNUSED static bool drive_take(struct drive *d, uint32_t subtask)
{
	struct item it;
	if (!channel_try_pop(&d->channel_out[subtask], &it))
		return false;
	if (it.kind == ITEM_BARRIER && it.barrier.id == d->checkpoint)
		d->past[subtask] = true;
	if (it.kind != ITEM_BATCH)
		return true;
	d->batches++;
	if (d->see)
		d->see(d, subtask, it.batch);
	for (uint32_t i = 0; d->keep_text && i < batch_count(it.batch); i++)
		rows_list_add(&d->rows,
			      rows_text(it.batch, it.batch->selected ? it.batch->sel[i] : i));
	batch_drop(&it.batch);
	return true;
}

/* One step of a subtask, nothing taken from its output. */
ROWS_UNUSED static enum task_did drive_step(struct drive *d, uint32_t subtask)
{
	uint64_t wake = UINT64_MAX;
	enum task_did did = task_step(d->task[subtask], d->now_us, &wake);
	if (wake < d->wake_at_us)
		d->wake_at_us = wake;
	return did;
}

/* Steps everything until nothing moves at this time. False: a task failed, see d->e. */
ROWS_UNUSED static bool drive_run(struct drive *d)
{
	for (bool moved = true; moved;) {
		moved = false;
		d->wake_at_us = UINT64_MAX;
		for (uint32_t i = 0; i < d->n; i++) {
			moved |= drive_step(d, i) == TASK_BUSY;
			moved |= drive_take(d, i);
		}
		moved |= ioqueue_step(d->io, LANE_BYTES);
		moved |= ioqueue_step(d->io, LANE_DURABILITY);
		drive_letters(d);
	}
	return !d->failed;
}

/* Records left out, of all subtasks of this life. */
ROWS_UNUSED static uint64_t drive_skipped(const struct drive *d)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < d->n; i++)
		n += task_stats(d->task[i])->records_skipped;
	return n;
}

/* ---- lives ---- */

ROWS_UNUSED static struct section drive_section(const struct drive *d, uint32_t subtask)
{
	struct section s = {.kind = SECTION_KEYED, .state_version = d->plan.state_version,
			    .subtask = subtask, .lineage = 1, .attempt = 1, .epoch = d->packing_epoch,
			    .key = d->plan.key_schema, .value = d->plan.value_schema, .codec = CODEC_LZ4};
	struct keyed_shape shape = {.form = d->plan.key.form};
	s.hash_id = shape_hash_id(&shape);
	snprintf(s.stage, sizeof s.stage, "stage");
	snprintf(s.op_type, sizeof s.op_type, "%s", d->ops->name);
	return s;
}

ROWS_UNUSED static enum rc drive_task(struct drive *d, uint32_t i, const struct bytes *state)
{
	struct task_config c = {
		.number = i, .stage = "stage", .subtask = i, .parallelism = d->n,
		.max_parallelism = d->plan.max_parallelism, .ops = d->ops, .conf = d->plan.conf,
		.in = &d->in[0], .out = &d->plan.out, .key = d->plan.keyed ? &d->plan.key : NULL,
		.shape = {.form = d->plan.key.form, .value_bytes = d->plan.value_bytes},
		.record_limit_bytes = 1 << 20, .exactly_once = true, .skip = d->plan.skip,
		.batch_rows = d->batch_rows,
		.epoch = 1, .attempt = 1,
		.after_id = d->checkpoint,
		.lineage = 1, .uuid = "the-uuid", .inputs = d->ins[i], .n_inputs = d->n_inputs,
		.edges = &d->edge[i], .n_edges = d->ops->role != OP_SINK, .chunk_budget = 4,
		.mem = &d->mem, .io = d->io, .packing = d->packing, .control = &d->control,
		.clock = &d->clock,
	};
	if (d->plan.keyed)
		c.section = drive_section(d, i);
	for (uint32_t k = 0; k < d->n_inputs; k++) {
		d->ins[i][k] = &d->channel_in[i][k];
		channel_init(d->ins[i][k], CHANNEL_SLOTS, CHANNEL_BYTES, NULL, NULL);
	}
	d->outs[i] = &d->channel_out[i];
	channel_init(d->outs[i], d->out_slots ? d->out_slots : CHANNEL_SLOTS, CHANNEL_BYTES, NULL,
		     NULL);
	d->edge[i] = (struct edge){.kind = EDGE_FORWARD, .n = 1, .to = &d->outs[i],
				   .max_parallelism = c.max_parallelism};
	if (task_open(&d->task[i], &c, &d->e) != OK)
		return d->e.code;
	return task_start(d->task[i], state->data, state->len, &d->e);
}

/* The key's own subtask gets it. */
ROWS_UNUSED static void drive_give_key(struct drive *d, const uint8_t *key, uint32_t len,
				       const uint8_t *value)
{
	struct keyed_shape shape = {.form = d->plan.key.form};
	uint64_t hash = shape_hash(&shape, key, len), fix8 = 0;
	uint32_t groups = d->plan.max_parallelism;
	struct key_view v = {.len = len};
	if (len <= KEY_INLINE_BYTES)
		memcpy(v.inl, key, len);
	if (len == 8)
		memcpy(&fix8, key, 8);
	const uint8_t *base = key;
	struct key_rows rows = {.n = 1, .hashes = &hash, .fix8 = &fix8, .views = &v, .bases = &base};
	void *place;
	if (len > KEY_INLINE_BYTES)
		memcpy(v.ref.prefix, key, 4);
	struct keyed *k = task_keyed(d->task[group_owner(hash_group(hash, groups), d->n, groups)]);
	EXPECT_OK(keyed_upsert(k, &rows, &place, &d->e), &d->e);
	memcpy(place, value, d->plan.value_bytes);
}

/* Starts n subtasks: from saved, or freshly (NULL). OK, or why begin or open refused. */
ROWS_UNUSED static enum rc drive_start(struct drive *d, uint32_t n, const struct drive_saved *saved)
{
	struct bytes fresh[DRIVE_TASKS];
	struct op_begin b = {.mem = &d->mem, .fs = fs_sim_fs(d->disk), .stage = "stage",
			     .uuid = "the-uuid", .lineage = 1, .epoch = 1, .restored = saved != NULL,
			     .parallelism = n, .max_parallelism = d->plan.max_parallelism, .fresh = fresh};
	struct packing_options o = {.mem = &d->mem, .fs = fs_sim_fs(d->disk), .io = d->io,
				    .parts_dir = "parts", .lineage = 1, .attempt = 1,
				    .epoch = ++d->packing_epoch, .codec = CODEC_LZ4};
	enum rc rc = OK;
	d->n = n;
	d->n_inputs = d->ops->role == OP_SOURCE ? 0 : d->plan.n_in;
	d->failed = false;
	memset(d->ended, 0, sizeof d->ended);
	memset(d->task, 0, sizeof d->task);
	err_clear(&d->e);
	rc = packing_open(&d->packing, &o, &d->e);
	for (uint32_t i = 0; i < n; i++)
		bytes_init(&fresh[i], &d->mem);
	if (saved) {
		b.old = saved->state;
		b.n_old = saved->n;
	}
	if (d->ops->begin && rc == OK)
		rc = d->ops->begin(d->plan.conf, &b, &d->e);
	memcpy(d->says, b.says, sizeof d->says);
	for (uint32_t i = 0; i < n && rc == OK; i++)
		rc = drive_task(d, i, &fresh[i]);
	for (uint32_t i = 0; i < n; i++)
		bytes_close(&fresh[i]);
	struct reader r = reader_of(saved ? saved->keyed.data : NULL, saved ? saved->keyed.len : 0);
	while (rc == OK && reader_left(&r)) {
		uint32_t len = reader_u32(&r);
		const uint8_t *key = reader_take(&r, len), *value = reader_take(&r, 16);
		EXPECT(key && value);
		drive_give_key(d, key, len, value);
	}
	if (rc == OK && d->ops->role == OP_SOURCE)
		for (uint32_t i = 0; i < n; i++)
			drive_letter(d, i, (struct task_letter){.mail.kind = LETTER_RELEASE});
	return rc;
}

/* Ends the subtasks as a crash does: whatever they hold is gone. Saved states stay. */
ROWS_UNUSED static void drive_stop(struct drive *d)
{
	for (uint32_t i = 0; i < d->n && d->task[i]; i++) {
		uint64_t wake;
		drive_letter(d, i, (struct task_letter){.mail.kind = LETTER_CLOSE});
		while (task_step(d->task[i], d->now_us, &wake) != TASK_CLOSED) {
			ioqueue_step(d->io, LANE_BYTES);
			ioqueue_step(d->io, LANE_DURABILITY);
		}
	}
	drive_letters(d);
	while (!ioqueue_is_idle(d->io)) {
		ioqueue_step(d->io, LANE_BYTES);
		ioqueue_step(d->io, LANE_DURABILITY);
	}
	for (uint32_t i = 0; i < d->n && d->task[i]; i++)
		task_close(d->task[i]);
	for (uint32_t i = 0; i < d->n && d->task[i]; i++) {
		for (uint32_t k = 0; k < d->n_inputs; k++)
			channel_close(&d->channel_in[i][k]);
		channel_close(&d->channel_out[i]);
	}
	for (uint32_t i = 0; i < d->n && d->task[i]; i++) {
		task_free(d->task[i]);
		d->task[i] = NULL;
	}
	packing_close(d->packing);
	d->packing = NULL;
	d->n = 0;
}

ROWS_UNUSED static void drive_saved_close(struct drive_saved *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		bytes_close(&s->state[i]);
	bytes_close(&s->keyed);
	*s = (struct drive_saved){0};
}

/* Stops what runs, forgets the plan: another may follow. */
ROWS_UNUSED static void drive_unplan(struct drive *d)
{
	drive_stop(d);
	rows_list_clear(&d->rows);
	d->batches = 0;
	if (d->ops && d->ops->conf_close)
		d->ops->conf_close(d->plan.conf, &d->mem);
	json_close(d->doc);
	d->doc = NULL;
	d->ops = NULL;
	d->plan = (struct op_plan){0};
}

/* CHECKs that nothing leaked. */
ROWS_UNUSED static void drive_close(struct drive *d)
{
	drive_unplan(d);
	ioqueue_close(d->io);
	pool_close(d->pool);
	fs_sim_close(&d->disk);
	EXPECT(d->mem.used_bytes == 0);
}

/* ---- input ---- */

/* Takes b. False: the stage failed. */
ROWS_UNUSED static bool drive_push(struct drive *d, uint32_t subtask, uint32_t input,
				   struct batch *b)
{
	struct item it = {.kind = ITEM_BATCH, .batch = b};
	while (!channel_try_push(&d->channel_in[subtask][input], &it))
		if (!drive_run(d)) {
			batch_drop(&b);
			return false;
		}
	return true;
}

/* Shares b's rows out by key, as the exchange does. Takes b. */
ROWS_UNUSED static bool drive_route(struct drive *d, struct batch *b)
{
	struct keys k;
	uint32_t bad_row, groups = d->plan.max_parallelism;
	bool ok = true;
	keys_init(&k, &d->mem);
	k.clips = d->plan.skip;
	EXPECT_OK(keys_hash(&k, &d->plan.key, b, d->pool, &bad_row, &d->e), &d->e);
	for (uint32_t t = 0; t < d->n; t++) {
		struct batch *x = batch_share(d->pool, b);
		uint32_t n = 0;
		for (uint32_t i = 0; i < batch_count(b); i++) {
			uint16_t row = b->selected ? b->sel[i] : (uint16_t)i;
			uint32_t g = hash_group((uint64_t)b->hash->i64[row], groups);
			if (group_owner(g, d->n, groups) == t)
				x->sel[n++] = row;
		}
		x->n_sel = n;
		x->selected = n < x->rows || b->selected;
		if (n)
			ok = drive_push(d, t, 0, x) && ok;
		else
			batch_drop(&x);
	}
	keys_close(&k);
	batch_drop(&b);
	return ok;
}

/* A mark on every input of every subtask. */
ROWS_UNUSED static void drive_mark(struct drive *d, struct item mark)
{
	for (uint32_t i = 0; i < d->n; i++)
		for (uint32_t k = 0; k < d->n_inputs; k++) {
			struct item it = mark;
			while (!channel_try_push(&d->channel_in[i][k], &it))
				drive_run(d);
		}
}
ROWS_UNUSED static void drive_end(struct drive *d)
{
	drive_mark(d, (struct item){.kind = ITEM_END});
}

/* A checkpoint of all subtasks, kept in *s (closed first if it holds one). Runs until it is
 * acknowledged and its barriers came out. What a source makes meanwhile comes out too: d->past says
 * whether before the barrier or after it. */
ROWS_UNUSED static bool drive_checkpoint(struct drive *d, struct drive_saved *s)
{
	struct item mark = {.kind = ITEM_BARRIER,
			    .barrier = {.id = ++d->checkpoint, .options = BARRIER_FULL}};
	drive_saved_close(s);
	s->n = d->n;
	for (uint32_t i = 0; i < s->n; i++)
		bytes_init(&s->state[i], &d->mem);
	bytes_init(&s->keyed, &d->mem);
	if (d->ops->role != OP_SOURCE && !drive_run(d))
		return false;
	d->acks = 0;
	memset(d->past, 0, sizeof d->past);
	d->saving = s;
	drive_mark(d, mark);
	for (uint32_t i = 0; i < d->n; i++)
		if (d->ops->role == OP_SOURCE)
			drive_letter(d, i, (struct task_letter){.mail.kind = LETTER_TRIGGER,
								.barrier = mark.barrier});
	while (!d->failed && d->acks < d->n) {
		for (uint32_t i = 0; i < d->n; i++) {
			drive_step(d, i);
			drive_take(d, i);
		}
		ioqueue_step(d->io, LANE_BYTES);
		ioqueue_step(d->io, LANE_DURABILITY);
		drive_letters(d);
	}
	for (uint32_t i = 0; i < d->n; i++) {
		while (d->ops->role != OP_SINK && !d->past[i] && drive_take(d, i))
			;
		drive_keep_keyed(d, i);
	}
	d->saving = NULL;
	return !d->failed;
}
