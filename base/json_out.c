/* json_out.c - writing JSON: see json.h. Our own, because jansson would build a tree first. */
#include "base/check.h"
#include "base/json_scan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void jout_begin(struct json_out *o, struct bytes *to, bool pretty)
{
	*o = (struct json_out){.to = to, .pretty = pretty};
	o->first[0] = true;
}

static void new_line(struct json_out *o)
{
	if (!o->pretty)
		return;
	bytes_put_u8(o->to, '\n');
	for (int i = 0; i < o->depth; i++)
		bytes_put(o->to, "  ", 2);
}

/* What stands before a value or key: nothing, a comma, a line break. */
static void before(struct json_out *o)
{
	if (o->after_key) {
		o->after_key = false;
		return;
	}
	if (!o->first[o->depth])
		bytes_put_u8(o->to, ',');
	if (o->depth)
		new_line(o);
	o->first[o->depth] = false;
}

static void open_with(struct json_out *o, char c)
{
	before(o);
	bytes_put_u8(o->to, (uint8_t)c);
	CHECK(o->depth + 1 < (int)ARRAY_LEN(o->first));
	o->first[++o->depth] = true;
}

static void close_with(struct json_out *o, char c)
{
	CHECK(o->depth > 0 && !o->after_key);
	bool empty = o->first[o->depth--];
	if (!empty)
		new_line(o);
	bytes_put_u8(o->to, (uint8_t)c);
}

void jout_object(struct json_out *o)
{
	open_with(o, '{');
}

void jout_object_end(struct json_out *o)
{
	close_with(o, '}');
}

void jout_array(struct json_out *o)
{
	open_with(o, '[');
}

void jout_array_end(struct json_out *o)
{
	close_with(o, ']');
}

/* ASCII that stands for itself: nearly all there is. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

static void put_quoted(struct bytes *to, const char *s, size_t len)
{
	static const char short_escape[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',
						['\f'] = 'f', ['\r'] = 'r'};
	bytes_put_u8(to, '"');
	const char *end = s + len, *plain = s;
	for (;;) {
		while (s < end && is_plain((unsigned char)*s))
			s++;
		if (s == end)
			break;
		unsigned char c = (unsigned char)*s;
		unsigned n = utf8_len(s, end);
		if (c >= 0x80 && n) {
			s += n;
			continue;
		}
		bytes_put(to, plain, (size_t)(s - plain));
		if (!n)
			bytes_put_text(to, "\xEF\xBF\xBD");
		else if (c == '"' || c == '\\')
			bytes_printf(to, "\\%c", c);
		else if (c < 0x20 && short_escape[c])
			bytes_printf(to, "\\%c", short_escape[c]);
		else
			bytes_printf(to, "\\u%04x", c);
		plain = ++s;
	}
	bytes_put(to, plain, (size_t)(s - plain));
	bytes_put_u8(to, '"');
}

void jout_key(struct json_out *o, const char *key)
{
	CHECK(o->depth > 0 && !o->after_key);
	before(o);
	put_quoted(o->to, key, strlen(key));
	bytes_put(o->to, ": ", o->pretty ? 2 : 1);
	o->after_key = true;
}

void jout_string_n(struct json_out *o, const char *s, size_t len)
{
	before(o);
	put_quoted(o->to, s, len);
}

void jout_string(struct json_out *o, const char *s)
{
	jout_string_n(o, s, strlen(s));
}

static void put_digits(struct bytes *to, uint64_t v)
{
	char text[20], *at = text + sizeof text;
	do
		*--at = (char)('0' + v % 10);
	while (v /= 10);
	bytes_put(to, at, (size_t)(text + sizeof text - at));
}

void jout_int(struct json_out *o, int64_t v)
{
	before(o);
	if (v < 0)
		bytes_put_u8(o->to, '-');
	put_digits(o->to, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void jout_uint(struct json_out *o, uint64_t v)
{
	before(o);
	if (v > INT64_MAX)
		bytes_printf(o->to, "\"%" PRIu64 "\"", v);
	else
		put_digits(o->to, v);
}

void jout_hex64(struct json_out *o, uint64_t v)
{
	before(o);
	bytes_printf(o->to, "\"%016" PRIx64 "\"", v);
}

/* The shortest of 15 to 17 digits that reads back as v; always with a sign of being a real number.
 * JSON has no word for what is not finite: null. */
void jout_real(struct json_out *o, double v)
{
	before(o);
	if (!isfinite(v)) {
		bytes_put_text(o->to, "null");
		return;
	}
	char text[40];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	bytes_put_text(o->to, text);
	if (!strpbrk(text, ".e"))
		bytes_put_text(o->to, ".0");
}

void jout_bool(struct json_out *o, bool v)
{
	before(o);
	bytes_put_text(o->to, v ? "true" : "false");
}

void jout_null(struct json_out *o)
{
	before(o);
	bytes_put_text(o->to, "null");
}

/* Recurses as deep as a document may be: JSON_DEPTH_MAX. */
void jout_json(struct json_out *o, const struct json *v, bool as_written)
{
	size_t len;
	const char *s;
	switch (json_kind(v)) {
	case JSON_NULL:
		jout_null(o);
		return;
	case JSON_BOOL:
		jout_bool(o, json_bool(v));
		return;
	case JSON_INT:
		jout_int(o, json_int(v));
		return;
	case JSON_REAL:
		jout_real(o, json_real(v));
		return;
	case JSON_STRING:
		s = as_written ? json_written(v, &len) : json_string(v, &len);
		jout_string_n(o, s, len);
		return;
	case JSON_ARRAY:
		jout_array(o);
		for (size_t i = 0; i < json_count(v); i++)
			jout_json(o, json_item(v, i), as_written);
		jout_array_end(o);
		return;
	case JSON_OBJECT:
		jout_object(o);
		for (size_t i = 0; i < json_count(v); i++) {
			jout_key(o, json_key(v, i));
			jout_json(o, json_value(v, i), as_written);
		}
		jout_object_end(o);
		return;
	}
}

void jout_raw(struct json_out *o, const char *text, size_t len)
{
	before(o);
	bytes_put(o->to, text, len);
}

void jout_kv_string(struct json_out *o, const char *key, const char *s)
{
	jout_key(o, key);
	jout_string(o, s);
}

void jout_kv_int(struct json_out *o, const char *key, int64_t v)
{
	jout_key(o, key);
	jout_int(o, v);
}

void jout_kv_uint(struct json_out *o, const char *key, uint64_t v)
{
	jout_key(o, key);
	jout_uint(o, v);
}

void jout_kv_hex64(struct json_out *o, const char *key, uint64_t v)
{
	jout_key(o, key);
	jout_hex64(o, v);
}

void jout_kv_real(struct json_out *o, const char *key, double v)
{
	jout_key(o, key);
	jout_real(o, v);
}

void jout_kv_bool(struct json_out *o, const char *key, bool v)
{
	jout_key(o, key);
	jout_bool(o, v);
}
