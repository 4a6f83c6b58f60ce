/* keyed_in.h - inside struct keyed: what keyed.c, upsert.c, grow.c, lists.c, snapshot.c, restore.c
 * and lazy.c share.
 *
 * Invariants (keyed_check verifies them):
 *  K1. home() is monotone in the hash, while the table grows, too: hashes up to old_last are at
 *      home by the old scale, below `unmoved`, and all others by the new one, at or after it.
 *  K2. An entry stands at or after home(hash), with no empty slot between. Nothing is removed in
 *      place: slots become empty only where a whole cluster moves.
 *  K3. A tag names a list that is not free; count[l] and dead[l] are the exact numbers of entries
 *      and of deleted entries whose tag names l; a group's sum has bit l for each l in it.
 *  K4. list[l].id ascends with age: every frozen list after a base b holds exactly changes made
 *      after b was frozen (or, where lists were joined, possibly some before: harmless).
 *  K5. A marked entry is live and on the open list, whatever list its tag names: nothing is owed,
 *      an update need not look at the tag.
 *  K6. An entry that is not marked, but was when the open list was opened (table.before), is live
 *      and on the list frozen then (before_list), whatever list its tag names until it is told
 *      (lists_tell). All other tags are true. `Its tag' is everywhere else what lists_tag says.
 *  K7. The slot of a long key begins with its length and the lower half of its hash: two keys that
 *      are alike there are nearly always the same one.
 *
 * Owed. While freeze F runs, with cursor hash c: an entry is owed iff hash >= c and its tag is
 * one of F's (owed_tag). F's tags are those of the lists frozen after the base (delta), or every
 * tag but those of the list opened at F (full). No mark is needed beyond that:
 *  - an entry that changes after F gets the newest list, not one of F's: never owed again;
 *    had it been owed, its row was saved first;
 *  - an entry below c was encoded, or did not exist, or was saved: slices end where every entry
 *    before has hash < c;
 *  - moving (growth) keeps hash and tag, so it changes neither side;
 *  - a tag rewritten in passing (dropped -> clean, joined -> heir) keeps its side: dropped and
 *    clean are both in F iff F is full; a list and its heir both stand after the base or neither.
 * A slice tells each group's tags what marks said, before it looks at them.
 * Encoding does not touch tags otherwise: an abort loses nothing; the tag goes when its list is
 * dropped. */
#pragma once
#include "base/cpu.h"
#include "state/arena.h"
#include "state/keyed.h"
#include "state/table.h"

#define LISTS 16u          /* numbers a tag can name; 0: clean */
#define LISTS_FROZEN_MAX 8 /* more are joined: leaves numbers to clear in passing, by feel */

/* FREE -> OPEN -> FROZEN -> DROPPED -> FREE (all its tags rewritten)
 *                   |`--> JOINED  -> FREE (the same)
 * Exactly one is OPEN: the list that changes go to. */
enum list_state { LIST_FREE, LIST_OPEN, LIST_FROZEN, LIST_DROPPED, LIST_JOINED };

struct list {
	enum list_state state;
	uint64_t id; /* FROZEN: the checkpoint that froze it (the newest, of joined ones) */
	uint64_t count, dead;
};

struct freeze {
	bool running, full;
	uint64_t id;
	uint64_t cursor;        /* all entries below are done */
	uint16_t owed_lists;    /* bit l: entries of l are owed */
	uint16_t clearing;      /* numbers that are free once this pass has seen every tag */
	uint8_t owed_tag[256];  /* by tag: must be written if not yet below the cursor */
	struct chunk *ordered;  /* being filled by slices */
	bool ordered_sent;      /* others before it are on their way */
	struct chunk *saved;    /* being filled by changes; then the full ones of the same run */
	uint32_t saved_count;
	uint64_t saved_rows;    /* of all freezes so far */
	struct chunk *ready, **ready_end; /* lists, by next_list */
};

