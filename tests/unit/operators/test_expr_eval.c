/* test_expr_eval.c - running expressions: nulls, the rows each side needs, the first bad row,
 * shared columns and texts, and the same answer whatever rows are selected. */
#include "tests/unit/operators/expr_rig.h"

#include "base/check.h"
#include "base/rng.h"

/* --- three-valued logic, from SQL's own tables --- */

static const char *const three[] = {"true", "false", "\\N"};

static void rows_of_all_pairs(struct rig *r)
{
	rig_open(r, "a bool, b bool, x int64, y int64");
	for (int a = 0; a < 3; a++)
		for (int b = 0; b < 3; b++)
			ROW(r, a < 2 ? three[a] : NULL, b < 2 ? three[b] : NULL,
			    a == 0 ? "1" : a == 1 ? "2" : NULL, b == 0 ? "1" : b == 1 ? "2" : NULL);
}

static void expect_table(struct rig *r, const char *text, const char *want)
{
	for (uint32_t i = 0; i < 9; i++) {
		const char *cell = want[i] == 'T' ? "true" : want[i] == 'F' ? "false" : "\\N";
		SHOWS(r, text, i, cell);
	}
}

TEST(nulls_follow_sql)
{
	struct rig r;
	rows_of_all_pairs(&r);
	/*                                    a: TTT FFF NNN
	 *                                    b: TFN TFN TFN */
	expect_table(&r, "a and b",		"TFNFFFNFN");
	expect_table(&r, "a or b",		"TTTTFNTNN");
	expect_table(&r, "not a",		"FFFTTTNNN");
	expect_table(&r, "not (a and b)",	"FTNTTTNTN");
	expect_table(&r, "a and null",		"NNNFFFNNN");
	expect_table(&r, "a or null",		"TTTNNNNNN");
	expect_table(&r, "a = b",		"TFNFTNNNN");
	expect_table(&r, "a is distinct from b", "FTTTFTTTF");
	expect_table(&r, "a is not distinct from b", "TFFFTFFFT");
	expect_table(&r, "a is true",		"TTTFFFFFF");
	expect_table(&r, "a is not true",	"FFFTTTTTT");
	expect_table(&r, "a is unknown",	"FFFFFFTTT");
	expect_table(&r, "a is null",		"FFFFFFTTT");
	expect_table(&r, "a is not null",	"TTTTTTFFF");
	expect_table(&r, "x in (y)",		"TFNFTNNNN");
	expect_table(&r, "x in (1, y)",		"TTTFTNNNN");
	expect_table(&r, "x in (1, null)",	"TTTNNNNNN");
	expect_table(&r, "x not in (1, null)",	"FFFNNNNNN");
	expect_table(&r, "x not in (y, 5)",	"FTNTFNNNN");
	expect_table(&r, "x between 1 and y",	"TTNFTNNNN");
	expect_table(&r, "x between y and 1",	"TFNFFFNNN");
	expect_table(&r, "x not between 1 and y", "FFNTFNNNN");
	expect_table(&r, "case when a then b else not b end", "TFNFTNFTN");
	expect_table(&r, "case a when b then true else false end", "TFFFTFFFF");
	expect_table(&r, "case when a then true end", "TTTNNNNNN");
	expect_table(&r, "coalesce(a, b)",	"TTTFFFTFN");
	expect_table(&r, "nullif(a, b)",	"NTTFNFNNN");
	expect_table(&r, "greatest(a, b)",	"TTTTFFTFN");
	expect_table(&r, "least(a, b)",		"TFTFFFTFN");
	rig_close(&r);
}

/* --- a side is evaluated for the rows that need it --- */

