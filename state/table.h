/* table.h - one array of slots in hash order, linear probing; a tag a slot, a sum and a word of
 * marks a group.
 * Why in hash order: home() is monotone in the hash, so table order, run order and key group order
 * are one (DESIGN 6): snapshots come out almost sorted and restores write forward.
 *
 *      0            home(h)                        cap          total
 *      |--- slots ----|--------------------------- | - overflow - |
 *
 * A table grows where it stands (adr/0026): slots are added behind the others, and entries are
 * moved to their new homes from the highest down, a few at a time (grow.c). Homes only become
 * higher, so what has moved lies above what has not. Meanwhile hashes up to old_last are at home
 * by old_mult, the others by mult; taken together home() is monotone at every moment, so nobody
 * but grow.c need know that a table is growing.
 *
 *      |--- old homes ---| free |------ new homes, wider apart -------|
 *      0              unmoved                                         cap
 *
 * Homes are quartets: most keys stand in one of the four slots from their home on, which are
 * compared at once and lie in as few cache lines as they can. Slots of 16 bytes (a number and a
 * value of 8) stand four to a line, keys first: one line holds all that most updates need.
 *
 *      | key 0 | key 1 | key 2 | key 3 | value 0 | value 1 | value 2 | value 3 |
 *
 * Others stand one behind the other, key before value: a quartet of 24 or 32 bytes a slot begins
 * at a multiple of 32 bytes and lies in two lines. Nobody else computes addresses: table_slot is
 * where the key is, slot_value where the value is.
 *
 * There is no wrap-around: what runs over stands in the overflow slots, of which more are added
 * when they run out. The tag at [total] is always empty, so every probe ends.
 *
 * Marks say of which slots nothing need be looked up in their tags: live, and on the open list. So
 * the common update touches its slot and one bit, and the bits of a million slots stay in the
 * cache, where their tags do not. All marks fall at a freeze, at once: three bitmaps change places
 * (table_marks_turn). Those that fell last stay readable, because what changed between two freezes
 * is mostly what changes between the next two: then a first change, too, touches two bits and no
 * tag. Those that fell before are put aside and zeroed in steps (table_marks_tidy).
 * Owns: slots, tags, sums and marks, a room each. One owner. Not here: what tags mean for
 * snapshots (lists.c), when to grow (grow.c). */
#pragma once
#include "base/check.h"
#include "base/room.h"
#include "state/shape.h"

#include <string.h>

enum {
	TAG_EMPTY = 0,
	TAG_LIST = 0x0F, /* the newest change list that names the entry; 0: clean */
	TAG_LIVE = 0x10,
	TAG_DEAD = 0x20, /* deleted; keeps its slot until no list names it */
};

#define GROUP_SLOTS 64u
#define LINED_BYTES 16u /* slots of this size stand in lines */
#define LINE_SLOTS 4u

enum table_room {
	ROOM_SLOTS, ROOM_TAGS, ROOM_SUMS,
	ROOM_MARKS, ROOM_BEFORE, ROOM_PUT,
	TABLE_ROOMS,
};

struct table {
	struct room room[TABLE_ROOMS]; /* what the pointers below point at */
	uint8_t *slots; /* NULL: there is no table */
	uint8_t *tags;  /* total + 1 */
	uint16_t *sums; /* one a group of 64 slots: bit l set if some tag of it may name list l */
	uint64_t *marks;     /* bit s % 64 of word s / 64; always 0 from total on */
	uint64_t *before;    /* the marks that fell last, as far as nothing else is known since */
	uint64_t *marks_put; /* put aside; zero in its first marks_tidy words */
	uint64_t marks_tidy, marks_words;
	uint64_t cap, total, used; /* used: slots not empty */
	uint64_t tail;             /* at least cap; from here on every slot is empty */
	uint64_t lo, mult;
	uint32_t shift;
	uint32_t slot_bytes;
	bool growing;
	uint64_t old_mult; /* not growing: mult */
	uint64_t old_last; /* hashes up to this one are at home by old_mult */
	uint64_t old_cap;
	uint64_t unmoved;  /* entries at home by old_mult have homes below this slot */
};

/* A key as a slot holds it (KEY_BYTES). Of a long one the first 8 bytes are key_word: keys of one
 * length that begin alike differ there, so that texts are looked at when they are the same. */
struct slot_key {
	uint32_t len;
	char first[4]; /* len > 12: the lower half of the hash */
	union {
		char rest[8]; /* len <= 12, zero padded */
		const uint8_t *text;
	};
};

static inline uint64_t long_key_word(uint32_t len, uint64_t hash)
{
	return len | hash << 32;
}

/* False when memory is short (*t is then empty). cap becomes a multiple of LINE_SLOTS; total is
 * cap + overflow, rounded up. */
bool table_open(struct table *t, struct mem *mem, uint32_t slot_bytes, uint64_t lo, uint64_t hi,
		uint64_t cap, uint64_t overflow);
void table_close(struct table *t); /* legal on the zeroed one */
/* At least this many slots; every entry keeps its slot number, pointers change. */
bool table_widen(struct table *t, uint64_t total);
/* Doubles the overflow slots. */
bool table_extend(struct table *t);
/* Begins to grow to cap, which is not less than it was (it may be the same: a rebuild), with these
 * overflow slots: widened, and no entry has moved. False: as it was. */
