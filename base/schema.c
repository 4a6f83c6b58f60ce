/* schema.c - see schema.h. */
#include "base/schema.h"

#include <stdio.h>
#include <string.h>

static const char *const type_names[] = {
	[T_BOOL] = "bool",
	[T_INT64] = "int64",
	[T_FLOAT64] = "float64",
	[T_STRING] = "string",
	[T_TIMESTAMP] = "timestamp",
};
enum { N_TYPES = sizeof type_names / sizeof type_names[0] };

const char *type_name(enum type t)
{
	return type_names[t];
}

bool type_parse(const char *name, enum type *t)
{
	for (unsigned i = 0; i < N_TYPES; i++)
		if (!strcmp(name, type_names[i])) {
			*t = (enum type)i;
			return true;
		}
	return false;
}

int schema_find(const struct schema *s, const char *name)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (!strcmp(s->field[i].name, name))
			return (int)i;
	return -1;
}

enum rc schema_add(struct schema *s, const char *name, enum type type, bool nullable, struct err *e)
{
	size_t len = strlen(name);
	if (!len)
		return ERR(e, E_INVALID, "a field name is empty");
	if (len > FIELD_NAME_MAX)
		return ERR(e, E_INVALID, "field name '%.20s...' has %zu bytes, at most %d may be",
			   name, len, FIELD_NAME_MAX);
	if (schema_find(s, name) >= 0)
		return ERR(e, E_INVALID, "field '%s' is there already", name);
	if (s->n == FIELDS_MAX)
		return ERR(e, E_INVALID, "field '%s' is one more than %d fields", name, FIELDS_MAX);
	struct field *f = &s->field[s->n++];
	memset(f, 0, sizeof *f);
	memcpy(f->name, name, len);
	f->type = type;
	f->nullable = nullable;
	return OK;
}

bool schema_equal(const struct schema *a, const struct schema *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (strcmp(a->field[i].name, b->field[i].name) ||
		    a->field[i].type != b->field[i].type ||
		    a->field[i].nullable != b->field[i].nullable)
			return false;
	return true;
}

void schema_text(const struct schema *s, char *to, size_t size)
{
	if (!size)
		return;
	to[0] = '\0';
	size_t at = 0;
	for (uint32_t i = 0; i < s->n && at < size; i++) {
		const struct field *f = &s->field[i];
		int n = snprintf(to + at, size - at, "%s%s %s%s", i ? ", " : "", f->name,
				 type_name(f->type), f->nullable ? "?" : "");
		at += (size_t)n;
	}
}

enum { WORD_MAX = 64 }; /* longer words are not typing mistakes of a name */

static bool same(char a, char b)
{
	return (a == '-' ? '_' : a) == (b == '-' ? '_' : b);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Damerau-Levenshtein distance in its restricted form (optimal string alignment): insert, delete,
 * replace, or swap two neighbours. Three rows of the table suffice. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned row[3][WORD_MAX + 1];
	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *now = row[i % 3];
		const unsigned *before = row[(i - 1) % 3];
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			now[j] = least(before[j - 1] + !same(a[i - 1], b[j - 1]),
				       least(before[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				now[j] = least(now[j], row[(i - 2) % 3][j - 2] + 1);
		}
	}
	return row[na % 3][nb];
}

const char *closest_name(const char *word, const char *const *names, size_t n)
{
	size_t len = strlen(word);
	if (len > WORD_MAX)
		return NULL;
	unsigned allowed = len / 3 > 1 ? (unsigned)(len / 3) : 1, best = allowed + 1;
	const char *found = NULL;
	for (size_t i = 0; i < n; i++) {
		size_t other = strlen(names[i]);
		if (other > WORD_MAX)
			continue;
		unsigned d = distance(word, len, names[i], other);
		if (d < best) { /* the first of equals: the caller's order decides */
			best = d;
			found = names[i];
		}
	}
	return found;
}
