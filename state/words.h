/* words.h - rows as words, put in order: the high bits of a row's hash above the place where it
 * stands in its chunk.
 * Why words: they are moved in registers, and one comparison nearly always says which row is first;
 * what high bits do not tell, the rows themselves do (sort.c). Pure. Any thread. */
#pragma once
#include "base/cpu.h"

#include <stdint.h>

#define WORD_AT_BITS 18u /* a place: a row's number, or its offset in the chunk's data */
#define WORD_AT_MASK ((1ull << WORD_AT_BITS) - 1)

/* Two bits are left free at the top: as doubles such words are ordered as they are as numbers, and
 * none of them is a NaN. */
static inline uint64_t word_of(uint64_t hash, uint64_t at)
{
	return (hash >> 2 & ~WORD_AT_MASK) | at;
}

static inline uint32_t word_at(uint64_t word)
{
	return (uint32_t)(word & WORD_AT_MASK);
}

/* Puts right most of what stands a few places from where it belongs: rows in table order. level: of
 * simd_have(), or less. What is left differs by level. */
void words_near(uint64_t *word, uint32_t n, enum simd level);
/* By their high bits, which are spread evenly: leaves them almost sorted. to: room for n words. */
void words_distribute(uint64_t *word, uint64_t *to, uint32_t n);
