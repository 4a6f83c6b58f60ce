/* kernels_split.c - text into words: the hottest loop of a word count.
 *
 *   64 bytes   the quick brown ..fox
 *   begins     1   1     1       1        white space gives one bitmap, its edges two more; the
 *   ends          1     1     1           n-th begin and the n-th end are a word's
 *
 * Words are cut four at a time without asking whether there are four: what is written too much is
 * written over. Nothing branches on a word's length either: tables say what of its bytes, its
 * length and its place becomes its view. A word that goes on behind the 64 bytes is where the next
 * 64 begin. */
#include "operators/kernels.h"
#include "operators/simd.h"

#define INLINE static inline __attribute__((always_inline))
#define BLOCK 64u

/* How a word of l bytes becomes a view: the bytes from 4 before it on that are kept, its length,
 * and the half that says its place if that is kept. */
struct shape {
	uint8_t text[16];
	uint32_t len, zeros[3];
	uint8_t place[16], unused[16];
};
#define SHAPE(l)                                                                                   \
	{                                                                                          \
		{0, 0, 0, 0, KEEP(l, 1), KEEP(l, 2), KEEP(l, 3), KEEP(l, 4), KEEP(l, 5),           \
		 KEEP(l, 6), KEEP(l, 7), KEEP(l, 8), KEEP(l, 9), KEEP(l, 10), KEEP(l, 11),         \
		 KEEP(l, 12)},                                                                     \
		l, {0},                                                                            \
		{[8 ... 15] = (l) > STRVIEW_INLINE ? 255 : 0}, {0}                                 \
	}
/* Of a long word the first four: its prefix. */
#define KEEP(l, i) ((i) <= (l) && ((l) <= STRVIEW_INLINE || (i) <= 4) ? 255 : 0)
#define SHAPES_8(l)                                                                                \
	SHAPE(l), SHAPE(l + 1), SHAPE(l + 2), SHAPE(l + 3), SHAPE(l + 4), SHAPE(l + 5),            \
		SHAPE(l + 6), SHAPE(l + 7)
static const _Alignas(64) struct shape shapes[BLOCK] = {
	SHAPES_8(0),  SHAPES_8(8),  SHAPES_8(16), SHAPES_8(24),
	SHAPES_8(32), SHAPES_8(40), SHAPES_8(48), SHAPES_8(56),
};

/* A place, as the upper half of a view has it, i bytes on; the last is for no word at all. */
struct onward {
	uint32_t zeros[3], off;
};
#define ONWARD_8(i)                                                                                \
	{.off = i}, {.off = i + 1}, {.off = i + 2}, {.off = i + 3}, {.off = i + 4},                \
		{.off = i + 5}, {.off = i + 6}, {.off = i + 7}
static const _Alignas(64) struct onward onward[BLOCK + 1] = {
	ONWARD_8(0),  ONWARD_8(8),  ONWARD_8(16), ONWARD_8(24),
	ONWARD_8(32), ONWARD_8(40), ONWARD_8(48), ONWARD_8(56),
};

/* What a level has of its own: called through constants, so that they are inlined. */
struct level {
	uint64_t (*white)(const uint8_t *p); /* bit i: p[i] is white space, of BLOCK bytes */
	uint64_t (*lowest)(uint64_t bits);   /* the place of the lowest one; none: 63 or 64 */
};

INLINE uint64_t lowest_base(uint64_t bits)
{
	return (uint64_t)__builtin_ctzll(bits | 1ull << 63);
}

INLINE uint64_t white_base(const uint8_t *p)
{
	return simd_spaces(simd_load(p)) | (uint64_t)simd_spaces(simd_load(p + 16)) << 16 |
	       (uint64_t)simd_spaces(simd_load(p + 32)) << 32 |
	       (uint64_t)simd_spaces(simd_load(p + 48)) << 48;
}
#define LEVEL_BASE ((struct level){white_base, lowest_base})

#ifdef __x86_64__
#include <immintrin.h>

/* A byte is white if the table has itself at its low four bits (after simdjson, Langdale and
 * Lemire 2019). */
