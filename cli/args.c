/* args.c - see args.h. */
#include "cli/args.h"

#include "base/check.h"
#include "base/option.h"
#include "base/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct arg_def *def_find(const struct arg_def *defs, const char *name, size_t len)
{
	for (const struct arg_def *d = defs; d->name; d++)
		if (strlen(d->name) == len && !memcmp(d->name, name, len))
			return d;
	return NULL;
}

static enum rc unknown(const struct arg_def *defs, const char *name, size_t len, struct err *e)
{
	const char *names[64];
	size_t n = 0;
	for (const struct arg_def *d = defs; d->name && n < ARRAY_LEN(names); d++)
		names[n++] = d->name;
	char word[128];
	size_t cut = len < sizeof word - 1 ? len : sizeof word - 1;
	memcpy(word, name, cut);
	word[cut] = '\0';
	const char *close = closest_name(word, names, n);
	if (close)
		return ERR(e, E_USAGE, "unknown option '%s'; did you mean '%s'?", word, close);
	return ERR(e, E_USAGE, "unknown option '%s'", word);
}

static bool number_parse(const char *text, int64_t *to)
{
	char *end;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	*to = v;
	return end != text && !*end && !errno;
}

static bool is_one_of(const char *words, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = words; len && *at;) {
		size_t n = strcspn(at, " ");
		if (n == len && !memcmp(at, word, len))
			return true;
		at += n + (at[n] == ' ');
	}
	return false;
}

static enum rc value_check(const struct arg_def *d, const char *value, struct err *e)
{
	int64_t number;
	uint64_t us;
	struct err why = {0};
	switch (d->kind) {
	case ARG_NUMBER:
		if (!number_parse(value, &number) || number < d->min || number > d->max)
			return ERR(e, E_USAGE, "%s takes a whole number from %lld to %lld, not '%s'",
				   d->name, (long long)d->min, (long long)d->max, value);
		return OK;
	case ARG_DURATION:
		if (duration_parse(value, strlen(value), &us, &why) != OK)
			return ERR(e, E_USAGE, "%s: '%s': %s", d->name, value, why.text);
		if (us < (uint64_t)d->min || us > (uint64_t)d->max) {
			char least[UNIT_TEXT], most[UNIT_TEXT];
			return ERR(e, E_USAGE, "%s takes a duration from %s to %s, not '%s'", d->name,
				   duration_text((uint64_t)d->min, least),
				   duration_text((uint64_t)d->max, most), value);
		}
		return OK;
	case ARG_WORD:
		if (!is_one_of(d->one_of, value))
			return ERR(e, E_USAGE, "%s takes one of: %s; not '%s'", d->name, d->one_of, value);
		return OK;
	default:
		if (!*value)
			return ERR(e, E_USAGE, "%s takes a value that is not empty", d->name);
		return OK;
	}
}

static enum rc option_add(struct args *a, const struct arg_def *d, const char *value, struct err *e)
{
	if (d->kind == ARG_LATER)
		return ERR(e, E_USAGE, "%s comes with a later version", d->name);
	if (d->kind != ARG_FLAG && value_check(d, value, e) != OK)
		return e->code;
	if (d->kind != ARG_TEXTS && d->kind != ARG_FLAG && args_has(a, d->name))
		return ERR(e, E_USAGE, "%s is given twice", d->name);
	if (a->n_options == ARGS_MAX)
		return ERR(e, E_USAGE, "more than %d options", ARGS_MAX);
	a->option[a->n_options].def = d;
	a->option[a->n_options++].value = value;
	return OK;
}

/* What stands behind an option in an argument of its own. */
static const char *value_next(const struct arg_def *d, int argc, char **argv, int *i, struct err *e)
{
	if (++*i == argc) {
		err_set(e, E_USAGE, "%s needs a value: %s %s", d->name, d->name, d->value);
		return NULL;
	}
	return argv[*i];
}

