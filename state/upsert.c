/* upsert.c - finding or making the places of many keys at once. A row's slot is fetched into the
 * cache AHEAD rows before it is probed, so the memory is hardly ever idle; fetching a group of rows
 * and then probing it leaves it idle while it probes. The common case, an entry that is already on
 * the open list, is one compare of keys and one mark (K5); slots that nothing stands in
 * may hold any bytes, and are told by their mark and tag only when the bytes look right. */
#include "state/probe.h"
#include "state/tags.h"

#define BLOCK 256u
#define AHEAD 32u
#define WINDOW 8u  /* slots looked at before the tags must say where the entries end */
#define TIDY_BYTES 4096u

static RC insert(struct keyed *k, struct table *t, const struct probe *p, uint64_t slot,
		 struct err *e)
{
	struct slot_key sk;
	memcpy(&sk, &p->a, 8);
	memcpy(sk.rest, &p->b, 8);
	/* Where a row was routed and where its key is placed must agree for ever (inv 6). */
	uint32_t len;
	const uint8_t *key = p->text ? p->text : slot_key((uint8_t *)&sk, k->shape.form, &len);
	CHECK(shape_hash(&k->shape, key, p->len) == p->hash);
	if (key_is_long(k, p->len)) {
		sk.text = arena_add(&k->texts, p->text, p->len);
		if (!sk.text)
			return ERR(e, E_NO_MEMORY, "no memory for a key of %u bytes", p->len);
	}
	while (slot >= t->total)
		if (!table_extend(t, k->hi))
			return ERR(e, E_NO_MEMORY, "no memory for overflow slots");
	if (t->total - t->cap > k->overflow)
		k->overflow = t->total - t->cap;
	uint8_t *at = table_slot(t, slot);
	uint8_t tag = (uint8_t)(TAG_LIVE | k->open_list);
	if (t->tags[slot] == TAG_EMPTY) {
		lists_add(k, t, slot, tag);
		table_took(t, slot);
	} else { /* a deleted one that no list names */
		slot_key(at, k->shape.form, &len);
		if (key_is_long(k, len)) {
			k->dead_text_bytes -= len;
			k->texts.waste_bytes += len;
		}
		k->dead--;
		lists_retag(k, t, slot, tag);
	}
	memcpy(at, &sk, k->shape.form == KEY_FIX8 ? 8 : sizeof sk);
	memset(slot_value(at, &k->shape), 0, k->shape.value_bytes);
	k->live++;
	k->live_key_bytes += p->len;
	return OK;
}

/* Any entry, any tag: the value's place in *value. */
static RC upsert_one(struct keyed *k, const struct probe *p, void **value, struct err *e)
{
	if (p->len > KEY_MAX_BYTES)
		return ERR(e, E_LIMIT, "a key of %u bytes, at most %u are possible", p->len,
			   KEY_MAX_BYTES);
	struct table *t = keyed_table(k, p->hash);
	uint64_t empty = 0, reuse, s = probe_slot(k, t, p, &empty, &reuse);
	if (s == UINT64_MAX) {
		s = reuse != UINT64_MAX ? reuse : empty;
		if (insert(k, t, p, s, e) != OK)
			return E_NO_MEMORY;
		*value = slot_value(table_slot(t, s), &k->shape);
		return OK;
	}
	uint8_t tag = t->tags[s], *slot = table_slot(t, s);
	*value = slot_value(slot, &k->shape);
	if (keyed_is_owed(k, tag, p->hash) && snapshot_save(k, slot, tag, e) != OK)
		return E_NO_MEMORY;
	lists_retag(k, t, s, (uint8_t)(TAG_LIVE | k->open_list));
	if (tag & TAG_DEAD) {
		memset(*value, 0, k->shape.value_bytes);
		k->live++;
		k->dead--;
		k->live_key_bytes += p->len;
		k->dead_text_bytes -= key_is_long(k, p->len) ? p->len : 0;
	}
	return OK;
}

/* The overflow slots were extended in the middle of a call: what was handed out moves along. */
static void values_move(void **values, uint32_t n, const struct table *was, const struct table *now)
{
	for (uint32_t i = 0; i < n; i++) {
		uintptr_t at = (uintptr_t)values[i] - (uintptr_t)was->slots;
		if (was->slots != now->slots && at < was->total * was->slot_bytes)
			values[i] = now->slots + at;
	}
}

/* Rows of one call, BLOCK at a time: what probing needs of them, one behind the other. Made in
 * loops of their own, which leaves the probing loop its registers. */
struct block {
	const uint64_t *key;          /* KEY_FIX8 */
	const struct key_view *view;  /* KEY_BYTES */
	uint64_t home[BLOCK + AHEAD]; /* and of the rows after it */
	uint64_t hash[BLOCK + AHEAD]; /* only while growing */
	union {
		uint64_t chosen_key[BLOCK + AHEAD]; /* where rows have a selection */
		struct key_view chosen_view[BLOCK + AHEAD];
	};
};

INLINE const struct table *table_of(const struct keyed *k, const struct table *now,
				    const struct block *b, uint32_t i, bool growing)
{
	return growing ? keyed_table((struct keyed *)k, b->hash[i]) : now;
}

