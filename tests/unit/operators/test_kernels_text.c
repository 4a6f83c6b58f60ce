/* test_kernels_text.c - texts put together, cut and made of numbers, at every length: a byte at a
 * time is what they should be, and every view is as a view should be. */
#include "operators/expr_node.h"
#include "tests/unit/operators/expr_rig.h"

#include "base/rng.h"

#include <inttypes.h>

#define MOST 70u
#define ALPHABET "abcdefghijklmnopqrstuvwxyz0123456789"

/* What a row should give. */
struct want {
	char text[4 * MOST];
	uint32_t len;
	bool null;
};

static void want_put(struct want *w, const struct column *c, uint32_t i)
{
	w->null |= column_is_null(c, i);
	if (column_is_null(c, i))
		return;
	memcpy(w->text + w->len, column_str(c, &c->str[i]), c->str[i].len);
	w->len += c->str[i].len;
}

/* Of bytes, all of which are characters: from and count as substr() has them. */
static void want_cut(struct want *w, int64_t from, int64_t count)
{
	char cut[sizeof w->text];
	uint32_t n = 0;
	for (uint32_t i = 0; i < w->len; i++)
		if ((int64_t)i + 1 >= from && (int64_t)i + 1 < from + count)
			cut[n++] = w->text[i];
	memcpy(w->text, cut, n);
	w->len = n;
}

static void expect_row(const char *text, const struct column *c, uint32_t i, const struct want *w)
{
	if (column_is_null(c, i) != w->null)
		fail_msg("%s: row %u: null, or not", text, i);
	if (w->null)
		return;
	const struct strview *v = &c->str[i];
	if (v->len != w->len || memcmp(column_str(c, v), w->text, w->len))
		fail_msg("%s: row %u: '%.*s', not '%.*s'", text, i, (int)v->len, column_str(c, v),
			 (int)w->len, w->text);
	char first[STRVIEW_INLINE] = {0};
	bool is_long = w->len > STRVIEW_INLINE;
	memcpy(first, w->text, is_long ? 4 : w->len);
	EXPECT(!memcmp(v->inl, first, is_long ? 4 : STRVIEW_INLINE));
}

static void fill_texts(struct rng *rng, struct rig *r, struct column *c, uint32_t most)
{
	char text[MOST];
	for (uint32_t i = 0; i < r->b->rows; i++) {
		uint32_t len = (uint32_t)rng_below(rng, most + 1);
		for (uint32_t k = 0; k < len; k++)
			text[k] = (char)(' ' + rng_below(rng, 95));
		c->str[i] = rig_view(r, text, len);
	}
}

/* s and t: texts of up to `most` bytes; x and y: numbers about their lengths, or any. */
static void fill(struct rng *rng, struct rig *r, uint32_t most, bool nulls)
{
	r->text->used = 0;
	r->b->rows = 1 + (uint32_t)rng_below(rng, BATCH_ROWS);
	for (uint32_t f = 0; f < 4; f++) {
		struct column *c = r->b->col[f];
		c->rows = r->b->rows;
		c->has_valid = nulls;
		memset(c->valid, 0xFF, sizeof c->valid);
		for (uint32_t i = 0; nulls && i < c->rows; i++)
			if (!rng_below(rng, 5))
				bit_clear(c->valid, i);
		if (f < 2)
			fill_texts(rng, r, c, most);
		for (uint32_t i = 0; f >= 2 && i < c->rows; i++)
			c->i64[i] = (int64_t)rng_below(rng, MOST) - (f == 2 ? 5 : 0);
		for (uint32_t i = 0; nulls && f < 2 && i < c->rows; i++)
			if (column_is_null(c, i))
				memset(&c->str[i], 0xA5, sizeof c->str[i]);
	}
	r->b->selected = rng_below(rng, 2);
	r->b->n_sel = 0;
	for (uint32_t i = 0; r->b->selected && i < r->b->rows; i++)
		if (rng_below(rng, 3))
			r->b->sel[r->b->n_sel++] = (uint16_t)i;
}

typedef void wanted(const struct batch *b, uint32_t i, struct want *w);

static void both(const struct batch *b, uint32_t i, struct want *w)
{
	want_put(w, b->col[0], i);
	want_put(w, b->col[1], i);
}

static void all_with_literals(const struct batch *b, uint32_t i, struct want *w)
{
	want_put(w, b->col[1], i);
	memcpy(w->text + w->len, "<>" ALPHABET, 38);
	w->len += 38;
	want_put(w, b->col[0], i);
	w->null = false;
}

