/* ints.h - sums by integer key: the table of w2 and w3, and where the keys come from.
 * A line of the cache is a bucket: 4 keys beside their 4 sums, so a hit is one line, one compare
 * and no branch that guesses; a full bucket goes on in the next. A key is stored plus 1: 0 is
 * empty (the keys of the works are never -1). Fibonacci hashing: one multiplication, another one
 * scales it to any number of lines, so the table is as full as it may be: less of it is missed.
 * Probes run PIPE rows behind their prefetches, which keeps more lines on their way than a group
 * that is first prefetched and then used. */
#pragma once
#include "floor.h"

#include <immintrin.h>

#define PIPE 64u

struct int_line {
	_Alignas(64) uint64_t key[4];
	uint64_t sum[4];
};

struct ints {
	struct int_line *line, *end;
	uint64_t lines, used;
};

/* For up to `keys` keys: it does not grow. */
static inline void ints_open(struct ints *t, uint64_t keys, bool huge)
{
	*t = (struct ints){.lines = keys * 5 / 16 + 16};
	t->line = pages(t->lines * sizeof *t->line, huge);
	t->end = t->line + t->lines;
}

static inline void ints_close(struct ints *t)
{
	pages_free(t->line, t->lines * sizeof *t->line);
}

static inline uint64_t int_hash(uint64_t key)
{
	return key * 0x9E3779B97F4A7C15u;
}

static inline struct int_line *ints_home(const struct ints *t, uint64_t hash)
{
	return t->line + (uint64_t)(((unsigned __int128)hash * t->lines) >> 64);
}

static inline uint32_t line_find(const struct int_line *l, uint64_t stored)
{
	__m256i same = _mm256_cmpeq_epi64(_mm256_load_si256((const __m256i *)l->key),
					  _mm256_set1_epi64x((long long)stored));
	return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(same));
}

/* The sum of the key; makes it 0 first if it is new. */
static inline uint64_t *ints_at(struct ints *t, struct int_line *l, uint64_t key)
{
	uint64_t stored = key + 1;
	uint32_t hit = line_find(l, stored);
	while (__builtin_expect(!hit, 0)) {
		uint32_t free = line_find(l, 0);
		if (free) {
			uint32_t j = (uint32_t)__builtin_ctz(free);
			l->key[j] = stored;
			if (++t->used > t->lines * 4 * 31 / 32)
				die("more keys than --keys");
			return &l->sum[j];
		}
		if (++l == t->end)
			l = t->line;
		hit = line_find(l, stored);
	}
	return &l->sum[__builtin_ctz(hit)];
}

/* Adds each value to its key's sum; value[i] becomes what the key stands at then. n <= BATCH. */
static inline void ints_add(struct ints *t, const uint64_t *key, uint64_t *value, uint32_t n)
{
	struct int_line *home[BATCH + PIPE];
	for (uint32_t i = 0; i < n; i++)
		home[i] = ints_home(t, int_hash(key[i]));
	for (uint32_t i = n; i < n + PIPE; i++)
		home[i] = t->line;
	for (uint32_t i = 0; i < PIPE; i++)
		__builtin_prefetch(home[i], 1);
	for (uint32_t i = 0; i < n; i++) {
		__builtin_prefetch(home[i + PIPE], 1);
		value[i] = *ints_at(t, home[i], key[i]) += value[i];
	}
}

/* splitmix64 (Steele, Lea, Flood 2014), as weir's expression splitmix64(x, n). */
static inline uint64_t mix(uint64_t x)
{
	x += 0x9E3779B97F4A7C15u;
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
	return x ^ (x >> 31);
}

/* x % d without dividing (Granlund and Montgomery 1994); d >= 2. */
struct divider {
	uint64_t m, d;
	unsigned shift;
};

static inline struct divider divider_of(uint64_t d)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll(d - 1);
	unsigned __int128 power = (unsigned __int128)1 << bits;
	return (struct divider){(uint64_t)(((power - d) << 64) / d) + 1, d, bits - 1};
}

static inline uint64_t divider_rest(struct divider k, uint64_t x)
{
	uint64_t t = (uint64_t)(((unsigned __int128)k.m * x) >> 64);
	return x - ((t + ((x - t) >> 1)) >> k.shift) * k.d;
}