/* Rows base .. base+n-1 of r, of which the first `known` have been looked at. */
INLINE void block_fill(const struct keyed *k, const struct table *now, const struct key_rows *r,
		       struct block *b, uint32_t base, uint32_t known, uint32_t n,
		       enum key_form form, bool growing)
{
	const uint64_t lo = k->lo, span = k->hi - k->lo;
	bool outside = false;
	for (uint32_t i = known; i < n; i++) {
		uint64_t hash = r->hashes[r->sel ? r->sel[base + i] : base + i];
		outside |= hash - lo > span;
		if (growing)
			b->hash[i] = hash;
		b->home[i] = table_home(table_of(k, now, b, i, growing), hash);
	}
	CHECK(!outside);
	for (uint32_t i = n > known ? n : known; i < BLOCK + AHEAD; i++) {
		b->home[i] = b->home[n - 1]; /* fetched once more: nothing to ask in the loop */
		b->hash[i] = b->hash[n - 1];
	}
	b->key = form == KEY_FIX8 ? r->fix8 + base : NULL;
	b->view = form == KEY_BYTES ? r->views + base : NULL;
	if (!r->sel)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (form == KEY_FIX8)
			b->chosen_key[i] = r->fix8[r->sel[base + i]];
		else
			b->chosen_view[i] = r->views[r->sel[base + i]];
	b->key = b->chosen_key;
	b->view = b->chosen_view;
}

INLINE void fetch(const struct table *t, uint64_t s, uint32_t slot_bytes, bool marking)
{
	const uint8_t *at = t->slots + slot_offset(s, slot_bytes);
	__builtin_prefetch(at, 1);
	if (slot_bytes != LINED_BYTES) /* half of all keys stand behind their home */
		__builtin_prefetch(at + 2 * slot_bytes - 1, 1);
	__builtin_prefetch(marking ? t->tags + s : (const uint8_t *)&t->marks[s / GROUP_SLOTS]);
}

/* A row AHEAD / 2 before it is probed: its slot is here, its text may still be far. */
INLINE void fetch_text(const struct table *t, const struct key_view *v, uint64_t s,
		       uint32_t slot_bytes)
{
	if (v->len <= KEY_INLINE_BYTES)
		return;
	const uint8_t *at = t->slots + slot_offset(s, slot_bytes);
	uint64_t a, b;
	memcpy(&a, at, 8);
	memcpy(&b, v, 8);
	if (a != b) /* its neighbour's, as likely as not */
		at += slot_bytes;
	const uint8_t *text = ((const struct slot_key *)at)->text; /* or any bytes: not followed */
	__builtin_prefetch(text);
}

/* What the fast path does not settle. values[0 .. i] are moved along if slots moved. */
static RC upsert_slow(struct keyed *k, const struct key_rows *r, uint32_t i, void **values,
		      struct err *e)
{
	struct probe p = probe_of(r, r->sel ? r->sel[i] : i, k->shape.form);
	struct table *t = keyed_table(k, p.hash), was = *t;
	enum rc rc = upsert_one(k, &p, &values[i], e);
	if (t->slots != was.slots)
		values_move(values, i, &was, t);
	k->marked_rows++;
	return rc;
}

/* A live entry that is not on the open list is about to change. */
static RC upsert_mark(struct keyed *k, const struct key_rows *r, uint32_t i, uint64_t s,
		      struct err *e)
{
	uint64_t hash = r->hashes[r->sel ? r->sel[i] : i];
	struct table *t = keyed_table(k, hash);
	uint8_t tag = t->tags[s];
	if (keyed_is_owed(k, tag, hash) && snapshot_save(k, table_slot(t, s), tag, e) != OK)
		return E_NO_MEMORY;
	lists_retag(k, t, s, (uint8_t)(TAG_LIVE | k->open_list));
	k->marked_rows++;
	return OK;
}

/* Where the value of this key's live entry stands, within the window, or NULL. *slot: its home,
 * then where it is. */
INLINE uint8_t *look(const struct table *t, const struct probe *p, uint64_t *slot,
		     enum key_form form, uint32_t value_bytes, bool *marked)
{
	const uint32_t slot_bytes = (form == KEY_FIX8 ? 8 : 16) + value_bytes;
	uint64_t s = *slot;
	for (uint32_t w = 0; w < WINDOW; w++, s++) {
		const uint8_t *at = t->slots + slot_offset(s, slot_bytes);
		uint64_t a;
		memcpy(&a, at, 8);
		if (a != p->a)
			continue;
		*marked = table_marked(t, s);
		if (__builtin_expect(!*marked, 0) && !(t->tags[s] & TAG_LIVE))
			continue;
		if (form == KEY_BYTES && !slot_holds(at, p, KEY_BYTES))
			continue;
		*slot = s;
		return (uint8_t *)at + value_offset(form, value_bytes);
	}
	return NULL;
}

/* The same where slots stand in lines: the value of a marked entry in the home line or the next.
 * Where many rows are new, the next line is not asked: their tags, which are fetched, say it. */