/* `-fn5`: flags, and at most one option with a value, last. */
static enum rc letters_parse(struct args *a, int argc, char **argv, int *i, struct err *e)
{
	const char *arg = argv[*i];
	for (const char *at = arg + 1; *at; at++) {
		const struct arg_def *d = a->defs;
		while (d->name && d->letter != *at)
			d++;
		if (!d->name)
			return unknown(a->defs, arg, strlen(arg), e);
		const char *value = NULL;
		if (d->kind != ARG_FLAG)
			value = at[1] ? at + 1 : value_next(d, argc, argv, i, e);
		if (d->kind != ARG_FLAG && !value)
			return e->code;
		if (option_add(a, d, value, e) != OK || value)
			return e->code;
	}
	return OK;
}

RC args_parse(struct args *a, const struct arg_def *defs, int argc, char **argv, struct err *e)
{
	*a = (struct args){.defs = defs};
	bool options = true;
	for (int i = 0; i < argc; i++) {
		const char *arg = argv[i];
		if (options && !strcmp(arg, "--")) {
			options = false;
			continue;
		}
		if (!options || arg[0] != '-' || !arg[1]) {
			if (a->n_places == ARGS_MAX)
				return ERR(e, E_USAGE, "more than %d arguments", ARGS_MAX);
			a->place[a->n_places++] = arg;
			continue;
		}
		if (!strcmp(arg, "-h") || !strcmp(arg, "--help")) {
			a->help = true;
			return OK;
		}
		if (arg[1] != '-') {
			if (letters_parse(a, argc, argv, &i, e) != OK)
				return e->code;
			continue;
		}
		size_t len = strcspn(arg, "=");
		const struct arg_def *d = def_find(defs, arg, len);
		if (!d)
			return unknown(defs, arg, len, e);
		const char *value = arg[len] ? arg + len + 1 : NULL;
		if (d->kind == ARG_FLAG && value)
			return ERR(e, E_USAGE, "%s takes no value", d->name);
		if (d->kind != ARG_FLAG && d->kind != ARG_LATER && !value) {
			value = value_next(d, argc, argv, &i, e);
			if (!value)
				return e->code;
		}
		if (option_add(a, d, value, e) != OK)
			return e->code;
	}
	return OK;
}

static const char *value_of(const struct args *a, const char *name)
{
	CHECK(def_find(a->defs, name, strlen(name)));
	for (unsigned i = 0; i < a->n_options; i++)
		if (!strcmp(a->option[i].def->name, name))
			return a->option[i].value ? a->option[i].value : "";
	return NULL;
}

bool args_has(const struct args *a, const char *name)
{
	return value_of(a, name) != NULL;
}

const char *args_text(const struct args *a, const char *name, const char *absent)
{
	const char *v = value_of(a, name);
	return v ? v : absent;
}

int64_t args_number(const struct args *a, const char *name, int64_t absent)
{
	const char *v = value_of(a, name);
	int64_t number;
	return v && number_parse(v, &number) ? number : absent;
}

uint64_t args_duration_us(const struct args *a, const char *name, uint64_t absent_us)
{
	const char *v = value_of(a, name);
	uint64_t us;
	struct err ignored = {0}; /* was checked by args_parse */
	return v && duration_parse(v, strlen(v), &us, &ignored) == OK ? us : absent_us;
}

size_t args_texts(const struct args *a, const char *name, const char **to, size_t max)
{
	size_t n = 0;
	for (unsigned i = 0; i < a->n_options; i++)
		if (!strcmp(a->option[i].def->name, name)) {
			if (n < max)
				to[n] = a->option[i].value;
			n++;
		}
	return n;
}

void args_document(const struct arg_def *defs, struct bytes *to)
{
	for (const struct arg_def *d = defs; d->name; d++) {
		if (d->kind == ARG_LATER)
			continue;
		char left[64];
		snprintf(left, sizeof left, "%s%.1s%s%s%s%s", d->letter ? "-" : "", &d->letter,
			 d->letter ? ", " : "", d->name, d->value ? " " : "", d->value ? d->value : "");
		bytes_printf(to, "  %-22s %s\n", left, d->help);
	}
}
