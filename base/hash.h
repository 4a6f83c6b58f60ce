/* hash.h - the hashes of the format, frozen by golden vectors (docs/FORMAT.md): the door of xxhash.
 * Why one place: routing, placement, run order and checksums must agree for ever (inv 6). */
#pragma once
#include "base/cpu.h"

#include <stddef.h>
#include <stdint.h>

/* Names in the format for how canonical key bytes become 64 bits. */
enum hash_id {
	HASH_XXH3_64 = 1, /* any bytes: XXH3_64bits, seed 0 */
	HASH_FOLD64 = 2,  /* keys of exactly 8 bytes: hash_fold64 */
	HASH_STRING = 3,  /* any bytes, made for short ones: hash_string */
};

/* XXH3_64bits of key bytes: HASH_XXH3_64. */
uint64_t hash_bytes(const void *data, size_t len);

/* The halves of a product of 128 bits, folded into one. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 m = (unsigned __int128)a * b;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

#define HASH_SHORT_BYTES 12 /* what a view of 16 bytes holds inline */

/* hash_string of up to HASH_SHORT_BYTES, given as the two words of their view: u32 length, bytes,
 * zeros. Two folded multiplies, the constants of hash_fold64 and rapidhash. The first one cannot be
 * by zero on w0's side, whose low half is a length. */
static inline uint64_t hash_short(uint64_t w0, uint64_t w1)
{
	unsigned __int128 m = (unsigned __int128)(w0 ^ 0x2D358DCCAA6C78A5u) *
			      (w1 ^ 0x8BB84B93962EACC9u);
	return hash_fold((uint64_t)m ^ 0x4B33A62ED433D4A3u,
			 (uint64_t)(m >> 64) ^ 0x4D5A2DA51DE1AA47u);
}

/* HASH_STRING: hash_short of up to HASH_SHORT_BYTES, folded multiplies of up to 48, hash_bytes of
 * more. docs/FORMAT.md has the definition. */
uint64_t hash_string(const void *data, size_t len);

/* HASH_STRING or HASH_XXH3_64 of many strings at once: out[row] for the n rows sel[0..n-1], or
 * 0..n-1 when sel is NULL. view: 16 bytes a row as Arrow has it: u32 length, then up to 12 bytes
 * inline, zeros behind them, or a 4-byte prefix, u32 number of a base, u32 offset from it.
 * simd: simd_have(), or a lower level to be compared with it. */
void hash_views(enum simd simd, enum hash_id id, const void *view, const uint8_t *const *base,
		const uint16_t *sel, uint32_t n, uint64_t *out);

/* HASH_FOLD64 of many keys, rows as above. */
void hash_numbers(enum simd simd, const uint64_t *key, const uint16_t *sel, uint32_t n,
		  uint64_t *restrict out);

/* Folded multiply of an 8-byte key (as in wyhash and rapidhash, Wang Yi 2019): HASH_FOLD64.
 * Golden: see tests/unit/base/test_hash.c. */
static inline uint64_t hash_fold64(uint64_t key)
{
	unsigned __int128 m = (unsigned __int128)(key ^ 0x2D358DCCAA6C78A5u) * 0x8BB84B93962EACC9u;
	return hash_fold((uint64_t)m ^ 0x2D358DCCAA6C78A5u,
			 (uint64_t)(m >> 64) ^ 0x4B33A62ED433D4A3u);
}

/* The key group of a hash: multiply-shift of its high 32 bits; monotone in the hash. */
static inline uint32_t hash_group(uint64_t hash, uint32_t max_parallelism)
{
	return (uint32_t)(((hash >> 32) * max_parallelism) >> 32);
}

/* The lowest hash of a group: groups are [hash_of_group(g), hash_of_group(g + 1)); group
 * max_parallelism has no lowest hash: the end is 2^64, returned as 0. */
uint64_t hash_of_group(uint32_t group, uint32_t max_parallelism);

/* Subtask s of n owns the groups [group_first(s), group_first(s + 1)): contiguous, all groups, each
 * once. The subtask of a group is group_owner. */
static inline uint32_t group_first(uint32_t subtask, uint32_t parallelism, uint32_t max_parallelism)
{
	return (uint32_t)(((uint64_t)subtask * max_parallelism + parallelism - 1) / parallelism);
}
static inline uint32_t group_owner(uint32_t group, uint32_t parallelism, uint32_t max_parallelism)
{
	return (uint32_t)((uint64_t)group * parallelism / max_parallelism);
}

/* Checksum of a block or header: XXH3_64bits under a seed of its own, so that a block of key bytes
 * never carries a key's hash as its checksum. */
uint64_t checksum64(const void *data, size_t len);

/* The same over pieces (whole-file hash). Owned by the caller, nothing to close; 64-byte
 * aligned. */
struct checksum {
	_Alignas(64) unsigned char state[576];
};
void checksum_begin(struct checksum *c);
void checksum_add(struct checksum *c, const void *data, size_t len);
uint64_t checksum_end(const struct checksum *c); /* may be called again after more adds */
