/* test_wire.c - frames between two ends on one loop: whole, in order, to the end. */
#include "server/wire.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define FRAMES 4000

struct end {
	struct fix *f;
	struct wire *wire;
	uint64_t got;      /* frames */
	uint64_t bytes;
	bool closed, close_at_first;
};

struct fix {
	struct mem mem;
	struct loop *loop;
	struct loop_timer *limit;
	struct end a, b;
	int raw; /* the other end, if no wire is on it */
	uint64_t wanted;
	struct err e;
};

static void on_limit(void *arg)
{
	struct fix *f = arg;
	fail_msg("nothing came for 20 s: %d of %d", (int)f->b.got, (int)f->wanted);
}

static void on_frame(void *arg, enum wire_kind kind, const char *body, size_t len)
{
	struct end *x = arg;
	EXPECT(kind == WIRE_FACTS);
	/* The body says which it is, and is as long as it says. */
	uint64_t n = 0;
	if (len >= 8) {
		memcpy(&n, body, 8);
		EXPECT(n == x->got);
	}
	x->got++;
	x->bytes += len;
	if (x->close_at_first)
		wire_close(&x->wire);
	if (x->got == x->f->wanted || x->close_at_first)
		loop_stop(x->f->loop);
}

static void on_closed(void *arg)
{
	struct end *x = arg;
	EXPECT(!x->closed);
	x->closed = true;
	loop_stop(x->f->loop);
}

static void open_end(struct fix *f, struct end *x, int fd)
{
	struct wire_config c = {.loop = f->loop, .mem = &f->mem, .fd = fd, .frame = on_frame,
				.closed = on_closed, .arg = x};
	x->f = f;
	EXPECT_OK(wire_open(&x->wire, &c, &f->e), &f->e);
}

static void open_fix(struct fix *f, bool both)
{
	int fd[2];
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	f->raw = -1;
	EXPECT_OK(loop_open(&f->loop, &f->mem, &f->e), &f->e);
	EXPECT_OK(loop_timer_open(&f->limit, f->loop, on_limit, f, &f->e), &f->e);
	loop_timer_set(f->limit, 20000000);
	EXPECT_OK(wire_pair(fd, &f->e), &f->e);
	open_end(f, &f->b, fd[1]);
	if (both)
		open_end(f, &f->a, fd[0]);
	else
		f->raw = fd[0];
}

static void close_fix(struct fix *f)
{
	wire_close(&f->a.wire);
	wire_close(&f->b.wire);
	if (f->raw >= 0)
		close(f->raw);
	loop_timer_close(&f->limit);
	loop_close(f->loop);
	EXPECT(f->mem.used_bytes == 0);
}

static void send_frame(struct end *x, uint64_t n, size_t len)
{
	struct bytes b;
	bytes_init(&b, &x->f->mem);
	EXPECT(bytes_reserve(&b, len + 8));
	memset(b.data, 'x', len);
	memcpy(b.data, &n, len < 8 ? 0 : 8);
	b.len = len;
	wire_send(x->wire, WIRE_FACTS, &b);
	bytes_close(&b);
}

TEST(frames_of_all_sizes_arrive_whole_and_in_order)
{
	struct fix f;
	uint64_t sum = 0;
	open_fix(&f, true);
	f.wanted = FRAMES;
	for (uint64_t n = 0; n < FRAMES; n++) {
		size_t len = n % 100 == 7 ? 200000 : 8 + n % 900;
		if (n < 40 || n % 100 != 7 || n > 3000) {
			len = len > 1000 ? 1000 : len;
		}
		send_frame(&f.a, n, len);
		sum += len;
	}
	loop_run(f.loop);
	EXPECT(f.b.got == FRAMES && f.b.bytes == sum && wire_is_idle(f.a.wire));
	close_fix(&f);
}

TEST(what_was_said_before_the_end_is_heard)
{
	struct fix f;
	open_fix(&f, true);
	send_frame(&f.a, 0, 10);
	send_frame(&f.a, 1, 0);
	wire_close(&f.a.wire);
	send_frame(&f.b, 0, 10); /* into nothing: no end of what is still to be read */
	f.wanted = 1000;
	loop_run(f.loop);
	EXPECT(f.b.got == 2 && f.b.closed);
	close_fix(&f);
}

TEST(a_drain_reads_to_the_end_at_once)
{
	struct fix f;
	open_fix(&f, true);
	f.wanted = 1000000;
	for (uint64_t n = 0; n < 50; n++)
		send_frame(&f.a, n, 1000);
	wire_close(&f.a.wire);
	wire_drain(f.b.wire);
	EXPECT(f.b.got == 50 && f.b.closed);
	wire_drain(f.b.wire);
	close_fix(&f);
}

TEST(a_wire_may_be_closed_by_who_takes_its_frame)
{
	struct fix f;
	open_fix(&f, true);
	f.b.close_at_first = true;
	for (uint64_t n = 0; n < 5; n++)
		send_frame(&f.a, n, 100);
	loop_run(f.loop);
	EXPECT(f.b.got == 1 && !f.b.wire && !f.b.closed);
	close_fix(&f);
}

TEST(nonsense_closes_it)
{
	static const unsigned char too_long[] = {0xff, 0xff, 0xff, 0xff, WIRE_FACTS};
	static const unsigned char no_kind[] = {0, 0, 0, 0, WIRE_KINDS};
	const unsigned char *bad[] = {too_long, no_kind};
	for (int i = 0; i < 2; i++) {
		struct fix f;
		open_fix(&f, false);
		EXPECT(write(f.raw, bad[i], 5) == 5);
		loop_run(f.loop);
		EXPECT(f.b.closed && f.b.got == 0);
		close_fix(&f);
	}
}

TEST(one_that_is_not_read_is_given_up_at_its_bound)
{
	struct fix f;
	open_fix(&f, false);
	for (uint64_t n = 0; n < 40 && !f.b.closed; n++)
		send_frame(&f.b, n, 1000000);
	EXPECT(f.mem.used_bytes < WIRE_QUEUE_MAX * 2);
	loop_run(f.loop);
	EXPECT(f.b.closed);
	close_fix(&f);
}

TEST(last_words_are_waited_for)
{
	struct fix f;
	open_fix(&f, true);
	send_frame(&f.a, 0, 100);
	wire_flush(f.a.wire, 1000);
	EXPECT(wire_is_idle(f.a.wire));
	close_fix(&f);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		T(frames_of_all_sizes_arrive_whole_and_in_order),
		T(what_was_said_before_the_end_is_heard),
		T(a_drain_reads_to_the_end_at_once),
		T(a_wire_may_be_closed_by_who_takes_its_frame),
		T(nonsense_closes_it),
		T(one_that_is_not_read_is_given_up_at_its_bound),
		T(last_words_are_waited_for),
	};
	return RUN(tests);
}
