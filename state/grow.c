/* grow.c - a larger table, filled a few slots a batch.
 * Why in steps: stopping the world shows as 180 ms in the latency tail (PEERS.md). Entries move
 * in table order, which is hash order in both tables; the cut is always at an empty slot of the
 * old one, so `hash < moved_hash` tells where a key stands (K1). Pages of the old table go back
 * to the system as it empties: both are never resident at once. A table that is full of dead
 * entries, or whose key texts are mostly waste, is rebuilt the same way. */
#include "state/keyed_in.h"

#define LEAST_CAP 1024u
#define SMALL_CAP (1u << 14) /* below: half full at most, for shorter probes; memory is no matter */
#define MOVE_A_ROW 16u     /* slots moved a row: done long before the old table is crowded */
#define MOVE_LEAST 64u
#define WASTE_BYTES (1u << 20)
#define OVERFLOW_MOST 16384u /* slots that a table has room for behind its end from the start */

static uint64_t cap_limit(uint64_t cap)
{
	return cap < SMALL_CAP ? cap / 2 : cap / 4 * 3;
}

uint64_t grow_cap_for(uint64_t keys)
{
	uint64_t cap = keys + keys / 5 * 2;
	if (cap < SMALL_CAP)
		cap = keys * 2;
	return cap < LEAST_CAP ? LEAST_CAP : cap;
}

/* Texts no slot points at, or only slots that a rebuild leaves behind (as many as their share of
 * the deleted entries, at a guess). */
static bool texts_wasteful(const struct keyed *k)
{
	uint64_t waste = k->texts.waste_bytes;
	if (k->dead_text_bytes)
		waste += (uint64_t)((double)k->dead_text_bytes * (double)(k->dead - lists_dead(k)) /
				    (double)k->dead);
	return waste > WASTE_BYTES && waste > k->texts.used_bytes / 2;
}

static RC grow_begin(struct keyed *k, uint64_t cap, struct err *e)
{
	struct table n;
	/* Room for a cluster of any usual length: extending a large table copies it all. */
	uint64_t usual = cap / 64 < OVERFLOW_MOST ? cap / 64 : OVERFLOW_MOST;
	uint64_t overflow = k->overflow > usual ? k->overflow : usual;
	if (!table_open(&n, k->mem, k->slot_bytes, k->lo, k->hi, cap, overflow))
		return ERR(e, E_NO_MEMORY, "no memory for a table of %llu slots",
			   (unsigned long long)cap);
	if (!k->t.block) {
		k->t = n;
		return OK;
	}
	k->old = k->t;
	k->t = n;
	k->moved_slot = 0;
	k->moved_hash = k->lo;
	k->copy_texts = texts_wasteful(k);
	if (k->copy_texts) {
		k->old_texts = k->texts;
		arena_init(&k->texts, k->mem);
	}
	return OK;
}

static void grow_end(struct keyed *k)
{
	CHECK(k->old.used == 0);
	table_close(&k->old);
	if (k->copy_texts)
		arena_close(&k->old_texts);
	k->copy_texts = false;
}

/* A deleted entry that no list names is left behind here, and only here. */
static void move_drop(struct keyed *k, uint8_t tag, const uint8_t *slot)
{
	uint32_t len;
	slot_key(slot, k->shape.form, &len);
	k->list[tag & TAG_LIST].count--;
	k->list[tag & TAG_LIST].dead--;
	k->dead--;
	if (k->shape.form == KEY_BYTES && len > KEY_INLINE_BYTES) {
		k->dead_text_bytes -= len;
		k->texts.waste_bytes += k->copy_texts ? 0 : len;
	}
}

/* Never fails: the caller made sure of the tail, and a text that cannot be copied stays where it
 * is. */
