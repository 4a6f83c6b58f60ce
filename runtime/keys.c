/* keys.c - see keys.h. */
#include "runtime/keys.h"

#include "base/check.h"
#include "base/hash.h"
#include "runtime/pool.h"

#include <math.h>

_Static_assert(sizeof(struct key_view) == sizeof(struct strview), "one is passed as the other");

void key_spec_set(struct key_spec *k, const struct schema *s, const uint32_t *field, uint32_t n)
{
	CHECK(n <= KEY_FIELDS_MAX);
	*k = (struct key_spec){.n = n, .form = KEY_BYTES};
	for (uint32_t i = 0; i < n; i++) {
		const struct field *f = &s->field[field[i]];
		k->field[i] = field[i];
		k->type[i] = f->type;
		k->nullable[i] = f->nullable;
	}
	if (n == 1 && !k->nullable[0] && k->type[0] != T_STRING)
		k->form = KEY_FIX8;
}

static bool spec_is_plain_string(const struct key_spec *k)
{
	return k->n == 1 && !k->nullable[0] && k->type[0] == T_STRING;
}

void keys_init(struct keys *k, struct mem *mem)
{
	memset(k, 0, sizeof *k);
	k->mem = mem;
	bytes_init(&k->text, mem);
}

void keys_close(struct keys *k)
{
	if (!k->mem)
		return;
	mem_put(k->mem, k->fix8_made);
	mem_put(k->mem, k->view_made);
	bytes_close(&k->text);
	memset(k, 0, sizeof *k);
}

uint64_t key_canonical_f64(double d)
{
	if (d == 0)
		d = 0;
	uint64_t bits;
	memcpy(&bits, &d, sizeof bits);
	return isnan(d) ? 0x7FF8000000000000u : bits;
}

static uint64_t canonical8(const struct column *c, uint32_t row)
{
	switch (c->type) {
	case T_BOOL:
		return bit_get(c->bits, row);
	case T_FLOAT64:
		return key_canonical_f64(c->f64[row]);
	default:
		return (uint64_t)c->i64[row];
	}
}

/* for (row of the selected rows of b), i counting them. */
#define EACH_ROW(b, i, row)                                                                        \
	for (uint32_t i = 0, row; i < batch_count(b) && (row = (b)->selected ? (b)->sel[i] : i, 1); i++)

static RC keys_fix8(struct keys *k, const struct key_spec *spec, const struct batch *b,
		    struct err *e)
{
	const struct column *c = b->col[spec->field[0]];
	if (c->type == T_INT64 || c->type == T_TIMESTAMP) {
		k->fix8 = (const uint64_t *)c->i64;
		return OK;
	}
	if (!k->fix8_made && !(k->fix8_made = mem_get(k->mem, BATCH_ROWS * sizeof(uint64_t))))
		return ERR(e, E_NO_MEMORY, "no memory for the keys of a batch");
	EACH_ROW (b, i, row)
		k->fix8_made[row] = canonical8(c, row);
	k->fix8 = k->fix8_made;
	return OK;
}

static void put_field(struct bytes *to, const struct column *c, uint32_t row)
{
	if (column_is_null(c, row)) {
		bytes_put_u8(to, 0);
		return;
	}
	bytes_put_u8(to, 1);
	if (c->type == T_STRING) {
		bytes_put_u32(to, c->str[row].len);
		bytes_put(to, column_str(c, &c->str[row]), c->str[row].len);
	} else {
		bytes_put_u64(to, canonical8(c, row));
	}
}

static RC key_too_long(uint32_t row, size_t len, uint32_t *bad_row, struct err *e)
{
	*bad_row = row;
	return ERR(e, E_RECORD, "a key of %zu bytes; keys may have %u", len, KEY_BYTES_MAX);
}

static RC views_make(struct keys *k, struct err *e)
{
	if (!k->view_made)
		k->view_made = mem_get(k->mem, BATCH_ROWS * sizeof(struct key_view));
	return k->view_made ? OK : ERR(e, E_NO_MEMORY, "no memory for the keys of a batch");
}

static RC keys_encoded(struct keys *k, const struct key_spec *spec, const struct batch *b,
		       uint32_t *bad_row, struct err *e)
{
	if (views_make(k, e) != OK)
		return e->code;
	uint32_t at[BATCH_ROWS];
	bytes_clear(&k->text);
	EACH_ROW (b, i, row) {
		at[i] = (uint32_t)k->text.len;
		for (uint32_t f = 0; f < spec->n; f++)
			put_field(&k->text, b->col[spec->field[f]], row);
		size_t len = k->text.len - at[i];
		if (len > KEY_BYTES_MAX && !k->clips)
			return key_too_long(row, len, bad_row, e);
		if (len > KEY_BYTES_MAX)
			k->text.len = at[i] + KEY_BYTES_MAX;
	}
	if (!bytes_ok(&k->text) || !bytes_reserve(&k->text, 16))
		return ERR(e, E_NO_MEMORY, "no memory for the keys of a batch");
	EACH_ROW (b, i, row) {
		uint32_t end = i + 1 < batch_count(b) ? at[i + 1] : (uint32_t)k->text.len;
		struct strview v = strview_of(k->text.data, 0, at[i], end - at[i]);
		memcpy(&k->view_made[row], &v, sizeof v);
	}
	k->base[0] = k->text.data;
	k->view = k->view_made;
	return OK;
}

