/* channel.c - see channel.h. A single-producer single-consumer ring (Lamport 1983), each side with
 * its own cache line and a private copy of the other's index. */
#include "runtime/channel.h"

#include "base/check.h"

void channel_init(struct channel *ch, uint32_t slots, uint32_t bytes_limit, struct waker *pusher,
		  struct waker *popper)
{
	CHECK(slots > 0 && slots <= CHANNEL_SLOTS);
	memset(ch, 0, sizeof *ch);
	ch->slots = slots;
	ch->bytes_limit = bytes_limit;
	ch->pusher = pusher;
	ch->popper = popper;
}

void channel_close(struct channel *ch)
{
	struct item it;
	ch->pusher = NULL;
	while (channel_try_pop(ch, &it))
		if (it.kind == ITEM_BATCH)
			batch_drop(&it.batch);
}

static bool channel_bytes_allow(struct channel *ch, uint32_t tail)
{
	uint64_t in = atomic_load_explicit(&ch->pushed_bytes, memory_order_relaxed) -
		      atomic_load_explicit(&ch->popped_bytes, memory_order_acquire);
	/* An empty channel takes anything, or a record over the limit would never pass. */
	return in < ch->bytes_limit || tail == atomic_load_explicit(&ch->head, memory_order_acquire);
}

static bool channel_fits(struct channel *ch)
{
	uint32_t tail = atomic_load_explicit(&ch->tail, memory_order_relaxed);
	if (tail - ch->head_seen >= ch->slots) {
		ch->head_seen = atomic_load_explicit(&ch->head, memory_order_acquire);
		if (tail - ch->head_seen >= ch->slots)
			return false;
	}
	return channel_bytes_allow(ch, tail);
}

/* A pusher that finds no room says so, and looks again: either it sees what was popped before the
 * popper looked at the flag, or the popper sees the flag. One that waits for something else is not
 * disturbed at each pop. It said so once until it pushes: a look after that is enough, and one that
 * waits awake does not take the line from the popper at each look. */
bool channel_has_room(struct channel *ch)
{
	if (channel_fits(ch))
		return true;
	if (atomic_load_explicit(&ch->pusher_waits, memory_order_relaxed))
		return false;
	atomic_exchange(&ch->pusher_waits, 1);
#ifndef __SANITIZE_THREAD__
	atomic_thread_fence(memory_order_seq_cst);
#endif
	return channel_fits(ch);
}

/* Popper, after a pop: the other half of channel_has_room. */
static void wake_pusher(struct channel *ch)
{
#ifdef __SANITIZE_THREAD__ /* does not know fences: a read-modify-write orders the same */
	int waits = atomic_fetch_or(&ch->pusher_waits, 0);
#else
	atomic_thread_fence(memory_order_seq_cst);
	int waits = atomic_load_explicit(&ch->pusher_waits, memory_order_relaxed);
#endif
	if (waits)
		waker_wake(ch->pusher);
}

static uint32_t item_bytes(const struct item *it)
{
	size_t bytes = it->kind == ITEM_BATCH ? batch_bytes(it->batch) : 0;
	return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

bool channel_try_push(struct channel *ch, struct item *it)
{
	if (!channel_has_room(ch))
		return false;
	uint32_t tail = atomic_load_explicit(&ch->tail, memory_order_relaxed);
	uint64_t bytes = atomic_load_explicit(&ch->pushed_bytes, memory_order_relaxed);
	it->bytes = item_bytes(it);
	atomic_store_explicit(&ch->pushed_bytes, bytes + it->bytes, memory_order_relaxed);
	ch->item[tail % CHANNEL_SLOTS] = *it;
	atomic_store_explicit(&ch->tail, tail + 1, memory_order_release);
	ch->wake_owed = true;
	if (atomic_load_explicit(&ch->pusher_waits, memory_order_relaxed))
		atomic_store_explicit(&ch->pusher_waits, 0, memory_order_relaxed);
	if (it->kind == ITEM_BATCH)
		it->batch = NULL;
	if (it->kind != ITEM_BATCH || channel_fill(ch) >= CHANNEL_WAKE)
		channel_settle(ch);
	return true;
}

static uint32_t tail_of(const struct channel *ch)
{
	return atomic_load_explicit(&((struct channel *)ch)->tail, memory_order_relaxed);
}

bool channel_try_pop(struct channel *ch, struct item *it)
{
	uint32_t head = atomic_load_explicit(&ch->head, memory_order_relaxed);
	if (head == ch->tail_seen) {
		ch->tail_seen = atomic_load_explicit(&ch->tail, memory_order_acquire);
		if (head == ch->tail_seen)
			return false;
	}
	*it = ch->item[head % CHANNEL_SLOTS];
	uint64_t bytes = atomic_load_explicit(&ch->popped_bytes, memory_order_relaxed);
	atomic_store_explicit(&ch->popped_bytes, bytes + it->bytes, memory_order_release);
	atomic_store_explicit(&ch->head, head + 1, memory_order_release);
	if (ch->pusher && tail_of(ch) - (head + 1) <= ch->slots / 2)
		wake_pusher(ch);
	return true;
}

void channel_settle(struct channel *ch)
{
	if (!ch->wake_owed)
		return;
	ch->wake_owed = false;
	if (ch->popper)
		waker_wake(ch->popper);
}

void channel_settle_popper(struct channel *ch)
{
	if (ch->pusher)
		wake_pusher(ch);
}

uint32_t channel_fill(const struct channel *ch)
{
	struct channel *c = (struct channel *)ch;
	uint32_t tail = atomic_load_explicit(&c->tail, memory_order_relaxed);
	uint32_t head = atomic_load_explicit(&c->head, memory_order_relaxed);
	return tail - head > CHANNEL_SLOTS ? 0 : tail - head;
}
