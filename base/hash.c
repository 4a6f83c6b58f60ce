/* hash.c - see hash.h: the door of xxhash, compiled in (XXH_INLINE_ALL) so that no other library's
 * copy of the same symbols can take its place. */
#include "base/hash.h"

#include "base/check.h"
#include "base/hash_lanes.h"

#include <string.h>
#include <xxhash.h>

/* Part of the format: "weirsum1" as a little-endian number. */
#define CHECKSUM_SEED 0x316D757372696577u

uint64_t hash_bytes(const void *data, size_t len)
{
	return XXH3_64bits(data, len);
}

#define HASH_MIDDLE_BYTES 48
#define SOME_ROWS 256 /* at a time, so that lists of them stay in the first-level cache */

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
_Static_assert(sizeof(struct view) == 16, "Arrow's view");

/* What many strings are hashed from and to. */
struct views {
	const struct view *view;
	const uint8_t *const *base;
	uint64_t *out;
};

static inline const uint8_t *view_bytes(const struct views *s, uint32_t row)
{
	const struct view *v = &s->view[row];
	return s->base[v->ref.base] + v->ref.off;
}

/* --- XXH3_64bits goes one of many ways by length, and words of a text have every length: a branch
 * the processor cannot guess costs more than the hash. So rows are sorted by their way first (a
 * store each, no branch), and each way is a loop of its own, in which the compiler knows the bounds
 * of len. --- */

enum { WAY_3, WAY_8, WAY_12, WAY_16, WAY_32, WAY_64, WAY_LONG, WAYS };

struct ways {
	uint32_t n[WAYS];
	uint16_t row[WAYS][SOME_ROWS];
};

#define WAY_LOOP(way, least, most, bytes)                                                          \
	for (uint32_t i = 0; i < w->n[way]; i++) {                                                 \
		uint32_t row = w->row[way][i], len = s.view[row].len;                              \
		if ((int)len < (least) || len > (most))                                            \
			__builtin_unreachable();                                                   \
		s.out[row] = XXH3_64bits(bytes, len);                                              \
	}

static void xxh3_by_ways(struct views s, const struct ways *w)
{
	WAY_LOOP(WAY_3, 0, 3, s.view[row].inl)
	WAY_LOOP(WAY_8, 4, 8, s.view[row].inl)
	WAY_LOOP(WAY_12, 9, 12, s.view[row].inl)
	WAY_LOOP(WAY_16, 13, 16, view_bytes(&s, row))
	WAY_LOOP(WAY_32, 17, 32, view_bytes(&s, row))
	WAY_LOOP(WAY_64, 33, 64, view_bytes(&s, row))
	for (uint32_t i = 0; i < w->n[WAY_LONG]; i++) {
		uint32_t row = w->row[WAY_LONG][i];
		s.out[row] = hash_bytes(view_bytes(&s, row), s.view[row].len);
	}
}

static void xxh3_some(struct views s, const uint16_t *sel, uint32_t from, uint32_t n)
{
#define FOUR(way) way, way, way, way
#define EIGHT(way) FOUR(way), FOUR(way)
	static const uint8_t way_of[66] = {
		FOUR(WAY_3),   WAY_8,	       FOUR(WAY_8),   FOUR(WAY_12),  FOUR(WAY_16),
		EIGHT(WAY_32), EIGHT(WAY_32), EIGHT(WAY_64), EIGHT(WAY_64), EIGHT(WAY_64),
		EIGHT(WAY_64), WAY_LONG,
	};
	struct ways w;
	memset(w.n, 0, sizeof w.n);
	for (uint32_t i = from; i < from + n; i++) {
		uint32_t row = sel ? sel[i] : i, len = s.view[row].len;
		uint8_t way = way_of[len < 65 ? len : 65];
		w.row[way][w.n[way]++] = (uint16_t)row;
	}
	xxh3_by_ways(s, &w);
}

/* --- hash_string --- */

/* Of 13 to 48 bytes: six words that cover them all, wherever they overlap, so that no branch asks
 * how long the text is. Two and two are folded, then all. */
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

