/* hash.c - see hash.h: the door of xxhash, compiled in (XXH_INLINE_ALL) so that no other library's
 * copy of the same symbols can take its place. */
#include "base/hash.h"

#include "base/check.h"

#include <string.h>
#include <xxhash.h>

/* Part of the format: "weirsum1" as a little-endian number. */
#define CHECKSUM_SEED 0x316D757372696577u

uint64_t hash_bytes(const void *data, size_t len)
{
	return XXH3_64bits(data, len);
}

/* HASH_XXH3_64 goes one of four ways by length, and words of a text have every length: a branch the
 * processor cannot guess costs more than the hash. So rows are sorted by their way first (a store
 * each, no branch), and each way is a loop of its own, in which the compiler knows the bounds of
 * len. */
enum { WAY_TINY, WAY_SHORT, WAY_MEDIUM, WAY_LONG, WAYS };
#define WAY_ROWS 256 /* at a time, so that the lists stay in the first-level cache */

#define HASH_MIDDLE_BYTES 48

static inline uint64_t load(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

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

/* hash_string of 13 to 48 bytes: six words that cover them all, wherever they overlap, so that no
 * branch asks how long the text is. Two and two are folded, then all. */
static inline uint64_t hash_middle(const uint8_t *p, uint32_t len)
{
	uint32_t last = len - 8, end = len > 16 ? len - 16 : 0, mid = end / 2;
	uint64_t ab = hash_fold(load(p) ^ 0x2D358DCCAA6C78A5u,
				load(p + (last < 8 ? last : 8)) ^ 0x8BB84B93962EACC9u);
	uint64_t cd = hash_fold(load(p + mid) ^ 0x4B33A62ED433D4A3u,
				load(p + (last < mid + 8 ? last : mid + 8)) ^ 0x4D5A2DA51DE1AA47u);
	uint64_t ef = hash_fold(load(p + end) ^ 0xA0761D6478BD642Fu,
				load(p + last) ^ 0xE7037ED1A0B428DBu);
	return hash_fold(ab ^ cd ^ 0x90ED1765281C388Cu, ef ^ len ^ 0x589965CC75374CC3u);
}

/* Those longer than a view holds. */
static inline void hash_long(enum hash_id id, const struct view *view, const uint8_t *const *base,
			     const uint16_t *row, uint32_t n, uint64_t *out)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct view *v = view + row[i];
		const uint8_t *p = base[v->ref.base] + v->ref.off;
		out[row[i]] = id == HASH_STRING && v->len <= HASH_MIDDLE_BYTES
				      ? hash_middle(p, v->len)
				      : XXH3_64bits(p, v->len);
	}
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
	hash_long(HASH_XXH3_64, view, base, list[WAY_LONG], count[WAY_LONG], out);
}

/* HASH_STRING: all rows as if they were short, and a list of those that are not; no branch. */
static inline void string_some(const struct view *view, const uint8_t *const *base,
			       const uint16_t *sel, uint32_t from, uint32_t n, uint64_t *out)
{
	uint16_t longer[WAY_ROWS];
	uint32_t count = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = sel ? sel[from + i] : from + i;
		uint64_t w[2];
		memcpy(w, &view[row], sizeof w);
		out[row] = hash_short(w[0], w[1]);
		longer[count] = (uint16_t)row;
		count += view[row].len > HASH_SHORT_BYTES;
	}
	hash_long(HASH_STRING, view, base, longer, count, out);
}

void hash_views(enum hash_id id, const void *view, const uint8_t *const *base, const uint16_t *sel,
		uint32_t n, uint64_t *out)
{
	_Static_assert(sizeof(struct view) == 16, "Arrow's view");
	CHECK(id == HASH_XXH3_64 || id == HASH_STRING);
	for (uint32_t at = 0; at < n; at += WAY_ROWS) {
		uint32_t some = n - at < WAY_ROWS ? n - at : WAY_ROWS;
		if (id == HASH_XXH3_64)
			hash_some(view, base, sel, at, some, out);
		else if (sel)
			string_some(view, base, sel, at, some, out);
		else
			string_some(view, base, NULL, at, some, out);
	}
}

uint64_t hash_string(const void *data, size_t len)
{
	uint64_t w[2] = {len};
	if (len > HASH_MIDDLE_BYTES)
		return hash_bytes(data, len);
	if (len > HASH_SHORT_BYTES)
		return hash_middle(data, (uint32_t)len);
	memcpy((char *)w + 4, data, len);
	return hash_short(w[0], w[1]);
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
