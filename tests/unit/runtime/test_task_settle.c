/* test_task_settle.c - a task that is busy for long does not keep what it has handed over to
 * itself: batching must not cost latency (DESIGN 3). */
#include "base/check.h"
#include "base/env.h"
#include "base/fs_sim.h"
#include "runtime/task.h"
#include "tests/lib/test.h"

struct slow {
	bool emitted;
};

/* One row at first, then work without an end. */
static enum op_result slow_produce(void *self, struct op_ctx *ctx)
{
	struct slow *s = self;
	if (s->emitted)
		return OP_MORE;
	struct batch *b = pool_batch(ctx->pool);
	b->col[0] = pool_column(ctx->pool, T_INT64);
	b->n_cols = b->rows = b->col[0]->rows = 1;
	s->emitted = true;
	op_emit(ctx, &b);
	return OP_MORE;
}

static const struct op_ops slow_ops = {
	.name = "slow", .role = OP_SOURCE, .self_size = sizeof(struct slow), .produce = slow_produce};

static uint64_t zero(struct clock *c)
{
	(void)c;
	return 1;
}

static int64_t zero_wall(struct clock *c)
{
	(void)c;
	return 0;
}

TEST(a_sleeping_reader_is_woken_though_the_writer_stays_busy)
{
	struct mem mem;
	struct err e = {0};
	struct fs_sim *disk;
	struct ioqueue *io;
	struct mailbox control;
	struct channel ch, *to = &ch;
	struct waker reader;
	struct schema out = {0};
	struct clock clock = {.mono_us = zero, .wall_us = zero_wall};
	uint64_t wake_at;
	mem_init(&mem, 0);
	mailbox_init(&control, NULL);
	waker_init(&reader);
	EXPECT_OK(fs_sim_open(&disk, &mem, &e), &e);
	EXPECT_OK(ioqueue_open(&io, fs_sim_fs(disk), &mem, &e), &e);
	EXPECT_OK(schema_add(&out, "a", T_INT64, false, &e), &e);
	channel_init(&ch, CHANNEL_SLOTS, CHANNEL_BYTES, NULL, &reader);
	struct edge edge = {.kind = EDGE_FORWARD, .to = &to, .n = 1};
	struct task_config c = {.stage = "slow", .parallelism = 1, .max_parallelism = 1,
				.ops = &slow_ops, .out = &out, .edges = &edge, .n_edges = 1,
				.mem = &mem, .io = io, .control = &control, .clock = &clock};
	struct task *t;
	EXPECT_OK(task_open(&t, &c, &e), &e);
	EXPECT_OK(task_start(t, NULL, 0, &e), &e);
	struct task_letter *release = mem_get(&mem, sizeof *release);
	release->mail.kind = LETTER_RELEASE;
	mailbox_put(task_mailbox(t), &release->mail);
	waker_prepare(&reader);
	for (int i = 0; i < 100; i++)
		EXPECT(task_step(t, 1, &wake_at) == TASK_BUSY);
	EXPECT(channel_fill(&ch) == 1);
	EXPECT(atomic_load(&reader.state) == WAKER_AWAKE);
	task_close(t);
	channel_close(&ch);
	task_free(t);
	ioqueue_close(io);
	fs_sim_close(&disk);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_sleeping_reader_is_woken_though_the_writer_stays_busy),
	};
	return RUN(tests);
}
