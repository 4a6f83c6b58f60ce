/* test_expr_list.c - split(): every element, in order, from the right row, whatever the batch's
 * shape. The oracle cuts with a byte loop. */
#include "operators/expr_node.h"
#include "tests/unit/operators/expr_rig.h"

#include "base/check.h"
#include "base/rng.h"

/* The next column there is, or NULL; all are full but the last. */
static struct column *next_column(struct rig *r, struct expr_list *l, uint16_t *parent)
{
	struct column *c = NULL;
	while (!l->done && !c) {
		EXPECT_OK(expr_list_next(l, r->pool, &c, parent, &r->bad_row, &r->e), &r->e);
		EXPECT(!c || l->done || c->rows == BATCH_ROWS);
	}
	return c;
}

static void expect_same_columns(const struct column *a, const uint16_t *parent_a,
				const struct column *b, const uint16_t *parent_b, bool parents)
{
	EXPECT(!a == !b);
	if (!a)
		return;
	EXPECT(a->rows == b->rows && !b->has_valid);
	for (uint32_t i = 0; i < a->rows; i++) {
		const struct strview *x = &a->str[i], *y = &b->str[i];
		EXPECT(x->len == y->len && !memcmp(column_str(a, x), column_str(b, y), x->len));
		EXPECT(memcmp(x->inl, y->inl, x->len > STRVIEW_INLINE ? 4 : 12) == 0);
		if (parents || !i || i + 1 == a->rows)
			EXPECT(parent_a[i] == parent_b[i]);
	}
}

/* All elements as "row:element|row:element|"; the caller frees it. Every level of vector
 * instructions says the same, and without parents too, as far as it says something. */
static char *elements(struct rig *r, const char *text, uint32_t *columns)
{
	enum { LISTS = 2 * (SIMD_V4 + 1) };
	static struct expr_list l[LISTS];
	struct expr *x[LISTS];
	struct column *c[LISTS];
	uint16_t parent[LISTS][BATCH_ROWS];
	size_t room = 1 << 22, at = 0, lists = 0;
	char *all = malloc(room);
	all[0] = '\0';
	*columns = 0;
	for (enum simd simd = SIMD_BASE; simd <= simd_have(); simd++)
		for (int parents = 1; parents >= 0; parents--) {
			x[lists] = rig_compile_as(r, text, EXPR_LIST);
			x[lists]->simd = simd;
			EXPECT_OK(expr_list_begin(&l[lists], x[lists], r->b, parents, r->pool,
						  &r->bad_row, &r->e),
				  &r->e);
			lists++;
		}
	EXPECT(expr_type(*x) == T_STRING && !expr_nullable(*x) && expr_field(*x) == -1);
	for (c[0] = (void *)r; c[0];) {
		for (size_t i = 0; i < lists; i++)
			c[i] = next_column(r, &l[i], parent[i]);
		for (size_t i = 0; i < lists; i++)
			expect_same_columns(c[0], parent[0], c[i], parent[i], l[i].parents);
		for (uint32_t i = 0; c[0] && i < c[0]->rows; i++) {
			const struct strview *s = &c[0]->str[i];
			at += (size_t)snprintf(all + at, room - at, "%u:%.*s|", parent[0][i],
					       (int)s->len, column_str(c[0], s));
			EXPECT(at < room);
			for (uint32_t k = s->len; k < STRVIEW_INLINE; k++)
				EXPECT(s->inl[k] ==
				       0); /* zero padding: views compare as registers */
			if (s->len > STRVIEW_INLINE)
				EXPECT(!memcmp(s->prefix, column_str(c[0], s), 4));
		}
		*columns += c[0] != NULL;
		for (size_t i = 0; i < lists; i++)
			column_drop(c[i]);
	}
	for (size_t i = 0; i < lists; i++) {
		expr_list_end(&l[i]);
		expr_list_end(&l[i]);
		expr_close(x[i]);
	}
	return all;
}

static void expect_elements(struct rig *r, const char *text, const char *want)
{
	uint32_t columns;
	char *got = elements(r, text, &columns);
	if (strcmp(got, want))
		fail_msg("%s: '%s', not '%s'", text, got, want);
	free(got);
}

