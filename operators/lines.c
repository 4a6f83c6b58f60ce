/* lines.c - see lines.h. */
#include "operators/lines.h"

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

/* The view of [off, off + len) of text 0. Short ones are read 12 bytes at a time, whatever their
 * length: the text has readable bytes behind its end. */
static inline struct strview view_of(const uint8_t *data, uint32_t off, uint32_t len)
{
	if (len > STRVIEW_INLINE)
		return strview_of(data, 0, off, len);
	struct strview v = {.len = len};
	uint64_t lo;
	uint32_t hi;
	memcpy(&lo, data + off, 8);
	memcpy(&hi, data + off + 8, 4);
	lo &= len >= 8 ? ~0ull : (1ull << len * 8) - 1;
	hi &= len <= 8 ? 0 : len >= 12 ? ~0u : (1u << (len - 8) * 8) - 1;
	memcpy(v.inl, &lo, 8);
	memcpy(v.inl + 8, &hi, 4);
	return v;
}

/* The line [pos, nl). */
static inline bool line_put(struct lines *l, uint32_t nl, struct strview *v, int64_t *at, uint64_t base)
{
	uint32_t len = nl - l->pos;
	len -= len && l->data[nl - 1] == '\r';
	if (__builtin_expect(len > l->limit, 0)) {
		l->too_long = true;
		return false;
	}
	l->long_views |= len > STRVIEW_INLINE;
	*v = view_of(l->data, l->pos, len);
	if (at)
		*at = (int64_t)(base + l->pos);
	return true;
}

uint32_t lines_cut(struct lines *l, struct strview *v, int64_t *at, uint64_t base, uint32_t room)
{
	uint32_t n = 0;
	uint32_t i = l->scanned > l->pos ? l->scanned : l->pos;
	l->long_views = false;
	while (i < l->end && l->pos < l->stop) {
		uint32_t left = l->end - i;
		uint64_t m = left >= 64 ? newlines_of(l->data + i) : newlines_of_some(l->data + i, left);
		while (m) {
			uint32_t nl = i + (uint32_t)__builtin_ctzll(m);
			if (n == room || l->pos >= l->stop)
				goto out;
			if (!line_put(l, nl, &v[n], at ? &at[n] : NULL, base))
				goto out;
			n++;
			l->pos = nl + 1;
			m &= m - 1;
		}
		i += left >= 64 ? 64 : left;
	}
	l->scanned = i;
	return n;
out:
	l->scanned = l->pos;
	return n;
}

bool lines_cut_last(struct lines *l, struct strview *v, int64_t *at, uint64_t base)
{
	l->long_views = false;
	if (l->pos >= l->end || l->pos >= l->stop || !line_put(l, l->end, v, at, base))
		return false;
	l->pos = l->end;
	return true;
}