TEST(sides_run_only_for_the_rows_that_need_them)
{
	static const char *const fine[] = {
		"case when x = 0 then 0 else 1 / x end",
		"case x when 0 then 0 else 1 / x end",
		"case when x <> 0 then 1 / x end",
		"x = 0 or 1 / x < 5",
		"x <> 0 and 1 / x < 5",
		"not (x = 0 or 1 / x > 1) is unknown",
		"coalesce(z, 1 / x)",
		"case when s = 'word' then 0 else s::int end",
		"s = 'word' or s::int > 1",
		"x between 5 and 1 / x or x = 0 or x <> 0",
		"x = 0 or (y <> 0 and 1 / x > 0) or y = 0",
	};
	struct rig r;
	rig_open(&r, "x int64, y int64, z int64, s string");
	ROW(&r, "0", "1", "1", "word");
	ROW(&r, "1", "0", NULL, "17");
	ROW(&r, "-3", "2", NULL, "18");
	ROW(&r, "0", "0", "5", "word");
	for (size_t i = 0; i < ARRAY_LEN(fine); i++)
		for (uint32_t row = 0; row < 4; row++)
			if (rig_show(&r, fine[i], row)[0] == '!' && i != 9)
				fail_msg("%s: %s", fine[i], r.e.text);
	SHOWS(&r, "case when x = 0 then 0 else 6 / x end", 2, "-2");
	/* And where it is needed, it fails. */
	EXPECT(strstr(rig_show(&r, "1 / x = 1 or x = 0", 0), "division by zero"));
	EXPECT(r.bad_row == 0);
	EXPECT(strstr(rig_show(&r, "case when x = 0 then 1 / x else 0 end", 0),
		"division by zero"));
	EXPECT(strstr(rig_show(&r, "coalesce(1 / x, z)", 0), "division by zero"));
	EXPECT(strstr(rig_show(&r, "z is not null or 1 / (y - y) > 0", 0), "division by zero"));
	EXPECT(r.bad_row == 1);
	rig_close(&r);
}

/* --- errors of a record --- */

TEST(the_first_bad_row_is_named_whichever_side_fails_first)
{
	struct rig r;
	rig_open(&r, "x int64, y int64, s string");
	ROW(&r, "1", "1", "1");
	ROW(&r, NULL, "0", "2");
	ROW(&r, "5", "5", "word");
	ROW(&r, "9223372036854775807", "1", "3");
	ROW(&r, "4", "0", "4");
	EXPECT(strstr(rig_show(&r, "x / y + s::bigint", 0), "'word' is no int64") &&
	       r.bad_row == 2);
	EXPECT(strstr(rig_show(&r, "s::bigint + x / y", 0), "'word' is no int64") &&
	       r.bad_row == 2);
	EXPECT(strstr(rig_show(&r, "(x + y) / y", 0),
		      "expression '(x + y) / y': 9223372036854775807 + 1 is out of range for int64"));
	EXPECT(r.bad_row == 3);
	EXPECT(strstr(rig_show(&r, "x / y", 0), "expression 'x / y': division by zero"));
	EXPECT(r.bad_row == 4); /* row 1 has a null in it, and yields one */
	uint16_t some[] = {0, 3, 4};
	rig_select(&r, some, 3);
	EXPECT(strstr(rig_show(&r, "s::bigint / y + (x + 1)", 0), "out of range") &&
	       r.bad_row == 3);
	rig_select(&r, some, 1);
	SHOWS(&r, "s::bigint / y + (x + 1)", 0, "3");
	rig_select(&r, some, 0); /* nobody asks: nothing fails */
	struct expr *x = rig_compile(&r,
		"1 / (1 - 1) + x / y + case when s = '' then 1 / (2 - 2) end");
	struct column *c = rig_eval(&r, x);
	EXPECT(c && c->rows == 5);
	column_drop(c);
	expr_close(x);
	rig_close(&r);
}

