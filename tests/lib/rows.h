/* rows.h - batches written as text, and shown as text again: "5|abc|~", ~ being null.
 * Views into texts are made the way sources make them, so short and long strings both come up. */
#pragma once
#include "runtime/batch.h"
#include "runtime/pool.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define ROWS_UNUSED __attribute__((unused))

/* "x int64, s string?": a ? marks what may be null. */
ROWS_UNUSED static struct schema rows_schema(const char *fields)
{
	struct schema s = {0};
	struct err e = {0};
	char *copy = strdup(fields), *save = NULL;
	for (char *f = strtok_r(copy, ",", &save); f; f = strtok_r(NULL, ",", &save)) {
		char name[80], type[80];
		enum type t;
		EXPECT(sscanf(f, " %79s %79s", name, type) == 2);
		size_t len = strlen(type);
		bool nullable = type[len - 1] == '?';
		if (nullable)
			type[len - 1] = '\0';
		EXPECT(type_parse(type, &t));
		EXPECT_OK(schema_add(&s, name, t, nullable, &e), &e);
	}
	free(copy);
	return s;
}

ROWS_UNUSED static void rows_cell(struct column *c, struct text *t, uint32_t row, const char *s,
				  size_t len, bool nullable)
{
	bool null = nullable && len == 1 && *s == '~';
	if (nullable && !c->has_valid) {
		c->has_valid = true;
		memset(c->valid, 0xFF, sizeof c->valid);
	}
	if (null) {
		bit_clear(c->valid, row);
		return; /* what stands there is garbage */
	}
	switch (c->type) {
	case T_BOOL:
		(*s == 't' ? bit_set : bit_clear)(c->bits, row);
		return;
	case T_FLOAT64:
		c->f64[row] = strtod(s, NULL);
		return;
	case T_STRING:
		EXPECT(t->cap - t->used >= len);
		memcpy(t->data + t->used, s, len);
		int number = len > STRVIEW_INLINE ? column_text_add(c, t) : 0;
		EXPECT(number >= 0);
		c->str[row] = strview_of(t->data, (uint32_t)number, t->used, (uint32_t)len);
		t->used += (uint32_t)len;
		return;
	default:
		c->i64[row] = strtoll(s, NULL, 10);
	}
}

/* n rows, none selected away. at: places (NULL: none) and name of the origin. */
ROWS_UNUSED static struct batch *rows_batch_n(struct pool *pool, const struct schema *s,
					      const char *const *row, uint32_t n)
{
	struct batch *b = pool_batch(pool);
	struct text *t = pool_text(pool, TEXT_BYTES);
	EXPECT(n <= BATCH_ROWS);
	b->rows = n;
	b->n_cols = s->n;
	for (uint32_t f = 0; f < s->n; f++) {
		b->col[f] = pool_column(pool, s->field[f].type);
		b->col[f]->rows = n;
		memset(b->col[f]->data, 0xA5, BATCH_ROWS * (b->col[f]->wide ? 16 : 8));
	}
	struct column *at = pool_column(pool, T_INT64);
	at->rows = n;
	for (uint32_t i = 0; i < n; i++) {
		const char *p = row[i];
		for (uint32_t f = 0; f < s->n; f++) {
			size_t len = f + 1 < s->n ? strcspn(p, "|") : strlen(p);
			rows_cell(b->col[f], t, i, p, len, s->field[f].nullable);
			p += len + (p[len] == '|');
		}
		at->i64[i] = 100 * (int64_t)i;
	}
	b->origin = (struct origin){.name = "in.txt", .first = 0, .end = 100ull * n, .at = at};
	text_drop(t);
	return b;
}
#define rows_batch(pool, schema, ...)                                                              \
	rows_batch_n(pool, schema, (const char *const[]){__VA_ARGS__},                             \
		     sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Only the rows whose digit in `mask` is 1 stay selected: "1011". */
ROWS_UNUSED static struct batch *rows_select(struct batch *b, const char *mask)
{
	b->selected = true;
	b->n_sel = 0;
	for (uint32_t i = 0; i < b->rows; i++)
		if (mask[i % strlen(mask)] == '1')
			b->sel[b->n_sel++] = (uint16_t)i;
	return b;
}

ROWS_UNUSED static size_t rows_cell_text(const struct column *c, uint32_t row, char *to,
					 size_t size)
{
	if (column_is_null(c, row))
		return (size_t)snprintf(to, size, "~");
	switch (c->type) {
	case T_BOOL:
		return (size_t)snprintf(to, size, "%s", bit_get(c->bits, row) ? "true" : "false");
	case T_FLOAT64:
		return (size_t)snprintf(to, size, "%.17g", c->f64[row]);
	case T_STRING:
		return (size_t)snprintf(to, size, "%.*s", (int)c->str[row].len,
					column_str(c, &c->str[row]));
	default:
		return (size_t)snprintf(to, size, "%" PRId64, c->i64[row]);
	}
}

/* One row (of the columns) as text; the caller frees it. */
ROWS_UNUSED static char *rows_text(const struct batch *b, uint32_t row)
{
	size_t size = 64;
	for (uint32_t f = 0; f < b->n_cols; f++)
		size += b->col[f]->type == T_STRING && !column_is_null(b->col[f], row)
				? b->col[f]->str[row].len + 2
				: 40;
	char *to = malloc(size);
	size_t at = 0;
	to[0] = '\0';
	for (uint32_t f = 0; f < b->n_cols; f++) {
		if (f)
			to[at++] = '|';
		at += rows_cell_text(b->col[f], row, to + at, size - at);
	}
	return to;
}

/* A growing list of texts, owned. */
struct rows_list {
	char **row;
	size_t n, cap;
};
ROWS_UNUSED static void rows_list_add(struct rows_list *l, char *text)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->row = realloc(l->row, l->cap * sizeof *l->row);
	}
	l->row[l->n++] = text;
}
ROWS_UNUSED static void rows_list_clear(struct rows_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->row[i]);
	free(l->row);
	*l = (struct rows_list){0};
}
ROWS_UNUSED static int rows_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}
ROWS_UNUSED static void rows_list_sort(struct rows_list *l)
{
	if (l->n)
		qsort(l->row, l->n, sizeof *l->row, rows_compare);
}
/* The rows joined by spaces, for comparing with what one writes down. A static buffer. */
ROWS_UNUSED static const char *rows_list_text(const struct rows_list *l)
{
	static char text[16384];
	size_t at = 0;
	text[0] = '\0';
	for (size_t i = 0; i < l->n && at < sizeof text; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "", l->row[i]);
	return text;
}
