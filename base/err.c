/* err.c - see err.h. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *says;
	enum err_class class;
	int exit;
} codes[] = {
#define X(code, class, exit, says) [code] = {#code, says, class, exit},
	ERR_CODES(X)
#undef X
};

void err_clear(struct err *e)
{
	e->code = OK;
	e->text[0] = '\0';
}

enum rc err_set(struct err *e, enum rc code, const char *fmt, ...)
{
	if (!e || e->code != OK)
		return code;
	e->code = code;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	return code;
}

enum rc err_in(struct err *e, const char *fmt, ...)
{
	char context[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(context, sizeof context, fmt, ap);
	va_end(ap);
	size_t have = strlen(context);
	if (have + 3 > sizeof context)
		return e->code;
	size_t room = sizeof context - have - 3, len = strnlen(e->text, room);
	memcpy(context + have, ": ", 2);
	memcpy(context + have + 2, e->text, len);
	context[have + 2 + len] = '\0';
	memcpy(e->text, context, sizeof context);
	return e->code;
}

static enum rc code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return E_NO_SPACE;
	case EMFILE:
	case ENFILE:
		return E_LIMIT;
	case ENOMEM:
		return E_NO_MEMORY;
	case EACCES:
	case EPERM:
	case EROFS:
		return E_PERMISSION;
	case ENOENT:
	case ENOTDIR:
		return E_NOT_FOUND;
	case EEXIST:
		return E_EXISTS;
	default:
		return E_IO;
	}
}

/* What strerror leaves open. */
static const char *hint_of(int errnum)
{
	switch (errnum) {
	case ENOSPC:
		return " (no bytes or no inodes left: df, df -i)";
	case EFBIG:
		return " (beyond the limit on the size of a file: ulimit -f)";
	default:
		return "";
	}
}

enum rc err_errno(struct err *e, int errnum, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX - 128];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(e, code_of_errno(errnum), "%s: %s%s", text, strerror(errnum), hint_of(errnum));
}

enum err_class err_class_of(enum rc code)
{
	return codes[code].class;
}

int err_exit_code(enum rc code)
{
	return codes[code].exit;
}

const char *err_name(enum rc code)
{
	return codes[code].name;
}

const char *err_says(enum rc code)
{
	return codes[code].says;
}

bool err_parse(const char *name, enum rc *code)
{
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (!strcmp(codes[i].name, name)) {
			*code = (enum rc)i;
			return true;
		}
	return false;
}