TEST(every_operator_finds_its_overflow)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"max + one", "9223372036854775807 + 1 is out of range for int64"},
		{"one + max", "out of range"},
		{"min - one", "-9223372036854775808 - 1 is out of range for int64"},
		{"max - -1", "out of range"},
		{"-2 - max", "out of range"},
		{"max * 2", "out of range"},
		{"min * -1", "out of range"},
		{"3037000500 * (one * 3037000500)", "out of range"},
		{"min / -1", "out of range"},
		{"one / 0", "division by zero"},
		{"one % 0", "division by zero"},
		{"mod(one, 0)", "division by zero"},
		{"-min", "-(-9223372036854775808) is out of range"},
		{"abs(min)", "out of range"},
		{"big * big", "1e+300 * 1e+300: the result is too large for float64"},
		{"big * 1.79e8 + big * 1.79e8", "too large"},
		{"-big * 1.79e8 - big * 1.79e8", "too large"},
		{"tiny * tiny", "too small"},
		{"tiny / big", "too small"},
		{"big / tiny", "too large"},
		{"big / 0", "division by zero"},
		{"big / 0.0", "division by zero"},
		{"big::int", "out of range for int64"},
		{"'NaN'::float8::int", "out of range"},
		{"(9223372036854775807.0 + 0.0 * big)::int", "out of range"},
		{"word::int", "'word' is no int64"},
		{"word::float8", "'word' is no float64"},
		{"word::bool", "'word' is no bool"},
		{"word::timestamp", "'word' is no timestamp"},
		{"(word || '-13-01')::timestamp", "is no timestamp"},
		{"('2023-02-29' || substr(word, 9))::timestamp", "is out of range for timestamp"},
		{"('9223372036854775808' || substr(word, 9))::int", "out of range for int64"},
		{"('1e999' || substr(word, 9))::float8", "out of range for float64"},
		{"(repeated || repeated)::int", "...' is no int64"},
		{"substr(word, 1, -1)", "negative substring length -1"},
		{"split_part(word, 'o', 0)", "count from 1"},
		{"word like ('%' || '\\')", "must not end with a backslash"},
		{"splitmix64(one, 0)", "must be positive"},
		{"splitmix64(one, -5)", "must be positive"},
	};
	struct rig r;
	rig_open(&r, "one int64, max int64, min int64, big float64, tiny float64, word string, "
		     "repeated string");
	ROW(&r, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
	ROW(&r, "1", "9223372036854775807", "-9223372036854775808", "1e300", "1e-300", "word",
	    "a text of forty bytes or a few more, yes");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *got = rig_show(&r, bad[i].text, 1);
		if (got[0] != '!' || !strstr(got, bad[i].says) || !strstr(got, bad[i].text))
			fail_msg("%s: %s, not %s", bad[i].text, got, bad[i].says);
		if (strstr(bad[i].text, "NaN") == NULL)
			EXPECT(r.bad_row == 1); /* nulls do not fail */
	}
	/* The same values where nothing overflows. */
	SHOWS(&r, "max + -1", 1, "9223372036854775806");
	SHOWS(&r, "min % -1", 1, "0");
	SHOWS(&r, "min / 1", 1, "-9223372036854775808");
	SHOWS(&r, "-max - 1", 1, "-9223372036854775808");
	SHOWS(&r, "max * -1 - 1 = min", 1, "true");
	rig_close(&r);
}

TEST(a_wrong_constant_is_an_error_of_the_job)
{
	struct rig r;
	rig_open(&r, "x int64, s string, b bool, f float64, t timestamp");
	rig_refuses(&r, "x = 'abc'", "'abc' is no int64");
	EXPECT(r.at.offset == 4 && r.at.len == 5);
	rig_refuses(&r, "'12x'::int", "'12x' is no int64");
	rig_refuses(&r, "t > 'yesterday'", "'yesterday' is no timestamp");
	rig_refuses(&r, "t > '2023-02-29'", "out of range for timestamp");
	rig_refuses(&r, "b = 'maybe'", "'maybe' is no bool");
	rig_refuses(&r, "f + 'one'", "'one' is no float64");
	rig_refuses(&r, "x = s", "= needs values of one type, not int64 and string; cast");
	rig_refuses(&r, "x and b", "and needs bool here, not int64");
	rig_refuses(&r, "not x", "not needs bool here, not int64");
	rig_refuses(&r, "case when x then 1 end", "when needs bool");
	rig_refuses(&r, "case when b then 1 else s end", "case needs values of one type");
	rig_refuses(&r, "coalesce(x, s)", "coalesce needs values of one type");
	rig_refuses(&r, "f % 2", "'%' takes (int64, int64), not (float64, int64)");
	rig_refuses(&r, "-s", "'-' takes (int64) or (float64), not (string)");
	rig_refuses(&r, "+s", "'+' takes a number");
	rig_refuses(&r, "x || 1", "'||' joins texts");
	rig_refuses(&r, "t - t", "'-' takes");
	rig_refuses(&r, "'1' + '2'", "the types for '+' are not known");
	rig_refuses(&r, "f::bool", "float64 cannot be cast to bool");
	rig_refuses(&r, "lenght(s)", "unknown function 'lenght'; did you mean 'length'?");
	rig_refuses(&r, "lower(s, s)", "'lower' takes (string), not (string, string)");
	rig_close(&r);
}

