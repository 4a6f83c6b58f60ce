/* test_channel.c - a bounded road that keeps order, between two real threads too. */
#include "runtime/channel.h"

#include "base/rng.h"
#include "tests/unit/runtime/batches.h"

struct fix {
	struct mem mem;
	struct pool *pool;
	struct channel *ch;
};

static void open_fix(struct fix *f, uint32_t slots, uint32_t bytes)
{
	struct err e = {0};
	memset(f, 0, sizeof *f);
	mem_init(&f->mem, 0);
	EXPECT_OK(pool_open(&f->pool, &f->mem, &e), &e);
	f->ch = mem_get_aligned(&f->mem, 64, sizeof *f->ch);
	channel_init(f->ch, slots, bytes, NULL, NULL);
}

static void close_fix(struct fix *f)
{
	channel_close(f->ch);
	pool_close(f->pool);
	mem_put(&f->mem, f->ch);
	EXPECT(f->mem.used_bytes == 0);
}

static bool push_batch(struct fix *f, int64_t v)
{
	struct item it = {.kind = ITEM_BATCH, .batch = one_int(f->pool, v)};
	if (channel_try_push(f->ch, &it)) {
		EXPECT(it.batch == NULL);
		return true;
	}
	EXPECT(it.batch != NULL);
	batch_drop(&it.batch);
	return false;
}

static int64_t pop_value(struct fix *f)
{
	struct item it;
	EXPECT(channel_try_pop(f->ch, &it));
	EXPECT(it.kind == ITEM_BATCH);
	int64_t v = it.batch->col[0]->i64[0];
	batch_drop(&it.batch);
	return v;
}

TEST(batches_and_marks_arrive_in_the_order_pushed)
{
	struct fix f;
	open_fix(&f, 8, CHANNEL_BYTES);
	EXPECT(push_batch(&f, 1));
	struct item b = {.kind = ITEM_BARRIER,
			 .barrier = {.id = 7, .base_id = 6, .options = BARRIER_STOP}};
	EXPECT(channel_try_push(f.ch, &b));
	EXPECT(push_batch(&f, 2));
	struct item end = {.kind = ITEM_END};
	EXPECT(channel_try_push(f.ch, &end));
	EXPECT(channel_fill(f.ch) == 4);
	EXPECT(pop_value(&f) == 1);
	struct item it;
	EXPECT(channel_try_pop(f.ch, &it));
	EXPECT(it.kind == ITEM_BARRIER && it.barrier.id == 7 && it.barrier.base_id == 6);
	EXPECT(it.barrier.options == BARRIER_STOP);
	EXPECT(pop_value(&f) == 2);
	EXPECT(channel_try_pop(f.ch, &it) && it.kind == ITEM_END);
	EXPECT(!channel_try_pop(f.ch, &it));
	close_fix(&f);
}

TEST(a_full_channel_refuses_and_the_pusher_keeps_its_batch)
{
	for (uint32_t slots = 1; slots <= CHANNEL_SLOTS; slots++) {
		struct fix f;
		open_fix(&f, slots, CHANNEL_BYTES);
		for (uint32_t i = 0; i < slots; i++)
			EXPECT(channel_has_room(f.ch) && push_batch(&f, i));
		EXPECT(!channel_has_room(f.ch));
		EXPECT(!push_batch(&f, 99));
		EXPECT(pop_value(&f) == 0);
		EXPECT(channel_has_room(f.ch));
		EXPECT(push_batch(&f, slots));
		for (uint32_t i = 1; i <= slots; i++)
			EXPECT(pop_value(&f) == i);
		close_fix(&f);
	}
}

TEST(bytes_bound_it_too_but_an_empty_channel_takes_a_record_of_any_size)
{
	struct fix f;
	open_fix(&f, 16, 1);
	EXPECT(push_batch(&f, 1));
	EXPECT(!channel_has_room(f.ch));
	EXPECT(!push_batch(&f, 2));
	EXPECT(pop_value(&f) == 1);
	EXPECT(push_batch(&f, 2));
	close_fix(&f);
}

TEST(closing_drops_what_stands_in_it)
{
	struct fix f;
	open_fix(&f, 4, CHANNEL_BYTES);
	push_batch(&f, 1);
	push_batch(&f, 2);
	EXPECT(pool_out(f.pool) == 4);
	close_fix(&f); /* pool_close checks that all came back */
}

