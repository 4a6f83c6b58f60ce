/* state_json.c - see state_json.h; numbers are written as jsonl.c does. */
#include "operators/state_json.h"

#include "operators/field_text.h"
#include "operators/state_lines.h"
#include "runtime/keys_decode.h"

#include <math.h>

static double double_of(uint64_t bits)
{
	double d;
	memcpy(&d, &bits, sizeof d);
	return d;
}

static void put_float(struct json_out *o, double v)
{
	char text[FLOAT64_TEXT_MAX];
	if (!isfinite(v))
		jout_null(o);
	else if (v == 0 && signbit(v))
		jout_raw(o, "-0.0", 4);
	else
		jout_raw(o, text, (size_t)(float64_put(text, v) - text));
}

static void put_field(struct json_out *o, const struct field *f, const struct key_field *x)
{
	char text[TIMESTAMP_TEXT_MAX];
	jout_key(o, f->name);
	if (x->null) {
		jout_null(o);
		return;
	}
	switch (f->type) {
	case T_BOOL:
		jout_bool(o, x->bits);
		break;
	case T_INT64:
		jout_int(o, (int64_t)x->bits);
		break;
	case T_FLOAT64:
		put_float(o, double_of(x->bits));
		break;
	case T_TIMESTAMP:
		jout_string_n(o, text, (size_t)(timestamp_put(text, (int64_t)x->bits) - text));
		break;
	case T_STRING:
		jout_string_n(o, (const char *)x->text, x->len);
		break;
	}
}

RC state_json(const struct schema *key, const struct schema *value, const void *bytes, uint32_t len,
	      const uint64_t word[2], struct json_out *o, struct err *e)
{
	struct schema row;
	struct key_spec spec;
	struct key_field field[FIELDS_MAX];
	uint32_t number[KEY_FIELDS_MAX], n = value->n;
	for (uint32_t f = 0; f < key->n; f++)
		number[f] = f;
	key_spec_set(&spec, key, number, key->n);
	if (state_row_schema(&row, key, value, e) != OK)
		return e->code;
	if (!key_fields(&spec, bytes, len, field))
		return ERR(e, E_CORRUPT, "a key of %u bytes in the state is malformed", len);
	/* One that may be null is so where the count behind it is 0 (operators/sum.h). */
	for (uint32_t f = 0; f < n; f++)
		field[key->n + f] = (struct key_field){
			.bits = word[f], .null = value->field[f].nullable && f + 1 < n && !word[f + 1]};
	jout_object(o);
	for (uint32_t f = 0; f < row.n; f++)
		put_field(o, &row.field[f], &field[f]);
	jout_object_end(o);
	return OK;
}
