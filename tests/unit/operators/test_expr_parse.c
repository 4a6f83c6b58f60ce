/* test_expr_parse.c - what libpg_query would get wrong or accept, one test for each trap of DESIGN
 * 9, and the errors a user sees with their places. */
#include "tests/unit/operators/expr_rig.h"

#include "base/check.h"

#include <dlfcn.h>
#include <time.h>

#define FIELDS "x int64, y int64, f float64, line string, word string, order int64, " \
	       "end int64, user string, userId int64, b bool, t timestamp"

static void one_row(struct rig *r)
{
	rig_open(r, FIELDS);
	ROW(r, "-1", "2", "0.5", "a line", "word", "7", "8", "me", "9", "true", "2024-01-01");
}

static void expect_at(const struct rig *r, size_t offset, size_t len)
{
	if (r->at.offset != offset || r->at.len != len)
		fail_msg("at %zu+%zu, not %zu+%zu: %s", r->at.offset, r->at.len, offset, len,
			r->e.text);
}

TEST(negative_and_extreme_integers_are_read)
{
	struct rig r;
	one_row(&r);
	SHOWS(&r, "x = -1", 0, "true");
	SHOWS(&r, "x = 0", 0, "false");
	SHOWS(&r, "-1", 0, "-1");
	SHOWS(&r, "0", 0, "0");
	SHOWS(&r, "-0", 0, "0");
	SHOWS(&r, "2147483647", 0, "2147483647");
	SHOWS(&r, "-2147483648", 0, "-2147483648");
	SHOWS(&r, "-2147483649", 0, "-2147483649");
	SHOWS(&r, "2147483648", 0, "2147483648");
	SHOWS(&r, "9223372036854775807", 0, "9223372036854775807");
	SHOWS(&r, "-9223372036854775808", 0, "-9223372036854775808");
	SHOWS(&r, "- 9223372036854775808", 0, "-9223372036854775808");
	SHOWS(&r, "x - -1", 0, "0");
	SHOWS(&r, "-(-1)", 0, "1");
	rig_refuses(&r, "9223372036854775808", "9223372036854775808 does not fit int64");
	rig_refuses(&r, "x + -9223372036854775809", "does not fit int64");
	expect_at(&r, 4, 1);
	rig_refuses(&r, "1e999", "does not fit float64");
	rig_close(&r);
}

TEST(only_one_unnamed_expression_is_accepted)
{
	static const char *const texts[] = {
		"",
		"  ",
		"-- nothing",
		"x from t",
		"x, y",
		"x as y",
		"x y",
		"x \"as\"",
		"1; select 2",
		"1;",
		";",
		"1;;",
		"all x",
		"ALL x",
		"distinct x",
		"distinct on (x) x",
		"x where true",
		"x group by x",
		"x having true",
		"x order by x",
		"x limit 1",
		"x limit all",
		"x offset 1",
		"x fetch first 1 row only",
		"x for update",
		"x for read only",
		"x FOR READ ONLY",
		"x into t",
		"x window w as ()",
		"x union select 1",
		"x union all select 1",
		"*",
		"x.*",
		"line.x",
		"(select 1)",
		"exists (select 1)",
		"x in (select 1)",
		"x = any (select 1)",
		"x = any (array[1])",
		"array[1, 2]",
		"(x, y)",
		"row(x)",
		"x::int[]",
		"x[1]",
		"(x).y",
		"$1",
		"count(*)",
		"sum(x)",
		"count(distinct x)",
		"max(x)",
		"sum(x) filter (where b)",
		"row_number() over ()",
		"sum(x) over (order by y)",
		"lower(variadic line)",
		"lower(line => 'x')",
		"pg_catalog.lower(line)",
		"x operator(pg_catalog.+) y",
		"line collate \"C\"",
		"current_timestamp",
		"current_date",
		"now()",
		"random()",
		"line ilike 'a'",
		"line similar to 'a'",
		"line like 'a' escape 'b'",
		"line ~ 'a'",
		"x between symmetric 1 and 2",
		"b'101'",
		"x'1F'",
		"interval '1 day'",
		"date '2020-01-01'",
		"x::smallint",
		"x::numeric",
		"line::varchar(3)",
		"line::char",
		"t at time zone 'UTC'",
		"extract(year from t)",
		"overlay(line placing word from 1)",
		"grouping(x)",
		"xmlelement(name a)",
		"x !",
		"x ** y",
		"x =",
		"(x",
		"x)",
		"x) from (select 1",
		"'open",
		"\"open",
		"/* open",
		"$$open",
		"x; drop table t",
		"values (1)",
		"split(line)",
		"lower(split(line))",
	};
	struct rig r;
	one_row(&r);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		rig_refuses(&r, texts[i], "");
		EXPECT(r.at.offset + r.at.len <= strlen(texts[i]));
		EXPECT(strlen(r.e.text) > 5);
	}
	rig_close(&r);
}

