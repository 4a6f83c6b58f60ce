/* kernels_split.c - lines into words: the hottest loop of a word count.
 * 64 bytes give one bitmap of white space; its edges are the words' ends. A word of up to 12 bytes
 * is loaded, shifted behind its length and masked: no byte loop, no call, no copy of text. */
#include "operators/kernels.h"
#include "operators/simd.h"

#define INLINE static inline __attribute__((always_inline))

/* Row l keeps bytes 4 to 3 + l of a view. */
#define KEEP(l)                                                                                    \
	{                                                                                          \
		0, 0, 0, 0, -(l > 0), -(l > 1), -(l > 2), -(l > 3), -(l > 4), -(l > 5), -(l > 6),  \
			-(l > 7), -(l > 8), -(l > 9), -(l > 10), -(l > 11)                         \
	}
static const _Alignas(16) int8_t keep[STRVIEW_INLINE + 1][16] = {
	KEEP(0), KEEP(1), KEEP(2), KEEP(3), KEEP(4),  KEEP(5),	KEEP(6),
	KEEP(7), KEEP(8), KEEP(9), KEEP(10), KEEP(11), KEEP(12),
};

INLINE uint32_t found(__m128i v, __m128i sep, bool words)
{
	return words ? simd_spaces(v) : (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, sep));
}

/* Bit i: p[i] is white space (words) or the separator; what lies beyond left is junk. */
INLINE uint64_t cuts(const uint8_t *p, uint32_t left, __m128i sep, bool words)
{
	uint64_t m = found(simd_load(p), sep, words);
	if (left > 16)
		m |= (uint64_t)found(simd_load(p + 16), sep, words) << 16;
	if (left > 32)
		m |= (uint64_t)found(simd_load(p + 32), sep, words) << 32;
	if (left > 48)
		m |= (uint64_t)found(simd_load(p + 48), sep, words) << 48;
	return m;
}

INLINE void put_word(const uint8_t *p, uint32_t from, uint32_t to, struct strview like, int how,
		     uint64_t *long_bytes, struct strview *out)
{
	uint32_t len = to - from;
	__m128i v = simd_load(p + from);
	if (__builtin_expect(len > STRVIEW_INLINE, 0)) {
		*out = (struct strview){.len = len, .text = like.text, .off = like.off + from};
		memcpy(out->prefix, p + from, 4);
		*long_bytes += len;
		return;
	}
	if (how)
		v = simd_case(v, how);
	v = _mm_and_si128(_mm_slli_si128(v, 4), simd_load(keep[len]));
	simd_store(out, _mm_or_si128(v, _mm_cvtsi32_si128((int)len)));
}

INLINE uint32_t cut(const uint8_t *p, uint32_t len, uint32_t *from, struct strview like, int how,
		    uint16_t row, uint64_t *long_bytes, struct strview *out, uint16_t *parent,
		    uint32_t n)
{
	uint32_t at = *from, start = at;
	uint64_t blank = 1; /* the byte before was white space, or there was none */
	for (; at < len; at += 64) {
		uint64_t m = cuts(p + at, len - at, _mm_setzero_si128(), true);
		if (len - at < 64)
			m |= ~0ull << (len - at);
		uint64_t edges = m ^ (m << 1 | blank);
		if (!blank && edges) {
			uint32_t end = at + (uint32_t)__builtin_ctzll(edges);
			put_word(p, start, end, like, how, long_bytes, &out[n]);
			parent[n++] = row;
			edges &= edges - 1;
		}
		while (edges) {
			uint32_t first = at + (uint32_t)__builtin_ctzll(edges);
			edges &= edges - 1;
			if (!edges) { /* goes on in the next block */
				start = first;
				break;
			}
			if (__builtin_expect(n == BATCH_ROWS, 0)) {
				*from = first;
				return n;
			}
			uint32_t end = at + (uint32_t)__builtin_ctzll(edges);
			put_word(p, first, end, like, how, long_bytes, &out[n]);
			parent[n++] = row;
			edges &= edges - 1;
		}
		blank = m >> 63;
		if (__builtin_expect(!blank && n == BATCH_ROWS, 0)) { /* no room for its end */
			*from = start;
			return n;
		}
	}
	if (!blank) {
		put_word(p, start, len, like, how, long_bytes, &out[n]);
		parent[n++] = row;
	}
	*from = len;
	return n;
}

uint32_t split_words(const uint8_t *p, uint32_t len, uint32_t *from, struct strview like, int how,
		     uint16_t row, uint64_t *long_bytes, struct strview *out, uint16_t *parent,
		     uint32_t n)
{
	if (how < 0)
		return cut(p, len, from, like, -1, row, long_bytes, out, parent, n);
	if (how > 0)
		return cut(p, len, from, like, 1, row, long_bytes, out, parent, n);
	return cut(p, len, from, like, 0, row, long_bytes, out, parent, n);
}

uint32_t split_byte(const uint8_t *p, uint32_t len, uint32_t *from, struct strview like, char sep,
		    uint16_t row, struct strview *out, uint16_t *parent, uint32_t n)
{
	uint32_t start = *from;
	uint64_t unused = 0;
	for (uint32_t at = start; at < len; at += 64) {
		uint64_t m = cuts(p + at, len - at, _mm_set1_epi8(sep), false);
		if (len - at < 64)
			m &= ~(~0ull << (len - at));
		for (; m; m &= m - 1) {
			uint32_t end = at + (uint32_t)__builtin_ctzll(m);
			if (__builtin_expect(n == BATCH_ROWS, 0)) {
				*from = start;
				return n;
			}
			put_word(p, start, end, like, 0, &unused, &out[n]);
			parent[n++] = row;
			start = end + 1;
		}
	}
	*from = start;
	if (n == BATCH_ROWS)
		return n;
	put_word(p, start, len, like, 0, &unused, &out[n]);
	parent[n++] = row;
	*from = UINT32_MAX;
	return n;
}
