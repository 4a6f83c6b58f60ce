/* option.h - option tables: one table checks, documents, completes and reads a set of JSON keys.
 * Why: each operator, and each block of the job file, says once what it understands; what the table
 * does not name is refused with "did you mean", what a later version brings is refused by name.
 *
 *     static const struct opt_def file_sink_opts[] = {
 *             {"path", OPT_STRING, .required = true, .help = "the folder the files go to"},
 *             {"format", OPT_STRING, .one_of = "csv text", .later = "jsonl", .help = "..."},
 *             {"roll", OPT_LATER, .help = "splits the files of one interval"},
 *             {0},
 *     };
 *
 * opt_check reports everything that is wrong, once, when the job is read; after that the getters
 * cannot fail: they give the value or what stands for an absent one. Only jobs/ calls opt_check.
 * Also here: durations ("500ms") and sizes ("64MB"), wherever they are written.
 * Threads: pure functions over borrowed nodes. */
#pragma once
#include "base/json.h"

/* What an option's value may be: any of the bits. */
enum {
	OPT_STRING = 1 << 0,   /* not empty, without NUL */
	OPT_INT = 1 << 1,      /* a whole number in [min, max] */
	OPT_REAL = 1 << 2,     /* a number, whole or not, in [min, max] */
	OPT_BOOL = 1 << 3,
	OPT_LIST = 1 << 4,     /* a list of at least one OPT_STRING */
	OPT_OBJECT = 1 << 5,   /* an object whose members the owner checks */
	OPT_STRINGS = 1 << 6,  /* an object, not empty, of OPT_STRING: name -> expression */
	OPT_DURATION = 1 << 7, /* "10s", in [min, max] microseconds */
	OPT_SIZE = 1 << 8,     /* "64MB", in [min, max] bytes */
	OPT_SECRET = 1 << 9,   /* a reference (secret.h): a literal is refused, and not repeated */
	OPT_SECRETS = 1 << 10, /* an object, not empty, of OPT_SECRET, by names for the environment */
	OPT_PATH = 1 << 13,    /* OPT_STRING: a path; see opt_report.no_relative */
	OPT_EMPTY = 1 << 14,   /* OPT_STRING: "" is allowed; OPT_LIST, OPT_STRINGS: [] or {} */
	OPT_LATER = 1 << 15,   /* the whole option comes with a later version */
};

struct opt_def {
	const char *name;
	unsigned kinds;
	int64_t min, max;     /* of numbers, durations (us) and sizes (bytes); both 0: no bounds */
	const char *one_of;   /* the words a string may be, separated by spaces; NULL: any */
	const char *later;    /* words that come with a later version, separated by spaces */
	unsigned later_kinds; /* kinds of value that come with a later version */
	bool required;
	const char *help;     /* one line, for the reference and for hints */
};

/* Names that other systems use for a key of ours. */
struct opt_alias {
	const char *theirs, *ours;
};

/* Who hears about faults in a job file: the list of diagnostics in jobs/, or a test.
 * `at` stands in the text that json_text_of(v) names. Texts are copied by the receiver. */
struct opt_report {
	void (*error)(struct opt_report *r, const struct json *v, struct json_at at,
		      const char *text, const char *hint);
	const char *who;   /* "stage 'count'": stands before each text; NULL or "": nothing */
	unsigned errors;   /* how many so far */
	/* There is no folder that relative paths could be relative to: they are errors with this
	 * hint. NULL: there is one. */
	const char *no_relative;
	bool secret;       /* what is at fault may be a secret: its place is told, not its text */
};

/* Reports a fault of value v as a whole. hint may be NULL: what stands behind the caret. */
void opt_error(struct opt_report *r, const struct json *v, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Of the key of the i-th member of object v. */
void opt_error_key(struct opt_report *r, const struct json *v, size_t i, const char *hint,
		   const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Of len bytes at byte `offset` inside string v (of its value, unescaped): faults in
 * expressions. */
void opt_error_in(struct opt_report *r, const struct json *v, size_t offset, size_t len,
		  const char *hint, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* A report for tests and for those who want the first fault only: it ends up in *e. */
struct opt_report_err {
	struct opt_report r;
	struct err *e;
};
struct opt_report *opt_report_to_err(struct opt_report_err *r, struct err *e);

/* Checks object v against the table. `also`: more keys that may be there, which somebody else
 * checks (NULL-terminated; may be NULL); `aliases`: ends with {NULL}; may be NULL. Returns whether
 * all is well; if not, r was told. */
bool opt_check(const struct opt_def *defs, const struct json *v, const char *const *also,
	       const struct opt_alias *aliases, struct opt_report *r);

/* The values of checked options. Strings are borrowed from the document. */
bool opt_has(const struct json *v, const char *name);
const struct json *opt_json(const struct json *v, const char *name); /* NULL when absent */
const char *opt_string(const struct json *v, const char *name, const char *absent);
bool opt_is(const struct json *v, const char *name, const char *word); /* is the string `word` */
int64_t opt_int(const struct json *v, const char *name, int64_t absent);
double opt_real(const struct json *v, const char *name, double absent);
bool opt_bool(const struct json *v, const char *name, bool absent);
uint64_t opt_duration_us(const struct json *v, const char *name, uint64_t absent_us);
uint64_t opt_size_bytes(const struct json *v, const char *name, uint64_t absent_bytes);
/* OPT_STRING | OPT_LIST as a list: a string is a list of one, an absent option one of none. */
size_t opt_list_count(const struct json *v, const char *name);
const char *opt_list_item(const struct json *v, const char *name, size_t i);
/* The node of that item, for opt_error. */
const struct json *opt_list_json(const struct json *v, const char *name, size_t i);

/* One line an option, for `--help` and the reference: name, what it may be, help. */
void opt_document(const struct opt_def *defs, struct bytes *to);

/* Digits, perhaps a fraction, and at once a unit: us ms s m h d. E_INVALID says what to write. */
RC duration_parse(const char *text, size_t len, uint64_t *us, struct err *e);
/* Units: B; kB (or KB) MB GB TB, thousands; KiB MiB GiB TiB, 1024s. */
RC size_parse(const char *text, size_t len, uint64_t *bytes, struct err *e);
/* The shortest exact form: "1500ms", "64MB", "1GiB". At most 31 characters. */
#define UNIT_TEXT 32
const char *duration_text(uint64_t us, char to[UNIT_TEXT]);
const char *size_text(uint64_t bytes, char to[UNIT_TEXT]);
