/* option_check.c - an object against its table, every fault told: see option.h. */
#include "base/check.h"
#include "base/option.h"
#include "base/schema.h"
#include "base/secret.h"

#include <inttypes.h>
#include <stdio.h>

#define NAMES_MAX 64 /* the largest table has 14 rows; by feel */

/* Is word one of the words in `list`, which spaces separate? */
static bool word_in(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *p = list; p && *p && len;) {
		size_t n = strcspn(p, " ");
		if (n == len && !memcmp(p, word, n))
			return true;
		p += n + (p[n] == ' ');
	}
	return false;
}

/* The word of `list` most like `word`, in `to`; NULL: none is. */
static const char *closest_word(const char *list, const char *word, char *to, size_t size)
{
	const char *words[NAMES_MAX];
	size_t n = 0;
	snprintf(to, size, "%s", list);
	char *save = NULL;
	for (char *w = strtok_r(to, " ", &save); w && n < NAMES_MAX; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	return closest_name(word, words, n);
}

/* "csv text" -> "'csv' or 'text'" */
static const char *words_text(const char *list, char *to, size_t size)
{
	size_t at = 0;
	to[0] = '\0';
	for (const char *p = list; *p && at < size;) {
		size_t n = strcspn(p, " ");
		const char *after = p + n + (p[n] == ' ');
		const char *between = p == list ? "" : *after ? ", " : " or ";
		int put = snprintf(to + at, size - at, "%s'%.*s'", between, (int)n, p);
		at += put > 0 ? (size_t)put : 0;
		p = after;
	}
	return to;
}

/* "a string or a list of strings" */
static const char *kinds_text(const struct opt_def *d, char *to, size_t size)
{
	static const struct {
		unsigned kind;
		const char *says;
	} names[] = {
		{OPT_STRING, "a string"},
		{OPT_INT, "a whole number"},
		{OPT_REAL, "a number"},
		{OPT_BOOL, "true or false"},
		{OPT_LIST, "a list of strings"},
		{OPT_OBJECT, "an object"},
		{OPT_STRINGS, "an object of strings"},
		{OPT_DURATION, "a duration such as \"10s\""},
		{OPT_SIZE, "a size such as \"64MB\""},
		{OPT_SECRET, "\"env:NAME\" or \"file:/PATH\""},
		{OPT_SECRETS, "an object of \"env:NAME\" or \"file:/PATH\""},
	};
	size_t at = 0;
	to[0] = '\0';
	if (d->one_of && (d->kinds & OPT_STRING)) {
		words_text(d->one_of, to, size);
		at = strlen(to);
	}
	for (size_t i = 0; i < ARRAY_LEN(names) && at < size; i++) {
		if (!(d->kinds & names[i].kind) || (at && i == 0 && d->one_of))
			continue;
		int put = snprintf(to + at, size - at, "%s%s", at ? " or " : "", names[i].says);
		at += put > 0 ? (size_t)put : 0;
	}
	return to;
}

static bool in_bounds(const struct opt_def *d, double v)
{
	return (!d->min && !d->max) || (v >= (double)d->min && v <= (double)d->max);
}

static void bounds_text(const struct opt_def *d, unsigned kind, char *to, size_t size)
{
	char min[UNIT_TEXT], max[UNIT_TEXT];
	if (kind == OPT_DURATION) {
		duration_text((uint64_t)d->min, min);
		duration_text((uint64_t)d->max, max);
	} else if (kind == OPT_SIZE) {
		size_text((uint64_t)d->min, min);
		size_text((uint64_t)d->max, max);
	} else {
		snprintf(min, sizeof min, "%" PRId64, d->min);
		snprintf(max, sizeof max, "%" PRId64, d->max);
	}
	if (d->max == INT64_MAX)
		snprintf(to, size, "at least %s", min);
	else
		snprintf(to, size, "from %s to %s", min, max);
}

static bool out_of_bounds(const struct opt_def *d, const struct json *v, unsigned kind,
			  struct opt_report *r)
{
	char text[80];
	bounds_text(d, kind, text, sizeof text);
	opt_error(r, v, text, "'%s' is out of bounds", d->name);
	return false;
}

static bool no_nul(const struct opt_def *d, const struct json *v, struct opt_report *r)
{
	size_t len;
	const char *s = json_string(v, &len);
	size_t at = strlen(s);
	if (at == len)
		return true;
	opt_error_in(r, v, at, 1, NULL, "'%s' contains a NUL character", d->name);
	return false;
}

static bool check_word(const struct opt_def *d, const struct json *v, const char *s,
		       struct opt_report *r)
{
	char text[256];
	if (word_in(d->later, s)) {
		char hint[300];
		snprintf(hint, sizeof hint, "now: %s", kinds_text(d, text, sizeof text));
		opt_error(r, v, hint, "'%s': '%s' comes with a later version", d->name, s);
		return false;
	}
	if (!d->one_of || word_in(d->one_of, s))
		return true;
	char hint[300];
	const char *close = closest_word(d->one_of, s, text, sizeof text);
	if (close)
		snprintf(hint, sizeof hint, "did you mean '%s'?", close);
	else
		snprintf(hint, sizeof hint, "it may be %s", kinds_text(d, text, sizeof text));
	/* As written: what came from the environment may be a secret (inv 36). */
	opt_error(r, v, hint, "'%s' cannot be '%.60s'", d->name, json_written(v, NULL));
	return false;
}

static bool check_text(const struct opt_def *d, const struct json *v, struct opt_report *r)
{
	size_t len;
	json_string(v, &len);
	if (!no_nul(d, v, r))
		return false;
	if (!len && !(d->kinds & OPT_EMPTY)) {
		opt_error(r, v, d->help, "'%s' is empty", d->name);
		return false;
	}
	if (d->kinds & OPT_PATH && r->no_relative && json_string(v, NULL)[0] != '/') {
		opt_error(r, v, r->no_relative, "'%s' is a relative path", d->name);
		return false;
	}
	return true;
}

/* A string may be a word, a duration, a size, or any text: the first kind that takes it. */
static bool check_string(const struct opt_def *d, const struct json *v, struct opt_report *r)
{
	if (!(d->kinds & (OPT_DURATION | OPT_SIZE)))
		return check_text(d, v, r) && check_word(d, v, json_string(v, NULL), r);
	size_t len;
	const char *s = json_string(v, &len);
	if (d->kinds & OPT_STRING && word_in(d->one_of, s))
		return true;
	struct err e = {0};
	uint64_t n = 0;
	unsigned kind = d->kinds & OPT_DURATION ? OPT_DURATION : OPT_SIZE;
	enum rc rc = kind == OPT_DURATION ? duration_parse(s, len, &n, &e)
					  : size_parse(s, len, &n, &e);
	if (rc != OK) {
		char wants[300];
		bool from_file = json_written(v, NULL) == s; /* else it may be a secret (inv 36) */
		opt_error(r, v, from_file ? e.text : kinds_text(d, wants, sizeof wants),
			  "'%s' is not a %s", d->name, kind == OPT_DURATION ? "duration" : "size");
		return false;
	}
	return in_bounds(d, (double)n) || out_of_bounds(d, v, kind, r);
}

static bool wrong_kind(const struct opt_def *d, const struct json *v, struct opt_report *r)
{
	char wants[300], hint[400];
	kinds_text(d, wants, sizeof wants);
	bool unit = d->kinds & (OPT_DURATION | OPT_SIZE) && json_kind(v) == JSON_INT;
	if (unit)
		snprintf(hint, sizeof hint, "write \"%" PRId64 "%s\"", json_int(v),
			 d->kinds & OPT_DURATION ? "s" : "MB");
	else
		snprintf(hint, sizeof hint, "%s, not %s", wants, json_kind_name(json_kind(v)));
	opt_error(r, v, hint, unit ? "'%s' wants a unit" : "'%s' has the wrong type", d->name);
	return false;
}

static bool check_many(const struct opt_def *d, const struct json *v, struct opt_report *r)
{
	size_t n = json_count(v);
	if (!n && !(d->kinds & OPT_EMPTY)) {
		opt_error(r, v, d->help, "'%s' is empty", d->name);
		return false;
	}
	bool ok = true;
	for (size_t i = 0; i < n; i++) {
		const struct json *item = json_item(v, i);
		if (json_kind(item) == JSON_STRING) {
			ok &= check_text(d, item, r);
			continue;
		}
		char hint[80];
		snprintf(hint, sizeof hint, "a string, not %s", json_kind_name(json_kind(item)));
		opt_error(r, item, hint, "'%s' holds something that is no string", d->name);
		ok = false;
	}
	return ok;
}

static bool check_secret(const char *name, const struct json *v, struct opt_report *r)
{
	struct secret_ref ref;
	if (!secret_ref_parse(&ref, v)) {
		opt_error(r, v, "\"env:NAME\" or \"file:/PATH\": where it stands, never what it is",
			  "'%.64s' is no reference to a secret", name);
		return false;
	}
	if (ref.by == SECRET_FILE && r->no_relative && ref.where[0] != '/') {
		opt_error(r, v, r->no_relative, "'%.64s' is a relative path", name);
		return false;
	}
	return true;
}

static bool check_secrets(const struct opt_def *d, const struct json *v, struct opt_report *r)
{
	bool ok = json_count(v) && json_count(v) <= SECRETS_MAX;
	if (!ok)
		opt_error(r, v, d->help, "'%s' holds from 1 to %d", d->name, SECRETS_MAX);
	for (size_t i = 0; i < json_count(v); i++) {
		const char *name = json_key(v, i);
		bool named = secret_name_ok(name);
		if (!named)
			opt_error_key(r, v, i, "letters, digits and '_', no digit first",
				      "'%.64s' is no name for the environment", name);
		ok &= named & check_secret(name, json_value(v, i), r);
	}
	return ok;
}

static unsigned kinds_of(const struct json *v)
{
	static const unsigned kinds[] = {
		[JSON_BOOL] = OPT_BOOL,
		[JSON_INT] = OPT_INT | OPT_REAL,
		[JSON_REAL] = OPT_REAL,
		[JSON_STRING] = OPT_STRING | OPT_DURATION | OPT_SIZE | OPT_SECRET,
		[JSON_ARRAY] = OPT_LIST,
		[JSON_OBJECT] = OPT_OBJECT | OPT_STRINGS | OPT_SECRETS,
	};
	return kinds[json_kind(v)];
}

static bool check_kinds(const struct opt_def *d, const struct json *v, struct opt_report *r)
{
	unsigned may = kinds_of(v);
	if (json_kind(v) == JSON_STRING && word_in(d->later, json_string(v, NULL)))
		return check_word(d, v, json_string(v, NULL), r);
	if (!(d->kinds & may)) {
		if (!(d->later_kinds & may))
			return wrong_kind(d, v, r);
		char hint[300];
		opt_error(r, v, kinds_text(d, hint, sizeof hint),
			  "'%s' as %s comes with a later version", d->name,
			  json_kind_name(json_kind(v)));
		return false;
	}
	switch (json_kind(v)) {
	case JSON_STRING:
		return d->kinds & OPT_SECRET ? check_secret(d->name, v, r) : check_string(d, v, r);
	case JSON_INT:
	case JSON_REAL:
		return in_bounds(d, json_real(v)) || out_of_bounds(d, v, OPT_REAL, r);
	case JSON_ARRAY:
		return check_many(d, v, r);
	case JSON_OBJECT:
		return d->kinds & OPT_SECRETS ? check_secrets(d, v, r)
					      : d->kinds & OPT_OBJECT || check_many(d, v, r);
	default:
		return true;
	}
}

static bool check_value(const struct opt_def *d, const struct json *v, struct opt_report *r)
{
	bool before = r->secret;
	r->secret |= d->kinds & (OPT_SECRET | OPT_SECRETS);
	bool ok = check_kinds(d, v, r);
	r->secret = before;
	return ok;
}

static const struct opt_def *find(const struct opt_def *defs, const char *name)
{
	for (; defs->name; defs++)
		if (!strcmp(defs->name, name))
			return defs;
	return NULL;
}

/* What key may have meant: a name of the table, or "block.name" for one inside a block of it. */
static const char *meant_by(const char *key, const struct opt_alias *aliases,
			    const char *const *names, size_t n)
{
	for (; aliases && aliases->theirs; aliases++)
		if (!strcmp(aliases->theirs, key))
			return aliases->ours;
	size_t block = strcspn(key, ".");
	for (size_t i = 0; i < n && key[block] && key[block + 1]; i++)
		if (strlen(names[i]) == block && !memcmp(names[i], key, block))
			return key;
	return closest_name(key, names, n);
}

static void unknown_key(const struct opt_def *defs, const char *const *also,
			const struct opt_alias *aliases, const struct json *v, size_t i,
			struct opt_report *r)
{
	const char *names[NAMES_MAX], *key = json_key(v, i);
	size_t n = 0;
	for (; also && *also && n < NAMES_MAX; also++)
		names[n++] = *also;
	for (const struct opt_def *d = defs; d->name && n < NAMES_MAX; d++)
		if (!(d->kinds & OPT_LATER))
			names[n++] = d->name;
	size_t listed = n, at = 0;
	for (const struct opt_def *d = defs; d->name && n < NAMES_MAX; d++)
		if (d->kinds & OPT_LATER)
			names[n++] = d->name; /* proposed, but not listed */
	const char *close = meant_by(key, aliases, names, n);
	const struct opt_def *meant = close ? find(defs, close) : NULL;
	int block = close ? (int)strcspn(close, ".") : 0;
	char hint[400];
	if (close && close[block])
		snprintf(hint, sizeof hint, "write \"%.*s\": {\"%s\": ...}", block, close,
			 close + block + 1);
	else if (close)
		snprintf(hint, sizeof hint, "did you mean '%s'?%s", close,
			 meant && meant->kinds & OPT_LATER ? " (it comes with a later version)" : "");
	else
		at = (size_t)snprintf(hint, sizeof hint, "it may have: ");
	for (size_t k = 0; !close && k < listed && at < sizeof hint; k++)
		at += (size_t)snprintf(hint + at, sizeof hint - at, "%s%s", k ? ", " : "",
				       names[k]);
	opt_error_key(r, v, i, hint, "unknown key '%.60s'", key);
}

bool opt_check(const struct opt_def *defs, const struct json *v, const char *const *also,
	       const struct opt_alias *aliases, struct opt_report *r)
{
	unsigned before = r->errors;
	for (size_t i = 0; i < json_count(v); i++) {
		const char *key = json_key(v, i);
		const struct opt_def *d = find(defs, key);
		bool known = d != NULL;
		for (const char *const *a = also; a && *a && !known; a++)
			known = !strcmp(*a, key);
		if (!known)
			unknown_key(defs, also, aliases, v, i, r);
		else if (d && d->kinds & OPT_LATER)
			opt_error_key(r, v, i, d->help, "'%s' comes with a later version", key);
		else if (d)
			check_value(d, json_value(v, i), r);
	}
	for (const struct opt_def *d = defs; d->name; d++)
		if (d->required && !json_get(v, d->name))
			opt_error(r, v, d->help, "'%s' is missing", d->name);
	return r->errors == before;
}

void opt_document(const struct opt_def *defs, struct bytes *to)
{
	for (const struct opt_def *d = defs; d->name; d++) {
		char kinds[300];
		if (d->kinds & OPT_LATER)
			snprintf(kinds, sizeof kinds, "later");
		else
			kinds_text(d, kinds, sizeof kinds);
		bytes_printf(to, "  %-14s %s%s%s%s\n", d->name, kinds,
			     d->required ? ", required" : "", d->help ? ": " : "",
			     d->help ? d->help : "");
	}
}
