/* snapshot.c - freezing, slices, saves: a consistent picture of a table that goes on changing.
 * The argument why nothing is lost or written twice with different values stands in keyed_in.h.
 *
 * The ordered stream: rows in slot order are in hash order except within a cluster (a stretch
 * without an empty slot), so chunks are cut only at empty slots and sorted one by one later:
 * together they are one run. Where a chunk fills up inside a cluster, the cluster's rows are
 * taken back out and begin the next chunk. A cluster larger than a chunk is sorted here, by slot
 * numbers. */
#include "state/lines.h"

#include "base/planted.h"
#include "state/slot_rows.h"
#include "state/tags.h"

#include <stdlib.h>

#define AHEAD 128u         /* rows fetched into the cache before they are copied */
#define GROUPS_A_ROW 16u   /* groups passed over that cost as much as a row, by feel */
#define GROUP_ROWS_COST 8u /* looking at every tag of a group costs as much as these rows */
#define GROUPS_AHEAD 8u    /* groups whose tags are fetched before they are looked at */
#define LINES_A_ROW 2u     /* rows of whole groups that cost as much as one by itself */
#define GROUP_DENSE 24 /* owed entries of a group that are worth looking at all of its lines */
#define TIDY_BYTES (64u << 10) /* of the marks put aside, a slice: some 5 us */
#define SAVED_CHUNKS_MAX 32u /* of one run; with an ordered one at most RUN_LISTS */

_Static_assert(CHUNK_BYTES / 4 >= KEY_MAX_BYTES, "a chunk holds several of the largest rows");
_Static_assert(SAVED_CHUNKS_MAX < RUN_LISTS, "a saved run must be mergeable in one go");

void keyed_freeze(struct keyed *k, uint64_t id, uint64_t base, bool full, struct keyed_frozen *f)
{
	struct freeze *z = &k->f;
	CHECK(k->pool && !z->running && !z->ready && !z->ordered && !z->saved && !k->lazy);
	CHECK(id > k->last_id && base < id);
	uint64_t rows = lists_freeze(k, id, base, &z->owed_lists);
	k->last_id = id;
	z->full = full || rows == UINT64_MAX || rows > (k->live + lists_dead(k)) / 2;
	if (z->full)
		z->owed_lists = (uint16_t)~(1u << k->open_list);
	for (unsigned tag = 0; tag < 256; tag++)
		z->owed_tag[tag] = ((tag & TAG_LIVE) || ((tag & TAG_DEAD) && !z->full)) &&
				   (z->owed_lists >> (tag & TAG_LIST) & 1);
	z->id = id;
	z->cursor = k->lo;
	z->clearing = lists_clearing(k);
	z->ordered_sent = false;
	z->running = true;
	f->full = z->full;
	f->rows = z->full ? k->live : rows;
	f->totals = totals_freeze(k);
}

bool keyed_is_freezing(const struct keyed *k)
{
	return k->f.running;
}

static void ready_add(struct keyed *k, struct chunk *list, enum chunk_stream stream)
{
	struct freeze *z = &k->f;
	for (struct chunk *c = list; c; c = c->next) {
		c->stream = stream;
		c->checkpoint = z->id;
		if (z->full && k->watch.words)
			totals_seen(k, c);
	}
	list->next_list = NULL;
	*z->ready_end = list;
	z->ready_end = &list->next_list;
}

static void ordered_close(struct keyed *k)
{
	struct freeze *z = &k->f;
	if (z->ordered && z->ordered->rows) {
		ready_add(k, z->ordered, CHUNK_ORDERED);
		z->ordered_sent = true;
	} else {
		chunk_put(z->ordered);
	}
	z->ordered = NULL;
}

static void saved_close(struct keyed *k)
{
	struct freeze *z = &k->f;
	if (PLANTED(state_changes_under_the_snapshot))
		chunk_put_list(z->saved);
	else if (z->saved)
		ready_add(k, z->saved, CHUNK_SAVED);
	z->saved = NULL;
	z->saved_count = 0;
}

/* Chunks are short: `need` are wanted, and `all` of the pool's there will be. The saved rows go on
 * their way where waiting for those that are out already would not do: each list is a run of its
 * own, and runs of a few rows make long chains. */