/* --- types, constants, sharing --- */

TEST(types_and_nullability_are_known_before_any_row)
{
	static const struct {
		const char *text;
		enum type type;
		bool nullable;
	} all[] = {
		{"k", T_INT64, false},	       {"x", T_INT64, true},
		{"k + 1", T_INT64, false},     {"k + x", T_INT64, true},
		{"k + 1.5", T_FLOAT64, false}, {"k / 2", T_INT64, false},
		{"k = x", T_BOOL, true},       {"x is null", T_BOOL, false},
		{"null", T_STRING, true},      {"'a'", T_STRING, false},
		{"coalesce(x, k)", T_INT64, false},
		{"case when k > 0 then 1 end", T_INT64, true},
		{"case when k > 0 then 1 else 2.5 end", T_FLOAT64, false},
		{"nullif(k, 1)", T_INT64, true},
		{"concat(x, 'a')", T_STRING, false},
		{"x || 'a'", T_STRING, true},  {"greatest(k, x)", T_INT64, false},
		{"'2024-01-01'::timestamp", T_TIMESTAMP, false},
		{"k::timestamp", T_TIMESTAMP, false},
		{"k in (1, 2)", T_BOOL, false}, {"k in (x)", T_BOOL, true},
		{"k between 1 and 2", T_BOOL, false},
		{"k::string", T_STRING, false}, {"k::float64", T_FLOAT64, false},
		{"x is distinct from k", T_BOOL, false},
	};
	struct rig r;
	rig_open(&r, "x int64, k int64");
	r.in.field[1].nullable = false;
	ROW(&r, NULL, "4");
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct expr *x = rig_compile(&r, all[i].text);
		if (expr_type(x) != all[i].type || expr_nullable(x) != all[i].nullable)
			fail_msg("%s: %s%s", all[i].text, type_name(expr_type(x)),
				 expr_nullable(x) ? "?" : "");
		struct column *c = rig_eval(&r, x);
		EXPECT(c && c->type == all[i].type);
		EXPECT(expr_nullable(x) || !column_is_null(c, 0));
		EXPECT(!strcmp(expr_text(x), all[i].text));
		column_drop(c);
		expr_close(x);
	}
	rig_close(&r);
}

TEST(a_field_alone_is_shared_not_copied)
{
	struct rig r;
	rig_open(&r, "x int64, s string");
	ROW(&r, "1", "a");
	struct expr *x = rig_compile(&r, "s");
	struct column *c = rig_eval(&r, x);
	EXPECT(expr_field(x) == 1 && c == r.b->col[1]);
	column_drop(c);
	expr_close(x);
	x = rig_compile(&r, "s || ''");
	EXPECT(expr_field(x) == -1);
	expr_close(x);
	rig_close(&r);
}

