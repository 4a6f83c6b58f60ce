/* test_ioqueue_budget.c - merging and the sweep wait for their budget, nothing else does, and the
 * end of an attempt waits for none. */
#include "runtime/ioqueue.h"

#include "base/check.h"
#include "tests/lib/test.h"

struct fix {
	struct mem mem;
	struct ioqueue *q;
	struct mailbox mb;
	struct clock clock;
	uint64_t now_us;
};

/* A job of so many steps, each of a megabyte. */
struct work {
	struct io_job job;
	uint32_t steps;
};

static bool work_step(struct io_job *j, struct fs *fs)
{
	struct work *w = CONTAINER_OF(j, struct work, job);
	(void)fs;
	j->bytes += 1000000;
	return !--w->steps;
}

static uint64_t fix_now(struct clock *c)
{
	return CONTAINER_OF(c, struct fix, clock)->now_us;
}

static void open_fix(struct fix *f, uint64_t merge, uint64_t sweep)
{
	struct err e = {0};
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	f->now_us = 7000000;
	f->clock.mono_us = fix_now;
	mailbox_init(&f->mb, NULL);
	EXPECT_OK(ioqueue_open(&f->q, NULL, &f->mem, &e), &e);
	ioqueue_limit(f->q, &f->clock, merge, sweep);
}

static void close_fix(struct fix *f)
{
	EXPECT(ioqueue_is_idle(f->q));
	(void)mailbox_take_all(&f->mb);
	ioqueue_close(f->q);
	EXPECT(f->mem.used_bytes == 0);
}

static struct work work_of(struct fix *f, enum io_class class, uint32_t steps)
{
	return (struct work){.job = {.class = class, .step = work_step, .reply = &f->mb},
			     .steps = steps};
}

static uint32_t steps_now(struct fix *f, enum io_lane lane)
{
	uint32_t n = 0;
	while (ioqueue_step(f->q, lane))
		n++;
	return n;
}

TEST(merging_takes_its_rate_and_no_more)
{
	struct fix f;
	open_fix(&f, 10000000, 0);
	struct work w = work_of(&f, IO_MERGE, 20);
	EXPECT(ioqueue_wake_at(f.q, LANE_BYTES) == UINT64_MAX);
	ioqueue_submit(f.q, &w.job);
	uint64_t begin = f.now_us;
	while (!ioqueue_is_idle(f.q)) {
		EXPECT(steps_now(&f, LANE_BYTES) > 0);
		uint64_t at = ioqueue_wake_at(f.q, LANE_BYTES);
		if (!ioqueue_is_idle(f.q)) {
			EXPECT(at > f.now_us && at != UINT64_MAX);
			f.now_us = at;
		}
	}
	/* 20 MB at 10 MB/s: the first and the last step need not be waited for */
	EXPECT(f.now_us - begin >= 1700000 && f.now_us - begin <= 2000000);
	close_fix(&f);
}

TEST(what_has_no_budget_goes_by)
{
	struct fix f;
	open_fix(&f, 1000000, 1000000);
	struct work merge = work_of(&f, IO_MERGE, 9), sweep = work_of(&f, IO_UNLINK, 9);
	struct work pack = work_of(&f, IO_PACK, 40), sync = work_of(&f, IO_SYNC, 40);
	ioqueue_submit(f.q, &merge.job);
	ioqueue_submit(f.q, &sweep.job);
	steps_now(&f, LANE_BYTES);
	steps_now(&f, LANE_DURABILITY);
	EXPECT(merge.steps > 0 && sweep.steps > 0);
	uint32_t merges = merge.steps, sweeps = sweep.steps;
	ioqueue_submit(f.q, &pack.job);
	ioqueue_submit(f.q, &sync.job);
	EXPECT(steps_now(&f, LANE_BYTES) == 40 && steps_now(&f, LANE_DURABILITY) == 40);
	EXPECT(merge.steps == merges && sweep.steps == sweeps); /* not even in the turn it is owed */
	ioqueue_hurry(f.q, true);
	EXPECT(steps_now(&f, LANE_BYTES) == merges && steps_now(&f, LANE_DURABILITY) == sweeps);
	close_fix(&f);
}

TEST(one_limit_does_not_bind_the_other_and_none_reads_no_clock)
{
	struct fix f;
	open_fix(&f, 1000000, 0);
	struct work sweep = work_of(&f, IO_UNLINK, 50);
	ioqueue_submit(f.q, &sweep.job);
	EXPECT(steps_now(&f, LANE_DURABILITY) == 50);
	close_fix(&f);
	open_fix(&f, 0, 0);
	f.clock.mono_us = NULL;
	struct work merge = work_of(&f, IO_MERGE, 50);
	ioqueue_submit(f.q, &merge.job);
	EXPECT(steps_now(&f, LANE_BYTES) == 50);
	EXPECT(ioqueue_wake_at(f.q, LANE_BYTES) == UINT64_MAX);
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(merging_takes_its_rate_and_no_more),
		T(what_has_no_budget_goes_by),
		T(one_limit_does_not_bind_the_other_and_none_reads_no_clock),
	};
	return RUN(tests);
}
