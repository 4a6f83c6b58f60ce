/* test_task.c - what a task does in which order, one step at a time, with an operator that only
 * notes what it was asked. Interleavings of whole jobs are the simulation's (tests/sim). */
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
	struct channel *out; /* to see what was passed on before snapshot() */
	uint32_t at_snapshot;
	uint64_t committed;
};

struct fake {
	struct fake_conf *c;
};

static void note(struct fake_conf *c, const char *word)
{
	size_t n = strlen(c->log);
	sprintf(c->log + n, "%s%s", n ? " " : "", word);
}

static RC fake_open(void *self, struct op_ctx *ctx, const void *state, size_t len, struct err *e)
{
	struct fake *f = self;
	(void)e;
	f->c = (struct fake_conf *)ctx->conf;
	if (len)
		note(f->c, (const char *)state);
	return OK;
}

static void emit(struct op_ctx *ctx, int64_t v)
{
	struct batch *b = one_int(ctx->pool, v);
	op_emit(ctx, &b);
}

static enum op_result fake_produce(void *self, struct op_ctx *ctx)
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

static enum op_result fake_batch(void *self, struct op_ctx *ctx, struct batch *b)
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

static enum op_result fake_event(void *self, struct op_ctx *ctx, struct mail *m)
{
	(void)ctx;
	note(((struct fake *)self)->c, m->kind == OP_LETTER ? "event" : "?");
	return OP_DONE;
}

static enum op_result give(struct fake_conf *c, struct op_ctx *ctx, int *left, const char *word)
{
	if (!*left) {
		note(c, word);
		return OP_DONE;
	}
	emit(ctx, 100 + --*left);
	return OP_MORE;
}

static enum op_result fake_end(void *self, struct op_ctx *ctx)
{
	struct fake_conf *c = ((struct fake *)self)->c;
	return give(c, ctx, &c->ends, "end");
}

static enum op_result fake_prepare(void *self, struct op_ctx *ctx, const struct barrier *b)
{
	struct fake_conf *c = ((struct fake *)self)->c;
	(void)b;
	return give(c, ctx, &c->prepares, "prepare");
}

static enum op_result fake_snapshot(void *self, struct op_ctx *ctx, struct op_snapshot *s)
{
	struct fake_conf *c = ((struct fake *)self)->c;
	(void)ctx;
	note(c, "snapshot");
	c->at_snapshot = c->out ? channel_fill(c->out) : 0;
	bytes_put_u64(&s->state, s->checkpoint);
	bytes_put_text(&s->intents, "intents");
	return OP_DONE;
}

static enum op_result fake_prepared(void *self, struct op_ctx *ctx, uint64_t id)
{
	(void)ctx;
	(void)id;
	return ((struct fake *)self)->c->prepared ? OP_DONE : OP_WAIT;
}

static void fake_committed(void *self, struct op_ctx *ctx, uint64_t id)
{
	(void)ctx;
	((struct fake *)self)->c->committed = id;
}

static bool fake_busy(void *self, struct op_ctx *ctx)
{
	(void)ctx;
	return ((struct fake *)self)->c->busy;
}

static void fake_close(void *self, struct op_ctx *ctx)
{
	struct fake *f = self;
	(void)ctx;
	if (f->c)
		note(f->c, "close");
}

#define CALLS                                                                                      \
	.self_size = sizeof(struct fake), .open = fake_open, .event = fake_event,                  \
	.prepare = fake_prepare, .snapshot = fake_snapshot, .prepared = fake_prepared,             \
	.committed = fake_committed, .busy = fake_busy, .close = fake_close
static const struct op_ops source_ops = {
	.name = "s", .role = OP_SOURCE, .produce = fake_produce, CALLS};
static const struct op_ops transform_ops = {.name = "t", .role = OP_TRANSFORM, .batch = fake_batch,
					    .end = fake_end, CALLS};

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
	bool closed;
	struct err e;
};