static void cut_text(const struct batch *b, uint32_t i, struct want *w)
{
	want_put(w, b->col[0], i);
	w->null |= column_is_null(b->col[2], i) || column_is_null(b->col[3], i);
	want_cut(w, w->null ? 0 : b->col[2]->i64[i], w->null ? 0 : b->col[3]->i64[i]);
}

static void cut_literal(const struct batch *b, uint32_t i, struct want *w)
{
	memcpy(w->text, ALPHABET, w->len = 36);
	w->null |= column_is_null(b->col[2], i) || column_is_null(b->col[3], i);
	want_cut(w, w->null ? 0 : b->col[2]->i64[i], w->null ? 0 : b->col[3]->i64[i]);
}

static void cut_short(const struct batch *b, uint32_t i, struct want *w)
{
	memcpy(w->text, "abcdefghi", w->len = 9);
	w->null = column_is_null(b->col[2], i);
	want_cut(w, w->null ? 0 : b->col[2]->i64[i], INT32_MAX);
}

static void check(struct rig *r, const char *text, wanted *of)
{
	struct expr *x = rig_compile(r, text);
	struct column *c = rig_eval(r, x);
	EXPECT(c);
	for (uint32_t k = 0; k < batch_count(r->b); k++) {
		uint32_t i = r->b->selected ? r->b->sel[k] : k;
		struct want w = {.len = 0};
		of(r->b, i, &w);
		expect_row(text, c, i, &w);
	}
	column_drop(c);
	expr_close(x);
}

TEST(texts_of_every_length_are_joined_and_cut)
{
	struct rig r;
	struct rng rng;
	rng_seed(&rng, 144);
	print_message("seed 144\n");
	rig_open(&r, "s string, t string, x int64, y int64");
	for (unsigned round = 0; round < 120; round++) {
		static const uint32_t most[] = {MOST, 6, 12, 13, 40};
		fill(&rng, &r, most[round % 5], round % 2);
		check(&r, "s || t", both);
		check(&r, "concat(t, '<>', '" ALPHABET "', s)", all_with_literals);
		check(&r, "substr(s, x, y)", cut_text);
		check(&r, "substr('" ALPHABET "', x, y)", cut_literal);
		check(&r, "substr('abcdefghi', x)", cut_short);
	}
	rig_close(&r);
}

TEST(a_part_of_a_literal_may_begin_and_end_anywhere)
{
	static const struct {
		const char *text, *shows;
	} cuts[] = {
		{"substr('" ALPHABET "', -9223372036854775808, 0)", ""},
		{"substr('" ALPHABET "', 9223372036854775807, 9223372036854775807)", ""},
		{"substr('" ALPHABET "', -5, 8)", "ab"},
		{"substr('" ALPHABET "', 20, 9223372036854775807)", "tuvwxyz0123456789"},
		{"substr('abcd\xC3\xA9" ALPHABET "', 5, 1)", "\xC3\xA9"},
	};
	struct rig r;
	rig_open(&r, "x int64");
	ROW(&r, "1");
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++)
		SHOWS(&r, cuts[i].text, 0, cuts[i].shows);
	rig_close(&r);
}

static void digits(const struct batch *b, uint32_t i, struct want *w)
{
	w->len = (uint32_t)snprintf(w->text, sizeof w->text, "%" PRId64, b->col[0]->i64[i]);
}

TEST(numbers_of_every_length_become_texts)
{
	struct rig r;
	struct rng rng;
	rng_seed(&rng, 233);
	print_message("seed 233\n");
	rig_open(&r, "x int64");
	for (unsigned round = 0; round < 60; round++) {
		r.b->rows = r.b->col[0]->rows = 1 + (uint32_t)rng_below(&rng, BATCH_ROWS);
		for (uint32_t i = 0; i < r.b->rows; i++)
			r.b->col[0]->i64[i] = (int64_t)rng_next(&rng) >>
					      (round % 3 ? rng_below(&rng, 64) : 38 + rng_below(&rng, 26));
		r.b->col[0]->i64[0] = round % 2 ? INT64_MIN : INT64_MAX;
		check(&r, "x::text", digits);
	}
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(texts_of_every_length_are_joined_and_cut),
		T(a_part_of_a_literal_may_begin_and_end_anywhere),
		T(numbers_of_every_length_become_texts),
	};
	return RUN(tests);
}
