/* test_lines.c - the line cutter against a naive one, over every way of giving it the same bytes.
 * */
#include "operators/lines.h"
#include "base/rng.h"
#include "tests/lib/test.h"

struct line {
	uint32_t off, len;
};

/* One byte at a time: the oracle. */
static uint32_t naive(const uint8_t *p, uint32_t len, uint32_t stop, struct line *to)
{
	uint32_t n = 0;
	for (uint32_t from = 0; from < len && from < stop;) {
		uint32_t nl = from;
		while (nl < len && p[nl] != '\n')
			nl++;
		uint32_t end = nl > from && p[nl - 1] == '\r' ? nl - 1 : nl;
		to[n++] = (struct line){from, end - from};
		from = nl + 1;
	}
	return n;
}

static const char *bytes_of(const uint8_t *data, const struct strview *v)
{
	return v->len <= STRVIEW_INLINE ? v->inl : (const char *)data + v->off;
}

static void expect_line(const uint8_t *data, const struct line *want, const struct strview *v,
			int64_t at)
{
	EXPECT(v->len == want->len);
	EXPECT(at == (int64_t)want->off + 1000);
	EXPECT(!memcmp(bytes_of(data, v), data + want->off, v->len));
	if (v->len <= STRVIEW_INLINE)
		for (uint32_t i = v->len; i < STRVIEW_INLINE; i++)
			EXPECT(v->inl[i] == 0);
	else
		EXPECT(!memcmp(v->prefix, data + want->off, 4));
}

TEST(random_texts_in_growing_blocks_are_cut_as_a_naive_cutter_cuts_them)
{
	static uint8_t data[2000 + 64];
	static struct line want[2001];
	struct rng r;
	rng_seed(&r, 11);
	for (int round = 0; round < 3000; round++) {
		uint32_t len = (uint32_t)rng_below(&r, round % 10 ? 200 : 2000);
		uint32_t often = 2 + (uint32_t)rng_below(&r, 100);
		for (uint32_t i = 0; i < len; i++)
			data[i] = rng_below(&r, often) == 0   ? '\n'
				  : rng_below(&r, often) == 0 ? '\r'
							      : (uint8_t)rng_next(&r);
		uint32_t stop = rng_below(&r, 2) ? UINT32_MAX : (uint32_t)rng_below(&r, len + 2);
		uint32_t n = naive(data, len, stop, want), got = 0;
		enum simd simd = round % 2 ? simd_have() : SIMD_BASE;
		struct lines l = {.simd = simd, .data = data, .stop = stop, .limit = 1 << 20};
		while (got < n) {
			struct strview v[BATCH_ROWS];
			int64_t at[BATCH_ROWS];
			uint32_t k = lines_cut(&l, v, at, 1000, 1 + (uint32_t)rng_below(&r, 40));
			if (!k && l.end == len)
				k = lines_cut_last(&l, v, at, 1000);
			else if (!k)
				l.end += 1 + (uint32_t)rng_below(&r, len - l.end);
			for (uint32_t i = 0; i < k; i++)
				expect_line(data, &want[got + i], &v[i], at[i]);
			got += k;
		}
		struct strview v;
		int64_t at;
		l.end = len;
		EXPECT(!lines_cut(&l, &v, &at, 0, 1));
		EXPECT(!lines_cut_last(&l, &v, &at, 0));
	}
}

TEST(a_line_over_the_limit_is_not_cut_and_those_before_it_are)
{
	const uint8_t data[64] = "12345\n12345\r\n123456\n1\n";
	struct lines l = {.data = data, .end = 22, .stop = UINT32_MAX, .limit = 5};
	struct strview v[8];
	int64_t at[8];
	EXPECT(lines_cut(&l, v, at, 0, 8) == 2);
	EXPECT(l.too_long && l.pos == 13);
	EXPECT(v[1].len == 5);
}

TEST(nul_bytes_and_empty_lines_pass_through)
{
	const uint8_t data[64] = "\n\0\n\r\n\r\r\nx";
	struct lines l = {.data = data, .end = 9, .stop = UINT32_MAX, .limit = 5};
	struct strview v[8];
	EXPECT(lines_cut(&l, v, NULL, 0, 8) == 4);
	EXPECT(v[0].len == 0 && v[1].len == 1 && v[1].inl[0] == '\0' && v[2].len == 0);
	EXPECT(v[3].len == 1 && v[3].inl[0] == '\r');
	EXPECT(lines_cut_last(&l, v, NULL, 0) && v[0].len == 1 && v[0].inl[0] == 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(random_texts_in_growing_blocks_are_cut_as_a_naive_cutter_cuts_them),
		T(a_line_over_the_limit_is_not_cut_and_those_before_it_are),
		T(nul_bytes_and_empty_lines_pass_through),
	};
	return RUN(tests);
}
