/* probe.h - one key of a caller's rows as slots hold it, and the slots where it may stand: what
 * keyed.c and upsert.c share. */
#pragma once
#include "state/keyed_in.h"

#define INLINE static inline __attribute__((always_inline))
#define TEXT_SHORT 64u

/* One key as the table wants it: for KEY_FIX8 the number, for KEY_BYTES the view as two words and,
 * when it is long, its text. */
struct probe {
	uint64_t hash;
	uint64_t a, b;
	const uint8_t *text;
	uint32_t len;
};


/* The first 8 bytes of the slot that holds the key. No branch: lengths come in any order. */
INLINE uint64_t key_word(const struct key_view *v, uint64_t hash)
{
	uint64_t first;
	memcpy(&first, v, 8);
	return v->len > KEY_INLINE_BYTES ? long_key_word(v->len, hash) : first;
}

/* Of a number or a view: the other is NULL. */
INLINE struct probe probe_of_key(uint64_t hash, const uint64_t *fix8, const struct key_view *v,
				 const uint8_t *const *bases)
{
	struct probe p = {.hash = hash};
	if (fix8) {
		p.a = *fix8;
		p.len = 8;
		return p;
	}
	p.a = key_word(v, hash);
	memcpy(&p.b, (const uint8_t *)v + 8, 8);
	p.len = v->len;
	if (v->len > KEY_INLINE_BYTES)
		p.text = bases[v->ref.buf] + v->ref.off;
	return p;
}

INLINE struct probe probe_of(const struct key_rows *r, uint32_t row, enum key_form form)
{
	return probe_of_key(r->hashes[row], form == KEY_FIX8 ? &r->fix8[row] : NULL,
			    form == KEY_BYTES ? &r->views[row] : NULL, r->bases);
}

/* Whether two texts of at least 8 bytes are equal: most are short, and a call costs more. */
INLINE bool text_equal(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	if (len > TEXT_SHORT)
		return memcmp(a, b, len) == 0;
	for (uint32_t i = 0; i + 8 < len; i += 8)
		if (load_u64(a + i) != load_u64(b + i))
			return false;
	return load_u64(a + len - 8) == load_u64(b + len - 8);
}

/* Whether the slot (of a tag that is not empty) holds this key. */
INLINE bool slot_holds(const uint8_t *slot, const struct probe *p, enum key_form form)
{
	uint64_t a, b;
	memcpy(&a, slot, 8);
	if (a != p->a)
		return false;
	if (form == KEY_FIX8)
		return true;
	const struct slot_key *sk = (const struct slot_key *)slot;
	if (!p->text) {
		memcpy(&b, sk->rest, 8);
		return b == p->b;
	}
	return text_equal(sk->text, p->text, p->len);
}

/* The slot that holds the key, or UINT64_MAX; *empty: where the probe ended; *reuse: the first
 * deleted slot on the way that no list names, or UINT64_MAX. */
static inline uint64_t probe_slot(const struct keyed *k, const struct table *t,
				  const struct probe *p, uint64_t *empty, uint64_t *reuse)
{
	uint64_t s = t->slots ? table_home(t, p->hash) : 0;
	*reuse = UINT64_MAX;
	if (!t->slots)
		return UINT64_MAX;
	for (; t->tags[s] != TAG_EMPTY; s++) {
		if (slot_holds(table_slot(t, s), p, k->shape.form))
			return s;
		if (*reuse == UINT64_MAX && lists_meaning(k, t->tags[s]) == TAG_DEAD)
			*reuse = s;
	}
	*empty = s;
	return UINT64_MAX;
}

INLINE bool key_is_long(const struct keyed *k, uint32_t len)
{
	return k->shape.form == KEY_BYTES && len > KEY_INLINE_BYTES;
}

/* --- insert.c --- */
/* Any entry, any tag: where its value stands, made 0 if the key is new; marked as changed, and
 * saved first if the running freeze is owed it. E_NO_MEMORY, E_LIMIT (a key that is too long). */
RC insert_one(struct keyed *k, const struct probe *p, void **value, struct err *e);
