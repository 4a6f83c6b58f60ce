/* room.c - see room.h. Large rooms are mapped with address space for sixteen times as much, which
 * costs nothing, for nobody may write there yet: it counts for no limit (overcommit_memory 2,
 * ulimit -d) but that of addresses. Where there is such a one (ulimit -v), or so much is refused,
 * none is kept. Huge pages are a wish: without them it is only slower. */
#include "base/room.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define LARGE_BYTES ((size_t)128 << 10)   /* from here on copying takes too long at once, by feel */
#define LARGE_HUGE_BYTES ((size_t)1 << 20) /* and from here on a huge page pays */
#define AHEAD 16u
/* At least. Pages can be moved once: what is added behind moved ones is a mapping of its own, which
 * Linux before 6.17 does not move together with them. No table moves twice below 64 times this. */
#define AHEAD_BYTES ((size_t)4 << 30)
#define MOST_BYTES ((size_t)1 << 46) /* no system has more; 16 times as much is a size still */
#define PAGE_BYTES ((uintptr_t)4096)
#define PAGE_MOST_BYTES ((size_t)64 << 10) /* of arm64: where a mapping may change on any kernel */

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

void room_init(struct room *r, struct mem *mem, bool huge)
{
	*r = (struct room){.mem = mem, .huge = huge};
}

void room_close(struct room *r)
{
	if (r->reserved) {
		(void)munmap(r->at, r->reserved);
		mem_unclaim(r->mem, r->bytes);
	} else {
		mem_put(r->mem, r->at);
	}
	room_init(r, r->mem, r->huge);
}

/* How much address space to ask for. */
static size_t ahead_of(size_t bytes)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
		return bytes;
	return bytes * AHEAD > AHEAD_BYTES ? bytes * AHEAD : AHEAD_BYTES;
}

/* Address space that begins where a huge page may, or NULL. Nothing may be written there. */
static uint8_t *reserve(size_t bytes, bool huge)
{
	size_t all = bytes + ROOM_HUGE_BYTES;
	uint8_t *p =
		mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	size_t before = round_up((uintptr_t)p, ROOM_HUGE_BYTES) - (uintptr_t)p;
	if (before)
		(void)munmap(p, before);
	(void)munmap(p + before + bytes, all - before - bytes);
	if (huge)
		(void)madvise(p + before, bytes, MADV_HUGEPAGE);
	return p + before;
}

static bool make_writable(uint8_t *from, size_t bytes)
{
	return mprotect(from, bytes, PROT_READ | PROT_WRITE) == 0;
}

/* Pages of the old place come to the new one with all that stands in them, and are `bytes` there.
 * False: nothing moved, but what was mapped there may be gone. */
static bool pages_move(const struct room *r, uint8_t *to, size_t bytes)
{
	size_t left = r->reserved - r->bytes;
	if (mremap(r->at, r->bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to) {
		if (left)
			(void)munmap(r->at + r->bytes, left);
		return true;
	}
	/* More than one mapping, perhaps: copied. */
	if (mmap(to, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != to)
		return false;
	if (r->huge)
		(void)madvise(to, bytes, MADV_HUGEPAGE);
	memcpy(to, r->at, r->bytes);
	(void)munmap(r->at, r->reserved);
	return true;
}

static bool reserve_more(struct room *r, size_t bytes)
{
	size_t reserved = ahead_of(bytes);
	uint8_t *to = reserve(reserved, r->huge);
	if (!to)
		to = reserve(reserved = bytes, r->huge);
	if (!to)
		return false;
	if (!(r->reserved ? pages_move(r, to, bytes) : make_writable(to, bytes))) {
		/* The first `bytes` may be another's by now, where pages_move failed. */
		size_t keep = r->reserved ? bytes : 0;
		(void)munmap(to + keep, reserved - keep);
		return false;
	}
	if (!r->reserved && r->at) {
		memcpy(to, r->at, r->bytes);
		mem_put(r->mem, r->at);
	}
	r->at = to;
	r->reserved = reserved;
	return true;
}

static bool grow_small(struct room *r, size_t bytes)
{
	bytes = round_up(bytes, 64);
	uint8_t *to = mem_get_aligned(r->mem, 64, bytes);
	if (!to)
		return false;
	if (r->at)
		memcpy(to, r->at, r->bytes);
	memset(to + r->bytes, 0, bytes - r->bytes);
	mem_put(r->mem, r->at);
	r->at = to;
	r->bytes = bytes;
	return true;
}

bool room_grow(struct room *r, size_t bytes)
{
	if (bytes <= r->bytes)
		return true;
	if (bytes < (r->huge ? LARGE_HUGE_BYTES : LARGE_BYTES))
		return grow_small(r, bytes);
	if (bytes > MOST_BYTES)
		return false;
	bytes = round_up(bytes, r->huge ? ROOM_HUGE_BYTES : PAGE_MOST_BYTES);
	size_t more = bytes - (r->reserved ? r->bytes : 0);
	if (!mem_claim(r->mem, more))
		return false;
	if (!(bytes > r->reserved ? reserve_more(r, bytes)
				  : make_writable(r->at + r->bytes, more))) {
		mem_unclaim(r->mem, more);
		return false;
	}
	r->bytes = bytes;
	return true;
}

bool room_touch(uint8_t *from, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
	uintptr_t first = (uintptr_t)from / PAGE_BYTES * PAGE_BYTES;
	uintptr_t end = ((uintptr_t)from + bytes) / PAGE_BYTES * PAGE_BYTES;
	return end <= first || madvise((void *)first, end - first, MADV_POPULATE_WRITE) == 0;
#else
	(void)from, (void)bytes;
	return false;
#endif
}
