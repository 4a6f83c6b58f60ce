/* option.c - reading options that passed their check, and saying what is wrong: see option.h. */
#include "base/option.h"
#include "base/check.h"

#include <stdio.h>

static void report(struct opt_report *r, const struct json *v, struct json_at at, const char *hint,
		   const char *fmt, va_list ap) __attribute__((format(printf, 5, 0)));

static void report(struct opt_report *r, const struct json *v, struct json_at at, const char *hint,
		   const char *fmt, va_list ap)
{
	char text[ERR_TEXT_MAX];
	int n = 0;
	if (r->who && r->who[0])
		n = snprintf(text, sizeof text / 2, "%s: ", r->who);
	if (n < 0 || n >= (int)sizeof text / 2)
		n = n < 0 ? 0 : (int)sizeof text / 2 - 1;
	vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
	const char *source = json_text_of(v)->text + at.offset;
	if (at.len > 2 && source[0] == '"' && source[at.len - 1] == '"') {
		at.offset++; /* the caret stands under what is written, not under its quotes */
		at.column++;
		at.len -= 2;
	}
	r->errors++;
	r->error(r, v, at, text, hint ? hint : "");
}

void opt_error(struct opt_report *r, const struct json *v, const char *hint, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct json_at at = json_where(v);
	if (json_kind(v) == JSON_ARRAY || json_kind(v) == JSON_OBJECT)
		at.len = at.len > 0; /* its first character: it may go on for pages */
	report(r, v, at, hint, fmt, ap);
	va_end(ap);
}

void opt_error_key(struct opt_report *r, const struct json *v, size_t i, const char *hint,
		   const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	/* The member names the text: it may have been given elsewhere. */
	report(r, json_value(v, i), json_key_where(v, i), hint, fmt, ap);
	va_end(ap);
}

void opt_error_in(struct opt_report *r, const struct json *v, size_t offset, size_t len,
		  const char *hint, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	report(r, v, json_where_in_string(v, offset, len), hint, fmt, ap);
	va_end(ap);
}

static void to_err(struct opt_report *r, const struct json *v, struct json_at at, const char *text,
		   const char *hint)
{
	(void)v;
	(void)at;
	struct opt_report_err *to = CONTAINER_OF(r, struct opt_report_err, r);
	(void)ERR(to->e, E_INVALID, hint[0] ? "%s (%s)" : "%s", text, hint);
}

struct opt_report *opt_report_to_err(struct opt_report_err *r, struct err *e)
{
	*r = (struct opt_report_err){.r = {.error = to_err}, .e = e};
	return &r->r;
}

bool opt_has(const struct json *v, const char *name)
{
	return json_get(v, name) != NULL;
}

const struct json *opt_json(const struct json *v, const char *name)
{
	return json_get(v, name);
}

static const struct json *of_kind(const struct json *v, const char *name, enum json_kind kind)
{
	const struct json *o = json_get(v, name);
	return o && json_kind(o) == kind ? o : NULL;
}

const char *opt_string(const struct json *v, const char *name, const char *absent)
{
	const struct json *o = of_kind(v, name, JSON_STRING);
	return o ? json_string(o, NULL) : absent;
}

bool opt_is(const struct json *v, const char *name, const char *word)
{
	const struct json *o = of_kind(v, name, JSON_STRING);
	return o && !strcmp(json_string(o, NULL), word);
}

int64_t opt_int(const struct json *v, const char *name, int64_t absent)
{
	const struct json *o = of_kind(v, name, JSON_INT);
	return o ? json_int(o) : absent;
}

double opt_real(const struct json *v, const char *name, double absent)
{
	const struct json *o = json_get(v, name);
	bool number = o && (json_kind(o) == JSON_INT || json_kind(o) == JSON_REAL);
	return number ? json_real(o) : absent;
}

bool opt_bool(const struct json *v, const char *name, bool absent)
{
	const struct json *o = of_kind(v, name, JSON_BOOL);
	return o ? json_bool(o) : absent;
}

uint64_t opt_duration_us(const struct json *v, const char *name, uint64_t absent_us)
{
	const struct json *o = of_kind(v, name, JSON_STRING);
	size_t len;
	const char *s = o ? json_string(o, &len) : NULL;
	uint64_t us;
	return s && duration_parse(s, len, &us, NULL) == OK ? us : absent_us;
}

uint64_t opt_size_bytes(const struct json *v, const char *name, uint64_t absent_bytes)
{
	const struct json *o = of_kind(v, name, JSON_STRING);
	size_t len;
	const char *s = o ? json_string(o, &len) : NULL;
	uint64_t bytes;
	return s && size_parse(s, len, &bytes, NULL) == OK ? bytes : absent_bytes;
}

size_t opt_list_count(const struct json *v, const char *name)
{
	const struct json *o = json_get(v, name);
	if (!o || (json_kind(o) != JSON_STRING && json_kind(o) != JSON_ARRAY))
		return 0;
	return json_kind(o) == JSON_STRING ? 1 : json_count(o);
}

const struct json *opt_list_json(const struct json *v, const char *name, size_t i)
{
	CHECK(i < opt_list_count(v, name));
	const struct json *o = json_get(v, name);
	return json_kind(o) == JSON_STRING ? o : json_item(o, i);
}

const char *opt_list_item(const struct json *v, const char *name, size_t i)
{
	return json_string(opt_list_json(v, name, i), NULL);
}
