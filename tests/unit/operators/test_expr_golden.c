/* test_expr_golden.c - expressions against PostgreSQL's own answers
 * (tests/golden/expr_postgres.py). */
#include "tests/unit/operators/expr_rig.h"

#include "base/check.h"

#define ROWS_MAX 64

struct golden {
	struct rig r;
	char *line;
	size_t room;
	FILE *f;
	unsigned expressions, cells, errors, wrong;
};

static void unescape(char *s)
{
	char *to = s;
	for (; *s; s++) {
		if (*s == '\\' && s[1]) {
			s++;
			*to++ = *s == 't' ? '\t' : *s == 'n' ? '\n' : *s == 'r' ? '\r' : *s;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* Cuts a line at tabs; "\N" becomes NULL. */
static uint32_t cells_of(char *line, char **cell, uint32_t max)
{
	uint32_t n = 0;
	line[strcspn(line, "\n")] = '\0';
	for (char *s = line; s; n++) {
		char *tab = strchr(s, '\t');
		if (tab)
			*tab++ = '\0';
		EXPECT(n < max);
		cell[n] = strcmp(s, "\\N") ? s : NULL;
		if (cell[n])
			unescape(s);
		s = tab;
	}
	return n;
}

static void fields_open(struct golden *g, char *line)
{
	char fields[1024] = "", *cell[FIELDS_MAX + 1];
	uint32_t n = cells_of(line, cell, ARRAY_LEN(cell));
	for (uint32_t i = 1; i < n; i++) {
		strcat(fields, i > 1 ? ", " : "");
		strcat(fields, cell[i]);
	}
	rig_open(&g->r, fields);
}

static void wrong(struct golden *g, const char *expr, uint32_t row, const char *got,
		  const char *want)
{
	if (g->wrong++ < 40)
		print_error("%s: row %u: weir says %s, PostgreSQL %s\n", expr, row, got,
			    want ? want : "null");
}

static void expect_cell(struct golden *g, const char *expr, const struct column *c, uint32_t row,
			const char *want)
{
	char got[4096];
	bool null = column_is_null(c, row);
	cell_text(c, row, got, sizeof got);
	g->cells++;
	if (null ? want != NULL : !want || strcmp(got, want))
		wrong(g, expr, row, got, want);
	if (want && null)
		return;
}

/* Each row alone, then all rows without an error together. */
static void check(struct golden *g, const char *type, const char *expr, char **want)
{
	struct rig *r = &g->r;
	uint16_t fine[ROWS_MAX];
	uint32_t n_fine = 0, rows = r->b->rows;
	struct expr *x = NULL;
	g->expressions++;
	err_clear(&r->e);
	if (expr_compile(&x, expr, &r->in, EXPR_VALUE, &r->mem, &r->at, &r->e) != OK) {
		/* PostgreSQL may find a wrong constant only when it meets it. */
		for (uint32_t i = 0; i < rows; i++)
			if (type[0] != '!' && (!want[i] || want[i][0] != '!')) {
				wrong(g, expr, i, r->e.text, want[i]);
				return;
			}
		return;
	}
	if (type[0] != '!' && strcmp(type, type_name(expr_type(x))))
		wrong(g, expr, 0, type_name(expr_type(x)), type);
	for (uint16_t i = 0; i < rows; i++) {
		bool fails = want[i] && want[i][0] == '!';
		rig_select(r, &i, 1);
		struct column *c = rig_eval(r, x);
		if (!c) {
			g->errors++;
			EXPECT(r->bad_row == i);
			if (!fails)
				wrong(g, expr, i, r->e.text, want[i]);
		} else if (fails) {
			char got[4096];
			wrong(g, expr, i, cell_text(c, i, got, sizeof got), want[i]);
		} else {
			expect_cell(g, expr, c, i, want[i]);
			if (column_is_null(c, i) && !expr_nullable(x))
				wrong(g, expr, i, "null, though not nullable", want[i]);
			fine[n_fine++] = i;
		}
		column_drop(c);
	}
	if (n_fine == rows)
		r->b->selected = false;
	else
		rig_select(r, fine, n_fine);
	struct column *c = rig_eval(r, x);
	if (!c)
		wrong(g, expr, r->bad_row, r->e.text, "no error");
	for (uint32_t k = 0; c && k < n_fine; k++)
		expect_cell(g, expr, c, fine[k], want[fine[k]]);
	column_drop(c);
	if (n_fine < rows) { /* all rows: the first bad one is named */
		r->b->selected = false;
		c = rig_eval(r, x);
		EXPECT(!c && want[r->bad_row] && want[r->bad_row][0] == '!');
		for (uint32_t i = 0; i < r->bad_row; i++)
			EXPECT(!want[i] || want[i][0] != '!');
	}
	expr_close(x);
}

TEST(expressions_mean_what_postgresql_says)
{
	struct golden g = {0};
	char *want[ROWS_MAX + 1], *row[FIELDS_MAX + 1], *expr = NULL, *type = NULL;
	g.f = fopen("tests/golden/expr_postgres.txt", "r");
	EXPECT(g.f);
	while (getline(&g.line, &g.room, g.f) > 0) {
		switch (g.line[0]) {
		case 'T':
			fields_open(&g, g.line);
			break;
		case 'R':
			EXPECT(cells_of(g.line, row, ARRAY_LEN(row)) == g.r.in.n + 1);
			rig_row(&g.r, (const char *const *)row + 1);
			break;
		case 'E':
			g.line[strcspn(g.line, "\n")] = '\0';
			type = strdup(g.line + 2);
			expr = strchr(type, '\t');
			*expr++ = '\0';
			break;
		case '=':
			EXPECT(cells_of(g.line, want, ARRAY_LEN(want)) == g.r.b->rows + 1);
			check(&g, type, expr, want + 1);
			free(type);
			type = NULL;
		}
	}
	free(g.line);
	fclose(g.f);
	print_message("%u expressions, %u cells, %u errors\n", g.expressions, g.cells, g.errors);
	EXPECT(g.wrong == 0);
	EXPECT(g.expressions > 800 && g.cells > 30000 && g.errors > 500);
	rig_close(&g.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {T(expressions_mean_what_postgresql_says)};
	return RUN(tests);
}
