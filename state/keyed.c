/* keyed.c - opening, upsert, find, delete: groups of rows are hashed to slots and prefetched
 * before any is probed (PEERS.md: 2.5 to 3 times), and the common case, an entry that is already
 * on the open list, is one tag and one key compare. */
#include "state/keyed_in.h"

#define GROUP_ROWS 128u
#define FIRST_OVERFLOW 64u

RC keyed_open(struct keyed **to, const struct keyed_config *c, struct err *e)
{
	CHECK(c->shape.form == KEY_FIX8 || c->shape.form == KEY_BYTES);
	CHECK(c->shape.value_bytes == 8 || c->shape.value_bytes == 16);
	CHECK(c->hash_lo <= c->hash_hi);
	struct keyed *k = mem_get(c->mem, sizeof *k);
	*to = k;
	if (!k)
		return ERR(e, E_NO_MEMORY, "no memory for a keyed state");
	k->shape = c->shape;
	k->slot_bytes = (c->shape.form == KEY_FIX8 ? 8 : 16) + c->shape.value_bytes;
	k->row_bytes = 8 + c->shape.value_bytes + 1;
	k->lo = c->hash_lo;
	k->hi = c->hash_hi;
	k->mem = c->mem;
	k->pool = c->pool;
	k->overflow = FIRST_OVERFLOW;
	arena_init(&k->texts, k->mem);
	lists_init(k);
	k->f.ready_end = &k->f.ready;
	return OK;
}

void keyed_close(struct keyed *k)
{
	if (!k)
		return;
	keyed_abort(k);
	table_close(&k->t);
	table_close(&k->old);
	arena_close(&k->texts);
	if (k->copy_texts)
		arena_close(&k->old_texts);
	mem_put(k->mem, k);
}

/* One key as the table wants it: for KEY_FIX8 the number, for KEY_BYTES the view as two words and,
 * when it is long, its text. */
struct probe {
	uint64_t hash;
	uint64_t a, b;
	const uint8_t *text;
	uint32_t len;
};

#define INLINE static inline __attribute__((always_inline))

INLINE struct probe probe_of(const struct key_rows *r, uint32_t row, enum key_form form)
{
	struct probe p = {.hash = r->hashes[row]};
	if (form == KEY_FIX8) {
		p.a = r->fix8[row];
		p.len = 8;
		return p;
	}
	const struct key_view *v = &r->views[row];
	memcpy(&p.a, v, 8);
	memcpy(&p.b, (const uint8_t *)v + 8, 8);
	p.len = v->len;
	if (v->len > KEY_INLINE_BYTES)
		p.text = r->bases[v->ref.buf] + v->ref.off;
	return p;
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
	return memcmp(sk->text + 4, p->text + 4, p->len - 4) == 0;
}

/* The slot that holds the key, or UINT64_MAX; *empty: where the probe ended; *reuse: the first
 * deleted slot on the way that no list names, or UINT64_MAX. */
static uint64_t probe_slot(const struct keyed *k, const struct table *t, const struct probe *p,
			   uint64_t *empty, uint64_t *reuse)
{
	uint64_t s = t->block ? table_home(t, p->hash) : 0;
	*reuse = UINT64_MAX;
	if (!t->block)
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
	memset(slot_value(at, k->shape.form), 0, k->shape.value_bytes);
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
		*value = slot_value(table_slot(t, s), k->shape.form);
		return OK;
	}
	uint8_t tag = t->tags[s], *slot = table_slot(t, s);
	*value = slot_value(slot, k->shape.form);
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

/* Slots for a group of rows, fetched into the cache. */
INLINE void group_fetch(const struct keyed *k, const struct key_rows *r, uint32_t base, uint32_t m,
			uint64_t *slots, uint32_t stride, bool growing, int write)
{
	bool outside = false;
	for (uint32_t i = 0; i < m; i++) {
		uint64_t h = r->hashes[r->sel ? r->sel[base + i] : base + i];
		const struct table *t = growing && h >= k->moved_hash ? &k->old : &k->t;
		uint64_t s = table_home(t, h);
		outside |= h - k->lo > k->hi - k->lo;
		slots[i] = s;
		const uint8_t *at = t->slots + s * stride;
		if (write)
			__builtin_prefetch(at, 1);
		else
			__builtin_prefetch(at, 0);
		if (stride > 16) /* it, and the next, may stand in two lines */
			__builtin_prefetch(at + 2 * stride - 1);
		__builtin_prefetch(t->tags + s, write);
	}
	CHECK(!outside);
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
	return rc;
}

