/* schema.h - the named, typed fields of a stream, fixed when the job is planned. */
#pragma once
#include "base/err.h"

#include <stddef.h>

enum type {
	T_BOOL,      /* a bitmap, as in Arrow */
	T_INT64,
	T_FLOAT64,
	T_STRING,    /* 16-byte string views */
	T_TIMESTAMP, /* int64 microseconds since 1970-01-01 UTC */
};

#define FIELD_NAME_MAX 63 /* bytes, as in PostgreSQL */
#define FIELDS_MAX 64     /* by feel: bounds the batch structure */

struct field {
	char name[FIELD_NAME_MAX + 1];
	enum type type;
	bool nullable;
};

/* A plain value: copied, never owned. */
struct schema {
	uint32_t n;
	struct field field[FIELDS_MAX];
};

/* The index of the field called name, or -1. */
int schema_find(const struct schema *s, const char *name);
/* E_INVALID: too many, too long, empty, or a name that is there already. */
RC schema_add(struct schema *s, const char *name, enum type type, bool nullable, struct err *e);
bool schema_equal(const struct schema *a, const struct schema *b);
const char *type_name(enum type t); /* "int64" */
bool type_parse(const char *name, enum type *t);
/* "line string, n int64?" ('?' marks nullable). Cut at size. */
void schema_text(const struct schema *s, char *to, size_t size);
/* The name in `names` closest to `word` (Damerau-Levenshtein distance at most a third of its
 * length, at least 1; '-' equals '_'), or NULL: what "did you mean" says. */
const char *closest_name(const char *word, const char *const *names, size_t n);