INLINE uint8_t *look_line(const struct table *t, uint64_t key, uint64_t slot, bool next)
{
	uint8_t *line = t->slots + slot * LINED_BYTES;
	uint32_t same = line_match(line, key);
	if (__builtin_expect(!same, 0) && next) {
		line += LINE_SLOTS * LINED_BYTES;
		slot += LINE_SLOTS;
		same = line_match(line, key);
	}
	same &= (uint32_t)(t->marks[slot / GROUP_SLOTS] >> (slot % GROUP_SLOTS));
	if (!same)
		return NULL;
	return line + LINE_SLOTS * 8 + (uint32_t)__builtin_ctz(same) * 8;
}

/* Rows of a block: values[0 .. n-1] are theirs. */
INLINE RC upsert_block(struct keyed *k, const struct key_rows *r, const struct block *b,
		       uint32_t base, uint32_t n, uint32_t all, void **values, struct err *e,
		       enum key_form form, uint32_t value_bytes, bool growing)
{
	const uint32_t slot_bytes = (form == KEY_FIX8 ? 8 : 16) + value_bytes;
	const bool marking = k->marking;
	struct table now = k->t;
	for (uint32_t i = 0; i < n; i++) {
		fetch(table_of(k, &now, b, i + AHEAD, growing), b->home[i + AHEAD], slot_bytes,
		      marking);
		if (form == KEY_BYTES && i + AHEAD / 2 < all)
			fetch_text(table_of(k, &now, b, i + AHEAD / 2, growing),
				   &b->view[i + AHEAD / 2], b->home[i + AHEAD / 2], slot_bytes);
		const struct table *t = table_of(k, &now, b, i, growing);
		uint64_t s = b->home[i];
		enum rc rc = OK;
		if (slot_bytes == LINED_BYTES) {
			values[i] = look_line(t, b->key[i], s, !marking);
			if (__builtin_expect(values[i] != NULL, 1))
				continue;
			rc = upsert_slow(k, r, base + i, values - base, e);
			if (rc != OK)
				return rc;
			now = k->t;
			continue;
		}
		struct probe p = probe_of_key(form == KEY_FIX8 ? b->key + i : NULL,
					      form == KEY_BYTES ? b->view + i : NULL, r->bases);
		bool marked;
		values[i] = look(t, &p, &s, form, value_bytes, &marked);
		if (__builtin_expect(values[i] && marked, 1))
			continue;
		rc = values[i] ? upsert_mark(k, r, base + i, s, e)
			       : upsert_slow(k, r, base + i, values - base, e);
		if (rc != OK)
			return rc;
		now = k->t;
	}
	return OK;
}

INLINE RC upsert_rows(struct keyed *k, const struct key_rows *r, void **values, struct err *e,
		      enum key_form form, uint32_t value_bytes, bool growing)
{
	const uint32_t slot_bytes = (form == KEY_FIX8 ? 8 : 16) + value_bytes;
	struct block b;
	for (uint32_t base = 0; base < r->n; base += BLOCK) {
		uint32_t n = r->n - base < BLOCK ? r->n - base : BLOCK;
		uint32_t all = r->n + r->ahead - base;
		all = all < BLOCK + AHEAD ? all : BLOCK + AHEAD;
		if (base) {
			memcpy(b.home, b.home + BLOCK, AHEAD * sizeof *b.home);
			memcpy(b.hash, b.hash + BLOCK, AHEAD * sizeof *b.hash);
		}
		block_fill(k, &k->t, r, &b, base, base ? AHEAD : 0, all, form, growing);
		for (uint32_t i = 0; !base && i < AHEAD; i++)
			fetch(table_of(k, &k->t, &b, i, growing), b.home[i], slot_bytes, k->marking);
		enum rc rc = upsert_block(k, r, &b, base, n, all, values + base, e, form,
					  value_bytes, growing);
		if (rc != OK)
			return rc;
	}
	return OK;
}

INLINE RC upsert_form(struct keyed *k, const struct key_rows *r, void **values, struct err *e,
		      enum key_form form, uint32_t value_bytes)
{
	return keyed_growing(k) ? upsert_rows(k, r, values, e, form, value_bytes, true)
				: upsert_rows(k, r, values, e, form, value_bytes, false);
}

RC keyed_upsert(struct keyed *k, const struct key_rows *r, void **values, struct err *e)
{
	enum rc rc;
	if (!r->n)
		return OK;
	if (grow_for(k, r->n, e) != OK)
		return E_NO_MEMORY;
	lists_tidy(k, TIDY_BYTES);
	k->marked_rows = 0;
	if (k->shape.form == KEY_FIX8)
		rc = k->shape.value_bytes == 8 ? upsert_form(k, r, values, e, KEY_FIX8, 8)
					       : upsert_form(k, r, values, e, KEY_FIX8, 16);
	else
		rc = k->shape.value_bytes == 8 ? upsert_form(k, r, values, e, KEY_BYTES, 8)
					       : upsert_form(k, r, values, e, KEY_BYTES, 16);
	k->marking = k->marked_rows > r->n / 8;
	return rc;
}