TEST(split_at_white_space_yields_no_empty_element)
{
	struct rig r;
	rig_open(&r, "line string, sep string");
	ROW(&r, "to be or not", ",");
	ROW(&r, "", ",");
	ROW(&r, "   ", ",");
	ROW(&r, NULL, ",");
	ROW(&r, " \t\n\v\f\r a \r\n b\t", ",");
	ROW(&r, "one", NULL);
	ROW(&r, "exactly12byt exactlythirtn x", ",");
	ROW(&r, "Größe €\xC2\xA0nbsp \xFF\xFE bad", ",");
	ROW(&r, "\x1c\x1f\x08\x0e is none", ",");
	expect_elements(&r, "split(line)",
			"0:to|0:be|0:or|0:not|4:a|4:b|5:one|6:exactly12byt|6:exactlythirtn|6:x|"
			"7:Größe|7:€\xC2\xA0nbsp|7:\xFF\xFE|7:bad|8:\x1c\x1f\x08\x0e|8:is|8:none|");
	rig_close(&r);
}

TEST(split_at_separators_yields_every_piece)
{
	struct rig r;
	rig_open(&r, "line string, sep string");
	ROW(&r, "a,b,,c", ",");
	ROW(&r, ",", ";");
	ROW(&r, "", "a");
	ROW(&r, NULL, ",");
	ROW(&r, "a, b, c", ", ");
	ROW(&r, "no separator is in here", NULL);
	ROW(&r, "a long element that is no view,and another of those", "");
	ROW(&r, "aaa", "aa");
	expect_elements(&r, "split(line, ',')",
			"0:a|0:b|0:|0:c|1:|1:|2:|4:a|4: b|4: c|5:no separator is in here|"
			"6:a long element that is no view|6:and another of those|7:aaa|");
	expect_elements(&r, "split(line, sep)",
			"0:a|0:b|0:|0:c|1:,|2:|4:a|4:b|4:c|"
			"6:a long element that is no view,and another of those|7:|7:a|");
	expect_elements(&r, "split(line, null)", "");
	expect_elements(&r, "split(null, ',')", "");
	expect_elements(&r, "split(null)", "");
	expect_elements(&r, "split(nullif(line, line))", "");
	rig_close(&r);
}

TEST(split_of_a_computed_text)
{
	struct rig r;
	rig_open(&r, "line string, n int64");
	ROW(&r, "Hello WORLD of Straightforwardness", "1");
	ROW(&r, "ÄÖÜ Abc", "2");
	expect_elements(&r, "split(lower(line))",
			"0:hello|0:world|0:of|0:straightforwardness|1:ÄÖÜ|1:abc|");
	expect_elements(&r, "split(upper(line))",
			"0:HELLO|0:WORLD|0:OF|0:STRAIGHTFORWARDNESS|1:ÄÖÜ|1:ABC|");
	expect_elements(&r, "split(lower(upper(line)))",
			"0:hello|0:world|0:of|0:straightforwardness|1:ÄÖÜ|1:abc|");
	expect_elements(&r, "split(lower(line), 'o')",
			"0:hell|0: w|0:rld |0:f straightf|0:rwardness|1:ÄÖÜ abc|");
	expect_elements(&r, "split(line || ' and more')",
			"0:Hello|0:WORLD|0:of|0:Straightforwardness|0:and|0:more|1:ÄÖÜ|1:Abc|1:and|1:more|");
	expect_elements(&r, "split(case when n = 1 then line end)",
			"0:Hello|0:WORLD|0:of|0:Straightforwardness|");
	expect_elements(&r, "split('two words')", "0:two|0:words|1:two|1:words|");
	expect_elements(&r, "split(lower('A CONSTANT of some length'))",
			"0:a|0:constant|0:of|0:some|0:length|1:a|1:constant|1:of|1:some|1:length|");
	rig_close(&r);
}

TEST(a_list_is_needed_and_has_its_own_errors)
{
	struct rig r;
	rig_open(&r, "line string, n int64");
	rig_refuses_as(&r, "line", EXPR_LIST, "a list is needed here, such as split(text)");
	rig_refuses_as(&r, "lower(split(line))", EXPR_LIST, "a list is needed");
	rig_refuses_as(&r, "split()", EXPR_LIST, "split takes");
	rig_refuses_as(&r, "split(line, ',', 2)", EXPR_LIST, "split takes");
	rig_refuses_as(&r, "split(n)", EXPR_LIST, "split needs string here, not int64");
	rig_refuses_as(&r, "split(line, 1)", EXPR_LIST, "split needs string here, not int64");
	rig_refuses_as(&r, "split(split(line))", EXPR_LIST, "stands alone");
	rig_refuses_as(&r, "split(wrod)", EXPR_LIST, "unknown field 'wrod'");
	rig_close(&r);
}