static void open_fix(struct fix *f, const struct op_ops *ops, uint32_t inputs, bool keyed)
{
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	EXPECT_OK(fs_sim_open(&f->disk, &f->mem, &f->e), &f->e);
	EXPECT_OK(fs_mkdir_all(fs_sim_fs(f->disk), "parts", &f->e), &f->e);
	EXPECT_OK(ioqueue_open(&f->io, fs_sim_fs(f->disk), &f->mem, &f->e), &f->e);
	struct packing_options po = {.mem = &f->mem, .fs = fs_sim_fs(f->disk), .io = f->io,
				     .parts_dir = "parts", .lineage = 1, .attempt = 1, .epoch = 1};
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
		.conf = &f->conf, .epoch = 1, .attempt = 3, .uuid = "u", .inputs = f->in,
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

static void start(struct fix *f)
{
	EXPECT_OK(task_open(&f->t, &f->c, &f->e), &f->e);
	EXPECT_OK(task_start(f->t, NULL, 0, &f->e), &f->e);
}

static void close_fix(struct fix *f)
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

static enum task_did step(struct fix *f)
{
	enum task_did did = task_step(f->t, ++f->now_us, &f->wake_us);
	f->closed = did == TASK_CLOSED;
	return did;
}

static enum task_did run(struct fix *f)
{
	enum task_did did;
	for (int i = 0; (did = step(f)) == TASK_BUSY; i++)
		EXPECT(i < 10000);
	return did;
}

static void run_lanes(struct fix *f)
{
	while (ioqueue_step(f->io, LANE_BYTES) | ioqueue_step(f->io, LANE_DURABILITY))
		;
}

static void push(struct fix *f, uint32_t input, int64_t v)
{
	struct item it = {.kind = ITEM_BATCH, .batch = one_int(f->pool, v)};
	struct keys keys;
	uint32_t bad;
	keys_init(&keys, &f->mem);
	EXPECT_OK(keys_hash(&keys, &f->key, it.batch, f->pool, &bad, &f->e), &f->e);
	keys_close(&keys);
	EXPECT(channel_try_push(f->in[input], &it));
}

static void push_mark(struct fix *f, uint32_t input, enum item_kind kind, uint64_t id)
{
	struct item it = {.kind = kind};
	if (id)
		it.barrier.id = id;
	EXPECT(channel_try_push(f->in[input], &it));
}

static void letter(struct fix *f, enum letter_kind kind, uint64_t id, uint32_t options)
{
	struct task_letter *l = mem_get(&f->mem, sizeof *l);
	l->mail.kind = kind;
	l->barrier = (struct barrier){.id = id, .options = options};
	mailbox_put(task_mailbox(f->t), &l->mail);
}

/* What was passed on: numbers, |id for barriers, !id for cancels, end. */
static void expect_out(struct fix *f, const char *want)
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

static void expect_log(struct fix *f, const char *want)
{
	assert_string_equal(f->log, want);
	f->log[0] = '\0';
}

/* The only letter to the control thread. */
static struct mail *told(struct fix *f, enum letter_kind kind)
{
	struct mail *m = mailbox_take_all(&f->control);
	EXPECT(m && !m->next && m->kind == (int)kind);
	return m;
}

static void told_nothing(struct fix *f)
{
	EXPECT(mailbox_is_empty(&f->control));
}

static struct snap *acknowledged(struct fix *f, uint64_t id)
{
	struct snap *s = CONTAINER_OF(told(f, LETTER_ACK), struct snap, mail);
	EXPECT(s->barrier.id == id && s->task == 5 && s->attempt == 3 && s->rc == OK);
	return s;
}

/* ---- claims ---- */

TEST(inv4_at_a_barrier_prepare_then_passed_on_then_snapshot_then_acknowledged)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	f.conf.prepares = 2;
	push(&f, 0, 1);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	push(&f, 0, 2);
	EXPECT(run(&f) == TASK_IDLE);
	expect_log(&f, "batch prepare snapshot batch");
	EXPECT(f.conf.at_snapshot == 4); /* 1, what prepare gave, and the barrier */
	expect_out(&f, "1 101 100 |7 2");
	struct snap *s = acknowledged(&f, 7);
	EXPECT(s->state.len == 8 && s->intents.len == 7 && !s->ended && !s->aborted && !s->n_runs);
	snap_close(s);
	letter(&f, LETTER_COMMITTED, 7, 0);
	run(&f);
	EXPECT(f.conf.committed == 7);
	close_fix(&f);
}

TEST(the_acknowledgement_waits_for_the_operators_pieces_and_for_those_before_it)
{
	struct fix f;
	struct mail m = {.kind = OP_LETTER};
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	f.conf.prepared = false;
	push_mark(&f, 0, ITEM_BARRIER, 7);
	push_mark(&f, 0, ITEM_BARRIER, 8);
	push(&f, 0, 1);
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "|7 |8 1"); /* the stream goes on meanwhile */
	told_nothing(&f);
	f.conf.prepared = true;
	mailbox_put(task_mailbox(f.t), &m);
	run(&f);
	struct mail *first = mailbox_take_all(&f.control), *second = first ? first->next : NULL;
	EXPECT(first && second && !second->next);
	struct snap *a = CONTAINER_OF(first, struct snap, mail);
	struct snap *b = CONTAINER_OF(second, struct snap, mail);
	EXPECT(a->barrier.id == 7 && b->barrier.id == 8);
	snap_close(a);
	snap_close(b);
	close_fix(&f);
}

