/* test_pool.c - things come back to their pool from any thread, and are used again. */
#include "runtime/pool.h"

#include "base/waker.h"
#include "runtime/channel.h"
#include "tests/unit/runtime/batches.h"

#include <sched.h>

struct fix {
	struct mem mem;
	struct pool *pool;
};

static void open_fix(struct fix *f)
{
	struct err e = {0};
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	EXPECT_OK(pool_open(&f->pool, &f->mem, &e), &e);
}

static void close_fix(struct fix *f)
{
	pool_close(f->pool);
	EXPECT(f->mem.used_bytes == 0);
}

TEST(what_came_back_is_given_out_again_without_an_allocation)
{
	struct fix f;
	open_fix(&f);
	struct batch *b = one_int(f.pool, 1);
	EXPECT(pool_out(f.pool) == 2);
	batch_drop(&b);
	EXPECT(b == NULL && pool_out(f.pool) == 0);
	uint64_t calls = f.mem.calls;
	for (int i = 0; i < 100; i++) {
		b = one_int(f.pool, i);
		EXPECT(b->rows == 1 && !b->selected && !b->hash && !b->origin.at);
		EXPECT(!b->col[0]->has_valid && b->col[0]->n_texts == 0);
		batch_drop(&b);
	}
	EXPECT(f.mem.calls == calls);
	close_fix(&f);
}

TEST(a_shared_column_comes_back_with_its_last_reference)
{
	struct fix f;
	open_fix(&f);
	struct batch *b = one_int(f.pool, 5), *x = batch_share(f.pool, b);
	EXPECT(pool_out(f.pool) == 3);
	batch_drop(&b);
	EXPECT(pool_out(f.pool) == 2);
	EXPECT(x->col[0]->i64[0] == 5);
	batch_drop(&x);
	EXPECT(pool_out(f.pool) == 0);
	close_fix(&f);
}

TEST(a_column_keeps_its_texts_and_counts_each_once)
{
	struct fix f;
	open_fix(&f);
	struct text *t = pool_text(f.pool, 10);
	struct column *c = pool_column(f.pool, T_STRING);
	EXPECT(t->cap == TEXT_BYTES);
	EXPECT(column_text_add(c, t) == 0 && column_text_add(c, t) == 0);
	text_drop(t);
	EXPECT(pool_out(f.pool) == 2);
	column_drop(c);
	EXPECT(pool_out(f.pool) == 0);
	c = pool_column(f.pool, T_STRING);
	struct text *many[COLUMN_TEXTS_MAX + 1];
	for (int i = 0; i <= COLUMN_TEXTS_MAX; i++) {
		many[i] = pool_text(f.pool, 1);
		EXPECT(column_text_add(c, many[i]) == (i < COLUMN_TEXTS_MAX ? i : -1));
		text_drop(many[i]);
	}
	column_drop(c);
	close_fix(&f);
}

TEST(a_text_for_one_long_record_is_freed_not_kept)
{
	struct fix f;
	open_fix(&f);
	struct text *t = pool_text(f.pool, 4 * TEXT_BYTES);
	EXPECT(t->cap >= 4 * TEXT_BYTES && pool_out(f.pool) == 1);
	text_drop(t);
	EXPECT(pool_out(f.pool) == 0);
	EXPECT(f.mem.used_bytes < TEXT_BYTES);
	close_fix(&f);
}

TEST(inv31_without_memory_it_says_so_and_stays_whole)
{
	for (uint64_t n = 1; n <= 4; n++) {
		struct fix f;
		open_fix(&f);
		f.mem.fail_at = f.mem.calls + n;
		struct column *c = pool_column(f.pool, T_INT64), *s = pool_column(f.pool, T_STRING);
		struct text *t = pool_text(f.pool, 1);
		struct batch *b = pool_batch(f.pool);
		EXPECT((c == NULL) + (s == NULL) + (t == NULL) + (b == NULL) == 1);
		column_drop(c);
		column_drop(s);
		text_drop(t);
		batch_drop(&b);
		close_fix(&f);
	}
}

/* ---- others give back ---- */

#define ROUNDS 4000
#define TAKERS 3

struct taker {
	struct channel *ch;
	uint64_t sum, bad;
};

static void taker_main(void *arg)
{
	struct taker *t = arg;
	for (;;) {
		struct item it;
		if (!channel_try_pop(t->ch, &it)) {
			sched_yield();
			continue;
		}
		if (it.kind == ITEM_END)
			return;
		const struct column *c = it.batch->col[0];
		for (uint32_t i = 0; i < it.batch->rows; i++)
			t->bad += strncmp(column_str(c, &c->str[i]), "a text beyond twelve bytes", 26) != 0;
		t->sum += it.batch->rows;
		batch_drop(&it.batch);
	}
}

TEST(batches_shared_among_threads_come_home_whichever_lets_go_last)
{
	static const char *const words[] = {"a text beyond twelve bytes", "a text beyond twelve bytes"};
	struct fix f;
	struct err e = {0};
	struct taker t[TAKERS];
	struct thread th[TAKERS];
	open_fix(&f);
	for (int i = 0; i < TAKERS; i++) {
		t[i] = (struct taker){.ch = mem_get_aligned(&f.mem, 64, sizeof(struct channel))};
		channel_init(t[i].ch, 4, CHANNEL_BYTES, NULL, NULL);
		EXPECT_OK(thread_start(&th[i], taker_main, &t[i], "taker", &e), &e);
	}
	for (int i = 0; i < ROUNDS; i++) {
		struct batch *b = batch_of(f.pool, strings(f.pool, words, 2), NULL);
		for (int k = 0; k < TAKERS; k++) {
			struct item it = {.kind = ITEM_BATCH, .batch = batch_share(f.pool, b)};
			while (!channel_try_push(t[k].ch, &it))
				sched_yield();
		}
		batch_drop(&b);
	}
	for (int k = 0; k < TAKERS; k++) {
		struct item it = {.kind = ITEM_END};
		while (!channel_try_push(t[k].ch, &it))
			sched_yield();
		thread_join(&th[k]);
		EXPECT(t[k].sum == 2 * ROUNDS && t[k].bad == 0);
		channel_close(t[k].ch);
		mem_put(&f.mem, t[k].ch);
	}
	EXPECT(pool_out(f.pool) == 0);
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_came_back_is_given_out_again_without_an_allocation),
		T(a_shared_column_comes_back_with_its_last_reference),
		T(a_column_keeps_its_texts_and_counts_each_once),
		T(a_text_for_one_long_record_is_freed_not_kept),
		T(inv31_without_memory_it_says_so_and_stays_whole),
		T(batches_shared_among_threads_come_home_whichever_lets_go_last),
	};
	return RUN(tests);
}
