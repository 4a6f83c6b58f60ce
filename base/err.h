/* err.h - faults as values: a code, a class and a text that grows on its way out.
 * Why: what the world can do (files, input, users) must be looked at, named and carried to somebody
 * who can act; the restart policy reads the class, people read the text.
 * Not here: bugs. What only we can do wrong is CHECK (check.h), which aborts in release too. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* What the restart policy and the exit code read. */
enum err_class {
	CLASS_NONE,
	CLASS_USER,      /* the job, its input or the command line is wrong: fails at once */
	CLASS_TRANSIENT, /* may go away by itself: retried */
	CLASS_RESOURCE,  /* disk, memory, descriptors are short: retried, then named */
	CLASS_CORRUPT,   /* data on disk is not what was written: exit 6, delete nothing */
	CLASS_QUIET,     /* not a failure of ours: stopped, fenced, crashed by a test */
};

/*      code           class            exit  says */
#define ERR_CODES(X)                                                                               \
	X(OK, CLASS_NONE, 0, "ok")                                                                 \
	X(E_USAGE, CLASS_USER, 2, "wrong use")                                                     \
	X(E_INVALID, CLASS_USER, 2, "invalid job")                                                 \
	X(E_RECORD, CLASS_USER, 1, "error in a record")                                            \
	X(E_CHANGED, CLASS_USER, 1, "a source changed")                                            \
	X(E_PERMISSION, CLASS_USER, 1, "not permitted")                                            \
	X(E_NOT_FOUND, CLASS_USER, 4, "not found")                                                 \
	X(E_EXISTS, CLASS_USER, 5, "exists already")                                               \
	X(E_REFUSED, CLASS_USER, 5, "refused")                                                     \
	X(E_UNREACHABLE, CLASS_TRANSIENT, 3, "unreachable")                                        \
	X(E_FENCED, CLASS_QUIET, 5, "another process took the directory over")                     \
	X(E_IO, CLASS_TRANSIENT, 1, "input/output error")                                          \
	X(E_UNKNOWN_OUTCOME, CLASS_TRANSIENT, 1, "outcome unknown")                                \
	X(E_TIMEOUT, CLASS_TRANSIENT, 1, "timed out")                                              \
	X(E_NO_SPACE, CLASS_RESOURCE, 1, "no space left")                                          \
	X(E_NO_MEMORY, CLASS_RESOURCE, 1, "out of memory")                                         \
	X(E_LIMIT, CLASS_RESOURCE, 1, "a limit of the system was reached")                         \
	X(E_CORRUPT, CLASS_CORRUPT, 6, "corrupt")                                                  \
	X(E_STOPPED, CLASS_QUIET, 0, "stopped")                                                    \
	X(E_CRASHED, CLASS_QUIET, 1, "crashed by a test")

enum rc {
#define X(code, class, exit, says) code,
	ERR_CODES(X)
#undef X
};

#define RC enum rc __attribute__((warn_unused_result))

#define ERR_TEXT_MAX 1024

/* Owned by the caller; the first error wins until err_clear. text is always NUL-terminated. */
struct err {
	enum rc code;
	char text[ERR_TEXT_MAX];
};

void err_clear(struct err *e);

/* Sets *e (unless an error already stands in it) and returns code. e may be NULL. */
enum rc err_set(struct err *e, enum rc code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define ERR(e, code, ...) err_set((e), (code), __VA_ARGS__)

/* Puts "context: " before the text that stands in e; returns e's code. */
enum rc err_in(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Maps errno: ENOSPC, EDQUOT and EFBIG (ulimit -f) to E_NO_SPACE, EMFILE, ENFILE to E_LIMIT, ENOMEM
 * to E_NO_MEMORY, EACCES, EPERM, EROFS to E_PERMISSION, ENOENT to E_NOT_FOUND, EEXIST to E_EXISTS,
 * else E_IO.
 * The text is "fmt...: strerror". */
enum rc err_errno(struct err *e, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

enum err_class err_class_of(enum rc code);
int err_exit_code(enum rc code);
const char *err_name(enum rc code); /* "E_CORRUPT" */
const char *err_says(enum rc code); /* "corrupt" */
/* The code with this name; false: there is none. */
bool err_parse(const char *name, enum rc *code);