static void saved_close_if(struct keyed *k, uint32_t all, uint64_t need)
{
	struct freeze *z = &k->f;
	uint64_t held = z->ordered && !z->ordered->overdraft;
	if (held + need > all)
		return; /* nor would that */
	for (const struct chunk *c = z->saved; c; c = c->next)
		held += !c->overdraft;
	if (held + need > all)
		saved_close(k);
}

struct chunk *keyed_take(struct keyed *k)
{
	struct freeze *z = &k->f;
	struct chunk *c = z->ready;
	if (!c)
		return NULL;
	z->ready = c->next_list;
	if (!z->ready)
		z->ready_end = &z->ready;
	c->next_list = NULL;
	return c;
}

void keyed_abort(struct keyed *k)
{
	struct freeze *z = &k->f;
	struct chunk *c;
	chunk_put(z->ordered);
	chunk_put_list(z->saved);
	z->ordered = z->saved = NULL;
	z->saved_count = 0;
	while ((c = keyed_take(k)))
		chunk_put_list(c);
	z->running = false;
}

/* --- saves --- */

RC snapshot_save(struct keyed *k, const uint8_t *slot, uint8_t tag, struct err *e)
{
	struct freeze *z = &k->f;
	if (!z->saved || chunk_room(z->saved) < slot_row_size(k, slot)) {
		if (z->saved_count == SAVED_CHUNKS_MAX)
			saved_close(k);
		struct chunk *c = chunk_get_overdraft(k->pool);
		if (!c)
			return ERR(e, E_NO_MEMORY, "no memory to save a row for checkpoint %llu",
				   (unsigned long long)z->id);
		c->next = z->saved;
		z->saved = c;
		z->saved_count++;
	}
	slot_row_put(k, z->saved, slot, tag);
	z->saved_rows++;
	return OK;
}

uint64_t keyed_saved_rows(const struct keyed *k)
{
	return k->f.saved_rows;
}

bool keyed_can_change(struct keyed *k, uint32_t rows, uint64_t key_bytes)
{
	struct freeze *z = &k->f;
	if (!z->running)
		return true;
	uint64_t size = k->pool->chunk_bytes, bytes, waste; /* a row never stands in two chunks */
	if (k->shape.form == KEY_FIX8) {
		bytes = (uint64_t)rows * k->row_bytes;
		waste = k->row_bytes;
	} else {
		uint64_t average = k->live ? rows * (k->live_key_bytes / k->live) : 0;
		bytes = (uint64_t)rows * (CHUNK_TEXT_HEAD + k->shape.value_bytes);
		bytes += key_bytes > average ? key_bytes : average;
		uint64_t most = size / 4 + CHUNK_TEXT_HEAD + 16; /* the largest row */
		waste = bytes < most ? bytes : most;
	}
	uint64_t here = z->saved ? chunk_room(z->saved) : 0;
	if (here >= bytes)
		return true;
	/* One chunk stays free for the slices: they are what ends the freeze. */
	uint64_t need = (bytes + size - waste - 1) / (size - waste) + !z->ordered;
	if (chunk_available(k->pool) >= need)
		return true;
	saved_close_if(k, k->pool->budget, need);
	return false;
}

/* --- slices --- */

/* A chunk for further ordered rows: true if there is one. (When memory is short, no more chunks
 * than were made are to be had.) */
static bool ordered_chunk(struct keyed *k)
{
	struct freeze *z = &k->f;
	if (!z->ordered)
		z->ordered = chunk_get(k->pool);
	if (!z->ordered)
		saved_close_if(k, k->pool->made, 1);
	return z->ordered != NULL;
}

/* What a pass does besides, once with each group. */
static void group_visit(struct keyed *k, struct table *t, uint64_t group)
{
	lists_tell(k, t, group);
	if (t->sums[group] & k->f.clearing)
		lists_clean_group(k, t, group, k->f.clearing);
}

struct scan {
	struct table *t;
	uint64_t at, end;      /* slots still to look at now */
	uint64_t begin;        /* where this scan began: home of the cursor */
	uint64_t checked_from; /* entries from here on have hash >= cursor: no need to look */
};

static bool scan_owes(const struct keyed *k, const struct scan *s, uint64_t slot)
{
	return k->f.owed_tag[lists_tag(k, s->t, slot)] &&
	       (slot >= s->checked_from ||
		keyed_slot_hash(k, table_slot(s->t, slot)) >= k->f.cursor);
}

