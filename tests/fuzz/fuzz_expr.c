/* fuzz_expr.c - expressions over a small batch of awkward values. What compiles is computed: of
 * all rows and of each alone, which must be the same, cell for cell and error for error. */
#include "base/hash.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/operators/expr_rig.h"

#define FIELDS "i int64, j int64, f float64, s string, u string, b bool, t timestamp"

static void rows_make(struct rig *r)
{
	static const char *const rows[][7] = {
		{"0", "1", "0", "", "a", "true", "1970-01-01 00:00:00"},
		{"-1", "0", "-0.0", "to be or not", " ", "false", "2026-11-21 15:04:05.000001"},
		{"9223372036854775807", "-1", "1e308", "12", "%_\\", NULL, "0001-01-01 00:00:00"},
		{"-9223372036854775808", "-1", "NaN", "a longer text than a view holds", "1,,2", "true",
		 "9999-12-31 23:59:59.999999"},
		{"7", NULL, "-Infinity", "\xC3\xA4\xFF\xE2\x82", "\xC3\xA4", "false", NULL},
		{NULL, "3", NULL, NULL, NULL, NULL, NULL},
		{"86400", "64", "0.1", "2026-11-21T15:04:05+02:00", "1e400", "true",
		 "2024-02-29 00:00:00"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rig_row(r, rows[i]);
}

static bool same_cell(const struct column *a, const struct column *b, uint32_t row)
{
	if (column_is_null(a, row) || column_is_null(b, row))
		return column_is_null(a, row) == column_is_null(b, row);
	switch (a->type) {
	case T_BOOL:
		return bit_get(a->bits, row) == bit_get(b->bits, row);
	case T_FLOAT64: /* what sign a NaN has is nobody's business */
		return a->i64[row] == b->i64[row] || (a->f64[row] != a->f64[row] &&
						      b->f64[row] != b->f64[row]);
	case T_STRING:
		return a->str[row].len == b->str[row].len &&
		       !memcmp(column_str(a, &a->str[row]), column_str(b, &b->str[row]),
			       a->str[row].len);
	default:
		return a->i64[row] == b->i64[row];
	}
}

static struct column *eval(struct rig *r, struct expr *x, enum rc *rc)
{
	struct column *c = NULL;
	err_clear(&r->e);
	*rc = expr_eval(x, r->b, r->pool, &c, &r->bad_row, &r->e);
	HOLDS_RC(*rc, &r->e, *rc == E_RECORD && r->bad_row < r->b->rows);
	HOLDS((*rc == OK) == (c != NULL));
	HOLDS(!c || (c->rows == r->b->rows && c->type == expr_type(x)));
	return c;
}

static void values(struct rig *r, struct expr *x)
{
	enum rc rc, one_rc;
	struct column *all = eval(r, x, &rc);
	uint32_t bad = r->bad_row, n = 0, expected = 0;
	uint16_t sel[BATCH_ROWS];
	for (uint16_t row = 0; row < r->b->rows; row++) {
		rig_select(r, &row, 1);
		struct column *one = eval(r, x, &one_rc);
		if (rc == OK)
			HOLDS(one && same_cell(all, one, row));
		else /* the first row that is wrong is told */
			HOLDS(row < bad ? one_rc == OK : row > bad || one_rc == E_RECORD);
		if (one)
			HOLDS(!column_is_null(one, row) || expr_nullable(x));
		column_drop(one);
	}
	r->b->selected = false;
	if (rc == OK && expr_type(x) == T_BOOL) {
		HOLDS_RC(expr_filter(x, r->b, r->pool, sel, &n, &r->bad_row, &r->e), &r->e, false);
		for (uint32_t row = 0; row < r->b->rows; row++)
			if (!column_is_null(all, row) && bit_get(all->bits, row))
				HOLDS(expected < n && sel[expected++] == row);
		HOLDS(expected == n);
	}
	column_drop(all);
}

static void lists(struct rig *r, struct expr *x)
{
	struct expr_list l = {0};
	uint16_t parent[BATCH_ROWS];
	uint32_t last = 0;
	volatile uint64_t sum = 0; /* each byte is read */
	err_clear(&r->e);
	enum rc rc = expr_list_begin(&l, x, r->b, true, r->pool, &r->bad_row, &r->e);
	HOLDS_RC(rc, &r->e, rc == E_RECORD);
	while (rc == OK && !l.done) {
		struct column *c = NULL;
		rc = expr_list_next(&l, r->pool, &c, parent, &r->bad_row, &r->e);
		HOLDS_RC(rc, &r->e, rc == E_RECORD);
		for (uint32_t i = 0; c && i < c->rows; i++) {
			HOLDS(parent[i] < r->b->rows && parent[i] >= last);
			last = parent[i];
			sum ^= checksum64(column_str(c, &c->str[i]), c->str[i].len);
		}
		column_drop(c);
	}
	(void)sum;
	expr_list_end(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig r;
	struct expr *x = NULL;
	enum expr_want want = fuzz_byte(&data, &size) % 2 ? EXPR_LIST : EXPR_VALUE;
	char *text = fuzz_text(data, size);
	rig_open(&r, FIELDS);
	rows_make(&r);
	r.mem.limit_bytes = FUZZ_MEMORY;
	enum rc rc = expr_compile(&x, text, &r.in, want, &r.mem, &r.at, &r.e);
	HOLDS_RC(rc, &r.e, rc == E_INVALID && r.e.text[0]);
	HOLDS((rc == OK) == (x != NULL));
	HOLDS(rc == OK || r.at.offset + r.at.len <= strlen(text));
	if (x && want == EXPR_VALUE)
		values(&r, x);
	else if (x)
		lists(&r, x);
	expr_close(x);
	rig_close(&r);
	free(text);
	return 0;
}
