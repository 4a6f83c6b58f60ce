/* expr_rig.h - a batch written as text, expressions run over it, and cells shown as text again. */
#pragma once
#include "operators/expr.h"
#include "operators/expr_convert.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define UNUSED __attribute__((unused))

struct rig {
	struct mem mem;
	struct pool *pool;
	struct schema in;
	struct batch *b;
	struct text *text; /* long strings, TEXT_BYTES at most */
	struct err e;
	struct expr_at at;
	uint32_t bad_row;
};

/* fields: "x int64, s string"; all are nullable. */
UNUSED static void rig_open(struct rig *r, const char *fields)
{
	memset(r, 0, sizeof *r);
	mem_init(&r->mem, 0);
	EXPECT_OK(pool_open(&r->pool, &r->mem, &r->e), &r->e);
	char *copy = strdup(fields), *save = NULL;
	for (char *f = strtok_r(copy, ",", &save); f; f = strtok_r(NULL, ",", &save)) {
		char name[80], type[80];
		enum type t;
		EXPECT(sscanf(f, " %79s %79s", name, type) == 2);
		EXPECT(type_parse(type, &t));
		EXPECT_OK(schema_add(&r->in, name, t, true, &r->e), &r->e);
	}
	free(copy);
	r->b = pool_batch(r->pool);
	r->text = pool_text(r->pool, TEXT_BYTES);
	r->b->n_cols = r->in.n;
	for (uint32_t i = 0; i < r->in.n; i++) {
		struct column *c = r->b->col[i] = pool_column(r->pool, r->in.field[i].type);
		memset(c->valid, 0xFF, sizeof c->valid);
		memset(c->data, 0xA5, BATCH_ROWS * (c->wide ? 16 : 8)); /* garbage where no row is */
		if (c->type == T_STRING)
			(void)column_text_add(c, r->text);
	}
}

UNUSED static void rig_close(struct rig *r)
{
	text_drop(r->text);
	batch_drop(&r->b);
	EXPECT(pool_out(r->pool) == 0);
	pool_close(r->pool);
	EXPECT(r->mem.used_bytes == 0);
}

UNUSED static struct strview rig_view(struct rig *r, const char *s, size_t len)
{
	struct text *t = r->text;
	if (len <= STRVIEW_INLINE)
		return strview_of((const uint8_t *)s, 0, 0, (uint32_t)len);
	EXPECT(t->used + len <= t->cap);
	memcpy(t->data + t->used, s, len);
	t->used += (uint32_t)len;
	return strview_of(t->data, 0, t->used - (uint32_t)len, (uint32_t)len);
}

/* Appends a row; values[i] is NULL for null. A null's cell keeps its garbage. */
UNUSED static void rig_row(struct rig *r, const char *const *values)
{
	uint32_t row = r->b->rows++;
	EXPECT(row < BATCH_ROWS);
	for (uint32_t i = 0; i < r->in.n; i++) {
		struct column *c = r->b->col[i];
		const char *v = values[i];
		bool yes = false;
		c->rows = r->b->rows;
		if (!v) {
			c->has_valid = true;
			bit_clear(c->valid, row);
			continue;
		}
		size_t len = strlen(v);
		enum convert ok = CONVERT_OK;
		switch (c->type) {
		case T_BOOL:
			ok = convert_to_bool(v, len, &yes);
			if (yes)
				bit_set(c->bits, row);
			else
				bit_clear(c->bits, row);
			break;
		case T_INT64:
			ok = convert_to_i64(v, len, &c->i64[row]);
			break;
		case T_FLOAT64:
			ok = convert_to_f64(v, len, &c->f64[row]);
			break;
		case T_TIMESTAMP:
			ok = convert_to_timestamp(v, len, &c->i64[row]);
			break;
		case T_STRING:
			c->str[row] = rig_view(r, v, len);
		}
		EXPECT(ok == CONVERT_OK);
	}
}

#define ROW(r, ...) rig_row((r), (const char *const[]){__VA_ARGS__})

