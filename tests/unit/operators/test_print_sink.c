/* test_print_sink.c - every line once and in order, though standard output takes its time. */
#include "operators/operators.h"
#include "tests/unit/operators/op_driver.h"

static struct mem mem;
static struct schema in;
static struct planned plan;
static struct op_driver d;

static void start(const char *options)
{
	struct err e = {OK};
	in = (struct schema){0};
	EXPECT_OK(schema_add(&in, "s", T_STRING, false, &e), &e);
	if (!plan_stage(&plan, &print_sink_ops, options, &in, &mem, &e))
		fail_msg("%s", e.text);
	driver_init(&d, &print_sink_ops, plan.plan.conf, NULL, &mem);
	EXPECT_OK(driver_start(&d, NULL, &e), &e);
}

static void finish(void)
{
	driver_close(&d);
	plan_close(&plan, &mem);
	EXPECT(mem.used_bytes == 0);
}

static struct batch *numbers(uint32_t first, uint32_t n)
{
	struct batch *b = pool_batch(d.ctx.pool);
	struct column *c = pool_column(d.ctx.pool, T_STRING);
	struct text *t = pool_text(d.ctx.pool, TEXT_BYTES);
	column_text_add(c, t);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = (uint32_t)sprintf((char *)t->data + t->used, "line number %06u", first + i);
		c->str[i] = strview_of(t->data, 0, t->used, len);
		t->used += len;
	}
	text_drop(t);
	b->rows = c->rows = n;
	b->n_cols = 1;
	b->col[0] = c;
	return b;
}

/* The control loop: appends what the oldest letter says and sends it back. */
static bool print_one(struct bytes *out)
{
	static struct mail *waiting; /* letters taken from the box and not printed yet */
	if (!waiting)
		waiting = mailbox_take_all(&d.control);
	if (!waiting)
		return false;
	struct print_letter *l = CONTAINER_OF(waiting, struct print_letter, mail);
	waiting = waiting->next;
	EXPECT(l->mail.kind == LETTER_PRINT && l->len > 0);
	bytes_put(out, l->data, l->len);
	l->mail.kind = l->reply_kind;
	mailbox_put(l->reply, &l->mail);
	return true;
}

TEST(lines_come_in_order_and_both_buffers_out_stops_the_task)
{
	struct bytes out, want;
	unsigned waited = 0;
	start("{\"prefix\":\"> \"}");
	bytes_init(&out, &mem);
	bytes_init(&want, &mem);
	for (uint32_t i = 0; i < 20000; i += 1000) {
		struct batch *b = numbers(i, 1000);
		while (d.ops->batch(d.self, &d.ctx, b) == OP_WAIT) {
			EXPECT(d.ctx.wake_at_us == UINT64_MAX);
			EXPECT(d.ops->batch(d.self, &d.ctx, b) == OP_WAIT);
			EXPECT(print_one(&out));
			driver_letters(&d);
			waited++;
		}
		batch_drop(&b);
	}
	EXPECT(waited > 2);
	while (print_one(&out))
		driver_letters(&d);
	EXPECT(!d.ops->busy(d.self, &d.ctx));
	for (int i = 0; i < 20000; i++)
		bytes_printf(&want, "> line number %06d\n", i);
	EXPECT(out.len == want.len && !memcmp(out.data, want.data, out.len));
	bytes_close(&out);
	bytes_close(&want);
	finish();
}

TEST(a_checkpoint_waits_until_what_came_before_it_is_written)
{
	struct bytes out;
	start("{\"format\":\"text\"}");
	bytes_init(&out, &mem);
	struct op_snapshot o = {.checkpoint = 1};
	EXPECT(d.ops->snapshot(d.self, &d.ctx, &o) == OP_DONE);
	EXPECT(d.ops->prepared(d.self, &d.ctx, 1) == OP_DONE);
	for (uint32_t i = 0; i < 3; i++) {
		struct batch *b = numbers(i, 1);
		EXPECT(d.ops->batch(d.self, &d.ctx, b) == OP_DONE);
		batch_drop(&b);
	}
	o.checkpoint = 2;
	EXPECT(d.ops->snapshot(d.self, &d.ctx, &o) == OP_DONE);
	EXPECT(d.ops->prepared(d.self, &d.ctx, 2) == OP_WAIT);
	EXPECT(print_one(&out)); /* the first line alone: the others wait for it and go together */
	EXPECT(!strcmp(bytes_text(&out), "line number 000000\n"));
	EXPECT(d.ops->prepared(d.self, &d.ctx, 2) == OP_WAIT);
	driver_letters(&d);
	EXPECT(d.ops->prepared(d.self, &d.ctx, 2) == OP_WAIT);
	EXPECT(d.ops->busy(d.self, &d.ctx));
	EXPECT(print_one(&out));
	driver_letters(&d);
	EXPECT(d.ops->prepared(d.self, &d.ctx, 2) == OP_DONE);
	EXPECT(!strcmp(bytes_text(&out), "line number 000000\n"
					 "line number 000001\nline number 000002\n"));
	bytes_close(&out);
	finish();
}

int main(void)
{
	mem_init(&mem, 0);
	const struct CMUnitTest tests[] = {
		T(lines_come_in_order_and_both_buffers_out_stops_the_task),
		T(a_checkpoint_waits_until_what_came_before_it_is_written),
	};
	return RUN(tests);
}
