/* fuzz_rows.c - records as csv and as jsonl: what was written is read back by a reader of its own,
 * field by field. The bytes are a schema and the values of some rows. */
#include "base/json.h"
#include "operators/row_text.h"
#include "runtime/pool.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

#define COLUMNS 5

static int64_t number(const uint8_t **data, size_t *size)
{
	static const int64_t ends[] = {INT64_MIN, INT64_MAX, 0, -1, 1000000};
	uint8_t how = fuzz_byte(data, size), n = 1 + how % 8;
	uint64_t v = 0;
	if (how >= 250)
		return ends[how % 5];
	while (n--)
		v = v << 8 | fuzz_byte(data, size);
	return (int64_t)v;
}

static void cell(struct column *c, struct text *t, const uint8_t **data, size_t *size)
{
	uint32_t row = c->rows++;
	uint8_t how = fuzz_byte(data, size);
	if (c->has_valid && how % 8 == 7) {
		bit_clear(c->valid, row);
		memset((uint8_t *)c->data + row * (c->wide ? 16 : 8), 0, c->wide ? 16 : 8);
		return;
	}
	if (c->type == T_STRING) {
		size_t len = how % 64 < *size ? how % 64 : *size;
		if (how >= 240) /* what a quote costs, in blocks of sixteen */
			len = (how - 238) * 16u < *size ? (how - 238) * 16u : *size;
		if (len > t->cap - t->used)
			len = 0;
		if (len)
			memcpy(t->data + t->used, *data, len);
		int text = len > STRVIEW_INLINE ? column_text_add(c, t) : 0;
		HOLDS(text >= 0);
		c->str[row] = strview_of(t->data, (uint32_t)text, t->used, (uint32_t)len);
		t->used += (uint32_t)len;
		*data += len;
		*size -= len;
	} else if (c->type == T_BOOL) {
		(how & 1 ? bit_set : bit_clear)(c->bits, row);
	} else {
		int64_t v = number(data, size);
		if (c->type == T_TIMESTAMP) /* years 0 to 9999 */
			v = v % 250000000000000000;
		c->i64[row] = v;
	}
}

/* A field of csv: unquoted into to; *at goes behind what ends it. */
static size_t csv_field(const char **at, const char *end, char *to, bool *quoted)
{
	size_t n = 0;
	*quoted = *at < end && **at == '"';
	if (*quoted) {
		for (++*at;; ++*at) {
			HOLDS(*at < end);
			if (**at == '"' && *++*at != '"')
				break;
			to[n++] = **at;
		}
	} else {
		while (*at < end && **at != ',' && **at != '\n') {
			HOLDS(**at != '"' && **at != '\r');
			to[n++] = *(*at)++;
		}
	}
	HOLDS(*at < end && (**at == ',' || **at == '\n'));
	to[n] = '\0';
	return n;
}

static void same_float(double want, const char *text)
{
	double got = strtod(text, NULL);
	HOLDS(isnan(want) ? isnan(got) : !memcmp(&want, &got, 8));
}

static void csv_reads(const struct batch *b, const struct bytes *text)
{
	const char *at = (const char *)text->data, *end = at + text->len;
	char *field = malloc(text->len + 1);
	HOLDS(field);
	for (uint32_t row = 0; row < b->rows; row++)
		for (uint32_t i = 0; i < b->n_cols; i++) {
			const struct column *c = b->col[i];
			bool quoted;
			size_t len = csv_field(&at, end, field, &quoted);
			HOLDS(*at++ == (i + 1 < b->n_cols ? ',' : '\n'));
			if (column_is_null(c, row)) {
				HOLDS(!len && !quoted);
				continue;
			}
			HOLDS(len || quoted); /* one can tell it from null */
			if (c->type == T_STRING)
				HOLDS(len == c->str[row].len &&
				      !memcmp(field, column_str(c, &c->str[row]), len));
			else if (c->type == T_INT64)
				HOLDS(strtoll(field, NULL, 10) == c->i64[row]);
			else if (c->type == T_FLOAT64)
				same_float(c->f64[row], field);
			else if (c->type == T_BOOL)
				HOLDS(!strcmp(field, bit_get(c->bits, row) ? "true" : "false"));
		}
	HOLDS(at == end);
	free(field);
}