TEST(without_room_downstream_it_takes_nothing_and_goes_on_when_there_is)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	for (int i = 0; i < CHANNEL_SLOTS; i++) {
		push(&f, 0, i);
		EXPECT(run(&f) == (i + 1 < CHANNEL_SLOTS ? TASK_IDLE : TASK_BACKPRESSURED));
	}
	push(&f, 0, 99);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	EXPECT(run(&f) == TASK_BACKPRESSURED);
	EXPECT(channel_fill(f.in[0]) == 2);
	expect_out(&f, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
	run(&f);
	expect_out(&f, "99 |7");
	snap_close(acknowledged(&f, 7));
	EXPECT(task_stats(f.t)->records_in == 17 && task_stats(f.t)->records_out == 17);
	close_fix(&f);
}

TEST(inv5_after_the_end_barriers_are_still_passed_on_and_acknowledged_as_ended)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	f.conf.ends = 2;
	push(&f, 0, 1);
	push_mark(&f, 0, ITEM_END, 0);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "1 101 100 end |7");
	expect_log(&f, "batch end snapshot"); /* nothing is left to prepare */
	struct mail *m = mailbox_take_all(&f.control);
	EXPECT(m && m->kind == LETTER_ENDED && m->next && m->next->kind == LETTER_ACK);
	struct snap *s = CONTAINER_OF(m->next, struct snap, mail);
	EXPECT(s->ended && s->barrier.id == 7);
	snap_close(s);
	close_fix(&f);
}

TEST(a_source_waits_for_its_release_and_injects_barriers_between_batches)
{
	struct fix f;
	open_fix(&f, &source_ops, 0, false);
	start(&f);
	f.conf.produces = 2;
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "");
	letter(&f, LETTER_TRIGGER, 1, 0); /* the initial checkpoint: before the first record */
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "|1");
	snap_close(acknowledged(&f, 1));
	letter(&f, LETTER_TRIGGER, 1, 0); /* sent again: none */
	letter(&f, LETTER_RELEASE, 0, 0);
	step(&f);
	letter(&f, LETTER_TRIGGER, 2, 0);
	run(&f);
	expect_out(&f, "1 |2 0 end");
	expect_log(&f, "prepare snapshot produce prepare snapshot produce");
	struct mail *m = mailbox_take_all(&f.control);
	EXPECT(m && m->kind == LETTER_ACK && m->next && m->next->kind == LETTER_ENDED);
	snap_close(CONTAINER_OF(m, struct snap, mail));
	letter(&f, LETTER_TRIGGER, 3, BARRIER_FINAL);
	run(&f);
	expect_out(&f, "|3");
	struct snap *s = acknowledged(&f, 3);
	EXPECT(s->ended);
	snap_close(s);
	close_fix(&f);
}

TEST(a_stop_barrier_is_the_last_a_source_gives_unless_the_stop_is_given_up)
{
	struct fix f;
	open_fix(&f, &source_ops, 0, false);
	start(&f);
	f.conf.produces = 3;
	letter(&f, LETTER_RELEASE, 0, 0);
	step(&f);
	letter(&f, LETTER_TRIGGER, 4, BARRIER_STOP);
	EXPECT(run(&f) == TASK_IDLE);
	expect_out(&f, "2 |4");
	snap_close(acknowledged(&f, 4));
	letter(&f, LETTER_ABORT, 4, 0);
	run(&f);
	expect_out(&f, "1 0 end");
	told(&f, LETTER_ENDED);
	close_fix(&f);
}

TEST(a_trigger_that_was_given_up_before_it_was_taken_is_none)
{
	struct fix f;
	open_fix(&f, &source_ops, 0, false);
	start(&f);
	f.conf.produces = -1;
	letter(&f, LETTER_RELEASE, 0, 0);
	letter(&f, LETTER_TRIGGER, 4, 0);
	letter(&f, LETTER_ABORT, 4, 0);
	EXPECT(run(&f) == TASK_IDLE);
	EXPECT(f.wake_us == f.now_us + 10);
	expect_out(&f, "");
	told_nothing(&f);
	close_fix(&f);
}

TEST(an_aborted_snapshot_is_still_acknowledged_marked_as_such)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	for (int64_t i = 0; i < 10; i++)
		push(&f, 0, i);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	for (int i = 0; i < 22; i++) /* the lane does nothing: the acknowledgement cannot come */
		step(&f);
	told_nothing(&f);
	letter(&f, LETTER_ABORT, 7, 0);
	run(&f);
	run_lanes(&f);
	run(&f);
	struct snap *s = CONTAINER_OF(told(&f, LETTER_ACK), struct snap, mail);
	EXPECT(s->barrier.id == 7 && s->aborted);
	snap_close(s);
	/* The next one has it all. */
	push_mark(&f, 0, ITEM_BARRIER, 8);
	run(&f);
	run_lanes(&f);
	run(&f);
	s = acknowledged(&f, 8);
	EXPECT(s->n_runs == 1 && s->run[0].ref.rows == 10 && s->figures.keys == 10);
	snap_close(s);
	close_fix(&f);
}

