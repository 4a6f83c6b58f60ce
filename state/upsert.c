/* upsert.c - finding or making the places of many keys at once. A row's slot is fetched into the
 * cache AHEAD rows before it is probed, so the memory is never idle: on W2's million keys 10 ns a
 * row, where fetching 128 rows, then probing 128, took 22. The common case, an entry that is
 * already on the open list, is one compare of keys and one mark (K5); slots that nothing stands in
 * may hold any bytes, and are told by their mark and tag only when the bytes look right. */
#include "state/probe.h"
#include "state/tags.h"

#define AHEAD 32u  /* a power of two */
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

/* The table where a row's key belongs. */
INLINE const struct table *table_of(const struct keyed *k, const struct table *now, uint64_t hash,
				    bool growing)
{
	return growing ? keyed_table((struct keyed *)k, hash) : now;
}

INLINE uint64_t fetch(const struct keyed *k, const struct table *now, const struct key_rows *r,
		      uint32_t i, uint32_t slot_bytes, bool growing, bool marking)
{
	uint64_t hash = r->hashes[r->sel ? r->sel[i] : i];
	const struct table *t = table_of(k, now, hash, growing);
	uint64_t s = table_home(t, hash);
	const uint8_t *at = t->slots + slot_offset(s, slot_bytes);
	CHECK(hash - k->lo <= k->hi - k->lo);
	__builtin_prefetch(at, 1);
	if (slot_bytes != LINED_BYTES) /* half of all keys stand behind their home */
		__builtin_prefetch(at + 2 * slot_bytes - 1, 1);
	__builtin_prefetch(marking ? t->tags + s : (const uint8_t *)&t->marks[s / GROUP_SLOTS]);
	return s;
}

/* A row AHEAD / 2 before it is probed: its slot is here, its text may still be far. */
INLINE void fetch_text(const struct keyed *k, const struct table *now, const struct key_rows *r,
		       uint32_t i, uint64_t slot, uint32_t slot_bytes, bool growing)
{
	uint32_t row = r->sel ? r->sel[i] : i;
	if (r->views[row].len <= KEY_INLINE_BYTES)
		return;
	const struct table *t = table_of(k, now, r->hashes[row], growing);
	const uint8_t *at = t->slots + slot * slot_bytes;
	uint64_t a, b;
	memcpy(&a, at, 8);
	memcpy(&b, &r->views[row], 8);
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
static RC upsert_mark(struct keyed *k, uint64_t hash, uint64_t s, struct err *e)
{
	struct table *t = keyed_table(k, hash);
	uint8_t tag = t->tags[s];
	if (keyed_is_owed(k, tag, hash) && snapshot_save(k, table_slot(t, s), tag, e) != OK)
		return E_NO_MEMORY;
	lists_retag(k, t, s, (uint8_t)(TAG_LIVE | k->open_list));
	k->marked_rows++;
	return OK;
}

/* Where the value of this key's live entry stands, within the window, or NULL. *slot: its home, then
 * where it is. */
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

/* The same where slots stand in lines: the value of a marked entry in the home line or the next. */
INLINE uint8_t *look_line(const struct table *t, uint64_t key, uint64_t slot)
{
	uint8_t *line = t->slots + slot * LINED_BYTES;
	uint32_t same = line_match(line, key);
	if (__builtin_expect(!same, 0)) {
		line += LINE_SLOTS * LINED_BYTES;
		slot += LINE_SLOTS;
		same = line_match(line, key);
	}
	same &= (uint32_t)(t->marks[slot / GROUP_SLOTS] >> (slot % GROUP_SLOTS));
	if (!same)
		return NULL;
	return line + LINE_SLOTS * 8 + (uint32_t)__builtin_ctz(same) * 8;
}

INLINE RC upsert_rows(struct keyed *k, const struct key_rows *r, void **values, struct err *e,
		      enum key_form form, uint32_t value_bytes, bool growing)
{
	const uint32_t slot_bytes = (form == KEY_FIX8 ? 8 : 16) + value_bytes;
	const uint32_t n = r->n, all = n + r->ahead;
	const bool marking = k->marking;
	uint64_t ring[AHEAD]; /* slots of the next rows */
	struct table now = k->t;
	for (uint32_t i = 0; i < AHEAD && i < all; i++)
		ring[i] = fetch(k, &now, r, i, slot_bytes, growing, marking);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t s = ring[i % AHEAD];
		if (form == KEY_BYTES && i + AHEAD / 2 < all)
			fetch_text(k, &now, r, i + AHEAD / 2, ring[(i + AHEAD / 2) % AHEAD],
				   slot_bytes, growing);
		if (i + AHEAD < all)
			ring[i % AHEAD] = fetch(k, &now, r, i + AHEAD, slot_bytes, growing, marking);
		struct probe p = probe_of(r, r->sel ? r->sel[i] : i, form);
		const struct table *t = table_of(k, &now, p.hash, growing);
		if (slot_bytes == LINED_BYTES && (values[i] = look_line(t, p.a, s)))
			continue;
		bool marked;
		enum rc rc = OK;
		values[i] = look(t, &p, &s, form, value_bytes, &marked);
		if (__builtin_expect(values[i] && marked, 1))
			continue;
		if (values[i]) {
			rc = upsert_mark(k, p.hash, s, e);
		} else {
			rc = upsert_slow(k, r, i, values, e);
			now = k->t;
		}
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