TEST(constants_of_a_job_file_are_expressions_too)
{
	static const char text[] = "[1, -9223372036854775808, 2.5, true, null, \"x\"]";
	static const char *const want[] = {"1", "-9223372036854775808", "2.5", "true", "\\N"};
	static const enum type types[] = {T_INT64, T_INT64, T_FLOAT64, T_BOOL, T_STRING};
	struct rig r;
	struct json_doc *doc;
	rig_open(&r, "x int64");
	ROW(&r, "5");
	ROW(&r, "6");
	EXPECT_OK(json_parse(&doc, text, strlen(text), &r.mem, NULL, &r.e), &r.e);
	for (size_t i = 0; i < 5; i++) {
		struct expr *x;
		char cell[64];
		EXPECT_OK(expr_constant(&x, json_item(json_root(doc), i), &r.mem, &r.e), &r.e);
		EXPECT(expr_type(x) == types[i] && expr_nullable(x) == (i == 4) &&
			expr_field(x) == -1);
		struct column *c = rig_eval(&r, x);
		EXPECT(!strcmp(cell_text(c, 1, cell, sizeof cell), want[i]));
		column_drop(c);
		expr_close(x);
	}
	struct expr *x;
	EXPECT(expr_constant(&x, json_item(json_root(doc), 5), &r.mem, &r.e) == E_INVALID && !x);
	json_close(doc);
	rig_close(&r);
}

TEST(a_constants_column_outlives_the_batch_it_was_made_for)
{
	struct rig r;
	rig_open(&r, "x int64");
	ROW(&r, "5");
	struct expr *x = rig_compile(&r, "'a constant of more than twelve bytes'");
	struct column *first = rig_eval(&r, x), *second;
	ROW(&r, "6");
	second = rig_eval(&r, x);
	EXPECT(first->rows == 1 && second->rows == 2 && first != second);
	expr_close(x);
	EXPECT(!memcmp(column_str(second, &second->str[1]), "a constant of", 13));
	column_drop(first);
	column_drop(second);
	rig_close(&r);
}

TEST(splitmix64_is_the_generators_output_modulo_n)
{
	struct rig r;
	char cell[64];
	static const int64_t moduli[] = {1, 2, 3, 7, 10, 64, 1000, 1000000, 4294967296, 4294967297,
					 6148914691236517205, 9223372036854775807,
					4611686018427387904};
	rig_open(&r, "i int64, n int64");
	for (int k = 0; k < 500; k++) {
		char i[32];
		snprintf(i, sizeof i, "%lld", (long long)(k < 250 ?
			k : (int64_t)splitmix64((uint64_t)k)));
		ROW(&r, i, k % 5 ? "12345" : NULL);
	}
	/* Published: state 0 gives 0xe220a8397b1dcdaf. */
	EXPECT(splitmix64(0) == 0xe220a8397b1dcdafu);
	SHOWS(&r, "splitmix64(i, 1000000)", 0, "607535"); /* 16294208416658607535 mod 10^6 */
	for (size_t m = 0; m < ARRAY_LEN(moduli); m++) {
		char text[80];
		snprintf(text, sizeof text, "splitmix64(i, %lld)", (long long)moduli[m]);
		struct expr *x = rig_compile(&r, text);
		struct column *c = rig_eval(&r, x);
		for (uint32_t k = 0; k < 500; k++)
			EXPECT((uint64_t)c->i64[k] ==
			       splitmix64((uint64_t)r.b->col[0]->i64[k]) % (uint64_t)moduli[m]);
		column_drop(c);
		expr_close(x);
	}
	struct expr *x = rig_compile(&r, "splitmix64(i, n)");
	struct column *c = rig_eval(&r, x);
	for (uint32_t k = 0; k < 500; k++) {
		if (k % 5 == 0)
			EXPECT(!strcmp(cell_text(c, k, cell, sizeof cell), "\\N"));
		else
			EXPECT((uint64_t)c->i64[k] ==
				splitmix64((uint64_t)r.b->col[0]->i64[k]) % 12345);
	}
	column_drop(c);
	expr_close(x);
	rig_close(&r);
}