UNUSED static void rig_select(struct rig *r, const uint16_t *rows, uint32_t n)
{
	r->b->selected = true;
	r->b->n_sel = n;
	memcpy(r->b->sel, rows, n * sizeof *rows);
}

UNUSED static struct expr *rig_compile_as(struct rig *r, const char *text, enum expr_want want)
{
	struct expr *x = NULL;
	err_clear(&r->e);
	if (expr_compile(&x, text, &r->in, want, &r->mem, &r->at, &r->e) != OK)
		fail_msg("%s: %s (at %zu)", text, r->e.text, r->at.offset);
	return x;
}

UNUSED static struct expr *rig_compile(struct rig *r, const char *text)
{
	return rig_compile_as(r, text, EXPR_VALUE);
}

/* NULL on an error of a record: then r->e and r->bad_row say which. */
UNUSED static struct column *rig_eval(struct rig *r, struct expr *x)
{
	struct column *c = NULL;
	err_clear(&r->e);
	enum rc rc = expr_eval(x, r->b, r->pool, &c, &r->bad_row, &r->e);
	EXPECT(rc == OK ? c && c->rows == r->b->rows : !c);
	if (rc != OK && rc != E_RECORD)
		fail_msg("%s: %s", expr_text(x), r->e.text);
	return c;
}

/* "null" is shown as "\N". Returns to. */
UNUSED static const char *cell_text(const struct column *c, uint32_t row, char *to, size_t size)
{
	char local[CONVERT_TEXT_MAX];
	uint32_t len = 0;
	if (column_is_null(c, row)) {
		snprintf(to, size, "\\N");
		return to;
	}
	switch (c->type) {
	case T_BOOL:
		snprintf(to, size, "%s", bit_get(c->bits, row) ? "true" : "false");
		return to;
	case T_INT64:
		len = convert_from_i64(c->i64[row], local);
		break;
	case T_FLOAT64:
		len = convert_from_f64(c->f64[row], local);
		break;
	case T_TIMESTAMP:
		len = convert_from_timestamp(c->i64[row], local);
		break;
	case T_STRING:
		snprintf(to, size, "%.*s", (int)c->str[row].len, column_str(c, &c->str[row]));
		return to;
	}
	snprintf(to, size, "%.*s", (int)len, local);
	return to;
}

/* Evaluates text; the cell of row, or "!" and the error. Static storage. */
UNUSED static const char *rig_show(struct rig *r, const char *text, uint32_t row)
{
	static char cell[4096];
	struct expr *x = rig_compile(r, text);
	struct column *c = rig_eval(r, x);
	if (!c)
		snprintf(cell, sizeof cell, "!%s", r->e.text);
	else
		cell_text(c, row, cell, sizeof cell);
	column_drop(c);
	expr_close(x);
	return cell;
}

#define SHOWS(r, text, row, want)                                                                  \
	do {                                                                                       \
		const char *got_ = rig_show((r), (text), (row));                                   \
		if (strcmp(got_, (want)))                                                          \
			fail_msg("%s:%d: %s: row %u: '%s', not '%s'", __FILE__, __LINE__, (text),  \
				 (unsigned)(row), got_, (want));                                   \
	} while (0)

/* The text must be refused, with `part` in the error; r->at holds the place. */
UNUSED static void rig_refuses_as(struct rig *r, const char *text, enum expr_want want,
				  const char *part)
{
	struct expr *x = (struct expr *)r;
	err_clear(&r->e);
	enum rc rc = expr_compile(&x, text, &r->in, want, &r->mem, &r->at, &r->e);
	if (rc != E_INVALID || x || !strstr(r->e.text, part))
		fail_msg("'%.200s' gave %s: '%s', not '%s'", text, err_name(rc), r->e.text, part);
}

UNUSED static void rig_refuses(struct rig *r, const char *text, const char *part)
{
	rig_refuses_as(r, text, EXPR_VALUE, part);
}
