/* insert.c - one key at a time, whatever stands where it belongs: nothing, a deleted entry, an
 * entry that the running freeze is owed, or any other. What upsert.c does not settle comes here. */
#include "state/probe.h"

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
		if (!table_extend(t))
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

RC insert_one(struct keyed *k, const struct probe *p, void **value, struct err *e)
{
	if (p->len > KEY_MAX_BYTES)
		return ERR(e, E_LIMIT, "a key of %u bytes, at most %u are possible", p->len,
			   KEY_MAX_BYTES);
	struct table *t = &k->t;
	uint64_t empty = 0, reuse, s = probe_slot(k, t, p, &empty, &reuse);
	if (s == UINT64_MAX) {
		s = reuse != UINT64_MAX ? reuse : empty;
		if (insert(k, t, p, s, e) != OK)
			return E_NO_MEMORY;
		*value = slot_value(table_slot(t, s), &k->shape);
		return OK;
	}
	uint8_t tag = lists_tag(k, t, s), *slot = table_slot(t, s);
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