/* First all rows as if they were short, without a branch; then those that are not, from a list. */
static inline void one_as_short(const struct views *s, uint32_t row)
{
	uint64_t w[2];
	memcpy(w, &s->view[row], sizeof w);
	s->out[row] = hash_short(w[0], w[1]);
}

static uint32_t as_short(struct views s, const uint16_t *sel, uint32_t from, uint32_t end,
			 uint16_t *list)
{
	uint32_t n = 0;
	for (uint32_t i = from; i < end; i++) {
		uint32_t row = sel ? sel[i] : i;
		one_as_short(&s, row);
		list[n] = (uint16_t)row;
		n += s.view[row].len > HASH_SHORT_BYTES;
	}
	return n;
}

/* Rows from .. from + 63. */
TARGET_V3 static uint32_t as_short_64_v3(struct views s, uint32_t from, uint16_t *list, uint32_t n)
{
	uint64_t is_long = 0;
	for (uint32_t k = 0; k < 64; k += 2 * HASH_LANES) {
		uint32_t row = from + k;
		hash_x4 w0, w1, next0, next1;
		hash_x4_words(&s.view[row], &w0, &w1);
		hash_x4_words(&s.view[row + HASH_LANES], &next0, &next1);
		*(hash_x4 *)&s.out[row] = hash_x4_short(w0, w1);
		is_long |= (hash_x4_long(w0) | hash_x4_long(next0) << HASH_LANES) << k;
		for (uint32_t i = 0; i < HASH_LANES; i++)
			one_as_short(&s, row + HASH_LANES + i);
	}
	return hash_list_bits(is_long, from, list, n);
}

static void string_some(enum simd simd, struct views s, const uint16_t *sel, uint32_t from,
			uint32_t n)
{
	uint16_t list[SOME_ROWS];
	uint32_t n_list = 0, end = from + n;
	for (; simd >= SIMD_V3 && !sel && from + 64 <= end; from += 64)
		n_list = as_short_64_v3(s, from, list, n_list);
	n_list += as_short(s, sel, from, end, list + n_list);
	for (uint32_t i = 0; i < n_list; i++) {
		uint32_t row = list[i], len = s.view[row].len;
		const uint8_t *p = view_bytes(&s, row);
		s.out[row] = len <= HASH_MIDDLE_BYTES ? hash_middle(p, len) : hash_bytes(p, len);
	}
}

void hash_views(enum simd simd, enum hash_id id, const void *view, const uint8_t *const *base,
		const uint16_t *sel, uint32_t n, uint64_t *out)
{
	const struct views s = {view, base, out};
	CHECK(id == HASH_XXH3_64 || id == HASH_STRING);
	for (uint32_t at = 0; at < n; at += SOME_ROWS) {
		uint32_t some = n - at < SOME_ROWS ? n - at : SOME_ROWS;
		if (id == HASH_XXH3_64)
			xxh3_some(s, sel, at, some);
		else
			string_some(simd, s, sel, at, some);
	}
}

/* --- hash_fold64 --- */

static void numbers_plain(const uint64_t *key, uint32_t from, uint32_t n, uint64_t *restrict out)
{
	for (uint32_t i = from; i < n; i++)
		out[i] = hash_fold64(key[i]);
}

TARGET_V3 static void numbers_v3(const uint64_t *key, uint32_t n, uint64_t *restrict out)
{
	uint32_t i = 0;
	for (; i + 2 * HASH_LANES <= n; i += 2 * HASH_LANES) {
		*(hash_x4 *)&out[i] = hash_x4_fold64(*(const hash_x4 *)&key[i]);
		for (uint32_t k = i + HASH_LANES; k < i + 2 * HASH_LANES; k++)
			out[k] = hash_fold64(key[k]);
	}
	numbers_plain(key, i, n, out);
}

void hash_numbers(enum simd simd, const uint64_t *key, const uint16_t *sel, uint32_t n,
		  uint64_t *restrict out)
{
	if (sel)
		for (uint32_t i = 0; i < n; i++)
			out[sel[i]] = hash_fold64(key[sel[i]]);
	else if (simd >= SIMD_V3)
		numbers_v3(key, n, out);
	else
		numbers_plain(key, 0, n, out);
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
