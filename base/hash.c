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

void hash_views(const void *view, const uint8_t *const *base, const uint16_t *sel, uint32_t n,
		uint64_t *out)
{
	struct {
		uint32_t len;
		union {
			uint8_t inl[12];
			struct {
				uint32_t prefix, base, off;
			} ref;
		};
	} v;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = sel ? sel[i] : i;
		memcpy(&v, (const uint8_t *)view + (size_t)row * sizeof v, sizeof v);
		out[row] = v.len <= sizeof v.inl ? XXH3_64bits(v.inl, v.len)
						 : XXH3_64bits(base[v.ref.base] + v.ref.off, v.len);
	}
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