struct watch {
	unsigned words; /* bit w: word w is watched */
	bool lost;      /* some rows of an add that failed were added: nobody knows which */
	__int128 sum[2];
	__int128 frozen[2], seen[2]; /* of a full freeze: of its state, of its rows so far */
};

struct keyed {
	struct keyed_shape shape;
	uint32_t slot_bytes, row_bytes; /* row_bytes: of a KEY_FIX8 row in a chunk */
	uint64_t lo, hi;
	struct mem *mem;
	struct chunk_pool *pool;
	enum simd simd; /* which of upsert.c's levels; what the processor has */

	struct table t;
	uint64_t overflow; /* slots beyond cap that were needed: a larger table begins with as many */
	struct arena texts, old_texts;
	bool copy_texts;   /* this growth copies texts from old_texts to texts */

	uint64_t live, dead, live_key_bytes, dead_text_bytes;
	struct list list[LISTS];
	uint8_t becomes[LISTS]; /* what a tag's list number means now: itself, its heir, or 0 */
	uint8_t open_list;
	uint8_t before_list; /* K6 */
	bool before_told;    /* every tag was told: by a pass of slices that went to its end */
	uint64_t marked_rows; /* of the upsert: its rows whose tags were looked at to mark them */
	uint64_t remarked_rows; /* those that were marked because they were before */
	bool marking;           /* the last one's marked_rows were many: tags are worth fetching */
	bool remarking;         /* the two together were: it is worth asking what was marked before */
	uint64_t floor;         /* the newest base that dropped lists, or the restored checkpoint */
	uint64_t last_id;
	struct freeze f;

	struct lazy_part *lazy; /* lazy.c: which stretches are missing; NULL: none */
	bool restoring;
	uint64_t restore_next; /* slot */
	uint64_t restore_last_hash;

	struct watch watch;
};

static inline bool keyed_growing(const struct keyed *k)
{
	return k->t.growing;
}

static inline uint64_t keyed_slot_hash(const struct keyed *k, const uint8_t *slot)
{
	uint32_t len;
	const uint8_t *key = slot_key(slot, k->shape.form, &len);
	return shape_hash(&k->shape, key, len);
}

static inline bool keyed_is_owed(const struct keyed *k, uint8_t tag, uint64_t hash)
{
	return k->f.running && k->f.owed_tag[tag] && hash >= k->f.cursor;
}

/* --- lists.c --- */
void lists_init(struct keyed *k);
/* An entry's tag (K5, K6). Whether it is live, dead or empty stands in the tag written, too. */
static inline uint8_t lists_tag(const struct keyed *k, const struct table *t, uint64_t slot)
{
	if (table_marked(t, slot))
		return (uint8_t)(TAG_LIVE | k->open_list);
	if (table_was_marked(t, slot))
		return (uint8_t)(TAG_LIVE | k->before_list);
	return t->tags[slot];
}
/* Writes a tag and keeps counts and sums (K3), and the mark (K5). */
static inline void lists_retag(struct keyed *k, struct table *t, uint64_t slot, uint8_t tag)
{
	uint8_t was = lists_tag(k, t, slot);
	k->list[was & TAG_LIST].count--;
	k->list[was & TAG_LIST].dead -= was >> 5;
	k->list[tag & TAG_LIST].count++;
	k->list[tag & TAG_LIST].dead += tag >> 5;
	t->sums[slot / GROUP_SLOTS] |= (uint16_t)(1u << (tag & TAG_LIST));
	t->tags[slot] = tag;
	table_unmark(t, slot);
	table_mark(t, slot, tag == (TAG_LIVE | k->open_list));
}
/* This many entries of `before` were marked that were not. */
static inline void lists_marked(struct keyed *k, uint64_t n)
{
	k->list[k->before_list].count -= n;
	k->list[k->open_list].count += n;
}
static inline void lists_add(struct keyed *k, struct table *t, uint64_t slot, uint8_t tag)
{
	k->list[tag & TAG_LIST].count++;
	k->list[tag & TAG_LIST].dead += tag >> 5;
	t->sums[slot / GROUP_SLOTS] |= (uint16_t)(1u << (tag & TAG_LIST));
	t->tags[slot] = tag;
	table_mark(t, slot, tag == (TAG_LIVE | k->open_list));
}
/* What the tag means now: dropped lists read as clean, joined ones as their heir. */
static inline uint8_t lists_meaning(const struct keyed *k, uint8_t tag)
{
	return (uint8_t)((tag & ~TAG_LIST) | k->becomes[tag & TAG_LIST]);
}
/* Writes into the tags of a group what was marked when the open list was opened (K6). */
void lists_tell_group(struct keyed *k, struct table *t, uint64_t group);
static inline void lists_tell(struct keyed *k, struct table *t, uint64_t group)
{
	if (t->before[group])
		lists_tell_group(k, t, group);
}
/* Rewrites the tags of one group that name one of these numbers (dropped or joined) to what they
 * mean now; its sum names them no more. The group was told. */