static void json_cell(const struct column *c, uint32_t row, const struct json *v)
{
	enum json_kind kind = json_kind(v);
	size_t len;
	if (column_is_null(c, row)) {
		HOLDS(kind == JSON_NULL);
	} else if (c->type == T_STRING) {
		const char *is = json_string(v, &len);
		const struct strview *s = &c->str[row];
		HOLDS(kind == JSON_STRING);
		/* what is no UTF-8 becomes U+FFFD, three bytes for one at most */
		HOLDS(len >= s->len && len <= 3 * (size_t)s->len);
		HOLDS(len != s->len || !memcmp(is, column_str(c, s), len) || strstr(is, "\xEF\xBF\xBD"));
	} else if (c->type == T_INT64) {
		HOLDS(kind == JSON_INT && json_int(v) == c->i64[row]);
	} else if (c->type == T_BOOL) {
		HOLDS(kind == JSON_BOOL && json_bool(v) == bit_get(c->bits, row));
	} else if (c->type == T_FLOAT64) {
		double want = c->f64[row];
		HOLDS(kind == (isfinite(want) ? kind == JSON_INT ? JSON_INT : JSON_REAL : JSON_NULL));
		if (isfinite(want) && kind == JSON_REAL)
			HOLDS(json_real(v) == want);
	}
}

static void jsonl_reads(const struct batch *b, const struct bytes *text, struct mem *mem)
{
	const char *at = (const char *)text->data, *end = at + text->len;
	for (uint32_t row = 0; row < b->rows; row++) {
		struct json_doc *doc = NULL;
		struct err e = {OK};
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		HOLDS(stop);
		HOLDS_RC(json_parse(&doc, at, (size_t)(stop - at), mem, NULL, &e), &e, false);
		HOLDS(json_count(json_root(doc)) == b->n_cols);
		for (uint32_t i = 0; i < b->n_cols; i++)
			json_cell(b->col[i], row, json_value(json_root(doc), i));
		json_close(doc);
		at = stop + 1;
	}
	HOLDS(at == end);
}

/* One record after the other, or as many as fit at once: the same bytes. */
static void write_all(const struct row_format *f, const struct row_names *n, const struct batch *b,
		      struct bytes *to, bool some)
{
	for (uint32_t row = 0; row < b->rows;) {
		size_t bound = f->bound(n, b, row), room = some ? bound + 200 : bound;
		char *buf = malloc(room), *at = buf; /* exact: what is written behind is seen */
		HOLDS(buf);
		uint32_t did = some && f->some ? f->some(&at, buf + room, b, row) : 0;
		if (!did) {
			at = f->put(n, buf, b, row);
			did = 1;
		}
		HOLDS(at <= buf + room);
		bytes_put(to, buf, (size_t)(at - buf));
		free(buf);
		row += did;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum type types[] = {T_STRING, T_INT64, T_FLOAT64, T_BOOL, T_TIMESTAMP};
	static const struct row_format *const formats[] = {&csv_format, &jsonl_format};
	struct mem mem;
	struct pool *pool;
	struct schema s = {0};
	struct err e = {OK};
	fuzz_open(&mem);
	HOLDS(pool_open(&pool, &mem, &e) == OK);
	struct batch *b = pool_batch(pool);
	struct text *t = pool_text(pool, TEXT_BYTES);
	uint8_t shape = fuzz_byte(&data, &size);
	for (uint32_t i = 0; i < 1u + shape % COLUMNS; i++) {
		uint8_t how = fuzz_byte(&data, &size);
		char name[8];
		snprintf(name, sizeof name, "f%u", (unsigned)i);
		HOLDS(schema_add(&s, name, types[how % 5], how & 8, &e) == OK);
		struct column *c = b->col[b->n_cols++] = pool_column(pool, types[how % 5]);
		c->rows = 0;
		c->has_valid = how & 8;
		memset(c->valid, 0xFF, sizeof c->valid);
	}
	do { /* one at least */
		for (uint32_t i = 0; i < b->n_cols; i++)
			cell(b->col[i], t, &data, &size);
		b->rows++;
	} while (size && b->rows < 64);
	for (size_t f = 0; f < ARRAY_LEN(formats); f++) {
		struct row_names names = {0};
		struct bytes one, many;
		bytes_init(&one, &mem);
		bytes_init(&many, &mem);
		if (formats[f]->names)
			formats[f]->names(&names, &s, &mem);
		write_all(formats[f], &names, b, &one, false);
		write_all(formats[f], &names, b, &many, true);
		HOLDS(fuzz_same(&one, &many));
		if (f == 0)
			csv_reads(b, &one);
		else
			jsonl_reads(b, &one, &mem);
		bytes_close(&one);
		bytes_close(&many);
		if (names.text.mem)
			bytes_close(&names.text);
	}
	text_drop(t);
	batch_drop(&b);
	pool_close(pool);
	fuzz_close(&mem);
	return 0;
}
