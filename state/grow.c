/* grow.c - a larger table in the same place, a few slots a batch.
 * Why in steps: stopping the world shows as 180 ms in the latency tail (PEERS.md). Why in place:
 * memory touched for the first time is what costs most (adr/0026), and so that is only what is
 * added. Entries move from the highest slot down, a cluster (a stretch without an empty slot) at a
 * time: it is taken out, and each of its entries put where it is at home by the new scale, which
 * is no lower. So what has moved and what has not never mix, except that a cluster that has not may
 * have run over into moved ones: then it is one cluster, and all of it moves, once more.
 * A table that is full of dead entries, or whose key texts are mostly waste, is rebuilt the same
 * way, without becoming larger. */
#include "state/keyed_in.h"

#define LEAST_CAP 1024u
#define SMALL_CAP (1u << 14) /* below: half full at most, for shorter probes; memory is no matter */
#define MOVE_A_ROW 16u     /* slots moved a row: done long before the old scale is crowded */
#define MOVE_LEAST 64u
#define WASTE_BYTES (1u << 20)
#define OVERFLOW_MOST 16384u /* slots that a table has room for behind its end from the start */
#define CLUSTER_USUAL 128u   /* slots; longer ones take an allocation */

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
	/* Room for a cluster of any usual length from the start. */
	uint64_t usual = cap / 64 < OVERFLOW_MOST ? cap / 64 : OVERFLOW_MOST;
	uint64_t overflow = k->overflow > usual ? k->overflow : usual;
	bool done = k->t.slots ? table_grow(&k->t, k->hi, cap, overflow)
			       : table_open(&k->t, k->mem, k->slot_bytes, k->lo, k->hi, cap, overflow);
	if (!done)
		return ERR(e, E_NO_MEMORY, "no memory for a table of %llu slots",
			   (unsigned long long)cap);
	k->copy_texts = keyed_growing(k) && texts_wasteful(k);
	if (k->copy_texts) {
		k->old_texts = k->texts;
		arena_init(&k->texts, k->mem);
	}
	return OK;
}

/* --- one cluster --- */

/* An entry outside the table: a slot that stands by itself, key before value. */
struct mover {
	_Alignas(16) uint8_t slot[32];
	uint8_t tag;
};

/* A deleted entry that no list names is left behind here, and only here. */
static void move_drop(struct keyed *k, const uint8_t *slot)
{
	uint32_t len;
	slot_key(slot, k->shape.form, &len);
	k->dead--;
	if (k->shape.form == KEY_BYTES && len > KEY_INLINE_BYTES) {
		k->dead_text_bytes -= len;
		k->texts.waste_bytes += k->copy_texts ? 0 : len;
	}
}

/* The entries of [from, end), which is empty then: how many there are to be put. */
static uint32_t cluster_take(struct keyed *k, uint64_t from, uint64_t end, struct mover *to)
{
	struct table *t = &k->t;
	const uint32_t value_bytes = k->shape.value_bytes, key_bytes = k->slot_bytes - value_bytes;
	uint32_t n = 0;
	for (uint64_t s = from; s < end; s++) {
		uint8_t tag = lists_tag(k, t, s);
		const uint8_t *slot = table_slot(t, s);
		k->list[tag & TAG_LIST].count--;
		k->list[tag & TAG_LIST].dead -= tag >> 5;
		t->tags[s] = TAG_EMPTY;
		table_unmark(t, s);
		to[n].tag = lists_meaning(k, tag);
		if (to[n].tag == TAG_DEAD) {
			move_drop(k, slot);
			continue;
		}
		memcpy(to[n].slot, slot, key_bytes);
		memcpy(to[n].slot + key_bytes, slot_value(slot, &k->shape), value_bytes);
		n++;
	}
	t->used -= end - from;
	return n;
}

