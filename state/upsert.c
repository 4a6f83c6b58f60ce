/* upsert.c - finding or making the places of many keys at once, and adding numbers to them on the
 * way: BLOCK rows at a time in two passes.
 *
 * The first look: fetch the line where row i + AHEAD belongs; compare all the slots that are likely
 * to hold row i with its key, at once; add, or say where it stands; note the row if none of them
 * was it. All is one loop because the memory is what takes longest: it should never be idle. What
 * is settled so is what is marked (K5): live, on the open list, nothing owed. There are two of it:
 * look_calm.h for the steady state, look_alike.h for all others.
 * The second look goes through the noted rows one by one, what they need fetched meanwhile:
 * longer texts, keys far from home, entries to be marked, and what only insert.c can settle.
 * Rows of one key keep their order: the first look marks and inserts nothing, so it settles all of
 * them or none.
 * Slots that nothing stands in may hold any bytes. */
#include "state/look_alike.h"
#include "state/look_calm.h"
#include "state/look_long.h"

#define BLOCK_MARKING 256u
#define WINDOW 16u /* slots that the second look takes before the tags must say where entries end */
#define TIDY_BYTES 4096u

/* The overflow slots were extended in the middle of a call: what was handed out moves along. */
static void values_move(void **values, uint32_t n, const struct table *was, const struct table *now)
{
	for (uint32_t i = 0; i < n; i++) {
		uintptr_t at = (uintptr_t)values[i] - (uintptr_t)was->slots;
		if (was->slots != now->slots && at < was->total * was->slot_bytes)
			values[i] = now->slots + at;
	}
}

/* ---- the second ---- */

/* Which slots of the quartet at `at` begin as the key of row i: a number is then the same, a text
 * has the same length and first letters, or hash. */
INLINE uint32_t slots_like(const uint8_t *at, const struct rows *r, uint32_t i, enum key_form form,
			   uint32_t slot_bytes)
{
	uint32_t same = 0;
	if (slot_bytes == LINED_BYTES)
		return line_match(at, r->key[i]);
	uint64_t want = form == KEY_FIX8 ? r->key[i] : key_word(&r->view[i], r->hash[i]);
	for (uint32_t w = 0; w < LINE_SLOTS; w++)
		same |= (uint32_t)(load_u64(at + w * slot_bytes) == want) << w;
	return same;
}

/* From where on the second look should look for a late row whose home is s; what it will want is
 * fetched: the text that a likely slot points at (or any bytes: not followed), its tag, or the
 * lines behind if no slot is likely. */
INLINE uint64_t late_slot(const struct table *t, const struct rows *r, uint32_t i, uint64_t s,
			  enum key_form form, uint32_t slot_bytes)
{
	const uint8_t *at = t->slots + slot_offset(s, slot_bytes);
	uint32_t same = slots_like(at, r, i, form, slot_bytes);
	if (!same && (slot_bytes == LINED_BYTES || form == KEY_BYTES)) { /* these came, too */
		s += LINE_SLOTS;
		at += LINE_SLOTS * slot_bytes;
		same = slots_like(at, r, i, form, slot_bytes);
	}
	if (!same) {
		__builtin_prefetch(at + LINE_SLOTS * slot_bytes, 1);
		__builtin_prefetch(t->tags + s);
		return s;
	}
	s += (uint32_t)__builtin_ctz(same);
	const void *slot = t->slots + slot_offset(s, slot_bytes);
	if (form == KEY_FIX8 || r->view[i].len <= KEY_INLINE_BYTES)
		__builtin_prefetch(t->tags + s);
	else
		__builtin_prefetch(((const struct slot_key *)slot)->text);
	return s;
}