TEST(a_filter_takes_true_and_neither_false_nor_null)
{
	struct rig r;
	uint16_t sel[BATCH_ROWS], want[BATCH_ROWS], some[BATCH_ROWS];
	uint32_t n, n_want = 0, n_some = 0;
	rig_open(&r, "x int64, b bool");
	for (int i = 0; i < 1000; i++) {
		char x[16];
		snprintf(x, sizeof x, "%d", i % 17 - 8);
		ROW(&r, i % 11 ? x : NULL, i % 3 == 0 ? "true" : i % 3 == 1 ? "false" : NULL);
	}
	struct expr *x = rig_compile(&r, "x > 0 and b");
	for (uint16_t i = 0; i < 1000; i++)
		if (i % 11 && i % 17 > 8 && i % 3 == 0)
			want[n_want++] = i;
	EXPECT_OK(expr_filter(x, r.b, r.pool, sel, &n, &r.bad_row, &r.e), &r.e);
	EXPECT(n == n_want && !memcmp(sel, want, n * 2));
	n_want = 0;
	for (uint16_t i = 0; i < 1000; i += 7) {
		some[n_some++] = i;
		if (i % 11 && i % 17 > 8 && i % 3 == 0)
			want[n_want++] = i;
	}
	rig_select(&r, some, n_some);
	/* In place: a filter may write the batch's own selection. */
	EXPECT_OK(expr_filter(x, r.b, r.pool, r.b->sel, &n, &r.bad_row, &r.e), &r.e);
	EXPECT(n == n_want && n > 3 && !memcmp(r.b->sel, want, n * 2));
	expr_close(x);
	x = rig_compile(&r, "true");
	r.b->selected = false;
	EXPECT_OK(expr_filter(x, r.b, r.pool, sel, &n, &r.bad_row, &r.e), &r.e);
	EXPECT(n == 1000 && sel[999] == 999);
	expr_close(x);
	x = rig_compile(&r, "1 / (x - x) = 1");
	EXPECT(expr_filter(x, r.b, r.pool, sel, &n, &r.bad_row, &r.e) == E_RECORD &&
	       r.bad_row == 1);
	expr_close(x);
	rig_close(&r);
}

/* Sixteen texts in each of two fields are 32; a column has room for 16. */
TEST(merging_more_texts_than_a_column_holds_copies_them)
{
	static const char *const texts[] = {"case when n % 2 = 0 then a else b end",
		"coalesce(c, a)",
					    "greatest(a, b)", "nullif(a, 'x')",
					    "case when n < 5 then a when n < 20 then b else upper(a) end"};
	struct rig r;
	char want[80];
	rig_open(&r, "a string, b string, c string, n int64");
	for (int f = 0; f < 2; f++) {
		struct column *c = r.b->col[f];
		text_drop(c->text[0]);
		c->n_texts = 0;
		for (uint32_t i = 0; i < COLUMN_TEXTS_MAX; i++) {
			struct text *t = pool_text(r.pool, TEXT_BYTES);
			EXPECT(column_text_add(c, t) == (int)i);
			text_drop(t);
		}
		for (uint32_t i = 0; i < 32; i++) {
			struct text *t = c->text[i % 16];
			t->used += (uint32_t)sprintf((char *)t->data + t->used,
				"%c: a long text %02u",
						     'a' + f, i);
			c->str[i] = strview_of(t->data, i % 16, t->used - 17, 17);
		}
		c->rows = 32;
	}
	memcpy(r.b->col[2]->str, r.b->col[1]->str, 32 * 16);
	text_drop(r.b->col[2]->text[0]);
	memcpy(r.b->col[2]->text, r.b->col[1]->text, sizeof r.b->col[1]->text);
	for (uint32_t i = 0; i < COLUMN_TEXTS_MAX; i++)
		(void)text_share(r.b->col[2]->text[i]);
	r.b->col[2]->n_texts = COLUMN_TEXTS_MAX;
	r.b->col[2]->has_valid = true;
	for (uint32_t i = 0; i < 32; i++) {
		r.b->col[3]->i64[i] = i;
		if (i % 3 == 0)
			bit_clear(r.b->col[2]->valid, i);
	}
	r.b->col[2]->rows = r.b->col[3]->rows = r.b->rows = 32;
	for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
		struct expr *x = rig_compile(&r, texts[t]);
		struct column *c = rig_eval(&r, x);
		for (uint32_t i = 0; i < 32; i++) {
			char which = t == 0   ? "ab"[i % 2]
				     : t == 1 ? "ba"[i % 3 == 0]
				     : t == 2 ? 'b'
				     : t == 3 ? 'a'
				     : i < 5  ? 'a'
				     : i < 20 ? 'b'
					      : 'A';
			char cell[80];
			snprintf(want, sizeof want, which == 'A' ?
				"%c: A LONG TEXT %02u" : "%c: a long text %02u",
				 which, i);
			cell_text(c, i, cell, sizeof cell);
			if (strcmp(cell, want))
				fail_msg("%s: row %u: '%s', not '%s'", texts[t], i, cell, want);
		}
		column_drop(c);
		expr_close(x);
	}
	rig_close(&r);
}