TEST(a_keyed_task_acknowledges_with_its_runs_when_they_are_packed)
{
	struct fix f;
	open_fix(&f, &transform_ops, 2, true);
	start(&f);
	for (int64_t i = 0; i < 8; i++)
		push(&f, (uint32_t)(i % 2), i / 4);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	push_mark(&f, 1, ITEM_BARRIER, 7);
	EXPECT(run(&f) == TASK_IDLE);
	told_nothing(&f);
	run_lanes(&f);
	run(&f);
	struct snap *s = acknowledged(&f, 7);
	EXPECT(s->full && s->n_runs == 1 && s->run[0].ref.rows == 2 && !s->run[0].delta);
	EXPECT(s->figures.keys == 2 && s->figures.keys_changed == 2);
	EXPECT(s->head.checkpoint_id == 7 && s->head.base_id == 0);
	snap_close(s);
	close_fix(&f);
}

TEST(a_failure_is_told_once_and_then_it_only_waits_to_be_closed)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	start(&f);
	f.conf.fails = true;
	push(&f, 0, 1);
	EXPECT(run(&f) == TASK_IDLE);
	struct task_report *r = CONTAINER_OF(told(&f, LETTER_FAILED), struct task_report, mail);
	EXPECT(r->task == 5 && r->attempt == 3 && r->rc == E_RECORD);
	EXPECT(!strcmp(r->error.text, "stage 'stage'[0]: no luck"));
	push(&f, 0, 2);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	EXPECT(run(&f) == TASK_IDLE);
	told_nothing(&f);
	expect_out(&f, "");
	letter(&f, LETTER_CLOSE, 0, 0);
	EXPECT(run(&f) == TASK_CLOSED);
	told(&f, LETTER_CLOSED);
	close_fix(&f);
}

TEST(closing_waits_for_the_packer_and_for_the_operators_letters)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, true);
	start(&f);
	push(&f, 0, 1);
	push_mark(&f, 0, ITEM_BARRIER, 7);
	run(&f);
	f.conf.busy = true;
	letter(&f, LETTER_CLOSE, 0, 0);
	EXPECT(run(&f) == TASK_IDLE);
	run_lanes(&f);
	EXPECT(run(&f) == TASK_IDLE);
	f.conf.busy = false;
	EXPECT(run(&f) == TASK_CLOSED);
	told(&f, LETTER_CLOSED);
	close_fix(&f); /* with the snapshot that nobody took */
}

TEST(the_operator_is_given_its_state_and_is_closed_once)
{
	struct fix f;
	open_fix(&f, &transform_ops, 1, false);
	EXPECT_OK(task_open(&f.t, &f.c, &f.e), &f.e);
	EXPECT_OK(task_start(f.t, "state", 6, &f.e), &f.e);
	expect_log(&f, "state");
	task_close(f.t);
	expect_log(&f, "close");
	close_fix(&f);
	EXPECT(f.log[0] == '\0');
}

TEST(inv31_a_task_that_cannot_be_built_leaves_nothing_behind)
{
	for (uint64_t n = 1;; n++) {
		struct fix f;
		open_fix(&f, &transform_ops, 1, true);
		f.mem.fail_at = f.mem.calls + n;
		enum rc rc = task_open(&f.t, &f.c, &f.e);
		bool through = f.mem.calls < f.mem.fail_at;
		EXPECT(rc == (through ? OK : E_NO_MEMORY));
		EXPECT((f.t != NULL) == through);
		f.mem.fail_at = 0;
		close_fix(&f);
		if (through)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv4_at_a_barrier_prepare_then_passed_on_then_snapshot_then_acknowledged),
		T(the_acknowledgement_waits_for_the_operators_pieces_and_for_those_before_it),
		T(without_room_downstream_it_takes_nothing_and_goes_on_when_there_is),
		T(inv5_after_the_end_barriers_are_still_passed_on_and_acknowledged_as_ended),
		T(a_source_waits_for_its_release_and_injects_barriers_between_batches),
		T(a_stop_barrier_is_the_last_a_source_gives_unless_the_stop_is_given_up),
		T(a_trigger_that_was_given_up_before_it_was_taken_is_none),
		T(an_aborted_snapshot_is_still_acknowledged_marked_as_such),
		T(a_keyed_task_acknowledges_with_its_runs_when_they_are_packed),
		T(a_failure_is_told_once_and_then_it_only_waits_to_be_closed),
		T(closing_waits_for_the_packer_and_for_the_operators_letters),
		T(the_operator_is_given_its_state_and_is_closed_once),
		T(inv31_a_task_that_cannot_be_built_leaves_nothing_behind),
	};
	return RUN(tests);
}