bool table_grow(struct table *t, uint64_t hi, uint64_t cap, uint64_t overflow);
/* All entries with homes at or after this slot (by old_mult) have moved, the others have not. At 0:
 * it grows no more. */
void table_moved(struct table *t, uint64_t hi, uint64_t slot);
size_t table_bytes(const struct table *t); /* its memory */
/* Every mark falls, and is one of `before`. Takes as long as zeroing what of the bitmap put aside
 * was not tidied. */
void table_marks_turn(struct table *t);
/* Zeroes up to this much more of the bitmap put aside. */
void table_marks_tidy(struct table *t, uint64_t bytes);
/* The lowest hash whose home is at or after slot; false when there is none up to hi. */
bool table_hash_at(const struct table *t, uint64_t hi, uint64_t slot, uint64_t *hash);

static inline uint64_t table_home_by(const struct table *t, uint64_t mult, uint64_t hash)
{
	return (uint64_t)(((unsigned __int128)((hash - t->lo) << t->shift) * mult) >> 64) * LINE_SLOTS;
}

static inline uint64_t table_home(const struct table *t, uint64_t hash)
{
	return table_home_by(t, hash <= t->old_last ? t->old_mult : t->mult, hash);
}

/* Where a slot's key stands, from the first one. */
static inline uint64_t slot_offset(uint64_t slot, uint32_t slot_bytes)
{
	if (slot_bytes != LINED_BYTES)
		return slot * slot_bytes;
	return slot / LINE_SLOTS * LINE_SLOTS * LINED_BYTES + slot % LINE_SLOTS * 8;
}

/* The same of a home. */
static inline uint64_t home_offset(uint64_t home, uint32_t slot_bytes)
{
	return home * slot_bytes; /* a whole number of quartets */
}

static inline uint8_t *table_slot(const struct table *t, uint64_t slot)
{
	return t->slots + slot_offset(slot, t->slot_bytes);
}

static inline bool table_marked(const struct table *t, uint64_t slot)
{
	return t->marks[slot / GROUP_SLOTS] >> (slot % GROUP_SLOTS) & 1;
}

static inline bool table_was_marked(const struct table *t, uint64_t slot)
{
	return t->before[slot / GROUP_SLOTS] >> (slot % GROUP_SLOTS) & 1;
}

/* The marks of slot, slot + 1, ... as bits 0, 1, ...: at least 32 of them. */
static inline uint32_t table_marks_from(const struct table *t, uint64_t slot)
{
	uint64_t word;
	memcpy(&word, (const uint8_t *)t->marks + slot / 8, 8); /* little-endian, like the files */
	return (uint32_t)(word >> (slot % 8));
}

static inline void table_mark(struct table *t, uint64_t slot, bool on)
{
	uint64_t *word = &t->marks[slot / GROUP_SLOTS], bit = 1ull << (slot % GROUP_SLOTS);
	*word = on ? *word | bit : *word & ~bit;
}

/* Nothing is known of the slot any more but its tag. */
static inline void table_unmark(struct table *t, uint64_t slot)
{
	uint64_t bit = 1ull << (slot % GROUP_SLOTS);
	t->marks[slot / GROUP_SLOTS] &= ~bit;
	t->before[slot / GROUP_SLOTS] &= ~bit;
}

/* An empty slot was filled. */
static inline void table_took(struct table *t, uint64_t slot)
{
	t->used++;
	if (slot >= t->tail)
		t->tail = slot + 1;
}

/* The first empty slot at or after slot (total counts as empty). */
static inline uint64_t table_empty_from(const struct table *t, uint64_t slot)
{
	while (t->tags[slot] != TAG_EMPTY)
		slot++;
	return slot;
}

static inline const uint8_t *slot_key(const uint8_t *slot, enum key_form form, uint32_t *len)
{
	if (form == KEY_FIX8) {
		*len = 8;
		return slot;
	}
	const struct slot_key *sk = (const struct slot_key *)slot;
	*len = sk->len;
	return sk->len <= KEY_INLINE_BYTES ? (const uint8_t *)sk->first : sk->text;
}

/* How far behind its key a value stands. */
static inline uint32_t value_offset(enum key_form form, uint32_t value_bytes)
{
	return form == KEY_BYTES ? 16 : value_bytes == 8 ? LINE_SLOTS * 8 : 8;
}

static inline uint8_t *slot_value(const uint8_t *slot, const struct keyed_shape *shape)
{
	return (uint8_t *)slot + value_offset(shape->form, shape->value_bytes);
}

/* An entry of KEY_FIX8 with a value of 1 or 2 words, into a slot. */
static inline void table_put8(const struct table *t, uint64_t slot, uint64_t key,
			      const uint64_t *value, uint32_t words)
{
	uint8_t *at = t->slots + slot_offset(slot, 8 + 8 * words);
	memcpy(at, &key, 8);
	memcpy(at + value_offset(KEY_FIX8, 8 * words), value, 8 * words);
}