static void move_one(struct keyed *k, uint64_t from)
{
	uint8_t tag = lists_tag(k, &k->old, from);
	uint8_t *slot = table_slot(&k->old, from);
	uint8_t now = lists_meaning(k, tag);
	k->old.tags[from] = TAG_EMPTY;
	table_unmark(&k->old, from);
	k->old.used--;
	if (now == TAG_DEAD) {
		move_drop(k, tag, slot);
		return;
	}
	uint64_t to = table_empty_from(&k->t, table_home(&k->t, keyed_slot_hash(k, slot)));
	struct slot_key *sk = (struct slot_key *)table_slot(&k->t, to);
	memcpy(sk, slot, k->slot_bytes - k->shape.value_bytes);
	memcpy(slot_value((uint8_t *)sk, &k->shape), slot_value(slot, &k->shape),
	       k->shape.value_bytes);
	if (k->copy_texts && sk->len > KEY_INLINE_BYTES) {
		const uint8_t *text = arena_add(&k->texts, sk->text, sk->len);
		if (text) {
			sk->text = text;
		} else {
			arena_join(&k->texts, &k->old_texts);
			k->copy_texts = false;
		}
	}
	k->list[tag & TAG_LIST].count--;
	k->list[tag & TAG_LIST].dead -= tag >> 5;
	lists_add(k, &k->t, to, now);
	table_took(&k->t, to);
}

/* Entries before slot at have moved; the slot before it is empty, so what follows has its home at
 * or after it. */
static void grow_cut(struct keyed *k, uint64_t at)
{
	uint64_t hash;
	if (!table_hash_at(&k->old, k->hi, at, &hash)) {
		grow_end(k);
		return;
	}
	k->moved_slot = at;
	k->moved_hash = hash;
	table_release(&k->old, at);
}

/* Moves whole clusters until at least this many slots are done. E_NO_MEMORY: fewer, but whole
 * ones. */
static RC grow_step(struct keyed *k, uint64_t slots, struct err *e)
{
	uint64_t at = k->moved_slot;
	uint64_t stop = k->old.total - at > slots ? at + slots : k->old.total;
	while (at < stop) {
		uint64_t end = table_empty_from(&k->old, at);
		while (k->t.total - k->t.tail < end - at)
			if (!table_extend(&k->t, k->hi)) {
				grow_cut(k, at);
				return ERR(e, E_NO_MEMORY, "no memory for overflow slots");
			}
		for (; at < end; at++)
			move_one(k, at);
		at++; /* the empty one */
	}
	grow_cut(k, at);
	return OK;
}

static RC grow_finish(struct keyed *k, struct err *e)
{
	while (keyed_growing(k))
		if (grow_step(k, UINT64_MAX, e) != OK)
			return E_NO_MEMORY;
	return OK;
}

RC grow_to(struct keyed *k, uint64_t cap, struct err *e)
{
	if (grow_finish(k, e) != OK || grow_begin(k, cap, e) != OK)
		return E_NO_MEMORY;
	return grow_finish(k, e);
}

static RC grow_start(struct keyed *k, uint64_t n, struct err *e)
{
	uint64_t cap = k->t.cap;
	uint64_t need = k->live + lists_dead(k) + n;
	/* Mostly dead entries: the same capacity again will do. */
	if (need > cap_limit(cap) / 5 * 4)
		cap = cap < SMALL_CAP ? cap * 2 : cap + cap / 5 * 3;
	if (cap < grow_cap_for(need))
		cap = grow_cap_for(need);
	return grow_begin(k, cap, e);
}

RC grow_for(struct keyed *k, uint64_t n, struct err *e)
{
	if (!k->t.block)
		return grow_begin(k, grow_cap_for(n), e);
	if (keyed_growing(k)) {
		if (grow_step(k, n * MOVE_A_ROW + MOVE_LEAST, e) != OK)
			return E_NO_MEMORY;
		/* A batch that is large beside the table leaves no time for steps. */
		uint64_t left = k->old.total - k->moved_slot;
		if (keyed_growing(k) && (k->old.used + n > left - left / 16 ||
					 k->t.used + k->old.used + n > k->t.cap / 8 * 7))
			if (grow_finish(k, e) != OK)
				return E_NO_MEMORY;
	}
	if (keyed_growing(k))
		return OK;
	if (k->t.used + n <= cap_limit(k->t.cap) && !texts_wasteful(k))
		return OK;
	uint64_t crowded = k->t.cap / 8 * 7;
	bool at_once = k->t.used + n > crowded;
	if (grow_start(k, n, e) != OK)
		return E_NO_MEMORY;
	if (at_once)
		return grow_finish(k, e);
	return grow_step(k, n * MOVE_A_ROW + MOVE_LEAST, e);
}

RC keyed_reserve(struct keyed *k, uint64_t keys, struct err *e)
{
	uint64_t cap = grow_cap_for(keys);
	if (k->t.cap >= cap)
		return OK;
	return grow_to(k, cap, e);
}
