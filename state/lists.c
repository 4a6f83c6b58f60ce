/* lists.c - change lists: which entries changed since which checkpoint, in 4 bits a slot. An
 * entry's tag names the newest list it is on. A list is opened at one freeze and frozen at the
 * next, whose number it then bears: its entries changed before that checkpoint and after the one
 * before. So "changed since base b" is "frozen later than b", whatever became of the checkpoints
 * between: an aborted one needs nothing done here. Dropping (base >= id) and joining (two
 * neighbours become one under the newer number, which at worst writes an entry once too often)
 * change what a number means at once, in becomes[]; tags follow when slices pass over them, and
 * only a number no tag can name any more is used again. */
#include "base/cpu.h"
#include "base/planted.h"
#include "state/keyed_in.h"
#include "state/tags.h"

void lists_init(struct keyed *k)
{
	memset(k->list, 0, sizeof k->list);
	for (uint8_t l = 0; l < LISTS; l++)
		k->becomes[l] = l;
	k->open_list = 1;
	k->list[1].state = LIST_OPEN;
	k->before_told = true; /* nothing was marked before */
}

static inline __attribute__((always_inline)) void
clean_body(struct keyed *k, struct table *t, uint64_t group, uint16_t numbers)
{
	uint8_t *tags = t->tags + group * GROUP_SLOTS;
	for (uint16_t todo = t->sums[group] & numbers; todo; todo &= (uint16_t)(todo - 1)) {
		uint8_t l = (uint8_t)__builtin_ctz(todo), now = k->becomes[l];
		uint64_t those = tags_match(tags, TAG_LIST, l);
		uint64_t dead = those & tags_match(tags, TAG_DEAD, TAG_DEAD);
		uint64_t n = (uint64_t)__builtin_popcountll(those & ~t->marks[group]);
		uint64_t n_dead = (uint64_t)__builtin_popcountll(dead);
		for (unsigned i = 0; i < GROUP_SLOTS; i++)
			tags[i] = (tags[i] & TAG_LIST) == l ? (uint8_t)((tags[i] & ~TAG_LIST) | now)
							    : tags[i];
		k->list[l].count -= n;
		k->list[l].dead -= n_dead;
		k->list[now].count += n;
		k->list[now].dead += n_dead;
		t->sums[group] |= (uint16_t)(those ? 1u << now : 0);
	}
	t->sums[group] &= (uint16_t)~numbers;
}

static void clean_base(struct keyed *k, struct table *t, uint64_t group, uint16_t numbers)
{
	clean_body(k, t, group, numbers);
}

TARGET_V3 static void clean_v3(struct keyed *k, struct table *t, uint64_t group, uint16_t numbers)
{
	clean_body(k, t, group, numbers);
}

void lists_clean_group(struct keyed *k, struct table *t, uint64_t group, uint16_t numbers)
{
	if (simd_have() >= SIMD_V3)
		clean_v3(k, t, group, numbers);
	else
		clean_base(k, t, group, numbers);
}

uint16_t lists_clearing(const struct keyed *k)
{
	uint16_t mask = 0;
	for (unsigned l = 1; l < LISTS; l++)
		if (k->list[l].state == LIST_DROPPED || k->list[l].state == LIST_JOINED)
			mask |= (uint16_t)(1u << l);
	return mask;
}

void lists_cleared(struct keyed *k, uint16_t numbers)
{
	for (unsigned l = 1; l < LISTS; l++) {
		if (!(numbers >> l & 1))
			continue;
		CHECK(k->list[l].count == 0);
		k->list[l] = (struct list){LIST_FREE};
		k->becomes[l] = (uint8_t)l;
	}
}

uint64_t lists_dead(const struct keyed *k)
{
	uint64_t n = 0;
	for (unsigned l = 1; l < LISTS; l++)
		if (k->becomes[l])
			n += k->list[l].dead;
	return n;
}

#define EACH_BYTE 0x0101010101010101u /* a number of 8 bits times this: 8 bytes of it */
#define TELL_FEW 8 /* tags of a group that are written one by one, by feel */

void lists_tell_group(struct keyed *k, struct table *t, uint64_t group)
{
	const uint64_t now = EACH_BYTE * (uint8_t)(TAG_LIVE | k->before_list);
	uint8_t *tags = t->tags + group * GROUP_SLOTS;
	uint64_t bits = t->before[group];
	t->sums[group] |= (uint16_t)(1u << k->before_list);
	for (; bits && __builtin_popcountll(bits) <= TELL_FEW; bits &= bits - 1)
		tags[__builtin_ctzll(bits)] = TAG_LIVE | k->before_list;
	for (; bits; bits >>= 8, tags += 8) {
		uint64_t eight, its = EACH_BYTE * (uint8_t)bits & 0x8040201008040201u; /* a bit a byte */
		its = ((its + 0x7F * EACH_BYTE) >> 7 & EACH_BYTE) * 0xFF;
		memcpy(&eight, tags, 8); /* little-endian, as table_marks_from */
		eight = (eight & ~its) | (now & its);
		memcpy(tags, &eight, 8);
	}
}