TEST(invalid_utf8_passes_through)
{
	struct rig r;
	rig_open(&r, "s string");
	ROW(&r, "\x80\x80 a\xFFZ\xC3");
	SHOWS(&r, "s", 0, "\x80\x80 a\xFFZ\xC3");
	SHOWS(&r, "lower(s)", 0, "\x80\x80 a\xFFz\xC3");
	SHOWS(&r, "length(s)", 0, "6");
	SHOWS(&r, "octet_length(s)", 0, "7");
	SHOWS(&r, "substr(s, 1, 1)", 0, "\x80\x80");
	SHOWS(&r, "substr(s, 4)", 0, "\xFFZ\xC3");
	SHOWS(&r, "s like '__a___'", 0, "true");
	rig_close(&r);
}

/* --- resources --- */

TEST(the_steady_state_calls_no_allocator)
{
	static const char *const texts[] = {"case when x > 5 then x * 2 else -x end",
					    "lower(s) || ' and a tail of some length'",
					"s like '%b%' and x in (1, 2)",
					    "coalesce(upper(s), 'none of them at all')",
					"x + 1.5 > 3 or x is null"};
	struct rig r;
	rig_open(&r, "x int64, s string");
	for (int i = 0; i < 500; i++)
		ROW(&r, i % 9 ? "7" : NULL, i % 7 ? "A text of More than Twelve" : NULL);
	for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
		struct expr *x = rig_compile(&r, texts[t]);
		uint64_t calls = 0;
		for (int round = 0; round < 10; round++) {
			column_drop(rig_eval(&r, x));
			if (round == 0)
				calls = r.mem.calls;
		}
		EXPECT(r.mem.calls == calls);
		expr_close(x);
	}
	rig_close(&r);
}

TEST(inv31_running_survives_each_failed_allocation)
{
	static const char text[] =
		"case when x = 0 then 'a literal that is long' when x = 1 then s || s "
				   "else coalesce(nullif(upper(s), ''), replace(s, 'a', 'bb')) end || x";
	for (uint64_t n = 1, done = 0; !done; n++) {
		struct rig r;
		struct column *c = NULL;
		rig_open(&r, "x int64, s string");
		ROW(&r, "0", "some text of length");
		ROW(&r, "1", "some other text of length");
		ROW(&r, "2", NULL);
		struct expr *x = rig_compile(&r, text);
		r.mem.fail_at = r.mem.calls + n;
		enum rc rc = expr_eval(x, r.b, r.pool, &c, &r.bad_row, &r.e);
		EXPECT(rc == OK ? c != NULL : rc == E_NO_MEMORY && !c);
		done = rc == OK;
		EXPECT(!done || n > 8);
		column_drop(c);
		expr_close(x);
		rig_close(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nulls_follow_sql),
		T(sides_run_only_for_the_rows_that_need_them),
		T(the_first_bad_row_is_named_whichever_side_fails_first),
		T(every_operator_finds_its_overflow),
		T(a_wrong_constant_is_an_error_of_the_job),
		T(types_and_nullability_are_known_before_any_row),
		T(a_field_alone_is_shared_not_copied),
		T(constants_of_a_job_file_are_expressions_too),
		T(a_constants_column_outlives_the_batch_it_was_made_for),
		T(splitmix64_is_the_generators_output_modulo_n),
		T(a_filter_takes_true_and_neither_false_nor_null),
		T(merging_more_texts_than_a_column_holds_copies_them),
		T(invalid_utf8_passes_through),
		T(the_steady_state_calls_no_allocator),
		T(inv31_running_survives_each_failed_allocation),
	};
	return RUN(tests);
}