/* A text that cannot be copied stays where it is, and so do all that come after it. */
static void text_copy(struct keyed *k, struct slot_key *sk)
{
	if (sk->len <= KEY_INLINE_BYTES)
		return;
	const uint8_t *text = arena_add(&k->texts, sk->text, sk->len);
	if (text) {
		sk->text = text;
		return;
	}
	arena_join(&k->texts, &k->old_texts);
	k->copy_texts = false;
}

static void cluster_put(struct keyed *k, struct mover *from, uint32_t n)
{
	struct table *t = &k->t;
	const uint32_t value_bytes = k->shape.value_bytes, key_bytes = k->slot_bytes - value_bytes;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t hash = keyed_slot_hash(k, from[i].slot);
		uint64_t to = table_empty_from(t, table_home_by(t, t->mult, hash));
		uint8_t *slot = table_slot(t, to);
		if (k->copy_texts)
			text_copy(k, (struct slot_key *)(void *)from[i].slot);
		memcpy(slot, from[i].slot, key_bytes);
		memcpy(slot_value(slot, &k->shape), from[i].slot + key_bytes, value_bytes);
		lists_add(k, t, to, from[i].tag);
		table_took(t, to);
	}
}

/* E_NO_MEMORY: it has not moved. */
static RC cluster_move(struct keyed *k, uint64_t from, uint64_t end, struct err *e)
{
	struct table *t = &k->t;
	struct mover usual[CLUSTER_USUAL], *all = usual;
	uint64_t tail = end < t->tail ? t->tail : from > t->cap ? from : t->cap;
	while (t->total - tail < end - from)
		if (!table_extend(t))
			return ERR(e, E_NO_MEMORY, "no memory for overflow slots");
	if (end - from > CLUSTER_USUAL)
		all = mem_get_aligned(k->mem, 16, (end - from) * sizeof *all);
	if (!all)
		return ERR(e, E_NO_MEMORY, "no memory to move %llu entries",
			   (unsigned long long)(end - from));
	uint32_t n = cluster_take(k, from, end, all);
	t->tail = tail;
	cluster_put(k, all, n);
	if (all != usual)
		mem_put(k->mem, all);
	return OK;
}

/* --- steps --- */

/* What stands from this slot on has moved. */
static void grow_cut(struct keyed *k, uint64_t slot)
{
	if (slot < k->t.unmoved)
		table_moved(&k->t, k->hi, slot);
	if (keyed_growing(k))
		return;
	if (k->copy_texts)
		arena_close(&k->old_texts);
	k->copy_texts = false;
}

/* Moves whole clusters until at least this many slots are done. E_NO_MEMORY: fewer, but whole
 * ones. */
static RC grow_step(struct keyed *k, uint64_t slots, struct err *e)
{
	const struct table *t = &k->t;
	uint64_t done = t->unmoved, stop = done > slots ? done - slots : 0;
	while (done > stop) {
		uint64_t at = done, end = done;
		if (t->tags[at - 1] == TAG_EMPTY)
			end = --at;
		else
			end = table_empty_from(t, end); /* the first one may have run over */
		while (at > 0 && t->tags[at - 1] != TAG_EMPTY)
			at--;
		if (at < end && cluster_move(k, at, end, e) != OK) {
			grow_cut(k, done);
			return E_NO_MEMORY;
		}
		done = at;
	}
	grow_cut(k, done);
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

/* A batch that is large beside the table leaves no time for steps: by the old scale it would be
 * crowded, or by the new one. */
static bool is_pressing(const struct keyed *k, uint64_t n)
{
	const struct table *t = &k->t;
	uint64_t old_cap = t->old_cap, cap = t->cap;
	return t->used + n > old_cap - old_cap / 16 || t->used + n > cap / 8 * 7;
}

RC grow_for(struct keyed *k, uint64_t n, struct err *e)
{
	if (!k->t.slots)
		return grow_begin(k, grow_cap_for(n), e);
	if (keyed_growing(k)) {
		if (grow_step(k, n * MOVE_A_ROW + MOVE_LEAST, e) != OK)
			return E_NO_MEMORY;
		if (keyed_growing(k) && is_pressing(k, n) && grow_finish(k, e) != OK)
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