/* The slot of this key's live entry, or UINT64_MAX if it is not within the window. */
INLINE uint64_t second_look(const struct table *t, const struct probe *p, uint64_t s,
			    enum key_form form, uint32_t slot_bytes, bool *marked)
{
	for (uint64_t end = s + WINDOW; s < end; s++) {
		const uint8_t *at = t->slots + slot_offset(s, slot_bytes);
		if (load_u64(at) != p->a)
			continue;
		*marked = table_marked(t, s);
		if (!*marked && !(t->tags[s] & TAG_LIVE))
			continue;
		if (form == KEY_FIX8 || slot_holds(at, p, KEY_BYTES))
			return s;
	}
	return UINT64_MAX;
}

/* A live entry that is not on the open list is about to change. */
INLINE RC upsert_mark(struct keyed *k, struct table *t, uint64_t s, uint64_t hash, struct err *e)
{
	uint8_t tag = lists_tag(k, t, s);
	if (keyed_is_owed(k, tag, hash) && snapshot_save(k, table_slot(t, s), tag, e) != OK)
		return E_NO_MEMORY;
	lists_retag(k, t, s, (uint8_t)(TAG_LIVE | k->open_list));
	k->marked_rows++;
	return OK;
}

/* What no look settles. The places given out are moved along if slots moved. */
static RC upsert_slow(struct keyed *k, const struct rows *r, const struct probe *p, void **value,
		      bool places, struct err *e)
{
	struct table *t = &k->t, was = *t;
	enum rc rc = insert_one(k, p, value, e);
	if (t->slots != was.slots && places)
		values_move(r->place - r->before, r->before + r->n, &was, t);
	k->marked_rows++;
	return rc;
}

INLINE RC settle(struct keyed *k, const struct rows *r, uint32_t i, uint64_t from, bool found,
		 void **value, struct err *e, enum key_form form, uint32_t value_bytes, bool places)
{
	const uint32_t slot_bytes = (form == KEY_FIX8 ? 8 : 16) + value_bytes;
	struct table *t = &k->t;
	struct probe p = probe_of_key(r->hash[i], form == KEY_FIX8 ? r->key + i : NULL,
				      form == KEY_BYTES ? r->view + i : NULL, r->bases);
	bool marked = false;
	uint64_t s = from;
	if (!found)
		s = second_look(t, &p, from, form, slot_bytes, &marked);
	else if (!(t->tags[s] & TAG_LIVE) ||
		 !slot_holds(t->slots + slot_offset(s, slot_bytes), &p, form))
		s = UINT64_MAX; /* nothing stood there; perhaps a row before it took the slot */
	else
		marked = table_marked(t, s); /* by a row before it */
	if (s == UINT64_MAX)
		return upsert_slow(k, r, &p, value, places, e);
	*value = t->slots + slot_offset(s, slot_bytes) + value_offset(form, value_bytes);
	return marked ? OK : upsert_mark(k, t, s, p.hash, e);
}

INLINE RC settle_late(struct keyed *k, struct rows *r, struct late *late, struct err *e,
		      enum key_form form, uint32_t value_bytes, enum act act)
{
	const uint32_t slot_bytes = (form == KEY_FIX8 ? 8 : 16) + value_bytes;
	struct table *t = &k->t;
	for (uint32_t l = 0; l < late->n; l++) {
		uint32_t i = late->row[l] % BLOCK, found = late->row[l] >> FOUND_SHIFT;
		if (found)
			late->slot[l] += (uint32_t)__builtin_ctz(found);
		if (!found)
			late->slot[l] = late_slot(t, r, i, late->slot[l], form, slot_bytes);
		else if (!k->marking)
			__builtin_prefetch(t->tags + late->slot[l], 1);
	}
	for (uint32_t l = 0; l < late->n; l++) {
		uint32_t i = late->row[l] % BLOCK;
		bool found = late->row[l] >> FOUND_SHIFT;
		void *value = NULL;
		if (settle(k, r, i, late->slot[l], found, &value, e, form, value_bytes,
			   act == PLACES) != OK)
			return e->code;
		if (!act_on(r, i, value, value, act) && i < r->bad)
			r->bad = i;
	}
	return OK;
}

/* ---- blocks ---- */

