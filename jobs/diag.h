/* diag.h - what is wrong with a job file, all of it at once, each thing with its place and a cure.
 * Why: who fixes one error and meets the next learns a job file line by line; here all stand
 * together, in the order of the text, with the line, a caret and a suggestion (DESIGN 9).
 * Bounded: the first DIAG_MAX are kept, the rest counted.
 * Owns its texts; borrows the file's text and those of given values until diags_close.
 * Threads: one owner. */
#pragma once
#include "base/option.h"

#define DIAG_MAX 100 /* by feel: more than anybody reads */

enum diag_level { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE };

struct diag {
	enum diag_level level;
	struct json_text in; /* name NULL: the file; is_file: another file; else an argument */
	struct json_at at;   /* line 0: of the file as a whole */
	bool secret;         /* its line is not shown */
	char *text, *hint;   /* hint "" when there is none */
};

struct diags {
	struct mem *mem;
	const char *file; /* as the user named it; borrowed */
	struct json_text source;
	struct diag d[DIAG_MAX];
	const char *no_relative; /* opt_report.no_relative of every report; borrowed */
	unsigned n, errors, warnings, more; /* more: how many were not kept; errors counts them too */
};

/* Borrows file and text; text may be NULL while there is none (the file cannot be read). */
void diags_init(struct diags *ds, const char *file, const char *text, size_t len, struct mem *mem);
void diags_close(struct diags *ds); /* legal on the empty value */

/* in: the text `at` counts in, NULL for the file's. Without memory the diagnostic is only
 * counted. */
void diag_add(struct diags *ds, enum diag_level level, const struct json_text *in,
	      struct json_at at, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* Of the file as a whole. */
void diag_file(struct diags *ds, enum diag_level level, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* What operators and opt_check report to; who stands before each text. */
struct diag_report {
	struct opt_report r;
	struct diags *to;
	enum diag_level level;
	char who[120];
};
struct opt_report *diag_report(struct diag_report *r, struct diags *to, const char *who_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* All, sorted by place, with source lines; then "2 errors, 1 warning" if there are any. */
void diags_print(struct diags *ds, struct bytes *to);
/* The first error in one line: "job.json:5:45: stage 'count': unknown field 'wrod'". E_INVALID. */
RC diags_first(struct diags *ds, struct err *e);
/* An array of {severity file line column length text hint}; for a value given by `--set`:
 * argument. */
void diags_json(struct diags *ds, struct json_out *o);