/* Rows of slots [from, to) that stand at the end of the chunk leave it again. */
static void rows_take_back(struct keyed *k, const struct scan *s, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		if (scan_owes(k, s, i)) {
			k->f.ordered->rows--;
			k->f.ordered->used_bytes -= slot_row_size(k, table_slot(s->t, i));
		}
}

struct place {
	uint64_t hash, slot;
};

struct place_order {
	const struct keyed *k;
	const struct table *t;
};

static int place_compare(const void *x, const void *y, void *arg)
{
	const struct place *a = x, *b = y;
	const struct place_order *o = arg;
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	uint32_t al, bl;
	const uint8_t *ak = slot_key(table_slot(o->t, a->slot), o->k->shape.form, &al);
	const uint8_t *bk = slot_key(table_slot(o->t, b->slot), o->k->shape.form, &bl);
	return key_compare(ak, al, bk, bl);
}

/* A cluster that no chunk holds: its slots [from, to) are sorted, and its rows go out in order. The
 * cursor can stand between two hashes of it; keys of equal hash are not parted (beyond the budget
 * if they must). *done: the whole cluster is written, else chunks ran out. */
static RC cluster_write(struct keyed *k, const struct scan *s, uint64_t from, uint64_t to,
			bool *done, struct err *e)
{
	struct freeze *z = &k->f;
	struct place *places = mem_get_aligned(k->mem, 16, (to - from) * sizeof *places);
	uint64_t n = 0, i;
	if (!places)
		return ERR(e, E_NO_MEMORY, "no memory to sort %llu slots",
			   (unsigned long long)(to - from));
	for (uint64_t slot = from; slot < to; slot++) {
		uint64_t hash = keyed_slot_hash(k, table_slot(s->t, slot));
		if (z->owed_tag[lists_tag(k, s->t, slot)] && hash >= z->cursor)
			places[n++] = (struct place){hash, slot};
	}
	for (uint64_t g = from / GROUP_SLOTS; g <= (to - 1) / GROUP_SLOTS; g++)
		group_visit(k, s->t, g);
	struct place_order order = {k, s->t};
	qsort_r(places, n, sizeof *places, place_compare, &order);
	for (i = 0; i < n; i++) {
		const uint8_t *slot = table_slot(s->t, places[i].slot);
		if (z->ordered && chunk_room(z->ordered) < slot_row_size(k, slot))
			ordered_close(k);
		bool parted = i && places[i].hash == places[i - 1].hash;
		if (!ordered_chunk(k) && parted) {
			z->ordered = chunk_get_overdraft(k->pool);
			if (!z->ordered) {
				mem_put(k->mem, places);
				return ERR(e, E_NO_MEMORY, "no memory for keys of equal hash");
			}
		}
		if (!z->ordered)
			break;
		slot_row_put(k, z->ordered, slot, s->t->tags[places[i].slot]);
	}
	*done = i == n;
	if (i < n)
		z->cursor = places[i].hash;
	mem_put(k->mem, places);
	return OK;
}

/* Everything before this slot, which begins a cluster, is done. False: so is everything. */
static bool cursor_to(struct keyed *k, const struct scan *s, uint64_t slot)
{
	uint64_t hash;
	if (!table_hash_at(s->t, k->hi, slot, &hash))
		return false;
	if (hash > k->f.cursor)
		k->f.cursor = hash;
	return true;
}

/* Where the cursor stands. */
static void scan_begin(struct keyed *k, struct scan *s)
{
	s->t = &k->t;
	s->begin = s->at = table_home(s->t, k->f.cursor);
	s->checked_from = table_empty_from(s->t, s->at);
	s->end = s->t->total;
}

/* The slots of a group that must be written, hashes not yet looked at: a bit each. The group was
 * told. */
static uint64_t group_owes(const struct keyed *k, const struct table *t, uint64_t group)
{
	const struct freeze *z = &k->f;
	const uint8_t *tags = t->tags + group * GROUP_SLOTS;
	uint64_t bits = 0;
	if (z->full)
		return tags_match(tags, TAG_LIVE, TAG_LIVE) & ~t->marks[group];
	/* A tag that is empty names no list; a delta owes the dead as well. */
	for (uint16_t todo = t->sums[group] & z->owed_lists; todo; todo &= (uint16_t)(todo - 1))
		bits |= tags_match(tags, TAG_LIST, (uint8_t)__builtin_ctz(todo));
	return bits & ~t->marks[group];
}