/* A block of chosen rows, put one behind the other. */
struct chosen {
	uint64_t hash[BLOCK];
	union {
		uint64_t key[BLOCK];
		struct key_view view[BLOCK];
	};
	uint64_t add[BLOCK], sum[BLOCK]; /* int64 or double */
};

/* What the caller wants, of all its rows. */
struct order {
	const struct key_rows *r;
	void **place;
	const uint64_t *add; /* int64 or double */
	uint64_t *sum;       /* NULL: nobody wants to know */
};

static void choose(const struct order *o, uint32_t base, struct rows *to, struct chosen *c,
		   enum key_form form, enum act act)
{
	const struct key_rows *r = o->r;
	const uint16_t *sel = r->sel + base;
	for (uint32_t i = 0; i < to->n; i++)
		c->hash[i] = r->hashes[sel[i]];
	for (uint32_t i = 0; i < to->n && form == KEY_FIX8; i++)
		c->key[i] = r->fix8[sel[i]];
	for (uint32_t i = 0; i < to->n && form == KEY_BYTES; i++)
		c->view[i] = r->views[sel[i]];
	for (uint32_t i = 0; i < to->n && act != PLACES; i++)
		c->add[i] = o->add[sel[i]];
	to->hash = c->hash;
	to->key = c->key;
	to->view = c->view;
	to->add_i64 = (const int64_t *)c->add;
	to->last = to->n - 1;
}

static void block_of(const struct order *o, uint32_t base, uint32_t most, struct rows *to,
		     struct chosen *c, enum key_form form, enum act act)
{
	const struct key_rows *r = o->r;
	to->n = r->n - base < most ? r->n - base : most;
	to->last = r->n + r->ahead - base - 1;
	to->bases = r->bases;
	to->before = base;
	to->hash = r->hashes + base;
	to->key = form == KEY_FIX8 ? r->fix8 + base : NULL;
	to->view = form == KEY_BYTES ? r->views + base : NULL;
	to->add_i64 = act == PLACES ? NULL : (const int64_t *)o->add + base;
	if (r->sel)
		choose(o, base, to, c, form, act);
	if (act == PLACES)
		to->place = o->place + base;
	else
		to->i64 = (int64_t *)(o->sum && !r->sel ? o->sum + base : c->sum);
}

INLINE RC upsert_rows(struct keyed *k, const struct order *o, uint32_t *bad, struct err *e,
		      enum key_form form, uint32_t value_bytes, enum act act, enum simd level)
{
	const struct key_rows *r = o->r;
	struct chosen chosen;
	struct late late;
	struct rows rows;
	/* Where most rows are late, their lines and tags should still be in the first-level cache. */
	const bool many_long = form == KEY_BYTES && long_keys_are_many(r);
	const uint32_t most = many_long ? LONG_KEYS_BLOCK : k->marking ? BLOCK_MARKING : BLOCK;
	for (uint32_t base = 0; base < r->n; base += rows.n) {
		block_of(o, base, most, &rows, &chosen, form, act);
		uint64_t n_marked = 0;
		if (many_long)
			look_long(k, &rows, &late, act);
		else if (keyed_growing(k) || k->marking || k->remarking)
			look_alike(k, &rows, &late, &n_marked, form, value_bytes, act, level);
		else
			look_calm(k, &rows, &late, form, value_bytes, act, level);
		lists_marked(k, n_marked);
		k->remarked_rows += n_marked;
		enum rc rc = settle_late(k, &rows, &late, e, form, value_bytes, act);
		if (rc != OK)
			return rc;
		for (uint32_t i = 0; act != PLACES && r->sel && o->sum && i < rows.n; i++)
			o->sum[r->sel[base + i]] = chosen.sum[i];
		if (act == ADD_I64 && rows.bad != UINT32_MAX) {
			*bad = base + rows.bad;
			return OK;
		}
	}
	return OK;
}

/* ---- each way of it, at each level ---- */