TEST(comments_and_quotes_are_no_trap)
{
	struct rig r;
	one_row(&r);
	SHOWS(&r, "x -- from t", 0, "-1");
	SHOWS(&r, "x /* ; /* nested */ from */ + 1", 0, "0");
	SHOWS(&r, "'; select 2'", 0, "; select 2");
	SHOWS(&r, "'all x for'", 0, "all x for");
	SHOWS(&r, "$q$it's for$q$", 0, "it's for");
	SHOWS(&r, "E'it\\'s; for'", 0, "it's; for");
	SHOWS(&r, "substring(word from 2 for 2)", 0, "or");
	SHOWS(&r, "'((((('", 0, "(((((");
	SHOWS(&r, "\"x\" + \"y\"", 0, "1");
	rig_close(&r);
}

TEST(names_are_neither_folded_nor_cut)
{
	struct rig r;
	char text[300], name[80];
	one_row(&r);
	SHOWS(&r, "userId", 0, "9");
	SHOWS(&r, "\"userId\"", 0, "9");
	rig_refuses(&r, "userid", "did you mean 'userId'?");
	rig_refuses(&r, "X", "unknown field 'X'");
	EXPECT(strstr(r.e.text, "did you mean 'x'?"));
	rig_refuses(&r, "wrod", "unknown field 'wrod'; it reads: x, y, f, line, word, order");
	EXPECT(strstr(r.e.text, "did you mean 'word'?"));
	expect_at(&r, 0, 4);
	rig_close(&r);

	/* A field of 63 bytes; 64 bytes that begin with it are another name. */
	memset(name, 'n', sizeof name);
	name[63] = '\0';
	snprintf(text, sizeof text, "%s int64", name);
	rig_open(&r, text);
	ROW(&r, "5");
	SHOWS(&r, name, 0, "5");
	snprintf(text, sizeof text, "%sx", name);
	rig_refuses(&r, text, "unknown field 'nnn");
	snprintf(text, sizeof text, "\"%sx\" + 1", name);
	rig_refuses(&r, text, "unknown field 'nnn");
	expect_at(&r, 0, 66);
	rig_close(&r);
}

TEST(odd_names_are_read_from_quotes)
{
	struct rig r;
	rig_open(&r, "größe int64");
	EXPECT_OK(schema_add(&r.in, "a b", T_INT64, false, &r.e), &r.e);
	EXPECT_OK(schema_add(&r.in, "q\"q", T_INT64, false, &r.e), &r.e);
	r.b->col[1] = column_share(r.b->col[0]);
	r.b->col[2] = column_share(r.b->col[0]);
	r.b->n_cols = 3;
	r.b->rows = 1;
	r.b->col[0]->rows = 1;
	r.b->col[0]->i64[0] = 3;
	SHOWS(&r, "größe", 0, "3");
	SHOWS(&r, "\"a b\" + 1", 0, "4");
	SHOWS(&r, "\"q\"\"q\" + größe", 0, "6");
	rig_refuses(&r, "U&\"gr\\00f6\\00dfe\"", "written plainly");
	rig_close(&r);
}

TEST(sql_words_as_fields_show_the_quotes)
{
	struct rig r;
	one_row(&r);
	rig_refuses(&r, "order + 1", "write \"order\" in double quotes");
	EXPECT(strstr(r.e.text, "\\\"order\\\""));
	expect_at(&r, 0, 5);
	rig_refuses(&r, "x + end", "write \"end\" in double quotes");
	expect_at(&r, 4, 3);
	rig_refuses(&r, "user", "write \"user\" in double quotes");
	rig_refuses(&r, "lower(user)", "write \"user\" in double quotes");
	expect_at(&r, 6, 4);
	rig_refuses(&r, "x + order * 2", "write \"order\" in double quotes");
	expect_at(&r, 4, 5);
	SHOWS(&r, "\"order\" + \"end\"", 0, "15");
	SHOWS(&r, "upper(\"user\")", 0, "ME");
	SHOWS(&r, "case when x < 0 then \"end\" else 0 end", 0, "8");
	rig_close(&r);
}