/* Slots whose rows are to be written, of as many whole groups as have up to AHEAD of them, fetched
 * into the cache. Cleans the
 * groups it passes. *work: what this cost, in rows. */
static uint32_t scan_ahead(struct keyed *k, struct scan *s, uint64_t *slots, uint64_t *work)
{
	const struct freeze *z = &k->f;
	const uint16_t looks_at = (uint16_t)(z->owed_lists | z->clearing);
	uint32_t n = 0;
	uint64_t groups = 0;
	for (; s->at < s->end && n < AHEAD && groups < AHEAD * GROUPS_A_ROW; groups++) {
		uint64_t group = s->at / GROUP_SLOTS, first = group * GROUP_SLOTS;
		uint64_t next = first + GROUP_SLOTS < s->end ? first + GROUP_SLOTS : s->end;
		if (first + (GROUPS_AHEAD + 1) * GROUP_SLOTS <= s->t->total &&
		    (z->full || s->t->sums[group + GROUPS_AHEAD] & looks_at ||
		     s->t->before[group + GROUPS_AHEAD]))
			__builtin_prefetch(s->t->tags + first + GROUPS_AHEAD * GROUP_SLOTS);
		if (!z->full && !(s->t->sums[group] & looks_at) && !s->t->before[group]) {
			s->at = next;
			continue;
		}
		group_visit(k, s->t, group);
		uint64_t owes = group_owes(k, s->t, group) >> (s->at - first) << (s->at - first);
		if (n + (uint32_t)__builtin_popcountll(owes) > AHEAD)
			break; /* so the next look begins where a group does */
		*work += GROUP_ROWS_COST;
		if (first >= s->checked_from && next == first + GROUP_SLOTS) {
			for (; owes; owes &= owes - 1, n++) {
				slots[n] = first + (uint64_t)__builtin_ctzll(owes);
				__builtin_prefetch(table_slot(s->t, slots[n]));
			}
			s->at = next;
			continue;
		}
		for (; owes; owes &= owes - 1) {
			uint64_t slot = first + (uint64_t)__builtin_ctzll(owes);
			if (slot >= next)
				break;
			if (slot < s->checked_from &&
			    keyed_slot_hash(k, table_slot(s->t, slot)) < z->cursor)
				continue;
			__builtin_prefetch(table_slot(s->t, slot));
			slots[n++] = slot;
		}
		s->at = next;
	}
	*work += n + groups / GROUPS_A_ROW + 1;
	return n;
}

/* --- whole groups: what most of a snapshot of everything is, lines of numbers (LINED_BYTES) --- */

/* Groups from s->at on whose hashes need no look, as long as many of a group's rows are owed, none
 * of them a deletion, and the chunk has room. *work: as of scan_ahead. */
static inline __attribute__((always_inline)) void
groups_body(struct keyed *k, struct scan *s, uint64_t *work, uint64_t max, enum simd level)
{
	const struct freeze *z = &k->f;
	struct chunk *c = z->ordered;
	if (k->slot_bytes != LINED_BYTES || !c || s->at % GROUP_SLOTS || s->at < s->checked_from)
		return;
	struct chunk_columns x = chunk_columns(c, 8);
	while (s->at + GROUP_SLOTS <= s->end && c->rows + 2 * GROUP_SLOTS <= x.room && *work < max) {
		uint64_t group = s->at / GROUP_SLOTS;
		lists_tell(k, s->t, group);
		uint64_t owes = group_owes(k, s->t, group);
		uint64_t dead = tags_match(s->t->tags + s->at, TAG_DEAD, TAG_DEAD);
		if (owes & dead || __builtin_popcountll(owes) < GROUP_DENSE)
			return;
		if (s->t->sums[group] & z->clearing)
			lists_clean_group(k, s->t, group, z->clearing);
		__builtin_prefetch(s->t->tags + s->at + GROUPS_AHEAD * GROUP_SLOTS);
		uint32_t n = lines_put(table_slot(s->t, s->at), owes, x.key + c->rows,
				       x.value + c->rows, level);
		memset(x.op + c->rows, ROW_PUT, GROUP_SLOTS);
		c->rows += n;
		c->used_bytes += n * k->row_bytes;
		*work += n / LINES_A_ROW + 1;
		s->at += GROUP_SLOTS;
	}
}

