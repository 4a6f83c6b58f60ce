/* keys_text.c - see keys_text.h. */
#include "operators/keys_text.h"

#include "operators/expr_convert.h"
#include "runtime/keys.h"

/* One field of the line, unquoted. */
struct typed {
	struct bytes text;
	bool quoted;
};

/* Reads up to the next comma that is not quoted; *at goes behind it. False: a quote is not
 * closed, or something follows it. */
static bool take_field(const char **at, struct typed *t, bool *more)
{
	const char *p = *at;
	bool closed = false;
	bytes_clear(&t->text);
	t->quoted = *p == '"';
	if (t->quoted) {
		for (p++; *p; p++) {
			closed = *p == '"' && *++p != '"';
			if (closed)
				break;
			bytes_put_u8(&t->text, (uint8_t)*p);
		}
		if (!closed || (*p && *p != ','))
			return false;
	} else {
		for (; *p && *p != ','; p++)
			bytes_put_u8(&t->text, (uint8_t)*p);
	}
	*more = *p == ',';
	*at = p + *more;
	return true;
}

static const char *example_of(enum type t)
{
	static const char *const examples[] = {[T_BOOL] = "true", [T_INT64] = "-42",
					       [T_FLOAT64] = "0.5", [T_STRING] = "word",
					       [T_TIMESTAMP] = "2026-01-31T23:59:59.5Z"};
	return examples[t];
}

static enum convert bits_of(enum type type, const char *s, size_t len, uint64_t *bits)
{
	enum convert c = CONVERT_SYNTAX;
	bool b = false;
	double d = 0;
	int64_t v = 0;
	switch (type) {
	case T_BOOL:
		c = convert_to_bool(s, len, &b);
		v = b;
		break;
	case T_INT64:
		c = convert_to_i64(s, len, &v);
		break;
	case T_TIMESTAMP:
		c = convert_to_timestamp(s, len, &v);
		break;
	case T_FLOAT64:
		c = convert_to_f64(s, len, &d);
		*bits = key_canonical_f64(d);
		return c;
	case T_STRING:
		break;
	}
	*bits = (uint64_t)v;
	return c;
}

static RC put_field(const struct field *f, const struct typed *t, bool tagged, struct bytes *to,
		    struct err *e)
{
	const char *s = t->text.len ? (const char *)t->text.data : "";
	bool null = !t->text.len && !t->quoted;
	uint64_t bits;
	if (!bytes_ok(&t->text)) /* which looks like an empty one */
		return ERR(e, E_NO_MEMORY, "no memory for a key");
	if (null && f->nullable) {
		bytes_put_u8(to, 0);
		return OK;
	}
	if (tagged)
		bytes_put_u8(to, 1);
	if (f->type == T_STRING) {
		bytes_put_u32(to, (uint32_t)t->text.len);
		bytes_put(to, s, t->text.len);
		return OK;
	}
	if (bits_of(f->type, s, t->text.len, &bits) != CONVERT_OK)
		return ERR(e, E_USAGE, "'%.*s' is no %s for field '%s' of the key; write it like %s",
			   (int)(t->text.len < 100 ? t->text.len : 100), s, type_name(f->type), f->name,
			   example_of(f->type));
	bytes_put_u64(to, bits);
	return OK;
}

static RC put_fields(const struct schema *key, const char *text, struct bytes *to,
		     struct typed *t, struct err *e)
{
	char fields[256];
	bool tagged = key->n != 1 || key->field[0].nullable, more = true;
	schema_text(key, fields, sizeof fields);
	if (!key->n)
		return *text ? ERR(e, E_USAGE, "the state has one row, without a key: say \"\"") : OK;
	for (uint32_t f = 0; f < key->n; f++) {
		if (!more)
			return ERR(e, E_USAGE, "'%.200s' has %u field%s; the key is (%s), written as in a line "
				   "of csv", text, f, f == 1 ? "" : "s", fields);
		if (!take_field(&text, t, &more))
			return ERR(e, E_USAGE, "field '%s' of the key: a quote is not closed by one before a "
				   "comma", key->field[f].name);
		if (put_field(&key->field[f], t, tagged, to, e) != OK)
			return e->code;
	}
	if (more)
		return ERR(e, E_USAGE, "more fields than the key has: (%s); one with a comma is quoted: "
			   "\"a,b\"", fields);
	return OK;
}

RC key_from_text(const struct schema *key, const char *text, struct bytes *to, struct err *e)
{
	struct typed t;
	enum rc rc = OK;
	bytes_init(&t.text, to->mem);
	if (key->n == 1 && key->field[0].type == T_STRING && !key->field[0].nullable)
		bytes_put_text(to, text);
	else
		rc = put_fields(key, text, to, &t, e);
	if (rc == OK && !(bytes_ok(to) && bytes_ok(&t.text)))
		rc = ERR(e, E_NO_MEMORY, "no memory for a key");
	bytes_close(&t.text);
	return rc;
}

RC key_from_texts(const struct schema *key, const char *const *text, unsigned n, struct bytes *to,
		  struct err *e)
{
	struct typed t;
	char fields[256];
	if (n == 1)
		return key_from_text(key, text[0], to, e);
	schema_text(key, fields, sizeof fields);
	if (n != key->n)
		return ERR(e, E_USAGE, "%u texts for a key of %u field%s: (%s)", n, key->n,
			   key->n == 1 ? "" : "s", fields);
	bytes_init(&t.text, to->mem);
	enum rc rc = OK;
	for (uint32_t f = 0; f < key->n && rc == OK; f++) {
		bytes_clear(&t.text);
		bytes_put_text(&t.text, text[f]);
		t.quoted = key->field[f].type == T_STRING;
		rc = put_field(&key->field[f], &t, true, to, e);
	}
	if (rc == OK && !(bytes_ok(to) && bytes_ok(&t.text)))
		rc = ERR(e, E_NO_MEMORY, "no memory for a key");
	bytes_close(&t.text);
	return rc;
}
