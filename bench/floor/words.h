/* words.h - words out of text and their counts: the tokeniser and the table of w1.
 * A word is 16 bytes that fit a register: up to 15 bytes of text, zeros, and the length in the
 * last byte. A longer one stands elsewhere: 8 bytes of hash, then where (and 255 in the last). */
#pragma once
#include "checksum.h"

#include <immintrin.h>
#include <string.h>

#define WORD_INLINE 15u
#define WORD_LONG 255u
#define PIECE 8192u /* text that is split at a time: its borders stay in the first cache */
#define LONGEST 65536u

struct word {
	_Alignas(16) uint64_t lo;
	uint64_t hi;
};

/* What a long word points to: owned by the batch, or by the table once it is counted. */
struct long_word {
	uint32_t len;
	char text[];
};

static inline uint32_t word_len(struct word w)
{
	return (uint32_t)(w.hi >> 56);
}

static inline const struct long_word *word_long(struct word w)
{
	return (const struct long_word *)(uintptr_t)(w.hi & ((1ull << 56) - 1));
}

/* The 16 bytes at text, of which len (at most 15) are the word. */
static inline struct word word_short(const char *text, uint32_t len)
{
#define ROW(n, ...) {{__VA_ARGS__}, {[15] = n}}
	static const _Alignas(32) uint8_t cut[16][2][16] = {
		ROW(0),			 ROW(1, [0] = 255),	  ROW(2, [0 ... 1] = 255),
		ROW(3, [0 ... 2] = 255),  ROW(4, [0 ... 3] = 255),  ROW(5, [0 ... 4] = 255),
		ROW(6, [0 ... 5] = 255),  ROW(7, [0 ... 6] = 255),  ROW(8, [0 ... 7] = 255),
		ROW(9, [0 ... 8] = 255),  ROW(10, [0 ... 9] = 255), ROW(11, [0 ... 10] = 255),
		ROW(12, [0 ... 11] = 255), ROW(13, [0 ... 12] = 255), ROW(14, [0 ... 13] = 255),
		ROW(15, [0 ... 14] = 255)};
#undef ROW
	struct word w;
	__m128i v = _mm_loadu_si128((const __m128i *)text);
	v = _mm_and_si128(v, _mm_load_si128((const __m128i *)cut[len][0]));
	v = _mm_or_si128(v, _mm_load_si128((const __m128i *)cut[len][1]));
	memcpy(&w, &v, sizeof w);
	return w;
}

/* ---- borders ---- */

/* Where words begin and end in a piece, as offsets from the text's start; a word that goes on
 * behind the piece has begun only. */
struct borders {
	uint32_t n_begun, n_ended;
	uint64_t before; /* 1: white space stands before what comes next */
	uint32_t begin[PIECE / 2 + 80], end[PIECE / 2 + 80];
};

/* Bits of a 64-byte block that are ASCII white space; lowers its letters in place if asked. */
static inline uint64_t block_white(char *p, bool lower)
{
	uint64_t white = 0;
	for (int i = 0; i < 2; i++) {
		__m256i v = _mm256_loadu_si256((const __m256i *)(p + 32 * i));
		if (lower) {
			__m256i up = _mm256_and_si256(_mm256_cmpgt_epi8(v, _mm256_set1_epi8('A' - 1)),
						      _mm256_cmpgt_epi8(_mm256_set1_epi8('Z' + 1), v));
			v = _mm256_or_si256(v, _mm256_and_si256(up, _mm256_set1_epi8(0x20)));
			_mm256_storeu_si256((__m256i *)(p + 32 * i), v);
		}
		__m256i past = _mm256_sub_epi8(v, _mm256_set1_epi8('\t'));
		__m256i least = _mm256_min_epu8(past, _mm256_set1_epi8('\r' - '\t'));
		__m256i control = _mm256_cmpeq_epi8(least, past);
		__m256i is = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(' ')), control);
		white |= (uint64_t)(uint32_t)_mm256_movemask_epi8(is) << (32 * i);
	}
	return white;
}

/* The places of the bits, 8 at a time without asking: behind the last there is rubbish. */
static inline uint32_t places_put(uint64_t bits, uint32_t base, uint32_t *to)
{
	uint32_t n = (uint32_t)__builtin_popcountll(bits);
	for (uint32_t done = 0;; done += 8) {
		for (uint32_t i = 0; i < 8; i++, bits &= bits - 1)
			to[done + i] = base + (uint32_t)_tzcnt_u64(bits);
		if (__builtin_expect(done + 8 >= n, 1))
			return n;
	}
}

