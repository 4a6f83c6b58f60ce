/* task_rig.h - one task between channels, driven step by step, with an operator that only notes
 * what it was asked. */
#pragma once
#include "runtime/task.h"

#include "base/fs_sim.h"
#include "runtime/task_in.h"
#include "tests/unit/runtime/batches.h"

#include <stdlib.h>

/* ---- an operator that notes ---- */

struct fake_conf {
	char *log;
	int prepares;        /* batches prepare() still has to give */
	int ends;            /* the same for end() */
	int produces;        /* batches a source has */
	bool prepared, fails, busy;
	int ticks;           /* batches tick() still has to give */
	uint64_t tick_every; /* us; 0: it never ticks */
	struct op_restored restored; /* what it was told */
	struct channel *out; /* to see what was passed on before snapshot() */
	uint32_t at_snapshot;
	uint64_t committed;
};

struct fake {
	struct fake_conf *c;
};

static inline void note(struct fake_conf *c, const char *word)
{
	size_t n = strlen(c->log);
	sprintf(c->log + n, "%s%s", n ? " " : "", word);
}

static inline RC fake_open(void *self, struct op_ctx *ctx, const void *state, size_t len,
			   struct err *e)
{
	struct fake *f = self;
	(void)e;
	f->c = (struct fake_conf *)ctx->conf;
	if (f->c->tick_every)
		ctx->tick_at_us = f->c->tick_every;
	if (len)
		note(f->c, (const char *)state);
	return OK;
}

static inline void emit(struct op_ctx *ctx, int64_t v)
{
	struct batch *b = one_int(ctx->pool, v);
	op_emit(ctx, &b);
}

static inline enum op_result fake_produce(void *self, struct op_ctx *ctx)
{
	struct fake_conf *c = ((struct fake *)self)->c;
	if (c->fails) {
		ERR(&ctx->error, E_RECORD, "no luck");
		return OP_FAILED;
	}
	if (!c->produces)
		return OP_DONE;
	if (c->produces < 0) {
		ctx->wake_at_us = ctx->now_us + 10;
		return OP_WAIT;
	}
	c->produces--;
	note(c, "produce");
	emit(ctx, c->produces);
	return OP_MORE;
}

static inline enum op_result fake_batch(void *self, struct op_ctx *ctx, struct batch *b)
{
	struct fake_conf *c = ((struct fake *)self)->c;
	if (c->fails) {
		ERR(&ctx->error, E_RECORD, "no luck");
		return OP_FAILED;
	}
	note(c, "batch");
	if (ctx->state) {
		void *value[BATCH_ROWS];
		struct key_rows rows = {.n = b->rows, .hashes = (uint64_t *)b->hash->i64,
					.fix8 = (uint64_t *)b->col[0]->i64};
		if (keyed_upsert(ctx->state, &rows, value, &ctx->error) != OK)
			return OP_FAILED;
		for (uint32_t i = 0; i < b->rows; i++)
			++*(uint64_t *)value[i];
	}
	struct batch *x = batch_share(ctx->pool, b);
	op_emit(ctx, &x);
	return OP_DONE;
}

static inline enum op_result fake_event(void *self, struct op_ctx *ctx, struct mail *m)
{
	(void)ctx;
	note(((struct fake *)self)->c, m->kind == OP_LETTER ? "event" : "?");
	return OP_DONE;
}

static inline enum op_result give(struct fake_conf *c, struct op_ctx *ctx, int *left,
				  const char *word)
{
	if (!*left) {
		note(c, word);
		return OP_DONE;
	}
	emit(ctx, 100 + --*left);
	return OP_MORE;
}

static inline enum op_result fake_tick(void *self, struct op_ctx *ctx)
{
	struct fake_conf *c = ((struct fake *)self)->c;
	if (c->ticks) {
		emit(ctx, 200 + --c->ticks);
		return OP_MORE;
	}
	note(c, "tick");
	ctx->tick_at_us = ctx->now_us + c->tick_every;
	return OP_DONE;
}

static inline void fake_restored(void *self, struct op_ctx *ctx, const struct op_restored *r)
{
	struct fake_conf *c = ((struct fake *)self)->c;
	(void)ctx;
	note(c, "restored");
	c->restored = *r;
}

static inline enum op_result fake_end(void *self, struct op_ctx *ctx)
{
	struct fake_conf *c = ((struct fake *)self)->c;
	return give(c, ctx, &c->ends, "end");
}

static inline enum op_result fake_prepare(void *self, struct op_ctx *ctx, const struct barrier *b)
{
	struct fake_conf *c = ((struct fake *)self)->c;
	(void)b;
	return give(c, ctx, &c->prepares, "prepare");
}