/* The column's views are others' too: those that are cut are copies. */
static RC keys_string_clipped(struct keys *k, const struct column *c, const struct batch *b,
			      struct err *e)
{
	if (views_make(k, e) != OK)
		return e->code;
	EACH_ROW (b, i, row) {
		memcpy(&k->view_made[row], &c->str[row], sizeof *k->view_made);
		if (k->view_made[row].len > KEY_BYTES_MAX)
			k->view_made[row].len = KEY_BYTES_MAX;
	}
	k->view = k->view_made;
	return OK;
}

typedef uint32_t four_u32 __attribute__((vector_size(16), aligned(4), may_alias));

/* The lengths of the rows, ORed: at least each of them. All rows: whole views are, four bytes of
 * which are the length. */
static uint32_t all_lengths(const struct strview *v, const struct batch *b)
{
	uint32_t some = 0;
	four_u32 even = {0}, odd = {0};
	if (b->selected) {
		for (uint32_t i = 0; i < b->n_sel; i++)
			some |= v[b->sel[i]].len;
		return some;
	}
	for (uint32_t i = 0; i + 1 < b->rows; i += 2) {
		even |= *(const four_u32 *)&v[i];
		odd |= *(const four_u32 *)&v[i + 1];
	}
	return (even | odd)[0] | (b->rows ? v[b->rows - 1].len : 0);
}

static RC keys_string(struct keys *k, const struct key_spec *spec, const struct batch *b,
		      uint32_t *bad_row, struct err *e)
{
	const struct column *c = b->col[spec->field[0]];
	for (uint32_t t = 0; t < c->n_texts; t++)
		k->base[t] = c->text[t]->data;
	k->view = (const struct key_view *)c->str;
	if ((b->hash && !b->hash->has_valid) || all_lengths(c->str, b) <= KEY_BYTES_MAX)
		return OK;
	EACH_ROW (b, i, row)
		if (c->str[row].len > KEY_BYTES_MAX)
			return k->clips ? keys_string_clipped(k, c, b, e)
					: key_too_long(row, c->str[row].len, bad_row, e);
	return OK;
}

RC keys_of(struct keys *k, const struct key_spec *spec, const struct batch *b, uint32_t *bad_row,
	   struct err *e)
{
	k->fix8 = NULL;
	k->view = NULL;
	if (spec->form == KEY_FIX8)
		return keys_fix8(k, spec, b, e);
	if (spec_is_plain_string(spec))
		return keys_string(k, spec, b, bad_row, e);
	return keys_encoded(k, spec, b, bad_row, e);
}

/* Rows whose keys were cut off are null in the hashes, so that whoever takes them need not look at
 * every key again. */
static void mark_clipped(const struct key_spec *spec, const struct batch *b, struct column *h)
{
	const struct column *c = b->col[spec->field[0]];
	h->has_valid = true;
	memset(h->valid, 0xFF, sizeof h->valid);
	EACH_ROW (b, i, row)
		if (c->str[row].len > KEY_BYTES_MAX)
			bit_clear(h->valid, row);
}

RC keys_hash(struct keys *k, const struct key_spec *spec, struct batch *b, struct pool *pool,
	     uint32_t *bad_row, struct err *e)
{
	if (b->hash)
		return OK;
	if (keys_of(k, spec, b, bad_row, e) != OK)
		return e->code;
	struct column *h = pool_column(pool, T_INT64);
	if (!h)
		return ERR(e, E_NO_MEMORY, "no memory for the hashes of a batch");
	h->rows = b->rows;
	uint64_t *out = (uint64_t *)h->i64;
	const uint16_t *sel = b->selected ? b->sel : NULL;
	if (k->fix8)
		hash_numbers(simd_have(), k->fix8, sel, batch_count(b), out);
	else
		hash_views(simd_have(), k->hash_id ? k->hash_id : HASH_STRING, k->view, k->base, sel,
			   batch_count(b), out);
	if (k->view && k->view == k->view_made && spec_is_plain_string(spec))
		mark_clipped(spec, b, h);
	b->hash = h;
	return OK;
}
