/* test_chunk.c - the budget holds, and what another thread gives back is there again. */
#include "base/waker.h"
#include "state/chunk.h"
#include "tests/lib/test.h"

TEST(no_more_chunks_are_out_than_the_budget_says)
{
	struct mem mem;
	struct chunk_pool p;
	struct chunk *c[6];
	mem_init(&mem, 0);
	chunk_pool_init(&p, &mem, 5);
	for (int i = 0; i < 5; i++) {
		EXPECT(chunk_available(&p) == (uint32_t)(5 - i));
		c[i] = chunk_get(&p);
		EXPECT(c[i] && !c[i]->overdraft && c[i]->used_bytes == 0);
	}
	EXPECT(chunk_get(&p) == NULL && chunk_available(&p) == 0);
	c[5] = chunk_get_overdraft(&p);
	EXPECT(c[5] && c[5]->overdraft);
	size_t peak = atomic_load(&mem.used_bytes);
	chunk_put(c[5]);
	EXPECT(chunk_available(&p) == 0); /* an overdraft does not widen the budget */
	EXPECT(atomic_load(&mem.used_bytes) < peak);
	c[0]->next = c[1];
	c[1]->next = c[2];
	c[2]->next = NULL;
	chunk_put_list(c[0]);
	EXPECT(chunk_available(&p) == 3);
	chunk_put(c[3]);
	chunk_put(c[4]);
	chunk_put(NULL);
	chunk_pool_close(&p);
	chunk_pool_close(&p);
	EXPECT(atomic_load(&mem.used_bytes) == 0);
}

struct other {
	_Atomic(struct chunk *) slot;
	_Atomic bool stop;
	uint64_t sum;
};

static void give_back(void *arg)
{
	struct other *o = arg;
	while (!atomic_load(&o->stop) || atomic_load(&o->slot)) {
		struct chunk *c = atomic_exchange(&o->slot, NULL);
		if (!c)
			continue;
		o->sum += c->rows + c->data[0];
		chunk_put(c);
	}
}

TEST(chunks_come_back_from_another_thread)
{
	struct mem mem;
	struct err e = {0};
	struct chunk_pool p;
	struct thread t;
	struct other o = {0};
	uint64_t sum = 0;
	mem_init(&mem, 0);
	chunk_pool_init(&p, &mem, 4);
	p.chunk_bytes = 64;
	EXPECT_OK(thread_start(&t, give_back, &o, "lane", &e), &e);
	for (uint32_t i = 0; i < 20000;) {
		struct chunk *c = chunk_get(&p);
		if (!c)
			continue; /* all on their way */
		c->rows = i;
		c->data[0] = (uint8_t)i;
		sum += i + (uint8_t)i;
		i++;
		struct chunk *none = NULL;
		while (!atomic_compare_exchange_weak(&o.slot, &none, c))
			none = NULL;
	}
	atomic_store(&o.stop, true);
	thread_join(&t);
	EXPECT(o.sum == sum && p.made <= 4);
	chunk_pool_close(&p);
	EXPECT(atomic_load(&mem.used_bytes) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_more_chunks_are_out_than_the_budget_says),
		T(chunks_come_back_from_another_thread),
	};
	return RUN(tests);
}
