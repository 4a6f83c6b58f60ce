/* table.c - see table.h. Slots are never zeroed; the rest is, lazily where they are large: a
 * private page that was given back reads as zeros, so a large table costs no long stop at birth. */
#include "state/table.h"

#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)
#define PAGE_BYTES ((size_t)4096)
#define LARGE_BYTES (HUGE_BYTES / 2) /* from here on huge pages and lazy zeros pay, by feel */

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static void zero_lazily(uint8_t *p, size_t len)
{
	uintptr_t from = round_up((uintptr_t)p, PAGE_BYTES);
	uintptr_t to = ((uintptr_t)p + len) / PAGE_BYTES * PAGE_BYTES;
	if (len < LARGE_BYTES / 16 || to <= from ||
	    madvise((void *)from, to - from, MADV_DONTNEED) != 0) {
		memset(p, 0, len);
		return;
	}
	memset(p, 0, from - (uintptr_t)p);
	memset((void *)to, 0, (uintptr_t)p + len - to);
}

static bool table_alloc(struct table *t)
{
	size_t slots = round_up(t->total * t->slot_bytes, 64);
	size_t tags = round_up(t->total + 1, 64);
	size_t words = t->total / GROUP_SLOTS + 1; /* one more: probes look a little further */
	size_t marks = words * sizeof *t->marks;
	size_t sums = words * sizeof *t->sums;
	bool large = slots >= LARGE_BYTES;
	t->block_bytes = slots + tags + 3 * marks + sums;
	t->block = mem_get_aligned(t->mem, large ? HUGE_BYTES : 64, t->block_bytes);
	if (!t->block)
		return false;
	if (large) /* a wish: without huge pages it is only slower */
		(void)madvise(t->block, t->block_bytes / PAGE_BYTES * PAGE_BYTES, MADV_HUGEPAGE);
	t->slots = t->block;
	t->tags = t->slots + slots;
	t->marks = (uint64_t *)(t->tags + tags);
	t->before = t->marks + words;
	t->marks_put = t->before + words;
	t->marks_tidy = t->marks_words = words;
	t->sums = (uint16_t *)(t->marks_put + words);
	zero_lazily(t->tags, tags + 3 * marks + sums);
	t->released_bytes = 0;
	return true;
}

bool table_open(struct table *t, struct mem *mem, uint32_t slot_bytes, uint64_t lo, uint64_t hi,
		uint64_t cap, uint64_t overflow)
{
	uint64_t span = hi - lo;
	memset(t, 0, sizeof *t);
	t->mem = mem;
	t->slot_bytes = slot_bytes;
	t->lo = lo;
	cap = round_up(cap, LINE_SLOTS);
	t->cap = t->tail = cap;
	t->total = round_up(cap + overflow, GROUP_SLOTS);
	/* home(h) = floor(((h - lo) << shift) * mult / 2^64) with mult = floor(homes * 2^64 / range)
	 * for the range shifted up to (2^63, 2^64]: at most homes - 1 for h = hi, and monotone. */
	uint64_t homes = cap / LINE_SLOTS;
	t->shift = span ? (uint32_t)__builtin_clzll(span) : 63;
	unsigned __int128 range = ((unsigned __int128)span + 1) << t->shift;
	t->mult = (uint64_t)(((unsigned __int128)homes << 64) / range);
	if (table_alloc(t))
		return true;
	memset(t, 0, sizeof *t);
	return false;
}

void table_close(struct table *t)
{
	if (t->block)
		mem_put(t->mem, t->block);
	memset(t, 0, sizeof *t);
}

bool table_extend(struct table *t, uint64_t hi)
{
	struct table n;
	uint64_t overflow = (t->total - t->cap) * 2;
	if (!table_open(&n, t->mem, t->slot_bytes, t->lo, hi, t->cap, overflow))
		return false;
	size_t skip = t->released_bytes; /* nothing is there */
	memcpy(n.slots + skip, t->slots + skip, t->total * t->slot_bytes - skip);
	memcpy(n.tags, t->tags, t->total);
	memcpy(n.sums, t->sums, t->total / GROUP_SLOTS * sizeof *n.sums);
	memcpy(n.marks, t->marks, t->total / GROUP_SLOTS * sizeof *n.marks);
	memcpy(n.before, t->before, t->total / GROUP_SLOTS * sizeof *n.before);
	n.used = t->used;
	n.tail = t->tail;
	n.released_bytes = skip;
	table_close(t);
	*t = n;
	return true;
}

void table_release(struct table *t, uint64_t slot)
{
	size_t to = slot * t->slot_bytes / HUGE_BYTES * HUGE_BYTES;
	if (t->total * t->slot_bytes < LARGE_BYTES || to <= t->released_bytes)
		return;
	(void)madvise(t->slots + t->released_bytes, to - t->released_bytes, MADV_DONTNEED);
	t->released_bytes = to;
}

bool table_hash_at(const struct table *t, uint64_t hi, uint64_t slot, uint64_t *hash)
{
	uint64_t home = (slot + LINE_SLOTS - 1) / LINE_SLOTS;
	if (home >= t->cap / LINE_SLOTS)
		return false;
	unsigned __int128 step = (unsigned __int128)t->mult << t->shift;
	unsigned __int128 d = (((unsigned __int128)home << 64) + step - 1) / step;
	if (d > hi - t->lo)
		return false;
	*hash = t->lo + (uint64_t)d;
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
	uint64_t *before = t->before;
	if (!t->block)
		return;
	table_marks_tidy(t, UINT64_MAX);
	t->before = t->marks;
	t->marks = t->marks_put;
	t->marks_put = before;
	t->marks_tidy = 0;
}