TEST(an_error_in_the_text_of_a_list_names_its_row)
{
	struct rig r;
	struct expr_list l;
	rig_open(&r, "line string, n int64");
	ROW(&r, "a b", "1");
	ROW(&r, "c d", "0");
	struct expr *x = rig_compile_as(&r, "split(line || (1 / n)::text)", EXPR_LIST);
	EXPECT(expr_list_begin(&l, x, r.b, true, r.pool, &r.bad_row, &r.e) == E_RECORD);
	EXPECT(r.bad_row == 1 && strstr(r.e.text, "division by zero"));
	expr_list_end(&l);
	expr_close(x);
	x = rig_compile_as(&r, "split(line, (1 / n)::text)", EXPR_LIST);
	err_clear(&r.e);
	EXPECT(expr_list_begin(&l, x, r.b, true, r.pool, &r.bad_row, &r.e) == E_RECORD);
	EXPECT(r.bad_row == 1);
	expr_list_end(&l);
	expr_close(x);
	rig_close(&r);
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t naive(char *to, uint32_t row, const char *line, int how)
{
	size_t at = 0;
	for (const char *s = line; *s;) {
		while (is_blank(*s))
			s++;
		if (!*s)
			break;
		at += (size_t)sprintf(to + at, "%u:", row);
		for (; *s && !is_blank(*s); s++)
			to[at++] = how < 0 && *s >= 'A' && *s <= 'Z' ? (char)(*s + 32)
				   : how > 0 && *s >= 'a' && *s <= 'z' ? (char)(*s - 32)
								       : *s;
		to[at++] = '|';
	}
	to[at] = '\0';
	return at;
}

/* Lines of every length around the blocks of 16 and 64 bytes, words of every length around 12. */
TEST(words_equal_those_of_a_byte_loop_on_random_lines)
{
	struct rng rng;
	const char *const texts[] = {"split(line)", "split(lower(line))", "split(upper(line))"};
	const int how[] = {0, -1, 1};
	char *want = malloc(1 << 22);
	rng_seed(&rng, 4711);
	print_message("seed 4711\n");
	for (int round = 0; round < 60; round++) {
		struct rig r;
		char line[600], *lines[BATCH_ROWS];
		uint32_t n = 1 + (uint32_t)rng_below(&rng, 400), columns;
		unsigned blanks = 1 + (unsigned)rng_below(&rng, 12);
		rig_open(&r, "line string");
		for (uint32_t i = 0; i < n; i++) {
			size_t len = rng_below(&rng, rng_below(&rng, 4) ? 150 : 400);
			for (size_t k = 0; k < len; k++) {
				uint64_t v = rng_next(&rng);
				line[k] = v % blanks == 0 ? " \t\n\v\f\r"[(v >> 8) % 6]
							  : (char)(1 + (v >> 16) % 255);
			}
			line[len] = '\0';
			lines[i] = strdup(line);
			ROW(&r, line);
		}
		uint16_t sel[BATCH_ROWS];
		uint32_t n_sel = 0;
		bool selected = round % 3 == 2;
		for (uint32_t i = 0; i < n; i++)
			if (rng_below(&rng, 3))
				sel[n_sel++] = (uint16_t)i;
		if (selected)
			rig_select(&r, sel, n_sel);
		for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
			size_t at = 0;
			want[0] = '\0';
			for (uint32_t k = 0; k < (selected ? n_sel : n); k++) {
				uint32_t row = selected ? sel[k] : k;
				at += naive(want + at, row, lines[row], how[t]);
			}
			char *got = elements(&r, texts[t], &columns);
			EXPECT(!strcmp(got, want));
			free(got);
		}
		for (uint32_t i = 0; i < n; i++)
			free(lines[i]);
		rig_close(&r);
	}
	free(want);
}

/* Adds a row that is len bytes at off of the rig's text. */
static void add_view(struct rig *r, uint32_t off, uint32_t len)
{
	struct column *c = r->b->col[0];
	c->str[r->b->rows] = strview_of(r->text->data, 0, off, len);
	c->rows = ++r->b->rows;
}

