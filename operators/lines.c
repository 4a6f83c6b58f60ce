/* lines.c - see lines.h. */
#include "operators/lines.h"

#include <stddef.h>

#define INLINE static inline __attribute__((always_inline))
#define BLOCK 64u

/* What a level has of its own: called through constants, so that they are inlined. */
struct level {
	uint64_t (*newlines)(const uint8_t *p); /* bit i: byte i of BLOCK is '\n' */
	uint32_t (*lowest)(uint64_t bits);      /* the place of the lowest one; none: 63 or 64 */
};

#ifdef __x86_64__
#include <immintrin.h>

INLINE uint64_t newlines_base(const uint8_t *p)
{
	const __m128i nl = _mm_set1_epi8('\n');
	uint64_t m[4];
	for (int i = 0; i < 4; i++) {
		__m128i x = _mm_loadu_si128((const __m128i *)(p + 16 * i));
		m[i] = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, nl));
	}
	return m[0] | m[1] << 16 | m[2] << 32 | m[3] << 48;
}

TARGET_V3 static inline uint64_t newlines_v3(const uint8_t *p)
{
	const __m256i nl = _mm256_set1_epi8('\n');
	__m256i a = _mm256_loadu_si256((const __m256i *)p);
	__m256i b = _mm256_loadu_si256((const __m256i *)(p + 32));
	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, nl)) |
	       (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, nl)) << 32;
}

TARGET_V3 static inline uint32_t lowest_v3(uint64_t bits)
{
	return (uint32_t)_tzcnt_u64(bits);
}
#else
INLINE uint64_t newlines_base(const uint8_t *p)
{
	uint64_t m = 0;
	for (int i = 0; i < 64; i++)
		m |= (uint64_t)(p[i] == '\n') << i;
	return m;
}
#endif

INLINE uint32_t lowest_base(uint64_t bits)
{
	return (uint32_t)__builtin_ctzll(bits | 1ull << 63);
}

/* The same for the last bytes of a block, where 64 are not there. */
static uint64_t newlines_of_some(const uint8_t *p, uint32_t n)
{
	uint64_t m = 0;
	for (uint32_t i = 0; i < n; i++)
		m |= (uint64_t)(p[i] == '\n') << i;
	return m;
}

uint32_t line_end_find(const uint8_t *data, uint32_t from, uint32_t end)
{
	const uint8_t *p = from < end ? memchr(data + from, '\n', end - from) : NULL;
	return p ? (uint32_t)(p - data) : end;
}

/* The first n of 8 bytes, n at most 8. */
static inline uint64_t first_bytes(uint64_t v, uint32_t n)
{
	return n >= 8 ? v : v & ((1ull << n * 8) - 1);
}

/* The view of [off, off + len) of text 0 as its two halves. Short ones are read 12 bytes at a time,
 * whatever their length: the text has readable bytes behind its end. */
static inline void view_put(struct strview *v, const uint8_t *data, uint32_t off, uint32_t len)
{
	uint32_t prefix;
	uint64_t rest, half[2];
	memcpy(&prefix, data + off, 4);
	if (len > STRVIEW_INLINE) {
		half[0] = len | (uint64_t)prefix << 32;
		half[1] = (uint64_t)off << 32;
	} else {
		memcpy(&rest, data + off + 4, 8);
		half[0] = len | first_bytes(prefix, len) << 32;
		half[1] = first_bytes(rest, len > 4 ? len - 4 : 0);
	}
	memcpy(v, half, sizeof half);
}
_Static_assert(offsetof(struct strview, text) == 8 && offsetof(struct strview, off) == 12,
	       "view_put writes halves");

static inline uint32_t line_len(const uint8_t *data, uint32_t pos, uint32_t nl)
{
	uint32_t len = nl - pos;
	return len - (len && data[nl - 1] == '\r');
}

#define ENDS 256 /* line ends looked for at a time, so that they stay in the first-level cache */
struct ends {
	uint32_t n, at[ENDS + BLOCK + 1];
};

/* Line ends from i on, at least most (at most ENDS) or all there are; returns how far it looked.
 * Two a block without asking: lines have every length, and a branch on how many there are is a
 * wrong guess a line. */
INLINE uint32_t ends_find(struct level level, const uint8_t *data, uint32_t i, uint32_t end,
			  uint32_t most, struct ends *ends)
{
	uint32_t n = 0;
	for (; i < end && n < most; i += end - i < BLOCK ? end - i : BLOCK) {
		uint64_t m = end - i >= BLOCK ? level.newlines(data + i)
					      : newlines_of_some(data + i, end - i);
		uint32_t *to = ends->at + n;
		n += (uint32_t)__builtin_popcountll(m);
		do
			for (uint32_t k = 0; k < 2; k++, m &= m - 1)
				*to++ = i + level.lowest(m);
		while (__builtin_expect(m != 0, 0));
	}
	ends->n = n;
	return i;
}

/* Everything the loop looks at stands in a local: what it writes through v might be *l for all the
 * compiler knows. */
INLINE uint32_t cut(struct level level, struct lines *l, struct strview *v, int64_t *at,
		    uint64_t base, uint32_t room)
{
	const uint8_t *data = l->data;
	const uint32_t end = l->end, stop = l->stop, limit = l->limit;
	uint32_t n = 0, pos = l->pos, longest = 0, k = 0;
	uint32_t i = l->scanned > pos ? l->scanned : pos;
	struct ends ends = {.n = 0};
	while (i < end && pos < stop && n < room) {
		i = ends_find(level, data, i, end, room - n < ENDS ? room - n : ENDS, &ends);
		uint32_t some = ends.n < room - n ? ends.n : room - n;
		for (k = 0; k < some && pos < stop; k++) {
			uint32_t nl = ends.at[k], len = line_len(data, pos, nl);
			if (__builtin_expect(len > limit, 0)) {
				l->too_long = true;
				goto out;
			}
			longest = len > longest ? len : longest;
			view_put(&v[n], data, pos, len);
			if (at)
				at[n] = (int64_t)(base + pos);
			n++;
			pos = nl + 1;
		}
	}
out:
	/* Line ends that were found and not used are still to be seen. */
	l->scanned = k < ends.n ? pos : i;
	l->pos = pos;
	l->long_views = longest > STRVIEW_INLINE;
	return n;
}

static uint32_t lines_cut_base(struct lines *l, struct strview *v, int64_t *at, uint64_t base,
			       uint32_t room)
{
	return cut((struct level){newlines_base, lowest_base}, l, v, at, base, room);
}

#ifdef __x86_64__
TARGET_V3 static uint32_t lines_cut_v3(struct lines *l, struct strview *v, int64_t *at,
				       uint64_t base, uint32_t room)
{
	return cut((struct level){newlines_v3, lowest_v3}, l, v, at, base, room);
}
#else
#define lines_cut_v3 lines_cut_base
#endif

uint32_t lines_cut(struct lines *l, struct strview *v, int64_t *at, uint64_t base, uint32_t room)
{
	return (l->simd >= SIMD_V3 ? lines_cut_v3 : lines_cut_base)(l, v, at, base, room);
}

bool lines_cut_last(struct lines *l, struct strview *v, int64_t *at, uint64_t base)
{
	if (l->pos >= l->end || l->pos >= l->stop)
		return false;
	uint32_t len = line_len(l->data, l->pos, l->end);
	if (len > l->limit) {
		l->too_long = true;
		return false;
	}
	view_put(v, l->data, l->pos, len);
	if (at)
		*at = (int64_t)(base + l->pos);
	l->long_views = len > STRVIEW_INLINE;
	l->pos = l->end;
	return true;
}
