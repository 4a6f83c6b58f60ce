/* ask.c - see ask.h. */
#include "jobs/ask.h"

#include "base/check.h"

#include <string.h>

const char *ask_kind_name(enum ask_kind k)
{
	static const char *const names[ASK_KINDS] = {"checkpoint", "savepoint", "pin",
						     "unpin",      "gc",        "stop"};
	CHECK((unsigned)k < ASK_KINDS);
	return names[k];
}

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

RC ask_name_check(const char *name, struct err *e)
{
	static const char numbered[] = "savepoint-";
	size_t n = strspn(name, LETTERS DIGITS "_-.");
	if (!n || name[n] || n > ASK_NAME_MAX || name[0] == '.' || name[0] == '-')
		return ERR(e, E_INVALID, "'%.80s' cannot be the name of a savepoint: at most %d letters, "
			   "digits, '_', '-' and '.', the first of them no '-' or '.'", name,
			   ASK_NAME_MAX);
	/* Those without a name are called by their checkpoint's number, which must stay free; and a
	 * number alone is a checkpoint's. */
	if (!strncmp(name, numbered, sizeof numbered - 1) &&
	    !name[sizeof numbered - 1 + strspn(name + sizeof numbered - 1, DIGITS)])
		return ERR(e, E_INVALID, "'%s' is how a savepoint without a name is called: take another",
			   name);
	if (!name[strspn(name, DIGITS)])
		return ERR(e, E_INVALID, "'%s' is a checkpoint's number: give a savepoint a name with a "
			   "letter in it", name);
	return OK;
}
