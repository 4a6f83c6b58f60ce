/* table.c - see table.h. Rooms are zero where nobody has written, so nothing is zeroed here. */
#include "state/table.h"

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* Addresses of rooms change when they grow, and the marks' when they turn. */
static void table_point(struct table *t)
{
	t->slots = t->room[ROOM_SLOTS].at;
	t->tags = t->room[ROOM_TAGS].at;
	t->sums = (uint16_t *)t->room[ROOM_SUMS].at;
	t->marks = (uint64_t *)t->room[ROOM_MARKS].at;
	t->before = (uint64_t *)t->room[ROOM_BEFORE].at;
	t->marks_put = (uint64_t *)t->room[ROOM_PUT].at;
}

/* home(h) = floor(((h - lo) << shift) * mult / 2^64) with mult = floor(homes * 2^64 / range) for
 * the range shifted up to (2^63, 2^64]: at most homes - 1 for h = hi, and monotone in h and in
 * homes. */
static void table_scale(struct table *t, uint64_t hi, uint64_t cap)
{
	uint64_t homes = cap / LINE_SLOTS, span = hi - t->lo;
	t->shift = span ? (uint32_t)__builtin_clzll(span) : 63;
	unsigned __int128 range = ((unsigned __int128)span + 1) << t->shift;
	t->mult = (uint64_t)(((unsigned __int128)homes << 64) / range);
	t->cap = cap;
}

bool table_widen(struct table *t, uint64_t total)
{
	total = round_up(total, GROUP_SLOTS);
	size_t words = total / GROUP_SLOTS + 1; /* one more: probes look a little further */
	size_t bytes[TABLE_ROOMS] = {
		[ROOM_SLOTS] = total * t->slot_bytes,
		[ROOM_TAGS] = total + 1,
		[ROOM_SUMS] = words * sizeof *t->sums,
		[ROOM_MARKS] = words * sizeof *t->marks,
		[ROOM_BEFORE] = words * sizeof *t->before,
		[ROOM_PUT] = words * sizeof *t->marks_put,
	};
	bool grown = true;
	for (unsigned i = 0; i < TABLE_ROOMS && grown; i++)
		grown = room_grow(&t->room[i], bytes[i]);
	table_point(t); /* those that did grow are larger than need be, which does no harm */
	if (!grown)
		return false;
	if (t->marks_tidy == t->marks_words)
		t->marks_tidy = words; /* what is new is zero */
	t->marks_words = words;
	t->total = total;
	return true;
}

bool table_open(struct table *t, struct mem *mem, uint32_t slot_bytes, uint64_t lo, uint64_t hi,
		uint64_t cap, uint64_t overflow)
{
	memset(t, 0, sizeof *t);
	for (unsigned i = 0; i < TABLE_ROOMS; i++)
		room_init(&t->room[i], mem, i == ROOM_SLOTS);
	t->slot_bytes = slot_bytes;
	t->lo = lo;
	table_scale(t, hi, round_up(cap, LINE_SLOTS));
	t->old_mult = t->mult;
	t->tail = t->cap;
	if (table_widen(t, t->cap + overflow))
		return true;
	table_close(t);
	return false;
}

void table_close(struct table *t)
{
	for (unsigned i = 0; i < TABLE_ROOMS; i++)
		room_close(&t->room[i]);
	memset(t, 0, sizeof *t);
}

bool table_extend(struct table *t)
{
	return table_widen(t, t->cap + (t->total - t->cap) * 2);
}

bool table_grow(struct table *t, uint64_t hi, uint64_t cap, uint64_t overflow)
{
	cap = round_up(cap, LINE_SLOTS);
	CHECK(!t->growing && cap >= t->cap);
	if (!table_widen(t, cap + overflow > t->total ? cap + overflow : t->total))
		return false;
	t->growing = true;
	t->old_cap = t->cap;
	t->old_mult = t->mult;
	t->old_last = hi;
	t->unmoved = t->tail;
	table_scale(t, hi, cap);
	if (t->tail < cap)
		t->tail = cap;
	return true;
}

void table_moved(struct table *t, uint64_t hi, uint64_t slot)
{
	uint64_t hash;
	CHECK(t->growing && slot <= t->unmoved);
	t->unmoved = slot;
	t->old_last = hi;
	if (slot == 0) {
		t->growing = false;
		t->old_mult = t->mult;
	} else if (table_hash_at(t, hi, slot, &hash)) {
		t->old_last = hash - 1; /* above lo, whose home is 0 */
	} /* else the slot is so far up that no home is there */
}

size_t table_bytes(const struct table *t)
{
	size_t bytes = 0;
	for (unsigned i = 0; i < TABLE_ROOMS; i++)
		bytes += t->room[i].bytes;
	return bytes;
}

/* The same by one of the two scales. */
static bool hash_at_by(const struct table *t, uint64_t cap, uint64_t mult, uint64_t hi,
		       uint64_t slot, uint64_t *hash)
{
	uint64_t home = (slot + LINE_SLOTS - 1) / LINE_SLOTS;
	if (home >= cap / LINE_SLOTS)
		return false;
	unsigned __int128 step = (unsigned __int128)mult << t->shift;
	unsigned __int128 d = (((unsigned __int128)home << 64) + step - 1) / step;
	if (d > hi - t->lo)
		return false;
	*hash = t->lo + (uint64_t)d;
	return true;
}

bool table_hash_at(const struct table *t, uint64_t hi, uint64_t slot, uint64_t *hash)
{
	if (t->growing && hash_at_by(t, t->old_cap, t->old_mult, t->old_last, slot, hash))
		return true;
	if (t->growing && t->old_last == hi)
		return false;
	if (!hash_at_by(t, t->cap, t->mult, hi, slot, hash))
		return false;
	if (t->growing && *hash <= t->old_last)
		*hash = t->old_last + 1;
	return true;
}

void table_marks_tidy(struct table *t, uint64_t bytes)
{
	uint64_t n = t->marks_words - t->marks_tidy;
	if (n > bytes / sizeof *t->marks)
		n = bytes / sizeof *t->marks;
	if (n)
		memset(t->marks_put + t->marks_tidy, 0, n * sizeof *t->marks);
	t->marks_tidy += n;
}

void table_marks_turn(struct table *t)
{
	if (!t->slots)
		return;
	table_marks_tidy(t, UINT64_MAX);
	struct room put = t->room[ROOM_PUT];
	t->room[ROOM_PUT] = t->room[ROOM_BEFORE];
	t->room[ROOM_BEFORE] = t->room[ROOM_MARKS];
	t->room[ROOM_MARKS] = put;
	table_point(t);
	t->marks_tidy = 0;
}