TEST(places_count_bytes_though_the_parser_counts_characters)
{
	struct rig r;
	one_row(&r);
	/* Two bytes for each letter of the literal: 8 characters, 10 bytes before the fault. */
	rig_refuses(&r, "'äö' || ) || x", "syntax error at or near \")\"");
	expect_at(&r, 10, 1);
	rig_refuses(&r, "'äö' || wrod", "unknown field 'wrod'");
	expect_at(&r, 10, 4);
	rig_refuses(&r, "'€€€' +", "syntax error at end of input");
	expect_at(&r, 13, 0);
	rig_refuses(&r, "x + (y *", "syntax error");
	rig_refuses(&r, "x + lower(y)", "'lower' takes (string), not (int64)");
	expect_at(&r, 4, 5);
	rig_close(&r);
}

static void nested(struct rig *r, unsigned n, const char *open, const char *core, const char *close,
		   bool fits)
{
	char text[8193], *at = text;
	for (unsigned i = 0; i < n; i++)
		at = stpcpy(at, open);
	at = stpcpy(at, core);
	for (unsigned i = 0; i < n; i++)
		at = stpcpy(at, close);
	EXPECT(at < text + sizeof text);
	if (fits)
		expr_close(rig_compile(r, text));
	else
		rig_refuses(r, text, "nested more than 100 deep");
}

TEST(nesting_100_fits_and_101_does_not)
{
	static const char *const shapes[][3] = {
		{"(", "x", ")"},
		{"abs(", "x", ")"},
		{"not ", "b", ""},
		{"- ", "x", ""},
		{"case when b then ", "x", " end"},
		{"coalesce(", "x", ", 1)"},
	};
	struct rig r;
	one_row(&r);
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		nested(&r, 100, shapes[i][0], shapes[i][1], shapes[i][2], true);
		nested(&r, 101, shapes[i][0], shapes[i][1], shapes[i][2], false);
	}
	nested(&r, 3000, "(", "x", ")", false);
	nested(&r, 3000, "(", "x", "", false);
	nested(&r, 1900, "not ", "b", "", false);
	rig_close(&r);
}

TEST(size_8192_fits_and_8193_does_not)
{
	struct rig r;
	char *text = malloc(9000);
	one_row(&r);
	memset(text, ' ', 9000);
	memcpy(text, "x + 1", 5);
	text[8192] = '\0';
	SHOWS(&r, text, 0, "0");
	text[8192] = ' ';
	text[8193] = '\0';
	rig_refuses(&r, text, "at most 8192 bytes");
	free(text);
	rig_close(&r);
}

TEST(chains_of_operators_are_bounded_before_parsing)
{
	struct rig r;
	char text[8000], *at = text;
	one_row(&r);
	at = stpcpy(at, "x");
	for (int i = 0; i < 500; i++)
		at = stpcpy(at, "+1");
	SHOWS(&r, text, 0, "499");
	stpcpy(at, "+1");
	rig_refuses(&r, text, "more than 500 operators");
	expect_at(&r, 1001, 1);
	rig_close(&r);
}