TARGET_V3 static inline uint64_t white_v3(const uint8_t *p)
{
	const __m256i table = _mm256_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', '\v', '\f',
					       '\r', 0, 0, ' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n',
					       '\v', '\f', '\r', 0, 0);
	__m256i a = _mm256_loadu_si256((const __m256i *)p);
	__m256i b = _mm256_loadu_si256((const __m256i *)(p + 32));
	a = _mm256_cmpeq_epi8(a, _mm256_shuffle_epi8(table, a));
	b = _mm256_cmpeq_epi8(b, _mm256_shuffle_epi8(table, b));
	return (uint32_t)_mm256_movemask_epi8(a) |
	       (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
}

TARGET_V3 static inline uint64_t lowest_v3(uint64_t bits)
{
	uint64_t at; /* of the compiler's own, each would be set to 0 first: a third more */
	__asm__("tzcntq %1, %0" : "=r"(at) : "r"(bits) : "cc");
	return at;
}
#define LEVEL_V3 ((struct level){white_v3, lowest_v3})
#endif

/* The view of the len bytes at p, which is less than BLOCK; its place is `place` and a bit. */
INLINE void put_view(const uint8_t *p, uint64_t len, int how, __m128i place,
		     const struct onward *bit, struct strview *out)
{
	const struct shape *s = &shapes[len];
	__m128i v = simd_load(p - 4);
	if (how)
		v = simd_case(v, how);
	v = _mm_or_si128(_mm_and_si128(v, simd_load(s->text)), simd_load(&s->len));
	place = _mm_and_si128(_mm_add_epi32(place, simd_load(bit)), simd_load(s->place));
	simd_store(out, _mm_or_si128(v, place));
}

INLINE __m128i place_of(struct strview like, uint32_t from)
{
	return _mm_set_epi32((int)(like.off + from), (int)like.text, 0, 0);
}

/* A block of text, and of its words those that are still to be cut. */
struct block {
	const uint8_t *p;
	__m128i place;
	uint64_t begins, ends;
};

INLINE void cut_word(struct level level, struct block *b, int how, struct strview *out)
{
	uint64_t begin = level.lowest(b->begins), end = level.lowest(b->ends);
	b->begins &= b->begins - 1;
	b->ends &= b->ends - 1;
	put_view(b->p + begin, end - begin, how, b->place, &onward[begin], out);
}

/* The words that begin and end in blocks of which 16 bytes are there; up to that many are read
 * behind the last. *from: where the first one begins that was not cut. */
INLINE uint32_t cut_blocks(struct level level, const uint8_t *p, uint32_t len, uint32_t *from,
			   struct strview like, int how, struct strview *out, uint32_t n,
			   uint32_t most)
{
	uint32_t at = *from;
	while (at + 16 <= len) {
		uint64_t white = level.white(p + at);
		if (__builtin_expect(len - at < BLOCK, 0))
			white |= ~0ull << (len - at);
		struct block b = {.p = p + at, .place = place_of(like, at),
				  .begins = ~white & (white << 1 | 1), .ends = white & ~white << 1};
		uint32_t count = (uint32_t)__builtin_popcountll(b.ends), room = most - n;
		/* Either it is white at its end, or the last word there is goes on. */
		uint32_t last = 63 - (uint32_t)__builtin_clzll(b.begins | 1);
		uint32_t step = last + ((BLOCK - last) & -(uint32_t)(white >> 63));
		if (__builtin_expect(!step, 0))
			break;
		if (__builtin_expect(room < (count + 3) / 4 * 4, 0)) {
			bool full = room < count;
			for (uint32_t end = n + (full ? room : count); n < end; n++)
				cut_word(level, &b, how, out + n);
			at += full ? (uint32_t)level.lowest(b.begins) : step;
			if (full)
				break;
			continue;
		}
		for (struct strview *to = out + n, *end = to + count; to < end; to += 4)
			for (uint32_t k = 0; k < 4; k++)
				cut_word(level, &b, how, to + k);
		n += count;
		at += step;
	}
	*from = at < len ? at : len;
	return n;
}

