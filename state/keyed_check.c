/* keyed_check.c - the invariants K1 to K8 of keyed_in.h, looked at one by one: for tests. */
#include "state/keyed_in.h"

struct recount {
	uint64_t live, dead, key_bytes;
	__int128 sum[2];
	struct list list[LISTS];
};

static const char *check_slot(const struct keyed *k, const struct table *t, uint64_t s,
			      struct recount *r)
{
	uint8_t tag = lists_tag(k, t, s), list = tag & TAG_LIST;
	const uint8_t *slot = table_slot(t, s);
	uint64_t hash = keyed_slot_hash(k, slot);
	uint32_t len;
	slot_key(slot, k->shape.form, &len);
	if (k->shape.form == KEY_BYTES && len > KEY_INLINE_BYTES &&
	    load_u64(slot) != long_key_word(len, hash))
		return "K7: the slot of a long key does not name its length and hash";
	if ((tag & ~TAG_LIST) != TAG_LIVE && (tag & ~TAG_LIST) != TAG_DEAD)
		return "a tag is neither live nor dead";
	if (hash < k->lo || hash > k->hi)
		return "a hash is out of range";
	uint64_t home = table_home(t, hash);
	if (keyed_growing(k) && (home < t->unmoved) != (hash <= t->old_last))
		return "K1: a home is on the wrong side of what has moved";
	if (home > s)
		return "K2: an entry stands before its home";
	for (uint64_t i = home; i < s; i++)
		if (t->tags[i] == TAG_EMPTY)
			return "K2: an empty slot between home and entry";
	if (list && k->list[list].state == LIST_FREE)
		return "K3: a tag names a free list";
	if (table_marked(t, s) && !(t->tags[s] & TAG_LIVE))
		return "K5: a slot is marked whose entry is not live";
	if (table_was_marked(t, s) && !(t->tags[s] & TAG_LIVE))
		return "K6: a slot was marked whose entry is not live";
	if (table_was_marked(t, s) && k->list[k->before_list].state != LIST_FROZEN)
		return "K6: a slot was marked on a list that is not frozen";
	if (k->before_told && !table_marked(t, s) && t->tags[s] != tag)
		return "K6: a tag was not told";
	if (!(t->sums[s / GROUP_SLOTS] >> (t->tags[s] & TAG_LIST) & 1))
		return "K3: a group's sum lacks a list";
	r->list[list].count++;
	r->list[list].dead += tag >> 5;
	if (tag & TAG_LIVE) {
		r->live++;
		r->key_bytes += len;
		for (unsigned w = 0; w < k->shape.value_bytes / 8; w++)
			r->sum[w] += (int64_t)load_u64(slot_value(slot, &k->shape) + 8 * w);
	} else {
		r->dead++;
	}
	return NULL;
}

static const char *check_table(const struct keyed *k, const struct table *t, struct recount *r)
{
	uint64_t used = 0;
	if (!t->slots)
		return NULL;
	for (uint64_t s = 0; s < t->total; s++) {
		if (t->tags[s] == TAG_EMPTY) {
			if (table_marked(t, s) || table_was_marked(t, s))
				return "K5: an empty slot is marked";
			continue;
		}
		if (s >= t->tail)
			return "an entry stands behind the tail";
		used++;
		const char *broken = check_slot(k, t, s, r);
		if (broken)
			return broken;
	}
	if (t->marks[t->total / GROUP_SLOTS] || t->before[t->total / GROUP_SLOTS])
		return "K5: what is no slot is marked";
	for (uint64_t w = 0; w < t->marks_tidy; w++)
		if (t->marks_put[w])
			return "marks put aside are not tidy";
	if (t->tags[t->total] != TAG_EMPTY)
		return "the last tag is not empty";
	return used == t->used ? NULL : "used is not the number of slots used";
}

static const char *check_lists(const struct keyed *k, const struct recount *r)
{
	unsigned open = 0;
	for (unsigned l = 0; l < LISTS; l++) {
		const struct list *x = &k->list[l];
		if (x->count != r->list[l].count || x->dead != r->list[l].dead)
			return "K3: a list's count is wrong";
		if (l == 0)
			continue;
		open += x->state == LIST_OPEN;
		uint8_t now = k->becomes[l];
		if (x->state == LIST_DROPPED && now != 0)
			return "K4: a dropped list does not read as clean";
		if (x->state == LIST_JOINED && now != 0 && k->list[now].state != LIST_FROZEN)
			return "K4: a joined list's heir is not frozen";
		if (x->state < LIST_DROPPED && now != l)
			return "K4: a list that counts does not mean itself";
		if (x->state == LIST_FROZEN && x->id <= k->floor)
			return "K4: a list up to the base was not dropped";
	}
	if (open != 1 || k->list[k->open_list].state != LIST_OPEN)
		return "not exactly one list is open";
	return NULL;
}

bool keyed_check(const struct keyed *k, const char **broken)
{
	struct recount r = {0};
	*broken = check_table(k, &k->t, &r);
	if (!*broken)
		*broken = check_lists(k, &r);
	if (!*broken && (r.live != k->live || r.dead != k->dead))
		*broken = "the numbers of keys are wrong";
	if (!*broken && r.key_bytes != k->live_key_bytes)
		*broken = "the bytes of keys are wrong";
	for (unsigned w = 0; w < ARRAY_LEN(r.sum) && !k->watch.lost; w++)
		if (!*broken && k->watch.words >> w & 1 && r.sum[w] != k->watch.sum[w])
			*broken = "K8: a watched sum is wrong";
	return !*broken;
}