TEST(a_hundred_thousand_terms_are_refused_in_microseconds)
{
	struct rig r;
	struct timespec from, to;
	char *text = malloc(200001);
	one_row(&r);
	for (int i = 0; i < 100000; i++)
		memcpy(text + 2 * i, "1+", 2);
	text[199999] = '\0';
	uint64_t best = UINT64_MAX;
	for (int i = 0; i < 20; i++) {
		clock_gettime(CLOCK_MONOTONIC, &from);
		rig_refuses(&r, text, "at most 8192 bytes");
		clock_gettime(CLOCK_MONOTONIC, &to);
		uint64_t ns = (uint64_t)((to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec -
					 from.tv_nsec);
		best = ns < best ? ns : best;
	}
	EXPECT(best < 1000000); /* it is about one; parsing would take a hundred milliseconds */
	free(text);
	rig_close(&r);
}

TEST(random_bytes_never_crash_the_compiler)
{
	static const char *const words[] = {"x", "y", "line", "b", "f", "t", "(", ")", "+", "-",
		"*", "/",
					    "%", "||", "=", "<", ">=", "<>", "and", "or", "not",
					"is",
					    "null", "in", "between", "like", "case", "when", "then",
					    "else", "end", "::", "int", "text", "cast", "as", ",",
					"'a'",
					    "1", "2.5", "lower", "split", "coalesce", "\"", "'",
					"--",
					    "/*", ";", "from", "select", "$1", "e'", "[", "]",
					".", "$$"};
	struct rig r;
	uint64_t seed = 20261121, good = 0;
	one_row(&r);
	for (int i = 0; i < 20000; i++) {
		char text[400], *at = text;
		struct expr *x;
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		unsigned n = 1 + (unsigned)(seed >> 60);
		for (unsigned k = 0; k < n; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			at = stpcpy(at, words[(seed >> 33) % ARRAY_LEN(words)]);
			at = stpcpy(at, seed & (1u << 20) ? " " : "");
		}
		err_clear(&r.e);
		enum rc rc = expr_compile(&x, text, &r.in, seed & (1u << 22) ?
			EXPR_VALUE : EXPR_LIST,
					  &r.mem, &r.at, &r.e);
		EXPECT(rc == OK || rc == E_INVALID);
		EXPECT(rc == OK ? x != NULL : !x && r.at.offset + r.at.len <= strlen(text));
		good += rc == OK;
		expr_close(x);
	}
	print_message("seed 20261121: %llu of 20000 compile\n", (unsigned long long)good);
	EXPECT(good > 50);
	rig_close(&r);
}

TEST(a_place_for_errors_and_the_error_itself_may_be_missing)
{
	struct rig r;
	struct expr *x;
	one_row(&r);
	EXPECT(expr_compile(&x, "x +", &r.in, EXPR_VALUE, &r.mem, NULL, NULL) == E_INVALID && !x);
	EXPECT(expr_compile(&x, "wrod", &r.in, EXPR_VALUE, &r.mem, NULL, NULL) == E_INVALID && !x);
	EXPECT(expr_compile(&x, "x + 1", &r.in, EXPR_VALUE, &r.mem, NULL, NULL) == OK && x);
	expr_close(x);
	expr_close(NULL);
	rig_close(&r);
}

TEST(inv31_compiling_survives_each_failed_allocation)
{
	static const char text[] =
		"case when x = 0 then 'a literal that is long' else lower(line) || "
				   "coalesce(word, 'b') end in ('x', 'y') or x between 1 and 2 + y";
	struct rig r;
	one_row(&r);
	for (uint64_t n = 1;; n++) {
		struct expr *x = NULL;
		size_t before = r.mem.used_bytes;
		err_clear(&r.e);
		r.mem.fail_at = r.mem.calls + n;
		enum rc rc = expr_compile(&x, text, &r.in, EXPR_VALUE, &r.mem, &r.at, &r.e);
		r.mem.fail_at = 0;
		if (rc == OK) {
			expr_close(x);
			EXPECT(n > 2);
			break;
		}
		EXPECT(rc == E_NO_MEMORY && !x && r.mem.used_bytes == before);
	}
	rig_close(&r);
}

TEST(nothing_of_ours_is_exported_beside_the_parsers_symbols)
{
	EXPECT(dlsym(RTLD_DEFAULT, "pg_query_parse_protobuf"));
	EXPECT(!dlsym(RTLD_DEFAULT, "expr_compile"));
	EXPECT(!dlsym(RTLD_DEFAULT, "token_at"));
	EXPECT(!dlsym(RTLD_DEFAULT, "column_drop_last"));
	EXPECT(!dlsym(RTLD_DEFAULT, "mem_get"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(negative_and_extreme_integers_are_read),
		T(only_one_unnamed_expression_is_accepted),
		T(comments_and_quotes_are_no_trap),
		T(names_are_neither_folded_nor_cut),
		T(odd_names_are_read_from_quotes),
		T(sql_words_as_fields_show_the_quotes),
		T(places_count_bytes_though_the_parser_counts_characters),
		T(nesting_100_fits_and_101_does_not),
		T(size_8192_fits_and_8193_does_not),
		T(chains_of_operators_are_bounded_before_parsing),
		T(a_hundred_thousand_terms_are_refused_in_microseconds),
		T(random_bytes_never_crash_the_compiler),
		T(a_place_for_errors_and_the_error_itself_may_be_missing),
		T(inv31_compiling_survives_each_failed_allocation),
		T(nothing_of_ours_is_exported_beside_the_parsers_symbols),
	};
	return RUN(tests);
}
