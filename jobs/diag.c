/* diag.c - see diag.h. */
#include "jobs/diag.h"
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN 100 /* characters of a source line: fits a terminal, with the number before it */

void diags_init(struct diags *ds, const char *file, const char *text, size_t len, struct mem *mem)
{
	memset(ds, 0, sizeof *ds);
	ds->mem = mem;
	ds->file = file;
	ds->source = (struct json_text){.text = text ? text : "", .len = text ? len : 0};
}

void diags_close(struct diags *ds)
{
	for (unsigned i = 0; i < ds->n; i++) {
		mem_put(ds->mem, ds->d[i].text);
		mem_put(ds->mem, ds->d[i].hint);
	}
	ds->n = 0;
}

/* A terminal must not obey what stands in a job file. */
static void tame(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7F)
			*s = '?';
}

static bool is_same(const struct diag *a, const struct diag *b)
{
	return a->level == b->level && a->in.text == b->in.text && a->at.offset == b->at.offset &&
	       a->at.line == b->at.line && !strcmp(a->text, b->text);
}

static void add(struct diags *ds, enum diag_level level, const struct json_text *in,
		struct json_at at, bool secret, const char *hint, const char *text)
{
	struct diag d = {.level = level, .at = at, .secret = secret,
			 .in = in && in->name ? *in : ds->source};
	d.text = ds->n < DIAG_MAX ? mem_string(ds->mem, text) : NULL;
	d.hint = d.text ? mem_string(ds->mem, hint ? hint : "") : NULL;
	bool keep = d.text && d.hint;
	if (keep) {
		tame(d.text);
		tame(d.hint);
	}
	for (unsigned i = 0; i < ds->n && keep; i++) {
		if (is_same(&ds->d[i], &d)) {
			mem_put(ds->mem, d.text);
			mem_put(ds->mem, d.hint);
			return;
		}
	}
	ds->errors += level == DIAG_ERROR;
	ds->warnings += level == DIAG_WARNING;
	if (keep) {
		ds->d[ds->n++] = d;
		return;
	}
	mem_put(ds->mem, d.text);
	ds->more++;
}

static void addv(struct diags *ds, enum diag_level level, const struct json_text *in,
		 struct json_at at, const char *hint, const char *fmt, va_list ap)
	__attribute__((format(printf, 6, 0)));

static void addv(struct diags *ds, enum diag_level level, const struct json_text *in,
		 struct json_at at, const char *hint, const char *fmt, va_list ap)
{
	char text[ERR_TEXT_MAX];
	vsnprintf(text, sizeof text, fmt, ap);
	add(ds, level, in, at, false, hint, text);
}

void diag_add(struct diags *ds, enum diag_level level, const struct json_text *in,
	      struct json_at at, const char *hint, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	addv(ds, level, in, at, hint, fmt, ap);
	va_end(ap);
}

void diag_file(struct diags *ds, enum diag_level level, const char *hint, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	addv(ds, level, NULL, (struct json_at){0}, hint, fmt, ap);
	va_end(ap);
}

static void report(struct opt_report *r, const struct json *v, struct json_at at, const char *text,
		   const char *hint)
{
	struct diag_report *to = CONTAINER_OF(r, struct diag_report, r);
	add(to->to, to->level, json_text_of(v), at, r->secret, hint, text);
}

struct opt_report *diag_report(struct diag_report *r, struct diags *to, const char *who_fmt, ...)
{
	*r = (struct diag_report){.r = {.error = report, .no_relative = to->no_relative},
				  .to = to, .level = DIAG_ERROR};
	va_list ap;
	va_start(ap, who_fmt);
	vsnprintf(r->who, sizeof r->who, who_fmt, ap);
	va_end(ap);
	r->r.who = r->who;
	return &r->r;
}

static int by_place(const void *va, const void *vb)
{
	const struct diag *a = va, *b = vb;
	bool a_given = a->in.name, b_given = b->in.name;
	if (a_given != b_given)
		return a_given ? 1 : -1; /* the file first, then the arguments */
	if (a_given && strcmp(a->in.text, b->in.text) != 0)
		return strcmp(a->in.text, b->in.text);
	if (a->at.offset != b->at.offset)
		return a->at.offset < b->at.offset ? -1 : 1;
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->level != b->level)
		return a->level < b->level ? -1 : 1;
	return strcmp(a->text, b->text);
}

static bool is_argument(const struct diag *d)
{
	return d->in.name && !d->in.is_file;
}

static const char *level_name(enum diag_level l)
{
	return l == DIAG_ERROR ? "error" : l == DIAG_WARNING ? "warning" : "note";
}