#define WAY(name, level, simd, target, form, value_bytes, act)                                     \
	target static RC name##_##level(struct keyed *k, const struct order *o, uint32_t *bad,     \
					struct err *e)                                             \
	{                                                                                          \
		return upsert_rows(k, o, bad, e, form, value_bytes, act, simd);                    \
	}
#define WAYS(name, form, value_bytes, act)                                                         \
	WAY(name, base, SIMD_BASE, , form, value_bytes, act)                                       \
	WAY(name, v3, SIMD_V3, TARGET_V3, form, value_bytes, act)                                  \
	static RC name(struct keyed *k, const struct order *o, uint32_t *bad, struct err *e)       \
	{                                                                                          \
		return k->simd >= SIMD_V3 ? name##_v3(k, o, bad, e) : name##_base(k, o, bad, e);   \
	}
WAYS(places_fix8_8, KEY_FIX8, 8, PLACES)
WAYS(places_fix8_16, KEY_FIX8, 16, PLACES)
WAYS(places_bytes_8, KEY_BYTES, 8, PLACES)
WAYS(places_bytes_16, KEY_BYTES, 16, PLACES)
WAYS(add_i64_fix8, KEY_FIX8, 8, ADD_I64)
WAYS(add_i64_bytes, KEY_BYTES, 8, ADD_I64)
WAYS(add_f64_fix8, KEY_FIX8, 8, ADD_F64)
WAYS(add_f64_bytes, KEY_BYTES, 8, ADD_F64)

typedef RC way(struct keyed *, const struct order *, uint32_t *, struct err *);

static RC go(struct keyed *k, way *fix8, way *bytes, const struct order *o, uint32_t *bad,
	     struct err *e)
{
	if (!o->r->n)
		return OK;
	if (k->lazy)
		keyed_lazy_check(k, o->r);
	if (grow_for(k, o->r->n, e) != OK)
		return E_NO_MEMORY;
	lists_tidy(k, TIDY_BYTES);
	k->marked_rows = k->remarked_rows = 0;
	enum rc rc = (k->shape.form == KEY_FIX8 ? fix8 : bytes)(k, o, bad, e);
	k->marking = k->marked_rows > o->r->n / 8;
	k->remarking = k->marked_rows + k->remarked_rows > o->r->n / 64;
	return rc;
}

RC keyed_upsert(struct keyed *k, const struct key_rows *r, void **values, struct err *e)
{
	struct order o = {.r = r, .place = values};
	if (k->shape.value_bytes == 8)
		return go(k, places_fix8_8, places_bytes_8, &o, NULL, e);
	return go(k, places_fix8_16, places_bytes_16, &o, NULL, e);
}

RC keyed_add_i64(struct keyed *k, const struct key_rows *r, const int64_t *add, int64_t *sums,
		 uint32_t *bad, struct err *e)
{
	struct order o = {.r = r, .add = (const uint64_t *)add, .sum = (uint64_t *)sums};
	CHECK(k->shape.value_bytes == 8);
	*bad = UINT32_MAX;
	if (!k->watch.words)
		return go(k, add_i64_fix8, add_i64_bytes, &o, bad, e);
	/* Every row is added to some value, whichever: so the kernels need not count. */
	__int128 delta = totals_of(add, r->sel, r->n); /* sums may take its place */
	enum rc rc = go(k, add_i64_fix8, add_i64_bytes, &o, bad, e);
	k->watch.lost |= rc != OK || *bad != UINT32_MAX;
	keyed_note_sum(k, 0, delta);
	return rc;
}

RC keyed_add_f64(struct keyed *k, const struct key_rows *r, const double *add, double *sums,
		 struct err *e)
{
	struct order o = {.r = r, .add = (const uint64_t *)add, .sum = (uint64_t *)sums};
	CHECK(k->shape.value_bytes == 8 && !k->watch.words); /* sums of doubles depend on the order */
	return go(k, add_f64_fix8, add_f64_bytes, &o, NULL, e);
}