/* Every tag is told; only after an aborted freeze is there anything left to tell. */
static void lists_tell_all(struct keyed *k)
{
	for (uint64_t g = 0; g < k->t.total / GROUP_SLOTS && !k->before_told; g++)
		lists_tell(k, &k->t, g);
	k->before_told = true;
}

/* Every tag at once: some 0.1 ms a million slots; only after many aborted freezes in a row. */
static void lists_clean_all(struct keyed *k)
{
	uint16_t numbers = lists_clearing(k);
	for (uint64_t g = 0; g < k->t.total / GROUP_SLOTS; g++)
		if (k->t.sums[g] & numbers)
			lists_clean_group(k, &k->t, g, numbers);
	lists_cleared(k, numbers);
}

static int list_oldest(const struct keyed *k, int after)
{
	int best = -1;
	for (int l = 1; l < (int)LISTS; l++) {
		const struct list *x = &k->list[l];
		if (x->state != LIST_FROZEN || l == after)
			continue;
		if (after >= 0 && x->id < k->list[after].id)
			continue;
		if (best < 0 || x->id < k->list[best].id)
			best = l;
	}
	return best;
}

static void list_means(struct keyed *k, int number, int now)
{
	for (unsigned l = 1; l < LISTS; l++)
		if (k->becomes[l] == number)
			k->becomes[l] = (uint8_t)now;
}

static void lists_join_oldest(struct keyed *k)
{
	int a = list_oldest(k, -1), b = list_oldest(k, a);
	CHECK(a > 0 && b > 0);
	k->list[a].state = LIST_JOINED;
	list_means(k, a, b);
}

static int list_free_number(struct keyed *k)
{
	for (int l = 1; l < (int)LISTS; l++)
		if (k->list[l].state == LIST_FREE)
			return l;
	for (int l = 1; l < (int)LISTS; l++)
		if (k->list[l].state >= LIST_DROPPED && k->list[l].count == 0) {
			lists_cleared(k, (uint16_t)(1u << l));
			return l;
		}
	return -1;
}

static unsigned lists_frozen(const struct keyed *k)
{
	unsigned n = 0;
	for (unsigned l = 1; l < LISTS; l++)
		n += k->list[l].state == LIST_FROZEN;
	return n;
}

uint64_t keyed_changed(const struct keyed *k, uint64_t base)
{
	if (base == 0 || base < k->floor)
		return UINT64_MAX;
	uint64_t rows = 0;
	for (unsigned l = 1; l < LISTS; l++) {
		const struct list *x = &k->list[k->becomes[l]];
		if (x->state == LIST_OPEN || (x->state == LIST_FROZEN && x->id > base))
			rows += k->list[l].count;
	}
	return rows;
}

uint64_t lists_freeze(struct keyed *k, uint64_t id, uint64_t base, uint16_t *owed)
{
	uint64_t rows = keyed_changed(k, base);
	lists_tell_all(k);
	if (rows != UINT64_MAX) {
		uint64_t drop = PLANTED(changes_dropped_at_an_abort) ? k->last_id : base;
		for (int l = 1; l < (int)LISTS; l++)
			if (k->list[l].state == LIST_FROZEN && k->list[l].id <= drop) {
				k->list[l].state = LIST_DROPPED;
				list_means(k, l, 0);
			}
		k->floor = base;
	}
	/* An open list that names nothing goes on: an idle table uses up no numbers. */
	if (k->list[k->open_list].count) {
		k->list[k->open_list].state = LIST_FROZEN;
		k->list[k->open_list].id = id;
		while (lists_frozen(k) > LISTS_FROZEN_MAX)
			lists_join_oldest(k);
		int next = list_free_number(k);
		if (next < 0) {
			lists_clean_all(k);
			next = list_free_number(k);
		}
		CHECK(next > 0);
		k->before_list = k->open_list;
		k->open_list = (uint8_t)next;
		k->list[next].state = LIST_OPEN;
	}
	table_marks_turn(&k->t); /* of an idle table: to none, lest a list dropped now is believed */
	k->before_told = false;
	*owed = 0;
	for (unsigned l = 1; l < LISTS; l++)
		if (k->list[k->becomes[l]].state == LIST_FROZEN && k->list[k->becomes[l]].id > base)
			*owed |= (uint16_t)(1u << l);
	return rows;
}