void lists_clean_group(struct keyed *k, struct table *t, uint64_t group, uint16_t numbers);
/* Drops lists up to base, freezes the open one as id, opens another; returns how many rows a
 * delta on base has, UINT64_MAX when none is possible; *owed: its lists. */
uint64_t lists_freeze(struct keyed *k, uint64_t id, uint64_t base, uint16_t *owed);
/* Numbers whose tags are all rewritten once a pass over the table has cleaned every group. */
uint16_t lists_clearing(const struct keyed *k);
void lists_cleared(struct keyed *k, uint16_t numbers);
uint64_t lists_dead(const struct keyed *k); /* deleted entries still named by a list that counts */

/* Zeroes this much more of the marks put aside. */
static inline void lists_tidy(struct keyed *k, uint64_t bytes)
{
	if (k->t.marks_tidy < k->t.marks_words)
		table_marks_tidy(&k->t, bytes);
}

/* --- grow.c --- */
/* Room for n more keys; moves a bounded number of entries of a growing table. The only place where
 * entries change slots, so pointers to values hold until the next call. */
RC grow_for(struct keyed *k, uint64_t n, struct err *e);
/* Makes the table one of this capacity, not less than it has, and moves everything at once. */
RC grow_to(struct keyed *k, uint64_t cap, struct err *e);
uint64_t grow_cap_for(uint64_t keys); /* a capacity that holds this many keys without growing */

/* --- totals.c --- */
/* The sum of n int64 numbers add[sel[0..n-1]], or add[0..n-1] when sel is NULL. */
__int128 totals_of(const int64_t *add, const uint16_t *sel, uint32_t n);
/* Rows [from, to) of a block, deletions aside: their watched words are added to sum. */
void totals_add_rows(const struct keyed *k, const struct run_block *b, uint32_t from, uint32_t to,
		     __int128 sum[2]);
/* The entry is about to be deleted. */
void totals_drop(struct keyed *k, const uint8_t *slot);
/* The freeze begins: its totals. */
struct keyed_totals totals_freeze(struct keyed *k);
/* A chunk of the full freeze goes out: its rows are as they will be written. */
void totals_seen(struct keyed *k, struct chunk *c);
/* All of them went out. */
void totals_check(const struct keyed *k);

/* --- restore.c --- */
/* The row into slot s of t, which is empty: clean. E_NO_MEMORY: the slot is empty still. */
RC restore_put(struct keyed *k, struct table *t, uint64_t s, const struct run_block *b,
	       uint32_t row, struct err *e);

/* --- lazy.c --- */
/* CHECKs that no stretch of these rows is missing. */
void keyed_lazy_check(const struct keyed *k, const struct key_rows *r);
void keyed_lazy_close(struct keyed *k);

/* --- snapshot.c --- */
/* The entry is about to change: its row goes to the saved ones. E_NO_MEMORY: it must not change. */
RC snapshot_save(struct keyed *k, const uint8_t *slot, uint8_t tag, struct err *e);
