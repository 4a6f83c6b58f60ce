/* json.h - JSON texts with positions: the door of jansson, and an index of where each value stands.
 * Why: jansson keeps no positions for values, and an error without line and column is no help.
 * Strict: UTF-8, duplicate keys refused, nesting at most 64 (checked before jansson sees the text,
 * so a 200,000-deep text costs nothing), nothing after the document.
 * A `struct json` is one node: borrowed from its document, valid until json_close.
 * Threads: one owner. Not for records: jansson takes a microsecond a record (PEERS.md). */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_doc;
struct json; /* one value in a document */

/* Where something stands in the text: line and column count from 1, columns count characters;
 * offset and len count bytes. */
struct json_at {
	uint32_t line, column;
	size_t offset, len;
};

/* Parses text (len bytes, borrowed only during the call). On error *at says where (at may be
 * NULL). */
RC json_parse(struct json_doc **doc, const char *text, size_t len, struct mem *mem,
	      struct json_at *at, struct err *e);
void json_close(struct json_doc *doc); /* legal on NULL */
const struct json *json_root(const struct json_doc *doc);
/* The text as given (NUL-terminated), for carets. Borrowed. */
const char *json_source(const struct json_doc *doc, size_t *len);

enum json_kind json_kind(const struct json *v);
const char *json_kind_name(enum json_kind k); /* "a string", "a whole number", ... */
bool json_bool(const struct json *v);
int64_t json_int(const struct json *v);
double json_real(const struct json *v);            /* of an int too */
/* unescaped, NUL-terminated; may hold NULs */
const char *json_string(const struct json *v, size_t *len);
size_t json_count(const struct json *v);           /* of an array or object */
const struct json *json_item(const struct json *v, size_t i);
const struct json *json_get(const struct json *v, const char *key); /* NULL when it is not there */
/* The i-th member in the order of the text. */
const char *json_key(const struct json *v, size_t i);
const struct json *json_value(const struct json *v, size_t i);

/* Where the value, or the i-th member's key, stands (a string's and a key's place includes its
 * quotes). */
struct json_at json_where(const struct json *v);
struct json_at json_key_where(const struct json *v, size_t i);
/* The place inside the text of a string value for byte `offset` of the unescaped string, for errors
 * inside an expression; columns count characters. */
struct json_at json_where_in_string(const struct json *v, size_t offset, size_t len);

/* --- more than one text: a document whose values were partly given elsewhere (`--set`). --- */
/* A text that values stand in. name is NULL for the document's own. */
struct json_text {
	const char *name, *text;
	size_t len;
	bool is_file; /* with name: a file of its own, so that a place in it is name:line:column */
};
/* The text v's places (json_where and the others) stand in. Borrowed. */
const struct json_text *json_text_of(const struct json *v);
/* A value given in a text of its own, as in "checkpoint.interval=100ms": where in it the key and
 * the value stand. as_string: the value is plain text, not JSON. All borrowed during the call. */
struct json_given {
	const char *name, *text;
	size_t key_offset, key_len, value_offset, value_len;
	bool as_string;
	bool as_object; /* an empty object, whatever the text says there */
	bool is_file;   /* see json_text */
};
/* Makes it the value of `key` in object v: added behind the others, or replaced. Nodes replaced
 * stay valid until json_close. On error v is untouched and *at says where in g->text. */
RC json_put(struct json_doc *doc, const struct json *v, const char *key, const struct json_given *g,
	    struct json_at *at, struct err *e);
/* Another value for string v, which stands where it stood; json_written gives the old one. from[i],
 * for i in [0, len], says which byte of the old value byte i came from. */
RC json_set_string(struct json_doc *doc, const struct json *v, const char *s, size_t len,
		   const uint32_t *from, struct err *e);
const char *json_written(const struct json *v, size_t *len);

/* The bytes of the UTF-8 character at p (1 to 4), or 0 if it is none. end > p. */
unsigned utf8_len(const char *p, const char *end);
/* Whether all of it is. */
bool utf8_is(const char *p, size_t len);

/* --- writing: appends to a byte buffer; commas and nesting are kept here. --- */
struct json_out {
	struct bytes *to;
	int depth;
	bool first[72]; /* nesting 64 and some */
	bool pretty;    /* two-space indent */
	bool after_key;
};
void jout_begin(struct json_out *o, struct bytes *to, bool pretty);
void jout_object(struct json_out *o);
void jout_object_end(struct json_out *o);
void jout_array(struct json_out *o);
void jout_array_end(struct json_out *o);
void jout_key(struct json_out *o, const char *key);
void jout_string(struct json_out *o, const char *s);
/* invalid UTF-8 becomes U+FFFD */
void jout_string_n(struct json_out *o, const char *s, size_t len);
void jout_int(struct json_out *o, int64_t v);
void jout_uint(struct json_out *o, uint64_t v);   /* over 2^63: as a string of decimal digits */
void jout_hex64(struct json_out *o, uint64_t v);  /* "0123456789abcdef" */
void jout_real(struct json_out *o, double v);
void jout_bool(struct json_out *o, bool v);
void jout_null(struct json_out *o);
/* A whole value; as_written: strings as they stood before json_set_string. */
void jout_json(struct json_out *o, const struct json *v, bool as_written);
/* A whole value that was written before, as it is. */
void jout_raw(struct json_out *o, const char *text, size_t len);
/* key and value at once */
void jout_kv_string(struct json_out *o, const char *key, const char *s);
void jout_kv_int(struct json_out *o, const char *key, int64_t v);
void jout_kv_uint(struct json_out *o, const char *key, uint64_t v);
void jout_kv_hex64(struct json_out *o, const char *key, uint64_t v);
void jout_kv_real(struct json_out *o, const char *key, double v);
void jout_kv_bool(struct json_out *o, const char *key, bool v);
