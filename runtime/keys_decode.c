/* keys_decode.c - see keys_decode.h; the other direction is put_field in keys.c. */
#include "runtime/keys_decode.h"

#include "base/check.h"

uint32_t keys_decodable(const struct keyed_entry *entry, uint32_t n)
{
	uint64_t bytes = 0;
	uint32_t i = 0;
	CHECK(n);
	do
		bytes += entry[i].key_len;
	while (++i < n && bytes + entry[i].key_len <= TEXT_BYTES);
	return i;
}

/* The columns being filled, and the one text that all long strings stand in. */
struct decoding {
	const struct key_spec *spec;
	struct column **col;
	struct text *text;
};

static void put8(struct column *c, uint32_t row, uint64_t v)
{
	if (c->type != T_BOOL) {
		memcpy(&c->i64[row], &v, 8);
		return;
	}
	if (v)
		bit_set(c->bits, row);
	else
		bit_clear(c->bits, row);
}

static void put_string(struct decoding *d, struct column *c, uint32_t row, const uint8_t *at,
		       uint32_t len)
{
	struct text *t = d->text;
	if (len <= STRVIEW_INLINE) {
		c->str[row] = strview_of(at, 0, 0, len);
		return;
	}
	CHECK(t && t->cap - t->used >= len);
	memcpy(t->data + t->used, at, len);
	int number = column_text_add(c, t);
	c->str[row] = strview_of(t->data, (uint32_t)number, t->used, len);
	t->used += len;
}

static void put_null(struct column *c, uint32_t row)
{
	bit_clear(c->valid, row);
	if (c->type == T_STRING)
		c->str[row] = (struct strview){0};
	else
		put8(c, row, 0);
}

/* Fields behind each other: a tag, then the value. */
static bool tagged_fields(const struct key_spec *k, struct reader r, struct key_field *to)
{
	for (uint32_t f = 0; f < k->n; f++) {
		uint8_t tag = reader_u8(&r);
		to[f] = (struct key_field){.null = !tag};
		if (tag > 1 || (!tag && !k->nullable[f]))
			return false;
		if (!tag)
			continue;
		if (k->type[f] != T_STRING) {
			to[f].bits = reader_u64(&r);
		} else {
			to[f].len = reader_u32(&r);
			to[f].text = reader_take(&r, to[f].len);
		}
	}
	return !r.failed && !reader_left(&r);
}

bool key_fields(const struct key_spec *k, const void *key, uint32_t len, struct key_field *to)
{
	if (k->form == KEY_FIX8) {
		if (len == 8)
			to[0] = (struct key_field){.bits = load_u64(key)};
		return len == 8;
	}
	if (k->n == 1 && !k->nullable[0] && k->type[0] == T_STRING) {
		to[0] = (struct key_field){.text = key, .len = len};
		return true;
	}
	return tagged_fields(k, reader_of(key, len), to);
}

static bool put_key(struct decoding *d, uint32_t row, const struct keyed_entry *x)
{
	struct key_field field[KEY_FIELDS_MAX];
	if (!key_fields(d->spec, x->key, x->key_len, field))
		return false;
	for (uint32_t f = 0; f < d->spec->n; f++) {
		struct column *c = d->col[f];
		if (field[f].null)
			put_null(c, row);
		else if (c->type == T_STRING)
			put_string(d, c, row, field[f].text, field[f].len);
		else
			put8(c, row, field[f].bits);
	}
	return true;
}

static bool needs_text(const struct key_spec *k)
{
	for (uint32_t f = 0; f < k->n; f++)
		if (k->type[f] == T_STRING)
			return true;
	return false;
}

static RC columns_make(struct decoding *d, uint32_t n, uint64_t bytes, struct pool *pool,
		       struct err *e)
{
	for (uint32_t f = 0; f < d->spec->n; f++) {
		struct column *c = d->col[f] = pool_column(pool, d->spec->type[f]);
		if (!c)
			goto no_memory;
		c->rows = n;
		c->has_valid = d->spec->nullable[f];
		if (c->has_valid)
			memset(c->valid, 0xFF, sizeof c->valid);
	}
	if (!needs_text(d->spec))
		return OK;
	CHECK(bytes <= UINT32_MAX);
	d->text = pool_text(pool, (uint32_t)bytes);
	if (d->text)
		return OK;
no_memory:
	return ERR(e, E_NO_MEMORY, "no memory for a batch of keys");
}

RC keys_decode(const struct key_spec *spec, const struct keyed_entry *entry, uint32_t n,
	       struct pool *pool, struct column **col, struct err *e)
{
	struct decoding d = {.spec = spec, .col = col};
	uint64_t bytes = 0;
	CHECK(n <= BATCH_ROWS);
	memset(col, 0, spec->n * sizeof *col);
	for (uint32_t i = 0; i < n; i++)
		bytes += entry[i].key_len;
	enum rc rc = columns_make(&d, n, bytes, pool, e);
	for (uint32_t i = 0; i < n && rc == OK; i++)
		if (!put_key(&d, i, &entry[i]))
			rc = ERR(e, E_CORRUPT, "a key of %u bytes in the state is malformed",
				 entry[i].key_len);
	text_drop(d.text);
	for (uint32_t f = 0; f < spec->n && rc != OK; f++) {
		column_drop(col[f]);
		col[f] = NULL;
	}
	return rc;
}