/* Of text[from, to), which is at most PIECE bytes; what stands behind `to` counts as white space
 * where `ends`. Reads (and lowers) up to 63 bytes behind. */
static inline void borders_find(struct borders *b, char *text, uint32_t from, uint32_t to,
				bool ends, bool lower)
{
	uint32_t open = b->n_begun - b->n_ended; /* 0 or 1 */
	if (open)
		b->begin[0] = b->begin[b->n_begun - 1];
	uint32_t nb = open, ne = 0;
	for (uint32_t at = from; at < to; at += 64) {
		uint64_t white = block_white(text + at, lower);
		if (__builtin_expect(to - at < 64, 0))
			white |= ~0ull << (to - at);
		uint64_t change = white ^ (white << 1 | b->before);
		b->before = white >> 63;
		nb += places_put(change & ~white, at, b->begin + nb);
		ne += places_put(change & white, at, b->end + ne);
	}
	if (ends && ne < nb) {
		b->end[ne++] = to;
		b->before = 1;
	}
	b->n_begun = nb;
	b->n_ended = ne;
}

/* ---- counts ---- */

/* A line of the cache is a bucket: two words, and their counts. */
struct word_line {
	_Alignas(64) struct word word[2]; /* both 0: empty */
	uint64_t count[2];
	uint64_t unused[2];
};

struct words {
	struct word_line *line;
	uint64_t used;
	unsigned bits;
	bool huge;
};

static inline uint64_t word_hash(struct word w)
{
	unsigned __int128 m = w.lo ^ 0x2D358DCCAA6C78A5u;
	m *= w.hi ^ 0x8BB84B93962EACC9u;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* A long word's hash is in it; its place is the table's or a batch's and does not count. */
static inline uint64_t slot_hash(struct word w)
{
	return word_len(w) == WORD_LONG ? w.lo : word_hash(w);
}

void words_open(struct words *t, unsigned bits, bool huge);
/* Its count, of a word that is not in the line: probes on, makes it if new; may grow the table. A
 * long word is made to point into the table. */
uint64_t *words_find(struct words *t, struct word *w, uint64_t hash);

#ifndef WORDS_AHEAD
#define WORDS_AHEAD 32u
#endif

static inline uint64_t words_home(const struct words *t, uint64_t hash)
{
	return hash >> (64 - t->bits);
}

/* Which of the two is w: the count's index, or 2. Neither branch nor guess between the two. */
static inline uint32_t line_has(const struct word_line *l, const struct word *w)
{
	static const uint8_t which[16] = {2, 2, 2, 0, 2, 2, 2, 0, 2, 2, 2, 0, 1, 1, 1, 1};
	__m256i x = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)w));
	__m256i same = _mm256_cmpeq_epi64(_mm256_load_si256((const __m256i *)l->word), x);
	return which[_mm256_movemask_pd(_mm256_castsi256_pd(same))];
}

/* Adds one to each word's count: count[i] is what it stands at then. n <= BATCH. */
static inline void words_count(struct words *t, struct word *restrict w, uint32_t n,
			       uint64_t *restrict count)
{
	uint32_t home[BATCH + WORDS_AHEAD];
	uint64_t lines = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (__builtin_expect(lines != 1ull << t->bits, 0)) { /* at the begin, and it has grown */
			lines = 1ull << t->bits;
			for (uint32_t k = i; k < n; k++)
				home[k] = (uint32_t)words_home(t, slot_hash(w[k]));
			for (uint32_t k = n; k < n + WORDS_AHEAD; k++)
				home[k] = 0;
			for (uint32_t k = i; k < i + WORDS_AHEAD; k++)
				__builtin_prefetch(&t->line[home[k]], 1);
		}
		__builtin_prefetch(&t->line[home[i + WORDS_AHEAD]], 1);
		struct word_line *l = &t->line[home[i]];
		uint32_t j = line_has(l, &w[i]);
		if (__builtin_expect(j < 2, 1))
			count[i] = ++l->count[j];
		else
			count[i] = ++*words_find(t, &w[i], slot_hash(w[i]));
	}
}

/* The checksum of n updates (word, count). */
uint64_t checksum_words(const struct word *w, const uint64_t *count, uint32_t n);
