/* args.h - the command line of one verb against its table: `--dir D`, `--dir=D`, flags, places;
 * `-n 5`, `-n5` and `-fn5` for options that have a letter.
 * Why a table: it parses, checks and documents at once, and says "did you mean".
 * Pure. Strings are borrowed from argv. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

enum arg_kind {
	ARG_FLAG,
	ARG_TEXT,     /* at most once */
	ARG_TEXTS,    /* any number of times */
	ARG_NUMBER,   /* a whole number in [min, max] */
	ARG_DURATION, /* "10ms", in [min, max] microseconds */
	ARG_WORD,     /* one of `one_of` */
	ARG_LATER,    /* comes with a later version */
};

struct arg_def {
	const char *name;   /* "--dir" */
	enum arg_kind kind;
	const char *value;  /* "DIR", for the help */
	const char *help;
	int64_t min, max;
	const char *one_of; /* words, separated by spaces */
	char letter;        /* 'n': `-n 5` says the same; 0: none */
};

#define ARGS_MAX 256 /* of one kind; by feel */

struct args {
	const struct arg_def *defs;
	const char *place[ARGS_MAX]; /* what is no option */
	unsigned n_places;
	struct {
		const struct arg_def *def;
		const char *value;
	} option[ARGS_MAX];
	unsigned n_options;
	bool help; /* -h or --help: nothing else was checked */
};

/* defs end with {0}. E_USAGE says what and how to write it; `--` ends the options. */
RC args_parse(struct args *a, const struct arg_def *defs, int argc, char **argv, struct err *e);

bool args_has(const struct args *a, const char *name);
const char *args_text(const struct args *a, const char *name, const char *absent);
int64_t args_number(const struct args *a, const char *name, int64_t absent);
uint64_t args_duration_us(const struct args *a, const char *name, uint64_t absent_us);
/* All values of an ARG_TEXTS, in order; writes up to max, returns how many there are. */
size_t args_texts(const struct args *a, const char *name, const char **to, size_t max);

/* "  --dir DIR      where ..." a line each. */
void args_document(const struct arg_def *defs, struct bytes *to);