TEST(it_matches_a_plain_queue_under_random_pushes_and_pops)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct fix f;
		struct rng r;
		rng_seed(&r, seed);
		open_fix(&f, 1 + (uint32_t)rng_below(&r, CHANNEL_SLOTS), CHANNEL_BYTES);
		int64_t pushed = 0, popped = 0;
		for (int i = 0; i < 2000; i++) {
			if (rng_below(&r, 2)) {
				bool room = pushed - popped < f.ch->slots;
				EXPECT(push_batch(&f, pushed) == room);
				pushed += room;
			} else if (pushed > popped) {
				EXPECT(pop_value(&f) == popped);
				popped++;
			} else {
				struct item it;
				EXPECT(!channel_try_pop(f.ch, &it));
			}
			EXPECT(channel_fill(f.ch) == (uint32_t)(pushed - popped));
		}
		close_fix(&f);
	}
}

static void count_pokes(void *arg)
{
	++*(int *)arg;
}

static void sleeper(struct waker *w, int *pokes)
{
	waker_init(w);
	w->notify = count_pokes;
	w->arg = pokes;
	*pokes = 0;
	waker_prepare(w);
}

TEST(a_sleeping_popper_is_woken_by_several_batches_by_a_mark_or_when_the_pusher_rests)
{
	struct fix f;
	struct waker w;
	int pokes;
	open_fix(&f, 16, CHANNEL_BYTES);
	f.ch->popper = &w;
	sleeper(&w, &pokes);
	for (int i = 1; i < CHANNEL_WAKE; i++)
		EXPECT(push_batch(&f, i) && pokes == 0);
	channel_settle(f.ch);
	EXPECT(pokes == 1);
	waker_prepare(&w);
	channel_settle(f.ch); /* nothing is owed any more */
	EXPECT(pokes == 1);
	EXPECT(push_batch(&f, 0) && pokes == 2);
	while (channel_fill(f.ch))
		pop_value(&f);
	waker_prepare(&w);
	struct item mark = {.kind = ITEM_BARRIER, .barrier.id = 1};
	EXPECT(channel_try_push(f.ch, &mark) && pokes == 3);
	f.ch->popper = NULL;
	close_fix(&f);
}

TEST(a_pusher_that_found_no_room_is_woken_when_half_is_free_or_when_the_popper_rests)
{
	struct fix f;
	struct waker w;
	int pokes;
	open_fix(&f, 8, CHANNEL_BYTES);
	f.ch->pusher = &w;
	sleeper(&w, &pokes);
	for (int i = 0; i < 8; i++)
		push_batch(&f, i);
	EXPECT(!channel_has_room(f.ch));
	for (int i = 0; i < 3; i++)
		pop_value(&f);
	EXPECT(pokes == 0);
	channel_settle_popper(f.ch);
	EXPECT(pokes == 1);
	waker_prepare(&w);
	pop_value(&f);
	EXPECT(pokes == 2);
	close_fix(&f);
}

TEST(a_pusher_that_looked_several_times_is_woken_all_the_same)
{
	struct fix f;
	struct waker w;
	int pokes;
	open_fix(&f, 4, CHANNEL_BYTES);
	f.ch->pusher = &w;
	waker_init(&w);
	for (int i = 0; i < 4; i++)
		push_batch(&f, i);
	for (int i = 0; i < 5; i++)
		EXPECT(!channel_has_room(f.ch));
	sleeper(&w, &pokes);
	EXPECT(!channel_has_room(f.ch));
	pop_value(&f);
	pop_value(&f);
	EXPECT(pokes == 1 && channel_has_room(f.ch));
	close_fix(&f);
}

TEST(a_pusher_that_sleeps_for_another_reason_is_left_alone)
{
	struct fix f;
	struct waker w;
	int pokes;
	open_fix(&f, 4, CHANNEL_BYTES);
	f.ch->pusher = &w;
	sleeper(&w, &pokes);
	push_batch(&f, 1);
	pop_value(&f);
	channel_settle_popper(f.ch);
	EXPECT(pokes == 0);
	/* It waited once and has pushed since: that is over. */
	for (int i = 0; i < 4; i++)
		push_batch(&f, i);
	EXPECT(!channel_has_room(f.ch));
	pop_value(&f);
	push_batch(&f, 4);
	while (channel_fill(f.ch))
		pop_value(&f);
	channel_settle_popper(f.ch);
	EXPECT(pokes == 0);
	close_fix(&f);
}