static bool is_more(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

/* Goes n characters forward (or back), not beyond `stop`. */
static const char *forward(const char *p, const char *stop, size_t n)
{
	while (n-- && p < stop)
		for (p++; p < stop && is_more(*p);)
			p++;
	return p;
}

static const char *back(const char *p, const char *stop, size_t n)
{
	while (n-- && p > stop)
		for (p--; p > stop && is_more(*p);)
			p--;
	return p;
}

static size_t characters(const char *p, const char *end)
{
	size_t n = 0;
	for (; p < end; p++)
		n += !is_more(*p);
	return n;
}

/* The line's bytes as a terminal may see them. */
static void put_tamed(struct bytes *to, const char *p, const char *end)
{
	while (p < end) {
		unsigned n = utf8_len(p, end);
		bool plain = n && (unsigned char)*p >= 0x20 && *p != 0x7F;
		if (plain)
			bytes_put(to, p, n);
		else
			bytes_put_u8(to, *p == '\t' ? ' ' : '?');
		p += n ? n : 1;
	}
}

/* The source line, cut around the caret if it is long, and the caret's line. */
static void put_source(const struct diag *d, struct bytes *to)
{
	const char *text = d->in.text, *end = text + d->in.len;
	const char *at = d->at.offset < d->in.len ? text + d->at.offset : end;
	const char *from = at, *till = at;
	while (from > text && from[-1] != '\n')
		from--;
	while (till < end && *till != '\n')
		till++;
	if (till > at && till[-1] == '\r')
		till--;
	const char *mark_end = d->at.len < (size_t)(till - at) ? at + d->at.len : till;

	/* The caret's end comes into view first, then its beginning, then what stands before. */
	const char *left = from, *right = till;
	if (characters(from, till) > SHOWN) {
		left = back(mark_end, from, SHOWN * 2 / 3);
		if (at < left)
			left = at;
		right = forward(left, till, SHOWN);
		left = back(right, from, SHOWN);
		if (at < left)
			left = at;
	}
	if (mark_end > right)
		mark_end = right;
	bool cut_left = left > from, cut_right = right < till;
	if (is_argument(d))
		bytes_put_text(to, "     | ");
	else
		bytes_printf(to, "%4u | ", d->at.line);
	bytes_put_text(to, cut_left ? "..." : "");
	put_tamed(to, left, right);
	bytes_put_text(to, cut_right ? "...\n" : "\n");
	size_t before = characters(left, at) + (cut_left ? 3 : 0), marks = characters(at, mark_end);
	bytes_printf(to, "     | %*s", (int)before, "");
	for (size_t i = 0; i < (marks ? marks : 1); i++)
		bytes_put_u8(to, '^');
	bytes_printf(to, "%s%s\n", d->hint[0] ? " " : "", d->hint);
}

static void put_where(const struct diags *ds, const struct diag *d, struct bytes *to)
{
	if (is_argument(d)) {
		bytes_printf(to, "%s ", d->in.name);
		put_tamed(to, d->in.text, d->in.text + (d->in.len < 60 ? d->in.len : 60));
		return;
	}
	const char *file = d->in.name ? d->in.name : ds->file;
	put_tamed(to, file, file + strlen(file));
	if (d->at.line)
		bytes_printf(to, ":%u:%u", d->at.line, d->at.column);
}

/* Whether something in its line is not to be shown, of this fault or of another. */
static bool is_secret(const struct diags *ds, const struct diag *d)
{
	for (unsigned i = 0; i < ds->n; i++)
		if (ds->d[i].secret && ds->d[i].at.line == d->at.line && ds->d[i].in.text == d->in.text)
			return true;
	return false;
}

static void put_diag(const struct diags *ds, const struct diag *d, struct bytes *to)
{
	put_where(ds, d, to);
	bytes_printf(to, "  %s: %s\n", level_name(d->level), d->text);
	if (d->at.line && !is_secret(ds, d))
		put_source(d, to);
	else if (d->hint[0])
		bytes_printf(to, "     | %s\n", d->hint);
}

static void sort(struct diags *ds)
{
	qsort(ds->d, ds->n, sizeof ds->d[0], by_place);
}

void diags_print(struct diags *ds, struct bytes *to)
{
	sort(ds);
	for (unsigned i = 0; i < ds->n; i++)
		put_diag(ds, &ds->d[i], to);
	if (ds->more)
		bytes_printf(to, "... and %u more\n", ds->more);
	if (ds->errors)
		bytes_printf(to, "%u error%s", ds->errors, ds->errors > 1 ? "s" : "");
	if (ds->warnings)
		bytes_printf(to, "%s%u warning%s", ds->errors ? ", " : "", ds->warnings,
			     ds->warnings > 1 ? "s" : "");
	if (ds->errors || ds->warnings)
		bytes_put_u8(to, '\n');
}

RC diags_first(struct diags *ds, struct err *e)
{
	struct bytes where;
	sort(ds);
	for (unsigned i = 0; i < ds->n; i++) {
		const struct diag *d = &ds->d[i];
		if (d->level != DIAG_ERROR)
			continue;
		bytes_init(&where, ds->mem);
		put_where(ds, d, &where);
		enum rc rc = ERR(e, E_INVALID, "%s: %s", bytes_text(&where), d->text);
		bytes_close(&where);
		return rc;
	}
	return ERR(e, E_INVALID, "%s: %u errors", ds->file, ds->errors);
}

void diags_json(struct diags *ds, struct json_out *o)
{
	sort(ds);
	jout_array(o);
	for (unsigned i = 0; i < ds->n; i++) {
		const struct diag *d = &ds->d[i];
		jout_object(o);
		jout_kv_string(o, "severity", level_name(d->level));
		if (is_argument(d)) {
			jout_key(o, "argument");
			jout_string_n(o, d->in.text, d->in.len);
		} else {
			jout_kv_string(o, "file", d->in.name ? d->in.name : ds->file);
		}
		if (d->at.line) {
			jout_kv_uint(o, "line", d->at.line);
			jout_kv_uint(o, "column", d->at.column);
			jout_kv_uint(o, "length", d->at.len);
		}
		jout_kv_string(o, "text", d->text);
		if (d->hint[0])
			jout_kv_string(o, "hint", d->hint);
		jout_object_end(o);
	}
	jout_array_end(o);
}