/* The first byte from at on that is white, or is not; len if there is none. */
static uint32_t find(const uint8_t *p, uint32_t at, uint32_t len, bool is_white)
{
	for (; at < len; at += BLOCK) {
		uint64_t m = white_base(p + at) ^ (is_white ? 0 : ~0ull);
		if (m && at + (uint32_t)__builtin_ctzll(m) < len)
			return at + (uint32_t)__builtin_ctzll(m);
	}
	return len;
}

/* The view of p[from..from + len), of any length. */
INLINE void put_any(const uint8_t *p, uint32_t from, uint32_t len, int how, struct strview like,
		    struct strview *out)
{
	put_view(p + from, len < BLOCK ? len : BLOCK - 1, how, place_of(like, from), onward, out);
	out->len = len;
}

/* A word of any length; false: there is none. */
static bool cut_one(const uint8_t *p, uint32_t len, uint32_t *from, struct strview like, int how,
		    struct strview *out)
{
	uint32_t begin = find(p, *from, len, false), end = find(p, begin, len, true);
	*from = end;
	put_any(p, begin, end - begin, how, like, out);
	return begin < end;
}

INLINE uint32_t cut(struct level level, const uint8_t *p, uint32_t len, uint32_t *from,
		    struct strview like, int how, struct strview *out, uint32_t n, uint32_t most)
{
	while (*from < len && n < most) {
		n = cut_blocks(level, p, len, from, like, how, out, n, most);
		if (n < most) /* what is left is short, or longer than a block */
			n += cut_one(p, len, from, like, how, &out[n]);
	}
	return n;
}

#define CUT(name, target, level)                                                                   \
	target static uint32_t name(const uint8_t *p, uint32_t len, uint32_t *from,                \
				    struct strview like, int how, struct strview *out, uint32_t n, \
				    uint32_t most)                                                 \
	{                                                                                          \
		if (how < 0)                                                                       \
			return cut(level, p, len, from, like, -1, out, n, most);                   \
		if (how > 0)                                                                       \
			return cut(level, p, len, from, like, 1, out, n, most);                    \
		return cut(level, p, len, from, like, 0, out, n, most);                            \
	}
CUT(split_base, , LEVEL_BASE)
#ifdef __x86_64__
CUT(split_v3, TARGET_V3, LEVEL_V3)
#else
#define split_v3 split_base
#endif

uint32_t split_words(enum simd simd, const uint8_t *p, uint32_t len, uint32_t *from,
		     struct strview like, int how, struct strview *out, uint32_t n, uint32_t most)
{
	return (simd >= SIMD_V3 ? split_v3 : split_base)(p, len, from, like, how, out, n, most);
}

/* Bit i: p[i] is the separator; what lies beyond left is junk. */
INLINE uint64_t separators(const uint8_t *p, uint32_t left, __m128i sep)
{
	uint64_t m = 0;
	for (uint32_t i = 0; i < BLOCK && i < left; i += 16)
		m |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(simd_load(p + i), sep))
		     << i;
	return m;
}

uint32_t split_byte(const uint8_t *p, uint32_t len, uint32_t *from, struct strview like, char sep,
		    uint16_t row, struct strview *out, uint16_t *parent, uint32_t n, uint32_t most)
{
	const __m128i seps = _mm_set1_epi8(sep);
	uint32_t start = *from;
	for (uint32_t at = start; at <= len; at += BLOCK) {
		uint64_t m = at < len ? separators(p + at, len - at, seps) : 0;
		if (len - at < BLOCK) /* the text's end ends a piece */
			m = (m & ~(~0ull << (len - at))) | 1ull << (len - at);
		for (; m; m &= m - 1) {
			uint32_t end = at + (uint32_t)__builtin_ctzll(m);
			if (__builtin_expect(n == most, 0)) {
				*from = start;
				return n;
			}
			put_any(p, start, end - start, 0, like, &out[n]);
			parent[n++] = row;
			start = end + 1;
		}
	}
	*from = UINT32_MAX;
	return n;
}