/* A byte of a line, or of what stands between two: hardly ever no white space there. */
static uint8_t random_byte(struct rng *rng, bool between, unsigned blanks)
{
	uint64_t v = rng_next(rng);
	if (between ? v % 200 : v % blanks == 0)
		return (uint8_t)" \t\n\v\f\r"[(v >> 8) % 6];
	return (uint8_t)(1 + (v >> 16) % 255);
}

/* As a source cuts them, and as no source does: with gaps of any size and content or none, in the
 * wrong order, null, of no byte, and inline ones whose bytes stand elsewhere. */
TEST(rows_of_one_text_are_split_as_each_alone)
{
	struct rng rng;
	char *want = malloc(1 << 22);
	rng_seed(&rng, 815);
	print_message("seed 815\n");
	for (int round = 0; round < 400; round++) {
		struct rig r;
		static char lines[BATCH_ROWS][400];
		uint32_t n = 1 + (uint32_t)rng_below(&rng, round % 8 ? 60 : 700), columns;
		uint32_t most = round % 3 ? 200 : 20, odd = round % 2 ? 1000 : 6;
		unsigned blanks = 1 + (unsigned)rng_below(&rng, 12);
		rig_open(&r, "line string");
		struct text *t = r.text;
		uint8_t *to = t->data;
		for (uint32_t i = 0; i < n; i++) {
			uint32_t len = (uint32_t)rng_below(&rng, most), off = (uint32_t)(to - t->data);
			uint32_t gap = (uint32_t)rng_below(&rng, odd) ? 1 + len % 2
								      : (uint32_t)rng_below(&rng, 12);
			if (!rng_below(&rng, odd)) {
				ROW(&r, NULL);
				continue;
			}
			if (!rng_below(&rng, odd) && off > 500)
				off -= (uint32_t)rng_below(&rng, 500); /* over others */
			if (off == to - t->data) {
				for (uint32_t k = 0; k < len; k++)
					*to++ = random_byte(&rng, false, blanks);
				for (uint32_t k = 0; k < gap; k++)
					*to++ = gap == 2 ? (uint8_t)"\r\n"[k]
							 : random_byte(&rng, true, blanks);
			} else if (off + len > to - t->data) {
				len = (uint32_t)(to - t->data) - off;
			}
			memcpy(lines[r.b->rows], t->data + off, len);
			lines[r.b->rows][len] = '\0';
			add_view(&r, off, len);
		}
		t->used = (uint32_t)(to - t->data);
		for (uint32_t i = 0; i < 64; i++)
			to[i] = (uint8_t)"x "[rng_below(&rng, 2)]; /* no part of it */
		uint16_t sel[BATCH_ROWS];
		uint32_t n_sel = 0;
		for (uint32_t i = 0; i < n; i++)
			if (round % 4 || rng_below(&rng, 8))
				sel[n_sel++] = (uint16_t)i;
		if (round % 4 == 0)
			rig_select(&r, sel, n_sel);
		size_t at = 0;
		want[0] = '\0';
		for (uint32_t i = 0; i < n_sel; i++)
			if (!column_is_null(r.b->col[0], sel[i]))
				at += naive(want + at, sel[i], lines[sel[i]], 0);
		char *got = elements(&r, "split(line)", &columns);
		EXPECT(!strcmp(got, want));
		free(got);
		rig_close(&r);
	}
	free(want);
}

TEST(words_around_the_sizes_of_blocks_are_whole)
{
	for (uint32_t len = 1; len < 300; len += len < 140 ? 1 : 7)
		for (uint32_t pad = 0; pad < 70; pad += 23) {
			struct rig r;
			char line[1000], want[1000];
			uint32_t columns;
			rig_open(&r, "line string");
			memset(line, ' ', pad);
			memset(line + pad, 'a', len);
			sprintf(line + pad + len, " b %.*s", (int)len, line + pad);
			ROW(&r, line);
			naive(want, 0, line, 0);
			char *got = elements(&r, "split(line)", &columns);
			EXPECT(!strcmp(got, want));
			free(got);
			rig_close(&r);
		}
}