static inline enum op_result fake_snapshot(void *self, struct op_ctx *ctx, struct op_snapshot *s)
{
	struct fake_conf *c = ((struct fake *)self)->c;
	(void)ctx;
	note(c, "snapshot");
	c->at_snapshot = c->out ? channel_fill(c->out) : 0;
	bytes_put_u64(&s->state, s->checkpoint);
	bytes_put_text(&s->intents, "intents");
	return OP_DONE;
}

static inline enum op_result fake_prepared(void *self, struct op_ctx *ctx, uint64_t id)
{
	(void)ctx;
	(void)id;
	return ((struct fake *)self)->c->prepared ? OP_DONE : OP_WAIT;
}

static inline void fake_committed(void *self, struct op_ctx *ctx, uint64_t id)
{
	(void)ctx;
	((struct fake *)self)->c->committed = id;
}

static inline bool fake_busy(void *self, struct op_ctx *ctx)
{
	(void)ctx;
	return ((struct fake *)self)->c->busy;
}

static inline void fake_close(void *self, struct op_ctx *ctx)
{
	struct fake *f = self;
	(void)ctx;
	if (f->c)
		note(f->c, "close");
}

#define CALLS                                                                                      \
	.self_size = sizeof(struct fake), .open = fake_open, .event = fake_event,                  \
	.prepare = fake_prepare, .snapshot = fake_snapshot, .prepared = fake_prepared,             \
	.committed = fake_committed, .restored = fake_restored, .busy = fake_busy,                 \
	.close = fake_close
static const struct op_ops source_ops = {
	.name = "s", .role = OP_SOURCE, .produce = fake_produce, CALLS};
static const struct op_ops transform_ops = {.name = "t", .role = OP_TRANSFORM, .batch = fake_batch,
					    .tick = fake_tick, .end = fake_end, CALLS};

/* ---- a task between channels ---- */

struct fix {
	struct mem mem;
	struct fs_sim *disk;
	struct ioqueue *io;
	struct packing *packing;
	struct mailbox control;
	struct channel *in[2], *out;
	struct edge edge;
	struct pool *pool; /* of what the test pushes */
	struct key_spec key;
	struct task_config c;
	struct task *t;
	struct fake_conf conf;
	char log[512];
	uint64_t now_us, wake_us;
	uint64_t frozen; /* the newest id of LETTER_FROZEN */
	bool closed;
	struct err e;
};

static inline void open_fix(struct fix *f, const struct op_ops *ops, uint32_t inputs, bool keyed)
{
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	EXPECT_OK(fs_sim_open(&f->disk, &f->mem, &f->e), &f->e);
	EXPECT_OK(fs_mkdir_all(fs_sim_fs(f->disk), "parts", &f->e), &f->e);
	EXPECT_OK(ioqueue_open(&f->io, fs_sim_fs(f->disk), &f->mem, &f->e), &f->e);
	struct packing_options po = {.mem = &f->mem, .fs = fs_sim_fs(f->disk), .io = f->io,
				     .parts_dir = "parts", .lineage = 1, .attempt = 1, .epoch = 1,
				     .codec = CODEC_LZ4};
	EXPECT_OK(packing_open(&f->packing, &po, &f->e), &f->e);
	EXPECT_OK(pool_open(&f->pool, &f->mem, &f->e), &f->e);
	mailbox_init(&f->control, NULL);
	for (int i = 0; i < 3; i++) {
		struct channel **ch = i < 2 ? &f->in[i] : &f->out;
		*ch = mem_get_aligned(&f->mem, 64, sizeof **ch);
		channel_init(*ch, CHANNEL_SLOTS, CHANNEL_BYTES, NULL, NULL);
	}
	f->edge = (struct edge){.kind = EDGE_FORWARD, .n = 1, .to = &f->out, .max_parallelism = 128};
	f->conf = (struct fake_conf){.log = f->log, .prepared = true, .out = f->out};
	f->key = (struct key_spec){.form = KEY_FIX8, .n = 1, .type = {T_INT64}};
	f->c = (struct task_config){
		.number = 5, .stage = "stage", .parallelism = 1, .max_parallelism = 128, .ops = ops,
		.conf = &f->conf, .exactly_once = true, .epoch = 1,
		.attempt = 3, .uuid = "u", .inputs = f->in,
		.n_inputs = inputs, .edges = &f->edge, .n_edges = 1, .chunk_budget = 4, .mem = &f->mem,
		.io = f->io, .packing = f->packing, .control = &f->control, .clock = clock_real()};
	if (keyed) {
		f->c.key = &f->key;
		f->c.shape = (struct keyed_shape){.form = KEY_FIX8, .value_bytes = 8};
		f->c.section = (struct section){.kind = SECTION_KEYED, .stage = "stage", .op_type = "t",
						.state_version = 1, .hash_id = HASH_FOLD64,
						.codec = CODEC_LZ4};
	}
}

