/* lines.c - see lines.h. */
#include "operators/lines.h"

#include <stddef.h>

#ifdef __SSE2__
#include <emmintrin.h>

/* Bit i: byte i of these 64 is '\n'. */
static inline uint64_t newlines_of(const uint8_t *p)
{
	const __m128i nl = _mm_set1_epi8('\n');
	uint64_t m[4];
	for (int i = 0; i < 4; i++) {
		__m128i x = _mm_loadu_si128((const __m128i *)(p + 16 * i));
		m[i] = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, nl));
	}
	return m[0] | m[1] << 16 | m[2] << 32 | m[3] << 48;
}
#else
static inline uint64_t newlines_of(const uint8_t *p)
{
	uint64_t m = 0;
	for (int i = 0; i < 64; i++)
		m |= (uint64_t)(p[i] == '\n') << i;
	return m;
}
#endif

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

/* Everything the loop looks at stands in a local: what it writes through v might be *l for all the
 * compiler knows. */
uint32_t lines_cut(struct lines *l, struct strview *v, int64_t *at, uint64_t base, uint32_t room)
{
	const uint8_t *data = l->data;
	const uint32_t end = l->end, stop = l->stop, limit = l->limit;
	uint32_t n = 0, pos = l->pos, longest = 0;
	uint32_t i = l->scanned > pos ? l->scanned : pos;
	while (i < end && pos < stop) {
		uint32_t left = end - i;
		uint64_t m = left >= 64 ? newlines_of(data + i) : newlines_of_some(data + i, left);
		for (; m; m &= m - 1) {
			if (n == room || pos >= stop)
				goto out;
			uint32_t nl = i + (uint32_t)__builtin_ctzll(m);
			uint32_t len = line_len(data, pos, nl);
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
		i += left >= 64 ? 64 : left;
	}
out:
	/* Where the loop was left in the middle, line ends between pos and i are still to be seen. */
	l->scanned = i < end && pos < stop ? pos : i;
	l->pos = pos;
	l->long_views = longest > STRVIEW_INLINE;
	return n;
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
