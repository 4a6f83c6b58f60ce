/* checksum.h - weir's checksum of a stream of records, written again from its definition
 * (operators/record_checksum.h), for records of a word and a number, or of two numbers. */
#pragma once
#include "floor.h"

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#define CHECKSUM_SEED 0x7363657272696577u /* "weirrecs" */

static inline uint64_t fold64(uint64_t key)
{
	unsigned __int128 m = (unsigned __int128)(key ^ 0x2D358DCCAA6C78A5u) * 0x8BB84B93962EACC9u;
	uint64_t a = (uint64_t)m, b = (uint64_t)(m >> 64);
	m = (unsigned __int128)(a ^ 0x2D358DCCAA6C78A5u) * (b ^ 0x4B33A62ED433D4A3u);
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* A text of up to 12 bytes: w0 is its length and first 4 bytes, w1 the next 8. */
static inline uint64_t checksum_short(uint64_t w0, uint64_t w1)
{
	unsigned __int128 m = w0 ^ 0x9E3779B97F4A7C15u;
	m *= w1 ^ 0xD6E8FEB86659FD93u;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* The sum over n records of two numbers. */
static inline uint64_t checksum_ints(const uint64_t *a, const uint64_t *b, uint32_t n)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += fold64(fold64(CHECKSUM_SEED ^ a[i]) ^ b[i]);
	return sum;
}