static inline void start(struct fix *f)
{
	EXPECT_OK(task_open(&f->t, &f->c, &f->e), &f->e);
	EXPECT_OK(task_start(f->t, NULL, 0, &f->e), &f->e);
}

static inline void close_fix(struct fix *f)
{
	task_close(f->t);
	for (int i = 0; i < 3; i++) {
		struct channel *ch = i < 2 ? f->in[i] : f->out;
		channel_close(ch);
		mem_put(&f->mem, ch);
	}
	task_free(f->t);
	pool_close(f->pool);
	packing_close(f->packing);
	ioqueue_close(f->io);
	fs_sim_close(&f->disk);
	EXPECT(f->mem.used_bytes == 0);
}

static inline enum task_did step(struct fix *f)
{
	enum task_did did = task_step(f->t, ++f->now_us, &f->wake_us);
	f->closed = did == TASK_CLOSED;
	return did;
}

static inline enum task_did run(struct fix *f)
{
	enum task_did did;
	for (int i = 0; (did = step(f)) == TASK_BUSY; i++)
		EXPECT(i < 10000);
	return did;
}

static inline void run_lanes(struct fix *f)
{
	while (ioqueue_step(f->io, LANE_BYTES) | ioqueue_step(f->io, LANE_DURABILITY))
		;
}

static inline void push(struct fix *f, uint32_t input, int64_t v)
{
	struct item it = {.kind = ITEM_BATCH, .batch = one_int(f->pool, v)};
	struct keys keys;
	uint32_t bad;
	keys_init(&keys, &f->mem);
	EXPECT_OK(keys_hash(&keys, &f->key, it.batch, f->pool, &bad, &f->e), &f->e);
	keys_close(&keys);
	EXPECT(channel_try_push(f->in[input], &it));
}

static inline void push_mark(struct fix *f, uint32_t input, enum item_kind kind, uint64_t id)
{
	struct item it = {.kind = kind};
	if (id)
		it.barrier.id = id;
	EXPECT(channel_try_push(f->in[input], &it));
}

static inline void letter(struct fix *f, enum letter_kind kind, uint64_t id, uint32_t options)
{
	struct task_letter *l = mem_get(&f->mem, sizeof *l);
	l->mail.kind = kind;
	l->barrier = (struct barrier){.id = id, .options = options};
	mailbox_put(task_mailbox(f->t), &l->mail);
}

/* What was passed on: numbers, |id for barriers, !id for cancels, end. */
static inline void expect_out(struct fix *f, const char *want)
{
	char got[256] = "";
	struct item it;
	for (size_t n = 0; channel_try_pop(f->out, &it);) {
		const char *space = n ? " " : "";
		switch (it.kind) {
		case ITEM_BATCH:
			n += (size_t)sprintf(got + n, "%s%d", space, (int)it.batch->col[0]->i64[0]);
			batch_drop(&it.batch);
			break;
		case ITEM_BARRIER:
			n += (size_t)sprintf(got + n, "%s|%d", space, (int)it.barrier.id);
			break;
		case ITEM_CANCEL:
			n += (size_t)sprintf(got + n, "%s!%d", space, (int)it.barrier.id);
			break;
		default:
			n += (size_t)sprintf(got + n, "%s%s", space, it.kind == ITEM_END ? "end" : "?");
		}
	}
	assert_string_equal(got, want);
}

static inline void expect_log(struct fix *f, const char *want)
{
	assert_string_equal(f->log, want);
	f->log[0] = '\0';
}

/* What the control thread got, but for LETTER_FROZEN, which is noted: frozen is the newest id. */
static inline struct mail *letters(struct fix *f)
{
	struct mail *list = mailbox_take_all(&f->control);
	for (struct mail **at = &list; *at;) {
		if ((*at)->kind != LETTER_FROZEN) {
			at = &(*at)->next;
			continue;
		}
		f->frozen = CONTAINER_OF(*at, struct snap, frozen_mail)->barrier.id;
		*at = (*at)->next;
	}
	return list;
}

/* The only letter to the control thread. */
static inline struct mail *told(struct fix *f, enum letter_kind kind)
{
	struct mail *m = letters(f);
	EXPECT(m && !m->next && m->kind == (int)kind);
	return m;
}

/* Whatever they were. */
static inline void drop_letters(struct fix *f)
{
	for (struct mail *m = letters(f), *next; m; m = next) {
		next = m->next;
		if (m->kind == LETTER_ACK)
			snap_close(CONTAINER_OF(m, struct snap, mail));
	}
}

static inline void told_nothing(struct fix *f)
{
	EXPECT(!letters(f));
}

static inline struct snap *acknowledged(struct fix *f, uint64_t id)
{
	struct snap *s = CONTAINER_OF(told(f, LETTER_ACK), struct snap, mail);
	EXPECT(s->barrier.id == id && s->task == 5 && s->attempt == 3 && s->rc == OK);
	return s;
}