static void groups_base(struct keyed *k, struct scan *s, uint64_t *work, uint64_t max)
{
	groups_body(k, s, work, max, SIMD_BASE);
}

TARGET_V3 static void groups_v3(struct keyed *k, struct scan *s, uint64_t *work, uint64_t max)
{
	groups_body(k, s, work, max, SIMD_V3);
}

static void groups_write(struct keyed *k, struct scan *s, uint64_t *work, uint64_t max)
{
	if (simd_have() >= SIMD_V3)
		groups_v3(k, s, work, max);
	else
		groups_base(k, s, work, max);
}

/* The row of `slot` has no room: the chunk ends before its cluster; s->at is where to go on. *room:
 * whether there is another chunk; if not, the cursor says where to go on. */
static RC chunk_full(struct keyed *k, struct scan *s, uint64_t slot, bool *room, struct err *e)
{
	struct freeze *z = &k->f;
	uint64_t from = slot;
	while (from > s->begin && s->t->tags[from - 1] != TAG_EMPTY)
		from--;
	rows_take_back(k, s, from, slot);
	bool alone = z->ordered->rows == 0; /* this cluster fills a chunk */
	ordered_close(k);
	s->at = from;
	if (alone) {
		s->at = table_empty_from(s->t, slot);
		return cluster_write(k, s, from, s->at, room, e);
	}
	(void)cursor_to(k, s, from);
	*room = ordered_chunk(k);
	return OK;
}

/* Rows of the slots found; stops where a chunk is full. */
static RC scan_write(struct keyed *k, struct scan *s, const uint64_t *slots, uint32_t n, bool *room,
		     struct err *e)
{
	if (!n)
		return OK;
	if (!k->f.ordered && !ordered_chunk(k)) {
		/* Not one row of this cluster, or of any after it, is in a chunk. */
		*room = false;
		return OK;
	}
	uint32_t done = slot_rows_put(k, k->f.ordered, s->t, slots, n);
	return done < n ? chunk_full(k, s, slots[done], room, e) : OK;
}

/* Where all that slices wrote is in one chunk, it goes with the saved rows, and both are one run: a
 * chain grows by one with each small checkpoint, not by two. */
static void ordered_join(struct freeze *z)
{
	if (z->ordered_sent || !z->saved || !z->ordered || !z->ordered->rows ||
	    PLANTED(state_changes_under_the_snapshot))
		return;
	z->ordered->next = z->saved;
	z->saved = z->ordered;
	z->ordered = NULL;
}

static void freeze_end(struct keyed *k)
{
	ordered_join(&k->f);
	ordered_close(k);
	saved_close(k);
	if (k->f.full && k->watch.words)
		totals_check(k);
	lists_cleared(k, k->f.clearing);
	k->before_told = true;
	k->f.running = false;
}

RC keyed_slice(struct keyed *k, uint32_t max_rows, enum keyed_slice *at, struct err *e)
{
	uint64_t slots[AHEAD], work = 0;
	struct scan s;
	bool room = true;
	*at = KEYED_DONE;
	if (!k->f.running)
		return OK;
	lists_tidy(k, TIDY_BYTES);
	if (!k->t.slots) {
		freeze_end(k);
		return OK;
	}
	scan_begin(k, &s);
	for (;;) {
		groups_write(k, &s, &work, max_rows);
		uint32_t n = scan_ahead(k, &s, slots, &work);
		if (scan_write(k, &s, slots, n, &room, e) != OK)
			return E_NO_MEMORY;
		if (!room) {
			*at = KEYED_NO_ROOM;
			return OK;
		}
		/* Enough: on to the end of the cluster, where the cursor can stand. */
		if (s.at < s.end && work >= max_rows)
			s.end = table_empty_from(s.t, s.at);
		if (s.at < s.end)
			continue;
		if (s.end == s.t->total || !cursor_to(k, &s, s.end))
			break;
		if (work >= max_rows) {
			*at = KEYED_MORE;
			return OK;
		}
		scan_begin(k, &s);
	}
	freeze_end(k);
	return OK;
}
