/* keyed.c - opening, find, delete, and what may be asked. Upserts: upsert.c. */
#include "state/probe.h"

#define FIND_GROUP 128u /* rows whose slots are fetched into the cache before any is probed */
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
	k->simd = simd_have();
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
	keyed_lazy_close(k);
	table_close(&k->t);
	arena_close(&k->texts);
	if (k->copy_texts)
		arena_close(&k->old_texts);
	mem_put(k->mem, k);
}

/* Slots for a group of rows, fetched into the cache. */
static void find_fetch(const struct keyed *k, const struct key_rows *r, uint32_t base, uint32_t m,
		       uint64_t *slots)
{
	for (uint32_t i = 0; i < m; i++) {
		uint64_t h = r->hashes[r->sel ? r->sel[base + i] : base + i];
		CHECK(h - k->lo <= k->hi - k->lo);
		slots[i] = table_home(&k->t, h);
		__builtin_prefetch(table_slot(&k->t, slots[i]));
		__builtin_prefetch(k->t.tags + slots[i]);
	}
}

INLINE void find_rows(const struct keyed *k, const struct key_rows *r, const void **values,
		      enum key_form form)
{
	const struct table *t = &k->t;
	uint64_t slots[FIND_GROUP];
	for (uint32_t base = 0; base < r->n; base += FIND_GROUP) {
		uint32_t m = r->n - base < FIND_GROUP ? r->n - base : FIND_GROUP;
		find_fetch(k, r, base, m, slots);
		for (uint32_t i = 0; i < m; i++) {
			struct probe p = probe_of(r, r->sel ? r->sel[base + i] : base + i, form);
			uint64_t s = slots[i];
			while (t->tags[s] != TAG_EMPTY && !slot_holds(table_slot(t, s), &p, form))
				s++;
			bool live = t->tags[s] & TAG_LIVE;
			values[base + i] = live ? slot_value(table_slot(t, s), &k->shape) : NULL;
		}
	}
}

void keyed_find(const struct keyed *k, const struct key_rows *r, const void **values)
{
	if (!k->t.slots)
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
	if (k->lazy)
		keyed_lazy_check(k, r);
	for (uint32_t i = 0; i < r->n && k->t.slots; i++) {
		struct probe p = probe_of(r, r->sel ? r->sel[i] : i, k->shape.form);
		CHECK(p.hash - k->lo <= k->hi - k->lo);
		struct table *t = &k->t;
		uint64_t empty, reuse, s = probe_slot(k, t, &p, &empty, &reuse);
		if (s == UINT64_MAX || !(t->tags[s] & TAG_LIVE))
			continue;
		uint8_t tag = lists_tag(k, t, s);
		if (keyed_is_owed(k, tag, p.hash)) {
			rc = snapshot_save(k, table_slot(t, s), tag, e);
			if (rc != OK)
				break;
		}
		if (k->watch.words)
			totals_drop(k, table_slot(t, s));
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

const struct keyed_shape *keyed_shape(const struct keyed *k)
{
	return &k->shape;
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
	return table_bytes(&k->t) + k->texts.memory_bytes + k->old_texts.memory_bytes;
}
