/* test_expr_trees.c - random expression trees over random rows: one answer for a row, whatever else
 * is selected, and whether it is computed alone or in a batch. */
#include "tests/unit/operators/expr_rig.h"

#include "base/check.h"
#include "base/rng.h"

struct grower {
	struct rng rng;
	char text[6000];
	size_t at;
};

static void put(struct grower *g, const char *s)
{
	size_t len = strlen(s);
	EXPECT(g->at + len < sizeof g->text);
	memcpy(g->text + g->at, s, len + 1);
	g->at += len;
}

static void grow(struct grower *g, char type, int depth);

/* A pattern: letters B I F S T grow a value of that type, everything else stands for itself. */
static void grow_pattern(struct grower *g, const char *pattern, int depth)
{
	for (const char *p = pattern; *p; p++) {
		char one[2] = {*p, '\0'};
		if (strchr("BIFST", *p))
			grow(g, *p, depth - 1);
		else
			put(g, one);
	}
}

static void grow(struct grower *g, char type, int depth)
{
	static const char *const leaves[5][8] = {
		{"b", "c", "true", "false", "null::bool", "b", "c", "b"},
		{"x", "y", "0", "(-1)", "7", "null::int", "x", "y"},
		{"f", "g", "0.5", "(-2.0)", "1e300", "'nan'::float8", "f", "g"},
		{"s", "u", "''", "'o'", "'a literal of some length'", "null::text", "s", "u"},
		{"t", "t", "'2000-01-01'::timestamp", "null::timestamp", "t", "t", "t", "t"},
	};
	static const char *const inner[5][16] = {
		{"(B and B)", "(B or B)", "(not B)", "(I < I)", "(F >= F)", "(S = S)", "(S < S)",
			"(T <= T)",
		 "(B is null)", "(S like '%o%')", "(I in (I, I, 3))", "(I between I and I)",
		 "case when B then B else B end", "coalesce(B, B)", "(S is distinct from S)",
		"(B = B)"},
		{"(I + I)", "(I - I)", "(I * I)", "(I / I)", "(I % I)", "(- I)", "abs(I)",
			"length(S)",
		 "case when B then I else I end", "coalesce(I, I)", "nullif(I, I)",
		"greatest(I, I)",
		 "strpos(S, S)", "case I when I then I when 0 then I end", "B::int",
		"splitmix64(I, 1000)"},
		{"(F + F)", "(F - F)", "(F * F)", "(F / F)", "(I + F)", "abs(F)", "(I::float8)",
		 "case when B then F else I end", "coalesce(F, I)", "nullif(F, F)",
		"least(F, F, F)", "(- F)",
		 "(F * I)", "case when B then F end", "(F - I)", "coalesce(F, F, F)"},
		{"lower(S)", "upper(S)", "trim(S)", "substr(S, 2, 5)", "(S || S)",
			"concat(S, I, B)",
		 "case when B then S else S end", "coalesce(S, S)", "nullif(S, S)",
		"split_part(S, ' ', 1)",
		 "replace(S, 'o', 'xyz')", "I::text", "T::text", "greatest(S, S)", "btrim(S, S)",
		"F::text"},
		{"case when B then T else T end", "coalesce(T, T)", "nullif(T, T)",
			"greatest(T, T)",
		 "least(T, T)", "case when B then T end", "coalesce(T, T, T)",
		"case T when T then T end",
		 "T", "T", "T", "T", "T", "T", "T", "T"},
	};
	size_t kind = (size_t)(strchr("BIFST", type) - "BIFST");
	if (depth <= 0 || rng_below(&g->rng, 6) == 0)
		put(g, leaves[kind][rng_below(&g->rng, 8)]);
	else
		grow_pattern(g, inner[kind][rng_below(&g->rng, 16)], depth);
}

static void expect_same_cells(const struct column *a, const struct column *b, uint32_t row,
			      const char *text)
{
	char one[8192], two[8192];
	cell_text(a, row, one, sizeof one);
	cell_text(b, row, two, sizeof two);
	if (strcmp(one, two))
		fail_msg("%s: row %u: '%s' alone, '%s' among others", text, row, one, two);
}

static void check_tree(struct rig *r, struct rng *rng, const char *text, unsigned *failed)
{
	struct column *alone[64] = {0};
	struct expr *x = rig_compile(r, text);
	for (uint16_t i = 0; i < r->b->rows; i++) {
		rig_select(r, &i, 1);
		alone[i] = rig_eval(r, x);
		EXPECT(alone[i] || r->bad_row == i);
		if (alone[i])
			EXPECT(expr_nullable(x) || !column_is_null(alone[i], i));
		*failed += !alone[i];
	}
	for (int round = 0; round < 4; round++) {
		uint16_t sel[64];
		uint32_t n = 0, first_bad = UINT32_MAX;
		for (uint16_t i = 0; i < r->b->rows; i++) {
			if (round == 0 || rng_below(rng, 3) < (round == 1 ? 1u : 2u)) {
				if (round == 3 && !alone[i])
					continue; /* only rows without an error */
				sel[n++] = i;
				if (!alone[i] && first_bad == UINT32_MAX)
					first_bad = i;
			}
		}
		rig_select(r, sel, n);
		r->b->selected = round != 0;
		struct column *c = rig_eval(r, x);
		if (first_bad == UINT32_MAX ? !c : c || r->bad_row != first_bad)
			fail_msg("%s: round %d: %s, bad row %u, not %u", text, round, r->e.text,
				r->bad_row,
				 first_bad);
		for (uint32_t k = 0; c && k < n; k++)
			expect_same_cells(alone[sel[k]], c, sel[k], text);
		column_drop(c);
	}
	for (uint32_t i = 0; i < r->b->rows; i++)
		column_drop(alone[i]);
	expr_close(x);
}

TEST(a_rows_value_depends_on_nothing_but_the_row)
{
	static const char *const ints[] = {"0", "1", "-1", "7", "42", "9223372036854775807", NULL,
		"2"};
	static const char *const floats[] = {"0", "1.5", "-2", "NaN", "1e300", NULL, "0.5", "-0"};
	static const char *const strings[] = {"", "o", "Hello World", "one two three four five",
		NULL,
					      "  pad  ", "thirteenbytes", "ö€"};
	static const char *const bools[] = {"true", "false", NULL};
	static const char *const times[] = {"1970-01-01", "2024-02-29 12:00:00.5", NULL};
	struct grower g = {0};
	struct rig r;
	unsigned failed = 0, trees = 1500;
	rng_seed(&g.rng, 99);
	print_message("seed 99\n");
	rig_open(&r, "x int64, y int64, f float64, g float64, s string, u string, b bool, c bool, "
		     "t timestamp");
#define PICK(list) list[rng_below(&g.rng, ARRAY_LEN(list))]
	for (int i = 0; i < 40; i++)
		ROW(&r, PICK(ints), PICK(ints), PICK(floats), PICK(floats), PICK(strings),
			PICK(strings),
		    PICK(bools), PICK(bools), PICK(times));
	for (unsigned i = 0; i < trees; i++) {
		g.at = 0;
		grow(&g, "BIFST"[i % 5], 1 + (int)(i % 4));
		check_tree(&r, &g.rng, g.text, &failed);
	}
	print_message("%u trees, %u rows with an error\n", trees, failed);
	EXPECT(failed > 200 && failed < trees * 20);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_rows_value_depends_on_nothing_but_the_row),
	};
	return RUN(tests);
}
