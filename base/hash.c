/* hash.c - see hash.h: the door of xxhash, compiled in (XXH_INLINE_ALL) so that no other library's
 * copy of the same symbols can take its place. */
#include "base/hash.h"

#include "base/check.h"

#include <xxhash.h>

/* Part of the format: "weirsum1" as a little-endian number. */
#define CHECKSUM_SEED 0x316D757372696577u

uint64_t hash_bytes(const void *data, size_t len)
{
	return XXH3_64bits(data, len);
}

/* XXH3 goes one of four ways by length, and words of a text have every length: a branch the
 * processor cannot guess costs more than the hash. So rows are sorted by their way first (a store
 * each, no branch), and each way is a loop of its own, in which the compiler knows the bounds of
 * len. */
enum { WAY_TINY, WAY_SHORT, WAY_MEDIUM, WAY_LONG, WAYS };
#define WAY_ROWS 256 /* at a time, so that the lists stay in the first-level cache */

struct view {
	uint32_t len;
	union {
		uint8_t inl[12];
		struct {
			uint32_t prefix, base, off;
		} ref;
	};
};

#define WAY_LOOP(list, count, least, most)                                                         \
	for (uint32_t i = 0; i < (count); i++) {                                                   \
		const struct view *v = view + (list)[i];                                           \
		if ((int)v->len < (least) || v->len > (most))                                      \
			__builtin_unreachable();                                                   \
		out[(list)[i]] = XXH3_64bits(v->inl, v->len);                                      \
	}

static void hash_some(const struct view *view, const uint8_t *const *base, const uint16_t *sel,
		      uint32_t from, uint32_t n, uint64_t *out)
{
	static const uint8_t way_of[16] = {
		WAY_TINY,   WAY_TINY,   WAY_TINY,   WAY_TINY,   WAY_SHORT, WAY_SHORT,
		WAY_SHORT,  WAY_SHORT,  WAY_SHORT,  WAY_MEDIUM, WAY_MEDIUM, WAY_MEDIUM,
		WAY_MEDIUM, WAY_LONG,   WAY_LONG,   WAY_LONG,
	};
	uint16_t list[WAYS][WAY_ROWS];
	uint32_t count[WAYS] = {0};
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = sel ? sel[from + i] : from + i, len = view[row].len;
		uint8_t way = way_of[len < 15 ? len : 15];
		list[way][count[way]++] = (uint16_t)row;
	}
	WAY_LOOP(list[WAY_TINY], count[WAY_TINY], 0, 3)
	WAY_LOOP(list[WAY_SHORT], count[WAY_SHORT], 4, 8)
	WAY_LOOP(list[WAY_MEDIUM], count[WAY_MEDIUM], 9, 12)
	for (uint32_t i = 0; i < count[WAY_LONG]; i++) {
		const struct view *v = view + list[WAY_LONG][i];
		out[list[WAY_LONG][i]] = XXH3_64bits(base[v->ref.base] + v->ref.off, v->len);
	}
}

void hash_views(const void *view, const uint8_t *const *base, const uint16_t *sel, uint32_t n,
		uint64_t *out)
{
	_Static_assert(sizeof(struct view) == 16, "Arrow's view");
	for (uint32_t at = 0; at < n; at += WAY_ROWS)
		hash_some(view, base, sel, at, n - at < WAY_ROWS ? n - at : WAY_ROWS, out);
}

uint64_t hash_of_group(uint32_t group, uint32_t max_parallelism)
{
	if (group >= max_parallelism)
		return 0;
	/* The least h with (h * max_parallelism) >> 32 == group, h being the high 32 bits. */
	uint64_t high = (((uint64_t)group << 32) + max_parallelism - 1) / max_parallelism;
	return high << 32;
}

uint64_t checksum64(const void *data, size_t len)
{
	return XXH3_64bits_withSeed(data, len, CHECKSUM_SEED);
}

_Static_assert(sizeof(XXH3_state_t) <= sizeof(struct checksum), "struct checksum holds the state");
_Static_assert(_Alignof(XXH3_state_t) <= _Alignof(struct checksum), "and aligns it");

void checksum_begin(struct checksum *c)
{
	XXH3_state_t *s = (XXH3_state_t *)c->state;
	XXH3_INITSTATE(s);
	CHECK(XXH3_64bits_reset_withSeed(s, CHECKSUM_SEED) == XXH_OK);
}

void checksum_add(struct checksum *c, const void *data, size_t len)
{
	if (len)
		CHECK(XXH3_64bits_update((XXH3_state_t *)c->state, data, len) == XXH_OK);
}

uint64_t checksum_end(const struct checksum *c)
{
	return XXH3_64bits_digest((const XXH3_state_t *)c->state);
}