/* ---- two threads that park ---- */

#define ITEMS 30000

struct side {
	struct fix *f;
	struct waker *mine;
	unsigned looks; /* awake, before it sleeps */
	uint64_t bad;
};

static void pusher(void *arg)
{
	struct side *s = arg;
	for (int64_t i = 0; i < ITEMS; i++) {
		struct item it = {.kind = ITEM_WATERMARK, .watermark = i};
		if (i % 3 == 0)
			it = (struct item){.kind = ITEM_BATCH, .batch = one_int(s->f->pool, i)};
		for (unsigned awake = 0; !channel_try_push(s->f->ch, &it); awake++) {
			if (awake % (s->looks + 1) != s->looks) {
				thread_yield();
				continue;
			}
			channel_settle(s->f->ch);
			waker_prepare(s->mine);
			if (channel_has_room(s->f->ch))
				waker_cancel(s->mine);
			else
				waker_sleep(s->mine, UINT64_MAX);
		}
	}
	channel_settle(s->f->ch);
}

static void popper(void *arg)
{
	struct side *s = arg;
	for (int64_t i = 0; i < ITEMS; i++) {
		struct item it;
		for (unsigned awake = 0; !channel_try_pop(s->f->ch, &it); awake++) {
			if (awake % (s->looks + 1) != s->looks) {
				thread_yield();
				continue;
			}
			channel_settle_popper(s->f->ch);
			waker_prepare(s->mine);
			if (channel_fill(s->f->ch))
				waker_cancel(s->mine);
			else
				waker_sleep(s->mine, UINT64_MAX);
		}
		bool batch = it.kind == ITEM_BATCH;
		int64_t v = batch ? it.batch->col[0]->i64[0] : it.watermark;
		s->bad += v != i || batch != (i % 3 == 0);
		if (batch)
			batch_drop(&it.batch);
	}
}

/* Whether a side sleeps at once or looks several times before. */
TEST(two_threads_see_every_item_once_in_order_and_no_wake_up_is_lost)
{
	static const uint32_t slots[] = {1, 2, 16, 1, 2, 16, 16};
	static const unsigned push_looks[] = {0, 0, 0, 3, 2, 3, 0}, pop_looks[] = {0, 0, 0, 2, 0, 3, 5};
	for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
		struct fix f;
		struct err e = {0};
		struct waker a, b;
		struct thread ta, tb;
		open_fix(&f, slots[i], CHANNEL_BYTES);
		waker_init(&a);
		waker_init(&b);
		f.ch->pusher = &a;
		f.ch->popper = &b;
		struct side sa = {.f = &f, .mine = &a, .looks = push_looks[i]};
		struct side sb = {.f = &f, .mine = &b, .looks = pop_looks[i]};
		EXPECT_OK(thread_start(&ta, pusher, &sa, "pusher", &e), &e);
		EXPECT_OK(thread_start(&tb, popper, &sb, "popper", &e), &e);
		thread_join(&ta);
		thread_join(&tb);
		EXPECT(sb.bad == 0);
		EXPECT(channel_fill(f.ch) == 0);
		close_fix(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(batches_and_marks_arrive_in_the_order_pushed),
		T(a_full_channel_refuses_and_the_pusher_keeps_its_batch),
		T(bytes_bound_it_too_but_an_empty_channel_takes_a_record_of_any_size),
		T(closing_drops_what_stands_in_it),
		T(it_matches_a_plain_queue_under_random_pushes_and_pops),
		T(a_sleeping_popper_is_woken_by_several_batches_by_a_mark_or_when_the_pusher_rests),
		T(a_pusher_that_found_no_room_is_woken_when_half_is_free_or_when_the_popper_rests),
		T(a_pusher_that_looked_several_times_is_woken_all_the_same),
		T(a_pusher_that_sleeps_for_another_reason_is_left_alone),
		T(two_threads_see_every_item_once_in_order_and_no_wake_up_is_lost),
	};
	return RUN(tests);
}
