/* remote_names.h - the names of the jobs at a server: for "did you mean", and for the only one
 * there is. */
#pragma once
#include "cli/remote.h"

struct names {
	struct client_reply reply; /* the list as it came */
	char (*text)[REMOTE_NAME_MAX + 1];
	const char **at; /* n of them, each in text */
	size_t n;
};

/* Asks the server. On error there is nothing to close. */
RC names_get(struct names *l, struct remote *r, struct err *e);
void names_close(struct names *l, struct mem *mem); /* legal on the empty value */
