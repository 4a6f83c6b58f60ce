/* test_pack_warm.c - chunks that are away to be warmed: who waits for one hears of it, and all come
 * back whatever becomes of the lane. */
#include "base/check.h"
#include "base/fs_sim.h"
#include "runtime/pack.h"
#include "tests/lib/test.h"

struct fix {
	struct mem mem;
	struct err e;
	struct fs_sim *disk;
	struct ioqueue *io;
	struct packing *packing;
	struct chunk_pool pool;
	struct waker waker;
};

/* All four chunks of the pool are away. */
static void open_fix(struct fix *f)
{
	*f = (struct fix){0};
	mem_init(&f->mem, 0);
	waker_init(&f->waker);
	EXPECT_OK(fs_sim_open(&f->disk, &f->mem, &f->e), &f->e);
	EXPECT_OK(ioqueue_open(&f->io, fs_sim_fs(f->disk), &f->mem, &f->e), &f->e);
	struct packing_options o = {.mem = &f->mem, .fs = fs_sim_fs(f->disk), .io = f->io,
				    .parts_dir = "parts"};
	EXPECT_OK(packing_open(&f->packing, &o, &f->e), &f->e);
	chunk_pool_init(&f->pool, &f->mem, 4);
	pack_warm(f->packing, &f->pool, 16, &f->waker);
	EXPECT(!chunk_get(&f->pool)); /* a snapshot that begins now finds none ... */
	waker_prepare(&f->waker);     /* ... and sleeps */
}

static void close_fix(struct fix *f)
{
	while (ioqueue_step(f->io, LANE_BYTES) || ioqueue_step(f->io, LANE_DURABILITY))
		;
	EXPECT(ioqueue_is_idle(f->io));
	packing_close(f->packing);
	ioqueue_close(f->io);
	chunk_pool_close(&f->pool); /* CHECKs that all are back */
	fs_sim_close(&f->disk);
	EXPECT(f->mem.used_bytes == 0);
}

TEST(a_task_that_waits_for_a_chunk_is_woken_when_it_was_warmed)
{
	struct fix f;
	open_fix(&f);
	EXPECT(ioqueue_step(f.io, LANE_BYTES));
	EXPECT(atomic_load(&f.waker.state) == WAKER_AWAKE);
	struct chunk *c = chunk_get(&f.pool);
	EXPECT(c);
	chunk_put(c);
	close_fix(&f);
}

static bool learn_of_a_successor(struct io_job *j, struct fs *fs)
{
	(void)fs;
	j->rc = ERR(&j->error, E_FENCED, "as asked");
	return true;
}

TEST(inv27_a_lane_that_halts_gives_back_what_it_was_to_warm)
{
	struct fix f;
	struct io_job publish = {.class = IO_PUBLISH, .step = learn_of_a_successor};
	open_fix(&f);
	EXPECT(ioqueue_step(f.io, LANE_BYTES)); /* one is warm */
	ioqueue_submit(f.io, &publish);
	EXPECT(ioqueue_step(f.io, LANE_DURABILITY));
	EXPECT(ioqueue_step(f.io, LANE_BYTES));
	EXPECT(chunk_available(&f.pool) == 4);
	EXPECT(atomic_load(&f.waker.state) == WAKER_AWAKE);
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_task_that_waits_for_a_chunk_is_woken_when_it_was_warmed),
		T(inv27_a_lane_that_halts_gives_back_what_it_was_to_warm),
	};
	return RUN(tests);
}
