/* test_pack_warm.c - chunks that are away to be warmed: who waits for one hears of it. */
#include "base/check.h"
#include "base/fs_sim.h"
#include "runtime/pack.h"
#include "tests/lib/test.h"

TEST(a_task_that_waits_for_a_chunk_is_woken_when_it_was_warmed)
{
	struct mem mem;
	struct err e = {0};
	struct fs_sim *disk;
	struct ioqueue *io;
	struct packing *packing;
	struct chunk_pool pool = {0};
	struct waker waker;
	mem_init(&mem, 0);
	waker_init(&waker);
	EXPECT_OK(fs_sim_open(&disk, &mem, &e), &e);
	EXPECT_OK(ioqueue_open(&io, fs_sim_fs(disk), &mem, &e), &e);
	struct packing_options o = {.mem = &mem, .fs = fs_sim_fs(disk), .io = io, .parts_dir = "parts"};
	EXPECT_OK(packing_open(&packing, &o, &e), &e);
	chunk_pool_init(&pool, &mem, 4);
	pack_warm(packing, &pool, 16, &waker);
	EXPECT(!chunk_get(&pool)); /* a snapshot that begins now finds none ... */
	waker_prepare(&waker);     /* ... and sleeps */
	EXPECT(ioqueue_step(io, LANE_BYTES));
	EXPECT(atomic_load(&waker.state) == WAKER_AWAKE);
	struct chunk *c = chunk_get(&pool);
	EXPECT(c);
	while (ioqueue_step(io, LANE_BYTES))
		;
	chunk_put(c);
	EXPECT(ioqueue_is_idle(io));
	packing_close(packing);
	ioqueue_close(io);
	chunk_pool_close(&pool);
	fs_sim_close(&disk);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_task_that_waits_for_a_chunk_is_woken_when_it_was_warmed),
	};
	return RUN(tests);
}