/* One row of thousands of elements: it is left and entered again at any word. */
TEST(a_row_of_many_elements_goes_on_in_the_next_column)
{
	for (unsigned pad = 0; pad < 70; pad += 3) {
		struct rig r;
		char *line = malloc(40000), *at = line;
		char *want = malloc(1 << 20);
		uint32_t columns;
		rig_open(&r, "line string");
		for (unsigned i = 0; i < pad; i++)
			*at++ = ' ';
		for (unsigned i = 0; i < 2 * BATCH_ROWS + 5; i++)
			at += sprintf(at, "%u%s", i % 10, i % 7 ? " " : "  \t");
		at += sprintf(at,
			"a-last-word-of-more-than-sixty-four-bytes-that-crosses-a-block-for-sure");
		ROW(&r, line);
		ROW(&r, "next");
		size_t len = naive(want, 0, line, 0);
		strcpy(want + len, "1:next|");
		char *got = elements(&r, "split(line)", &columns);
		EXPECT(columns == 3 && !strcmp(got, want));
		free(got);
		got = elements(&r, "split(line, ' ')", &columns);
		EXPECT(columns >= 3 && strlen(got) >= len);
		free(got);
		free(line);
		free(want);
		rig_close(&r);
	}
}

TEST(exactly_full_columns_end_cleanly)
{
	struct rig r;
	uint32_t columns;
	rig_open(&r, "line string");
	for (unsigned i = 0; i < BATCH_ROWS; i++)
		ROW(&r, i % 2 ? "a b" : "");
	char *got = elements(&r, "split(line)", &columns);
	EXPECT(columns == 1 && strlen(got) > BATCH_ROWS * 4);
	free(got);
	rig_close(&r);
}

TEST(changed_long_words_need_no_place_among_sixteen_texts)
{
	struct rig r;
	uint32_t columns;
	rig_open(&r, "line string");
	struct column *c = r.b->col[0];
	while (c->n_texts < COLUMN_TEXTS_MAX) {
		struct text *t = pool_text(r.pool, TEXT_BYTES);
		EXPECT(column_text_add(c, t) >= 0);
		text_drop(t);
	}
	for (uint32_t i = 0; i < COLUMN_TEXTS_MAX; i++) {
		memcpy(c->text[i]->data + i, "Short ALongerWordThanAView", 26);
		c->str[i] = strview_of(c->text[i]->data, i, i, 26);
	}
	c->rows = r.b->rows = COLUMN_TEXTS_MAX;
	char *got = elements(&r, "split(lower(line))", &columns);
	EXPECT(strstr(got, "0:short|0:alongerwordthanaview|1:short|"));
	EXPECT(strstr(got, "15:short|15:alongerwordthanaview|"));
	free(got);
	got = elements(&r, "split(line)", &columns);
	EXPECT(strstr(got, "15:Short|15:ALongerWordThanAView|"));
	free(got);
	rig_close(&r);
}

TEST(inv31_splitting_survives_each_failed_allocation)
{
	for (uint64_t n = 1, done = 0; !done; n++) {
		struct rig r;
		uint16_t parent[BATCH_ROWS];
		struct expr_list l;
		struct column *c = NULL;
		rig_open(&r, "line string");
		ROW(&r, "Some Words and AVeryLongOneAmongThem");
		struct expr *x = rig_compile_as(&r, "split(lower(line || ' x'), 'o' || line)",
			EXPR_LIST);
		r.mem.fail_at = r.mem.calls + n;
		enum rc rc = expr_list_begin(&l, x, r.b, true, r.pool, &r.bad_row, &r.e);
		while (rc == OK && !l.done) {
			rc = expr_list_next(&l, r.pool, &c, parent, &r.bad_row, &r.e);
			column_drop(c);
		}
		EXPECT(rc == OK || rc == E_NO_MEMORY);
		done = rc == OK;
		EXPECT(!done || n > 3);
		expr_list_end(&l);
		expr_close(x);
		rig_close(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(split_at_white_space_yields_no_empty_element),
		T(split_at_separators_yields_every_piece),
		T(split_of_a_computed_text),
		T(a_list_is_needed_and_has_its_own_errors),
		T(an_error_in_the_text_of_a_list_names_its_row),
		T(words_equal_those_of_a_byte_loop_on_random_lines),
		T(rows_of_one_text_are_split_as_each_alone),
		T(words_around_the_sizes_of_blocks_are_whole),
		T(a_row_of_many_elements_goes_on_in_the_next_column),
		T(exactly_full_columns_end_cleanly),
		T(changed_long_words_need_no_place_among_sixteen_texts),
		T(inv31_splitting_survives_each_failed_allocation),
	};
	return RUN(tests);
}