INLINE RC upsert_rows(struct keyed *k, const struct key_rows *r, void **values, struct err *e,
		      enum key_form form, uint32_t value_bytes, bool growing)
{
	const uint32_t key_bytes = form == KEY_FIX8 ? 8 : 16, stride = key_bytes + value_bytes;
	const uint8_t open = (uint8_t)(TAG_LIVE | k->open_list);
	uint64_t slots[GROUP_ROWS];
	for (uint32_t base = 0; base < r->n; base += GROUP_ROWS) {
		uint32_t m = r->n - base < GROUP_ROWS ? r->n - base : GROUP_ROWS;
		group_fetch(k, r, base, m, slots, stride, growing, 1);
		uint8_t *const *rows_slots = &k->t.slots; /* may move: loaded again for each row */
		for (uint32_t i = 0; i < m; i++) {
			uint32_t row = r->sel ? r->sel[base + i] : base + i;
			struct probe p = probe_of(r, row, form);
			struct table *t = growing && p.hash >= k->moved_hash ? &k->old : &k->t;
			const uint8_t *tags = t->tags;
			uint64_t s = slots[i];
			uint8_t *at = (growing ? t->slots : *rows_slots) + s * stride, tag;
			while ((tag = tags[s]) != TAG_EMPTY && !slot_holds(at, &p, form)) {
				s++;
				at += stride;
			}
			values[base + i] = at + key_bytes;
			if (__builtin_expect(tag == open, 1))
				continue;
			if ((tag & TAG_LIVE) && !keyed_is_owed(k, tag, p.hash)) {
				lists_retag(k, t, s, open);
				continue;
			}
			enum rc rc = upsert_slow(k, r, base + i, values, e);
			if (rc != OK)
				return rc;
		}
	}
	return OK;
}

RC keyed_upsert(struct keyed *k, const struct key_rows *r, void **values, struct err *e)
{
	if (!r->n)
		return OK;
	if (grow_for(k, r->n, e) != OK)
		return E_NO_MEMORY;
	bool growing = keyed_growing(k), wide = k->shape.value_bytes == 16;
	if (k->shape.form == KEY_FIX8) {
		if (growing)
			return upsert_rows(k, r, values, e, KEY_FIX8, k->shape.value_bytes, true);
		return wide ? upsert_rows(k, r, values, e, KEY_FIX8, 16, false)
			    : upsert_rows(k, r, values, e, KEY_FIX8, 8, false);
	}
	if (growing)
		return upsert_rows(k, r, values, e, KEY_BYTES, k->shape.value_bytes, true);
	return wide ? upsert_rows(k, r, values, e, KEY_BYTES, 16, false)
		    : upsert_rows(k, r, values, e, KEY_BYTES, 8, false);
}

INLINE void find_rows(const struct keyed *k, const struct key_rows *r, const void **values,
		      enum key_form form)
{
	const uint32_t key_bytes = form == KEY_FIX8 ? 8 : 16, stride = k->slot_bytes;
	bool growing = keyed_growing(k);
	uint64_t slots[GROUP_ROWS];
	for (uint32_t base = 0; base < r->n; base += GROUP_ROWS) {
		uint32_t m = r->n - base < GROUP_ROWS ? r->n - base : GROUP_ROWS;
		group_fetch(k, r, base, m, slots, stride, growing, 0);
		for (uint32_t i = 0; i < m; i++) {
			struct probe p = probe_of(r, r->sel ? r->sel[base + i] : base + i, form);
			const struct table *t =
				growing && p.hash >= k->moved_hash ? &k->old : &k->t;
			uint64_t s = slots[i];
			while (t->tags[s] != TAG_EMPTY &&
			       !slot_holds(t->slots + s * stride, &p, form))
				s++;
			bool live = t->tags[s] & TAG_LIVE;
			values[base + i] = live ? t->slots + s * stride + key_bytes : NULL;
		}
	}
}

void keyed_find(const struct keyed *k, const struct key_rows *r, const void **values)
{
	if (!k->t.block)
		memset(values, 0, r->n * sizeof *values);
	else if (k->shape.form == KEY_FIX8)
		find_rows(k, r, values, KEY_FIX8);
	else
		find_rows(k, r, values, KEY_BYTES);
}

RC keyed_delete(struct keyed *k, const struct key_rows *r, uint64_t *deleted, struct err *e)
{
	uint64_t n = 0;
	enum rc rc = OK;
	for (uint32_t i = 0; i < r->n && k->t.block; i++) {
		struct probe p = probe_of(r, r->sel ? r->sel[i] : i, k->shape.form);
		CHECK(p.hash - k->lo <= k->hi - k->lo);
		struct table *t = keyed_table(k, p.hash);
		uint64_t empty, reuse, s = probe_slot(k, t, &p, &empty, &reuse);
		if (s == UINT64_MAX || !(t->tags[s] & TAG_LIVE))
			continue;
		uint8_t tag = t->tags[s];
		if (keyed_is_owed(k, tag, p.hash)) {
			rc = snapshot_save(k, table_slot(t, s), tag, e);
			if (rc != OK)
				break;
		}
		lists_retag(k, t, s, (uint8_t)(TAG_DEAD | k->open_list));
		k->live--;
		k->dead++;
		k->live_key_bytes -= p.len;
		k->dead_text_bytes += key_is_long(k, p.len) ? p.len : 0;
		n++;
	}
	if (deleted)
		*deleted = n;
	return rc;
}

uint64_t keyed_count(const struct keyed *k)
{
	return k->live;
}

uint64_t keyed_live_bytes(const struct keyed *k)
{
	return k->live_key_bytes + k->live * k->shape.value_bytes;
}

uint64_t keyed_memory_bytes(const struct keyed *k)
{
	return k->t.block_bytes + k->old.block_bytes - k->old.released_bytes +
	       k->texts.memory_bytes + k->old_texts.memory_bytes;
}
