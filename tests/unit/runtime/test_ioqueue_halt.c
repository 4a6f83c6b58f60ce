/* test_ioqueue_halt.c - what the lanes do after one of them has learned that the directory is
 * another process's: nothing. */
#include "base/check.h"
#include "base/fs_sim.h"
#include "runtime/ioqueue.h"
#include "tests/lib/test.h"

struct job {
	struct io_job io;
	enum rc ends;
	int steps;
};

static bool step(struct io_job *j, struct fs *fs)
{
	struct job *x = CONTAINER_OF(j, struct job, io);
	(void)fs;
	x->steps++;
	if (x->ends != OK)
		j->rc = ERR(&j->error, x->ends, "as asked");
	return true;
}

static struct job job(enum io_class class, enum rc ends, struct mailbox *reply)
{
	return (struct job){.io = {.class = class, .step = step, .reply = reply}, .ends = ends};
}

static uint32_t letters(struct mailbox *mb)
{
	uint32_t n = 0;
	for (struct mail *m = mailbox_take_all(mb); m; m = m->next)
		n++;
	return n;
}

static void after(enum rc ends, bool halts)
{
	struct mem mem;
	struct fs_sim *disk;
	struct ioqueue *q;
	struct mailbox reply;
	struct err e = {0};
	mem_init(&mem, 0);
	mailbox_init(&reply, NULL);
	EXPECT_OK(fs_sim_open(&disk, &mem, &e), &e);
	EXPECT_OK(ioqueue_open(&q, fs_sim_fs(disk), &mem, &e), &e);
	struct job publish = job(IO_PUBLISH, ends, &reply), sync = job(IO_SYNC, OK, &reply),
		   unlink = job(IO_UNLINK, OK, &reply), write = job(IO_SINK, OK, &reply),
		   seal = job(IO_SYNC, OK, &reply);
	write.io.then = &seal.io;
	ioqueue_submit(q, &publish.io);
	ioqueue_submit(q, &sync.io);
	ioqueue_submit(q, &unlink.io);
	while (ioqueue_step(q, LANE_DURABILITY))
		;
	ioqueue_submit(q, &write.io);
	while (ioqueue_step(q, LANE_BYTES) || ioqueue_step(q, LANE_DURABILITY))
		;
	int steps = halts ? 0 : 1;
	EXPECT(publish.steps == 1 && publish.io.rc == ends);
	EXPECT(sync.steps == steps && unlink.steps == steps);
	EXPECT(write.steps == steps && seal.steps == steps);
	EXPECT(seal.io.rc == (halts ? ends : OK) && unlink.io.rc == (halts ? ends : OK));
	EXPECT(letters(&reply) == 5 && ioqueue_is_idle(q));
	ioqueue_close(q);
	fs_sim_close(&disk);
	EXPECT(mem.used_bytes == 0);
}

TEST(inv27_after_a_fence_no_lane_does_anything_and_every_letter_comes_back)
{
	after(E_FENCED, true);
}

TEST(inv1_after_an_unknown_outcome_nothing_is_committed_or_removed)
{
	after(E_UNKNOWN_OUTCOME, true);
}

TEST(other_faults_halt_nothing)
{
	after(E_IO, false);
	after(E_NO_SPACE, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv27_after_a_fence_no_lane_does_anything_and_every_letter_comes_back),
		T(inv1_after_an_unknown_outcome_nothing_is_committed_or_removed),
		T(other_faults_halt_nothing),
	};
	return RUN(tests);
}
